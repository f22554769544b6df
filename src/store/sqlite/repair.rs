//! Saving what can be read of a damaged database into a new one. The damaged one is kept, and is never written to.
//!
//! A job is saved whole or not at all: one with half of its rows would go on from a state that it never had.

use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement, params_from_iter};

use crate::fsx::{self, fs};
use crate::store::contract::JobStore;
use crate::store::error::StoreError;

use super::connection::{SqliteStore, beside};

/// What belongs to a job, in the order in which it can be written; leases and sums are made anew.
const TABLES: [&str; 7] = [
    "photo",
    "operation",
    "attempt",
    "run",
    "version",
    "asset",
    "event",
];

/// What a repair came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repair {
    /// Whether a new database was made; else the old one is sound.
    pub made: bool,
    /// Where the damaged file was put, where there was one.
    pub kept: Option<PathBuf>,
    /// Jobs that were saved whole.
    pub saved: usize,
    /// Jobs that were found and could not be saved whole.
    pub lost: Vec<String>,
}

/// Repairs the database at `path`, with nobody else working on it.
///
/// # Errors
/// [`StoreError`] where the files cannot be copied or the new database cannot be made; the damaged one is then as it was.
pub fn repair(path: &Path) -> Result<Repair, StoreError> {
    match SqliteStore::open(path).and_then(|store| store.integrity()) {
        Ok(problems) if problems.is_empty() => return Ok(Repair::default()),
        Ok(_) | Err(StoreError::Corrupt { .. } | StoreError::Damaged { .. }) => {}
        // Another program's, a newer build's, or one that the disk does not give: not damaged, and left alone.
        Err(other) => return Err(other),
    }
    let files = |error| StoreError::Files {
        path: path.to_path_buf(),
        source: error,
    };
    let kept = free_name(path).map_err(files)?;
    // A copy first, with its journal: opening a damaged database can change it.
    copy(path, &kept).map_err(files)?;
    copy(&beside(path, "-wal"), &beside(&kept, "-wal")).map_err(files)?;
    let read_from = beside(path, ".repair-old");
    let made = beside(path, ".repair-new");
    for leftover in [&read_from, &made] {
        remove_all(leftover).map_err(files)?;
    }
    copy(&kept, &read_from).map_err(files)?;
    copy(&beside(&kept, "-wal"), &beside(&read_from, "-wal")).map_err(files)?;
    let mut outcome = Repair {
        made: true,
        kept: (fs::is_there(&kept).map_err(files)?
            || fs::is_there(beside(&kept, "-wal")).map_err(files)?)
        .then_some(kept),
        ..Repair::default()
    };
    // Made in this build's form, also where nothing can be read of the old one.
    drop(SqliteStore::open_as_it_is(&made)?);
    let new = Connection::open(&made)?;
    new.pragma_update(None, "foreign_keys", true)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if let Ok(old) = Connection::open_with_flags(&read_from, flags) {
        salvage(&old, &new, &mut outcome)?;
    }
    // One file, so that one rename puts it in place.
    new.pragma_update(None, "journal_mode", "DELETE")?;
    new.close().map_err(|(_, error)| error)?;
    for suffix in ["-wal", "-shm"] {
        remove(&beside(path, suffix)).map_err(files)?;
    }
    fs::rename(&made, path).map_err(files)?;
    remove_all(&read_from).map_err(files)?;
    remove_all(&made).map_err(files)?;
    if let Some(folder) = path.parent() {
        fsx::sync_directory(folder).map_err(files)?;
    }
    Ok(outcome)
}

/// A name beside the database that nothing has.
fn free_name(path: &Path) -> std::io::Result<PathBuf> {
    let mut number = 1;
    loop {
        let name = beside(path, &format!(".damaged-{number}"));
        if !fs::is_there(&name)? {
            return Ok(name);
        }
        number += 1;
    }
}

