//! A worker that really does the order: it finds the bundle, checks every digest, draws furniture into each
//! photo and answers as the contract says.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use remedia::bundle::{files_of, read_order, read_sums, runs_of, sha256};
use remedia::domain::job::{JobOrder, RunMarker};
use remedia::domain::operation::OperationKind;
use remedia::domain::results::{
    AttemptResult, AttemptState, ClipResult, OperationResult, PhotoResult, RESULTS_SCHEMA_VERSION,
    ResultFile, Results, WorkerDescription,
};
use remedia::imaging::{
    DecodeLimits, JpegOptions, Picture, Plane, Samples, decode, encode_jpeg, encode_plane,
};

use crate::fake_kaggle::{KernelSession, KernelWorker, WorkerEnd};

/// What a worker does besides its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// All of it.
    Good,
    /// It dies after so many photos, its results half written.
    DiesAfter(usize),
    /// It leaves nothing.
    Breaks,
}

/// The worker; its moods are taken from the end, then all is good.
#[derive(Debug, Default)]
pub(super) struct Decorator {
    pub(super) moods: Mutex<Vec<Mood>>,
    /// Every run that it was given, in order.
    pub(super) runs: Arc<Mutex<Vec<String>>>,
}

impl KernelWorker for Decorator {
    fn run(&self, session: &KernelSession) -> WorkerEnd {
        let mood = self.moods.lock().unwrap().pop().unwrap_or(Mood::Good);
        let runs = runs_of(session.notebook_text());
        let several = runs.len() > 1;
        for run_id in runs {
            self.runs.lock().unwrap().push(run_id.clone());
            let output = if several {
                session.working().join(&run_id)
            } else {
                session.working().to_owned()
            };
            fs_err::create_dir_all(&output).unwrap();
            match decorate(session, mood, run_id, &output) {
                WorkerEnd::Complete => {}
                end => return end,
            }
        }
        WorkerEnd::Complete
    }
}

fn decorate(session: &KernelSession, mood: Mood, run_id: String, output: &Path) -> WorkerEnd {
    session.log(&format!("looking for {run_id}"));
    if mood == Mood::Breaks {
        session.log("RuntimeError: CUDA error: no kernel image is available");
        return WorkerEnd::Error("Notebook exited with 1".to_owned());
    }
    let Some(folder) = find(session.input(), &run_id) else {
        return WorkerEnd::Error(format!("run {run_id} is not mounted"));
    };
    let (order, marker) = read_order(&folder).unwrap();
    check(&folder);
    let mut results = Results {
        schema_version: RESULTS_SCHEMA_VERSION,
        run_id,
        job_sha256: marker.job_sha256.clone(),
        complete: false,
        worker: WorkerDescription {
            engine: "decorator".to_owned(),
            version: "1".to_owned(),
            device: "none".to_owned(),
            models: Vec::new(),
        },
        photos: Vec::new(),
        unreadable: Vec::new(),
    };
    for (number, photo) in order.photos.iter().enumerate() {
        if mood == Mood::DiesAfter(number) {
            session.log("MemoryError");
            return WorkerEnd::Error("Your notebook tried to allocate more memory".to_owned());
        }
        let file = folder
            .join("photos")
            .join(format!("{}.jpg", photo.photo_id));
        let picture = decode(&fs_err::read(file).unwrap(), &DecodeLimits::default()).unwrap();
        let operations = photo
            .operations
            .iter()
            .filter(|operation| operation.kind == OperationKind::Stage)
            .map(|operation| {
                let attempt = &operation.attempts[0];
                let stem = format!("{}.{}", photo.photo_id, attempt.number);
                let (image, mask) = furnished(&picture, attempt.seed);
                let jpeg = encode_jpeg(&image, &JpegOptions::default()).unwrap();
                let result = AttemptResult {
                    state: AttemptState::Produced,
                    image: Some(kept(output, &format!("images/{stem}.jpg"), &jpeg, &image)),
                    mask: Some(kept(
                        output,
                        &format!("images/{stem}.mask.png"),
                        &encode_plane(&mask).unwrap(),
                        &image,
                    )),
                    clip: Some(ClipResult {
                        model: "decorator".to_owned(),
                        cosine: Some(0.34),
                        clip_score: 0.85,
                        contrast: Some(0.9),
                    }),
                    seconds: 1.5,
                    ..AttemptResult::failed(attempt.number, attempt.seed, None)
                };
                OperationResult {
                    kind: operation.kind,
                    attempts: vec![result],
                }
            })
            .collect();
        results.photos.push(PhotoResult {
            photo_id: photo.photo_id.clone(),
            operations,
        });
        results.complete = number + 1 == order.photos.len();
        let bytes = serde_json::to_vec(&results).unwrap();
        fs_err::write(output.join("results.json"), bytes).unwrap();
        session.log(&format!("photo {} of {}", number + 1, order.photos.len()));
    }
    WorkerEnd::Complete
}

/// The folder below `root` that holds the marker of the run.
fn find(root: &Path, run_id: &str) -> Option<PathBuf> {
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let marker = fs_err::read(folder.join("remedia-run.json")).ok();
        let marker: Option<RunMarker> =
            marker.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if marker.is_some_and(|marker| marker.run_id == run_id) {
            return Some(folder);
        }
        for entry in fs_err::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            }
        }
    }
    None
}

/// Every file is the one that is listed.
fn check(folder: &Path) {
    let list = folder.join("SHA256SUMS");
    let sums = read_sums(&list, &fs_err::read(&list).unwrap()).unwrap();
    for (name, digest) in &sums {
        assert_eq!(
            &sha256(&fs_err::read(folder.join(name)).unwrap()),
            digest,
            "{name}"
        );
    }
    assert_eq!(files_of(folder).unwrap().len(), sums.len() + 2);
    let order: JobOrder =
        serde_json::from_slice(&fs_err::read(folder.join("job.json")).unwrap()).unwrap();
    assert!(order.limits.deadline_seconds.is_some());
}

fn kept(output: &Path, file: &str, bytes: &[u8], size: &Picture) -> ResultFile {
    let path = output.join(file);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, bytes).unwrap();
    ResultFile {
        file: file.to_owned(),
        sha256: sha256(bytes),
        width: u32::try_from(size.width).unwrap(),
        height: u32::try_from(size.height).unwrap(),
    }
}

/// The photo with a box in it, and where the box is.
fn furnished(photo: &Picture, seed: u64) -> (Picture, Plane) {
    let mut picture = photo.clone().into_eight();
    let (width, height) = (picture.width, picture.height);
    let mut mask = vec![0_u8; width * height];
    let Samples::Eight(samples) = &mut picture.samples else {
        panic!("eight bits");
    };
    for (index, (pixel, allowed)) in samples.chunks_exact_mut(3).zip(&mut mask).enumerate() {
        let (x, y) = (index % width * 100 / width, index / width * 100 / height);
        if (30..70).contains(&x) && (62..86).contains(&y) {
            *allowed = 255;
            let seam = if x % 13 == 0 { 40 } else { 0 };
            let tint = (seed % 50) as u8;
            pixel.copy_from_slice(&[
                120 + tint - seam,
                100 - seam,
                160 - tint - seam - y as u8 / 2,
            ]);
        }
    }
    let mask = Plane {
        width,
        height,
        samples: mask,
    };
    (picture, mask)
}
