//! Staged pictures on their way to delivery: what is put back, what is refused and why, what is tried
//! again with which numbers, and that nothing a worker answers gets out unjudged.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::BTreeSet;
use std::path::Path;

use remedia::domain::event::EventKind;
use remedia::domain::id::{JobId, PhotoId};
use remedia::domain::operation::OperationKind;
use remedia::domain::plan::AttemptParameters;
use remedia::domain::structure::{StructureFault, StructureSubject};
use remedia::domain::verdict::{ReasonCode, Verdict, VersionCause};
use remedia::engine::{
    AttemptReport, Ending, EngineError, NoEvents, OperationReport, RetryRequest, RevertTarget,
};
use remedia::imaging::{DecodeLimits, Picture, Samples, decode};

use crate::engine::{House, collect_files};

fn staged(house: &House, job: &JobId) -> Vec<(PhotoId, OperationReport)> {
    house
        .engine()
        .show(job)
        .unwrap()
        .photos
        .into_iter()
        .filter_map(|photo| {
            let operation = photo
                .operations
                .into_iter()
                .find(|one| one.kind == OperationKind::Stage)?;
            Some((photo.photo, operation))
        })
        .collect()
}

fn only(house: &House, job: &JobId) -> (PhotoId, OperationReport) {
    let mut all = staged(house, job);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn codes(attempt: &AttemptReport) -> BTreeSet<ReasonCode> {
    let refused = match &attempt.verdict {
        Some(Verdict::Rejected { reasons } | Verdict::NeedsReview { reasons }) => reasons.clone(),
        _ => Vec::new(),
    };
    refused
        .iter()
        .chain(&attempt.failure)
        .map(|reason| reason.code)
        .collect()
}

fn samples(bytes: &[u8]) -> Picture {
    decode(bytes, &DecodeLimits::default())
        .unwrap()
        .into_eight()
}

#[test]
fn what_a_label_map_calls_a_window_stays_the_photos_own() {
    let house = House::new(&["01-kitchen.jpg"])
        .with_script("[[photos]]\noutcome = \"produced\"\nlabelled = true");
    let submitted = house.submit("fake", "enhance,stage");
    assert_eq!(house.drive(&submitted.job).ending, Ending::Delivered);
    let report = house.engine().show(&submitted.job).unwrap();
    let work = Path::new(&report.work);
    let [enhance, stage] = report.photos[0].operations.as_slice() else {
        panic!("two operations");
    };
    let read = |attempt: &AttemptReport| {
        samples(&fs_err::read(work.join(attempt.master.as_ref().unwrap())).unwrap())
    };
    let (before, after) = (read(&enhance.attempts[0]), read(&stage.attempts[0]));
    let (Samples::Eight(one), Samples::Eight(other)) = (&before.samples, &after.samples) else {
        panic!("eight bits");
    };
    // The furniture's two halves, without the rim that protection grows over.
    let largest = |columns: std::ops::Range<usize>| {
        let rows = before.height * 66 / 100..before.height * 82 / 100;
        rows.flat_map(|row| columns.clone().map(move |column| (row, column)))
            .flat_map(|(row, column)| {
                let at = (row * before.width + column) * 3;
                at..at + 3
            })
            .map(|index| one[index].abs_diff(other[index]))
            .max()
            .unwrap()
    };
    let at = |share: usize| before.width * share / 100;
    let (window, floor) = (largest(at(34)..at(47)), largest(at(53)..at(66)));
    assert!(window <= 12, "{window}: only the second JPEG may show");
    assert!(floor > 40, "{floor}");
    let composite = &stage.attempts[0].judgement.as_ref().unwrap().composite;
    assert!(composite.as_ref().unwrap().protected_share > 0.02);
}

#[test]
fn a_staged_photo_is_the_photo_outside_the_mask() {
    let house = House::new(&["01-kitchen.jpg"]);
    let submitted = house.submit("fake", "enhance,stage");
    assert_eq!(house.drive(&submitted.job).ending, Ending::Delivered);
    let report = house.engine().show(&submitted.job).unwrap();
    let work = Path::new(&report.work);
    let [enhance, stage] = report.photos[0].operations.as_slice() else {
        panic!("two operations");
    };
    let read = |attempt: &AttemptReport| {
        samples(&fs_err::read(work.join(attempt.master.as_ref().unwrap())).unwrap())
    };
    let (before, after) = (read(&enhance.attempts[0]), read(&stage.attempts[0]));
    assert_eq!((before.width, before.height), (after.width, after.height));
    let (Samples::Eight(one), Samples::Eight(other)) = (&before.samples, &after.samples) else {
        panic!("eight bits");
    };
    // The upper third is far from the furniture; the JPEG is written once more, so a step or two.
    let upper = before.width * (before.height / 3) * 3;
    let farthest = one[..upper]
        .iter()
        .zip(&other[..upper])
        .map(|(one, other)| one.abs_diff(*other))
        .max();
    assert!(farthest.is_some_and(|steps| steps <= 12), "{farthest:?}");
    let changed = one
        .iter()
        .zip(other)
        .filter(|(one, other)| one.abs_diff(**other) > 24)
        .count();
    assert!(changed > one.len() / 50, "{changed} of {}", one.len());

    let attempt = &stage.attempts[0];
    let judgement = attempt.judgement.as_ref().unwrap();
    let subjects: Vec<_> = judgement.structure.iter().map(|one| one.subject).collect();
    assert_eq!(
        subjects,
        [StructureSubject::Generated, StructureSubject::Composite]
    );
    assert_eq!(judgement.structure[1].outside_changed_share, Some(0.0));
    let composite = judgement.composite.as_ref().unwrap();
    assert!(composite.touched_share > 0.05 && composite.touched_share < 0.5);
    assert_eq!(judgement.worker.as_ref().unwrap().engine, "fake");
    assert_eq!(stage.versions.len(), 1);
    assert_eq!(stage.versions[0].cause, VersionCause::Accepted);
}

/// What the script spoils, and what it must be refused for.
const SPOILED: &[(&str, ReasonCode)] = &[
    ("wrong_hash", ReasonCode::HashMismatch),
    ("wrong_size", ReasonCode::SizeMismatch),
    ("damaged", ReasonCode::DamagedOutput),
    ("html", ReasonCode::DamagedOutput),
    ("bomb", ReasonCode::DamagedOutput),
    ("escaping", ReasonCode::MissingOutput),
    ("missing", ReasonCode::MissingOutput),
    ("black", ReasonCode::EmptyOutput),
    ("unstaged", ReasonCode::Unchanged),
    ("unmasked", ReasonCode::MissingMask),
    ("whole_mask", ReasonCode::MaskRefused),
    ("shifted", ReasonCode::StructureMoved),
    ("painted_over", ReasonCode::StructureChanged),
    ("blurred", ReasonCode::DetailLost),
];

#[test]
fn whatever_a_worker_sends_is_refused_with_its_reason_and_made_again() {
    for (outcome, code) in SPOILED {
        let script = format!("[[photos]]\nattempt = 1\noutcome = \"{outcome}\"");
        let house = House::new(&["01-kitchen.jpg"]).with_script(&script);
        let submitted = house.submit("fake", "stage");
        let driven = house.drive(&submitted.job);
        assert_eq!(driven.ending, Ending::Delivered, "{outcome}");
        assert_eq!(driven.counts.accepted, 1, "{outcome}");
        let (_, operation) = only(&house, &submitted.job);
        let [first, second] = operation.attempts.as_slice() else {
            panic!("{outcome}: {} attempts", operation.attempts.len());
        };
        assert!(codes(first).contains(code), "{outcome}: {first:?}");
        assert_ne!(first.seed, second.seed, "{outcome}");
        assert_eq!(second.verdict, Some(Verdict::Accepted), "{outcome}");
        // Nothing is written beside the job's folder.
        let outside: Vec<_> = fs_err::read_dir(house.home())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains(".jpg") || name.contains(".png"))
            .collect();
        assert!(outside.is_empty(), "{outcome}: {outside:?}");
    }
}

