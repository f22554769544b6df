//! A listing's whole way over Kaggle: from the order to the delivered folder, however often the process ends
//! on the way, and never anything twice.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use remedia::domain::id::JobId;
use remedia::domain::retry::RetryPolicy;
use remedia::domain::state::JobState;
use remedia::engine::{Ending, Interrupt, NoEvents, RunLimits};

use super::worker::{Decorator, Mood};
use crate::engine::{House, collect_files};
use crate::fake_kaggle::{ClockMode, FakeKaggle, FakeOptions, FaultKind, FaultPlan, Pace};

/// Real time that a worker of these tests may take.
const LONGEST_WORK: Duration = Duration::from_secs(120);
pub(super) const TOKEN: &str = "KGAT_tester";
pub(super) const ROOMS: [&str; 2] = ["03-bedroom.jpg", "04-kitchen.jpg"];

/// A house that hands its staging to a Kaggle of its own, and the minutes that pass.
pub(super) struct Minutes {
    pub(super) house: House,
    pub(super) kaggle: FakeKaggle,
    /// Every run that a session was given.
    pub(super) given: Arc<Mutex<Vec<String>>>,
    at_work: Arc<AtomicUsize>,
    now: Mutex<Timestamp>,
    _folder: tempfile::TempDir,
}

impl Minutes {
    pub(super) fn new(moods: &[Mood], pace: Pace) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = FakeOptions::new(folder.path());
        options.clock = ClockMode::Manual;
        options.settings.dataset_pace = pace;
        options.settings.queue_pace = pace;
        options.settings.run_pace = pace;
        let given = Arc::new(Mutex::new(Vec::new()));
        let at_work = Arc::new(AtomicUsize::new(0));
        options.worker = Arc::new(Decorator {
            moods: Mutex::new(moods.to_vec()),
            runs: Arc::clone(&given),
            at_work: Arc::clone(&at_work),
        });
        let kaggle = FakeKaggle::start(options).unwrap();
        Self {
            house: House::furnished(&ROOMS).with_kaggle(&kaggle.url(), TOKEN),
            kaggle,
            given,
            at_work,
            now: Mutex::new("2026-11-23T08:00:00Z".parse().unwrap()),
            _folder: folder,
        }
    }

    /// Photos enough for an order to go up as one archive.
    pub(super) fn add_many_photos(&self) {
        let listing = self.house.listing();
        let photo = fs_err::read(listing.join(ROOMS[0])).unwrap();
        // A byte behind the picture's end makes it another photo.
        for number in 0..24_u8 {
            let other = [photo.as_slice(), &[number]].concat();
            fs_err::write(listing.join(format!("2{number}-bedroom.jpg")), other).unwrap();
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    pub(super) fn pass(&self, time: Duration) {
        *self.now.lock().unwrap() += SignedDuration::try_from(time).unwrap();
        self.kaggle.advance(time);
    }

    pub(super) fn submit(&self, operations: &str) -> JobId {
        self.house
            .engine_at(self.now(), RetryPolicy::default())
            .submit(&self.house.request("kaggle", operations), &mut NoEvents)
            .unwrap()
            .job
    }

    /// One call of `remedia run --once` by a process of its own.
    pub(super) fn cron(&self) -> Option<Ending> {
        let engine = self.house.engine_at(self.now(), RetryPolicy::default());
        let limits = RunLimits {
            once: true,
            deadline: None,
        };
        let outcome = engine
            .run_due(&mut NoEvents, &Interrupt::new(), &limits)
            .unwrap();
        assert!(outcome.broken.is_empty(), "{:?}", outcome.broken);
        outcome
            .driven
            .into_iter()
            .next()
            .map(|driven| driven.ending)
    }

    pub(super) fn state(&self, job: &JobId) -> JobState {
        let engine = self.house.engine_at(self.now(), RetryPolicy::default());
        engine.show(job).unwrap().summary.state
    }

    /// The minutes are the tests' own and a worker's pixels take real time, on a busy machine more than all of them.
    fn let_workers_finish(&self) {
        let begun = Instant::now();
        while self.at_work.load(Ordering::SeqCst) > 0 && begun.elapsed() < LONGEST_WORK {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Cron runs every minute until the job rests; gives how many there were.
    pub(super) fn until_it_rests(&self, job: &JobId, most: u32) -> u32 {
        for run in 1..=most {
            self.cron();
            if self.state(job).work().is_none() {
                return run;
            }
            self.let_workers_finish();
            self.pass(Duration::from_secs(60));
        }
        panic!("the job does not rest: {}", self.story(job));
    }

    /// As [`Self::until_it_rests`], for a job that must come to its delivery.
    #[track_caller]
    pub(super) fn until_delivered(&self, job: &JobId, most: u32) -> u32 {
        let runs = self.until_it_rests(job, most);
        let state = self.state(job);
        assert_eq!(state, JobState::Delivered, "{}", self.story(job));
        runs
    }

    pub(super) fn story(&self, job: &JobId) -> String {
        let engine = self.house.engine_at(self.now(), RetryPolicy::default());
        let events = engine.logs(job, 0, 10_000).unwrap().events;
        events
            .iter()
            .map(|event| format!("{} {:?}\n", event.at, event.kind))
            .collect()
    }

    pub(super) fn slug(job: &JobId) -> String {
        format!("remedia-{job}")
    }

    /// No secret lies in any file that was written, and everything at Kaggle is private.
    pub(super) fn nothing_leaked(&self) {
        assert!(self.kaggle.leaks().is_empty(), "{:?}", self.kaggle.leaks());
        assert!(self.kaggle.public_datasets().is_empty());
        let mut files = Vec::new();
        collect_files(self.house.root(), self.house.root(), &mut files);
        for (name, bytes) in files {
            for secret in [TOKEN, "refresh_tester", "/upload/"] {
                let found = bytes
                    .windows(secret.len())
                    .any(|window| window == secret.as_bytes());
                assert!(!found, "`{secret}` lies in {name}");
            }
        }
    }
}

#[test]
fn a_listing_is_staged_by_runs_of_cron() {
    let slow = Pace {
        milliseconds: 150_000,
        questions: None,
    };
    let minutes = Minutes::new(&[], slow);
    let job = minutes.submit("enhance,stage");
    let runs = minutes.until_delivered(&job, 40);
    assert!((6..=20).contains(&runs), "{runs}");
    let report = minutes.house.engine().show(&job).unwrap();
    for photo in &report.photos {
        for operation in &photo.operations {
            assert_eq!(operation.attempts.len(), 1, "{}", minutes.story(&job));
        }
    }
    let slug = Minutes::slug(&job);
    assert_eq!(minutes.kaggle.dataset_versions(&slug), 1);
    assert_eq!(minutes.kaggle.kernel_versions(&slug), 1);
    minutes.nothing_leaked();
    assert!(
        minutes
            .house
            .out()
            .join("12-oak-lane/gallery.html")
            .exists()
    );
    // Asked once more, there is nothing to do.
    assert_eq!(minutes.cron(), None);
}

#[test]
fn what_a_dying_session_left_is_used_and_the_rest_is_sent_again() {
    let minutes = Minutes::new(&[Mood::DiesAfter(1)], Pace::default());
    let job = minutes.submit("stage");
    minutes.until_delivered(&job, 30);
    let slug = Minutes::slug(&job);
    assert_eq!(minutes.kaggle.kernel_versions(&slug), 2);
    assert_eq!(minutes.kaggle.dataset_versions(&slug), 2);
    // The second order holds the one photo that is missing.
    let photos = minutes
        .kaggle
        .dataset_files(&slug)
        .iter()
        .filter(|file| file.name.contains("photos/"))
        .count();
    assert_eq!(photos, 1);
}

#[test]
fn a_session_that_leaves_nothing_tells_why() {
    let minutes = Minutes::new(&[Mood::Breaks; 9], Pace::default());
    let job = minutes.submit("stage");
    minutes.cron();
    for _ in 0..6 {
        minutes.pass(Duration::from_secs(60));
        minutes.cron();
    }
    let story = minutes.story(&job);
    for words in [
        "Notebook exited with 1",
        "no kernel image",
        "/code/tester/remedia-",
    ] {
        assert!(story.contains(words), "{words}: {story}");
    }
}

#[test]
fn a_session_is_followed_and_cancelling_says_what_kaggle_allows() {
    let slow = Pace {
        milliseconds: 100_000,
        questions: None,
    };
    let minutes = Minutes::new(&[], slow);
    let job = minutes.submit("stage");
    for _ in 0..12 {
        minutes.cron();
        if minutes.state(&job) == JobState::Running {
            break;
        }
        minutes.pass(Duration::from_secs(60));
    }
    let engine = minutes
        .house
        .engine_at(minutes.now(), RetryPolicy::default());
    assert_eq!(
        minutes.state(&job),
        JobState::Running,
        "{}",
        minutes.story(&job)
    );
    let heard = Mutex::new(Vec::new());
    let enough = || heard.lock().unwrap().len() > 2;
    engine
        .follow(
            &job,
            &mut |line| heard.lock().unwrap().push(line.to_owned()),
            &enough,
        )
        .unwrap_or_default();
    let heard = heard.into_inner().unwrap();
    assert_eq!(heard[0], format!("looking for {job}-r1"), "{heard:?}");

    engine.cancel(&job, &mut NoEvents).unwrap();
    assert_eq!(minutes.state(&job), JobState::Cancelled);
    let story = minutes.story(&job);
    for words in [
        "no program stop a session",
        "/code/tester/remedia-",
        "ends by itself within",
    ] {
        assert!(story.contains(words), "{words}: {story}");
    }
    // Whatever comes of the session later is left alone.
    minutes.pass(Duration::from_secs(600));
    let asked = minutes.kaggle.transcript().len();
    assert_eq!(minutes.cron(), None);
    assert_eq!(minutes.kaggle.transcript().len(), asked);
}

#[test]
fn a_lost_answer_makes_nothing_twice() {
    for on in ["CreateDataset", "SaveKernel", "CreateDatasetVersion"] {
        let minutes = Minutes::new(&[Mood::DiesAfter(1)], Pace::default());
        minutes
            .kaggle
            .set_faults(FaultPlan::once(on, 1, FaultKind::LostAnswer));
        let job = minutes.submit("stage");
        minutes.until_delivered(&job, 40);
        let slug = Minutes::slug(&job);
        assert_eq!(minutes.kaggle.injected_faults().len(), 1, "{on}");
        assert_eq!(minutes.kaggle.dataset_versions(&slug), 2, "{on}");
        assert_eq!(minutes.kaggle.kernel_versions(&slug), 2, "{on}");
        minutes.nothing_leaked();
    }
}

#[test]
fn used_up_hours_end_the_run_with_the_moment_of_their_return() {
    let minutes = Minutes::new(&[], Pace::default());
    minutes
        .kaggle
        .use_gpu_quota(Duration::from_secs(30 * 3600 - 60));
    let job = minutes.submit("stage");
    let mut ending = minutes.cron();
    for _ in 0..5 {
        if matches!(ending, Some(Ending::Temporary { .. })) {
            break;
        }
        minutes.pass(Duration::from_secs(60));
        ending = minutes.cron();
    }
    let Some(Ending::Temporary { until, text }) = ending else {
        panic!("{ending:?}: {}", minutes.story(&job));
    };
    assert!(text.contains("GPU hours"), "{text}");
    assert!(
        until > minutes.now() + SignedDuration::from_hours(1),
        "{until}"
    );
    assert_eq!(minutes.kaggle.kernel_versions(&Minutes::slug(&job)), 0);
    // Nothing is asked before that moment.
    let asked = minutes.kaggle.transcript().len();
    minutes.pass(Duration::from_secs(60));
    assert_eq!(minutes.cron(), None);
    assert_eq!(minutes.kaggle.transcript().len(), asked);
}

#[test]
fn a_wrong_token_is_told_and_nothing_is_lost() {
    let minutes = Minutes::new(&[], Pace::default());
    let house = House::furnished(&ROOMS[..1]).with_kaggle(&minutes.kaggle.url(), "KGAT_wrong");
    let engine = house.engine_at(minutes.now(), RetryPolicy::default());
    let job = engine
        .submit(&house.request("kaggle", "stage"), &mut NoEvents)
        .unwrap()
        .job;
    let limits = RunLimits {
        once: true,
        deadline: None,
    };
    let outcome = engine
        .run_due(&mut NoEvents, &Interrupt::new(), &limits)
        .unwrap();
    let Ending::Credentials { text } = &outcome.driven[0].ending else {
        panic!("{outcome:?}");
    };
    assert!(
        text.contains("KAGGLE_API_TOKEN") && !text.contains("KGAT_wrong"),
        "{text}"
    );
    let house = house.with_kaggle(&minutes.kaggle.url(), TOKEN);
    let engine = house.engine_at(minutes.now(), RetryPolicy::default());
    for _ in 0..4 {
        engine
            .run_due(&mut NoEvents, &Interrupt::new(), &limits)
            .unwrap();
    }
    assert_ne!(
        engine.show(&job).unwrap().summary.state,
        JobState::Submitting
    );
}
