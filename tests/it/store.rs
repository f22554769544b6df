//! The rules of every store, run on each implementation, and what SQLite alone promises.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use jiff::Timestamp;
use remedia::domain::event::{EVENT_SCHEMA_VERSION, Event, EventKind, Request};
use remedia::domain::id::{JobId, PhotoId};
use remedia::domain::judgement::Judgement;
use remedia::domain::operation::OperationKind;
use remedia::domain::plan::AttemptParameters;
use remedia::domain::room::Room;
use remedia::domain::state::{JobState, OperationState};
use remedia::domain::verdict::{Reason, ReasonCode, Verdict, VersionCause};
use remedia::store::{
    AssetKind, AssetRecord, AttemptRecord, Change, Figures, Histogram, JobFilter, JobStore,
    LeaseHolder, LeaseOutcome, MemoryStore, NewJob, NewPhoto, OperationChange, OperationRecord,
    OrderRecord, SqliteStore, Statistics, StatisticsFilter, StoreError, VersionRecord,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn id(name: &str) -> JobId {
    name.parse().unwrap()
}

fn photo(number: usize) -> PhotoId {
    PhotoId::from_digest(&blake3::hash(format!("photo {number}").as_bytes()))
}

fn event(job: &JobId, kind: EventKind) -> Event {
    Event {
        schema_version: EVENT_SCHEMA_VERSION,
        at: at(0),
        job: job.clone(),
        photo: None,
        kind,
    }
}

fn warning(job: &JobId, text: &str) -> Event {
    event(
        job,
        EventKind::Warning {
            text: text.to_owned(),
        },
    )
}

/// A job with `photos` photos, each to be enhanced, its staging left out.
fn new_job(name: &str, photos: usize) -> NewJob {
    let id = id(name);
    NewJob {
        key: format!("key of {}", name.trim_end_matches("-2")),
        ordinal: if name.ends_with("-2") { 2 } else { 1 },
        title: "12 Oak Lane".to_owned(),
        source: "/photos/oak".to_owned(),
        out: "/out".to_owned(),
        destination: "/out/oak".to_owned(),
        style: "modern".to_owned(),
        provider: "local".to_owned(),
        engine_version: "classic-1".to_owned(),
        created: at(0),
        photos: (0..photos)
            .map(|number| NewPhoto {
                id: photo(number),
                file: format!("{number:03} ünï 🏠.jpg"),
                room: (number > 0).then_some(Room::SunRoom),
                operations: vec![
                    OperationRecord {
                        kind: OperationKind::Enhance,
                        executor: "embedded".to_owned(),
                        state: OperationState::Pending,
                        allowed: 2,
                        reason: None,
                    },
                    OperationRecord {
                        kind: OperationKind::Stage,
                        executor: String::new(),
                        state: OperationState::Skipped,
                        allowed: 0,
                        reason: Some("no model".to_owned()),
                    },
                ],
            })
            .collect(),
        events: vec![warning(&id, "made")],
        id,
    }
}

fn holder(process: u32) -> LeaseHolder {
    LeaseHolder {
        host: "here".to_owned(),
        process,
        token: format!("token {process}"),
    }
}

fn lease(store: &dyn JobStore, job: &JobId) -> String {
    let mine = holder(1);
    assert_eq!(
        store
            .acquire_lease(job, &mine, at(0), at(100), true)
            .unwrap(),
        LeaseOutcome::Acquired
    );
    mine.token
}

fn attempt(number: u32) -> AttemptRecord {
    AttemptRecord {
        photo: photo(0),
        kind: OperationKind::Enhance,
        number,
        seed: u64::MAX - 5,
        run_id: "oak-1-r1".to_owned(),
        image: Some("a.jpg".to_owned()),
        failure: None,
        verdict: None,
        clip_score: Some(0.75),
        parameters: Some(AttemptParameters::Video {
            num_frames: 25,
            fps: 7,
            motion_bucket_id: 40,
            noise_aug_strength: 0.02,
        }),
        master: None,
        judgement: None,
        seconds: 1.25,
        at: at(3),
    }
}

fn a_job_reads_back(store: &dyn JobStore) {
    let job = new_job("oak-1", 3);
    store.create_job(&job).unwrap();
    assert!(matches!(store.create_job(&job), Err(StoreError::Exists(_))));
    let found = store.job(&job.id).unwrap().unwrap();
    assert_eq!((found.state, found.photos), (JobState::Planned, 3));
    assert_eq!((found.counts.pending, found.counts.skipped), (3, 3));
    assert_eq!(found.counts.planned(), 3);
    assert_eq!(
        (found.created, found.updated, found.due),
        (at(0), at(0), None)
    );
    let photos = store.photos(&job.id).unwrap();
    assert_eq!(photos.len(), 3);
    for (read, new) in photos.iter().zip(&job.photos) {
        assert_eq!(
            (&read.id, &read.file, read.room),
            (&new.id, &new.file, new.room)
        );
        assert_eq!(read.operations, new.operations);
    }
    assert_eq!(store.job(&id("nobody")).unwrap(), None);
    assert!(matches!(
        store.photos(&id("nobody")),
        Err(StoreError::NotFound(_))
    ));
}

fn jobs_are_found_by_key_prefix_and_state(store: &dyn JobStore) {
    for name in ["oak-1", "elm-1", "oak-1-2"] {
        store.create_job(&new_job(name, 1)).unwrap();
    }
    let same: Vec<_> = store
        .jobs_with_key("key of oak-1")
        .unwrap()
        .into_iter()
        .map(|job| job.id)
        .collect();
    assert_eq!(same, [id("oak-1"), id("oak-1-2")]);
    assert_eq!(
        store.ids_with_prefix("oak", 9).unwrap(),
        [id("oak-1"), id("oak-1-2")]
    );
    assert_eq!(store.ids_with_prefix("oak", 1).unwrap().len(), 1);
    let names = |filter: &JobFilter| -> Vec<String> {
        let jobs = store.list(filter).unwrap();
        jobs.into_iter().map(|job| job.id.to_string()).collect()
    };
    let mut filter = JobFilter {
        states: Vec::new(),
        limit: 2,
        before: None,
    };
    assert_eq!(names(&filter), ["oak-1-2", "elm-1"]);
    filter.before = Some(id("elm-1"));
    assert_eq!(names(&filter), ["oak-1"]);
    filter.before = None;
    let token = lease(store, &id("elm-1"));
    let mut change = Change::of(&store.job(&id("elm-1")).unwrap().unwrap(), &token, at(1));
    change.state = JobState::Cancelled;
    store.apply(&change).unwrap();
    filter.states = vec![JobState::Cancelled, JobState::Failed];
    assert_eq!(names(&filter), ["elm-1"]);
    filter.states = vec![JobState::Cancelled, JobState::Planned];
    assert_eq!(names(&filter), ["oak-1-2", "elm-1"]);
    let totals = store.totals().unwrap();
    let by_state: Vec<_> = totals.iter().map(|one| (one.state, one.jobs)).collect();
    assert_eq!(by_state, [(JobState::Planned, 2), (JobState::Cancelled, 1)]);
    assert_eq!(totals[0].counts.pending, 2);
    assert_eq!(totals[0].photos, 2);
}

fn a_step_is_whole_or_nothing(store: &dyn JobStore) {
    let job = new_job("oak-1", 2);
    store.create_job(&job).unwrap();
    let token = lease(store, &job.id);
    let before = store.job(&job.id).unwrap().unwrap();
    let mut change = Change::of(&before, &token, at(5));
    change.state = JobState::Bundled;
    change.problem = Some("slow".to_owned());
    change.attempts = vec![attempt(1)];
    change.operations = vec![OperationChange {
        photo: photo(0),
        kind: OperationKind::Enhance,
        state: OperationState::Rejected { attempts: 1 },
        allowed: 2,
        reason: None,
    }];
    change.assets = Some((
        AssetKind::Delivered,
        vec![AssetRecord {
            kind: AssetKind::Delivered,
            path: "final/1.jpg".to_owned(),
            blake3: "0".repeat(64),
            bytes: 7,
        }],
    ));
    change.events = vec![warning(&job.id, "stepped")];

    let mut wrong = change.clone();
    wrong.operations.push(OperationChange {
        photo: photo(9),
        kind: OperationKind::Enhance,
        state: OperationState::Accepted,
        allowed: 2,
        reason: None,
    });
    assert!(matches!(
        store.apply(&wrong),
        Err(StoreError::Damaged { .. })
    ));
    let mut wrong = change.clone();
    wrong.expected = JobState::Running;
    assert!(matches!(
        store.apply(&wrong),
        Err(StoreError::Conflict { .. })
    ));
    let mut wrong = change.clone();
    wrong.lease = "token 2".to_owned();
    assert!(matches!(store.apply(&wrong), Err(StoreError::LeaseLost(_))));
    assert_eq!(store.job(&job.id).unwrap().unwrap(), before);
    assert!(store.attempts(&job.id).unwrap().is_empty());
    assert_eq!(store.events(&job.id, 0, 99).unwrap().len(), 1);

    store.apply(&change).unwrap();
    let after = store.job(&job.id).unwrap().unwrap();
    assert_eq!((after.state, after.updated), (JobState::Bundled, at(5)));
    assert_eq!(after.problem.as_deref(), Some("slow"));
    assert_eq!((after.counts.pending, after.counts.rejected), (1, 1));
    assert_eq!(store.attempts(&job.id).unwrap(), [attempt(1)]);
    assert_eq!(
        store.photos(&job.id).unwrap()[0].operations[0].state,
        OperationState::Rejected { attempts: 1 }
    );
    assert_eq!(store.assets(&job.id).unwrap().len(), 1);
    let events = store.events(&job.id, 0, 99).unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(
        store.events(&job.id, events[0].0, 99).unwrap(),
        events[1..].to_vec()
    );
    assert_eq!(store.events(&job.id, 0, 1).unwrap(), events[..1].to_vec());
}

fn an_attempt_is_recorded_once_and_judged_later(store: &dyn JobStore) {
    let job = new_job("oak-1", 1);
    store.create_job(&job).unwrap();
    let token = lease(store, &job.id);
    let step = |attempts: Vec<AttemptRecord>| {
        let mut change = Change::of(&store.job(&job.id).unwrap().unwrap(), &token, at(1));
        change.attempts = attempts;
        store.apply(&change).unwrap();
    };
    step(vec![attempt(1)]);
    let verdict = Verdict::Rejected {
        reasons: vec![Reason::new(ReasonCode::HashMismatch, "other bytes")],
    };
    let mut again = attempt(1);
    again.seconds = 99.0;
    again.run_id = "oak-1-r7".to_owned();
    again.verdict = Some(verdict.clone());
    again.clip_score = Some(0.5);
    again.master = Some("a.composite.jpg".to_owned());
    again.judgement = Some(Judgement {
        seconds: 0.3,
        ..Judgement::default()
    });
    let mut judged = attempt(1);
    judged.verdict = Some(verdict);
    judged.clip_score = again.clip_score;
    judged.master.clone_from(&again.master);
    judged.judgement.clone_from(&again.judgement);
    step(vec![again, attempt(2)]);
    step(vec![AttemptRecord {
        clip_score: None,
        ..attempt(1)
    }]);
    assert_eq!(store.attempts(&job.id).unwrap(), [judged, attempt(2)]);
}

fn versions_are_only_added(store: &dyn JobStore) {
    let job = new_job("oak-1", 2);
    store.create_job(&job).unwrap();
    let token = lease(store, &job.id);
    let version = |number, attempt| VersionRecord {
        photo: photo(0),
        kind: OperationKind::Enhance,
        number,
        attempt,
        cause: VersionCause::Accepted,
        at: at(5),
    };
    let step = |attempts: Vec<AttemptRecord>, versions: Vec<VersionRecord>| {
        let mut change = Change::of(&store.job(&job.id).unwrap().unwrap(), &token, at(1));
        change.attempts = attempts;
        change.versions = versions;
        store.apply(&change)
    };
    // An attempt and the version that delivers it are one step.
    step(vec![attempt(1)], vec![version(1, Some(1))]).unwrap();
    step(Vec::new(), vec![version(2, None)]).unwrap();
    // What is recorded stays as it is.
    step(Vec::new(), vec![version(1, None)]).unwrap();
    let known = [version(1, Some(1)), version(2, None)];
    assert_eq!(store.versions(&job.id).unwrap(), known);
    // A version that delivers nothing that was made is none.
    assert!(step(Vec::new(), vec![version(3, Some(9))]).is_err());
    assert_eq!(store.versions(&job.id).unwrap(), known);
}

fn orders_keep_what_the_executor_calls_them(store: &dyn JobStore) {
    let job = new_job("oak-1", 1);
    store.create_job(&job).unwrap();
    let token = lease(store, &job.id);
    let mut order = OrderRecord {
        number: 1,
        run_id: "oak-1-r1".to_owned(),
        executor: "fake".to_owned(),
        parent: None,
        photos: 1,
        remote: None,
    };
    for remote in [None, Some("fake/7".to_owned())] {
        order.remote = remote;
        let mut change = Change::of(&store.job(&job.id).unwrap().unwrap(), &token, at(1));
        change.order = Some(order.clone());
        store.apply(&change).unwrap();
    }
    assert_eq!(store.orders(&job.id).unwrap(), [order]);
}

fn one_process_drives_a_job(store: &dyn JobStore) {
    let job = new_job("oak-1", 1);
    store.create_job(&job).unwrap();
    let (one, two) = (holder(1), holder(2));
    let acquire = |who: &LeaseHolder, now: i64, alone: bool| {
        store
            .acquire_lease(&job.id, who, at(now), at(now + 10), alone)
            .unwrap()
    };
    assert_eq!(acquire(&one, 0, false), LeaseOutcome::Acquired);
    assert_eq!(acquire(&two, 1, false), LeaseOutcome::HeldBy(one.clone()));
    assert_eq!(acquire(&one, 2, false), LeaseOutcome::Acquired);
    store.renew_lease(&job.id, &one.token, at(30)).unwrap();
    assert_eq!(acquire(&two, 29, false), LeaseOutcome::HeldBy(one.clone()));
    // A dead process of this machine is known at once, one elsewhere only by its lease's end.
    let elsewhere = LeaseHolder {
        host: "there".to_owned(),
        ..two.clone()
    };
    assert_eq!(
        acquire(&elsewhere, 29, true),
        LeaseOutcome::HeldBy(one.clone())
    );
    assert_eq!(acquire(&two, 29, true), LeaseOutcome::Acquired);
    assert!(matches!(
        store.renew_lease(&job.id, &one.token, at(99)),
        Err(StoreError::LeaseLost(_))
    ));
    store.release_lease(&job.id, &one.token).unwrap();
    assert_eq!(acquire(&one, 30, false), LeaseOutcome::HeldBy(two.clone()));
    assert_eq!(acquire(&one, 39, false), LeaseOutcome::Acquired);
    store.release_lease(&job.id, &one.token).unwrap();
    assert_eq!(acquire(&two, 40, false), LeaseOutcome::Acquired);
}

fn due_jobs_are_those_that_can_go_on_now(store: &dyn JobStore) {
    for name in ["oak-1", "elm-1", "ash-1"] {
        store.create_job(&new_job(name, 1)).unwrap();
    }
    let set = |name: &str, state: JobState, due: Option<Timestamp>| {
        let token = lease(store, &id(name));
        let mut change = Change::of(&store.job(&id(name)).unwrap().unwrap(), &token, at(1));
        change.state = state;
        change.due = due;
        store.apply(&change).unwrap();
    };
    assert_eq!(store.due(at(0)).unwrap().len(), 3);
    set("oak-1", JobState::Delivered, None);
    set("elm-1", JobState::Retrying, Some(at(50)));
    assert_eq!(store.due(at(49)).unwrap(), [id("ash-1")]);
    assert_eq!(store.next_due(at(49)).unwrap(), Some(at(50)));
    assert_eq!(store.due(at(50)).unwrap(), [id("elm-1"), id("ash-1")]);
    assert_eq!(store.next_due(at(50)).unwrap(), None);
    set("ash-1", JobState::NeedsReview, None);
    assert_eq!(store.due(at(50)).unwrap(), [id("elm-1")]);
}

fn a_wish_to_stop_reaches_the_driver(store: &dyn JobStore) {
    let job = new_job("oak-1", 1);
    store.create_job(&job).unwrap();
    let asked = event(
        &job.id,
        EventKind::Requested {
            request: Request::Cancel,
        },
    );
    store.request_cancel(&job.id, &[asked]).unwrap();
    assert!(store.job(&job.id).unwrap().unwrap().cancel_requested);
    let token = lease(store, &job.id);
    let mut change = Change::of(&store.job(&job.id).unwrap().unwrap(), &token, at(1));
    store.apply(&change).unwrap();
    assert!(store.job(&job.id).unwrap().unwrap().cancel_requested);
    change.clear_cancel = true;
    store.apply(&change).unwrap();
    assert!(!store.job(&job.id).unwrap().unwrap().cancel_requested);
    assert!(store.request_cancel(&id("nobody"), &[]).is_err());
}

fn a_folder_belongs_to_one_listing(store: &dyn JobStore) {
    assert_eq!(store.destination_owner("/out/oak").unwrap(), None);
    assert!(
        store
            .reserve_destination("/out/oak", "/photos/oak")
            .unwrap()
    );
    assert!(
        store
            .reserve_destination("/out/oak", "/photos/oak")
            .unwrap()
    );
    assert!(
        !store
            .reserve_destination("/out/oak", "/photos/elm")
            .unwrap()
    );
    assert_eq!(
        store.destination_owner("/out/oak").unwrap().as_deref(),
        Some("/photos/oak")
    );
}

fn statistics_count_what_is_recorded(store: &dyn JobStore) {
    let mut other = new_job("elm-1", 3);
    other.style = "coastal".to_owned();
    other.created = at(50);
    let job = new_job("oak-1", 3);
    for new in [&job, &other] {
        store.create_job(new).unwrap();
    }
    let token = lease(store, &job.id);
    let step = |state: JobState, second: i64, more: &dyn Fn(&mut Change)| {
        let known = store.job(&job.id).unwrap().unwrap();
        let mut change = Change::of(&known, &token, at(second));
        change.state = state;
        let (from, to) = (known.state, state);
        let mut changed = event(&job.id, EventKind::StateChanged { from, to });
        changed.at = at(second);
        more(&mut change);
        change.events.push(changed);
        store.apply(&change).unwrap();
    };
    let settle = |change: &mut Change, number: usize, state: OperationState| {
        change.operations.push(OperationChange {
            photo: photo(number),
            kind: OperationKind::Enhance,
            state,
            allowed: 2,
            reason: None,
        });
    };
    step(JobState::Queued, 10, &|change| {
        change.events.push(event(
            &job.id,
            EventKind::Ordered {
                run_id: "oak-1-r1".to_owned(),
                executor: "embedded".to_owned(),
                photos: 3,
                parent: None,
            },
        ));
    });
    step(JobState::Running, 14, &|_| ());
    step(JobState::Delivering, 34, &|change| {
        let made = |number: usize, attempt_number: u32, verdict: Option<Verdict>| AttemptRecord {
            photo: photo(number),
            verdict,
            judgement: Some(Judgement {
                seconds: 0.5,
                ..Judgement::default()
            }),
            seconds: 2.0,
            ..attempt(attempt_number)
        };
        let rejected = |text: &str| {
            Some(Verdict::Rejected {
                reasons: vec![Reason::new(ReasonCode::DetailLost, text)],
            })
        };
        change.attempts = vec![
            made(0, 1, rejected("soft")),
            made(0, 2, Some(Verdict::Accepted)),
            made(1, 1, rejected("softer")),
            AttemptRecord {
                failure: Some(Reason::new(ReasonCode::Deadline, "too late")),
                seconds: 8.0,
                judgement: None,
                ..made(1, 2, None)
            },
        ];
        settle(change, 0, OperationState::Accepted);
        settle(change, 1, OperationState::GaveUp);
    });
    let ask = |filter: StatisticsFilter| store.statistics(&filter).unwrap();
    let check = |found: &Statistics, delivering: u64| {
        assert_eq!((found.all.jobs, found.all.photos), (2, 6));
        let enhance = &found.all.operations[&OperationKind::Enhance];
        let counts = enhance.counts;
        assert_eq!((counts.accepted, counts.gave_up, counts.pending), (1, 1, 4));
        assert_eq!(
            found.all.operations[&OperationKind::Stage].counts.skipped,
            6
        );
        assert_eq!((enhance.attempts, enhance.judging.count()), (4, 3));
        assert_eq!(
            (enhance.seconds.seconds(), enhance.judging.seconds()),
            (14.0, 1.5)
        );
        let near = |found: Option<f64>, wanted: f64| {
            let found = found.unwrap();
            assert!((found / wanted - 1.0).abs() < 0.021, "{found} for {wanted}");
        };
        near(enhance.seconds.quantile(0.5), 2.0);
        near(enhance.seconds.quantile(0.95), 8.0);
        let reasons: Vec<_> = enhance.reasons.iter().collect();
        assert_eq!(
            reasons,
            [
                (&ReasonCode::Deadline, &(1, "too late".to_owned())),
                (&ReasonCode::DetailLost, &(2, "softer".to_owned())),
            ]
        );
        near(found.all.stages[&JobState::Queued].quantile(0.5), 4.0);
        near(found.all.stages[&JobState::Running].quantile(0.5), 20.0);
        let ended = found.all.stages.get(&JobState::Delivering);
        assert_eq!(ended.map_or(0, Histogram::count), delivering);
        assert_eq!(enhance_of(found, "modern").attempts, 4);
        assert_eq!(enhance_of(found, "coastal").counts.pending, 3);
        assert_eq!(found.by_style["coastal"].photos, 3);
        assert_eq!(found.by_room[&None].photos, 2);
        assert_eq!(found.by_room[&Some(Room::SunRoom)].photos, 4);
        assert_eq!(
            found.by_room[&None].operations[&OperationKind::Enhance]
                .counts
                .accepted,
            1
        );
        assert!(found.by_room[&None].stages.is_empty());
        // What is left out is nobody's.
        let names: Vec<_> = found.by_executor.keys().collect();
        assert_eq!(names, ["embedded"]);
        assert_eq!(found.by_executor["embedded"].photos, 6);
        assert_eq!(
            found.by_executor["embedded"].stages[&JobState::Running].count(),
            1
        );
    };
    check(&ask(StatisticsFilter::default()), 0);
    // A job at rest is counted as one under way, and as one that a person takes up again.
    step(JobState::Delivered, 36, &|_| ());
    check(&ask(StatisticsFilter::default()), 1);
    step(JobState::Delivering, 90, &|_| ());
    check(&ask(StatisticsFilter::default()), 1);
    step(JobState::Delivered, 99, &|_| ());
    check(&ask(StatisticsFilter::default()), 2);

    let late = ask(StatisticsFilter {
        since: Some(at(50)),
        ..StatisticsFilter::default()
    });
    assert_eq!((late.all.jobs, late.by_style.len()), (1, 1));
    let style = ask(StatisticsFilter {
        style: Some("modern".to_owned()),
        ..StatisticsFilter::default()
    });
    assert_eq!((style.all.jobs, style.all.photos), (1, 3));
    let room = ask(StatisticsFilter {
        room: Some(Room::SunRoom),
        ..StatisticsFilter::default()
    });
    assert_eq!(
        (room.all.jobs, room.all.photos, room.by_room.len()),
        (2, 4, 1)
    );
    assert_eq!(room.all.operations[&OperationKind::Enhance].attempts, 2);
    assert!(room.all.stages.is_empty());
    let executor = |name: &str| StatisticsFilter {
        executor: Some(name.to_owned()),
        ..StatisticsFilter::default()
    };
    let embedded = ask(executor("embedded"));
    assert_eq!((embedded.all.jobs, embedded.all.photos), (2, 6));
    assert!(!embedded.all.operations.contains_key(&OperationKind::Stage));
    assert!(!embedded.all.stages.contains_key(&JobState::Delivering));
    assert_eq!(ask(executor("nobody")), Statistics::default());
}

fn enhance_of<'a>(found: &'a Statistics, style: &str) -> &'a Figures {
    &found.by_style[style].operations[&OperationKind::Enhance]
}

