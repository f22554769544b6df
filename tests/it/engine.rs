//! The engine from request to delivered folder, with the embedded engine and with the scripted
//! provider.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use remedia::clock::Clock;
use remedia::domain::capabilities::{Capabilities, EmbeddedCapability};
use remedia::domain::event::{Event, EventKind};
use remedia::domain::id::JobId;
use remedia::domain::operation::OperationRequest;
use remedia::domain::retry::RetryPolicy;
use remedia::domain::state::JobState;
use remedia::engine::{
    DriveLimits, DriveOutcome, Ending, Engine, EngineError, EngineOptions, GcReason, GcRequest,
    Interrupt, KaggleOptions, ListFilter, NoEvents, RetryRequest, RunLimits, SubmitOutcome,
    SubmitRequest,
};
use remedia::http::Secret;
use remedia::imaging::{self, DecodeLimits, JpegOptions, encode_jpeg};
use remedia::ingest::{IngestOptions, read_listing};
use remedia::kaggle::KaggleEnvironment;
use remedia::planner::styles::StyleLibrary;
use remedia::planner::{PlanRequest, plan};

use crate::support::fixture;
use crate::support::room::room_photo;

/// A home, a listing and an output folder that are gone after the test.
pub(crate) struct House {
    root: tempfile::TempDir,
    script: Option<PathBuf>,
    kaggle: KaggleOptions,
}

impl House {
    pub(crate) fn new(photos: &[&str]) -> Self {
        let house = Self {
            root: tempfile::tempdir().unwrap(),
            script: None,
            kaggle: KaggleOptions::default(),
        };
        fs_err::create_dir_all(house.listing()).unwrap();
        for (seed, name) in (1..).zip(photos) {
            fs_err::write(house.listing().join(name), photo(seed)).unwrap();
        }
        house
    }

    /// Rooms of the fixture listing, 480 pixels wide, with texture enough for the gates.
    pub(crate) fn furnished(photos: &[&str]) -> Self {
        let house = Self::new(&[]);
        for name in photos {
            let bytes = fs_err::read(fixture(&format!("listings/maple-street/{name}"))).unwrap();
            let whole = imaging::decode(&bytes, &DecodeLimits::default()).unwrap();
            let small = imaging::fit(&whole.into_eight(), 480).unwrap();
            let jpeg = encode_jpeg(&small, &JpegOptions::default()).unwrap();
            fs_err::write(house.listing().join(name), jpeg).unwrap();
        }
        house
    }

    pub(crate) fn with_script(mut self, script: &str) -> Self {
        let path = self.root.path().join("script.toml");
        fs_err::write(&path, script).unwrap();
        self.script = Some(path);
        self
    }

