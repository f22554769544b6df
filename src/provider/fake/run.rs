//! The near side of the fake provider.

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::results::{Results, read_results};
use crate::fsx::{self, fs};
use crate::provider::contract::{Order, Provider, RunContext, RunHandle, RunProgress, RunState};
use crate::provider::error::{FaultKind, ProviderError};

use super::remote::{Remote, RemoteRun, broken};
use super::script::{AnswerOutcome, CallOutcome, FakeScript, RunFailure};

/// The provider's name.
pub(super) const NAME: &str = "fake";

/// A provider that plays a script.
#[derive(Clone, Debug)]
pub struct FakeProvider {
    remote: Remote,
    script: FakeScript,
}

impl FakeProvider {
    /// A provider whose far side is the folder `root`.
    #[must_use]
    pub const fn new(root: PathBuf, script: FakeScript) -> Self {
        Self {
            remote: Remote { root },
            script,
        }
    }

    /// Plays the next outcome of `call`; whether its answer gets lost.
    fn play(&self, call: &str, outcomes: &[CallOutcome]) -> Result<bool, ProviderError> {
        let before = self.remote.count(call)?;
        let fault = |kind, text: &str| {
            Err(ProviderError::new(NAME, kind, text).with_retry_after(self.script.retry_after()))
        };
        match outcomes.get(before).copied().unwrap_or(CallOutcome::Ok) {
            CallOutcome::Ok => Ok(false),
            CallOutcome::Lost => Ok(true),
            CallOutcome::Network => fault(FaultKind::Network, "the far side cannot be reached"),
            CallOutcome::Quota => fault(FaultKind::Quota, "the allowance is used up"),
            CallOutcome::Credentials => {
                fault(FaultKind::Credentials, "the credentials are not accepted")
            }
            CallOutcome::Refused => fault(FaultKind::Refused, "the order is refused"),
        }
    }

    fn lost(call: &str) -> ProviderError {
        ProviderError::new(
            NAME,
            FaultKind::Network,
            format!("the answer to `{call}` was lost"),
        )
    }

    fn handle(run_id: &str) -> RunHandle {
        RunHandle {
            remote: format!("fake/{run_id}"),
        }
    }
}

impl Provider for FakeProvider {
    fn name(&self) -> &str {
        NAME
    }

