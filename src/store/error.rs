//! What can go wrong with the record.

use std::path::PathBuf;

use crate::domain::id::JobId;
use crate::domain::state::JobState;
use crate::fsx::{Fault, classify};

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
    /// The database file is damaged.
    #[error("database `{path}` is damaged: {reason}")]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The database, or a file that SQLite keeps beside it, may not be written.
    #[error("database `{database}` cannot be used: `{path}` may not be written")]
    Protected {
        /// Which database.
        database: PathBuf,
        /// The file or folder that may not be written.
        path: PathBuf,
    },
    /// A file of the database cannot be copied or put in its place.
    #[error("the files of database `{path}` cannot be handled: {source}")]
    Files {
        /// Which database.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: std::io::Error,
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
            Self::Sqlite(_) | Self::Files { .. } => self.fault().is_some_and(Fault::is_temporary),
            Self::Conflict { .. } | Self::LeaseLost(_) => true,
            Self::Open { .. }
            | Self::Corrupt { .. }
            | Self::Protected { .. }
            | Self::Newer { .. }
            | Self::MigrationChanged { .. }
            | Self::Exists(_)
            | Self::NotFound(_)
            | Self::Damaged { .. } => false,
        }
    }

    /// Whose it is, where it is one of the file system.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        use rusqlite::ErrorCode as C;
        let failure = match self {
            Self::Sqlite(rusqlite::Error::SqliteFailure(failure, _)) => failure,
            Self::Protected { .. } => return Some(Fault::ReadOnly),
            Self::Files { source, .. } => return Some(classify(source)),
            _ => return None,
        };
        match failure.code {
            C::DatabaseBusy
            | C::DatabaseLocked
            | C::SystemIoFailure
            | C::OutOfMemory
            | C::FileLockingProtocolFailed => Some(Fault::Passing),
            C::DiskFull => Some(Fault::Full),
            C::ReadOnly => Some(Fault::ReadOnly),
            C::PermissionDenied | C::CannotOpen => Some(Fault::OfTheUser),
            _ => None,
        }
    }

    /// Whether SQLite could not use the disk for now, or found no room on it.
    pub(super) fn is_of_the_disk(error: &rusqlite::Error) -> bool {
        use rusqlite::ErrorCode as C;
        matches!(error, rusqlite::Error::SqliteFailure(failure, _) if matches!(
            failure.code,
            C::DatabaseBusy
                | C::DatabaseLocked
                | C::SystemIoFailure
                | C::OutOfMemory
                | C::DiskFull
                | C::ReadOnly
        ))
    }

    /// What the person can do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Newer { .. } => {
                Some("use the newer remedia, or another home with `--home`".to_owned())
            }
            Self::MigrationChanged { .. } => {
                Some("keep the file aside and start with another home".to_owned())
            }
            Self::Corrupt { .. } | Self::Damaged { .. } => Some(
                "`remedia doctor --repair` saves what can be read into a new database and keeps the old one; what is lost can be submitted again"
                    .to_owned(),
            ),
            Self::Protected { path, .. } => Some(format!(
                "give yourself the right to write `{}`, or name another folder with `--home`",
                path.display()
            )),
            Self::Sqlite(_) | Self::Files { .. } => {
                self.fault().and_then(Fault::hint).map(str::to_owned)
            }
            Self::NotFound(_) => Some("`remedia list` shows every job".to_owned()),
            _ => None,
        }
    }
}
