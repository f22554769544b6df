//! The record of every job: one trait, one suite of rules that each implementation must pass, and
//! SQL in one of them alone.

mod contract;
mod error;
mod memory;
mod record;
mod sqlite;
mod statistics;

pub use contract::JobStore;
pub use error::StoreError;
pub use memory::MemoryStore;
pub use record::{
    AssetKind, AssetRecord, AttemptRecord, Change, JobFilter, JobRecord, LeaseHolder, LeaseOutcome,
    NewJob, NewPhoto, OperationChange, OperationCounts, OperationRecord, OrderRecord, PhotoRecord,
    StateTotals, VersionRecord,
};
pub use sqlite::{Repair, SqliteStore, repair};
pub use statistics::{Figures, Group, Histogram, Statistics, StatisticsFilter};
