//! `remedia submit`: make the job of a listing and drive it to the end.

use crate::cli::arguments::SubmitArgs;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::listing::{Planned, read_and_plan};
use crate::cli::outcome;
use crate::cli::progress::Progress;
use crate::cli::wording;
use crate::engine::{DriveLimits, SubmitRequest};

/// Records the job and, unless it is to be left to a later run, does it.
pub(crate) fn run(arguments: &SubmitArgs, context: &Context) -> Result<Exit, Failure> {
    context.watch_signals()?;
    let Planned {
        listing,
        source,
        plan,
    } = read_and_plan(&arguments.listing, context)?;
    let printer = &context.printer;
    for line in wording::before_the_work(&listing, &plan) {
        printer.note(&line);
    }
    let engine = context.engine()?;
    let mut progress = Progress::new(printer);
    let request = SubmitRequest {
        listing,
        source,
        plan,
        out: std::path::absolute(context.working_directory.join(&context.settings().out))?,
        force: arguments.force,
    };
    let submitted = engine.submit(&request, &mut progress)?;
    printer.note(&if submitted.existing {
        format!("job {} is known: {}", submitted.job, submitted.state)
    } else {
        format!("job {}", submitted.job)
    });
    if arguments.detach {
        return outcome::detached(context, &submitted);
    }
    let limits = DriveLimits::to_the_end();
    let driven = engine
        .drive(&submitted.job, &mut progress, &context.interrupt, &limits)
        .map_err(|error| Failure::while_driving(&submitted.job, error))?;
    progress.finish();
    outcome::report(context, &engine, &driven)
}
