//! Rows to values and back. A value that remedia never writes is reported as damage, never guessed.

use jiff::Timestamp;
use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::id::{JobId, PhotoId};
use crate::domain::operation::OperationKind;
use crate::domain::state::{JobState, OperationState};
use crate::store::error::StoreError;
use crate::store::record::{JobRecord, OperationCounts};

/// The columns that [`job`] reads, in its order.
pub(super) const JOB_COLUMNS: &str = "id, key, ordinal, title, source, out, destination, state, \
     style, provider, engine_version, created, updated, due, problem, faults, failed_runs, \
     cancel_requested, photos, pending, produced, accepted, rejected, gave_up, skipped";

pub(super) fn job(row: &Row<'_>) -> Result<JobRecord, StoreError> {
    Ok(JobRecord {
        id: parsed("job id", &row.get::<_, String>(0)?)?,
        key: row.get(1)?,
        ordinal: row.get(2)?,
        title: row.get(3)?,
        source: row.get(4)?,
        out: row.get(5)?,
        destination: row.get(6)?,
        state: job_state(&row.get::<_, String>(7)?)?,
        style: row.get(8)?,
        provider: row.get(9)?,
        engine_version: row.get(10)?,
        created: moment(row.get(11)?)?,
        updated: moment(row.get(12)?)?,
        due: row.get::<_, Option<i64>>(13)?.map(moment).transpose()?,
        problem: row.get(14)?,
        faults: row.get(15)?,
        failed_runs: row.get(16)?,
        cancel_requested: row.get(17)?,
        photos: count(row, 18)?,
        counts: counts(row, 19)?,
    })
}

/// Six columns from `first` on: pending, produced, accepted, rejected, gave_up, skipped.
pub(super) fn counts(row: &Row<'_>, first: usize) -> Result<OperationCounts, StoreError> {
    Ok(OperationCounts {
        pending: count(row, first)?,
        produced: count(row, first + 1)?,
        accepted: count(row, first + 2)?,
        rejected: count(row, first + 3)?,
        gave_up: count(row, first + 4)?,
        skipped: count(row, first + 5)?,
    })
}

pub(super) fn count(row: &Row<'_>, column: usize) -> Result<u64, StoreError> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| damaged("a count", "it is negative"))
}

pub(super) fn damaged(what: &str, reason: impl ToString) -> StoreError {
    StoreError::Damaged {
        what: what.to_owned(),
        reason: reason.to_string(),
    }
}

pub(super) fn parsed<T>(what: &str, text: &str) -> Result<T, StoreError>
where
    T: std::str::FromStr,
    T::Err: ToString,
{
    text.parse().map_err(|error: T::Err| damaged(what, error))
}

pub(super) fn job_id(text: &str) -> Result<JobId, StoreError> {
    parsed("job id", text)
}

pub(super) fn photo_id(text: &str) -> Result<PhotoId, StoreError> {
    parsed("photo id", text)
}

pub(super) fn kind(text: &str) -> Result<OperationKind, StoreError> {
    parsed("operation", text)
}

pub(super) fn job_state(text: &str) -> Result<JobState, StoreError> {
    parsed("job state", text)
}

pub(super) fn operation_state(name: &str, attempts: u32) -> Result<OperationState, StoreError> {
    OperationState::from_name(name, attempts)
        .ok_or_else(|| damaged("operation state", format!("`{name}` is none")))
}

pub(super) const fn attempts_of(state: OperationState) -> u32 {
    match state {
        OperationState::Rejected { attempts } => attempts,
        _ => 0,
    }
}

pub(super) fn moment(milliseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| damaged("a time", error))
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| damaged("a value to write", error))
}

pub(super) fn from_json<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| damaged(what, error))
}
