//! What was found wrong with an attempt, and what remedia decides about its result.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why an attempt failed or a result was not taken, as a closed list that can be counted.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// The worker ran out of memory.
    OutOfMemory,
    /// The model produced no numbers.
    NanLatents,
    /// The picture does not show what was asked for.
    PromptScore,
    /// The photo cannot be worked on.
    BadInput,
    /// The photo is not where it was.
    SourceMissing,
    /// The photo is no longer the one that was planned.
    SourceChanged,
    /// A model that the order names is not there.
    ModelMissing,
    /// The time ran out.
    Deadline,
    /// The worker broke.
    Internal,
    /// The worker gave no result for it.
    MissingOutput,
    /// The result's bytes are not the ones that the worker names.
    HashMismatch,
    /// The result is no readable picture.
    DamagedOutput,
    /// The result has another size than planned.
    SizeMismatch,
    /// A person decided so.
    Person,
}

impl ReasonCode {
    /// Whether another attempt on the same photo would end the same way.
    #[must_use]
    pub const fn is_permanent(self) -> bool {
        matches!(
            self,
            Self::BadInput | Self::SourceMissing | Self::SourceChanged | Self::ModelMissing
        )
    }
}

/// A reason: one word that can be counted and one sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Which.
    pub code: ReasonCode,
    /// What is wrong, lower case, without a final period.
    pub text: String,
}

impl Reason {
    /// A reason.
    #[must_use]
    pub fn new(code: ReasonCode, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }
}

/// What is decided about a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
pub enum Verdict {
    /// It is delivered.
    Accepted,
    /// It is not delivered.
    Rejected {
        /// Why, at least one.
        reasons: Vec<Reason>,
    },
    /// A person decides.
    NeedsReview {
        /// Why, at least one.
        reasons: Vec<Reason>,
    },
}
