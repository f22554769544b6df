//! The statistics: the kept tallies of jobs at rest and the rows of all others.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::domain::event::Event;
use crate::domain::operation::OperationKind;
use crate::domain::room::Room;
use crate::domain::state::JobState;
use crate::domain::verdict::{Reason, Verdict};
use crate::store::error::StoreError;
use crate::store::record::OperationRecord;
use crate::store::statistics::{
    Adding, CountedAttempt, Statistics, StatisticsFilter, TALLY_FORM, Tally, TallyBuilder,
};

use super::rows;

/// Jobs whose tally is made in one transaction.
const AT_ONCE: u32 = 256;

pub(super) fn statistics(
    connection: &Connection,
    filter: &StatisticsFilter,
) -> Result<Statistics, StoreError> {
    let mut adding = Adding::new(filter);
    let mut statement = connection.prepare_cached(
        "SELECT job.seq, job.style, tally.body FROM job \
         LEFT JOIN tally ON tally.job = job.seq AND tally.form = ?1 \
         WHERE (?2 IS NULL OR job.created >= ?2) AND (?3 IS NULL OR job.style = ?3) \
         ORDER BY job.seq",
    )?;
    let mut found = statement.query(params![
        TALLY_FORM,
        filter.since.map(Timestamp::as_millisecond),
        filter.style,
    ])?;
    while let Some(row) = found.next()? {
        let style = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        let tally: Tally = match row
            .get_ref(2)?
            .as_str_or_null()
            .map_err(rusqlite::Error::from)?
        {
            Some(body) => rows::from_json("a tally", body)?,
            None => tally(connection, row.get(0)?)?,
        };
        adding.add(style, &tally);
    }
    Ok(adding.finish())
}

/// Whether a job at rest has no tally: a record that an earlier build made.
pub(super) fn any_missing(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached(&format!("{} LIMIT 1", missing()))?
        .query_row([TALLY_FORM], |_| Ok(()))
        .optional()?
        .is_some())
}

/// Makes tallies that are missing; gives whether more may be.
pub(super) fn make_missing(connection: &Connection) -> Result<bool, StoreError> {
    let jobs = connection
        .prepare_cached(&format!("{} LIMIT {AT_ONCE}", missing()))?
        .query_map([TALLY_FORM], |row| row.get(0))?
        .collect::<Result<Vec<i64>, _>>()?;
    for job in &jobs {
        keep(connection, *job)?;
    }
    Ok(jobs.len() == AT_ONCE as usize)
}

fn missing() -> String {
    let states: Vec<String> = JobState::ALL
        .iter()
        .filter(|state| rests(**state))
        .map(|state| format!("'{}'", state.name()))
        .collect();
    format!(
        "SELECT job.seq FROM job LEFT JOIN tally ON tally.job = job.seq AND tally.form = ?1 \
         WHERE job.state IN ({}) AND tally.job IS NULL",
        states.join(", ")
    )
}

/// Whether a job in this state stays as it is until a person asks for something.
const fn rests(state: JobState) -> bool {
    !state.is_drivable()
}

/// Brings the job's tally up to date after a step that ended in `state`.
pub(super) fn refresh(
    connection: &Connection,
    job: i64,
    state: JobState,
) -> Result<(), StoreError> {
    if rests(state) {
        return keep(connection, job);
    }
    connection
        .prepare_cached("DELETE FROM tally WHERE job = ?1")?
        .execute([job])?;
    Ok(())
}

fn keep(connection: &Connection, job: i64) -> Result<(), StoreError> {
    let tally = tally(connection, job)?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO tally (job, form, body) VALUES (?1, ?2, ?3)")?
        .execute(params![job, TALLY_FORM, rows::json(&tally)?])?;
    Ok(())
}

struct Attempt {
    position: i64,
    kind: OperationKind,
    failure: Option<Reason>,
    verdict: Option<Verdict>,
    seconds: f64,
    judging: Option<f64>,
}

/// The job's tally from its rows.
fn tally(connection: &Connection, job: i64) -> Result<Tally, StoreError> {
    let attempts = attempts(connection, job)?;
    let mut builder = TallyBuilder::default();
    let mut statement = connection.prepare_cached(
        "SELECT photo.position, room, kind, executor, state, attempts, allowed, reason \
         FROM photo LEFT JOIN operation \
             ON operation.job = photo.job AND operation.position = photo.position \
         WHERE photo.job = ?1 ORDER BY photo.position, ordinal",
    )?;
    let mut found = statement.query([job])?;
    let mut photo: Option<(i64, Option<Room>, Vec<OperationRecord>)> = None;
    let mut count = |(position, room, operations): (i64, Option<Room>, Vec<OperationRecord>)| {
        let first = attempts.partition_point(|attempt| attempt.position < position);
        let last = attempts.partition_point(|attempt| attempt.position <= position);
        let made = attempts.get(first..last).unwrap_or_default();
        builder.photo(
            room,
            &operations,
            made.iter().map(|attempt| CountedAttempt {
                kind: attempt.kind,
                failure: attempt.failure.as_ref(),
                verdict: attempt.verdict.as_ref(),
                seconds: attempt.seconds,
                judging: attempt.judging,
            }),
        );
    };
    while let Some(row) = found.next()? {
        let position: i64 = row.get(0)?;
        if photo.as_ref().is_none_or(|(known, ..)| *known != position) {
            let room = row
                .get::<_, Option<String>>(1)?
                .map(|name| rows::parsed("room", &name))
                .transpose()?;
            if let Some(before) = photo.replace((position, room, Vec::new())) {
                count(before);
            }
        }
        if let Some(kind) = row.get::<_, Option<String>>(2)?
            && let Some((_, _, operations)) = &mut photo
        {
            operations.push(OperationRecord {
                kind: rows::kind(&kind)?,
                executor: row.get(3)?,
                state: rows::operation_state(&row.get::<_, String>(4)?, row.get(5)?)?,
                allowed: row.get(6)?,
                reason: row.get(7)?,
            });
        }
    }
    if let Some(last) = photo.take() {
        count(last);
    }
    // Of an event as it is written only these two kinds count; the texts only narrow the search.
    let mut statement = connection.prepare_cached(
        "SELECT body FROM event WHERE job = ?1 AND (body LIKE '%\"name\":\"state_changed\"%' \
             OR body LIKE '%\"name\":\"ordered\"%') ORDER BY seq",
    )?;
    let mut found = statement.query([job])?;
    while let Some(row) = found.next()? {
        let event: Event = rows::from_json("an event", &row.get::<_, String>(0)?)?;
        builder.event(&event);
    }
    Ok(builder.finish())
}

/// In order of the pictures.
fn attempts(connection: &Connection, job: i64) -> Result<Vec<Attempt>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT position, kind, failure, verdict, seconds, \
                CAST(json_extract(judgement, '$.seconds') AS REAL) \
         FROM attempt WHERE job = ?1 ORDER BY position, kind, number",
    )?;
    statement
        .query_and_then([job], |row| -> Result<Attempt, StoreError> {
            let failure: Option<String> = row.get(2)?;
            let verdict: Option<String> = row.get(3)?;
            Ok(Attempt {
                position: row.get(0)?,
                kind: rows::kind(&row.get::<_, String>(1)?)?,
                failure: failure
                    .map(|text| rows::from_json("a failure", &text))
                    .transpose()?,
                verdict: verdict
                    .map(|text| rows::from_json("a verdict", &text))
                    .transpose()?,
                seconds: row.get(4)?,
                judging: row.get(5)?,
            })
        })?
        .collect::<Result<Vec<_>, _>>()
}
