//! Questions to the record.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::domain::event::Event;
use crate::domain::id::JobId;
use crate::domain::state::JobState;
use crate::domain::verdict::VersionCause;
use crate::store::error::StoreError;
use crate::store::record::{
    AssetKind, AssetRecord, AttemptRecord, JobFilter, JobRecord, OperationRecord, OrderRecord,
    PhotoRecord, StateTotals, VersionRecord,
};

use super::rows::{self, JOB_COLUMNS};

/// The short key of a job.
pub(super) fn sequence(connection: &Connection, id: &JobId) -> Result<Option<i64>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT seq FROM job WHERE id = ?1")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?)
}

pub(super) fn job(connection: &Connection, id: &JobId) -> Result<Option<JobRecord>, StoreError> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {JOB_COLUMNS} FROM job WHERE id = ?1"))?;
    let mut found = statement.query([id.as_str()])?;
    found.next()?.map(rows::job).transpose()
}

pub(super) fn jobs_with_key(
    connection: &Connection,
    key: &str,
) -> Result<Vec<JobRecord>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {JOB_COLUMNS} FROM job WHERE key = ?1 ORDER BY ordinal"
    ))?;
    statement
        .query_and_then([key], rows::job)?
        .collect::<Result<Vec<_>, _>>()
}

pub(super) fn ids_with_prefix(
    connection: &Connection,
    prefix: &str,
    limit: u32,
) -> Result<Vec<JobId>, StoreError> {
    // Ids are ASCII, so everything that starts with the prefix lies below the prefix and DEL.
    let mut statement = connection.prepare_cached(
        "SELECT id FROM job WHERE id >= ?1 AND id < ?1 || char(127) ORDER BY id LIMIT ?2",
    )?;
    statement
        .query_and_then(params![prefix, limit], |row| {
            rows::job_id(&row.get::<_, String>(0)?)
        })?
        .collect::<Result<Vec<_>, _>>()
}

pub(super) fn list(
    connection: &Connection,
    filter: &JobFilter,
) -> Result<Vec<JobRecord>, StoreError> {
    let before = match &filter.before {
        Some(id) => sequence(connection, id)?.ok_or_else(|| StoreError::NotFound(id.clone()))?,
        None => i64::MAX,
    };
    if filter.states.is_empty() {
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {JOB_COLUMNS} FROM job WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2"
        ))?;
        return statement
            .query_and_then(params![before, filter.limit], rows::job)?
            .collect::<Result<Vec<_>, _>>();
    }
    // The newest of each state come from the index alone; only the rows that are given are read.
    let branches: Vec<String> = filter
        .states
        .iter()
        .map(|state| {
            format!(
                "SELECT * FROM (SELECT seq FROM job WHERE state = '{}' AND seq < ?1 \
                 ORDER BY seq DESC LIMIT ?2)",
                state.name()
            )
        })
        .collect();
    let mut statement = connection.prepare(&format!(
        "SELECT {JOB_COLUMNS} FROM job WHERE seq IN ({}) ORDER BY seq DESC LIMIT ?2",
        branches.join(" UNION ")
    ))?;
    statement
        .query_and_then(params![before, filter.limit], rows::job)?
        .collect::<Result<Vec<_>, _>>()
}

pub(super) fn totals(connection: &Connection) -> Result<Vec<StateTotals>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT state, count(*), sum(photos), sum(pending), sum(produced), sum(accepted), \
                sum(rejected), sum(gave_up), sum(skipped) \
         FROM job INDEXED BY job_by_state GROUP BY state",
    )?;
    let mut totals = statement
        .query_and_then([], |row| -> Result<StateTotals, StoreError> {
            Ok(StateTotals {
                state: rows::job_state(&row.get::<_, String>(0)?)?,
                jobs: rows::count(row, 1)?,
                photos: rows::count(row, 2)?,
                counts: rows::counts(row, 3)?,
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    totals.sort_by_key(|total| total.state);
    Ok(totals)
}

fn drivable_states() -> String {
    let names: Vec<String> = JobState::ALL
        .iter()
        .filter(|state| state.is_drivable())
        .map(|state| format!("'{}'", state.name()))
        .collect();
    names.join(", ")
}

pub(super) fn due(connection: &Connection, now: Timestamp) -> Result<Vec<JobId>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT id FROM job WHERE state IN ({}) AND (due IS NULL OR due <= ?1) ORDER BY seq",
        drivable_states()
    ))?;
    statement
        .query_and_then([now.as_millisecond()], |row| {
            rows::job_id(&row.get::<_, String>(0)?)
        })?
        .collect::<Result<Vec<_>, _>>()
}

