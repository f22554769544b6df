//! Driving one job: state by state, until it rests.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::bundle;
use crate::domain::event::{EventKind, Stage};
use crate::domain::id::JobId;
use crate::domain::results::{
    RESULTS_SCHEMA_VERSION, Results, UnreadableResult, WorkerDescription,
};
use crate::domain::state::{Effect, JobInput, JobState, OperationState};
use crate::provider::{
    FaultKind, Order, Provider, ProviderError, RunContext, RunHandle, RunProgress, RunState,
};
use crate::store::OperationChange;

use super::documents;
use super::engine::Engine;
use super::error::EngineError;
use super::hearing::Hearing;
use super::interrupt::Interrupt;
use super::lock::after;
use super::request::{DriveLimits, DriveOutcome, Ending};
use super::session::{CurrentOrder, Session};
use super::sink::EventSink;

/// What a drive keeps in mind between two steps.
struct Journey<'a> {
    interrupt: &'a Interrupt,
    limits: &'a DriveLimits,
    /// The wait for the moment that the record names is over.
    waited: bool,
}

impl Journey<'_> {
    fn deadline_passed(&self) -> bool {
        self.limits
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Waits, but not beyond the deadline.
    fn wait(&self, duration: Duration) {
        let duration = match self.limits.deadline {
            Some(deadline) => duration.min(deadline.saturating_duration_since(Instant::now())),
            None => duration,
        };
        // Whether it was cut short is seen at the next step.
        let _ = self.interrupt.wait(duration);
    }
}

impl Engine {
    /// Drives one job as far as it goes.
    ///
    /// # Errors
    /// [`EngineError::Locked`] where another process drives it; whatever keeps a step from being
    /// done. The state is then the last one recorded, and driving again goes on from there.
    pub fn drive(
        &self,
        job: &JobId,
        events: &mut dyn EventSink,
        interrupt: &Interrupt,
        limits: &DriveLimits,
    ) -> Result<DriveOutcome, EngineError> {
        let mut session = Session::open(self, job, events)?;
        session.work.remove_temporary_files()?;
        let mut journey = Journey {
            interrupt,
            limits,
            waited: false,
        };
        let ending = session.drive(&mut journey)?;
        if session.state() == JobState::Delivered {
            // What is left over is of no use any more, and takes nothing from what is delivered.
            let _ = session.work.remove_parts();
        }
        Ok(outcome(&session, ending))
    }
}

fn outcome(session: &Session<'_>, ending: Ending) -> DriveOutcome {
    let record = &session.record;
    DriveOutcome {
        job: record.id.clone(),
        state: record.state,
        counts: record.counts,
        destination: PathBuf::from(&record.destination),
        problem: record.problem.clone(),
        ending,
    }
}

