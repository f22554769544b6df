//! Kernels: saved, refused, heard, deleted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use remedia::kaggle::{KaggleError, KernelStatus, Reference};

use crate::fake_kaggle::{FaultKind, Settings};

use super::scene::{Scene, kernel};

#[test]
fn a_kernel_is_saved_followed_and_deleted() {
    let scene = Scene::new();
    let kaggle = scene.kaggle();
    let dataset = scene.dataset(&kaggle, "remedia-bundle");
    let new = kernel("remedia-run-one", vec![dataset]);
    let saved = kaggle.save_kernel(&new).unwrap();
    assert_eq!(saved.reference.to_string(), "tester/remedia-run-one");
    assert_eq!(saved.version, 1);
    assert_eq!(
        saved.url,
        "https://www.kaggle.com/code/tester/remedia-run-one"
    );
    scene.settle(&kaggle, &saved.reference, 1);
    let session = kaggle.kernel_session(&saved.reference, 1).unwrap().unwrap();
    assert_eq!(session.status, KernelStatus::Complete);
    assert!(
        kaggle
            .kernel_session(&saved.reference, 2)
            .unwrap()
            .is_none()
    );
    let sent = scene.fake.transcript();
    let save = sent
        .iter()
        .find(|record| record.operation == "SaveKernel")
        .unwrap();
    let body = save.body.clone().unwrap();
    assert_eq!(body["isPrivate"], true);
    assert_eq!(body["enableInternet"], false);
    assert_eq!(body["sessionTimeoutSeconds"], 3_600);
    assert_eq!(body["machineShape"], "NvidiaTeslaT4");
    assert_eq!(kaggle.my_kernels("remedia").unwrap().len(), 1);
    assert!(kaggle.delete_kernel(&saved.reference).unwrap());
    assert!(kaggle.kernel(&saved.reference, None).unwrap().is_none());
    scene.assert_nothing_leaked();
}

#[test]
fn a_refused_kernel_is_told_apart() {
    let scene = Scene::new();
    let kaggle = scene.kaggle();
    // A dataset that is not there.
    let missing = Reference::new("tester", "never-made").unwrap();
    let error = kaggle
        .save_kernel(&kernel("remedia-without", vec![missing]))
        .unwrap_err();
    match error {
        KaggleError::InvalidSources { sources, saved } => {
            assert_eq!(sources, ["tester/never-made"]);
            assert_eq!(saved.unwrap().version, 1);
        }
        other => panic!("{other:?}"),
    }
    // A title that makes another name.
    scene.run(&kaggle, "remedia-taken");
    let mut taken = kernel("remedia-other", Vec::new());
    taken.title = "Remedia taken".to_owned();
    let error = kaggle.save_kernel(&taken).unwrap_err();
    assert!(matches!(error, KaggleError::Conflict { .. }), "{error:?}");
    // Somebody else's.
    let mut other = kernel("remedia-other", Vec::new());
    other.reference = Reference::new("somebody", "remedia-other").unwrap();
    let error = kaggle.save_kernel(&other).unwrap_err();
    assert!(matches!(error, KaggleError::Refused { .. }), "{error:?}");
    // Two sessions run.
    scene.hold.store(true, Ordering::SeqCst);
    kaggle
        .save_kernel(&kernel("remedia-first", Vec::new()))
        .unwrap();
    kaggle
        .save_kernel(&kernel("remedia-second", Vec::new()))
        .unwrap();
    let error = kaggle
        .save_kernel(&kernel("remedia-third", Vec::new()))
        .unwrap_err();
    assert!(matches!(error, KaggleError::SessionLimit { .. }) && error.is_retryable());
    assert_eq!(scene.fake.kernel_versions("remedia-third"), 0);
    scene.hold.store(false, Ordering::SeqCst);
    for slug in ["remedia-first", "remedia-second"] {
        scene.settle(&kaggle, &Reference::new("tester", slug).unwrap(), 1);
    }
    // The week is used up.
    scene.fake.use_gpu_quota(Duration::from_secs(31 * 3_600));
    let error = kaggle
        .save_kernel(&kernel("remedia-third", Vec::new()))
        .unwrap_err();
    assert!(matches!(error, KaggleError::Quota { .. }), "{error:?}");
    assert_eq!(kaggle.quota().unwrap().gpu.remaining(), Duration::ZERO);
    // A kernel that is only kept takes nothing.
    let mut quick = kernel("remedia-quick", Vec::new());
    quick.save_only = true;
    kaggle.save_kernel(&quick).unwrap();
}

