//! The far side of the fake provider: a folder that outlives the process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::bundle::{sha256, working_photo_path};
use crate::domain::job::{OrderedOperation, OrderedPhoto};
use crate::domain::plan::PlannedAttempt;
use crate::domain::results::{
    AttemptResult, AttemptState, ClipResult, OperationResult, PhotoResult, RESULTS_SCHEMA_VERSION,
    ResultFile, Results, WorkerDescription,
};
use crate::domain::verdict::{Reason, ReasonCode};
use crate::fsx;
use crate::imaging::{self, DecodeLimits, JpegOptions, Picture, Samples};
use crate::provider::contract::Order;
use crate::provider::error::{FaultKind, ProviderError};

use super::run::NAME;
use super::script::{FakeScript, PhotoOutcome};

/// How many calls of each sort there were, over all runs.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Calls {
    pub(super) counts: BTreeMap<String, usize>,
}

/// One run on the far side.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct RemoteRun {
    /// Its place among all runs, from 0.
    pub(super) ordinal: usize,
    /// Times that it was submitted; more than one would be a defect of the engine.
    pub(super) submissions: u32,
    /// Polls that were answered.
    pub(super) polls: u32,
    /// Whether a person has done the outside part.
    pub(super) operator_done: bool,
}

/// The folder of the far side.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    pub(super) root: PathBuf,
}

pub(super) fn broken(error: impl ToString) -> ProviderError {
    ProviderError::new(NAME, FaultKind::Files, error.to_string())
}

impl Remote {
    fn folder(&self, run_id: &str) -> PathBuf {
        self.root.join("runs").join(run_id)
    }

    fn outputs(&self, run_id: &str) -> PathBuf {
        self.folder(run_id).join("outputs")
    }

    fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Option<T>, ProviderError> {
        match fs_err::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(broken),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(broken(error)),
        }
    }

    fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), ProviderError> {
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder).map_err(broken)?;
        }
        let bytes = serde_json::to_vec_pretty(value).map_err(broken)?;
        fsx::write_atomic(path, &bytes).map_err(broken)
    }

    /// Counts a call; gives how many of its sort there were before.
    pub(super) fn count(&self, call: &str) -> Result<usize, ProviderError> {
        let path = self.root.join("calls.json");
        let mut calls: Calls = Self::read(&path)?.unwrap_or_default();
        let count = calls.counts.entry(call.to_owned()).or_default();
        let before = *count;
        *count += 1;
        Self::write(&path, &calls)?;
        Ok(before)
    }

    pub(super) fn run(&self, run_id: &str) -> Result<Option<RemoteRun>, ProviderError> {
        Self::read(&self.folder(run_id).join("run.json"))
    }

    pub(super) fn save(&self, run_id: &str, run: &RemoteRun) -> Result<(), ProviderError> {
        Self::write(&self.folder(run_id).join("run.json"), run)
    }

    pub(super) fn forget(&self, run_id: &str) -> Result<(), ProviderError> {
        match fs_err::remove_dir_all(self.folder(run_id)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(broken(error)),
            _ => Ok(()),
        }
    }

    pub(super) fn results(&self, run_id: &str) -> Result<Option<Results>, ProviderError> {
        Self::read(&self.folder(run_id).join("results.json"))
    }

    /// Bytes of a result of the far side.
    pub(super) fn image(&self, run_id: &str, file: &str) -> Result<Vec<u8>, ProviderError> {
        let path = fsx::contained(&self.outputs(run_id), file).map_err(broken)?;
        fs_err::read(path).map_err(broken)
    }

    /// Does the whole order by the script.
    pub(super) fn work(&self, order: &Order<'_>, script: &FakeScript) -> Result<(), ProviderError> {
        let run_id = &order.document.run_id;
        fs_err::create_dir_all(self.outputs(run_id)).map_err(broken)?;
        let mut photos = Vec::new();
        for photo in &order.document.photos {
            let mut operations = Vec::new();
            for operation in &photo.operations {
                let attempts = self.operation(order, script, photo, operation)?;
                if !attempts.is_empty() {
                    operations.push(OperationResult {
                        kind: operation.kind,
                        attempts,
                    });
                }
            }
            if !operations.is_empty() {
                photos.push(PhotoResult {
                    photo_id: photo.photo_id.clone(),
                    operations,
                });
            }
        }
        let results = Results {
            schema_version: RESULTS_SCHEMA_VERSION,
            run_id: run_id.clone(),
            job_sha256: order.marker.job_sha256.clone(),
            complete: true,
            worker: WorkerDescription {
                engine: NAME.to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                device: "script".to_owned(),
            },
            photos,
        };
        Self::write(&self.folder(run_id).join("results.json"), &results)
    }

    /// The attempts of one operation: the first, and the next one after a reported failure.
    fn operation(
        &self,
        order: &Order<'_>,
        script: &FakeScript,
        photo: &OrderedPhoto,
        operation: &OrderedOperation,
    ) -> Result<Vec<AttemptResult>, ProviderError> {
        let mut attempts = Vec::new();
        for attempt in &operation.attempts {
            let rule = script.rule(&photo.file, operation.kind, attempt.number);
            let outcome = rule.map_or(PhotoOutcome::Produced, |rule| rule.outcome);
            let mut result = AttemptResult {
                number: attempt.number,
                seed: attempt.seed,
                state: AttemptState::Produced,
                reason: None,
                image: None,
                report: None,
                clip: rule
                    .and_then(|rule| rule.clip_score)
                    .map(|clip_score| ClipResult {
                        model: "script".to_owned(),
                        clip_score,
                    }),
                seconds: 0.0,
            };
            match outcome {
                PhotoOutcome::Missing => break,
                PhotoOutcome::Failed => {
                    result.state = AttemptState::Failed;
                    let code = rule
                        .and_then(|rule| rule.reason)
                        .unwrap_or(ReasonCode::OutOfMemory);
                    result.reason = Some(Reason::new(code, "the script says so"));
                    attempts.push(result);
                }
                made => {
                    result.image = Some(self.picture(order, photo, operation, attempt, made)?);
                    attempts.push(result);
                    break;
                }
            }
        }
        Ok(attempts)
    }

    fn picture(
        &self,
        order: &Order<'_>,
        photo: &OrderedPhoto,
        operation: &OrderedOperation,
        attempt: &PlannedAttempt,
        outcome: PhotoOutcome,
    ) -> Result<ResultFile, ProviderError> {
        let (mut width, mut height) = (photo.width, photo.height);
        if outcome == PhotoOutcome::WrongSize {
            width = (width / 2).max(1);
            height = (height / 2).max(1);
        }
        let mut jpeg = {
            let bytes = fs_err::read(order.folder.join(working_photo_path(&photo.photo_id)))
                .map_err(broken)?;
            let picture = imaging::decode(&bytes, &DecodeLimits::default()).map_err(broken)?;
            let picture = imaging::resize(&picture, width as usize, height as usize)
                .map_err(broken)?
                .into_eight();
            let options = JpegOptions {
                quality: order.document.limits.jpeg_quality,
                ..JpegOptions::default()
            };
            imaging::encode_jpeg(&tinted(picture, attempt.seed), &options).map_err(broken)?
        };
        if outcome == PhotoOutcome::Damaged {
            jpeg = b"this is no picture".to_vec();
        }
        let sum = if outcome == PhotoOutcome::WrongHash {
            sha256(b"other bytes")
        } else {
            sha256(&jpeg)
        };
        let file = format!(
            "{}.{}.{}.jpg",
            photo.photo_id, operation.kind, attempt.number
        );
        let outputs = self.outputs(&order.document.run_id);
        fsx::write_atomic(&outputs.join(&file), &jpeg).map_err(broken)?;
        Ok(ResultFile {
            file,
            sha256: sum,
            width,
            height,
        })
    }
}

/// The picture with one channel a little brighter, which one by the seed: visibly another attempt.
fn tinted(mut picture: Picture, seed: u64) -> Picture {
    if let Samples::Eight(samples) = &mut picture.samples {
        let channel = usize::try_from(seed % 3).unwrap_or(0);
        for sample in samples.iter_mut().skip(channel).step_by(3) {
            *sample = sample.saturating_add(6);
        }
    }
    picture
}
