//! The manifest: every delivered file with its digest and size, where it comes from, what was done
//! to it with which numbers, and what has to be disclosed. It is written last, so a delivery with a
//! manifest is a whole one.

use jiff::Timestamp;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use super::disclosure::Disclosure;
use crate::domain::enhancement::StepReport;
use crate::domain::id::{JobId, PhotoId};
use crate::domain::judgement::Judgement;
use crate::domain::listing::LeftOut;
use crate::domain::operation::OperationKind;
use crate::domain::plan::{AttemptParameters, SkipCode, StyleReference};
use crate::domain::room::Room;
use crate::domain::verdict::{Reason, Verdict, VersionCause};

/// The version of [`Manifest`] that this build writes.
pub const MANIFEST_SCHEMA_VERSION: u32 = 2;

/// The file name of the manifest in the delivery folder.
pub const MANIFEST_FILE: &str = "manifest.json";

/// Everything that was delivered for one listing. Paths are relative to the delivery folder, with
/// forward slashes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this document's form.
    pub schema_version: u32,
    /// The program and its version, such as `remedia 0.1.0`.
    pub generator: String,
    /// The job that made the pictures.
    pub job: JobId,
    /// When the job was created, RFC 3339 in UTC.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created: Timestamp,
    /// The listing.
    pub listing: ManifestListing,
    /// The style, with the digest of its text.
    pub style: StyleReference,
    /// Version of the embedded engine.
    pub engine_version: String,
    /// Whether any delivered picture is digitally altered in the sense of California AB 723.
    pub altered: bool,
    /// The delivered photos, in delivery order.
    pub photos: Vec<ManifestPhoto>,
    /// Planned photos of which something is missing in this delivery.
    pub problems: Vec<ManifestProblem>,
    /// Files of the listing folder that are no part of the listing, and why.
    pub left_out: Vec<LeftOut>,
    /// The delivered documents; the manifest itself is not among them.
    pub documents: Vec<ManifestDocument>,
}

/// The listing's names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestListing {
    /// Short ASCII name.
    pub slug: String,
    /// Title for people.
    pub title: String,
    /// Postal address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// One delivered photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestPhoto {
    /// Place in the delivery, from 1.
    pub number: u32,
    /// The file stem that all its files share, such as `001-living-room`.
    pub name: String,
    /// The original photo; of a bracket, its reference exposure.
    pub photo_id: PhotoId,
    /// The original's file in the listing folder.
    pub original_file: String,
    /// Every source: the original itself, or all exposures of the bracket, darkest first.
    pub sources: Vec<ManifestSource>,
    /// RESO `ImageOf`, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<Room>,
    /// Photos of the same physical room share this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Caption for people.
    pub caption: String,
    /// Text for those who cannot see the picture.
    pub alt_text: String,
    /// What the delivered picture is.
    pub delivered: DeliveredAs,
    /// What was done and not done, in order.
    pub operations: Vec<ManifestOperation>,
    /// What has to be said of it.
    pub disclosure: Disclosure,
    /// What a person should know of its file although it was used, or of an exposure of its bracket.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Its files.
    pub files: Vec<ManifestFile>,
}

/// What a delivered picture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveredAs {
    /// An accepted result.
    Result,
    /// The original, turned upright, in sRGB and without private metadata.
    Original,
}

/// A source picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestSource {
    /// Which photo.
    pub photo_id: PhotoId,
    /// Its file in the listing folder.
    pub file: String,
    /// Exposure relative to the reference in EV, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure_value: Option<f64>,
}

/// One operation on one photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestOperation {
    /// Which operation.
    pub kind: OperationKind,
    /// How it ended.
    pub verdict: ManifestVerdict,
    /// Attempts made.
    pub attempts: u32,
    /// Seed of the last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What the last attempt was asked to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<AttemptParameters>,
    /// What each step of an enhancement did, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepReport>,
    /// Every attempt at a generated picture, by number. An enhancement has none: it comes to the same
    /// bytes whenever it is made, so how long it took is no part of the delivery. Since version 2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made: Vec<ManifestAttempt>,
    /// What was delivered since when, the present version last. Since version 2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<ManifestVersion>,
}

/// One attempt at an operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestAttempt {
    /// Number, from 1.
    pub number: u32,
    /// Its seed.
    pub seed: u64,
    /// Whether it is the one that is delivered.
    pub delivered: bool,
    /// What was decided; absent where it gave no result, or nobody has judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Why it gave no result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Reason>,
    /// Seconds that it took.
    pub seconds: f64,
    /// When it was recorded, RFC 3339 in UTC.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// The numbers that it was made with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<AttemptParameters>,
    /// What was measured on it, and by which worker with which models it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judgement: Option<Judgement>,
}

/// What is delivered of an operation from one moment on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestVersion {
    /// Number, from 1.
    pub number: u32,
    /// The attempt; absent where the picture is delivered without the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Why.
    pub cause: VersionCause,
    /// Since when, RFC 3339 in UTC.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum ManifestVerdict {
    /// Its result is delivered.
    Accepted,
    /// It was not done.
    Skipped {
        /// Why, as a closed list.
        code: SkipCode,
        /// Why, for people.
        reason: String,
    },
    /// No attempt was good enough.
    GaveUp {
        /// Why each attempt was refused.
        reasons: Vec<String>,
    },
}

/// A delivered picture file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// What it is for.
    pub role: FileRole,
    /// Path in the delivery folder.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// blake3 digest of the content, 64 hexadecimal digits.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub blake3: String,
    /// blake3 digest of everything that decides the content: sources, sizes, qualities, texts and
    /// the version of remedia. A file whose inputs are the same is not made again.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub inputs: String,
}

/// What a picture file is for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FileRole {
    /// The picture at native resolution.
    Final,
    /// The picture for the web.
    Web,
    /// The original for the web, paired with the picture.
    OriginalWeb,
}

impl FileRole {
    /// The folder of the delivery that holds such files.
    #[must_use]
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Final => "final",
            Self::Web => "web",
            Self::OriginalWeb => "originals-web",
        }
    }
}

/// A delivered document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestDocument {
    /// Path in the delivery folder.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// blake3 digest of the content, 64 hexadecimal digits.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub blake3: String,
    /// blake3 digest of everything that decides the content, for a document that is costly to make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<String>,
}

/// A planned photo of which something is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestProblem {
    /// Which photo.
    pub photo_id: PhotoId,
    /// Its file in the listing folder.
    pub file: String,
    /// What is wrong and what to do next.
    pub reason: String,
}

impl Manifest {
    /// Every path that this manifest names.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.photos
            .iter()
            .flat_map(|photo| photo.files.iter().map(|file| file.path.as_str()))
            .chain(self.documents.iter().map(|file| file.path.as_str()))
    }

    /// The picture file with this path.
    pub(crate) fn file(&self, path: &str) -> Option<&ManifestFile> {
        self.photos
            .iter()
            .flat_map(|photo| &photo.files)
            .find(|file| file.path == path)
    }
}

/// The JSON Schema of [`Manifest`].
#[must_use]
pub fn manifest_schema() -> Schema {
    schemars::schema_for!(Manifest)
}
