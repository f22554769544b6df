//! One job in the hands of this process: its record, the right to change it, and those who listen.

use std::sync::{Mutex, PoisonError};

use crate::domain::event::{EVENT_SCHEMA_VERSION, Event, EventKind, Stage};
use crate::domain::id::{JobId, PhotoId};
use crate::domain::job::{JobOrder, RunMarker};
use crate::domain::state::{Effect, JobInput, JobState, next};
use crate::store::{Change, JobRecord, JobStore, OrderRecord, StoreError};

use super::documents::WorkFolder;
use super::engine::Engine;
use super::error::EngineError;
use super::lock::Lock;
use super::sink::EventSink;

/// The order that a job's executor works on, with its place on disk.
#[derive(Debug)]
pub(super) struct CurrentOrder {
    pub(super) record: OrderRecord,
    pub(super) document: JobOrder,
    pub(super) marker: RunMarker,
    pub(super) folder: std::path::PathBuf,
}

/// A job that this process drives.
pub(super) struct Session<'a> {
    pub(super) engine: &'a Engine,
    pub(super) record: JobRecord,
    pub(super) work: WorkFolder,
    lock: Lock<'a>,
    sink: Mutex<&'a mut dyn EventSink>,
}

impl<'a> Session<'a> {
    /// Takes the right to drive `job`.
    pub(super) fn open(
        engine: &'a Engine,
        job: &JobId,
        sink: &'a mut dyn EventSink,
    ) -> Result<Self, EngineError> {
        let work = engine.work(job);
        // An unknown job must leave no folder behind.
        engine.record(job)?;
        let lock = Lock::acquire(
            engine.store(),
            job,
            work.root(),
            engine.host(),
            engine.now(),
        )?;
        // Read again: whoever held the lock before may have gone on.
        let record = engine.record(job)?;
        Ok(Self {
            engine,
            record,
            work,
            lock,
            sink: Mutex::new(sink),
        })
    }

    pub(super) fn state(&self) -> JobState {
        self.record.state
    }

    pub(super) fn store(&self) -> &dyn JobStore {
        self.engine.store()
    }

    pub(super) fn event(&self, photo: Option<&PhotoId>, kind: EventKind) -> Event {
        Event {
            schema_version: EVENT_SCHEMA_VERSION,
            at: self.engine.now(),
            job: self.record.id.clone(),
            photo: photo.cloned(),
            kind,
        }
    }

    /// Tells the listener without recording.
    pub(super) fn tell(&self, event: &Event) {
        self.sink
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .event(event);
    }

    pub(super) fn progress(&self, stage: Stage, done: u64, total: u64) {
        self.tell(&self.event(None, EventKind::Progress { stage, done, total }));
    }

    /// A step from the present state.
    pub(super) fn change(&self) -> Change {
        Change::of(&self.record, &self.lock.token, self.engine.now())
    }

    /// Writes a step and tells its events.
    pub(super) fn write(&self, change: &Change) -> Result<(), EngineError> {
        self.engine.store().apply(change)?;
        for event in &change.events {
            self.tell(event);
        }
        Ok(())
    }

    /// Writes a step that keeps the state.
    pub(super) fn note(&mut self, fill: impl FnOnce(&mut Change)) -> Result<(), EngineError> {
        let mut change = self.change();
        fill(&mut change);
        self.write(&change)?;
        self.reload()
    }

    /// Takes `input`: records the state that it leads to, with whatever `fill` adds, and gives the
    /// effects that are now to be done.
    pub(super) fn advance(
        &mut self,
        input: JobInput,
        fill: impl FnOnce(&mut Change),
    ) -> Result<Vec<Effect>, EngineError> {
        let (to, effects) = next(self.record.state, input)?;
        let mut change = self.change();
        change.state = to;
        change.due = None;
        change.problem = None;
        change.events.push(self.event(
            None,
            EventKind::StateChanged {
                from: self.record.state,
                to,
            },
        ));
        fill(&mut change);
        self.write(&change)?;
        self.reload()?;
        self.lock.renew(self.engine.now())?;
        Ok(effects)
    }

    pub(super) fn reload(&mut self) -> Result<(), EngineError> {
        self.record = self.engine.record(&self.record.id)?;
        Ok(())
    }

    /// Shows that this process is alive.
    pub(super) fn renew(&self) -> Result<(), EngineError> {
        self.lock.renew(self.engine.now())
    }

    /// Whether a person asked this process, through the store, to stop the job.
    pub(super) fn cancel_requested(&self) -> bool {
        self.store()
            .job(&self.record.id)
            .is_ok_and(|record| record.is_some_and(|record| record.cancel_requested))
    }

    /// The order that was given last.
    pub(super) fn order(&self) -> Result<CurrentOrder, EngineError> {
        let orders = self.store().orders(&self.record.id)?;
        let Some(record) = orders.into_iter().next_back() else {
            return Err(StoreError::Damaged {
                what: format!("job `{}`", self.record.id),
                reason: "it is with an executor and has no order".to_owned(),
            }
            .into());
        };
        let folder = self.work.order(record.number);
        let (document, marker) = crate::bundle::read_order(&folder)?;
        Ok(CurrentOrder {
            record,
            document,
            marker,
            folder,
        })
    }
}
