//! What the engine tells about jobs, as documents with a version.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::event::Event;
use crate::domain::id::{JobId, PhotoId};
use crate::domain::judgement::Judgement;
use crate::domain::operation::OperationKind;
use crate::domain::plan::AttemptParameters;
use crate::domain::room::Room;
use crate::domain::state::JobState;
use crate::domain::verdict::{Reason, Verdict, VersionCause};

use crate::store::OperationCounts;

/// The version of the documents of this module.
pub const REPORT_SCHEMA_VERSION: u32 = 2;

/// All jobs at a glance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusReport {
    /// The version of this document's form.
    pub schema_version: u32,
    /// Jobs in all.
    pub jobs: u64,
    /// Pictures of all jobs.
    pub photos: u64,
    /// Jobs by state; states without a job are absent.
    pub states: Vec<StateCount>,
    /// Operations of all jobs.
    pub operations: OperationCounts,
    /// Jobs that are not at rest, newest first, at most 20.
    pub active: Vec<JobSummary>,
}

/// Jobs in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateCount {
    /// The state.
    pub state: JobState,
    /// How many.
    pub jobs: u64,
}

/// One job in one line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobSummary {
    /// The job.
    pub job: JobId,
    /// The listing's title; control characters are escaped.
    pub title: String,
    /// Its state.
    pub state: JobState,
    /// Style.
    pub style: String,
    /// Provider.
    pub provider: String,
    /// Pictures to deliver.
    pub photos: u64,
    /// Operations by state.
    pub operations: OperationCounts,
    /// When it was made.
    #[schemars(with = "String")]
    pub created: Timestamp,
    /// When it last changed.
    #[schemars(with = "String")]
    pub updated: Timestamp,
    /// When it is tried again, where it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub due: Option<Timestamp>,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Jobs, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListReport {
    /// The version of this document's form.
    pub schema_version: u32,
    /// The jobs.
    pub jobs: Vec<JobSummary>,
    /// Jobs that the filter admits, beyond the limit too.
    pub total: u64,
}

/// Which jobs `list` gives.
#[derive(Clone, Debug)]
pub struct ListFilter {
    /// Only these states; empty for all.
    pub states: Vec<JobState>,
    /// At most this many.
    pub limit: u32,
    /// Only jobs older than this one.
    pub before: Option<JobId>,
}

impl Default for ListFilter {
    fn default() -> Self {
        Self {
            states: Vec::new(),
            limit: 50,
            before: None,
        }
    }
}

/// One job in full.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobReport {
    /// The version of this document's form.
    pub schema_version: u32,
    /// The job.
    pub summary: JobSummary,
    /// The listing folder, absolute.
    pub source: String,
    /// The delivered folder, absolute.
    pub destination: String,
    /// The job's work folder, absolute.
    pub work: String,
    /// Version of the embedded engine that planned it.
    pub engine_version: String,
    /// The pictures, in delivery order.
    pub photos: Vec<PhotoReport>,
    /// The orders that were given, in order.
    pub orders: Vec<OrderReport>,
    /// Files of the job.
    pub assets: Vec<AssetReport>,
}

/// One picture of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhotoReport {
    /// Which photo.
    pub photo: PhotoId,
    /// Its file; control characters are escaped.
    pub file: String,
    /// What it shows, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<Room>,
    /// What is done to it.
    pub operations: Vec<OperationReport>,
}

/// One operation on one picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationReport {
    /// What.
    pub kind: OperationKind,
    /// Who does it; empty where it is left out.
    pub executor: String,
    /// State: `pending`, `produced`, `accepted`, `rejected`, `gave_up` or `skipped`.
    pub state: String,
    /// Why it is left out or was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Attempts so far.
    pub attempts: Vec<AttemptReport>,
    /// What is delivered since when, the present version last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<VersionReport>,
}

/// One version of a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VersionReport {
    /// Number, from 1.
    pub number: u32,
    /// The attempt that it delivers; absent where the picture goes without the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Why.
    pub cause: VersionCause,
    /// Since when.
    #[schemars(with = "String")]
    pub at: Timestamp,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttemptReport {
    /// Number, from 1.
    pub number: u32,
    /// Seed.
    pub seed: u64,
    /// The order that it was made under.
    pub run_id: String,
    /// What was decided; absent where nothing is yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Why it gave no result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Reason>,
    /// Seconds that it took.
    pub seconds: f64,
    /// When it was recorded.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The numbers that it was made with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<AttemptParameters>,
    /// Everything that was measured on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judgement: Option<Judgement>,
    /// The executor's picture, relative to the work folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The picture that is delivered where the attempt is chosen, relative to the work folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<String>,
}

/// One order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderReport {
    /// Its identity.
    pub run_id: String,
    /// Who does it.
    pub executor: String,
    /// The order whose rejects it repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Photos in it.
    pub photos: u32,
    /// What the executor calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssetReport {
    /// Kind: `master` or `delivered`.
    pub kind: String,
    /// Path relative to the work folder (`master`) or to the delivered folder (`delivered`).
    pub path: String,
    /// blake3 of its bytes, 64 hexadecimal digits.
    pub blake3: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// A job's recorded events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogReport {
    /// The version of this document's form.
    pub schema_version: u32,
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// Give this to the next call to go on behind the last event.
    pub next: u64,
}