#[test]
fn an_answer_that_is_none_is_an_attempt_with_a_reason() {
    for answer in ["wrong_types", "wrong_photo", "html", "truncated"] {
        let house = House::new(&["01-kitchen.jpg", "02-bedroom.jpg"])
            .with_script(&format!("answers = [\"{answer}\"]"));
        let submitted = house.submit("fake", "stage");
        let driven = house.drive(&submitted.job);
        assert_eq!(driven.ending, Ending::Delivered, "{answer}");
        assert_eq!(driven.counts.accepted, 2, "{answer}");
        let all = staged(&house, &submitted.job);
        let spoiled = &all[0].1.attempts;
        assert_eq!(spoiled.len(), 2, "{answer}");
        assert!(
            codes(&spoiled[0]).contains(&ReasonCode::DamagedOutput),
            "{answer}"
        );
        // One photo's entry costs that photo an attempt and no other.
        let other = if answer == "wrong_photo" { 1 } else { 2 };
        assert_eq!(all[1].1.attempts.len(), other, "{answer}");
    }
}

fn strength_and_guidance(attempt: &AttemptReport) -> (f64, f64, f64) {
    match attempt.parameters.as_ref().unwrap() {
        AttemptParameters::Diffusion {
            strength,
            guidance_scale,
            mask_growth,
            ..
        } => (*strength, *guidance_scale, *mask_growth),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_ladder_follows_the_reason() {
    let made = |outcome: &str| {
        let script = format!("[[photos]]\nattempt = 1\n{outcome}");
        let house = House::new(&["01-kitchen.jpg"]).with_script(&script);
        let submitted = house.submit("fake", "stage");
        house.drive(&submitted.job);
        let (_, operation) = only(&house, &submitted.job);
        let numbers: Vec<_> = operation
            .attempts
            .iter()
            .map(strength_and_guidance)
            .collect();
        (numbers[0], numbers[1])
    };
    let (first, moved) = made("outcome = \"shifted\"");
    assert!(
        moved.0 < first.0,
        "the house: less strength, {first:?} {moved:?}"
    );
    let (first, missed) = made("outcome = \"produced\"\nclip_score = 0.4\ncontrast = 0.1");
    assert!(
        missed.1 > first.1,
        "the prompt: more guidance, {first:?} {missed:?}"
    );
    let (first, bare) = made("outcome = \"unstaged\"");
    assert!(
        bare.2 > first.2,
        "furniture: a larger mask, {first:?} {bare:?}"
    );
}

#[test]
fn after_the_last_attempt_the_enhanced_photo_is_delivered_and_never_a_bad_picture() {
    let house = House::new(&["01-kitchen.jpg"])
        .with_script("[[photos]]\noperation = \"stage\"\noutcome = \"shifted\"");
    let submitted = house.submit("fake", "enhance,stage");
    let driven = house.drive(&submitted.job);
    assert_eq!(driven.ending, Ending::Delivered);
    assert_eq!((driven.counts.accepted, driven.counts.gave_up), (1, 1));
    let (_, operation) = only(&house, &submitted.job);
    assert_eq!(operation.state, "gave_up");
    assert_eq!(operation.attempts.len(), 3);
    let seeds: BTreeSet<u64> = operation.attempts.iter().map(|one| one.seed).collect();
    assert_eq!(seeds.len(), 3);
    for attempt in &operation.attempts {
        let report = &attempt.judgement.as_ref().unwrap().structure[0];
        assert!(report.faults.iter().any(|fault| matches!(
            fault,
            StructureFault::Drift | StructureFault::TileChanged | StructureFault::LocalShift
        )));
        assert!(attempt.master.is_none());
    }
    let report = house.engine().show(&submitted.job).unwrap();
    let enhanced = report.photos[0].operations[0].attempts[0]
        .master
        .clone()
        .unwrap();
    let enhanced = samples(&fs_err::read(Path::new(&report.work).join(enhanced)).unwrap());
    let mut files = Vec::new();
    collect_files(&house.out(), &house.out(), &mut files);
    let (_, delivered) = files
        .iter()
        .find(|(name, _)| name.contains("final/"))
        .unwrap();
    assert_eq!(samples(delivered), enhanced);
}

#[test]
fn what_nobody_scored_waits_for_a_person() {
    let house = House::new(&["01-kitchen.jpg"])
        .with_script("[[photos]]\noutcome = \"produced\"\nunscored = true");
    let submitted = house.submit("fake", "stage");
    let job = &submitted.job;
    assert_eq!(house.drive(job).ending, Ending::NeedsReview);
    let (_, operation) = only(&house, job);
    assert!(codes(&operation.attempts[0]).contains(&ReasonCode::NotScored));
    house.engine().approve(job, &[], &mut NoEvents).unwrap();
    assert_eq!(house.drive(job).ending, Ending::Delivered);
    let (_, operation) = only(&house, job);
    assert_eq!(operation.versions[0].cause, VersionCause::Approved);
}

#[test]
fn the_best_of_several_passing_attempts_is_delivered_and_every_one_can_be_gone_back_to() {
    let house = House::new(&["01-kitchen.jpg"]).with_script(
        "[[photos]]\nattempt = 1\noutcome = \"produced\"\nclip_score = 0.9\n\
         [[photos]]\nattempt = 2\noutcome = \"produced\"\nclip_score = 0.8\n\
         [[photos]]\nattempt = 3\noutcome = \"produced\"\nclip_score = 0.95\n\
         [[photos]]\nattempt = 4\noutcome = \"shifted\"",
    );
    let submitted = house.submit("fake", "stage");
    let job = &submitted.job;
    house.drive(job);
    let (photo, _) = only(&house, job);
    let again = |seed| {
        let request = RetryRequest {
            photos: vec![photo.clone()],
            only_given_up: false,
            seed,
        };
        house.engine().retry(job, &request, &mut NoEvents)?;
        house.drive(job);
        Ok::<_, EngineError>(only(&house, job).1)
    };
    let delivered = |operation: &OperationReport| {
        let version = operation.versions.last().unwrap();
        (version.number, version.attempt)
    };
    // A worse one changes nothing.
    let operation = again(Some(42)).unwrap();
    assert_eq!(operation.attempts.last().unwrap().seed, 42);
    assert_eq!(delivered(&operation), (1, Some(1)));
    // A better one is taken, one that bends the house takes nothing away.
    assert_eq!(delivered(&again(Some(43)).unwrap()), (2, Some(3)));
    let operation = again(None).unwrap();
    assert_eq!(operation.state, "accepted");
    assert_eq!(delivered(&operation), (2, Some(3)));
    assert!(matches!(again(Some(43)), Err(EngineError::SeedUsed { .. })));

    let first: Vec<u8> = final_picture(&house);
    let revert = |target| {
        house.engine().revert(job, &photo, target, &mut NoEvents)?;
        assert_eq!(house.drive(job).ending, Ending::Delivered);
        Ok::<_, EngineError>(only(&house, job).1)
    };
    let operation = revert(RevertTarget::Previous).unwrap();
    assert_eq!(delivered(&operation), (3, Some(1)));
    assert_ne!(final_picture(&house), first);
    assert_eq!(
        delivered(&revert(RevertTarget::Version(2)).unwrap()),
        (4, Some(3))
    );
    assert_eq!(final_picture(&house), first);
    assert_eq!(
        delivered(&revert(RevertTarget::Attempt(2)).unwrap()),
        (5, Some(2))
    );
    let operation = revert(RevertTarget::Without).unwrap();
    assert_eq!(delivered(&operation), (6, None));
    assert!(matches!(
        revert(RevertTarget::Attempt(4)),
        Err(EngineError::NoVersion { .. })
    ));
    let told = house.engine().logs(job, 0, 1000).unwrap().events;
    let chosen = told
        .iter()
        .filter(|event| matches!(event.kind, EventKind::VersionChosen { .. }))
        .count();
    assert_eq!(chosen, 6);
}

fn final_picture(house: &House) -> Vec<u8> {
    let mut files = Vec::new();
    collect_files(&house.out(), &house.out(), &mut files);
    files
        .into_iter()
        .find(|(name, _)| name.contains("final/"))
        .unwrap()
        .1
}

#[test]
fn judging_again_after_a_crash_comes_to_the_same() {
    let house = House::new(&["01-kitchen.jpg", "02-bedroom.jpg"]);
    let submitted = house.submit("fake", "enhance,stage");
    house.drive(&submitted.job);
    let composites = |house: &House, job: &JobId| -> Vec<Vec<u8>> {
        let work = house.engine().work_folder(job);
        staged(house, job)
            .iter()
            .map(|(_, operation)| {
                let master = operation.attempts[0].master.clone().unwrap();
                fs_err::read(work.join(master)).unwrap()
            })
            .collect()
    };
    let other = House::new(&["01-kitchen.jpg", "02-bedroom.jpg"]);
    let again = other.submit("fake", "enhance,stage");
    other.drive(&again.job);
    assert_eq!(
        composites(&house, &submitted.job),
        composites(&other, &again.job)
    );
}
