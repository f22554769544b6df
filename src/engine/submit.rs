//! From a request to its job: the same request finds the same job.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::domain::event::{EVENT_SCHEMA_VERSION, Event, EventKind, Request};
use crate::domain::id::{JobId, PhotoId};
use crate::domain::listing::Listing;
use crate::domain::plan::{Decision, PlannedOperation};
use crate::domain::state::{JobInput, JobState, OperationState};
use crate::domain::verdict::ReasonCode;
use crate::fsx::{self, Fault, fs};
use crate::planner::{DeliveryKey, job_key};
use crate::store::{
    AssetKind, JobRecord, NewJob, NewPhoto, OperationRecord, PhotoRecord, StoreError,
};

use super::engine::Engine;
use super::error::EngineError;
use super::lock::lock_file;
use super::ordering::Attempts;
use super::request::{RetryRequest, SubmitOutcome, SubmitRequest};
use super::session::Session;
use super::sink::EventSink;

/// Names that are tried for a delivered folder.
const NAMES_TRIED: u32 = 1000;

impl Engine {
    /// Finds the job that does `request`, or makes it; nothing is driven yet. A delivered job whose
    /// delivered files are no longer what they were is made to deliver again; a failed or cancelled
    /// one is made to go on.
    ///
    /// # Errors
    /// [`EngineError::Locked`] where the job has to go on and another process holds it, and what
    /// the store or the file system says.
    pub fn submit(
        &self,
        request: &SubmitRequest,
        events: &mut dyn EventSink,
    ) -> Result<SubmitOutcome, EngineError> {
        let source = text(&request.source)?;
        let out = text(&request.out)?;
        let delivery = DeliveryKey {
            jpeg_quality: self.options.jpeg_quality,
            web_long_side: self.options.web_long_side,
            web_quality: self.options.web_quality,
        };
        let key = job_key(&request.listing, &request.plan, delivery);
        let key_text = key.to_hex().to_string();
        if !request.force
            && let Some(record) = self.same_job(&key_text, source, out)?
            && let Some(record) = self.continued(record, request, events)?
        {
            return Ok(outcome(&record, true));
        }
        writable(&request.out)?;
        let destination = self.destination_for(&request.out, &request.listing, source)?;
        loop {
            let known = self.store().jobs_with_key(&key_text)?;
            let ordinal = known.iter().map(|job| job.ordinal).max().unwrap_or(0) + 1;
            let id = JobId::new(&request.listing.slug, &key, ordinal);
            let new = self.new_job(request, id, (key_text.clone(), ordinal), &destination)?;
            let work = self.work(&new.id);
            fs::create_dir_all(work.root())?;
            // As long as the job has no record, `gc` knows by the lock that somebody is at it.
            let held = lock_file(&work.root().join("lock"))?;
            let _ = held.try_lock();
            work.write_listing(&request.listing)?;
            work.write_plan(&request.plan)?;
            match self.store().create_job(&new) {
                Ok(()) => {
                    for event in &new.events {
                        events.event(event);
                    }
                    return Ok(outcome(&self.record(&new.id)?, false));
                }
                // Another process was quicker: with the same request, or with the same number.
                Err(StoreError::Exists(_)) => {
                    if !request.force
                        && let Some(record) = self.same_job(&key_text, source, out)?
                    {
                        return Ok(outcome(&record, true));
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn same_job(
        &self,
        key: &str,
        source: &str,
        out: &str,
    ) -> Result<Option<JobRecord>, EngineError> {
        let jobs = self.store().jobs_with_key(key)?;
        Ok(jobs
            .into_iter()
            .rev()
            .find(|job| job.source == source && job.out == out))
    }

    /// The job, made ready to go on where it has stopped; nothing where it cannot serve the request
    /// any more and another has to be made.
    fn continued(
        &self,
        record: JobRecord,
        request: &SubmitRequest,
        events: &mut dyn EventSink,
    ) -> Result<Option<JobRecord>, EngineError> {
        match record.state {
            JobState::Delivered => {
                // The listing was read a moment ago with all its photos: what was given up because one was away is
                // done now.
                let back = self.given_up_for_its_source(&record)?;
                if !back.is_empty() {
                    let request = RetryRequest {
                        photos: back,
                        only_given_up: true,
                        seed: None,
                    };
                    self.retry(&record.id, &request, events)?;
                    return Ok(Some(self.record(&record.id)?));
                }
                if record.problem.is_none() && self.delivery_is_intact(&record)? {
                    return Ok(Some(record));
                }
                if !self.masters_are_there(&record)? {
                    return Ok(None);
                }
                let mut session = Session::open(self, &record.id, events)?;
                session.work.write_listing(&request.listing)?;
                session.work.write_plan(&request.plan)?;
                let asked = session.event(
                    None,
                    EventKind::Requested {
                        request: Request::Deliver,
                    },
                );
                session.advance(JobInput::RedeliveryRequested, |change| {
                    change.events.push(asked);
                })?;
                Ok(Some(session.record.clone()))
            }
            JobState::Failed | JobState::Cancelled => {
                self.resume(&record.id, events)?;
                Ok(Some(self.record(&record.id)?))
            }
            _ => Ok(Some(record)),
        }
    }

    /// Photos of which something was given up because the photo itself was not there, or was another.
    fn given_up_for_its_source(&self, record: &JobRecord) -> Result<Vec<PhotoId>, EngineError> {
        if record.counts.gave_up == 0 {
            return Ok(Vec::new());
        }
        let recorded = self.store().attempts(&record.id)?;
        let attempts = Attempts::new(&recorded);
        let photos = self.store().photos(&record.id)?;
        let was_away = |photo: &PhotoRecord| {
            photo.operations.iter().any(|operation| {
                let last = attempts.of(&photo.id, operation.kind).last();
                operation.state == OperationState::GaveUp
                    && last
                        .and_then(|attempt| attempt.failure.as_ref())
                        .is_some_and(|failure| {
                            matches!(
                                failure.code,
                                ReasonCode::SourceMissing | ReasonCode::SourceChanged
                            )
                        })
            })
        };
        Ok(photos
            .iter()
            .filter(|photo| was_away(photo))
            .map(|photo| photo.id.clone())
            .collect())
    }

    fn new_job(
        &self,
        request: &SubmitRequest,
        id: JobId,
        (key, ordinal): (String, u32),
        destination: &str,
    ) -> Result<NewJob, EngineError> {
        let now = self.now();
        let event = |photo, kind| Event {
            schema_version: EVENT_SCHEMA_VERSION,
            at: now,
            job: id.clone(),
            photo,
            kind,
        };
        let mut skips = Vec::new();
        let mut photos = Vec::with_capacity(request.plan.photos.len());
        let (mut operations, mut skipped) = (0, 0);
        for photo in &request.plan.photos {
            for operation in &photo.operations {
                match &operation.decision {
                    Decision::Run { .. } => operations += 1,
                    Decision::Skip { code, reason, .. } => {
                        skipped += 1;
                        skips.push(event(
                            Some(photo.photo_id.clone()),
                            EventKind::OperationSkipped {
                                operation: operation.kind,
                                code: *code,
                                reason: reason.clone(),
                            },
                        ));
                    }
                }
            }
            photos.push(NewPhoto {
                id: photo.photo_id.clone(),
                file: photo.file.clone(),
                room: photo.room,
                operations: photo.operations.iter().map(operation_record).collect(),
            });
        }
        let mut events = vec![event(
            None,
            EventKind::Created {
                photos: u32::try_from(photos.len()).unwrap_or(u32::MAX),
                operations,
                skipped,
            },
        )];
        events.append(&mut skips);
        Ok(NewJob {
            key,
            ordinal,
            title: request.listing.title.clone(),
            source: text(&request.source)?.to_owned(),
            out: text(&request.out)?.to_owned(),
            destination: destination.to_owned(),
            style: request.plan.style.name.clone(),
            provider: request.plan.provider.clone(),
            engine_version: request.plan.engine_version.clone(),
            created: now,
            photos,
            events,
            id,
        })
    }

    /// Reserves the folder to deliver into: the listing's slug, or with `-2`, `-3`, … where that
    /// name belongs to another listing or to somebody else's files.
    fn destination_for(
        &self,
        out: &Path,
        listing: &Listing,
        source: &str,
    ) -> Result<String, EngineError> {
        for number in 1..=NAMES_TRIED {
            let name = match number {
                1 => listing.slug.clone(),
                _ => format!("{}-{number}", listing.slug),
            };
            let path = out.join(name);
            let destination = text(&path)?;
            match self.store().destination_owner(destination)? {
                Some(owner) if owner == source => return Ok(destination.to_owned()),
                Some(_) => {}
                None => {
                    if destination != source
                        && !is_foreign(&path, listing)?
                        && self.store().reserve_destination(destination, source)?
                    {
                        return Ok(destination.to_owned());
                    }
                }
            }
        }
        Err(EngineError::NoFreeName {
            slug: listing.slug.clone(),
            out: out.to_owned(),
        })
    }

    /// Whether every delivered file is there with the bytes that were recorded.
    pub(super) fn delivery_is_intact(&self, record: &JobRecord) -> Result<bool, EngineError> {
        let assets = self.store().assets(&record.id)?;
        let root = Self::destination(record);
        let mut delivered = assets
            .iter()
            .filter(|asset| asset.kind == AssetKind::Delivered)
            .peekable();
        if delivered.peek().is_none() {
            return Ok(false);
        }
        let delivered: Vec<_> = delivered.collect();
        Ok(delivered.par_iter().all(|asset| {
            fsx::contained(root, &asset.path).is_ok_and(|path| {
                fs::metadata(&path).is_ok_and(|found| found.len() == asset.bytes)
                    && fs::read(&path)
                        .is_ok_and(|bytes| blake3::hash(&bytes).to_hex().as_str() == asset.blake3)
            })
        }))
    }

    /// Whether every accepted picture is still in the work folder.
    pub(super) fn masters_are_there(&self, record: &JobRecord) -> Result<bool, EngineError> {
        let work = self.work(&record.id);
        if !work.root().join("plan.json").try_exists()? {
            return Ok(false);
        }
        for asset in self.store().assets(&record.id)? {
            if asset.kind != AssetKind::Master {
                continue;
            }
            let Ok(path) = fsx::contained(work.root(), &asset.path) else {
                return Ok(false);
            };
            // What does not answer is not gone.
            if fs::look(path)?.is_none_or(|found| found.len() != asset.bytes) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn operation_record(operation: &PlannedOperation) -> OperationRecord {
    match &operation.decision {
        Decision::Run { executor } => OperationRecord {
            kind: operation.kind,
            executor: executor.clone(),
            state: OperationState::Pending,
            allowed: u32::try_from(operation.attempts.len()).unwrap_or(u32::MAX),
            reason: None,
        },
        Decision::Skip { reason, .. } => OperationRecord {
            kind: operation.kind,
            executor: String::new(),
            state: OperationState::Skipped,
            allowed: 0,
            reason: Some(reason.clone()),
        },
    }
}

fn outcome(record: &JobRecord, existing: bool) -> SubmitOutcome {
    SubmitOutcome {
        job: record.id.clone(),
        existing,
        state: record.state,
        destination: PathBuf::from(&record.destination),
    }
}

/// Whether a folder can be made or filled at `out`: known before hours of work, not after them.
fn writable(out: &Path) -> Result<(), EngineError> {
    let refuse = |reason: String| {
        Err(EngineError::Delivery {
            destination: out.to_owned(),
            reason,
            retryable: false,
            fault: Some(Fault::OfTheUser),
        })
    };
    // What is there of the path, a link that leads nowhere too.
    let there = out
        .ancestors()
        .find(|path| fs::symlink_metadata(path).is_ok());
    let Some(there) = there else {
        return Ok(());
    };
    if !there.is_dir() {
        return refuse(format!(
            "`{}` is not a folder; move it away or choose another folder with `--out`",
            there.display()
        ));
    }
    #[cfg(unix)]
    {
        use rustix::fs::{Access, access};
        if let Err(error) = access(there, Access::WRITE_OK | Access::EXEC_OK) {
            let error = std::io::Error::from(error);
            return refuse(format!(
                "`{}` cannot be written ({error}); give yourself the right or choose another folder with `--out`",
                there.display()
            ));
        }
    }
    Ok(())
}

fn text(path: &Path) -> Result<&str, EngineError> {
    path.to_str()
        .ok_or_else(|| EngineError::NotUnicode(path.to_owned()))
}

/// Whether `path` holds something that an earlier delivery of this listing did not put there. A
/// delivery is known by its manifest, and the listing by its slug and at least one photo.
fn is_foreign(path: &Path, listing: &Listing) -> Result<bool, EngineError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error.into()),
        Ok(found) if !found.is_dir() => return Ok(true),
        Ok(_) => {}
    }
    if fs::read_dir(path)?.next().is_none() {
        return Ok(false);
    }
    let Some(manifest) = crate::deliver::earlier_manifest(path)? else {
        return Ok(true);
    };
    let known = manifest.listing.slug == listing.slug
        && manifest
            .photos
            .iter()
            .any(|photo| listing.photo(&photo.photo_id).is_some());
    Ok(!known)
}
