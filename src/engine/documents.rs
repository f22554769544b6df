//! The documents of a job's work folder, each written whole before the step that reads it.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::capabilities::EMBEDDED_EXECUTOR;
use crate::domain::id::PhotoId;
use crate::domain::listing::Listing;
use crate::domain::operation::OperationKind;
use crate::domain::plan::{Plan, PlannedAttempt};
use crate::fsx::{self, fs};
use crate::store::OrderRecord;

use super::error::EngineError;

/// The version of [`ExtraAttempts`] that this build writes.
const EXTRA_SCHEMA_VERSION: u32 = 1;

/// The version of [`HandOver`] that this build writes.
const HAND_OVER_SCHEMA_VERSION: u32 = 1;

/// The folder that a person chose to work from by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct HandOver {
    schema_version: u32,
    /// Absolute.
    folder: PathBuf,
}

/// The work folder of one job.
#[derive(Clone, Debug)]
pub(super) struct WorkFolder {
    root: PathBuf,
}

/// Attempts that a person asked for beyond the plan, which itself is never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExtraAttempts {
    schema_version: u32,
    pub(super) attempts: Vec<ExtraAttempt>,
}

/// One attempt beyond the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExtraAttempt {
    pub(super) photo: PhotoId,
    pub(super) operation: OperationKind,
    pub(super) attempt: PlannedAttempt,
}

impl WorkFolder {
    pub(super) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where results lie.
    pub(super) fn outputs(&self) -> PathBuf {
        self.root.join("outputs")
    }

    /// Where the results of one order go, and what that is relative to [`WorkFolder::outputs`]. A worker
    /// elsewhere names its files as it likes, so each of its runs has a folder of its own and never
    /// writes over what an earlier one made.
    pub(super) fn run_outputs(&self, order: &OrderRecord) -> (PathBuf, String) {
        if order.executor == EMBEDDED_EXECUTOR {
            return (self.outputs(), String::new());
        }
        let name = format!("run-{}", order.number);
        (self.outputs().join(&name), format!("{name}/"))
    }

    /// Photos at working size, by their content, for this and later orders.
    pub(super) fn prepared(&self) -> PathBuf {
        self.root.join("prepared")
    }

    /// Where order `number` lies.
    pub(super) fn order(&self, number: u32) -> PathBuf {
        self.root.join("orders").join(number.to_string())
    }

    /// Where the answer to order `number` lies.
    pub(super) fn results(&self, number: u32) -> PathBuf {
        self.order(number).join("results.json")
    }

    pub(super) fn write_listing(&self, listing: &Listing) -> Result<(), EngineError> {
        write(&self.root.join("listing.json"), listing)
    }

    pub(super) fn listing(&self) -> Result<Listing, EngineError> {
        read(&self.root.join("listing.json"))
    }

    pub(super) fn write_plan(&self, plan: &Plan) -> Result<(), EngineError> {
        write(&self.root.join("plan.json"), plan)
    }

    pub(super) fn plan(&self) -> Result<Plan, EngineError> {
        read(&self.root.join("plan.json"))
    }

    pub(super) fn write_extra(&self, attempts: Vec<ExtraAttempt>) -> Result<(), EngineError> {
        let document = ExtraAttempts {
            schema_version: EXTRA_SCHEMA_VERSION,
            attempts,
        };
        write(&self.root.join("extra-attempts.json"), &document)
    }

    pub(super) fn extra(&self) -> Result<Vec<ExtraAttempt>, EngineError> {
        let path = self.root.join("extra-attempts.json");
        if !path.try_exists()? {
            return Ok(Vec::new());
        }
        Ok(read::<ExtraAttempts>(&path)?.attempts)
    }

    pub(super) fn write_hand_over(&self, folder: PathBuf) -> Result<(), EngineError> {
        let document = HandOver {
            schema_version: HAND_OVER_SCHEMA_VERSION,
            folder,
        };
        write(&self.root.join("handover.json"), &document)
    }

    /// The folder that a person chose to work from, where one was chosen.
    pub(super) fn hand_over(&self) -> Result<Option<PathBuf>, EngineError> {
        let path = self.root.join("handover.json");
        if !path.try_exists()? {
            return Ok(None);
        }
        Ok(Some(read::<HandOver>(&path)?.folder))
    }

    /// The plan with the attempts that a person asked for.
    pub(super) fn plan_with_extra(&self) -> Result<Plan, EngineError> {
        let mut plan = self.plan()?;
        let extra = self.extra()?;
        for photo in &mut plan.photos {
            for operation in &mut photo.operations {
                for one in extra
                    .iter()
                    .filter(|one| one.photo == photo.photo_id && one.operation == operation.kind)
                {
                    // What a person asked for takes the place of what was planned for this number.
                    let number = one.attempt.number;
                    operation
                        .attempts
                        .retain(|planned| planned.number != number);
                    operation.attempts.push(one.attempt.clone());
                    for ladder in &mut operation.retries {
                        ladder.attempts.retain(|planned| planned.number != number);
                    }
                }
                operation.attempts.sort_by_key(|attempt| attempt.number);
            }
        }
        Ok(plan)
    }

    /// Every folder of the job in which files are written.
    pub(super) fn written_folders(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.root.clone(), self.prepared()];
        folders_below(&self.outputs(), &mut folders);
        if let Ok(entries) = fs::read_dir(self.root.join("orders")) {
            for entry in entries.flatten() {
                folders_below(&entry.path(), &mut folders);
            }
        }
        folders
    }

    /// Clears what a killed run left half-written.
    pub(super) fn remove_temporary_files(&self) -> Result<usize, EngineError> {
        let mut removed = 0;
        for folder in self.written_folders() {
            removed += fsx::remove_temporary_files(&folder)?;
        }
        Ok(removed)
    }

    /// Clears the parts of downloads, which nobody goes on with once everything is delivered.
    pub(super) fn remove_parts(&self) -> Result<(), EngineError> {
        for folder in self.written_folders() {
            fsx::remove_parts(&folder)?;
        }
        Ok(())
    }
}

/// A folder and every folder inside it; a link is not followed.
fn folders_below(folder: &Path, folders: &mut Vec<PathBuf>) {
    folders.push(folder.to_owned());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            folders_below(&entry.path(), folders);
        }
    }
}

pub(super) fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), EngineError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| damaged(path, &error))?;
    bytes.push(b'\n');
    // The same document is not written twice, so that asking again leaves no trace.
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    fsx::write_atomic(path, &bytes)?;
    Ok(())
}

pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, EngineError> {
    let bytes = fs::read(path)?;
    serde_json::from_slice(&bytes).map_err(|error| damaged(path, &error))
}

fn damaged(path: &Path, error: &serde_json::Error) -> EngineError {
    EngineError::DamagedDocument {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
