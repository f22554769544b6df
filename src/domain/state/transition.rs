//! The job's transition function. Every pair of state and input is written out, so that a new one of either cannot be
//! forgotten.

use super::{Effect, IllegalTransition, JobInput, JobState};

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
