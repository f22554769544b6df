//! Seeded random faults: whatever happens, nothing wrong comes out and nothing is made twice.

use std::sync::Mutex;
use std::time::Duration;

use fs_err as fs;
use remedia::kaggle::{
    FileToUpload, FileTree, KaggleError, NewDataset, Reference, UploadEvent, Watch,
};

use crate::fake_kaggle::FaultPlan;

use super::scene::{LIMITS, Scene, content, kernel};

/// Asks until the answer is there; what passes by itself is asked again.
fn insist<T>(mut ask: impl FnMut() -> Result<Option<T>, KaggleError>) -> T {
    for _ in 0..200 {
        match ask() {
            Ok(Some(answer)) => return answer,
            Ok(None) => {}
            Err(error) => assert!(
                error.is_retryable() || matches!(error, KaggleError::NotFound { .. }),
                "{error:?}"
            ),
        }
    }
    panic!("it never comes");
}

#[test]
fn random_faults_never_give_anything_wrong() {
    for seed in 0..12 {
        let scene = Scene::with(3, 300_000);
        let kaggle = scene.kaggle();
        let files: Vec<FileToUpload> = (0..5)
            .map(|index| FileToUpload {
                name: format!("{index}.bin"),
                path: scene.file(&format!("{index}.bin"), &content(index, 300_000)),
                session: None,
            })
            .collect();
        scene.fake.set_faults(FaultPlan::chaos(seed, 0.03, 40));
        let kept: Mutex<Vec<FileToUpload>> = Mutex::new(files.clone());
        let listener = |index: usize, event: UploadEvent<'_>| {
            if let UploadEvent::Started(session) = event {
                kept.lock().unwrap()[index].session = Some(session.clone());
            }
            Ok(())
        };
        let tokens = insist(|| {
            let files = kept.lock().unwrap().clone();
            kaggle.upload_all(&files, &listener, &|| false).map(Some)
        });
        let reference = Reference::new("tester", "remedia-chaos").unwrap();
        let mut tree = FileTree::new();
        for (file, token) in files.iter().zip(&tokens) {
            tree.add(&format!("photos/{}", file.name), token.clone())
                .unwrap();
        }
        let new = NewDataset {
            reference: reference.clone(),
            title: "remedia-chaos".to_owned(),
            description: String::new(),
            files: tree,
        };
        let visible =
            |tries: usize| (0..tries).any(|_| matches!(kaggle.dataset(&reference), Ok(Some(_))));
        for _ in 0..50 {
            match kaggle.create_dataset(&new) {
                Ok(_) => break,
                Err(error) => {
                    assert!(error.is_retryable() || matches!(error, KaggleError::NotFound { .. }));
                    if error.may_have_happened() && visible(10) {
                        break;
                    }
                }
            }
        }
        assert_eq!(
            scene.fake.dataset_versions("remedia-chaos"),
            1,
            "seed {seed}"
        );
        for (index, stored) in scene.fake.dataset_files("remedia-chaos").iter().enumerate() {
            assert_eq!(
                fs::read(&stored.path).unwrap(),
                content(index, 300_000),
                "seed {seed}"
            );
        }
        let wanted = kernel("remedia-chaos-run", vec![reference.clone()]);
        let mut saved = None;
        for _ in 0..50 {
            match kaggle.save_kernel(&wanted) {
                Ok(done) => saved = Some((done.reference, done.version)),
                Err(error) => {
                    assert!(error.is_retryable(), "seed {seed}: {error:?}");
                    let known = (0..10)
                        .find_map(|_| kaggle.kernel(&wanted.reference, None).ok().flatten())
                        .filter(|_| error.may_have_happened());
                    saved = known.map(|known| (known.reference, known.current_version.unwrap()));
                }
            }
            if saved.is_some() {
                break;
            }
        }
        let (run, version) = saved.unwrap();
        assert_eq!(
            scene.fake.kernel_versions("remedia-chaos-run"),
            1,
            "seed {seed}"
        );
        insist(|| {
            std::thread::sleep(Duration::from_millis(5));
            let session = kaggle.kernel_session(&run, version)?;
            // One answer may be wrong.
            let again = kaggle.kernel_session(&run, version)?;
            Ok(session
                .zip(again)
                .filter(|(one, two)| one.status.is_over() && two.status.is_over()))
        });
        let folder = scene.path("out");
        fs::create_dir_all(&folder).unwrap();
        let outputs = insist(|| {
            let found = kaggle.download_outputs(
                &run,
                version,
                &folder,
                &|_| true,
                LIMITS,
                Watch::none(),
            )?;
            // A listing may lack its second half without a word.
            Ok((found.files.len() == 3).then_some(found))
        });
        for (index, file) in outputs.files.iter().enumerate() {
            assert_eq!(
                fs::read(&file.path).unwrap(),
                content(index, 300_000),
                "seed {seed}"
            );
        }
        scene.assert_nothing_leaked();
    }
}
