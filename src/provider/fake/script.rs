//! The script of the fake provider.

use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::operation::OperationKind;
use crate::domain::verdict::ReasonCode;
use crate::fsx::fs;

/// What the fake provider does, written as TOML. Everything that is left out goes well.
///
/// ```toml
/// queued_polls = 2                    # polls that answer "queued"
/// running_polls = 3                   # polls that answer "running"
/// submit = ["lost", "quota"]          # the first two calls, then all goes well
/// operator = "start the notebook"     # waits until `remedia resume`
///
/// [[photos]]
/// file = "kitchen"                    # part of the file name; left out: every photo
/// attempt = 1                         # left out: every attempt
/// outcome = "wrong_hash"
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FakeScript {
    /// Polls of a run that answer "queued".
    pub queued_polls: u32,
    /// Polls of a run that answer "running".
    pub running_polls: u32,
    /// What becomes of the first calls of `find`, over all runs of the home.
    pub find: Vec<CallOutcome>,
    /// What becomes of the first calls of `submit`.
    pub submit: Vec<CallOutcome>,
    /// What becomes of the first calls of `poll`.
    pub poll: Vec<CallOutcome>,
    /// What becomes of the first calls of `collect`.
    pub collect: Vec<CallOutcome>,
    /// How the first runs end; later ones finish.
    pub runs: Vec<RunFailure>,
    /// What a person has to do before a run begins.
    pub operator: Option<String>,
    /// Seconds that a quota fault asks to wait.
    pub retry_after_seconds: u64,
    /// What the answers of the first runs are like; later ones are whole.
    pub answers: Vec<AnswerOutcome>,
    /// What becomes of photos; the first rule that fits counts.
    pub photos: Vec<PhotoRule>,
}

/// What `results.json` of a run is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerOutcome {
    /// Whole.
    Whole,
    /// Fields have other types.
    WrongTypes,
    /// The first photo's entry has other types.
    WrongPhoto,
    /// A web page with an error.
    Html,
    /// It breaks off.
    Truncated,
    /// The session ended after the first half of the photos.
    Half,
    /// The session ended before the first photo.
    Unbegun,
    /// The worker stopped before the first photo; another session may do better.
    Stopped,
    /// The worker stopped before the first photo, as it always will.
    StoppedForGood,
}

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// It works.
    Ok,
    /// It works, and the answer never arrives.
    Lost,
    /// The far side cannot be reached.
    Network,
    /// The allowance is used up.
    Quota,
    /// The credentials are not accepted.
    Credentials,
    /// The request is refused for good.
    Refused,
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunFailure {
    /// It finishes.
    None,
    /// It breaks, and another run may do better.
    Retryable,
    /// It breaks, and another would break too.
    Permanent,
}

/// What becomes of some photos.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhotoRule {
    /// Part of the file name; absent for every photo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Operation; absent for every operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationKind>,
    /// Number of the attempt; absent for every attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// What becomes of it.
    pub outcome: PhotoOutcome,
    /// The CLIP score that is reported, `2.5 * max(cosine, 0)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_score: Option<f64>,
    /// The contrast probability that is reported with the score, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contrast: Option<f64>,
    /// Report no score at all.
    #[serde(default)]
    pub unscored: bool,
    /// The worker says what is where: the left half of the furniture stands before a window.
    #[serde(default)]
    pub labelled: bool,
    /// The reason of a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonCode>,
}

/// What becomes of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PhotoOutcome {
    /// A picture.
    Produced,
    /// A reported failure.
    Failed,
    /// Nothing at all, as if the run was cut short.
    Missing,
    /// A picture whose bytes are not the reported ones.
    WrongHash,
    /// A picture of another size.
    WrongSize,
    /// A file that is no picture.
    Damaged,
    /// A web page with an error, named like a picture.
    Html,
    /// A PNG that claims a hundred thousand megapixels.
    Bomb,
    /// A picture whose path leaves the folder.
    Escaping,
    /// A black picture.
    Black,
    /// Staged, and the whole picture moved by four pixels.
    Shifted,
    /// Staged, and what stood out most on the walls is painted over.
    PaintedOver,
    /// Staged, and all fine detail is gone.
    Blurred,
    /// The photo that was sent, with a mask and without furniture.
    Unstaged,
    /// Staged, without a mask.
    Unmasked,
    /// Staged, with a mask over the whole frame.
    WholeMask,
}

/// A script that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("script `{path}` of the fake provider: {reason}")]
pub struct ScriptError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: String,
}

impl FakeScript {
    /// Reads a script.
    ///
    /// # Errors
    /// [`ScriptError`] naming the file and what is wrong in it.
    pub fn read(path: &Path) -> Result<Self, ScriptError> {
        let failed = |reason: String| ScriptError {
            path: path.to_owned(),
            reason,
        };
        let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        toml::from_str(&text).map_err(|error| failed(error.to_string()))
    }

    /// What becomes of this attempt.
    pub(super) fn rule(
        &self,
        file: &str,
        operation: OperationKind,
        attempt: u32,
    ) -> Option<&PhotoRule> {
        self.photos.iter().find(|rule| {
            rule.file.as_ref().is_none_or(|part| file.contains(part))
                && rule.operation.is_none_or(|kind| kind == operation)
                && rule.attempt.is_none_or(|number| number == attempt)
        })
    }

    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match self.retry_after_seconds {
            0 => None,
            seconds => Some(Duration::from_secs(seconds)),
        }
    }
}