/// Runs every rule on a fresh store each.
macro_rules! store_rules {
    ($module:ident, $fresh:expr) => {
        mod $module {
            store_rules!(@rules $fresh;
                a_job_reads_back
                jobs_are_found_by_key_prefix_and_state
                a_step_is_whole_or_nothing
                an_attempt_is_recorded_once_and_judged_later
                versions_are_only_added
                orders_keep_what_the_executor_calls_them
                one_process_drives_a_job
                due_jobs_are_those_that_can_go_on_now
                a_wish_to_stop_reaches_the_driver
                a_folder_belongs_to_one_listing
                statistics_count_what_is_recorded
            );
        }
    };
    (@rules $fresh:expr; $($rule:ident)+) => {
        $(#[test]
        fn $rule() {
            let store = $fresh;
            super::$rule(&store);
        })+
    };
}

store_rules!(memory, remedia::store::MemoryStore::new());
store_rules!(sqlite, remedia::store::SqliteStore::in_memory().unwrap());

#[test]
fn the_record_survives_its_process_and_is_seen_by_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("remedia.db");
    let one = SqliteStore::open(&path).unwrap();
    one.create_job(&new_job("oak-1", 2)).unwrap();
    let two = SqliteStore::open(&path).unwrap();
    assert!(two.job(&id("oak-1")).unwrap().is_some());
    drop((one, two));
    let three = SqliteStore::open(&path).unwrap();
    assert_eq!(three.photos(&id("oak-1")).unwrap().len(), 2);
    assert!(three.integrity().unwrap().is_empty());
}

