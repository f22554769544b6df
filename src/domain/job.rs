//! The order that an executor gets, `job.json`, and the marker that a worker searches for,
//! `remedia-run.json`. Whoever works, the embedded engine or a notebook elsewhere, reads the same.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::id::{JobId, PhotoId};
use super::operation::OperationKind;
use super::plan::{ClipPrompts, PlannedAttempt, PlannedSource, StyleReference};
use super::room::Room;

/// The version of [`JobOrder`] and [`RunMarker`] that this build writes.
pub const JOB_SCHEMA_VERSION: u32 = 3;

/// One order: what is asked of one executor in one run. It decides every number that changes a
/// picture; the worker decides none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobOrder {
    /// The version of this document's form.
    pub schema_version: u32,
    /// The order's identity: the job's, `-r` and the number of the order within the job.
    pub run_id: String,
    /// The job that it belongs to.
    pub job_id: JobId,
    /// When the job was made, UTC, RFC 3339. Left out since version 3, so that the same plan is the same
    /// bytes whenever it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub created: Option<Timestamp>,
    /// The order whose rejects this one repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Who does it: `embedded` or a provider's name.
    pub executor: String,
    /// Version of remedia's embedded engine.
    pub engine_version: String,
    /// The style, with the digest of its text.
    pub style: StyleReference,
    /// What the worker must keep to.
    pub limits: OrderLimits,
    /// The models to generate with; absent where the worker's own choice serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<ModelSet>,
    /// The photos, in delivery order.
    pub photos: Vec<OrderedPhoto>,
}

/// Bounds of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderLimits {
    /// Attempts allowed for each operation, over all orders of the job.
    pub max_attempts: u32,
    /// Quality of the JPEG results, 1 to 100.
    #[schemars(range(min = 1, max = 100))]
    pub jpeg_quality: u8,
    /// CLIP score, `2.5 * max(cosine, 0)`, below which a generated result is rejected; absent where
    /// none is generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_score_threshold: Option<f64>,
    /// Largest share of the frame that a mask may cover, 0 to 1; absent where nothing is generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_masked_share: Option<f64>,
    /// Seconds after which a worker elsewhere stops by itself and leaves what it has; absent where it
    /// works in this process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_seconds: Option<u64>,
}

/// The models that a worker generates with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelSet {
    /// The set's name, such as `sd15-inpaint`.
    pub name: String,
    /// Number format of the weights on a GPU: `fp16` or `fp32`.
    pub precision: String,
    /// Every model with its part in the work.
    pub parts: Vec<ModelPart>,
}

/// One model of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelPart {
    /// What it is for: `base`, `controlnet:depth`, `clip`, `depth`, `segmentation`, `video`.
    pub role: String,
    /// Where it lies on the hub, `owner/name`.
    pub repository: String,
    /// The revision, 40 hexadecimal digits.
    pub revision: String,
    /// Its licence, as SPDX names it where it does.
    pub licence: String,
}

/// One photo of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderedPhoto {
    /// Which photo.
    pub photo_id: PhotoId,
    /// Its file: relative to the listing folder for the embedded engine, else to the order.
    pub file: String,
    /// Every source picture: the photo itself, or the exposures of its bracket, darkest first.
    pub sources: Vec<PlannedSource>,
    /// Width of the upright picture, and of every result, in pixels.
    pub width: u32,
    /// Height of the upright picture, and of every result, in pixels.
    pub height: u32,
    /// What it shows, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<Room>,
    /// Photos of the same physical room share this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What is to be done, in order.
    pub operations: Vec<OrderedOperation>,
}

/// One operation of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderedOperation {
    /// What is done.
    pub kind: OperationKind,
    /// The attempts that are left. The worker makes the first, and goes on to the next only for a
    /// reason that it reports.
    pub attempts: Vec<PlannedAttempt>,
    /// The words by which the result is scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<ClipPrompts>,
    /// The mask of what may change, relative to the order, which wins over any that the worker would make: 8-bit
    /// grey, of the photo's proportions, 255 may be redrawn, values between may darken or tint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<String>,
}

/// The marker beside `job.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunMarker {
    /// The version of this document's form.
    pub schema_version: u32,
    /// The order's identity.
    pub run_id: String,
    /// SHA-256 of `job.json`, 64 hexadecimal digits.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub job_sha256: String,
}

/// The identity of order `number` (from 1) of `job`.
#[must_use]
pub fn run_id(job: &JobId, number: u32) -> String {
    format!("{job}-r{number}")
}