    /// Signed in to a Kaggle at `address`.
    pub(crate) fn with_kaggle(mut self, address: &str, token: &str) -> Self {
        self.kaggle = KaggleOptions {
            environment: KaggleEnvironment {
                home: Some(self.root.path().to_owned()),
                api_token: Some(Secret::new(token)),
                ..KaggleEnvironment::default()
            },
            address: Some(address.to_owned()),
            ..KaggleOptions::default()
        };
        self
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn listing(&self) -> PathBuf {
        self.root.path().join("12 Oak Lane")
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.root.path().join("out")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    pub(crate) fn engine(&self) -> Engine {
        self.engine_at(
            "2026-05-04T10:00:00Z".parse().unwrap(),
            RetryPolicy::immediate(5),
        )
    }

    /// As another process would open it at this moment.
    pub(crate) fn engine_at(&self, now: Timestamp, retry: RetryPolicy) -> Engine {
        let options = EngineOptions {
            retry,
            fake_script: self.script.clone(),
            kaggle: self.kaggle.clone(),
            threads: 2,
            ..EngineOptions::new(self.home())
        };
        Engine::open(options, Clock::frozen(now)).unwrap()
    }

    pub(crate) fn request(&self, provider: &str, operations: &str) -> SubmitRequest {
        let listing = read_listing(&self.listing(), &IngestOptions::default(), &|_, _| ()).unwrap();
        let styles = StyleLibrary::load(None).unwrap();
        let capabilities = Capabilities {
            embedded: EmbeddedCapability {
                engine_version: remedia::local::ENGINE_VERSION.to_owned(),
                megapixels_per_second: 6.0,
                cores: 2,
            },
            providers: vec![
                remedia::provider::capabilities(2)
                    .provider("kaggle")
                    .unwrap()
                    .clone(),
                serde_json::from_value(serde_json::json!({
                    "name": "fake",
                    "operations": { "stage": { "seconds_per_attempt": 1.0, "deterministic": false } }
                }))
                .unwrap(),
            ],
            models: Vec::new(),
        };
        let wanted = PlanRequest {
            provider: provider.to_owned(),
            operations: operations.parse::<OperationRequest>().unwrap(),
            ..PlanRequest::default()
        };
        let plan = plan(
            &listing,
            styles.get("modern").unwrap(),
            &capabilities,
            &wanted,
        )
        .unwrap();
        SubmitRequest {
            listing,
            source: self.listing(),
            plan,
            out: self.out(),
            force: false,
        }
    }

    pub(crate) fn submit(&self, provider: &str, operations: &str) -> SubmitOutcome {
        self.engine()
            .submit(&self.request(provider, operations), &mut NoEvents)
            .unwrap()
    }

    pub(crate) fn drive(&self, job: &JobId) -> DriveOutcome {
        self.engine()
            .drive(
                job,
                &mut NoEvents,
                &Interrupt::new(),
                &DriveLimits::to_the_end(),
            )
            .unwrap()
    }

    pub(crate) fn delivered(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        collect_files(&self.out(), &self.out(), &mut files);
        files
    }
}

pub(crate) fn collect_files(root: &Path, folder: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    let mut entries: Vec<_> = fs_err::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect_files(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            files.push((name, fs_err::read(&path).unwrap()));
        }
    }
}

/// A small photo of a dim room: two shades of wall, a brighter window, and noise by `seed`.
pub(crate) fn photo(seed: u32) -> Vec<u8> {
    room_photo(384, 256, seed)
}

fn recorded(house: &House, job: &JobId) -> Vec<Event> {
    house.engine().logs(job, 0, 10_000).unwrap().events
}

fn states(events: &[Event]) -> Vec<JobState> {
    events
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::StateChanged { to, .. } => Some(to),
            _ => None,
        })
        .collect()
}

#[test]
fn a_listing_is_enhanced_and_delivered_and_asking_again_finds_it() {
    let house = House::new(&["01-kitchen.jpg", "02-bedroom.jpg", "03-garden.jpg"]);
    let submitted = house.submit("local", "auto");
    assert!(!submitted.existing);
    let driven = house.drive(&submitted.job);
    assert_eq!(driven.ending, Ending::Delivered);
    assert_eq!((driven.counts.accepted, driven.counts.gave_up), (3, 0));
    assert_eq!(driven.problem, None);
    assert_eq!(
        states(&recorded(&house, &submitted.job)),
        [
            JobState::Bundled,
            JobState::Submitting,
            JobState::Queued,
            JobState::Running,
            JobState::Collecting,
            JobState::Validating,
            JobState::Delivering,
            JobState::Delivered,
        ]
    );
    let first = house.delivered();
    assert!(
        first
            .iter()
            .any(|(name, _)| name == "12-oak-lane/gallery.html")
    );

    let again = house.submit("local", "auto");
    assert!(again.existing);
    assert_eq!(
        (again.job.clone(), again.state),
        (submitted.job.clone(), JobState::Delivered)
    );
    assert_eq!(house.drive(&again.job).ending, Ending::Delivered);
    assert_eq!(house.delivered(), first);

    // A delivered file that was deleted comes back with the same bytes.
    let lost = &first.last().unwrap().0;
    fs_err::remove_file(house.out().join(lost)).unwrap();
    let restored = house.submit("local", "auto");
    assert!(restored.existing);
    assert_eq!(restored.state, JobState::Delivering);
    house.drive(&restored.job);
    assert_eq!(house.delivered(), first);

    let mut forced = house.request("local", "auto");
    forced.force = true;
    let forced = house.engine().submit(&forced, &mut NoEvents).unwrap();
    assert!(!forced.existing);
    assert_ne!(forced.job, submitted.job);
    assert_eq!(forced.destination, submitted.destination);
}

