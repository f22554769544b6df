//! Handing settled results to delivery, and recording what was delivered.

use std::collections::HashMap;
use std::error::Error;
use std::fs::TryLockError;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::deliver::manifest::{MANIFEST_FILE, Manifest};
use crate::deliver::{
    DeliverError, DeliveredAttempt, DeliveredOperation, DeliveredVersion, DeliveryOptions,
    DeliveryPhoto, DeliveryRequest, OperationOutcome,
};
use crate::domain::enhancement::EnhancementReport;
use crate::domain::event::{EventKind, Stage};
use crate::domain::judgement::Judgement;
use crate::domain::operation::OperationKind;
use crate::domain::plan::{Decision, Plan, PlannedPhoto};
use crate::domain::results::Results;
use crate::domain::state::{JobInput, OperationState};
use crate::domain::verdict::Verdict;
use crate::fsx::{self, fs};
use crate::store::{AssetKind, AssetRecord, AttemptRecord, PhotoRecord};

use super::documents;
use super::error::EngineError;
use super::interrupt::Interrupt;
use super::lock::lock_file;
use super::ordering::{Attempts, Versions};
use super::request::Ending;
use super::session::Session;

/// How often a folder that another job delivers into is looked at.
const FOLDER_WAIT: Duration = Duration::from_millis(200);

