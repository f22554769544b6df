//! A plan: what will be done to each photo, by whom, with which numbers, and what will not be done
//! and why. It is made before anything happens, can be printed, and is executed unchanged.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::enhancement::{EnhancementSettings, Look};
use super::id::PhotoId;
use super::judgement::JudgingRules;
use super::listing::StatedMask;
use super::operation::{OperationKind, OperationRequest};
use super::room::Room;
use super::style::RetryReason;

/// The version of [`Plan`] that this build writes.
pub const PLAN_SCHEMA_VERSION: u32 = 2;

/// The largest seed: every whole number up to here is exact in JSON readers that know only doubles.
pub const LARGEST_SEED: u64 = (1 << 53) - 1;

/// More attempts than this on one photo are a mistake, not a wish.
pub const MOST_ATTEMPTS: u32 = 20;

/// What will be done to a listing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The version of this document's form.
    pub schema_version: u32,
    /// The listing's slug.
    pub listing: String,
    /// The style, with the digest of its text.
    pub style: StyleReference,
    /// How operations were asked for.
    pub operations: OperationRequest,
    /// The provider that makes pixels which this machine does not make itself.
    pub provider: String,
    /// Version of the embedded engine; a new one makes a new job.
    pub engine_version: String,
    /// Attempts allowed for each operation.
    pub max_attempts: u32,
    /// How results are judged.
    #[serde(default)]
    pub judging: JudgingRules,
    /// Longest side, in pixels, of the photos that a worker elsewhere gets; 1536 where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_long_side: Option<u32>,
    /// The models that a worker elsewhere generates with; where it is not said, those that fit its GPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_set: Option<ModelSetName>,
    /// What a session elsewhere is given beside the order.
    #[serde(default, skip_serializing_if = "RemoteSession::is_default")]
    pub session: RemoteSession,
    /// One entry for each picture to deliver, in delivery order. An exposure bracket is one picture.
    pub photos: Vec<PlannedPhoto>,
    /// Seconds that the whole is expected to take on this machine.
    pub estimated_seconds: f64,
}

/// What a session elsewhere is given beside the order. It is no part of the order, because names of datasets
/// say whose they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RemoteSession {
    /// Whether it may reach the internet; without, models and packages have to be attached.
    pub internet: bool,
    /// Datasets that are attached, `owner/name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub datasets: Vec<String>,
    /// Models that are attached, `owner/model/framework/variation/version`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
}

impl Default for RemoteSession {
    fn default() -> Self {
        Self {
            internet: true,
            datasets: Vec::new(),
            models: Vec::new(),
        }
    }
}

impl RemoteSession {
    /// Whether it is what a session gets where nobody says anything.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Which style, exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StyleReference {
    /// Canonical name, such as `modern`.
    pub name: String,
    /// blake3 digest of the style's canonical JSON, 64 hexadecimal digits.
    pub digest: String,
}

/// What will be done to one picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedPhoto {
    /// The photo; of a bracket, its reference exposure.
    pub photo_id: PhotoId,
    /// Its file, relative to the listing folder.
    pub file: String,
    /// Every source picture: the photo itself, or the exposures of the bracket, darkest first.
    pub sources: Vec<PlannedSource>,
    /// Width of the upright picture in pixels.
    pub width: u32,
    /// Height of the upright picture in pixels.
    pub height: u32,
    /// What it shows, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<Room>,
    /// Photos of the same physical room share this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Where a person lets it be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<StatedMask>,
    /// What is done, in order.
    pub operations: Vec<PlannedOperation>,
}

/// A source picture of a planned photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedSource {
    /// Which photo.
    pub photo_id: PhotoId,
    /// Its file, relative to the listing folder.
    pub file: String,
    /// Exposure relative to the reference in EV, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure_value: Option<f64>,
    /// Sensitivity (ISO), where the camera recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iso: Option<u32>,
    /// Focal length as 35 mm equivalent, where the camera recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focal_length_35mm: Option<f64>,
}

/// One operation on one photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedOperation {
    /// What is done.
    pub kind: OperationKind,
    /// Whether it is done, and if not why.
    pub decision: Decision,
    /// Expected seconds on this machine for one attempt.
    pub estimated_seconds: f64,
    /// Every attempt that may be made, in order; empty for a skipped operation.
    pub attempts: Vec<PlannedAttempt>,
    /// The further attempts after a rejection for a reason that has a ladder of its own; `attempts`
    /// holds those after any other. Seeds are the same in every ladder and differ between attempts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retries: Vec<PlannedRetries>,
    /// The words by which a result is scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<ClipPrompts>,
}

/// The attempts that follow a rejection for one reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedRetries {
    /// Why the attempt before was rejected.
    pub reason: RetryReason,
    /// From attempt 2 on.
    pub attempts: Vec<PlannedAttempt>,
}

/// The words by which a result is scored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClipPrompts {
    /// What the picture shall show, short enough for CLIP's 77 tokens.
    pub prompt: String,
    /// What it shall be told from; the first is the right room in the right style.
    pub contrast: Vec<ContrastPrompt>,
    /// Least CLIP score, `2.5 * max(cosine, 0)`, where the job or the style says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_score_threshold: Option<f64>,
}

