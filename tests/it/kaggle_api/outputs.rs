//! Outputs: every page, every fault, and the limits.

use std::sync::atomic::{AtomicU64, Ordering};

use fs_err as fs;
use remedia::kaggle::{KaggleError, OutputLimits, Watch, parse_log};

use crate::fake_kaggle::FaultKind;

use super::scene::{LIMITS, Scene, content};

#[test]
fn outputs_come_whole_through_every_fault() {
    for kind in [
        None,
        Some(FaultKind::CutBody),
        Some(FaultKind::CutBefore),
        Some(FaultKind::AddressExpired),
        Some(FaultKind::HtmlPage),
        Some(FaultKind::WrongLength { short: true }),
        Some(FaultKind::WrongLength { short: false }),
        Some(FaultKind::ServerErrorBefore { status: 503 }),
        Some(FaultKind::TooManyRequests {
            retry_after_seconds: Some(1),
        }),
        Some(FaultKind::Trickle { total_ms: 50 }),
    ] {
        let scene = Scene::with(4, 400_000);
        let kaggle = scene.kaggle();
        let reference = scene.run(&kaggle, "remedia-outputs");
        if let Some(kind) = &kind {
            scene.faults("Download", 2, 2, kind.clone());
        }
        let folder = scene.path("out");
        fs::create_dir_all(&folder).unwrap();
        let outputs = kaggle
            .download_outputs(&reference, 1, &folder, &|_| true, LIMITS, Watch::none())
            .unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        let masks: Vec<_> = outputs
            .files
            .iter()
            .filter(|file| file.name.starts_with("masks/"))
            .collect();
        assert_eq!(masks.len(), 4, "{kind:?}");
        for (index, file) in masks.iter().enumerate() {
            assert_eq!(
                fs::read(&file.path).unwrap(),
                content(index, 400_000),
                "{kind:?}"
            );
        }
        let left = fs::read_dir(folder.join("masks")).unwrap().count();
        assert_eq!(left, 4, "no part is left");
        let log = parse_log(&outputs.log);
        assert_eq!(log.last().unwrap().text, "done\n");
        if kind == Some(FaultKind::CutBody) {
            assert!(
                scene.fake.bytes_down() < 5 * 400_000,
                "it went on where it was cut"
            );
        }
        // Once more fetches nothing.
        let before = scene.fake.bytes_down();
        let again = kaggle
            .download_outputs(&reference, 1, &folder, &|_| true, LIMITS, Watch::none())
            .unwrap();
        assert_eq!(
            (again.files.len(), scene.fake.bytes_down()),
            (outputs.files.len(), before)
        );
        scene.assert_nothing_leaked();
    }
}

#[test]
fn outputs_of_many_pages_are_listed_to_the_last_and_limits_hold() {
    let scene = Scene::with(450, 20);
    let kaggle = scene.kaggle();
    let reference = scene.run(&kaggle, "remedia-pages");
    let mut pages = kaggle.output_pages(&reference, 1);
    let mut names = Vec::new();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next_page().unwrap() {
        assert_eq!(pages.again().unwrap().files.len(), page.files.len());
        sizes.push(page.files.len());
        names.extend(page.files.into_iter().map(|file| file.name));
    }
    assert!(pages.next_page().unwrap().is_none());
    assert_eq!(sizes.len(), 3);
    assert_eq!(
        kaggle.output_sizes(&reference, 1).unwrap().unwrap().len(),
        names.len()
    );
    let folder = scene.path("out");
    fs::create_dir_all(&folder).unwrap();
    // The first listing goes round.
    scene.faults("ListKernelSessionOutput", 2, 1, FaultKind::EchoedPageToken);
    let wanted = |name: &str| name.ends_with("7.png");
    let outputs = kaggle
        .download_outputs(&reference, 1, &folder, &wanted, LIMITS, Watch::none())
        .unwrap();
    assert_eq!(outputs.files.len(), 45);
    for limits in [
        OutputLimits {
            file_bytes: 19,
            ..LIMITS
        },
        OutputLimits {
            total_bytes: 39,
            ..LIMITS
        },
        OutputLimits {
            files: 44,
            ..LIMITS
        },
    ] {
        let folder = tempfile::tempdir().unwrap();
        let error = kaggle
            .download_outputs(&reference, 1, folder.path(), &wanted, limits, Watch::none())
            .unwrap_err();
        assert!(matches!(error, KaggleError::Refused { .. }), "{error:?}");
    }
    let error = kaggle
        .download_outputs(&reference, 9, &folder, &wanted, LIMITS, Watch::none())
        .unwrap_err();
    assert!(matches!(error, KaggleError::NotFound { .. }), "{error:?}");
}

#[test]
fn a_download_is_interrupted_and_goes_on() {
    let scene = Scene::with(1, 4_000_000);
    let kaggle = scene.kaggle();
    let reference = scene.run(&kaggle, "remedia-stop");
    let folder = scene.path("out");
    fs::create_dir_all(&folder).unwrap();
    let at = AtomicU64::new(0);
    let watch = Watch {
        progress: &|now| at.store(now, Ordering::SeqCst),
        interrupted: &|| at.load(Ordering::SeqCst) > 1_000_000,
    };
    let wanted = |name: &str| name.starts_with("masks/");
    let error = kaggle
        .download_outputs(&reference, 1, &folder, &wanted, LIMITS, watch)
        .unwrap_err();
    assert!(matches!(error, KaggleError::Interrupted));
    let there = at.load(Ordering::SeqCst);
    let first = AtomicU64::new(0);
    let watch = Watch {
        progress: &|now| {
            let _ = first.compare_exchange(0, now, Ordering::SeqCst, Ordering::SeqCst);
        },
        interrupted: &|| false,
    };
    let outputs = kaggle
        .download_outputs(&reference, 1, &folder, &wanted, LIMITS, watch)
        .unwrap();
    assert!(first.load(Ordering::SeqCst) > there, "it went on");
    assert_eq!(
        fs::read(&outputs.files[0].path).unwrap(),
        content(0, 4_000_000)
    );
}
