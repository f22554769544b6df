//! The answer to an order, `results.json`. It comes from a worker that may be newer or broken, so
//! fields that this build does not know are ignored and every claim in it is checked before use.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::enhancement::EnhancementReport;
use super::id::PhotoId;
use super::operation::OperationKind;
use super::verdict::Reason;

/// The version of [`Results`] that this build writes.
pub const RESULTS_SCHEMA_VERSION: u32 = 1;

/// What a worker made of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Results {
    /// The version of this document's form.
    pub schema_version: u32,
    /// The order's identity.
    pub run_id: String,
    /// SHA-256 of the order's `job.json`, 64 hexadecimal digits.
    pub job_sha256: String,
    /// Whether the worker reached the end of the order; written last.
    pub complete: bool,
    /// Who worked.
    pub worker: WorkerDescription,
    /// What was made, photo by photo.
    pub photos: Vec<PhotoResult>,
}

/// Who worked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerDescription {
    /// `remedia` for the embedded engine, else the worker's name.
    pub engine: String,
    /// Its version.
    pub version: String,
    /// The device that it ran on.
    pub device: String,
}

/// What was made of one photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhotoResult {
    /// Which photo.
    pub photo_id: PhotoId,
    /// Operation by operation.
    pub operations: Vec<OperationResult>,
}

/// What came of one operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationResult {
    /// Which operation.
    pub kind: OperationKind,
    /// Every attempt that was made, in order.
    pub attempts: Vec<AttemptResult>,
}

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptResult {
    /// Which attempt of the order.
    pub number: u32,
    /// The seed that was used.
    pub seed: u64,
    /// Whether there is a result.
    pub state: AttemptState,
    /// Why there is none, or why it is not what was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ResultFile>,
    /// What the embedded engine did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<EnhancementReport>,
    /// How well a generated picture shows what was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<ClipResult>,
    /// How long it took, in seconds.
    #[serde(default)]
    pub seconds: f64,
}

/// Whether an attempt gave a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// There is a result.
    Produced,
    /// There is none.
    Failed,
}

/// A picture that a worker made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResultFile {
    /// Path relative to the folder of results, with forward slashes.
    pub file: String,
    /// SHA-256 of its bytes, 64 hexadecimal digits.
    pub sha256: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// Similarity of picture and prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClipResult {
    /// Which model measured it.
    pub model: String,
    /// 100 times the cosine similarity, at least 0.
    pub clip_score: f64,
}

impl Results {
    /// What came of `kind` on `photo`.
    #[must_use]
    pub fn operation(&self, photo: &PhotoId, kind: OperationKind) -> Option<&OperationResult> {
        self.photos
            .iter()
            .find(|result| &result.photo_id == photo)?
            .operations
            .iter()
            .find(|result| result.kind == kind)
    }
}
