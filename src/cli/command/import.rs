//! `remedia import`: the results that a person made, and the rest of the job.

use crate::cli::arguments::ImportArgs;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::wording::counted;

/// Most missing pictures that are named.
const NAMED: usize = 10;

/// Takes the results and drives the job on.
pub(crate) fn run(arguments: &ImportArgs, context: &Context) -> Result<Exit, Failure> {
    let engine = context.engine()?;
    let job = engine.find_job(&arguments.job)?;
    let paths: Vec<_> = arguments
        .paths
        .iter()
        .map(|path| context.working_directory.join(path))
        .collect();
    let mut progress = Progress::new(&context.printer);
    let taken = engine.import(&job, &paths, &mut progress)?;
    let printer = &context.printer;
    if taken.already {
        printer.note(&format!(
            "the results of run {} had been taken already",
            taken.run_id
        ));
    } else {
        printer.note(&format!(
            "took {} of run {}",
            counted(taken.pictures as u64, "picture", "pictures"),
            taken.run_id
        ));
        if !taken.complete {
            printer.note(
                "the notebook did not reach its end; what it did not make is asked for again",
            );
        }
    }
    for name in taken.missing.iter().take(NAMED) {
        printer.note(&format!(
            "missing: {}; it is asked for again",
            crate::fsx::printable(name)
        ));
    }
    if let Some(more) = taken
        .missing
        .len()
        .checked_sub(NAMED)
        .filter(|more| *more > 0)
    {
        printer.note(&format!("missing: {more} more"));
    }
    super::request::drive(context, &engine, &job, progress)
}
