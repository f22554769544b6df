//! What the store keeps, as plain values.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::event::Event;
use crate::domain::id::{JobId, PhotoId};
use crate::domain::judgement::Judgement;
use crate::domain::operation::OperationKind;
use crate::domain::plan::AttemptParameters;
use crate::domain::room::Room;
use crate::domain::state::{JobState, OperationState};
use crate::domain::verdict::{Reason, Verdict, VersionCause};

/// Operations of one job or many, by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationCounts {
    /// Nothing made yet.
    pub pending: u64,
    /// Made and not judged, or waiting for a person.
    pub produced: u64,
    /// Accepted.
    pub accepted: u64,
    /// Rejected, with attempts left.
    pub rejected: u64,
    /// Given up.
    pub gave_up: u64,
    /// Left out by the plan.
    pub skipped: u64,
}

impl OperationCounts {
    /// All that the plan asked to be done.
    #[must_use]
    pub const fn planned(&self) -> u64 {
        self.pending + self.produced + self.accepted + self.rejected + self.gave_up
    }

    /// Counts one operation in `state`.
    pub const fn add(&mut self, state: OperationState) {
        match state {
            OperationState::Pending => self.pending += 1,
            OperationState::Produced => self.produced += 1,
            OperationState::Accepted => self.accepted += 1,
            OperationState::Rejected { .. } => self.rejected += 1,
            OperationState::GaveUp => self.gave_up += 1,
            OperationState::Skipped => self.skipped += 1,
        }
    }
}

/// A job to be recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// Its identity.
    pub id: JobId,
    /// Digest of photos, settings and engine version, 64 hexadecimal digits.
    pub key: String,
    /// 1 for the first job of this key.
    pub ordinal: u32,
    /// The listing's title.
    pub title: String,
    /// The listing folder, absolute.
    pub source: String,
    /// The output folder, absolute.
    pub out: String,
    /// The folder that it delivers into, absolute.
    pub destination: String,
    /// The style's name.
    pub style: String,
    /// The provider's name.
    pub provider: String,
    /// Version of the embedded engine.
    pub engine_version: String,
    /// When it was made.
    pub created: Timestamp,
    /// Its pictures, in delivery order.
    pub photos: Vec<NewPhoto>,
    /// Its first events.
    pub events: Vec<Event>,
}

/// A picture of a job to be recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct NewPhoto {
    /// Which photo.
    pub id: PhotoId,
    /// Its file, relative to the listing folder.
    pub file: String,
    /// What it shows, where that is known.
    pub room: Option<Room>,
    /// What is done to it or left out.
    pub operations: Vec<OperationRecord>,
}

/// A job as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct JobRecord {
    /// Its identity.
    pub id: JobId,
    /// Digest of photos, settings and engine version.
    pub key: String,
    /// 1 for the first job of this key.
    pub ordinal: u32,
    /// The listing's title.
    pub title: String,
    /// The listing folder, absolute.
    pub source: String,
    /// The output folder, absolute.
    pub out: String,
    /// The folder that it delivers into, absolute.
    pub destination: String,
    /// Its state.
    pub state: JobState,
    /// The style's name.
    pub style: String,
    /// The provider's name.
    pub provider: String,
    /// Version of the embedded engine.
    pub engine_version: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// Not to be driven before this moment.
    pub due: Option<Timestamp>,
    /// What went wrong last, or what a person has to do.
    pub problem: Option<String>,
    /// Calls that came to nothing, in a row.
    pub faults: u32,
    /// Runs that failed, in a row.
    pub failed_runs: u32,
    /// Whether a person asked its driver to stop it.
    pub cancel_requested: bool,
    /// Pictures to deliver.
    pub photos: u64,
    /// Its operations by state.
    pub counts: OperationCounts,
}

/// A picture of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct PhotoRecord {
    /// Which photo.
    pub id: PhotoId,
    /// Its file, relative to the listing folder.
    pub file: String,
    /// What it shows, where that is known.
    pub room: Option<Room>,
    /// Its operations, in order.
    pub operations: Vec<OperationRecord>,
}

/// One operation on one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationRecord {
    /// What.
    pub kind: OperationKind,
    /// Who does it; empty where it is left out.
    pub executor: String,
    /// Its state.
    pub state: OperationState,
    /// Attempts allowed.
    pub allowed: u32,
    /// Why it is left out or was given up.
    pub reason: Option<String>,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptRecord {
    /// Which photo.
    pub photo: PhotoId,
    /// Which operation.
    pub kind: OperationKind,
    /// Number, from 1.
    pub number: u32,
    /// Its seed.
    pub seed: u64,
    /// The order that it was made under.
    pub run_id: String,
    /// The result, relative to the job's folder of outputs; `None` where there is none.
    pub image: Option<String>,
    /// Why there is none.
    pub failure: Option<Reason>,
    /// What was decided; `None` where nothing is yet.
    pub verdict: Option<Verdict>,
    /// CLIP score, `2.5 * max(cosine, 0)`, where one was measured.
    pub clip_score: Option<f64>,
    /// The numbers that it was made with, where they are known.
    pub parameters: Option<AttemptParameters>,
    /// The picture that is delivered where it is chosen, relative to the job's folder of outputs: of a
    /// stage the composite. Written with the judgement.
    pub master: Option<String>,
    /// What was measured on it; `None` where nobody has judged.
    pub judgement: Option<Judgement>,
    /// Seconds that it took.
    pub seconds: f64,
    /// When it was recorded first.
    pub at: Timestamp,
}

