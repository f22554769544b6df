//! Drives jobs: takes the next state from the pure transition function, records it, does its work
//! and tells what happened. Only the engine changes a job's state.

mod error;
mod interrupt;
mod report;
mod request;
mod sink;

pub use error::EngineError;
pub use interrupt::Interrupt;
pub use report::{
    AssetReport, AttemptReport, JobReport, JobSummary, ListFilter, ListReport, LogReport,
    OperationReport, OrderReport, PhotoReport, REPORT_SCHEMA_VERSION, StateCount, StatusReport,
};
pub use request::{
    DriveLimits, DriveOutcome, Ending, EngineOptions, GcItem, GcPlan, GcReason, GcRequest,
    RetryRequest, RunLimits, RunOutcome, SubmitOutcome, SubmitRequest,
};
pub use sink::{EventSink, NoEvents};

pub use crate::store::OperationCounts;

use std::path::PathBuf;
use std::time::Duration;

use crate::clock::Clock;
use crate::domain::id::{JobId, PhotoId};

/// The engine of one home.
#[derive(Debug)]
pub struct Engine {
    options: EngineOptions,
    clock: Clock,
}

#[expect(
    clippy::unimplemented,
    reason = "signatures first; the bodies follow on this branch"
)]
#[expect(
    unused_variables,
    reason = "signatures first; the bodies follow on this branch"
)]
impl Engine {
    /// Opens the home, making it where it is missing, and brings its database to this build's form.
    pub fn open(options: EngineOptions, clock: Clock) -> Result<Self, EngineError> {
        Ok(Self { options, clock })
    }
    /// Finds the job that does `request`, or makes it. Nothing is driven yet.
    pub fn submit(
        &self,
        request: &SubmitRequest,
        events: &mut dyn EventSink,
    ) -> Result<SubmitOutcome, EngineError> {
        unimplemented!()
    }
    /// Drives one job as far as it goes. `Err(Locked)` where another process does.
    pub fn drive(
        &self,
        job: &JobId,
        events: &mut dyn EventSink,
        interrupt: &Interrupt,
        limits: &DriveLimits,
    ) -> Result<DriveOutcome, EngineError> {
        unimplemented!()
    }
    /// Drives every job that is due.
    pub fn run_due(
        &self,
        events: &mut dyn EventSink,
        interrupt: &Interrupt,
        limits: &RunLimits,
    ) -> Result<RunOutcome, EngineError> {
        unimplemented!()
    }
    /// Waits, without driving, until the job rests (terminal, or waits for a person).
    pub fn wait(
        &self,
        job: &JobId,
        events: &mut dyn EventSink,
        interrupt: &Interrupt,
        timeout: Option<Duration>,
    ) -> Result<DriveOutcome, EngineError> {
        unimplemented!()
    }
    /// The job with this id, with an id that starts so, or the newest for `last`.
    pub fn find_job(&self, text: &str) -> Result<JobId, EngineError> {
        unimplemented!()
    }
    /// All jobs at a glance.
    pub fn status(&self) -> Result<StatusReport, EngineError> {
        unimplemented!()
    }
    /// One job in one line.
    pub fn summary(&self, job: &JobId) -> Result<JobSummary, EngineError> {
        unimplemented!()
    }
    /// Jobs, newest first.
    pub fn list(&self, filter: &ListFilter) -> Result<ListReport, EngineError> {
        unimplemented!()
    }
    /// One job in full.
    pub fn show(&self, job: &JobId) -> Result<JobReport, EngineError> {
        unimplemented!()
    }
    /// Recorded events behind `after` (0 for all), oldest first, at most `limit`.
    pub fn logs(&self, job: &JobId, after: u64, limit: u32) -> Result<LogReport, EngineError> {
        unimplemented!()
    }
    /// Gives operations another attempt with a new seed; the job is then due.
    pub fn retry(
        &self,
        job: &JobId,
        request: &RetryRequest,
        events: &mut dyn EventSink,
    ) -> Result<JobSummary, EngineError> {
        unimplemented!()
    }
    /// Takes results that wait for a person; all of them where `photos` is empty.
    pub fn approve(
        &self,
        job: &JobId,
        photos: &[PhotoId],
        events: &mut dyn EventSink,
    ) -> Result<JobSummary, EngineError> {
        unimplemented!()
    }
    /// Refuses results that wait for a person; all of them where `photos` is empty.
    pub fn reject(
        &self,
        job: &JobId,
        photos: &[PhotoId],
        events: &mut dyn EventSink,
    ) -> Result<JobSummary, EngineError> {
        unimplemented!()
    }
    /// Stops the job, at once or, where another process drives it, at that process's next safe point.
    pub fn cancel(
        &self,
        job: &JobId,
        events: &mut dyn EventSink,
    ) -> Result<JobSummary, EngineError> {
        unimplemented!()
    }
    /// Makes a failed, cancelled, delayed or waiting job due again; `drive` then goes on.
    pub fn resume(
        &self,
        job: &JobId,
        events: &mut dyn EventSink,
    ) -> Result<JobSummary, EngineError> {
        unimplemented!()
    }
    /// Makes a delivered job write its folder again; `drive` then does it.
    pub fn deliver_again(
        &self,
        job: &JobId,
        events: &mut dyn EventSink,
    ) -> Result<JobSummary, EngineError> {
        unimplemented!()
    }
    /// What could be removed from the home.
    pub fn gc_plan(&self, request: &GcRequest) -> Result<GcPlan, EngineError> {
        unimplemented!()
    }
    /// Removes what the plan names and is still not needed.
    pub fn gc_apply(&self, plan: &GcPlan) -> Result<GcPlan, EngineError> {
        unimplemented!()
    }
    /// The job's work folder.
    pub fn work_folder(&self, job: &JobId) -> PathBuf {
        self.options.home.join("jobs").join(job.as_str())
    }
}

#[expect(
    clippy::unimplemented,
    unused_variables,
    reason = "signatures first; the bodies follow"
)]
impl Engine {
    /// The listing that a job was made of.
    pub fn listing(&self, job: &JobId) -> Result<crate::domain::listing::Listing, EngineError> {
        unimplemented!()
    }
    /// What is wrong with the database, nothing where it is sound.
    pub fn check(&self) -> Result<Vec<String>, EngineError> {
        unimplemented!()
    }
}
