//! The store in plain memory: gone with the process, for tests and as the second reading of the
//! rules that the suite of every store checks.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::domain::event::Event;
use crate::domain::id::{JobId, PhotoId};
use crate::domain::operation::OperationKind;
use crate::domain::state::JobState;

use super::contract::JobStore;
use super::error::StoreError;
use super::record::{
    AssetRecord, AttemptRecord, Change, JobFilter, JobRecord, LeaseHolder, LeaseOutcome, NewJob,
    OperationCounts, OrderRecord, PhotoRecord, StateTotals, VersionRecord,
};
use super::statistics::{
    Adding, CountedAttempt, Statistics, StatisticsFilter, Tally, TallyBuilder,
};

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    jobs: Vec<Entry>,
    events: Vec<(JobId, Event)>,
    destinations: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
struct Entry {
    record: JobRecord,
    photos: Vec<PhotoRecord>,
    attempts: BTreeMap<(usize, usize, u32), AttemptRecord>,
    versions: BTreeMap<(usize, usize, u32), VersionRecord>,
    assets: Vec<AssetRecord>,
    orders: BTreeMap<u32, OrderRecord>,
    lease: Option<(LeaseHolder, Timestamp)>,
}

impl Entry {
    fn place(&self, photo: &PhotoId, kind: OperationKind) -> Result<(usize, usize), StoreError> {
        self.photos
            .iter()
            .enumerate()
            .find(|(_, record)| &record.id == photo)
            .and_then(|(position, record)| {
                let operation = record.operations.iter().position(|one| one.kind == kind)?;
                Some((position, operation))
            })
            .ok_or_else(|| StoreError::Damaged {
                what: "a change".to_owned(),
                reason: format!(
                    "job `{}` has no operation `{kind}` on photo {}",
                    self.record.id,
                    photo.short()
                ),
            })
    }

    fn counted(&mut self) {
        let mut counts = OperationCounts::default();
        for operation in self.photos.iter().flat_map(|photo| &photo.operations) {
            counts.add(operation.state);
        }
        self.record.counts = counts;
    }

    fn holds(&self, token: &str) -> Result<(), StoreError> {
        match &self.lease {
            Some((holder, _)) if holder.token == token => Ok(()),
            _ => Err(StoreError::LeaseLost(self.record.id.clone())),
        }
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_entry<T>(&self, id: &JobId, work: impl FnOnce(&Entry) -> T) -> Result<T, StoreError> {
        let inner = self.lock();
        let entry = inner.jobs.iter().find(|entry| &entry.record.id == id);
        entry
            .map(work)
            .ok_or_else(|| StoreError::NotFound(id.clone()))
    }
}

impl Inner {
    fn entry(&mut self, id: &JobId) -> Result<&mut Entry, StoreError> {
        self.jobs
            .iter_mut()
            .find(|entry| &entry.record.id == id)
            .ok_or_else(|| StoreError::NotFound(id.clone()))
    }

    fn tally(&self, entry: &Entry) -> Tally {
        let mut builder = TallyBuilder::default();
        for (position, photo) in entry.photos.iter().enumerate() {
            let made = entry
                .attempts
                .range((position, 0, 0)..(position + 1, 0, 0))
                .map(|(_, attempt)| CountedAttempt {
                    kind: attempt.kind,
                    failure: attempt.failure.as_ref(),
                    verdict: attempt.verdict.as_ref(),
                    seconds: attempt.seconds,
                    judging: attempt.judgement.as_ref().map(|judged| judged.seconds),
                });
            builder.photo(photo.room, &photo.operations, made);
        }
        for (job, event) in &self.events {
            if *job == entry.record.id {
                builder.event(event);
            }
        }
        builder.finish()
    }

    fn record_events(&mut self, id: &JobId, events: &[Event]) {
        self.events
            .extend(events.iter().map(|event| (id.clone(), event.clone())));
    }
}

impl JobStore for MemoryStore {
    fn create_job(&self, job: &NewJob) -> Result<(), StoreError> {
        let mut inner = self.lock();
        if inner.jobs.iter().any(|entry| entry.record.id == job.id) {
            return Err(StoreError::Exists(job.id.clone()));
        }
        let mut entry = Entry {
            record: JobRecord {
                id: job.id.clone(),
                key: job.key.clone(),
                ordinal: job.ordinal,
                title: job.title.clone(),
                source: job.source.clone(),
                out: job.out.clone(),
                destination: job.destination.clone(),
                state: JobState::Planned,
                style: job.style.clone(),
                provider: job.provider.clone(),
                engine_version: job.engine_version.clone(),
                created: job.created,
                updated: job.created,
                due: None,
                problem: None,
                faults: 0,
                failed_runs: 0,
                cancel_requested: false,
                photos: job.photos.len() as u64,
                counts: OperationCounts::default(),
            },
            photos: job
                .photos
                .iter()
                .map(|photo| PhotoRecord {
                    id: photo.id.clone(),
                    file: photo.file.clone(),
                    room: photo.room,
                    operations: photo.operations.clone(),
                })
                .collect(),
            attempts: BTreeMap::new(),
            versions: BTreeMap::new(),
            assets: Vec::new(),
            orders: BTreeMap::new(),
            lease: None,
        };
        entry.counted();
        inner.jobs.push(entry);
        inner.record_events(&job.id, &job.events);
        Ok(())
    }

