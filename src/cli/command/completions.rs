//! `remedia completions`: a script for the shell.

use clap::CommandFactory;

use crate::cli::arguments::{Cli, CompletionsArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::printer::Printer;

/// Prints the completion script.
pub(crate) fn run(arguments: &CompletionsArgs, printer: &Printer) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "remedia", &mut script);
    printer.result(&String::from_utf8_lossy(&script))?;
    Ok(Exit::SUCCESS)
}
