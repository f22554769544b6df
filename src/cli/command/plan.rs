//! `remedia plan`: what would be done, without doing it.

use crate::cli::arguments::PlanArgs;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::listing::read_and_plan;
use crate::planner::{PlanDocument, render};

/// The width of a plan where standard output is no terminal.
const COLUMNS: usize = 100;

/// Prints the plan.
pub(crate) fn run(arguments: &PlanArgs, context: &Context) -> Result<Exit, Failure> {
    let planned = read_and_plan(&arguments.listing, context)?;
    let columns = console_columns().unwrap_or(COLUMNS);
    let document = PlanDocument::new(planned.listing, planned.plan);
    context.printer.either(&document, |document| {
        render(&document.plan, &document.listing, columns)
    })?;
    Ok(Exit::SUCCESS)
}

/// Columns of the terminal that standard output is, if it is one.
fn console_columns() -> Option<usize> {
    let terminal = console::Term::stdout();
    terminal
        .size_checked()
        .map(|(_, columns)| usize::from(columns))
}