impl Session<'_> {
    /// Writes the delivered folder and records every file of it.
    pub(super) fn deliver(&mut self, interrupt: &Interrupt) -> Result<Option<Ending>, EngineError> {
        let listing = self.work.listing()?;
        let plan = self.work.plan_with_extra()?;
        let photos = self.delivery_photos(&plan)?;
        let destination = PathBuf::from(&self.record.destination);
        let source = PathBuf::from(&self.record.source);
        // Two jobs of one listing share its folder; they take turns.
        let turns = self.engine.options.home.join("locks");
        fs::create_dir_all(&turns)?;
        let name = blake3::hash(self.record.destination.as_bytes()).to_hex();
        let turn = lock_file(&turns.join(format!("{}.lock", &name[..32])))?;
        while matches!(turn.try_lock(), Err(TryLockError::WouldBlock)) {
            if interrupt.wait(FOLDER_WAIT) {
                return Ok(Some(Ending::Interrupted));
            }
            self.renew()?;
        }
        let options = &self.engine.options;
        let request = DeliveryRequest {
            listing: &listing,
            plan: &plan,
            job_id: &self.record.id,
            created: self.record.created,
            source: &source,
            destination: &destination,
            photos: &photos,
            options: DeliveryOptions {
                web_long_side: options.web_long_side,
                web_quality: options.web_quality,
                original_quality: options.jpeg_quality,
                limits: self.engine.limits(),
                max_in_flight: options.threads,
                memory_budget_bytes: options.memory_budget_bytes,
            },
        };
        let session: &Session<'_> = self;
        let delivered = crate::deliver::deliver(
            &request,
            &|done, total| {
                session.progress(Stage::Deliver, done as u64, total as u64);
                // A lease that cannot be renewed shows when the step is recorded.
                let _ = session.renew();
            },
            &|| interrupt.is_requested(),
        );
        let delivered = match delivered {
            Ok(delivered) => delivered,
            Err(DeliverError::Interrupted) => return Ok(Some(Ending::Interrupted)),
            Err(error) => return Err(self.delivery_failed(destination, &error)),
        };
        let assets = delivered_assets(&destination)?;
        let folder = destination
            .file_name()
            .map(|name| fsx::printable(&name.to_string_lossy()))
            .unwrap_or_default();
        let mut events = vec![self.event(
            None,
            EventKind::Delivered {
                folder: folder.clone(),
                files: u32::try_from(assets.len()).unwrap_or(u32::MAX),
            },
        )];
        for moved in &delivered.set_aside {
            events.push(self.event(
                None,
                EventKind::Warning {
                    text: format!(
                        "`{}` was changed after it was delivered; that version is kept as `{folder}/{}`",
                        moved.file, moved.kept
                    ),
                },
            ));
        }
        for problem in &delivered.problems {
            events.push(self.event(
                Some(&problem.photo_id),
                EventKind::Warning {
                    text: problem.reason.clone(),
                },
            ));
        }
        let problem = delivered.problems.first().map(|first| {
            format!(
                "{} files are not or not completely in the delivery; the first is {}: {}",
                delivered.problems.len(),
                fsx::printable(&first.file),
                first.reason
            )
        });
        self.advance(JobInput::DeliveryFinished, |change| {
            change.faults = 0;
            change.problem = problem;
            change.assets = Some((AssetKind::Delivered, assets));
            change.events.append(&mut events);
        })?;
        Ok(None)
    }

    fn delivery_failed(&mut self, destination: PathBuf, error: &DeliverError) -> EngineError {
        let reason = with_causes(error);
        let failed = EngineError::Delivery {
            destination,
            reason: reason.clone(),
            retryable: error.is_retryable(),
            fault: error.fault(),
        };
        if failed.is_retryable() {
            // Whoever drives the job notes it.
            return failed;
        }
        let told = self.event(
            None,
            EventKind::Warning {
                text: format!("delivery stopped: {}", error_code(error)),
            },
        );
        let noted = self.note(|change| {
            change.problem = Some(reason.clone());
            change.events.push(told);
        });
        // Where the record cannot be written either, the delivery's error says it better.
        drop(noted);
        failed
    }

    fn delivery_photos(&self, plan: &Plan) -> Result<Vec<DeliveryPhoto>, EngineError> {
        let records = self.store().photos(&self.record.id)?;
        let by_id: HashMap<_, _> = records.iter().map(|photo| (&photo.id, photo)).collect();
        let recorded = self.store().attempts(&self.record.id)?;
        let attempts = Attempts::new(&recorded);
        let versions = self.store().versions(&self.record.id)?;
        let versions = Versions::new(&versions);
        let mut answers: HashMap<String, Results> = HashMap::new();
        for order in self.store().orders(&self.record.id)? {
            let path = self.work.results(order.number);
            if path.try_exists()? {
                answers.insert(order.run_id, documents::read(&path)?);
            }
        }
        Ok(plan
            .photos
            .iter()
            .filter_map(|planned| {
                let record = by_id.get(&planned.photo_id)?;
                Some(self.delivery_photo(planned, record, &attempts, &versions, &answers))
            })
            .collect())
    }

    fn delivery_photo(
        &self,
        planned: &PlannedPhoto,
        record: &PhotoRecord,
        attempts: &Attempts<'_>,
        versions: &Versions<'_>,
        answers: &HashMap<String, Results>,
    ) -> DeliveryPhoto {
        let mut master = None;
        let mut operations = Vec::with_capacity(record.operations.len());
        for operation in &record.operations {
            let made = attempts.of(&record.id, operation.kind);
            let chosen = versions.delivered(&record.id, operation.kind, made);
            let outcome = match (operation.state, chosen) {
                (OperationState::Accepted, Some(attempt)) => {
                    if let Some(file) = attempt.master.as_ref().or(attempt.image.as_ref()) {
                        master = Some(self.work.outputs().join(file));
                    }
                    OperationOutcome::Accepted
                }
                (OperationState::Accepted, None) => OperationOutcome::GaveUp {
                    reasons: vec!["a person chose the picture without it".to_owned()],
                },
                (OperationState::Skipped, _) => skipped(planned, operation.kind),
                _ => OperationOutcome::GaveUp {
                    reasons: reasons(made, operation.reason.as_deref()),
                },
            };
            let told = chosen.or(made.last().copied());
            let accepted = outcome == OperationOutcome::Accepted;
            // Enhancing comes to the same bytes whenever it is done, and so does its delivery: how long
            // it took this time is no part of it.
            let generated = operation.kind != OperationKind::Enhance;
            operations.push(DeliveredOperation {
                kind: operation.kind,
                outcome,
                attempts: u32::try_from(made.len()).unwrap_or(u32::MAX),
                seed: told.map(|attempt| attempt.seed),
                report: chosen.and_then(|attempt| report(attempt, answers)),
                made: made
                    .iter()
                    .filter(|_| generated)
                    .map(|attempt| self.delivered_attempt(attempt, told.filter(|_| accepted)))
                    .collect(),
                versions: versions
                    .of(&record.id, operation.kind)
                    .filter(|_| generated)
                    .map(|version| DeliveredVersion {
                        number: version.number,
                        attempt: version.attempt,
                        cause: version.cause,
                        at: version.at,
                    })
                    .collect(),
            });
        }
        DeliveryPhoto {
            photo_id: record.id.clone(),
            master,
            operations,
        }
    }
}

