//! `remedia models`: list them, fetch them, check them.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use serde::Serialize;

use crate::cli::arguments::{ModelsArgs, ModelsCommand, PullArgs};
use crate::cli::context::Context;
use crate::cli::download::Downloads;
use crate::cli::duration::parse_duration;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::printer::Form;
use crate::cli::wording::bytes;
use crate::fsx::printable;
use crate::http::Timeouts;
use crate::models::{
    AcceptanceError, Acceptances, Cache, CacheError, FileState, Hub, HubError, Model, Outcome,
    PullError, Puller, UnknownModel,
};

/// The version of [`ModelList`], [`PullDocument`] and [`VerifyDocument`] that this build writes.
const MODELS_SCHEMA_VERSION: u32 = 1;

/// Every model at a glance.
#[derive(Debug, Serialize)]
struct ModelList {
    schema_version: u32,
    cache: String,
    models: Vec<ModelLine>,
}

/// One model at a glance.
#[derive(Debug, Serialize)]
struct ModelLine {
    name: String,
    title: String,
    purpose: String,
    repository: String,
    revision: String,
    licence: String,
    licence_url: String,
    licence_accepted: bool,
    bytes: u64,
    state: Presence,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<String>,
    files: Vec<FileLine>,
}

/// One file at a glance.
#[derive(Debug, Serialize)]
struct FileLine {
    path: String,
    bytes: u64,
    sha256: String,
    state: FileState,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
}

/// How much of a model is on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Presence {
    Present,
    Partial,
    Absent,
}

/// Carries the command out.
pub(crate) fn run(arguments: &ModelsArgs, context: &Context) -> Result<Exit, Failure> {
    let cache = Cache::from_environment(&context.environment)?;
    match &arguments.command {
        None | Some(ModelsCommand::List) => list(context, &cache),
        Some(ModelsCommand::Pull(pull_arguments)) => pull(pull_arguments, context, &cache),
        Some(ModelsCommand::Verify { names }) => verify(names, context, &cache),
    }
}

fn acceptances(context: &Context) -> Result<Acceptances, Failure> {
    let home = context.working_directory.join(&context.settings().home);
    Ok(Acceptances::load(&home)?)
}

fn list(context: &Context, cache: &Cache) -> Result<Exit, Failure> {
    let accepted = acceptances(context)?;
    let list = ModelList {
        schema_version: MODELS_SCHEMA_VERSION,
        cache: shown(cache.folder()),
        models: cache
            .registry()
            .models()
            .iter()
            .map(|model| line(cache, model, accepted.contains(model)))
            .collect(),
    };
    context.printer.either(&list, as_text)?;
    Ok(Exit::SUCCESS)
}

fn line(cache: &Cache, model: &Model, licence_accepted: bool) -> ModelLine {
    let files: Vec<FileLine> = model
        .files
        .iter()
        .map(|file| {
            let (state, place) = cache.state(model, file);
            FileLine {
                path: file.path.clone(),
                bytes: file.bytes,
                sha256: file.sha256.clone(),
                state,
                place: place.as_deref().map(shown),
            }
        })
        .collect();
    let present = files
        .iter()
        .filter(|file| file.state == FileState::Present)
        .count();
    let state = if present == files.len() {
        Presence::Present
    } else if files.iter().any(|file| file.state != FileState::Missing) {
        Presence::Partial
    } else {
        Presence::Absent
    };
    ModelLine {
        name: model.name.clone(),
        title: model.title.clone(),
        purpose: model.purpose.clone(),
        repository: model.repository.clone(),
        revision: model.revision.clone(),
        licence: model.licence.clone(),
        licence_url: model.licence_url.clone(),
        licence_accepted,
        bytes: model.bytes(),
        state,
        folder: (state != Presence::Absent).then(|| shown(&cache.model_folder(model))),
        files,
    }
}

fn as_text(list: &ModelList) -> String {
    let width = list
        .models
        .iter()
        .map(|model| model.name.len())
        .max()
        .unwrap_or(0);
    let mut text = format!(
        "{:width$}  {:>10}  {:7}  on this machine\n",
        "model", "size", "licence"
    );
    for model in &list.models {
        let state = match model.state {
            Presence::Present => "yes",
            Presence::Partial => "in part",
            Presence::Absent => "no",
        };
        text.push_str(&format!(
            "{:width$}  {:>10}  {:7}  {state}\n    {}: {}\n",
            model.name,
            bytes(model.bytes),
            model.licence,
            model.title,
            model.purpose
        ));
        match &model.folder {
            Some(folder) => text.push_str(&format!("    in {folder}\n")),
            None => text.push_str(&format!("    `remedia models pull {}`\n", model.name)),
        }
    }
    text
}

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

