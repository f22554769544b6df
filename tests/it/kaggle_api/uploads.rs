//! Uploads: through faults, into the next process, many at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fs_err as fs;
use remedia::kaggle::{
    FileToUpload, FileTree, KaggleError, NewDataset, Reference, UploadEvent, UploadPosition,
    UploadSession, Watch,
};

use crate::fake_kaggle::FaultKind;

use super::scene::{Scene, content};

#[test]
fn an_upload_goes_on_after_every_fault() {
    let bytes = content(5, 3_000_000);
    for kind in [
        FaultKind::UploadCut,
        FaultKind::UploadUnavailable,
        FaultKind::CutBefore,
        FaultKind::LostAnswer,
        FaultKind::ServerErrorBefore { status: 500 },
        FaultKind::ServerErrorAfter { status: 503 },
        FaultKind::TooManyRequests {
            retry_after_seconds: Some(7),
        },
    ] {
        for times in [1, 3] {
            let scene = Scene::new();
            let kaggle = scene.kaggle();
            let path = scene.file("photo.jpg", &bytes);
            scene.faults("Upload", 1, times, kind.clone());
            let told = AtomicU64::new(0);
            let watch = Watch {
                progress: &|at| told.store(at, Ordering::SeqCst),
                interrupted: &|| false,
            };
            let session = kaggle.start_upload("photo.jpg", 3_000_000, None).unwrap();
            kaggle
                .upload(&path, &session, true, watch)
                .unwrap_or_else(|error| panic!("{kind:?}: {error}"));
            assert_eq!(told.load(Ordering::SeqCst), 3_000_000);
            assert_eq!(
                kaggle.upload_position(&session).unwrap(),
                UploadPosition::Complete
            );
            let reference = Reference::new("tester", "remedia-upload").unwrap();
            let mut files = FileTree::new();
            files.add("photo.jpg", session.token.clone()).unwrap();
            let new = NewDataset {
                reference,
                title: "remedia-upload".to_owned(),
                description: String::new(),
                files,
            };
            kaggle.create_dataset(&new).unwrap();
            let stored = scene.fake.dataset_files("remedia-upload");
            assert_eq!(fs::read(&stored[0].path).unwrap(), bytes, "{kind:?}");
            if kind == FaultKind::UploadCut && times == 1 {
                assert!(
                    scene.fake.bytes_up() < 3_500_000,
                    "it went on where it was cut"
                );
            }
            scene.assert_nothing_leaked();
        }
    }
}

#[test]
fn an_upload_is_taken_up_by_the_next_process_and_interrupted_by_a_person() {
    let scene = Scene::new();
    let kaggle = scene.kaggle();
    let bytes = content(9, 6_000_000);
    let path = scene.file("photo.jpg", &bytes);
    let session = kaggle.start_upload("photo.jpg", 6_000_000, None).unwrap();
    assert_eq!(
        kaggle.upload_position(&session).unwrap(),
        UploadPosition::At(0)
    );
    let at = AtomicU64::new(0);
    let watch = Watch {
        progress: &|now| at.store(now, Ordering::SeqCst),
        interrupted: &|| at.load(Ordering::SeqCst) > 2_000_000,
    };
    let error = kaggle.upload(&path, &session, true, watch).unwrap_err();
    assert!(matches!(error, KaggleError::Interrupted), "{error:?}");
    let kept: UploadSession =
        serde_json::from_str(&serde_json::to_string(&session).unwrap()).unwrap();
    // The service has to notice the cut first.
    std::thread::sleep(Duration::from_millis(200));
    let next = scene.kaggle();
    let UploadPosition::At(there) = next.upload_position(&kept).unwrap() else {
        panic!("it is not complete");
    };
    assert!(there > 0 && there < 6_000_000, "{there}");
    let before = scene.fake.bytes_up();
    next.upload(&path, &kept, false, Watch::none()).unwrap();
    assert_eq!(scene.fake.bytes_up() - before, 6_000_000 - there);
    // A file that was changed is not put into the place of the old one.
    fs::write(&path, b"other").unwrap();
    let error = next.upload(&path, &kept, false, Watch::none()).unwrap_err();
    assert!(matches!(error, KaggleError::Files(_)), "{error:?}");
}