/// What is delivered of one operation on one picture, from one moment on. Versions are only added: the
/// one with the highest number counts, and going back to an earlier one adds another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRecord {
    /// Which photo.
    pub photo: PhotoId,
    /// Which operation.
    pub kind: OperationKind,
    /// Number, from 1.
    pub number: u32,
    /// The attempt that is delivered; `None` where the picture is delivered without the operation.
    pub attempt: Option<u32>,
    /// Why.
    pub cause: VersionCause,
    /// When.
    pub at: Timestamp,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetKind {
    /// An accepted result; its path is relative to the work folder.
    Master,
    /// A file of the delivered folder; its path is relative to that folder.
    Delivered,
}

impl AssetKind {
    /// The name used in the store and in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Delivered => "delivered",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Master, Self::Delivered]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// A file of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetRecord {
    /// What it is.
    pub kind: AssetKind,
    /// Relative path, with forward slashes.
    pub path: String,
    /// blake3 of its bytes, 64 hexadecimal digits.
    pub blake3: String,
    /// Its size.
    pub bytes: u64,
}

/// An order that was given to an executor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRecord {
    /// Its number within the job, from 1.
    pub number: u32,
    /// Its identity.
    pub run_id: String,
    /// Who does it.
    pub executor: String,
    /// The order whose rejects it repeats.
    pub parent: Option<String>,
    /// Photos in it.
    pub photos: u32,
    /// What the executor calls it, once it has it.
    pub remote: Option<String>,
}

/// A new state of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationChange {
    /// Which photo.
    pub photo: PhotoId,
    /// Which operation.
    pub kind: OperationKind,
    /// Its state from now on.
    pub state: OperationState,
    /// Attempts allowed from now on.
    pub allowed: u32,
    /// Why, for one that is given up.
    pub reason: Option<String>,
}

/// A step of one job, written whole or not at all.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which job.
    pub job: JobId,
    /// The state that the step starts from; another state in the record refuses the step.
    pub expected: JobState,
    /// The lease that allows it; the record refuses a lease that is no longer held.
    pub lease: String,
    /// When.
    pub at: Timestamp,
    /// The job's state from now on.
    pub state: JobState,
    /// When it is to be driven next.
    pub due: Option<Timestamp>,
    /// What went wrong, or what a person has to do.
    pub problem: Option<String>,
    /// Calls that came to nothing, in a row.
    pub faults: u32,
    /// Runs that failed, in a row.
    pub failed_runs: u32,
    /// Takes back the request to stop.
    pub clear_cancel: bool,
    /// New states of operations.
    pub operations: Vec<OperationChange>,
    /// Attempts: new ones, and what was found of known ones.
    pub attempts: Vec<AttemptRecord>,
    /// New versions, each with the next number of its operation.
    pub versions: Vec<VersionRecord>,
    /// An order: a new one, or the remote name of a known one.
    pub order: Option<OrderRecord>,
    /// The files of one kind, replacing what is recorded of it.
    pub assets: Option<(AssetKind, Vec<AssetRecord>)>,
    /// What happened.
    pub events: Vec<Event>,
}

impl Change {
    /// A step that changes nothing yet.
    #[must_use]
    pub fn of(job: &JobRecord, lease: &str, at: Timestamp) -> Self {
        Self {
            job: job.id.clone(),
            expected: job.state,
            lease: lease.to_owned(),
            at,
            state: job.state,
            due: job.due,
            problem: job.problem.clone(),
            faults: job.faults,
            failed_runs: job.failed_runs,
            clear_cancel: false,
            operations: Vec::new(),
            attempts: Vec::new(),
            versions: Vec::new(),
            order: None,
            assets: None,
            events: Vec::new(),
        }
    }
}

/// Which jobs a list gives, newest first.
#[derive(Clone, Debug)]
pub struct JobFilter {
    /// Only these states; empty for all.
    pub states: Vec<JobState>,
    /// At most this many.
    pub limit: u32,
    /// Only jobs older than this one.
    pub before: Option<JobId>,
}

/// Jobs in one state, summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateTotals {
    /// The state.
    pub state: JobState,
    /// Jobs in it.
    pub jobs: u64,
    /// Their pictures.
    pub photos: u64,
    /// Their operations.
    pub counts: OperationCounts,
}

/// Who drives a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseHolder {
    /// The machine.
    pub host: String,
    /// The process.
    pub process: u32,
    /// Random, so that no two holders are alike.
    pub token: String,
}

/// What became of the wish to drive a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseOutcome {
    /// It is ours.
    Acquired,
    /// Someone else has it.
    HeldBy(LeaseHolder),
}
