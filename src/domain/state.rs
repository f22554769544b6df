//! The states of a job and of one operation on one photo, and every step between them. Both
//! functions are total and pure: what is not written here cannot happen.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a job stands. It is recorded before the work of the state begins, so a job that is found
/// in a state after a crash does that state's work again.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// The plan is written; an order for the next executor is to be written.
    Planned,
    /// The order is written; nobody has been asked to do it.
    Bundled,
    /// The executor is being asked; whether it has the order must be found out.
    Submitting,
    /// The executor has the order and has not begun.
    Queued,
    /// The executor works.
    Running,
    /// The executor has finished; its results are being fetched.
    Collecting,
    /// The results are here and are being checked.
    Validating,
    /// A smaller order for what was rejected is to be planned, perhaps after a delay.
    Retrying,
    /// A person must do something outside remedia.
    AwaitingOperator,
    /// A person must look at results that remedia cannot judge.
    NeedsReview,
    /// Everything is settled; the delivered folder is being written.
    Delivering,
    /// The delivered folder is complete.
    Delivered,
    /// A person stopped the job.
    Cancelled,
    /// The job cannot go on without a person.
    Failed,
}

/// What happens to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobInput {
    /// The order's documents are on disk.
    OrderWritten,
    /// No operation is to be done by anyone.
    NothingToDo,
    /// The next thing that happens is the first call to the executor.
    SubmissionStarted,
    /// The executor has the order.
    Submitted,
    /// The executor put the order (back) into its queue.
    RunQueued,
    /// The executor began.
    RunStarted,
    /// The executor waits for a person.
    OperatorNeeded,
    /// The executor is done and has results.
    RunFinished,
    /// The executor lost or broke the run.
    RunFailed,
    /// The results are on this machine.
    ResultsCollected,
    /// Some operations were rejected and have attempts left.
    RetryNeeded,
    /// The smaller order may be planned now.
    RetryDue,
    /// This executor's part is settled and another's is next.
    NextExecutor,
    /// Some results need a person's eye.
    ReviewNeeded,
    /// A person has judged.
    Reviewed,
    /// Every operation is settled.
    Settled,
    /// The delivered folder is complete.
    DeliveryFinished,
    /// A person asks for the delivered folder again.
    RedeliveryRequested,
    /// A person asks to stop.
    CancelRequested,
    /// It cannot go on.
    GaveUp,
    /// A person asks for more attempts.
    RetryRequested,
    /// A person asks to go on.
    ResumeRequested,
}

/// Work that a step asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Write the order for the next executor.
    WriteOrder,
    /// Record that the executor is about to be asked.
    BeginSubmission,
    /// Ask the executor whether it has the order, and hand it over if not.
    FindOrSubmit,
    /// Ask the executor how far it is.
    Poll,
    /// Fetch results.
    Collect,
    /// Check results and decide what comes next.
    Validate,
    /// Plan the smaller order.
    PlanRetry,
    /// Tell the person what to do outside.
    AskOperator,
    /// Tell the person what to look at.
    AskReviewer,
    /// Write the delivered folder.
    Deliver,
    /// Tell the executor to stop.
    CancelRun,
}

/// An input that means nothing in a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is not possible while the {subject} is {state}")]
pub struct IllegalTransition {
    /// `job` or `operation`.
    pub subject: &'static str,
    /// The state's name.
    pub state: String,
    /// The input's name.
    pub input: String,
}

