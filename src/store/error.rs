//! What can go wrong with the record.

use std::path::PathBuf;

use crate::domain::id::JobId;
use crate::domain::state::JobState;

/// The record did not do what it was asked. Nothing of the request was written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite.
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The database file cannot be opened.
    #[error("database `{path}` cannot be opened: {reason}")]
    Open {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A newer build wrote it.
    #[error(
        "database `{path}` was written by a newer remedia (its form is {found}, this build knows up to {known})"
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The form found.
        found: u32,
        /// The newest form that this build knows.
        known: u32,
    },
    /// A migration that was applied is not the one that this build carries.
    #[error("database `{path}` was changed by another migration {number} than this build's")]
    MigrationChanged {
        /// Which file.
        path: PathBuf,
        /// Which migration.
        number: u32,
    },
    /// A job with this id is there.
    #[error("job `{0}` exists already")]
    Exists(JobId),
    /// No such job.
    #[error("no job `{0}`")]
    NotFound(JobId),
    /// Someone else changed the job meanwhile.
    #[error("job `{job}` is {found} and no longer {expected}")]
    Conflict {
        /// Which job.
        job: JobId,
        /// The state that the change started from.
        expected: JobState,
        /// The state in the record.
        found: JobState,
    },
    /// The lease belongs to someone else now.
    #[error("job `{0}` is driven by another process")]
    LeaseLost(JobId),
    /// A value in the record is not what remedia writes.
    #[error("record of {what} is damaged: {reason}")]
    Damaged {
        /// Which value.
        what: String,
        /// What is wrong.
        reason: String,
    },
}

impl StoreError {
    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Sqlite(rusqlite::Error::SqliteFailure(failure, _)) => matches!(
                failure.code,
                rusqlite::ErrorCode::DatabaseBusy
                    | rusqlite::ErrorCode::DatabaseLocked
                    | rusqlite::ErrorCode::DiskFull
            ),
            Self::Conflict { .. } | Self::LeaseLost(_) => true,
            Self::Sqlite(_)
            | Self::Open { .. }
            | Self::Newer { .. }
            | Self::MigrationChanged { .. }
            | Self::Exists(_)
            | Self::NotFound(_)
            | Self::Damaged { .. } => false,
        }
    }

    /// What the person can do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Newer { .. } => {
                Some("use the newer remedia, or another home with `--home`".to_owned())
            }
            Self::MigrationChanged { .. } | Self::Damaged { .. } => {
                Some("keep the file aside and start with another home".to_owned())
            }
            Self::Sqlite(rusqlite::Error::SqliteFailure(failure, _))
                if failure.code == rusqlite::ErrorCode::DiskFull =>
            {
                Some("make room on the disk, then ask again".to_owned())
            }
            Self::NotFound(_) => Some("`remedia list` shows every job".to_owned()),
            _ => None,
        }
    }
}
