//! The far side of the fake provider: a folder that outlives the process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::bundle::{sha256, working_photo_path};
use crate::domain::id::PhotoId;
use crate::domain::job::{OrderedOperation, OrderedPhoto};
use crate::domain::operation::OperationKind;
use crate::domain::plan::PlannedAttempt;
use crate::domain::results::{
    AttemptResult, AttemptState, ClipResult, OperationResult, PhotoResult, RESULTS_SCHEMA_VERSION,
    ResultFile, Results, WorkerDescription,
};
use crate::domain::verdict::{Reason, ReasonCode};
use crate::fsx::{self, fs};
use crate::imaging::{self, DecodeLimits, JpegOptions, Picture, Plane, Samples};
use crate::provider::contract::Order;
use crate::provider::error::ProviderError;

use super::run::NAME;
use super::script::{FakeScript, PhotoOutcome, PhotoRule};
use super::stage;

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

pub(super) fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ProviderError {
    ProviderError::of_files(NAME, error)
}

impl Remote {
    fn folder(&self, run_id: &str) -> PathBuf {
        self.root.join("runs").join(run_id)
    }

    fn outputs(&self, run_id: &str) -> PathBuf {
        self.folder(run_id).join("outputs")
    }

    fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Option<T>, ProviderError> {
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(broken),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(broken(error)),
        }
    }

    fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), ProviderError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(broken)?;
        }
        let bytes = serde_json::to_vec_pretty(value).map_err(broken)?;
        fsx::write_atomic(path, &bytes).map_err(broken)
    }

    /// Counts a call; gives how many of its sort there were before. One process counts at a time, and clears
    /// what one that was killed while it counted left.
    pub(super) fn count(&self, call: &str) -> Result<usize, ProviderError> {
        fs::create_dir_all(&self.root).map_err(broken)?;
        let lock = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.root.join("lock"))
            .map_err(broken)?
            .into_std();
        // Given back when the file is closed, also by a kill.
        lock.lock().map_err(broken)?;
        fsx::remove_temporary_files(&self.root).map_err(broken)?;
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
        // Only who drives the job writes here, so whatever is half-written is a dead process's.
        for folder in [self.folder(run_id), self.outputs(run_id)] {
            fsx::remove_temporary_files(&folder).map_err(broken)?;
        }
        Self::write(&self.folder(run_id).join("run.json"), run)
    }

    pub(super) fn forget(&self, run_id: &str) -> Result<(), ProviderError> {
        match fs::remove_dir_all(self.folder(run_id)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(broken(error)),
            _ => Ok(()),
        }
    }

    /// The bytes of `results.json`.
    pub(super) fn answer(&self, run_id: &str) -> Result<Option<Vec<u8>>, ProviderError> {
        match fs::read(self.folder(run_id).join("results.json")) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(broken(error)),
        }
    }

    /// Bytes of a file that the far side made.
    pub(super) fn file(&self, run_id: &str, file: &str) -> Result<Vec<u8>, ProviderError> {
        let path = fsx::contained(&self.outputs(run_id), file).map_err(broken)?;
        fs::read(path).map_err(broken)
    }

    /// Does the whole order by the script.
    pub(super) fn work(&self, order: &Order<'_>, script: &FakeScript) -> Result<(), ProviderError> {
        let run_id = &order.document.run_id;
        fs::create_dir_all(self.outputs(run_id)).map_err(broken)?;
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
                models: Vec::new(),
            },
            photos,
            stopped: None,
            unreadable: Vec::new(),
        };
        Self::write(&self.folder(run_id).join("results.json"), &results)
    }

    /// The attempts of one operation: the first, and the next one after a reported failure.
    fn operation(
        &self,
        order: &Order<'_>,
        script: &FakeScript,
        ordered: &OrderedPhoto,
        operation: &OrderedOperation,
    ) -> Result<Vec<AttemptResult>, ProviderError> {
        let mut attempts = Vec::new();
        for attempt in &operation.attempts {
            let rule = script.rule(&ordered.file, operation.kind, attempt.number);
            let outcome = rule.map_or(PhotoOutcome::Produced, |rule| rule.outcome);
            let mut result = AttemptResult {
                state: AttemptState::Produced,
                clip: reported(operation.kind, rule),
                ..AttemptResult::failed(attempt.number, attempt.seed, None)
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
                    if code == ReasonCode::Deadline {
                        break;
                    }
                }
                made => {
                    let photo = &ordered.photo_id;
                    let original = Self::working_photo(order, photo)?;
                    if operation.kind == OperationKind::Stage {
                        let staged =
                            stage::spoil(stage::stage(&original, attempt.seed), &original, made)
                                .map_err(broken)?;
                        result.image = Some(self.image(
                            order,
                            photo,
                            operation,
                            attempt,
                            made,
                            &staged.picture,
                        )?);
                        if rule.is_some_and(|rule| rule.labelled) {
                            let labels = stage::labels(&staged.mask);
                            let name = format!("{photo}.labels.{}.png", attempt.number);
                            result.labels = Some(self.plane(order, name, &labels)?);
                        }
                        if made != PhotoOutcome::Unmasked {
                            let name = format!("{photo}.mask.{}.png", attempt.number);
                            result.mask = Some(self.plane(order, name, &staged.mask)?);
                        }
                    } else {
                        let picture = self.enhanced(&original, ordered, attempt.seed, made)?;
                        result.image =
                            Some(self.image(order, photo, operation, attempt, made, &picture)?);
                    }
                    attempts.push(result);
                    break;
                }
            }
        }
        Ok(attempts)
    }

    fn working_photo(order: &Order<'_>, photo: &PhotoId) -> Result<Picture, ProviderError> {
        let bytes = fs::read(order.folder.join(working_photo_path(photo))).map_err(broken)?;
        imaging::decode(&bytes, &DecodeLimits::default()).map_err(broken)
    }

    /// The photo at native size, a little tinted.
    fn enhanced(
        &self,
        original: &Picture,
        photo: &OrderedPhoto,
        seed: u64,
        outcome: PhotoOutcome,
    ) -> Result<Picture, ProviderError> {
        let (mut width, mut height) = (photo.width, photo.height);
        if outcome == PhotoOutcome::WrongSize {
            width = (width / 2).max(1);
            height = (height / 2).max(1);
        }
        let picture = imaging::resize(original, width as usize, height as usize).map_err(broken)?;
        Ok(tinted(picture.into_eight(), seed))
    }

    fn image(
        &self,
        order: &Order<'_>,
        photo: &PhotoId,
        operation: &OrderedOperation,
        attempt: &PlannedAttempt,
        outcome: PhotoOutcome,
        picture: &Picture,
    ) -> Result<ResultFile, ProviderError> {
        let options = JpegOptions {
            quality: order.document.limits.jpeg_quality,
            ..JpegOptions::default()
        };
        let bytes = match outcome {
            PhotoOutcome::Damaged => b"this is no picture".to_vec(),
            PhotoOutcome::Html => b"<!doctype html><title>502 Bad Gateway</title>".to_vec(),
            PhotoOutcome::Bomb => bomb(),
            _ => imaging::encode_jpeg(picture, &options).map_err(broken)?,
        };
        let extension = match outcome {
            PhotoOutcome::Html | PhotoOutcome::Bomb => "png",
            _ => "jpg",
        };
        let file = format!("{photo}.{}.{}.{extension}", operation.kind, attempt.number);
        let mut result = self.store(order, file, &bytes, picture.width, picture.height)?;
        if outcome == PhotoOutcome::WrongHash {
            result.sha256 = sha256(b"other bytes");
        }
        if outcome == PhotoOutcome::Escaping {
            result.file = format!("../../../{}", result.file);
        }
        Ok(result)
    }

    fn plane(
        &self,
        order: &Order<'_>,
        file: String,
        plane: &Plane,
    ) -> Result<ResultFile, ProviderError> {
        let bytes = imaging::encode_plane(plane).map_err(broken)?;
        self.store(order, file, &bytes, plane.width, plane.height)
    }

    fn store(
        &self,
        order: &Order<'_>,
        file: String,
        bytes: &[u8],
        width: usize,
        height: usize,
    ) -> Result<ResultFile, ProviderError> {
        let outputs = self.outputs(&order.document.run_id);
        fsx::write_atomic(&outputs.join(&file), bytes).map_err(broken)?;
        Ok(ResultFile {
            file,
            sha256: sha256(bytes),
            width: u32::try_from(width).map_err(broken)?,
            height: u32::try_from(height).map_err(broken)?,
        })
    }
}