#[test]
fn many_writers_wait_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("remedia.db");
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let path = &path;
            scope.spawn(move || {
                let store = SqliteStore::open(path).unwrap();
                for number in 0..10 {
                    store
                        .create_job(&new_job(&format!("job-{writer}-{number}"), 3))
                        .unwrap();
                }
            });
        }
    });
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.totals().unwrap()[0].jobs, 40);
}

#[test]
fn recorded_events_can_be_neither_changed_nor_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("remedia.db");
    let store = SqliteStore::open(&path).unwrap();
    store.create_job(&new_job("oak-1", 1)).unwrap();
    let token = lease(&store, &id("oak-1"));
    let mut change = Change::of(&store.job(&id("oak-1")).unwrap().unwrap(), &token, at(1));
    change.versions = vec![VersionRecord {
        photo: photo(0),
        kind: OperationKind::Enhance,
        number: 1,
        attempt: None,
        cause: VersionCause::Reverted,
        at: at(1),
    }];
    store.apply(&change).unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    for statement in [
        "UPDATE event SET body = '{}'",
        "DELETE FROM event",
        "UPDATE version SET attempt = 1",
        "DELETE FROM version",
    ] {
        let refused = raw.execute(statement, []).unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
    assert_eq!(store.events(&id("oak-1"), 0, 9).unwrap().len(), 1);
}

