//! Scoring on this machine with a real CLIP model, tiny and of random weights: the way from the cache to
//! the verdict, and rooms that nobody named. What its numbers say of a picture means nothing, so the tests
//! ask where numbers come from and what follows from them.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use remedia::clock::Clock;
use remedia::domain::listing::RoomOrigin;
use remedia::domain::operation::OperationKind;
use remedia::domain::retry::RetryPolicy;
use remedia::domain::score::{ClipScores, ScoreSource};
use remedia::domain::verdict::{ReasonCode, Verdict};
use remedia::engine::{
    DriveLimits, Engine, EngineOptions, Interrupt, NoEvents, SubmitRequest, name_rooms,
};
use remedia::imaging::DecodeLimits;
use remedia::ingest::{IngestOptions, read_listing};
use remedia::local::clip::ClipFiles;

use crate::engine::House;
use crate::support::fixture;

fn tiny() -> ClipFiles {
    let file = |name: &str| fixture(&format!("clip/tiny/openai/{name}"));
    ClipFiles {
        id: "tiny/clip".to_owned(),
        revision: "0".repeat(40),
        weights: file("model.safetensors"),
        config: file("config.json"),
        tokenizer: file("tokenizer.json"),
        preprocessor: Some(file("preprocessor_config.json")),
    }
}

fn engine(house: &House, clip: Option<ClipFiles>) -> Engine {
    let options = EngineOptions {
        retry: RetryPolicy::immediate(5),
        threads: 2,
        clip,
        ..EngineOptions::new(house.home())
    };
    let clock = Clock::frozen("2026-05-04T10:00:00Z".parse().unwrap());
    Engine::open(options, clock).unwrap()
}

/// Stages one photo with the threshold at `threshold` and gives the first attempt's scores and verdict.
fn scored(threshold: f64) -> (ClipScores, Verdict, f64) {
    let house = House::new(&["01-kitchen.jpg"]);
    let engine = engine(&house, Some(tiny()));
    let mut request: SubmitRequest = house.request("fake", "stage");
    request.plan.judging.clip_score_threshold = Some(threshold);
    let submitted = engine.submit(&request, &mut NoEvents).unwrap();
    engine
        .drive(
            &submitted.job,
            &mut NoEvents,
            &Interrupt::new(),
            &DriveLimits::to_the_end(),
        )
        .unwrap();
    let report = engine.show(&submitted.job).unwrap();
    let operation = report.photos[0]
        .operations
        .iter()
        .find(|one| one.kind == OperationKind::Stage)
        .unwrap();
    let attempt = &operation.attempts[0];
    let judgement = attempt.judgement.clone().unwrap();
    (
        judgement.scores.unwrap(),
        attempt.verdict.clone().unwrap(),
        judgement.clip_score_threshold.unwrap(),
    )
}

#[test]
fn a_model_on_this_machine_measures_and_the_workers_word_does_not_count() {
    let (scores, _, threshold) = scored(0.6);
    assert_eq!(scores.model, "tiny/clip");
    assert_eq!(scores.source, ScoreSource::Measured);
    assert_eq!(threshold, 0.6);
    let cosine = scores.cosine.unwrap();
    assert!((-1.0..=1.0).contains(&cosine));
    assert_eq!(scores.clip_score, Some(2.5 * cosine.max(0.0)));
    let contrast = scores.contrast.unwrap();
    assert!(contrast.probability > 0.0 && contrast.runner_up_probability > 0.0);
    assert!(!contrast.runner_up.is_empty());
    assert!(scores.improvement.is_some());
    assert_eq!(scores.model_sha256.map(|sum| sum.len()), Some(64));
    // Nobody calibrated this model.
    assert_eq!(scores.calibration, "provisional");
}

#[test]
fn the_threshold_of_the_job_decides() {
    // No picture reaches the largest score that there is.
    let (scores, verdict, threshold) = scored(2.5);
    assert_eq!(threshold, 2.5);
    let (Verdict::Rejected { reasons } | Verdict::NeedsReview { reasons }) = verdict else {
        panic!("{scores:?} passed");
    };
    assert!(
        reasons
            .iter()
            .any(|reason| reason.code == ReasonCode::PromptScore)
    );
}

#[test]
fn a_model_that_cannot_be_read_stops_the_job_with_a_hint_and_loses_nothing() {
    let house = House::new(&["01-kitchen.jpg"]);
    let broken = ClipFiles {
        weights: fixture("clip/tiny/openai/config.json"),
        ..tiny()
    };
    let broken = engine(&house, Some(broken));
    let submitted = broken
        .submit(&house.request("fake", "stage"), &mut NoEvents)
        .unwrap();
    let drive = |engine: &Engine| {
        engine.drive(
            &submitted.job,
            &mut NoEvents,
            &Interrupt::new(),
            &DriveLimits::to_the_end(),
        )
    };
    let error = drive(&broken).unwrap_err();
    assert!(
        error.hint().unwrap().contains("remedia models verify"),
        "{error}"
    );
    let driven = drive(&engine(&house, None)).unwrap();
    assert_eq!(driven.counts.accepted, 1);
}

#[test]
fn a_room_is_named_once_and_only_where_nobody_did() {
    let house = House::new(&["01-kitchen.jpg", "IMG_0007.jpg"]);
    let read = || read_listing(&house.listing(), &IngestOptions::default(), &|_, _| ()).unwrap();
    let name = |clip: &ClipFiles| {
        let mut listing = read();
        name_rooms(
            &mut listing,
            &house.listing(),
            &house.home(),
            clip,
            &DecodeLimits::default(),
        )
        .map(|()| listing)
    };
    let named = name(&tiny()).unwrap();
    assert_eq!(named.photos[0], read().photos[0]);
    let photo = &named.photos[1];
    // Random weights are hardly ever sure, and what they are sure of says so.
    assert_eq!(photo.room.is_some(), photo.room_confidence.is_some());
    assert_eq!(photo.room_origin, photo.room.map(|_| RoomOrigin::Model));
    // The answer is remembered: the model is not even opened again.
    let gone = ClipFiles {
        weights: house.home().join("nowhere"),
        ..tiny()
    };
    assert_eq!(name(&gone).unwrap(), named);
    let other = ClipFiles {
        revision: "1".repeat(40),
        ..gone
    };
    assert!(name(&other).is_err());
}