#[test]
fn a_photo_that_changed_or_vanished_does_not_stop_the_others() {
    let house = House::new(&["01-kitchen.jpg", "02-bedroom.jpg", "03-garden.jpg"]);
    let submitted = house.submit("local", "auto");
    fs_err::write(house.listing().join("02-bedroom.jpg"), photo(77)).unwrap();
    fs_err::remove_file(house.listing().join("03-garden.jpg")).unwrap();
    let driven = house.drive(&submitted.job);
    assert_eq!(driven.ending, Ending::Delivered);
    assert_eq!((driven.counts.accepted, driven.counts.gave_up), (1, 2));
    assert!(driven.problem.is_some());
    let shown = house.engine().show(&submitted.job).unwrap();
    let reasons: Vec<_> = shown
        .photos
        .iter()
        .map(|photo| photo.operations.first().unwrap().reason.clone())
        .collect();
    assert!(reasons[1].as_ref().unwrap().contains("changed"));
    assert!(reasons[2].as_ref().unwrap().contains("gone"));

    // With the file back, another attempt succeeds and the folder is complete.
    fs_err::write(house.listing().join("03-garden.jpg"), photo(3)).unwrap();
    let summary = house
        .engine()
        .retry(&submitted.job, &RetryRequest::default(), &mut NoEvents)
        .unwrap();
    assert_eq!(
        (summary.state, summary.operations.pending),
        (JobState::Planned, 2)
    );
    let driven = house.drive(&submitted.job);
    assert_eq!((driven.counts.accepted, driven.counts.gave_up), (2, 1));
    let shown = house.engine().show(&submitted.job).unwrap();
    assert_eq!(
        shown.orders[1].parent.as_deref(),
        Some(shown.orders[0].run_id.as_str())
    );
    assert_eq!(shown.orders[1].photos, 2);
    let attempts = &shown.photos[2].operations[0].attempts;
    assert_eq!(attempts.len(), 2);
    assert_ne!(attempts[0].seed, attempts[1].seed);
}

#[test]
fn another_listing_never_gets_a_folder_that_is_taken() {
    let house = House::new(&["01-kitchen.jpg"]);
    let foreign = house.out().join("12-oak-lane");
    fs_err::create_dir_all(&foreign).unwrap();
    fs_err::write(foreign.join("letter.txt"), "mine").unwrap();
    let submitted = house.submit("local", "auto");
    assert_eq!(submitted.destination, house.out().join("12-oak-lane-2"));
    house.drive(&submitted.job);
    assert_eq!(fs_err::read(foreign.join("letter.txt")).unwrap(), b"mine");
    assert_eq!(fs_err::read_dir(&foreign).unwrap().count(), 1);

    // Another folder with a listing of the same name.
    let mut other = house.request("local", "auto");
    other.source = house.root.path().join("elsewhere");
    fs_err::create_dir_all(&other.source).unwrap();
    fs_err::write(other.source.join("01-kitchen.jpg"), photo(1)).unwrap();
    let other = house.engine().submit(&other, &mut NoEvents).unwrap();
    assert!(!other.existing);
    assert_eq!(other.destination, house.out().join("12-oak-lane-3"));
}

#[test]
fn a_job_that_is_driven_is_left_alone() {
    let house = House::new(&["01-kitchen.jpg"]);
    let submitted = house.submit("local", "auto");
    let lock = fs_err::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(house.engine().work_folder(&submitted.job).join("lock"))
        .unwrap();
    lock.file().lock().unwrap();
    let refused = house.engine().drive(
        &submitted.job,
        &mut NoEvents,
        &Interrupt::new(),
        &DriveLimits::to_the_end(),
    );
    assert!(matches!(refused, Err(EngineError::Locked { .. })));
    let limits = RunLimits {
        once: true,
        deadline: None,
    };
    let run = house
        .engine()
        .run_due(&mut NoEvents, &Interrupt::new(), &limits)
        .unwrap();
    assert_eq!(run.locked, std::slice::from_ref(&submitted.job));
    drop(lock);
    let run = house
        .engine()
        .run_due(&mut NoEvents, &Interrupt::new(), &limits)
        .unwrap();
    assert_eq!(run.driven.len(), 1);
    assert_eq!(run.driven[0].ending, Ending::Delivered);
}

