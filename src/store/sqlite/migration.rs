//! Brings a database to this build's form: numbered scripts, each applied once, all in one
//! transaction, each remembered with its checksum.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::store::error::StoreError;

/// Marks a SQLite file as remedia's ("RMDA").
const APPLICATION_ID: i64 = 0x524d_4441;

/// The scripts, the first being number 1. Never changed once released, only followed.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_jobs.sql"),
    include_str!("migrations/0002_versions.sql"),
    include_str!("migrations/0003_tally.sql"),
    include_str!("migrations/0004_failed_runs.sql"),
];

/// The newest form that this build knows.
pub(super) fn known_version() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// Applies what is missing.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    check(connection, path)?;
    if version(connection)? == known_version() {
        return verify(connection, path);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have migrated while this one waited for the write lock.
    check(&transaction, path)?;
    apply(&transaction)?;
    verify(&transaction, path)?;
    transaction.commit()?;
    Ok(())
}

fn version(connection: &Connection) -> Result<u32, StoreError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Refuses a file of another program and one of a newer build.
fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let application: i64 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 && application != APPLICATION_ID {
        return Err(StoreError::Open {
            path: path.to_owned(),
            reason: "it is the database of another program".to_owned(),
        });
    }
    let found = version(connection)?;
    if found > known_version() {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known: known_version(),
        });
    }
    Ok(())
}

fn apply(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS migration (
             number INTEGER PRIMARY KEY, checksum TEXT NOT NULL
         ) STRICT;",
    )?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    let applied = version(transaction)?;
    for (number, script) in (1_u32..).zip(MIGRATIONS) {
        if number > applied {
            transaction.execute_batch(script)?;
            transaction.execute(
                "INSERT INTO migration (number, checksum) VALUES (?1, ?2)",
                (number, checksum(script)),
            )?;
        }
    }
    transaction.pragma_update(None, "user_version", known_version())?;
    Ok(())
}

fn verify(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    for (number, script) in (1_u32..).zip(MIGRATIONS) {
        let recorded: String = connection.query_row(
            "SELECT checksum FROM migration WHERE number = ?1",
            [number],
            |row| row.get(0),
        )?;
        if recorded != checksum(script) {
            return Err(StoreError::MigrationChanged {
                path: path.to_owned(),
                number,
            });
        }
    }
    Ok(())
}

fn checksum(script: &str) -> String {
    blake3::hash(script.as_bytes()).to_hex().to_string()
}
