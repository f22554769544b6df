//! The rule over the scores, row by row and over all numbers.

use proptest::prelude::*;

use super::*;

const MODEL: &str = "openai/clip-vit-base-patch32";
const STYLES: &[&str] = &["Modern", "Japandi", "Art Deco", "Industrial"];

fn thresholds() -> ScoreThresholds {
    ScoreThresholds::new(&Calibration::of(MODEL), None, None)
}

fn scores(clip_score: f64, shares: Option<(f64, f64)>, improvement: Option<f64>) -> ClipScores {
    ClipScores {
        model: MODEL.to_owned(),
        model_sha256: None,
        source: ScoreSource::Measured,
        cosine: Some(clip_score / CLIP_SCORE_FACTOR),
        clip_score: Some(clip_score),
        contrast: shares.map(|(probability, runner_up_probability)| ContrastScore {
            probability,
            runner_up: "an empty room".to_owned(),
            runner_up_probability,
        }),
        improvement,
        calibration: MODEL.to_owned(),
    }
}

fn word(verdict: &ScoreVerdict) -> &'static str {
    match verdict {
        ScoreVerdict::Pass => "pass",
        ScoreVerdict::Review(_) => "review",
        ScoreVerdict::Fail(_) => "fail",
    }
}

#[test]
fn each_row_of_the_table_holds() {
    let (right, weak, wrong) = (Some((0.8, 0.1)), Some((0.2, 0.1)), Some((0.1, 0.8)));
    let (better, worse) = (Some(0.03), Some(-0.01));
    for (clip_score, shares, improvement, expected) in [
        (0.75, right, better, "pass"),
        (0.80, weak, better, "review"),
        (0.80, wrong, better, "review"),
        (0.80, right, worse, "review"),
        (0.80, wrong, worse, "review"),
        (0.80, None, better, "review"),
        (0.80, right, None, "review"),
        (0.60, wrong, better, "fail"),
        (0.60, right, worse, "fail"),
        (0.60, wrong, worse, "fail"),
        (0.60, right, better, "review"),
        (0.60, weak, better, "review"),
        (0.72, wrong, better, "review"),
        (0.72, right, worse, "review"),
        (0.72, wrong, worse, "fail"),
        (0.72, right, better, "review"),
        (0.60, None, None, "review"),
        (f64::NAN, right, better, "review"),
    ] {
        let verdict = ScoreVerdict::of(&scores(clip_score, shares, improvement), &thresholds());
        assert_eq!(
            word(&verdict),
            expected,
            "{clip_score} {shares:?} {improvement:?}: {verdict:?}"
        );
    }
}

#[test]
fn what_nobody_scored_is_never_passed_silently() {
    let verdict = ScoreVerdict::of(&ClipScores::not_scored(), &thresholds());
    assert_eq!(verdict, ScoreVerdict::Review(vec![ScoreReason::NotScored]));
    let mut hidden = scores(0.9, Some((0.9, 0.1)), Some(0.1));
    hidden.source = ScoreSource::NotScored;
    assert_eq!(
        ScoreVerdict::of(&hidden, &thresholds()),
        ScoreVerdict::Review(vec![ScoreReason::NotScored])
    );
}

#[test]
fn a_workers_number_is_used_and_marked() {
    let of = |clip_score: f64, contrast: Option<f64>| {
        reported(&ClipResult {
            model: MODEL.to_owned(),
            cosine: Some(clip_score / 2.5),
            clip_score,
            contrast,
        })
    };
    let good = of(0.775, None);
    assert_eq!(good.source, ScoreSource::ReportedByWorker);
    assert_eq!(good.clip_score, Some(0.775));
    assert_eq!(good.calibration, MODEL);
    for (score, contrast, expected) in [
        (0.775, None, "pass"),
        (0.775, Some(0.9), "pass"),
        (0.775, Some(0.1), "review"),
        (0.725, None, "review"),
        (0.725, Some(0.1), "fail"),
        (0.5, None, "fail"),
        (0.5, Some(0.9), "fail"),
        (-1.0, None, "review"),
        // A hundred times the cosine is another scale.
        (31.0, None, "review"),
        (f64::NAN, None, "review"),
    ] {
        let verdict = ScoreVerdict::of(&of(score, contrast), &thresholds());
        assert_eq!(word(&verdict), expected, "{score} {contrast:?}");
    }
    assert_eq!(of(1e9, None).source, ScoreSource::NotScored);
    let contradicted = reported(&ClipResult {
        model: MODEL.to_owned(),
        cosine: Some(0.1),
        clip_score: 0.9,
        contrast: None,
    });
    assert_eq!(contradicted.source, ScoreSource::NotScored);
}

#[test]
fn the_job_overrides_the_style_and_the_style_the_calibration() {
    let calibration = Calibration::of(MODEL);
    let threshold = |style, job| ScoreThresholds::new(&calibration, style, job).clip_score;
    assert!((threshold(None, None) - 0.75).abs() < 1e-12);
    assert!((threshold(Some(0.7), None) - 0.7).abs() < 1e-12);
    assert!((threshold(Some(0.7), Some(0.6)) - 0.6).abs() < 1e-12);
    // 28 is 100 × cosine, another scale, and would let nothing pass.
    assert!((threshold(Some(0.7), Some(28.0)) - 0.7).abs() < 1e-12);
    assert!((threshold(Some(f64::NAN), None) - 0.75).abs() < 1e-12);
}