impl JobState {
    /// Every state, in the order of a job's life.
    pub const ALL: &'static [Self] = &[
        Self::Planned,
        Self::Bundled,
        Self::Submitting,
        Self::Queued,
        Self::Running,
        Self::Collecting,
        Self::Validating,
        Self::Retrying,
        Self::AwaitingOperator,
        Self::NeedsReview,
        Self::Delivering,
        Self::Delivered,
        Self::Cancelled,
        Self::Failed,
    ];

    /// The name used in documents, in the store and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Bundled => "bundled",
            Self::Submitting => "submitting",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Collecting => "collecting",
            Self::Validating => "validating",
            Self::Retrying => "retrying",
            Self::AwaitingOperator => "awaiting_operator",
            Self::NeedsReview => "needs_review",
            Self::Delivering => "delivering",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Whether the job stays here until a person asks for more.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Delivered | Self::Cancelled | Self::Failed)
    }

    /// Whether `run` has something to do for a job in this state.
    #[must_use]
    pub const fn is_drivable(self) -> bool {
        !self.is_terminal() && !matches!(self, Self::NeedsReview)
    }

    /// Whether an executor may hold the order.
    #[must_use]
    pub const fn is_with_executor(self) -> bool {
        matches!(
            self,
            Self::Submitting
                | Self::Queued
                | Self::Running
                | Self::AwaitingOperator
                | Self::Collecting
        )
    }

    /// The work of the state, done after the state is recorded and again after a crash.
    #[must_use]
    pub const fn work(self) -> Option<Effect> {
        match self {
            Self::Planned => Some(Effect::WriteOrder),
            Self::Bundled => Some(Effect::BeginSubmission),
            Self::Submitting => Some(Effect::FindOrSubmit),
            Self::Queued | Self::Running => Some(Effect::Poll),
            Self::Collecting => Some(Effect::Collect),
            Self::Validating => Some(Effect::Validate),
            Self::Retrying => Some(Effect::PlanRetry),
            Self::AwaitingOperator => Some(Effect::AskOperator),
            Self::NeedsReview => Some(Effect::AskReviewer),
            Self::Delivering => Some(Effect::Deliver),
            Self::Delivered | Self::Cancelled | Self::Failed => None,
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A text that names no job state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a job state")]
pub struct UnknownState(pub String);

impl FromStr for JobState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        Self::ALL
            .iter()
            .copied()
            .find(|state| state.name() == text)
            .ok_or_else(|| UnknownState(text.to_owned()))
    }
}

impl JobInput {
    /// Every input.
    pub const ALL: &'static [Self] = &[
        Self::OrderWritten,
        Self::NothingToDo,
        Self::SubmissionStarted,
        Self::Submitted,
        Self::RunQueued,
        Self::RunStarted,
        Self::OperatorNeeded,
        Self::RunFinished,
        Self::RunFailed,
        Self::ResultsCollected,
        Self::RetryNeeded,
        Self::RetryDue,
        Self::NextExecutor,
        Self::ReviewNeeded,
        Self::Reviewed,
        Self::Settled,
        Self::DeliveryFinished,
        Self::RedeliveryRequested,
        Self::CancelRequested,
        Self::GaveUp,
        Self::RetryRequested,
        Self::ResumeRequested,
    ];

    /// Whether only a person causes it.
    #[must_use]
    pub const fn is_request(self) -> bool {
        matches!(
            self,
            Self::RedeliveryRequested
                | Self::CancelRequested
                | Self::RetryRequested
                | Self::ResumeRequested
                | Self::Reviewed
        )
    }
}

