//! The states of a job and of one operation on one photo, and every step between them. Both
//! functions are total and pure: what is not written here cannot happen.

mod operation;
mod transition;

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use operation::{AttemptBudget, OperationInput, OperationState, next_operation};
pub use transition::next;

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn inputs() -> impl Strategy<Value = Vec<JobInput>> {
        prop::collection::vec(prop::sample::select(JobInput::ALL), 0..80)
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
