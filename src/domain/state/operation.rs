//! Where one operation on one photo stands, and how that changes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::IllegalTransition;

/// Where one operation on one photo stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum OperationState {
    /// Nothing has been made yet.
    Pending,
    /// A result is here and not judged, or waits for a person's judgement.
    Produced,
    /// A result is accepted.
    Accepted,
    /// The last of `attempts` attempts was rejected or failed, and more are allowed.
    Rejected {
        /// Attempts made so far, at least 1.
        attempts: u32,
    },
    /// No result was accepted and no attempt is left.
    GaveUp,
    /// The plan leaves it out.
    Skipped,
}

/// What happens to one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationInput {
    /// An attempt gave a result.
    Produced,
    /// The result is accepted.
    Accepted,
    /// The result is rejected.
    Rejected,
    /// The attempt gave no result; `permanent` where another attempt cannot end otherwise.
    Failed {
        /// Whether another attempt would fail the same way.
        permanent: bool,
    },
    /// Another attempt was no better, and a result that was accepted before stays.
    Kept,
    /// A person asks for another attempt.
    RetryRequested,
}

impl OperationState {
    /// The name used in the store and in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Produced => "produced",
            Self::Accepted => "accepted",
            Self::Rejected { .. } => "rejected",
            Self::GaveUp => "gave_up",
            Self::Skipped => "skipped",
        }
    }

    /// The state with this name; `attempts` counts for `rejected` alone.
    #[must_use]
    pub fn from_name(name: &str, attempts: u32) -> Option<Self> {
        Some(match name {
            "pending" => Self::Pending,
            "produced" => Self::Produced,
            "accepted" => Self::Accepted,
            "rejected" => Self::Rejected { attempts },
            "gave_up" => Self::GaveUp,
            "skipped" => Self::Skipped,
            _ => return None,
        })
    }

    /// Whether nothing more happens without a person.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Accepted | Self::GaveUp | Self::Skipped)
    }

    /// Whether an executor has something to do for it.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Rejected { .. })
    }
}

/// How many attempts an operation has had and may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptBudget {
    /// Attempts made, the one being judged among them.
    pub made: u32,
    /// Attempts allowed.
    pub allowed: u32,
}

impl AttemptBudget {
    const fn after_rejection(self) -> OperationState {
        if self.made < self.allowed {
            OperationState::Rejected {
                attempts: self.made,
            }
        } else {
            OperationState::GaveUp
        }
    }
}

/// The state that `input` leads to from `state`.
///
/// # Errors
/// [`IllegalTransition`] where the input means nothing in the state; the state then stays.
pub fn next_operation(
    state: OperationState,
    input: OperationInput,
    budget: AttemptBudget,
) -> Result<OperationState, IllegalTransition> {
    use OperationInput as I;
    use OperationState as S;
    Ok(match (state, input) {
        (S::Pending | S::Rejected { .. }, I::Produced) if budget.made <= budget.allowed => {
            S::Produced
        }
        (S::Pending | S::Rejected { .. }, I::Failed { permanent: true })
        | (S::Produced, I::Failed { permanent: true }) => S::GaveUp,
        (S::Pending | S::Rejected { .. } | S::Produced, I::Failed { permanent: false })
        | (S::Produced, I::Rejected) => budget.after_rejection(),
        (S::Produced, I::Accepted) | (S::Pending | S::Rejected { .. } | S::Produced, I::Kept) => {
            S::Accepted
        }
        (S::Produced | S::Accepted | S::Rejected { .. } | S::GaveUp, I::RetryRequested) => {
            S::Pending
        }
        (S::Pending, I::Produced | I::Accepted | I::Rejected | I::RetryRequested)
        | (S::Rejected { .. }, I::Produced | I::Accepted | I::Rejected)
        | (S::Produced, I::Produced)
        | (
            S::Accepted | S::GaveUp,
            I::Produced | I::Accepted | I::Rejected | I::Failed { .. } | I::Kept,
        )
        | (
            S::Skipped,
            I::Produced
            | I::Accepted
            | I::Rejected
            | I::Failed { .. }
            | I::Kept
            | I::RetryRequested,
        ) => {
            return Err(IllegalTransition {
                subject: "operation",
                state: state.name().to_owned(),
                input: format!("{input:?}"),
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn operation_inputs() -> impl Strategy<Value = Vec<OperationInput>> {
        prop::collection::vec(
            prop::sample::select(vec![
                OperationInput::Produced,
                OperationInput::Accepted,
                OperationInput::Rejected,
                OperationInput::Failed { permanent: false },
                OperationInput::Failed { permanent: true },
                OperationInput::Kept,
            ]),
            0..60,
        )
    }

    proptest! {
        #[test]
        fn an_operation_never_takes_more_attempts_than_allowed(
            inputs in operation_inputs(), allowed in 1_u32..5
        ) {
            let mut state = OperationState::Pending;
            let mut made = 0;
            for input in inputs {
                let starts = state.is_open()
                    && matches!(input, OperationInput::Produced | OperationInput::Failed { .. });
                let trial = AttemptBudget { made: made + u32::from(starts), allowed };
                if let Ok(to) = next_operation(state, input, trial) {
                    made = trial.made;
                    prop_assert!(made <= allowed);
                    if state.is_settled() {
                        prop_assert!(false, "{state:?} left by {input:?}");
                    }
                    state = to;
                }
            }
        }
    }
}