    fn job(&self, id: &JobId) -> Result<Option<JobRecord>, StoreError> {
        Ok(self.with_entry(id, |entry| entry.record.clone()).ok())
    }

    fn jobs_with_key(&self, key: &str) -> Result<Vec<JobRecord>, StoreError> {
        let inner = self.lock();
        let mut found: Vec<JobRecord> = inner
            .jobs
            .iter()
            .filter(|entry| entry.record.key == key)
            .map(|entry| entry.record.clone())
            .collect();
        found.sort_by_key(|record| record.ordinal);
        Ok(found)
    }

    fn ids_with_prefix(&self, prefix: &str, limit: u32) -> Result<Vec<JobId>, StoreError> {
        let inner = self.lock();
        let mut found: Vec<JobId> = inner
            .jobs
            .iter()
            .map(|entry| entry.record.id.clone())
            .filter(|id| id.as_str().starts_with(prefix))
            .collect();
        found.sort();
        found.truncate(limit as usize);
        Ok(found)
    }

    fn list(&self, filter: &JobFilter) -> Result<Vec<JobRecord>, StoreError> {
        let inner = self.lock();
        let end = match &filter.before {
            Some(id) => inner
                .jobs
                .iter()
                .position(|entry| &entry.record.id == id)
                .ok_or_else(|| StoreError::NotFound(id.clone()))?,
            None => inner.jobs.len(),
        };
        Ok(inner
            .jobs
            .iter()
            .take(end)
            .rev()
            .map(|entry| &entry.record)
            .filter(|record| filter.states.is_empty() || filter.states.contains(&record.state))
            .take(filter.limit as usize)
            .cloned()
            .collect())
    }

    fn totals(&self) -> Result<Vec<StateTotals>, StoreError> {
        let inner = self.lock();
        let mut totals: BTreeMap<JobState, StateTotals> = BTreeMap::new();
        for entry in &inner.jobs {
            let record = &entry.record;
            let total = totals.entry(record.state).or_insert(StateTotals {
                state: record.state,
                jobs: 0,
                photos: 0,
                counts: OperationCounts::default(),
            });
            total.jobs += 1;
            total.photos += record.photos;
            total.counts.pending += record.counts.pending;
            total.counts.produced += record.counts.produced;
            total.counts.accepted += record.counts.accepted;
            total.counts.rejected += record.counts.rejected;
            total.counts.gave_up += record.counts.gave_up;
            total.counts.skipped += record.counts.skipped;
        }
        Ok(totals.into_values().collect())
    }

    fn statistics(&self, filter: &StatisticsFilter) -> Result<Statistics, StoreError> {
        let inner = self.lock();
        let mut adding = Adding::new(filter);
        for entry in &inner.jobs {
            let record = &entry.record;
            let wanted = filter.since.is_none_or(|since| record.created >= since)
                && filter
                    .style
                    .as_ref()
                    .is_none_or(|style| *style == record.style);
            if wanted {
                adding.add(&record.style, &inner.tally(entry));
            }
        }
        Ok(adding.finish())
    }

    fn due(&self, now: Timestamp) -> Result<Vec<JobId>, StoreError> {
        let inner = self.lock();
        Ok(inner
            .jobs
            .iter()
            .map(|entry| &entry.record)
            .filter(|record| {
                record.state.is_drivable() && record.due.is_none_or(|moment| moment <= now)
            })
            .map(|record| record.id.clone())
            .collect())
    }

    fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let inner = self.lock();
        Ok(inner
            .jobs
            .iter()
            .map(|entry| &entry.record)
            .filter(|record| record.state.is_drivable())
            .filter_map(|record| record.due)
            .filter(|moment| *moment > now)
            .min())
    }

    fn photos(&self, id: &JobId) -> Result<Vec<PhotoRecord>, StoreError> {
        self.with_entry(id, |entry| entry.photos.clone())
    }

    fn attempts(&self, id: &JobId) -> Result<Vec<AttemptRecord>, StoreError> {
        self.with_entry(id, |entry| entry.attempts.values().cloned().collect())
    }

    fn versions(&self, id: &JobId) -> Result<Vec<VersionRecord>, StoreError> {
        self.with_entry(id, |entry| entry.versions.values().cloned().collect())
    }

    fn assets(&self, id: &JobId) -> Result<Vec<AssetRecord>, StoreError> {
        self.with_entry(id, |entry| entry.assets.clone())
    }

    fn orders(&self, id: &JobId) -> Result<Vec<OrderRecord>, StoreError> {
        self.with_entry(id, |entry| entry.orders.values().cloned().collect())
    }

    fn events(&self, id: &JobId, after: u64, limit: u32) -> Result<Vec<(u64, Event)>, StoreError> {
        self.with_entry(id, |_| ())?;
        let inner = self.lock();
        Ok((1_u64..)
            .zip(&inner.events)
            .filter(|(number, (job, _))| *number > after && job == id)
            .map(|(number, (_, event))| (number, event.clone()))
            .take(limit as usize)
            .collect())
    }

