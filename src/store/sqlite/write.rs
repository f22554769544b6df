//! Changes to the record, each inside a transaction that its caller opened and will commit.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::domain::event::Event;
use crate::domain::id::{JobId, PhotoId};
use crate::domain::room::Room;
use crate::domain::state::JobState;
use crate::store::error::StoreError;
use crate::store::record::{
    AssetRecord, AttemptRecord, Change, LeaseHolder, LeaseOutcome, NewJob, OperationChange,
    OperationCounts, OrderRecord, VersionRecord,
};

use super::{read, rows, tally};

pub(super) fn create_job(connection: &Connection, job: &NewJob) -> Result<(), StoreError> {
    if read::sequence(connection, &job.id)?.is_some() {
        return Err(StoreError::Exists(job.id.clone()));
    }
    let mut counts = OperationCounts::default();
    for operation in job.photos.iter().flat_map(|photo| &photo.operations) {
        counts.add(operation.state);
    }
    let created = job.created.as_millisecond();
    connection
        .prepare_cached(
            "INSERT INTO job (id, key, ordinal, title, source, out, destination, state, style, \
                 provider, engine_version, created, updated, photos, pending, produced, accepted, \
                 rejected, gave_up, skipped) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?13, ?14, ?15, ?16, \
                 ?17, ?18, ?19)",
        )?
        .execute(params![
            job.id.as_str(),
            job.key,
            job.ordinal,
            job.title,
            job.source,
            job.out,
            job.destination,
            JobState::Planned.name(),
            job.style,
            job.provider,
            job.engine_version,
            created,
            signed(job.photos.len() as u64),
            signed(counts.pending),
            signed(counts.produced),
            signed(counts.accepted),
            signed(counts.rejected),
            signed(counts.gave_up),
            signed(counts.skipped),
        ])?;
    let sequence = connection.last_insert_rowid();
    let mut photo_statement = connection.prepare_cached(
        "INSERT INTO photo (job, position, id, file, room) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut operation_statement = connection.prepare_cached(
        "INSERT INTO operation (job, position, kind, executor, state, attempts, allowed, reason, \
             ordinal) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for (position, photo) in (1_i64..).zip(&job.photos) {
        photo_statement.execute(params![
            sequence,
            position,
            photo.id.as_str(),
            photo.file,
            photo.room.map(Room::name),
        ])?;
        for (ordinal, operation) in (1_i64..).zip(&photo.operations) {
            operation_statement.execute(params![
                sequence,
                position,
                operation.kind.name(),
                operation.executor,
                operation.state.name(),
                rows::attempts_of(operation.state),
                operation.allowed,
                operation.reason,
                ordinal,
            ])?;
        }
    }
    write_events(connection, sequence, &job.events)
}

pub(super) fn apply(connection: &Connection, change: &Change) -> Result<(), StoreError> {
    let (sequence, found) = guarded(connection, &change.job)?;
    if found != change.expected {
        return Err(StoreError::Conflict {
            job: change.job.clone(),
            expected: change.expected,
            found,
        });
    }
    holds_lease(connection, &change.job, sequence, &change.lease)?;
    connection
        .prepare_cached(
            "UPDATE job SET state = ?2, updated = ?3, due = ?4, problem = ?5, faults = ?6, \
                 failed_runs = ?7, cancel_requested = CASE WHEN ?8 THEN 0 ELSE cancel_requested END \
             WHERE seq = ?1",
        )?
        .execute(params![
            sequence,
            change.state.name(),
            change.at.as_millisecond(),
            change.due.map(Timestamp::as_millisecond),
            change.problem,
            change.faults,
            change.failed_runs,
            change.clear_cancel,
        ])?;
    for operation in &change.operations {
        write_operation(connection, &change.job, sequence, operation)?;
    }
    if !change.operations.is_empty() {
        count_operations(connection, sequence)?;
    }
    for attempt in &change.attempts {
        write_attempt(connection, &change.job, sequence, attempt)?;
    }
    for version in &change.versions {
        write_version(connection, &change.job, sequence, version)?;
    }
    if let Some(order) = &change.order {
        write_order(connection, sequence, order)?;
    }
    if let Some((kind, assets)) = &change.assets {
        connection
            .prepare_cached("DELETE FROM asset WHERE job = ?1 AND kind = ?2")?
            .execute(params![sequence, kind.name()])?;
        for asset in assets {
            write_asset(connection, sequence, asset)?;
        }
    }
    write_events(connection, sequence, &change.events)?;
    tally::refresh(connection, sequence, change.state)
}