pub(super) fn next_due(
    connection: &Connection,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let earliest: Option<i64> = connection
        .prepare_cached(&format!(
            "SELECT min(due) FROM job WHERE state IN ({}) AND due > ?1",
            drivable_states()
        ))?
        .query_row([now.as_millisecond()], |row| row.get(0))?;
    earliest.map(rows::moment).transpose()
}

fn sequence_of(connection: &Connection, id: &JobId) -> Result<i64, StoreError> {
    sequence(connection, id)?.ok_or_else(|| StoreError::NotFound(id.clone()))
}

pub(super) fn photos(connection: &Connection, id: &JobId) -> Result<Vec<PhotoRecord>, StoreError> {
    let job = sequence_of(connection, id)?;
    let mut statement = connection.prepare_cached(
        "SELECT position, id, file, room FROM photo WHERE job = ?1 ORDER BY position",
    )?;
    let mut photos = Vec::new();
    let mut found = statement.query([job])?;
    while let Some(row) = found.next()? {
        let position: i64 = row.get(0)?;
        photos.push((
            position,
            PhotoRecord {
                id: rows::photo_id(&row.get::<_, String>(1)?)?,
                file: row.get(2)?,
                room: row
                    .get::<_, Option<String>>(3)?
                    .map(|name| rows::parsed("room", &name))
                    .transpose()?,
                operations: Vec::new(),
            },
        ));
    }
    let mut statement = connection.prepare_cached(
        "SELECT position, kind, executor, state, attempts, allowed, reason \
         FROM operation WHERE job = ?1 ORDER BY position, ordinal",
    )?;
    let mut found = statement.query([job])?;
    let mut index = 0;
    while let Some(row) = found.next()? {
        let position: i64 = row.get(0)?;
        while photos.get(index).is_some_and(|(at, _)| *at < position) {
            index += 1;
        }
        if let Some((at, photo)) = photos.get_mut(index)
            && *at == position
        {
            photo.operations.push(OperationRecord {
                kind: rows::kind(&row.get::<_, String>(1)?)?,
                executor: row.get(2)?,
                state: rows::operation_state(&row.get::<_, String>(3)?, row.get(4)?)?,
                allowed: row.get(5)?,
                reason: row.get(6)?,
            });
        }
    }
    Ok(photos.into_iter().map(|(_, photo)| photo).collect())
}

pub(super) fn attempts(
    connection: &Connection,
    id: &JobId,
) -> Result<Vec<AttemptRecord>, StoreError> {
    let job = sequence_of(connection, id)?;
    let mut statement = connection.prepare_cached(
        "SELECT photo.id, attempt.kind, number, seed, run_id, image, failure, verdict, \
                clip_score, seconds, at, parameters, master, judgement \
         FROM attempt \
         JOIN photo ON photo.job = attempt.job AND photo.position = attempt.position \
         JOIN operation ON operation.job = attempt.job \
             AND operation.position = attempt.position AND operation.kind = attempt.kind \
         WHERE attempt.job = ?1 ORDER BY attempt.position, operation.ordinal, number",
    )?;
    statement
        .query_and_then([job], |row| -> Result<AttemptRecord, StoreError> {
            let failure: Option<String> = row.get(6)?;
            let verdict: Option<String> = row.get(7)?;
            let parameters: Option<String> = row.get(11)?;
            let judgement: Option<String> = row.get(13)?;
            Ok(AttemptRecord {
                photo: rows::photo_id(&row.get::<_, String>(0)?)?,
                kind: rows::kind(&row.get::<_, String>(1)?)?,
                number: row.get(2)?,
                seed: row.get::<_, i64>(3)?.cast_unsigned(),
                run_id: row.get(4)?,
                image: row.get(5)?,
                failure: failure
                    .map(|text| rows::from_json("a failure", &text))
                    .transpose()?,
                verdict: verdict
                    .map(|text| rows::from_json("a verdict", &text))
                    .transpose()?,
                clip_score: row.get(8)?,
                seconds: row.get(9)?,
                at: rows::moment(row.get(10)?)?,
                parameters: parameters
                    .map(|text| rows::from_json("parameters", &text))
                    .transpose()?,
                master: row.get(12)?,
                judgement: judgement
                    .map(|text| rows::from_json("a judgement", &text))
                    .transpose()?,
            })
        })?
        .collect::<Result<Vec<_>, _>>()
}