#[test]
fn a_live_log_is_heard_once_through_cuts_and_to_its_end() {
    let scene = Scene::new();
    let kaggle = scene.kaggle();
    scene.hold.store(true, Ordering::SeqCst);
    let mut settings: Settings = scene.fake.settings();
    settings.stream_idle_milliseconds = 100;
    scene.fake.set_settings(settings);
    let saved = kaggle
        .save_kernel(&kernel("remedia-log", Vec::new()))
        .unwrap();
    while kaggle
        .kernel_session(&saved.reference, 1)
        .unwrap()
        .is_none_or(|session| session.status == KernelStatus::Queued)
    {
        std::thread::sleep(Duration::from_millis(5));
    }
    scene.faults("LogStream", 1, 2, FaultKind::CutBody);
    let mut heard = Vec::new();
    let hold = Arc::clone(&scene.hold);
    let end = kaggle
        .follow_log(&saved.reference, 1, 0, &|| false, &mut |number, event| {
            if number == 4 {
                hold.store(false, Ordering::SeqCst);
            }
            heard.push((number, event.text));
        })
        .unwrap();
    let expected: Vec<(usize, String)> = (0..5)
        .map(|index| (index, format!("line {index}\n")))
        .chain([(5, "done\n".to_owned())])
        .collect();
    assert_eq!(heard, expected);
    assert_eq!(end.events, 6);
    // Afterwards the whole comes at once; what was heard is passed over.
    scene.settle(&kaggle, &saved.reference, 1);
    let mut rest = Vec::new();
    kaggle
        .follow_log(&saved.reference, 1, 4, &|| false, &mut |number, event| {
            rest.push((number, event.text));
        })
        .unwrap();
    assert_eq!(rest, expected[4..]);
    let missing = Reference::new("tester", "never-made").unwrap();
    let error = kaggle
        .follow_log(&missing, 1, 0, &|| false, &mut |_, _| {})
        .unwrap_err();
    assert!(matches!(error, KaggleError::NotFound { .. }), "{error:?}");
    scene.faults(
        "LogStream",
        1,
        100,
        FaultKind::ServerErrorBefore { status: 502 },
    );
    let error = kaggle
        .follow_log(&saved.reference, 1, 0, &|| false, &mut |_, _| {})
        .unwrap_err();
    assert!(
        matches!(error, KaggleError::Status { status: 502, .. }),
        "{error:?}"
    );
    scene.assert_nothing_leaked();
}

#[test]
fn a_silent_log_does_not_hold_who_wants_to_stop() {
    let scene = Scene::new();
    let kaggle = scene.kaggle();
    scene.hold.store(true, Ordering::SeqCst);
    let saved = kaggle
        .save_kernel(&kernel("remedia-silent", Vec::new()))
        .unwrap();
    while kaggle
        .kernel_session(&saved.reference, 1)
        .unwrap()
        .is_none_or(|session| session.status == KernelStatus::Queued)
    {
        std::thread::sleep(Duration::from_millis(5));
    }
    let started = std::time::Instant::now();
    let heard = AtomicU64::new(0);
    let error = kaggle
        .follow_log(
            &saved.reference,
            1,
            0,
            &|| heard.load(Ordering::SeqCst) == 5,
            &mut |_, _| {
                heard.fetch_add(1, Ordering::SeqCst);
            },
        )
        .unwrap_err();
    assert!(matches!(error, KaggleError::Interrupted), "{error:?}");
    assert!(started.elapsed() < Duration::from_millis(1_500));
    scene.hold.store(false, Ordering::SeqCst);
}
