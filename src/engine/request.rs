//! What the engine is asked and what it answers.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::id::{JobId, PhotoId};
use crate::domain::listing::Listing;
use crate::domain::operation::OperationKind;
use crate::domain::plan::Plan;
use crate::domain::retry::RetryPolicy;
use crate::domain::state::JobState;
use crate::http::Proxies;
use crate::kaggle::KaggleEnvironment;
use crate::local::clip::ClipFiles;
use crate::provider::colab::ColabCommand;
use crate::store::OperationCounts;

/// How an engine works; the values come from the settings.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Folder of the database and of the jobs' work folders; made where it is missing.
    pub home: PathBuf,
    /// Threads for pixel work; 0 for one a core.
    pub threads: usize,
    /// Bytes that photos in flight may take together.
    pub memory_budget_bytes: u64,
    /// Quality of JPEG masters, 1 to 100.
    pub jpeg_quality: u8,
    /// Long side of web copies in pixels.
    pub web_long_side: u32,
    /// Quality of web copies, 1 to 100.
    pub web_quality: u8,
    /// Largest photo file that is read, in bytes.
    pub max_file_bytes: u64,
    /// Largest photo that is decoded, in pixels.
    pub max_pixels: u64,
    /// How faults of providers are answered.
    pub retry: RetryPolicy,
    /// The CLIP model that scores generated pictures, where one is on this machine.
    pub clip: Option<ClipFiles>,
    /// The script of the fake provider, where one is used.
    pub fake_script: Option<PathBuf>,
    /// Who signs in to Kaggle, and how it is reached.
    pub kaggle: KaggleOptions,
    /// The official command of Colab, where it is on this machine.
    pub colab: Option<ColabCommand>,
}

/// How Kaggle is reached.
#[derive(Clone, Debug, Default)]
pub struct KaggleOptions {
    /// Where credentials may lie.
    pub environment: KaggleEnvironment,
    /// Another address of the API, on this machine; for tests.
    pub address: Option<String>,
    /// Proxies.
    pub proxies: Proxies,
}

impl EngineOptions {
    /// The defaults, in this home.
    #[must_use]
    pub fn new(home: PathBuf) -> Self {
        Self {
            home,
            threads: 0,
            memory_budget_bytes: 1_000_000_000,
            jpeg_quality: 92,
            web_long_side: 2048,
            web_quality: 85,
            max_file_bytes: 200_000_000,
            max_pixels: 200_000_000,
            retry: RetryPolicy::default(),
            clip: None,
            fake_script: None,
            kaggle: KaggleOptions::default(),
            colab: None,
        }
    }
}

/// A job to be made.
#[derive(Clone, Debug)]
pub struct SubmitRequest {
    /// The listing as it was read.
    pub listing: Listing,
    /// The folder that it was read from, absolute. Only ever read.
    pub source: PathBuf,
    /// What is to be done.
    pub plan: Plan,
    /// The folder that delivered folders are made in, absolute.
    pub out: PathBuf,
    /// Make a new job although the same exists.
    pub force: bool,
}

/// What became of a [`SubmitRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmitOutcome {
    /// The job that does it.
    pub job: JobId,
    /// Whether the job was there before.
    pub existing: bool,
    /// Its state now.
    pub state: JobState,
    /// The folder that it delivers into, absolute.
    pub destination: PathBuf,
}

/// An order as a person has it who brings its results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandOverOutcome {
    /// The order's identity.
    pub run_id: String,
    /// Photos that it holds.
    pub photos: usize,
    /// Names of the files in the folder; the steps come first.
    pub files: Vec<String>,
}

/// One operation on one photo, as results that a person brings speak of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImportedUnit {
    /// The photo's file in the listing.
    pub file: String,
    /// Which operation.
    pub operation: OperationKind,
}

/// What was taken of results that a person brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImportOutcome {
    /// The run that they answer.
    pub run_id: String,
    /// Generated pictures that were there.
    pub pictures: usize,
    /// What has a picture, mask or label map that is named and was not there.
    pub missing: Vec<ImportedUnit>,
    /// What was ordered and not answered.
    pub unanswered: Vec<ImportedUnit>,
    /// Files that came after the run was closed without them, and are not used.
    pub late: usize,
    /// Whether the worker reached the end of the order.
    pub complete: bool,
    /// Whether the same results had been taken before.
    pub already: bool,
}

/// How far to drive.
#[derive(Clone, Copy, Debug, Default)]
pub struct DriveLimits {
    /// Stop at a safe point after this moment.
    pub deadline: Option<Instant>,
    /// Return as soon as a remote executor has the order, instead of waiting for it.
    pub detach: bool,
    /// Stop when an order for an executor elsewhere is complete, before it is handed over.
    pub until_bundled: bool,
    /// Longest wait for one delayed repetition or poll; a longer one ends the drive.
    pub patience: Duration,
}

