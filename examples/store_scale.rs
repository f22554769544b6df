//! Builds a store of 30,000 jobs with 1,000,000 photos and measures the questions that people ask.
//!
//! `cargo run --release --example store_scale [JOBS PHOTOS_OF_EACH]`

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use remedia::clock::Clock;
use remedia::domain::event::{EVENT_SCHEMA_VERSION, Event, EventKind};
use remedia::domain::id::{JobId, PhotoId};
use remedia::domain::operation::OperationKind;
use remedia::domain::room::Room;
use remedia::domain::state::{JobState, OperationState};
use remedia::domain::verdict::{Reason, ReasonCode, Verdict};
use remedia::engine::{Engine, EngineError, EngineOptions, ListFilter, StatsRequest};
use remedia::store::{
    AssetKind, AssetRecord, AttemptRecord, Change, JobStore, LeaseHolder, NewJob, NewPhoto,
    OperationChange, OperationRecord, SqliteStore,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<usize> = std::env::args()
        .skip(1)
        .map(|argument| argument.parse())
        .collect::<Result<_, _>>()?;
    let jobs = arguments.first().copied().unwrap_or(30_000);
    let photos = arguments.get(1).copied().unwrap_or(34);
    let home = tempfile::tempdir()?;
    let started = Instant::now();
    build(&home.path().join("remedia.db"), jobs, photos)?;
    let bytes = fs_err::metadata(home.path().join("remedia.db"))?.len();
    say(&format!(
        "{jobs} jobs, {} photos, {} MB, built in {:.0} s",
        jobs * photos,
        bytes / 1_000_000,
        started.elapsed().as_secs_f64()
    ));

    let engine = Engine::open(EngineOptions::new(home.path().to_owned()), Clock::system())?;
    let middle: JobId = format!("listing-{:06}", jobs / 2).parse()?;
    let running = ListFilter {
        states: vec![JobState::Running, JobState::Failed],
        ..ListFilter::default()
    };
    let deep = ListFilter {
        before: Some(middle.clone()),
        ..ListFilter::default()
    };
    let everything = StatsRequest::default();
    let narrowed = StatsRequest {
        room: Some(Room::Kitchen),
        provider: Some("embedded".to_owned()),
        ..StatsRequest::default()
    };
    let all = ListFilter {
        limit: u32::MAX,
        ..ListFilter::default()
    };
    measure("status", 50, || engine.status().map(drop))?;
    measure("list (newest 50)", 50, || {
        engine.list(&ListFilter::default()).map(drop)
    })?;
    measure("list (by state)", 50, || engine.list(&running).map(drop))?;
    measure("list (page in the middle)", 50, || {
        engine.list(&deep).map(drop)
    })?;
    measure("show", 20, || engine.show(&middle).map(drop))?;
    measure("logs", 20, || engine.logs(&middle, 0, 1000).map(drop))?;
    measure("find by id", 20, || {
        engine.find_job(middle.as_str()).map(drop)
    })?;
    measure("stats", 1000, || engine.stats(&everything).map(drop))?;
    measure("stats (one room and executor)", 1000, || {
        engine.stats(&narrowed).map(drop)
    })?;
    measure("list (every job, no limit)", 500, || {
        engine.list(&all).map(drop)
    })?;
    Ok(())
}

