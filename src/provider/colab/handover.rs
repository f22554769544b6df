//! What a person gets to do an order by hand: one archive with the data, the notebook, and the steps in plain
//! words. The same order gives the same bytes.

use std::path::Path;

use crate::bundle::{self, BundleError};
use crate::fsx;
use crate::provider::contract::Order;

/// The file with the steps.
pub(super) const STEPS_FILE: &str = "README.txt";
/// The name under which the notebook hands its results to the browser.
pub(super) const RESULTS_ARCHIVE: &str = "remedia-results.zip";

/// Name of the archive. A run's name begins with its listing's, so a person can tell folders apart.
pub(super) fn archive_name(order: &Order<'_>) -> String {
    format!("{}.zip", order.document.run_id)
}

/// Name of the notebook.
pub(super) fn notebook_name(order: &Order<'_>) -> String {
    format!("{}.ipynb", order.document.run_id)
}

/// Writes archive, notebook and steps into `folder`; what is there already with these bytes stays.
pub(super) fn write(order: &Order<'_>, folder: &Path, minutes: u64) -> Result<(), BundleError> {
    fs_err::create_dir_all(folder)?;
    bundle::write_archive(order.folder, &folder.join(archive_name(order)))?;
    let notebook = bundle::notebook_for(&order.document.run_id)?;
    fsx::write_atomic(&folder.join(notebook_name(order)), notebook.as_bytes())?;
    let steps = steps(order, minutes);
    // Last: a folder that has the steps has all that they speak of.
    fsx::write_atomic(&folder.join(STEPS_FILE), steps.as_bytes())?;
    Ok(())
}

/// What a person is told in one sentence; `reason` is why the official command does not do it.
pub(super) fn instruction(order: &Order<'_>, folder: &Path, reason: Option<&str>) -> String {
    let why = reason.map_or_else(String::new, |reason| {
        format!("the `colab` command is here but not signed in ({reason}), so a person is asked: ")
    });
    format!(
        "{why}run `{}` from `{folder}` in Google Colab (`{STEPS_FILE}` there tells every step), then type `remedia import {} {RESULTS_ARCHIVE}`",
        notebook_name(order),
        order.document.job_id,
        folder = folder.display(),
    )
}

/// Every step for somebody who has never seen a notebook.
fn steps(order: &Order<'_>, minutes: u64) -> String {
    let photos = match order.document.photos.len() {
        1 => "1 photo".to_owned(),
        count => format!("{count} photos"),
    };
    let notebook = notebook_name(order);
    let archive = archive_name(order);
    let job = &order.document.job_id;
    format!(
        "\
Making pictures with Google Colab
=================================

Colab lends you a computer with a graphics card, in the browser and free of charge. The two files beside this
text are all that it needs: {photos}, about {minutes} minutes. You need a Google account.

  1. Open https://colab.research.google.com in a browser and sign in.
  2. Choose  File > Upload notebook  and give it
         {notebook}
  3. Choose  Runtime > Change runtime type,  pick  T4 GPU  and save.
  4. Choose  Runtime > Run all.  If Colab warns that it did not write this notebook, choose  Run anyway.
  5. Below the second grey box a button  Choose files  appears. Give it
         {archive}
  6. Leave the page open until it is done. The computer must not go to sleep.
  7. At the end the browser saves  {RESULTS_ARCHIVE}  in its folder for downloads. Then type

         remedia import {job} {RESULTS_ARCHIVE}

     with the place of the file before its name, such as  ~/Downloads/{RESULTS_ARCHIVE}

If something goes wrong

  * \"this session has no GPU\": do step 3, then step 4 again. If Colab has none to lend, try again in some hours.
  * Colab ended the session early: what was finished is not lost while the page shows it. Click the folder at
    the left edge, download  results.json  and the pictures from  remedia-results  into one folder, and give that
    folder to  remedia import  instead. What is missing is asked for again.
  * \"the data of run ... is not here\": another archive was given in step 5. Choose  Runtime > Disconnect and
    delete runtime,  then begin with step 3.

The files are made for exactly this run of remedia; its results are refused for any other.

Run {run}
",
        run = order.document.run_id,
    )
}
