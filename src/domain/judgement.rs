//! Everything that was measured on one attempt before it was decided about, as it is recorded and
//! shown: nobody has to believe a verdict without its numbers.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::compositing::{CompositeReport, CompositeSettings};
use super::results::WorkerDescription;
use super::score::ClipScores;
use super::structure::{StructureReport, StructureThresholds};

/// How the results of a job are judged: part of its plan, so that the same job is always judged alike.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JudgingRules {
    /// Limits of the structure gates.
    pub structure: StructureThresholds,
    /// How generated pixels are put back.
    pub compositing: CompositeSettings,
    /// Least CLIP score, `2.5 * max(cosine, 0)`; absent: the calibration of the model says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_score_threshold: Option<f64>,
}

/// What was measured on one attempt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Judgement {
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<WorkerDescription>,
    /// The structure gates: of the worker's picture, then of the composite.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub structure: Vec<StructureReport>,
    /// What was put back into the photo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub composite: Option<CompositeReport>,
    /// How well it shows what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scores: Option<ClipScores>,
    /// The CLIP score that it had to reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_score_threshold: Option<f64>,
    /// Seconds that compositing and the gates took.
    pub seconds: f64,
}

/// A passing attempt, as far as the choice between several looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Number of the attempt.
    pub number: u32,
    /// Whether a person approved it.
    pub approved: bool,
    /// What was measured.
    pub judgement: Option<&'a Judgement>,
}

/// The best of several passing attempts, in this order: one that a person approved; the higher CLIP
/// score, then contrast, then improvement; the higher correlation of the worst tile; the earlier
/// attempt. Scores count only between attempts that the same model scored in the same place.
#[must_use]
pub fn best<'a>(candidates: &[Candidate<'a>]) -> Option<Candidate<'a>> {
    candidates.iter().copied().reduce(|best, other| {
        if better(&other, &best) == Ordering::Greater {
            other
        } else {
            best
        }
    })
}

fn better<'a>(one: &Candidate<'a>, other: &Candidate<'a>) -> Ordering {
    let scores =
        |candidate: &Candidate<'a>| candidate.judgement.and_then(|all| all.scores.as_ref());
    let by_score = match (scores(one), scores(other)) {
        // What a worker says of itself is no measure beside what was measured here.
        (Some(one), Some(other)) if one.source == other.source => {
            one.compare(other).unwrap_or(Ordering::Equal)
        }
        _ => Ordering::Equal,
    };
    let worst_tile = |candidate: &Candidate<'a>| {
        candidate
            .judgement?
            .structure
            .first()?
            .worst_tile
            .map(|tile| tile.correlation)
    };
    one.approved
        .cmp(&other.approved)
        .then(by_score)
        .then_with(|| compared(worst_tile(one), worst_tile(other)))
        .then_with(|| other.number.cmp(&one.number))
}

/// Higher is greater; where one of them is not known, neither is.
fn compared(one: Option<f64>, other: Option<f64>) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        _ => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::super::score::{ContrastScore, ScoreSource};
    use super::*;

    fn scored(model: &str, clip_score: f64, contrast: f64) -> Judgement {
        Judgement {
            scores: Some(ClipScores {
                model: model.to_owned(),
                model_sha256: None,
                source: ScoreSource::Measured,
                cosine: None,
                clip_score: Some(clip_score),
                contrast: Some(ContrastScore {
                    probability: contrast,
                    runner_up: "an empty room".to_owned(),
                    runner_up_probability: 1.0 - contrast,
                }),
                improvement: None,
                calibration: "provisional".to_owned(),
            }),
            ..Judgement::default()
        }
    }

    fn candidate(number: u32, judgement: &Judgement) -> Candidate<'_> {
        Candidate {
            number,
            approved: false,
            judgement: Some(judgement),
        }
    }

    #[test]
    fn the_documented_order_decides() {
        let low = scored("a", 0.8, 0.7);
        let high = scored("a", 0.9, 0.6);
        let other = scored("b", 0.99, 0.99);
        let number = |candidates: &[Candidate<'_>]| best(candidates).map(|one| one.number);
        assert_eq!(number(&[]), None);
        assert_eq!(number(&[candidate(1, &low), candidate(2, &high)]), Some(2));
        // Another model's score says nothing, so the earlier attempt stays.
        assert_eq!(number(&[candidate(1, &low), candidate(2, &other)]), Some(1));
        let approved = Candidate {
            approved: true,
            ..candidate(3, &low)
        };
        assert_eq!(number(&[candidate(2, &high), approved]), Some(3));
        assert_eq!(number(&[candidate(2, &low), candidate(1, &low)]), Some(1));
    }
}
