//! What a person gets to do an order by hand: one archive with the data, the notebook, and the steps in plain
//! words. The same order gives the same bytes. Every name is the run's, so that nothing in the person's folder is
//! written over, and the files of two runs can lie side by side.

use std::path::Path;

use crate::bundle::{self, BundleError};
use crate::fsx::{self, fs};
use crate::provider::contract::Order;

/// Name of the file with the steps.
pub(super) fn steps_name(order: &Order<'_>) -> String {
    format!("{}.txt", order.document.run_id)
}

/// The name under which the notebook hands its results to the browser. One that was the same for every run would lead
/// to the first run's file when the second is to be imported.
fn results_name(order: &Order<'_>) -> String {
    format!("{}-results.zip", order.document.run_id)
}

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
    fs::create_dir_all(folder)?;
    bundle::write_archive(order.folder, &folder.join(archive_name(order)))?;
    let notebook = bundle::notebook_for(&order.document.run_id)?;
    fsx::write_atomic(&folder.join(notebook_name(order)), notebook.as_bytes())?;
    let steps = steps(order, minutes);
    // Last: a folder that has the steps has all that they speak of.
    fsx::write_atomic(&folder.join(steps_name(order)), steps.as_bytes())?;
    Ok(())
}

/// What a person is told in one sentence; `reason` is why the official command does not do it.
pub(super) fn instruction(order: &Order<'_>, folder: &Path, reason: Option<&str>) -> String {
    let why = reason.map_or_else(String::new, |reason| {
        format!("the `colab` command is here but not signed in ({reason}), so a person is asked: ")
    });
    format!(
        "{why}run `{}` from `{folder}` in Google Colab (`{}` there tells every step), then type `remedia import {} {}`",
        notebook_name(order),
        steps_name(order),
        order.document.job_id,
        results_name(order),
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
    let results = results_name(order);
    let job = &order.document.job_id;
    format!(
        "\
Making pictures with Google Colab
=================================

Colab lends you a computer with a graphics card, in the browser and free of charge. The two files that steps 2
and 5 name are all that it needs: {photos}, about {minutes} minutes. You need a Google account.

  1. Open https://colab.research.google.com in a browser and sign in.
  2. Choose  File > Upload notebook  and give it
         {notebook}
  3. Choose  Runtime > Change runtime type,  pick  T4 GPU  and save.
  4. Choose  Runtime > Run all.  If Colab warns that it did not write this notebook, choose  Run anyway.
  5. Below the second grey box a button  Choose files  appears. Give it
         {archive}
  6. Leave the page open until it is done. The computer must not go to sleep.
  7. At the end the browser saves  {results}  in its folder for downloads. Then type

         remedia import {job} {results}

     with the place of the file before its name, such as  ~/Downloads/{results}

If something goes wrong

  * \"this session has no GPU\": do step 3, then step 4 again. If Colab has none to lend, try again in some hours.
  * It stopped before its end: choose  Runtime > Run all  again; it goes on with what is missing. Or take what
    there is: at the end the browser saves it in any case,  remedia import  takes it, and what is missing is asked
    for again. Several such files of this run go into one command, one after the other.
  * \"the data of run ... is not here\": another archive was given in step 5. Choose  Runtime > Disconnect and
    delete runtime,  then begin with step 3.

The files are made for exactly this run of remedia; its results are refused for any other.

Run {run}
",
        run = order.document.run_id,
    )
}
