//! `remedia import`: the results that a person made, and the rest of the job.

use crate::cli::arguments::ImportArgs;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::outcome;
use crate::cli::printer::Printer;
use crate::cli::progress::Progress;
use crate::cli::wording::counted;
use crate::engine::{ImportOutcome, ImportedUnit};
use crate::fsx::printable;

/// Most photos that are named.
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
    let mut progress = Progress::new(&context.printer, &engine);
    let taken = engine.import(&job, &paths, &mut progress)?;
    tell(&context.printer, &taken);
    let driven = super::request::driven(context, &engine, &job, progress)?;
    outcome::report_import(context, &engine, &driven, taken)
}

/// What was taken and what was not there. What comes of it, the job says.
fn tell(printer: &Printer, taken: &ImportOutcome) {
    let run = &taken.run_id;
    if taken.already {
        printer.note(&format!("the results of run {run} had been taken already"));
        if taken.late > 0 {
            printer.note(&format!(
                "{} here came after run {run} was closed without them, and are not used; parts of one run go into one command",
                counted(taken.late as u64, "file", "files"),
            ));
        }
        return;
    }
    printer.note(&format!(
        "took {} of run {run}",
        counted(taken.pictures as u64, "picture", "pictures"),
    ));
    if !taken.complete {
        printer.note("the notebook did not reach its end");
    }
    name(printer, "a file is missing for", &taken.missing);
    name(printer, "nothing was made for", &taken.unanswered);
}

fn name(printer: &Printer, what: &str, units: &[ImportedUnit]) {
    for unit in units.iter().take(NAMED) {
        printer.note(&format!(
            "{what} {} ({})",
            printable(&unit.file),
            unit.operation
        ));
    }
    let more = units.len().saturating_sub(NAMED);
    if more > 0 {
        printer.note(&format!("{what} {more} more"));
    }
}