#[test]
fn an_interrupt_saves_and_the_next_drive_makes_nothing_twice() {
    struct InterruptAfter {
        interrupt: Interrupt,
        produced: u32,
    }
    impl remedia::engine::EventSink for InterruptAfter {
        fn event(&mut self, event: &Event) {
            if matches!(event.kind, EventKind::AttemptProduced { .. }) {
                self.produced += 1;
                self.interrupt.request();
            }
        }
    }
    let names: Vec<String> = (1..=12).map(|n| format!("{n:02}-kitchen.jpg")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let house = House::new(&names);
    let submitted = house.submit("local", "auto");
    let interrupt = Interrupt::new();
    let mut sink = InterruptAfter {
        interrupt: interrupt.clone(),
        produced: 0,
    };
    let stopped = house
        .engine()
        .drive(
            &submitted.job,
            &mut sink,
            &interrupt,
            &DriveLimits::to_the_end(),
        )
        .unwrap();
    assert_eq!(stopped.ending, Ending::Interrupted);
    assert_eq!(stopped.state, JobState::Running);
    assert!((1..12).contains(&sink.produced), "{}", sink.produced);
    let driven = house.drive(&submitted.job);
    assert_eq!(driven.counts.accepted, 12);
    let produced = recorded(&house, &submitted.job)
        .iter()
        .filter(|event| matches!(event.kind, EventKind::AttemptProduced { .. }))
        .count();
    assert_eq!(produced, 12);
    let orders = house.engine().show(&submitted.job).unwrap().orders;
    assert_eq!(orders.len(), 1);
}

#[test]
fn staging_goes_to_the_provider_after_enhancement() {
    let house = House::new(&["01-kitchen.jpg", "02-bedroom.jpg"])
        .with_script("queued_polls = 2\nrunning_polls = 3");
    let submitted = house.submit("fake", "enhance,stage");
    let driven = house.drive(&submitted.job);
    assert_eq!(driven.ending, Ending::Delivered);
    assert_eq!(driven.counts.accepted, 4);
    let orders = house.engine().show(&submitted.job).unwrap().orders;
    let executors: Vec<_> = orders.iter().map(|order| order.executor.as_str()).collect();
    assert_eq!(executors, ["embedded", "fake"]);
}

#[test]
fn a_lost_answer_is_found_and_nothing_is_submitted_twice() {
    let house = House::new(&["01-kitchen.jpg"]).with_script("submit = [\"lost\"]");
    let submitted = house.submit("fake", "stage");
    let driven = house.drive(&submitted.job);
    assert_eq!(driven.ending, Ending::Delivered);
    let events = recorded(&house, &submitted.job);
    assert!(
        events
            .iter()
            .any(|event| matches!(event.kind, EventKind::Found { .. }))
    );
    let run = house
        .home()
        .join(format!("fake/runs/{}-r1/run.json", submitted.job));
    let run: serde_json::Value = serde_json::from_slice(&fs_err::read(run).unwrap()).unwrap();
    assert_eq!(run["submissions"], 1);
}

#[test]
fn bad_results_are_refused_and_made_again_with_another_seed() {
    let house = House::new(&[
        "01-kitchen.jpg",
        "02-bedroom.jpg",
        "03-living-room.jpg",
        "04-bathroom.jpg",
        "05-office.jpg",
    ])
    .with_script(
        r#"
            [[photos]]
            file = "kitchen"
            attempt = 1
            outcome = "wrong_hash"
            [[photos]]
            file = "bedroom"
            attempt = 1
            outcome = "missing"
            [[photos]]
            file = "living"
            outcome = "wrong_size"
            [[photos]]
            file = "bathroom"
            attempt = 1
            outcome = "produced"
            clip_score = 0.4
            [[photos]]
            file = "office"
            attempt = 1
            outcome = "damaged"
            "#,
    );
    let submitted = house.submit("fake", "stage");
    let driven = house.drive(&submitted.job);
    assert_eq!(driven.ending, Ending::Delivered);
    let shown = house.engine().show(&submitted.job).unwrap();
    let states: Vec<_> = shown
        .photos
        .iter()
        .map(|photo| {
            let operation = photo
                .operations
                .iter()
                .find(|one| one.executor == "fake")
                .unwrap();
            (operation.state.as_str(), operation.attempts.len())
        })
        .collect();
    assert_eq!(
        states,
        [
            ("accepted", 2),
            ("accepted", 2),
            ("gave_up", 3),
            ("accepted", 2),
            ("accepted", 2)
        ]
    );
    assert_eq!(shown.orders.len(), 3);
    assert_eq!(shown.orders[1].photos, 5);
    assert_eq!(shown.orders[2].photos, 1);
}

#[test]
fn an_operator_is_waited_for() {
    let house = House::new(&["01-kitchen.jpg"]).with_script("operator = \"start the notebook\"");
    let submitted = house.submit("fake", "stage");
    let instruction = "start the notebook".to_owned();
    let waiting = house.drive(&submitted.job);
    assert_eq!(waiting.state, JobState::AwaitingOperator);
    assert_eq!(
        waiting.ending,
        Ending::AwaitingOperator {
            instruction: instruction.clone()
        }
    );
    assert_eq!(
        house.drive(&submitted.job).ending,
        Ending::AwaitingOperator { instruction }
    );
    house
        .engine()
        .resume(&submitted.job, &mut NoEvents)
        .unwrap();
    assert_eq!(house.drive(&submitted.job).ending, Ending::Delivered);
}

#[test]
fn a_person_reviews_what_remedia_cannot_judge() {
    let script = "[[photos]]\nattempt = 1\noutcome = \"produced\"\nunscored = true";
    let house = House::new(&["01-kitchen.jpg", "02-bedroom.jpg"]).with_script(script);
    let submitted = house.submit("fake", "stage");
    let job = &submitted.job;
    assert_eq!(house.drive(job).ending, Ending::NeedsReview);
    let photos: Vec<_> = house
        .engine()
        .show(job)
        .unwrap()
        .photos
        .into_iter()
        .map(|photo| photo.photo)
        .collect();
    let engine = house.engine();
    engine.approve(job, &photos[..1], &mut NoEvents).unwrap();
    assert_eq!(house.drive(job).ending, Ending::NeedsReview);
    engine.reject(job, &[], &mut NoEvents).unwrap();
    let driven = house.drive(job);
    assert_eq!(driven.ending, Ending::Delivered);
    assert_eq!(driven.counts.accepted, 2);
    let shown = engine.show(job).unwrap();
    let attempts: Vec<_> = shown
        .photos
        .iter()
        .map(|photo| {
            photo
                .operations
                .iter()
                .map(|one| one.attempts.len())
                .max()
                .unwrap()
        })
        .collect();
    assert_eq!(attempts, [1, 2]);
}

#[test]
fn faults_are_answered_by_their_kind() {
    let ending = |script: &str| {
        let house = House::new(&["01-kitchen.jpg"]).with_script(script);
        let submitted = house.submit("fake", "stage");
        (house.drive(&submitted.job), house, submitted.job)
    };
    let (driven, ..) = ending(
        "submit = [\"network\", \"network\"]\npoll = [\"network\", \"lost\"]\ncollect = [\"lost\"]",
    );
    assert_eq!(driven.ending, Ending::Delivered);

    let (driven, house, job) = ending("submit = [\"quota\"]\nretry_after_seconds = 7200");
    assert!(
        matches!(driven.ending, Ending::Temporary { .. }),
        "{driven:?}"
    );
    assert_eq!(driven.state, JobState::Submitting);
    house.engine().resume(&job, &mut NoEvents).unwrap();
    assert_eq!(house.drive(&job).ending, Ending::Delivered);

    let (driven, house, job) = ending("submit = [\"credentials\"]");
    assert!(matches!(driven.ending, Ending::Credentials { .. }));
    assert_eq!(house.drive(&job).ending, Ending::Delivered);

    let (driven, ..) = ending("submit = [\"refused\"]");
    assert_eq!(driven.ending, Ending::Delivered);
    assert_eq!(driven.counts.gave_up, 1);

    let (driven, ..) = ending("runs = [\"retryable\", \"none\"]");
    assert_eq!(
        (driven.ending, driven.counts.accepted),
        (Ending::Delivered, 1)
    );

    let (driven, ..) = ending("runs = [\"permanent\"]");
    assert_eq!(
        (driven.ending, driven.counts.gave_up),
        (Ending::Delivered, 1)
    );

    let always = format!("submit = [{}]", "\"network\",".repeat(9));
    let (driven, house, job) = ending(&always);
    assert!(matches!(driven.ending, Ending::Failed { .. }));
    assert_eq!(driven.state, JobState::Failed);
    house.engine().resume(&job, &mut NoEvents).unwrap();
    assert_eq!(house.drive(&job).ending, Ending::Delivered);
}

#[test]
fn a_cancelled_job_stops_and_can_go_on() {
    let house = House::new(&["01-kitchen.jpg"]).with_script("queued_polls = 1000");
    let submitted = house.submit("fake", "stage");
    let job = &submitted.job;
    let detached = DriveLimits {
        detach: true,
        ..DriveLimits::to_the_end()
    };
    let driven = house
        .engine()
        .drive(job, &mut NoEvents, &Interrupt::new(), &detached)
        .unwrap();
    assert!(matches!(driven.ending, Ending::Remote { .. }));
    let summary = house.engine().cancel(job, &mut NoEvents).unwrap();
    assert_eq!(summary.state, JobState::Cancelled);
    assert!(!house.home().join(format!("fake/runs/{job}-r1")).exists());
    assert!(matches!(
        house.engine().cancel(job, &mut NoEvents),
        Err(EngineError::NotNow { .. })
    ));
    let again = house.submit("fake", "stage");
    assert_eq!((again.existing, again.state), (true, JobState::Planned));
    assert_eq!(&again.job, job);
}

#[test]
fn gc_shows_first_and_removes_only_what_is_not_needed() {
    let house = House::new(&["01-kitchen.jpg"]);
    let submitted = house.submit("local", "auto");
    house.drive(&submitted.job);
    let before = house.delivered();
    let engine = house.engine();
    let orphan = house.home().join("jobs/nobody-0123");
    fs_err::create_dir_all(&orphan).unwrap();
    fs_err::write(orphan.join("plan.json"), "{}").unwrap();
    let request = GcRequest {
        older_than: std::time::Duration::ZERO,
    };
    let plan = engine.gc_plan(&request).unwrap();
    let reasons: Vec<_> = plan.items.iter().map(|item| item.reason).collect();
    assert_eq!(
        reasons,
        [GcReason::Delivered, GcReason::Delivered, GcReason::Unknown]
    );
    assert!(plan.bytes > 0);
    assert!(orphan.exists());
    let removed = engine.gc_apply(&plan).unwrap();
    assert_eq!(removed, plan);
    assert!(!orphan.exists());
    assert_eq!(house.delivered(), before);
    assert!(house.submit("local", "auto").existing);
    // The delivered folder is gone and so are the pictures: only a new job can make them.
    fs_err::remove_dir_all(house.out()).unwrap();
    let again = house.submit("local", "auto");
    assert!(!again.existing);
    house.drive(&again.job);
    assert_eq!(house.delivered().len(), before.len());
}

#[test]
fn jobs_are_found_listed_and_shown() {
    let house = House::new(&["01-kitchen.jpg"]);
    let engine = house.engine();
    assert!(matches!(
        engine.find_job("last"),
        Err(EngineError::UnknownJob(_))
    ));
    let first = house.submit("local", "auto").job;
    let mut request = house.request("local", "auto");
    request.force = true;
    let second = engine.submit(&request, &mut NoEvents).unwrap().job;
    assert_eq!(engine.find_job("last").unwrap(), second);
    assert_eq!(engine.find_job(first.as_str()).unwrap(), first);
    assert!(matches!(
        engine.find_job("12-oak"),
        Err(EngineError::AmbiguousJob { .. })
    ));
    let listed = engine.list(&ListFilter::default()).unwrap();
    let ids: Vec<_> = listed.jobs.iter().map(|job| job.job.clone()).collect();
    assert_eq!((ids, listed.total), (vec![second, first.clone()], 2));
    house.drive(&first);
    let status = engine.status().unwrap();
    assert_eq!((status.jobs, status.photos, status.active.len()), (2, 2, 1));
    assert_eq!(status.operations.accepted, 1);
    let page = engine.logs(&first, 0, 2).unwrap();
    let rest = engine.logs(&first, page.next, 1000).unwrap();
    assert_eq!(page.events.len(), 2);
    assert!(matches!(
        rest.events.last().unwrap().kind,
        EventKind::Delivered { .. }
    ));
    let waited = engine
        .wait(&first, &mut NoEvents, &Interrupt::new(), None)
        .unwrap();
    assert_eq!(waited.ending, Ending::Delivered);
}