    fn apply(&self, change: &Change) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let entry = inner.entry(&change.job)?;
        if entry.record.state != change.expected {
            return Err(StoreError::Conflict {
                job: change.job.clone(),
                expected: change.expected,
                found: entry.record.state,
            });
        }
        entry.holds(&change.lease)?;
        // Worked on a copy, so that a step which cannot be written whole has no effect.
        let mut next = entry.clone();
        next.record.state = change.state;
        next.record.updated = change.at;
        next.record.due = change.due;
        next.record.problem.clone_from(&change.problem);
        next.record.faults = change.faults;
        next.record.failed_runs = change.failed_runs;
        next.record.cancel_requested &= !change.clear_cancel;
        for operation in &change.operations {
            let (photo, index) = next.place(&operation.photo, operation.kind)?;
            if let Some(record) = next
                .photos
                .get_mut(photo)
                .and_then(|photo| photo.operations.get_mut(index))
            {
                record.state = operation.state;
                record.allowed = operation.allowed;
                record.reason.clone_from(&operation.reason);
            }
        }
        next.counted();
        for attempt in &change.attempts {
            let (photo, index) = next.place(&attempt.photo, attempt.kind)?;
            let known = next
                .attempts
                .entry((photo, index, attempt.number))
                .or_insert_with(|| attempt.clone());
            if attempt.verdict.is_some() {
                known.verdict.clone_from(&attempt.verdict);
            }
            if attempt.judgement.is_some() {
                known.judgement.clone_from(&attempt.judgement);
            }
            if attempt.master.is_some() {
                known.master.clone_from(&attempt.master);
            }
            known.clip_score = attempt.clip_score.or(known.clip_score);
        }
        for version in &change.versions {
            let (photo, index) = next.place(&version.photo, version.kind)?;
            if let Some(attempt) = version.attempt
                && !next.attempts.contains_key(&(photo, index, attempt))
            {
                return Err(StoreError::Damaged {
                    what: "a change".to_owned(),
                    reason: format!("version {} names no attempt", version.number),
                });
            }
            next.versions
                .entry((photo, index, version.number))
                .or_insert_with(|| version.clone());
        }
        if let Some(order) = &change.order {
            next.orders
                .entry(order.number)
                .or_insert_with(|| order.clone())
                .remote
                .clone_from(&order.remote);
        }
        if let Some((kind, assets)) = &change.assets {
            next.assets.retain(|asset| asset.kind != *kind);
            next.assets.extend(assets.iter().cloned());
            next.assets
                .sort_by(|one, other| (one.kind, &one.path).cmp(&(other.kind, &other.path)));
        }
        *entry = next;
        inner.record_events(&change.job, &change.events);
        Ok(())
    }

    fn request_cancel(&self, id: &JobId, events: &[Event]) -> Result<(), StoreError> {
        let mut inner = self.lock();
        inner.entry(id)?.record.cancel_requested = true;
        inner.record_events(id, events);
        Ok(())
    }

    fn acquire_lease(
        &self,
        id: &JobId,
        holder: &LeaseHolder,
        now: Timestamp,
        expires: Timestamp,
        exclusive_here: bool,
    ) -> Result<LeaseOutcome, StoreError> {
        let mut inner = self.lock();
        let entry = inner.entry(id)?;
        if let Some((present, until)) = &entry.lease {
            let ours = present.token == holder.token;
            let dead = exclusive_here && present.host == holder.host;
            if !(ours || *until <= now || dead) {
                return Ok(LeaseOutcome::HeldBy(present.clone()));
            }
        }
        entry.lease = Some((holder.clone(), expires));
        Ok(LeaseOutcome::Acquired)
    }

    fn renew_lease(&self, id: &JobId, token: &str, expires: Timestamp) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let entry = inner.entry(id)?;
        entry.holds(token)?;
        if let Some((_, until)) = &mut entry.lease {
            *until = expires;
        }
        Ok(())
    }

    fn release_lease(&self, id: &JobId, token: &str) -> Result<(), StoreError> {
        let mut inner = self.lock();
        if let Ok(entry) = inner.entry(id)
            && entry.holds(token).is_ok()
        {
            entry.lease = None;
        }
        Ok(())
    }

    fn reserve_destination(&self, destination: &str, source: &str) -> Result<bool, StoreError> {
        let mut inner = self.lock();
        let owner = inner
            .destinations
            .iter()
            .find(|(path, _)| path == destination)
            .map(|(_, owner)| owner.clone());
        match owner {
            Some(owner) => Ok(owner == source),
            None => {
                inner
                    .destinations
                    .push((destination.to_owned(), source.to_owned()));
                Ok(true)
            }
        }
    }

    fn integrity(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    fn destination_owner(&self, destination: &str) -> Result<Option<String>, StoreError> {
        let inner = self.lock();
        Ok(inner
            .destinations
            .iter()
            .find(|(path, _)| path == destination)
            .map(|(_, owner)| owner.clone()))
    }
}