impl DriveLimits {
    /// To the end, waiting up to ten minutes at a time for a remote executor.
    #[must_use]
    pub const fn to_the_end() -> Self {
        Self {
            deadline: None,
            detach: false,
            until_bundled: false,
            patience: Duration::from_secs(600),
        }
    }

    /// As far as it goes without waiting.
    #[must_use]
    pub const fn without_waiting(deadline: Option<Instant>) -> Self {
        Self {
            deadline,
            detach: false,
            until_bundled: false,
            patience: Duration::ZERO,
        }
    }
}

/// Where a drive left a job.
#[derive(Clone, Debug, PartialEq)]
pub struct DriveOutcome {
    /// The job.
    pub job: JobId,
    /// Its state.
    pub state: JobState,
    /// Its operations, counted.
    pub counts: OperationCounts,
    /// The folder that it delivers into, absolute.
    pub destination: PathBuf,
    /// What went wrong last, or what is missing in the delivered folder.
    pub problem: Option<String>,
    /// Why the drive ended.
    pub ending: Ending,
}

/// Why a drive ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// Delivered. The counts say whether some operations gave up.
    Delivered,
    /// Some results wait for `approve` or `reject`.
    NeedsReview,
    /// A person must do something outside, then `resume`.
    AwaitingOperator {
        /// What to do.
        instruction: String,
    },
    /// An order for an executor elsewhere is complete, and was not to be handed over.
    Bundled,
    /// A remote executor works on it.
    Remote {
        /// Who.
        executor: String,
    },
    /// A fault that may pass: tried again at this moment or later.
    Temporary {
        /// When to run again.
        until: Timestamp,
        /// What happened.
        text: String,
    },
    /// A provider refuses the credentials.
    Credentials {
        /// What it said.
        text: String,
    },
    /// The time limit was reached; the state is saved.
    Deadline,
    /// A person interrupted; the state is saved.
    Interrupted,
    /// Cancelled by a person.
    Cancelled,
    /// It cannot go on without a person.
    Failed {
        /// Why.
        text: String,
    },
}

/// What one call of `run_due` did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunOutcome {
    /// Jobs that were driven, with where they were left.
    pub driven: Vec<DriveOutcome>,
    /// Jobs that another process drives.
    pub locked: Vec<JobId>,
    /// Jobs that could not be driven at all, with the reason.
    pub broken: Vec<(JobId, String)>,
    /// Whether it ended because someone interrupted or the time ran out.
    pub stopped_early: bool,
}

/// How long `run_due` goes on.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunLimits {
    /// Drive each due job once and return; else wait for delayed and new jobs.
    pub once: bool,
    /// Stop at a safe point after this moment.
    pub deadline: Option<Instant>,
}

/// Which operations get another attempt.
#[derive(Clone, Debug, Default)]
pub struct RetryRequest {
    /// These photos; empty for every photo with a given-up operation.
    pub photos: Vec<PhotoId>,
    /// Of the named photos too, only what was given up.
    pub only_given_up: bool,
    /// Seed of the new attempts, exactly; derived from the last attempt's where absent.
    pub seed: Option<u64>,
}

/// Which version of a picture is to be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevertTarget {
    /// The one before the present one.
    Previous,
    /// The version with this number.
    Version(u32),
    /// The result of this attempt.
    Attempt(u32),
    /// The picture without the operation.
    Without,
}

/// What `gc` may remove.
#[derive(Clone, Copy, Debug)]
pub struct GcRequest {
    /// Only jobs whose last change is at least this old.
    pub older_than: Duration,
}

/// What `gc` would remove.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GcPlan {
    /// The version of this document's form.
    pub schema_version: u32,
    /// Folders and files, relative to the home.
    pub items: Vec<GcItem>,
    /// Bytes of all items.
    pub bytes: u64,
}

/// What of ended jobs lies at providers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemotePlan {
    /// The version of this document's form.
    pub schema_version: u32,
    /// Datasets and kernels.
    pub items: Vec<RemoteItem>,
}

/// One thing at a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoteItem {
    /// Which provider.
    pub provider: String,
    /// What it is there, such as `dataset`.
    pub kind: String,
    /// Its name there.
    pub name: String,
    /// The job that it was made for.
    pub job: JobId,
}

/// One thing to remove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GcItem {
    /// Path relative to the home, with forward slashes.
    pub path: String,
    /// Bytes that it takes.
    pub bytes: u64,
    /// Why it is not needed.
    pub reason: GcReason,
}

/// Why something is not needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GcReason {
    /// The job is delivered: its intermediate pictures can be made again.
    Delivered,
    /// The job is cancelled or failed and old enough.
    Stopped,
    /// No job in the store has this folder.
    Unknown,
    /// A temporary file of a run that was killed.
    Temporary,
}