#[test]
fn files_of_a_newer_build_or_another_program_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let newer = folder.path().join("newer.db");
    drop(SqliteStore::open(&newer).unwrap());
    let raw = rusqlite::Connection::open(&newer).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    drop(raw);
    let refused = SqliteStore::open(&newer).unwrap_err();
    assert!(matches!(refused, StoreError::Newer { found: 99, .. }));
    assert!(refused.to_string().contains("newer remedia"));
    assert!(refused.hint().is_some());

    let changed = folder.path().join("changed.db");
    drop(SqliteStore::open(&changed).unwrap());
    let raw = rusqlite::Connection::open(&changed).unwrap();
    raw.execute("UPDATE migration SET checksum = 'x'", [])
        .unwrap();
    drop(raw);
    assert!(matches!(
        SqliteStore::open(&changed).unwrap_err(),
        StoreError::MigrationChanged { number: 1, .. }
    ));

    let other = folder.path().join("other.db");
    let raw = rusqlite::Connection::open(&other).unwrap();
    raw.execute_batch("CREATE TABLE song (title TEXT)").unwrap();
    drop(raw);
    assert!(matches!(
        SqliteStore::open(&other).unwrap_err(),
        StoreError::Open { .. }
    ));

    let text = folder.path().join("text.db");
    fs_err::write(
        &text,
        "no database at all, only words, and enough of them to fill a page",
    )
    .unwrap();
    assert!(matches!(
        SqliteStore::open(&text).unwrap_err(),
        StoreError::Corrupt { .. }
    ));
    // The file of another program is left exactly as it was.
    assert!(fs_err::read(&text).unwrap().starts_with(b"no database"));
}