#[test]
fn an_expired_session_is_replaced_and_a_service_that_stays_away_is_told() {
    let scene = Scene::new();
    let kaggle = scene.kaggle();
    let path = scene.file("photo.jpg", &content(1, 1_000));
    let session = kaggle.start_upload("photo.jpg", 1_000, None).unwrap();
    scene.fault("Upload", FaultKind::UploadExpired);
    let error = kaggle
        .upload(&path, &session, true, Watch::none())
        .unwrap_err();
    assert!(matches!(error, KaggleError::Expired { .. }), "{error:?}");
    assert!(matches!(
        kaggle.upload_position(&session).unwrap_err(),
        KaggleError::Expired { .. }
    ));
    let file = FileToUpload {
        name: "photo.jpg".to_owned(),
        path: path.clone(),
        session: Some(session),
    };
    let started = AtomicU64::new(0);
    let listener = |_: usize, event: UploadEvent<'_>| {
        if matches!(event, UploadEvent::Started(_)) {
            started.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    };
    kaggle.upload_all(&[file], &listener, &|| false).unwrap();
    assert_eq!(started.load(Ordering::SeqCst), 1);
    let session = kaggle.start_upload("photo.jpg", 1_000, None).unwrap();
    scene.faults(
        "Upload",
        1,
        1_000,
        FaultKind::ServerErrorBefore { status: 503 },
    );
    let error = kaggle
        .upload(&path, &session, true, Watch::none())
        .unwrap_err();
    assert!(
        matches!(error, KaggleError::Status { status: 503, .. }),
        "{error:?}"
    );
    assert!(scene.count("Upload") < 30);
}

#[test]
fn many_files_go_at_once_and_one_failure_ends_them_all() {
    let scene = Scene::new();
    let kaggle = scene.kaggle();
    let files: Vec<FileToUpload> = (0..25)
        .map(|index| FileToUpload {
            name: format!("{index}.bin"),
            path: scene.file(&format!("{index}.bin"), &content(index, 50_000)),
            session: None,
        })
        .collect();
    let kept: Mutex<Vec<Option<UploadSession>>> = Mutex::new(vec![None; files.len()]);
    let finished = AtomicU64::new(0);
    let listener = |index: usize, event: UploadEvent<'_>| {
        match event {
            UploadEvent::Started(session) => kept.lock().unwrap()[index] = Some(session.clone()),
            UploadEvent::Finished(_) => {
                finished.fetch_add(1, Ordering::SeqCst);
            }
            UploadEvent::Progress(_) => {}
        }
        Ok(())
    };
    let tokens = kaggle.upload_all(&files, &listener, &|| false).unwrap();
    assert_eq!((tokens.len(), finished.load(Ordering::SeqCst)), (25, 25));
    assert_eq!(scene.fake.bytes_up(), 25 * 50_000);
    // The same sessions again send nothing, and give the same tokens.
    let sessions = kept.lock().unwrap().clone();
    let again: Vec<FileToUpload> = files
        .iter()
        .zip(sessions)
        .map(|(file, session)| FileToUpload {
            session,
            ..file.clone()
        })
        .collect();
    assert_eq!(
        kaggle.upload_all(&again, &listener, &|| false).unwrap(),
        tokens
    );
    assert_eq!(scene.fake.bytes_up(), 25 * 50_000);
    // One file is missing: nothing is given, and the rest is not even begun.
    let mut broken = files.clone();
    broken[4].path = scene.path("missing");
    let before = scene.count("StartBlobUpload");
    let error = kaggle
        .upload_all(&broken, &listener, &|| false)
        .unwrap_err();
    assert!(matches!(error, KaggleError::Files(_)), "{error:?}");
    assert!(scene.count("StartBlobUpload") - before < 20);
    // A listener that cannot keep a session stops everything.
    let full = |_: usize, event: UploadEvent<'_>| match event {
        UploadEvent::Started(_) => Err(std::io::Error::other("no room").into()),
        _ => Ok(()),
    };
    let error = kaggle.upload_all(&files, &full, &|| false).unwrap_err();
    assert!(error.to_string().contains("no room"));
    let error = kaggle.upload_all(&files, &listener, &|| true).unwrap_err();
    assert!(matches!(error, KaggleError::Interrupted));
    assert!(
        kaggle
            .upload_all(&[], &listener, &|| false)
            .unwrap()
            .is_empty()
    );
}