/// The score that is reported: a good one for what is staged, unless the script says otherwise.
fn reported(kind: OperationKind, rule: Option<&PhotoRule>) -> Option<ClipResult> {
    let scored = kind == OperationKind::Stage && !rule.is_some_and(|rule| rule.unscored);
    let told = rule.and_then(|rule| rule.clip_score);
    let clip_score = told.or(scored.then_some(0.85))?;
    Some(ClipResult {
        model: "script".to_owned(),
        cosine: Some(clip_score / 2.5),
        clip_score,
        contrast: rule.and_then(|rule| rule.contrast).or(Some(0.9)),
    })
}

/// A PNG whose header claims 400000 x 250000 pixels.
fn bomb() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = b"IHDR".to_vec();
    header.extend_from_slice(&400_000_u32.to_be_bytes());
    header.extend_from_slice(&250_000_u32.to_be_bytes());
    header.extend_from_slice(&[8, 2, 0, 0, 0]);
    bytes.extend_from_slice(&13_u32.to_be_bytes());
    bytes.extend_from_slice(&header);
    // The checksum of exactly these bytes.
    bytes.extend_from_slice(&checksum(&header).to_be_bytes());
    bytes
}

/// CRC-32 as PNG defines it.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            if sum & 1 == 1 {
                0xedb8_8320 ^ (sum >> 1)
            } else {
                sum >> 1
            }
        })
    })
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