/// One description that a result is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContrastPrompt {
    /// Short name for people.
    pub label: String,
    /// The words.
    pub prompt: String,
}

/// Whether an operation is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "decision", rename_all = "snake_case", deny_unknown_fields)]
pub enum Decision {
    /// It is done by this executor.
    Run {
        /// `embedded` for the engine inside remedia, else the provider's name.
        executor: String,
    },
    /// It is not done, and that is recorded.
    Skip {
        /// Why, as a closed list.
        code: SkipCode,
        /// Why, for people.
        reason: String,
        /// The command that would make it possible.
        hint: String,
    },
}

/// Why an operation is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SkipCode {
    /// Nothing on this machine and no chosen provider can do it.
    NoCapability,
    /// It must know the room and nothing says it.
    RoomUnknown,
    /// It makes no sense for what the photo shows, such as staging a facade.
    NotForThisRoom,
}

/// One attempt of an operation, with every number that decides its result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedAttempt {
    /// 1 for the first.
    pub number: u32,
    /// Seed of everything random in this attempt; differs between attempts.
    pub seed: u64,
    /// How it is done.
    pub parameters: AttemptParameters,
}

/// The numbers of an attempt, by kind of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "work", rename_all = "snake_case", deny_unknown_fields)]
pub enum AttemptParameters {
    /// Classic enhancement by the embedded engine.
    Enhancement {
        /// Steps.
        settings: EnhancementSettings,
        /// The style's finish.
        look: Look,
    },
    /// A diffusion model (the fields carry diffusers' names).
    Diffusion {
        /// What to make.
        prompt: String,
        /// What to avoid.
        negative_prompt: String,
        /// How far the picture may move from the input, 0 to 1.
        strength: f64,
        /// Classifier-free guidance scale.
        guidance_scale: f64,
        /// Denoising steps.
        num_inference_steps: u32,
        /// How noise is taken out step by step.
        scheduler: Scheduler,
        /// Conditioning networks.
        controlnets: Vec<ControlNetParameters>,
        /// Growth of the mask in thousandths of the long side.
        mask_growth: f64,
    },
    /// An image-to-video model (the fields carry diffusers' names).
    Video {
        /// Frames made.
        num_frames: u32,
        /// Frames shown in a second.
        fps: u32,
        /// Amount of camera movement, 1 to 255.
        motion_bucket_id: u32,
        /// Noise added to the first frame, 0 to 1; more moves more.
        noise_aug_strength: f64,
    },
}

/// A set of models that work together: a base model with its ControlNets and those that make maps and scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModelSetName {
    /// Stable Diffusion 1.5 inpainting with ControlNets of its own: works on GPUs of 16 GB.
    #[serde(rename = "sd15-inpaint")]
    Sd15Inpaint,
    /// Stable Diffusion XL with one ControlNet for all kinds: finer, for GPUs of 22 GB and more.
    SdxlUnion,
}

impl ModelSetName {
    /// Its name, as styles and orders write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sd15Inpaint => "sd15-inpaint",
            Self::SdxlUnion => "sdxl-union",
        }
    }
}

impl PlannedOperation {
    /// Whether it is done, and not skipped.
    #[must_use]
    pub const fn runs(&self) -> bool {
        matches!(self.decision, Decision::Run { .. })
    }
}

/// A scheduler, by the name of its class in diffusers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Scheduler {
    /// `DDIMScheduler`.
    #[serde(rename = "DDIMScheduler")]
    Ddim,
    /// `DPMSolverMultistepScheduler` with Karras sigmas.
    #[serde(rename = "DPMSolverMultistepScheduler")]
    DpmSolverMultistep,
    /// `EulerDiscreteScheduler`.
    #[serde(rename = "EulerDiscreteScheduler")]
    EulerDiscrete,
    /// `UniPCMultistepScheduler`.
    #[serde(rename = "UniPCMultistepScheduler")]
    UniPcMultistep,
}

/// One conditioning network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ControlNetParameters {
    /// Which map conditions it.
    pub kind: ControlNetKind,
    /// Weight of the conditioning, 0 to 2.
    pub conditioning_scale: f64,
    /// Share of the steps after which it starts, 0 to 1.
    pub control_guidance_start: f64,
    /// Share of the steps after which it ends, 0 to 1.
    pub control_guidance_end: f64,
}

/// What a ControlNet is conditioned on.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ControlNetKind {
    /// A depth map.
    Depth,
    /// Straight lines.
    Lines,
    /// A label map.
    Segmentation,
}

impl PlannedOperation {
    /// Every attempt, those after a rejection for `reason` from that reason's ladder.
    pub fn attempts_after(
        &self,
        reason: Option<RetryReason>,
    ) -> impl Iterator<Item = &PlannedAttempt> {
        let ladder = reason.and_then(|reason| {
            self.retries
                .iter()
                .find(|retries| retries.reason == reason)
                .map(|retries| retries.attempts.as_slice())
        });
        let ladder = ladder.unwrap_or_default();
        self.attempts.iter().map(move |attempt| {
            ladder
                .iter()
                .find(|other| other.number == attempt.number)
                .unwrap_or(attempt)
        })
    }
}
