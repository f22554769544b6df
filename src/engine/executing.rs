//! With the executor: handing an order over, looking how far it is, fetching what it made, and hearing what it tells
//! meanwhile.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::event::{EventKind, Stage};
use crate::domain::results::{
    RESULTS_SCHEMA_VERSION, Results, UnreadableResult, WorkerDescription,
};
use crate::domain::state::{JobInput, JobState};
use crate::fsx::fs;
use crate::provider::{
    FaultKind, Order, Provider, ProviderError, RunContext, RunHandle, RunProgress, RunState,
};

use super::documents;
use super::drive::Journey;
use super::error::EngineError;
use super::hearing::Hearing;
use super::lock::after;
use super::request::Ending;
use super::session::{CurrentOrder, Session};

impl Session<'_> {
    pub(super) fn handle(order: &CurrentOrder) -> RunHandle {
        RunHandle {
            remote: order
                .record
                .remote
                .clone()
                .unwrap_or_else(|| order.record.run_id.clone()),
        }
    }

    pub(super) fn find_or_submit(
        &mut self,
        journey: &Journey<'_>,
    ) -> Result<Option<Ending>, EngineError> {
        let order = self.order()?;
        let provider = self.engine.provider(&order.record.executor)?;
        let (outputs, _) = self.work.run_outputs(&order.record);
        fs::create_dir_all(&outputs)?;
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

    pub(super) fn poll(&mut self, journey: &Journey<'_>) -> Result<Option<Ending>, EngineError> {
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
            Ok(RunState::Queued { why }) => {
                if self.state() != JobState::Queued {
                    self.advance(JobInput::RunQueued, |_| {})?;
                }
                if why != self.record.problem || self.record.faults > 0 {
                    let told = why
                        .clone()
                        .filter(|text| self.record.problem.as_ref() != Some(text))
                        .map(|text| self.event(None, EventKind::Warning { text }));
                    self.note(|change| {
                        change.faults = 0;
                        change.problem = why;
                        change.events.extend(told);
                    })?;
                }
                self.wait_for_remote(&order, provider.as_ref(), journey)
            }
            Ok(RunState::Running { done, total }) => {
                if self.state() != JobState::Running {
                    self.advance(JobInput::RunStarted, |change| change.faults = 0)?;
                } else if self.record.faults > 0 {
                    self.note(|change| {
                        change.faults = 0;
                        change.problem = None;
                    })?;
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

    pub(super) fn collect(&mut self, journey: &Journey<'_>) -> Result<Option<Ending>, EngineError> {
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
                if let Some(why) = results.why_unbegun() {
                    let internet = self.work.plan()?.session.internet;
                    let stop = results.stopped.as_ref();
                    let retryable = stop.is_none_or(|stop| stop.may_pass(internet));
                    self.run_failed(&order, &why, retryable)?;
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
