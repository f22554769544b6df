//! Calls that read are repeated a little, calls that change something never.

use std::time::Duration;

use remedia::kaggle::Reference;

use crate::fake_kaggle::FaultKind;

use super::scene::{Scene, kernel};

#[test]
fn reading_is_repeated_a_little_and_changing_never() {
    let passing = [
        FaultKind::TooManyRequests {
            retry_after_seconds: None,
        },
        FaultKind::TooManyRequests {
            retry_after_seconds: Some(2),
        },
        FaultKind::ServerErrorBefore { status: 500 },
        FaultKind::ServerErrorAfter { status: 502 },
        FaultKind::CutBefore,
        FaultKind::LostAnswer,
        FaultKind::CutBody,
        FaultKind::WrongLength { short: true },
        FaultKind::WrongLength { short: false },
        FaultKind::HtmlPage,
        FaultKind::ErrorInside { code: 503 },
        FaultKind::Trickle { total_ms: 50 },
    ];
    for kind in passing {
        let scene = Scene::new();
        let kaggle = scene.kaggle();
        scene.fault("GetAcceleratorQuotaStatistics", kind.clone());
        let quota = kaggle
            .quota()
            .unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        assert_eq!(quota.gpu.remaining(), Duration::from_secs(30 * 3_600));
        assert!(quota.resets.is_some());
        let tries = if matches!(kind, FaultKind::Trickle { .. }) {
            1
        } else {
            2
        };
        assert_eq!(
            scene.count("GetAcceleratorQuotaStatistics"),
            tries,
            "{kind:?}"
        );
        if kind
            == (FaultKind::TooManyRequests {
                retry_after_seconds: Some(2),
            })
        {
            assert_eq!(*scene.waited.lock().unwrap(), [Duration::from_secs(2)]);
        }
        // The same with a call that changes something.
        scene.fault("SaveKernel", kind.clone());
        let saved = kaggle.save_kernel(&kernel("remedia-once", Vec::new()));
        assert_eq!(scene.count("SaveKernel"), 1, "{kind:?}");
        let made = scene.fake.kernel_versions("remedia-once");
        match saved {
            Ok(saved) => assert_eq!(saved.version, 1),
            Err(error) => {
                assert!(error.is_retryable(), "{kind:?}: {error:?}");
                // What was made is never denied.
                assert!(
                    error.may_have_happened() || made == 0,
                    "{kind:?}: {error:?}"
                );
            }
        }
        if made == 1 {
            let reference = Reference::new("tester", "remedia-once").unwrap();
            let known = kaggle.kernel(&reference, None).unwrap().unwrap();
            assert_eq!(known.current_version, Some(1));
            assert_eq!(known.notebook, kernel("remedia-once", Vec::new()).notebook);
            assert!(known.is_private);
        }
        scene.assert_nothing_leaked();
    }
}

#[test]
fn a_long_wait_is_the_callers_business() {
    let scene = Scene::new();
    let kaggle = scene.kaggle();
    scene.fault(
        "GetDataset",
        FaultKind::TooManyRequests {
            retry_after_seconds: Some(600),
        },
    );
    let reference = Reference::new("tester", "nothing-here").unwrap();
    let error = kaggle.dataset(&reference).unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(600)));
    assert_eq!(scene.count("GetDataset"), 1);
    assert!(kaggle.dataset(&reference).unwrap().is_none());
    assert!(kaggle.dataset_status(&reference).unwrap().is_none());
    assert!(kaggle.dataset_files(&reference, None).unwrap().is_none());
    assert!(!kaggle.delete_dataset(&reference).unwrap());
    assert!(kaggle.kernel(&reference, None).unwrap().is_none());
    assert!(kaggle.kernel_session(&reference, 1).unwrap().is_none());
    assert!(!kaggle.delete_kernel(&reference).unwrap());
}