#[test]
fn statistics_of_a_record_of_an_earlier_build_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("remedia.db");
    let store = SqliteStore::open(&path).unwrap();
    statistics_count_what_is_recorded(&store);
    let counted = store.statistics(&StatisticsFilter::default()).unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    for statement in [
        "DELETE FROM tally",
        "UPDATE tally SET form = 0, body = 'of another form'",
    ] {
        assert_eq!(raw.execute(statement, []).unwrap(), 1, "one job is at rest");
        let again = store.statistics(&StatisticsFilter::default()).unwrap();
        assert_eq!(again, counted);
        let kept: i64 = raw
            .query_row("SELECT count(*) FROM tally WHERE form = 1", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(kept, 1);
    }
}

#[test]
fn both_stores_tell_the_same_story() {
    let stores: [Box<dyn JobStore>; 2] = [
        Box::new(MemoryStore::new()),
        Box::new(SqliteStore::in_memory().unwrap()),
    ];
    let stories: Vec<_> = stores
        .iter()
        .map(|store| {
            for name in ["oak-1", "elm-1"] {
                store.create_job(&new_job(name, 4)).unwrap();
            }
            let token = lease(store.as_ref(), &id("oak-1"));
            let mut change = Change::of(&store.job(&id("oak-1")).unwrap().unwrap(), &token, at(9));
            change.state = JobState::Bundled;
            change.attempts = vec![attempt(2), attempt(1)];
            change.versions = vec![VersionRecord {
                photo: photo(0),
                kind: OperationKind::Enhance,
                number: 1,
                attempt: Some(2),
                cause: VersionCause::Approved,
                at: at(9),
            }];
            change.due = Some(at(60));
            store.apply(&change).unwrap();
            (
                store.job(&id("oak-1")).unwrap(),
                store.attempts(&id("oak-1")).unwrap(),
                store.versions(&id("oak-1")).unwrap(),
                store.photos(&id("elm-1")).unwrap(),
                store.totals().unwrap(),
                store.due(at(10)).unwrap(),
                store.statistics(&StatisticsFilter::default()).unwrap(),
            )
        })
        .collect();
    assert_eq!(stories[0], stories[1]);
}
