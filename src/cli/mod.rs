//! The command line: what is typed, what is printed, and the exit code. Everything else is done by
//! the layers below.

pub mod arguments;
mod command;
mod context;
mod download;
mod duration;
mod event_wording;
pub mod exit;
mod failure;
mod listing;
mod live;
mod outcome;
mod printer;
mod problems;
mod progress;
mod signals;
mod skips;
mod wording;

use std::ffi::OsString;
use std::process::ExitCode;

use arguments::Cli;
use context::Context;
use exit::Exit;
use failure::Failure;
use printer::{Form, Printer};

/// Runs remedia with these arguments, the program's name first, and gives its exit code.
#[must_use]
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let cli = match arguments::parse(arguments) {
        Ok(cli) => cli,
        Err(message) => {
            // Help and version go to standard output and are no error.
            let exit = if message.use_stderr() {
                Exit::USAGE
            } else {
                Exit::SUCCESS
            };
            let _ = message.print();
            return ExitCode::from(exit.code());
        }
    };
    let exit = match execute(&cli) {
        Ok(exit) => exit,
        Err((_, failure)) if failure.is_broken_pipe() => Exit::SUCCESS,
        Err((printer, failure)) => {
            printer.failure(
                failure.exit,
                &failure.error.to_string(),
                &failure.causes(),
                &failure.hints,
            );
            failure.exit
        }
    };
    ExitCode::from(exit.code())
}

fn execute(cli: &Cli) -> Result<Exit, (Printer, Failure)> {
    let form = match (cli.global.json, cli.global.jsonl) {
        (true, _) => Form::Json,
        (_, true) => Form::JsonLines,
        _ => Form::Text,
    };
    let plain = Printer::new(form, cli.global.quiet, cli.global.verbose, false, true);
    let context = Context::load(cli, form).map_err(|failure| (plain, failure))?;
    command::execute(&cli.command, &context).map_err(|failure| (context.printer, failure))
}
