//! Questions about jobs. None of them changes anything or needs a lock.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::deliver::manifest::{MANIFEST_FILE, Manifest};
use crate::domain::id::JobId;
use crate::domain::listing::Listing;
use crate::domain::state::JobState;
use crate::fsx;
use crate::provider::{Account, Order, RunHandle};
use crate::store::{JobFilter, JobRecord, OperationCounts, OrderRecord};

use super::engine::Engine;
use super::error::EngineError;
use super::interrupt::Interrupt;
use super::ordering::Attempts;
use super::report::{
    AssetReport, AttemptReport, JobReport, JobSummary, ListFilter, ListReport, LogReport,
    OperationReport, OrderReport, PhotoReport, REPORT_SCHEMA_VERSION, StateCount, StatusReport,
    VersionReport,
};
use super::request::{DriveOutcome, Ending};
use super::sink::EventSink;

/// Jobs that `status` names one by one.
const ACTIVE_JOBS: u32 = 20;

/// Jobs that an unclear text names at most.
const CANDIDATES: u32 = 5;

/// How often `wait` looks.
const LOOK: Duration = Duration::from_millis(250);

impl Engine {
    /// The job with this id, with an id that starts so, or the newest for `last`.
    ///
    /// # Errors
    /// [`EngineError::UnknownJob`] or [`EngineError::AmbiguousJob`].
    pub fn find_job(&self, text: &str) -> Result<JobId, EngineError> {
        let unknown = || EngineError::UnknownJob(fsx::printable(text));
        if text == "last" {
            let newest = self.store().list(&JobFilter {
                states: Vec::new(),
                limit: 1,
                before: None,
            })?;
            return newest
                .into_iter()
                .next()
                .map(|job| job.id)
                .ok_or_else(unknown);
        }
        if text.is_empty() {
            return Err(unknown());
        }
        let mut candidates = self.store().ids_with_prefix(text, CANDIDATES)?;
        if let Some(exact) = candidates.iter().find(|id| id.as_str() == text) {
            return Ok(exact.clone());
        }
        match candidates.len() {
            0 => Err(unknown()),
            1 => Ok(candidates.remove(0)),
            _ => Err(EngineError::AmbiguousJob {
                text: fsx::printable(text),
                candidates,
            }),
        }
    }

