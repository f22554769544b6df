//! Many jobs and their remains: a queue before two sessions, and what is deleted when it is over.

use std::time::Duration;

use remedia::domain::event::{Event, EventKind};
use remedia::domain::retry::RetryPolicy;
use remedia::domain::state::JobState;
use remedia::engine::{GcRequest, NoEvents, RetryRequest};

use super::journey::Minutes;
use crate::engine::collect_files;
use crate::fake_kaggle::{FaultKind, FaultPlan, Pace};

const SLOW: Pace = Pace {
    milliseconds: 150_000,
    questions: None,
};

/// `REMEDIA_TEST_JOBS` says how many.
#[test]
fn jobs_wait_for_the_two_sessions_that_kaggle_allows() {
    let minutes = Minutes::new(&[], SLOW);
    let engine = minutes
        .house
        .engine_at(minutes.now(), RetryPolicy::default());
    let mut request = minutes.house.request("kaggle", "stage");
    request.force = true;
    let count = std::env::var("REMEDIA_TEST_JOBS").map_or(5, |text| text.parse().unwrap());
    let jobs: Vec<_> = (0..count)
        .map(|_| engine.submit(&request, &mut NoEvents).unwrap().job)
        .collect();
    let mut runs = 0;
    while jobs
        .iter()
        .any(|job| minutes.state(job) != JobState::Delivered)
    {
        minutes.cron();
        minutes.pass(Duration::from_secs(60));
        runs += 1;
        assert!(runs < 200, "{}", minutes.story(&jobs[count - 1]));
    }
    let mut kernels = 0;
    for job in &jobs {
        let slug = Minutes::slug(job);
        assert_eq!(minutes.kaggle.dataset_versions(&slug), 1, "{slug}");
        assert!(minutes.kaggle.kernel_versions(&slug) <= 1, "{slug}");
        kernels += minutes.kaggle.kernel_versions(&slug);
        let report = engine.show(job).unwrap();
        for photo in &report.photos {
            assert_eq!(
                photo.operations[0].attempts.len(),
                1,
                "{}",
                minutes.story(job)
            );
        }
    }
    // Why it waits is told, and told once.
    let told = |job| {
        let events = engine.logs(job, 0, 10_000).unwrap().events;
        let waits = |event: &&Event| matches!(&event.kind, EventKind::Warning { text } if text.contains("GPU sessions run"));
        events.iter().filter(waits).count()
    };
    assert!(jobs.iter().any(|job| told(job) == 1));
    assert!(jobs.iter().all(|job| told(job) <= 1));
    // Those that waited went along with the first that got a session.
    assert!(
        kernels * 10 <= count * 6,
        "{kernels} sessions for {count} jobs"
    );
    let queue = minutes.house.home().join("kaggle-queue");
    let mut left = Vec::new();
    collect_files(&queue, &queue, &mut left);
    assert!(left.is_empty(), "{left:?}");
    // The sessions that ran were counted before, so nothing was pushed in vain.
    let pushes = minutes
        .kaggle
        .transcript()
        .iter()
        .filter(|record| record.path.ends_with("/SaveKernel"))
        .count();
    assert_eq!(pushes, kernels);
    minutes.nothing_leaked();
}

#[test]
fn remains_are_deleted_when_asked_and_a_retry_takes_another_name() {
    let minutes = Minutes::new(&[], Pace::default());
    let job = minutes.submit("stage");
    minutes.until_it_rests(&job, 20);
    let engine = minutes
        .house
        .engine_at(minutes.now(), RetryPolicy::default());
    let week = GcRequest {
        older_than: Duration::from_secs(7 * 86_400),
    };
    assert!(engine.remote_plan(&week).unwrap().items.is_empty());
    minutes.pass(Duration::from_secs(8 * 86_400));
    let engine = minutes
        .house
        .engine_at(minutes.now(), RetryPolicy::default());
    let plan = engine.remote_plan(&week).unwrap();
    let kinds: Vec<_> = plan.items.iter().map(|item| item.kind.as_str()).collect();
    assert_eq!(kinds, ["kernel", "dataset"]);
    assert_eq!(minutes.kaggle.existing().len(), 2, "a plan deletes nothing");
    assert_eq!(engine.remote_apply(&plan).unwrap(), plan);
    assert!(minutes.kaggle.existing().is_empty());
    assert!(engine.remote_plan(&week).unwrap().items.is_empty());

    let photo = engine.show(&job).unwrap().photos[0].photo.clone();
    let request = RetryRequest {
        photos: vec![photo],
        only_given_up: false,
        seed: None,
    };
    engine.retry(&job, &request, &mut NoEvents).unwrap();
    minutes.until_delivered(&job, 20);
    let again = format!("{}-g1", Minutes::slug(&job));
    assert_eq!(minutes.kaggle.kernel_versions(&again), 1);
}

#[test]
fn many_photos_go_up_as_one_archive_whether_or_not_kaggle_unpacks_it() {
    for unpacks in [true, false] {
        let minutes = Minutes::new(&[], Pace::default());
        let mut settings = minutes.kaggle.settings();
        settings.unpack_archives = unpacks;
        minutes.kaggle.set_settings(settings);
        minutes.add_many_photos();
        // The upload breaks off and goes on in the next process.
        minutes
            .kaggle
            .set_faults(FaultPlan::once("Upload", 1, FaultKind::UploadCut));
        let job = minutes.submit("stage");
        minutes.until_delivered(&job, 30);
        let slug = Minutes::slug(&job);
        assert_eq!(minutes.kaggle.dataset_versions(&slug), 1);
        assert_eq!(minutes.kaggle.kernel_versions(&slug), 1);
        let uploads = minutes
            .kaggle
            .transcript()
            .iter()
            .filter(|record| record.path.ends_with("/StartBlobUpload"))
            .count();
        assert_eq!(uploads, 1);
        let files = minutes.kaggle.dataset_files(&slug);
        assert_eq!(files.len() > 50, unpacks, "{files:?}");
        let mut left = Vec::new();
        collect_files(&minutes.house.home(), &minutes.house.home(), &mut left);
        assert!(!left.iter().any(|(name, _)| name.ends_with(".zip")));
        minutes.nothing_leaked();
    }
}
