//! Drives jobs: takes the next state from the pure transition function, records it, does its work
//! and tells what happened. Only the engine changes a job's state.

mod bundling;
mod by_hand;
mod concluding;
mod delivery;
mod documents;
mod drive;
#[expect(
    clippy::module_inception,
    reason = "the engine itself, beside its parts"
)]
mod engine;
mod error;
mod examine;
mod executing;
mod faults;
mod gc;
mod hearing;
mod interrupt;
mod judging;
mod lock;
mod operator;
mod ordering;
pub mod prometheus;
mod query;
mod report;
mod request;
mod rooms;
mod run;
mod scoring;
mod session;
mod sink;
mod stats;
mod submit;
mod trouble;
mod versions;
mod wording;
mod working;

pub use bundling::bundle;
pub use engine::{Engine, repair};
pub use error::EngineError;
pub use interrupt::Interrupt;
pub use report::{
    AssetReport, AttemptReport, JobReport, JobSummary, ListFilter, ListReport, LogReport,
    OperationReport, OrderReport, PhotoReport, REPORT_SCHEMA_VERSION, StateCount, StatusReport,
    VersionReport,
};
pub use request::{
    DriveLimits, DriveOutcome, Ending, EngineOptions, GcItem, GcPlan, GcReason, GcRequest,
    HandOverOutcome, ImportOutcome, ImportedUnit, KaggleOptions, RemoteItem, RemotePlan,
    RetryRequest, RevertTarget, RunLimits, RunOutcome, SubmitOutcome, SubmitRequest,
};
pub use rooms::name_rooms;
pub use sink::{EventSink, NoEvents};
pub use stats::{
    NamedStats, OperationStats, ReasonStats, STATS_SCHEMA_VERSION, StageName, StageStats,
    StatsGroup, StatsReport, StatsRequest,
};

pub use crate::bundle::{AnswerError, ArchiveContent, BundleError, verify_archive};
pub use crate::store::{OperationCounts, Repair};
