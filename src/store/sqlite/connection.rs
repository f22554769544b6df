//! Opening the file, and the trait on top of the statements.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::domain::event::Event;
use crate::domain::id::JobId;
use crate::fsx::fs;
use crate::store::contract::JobStore;
use crate::store::error::StoreError;
use crate::store::record::{
    AssetRecord, AttemptRecord, Change, JobFilter, JobRecord, LeaseHolder, LeaseOutcome, NewJob,
    OrderRecord, PhotoRecord, StateTotals, VersionRecord,
};
use crate::store::statistics::{Statistics, StatisticsFilter};

use super::{migration, read, tally, write};

/// How long a write waits for another process's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(20);

/// A store in one SQLite file, in write-ahead mode: readers never wait, writers wait for each other,
/// and what is committed survives the end of the process and of the power.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Mutex<Connection>,
    path: PathBuf,
}

impl SqliteStore {
    /// Opens `path`, making the file where it is missing, and brings it to this build's form.
    ///
    /// # Errors
    /// [`StoreError::Newer`] for the file of a newer build, [`StoreError::Open`] for a file that
    /// cannot be opened or is another program's, [`StoreError::Corrupt`] for one that is damaged,
    /// [`StoreError::Protected`] where one of its files may not be written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        whole_with_journal(path)?;
        make_by_umask(path)?;
        Self::open_as_it_is(path)
    }

    /// The same, whatever lies beside it.
    pub(super) fn open_as_it_is(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(path, flags).map_err(|error| refused(path, error))?;
        Self::prepare(connection, path).map_err(|error| explained(path, error))
    }

    /// A store that is gone with this value.
    ///
    /// # Errors
    /// When SQLite cannot be set up.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::prepare(Connection::open_in_memory()?, Path::new(":memory:"))
    }

    fn prepare(mut connection: Connection, path: &Path) -> Result<Self, StoreError> {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // The first statement that reads the file tells whether it is a database at all.
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .map_err(|error| refused(path, error))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.set_prepared_statement_cache_capacity(64);
        migration::migrate(&mut connection, path)?;
        Ok(Self {
            connection: Mutex::new(connection),
            path: path.to_path_buf(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic while the lock was held has rolled its transaction back, so the connection is
        // still good.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.lock();
        let outcome = || -> Result<T, StoreError> {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
            let value = work(&transaction)?;
            transaction.finish()?;
            Ok(value)
        };
        outcome().map_err(|error| explained(&self.path, error))
    }

    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.lock();
        let outcome = || -> Result<T, StoreError> {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        outcome().map_err(|error| explained(&self.path, error))
    }
}

/// Makes an empty file where there is none, with the rights that the umask leaves: SQLite would take away
/// more. The files beside it get the same.
fn make_by_umask(path: &Path) -> Result<(), StoreError> {
    let made = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path);
    match made {
        Err(source) if !path.is_file() => Err(StoreError::Files {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// What an error at opening means.
fn refused(path: &Path, error: rusqlite::Error) -> StoreError {
    match explained(path, error.into()) {
        StoreError::Sqlite(error) if StoreError::is_of_the_disk(&error) => error.into(),
        StoreError::Sqlite(error) => StoreError::Open {
            path: path.to_owned(),
            reason: error.to_string(),
        },
        other => other,
    }
}

/// Says which file an error of SQLite is about, where that helps: a damaged one, or one that may not be written.
fn explained(path: &Path, error: StoreError) -> StoreError {
    use rusqlite::ErrorCode as C;
    let StoreError::Sqlite(rusqlite::Error::SqliteFailure(failure, _)) = &error else {
        return error;
    };
    let code = failure.code;
    match code {
        C::DatabaseCorrupt | C::NotADatabase => StoreError::Corrupt {
            path: path.to_owned(),
            reason: error.to_string(),
        },
        C::ReadOnly | C::CannotOpen | C::PermissionDenied => match protected(path) {
            Some(file) => StoreError::Protected {
                database: path.to_owned(),
                path: file,
            },
            None => error,
        },
        _ => error,
    }
}

/// The first of the database's files that is there and may not be written: itself, its journal, the file that
/// processes share their memory by, its folder.
#[cfg(unix)]
fn protected(path: &Path) -> Option<PathBuf> {
    use rustix::fs::{Access, access};
    let folder = path.parent().map(Path::to_path_buf);
    [
        path.to_path_buf(),
        beside(path, "-wal"),
        beside(path, "-shm"),
    ]
    .into_iter()
    .chain(folder)
    .find(|file| {
        fs::symlink_metadata(file).is_ok()
            && (access(file.as_path(), Access::WRITE_OK).is_err() || is_in_the_way(path, file))
    })
}

#[cfg(not(unix))]
fn protected(_: &Path) -> Option<PathBuf> {
    None
}

/// Whether something that is no file stands where SQLite keeps one.
#[cfg(unix)]
fn is_in_the_way(path: &Path, file: &Path) -> bool {
    path.parent() != Some(file) && fs::symlink_metadata(file).is_ok_and(|found| !found.is_file())
}

/// The path with something behind its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A database that is gone or empty while its journal is there lost what is in neither: SQLite would begin a new one and
/// throw the journal away.
fn whole_with_journal(path: &Path) -> Result<(), StoreError> {
    let length = |path: &Path| -> Result<u64, StoreError> {
        let found = fs::look(path).map_err(|source| StoreError::Files {
            path: path.to_path_buf(),
            source,
        })?;
        Ok(found.map_or(0, |found| found.len()))
    };
    if length(path)? > 0 {
        return Ok(());
    }
    let reason = if length(&beside(path, "-wal"))? > 0 {
        "it is gone or empty, but its journal is there"
    } else if holds_jobs(path) {
        "it is gone or empty, but the home has jobs"
    } else {
        return Ok(());
    };
    Err(StoreError::Corrupt {
        path: path.to_path_buf(),
        reason: reason.to_owned(),
    })
}

/// Whether work folders lie beside the database: they are made after it.
fn holds_jobs(path: &Path) -> bool {
    path.parent()
        .and_then(|home| fs::read_dir(home.join("jobs")).ok())
        .is_some_and(|mut entries| entries.next().is_some())
}

impl JobStore for SqliteStore {
    fn create_job(&self, job: &NewJob) -> Result<(), StoreError> {
        self.write(|transaction| write::create_job(transaction, job))
    }

    fn job(&self, id: &JobId) -> Result<Option<JobRecord>, StoreError> {
        self.read(|transaction| read::job(transaction, id))
    }

    fn jobs_with_key(&self, key: &str) -> Result<Vec<JobRecord>, StoreError> {
        self.read(|transaction| read::jobs_with_key(transaction, key))
    }

    fn ids_with_prefix(&self, prefix: &str, limit: u32) -> Result<Vec<JobId>, StoreError> {
        self.read(|transaction| read::ids_with_prefix(transaction, prefix, limit))
    }

    fn list(&self, filter: &JobFilter) -> Result<Vec<JobRecord>, StoreError> {
        self.read(|transaction| read::list(transaction, filter))
    }

    fn totals(&self) -> Result<Vec<StateTotals>, StoreError> {
        self.read(|transaction| read::totals(transaction))
    }

    fn statistics(&self, filter: &StatisticsFilter) -> Result<Statistics, StoreError> {
        if self.read(|transaction| tally::any_missing(transaction))? {
            // In parts, so that others can write in between. A record that cannot be written, as on a
            // full disk, can still be counted.
            while matches!(
                self.write(|transaction| tally::make_missing(transaction)),
                Ok(true)
            ) {}
        }
        self.read(|transaction| tally::statistics(transaction, filter))
    }

    fn due(&self, now: Timestamp) -> Result<Vec<JobId>, StoreError> {
        self.read(|transaction| read::due(transaction, now))
    }

    fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(|transaction| read::next_due(transaction, now))
    }

    fn photos(&self, id: &JobId) -> Result<Vec<PhotoRecord>, StoreError> {
        self.read(|transaction| read::photos(transaction, id))
    }

    fn attempts(&self, id: &JobId) -> Result<Vec<AttemptRecord>, StoreError> {
        self.read(|transaction| read::attempts(transaction, id))
    }

    fn versions(&self, id: &JobId) -> Result<Vec<VersionRecord>, StoreError> {
        self.read(|transaction| read::versions(transaction, id))
    }

    fn assets(&self, id: &JobId) -> Result<Vec<AssetRecord>, StoreError> {
        self.read(|transaction| read::assets(transaction, id))
    }

    fn orders(&self, id: &JobId) -> Result<Vec<OrderRecord>, StoreError> {
        self.read(|transaction| read::orders(transaction, id))
    }

    fn events(&self, id: &JobId, after: u64, limit: u32) -> Result<Vec<(u64, Event)>, StoreError> {
        self.read(|transaction| read::events(transaction, id, after, limit))
    }

    fn apply(&self, change: &Change) -> Result<(), StoreError> {
        self.write(|transaction| write::apply(transaction, change))
    }

    fn request_cancel(&self, id: &JobId, events: &[Event]) -> Result<(), StoreError> {
        self.write(|transaction| write::request_cancel(transaction, id, events))
    }

    fn acquire_lease(
        &self,
        id: &JobId,
        holder: &LeaseHolder,
        now: Timestamp,
        expires: Timestamp,
        exclusive_here: bool,
    ) -> Result<LeaseOutcome, StoreError> {
        self.write(|transaction| {
            write::acquire_lease(transaction, id, holder, now, expires, exclusive_here)
        })
    }

    fn renew_lease(&self, id: &JobId, token: &str, expires: Timestamp) -> Result<(), StoreError> {
        self.write(|transaction| write::renew_lease(transaction, id, token, expires))
    }

    fn release_lease(&self, id: &JobId, token: &str) -> Result<(), StoreError> {
        self.write(|transaction| write::release_lease(transaction, id, token))
    }

    fn reserve_destination(&self, destination: &str, source: &str) -> Result<bool, StoreError> {
        self.write(|transaction| write::reserve_destination(transaction, destination, source))
    }

    fn integrity(&self) -> Result<Vec<String>, StoreError> {
        // What can be read alone is of little use.
        self.write(|_| Ok(()))?;
        let connection = self.lock();
        let check = || -> Result<Vec<String>, StoreError> {
            let mut statement = connection.prepare("PRAGMA integrity_check")?;
            let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
            Ok(lines.collect::<Result<Vec<_>, _>>()?)
        };
        let lines = check().map_err(|error| explained(&self.path, error))?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }

    fn destination_owner(&self, destination: &str) -> Result<Option<String>, StoreError> {
        self.read(|transaction| read::destination_owner(transaction, destination))
    }
}