impl Session<'_> {
    fn delivered_attempt(
        &self,
        attempt: &AttemptRecord,
        chosen: Option<&AttemptRecord>,
    ) -> DeliveredAttempt {
        DeliveredAttempt {
            number: attempt.number,
            seed: attempt.seed,
            delivered: chosen.is_some_and(|chosen| chosen.number == attempt.number),
            verdict: attempt.verdict.clone(),
            failure: attempt.failure.clone(),
            seconds: attempt.seconds,
            at: attempt.at,
            parameters: attempt.parameters.clone(),
            // How long this machine took to judge is no part of what is delivered: judged again after a
            // crash it takes another time, and the same job delivers the same bytes.
            judgement: attempt.judgement.clone().map(|judgement| Judgement {
                seconds: 0.0,
                ..judgement
            }),
            // Workers name their files, so the name may lead anywhere.
            picture: attempt
                .image
                .as_deref()
                .and_then(|file| fsx::contained(&self.work.outputs(), file).ok()),
        }
    }
}

fn skipped(
    planned: &PlannedPhoto,
    kind: crate::domain::operation::OperationKind,
) -> OperationOutcome {
    let decision = planned
        .operations
        .iter()
        .find(|operation| operation.kind == kind)
        .map(|operation| &operation.decision);
    match decision {
        Some(Decision::Skip { code, reason, .. }) => OperationOutcome::Skipped {
            code: *code,
            reason: reason.clone(),
        },
        _ => OperationOutcome::GaveUp {
            reasons: Vec::new(),
        },
    }
}

fn reasons(attempts: &[&AttemptRecord], reason: Option<&str>) -> Vec<String> {
    let mut reasons: Vec<String> = attempts
        .iter()
        .flat_map(|attempt| {
            let refused: &[_] = match &attempt.verdict {
                Some(Verdict::Rejected { reasons } | Verdict::NeedsReview { reasons }) => reasons,
                Some(Verdict::Accepted) | None => &[],
            };
            attempt.failure.iter().chain(refused)
        })
        .map(|reason| reason.text.clone())
        .collect();
    if reasons.is_empty() {
        reasons.extend(reason.map(str::to_owned));
    }
    reasons
}

fn report(
    attempt: &AttemptRecord,
    answers: &HashMap<String, Results>,
) -> Option<EnhancementReport> {
    // The order that recorded the attempt first, or a later one that found it done.
    let mut ordered: Vec<&Results> = answers.get(&attempt.run_id).into_iter().collect();
    ordered.extend(answers.values());
    ordered.into_iter().find_map(|results| {
        results
            .operation(&attempt.photo, attempt.kind)?
            .attempts
            .iter()
            .find(|made| made.number == attempt.number && made.seed == attempt.seed)?
            .report
            .clone()
    })
}

/// Every file of the delivered folder, as its manifest names them, and the manifest itself.
fn delivered_assets(destination: &Path) -> Result<Vec<AssetRecord>, EngineError> {
    let path = destination.join(MANIFEST_FILE);
    let bytes = fs::read(&path)?;
    let manifest: Manifest = documents::read(&path)?;
    let asset = |path: &str, blake3: &str, bytes: u64| AssetRecord {
        kind: AssetKind::Delivered,
        path: path.to_owned(),
        blake3: blake3.to_owned(),
        bytes,
    };
    let mut assets: Vec<AssetRecord> = manifest
        .photos
        .iter()
        .flat_map(|photo| &photo.files)
        .map(|file| asset(&file.path, &file.blake3, file.bytes))
        .collect();
    assets.extend(
        manifest
            .documents
            .iter()
            .map(|file| asset(&file.path, &file.blake3, file.bytes)),
    );
    assets.push(asset(
        MANIFEST_FILE,
        blake3::hash(&bytes).to_hex().as_str(),
        bytes.len() as u64,
    ));
    assets.sort_by(|one, other| one.path.cmp(&other.path));
    assets.dedup_by(|one, other| one.path == other.path);
    Ok(assets)
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// One word for the record, which names no folder of this machine.
const fn error_code(error: &DeliverError) -> &'static str {
    match error {
        DeliverError::Interrupted => "interrupted",
        DeliverError::DiskFull { .. } => "the disk is full",
        DeliverError::Permission { .. } => "no permission",
        DeliverError::Io { .. } => "the folder cannot be written",
        DeliverError::Source { .. } => "an original cannot be read",
        DeliverError::Occupied { .. } => "something else is in the way",
        DeliverError::Request(_) => "the request is inconsistent",
        DeliverError::Master { .. } => "an accepted picture is damaged",
        DeliverError::Document { .. } => "a document cannot be made",
        DeliverError::Encode { .. } => "a picture cannot be made",
    }
}
