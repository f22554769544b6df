//! `remedia submit`: make the job of a listing and drive it to the end.

use crate::cli::arguments::SubmitArgs;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::listing::{read_and_plan, tell_job};
use crate::cli::outcome;
use crate::cli::progress::Progress;
use crate::engine::DriveLimits;

/// Records the job and, unless it is to be left to a later run, does it.
pub(crate) fn run(arguments: &SubmitArgs, context: &Context) -> Result<Exit, Failure> {
    context.watch_signals()?;
    let planned = read_and_plan(&arguments.listing, context)?;
    let request = planned.announced(context, arguments.force)?;
    let engine = context.engine()?;
    let mut progress = Progress::new(&context.printer);
    let submitted = engine.submit(&request, &mut progress)?;
    tell_job(context, &submitted);
    if arguments.detach {
        return outcome::detached(context, &submitted);
    }
    let limits = DriveLimits::to_the_end();
    let driven = engine
        .drive(&submitted.job, &mut progress, &context.interrupt, &limits)
        .map_err(|error| Failure::while_driving(&submitted.job, error))?;
    progress.finish();
    outcome::report_announced(context, &engine, &driven)
}