    /// All jobs at a glance.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn status(&self) -> Result<StatusReport, EngineError> {
        let mut report = StatusReport {
            schema_version: REPORT_SCHEMA_VERSION,
            jobs: 0,
            photos: 0,
            states: Vec::new(),
            operations: OperationCounts::default(),
            active: Vec::new(),
        };
        for total in self.store().totals()? {
            report.jobs += total.jobs;
            report.photos += total.photos;
            report.states.push(StateCount {
                state: total.state,
                jobs: total.jobs,
            });
            let sum = &mut report.operations;
            sum.pending += total.counts.pending;
            sum.produced += total.counts.produced;
            sum.accepted += total.counts.accepted;
            sum.rejected += total.counts.rejected;
            sum.gave_up += total.counts.gave_up;
            sum.skipped += total.counts.skipped;
        }
        let states = JobState::ALL
            .iter()
            .copied()
            .filter(|state| !state.is_terminal())
            .collect();
        report.active = self
            .store()
            .list(&JobFilter {
                states,
                limit: ACTIVE_JOBS,
                before: None,
            })?
            .iter()
            .map(summary)
            .collect();
        Ok(report)
    }

    /// One job in one line.
    ///
    /// # Errors
    /// [`EngineError::UnknownJob`].
    pub fn summary(&self, job: &JobId) -> Result<JobSummary, EngineError> {
        Ok(summary(&self.record(job)?))
    }

    /// Jobs, newest first.
    ///
    /// # Errors
    /// When the store cannot be read; [`crate::store::StoreError::NotFound`] for an unknown `before`.
    pub fn list(&self, filter: &ListFilter) -> Result<ListReport, EngineError> {
        let jobs = self.store().list(&JobFilter {
            states: filter.states.clone(),
            limit: filter.limit,
            before: filter.before.clone(),
        })?;
        let total = self
            .store()
            .totals()?
            .iter()
            .filter(|total| filter.states.is_empty() || filter.states.contains(&total.state))
            .map(|total| total.jobs)
            .sum();
        Ok(ListReport {
            schema_version: REPORT_SCHEMA_VERSION,
            jobs: jobs.iter().map(summary).collect(),
            total,
        })
    }

    /// The folders that jobs deliver into, absolute, of the latest jobs.
    ///
    /// # Errors
    /// What the store says.
    pub fn destinations(&self) -> Result<Vec<PathBuf>, EngineError> {
        const MOST: u32 = 10_000;
        let jobs = self.store().list(&JobFilter {
            states: Vec::new(),
            limit: MOST,
            before: None,
        })?;
        Ok(jobs
            .into_iter()
            .map(|job| PathBuf::from(job.destination))
            .collect())
    }

    /// Who is signed in at a provider; nothing for one that asks nobody.
    ///
    /// # Errors
    /// [`EngineError::Provider`] with what keeps it from being known.
    pub fn account(&self, provider: &str) -> Result<Option<Account>, EngineError> {
        Ok(self.provider(provider)?.account()?)
    }

    /// Tells each line that the job's run elsewhere writes, as it comes, until that run ends.
    ///
    /// # Errors
    /// [`EngineError::NothingTo`] where no run is under way; [`EngineError::Provider`] where it cannot be
    /// read.
    pub fn follow(
        &self,
        job: &JobId,
        line: &mut dyn FnMut(&str),
        interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), EngineError> {
        let record = self.record(job)?;
        let Some(order) = self.order_under_way(&record)? else {
            return Err(EngineError::NothingTo {
                job: job.clone(),
                request: "follow",
            });
        };
        let work = self.work(job);
        let folder = work.order(order.number);
        let (document, marker) = crate::bundle::read_order(&folder)?;
        let (outputs, _) = work.run_outputs(&order);
        let asked = Order {
            document: &document,
            marker: &marker,
            folder: &folder,
            source: Path::new(&record.source),
            outputs: &outputs,
        };
        let handle = RunHandle {
            remote: order.remote.clone().unwrap_or(order.run_id),
        };
        let provider = self.provider(&order.executor)?;
        Ok(provider.follow(&asked, &handle, line, interrupted)?)
    }

    /// The run of a job that is under way, whose log could be followed; nothing where none is.
    ///
    /// # Errors
    /// [`EngineError::UnknownJob`], [`EngineError::Store`].
    pub fn run_under_way(&self, job: &JobId) -> Result<Option<String>, EngineError> {
        let record = self.record(job)?;
        Ok(self.order_under_way(&record)?.map(|order| order.run_id))
    }

    fn order_under_way(&self, record: &JobRecord) -> Result<Option<OrderRecord>, EngineError> {
        if !record.state.is_with_executor() {
            return Ok(None);
        }
        Ok(self.store().orders(&record.id)?.into_iter().next_back())
    }

    /// The listing that a job was made of, as it was read.
    ///
    /// # Errors
    /// [`EngineError::DamagedDocument`], or what the file system says.
    pub fn listing(&self, job: &JobId) -> Result<Listing, EngineError> {
        self.work(job).listing()
    }

    /// The manifest of what the job delivered last; `None` where there is none, or it cannot be read.
    ///
    /// # Errors
    /// [`EngineError::UnknownJob`].
    pub fn manifest(&self, job: &JobId) -> Result<Option<Manifest>, EngineError> {
        let record = self.record(job)?;
        let path = Self::destination(&record).join(MANIFEST_FILE);
        let manifest: Option<Manifest> = super::documents::read(&path).ok();
        Ok(manifest.filter(|manifest| manifest.job == *job))
    }

    /// What is damaged in the database, one line for each finding; nothing where it is sound.
    ///
    /// # Errors
    /// [`EngineError::Store`] where it cannot be read.
    pub fn integrity(&self) -> Result<Vec<String>, EngineError> {
        Ok(self.store().integrity()?)
    }

    /// One job in full.
    ///
    /// # Errors
    /// [`EngineError::UnknownJob`].
    pub fn show(&self, job: &JobId) -> Result<JobReport, EngineError> {
        let record = self.record(job)?;
        let recorded = self.store().attempts(job)?;
        let attempts = Attempts::new(&recorded);
        let versions = self.store().versions(job)?;
        let photos = self
            .store()
            .photos(job)?
            .iter()
            .map(|photo| PhotoReport {
                photo: photo.id.clone(),
                file: fsx::printable(&photo.file),
                room: photo.room,
                operations: photo
                    .operations
                    .iter()
                    .map(|operation| OperationReport {
                        kind: operation.kind,
                        executor: operation.executor.clone(),
                        state: operation.state.name().to_owned(),
                        reason: operation.reason.clone(),
                        attempts: attempts
                            .of(&photo.id, operation.kind)
                            .iter()
                            .map(|attempt| AttemptReport {
                                number: attempt.number,
                                seed: attempt.seed,
                                run_id: attempt.run_id.clone(),
                                verdict: attempt.verdict.clone(),
                                failure: attempt.failure.clone(),
                                seconds: attempt.seconds,
                                at: attempt.at,
                                parameters: attempt.parameters.clone(),
                                judgement: attempt.judgement.clone(),
                                image: attempt.image.as_deref().map(in_work_folder),
                                master: attempt.master.as_deref().map(in_work_folder),
                            })
                            .collect(),
                        versions: versions
                            .iter()
                            .filter(|version| {
                                version.photo == photo.id && version.kind == operation.kind
                            })
                            .map(|version| VersionReport {
                                number: version.number,
                                attempt: version.attempt,
                                cause: version.cause,
                                at: version.at,
                            })
                            .collect(),
                    })
                    .collect(),
            })
            .collect();
        let orders = self
            .store()
            .orders(job)?
            .into_iter()
            .map(|order| OrderReport {
                run_id: order.run_id,
                executor: order.executor,
                parent: order.parent,
                photos: order.photos,
                remote: order.remote,
            })
            .collect();
        let assets = self
            .store()
            .assets(job)?
            .into_iter()
            .map(|asset| AssetReport {
                kind: asset.kind.name().to_owned(),
                path: asset.path,
                blake3: asset.blake3,
                bytes: asset.bytes,
            })
            .collect();
        Ok(JobReport {
            schema_version: REPORT_SCHEMA_VERSION,
            summary: summary(&record),
            source: fsx::printable(&record.source),
            destination: fsx::printable(&record.destination),
            work: fsx::printable(&self.work_folder(job).to_string_lossy()),
            engine_version: record.engine_version,
            photos,
            orders,
            assets,
        })
    }

    /// Recorded events behind number `after` (0 for all), oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`crate::store::StoreError::NotFound`].
    pub fn logs(&self, job: &JobId, after: u64, limit: u32) -> Result<LogReport, EngineError> {
        let events = self.store().events(job, after, limit)?;
        Ok(LogReport {
            schema_version: REPORT_SCHEMA_VERSION,
            next: events.last().map_or(after, |(number, _)| *number),
            events: events.into_iter().map(|(_, event)| event).collect(),
        })
    }

    /// Waits, without driving, until the job rests: it has ended or waits for a person. Hands on
    /// what others record meanwhile.
    ///
    /// # Errors
    /// [`EngineError::UnknownJob`].
    pub fn wait(
        &self,
        job: &JobId,
        events: &mut dyn EventSink,
        interrupt: &Interrupt,
        timeout: Option<Duration>,
    ) -> Result<DriveOutcome, EngineError> {
        let started = Instant::now();
        let mut seen = 0;
        loop {
            let record = self.record(job)?;
            loop {
                let log = self.logs(job, seen, 500)?;
                if log.events.is_empty() {
                    break;
                }
                seen = log.next;
                for event in &log.events {
                    events.event(event);
                }
            }
            let problem = record.problem.clone();
            let text = || problem.clone().unwrap_or_default();
            let ending = match record.state {
                JobState::Delivered => Some(Ending::Delivered),
                JobState::Cancelled => Some(Ending::Cancelled),
                JobState::Failed => Some(Ending::Failed { text: text() }),
                JobState::NeedsReview => Some(Ending::NeedsReview),
                JobState::AwaitingOperator => Some(Ending::AwaitingOperator {
                    instruction: text(),
                }),
                _ if interrupt.is_requested() => Some(Ending::Interrupted),
                _ if timeout.is_some_and(|timeout| started.elapsed() >= timeout) => {
                    Some(Ending::Deadline)
                }
                _ => None,
            };
            if let Some(ending) = ending {
                return Ok(DriveOutcome {
                    job: record.id,
                    state: record.state,
                    counts: record.counts,
                    destination: PathBuf::from(record.destination),
                    problem: record.problem,
                    ending,
                });
            }
            // Whether it was cut short is seen at the next look.
            let _ = interrupt.wait(LOOK);
        }
    }
}

pub(super) fn summary(record: &JobRecord) -> JobSummary {
    JobSummary {
        job: record.id.clone(),
        title: fsx::printable(&record.title),
        state: record.state,
        style: record.style.clone(),
        provider: record.provider.clone(),
        photos: record.photos,
        operations: record.counts,
        created: record.created,
        updated: record.updated,
        due: record.due,
        problem: record.problem.as_deref().map(fsx::printable),
    }
}

/// Results lie below the job's work folder; their names come from workers.
fn in_work_folder(file: &str) -> String {
    format!("outputs/{}", fsx::printable(file))
}
