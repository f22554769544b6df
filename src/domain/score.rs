//! Scores of how well a picture shows what was asked for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScoreSource {
    /// This machine.
    Measured,
    /// The worker; remedia did not check it.
    ReportedByWorker,
    /// Nobody.
    NotScored,
}

/// What a CLIP model says of a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClipScores {
    /// The model, such as `openai/clip-vit-base-patch32`; empty where nobody scored.
    pub model: String,
    /// Who measured.
    pub source: ScoreSource,
    /// Cosine of the angle between picture and prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosine: Option<f64>,
    /// `2.5 * max(cosine, 0)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_score: Option<f64>,
    /// Right room and style against the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contrast: Option<ContrastScore>,
    /// Cosine of the result minus that of the photo that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub improvement: Option<f64>,
    /// The calibration that was used.
    pub calibration: String,
}

/// The right description against the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContrastScore {
    /// Probability of the right one, 0 to 1.
    pub probability: f64,
    /// The most probable of the others.
    pub runner_up: String,
    /// Its probability.
    pub runner_up_probability: f64,
}