/// The state that `input` leads to from `state`, and the effects that follow once it is recorded.
///
/// # Errors
/// [`IllegalTransition`] where the input means nothing in the state; the state then stays.
pub fn next(
    state: JobState,
    input: JobInput,
) -> Result<(JobState, Vec<Effect>), IllegalTransition> {
    use JobInput as I;
    use JobState as S;
    let illegal = || IllegalTransition {
        subject: "job",
        state: state.name().to_owned(),
        input: format!("{input:?}"),
    };
    let to = match (state, input) {
        (S::Planned, I::OrderWritten) => S::Bundled,
        (S::Planned, I::NothingToDo) => S::Delivering,
        (S::Bundled, I::SubmissionStarted) => S::Submitting,
        (S::Submitting, I::Submitted) => S::Queued,
        (S::Submitting | S::Queued | S::Running, I::OperatorNeeded) => S::AwaitingOperator,
        (S::Running | S::AwaitingOperator, I::RunQueued) => S::Queued,
        (S::Queued | S::AwaitingOperator, I::RunStarted) => S::Running,
        (S::Queued | S::Running | S::AwaitingOperator, I::RunFinished) => S::Collecting,
        (
            S::Submitting | S::Queued | S::Running | S::AwaitingOperator | S::Collecting,
            I::RunFailed,
        ) => S::Retrying,
        (S::Collecting, I::ResultsCollected) => S::Validating,
        (S::Validating, I::RetryNeeded) => S::Retrying,
        (S::Validating, I::NextExecutor) => S::Planned,
        (S::Planned | S::Validating, I::ReviewNeeded) => S::NeedsReview,
        (S::Validating, I::Settled) => S::Delivering,
        (S::Retrying, I::RetryDue) => S::Planned,
        (S::NeedsReview, I::Reviewed) => S::Validating,
        (S::Delivering, I::DeliveryFinished) => S::Delivered,

        (S::Delivered, I::RedeliveryRequested) => S::Delivering,
        (S::NeedsReview | S::Delivered | S::Cancelled | S::Failed, I::RetryRequested) => S::Planned,
        (S::Cancelled | S::Failed, I::ResumeRequested) => S::Planned,
        (S::AwaitingOperator, I::ResumeRequested) => S::Queued,
        (
            S::Planned
            | S::Bundled
            | S::Submitting
            | S::Queued
            | S::Running
            | S::Collecting
            | S::Validating
            | S::Retrying
            | S::AwaitingOperator
            | S::NeedsReview
            | S::Delivering,
            I::CancelRequested,
        ) => S::Cancelled,
        (
            S::Planned
            | S::Bundled
            | S::Submitting
            | S::Queued
            | S::Running
            | S::Collecting
            | S::Validating
            | S::Retrying
            | S::AwaitingOperator
            | S::NeedsReview
            | S::Delivering,
            I::GaveUp,
        ) => S::Failed,

        // What is left has no meaning; each state lists it, so that a new input must be decided.
        (
            S::Planned,
            I::SubmissionStarted
            | I::Submitted
            | I::RunQueued
            | I::RunStarted
            | I::OperatorNeeded
            | I::RunFinished
            | I::RunFailed
            | I::ResultsCollected
            | I::RetryNeeded
            | I::RetryDue
            | I::NextExecutor
            | I::Reviewed
            | I::Settled
            | I::DeliveryFinished
            | I::RedeliveryRequested
            | I::RetryRequested
            | I::ResumeRequested,
        )
        | (
            S::Bundled,
            I::OrderWritten
            | I::NothingToDo
            | I::Submitted
            | I::RunQueued
            | I::RunStarted
            | I::OperatorNeeded
            | I::RunFinished
            | I::RunFailed
            | I::ResultsCollected
            | I::RetryNeeded
            | I::RetryDue
            | I::NextExecutor
            | I::ReviewNeeded
            | I::Reviewed
            | I::Settled
            | I::DeliveryFinished
            | I::RedeliveryRequested
            | I::RetryRequested
            | I::ResumeRequested,
        )
        | (
            S::Submitting,
            I::OrderWritten
            | I::NothingToDo
            | I::SubmissionStarted
            | I::RunQueued
            | I::RunStarted
            | I::RunFinished
            | I::ResultsCollected
            | I::RetryNeeded
            | I::RetryDue
            | I::NextExecutor
            | I::ReviewNeeded
            | I::Reviewed
            | I::Settled
            | I::DeliveryFinished
            | I::RedeliveryRequested
            | I::RetryRequested
            | I::ResumeRequested,
        )
        | (
            S::Queued,
            I::OrderWritten
            | I::NothingToDo
            | I::SubmissionStarted
            | I::Submitted
            | I::RunQueued
            | I::ResultsCollected
            | I::RetryNeeded
            | I::RetryDue
            | I::NextExecutor
            | I::ReviewNeeded
            | I::Reviewed
            | I::Settled
            | I::DeliveryFinished
            | I::RedeliveryRequested
            | I::RetryRequested
            | I::ResumeRequested,
        )
        | (
            S::Running,
            I::OrderWritten
            | I::NothingToDo
            | I::SubmissionStarted
            | I::Submitted
            | I::RunStarted
            | I::ResultsCollected
            | I::RetryNeeded
            | I::RetryDue
            | I::NextExecutor
            | I::ReviewNeeded
            | I::Reviewed
            | I::Settled
            | I::DeliveryFinished
            | I::RedeliveryRequested
            | I::RetryRequested
            | I::ResumeRequested,
        )
        | (
            S::Collecting,
            I::OrderWritten
            | I::NothingToDo
            | I::SubmissionStarted
            | I::Submitted
            | I::RunQueued
            | I::RunStarted
            | I::OperatorNeeded
            | I::RunFinished
            | I::RetryNeeded
            | I::RetryDue
            | I::NextExecutor
            | I::ReviewNeeded
            | I::Reviewed
            | I::Settled
            | I::DeliveryFinished
            | I::RedeliveryRequested
            | I::RetryRequested
            | I::ResumeRequested,
        )
        | (
            S::Validating,
            I::OrderWritten
            | I::NothingToDo
            | I::SubmissionStarted
            | I::Submitted
            | I::RunQueued
            | I::RunStarted
            | I::OperatorNeeded
            | I::RunFinished
            | I::RunFailed
            | I::ResultsCollected
            | I::RetryDue
            | I::Reviewed
            | I::DeliveryFinished
            | I::RedeliveryRequested
            | I::RetryRequested
            | I::ResumeRequested,
        )
        | (
            S::Retrying,
            I::OrderWritten
            | I::NothingToDo
            | I::SubmissionStarted
            | I::Submitted
            | I::RunQueued
            | I::RunStarted
            | I::OperatorNeeded
            | I::RunFinished
            | I::RunFailed
            | I::ResultsCollected
            | I::RetryNeeded
            | I::NextExecutor
            | I::ReviewNeeded
            | I::Reviewed
            | I::Settled
            | I::DeliveryFinished
            | I::RedeliveryRequested
            | I::RetryRequested
            | I::ResumeRequested,
        )
        | (
            S::AwaitingOperator,
            I::OrderWritten
            | I::NothingToDo
            | I::SubmissionStarted
            | I::Submitted
            | I::OperatorNeeded
            | I::ResultsCollected
            | I::RetryNeeded
            | I::RetryDue
            | I::NextExecutor
            | I::ReviewNeeded
            | I::Reviewed
            | I::Settled
            | I::DeliveryFinished
            | I::RedeliveryRequested
            | I::RetryRequested,
        )
        | (
            S::NeedsReview,
            I::OrderWritten
            | I::NothingToDo
            | I::SubmissionStarted
            | I::Submitted
            | I::RunQueued
            | I::RunStarted
            | I::OperatorNeeded
            | I::RunFinished
            | I::RunFailed
            | I::ResultsCollected
            | I::RetryNeeded
            | I::RetryDue
            | I::NextExecutor
            | I::ReviewNeeded
            | I::Settled
            | I::DeliveryFinished
            | I::RedeliveryRequested
            | I::ResumeRequested,
        )
        | (
            S::Delivering,
            I::OrderWritten
            | I::NothingToDo
            | I::SubmissionStarted
            | I::Submitted
            | I::RunQueued
            | I::RunStarted
            | I::OperatorNeeded
            | I::RunFinished
            | I::RunFailed
            | I::ResultsCollected
            | I::RetryNeeded
            | I::RetryDue
            | I::NextExecutor
            | I::ReviewNeeded
            | I::Reviewed
            | I::Settled
            | I::RedeliveryRequested
            | I::RetryRequested
            | I::ResumeRequested,
        )
        | (
            S::Delivered,
            I::OrderWritten
            | I::NothingToDo
            | I::SubmissionStarted
            | I::Submitted
            | I::RunQueued
            | I::RunStarted
            | I::OperatorNeeded
            | I::RunFinished
            | I::RunFailed
            | I::ResultsCollected
            | I::RetryNeeded
            | I::RetryDue
            | I::NextExecutor
            | I::ReviewNeeded
            | I::Reviewed
            | I::Settled
            | I::DeliveryFinished
            | I::CancelRequested
            | I::GaveUp
            | I::ResumeRequested,
        )
        | (
            S::Cancelled | S::Failed,
            I::OrderWritten
            | I::NothingToDo
            | I::SubmissionStarted
            | I::Submitted
            | I::RunQueued
            | I::RunStarted
            | I::OperatorNeeded
            | I::RunFinished
            | I::RunFailed
            | I::ResultsCollected
            | I::RetryNeeded
            | I::RetryDue
            | I::NextExecutor
            | I::ReviewNeeded
            | I::Reviewed
            | I::Settled
            | I::DeliveryFinished
            | I::RedeliveryRequested
            | I::CancelRequested
            | I::GaveUp,
        ) => return Err(illegal()),
    };
    let mut effects = Vec::new();
    if matches!(to, JobState::Cancelled | JobState::Failed) && state.is_with_executor() {
        effects.push(Effect::CancelRun);
    }
    effects.extend(to.work());
    Ok((to, effects))
}

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

    fn inputs() -> impl Strategy<Value = Vec<JobInput>> {
        prop::collection::vec(prop::sample::select(JobInput::ALL), 0..80)
    }

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
        fn a_terminal_state_is_left_only_at_a_persons_request(inputs in inputs()) {
            let mut state = JobState::Planned;
            for input in inputs {
                if let Ok((to, _)) = next(state, input) {
                    if state.is_terminal() {
                        prop_assert!(input.is_request(), "{state} left by {input:?}");
                    }
                    prop_assert!(to != state, "{input:?} leads nowhere from {state}");
                    state = to;
                }
            }
        }

        #[test]
        fn delivery_is_reached_only_through_validation_or_an_empty_plan(inputs in inputs()) {
            let mut state = JobState::Planned;
            let mut ready = false;
            for input in inputs {
                if let Ok((to, _)) = next(state, input) {
                    ready |= matches!(input, JobInput::Settled | JobInput::NothingToDo);
                    if to == JobState::Delivered {
                        prop_assert!(ready);
                    }
                    state = to;
                }
            }
        }

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

    #[test]
    fn every_state_has_work_or_is_terminal_and_can_be_stopped() {
        for &state in JobState::ALL {
            assert_eq!(state.work().is_none(), state.is_terminal(), "{state}");
            assert_eq!(
                next(state, JobInput::CancelRequested).is_ok(),
                !state.is_terminal(),
                "{state}"
            );
            assert_eq!(state.name().parse::<JobState>().unwrap(), state);
        }
    }

    #[test]
    fn every_state_is_reachable_from_a_new_job() {
        let mut reached = vec![JobState::Planned];
        let mut index = 0;
        while let Some(&state) = reached.get(index) {
            for &input in JobInput::ALL {
                if let Ok((to, _)) = next(state, input)
                    && !reached.contains(&to)
                {
                    reached.push(to);
                }
            }
            index += 1;
        }
        assert_eq!(reached.len(), JobState::ALL.len());
    }

    #[test]
    fn a_run_is_stopped_when_its_job_is_cancelled() {
        let (_, effects) = next(JobState::Running, JobInput::CancelRequested).unwrap();
        assert_eq!(effects, vec![Effect::CancelRun]);
        let (_, effects) = next(JobState::Planned, JobInput::CancelRequested).unwrap();
        assert!(effects.is_empty());
    }
}
