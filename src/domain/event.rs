//! Everything that happens to a job, as one type: recorded in the store, drawn as a bar, printed as
//! a line or written as JSON, always from the same value.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::id::{JobId, PhotoId};
use super::operation::OperationKind;
use super::plan::SkipCode;
use super::state::JobState;
use super::verdict::{Reason, VersionCause};

/// The version of [`Event`] that this build writes.
pub const EVENT_SCHEMA_VERSION: u32 = 2;

/// One thing that happened to one job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The version of this document's form.
    pub schema_version: u32,
    /// When, UTC, RFC 3339.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// To which job.
    pub job: JobId,
    /// To which photo, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photo: Option<PhotoId>,
    /// What.
    pub kind: EventKind,
}

/// What happened. Texts are for people: no secret, no absolute path, nothing that could disturb a
/// terminal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum EventKind {
    /// The job was recorded.
    Created {
        /// Pictures to deliver.
        photos: u32,
        /// Operations to do.
        operations: u32,
        /// Operations left out.
        skipped: u32,
    },
    /// The plan leaves an operation out.
    OperationSkipped {
        /// Which operation.
        operation: OperationKind,
        /// Why, as a closed list.
        code: SkipCode,
        /// Why, for people.
        reason: String,
    },
    /// The job's state changed.
    StateChanged {
        /// From.
        from: JobState,
        /// To.
        to: JobState,
    },
    /// An order is handed to an executor.
    Ordered {
        /// The order's identity.
        run_id: String,
        /// Who does it.
        executor: String,
        /// Photos in it.
        photos: u32,
        /// The order whose rejects it repeats.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<String>,
    },
    /// After an interruption the executor turned out to have the order already.
    Found {
        /// The order's identity.
        run_id: String,
    },
    /// How far a stage is. Passed on, not recorded.
    Progress {
        /// Which stage.
        stage: Stage,
        /// Units done.
        done: u64,
        /// Units in all.
        total: u64,
    },
    /// An attempt gave a result.
    AttemptProduced {
        /// Which operation.
        operation: OperationKind,
        /// Which attempt, from 1.
        number: u32,
        /// How long it took, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<f64>,
    },
    /// An attempt gave no result.
    AttemptFailed {
        /// Which operation.
        operation: OperationKind,
        /// Which attempt, from 1.
        number: u32,
        /// Why.
        reason: Reason,
    },
    /// A result was accepted.
    Accepted {
        /// Which operation.
        operation: OperationKind,
        /// Which attempt, from 1.
        number: u32,
    },
    /// A result was rejected.
    Rejected {
        /// Which operation.
        operation: OperationKind,
        /// Which attempt, from 1.
        number: u32,
        /// Why.
        reasons: Vec<Reason>,
    },
    /// A result needs a person's eye.
    ReviewNeeded {
        /// Which operation.
        operation: OperationKind,
        /// Which attempt, from 1.
        number: u32,
        /// Why.
        reasons: Vec<Reason>,
    },
    /// From now on another version of a picture is delivered.
    VersionChosen {
        /// Which operation.
        operation: OperationKind,
        /// Number of the version, from 1.
        version: u32,
        /// The attempt that is delivered; absent where the picture goes without the operation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
        /// Why.
        cause: VersionCause,
    },
    /// No attempt is left, or another could not end otherwise.
    OperationGaveUp {
        /// Which operation.
        operation: OperationKind,
        /// Why.
        reasons: Vec<Reason>,
    },
    /// An executor could not be reached or did not do what was asked.
    Fault {
        /// Who.
        executor: String,
        /// What happened.
        text: String,
        /// When it is tried again; absent where it is not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<String>")]
        again_at: Option<Timestamp>,
    },
    /// A person must do something outside.
    OperatorNeeded {
        /// What to do.
        instruction: String,
    },
    /// A person asked for something.
    Requested {
        /// What.
        request: Request,
    },
    /// The delivered folder is complete.
    Delivered {
        /// Name of the folder inside the output folder.
        folder: String,
        /// Files in it.
        files: u32,
    },
    /// The job cannot go on without a person.
    Failed {
        /// Why.
        reason: String,
    },
    /// Something worth knowing that changes nothing.
    Warning {
        /// What.
        text: String,
    },
}

/// A stage that takes long enough to be watched.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Photos being enhanced on this machine.
    Enhance,
    /// An order being handed over to an executor elsewhere, counted in thousands of bytes.
    Send,
    /// An executor elsewhere working on the order.
    Remote,
    /// Results being checked.
    Validate,
    /// Files of the delivered folder being written.
    Deliver,
}

/// What a person can ask of a job that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// More attempts.
    Retry,
    /// Go on.
    Resume,
    /// Stop.
    Cancel,
    /// Take a result.
    Approve,
    /// Do not take a result.
    Reject,
    /// Write the delivered folder again.
    Deliver,
    /// Deliver another version.
    Revert,
}

impl EventKind {
    /// Whether it belongs into the record, or is only shown while it happens.
    #[must_use]
    pub const fn is_recorded(&self) -> bool {
        !matches!(self, Self::Progress { .. })
    }
}
