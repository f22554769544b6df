//! `remedia bundle`: the order for a worker elsewhere as a file, and the check of one.

use serde::Serialize;

use crate::cli::arguments::{BundleArgs, BundleCommand};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::listing::read_and_plan;
use crate::cli::progress::Progress;
use crate::cli::wording::{bytes, counted};
use crate::engine::{self, ArchiveContent};
use crate::fsx::fs;

/// The version of [`BundleDocument`] that this build writes.
const BUNDLE_SCHEMA_VERSION: u32 = 1;

/// A bundle at a glance.
#[derive(Debug, Serialize)]
struct BundleDocument {
    schema_version: u32,
    file: String,
    run_id: String,
    photos: usize,
    files: usize,
    content_bytes: u64,
    file_bytes: u64,
}

/// Writes or checks a bundle.
pub(crate) fn run(arguments: &BundleArgs, context: &Context) -> Result<Exit, Failure> {
    match (&arguments.command, &arguments.listing) {
        (Some(BundleCommand::Verify { file }), _) => {
            let file = context.working_directory.join(file);
            let content = engine::verify_archive(&file).map_err(engine::EngineError::from)?;
            say(context, &file, &content, "is whole")
        }
        (None, Some(listing)) => {
            context.watch_signals()?;
            let request = read_and_plan(listing, context)?.announced(context, false)?;
            let target = std::path::absolute(context.working_directory.join(&arguments.to))?;
            let mut progress = Progress::of_listing(&context.printer, &request.listing);
            let content = engine::bundle(
                context.engine_options(),
                context.clock,
                &request,
                &target,
                &mut progress,
                &context.interrupt,
            )?;
            progress.finish();
            say(context, &target, &content, "is written")
        }
        (None, None) => Err(Failure::usage(anyhow::anyhow!("no listing is named"))
            .hint("`remedia bundle --help` shows examples")),
    }
}

fn say(
    context: &Context,
    file: &std::path::Path,
    content: &ArchiveContent,
    what: &str,
) -> Result<Exit, Failure> {
    let document = BundleDocument {
        schema_version: BUNDLE_SCHEMA_VERSION,
        file: file.to_string_lossy().into_owned(),
        run_id: content.run_id.clone(),
        photos: content.photos,
        files: content.files,
        content_bytes: content.bytes,
        file_bytes: fs::metadata(file)?.len(),
    };
    context.printer.either(&document, |document| {
        format!(
            "{} {what}: {} for run {}, {}\n",
            document.file,
            counted(document.photos as u64, "photo", "photos"),
            document.run_id,
            bytes(document.file_bytes)
        )
    })?;
    Ok(Exit::SUCCESS)
}