pub(super) fn request_cancel(
    connection: &Connection,
    id: &JobId,
    events: &[Event],
) -> Result<(), StoreError> {
    let (sequence, _) = guarded(connection, id)?;
    connection
        .prepare_cached("UPDATE job SET cancel_requested = 1 WHERE seq = ?1")?
        .execute([sequence])?;
    write_events(connection, sequence, events)
}

pub(super) fn acquire_lease(
    connection: &Connection,
    id: &JobId,
    holder: &LeaseHolder,
    now: Timestamp,
    expires: Timestamp,
    exclusive_here: bool,
) -> Result<LeaseOutcome, StoreError> {
    let (sequence, _) = guarded(connection, id)?;
    let present = connection
        .prepare_cached("SELECT host, process, token, expires FROM lease WHERE job = ?1")?
        .query_row([sequence], |row| {
            let present = LeaseHolder {
                host: row.get(0)?,
                process: row.get(1)?,
                token: row.get(2)?,
            };
            Ok((present, row.get::<_, i64>(3)?))
        })
        .optional()?;
    if let Some((present, until)) = present {
        let ours = present.token == holder.token;
        let over = until <= now.as_millisecond();
        let dead = exclusive_here && present.host == holder.host;
        if !(ours || over || dead) {
            return Ok(LeaseOutcome::HeldBy(present));
        }
    }
    connection
        .prepare_cached(
            "INSERT INTO lease (job, host, process, token, expires) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (job) DO UPDATE SET host = excluded.host, process = excluded.process, \
                 token = excluded.token, expires = excluded.expires",
        )?
        .execute(params![
            sequence,
            holder.host,
            holder.process,
            holder.token,
            expires.as_millisecond(),
        ])?;
    Ok(LeaseOutcome::Acquired)
}

pub(super) fn renew_lease(
    connection: &Connection,
    id: &JobId,
    token: &str,
    expires: Timestamp,
) -> Result<(), StoreError> {
    let (sequence, _) = guarded(connection, id)?;
    holds_lease(connection, id, sequence, token)?;
    connection
        .prepare_cached("UPDATE lease SET expires = ?2 WHERE job = ?1")?
        .execute(params![sequence, expires.as_millisecond()])?;
    Ok(())
}

pub(super) fn release_lease(
    connection: &Connection,
    id: &JobId,
    token: &str,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "DELETE FROM lease WHERE token = ?2 AND job = (SELECT seq FROM job WHERE id = ?1)",
        )?
        .execute([id.as_str(), token])?;
    Ok(())
}

pub(super) fn reserve_destination(
    connection: &Connection,
    destination: &str,
    source: &str,
) -> Result<bool, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO destination (path, source) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )?
        .execute([destination, source])?;
    let owner: String = connection
        .prepare_cached("SELECT source FROM destination WHERE path = ?1")?
        .query_row([destination], |row| row.get(0))?;
    Ok(owner == source)
}

fn guarded(connection: &Connection, id: &JobId) -> Result<(i64, JobState), StoreError> {
    let found: Option<(i64, String)> = connection
        .prepare_cached("SELECT seq, state FROM job WHERE id = ?1")?
        .query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (sequence, state) = found.ok_or_else(|| StoreError::NotFound(id.clone()))?;
    Ok((sequence, rows::job_state(&state)?))
}

fn holds_lease(
    connection: &Connection,
    id: &JobId,
    sequence: i64,
    token: &str,
) -> Result<(), StoreError> {
    let present: Option<String> = connection
        .prepare_cached("SELECT token FROM lease WHERE job = ?1")?
        .query_row([sequence], |row| row.get(0))
        .optional()?;
    if present.as_deref() == Some(token) {
        Ok(())
    } else {
        Err(StoreError::LeaseLost(id.clone()))
    }
}

fn position(
    connection: &Connection,
    sequence: i64,
    photo: &PhotoId,
    job: &JobId,
) -> Result<i64, StoreError> {
    connection
        .prepare_cached("SELECT position FROM photo WHERE job = ?1 AND id = ?2")?
        .query_row(params![sequence, photo.as_str()], |row| row.get(0))
        .optional()?
        .ok_or_else(|| {
            rows::damaged(
                "a change",
                format!("photo {} is none of job `{job}`", photo.short()),
            )
        })
}