#[test]
fn the_candidates_are_the_right_one_and_the_wrong_ones() {
    let candidates = candidates(Room::MasterBedroom, "Art Deco", STYLES);
    assert_eq!(
        candidates[0].prompt,
        "a photo of an art deco master bedroom"
    );
    let labels: Vec<&str> = candidates
        .iter()
        .map(|candidate| candidate.label.as_str())
        .collect();
    insta::assert_snapshot!(labels.join(", "), @"art deco master bedroom, modern master bedroom, japandi master bedroom, industrial master bedroom, art deco living room, art deco kitchen, art deco dining room, art deco bathroom, art deco home office, art deco nursery, art deco entrance hall, an empty room, a blurry photo");
}

#[test]
fn the_contrast_is_a_softmax_at_the_models_temperature() {
    let candidates = candidates(Room::Kitchen, "Modern", &[]);
    let mut cosines = vec![0.20; candidates.len()];
    cosines[0] = 0.25;
    let last = cosines.len() - 1;
    cosines[last] = 0.24;
    let score = contrast(&candidates, &cosines, 100.0).unwrap();
    let total = 5_f64.exp() + 4_f64.exp() + (candidates.len() - 2) as f64;
    assert!((score.probability - 5_f64.exp() / total).abs() < 1e-9);
    assert_eq!(score.runner_up, "a blurry photo");
    assert!((score.runner_up_probability - 4_f64.exp() / total).abs() < 1e-9);
    assert_eq!(contrast(&candidates, &cosines[1..], 100.0), None);
    assert_eq!(contrast(&candidates[..1], &cosines[..1], 100.0), None);
    cosines[1] = f64::INFINITY;
    assert_eq!(contrast(&candidates, &cosines, 100.0), None);
}

#[test]
fn measurements_become_scores() {
    let candidates = candidates(Room::Kitchen, "Modern", &["Rustic"]);
    let cosines = vec![0.2; candidates.len()];
    let measured = |output: f64| {
        Measurements {
            model: MODEL,
            model_sha256: "00",
            logit_scale: 100.0,
            output,
            input: 0.25,
            candidates: &candidates,
            cosines: &cosines,
        }
        .scores()
    };
    let good = measured(0.31);
    assert!((good.clip_score.unwrap() - 0.775).abs() < 1e-12);
    assert!((good.improvement.unwrap() - 0.06).abs() < 1e-12);
    assert!(good.contrast.is_some());
    assert_eq!(measured(f64::NAN), ClipScores::not_scored());
    assert_eq!(measured(-0.1).clip_score, Some(0.0));
}

#[test]
fn reasons_read_well() {
    let verdict = ScoreVerdict::of(
        &scores(0.6123, Some((0.1, 0.8)), Some(-0.0123)),
        &thresholds(),
    );
    let ScoreVerdict::Fail(reasons) = verdict else {
        panic!("it fails");
    };
    let texts: Vec<String> = reasons
        .iter()
        .map(|reason| Reason::from(reason).text)
        .collect();
    insta::assert_snapshot!(texts.join("\n"), @r"
    its CLIP score is 0.612, below 0.750 (2.5 × cosine)
    it looks more like `an empty room` (80 %) than like what was asked for (10 %)
    it is no closer to what was asked for than the photo was (cosine -0.012)
    ");
}

fn numbers() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        1 => Just(None),
        1 => Just(Some(f64::NAN)),
        8 => (-1.0..2.5_f64).prop_map(Some),
    ]
}

proptest! {
    #[test]
    fn a_pass_needs_all_evidence_and_a_failure_more_than_the_score(
        clip_score in numbers(),
        probability in numbers(),
        runner_up in 0.0..1.0_f64,
        improvement in numbers(),
    ) {
        let mut scores = scores(0.0, probability.map(|right| (right, runner_up)), improvement);
        scores.clip_score = clip_score;
        let limits = thresholds();
        let enough = clip_score.is_some_and(|score| score >= limits.clip_score);
        match ScoreVerdict::of(&scores, &limits) {
            ScoreVerdict::Pass => {
                let right = probability.unwrap();
                prop_assert!(enough && right >= limits.contrast && right > runner_up);
                prop_assert!(improvement.unwrap() > 0.0);
            }
            ScoreVerdict::Review(reasons) => prop_assert!(!reasons.is_empty()),
            ScoreVerdict::Fail(reasons) => {
                prop_assert!(!enough && reasons.len() > 1);
            }
        }
    }

    #[test]
    fn a_better_clip_score_never_makes_the_verdict_worse(
        low in 0.0..1.0_f64,
        more in 0.0..0.5_f64,
        right in 0.0..1.0_f64,
        wrong in 0.0..1.0_f64,
        improvement in -0.1..0.1_f64,
    ) {
        let rank = |clip_score: f64| {
            let scores = scores(clip_score, Some((right, wrong)), Some(improvement));
            match ScoreVerdict::of(&scores, &thresholds()) {
                ScoreVerdict::Fail(_) => 0,
                ScoreVerdict::Review(_) => 1,
                ScoreVerdict::Pass => 2,
            }
        };
        prop_assert!(rank(low + more) >= rank(low));
    }

    #[test]
    fn shares_sum_to_one(cosines in prop::collection::vec(-1.0..1.0_f64, 1..40)) {
        let shares = softmax(&cosines, 100.0).unwrap();
        prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        prop_assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
    }
}
