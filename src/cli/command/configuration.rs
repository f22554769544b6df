//! `remedia config show`: the settings in force, each with what set it.

use crate::cli::arguments::{ConfigArgs, ConfigCommand};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::printer::Form;
use crate::config;

/// Prints the settings.
pub(crate) fn run(arguments: &ConfigArgs, context: &Context) -> Result<Exit, Failure> {
    let ConfigCommand::Show { origin } = arguments.command;
    let resolved = &context.resolved;
    match context.printer.form() {
        Form::Text => context.printer.result(&config::show(resolved, origin))?,
        Form::Json | Form::JsonLines => {
            context.printer.document(&config::show_json(resolved))?;
        }
    }
    Ok(Exit::SUCCESS)
}