fn write_operation(
    connection: &Connection,
    job: &JobId,
    sequence: i64,
    change: &OperationChange,
) -> Result<(), StoreError> {
    let position = position(connection, sequence, &change.photo, job)?;
    let changed = connection
        .prepare_cached(
            "UPDATE operation SET state = ?4, attempts = ?5, allowed = ?6, reason = ?7 \
             WHERE job = ?1 AND position = ?2 AND kind = ?3",
        )?
        .execute(params![
            sequence,
            position,
            change.kind.name(),
            change.state.name(),
            rows::attempts_of(change.state),
            change.allowed,
            change.reason,
        ])?;
    if changed == 1 {
        Ok(())
    } else {
        Err(rows::damaged(
            "a change",
            format!(
                "photo {} of job `{job}` has no operation `{}`",
                change.photo.short(),
                change.kind
            ),
        ))
    }
}

fn count_operations(connection: &Connection, sequence: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE job SET (pending, produced, accepted, rejected, gave_up, skipped) = ( \
                 SELECT count(*) FILTER (WHERE state = 'pending'), \
                        count(*) FILTER (WHERE state = 'produced'), \
                        count(*) FILTER (WHERE state = 'accepted'), \
                        count(*) FILTER (WHERE state = 'rejected'), \
                        count(*) FILTER (WHERE state = 'gave_up'), \
                        count(*) FILTER (WHERE state = 'skipped') \
                 FROM operation WHERE operation.job = job.seq) \
             WHERE seq = ?1",
        )?
        .execute([sequence])?;
    Ok(())
}

fn write_attempt(
    connection: &Connection,
    job: &JobId,
    sequence: i64,
    attempt: &AttemptRecord,
) -> Result<(), StoreError> {
    let position = position(connection, sequence, &attempt.photo, job)?;
    let failure = attempt.failure.as_ref().map(rows::json).transpose()?;
    let verdict = attempt.verdict.as_ref().map(rows::json).transpose()?;
    let parameters = attempt.parameters.as_ref().map(rows::json).transpose()?;
    let judgement = attempt.judgement.as_ref().map(rows::json).transpose()?;
    connection
        .prepare_cached(
            "INSERT INTO attempt (job, position, kind, number, seed, run_id, image, failure, \
                 verdict, clip_score, seconds, at, parameters, master, judgement) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) \
             ON CONFLICT (job, position, kind, number) \
             DO UPDATE SET verdict = coalesce(excluded.verdict, verdict), \
                 clip_score = coalesce(excluded.clip_score, clip_score), \
                 master = coalesce(excluded.master, master), \
                 judgement = coalesce(excluded.judgement, judgement)",
        )?
        .execute(params![
            sequence,
            position,
            attempt.kind.name(),
            attempt.number,
            attempt.seed.cast_signed(),
            attempt.run_id,
            attempt.image,
            failure,
            verdict,
            attempt.clip_score,
            attempt.seconds,
            attempt.at.as_millisecond(),
            parameters,
            attempt.master,
            judgement,
        ])?;
    Ok(())
}

fn write_version(
    connection: &Connection,
    job: &JobId,
    sequence: i64,
    version: &VersionRecord,
) -> Result<(), StoreError> {
    let position = position(connection, sequence, &version.photo, job)?;
    connection
        .prepare_cached(
            "INSERT INTO version (job, position, kind, number, attempt, cause, at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
             ON CONFLICT (job, position, kind, number) DO NOTHING",
        )?
        .execute(params![
            sequence,
            position,
            version.kind.name(),
            version.number,
            version.attempt,
            version.cause.name(),
            version.at.as_millisecond(),
        ])?;
    Ok(())
}

fn write_order(
    connection: &Connection,
    sequence: i64,
    order: &OrderRecord,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO run (job, number, run_id, executor, parent, photos, remote) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
             ON CONFLICT (job, number) DO UPDATE SET remote = excluded.remote",
        )?
        .execute(params![
            sequence,
            order.number,
            order.run_id,
            order.executor,
            order.parent,
            order.photos,
            order.remote,
        ])?;
    Ok(())
}

fn write_asset(
    connection: &Connection,
    sequence: i64,
    asset: &AssetRecord,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO asset (job, kind, path, blake3, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            sequence,
            asset.kind.name(),
            asset.path,
            asset.blake3,
            signed(asset.bytes),
        ])?;
    Ok(())
}

fn write_events(
    connection: &Connection,
    sequence: i64,
    events: &[Event],
) -> Result<(), StoreError> {
    let mut statement =
        connection.prepare_cached("INSERT INTO event (job, at, body) VALUES (?1, ?2, ?3)")?;
    for event in events {
        statement.execute(params![
            sequence,
            event.at.as_millisecond(),
            rows::json(event)?
        ])?;
    }
    Ok(())
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
