//! How well a generated picture shows what was asked for: the numbers that are stored and shown with every
//! attempt, with the model that they come from. Numbers of different models have different scales and are
//! never compared.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where scores come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScoreSource {
    /// A model on this machine measured the picture.
    Measured,
    /// The worker that made the picture says so; nobody checked it.
    ReportedByWorker,
    /// There are none: no model was at hand and the worker said nothing.
    NotScored,
}

/// What a CLIP model says about a picture and its prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClipScores {
    /// The model's repository, such as `openai/clip-vit-base-patch32`; empty where nothing was scored.
    pub model: String,
    /// SHA-256 of its weights, 64 hexadecimal digits; only where this machine measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_sha256: Option<String>,
    /// Who measured.
    pub source: ScoreSource,
    /// Cosine of picture and prompt, -1 to 1; in practice 0.15 to 0.35.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1.0, max = 1.0))]
    pub cosine: Option<f64>,
    /// CLIPScore (Hessel et al. 2021), `2.5 · max(cosine, 0)`: 0 to 2.5; 0.75 is a cosine of 0.30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 2.5))]
    pub clip_score: Option<f64>,
    /// How the right description does against wrong ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contrast: Option<ContrastScore>,
    /// Cosine of the result and the prompt less that of the photo and the prompt, -2 to 2: above 0 the
    /// result is closer to what was asked for than the photo was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -2.0, max = 2.0))]
    pub improvement: Option<f64>,
    /// Name of the calibration whose thresholds belong to the model; empty where nothing was scored.
    pub calibration: String,
}

/// How the right description does against wrong ones: shares of a softmax at the model's own temperature
/// over all descriptions, which sum to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContrastScore {
    /// Of the right room in the right style, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// The wrong description with the largest share, such as `an empty room`.
    pub runner_up: String,
    /// Its share, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub runner_up_probability: f64,
}

impl ClipScores {
    /// The scores of a picture that nobody scored.
    #[must_use]
    pub const fn not_scored() -> Self {
        Self {
            model: String::new(),
            model_sha256: None,
            source: ScoreSource::NotScored,
            cosine: None,
            clip_score: None,
            contrast: None,
            improvement: None,
            calibration: String::new(),
        }
    }

    /// Which of two pictures shows better what was asked for: `Greater` where `self` does. The CLIPScore
    /// counts, among equal ones the contrast, then the improvement; a number that is there is better than none.
    ///
    /// `None` where they cannot be compared: the models differ, or one was not scored.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        let scored = |scores: &Self| {
            let score = scores.clip_score.filter(|score| score.is_finite())?;
            (scores.source != ScoreSource::NotScored && !scores.model.is_empty()).then_some(score)
        };
        let (ours, theirs) = (scored(self)?, scored(other)?);
        if self.model != other.model {
            return None;
        }
        let number = |value: Option<f64>| {
            value
                .filter(|value| value.is_finite())
                .unwrap_or(f64::NEG_INFINITY)
        };
        let contrast =
            |scores: &Self| number(scores.contrast.as_ref().map(|score| score.probability));
        Some(
            ours.total_cmp(&theirs)
                .then_with(|| contrast(self).total_cmp(&contrast(other)))
                .then_with(|| number(self.improvement).total_cmp(&number(other.improvement))),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(model: &str, clip_score: f64, probability: Option<f64>) -> ClipScores {
        ClipScores {
            model: model.to_owned(),
            model_sha256: None,
            source: ScoreSource::Measured,
            cosine: Some(clip_score / 2.5),
            clip_score: Some(clip_score),
            contrast: probability.map(|probability| ContrastScore {
                probability,
                runner_up: "an empty room".to_owned(),
                runner_up_probability: 0.1,
            }),
            improvement: Some(0.01),
            calibration: "test".to_owned(),
        }
    }

    #[test]
    fn scores_of_different_models_are_never_compared() {
        let (one, other) = (scores("a", 0.8, None), scores("b", 0.7, None));
        assert_eq!(one.compare(&other), None);
        assert_eq!(one.compare(&ClipScores::not_scored()), None);
        let nothing = ClipScores::not_scored();
        assert_eq!(nothing.compare(&ClipScores::not_scored()), None);
    }

    #[test]
    fn the_clip_score_counts_before_the_contrast() {
        let best = scores("a", 0.8, Some(0.2));
        assert_eq!(
            best.compare(&scores("a", 0.7, Some(0.9))),
            Some(Ordering::Greater)
        );
        assert_eq!(
            best.compare(&scores("a", 0.8, Some(0.9))),
            Some(Ordering::Less)
        );
        assert_eq!(
            best.compare(&scores("a", 0.8, None)),
            Some(Ordering::Greater)
        );
        assert_eq!(best.compare(&best.clone()), Some(Ordering::Equal));
    }

    #[test]
    fn documents_with_unknown_fields_are_refused() {
        let written = serde_json::to_value(scores("a", 0.8, Some(0.5))).unwrap();
        let read: ClipScores = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(read, scores("a", 0.8, Some(0.5)));
        let mut more = written;
        more["more"] = 1.into();
        assert!(serde_json::from_value::<ClipScores>(more).is_err());
        let nothing = serde_json::to_value(ClipScores::not_scored()).unwrap();
        insta::assert_snapshot!(nothing, @r#"{"calibration":"","model":"","source":"not_scored"}"#);
    }
}