/// The median of 21 runs, after one that is not counted, against its limit.
fn measure(
    name: &str,
    limit_milliseconds: u64,
    ask: impl Fn() -> Result<(), EngineError>,
) -> Result<(), Box<dyn std::error::Error>> {
    let started = Instant::now();
    ask()?;
    let first = started.elapsed();
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..21 {
        let started = Instant::now();
        ask()?;
        times.push(started.elapsed());
    }
    times.sort();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    let worst = times.last().copied().unwrap_or_default();
    say(&format!(
        "{name:<28} first {:>8.2} ms   median {:>8.2} ms   worst {:>8.2} ms   limit {limit_milliseconds} ms",
        first.as_secs_f64() * 1e3,
        median.as_secs_f64() * 1e3,
        worst.as_secs_f64() * 1e3,
    ));
    if median > Duration::from_millis(limit_milliseconds) {
        return Err(format!("{name} is over its limit").into());
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the table is what this example is for")]
fn say(line: &str) {
    println!("{line}");
}

/// Delivered jobs, and at the end a few that are still under way.
fn build(
    path: &std::path::Path,
    jobs: usize,
    photos: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let store = SqliteStore::open(path)?;
    let at = Timestamp::from_second(1_800_000_000)?;
    let holder = LeaseHolder {
        host: "here".to_owned(),
        process: 1,
        token: "token".to_owned(),
    };
    for number in 0..jobs {
        let id: JobId = format!("listing-{number:06}").parse()?;
        let ids: Vec<PhotoId> = (0..photos)
            .map(|photo| {
                PhotoId::from_digest(&blake3::hash(format!("{number} {photo}").as_bytes()))
            })
            .collect();
        store.create_job(&new_job(&id, at, &ids))?;
        store.acquire_lease(&id, &holder, at, at, true)?;
        let record = store.job(&id)?.ok_or("the job is gone")?;
        let mut change = Change::of(&record, &holder.token, at);
        let finished = number + 25 < jobs;
        change.state = match (finished, number % 50) {
            (true, 0) => JobState::Failed,
            (true, _) => JobState::Delivered,
            (false, _) => JobState::Running,
        };
        let mut masters = Vec::new();
        for (place, photo) in ids.iter().enumerate() {
            // One photo in twenty fails at first, as the worst remote listings do.
            let again = (number + place) % 20 == 0;
            if again {
                change.attempts.push(failed(&id, photo, at));
            }
            change.attempts.push(AttemptRecord {
                photo: photo.clone(),
                kind: OperationKind::Enhance,
                number: 1 + u32::from(again),
                seed: 7,
                run_id: format!("{id}-r1"),
                image: Some(format!("{photo}.enhance.1.jpg")),
                failure: None,
                verdict: Some(Verdict::Accepted),
                clip_score: None,
                parameters: None,
                master: None,
                judgement: None,
                seconds: 0.5 + ((number * photos + place) * 7919 % 1000) as f64 / 250.0,
                at,
            });
            change.operations.push(OperationChange {
                photo: photo.clone(),
                kind: OperationKind::Enhance,
                state: OperationState::Accepted,
                allowed: 1,
                reason: None,
            });
            masters.push(AssetRecord {
                kind: AssetKind::Master,
                path: format!("outputs/{photo}.enhance.1.jpg"),
                blake3: blake3::hash(photo.as_str().as_bytes()).to_hex().to_string(),
                bytes: 5_000_000,
            });
            change.events.push(Event {
                schema_version: EVENT_SCHEMA_VERSION,
                at,
                job: id.clone(),
                photo: Some(photo.clone()),
                kind: EventKind::Accepted {
                    operation: OperationKind::Enhance,
                    number: 1,
                },
            });
        }
        change.assets = Some((AssetKind::Master, masters));
        let path = [
            JobState::Planned,
            JobState::Queued,
            JobState::Running,
            JobState::Validating,
            JobState::Delivering,
            change.state,
        ];
        for (second, pair) in (0..).zip(path.windows(2)) {
            let [from, to] = *pair else { continue };
            change.events.push(Event {
                schema_version: EVENT_SCHEMA_VERSION,
                at: at + SignedDuration::from_secs(second),
                job: id.clone(),
                photo: None,
                kind: EventKind::StateChanged { from, to },
            });
        }
        store.apply(&change)?;
        store.release_lease(&id, &holder.token)?;
    }
    Ok(())
}

/// What the rooms of a listing are, in turn.
const ROOMS: [Room; 6] = [
    Room::LivingRoom,
    Room::Kitchen,
    Room::Bedroom,
    Room::Bathroom,
    Room::DiningRoom,
    Room::FrontOfStructure,
];

/// An attempt that gave nothing.
fn failed(id: &JobId, photo: &PhotoId, at: Timestamp) -> AttemptRecord {
    AttemptRecord {
        photo: photo.clone(),
        kind: OperationKind::Enhance,
        number: 1,
        seed: 6,
        run_id: format!("{id}-r1"),
        image: None,
        failure: Some(Reason::new(ReasonCode::Deadline, "the time ran out")),
        verdict: None,
        clip_score: None,
        parameters: None,
        master: None,
        judgement: None,
        seconds: 9.0,
        at,
    }
}

fn new_job(id: &JobId, at: Timestamp, photos: &[PhotoId]) -> NewJob {
    NewJob {
        id: id.clone(),
        key: blake3::hash(id.as_str().as_bytes()).to_hex().to_string(),
        ordinal: 1,
        title: format!("Listing {id}"),
        source: format!("/photos/{id}"),
        out: "/out".to_owned(),
        destination: format!("/out/{id}"),
        style: "modern".to_owned(),
        provider: "local".to_owned(),
        engine_version: "classic-1".to_owned(),
        created: at,
        photos: (1..)
            .zip(photos)
            .map(|(number, photo)| NewPhoto {
                id: photo.clone(),
                file: format!("IMG_{number:04}.jpg"),
                room: Some(ROOMS[number % ROOMS.len()]),
                operations: vec![OperationRecord {
                    kind: OperationKind::Enhance,
                    executor: "embedded".to_owned(),
                    state: OperationState::Pending,
                    allowed: 1,
                    reason: None,
                }],
            })
            .collect(),
        events: Vec::new(),
    }
}
