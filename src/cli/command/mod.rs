//! One file for each command, or for a few that are alike.

mod bundle;
mod completions;
mod configuration;
mod doctor;
mod export;
mod gc;
mod import;
mod inspect;
mod models;
mod plan;
mod request;
mod run;
mod stats;
mod styles;
mod submit;

use crate::cli::arguments::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// Carries the command out.
pub(crate) fn execute(command: &Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Plan(arguments) => plan::run(arguments, context),
        Command::Submit(arguments) => submit::run(arguments, context),
        Command::Bundle(arguments) => bundle::run(arguments, context),
        Command::Export(arguments) => export::run(arguments, context),
        Command::Import(arguments) => import::run(arguments, context),
        Command::Run(arguments) => run::run(arguments, context),
        Command::Status(arguments) => inspect::status(arguments, context),
        Command::List(arguments) => inspect::list(arguments, context),
        Command::Show(arguments) => inspect::show(arguments, context),
        Command::Logs(arguments) => inspect::logs(arguments, context),
        Command::Wait(arguments) => run::wait(arguments, context),
        Command::Retry(arguments) => request::retry(arguments, context),
        Command::Approve(arguments) => request::approve(arguments, context),
        Command::Reject(arguments) => request::reject(arguments, context),
        Command::Revert(arguments) => request::revert(arguments, context),
        Command::Cancel(arguments) => request::cancel(arguments, context),
        Command::Resume(arguments) => request::resume(arguments, context),
        Command::Deliver(arguments) => request::deliver(arguments, context),
        Command::Stats(arguments) => stats::run(arguments, context),
        Command::Styles(arguments) => styles::run(arguments, context),
        Command::Models(arguments) => models::run(arguments, context),
        Command::Doctor(arguments) => doctor::run(arguments, context),
        Command::Config(arguments) => configuration::run(arguments, context),
        Command::Gc(arguments) => gc::run(arguments, context),
        Command::Completions(arguments) => completions::run(arguments, &context.printer),
    }
}
