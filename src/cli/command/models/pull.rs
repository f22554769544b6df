//! Fetching models, after their licences were accepted.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use serde::Serialize;

use crate::cli::arguments::PullArgs;
use crate::cli::context::Context;
use crate::cli::download::Downloads;
use crate::cli::duration::parse_duration;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::printer::Form;
use crate::cli::wording::bytes;
use crate::http::Timeouts;
use crate::models::{Cache, Hub, Model, Outcome, PullError, Puller};

use super::{MODELS_SCHEMA_VERSION, acceptances, chosen, shown};

/// What was fetched.
#[derive(Debug, Serialize)]
struct PullDocument {
    schema_version: u32,
    models: Vec<PulledModel>,
    exit_code: u8,
}

/// One model that is here now.
#[derive(Debug, Serialize)]
struct PulledModel {
    name: String,
    repository: String,
    revision: String,
    folder: String,
    files: Vec<PulledLine>,
}

/// One of its files.
#[derive(Debug, Serialize)]
struct PulledLine {
    path: String,
    bytes: u64,
    outcome: Outcome,
}

pub(super) fn pull(
    arguments: &PullArgs,
    context: &Context,
    cache: &Cache,
) -> Result<Exit, Failure> {
    let pause = parse_duration(&arguments.timeout).map_err(Failure::usage)?;
    let models = chosen(cache, &arguments.names, arguments.all)?;
    let hub = Hub::from_environment(&context.environment)?
        .offline(arguments.offline)
        .timeouts(timeouts(pause));
    accept(arguments, context, cache, &models, &hub)?;
    context.watch_signals()?;
    let interrupt = context.interrupt.clone();
    let wait = move |duration: Duration| interrupt.wait(duration);
    let puller = Puller::new(cache, &hub, context.clock, seed(context), &wait);
    let mut progress = Downloads::new(&context.printer, context.clock);
    let mut pulled = Vec::new();
    for model in models {
        let files = puller.pull(model, &mut progress).map_err(|error| {
            progress.finish();
            failed(error, model)
        })?;
        pulled.push(PulledModel {
            name: model.name.clone(),
            repository: model.repository.clone(),
            revision: model.revision.clone(),
            folder: shown(&cache.snapshot_folder(model)),
            files: files
                .into_iter()
                .map(|file| PulledLine {
                    path: file.path,
                    bytes: file.bytes,
                    outcome: file.outcome,
                })
                .collect(),
        });
    }
    progress.finish();
    let document = PullDocument {
        schema_version: MODELS_SCHEMA_VERSION,
        models: pulled,
        exit_code: Exit::SUCCESS.code(),
    };
    context.printer.either(&document, |document| {
        document
            .models
            .iter()
            .map(|model| format!("{}: {}\n", model.name, model.folder))
            .collect()
    })?;
    Ok(Exit::SUCCESS)
}

fn timeouts(pause: Duration) -> Timeouts {
    let usual = Timeouts::default();
    Timeouts {
        connect: usual.connect.min(pause),
        response: usual.response.min(pause),
        pause,
    }
}

/// Scatters the pauses of processes that began at the same moment.
fn seed(context: &Context) -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    context
        .resolved
        .testing
        .seed
        .unwrap_or_else(|| RandomState::new().hash_one(std::process::id()))
}

/// Shows the licence of every model that is not here yet, and sees to it that it is accepted.
fn accept(
    arguments: &PullArgs,
    context: &Context,
    cache: &Cache,
    models: &[&Model],
    hub: &Hub,
) -> Result<(), Failure> {
    if hub.is_offline() {
        return Ok(());
    }
    let mut accepted = acceptances(context)?;
    for model in models {
        if accepted.contains(model) || cache.locate(&model.name).is_some() {
            continue;
        }
        let mut shown = format!(
            "{} ({}), {}\n  from {}/{}\n  licence: {}, {}",
            model.name,
            model.title,
            bytes(model.bytes()),
            hub.endpoint(),
            model.repository,
            model.licence,
            model.licence_url
        );
        if let Some(notice) = &model.notice {
            shown.push_str(&format!("\n  {notice}"));
        }
        if context.printer.form() != Form::JsonLines {
            context.printer.note(&shown);
        }
        if !arguments.accept_licence && !ask(context)? {
            let given: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
            return Err(Failure::new(anyhow::anyhow!(
                "the licence of {} is not accepted: {}, {}",
                model.name,
                model.licence,
                model.licence_url
            ))
            .exit(Exit::REFUSED)
            .hint(format!(
                "read it, then `remedia models pull {} --accept-licence`",
                given.join(" ")
            )));
        }
        accepted.accept(model, context.clock.now())?;
    }
    Ok(())
}

/// Asks a person at a terminal; without one the answer is no.
fn ask(context: &Context) -> Result<bool, Failure> {
    let talks = context.printer.form() == Form::Text
        && io::stdin().is_terminal()
        && io::stderr().is_terminal();
    if !talks {
        return Ok(false);
    }
    let mut question = io::stderr().lock();
    write!(question, "Accept this licence? [y/N] ")?;
    question.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(
        answer.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}

/// What a failed pull means for the caller, with the command that goes on.
pub(super) fn failed(error: PullError, model: &Model) -> Failure {
    let again = format!("`remedia models pull {}` goes on", model.name);
    let (exit, first) = match &error {
        PullError::Http { source, .. } if source.is_credentials() => (
            Exit::CREDENTIALS,
            Some("give a token that may read the model with HF_TOKEN, or take a wrong one away"),
        ),
        PullError::Http { source, .. } if source.status().is_some() && !source.is_retryable() => (
            Exit::ERROR,
            Some("look at HF_ENDPOINT; without it models come from the public hub"),
        ),
        PullError::Http { .. } | PullError::Corrupted { .. } => (Exit::TEMPORARY, None),
        PullError::Offline { .. } => (
            Exit::TEMPORARY,
            Some("go online without --offline and HF_HUB_OFFLINE"),
        ),
        PullError::Different { .. } => (
            Exit::TEMPORARY,
            Some("nothing of it is used; look at HF_ENDPOINT and at the network"),
        ),
        PullError::NoRoom { .. } => (
            Exit::ERROR,
            Some("make room, or name another disk with HF_HUB_CACHE"),
        ),
        PullError::Io(_) => (
            Exit::ERROR,
            Some("look at the rights of that folder, or name another with HF_HUB_CACHE"),
        ),
        PullError::Interrupted => (Exit::INTERRUPTED, None),
    };
    let failure = Failure::new(error).exit(exit);
    match first {
        Some(first) => failure.hint(first).hint(again),
        None => failure.hint(again),
    }
}
