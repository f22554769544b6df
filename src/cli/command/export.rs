//! `remedia export`: a job whose pictures a person makes in a browser, and the folder that the person needs.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::arguments::ExportArgs;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::listing::{read_and_plan, tell_job};
use crate::cli::outcome;
use crate::cli::progress::Progress;
use crate::cli::wording::counted;
use crate::domain::id::JobId;
use crate::domain::state::JobState;
use crate::engine::DriveLimits;
use crate::fsx::resolved;

/// The version of [`ExportDocument`] that this build writes.
const EXPORT_SCHEMA_VERSION: u32 = 1;

/// What was handed to a person.
#[derive(Debug, Serialize)]
struct ExportDocument {
    schema_version: u32,
    job: JobId,
    state: JobState,
    run_id: String,
    photos: usize,
    /// Absolute.
    folder: String,
    /// Names in the folder; the steps come first.
    files: Vec<String>,
    hint: String,
    exit_code: u8,
    #[serde(skip)]
    steps: String,
}

/// Makes the folder before there is a job that would wait for it.
fn make_folder(folder: &Path, listing: &Path) -> Result<(), Failure> {
    if resolved(folder).starts_with(resolved(listing)) {
        return Err(Failure::usage(anyhow::anyhow!(
            "`{}` lies in the listing, where nothing is written",
            folder.display()
        ))
        .hint("choose a folder beside it with `--folder`"));
    }
    fs_err::create_dir_all(folder)
        .map_err(|error| Failure::new(error).hint("choose another folder with `--folder`"))
}

/// Where the person works, or beside the listing for one who works in it.
fn beside(working: &Path, listing: &Path) -> PathBuf {
    let listing = resolved(listing);
    match listing.parent() {
        Some(parent) if resolved(working).starts_with(&listing) => parent.to_owned(),
        _ => working.to_owned(),
    }
}

/// Makes the job, does what this machine does itself, and hands the rest to a person.
pub(crate) fn run(arguments: &ExportArgs, context: &Context) -> Result<Exit, Failure> {
    let place = arguments.to.provider();
    if let Some(other) = &arguments.listing.provider
        && other != place
    {
        return Err(Failure::usage(anyhow::anyhow!(
            "`export` hands the work to a person, and `--provider {other}` to somebody else"
        ))
        .hint("leave `--provider` out, or use `remedia submit`"));
    }
    context.watch_signals()?;
    let planned = read_and_plan(&arguments.listing, context)?;
    let folder = match &arguments.folder {
        Some(folder) => context.working_directory.join(folder),
        None => beside(&context.working_directory, &planned.source)
            .join(format!("{}-{place}", planned.listing.slug)),
    };
    let folder = std::path::absolute(folder)?;
    make_folder(&folder, &planned.source)?;
    let request = planned.announced(context, false)?;
    let engine = context.engine()?;
    let mut progress = Progress::new(&context.printer);
    let submitted = engine.submit(&request, &mut progress)?;
    let job = &submitted.job;
    tell_job(context, &submitted);
    engine.hand_over(job, &folder, &mut progress)?;
    let limits = DriveLimits::to_the_end();
    let driven = engine
        .drive(job, &mut progress, &context.interrupt, &limits)
        .map_err(|error| Failure::while_driving(job, error))?;
    let handed = engine.hand_over(job, &folder, &mut progress)?;
    progress.finish();
    let Some(handed) = handed else {
        return outcome::report_announced(context, &engine, &driven);
    };
    let steps = match handed.files.first() {
        Some(name) => fs_err::read_to_string(folder.join(name))?,
        None => String::new(),
    };
    let document = ExportDocument {
        schema_version: EXPORT_SCHEMA_VERSION,
        job: job.clone(),
        state: driven.state,
        run_id: handed.run_id,
        photos: handed.photos,
        folder: folder.to_string_lossy().into_owned(),
        files: handed.files,
        hint: format!("`remedia import {job} FILE` takes the results"),
        exit_code: Exit::WAITING.code(),
        steps,
    };
    context.printer.either(&document, |document| {
        format!(
            "{}: {} for run {}\n\n{}",
            document.folder,
            counted(document.photos as u64, "photo", "photos"),
            document.run_id,
            document.steps
        )
    })?;
    Ok(Exit::WAITING)
}
