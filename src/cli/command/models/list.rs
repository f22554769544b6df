//! Every model at a glance.

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::wording::bytes;
use crate::models::{Cache, FileState, Model};

use super::{MODELS_SCHEMA_VERSION, acceptances, shown};

/// Every model at a glance.
#[derive(Debug, Serialize)]
struct ModelList {
    schema_version: u32,
    cache: String,
    models: Vec<ModelLine>,
}

/// One model at a glance.
#[derive(Debug, Serialize)]
pub(super) struct ModelLine {
    name: String,
    title: String,
    purpose: String,
    repository: String,
    revision: String,
    licence: String,
    licence_url: String,
    licence_accepted: bool,
    bytes: u64,
    pub(super) state: Presence,
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
pub(super) enum Presence {
    Present,
    Partial,
    Absent,
}

pub(super) fn list(context: &Context, cache: &Cache) -> Result<Exit, Failure> {
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

pub(super) fn line(cache: &Cache, model: &Model, licence_accepted: bool) -> ModelLine {
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
