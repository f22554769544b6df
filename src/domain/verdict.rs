//! What was found wrong with an attempt, and what remedia decides about its result.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::style::RetryReason;

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
    /// The worker did not say what it was allowed to change.
    MissingMask,
    /// The mask covers more than may be changed, or nothing.
    MaskRefused,
    /// The result is black or flat.
    EmptyOutput,
    /// The result is the photo that was sent.
    Unchanged,
    /// A part of the house looks different.
    StructureChanged,
    /// The house moved, turned or was scaled.
    StructureMoved,
    /// Fine detail outside the mask is gone.
    DetailLost,
    /// Pixels outside the mask are not the photo's own.
    OutsideTouched,
    /// Too little can be compared to say that the house is the same.
    StructureUnclear,
    /// The room is still empty.
    TooLittleFurniture,
    /// The picture shows another room or another style.
    ContrastScore,
    /// Nobody could score it.
    NotScored,
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

    /// Which ladder of the style answers it; `None` where another seed alone is the answer.
    #[must_use]
    pub const fn retry_reason(self) -> Option<RetryReason> {
        match self {
            Self::StructureChanged
            | Self::StructureMoved
            | Self::DetailLost
            | Self::StructureUnclear
            | Self::MaskRefused => Some(RetryReason::Structure),
            Self::PromptScore | Self::ContrastScore => Some(RetryReason::Prompt),
            Self::TooLittleFurniture | Self::Unchanged => Some(RetryReason::Furniture),
            _ => None,
        }
    }

    /// The name used in documents and statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OutOfMemory => "out_of_memory",
            Self::NanLatents => "nan_latents",
            Self::PromptScore => "prompt_score",
            Self::BadInput => "bad_input",
            Self::SourceMissing => "source_missing",
            Self::SourceChanged => "source_changed",
            Self::ModelMissing => "model_missing",
            Self::Deadline => "deadline",
            Self::Internal => "internal",
            Self::MissingOutput => "missing_output",
            Self::HashMismatch => "hash_mismatch",
            Self::DamagedOutput => "damaged_output",
            Self::SizeMismatch => "size_mismatch",
            Self::MissingMask => "missing_mask",
            Self::MaskRefused => "mask_refused",
            Self::EmptyOutput => "empty_output",
            Self::Unchanged => "unchanged",
            Self::StructureChanged => "structure_changed",
            Self::StructureMoved => "structure_moved",
            Self::DetailLost => "detail_lost",
            Self::OutsideTouched => "outside_touched",
            Self::StructureUnclear => "structure_unclear",
            Self::TooLittleFurniture => "too_little_furniture",
            Self::ContrastScore => "contrast_score",
            Self::NotScored => "not_scored",
            Self::Person => "person",
        }
    }
}

/// The ladder that answers these reasons: the house comes first, then furniture, then the prompt.
#[must_use]
pub fn leading_retry_reason<'a>(
    reasons: impl IntoIterator<Item = &'a Reason>,
) -> Option<RetryReason> {
    let rank = |reason: &RetryReason| match reason {
        RetryReason::Structure => 0,
        RetryReason::Furniture => 1,
        RetryReason::Prompt => 2,
    };
    reasons
        .into_iter()
        .filter_map(|reason| reason.code.retry_reason())
        .min_by_key(rank)
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

/// Why another version is delivered.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum VersionCause {
    /// The attempt passed, or is the best of those that did.
    Accepted,
    /// A person approved it.
    Approved,
    /// A person went back to it.
    Reverted,
}

impl VersionCause {
    /// The name used in the store and in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Approved => "approved",
            Self::Reverted => "reverted",
        }
    }

    /// The cause with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Accepted, Self::Approved, Self::Reverted]
            .into_iter()
            .find(|cause| cause.name() == name)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_named_as_it_is_written() {
        for code in [
            ReasonCode::OutOfMemory,
            ReasonCode::StructureChanged,
            ReasonCode::TooLittleFurniture,
            ReasonCode::NotScored,
            ReasonCode::Person,
        ] {
            let written = serde_json::to_value(code).unwrap();
            assert_eq!(written, code.name());
        }
    }

    #[test]
    fn the_house_is_answered_before_the_furniture_and_the_prompt() {
        let reason = |code| Reason::new(code, "why");
        let all = [
            reason(ReasonCode::PromptScore),
            reason(ReasonCode::TooLittleFurniture),
            reason(ReasonCode::StructureMoved),
        ];
        assert_eq!(leading_retry_reason(&all), Some(RetryReason::Structure));
        assert_eq!(
            leading_retry_reason(&all[..2]),
            Some(RetryReason::Furniture)
        );
        assert_eq!(leading_retry_reason(&all[..1]), Some(RetryReason::Prompt));
        assert_eq!(
            leading_retry_reason(&[reason(ReasonCode::HashMismatch)]),
            None
        );
    }
}
