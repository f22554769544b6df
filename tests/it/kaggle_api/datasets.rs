//! Datasets: made, versioned, listed, deleted.

use remedia::kaggle::{DatasetStatus, FileTree, KaggleError, NewDataset, NewVersion, Reference};

use crate::fake_kaggle::{FaultKind, FaultPlan, Pace};

use super::scene::{Scene, content, upload};

#[test]
fn a_dataset_is_made_in_folders_versioned_listed_and_deleted() {
    let scene = Scene::new();
    let kaggle = scene.kaggle();
    let reference = Reference::new("tester", "remedia-bundle-one").unwrap();
    let mut files = FileTree::new();
    let mut expected = Vec::new();
    for index in 0..230 {
        let name = format!("{index:03}.jpg");
        let bytes = content(index, 10 + index);
        let path = scene.file(&name, &bytes);
        files
            .add(&format!("photos/{name}"), upload(&kaggle, &path, &name))
            .unwrap();
        expected.push((format!("photos/{name}"), bytes.len() as u64));
    }
    let empty = scene.file("empty", b"");
    files
        .add("empty", upload(&kaggle, &empty, "empty"))
        .unwrap();
    expected.push(("empty".to_owned(), 0));
    let mut settings = scene.fake.settings();
    settings.dataset_pace = Pace {
        milliseconds: 86_400_000,
        questions: Some(4),
    };
    scene.fake.set_settings(settings);
    let new = NewDataset {
        reference: reference.clone(),
        title: "remedia-bundle-one".to_owned(),
        description: "made by remedia".to_owned(),
        files: files.clone(),
    };
    let made = kaggle.create_dataset(&new).unwrap();
    assert_eq!(
        made.url,
        "https://www.kaggle.com/datasets/tester/remedia-bundle-one"
    );
    assert_eq!(
        kaggle.dataset_status(&reference).unwrap(),
        Some(DatasetStatus::NotYetPersisted)
    );
    // The first version is still being worked on: no other one may follow.
    let version = NewVersion {
        reference: reference.clone(),
        notes: "run 2".to_owned(),
        files: files.clone(),
    };
    let early = kaggle.create_dataset_version(&version).unwrap_err();
    assert!(
        matches!(early, KaggleError::NotFound { status: 403, .. }),
        "{early:?}"
    );
    let mut seen = Vec::new();
    while kaggle.dataset_status(&reference).unwrap() != Some(DatasetStatus::Ready) {
        seen.push(kaggle.dataset_status(&reference).unwrap());
    }
    let listing = |version| {
        let files = kaggle.dataset_files(&reference, version).unwrap().unwrap();
        let mut files: Vec<(String, u64)> = files
            .into_iter()
            .map(|file| (file.name, file.bytes))
            .collect();
        files.sort();
        files
    };
    expected.sort();
    assert_eq!(listing(None), expected, "more than one page");
    let again = kaggle.create_dataset(&new).unwrap_err();
    assert!(matches!(again, KaggleError::Conflict { .. }), "{again:?}");
    kaggle.create_dataset_version(&version).unwrap();
    let dataset = kaggle.dataset(&reference).unwrap().unwrap();
    assert_eq!(
        (dataset.newest_version(), dataset.is_private),
        (Some(2), true)
    );
    assert!(
        dataset
            .versions
            .iter()
            .any(|version| version.notes == "run 2")
    );
    // Pages that go round are begun anew.
    scene.fault("ListDatasetFiles", FaultKind::EchoedPageToken);
    scene.faults("ListDatasetFiles", 2, 1, FaultKind::EchoedPageToken);
    assert_eq!(listing(Some(1)), expected);
    scene.faults("ListDatasetFiles", 1, 100, FaultKind::EchoedPageToken);
    let error = kaggle.dataset_files(&reference, Some(1)).unwrap_err();
    assert!(matches!(error, KaggleError::Answer { .. }) && error.is_retryable());
    scene.fake.set_faults(FaultPlan::default());
    let mine = kaggle.my_datasets("remedia-").unwrap();
    assert_eq!(mine.len(), 1);
    assert_eq!(mine[0].reference, reference);
    assert!(kaggle.delete_dataset(&reference).unwrap());
    assert!(kaggle.dataset(&reference).unwrap().is_none());
    scene.assert_nothing_leaked();
}

#[test]
fn rules_of_a_dataset_are_checked_before_anything_is_sent() {
    let scene = Scene::new();
    let kaggle = scene.kaggle();
    let path = scene.file("a", b"a");
    let mut files = FileTree::new();
    files.add("a", upload(&kaggle, &path, "a")).unwrap();
    let new = |slug: &str, title: &str, files: &FileTree| NewDataset {
        reference: Reference::new("tester", slug).unwrap(),
        title: title.to_owned(),
        description: String::new(),
        files: files.clone(),
    };
    for wrong in [
        new("short", "long enough", &files),
        new("Capital-Letters", "long enough", &files),
        new("long-enough", "short", &files),
        new("long-enough", &"x".repeat(51), &files),
        new("long-enough", "long enough", &FileTree::new()),
    ] {
        let error = kaggle.create_dataset(&wrong).unwrap_err();
        assert!(matches!(error, KaggleError::Refused { .. }), "{error:?}");
        assert!(!error.may_have_happened());
    }
    assert_eq!(scene.count("CreateDataset"), 0);
}