pub(super) fn versions(
    connection: &Connection,
    id: &JobId,
) -> Result<Vec<VersionRecord>, StoreError> {
    let job = sequence_of(connection, id)?;
    let mut statement = connection.prepare_cached(
        "SELECT photo.id, version.kind, number, attempt, cause, at \
         FROM version \
         JOIN photo ON photo.job = version.job AND photo.position = version.position \
         JOIN operation ON operation.job = version.job \
             AND operation.position = version.position AND operation.kind = version.kind \
         WHERE version.job = ?1 ORDER BY version.position, operation.ordinal, number",
    )?;
    statement
        .query_and_then([job], |row| -> Result<VersionRecord, StoreError> {
            let cause: String = row.get(4)?;
            Ok(VersionRecord {
                photo: rows::photo_id(&row.get::<_, String>(0)?)?,
                kind: rows::kind(&row.get::<_, String>(1)?)?,
                number: row.get(2)?,
                attempt: row.get(3)?,
                cause: VersionCause::from_name(&cause).ok_or_else(|| {
                    rows::damaged("a version's cause", format!("`{cause}` is none"))
                })?,
                at: rows::moment(row.get(5)?)?,
            })
        })?
        .collect::<Result<Vec<_>, _>>()
}

pub(super) fn assets(connection: &Connection, id: &JobId) -> Result<Vec<AssetRecord>, StoreError> {
    let job = sequence_of(connection, id)?;
    let mut statement = connection.prepare_cached(
        "SELECT kind, path, blake3, bytes FROM asset WHERE job = ?1 ORDER BY kind DESC, path",
    )?;
    statement
        .query_and_then([job], |row| -> Result<AssetRecord, StoreError> {
            let kind: String = row.get(0)?;
            Ok(AssetRecord {
                kind: AssetKind::from_name(&kind)
                    .ok_or_else(|| rows::damaged("asset kind", format!("`{kind}` is none")))?,
                path: row.get(1)?,
                blake3: row.get(2)?,
                bytes: rows::count(row, 3)?,
            })
        })?
        .collect::<Result<Vec<_>, _>>()
}

pub(super) fn orders(connection: &Connection, id: &JobId) -> Result<Vec<OrderRecord>, StoreError> {
    let job = sequence_of(connection, id)?;
    let mut statement = connection.prepare_cached(
        "SELECT number, run_id, executor, parent, photos, remote FROM run \
         WHERE job = ?1 ORDER BY number",
    )?;
    statement
        .query_and_then([job], |row| -> Result<OrderRecord, StoreError> {
            Ok(OrderRecord {
                number: row.get(0)?,
                run_id: row.get(1)?,
                executor: row.get(2)?,
                parent: row.get(3)?,
                photos: row.get(4)?,
                remote: row.get(5)?,
            })
        })?
        .collect::<Result<Vec<_>, _>>()
}

pub(super) fn events(
    connection: &Connection,
    id: &JobId,
    after: u64,
    limit: u32,
) -> Result<Vec<(u64, Event)>, StoreError> {
    let job = sequence_of(connection, id)?;
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(
        "SELECT seq, body FROM event WHERE job = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
    )?;
    statement
        .query_and_then(params![job, after, limit], |row| {
            Ok((
                rows::count(row, 0)?,
                rows::from_json("an event", &row.get::<_, String>(1)?)?,
            ))
        })?
        .collect::<Result<Vec<_>, _>>()
}

pub(super) fn destination_owner(
    connection: &Connection,
    destination: &str,
) -> Result<Option<String>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT source FROM destination WHERE path = ?1")?
        .query_row([destination], |row| row.get(0))
        .optional()?)
}