/// Copies a file; one that is not there is no error.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    match fs::read_if_there(from)? {
        Some(bytes) => fsx::write_atomic(to, &bytes),
        None => Ok(()),
    }
}

fn remove_all(path: &Path) -> std::io::Result<()> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        remove(&beside(path, suffix))?;
    }
    Ok(())
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Copies every job that can be read whole.
fn salvage(old: &Connection, new: &Connection, outcome: &mut Repair) -> Result<(), StoreError> {
    for (number, id) in found(old) {
        new.execute_batch("SAVEPOINT one_job")?;
        match whole(old, new, number) {
            Ok(true) => outcome.saved += 1,
            // A full disk says nothing about the job.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
                return Err(error.into());
            }
            _ => {
                new.execute_batch("ROLLBACK TO one_job")?;
                outcome.lost.push(id);
            }
        }
        new.execute_batch("RELEASE one_job")?;
    }
    // A folder that was promised to a listing stays promised; what cannot be read is promised anew.
    let _ = transfer(old, new, "destination", "", &[]);
    Ok(())
}

/// The jobs that can be found, from both ends, so that a damaged page between them hides as little as it can.
fn found(old: &Connection) -> Vec<(i64, String)> {
    let mut jobs = Vec::new();
    for order in ["ASC", "DESC"] {
        let query = format!("SELECT seq, id FROM job ORDER BY seq {order}");
        let Ok(mut statement) = old.prepare(&query) else {
            continue;
        };
        let Ok(rows) = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))) else {
            continue;
        };
        jobs.extend(rows.map_while(Result::ok));
    }
    jobs.sort_unstable();
    jobs.dedup();
    jobs
}

/// Copies one job; gives whether nothing of it is missing.
fn whole(old: &Connection, new: &Connection, number: i64) -> Result<bool, rusqlite::Error> {
    let key = [Value::Integer(number)];
    transfer(old, new, "job", "WHERE seq = ?1", &key)?;
    for table in TABLES {
        transfer(old, new, table, "WHERE job = ?1", &key)?;
    }
    new.query_row(
        "SELECT photos = (SELECT count(*) FROM photo WHERE job = seq)
            AND pending + produced + accepted + rejected + gave_up + skipped
                = (SELECT count(*) FROM operation WHERE job = seq)
         FROM job WHERE seq = ?1",
        [number],
        |row| row.get(0),
    )
}

/// Copies the rows of a table that `condition` names, by the columns that both have.
fn transfer(
    old: &Connection,
    new: &Connection,
    table: &str,
    condition: &str,
    values: &[Value],
) -> Result<(), rusqlite::Error> {
    let known = columns(new, table)?;
    let columns: Vec<String> = columns(old, table)?
        .into_iter()
        .filter(|column| known.contains(column))
        .collect();
    let names = columns
        .iter()
        .map(|column| format!("\"{column}\""))
        .collect::<Vec<_>>()
        .join(", ");
    let places = vec!["?"; columns.len()].join(", ");
    let mut write = new.prepare(&format!("INSERT INTO {table} ({names}) VALUES ({places})"))?;
    let mut read = old.prepare(&format!("SELECT {names} FROM {table} {condition}"))?;
    copy_rows(&mut read, &mut write, values, columns.len())
}

fn copy_rows(
    read: &mut Statement<'_>,
    write: &mut Statement<'_>,
    values: &[Value],
    columns: usize,
) -> Result<(), rusqlite::Error> {
    let mut rows = read.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        let cells = (0..columns)
            .map(|index| row.get::<_, Value>(index))
            .collect::<Result<Vec<_>, _>>()?;
        write.execute(params_from_iter(cells))?;
    }
    Ok(())
}

fn columns(connection: &Connection, table: &str) -> Result<Vec<String>, rusqlite::Error> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    statement
        .query_map([table], |row| row.get(0))?
        .collect::<Result<Vec<_>, _>>()
}