impl Session<'_> {
    fn drive(&mut self, journey: &mut Journey<'_>) -> Result<Ending, EngineError> {
        loop {
            self.reload()?;
            if self.record.cancel_requested && !self.state().is_terminal() {
                self.cancel_now()?;
            }
            let Some(work) = self.state().work() else {
                return Ok(self.terminal_ending());
            };
            if journey.interrupt.is_requested() {
                self.leave();
                return Ok(Ending::Interrupted);
            }
            if journey.deadline_passed() {
                return Ok(Ending::Deadline);
            }
            if !journey.waited
                && let Some(wait) = self.time_until_due()
            {
                if wait > journey.limits.patience {
                    return Ok(self.delayed_ending());
                }
                journey.wait(wait);
                journey.waited = true;
                // Someone may have asked to stop meanwhile.
                continue;
            }
            journey.waited = false;
            let ending = match work {
                Effect::WriteOrder => {
                    self.write_order()?;
                    None
                }
                Effect::BeginSubmission if self.stops_bundled(journey)? => Some(Ending::Bundled),
                Effect::BeginSubmission => {
                    self.advance(JobInput::SubmissionStarted, |_| {})?;
                    None
                }
                Effect::FindOrSubmit => self.find_or_submit(journey)?,
                Effect::Poll | Effect::AskOperator => self.poll(journey)?,
                Effect::Collect => self.collect(journey)?,
                Effect::Validate => self.validate(journey.interrupt)?,
                Effect::PlanRetry => {
                    self.advance(JobInput::RetryDue, |_| {})?;
                    None
                }
                Effect::AskReviewer => Some(Ending::NeedsReview),
                Effect::Deliver => self.deliver(journey.interrupt)?,
                Effect::CancelRun => None,
            };
            if let Some(ending) = ending {
                return Ok(ending);
            }
        }
    }

    /// Lets the executor stop what costs while nobody looks. What cannot be stopped is told and ends nothing.
    fn leave(&mut self) {
        if !self.state().is_with_executor() {
            return;
        }
        let left = self.order().and_then(|order| {
            let (outputs, _) = self.work.run_outputs(&order.record);
            let source = PathBuf::from(&self.record.source);
            let provider = self.engine.provider(&order.record.executor)?;
            provider.leave(&as_order(&order, &source, &outputs))?;
            Ok(())
        });
        if let Err(error) = left {
            self.tell(&self.event(
                None,
                EventKind::Warning {
                    text: format!("the executor could not be told to stop: {error}"),
                },
            ));
        }
    }

    /// Whether an order for an executor elsewhere is complete and shall not be handed over.
    fn stops_bundled(&self, journey: &Journey<'_>) -> Result<bool, EngineError> {
        if !journey.limits.until_bundled {
            return Ok(false);
        }
        let order = self.order()?;
        Ok(self.engine.provider(&order.record.executor)?.is_remote())
    }

    fn terminal_ending(&self) -> Ending {
        match self.state() {
            JobState::Cancelled => Ending::Cancelled,
            JobState::Failed => Ending::Failed {
                text: self.record.problem.clone().unwrap_or_default(),
            },
            _ => Ending::Delivered,
        }
    }

    /// How long it is until the moment before which the job is not to be driven.
    fn time_until_due(&self) -> Option<Duration> {
        let due = self.record.due?;
        let wait = Duration::try_from(due.duration_since(self.engine.now())).ok()?;
        (!wait.is_zero()).then_some(wait)
    }

    /// Why a job is not to be driven yet: after a fault, or because a remote executor works on it.
    fn delayed_ending(&self) -> Ending {
        match self.record.due {
            Some(until) if self.record.faults > 0 => Ending::Temporary {
                until,
                text: self.record.problem.clone().unwrap_or_default(),
            },
            _ => Ending::Remote {
                executor: self.record.provider.clone(),
            },
        }
    }

    fn handle(order: &CurrentOrder) -> RunHandle {
        RunHandle {
            remote: order
                .record
                .remote
                .clone()
                .unwrap_or_else(|| order.record.run_id.clone()),
        }
    }

    fn find_or_submit(&mut self, journey: &Journey<'_>) -> Result<Option<Ending>, EngineError> {
        let order = self.order()?;
        let provider = self.engine.provider(&order.record.executor)?;
        let (outputs, _) = self.work.run_outputs(&order.record);
        fs_err::create_dir_all(&outputs)?;
        let by_hand = self.work.hand_over()?;
        let (result, heard) =
            self.with_provider(&order, journey, Stage::Send, |provider, asked, context| {
                if let Some(handle) = provider.find(asked)? {
                    return Ok((handle, true));
                }
                if let Some(folder) = &by_hand
                    && provider.import_folder(asked).is_some()
                {
                    provider.hand_over(asked, folder)?;
                }
                Ok((provider.submit(asked, context)?, false))
            })?;
        heard?;
        match result {
            Ok((handle, known)) => {
                let found = known.then(|| {
                    let run_id = order.record.run_id.clone();
                    self.event(None, EventKind::Found { run_id })
                });
                let mut record = order.record.clone();
                record.remote = Some(handle.remote);
                self.advance(JobInput::Submitted, |change| {
                    change.order = Some(record);
                    change.faults = 0;
                    change.events.extend(found);
                })?;
                let detached = journey.limits.detach && provider.is_remote();
                Ok(detached.then(|| Ending::Remote {
                    executor: order.record.executor.clone(),
                }))
            }
            Err(error) => self.fault(&order, error, journey),
        }
    }

    fn poll(&mut self, journey: &Journey<'_>) -> Result<Option<Ending>, EngineError> {
        let order = self.order()?;
        let provider = self.engine.provider(&order.record.executor)?;
        if self.state() == JobState::Queued && !provider.is_remote() {
            self.advance(JobInput::RunStarted, |_| {})?;
        }
        let answer = {
            let stage = if provider.is_remote() {
                Stage::Remote
            } else {
                Stage::Enhance
            };
            let (result, heard) =
                self.with_provider(&order, journey, stage, |provider, asked, context| {
                    provider.poll(asked, &Self::handle(&order), context)
                })?;
            heard?;
            result
        };
        match answer {
            Ok(RunState::Queued) => {
                if self.state() != JobState::Queued {
                    self.advance(JobInput::RunQueued, |_| {})?;
                }
                self.wait_for_remote(&order, provider.as_ref(), journey)
            }
            Ok(RunState::Running { done, total }) => {
                if self.state() != JobState::Running {
                    self.advance(JobInput::RunStarted, |change| change.faults = 0)?;
                }
                self.progress(Stage::Remote, done, total);
                self.wait_for_remote(&order, provider.as_ref(), journey)
            }
            Ok(RunState::AwaitingOperator { instruction }) => {
                if self.state() != JobState::AwaitingOperator {
                    let told = self.event(
                        None,
                        EventKind::OperatorNeeded {
                            instruction: instruction.clone(),
                        },
                    );
                    self.advance(JobInput::OperatorNeeded, |change| {
                        change.problem = Some(instruction.clone());
                        change.events.push(told);
                    })?;
                }
                Ok(Some(Ending::AwaitingOperator { instruction }))
            }
            Ok(RunState::Finished) => {
                self.advance(JobInput::RunFinished, |change| change.faults = 0)?;
                Ok(None)
            }
            Ok(RunState::Failed { text, retryable }) => {
                self.run_failed(&order, &text, retryable)?;
                Ok(None)
            }
            Err(error) => self.fault(&order, error, journey),
        }
    }

    fn wait_for_remote(
        &mut self,
        order: &CurrentOrder,
        provider: &dyn Provider,
        journey: &Journey<'_>,
    ) -> Result<Option<Ending>, EngineError> {
        let interval = {
            let (outputs, _) = self.work.run_outputs(&order.record);
            let source = PathBuf::from(&self.record.source);
            provider.poll_interval(&as_order(order, &source, &outputs))
        };
        if interval > journey.limits.patience || (journey.limits.detach && provider.is_remote()) {
            let due = after(self.engine.now(), interval);
            self.note(|change| change.due = (!interval.is_zero()).then_some(due))?;
            return Ok(Some(Ending::Remote {
                executor: provider.name().to_owned(),
            }));
        }
        journey.wait(interval);
        self.renew()?;
        Ok(None)
    }

    fn collect(&mut self, journey: &Journey<'_>) -> Result<Option<Ending>, EngineError> {
        let order = self.order()?;
        let (answer, heard) = self.with_provider(
            &order,
            journey,
            Stage::Remote,
            |provider, asked, context| provider.collect(asked, &Self::handle(&order), context),
        )?;
        heard?;
        match answer {
            Err(error) if error.kind == FaultKind::Answer => {
                // Every attempt of the order then has this reason, and the ladder goes on.
                let results = unreadable_answer(&order, error.text);
                self.collected(&order, &results)
            }
            Ok(results) => {
                let ours = results.run_id == order.record.run_id
                    && results.job_sha256 == order.marker.job_sha256
                    && results.schema_version <= RESULTS_SCHEMA_VERSION;
                if !ours {
                    self.run_failed(&order, "the results belong to another order", true)?;
                    return Ok(None);
                }
                if results.is_unbegun() {
                    let retryable = results.stopped.as_ref().is_none_or(|stop| stop.retryable);
                    self.run_failed(&order, &bundle::why_unbegun(&results), retryable)?;
                    return Ok(None);
                }
                self.collected(&order, &results)
            }
            Err(error) => self.fault(&order, error, journey),
        }
    }

    fn collected(
        &mut self,
        order: &CurrentOrder,
        results: &Results,
    ) -> Result<Option<Ending>, EngineError> {
        documents::write(&self.work.results(order.record.number), results)?;
        self.advance(JobInput::ResultsCollected, |change| {
            change.faults = 0;
            change.failed_runs = 0;
        })?;
        Ok(None)
    }

    /// Lets the executor work, hearing what it tells and stopping it where that is asked.
    #[expect(
        clippy::type_complexity,
        reason = "the executor's answer and what came of recording what it told"
    )]
    fn with_provider<T>(
        &mut self,
        order: &CurrentOrder,
        journey: &Journey<'_>,
        stage: Stage,
        work: impl FnOnce(&dyn Provider, &Order<'_>, &RunContext<'_>) -> Result<T, ProviderError>,
    ) -> Result<(Result<T, ProviderError>, Result<(), EngineError>), EngineError> {
        let provider: Arc<dyn Provider> = self.engine.provider(&order.record.executor)?;
        let (outputs, _) = self.work.run_outputs(&order.record);
        let source = PathBuf::from(&self.record.source);
        let asked = as_order(order, &source, &outputs);
        let known = self.store().attempts(&self.record.id)?;
        let photos = self.store().photos(&self.record.id)?;
        let hearing = Mutex::new(Hearing::new(order, &photos, &known));
        let stop = AtomicBool::new(false);
        let problem: Mutex<Option<EngineError>> = Mutex::new(None);
        let session: &Session<'_> = self;
        let progress = |told: RunProgress<'_>| match told {
            RunProgress::Count { done, total } => session.progress(stage, done, total),
            RunProgress::Operation { photo, result } => {
                let mut hearing = hearing.lock().unwrap_or_else(PoisonError::into_inner);
                if let Err(error) = hearing.record(session, photo, result) {
                    stop.store(true, Ordering::SeqCst);
                    problem
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .get_or_insert(error);
                }
                if session.cancel_requested() {
                    stop.store(true, Ordering::SeqCst);
                }
            }
        };
        let interrupted = || {
            stop.load(Ordering::SeqCst)
                || journey.interrupt.is_requested()
                || journey.deadline_passed()
        };
        let context = RunContext {
            progress: &progress,
            interrupted: &interrupted,
        };
        let result = work(provider.as_ref(), &asked, &context);
        let heard = match problem.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(()),
        };
        self.reload()?;
        Ok((result, heard))
    }

    /// What follows from a fault of the executor.
    fn fault(
        &mut self,
        order: &CurrentOrder,
        error: ProviderError,
        journey: &Journey<'_>,
    ) -> Result<Option<Ending>, EngineError> {
        let executor = order.record.executor.clone();
        match error.kind {
            // Who asked is seen at the next step.
            FaultKind::Interrupted => Ok(None),
            FaultKind::Credentials => {
                let text = error.to_string();
                let told = self.event(
                    None,
                    EventKind::Fault {
                        executor,
                        text: text.clone(),
                        again_at: None,
                    },
                );
                self.note(|change| {
                    change.problem = Some(text.clone());
                    change.events.push(told);
                })?;
                Ok(Some(Ending::Credentials { text }))
            }
            FaultKind::Network | FaultKind::Quota => {
                let faults = self.record.faults + 1;
                let policy = self.engine.options.retry;
                // An allowance that is used up comes back by itself, however often it is asked for.
                let renewed = error.kind == FaultKind::Quota && error.retry_after.is_some();
                if policy.is_out_of_patience(faults) && !renewed {
                    let reason = error.to_string();
                    let told = self.event(
                        None,
                        EventKind::Failed {
                            reason: reason.clone(),
                        },
                    );
                    self.advance(JobInput::GaveUp, |change| {
                        change.faults = faults;
                        change.problem = Some(reason);
                        change.events.push(told);
                    })?;
                    return Ok(None);
                }
                let delay = policy.delay(faults, self.seed(), error.retry_after);
                let again_at = after(self.engine.now(), delay);
                let text = error.to_string();
                let told = self.event(
                    None,
                    EventKind::Fault {
                        executor,
                        text: text.clone(),
                        again_at: Some(again_at),
                    },
                );
                self.note(|change| {
                    change.faults = faults;
                    change.due = Some(again_at);
                    change.problem = Some(text.clone());
                    change.events.push(told);
                })?;
                let hopeless = error.kind == FaultKind::Quota && delay > journey.limits.patience;
                Ok(hopeless.then_some(Ending::Temporary {
                    until: again_at,
                    text,
                }))
            }
            // Found broken where it is collected; nothing can be asked again.
            FaultKind::Refused | FaultKind::Answer => {
                self.run_failed(order, &error.text, false)?;
                Ok(None)
            }
            FaultKind::Files | FaultKind::Unknown => Err(error.into()),
        }
    }

    /// The executor lost or refused the order: another follows after a delay, or, where that would
    /// end the same way, what was ordered is given up and the rest of the job goes on.
    fn run_failed(
        &mut self,
        order: &CurrentOrder,
        text: &str,
        retryable: bool,
    ) -> Result<(), EngineError> {
        let failed_runs = self.record.failed_runs + 1;
        let policy = self.engine.options.retry;
        let again = retryable && !policy.is_exhausted(failed_runs);
        let again_at = again.then(|| {
            let delay = policy.delay(failed_runs, self.seed(), None);
            after(self.engine.now(), delay)
        });
        let mut events = vec![self.event(
            None,
            EventKind::Fault {
                executor: order.record.executor.clone(),
                text: text.to_owned(),
                again_at,
            },
        )];
        let mut operations = Vec::new();
        if !again {
            for photo in self.store().photos(&self.record.id)? {
                for operation in &photo.operations {
                    let ours = operation.executor == order.record.executor
                        && !operation.state.is_settled();
                    if !ours {
                        continue;
                    }
                    operations.push(OperationChange {
                        photo: photo.id.clone(),
                        kind: operation.kind,
                        state: OperationState::GaveUp,
                        allowed: operation.allowed,
                        reason: Some(text.to_owned()),
                    });
                    events.push(self.event(
                        Some(&photo.id),
                        EventKind::OperationGaveUp {
                            operation: operation.kind,
                            reasons: vec![crate::domain::verdict::Reason::new(
                                crate::domain::verdict::ReasonCode::Internal,
                                text,
                            )],
                        },
                    ));
                }
            }
        }
        self.advance(JobInput::RunFailed, |change| {
            change.faults = if again { failed_runs } else { 0 };
            change.failed_runs = change.faults;
            change.due = again_at;
            change.problem = Some(text.to_owned());
            change.operations = operations;
            change.events.append(&mut events);
        })?;
        Ok(())
    }

    /// Stops the job: the executor first, so that nothing goes on unseen, then the record.
    pub(super) fn cancel_now(&mut self) -> Result<(), EngineError> {
        let mut warning = None;
        if self.state().is_with_executor() {
            let order = self.order()?;
            let (outputs, _) = self.work.run_outputs(&order.record);
            let source = PathBuf::from(&self.record.source);
            let asked = as_order(&order, &source, &outputs);
            let provider = self.engine.provider(&order.record.executor)?;
            if let Err(error) = provider.cancel(&asked, Some(&Self::handle(&order))) {
                warning = Some(self.event(
                    None,
                    EventKind::Warning {
                        text: format!("the executor could not be told to stop: {error}"),
                    },
                ));
            }
        }
        self.advance(JobInput::CancelRequested, |change| {
            change.clear_cancel = true;
            change.faults = 0;
            change.events.extend(warning);
        })?;
        Ok(())
    }

    /// The same for the same job, so that delays can be repeated.
    fn seed(&self) -> u64 {
        let digest = blake3::hash(self.record.id.as_str().as_bytes());
        let mut bytes = [0; 8];
        for (byte, digit) in bytes.iter_mut().zip(digest.as_bytes()) {
            *byte = *digit;
        }
        u64::from_le_bytes(bytes)
    }
}

/// What is left of an answer that cannot be read: that it cannot be read.
fn unreadable_answer(order: &CurrentOrder, text: String) -> Results {
    Results {
        schema_version: RESULTS_SCHEMA_VERSION,
        run_id: order.record.run_id.clone(),
        job_sha256: order.marker.job_sha256.clone(),
        complete: false,
        worker: WorkerDescription {
            engine: order.record.executor.clone(),
            version: String::new(),
            device: String::new(),
            models: Vec::new(),
        },
        photos: Vec::new(),
        stopped: None,
        unreadable: vec![UnreadableResult {
            photo_id: None,
            text,
        }],
    }
}

pub(super) fn as_order<'a>(
    order: &'a CurrentOrder,
    source: &'a std::path::Path,
    outputs: &'a std::path::Path,
) -> Order<'a> {
    Order {
        document: &order.document,
        marker: &order.marker,
        folder: &order.folder,
        source,
        outputs,
    }
}
