//! A worker without a model: it checks the order as a worker does, draws furniture into each photo and answers as the
//! contract says.

use std::path::Path;

use remedia::bundle::{files_of, read_mask, read_order, read_sums, sha256};
use remedia::domain::job::JobOrder;
use remedia::domain::operation::OperationKind;
use remedia::domain::results::{
    AttemptResult, AttemptState, ClipResult, OperationResult, PhotoResult, RESULTS_SCHEMA_VERSION,
    ResultFile, Results, WorkerDescription,
};
use remedia::imaging::{
    DecodeLimits, JpegOptions, Picture, Plane, Samples, decode, encode_jpeg, encode_plane,
};

/// Does the order in `folder` and answers in `working`; whether it came to its end, for it dies after so many
/// photos where that is said.
pub(crate) fn decorate(
    folder: &Path,
    working: &Path,
    dies_after: Option<usize>,
    obeys_masks: bool,
    log: &dyn Fn(&str),
) -> bool {
    let (order, marker) = read_order(folder).unwrap();
    check(folder);
    let mut results = Results {
        schema_version: RESULTS_SCHEMA_VERSION,
        run_id: marker.run_id.clone(),
        job_sha256: marker.job_sha256.clone(),
        complete: false,
        worker: WorkerDescription {
            engine: "decorator".to_owned(),
            version: "1".to_owned(),
            device: "none".to_owned(),
            models: Vec::new(),
        },
        photos: Vec::new(),
        stopped: None,
        unreadable: Vec::new(),
    };
    for (number, photo) in order.photos.iter().enumerate() {
        if dies_after == Some(number) {
            return false;
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
                let drawn = read_mask(folder, &photo.photo_id, &DecodeLimits::default()).unwrap();
                let drawn = drawn.filter(|_| obeys_masks);
                let (image, mask) = furnished(&picture, attempt.seed, drawn.as_ref());
                let jpeg = encode_jpeg(&image, &JpegOptions::default()).unwrap();
                let result = AttemptResult {
                    state: AttemptState::Produced,
                    image: Some(kept(working, &format!("images/{stem}.jpg"), &jpeg, &image)),
                    mask: Some(kept(
                        working,
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
        fs_err::write(working.join("results.json"), bytes).unwrap();
        log(&format!("photo {} of {}", number + 1, order.photos.len()));
    }
    true
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

fn kept(working: &Path, file: &str, bytes: &[u8], size: &Picture) -> ResultFile {
    let path = working.join(file);
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
fn furnished(photo: &Picture, seed: u64, drawn: Option<&Plane>) -> (Picture, Plane) {
    let mut picture = photo.clone().into_eight();
    let (width, height) = (picture.width, picture.height);
    let mut mask = vec![0_u8; width * height];
    let Samples::Eight(samples) = &mut picture.samples else {
        panic!("eight bits");
    };
    for (index, (pixel, allowed)) in samples.chunks_exact_mut(3).zip(&mut mask).enumerate() {
        let (x, y) = (index % width * 100 / width, index / width * 100 / height);
        let is_let = |plane: &Plane| {
            let (x, y) = (index % width, index / width);
            plane.at(x * plane.width / width, y * plane.height / height) > 127
        };
        if (30..70).contains(&x) && (62..86).contains(&y) && drawn.is_none_or(is_let) {
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
