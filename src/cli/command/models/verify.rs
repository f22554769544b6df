//! Reading models through, byte by byte.

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::models::{Cache, FileState, PullError};

use super::list::{Presence, line};
use super::pull::failed;
use super::{MODELS_SCHEMA_VERSION, chosen, shown};

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

pub(super) fn verify(names: &[String], context: &Context, cache: &Cache) -> Result<Exit, Failure> {
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