fn pull(arguments: &PullArgs, context: &Context, cache: &Cache) -> Result<Exit, Failure> {
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

/// The models that are named, each once, or all.
fn chosen<'a>(
    cache: &'a Cache,
    names: &[String],
    all: bool,
) -> Result<Vec<&'a Model>, UnknownModel> {
    if all {
        return Ok(cache.registry().models().iter().collect());
    }
    let mut models: Vec<&Model> = Vec::new();
    for name in names {
        let model = cache.registry().model(name)?;
        if !models.iter().any(|known| known.name == model.name) {
            models.push(model);
        }
    }
    Ok(models)
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
fn failed(error: PullError, model: &Model) -> Failure {
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

/// What a reading of the models found.
#[derive(Debug, Serialize)]
struct VerifyDocument {
    schema_version: u32,
    models: Vec<VerifiedModel>,
    exit_code: u8,
}

/// One model that was read.
#[derive(Debug, Serialize)]
struct VerifiedModel {
    name: String,
    sound: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    files: Vec<VerifiedLine>,
}

/// One of its files.
#[derive(Debug, Serialize)]
struct VerifiedLine {
    path: String,
    state: FileState,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

fn verify(names: &[String], context: &Context, cache: &Cache) -> Result<Exit, Failure> {
    let mut models = chosen(cache, names, names.is_empty())?;
    if names.is_empty() {
        models.retain(|model| line(cache, model, false).state != Presence::Absent);
    }
    context.watch_signals()?;
    let stop = || context.interrupt.is_requested();
    let mut verified = Vec::new();
    for model in models {
        let Some(files) = cache.verify(model, &stop) else {
            return Err(failed(PullError::Interrupted, model));
        };
        let sound = files.iter().all(|file| file.state == FileState::Present);
        verified.push(VerifiedModel {
            name: model.name.clone(),
            sound,
            hint: (!sound).then(|| format!("`remedia models pull {}` mends it", model.name)),
            files: files
                .into_iter()
                .map(|file| VerifiedLine {
                    path: file.path,
                    state: file.state,
                    place: file.place.as_deref().map(shown),
                    problem: file.problem,
                })
                .collect(),
        });
    }
    let exit = if verified.iter().all(|model| model.sound) {
        Exit::SUCCESS
    } else {
        Exit::ERROR
    };
    let document = VerifyDocument {
        schema_version: MODELS_SCHEMA_VERSION,
        models: verified,
        exit_code: exit.code(),
    };
    context.printer.either(&document, verified_text)?;
    Ok(exit)
}

fn verified_text(document: &VerifyDocument) -> String {
    if document.models.is_empty() {
        return "no models on this machine; `remedia models list` says which there are\n"
            .to_owned();
    }
    let mut text = String::new();
    for model in &document.models {
        let state = if model.sound { "sound" } else { "not sound" };
        text.push_str(&format!("{}: {state}\n", model.name));
        for file in &model.files {
            let state = match file.state {
                FileState::Present => "sound",
                FileState::Damaged => "damaged",
                FileState::Missing => "missing",
            };
            text.push_str(&format!("  {state:7}  {}", file.path));
            if let Some(problem) = &file.problem {
                text.push_str(&format!(": {problem}"));
            }
            text.push('\n');
        }
        if let Some(hint) = &model.hint {
            text.push_str(&format!("  hint: {hint}\n"));
        }
    }
    text
}

/// Which CLIP model is on this machine, for `remedia doctor`: a sentence, and a hint where there is none.
pub(crate) fn clip_on_this_machine(context: &Context) -> Result<String, (String, String)> {
    let cache = Cache::from_environment(&context.environment)
        .map_err(|error| (error.to_string(), "set HF_HUB_CACHE or HF_HOME".to_owned()))?;
    let models = cache.registry().models();
    let here: Vec<&str> = models
        .iter()
        .filter(|model| cache.locate(&model.name).is_some())
        .map(|model| model.name.as_str())
        .collect();
    if here.is_empty() {
        let first = models.first().map_or("NAME", |model| model.name.as_str());
        return Err((
            "none is on this machine: what a picture shows is scored only where a worker scores it"
                .to_owned(),
            format!("`remedia models pull {first}` fetches one"),
        ));
    }
    Ok(format!("{} in {}", here.join(", "), shown(cache.folder())))
}

fn shown(path: &std::path::Path) -> String {
    printable(&path.to_string_lossy())
}

impl From<UnknownModel> for Failure {
    fn from(error: UnknownModel) -> Self {
        Self::usage(error).hint("`remedia models list` lists them")
    }
}

impl From<CacheError> for Failure {
    fn from(error: CacheError) -> Self {
        Self::new(error)
    }
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        let exit = match &error {
            HubError::Token { .. } | HubError::Unreadable(_) => Exit::CREDENTIALS,
            HubError::Endpoint(_) | HubError::NotText(_) => Exit::USAGE,
        };
        Self::new(error)
            .exit(exit)
            .hint("mend or unset that variable, then ask again")
    }
}

impl From<AcceptanceError> for Failure {
    fn from(error: AcceptanceError) -> Self {
        Self::new(error).hint("mend or remove that file, then ask again")
    }
}