    fn poll_interval(&self, _: &Order<'_>) -> Duration {
        Duration::ZERO
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn stays_here(&self) -> bool {
        true
    }

    fn find(&self, order: &Order<'_>) -> Result<Option<RunHandle>, ProviderError> {
        let lost = self.play("find", &self.script.find)?;
        if lost {
            return Err(Self::lost("find"));
        }
        let run_id = &order.document.run_id;
        Ok(self.remote.run(run_id)?.map(|_| Self::handle(run_id)))
    }

    fn submit(&self, order: &Order<'_>, _: &RunContext<'_>) -> Result<RunHandle, ProviderError> {
        let lost = self.play("submit", &self.script.submit)?;
        let run_id = &order.document.run_id;
        let mut run = match self.remote.run(run_id)? {
            Some(run) => run,
            None => RemoteRun {
                ordinal: self.remote.count("runs")?,
                ..RemoteRun::default()
            },
        };
        run.submissions += 1;
        self.remote.save(run_id, &run)?;
        if lost {
            return Err(Self::lost("submit"));
        }
        Ok(Self::handle(run_id))
    }

    fn poll(
        &self,
        order: &Order<'_>,
        _: &RunHandle,
        context: &RunContext<'_>,
    ) -> Result<RunState, ProviderError> {
        if (context.interrupted)() {
            return Err(ProviderError::new(
                NAME,
                FaultKind::Interrupted,
                "interrupted",
            ));
        }
        let lost = self.play("poll", &self.script.poll)?;
        if lost {
            return Err(Self::lost("poll"));
        }
        let run_id = &order.document.run_id;
        let Some(mut run) = self.remote.run(run_id)? else {
            return Ok(RunState::Failed {
                text: "the run is not there".to_owned(),
                retryable: true,
            });
        };
        if let Some(instruction) = &self.script.operator
            && !run.operator_done
        {
            return Ok(RunState::AwaitingOperator {
                instruction: instruction.clone(),
            });
        }
        run.polls += 1;
        self.remote.save(run_id, &run)?;
        let running = run.polls.saturating_sub(self.script.queued_polls);
        if running == 0 {
            return Ok(RunState::Queued { why: None });
        }
        let total = u64::from(self.script.running_polls);
        if running <= self.script.running_polls {
            let done = u64::from(running) - 1;
            (context.progress)(RunProgress::Count { done, total });
            return Ok(RunState::Running { done, total });
        }
        let failed = |retryable| RunState::Failed {
            text: "the far side broke".to_owned(),
            retryable,
        };
        match self.script.runs.get(run.ordinal) {
            Some(RunFailure::Retryable) => return Ok(failed(true)),
            Some(RunFailure::Permanent) => return Ok(failed(false)),
            Some(RunFailure::None) | None => {}
        }
        if self.remote.answer(run_id)?.is_none() {
            self.remote.work(order, &self.script)?;
        }
        Ok(RunState::Finished)
    }

    fn collect(
        &self,
        order: &Order<'_>,
        _: &RunHandle,
        context: &RunContext<'_>,
    ) -> Result<Results, ProviderError> {
        if self.play("collect", &self.script.collect)? {
            return Err(Self::lost("collect"));
        }
        let run_id = &order.document.run_id;
        let answer = self.remote.answer(run_id)?.ok_or_else(|| {
            ProviderError::new(NAME, FaultKind::Network, "the results are not there yet")
        })?;
        let ordinal = self.remote.run(run_id)?.map_or(0, |run| run.ordinal);
        let answer = match self.script.answers.get(ordinal) {
            Some(outcome) => spoiled(answer, *outcome)?,
            None => answer,
        };
        let results = read_results(&answer)
            .map_err(|error| ProviderError::new(NAME, FaultKind::Answer, error.to_string()))?;
        fs::create_dir_all(order.outputs).map_err(broken)?;
        let files: Vec<&str> = results
            .photos
            .iter()
            .flat_map(|photo| &photo.operations)
            .flat_map(|operation| &operation.attempts)
            .flat_map(|attempt| [&attempt.image, &attempt.mask, &attempt.labels])
            .flatten()
            .map(|file| file.file.as_str())
            .collect();
        let total = files.len() as u64;
        for (done, file) in (1..).zip(files) {
            if (context.interrupted)() {
                return Err(ProviderError::new(
                    NAME,
                    FaultKind::Interrupted,
                    "interrupted",
                ));
            }
            // A path that leaves the folder is not fetched; whoever judges finds nothing there.
            if let Ok(path) = fsx::contained(order.outputs, file) {
                fsx::write_atomic(&path, &self.remote.file(run_id, file)?).map_err(broken)?;
            }
            (context.progress)(RunProgress::Count { done, total });
        }
        Ok(results)
    }

    fn cancel(&self, order: &Order<'_>, _: Option<&RunHandle>) -> Result<(), ProviderError> {
        self.remote.forget(&order.document.run_id)
    }

    fn operator_done(&self, order: &Order<'_>) -> Result<(), ProviderError> {
        let run_id = &order.document.run_id;
        if let Some(mut run) = self.remote.run(run_id)? {
            run.operator_done = true;
            self.remote.save(run_id, &run)?;
        }
        Ok(())
    }
}

/// The answer as the script wants it.
fn spoiled(answer: Vec<u8>, outcome: AnswerOutcome) -> Result<Vec<u8>, ProviderError> {
    let changed = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut document = serde_json::from_slice(&answer).map_err(broken)?;
        change(&mut document);
        serde_json::to_vec(&document).map_err(broken)
    };
    match outcome {
        AnswerOutcome::Whole => Ok(answer),
        AnswerOutcome::WrongTypes => changed(&|document| {
            document["worker"] = 7.into();
            document["photos"] = "none".into();
        }),
        AnswerOutcome::WrongPhoto => changed(&|document| {
            if let Some(photo) = document
                .pointer_mut("/photos/0")
                .and_then(serde_json::Value::as_object_mut)
            {
                photo.insert("operations".to_owned(), 7.into());
            }
        }),
        AnswerOutcome::Html => Ok(b"<!doctype html><title>502 Bad Gateway</title>".to_vec()),
        AnswerOutcome::Truncated => Ok(answer[..answer.len() / 2].to_vec()),
        AnswerOutcome::Half => changed(&|document| {
            document["complete"] = false.into();
            if let Some(photos) = document["photos"].as_array_mut() {
                photos.truncate(photos.len().div_ceil(2));
            }
        }),
        AnswerOutcome::Unbegun | AnswerOutcome::Stopped | AnswerOutcome::StoppedForGood => {
            changed(&|document| {
                document["complete"] = false.into();
                document["photos"] = serde_json::json!([]);
                if outcome != AnswerOutcome::Unbegun {
                    document["stopped"] = serde_json::json!({
                        "code": "model_missing",
                        "text": "the script says so",
                        "retryable": outcome == AnswerOutcome::Stopped,
                    });
                }
            })
        }
    }
}
