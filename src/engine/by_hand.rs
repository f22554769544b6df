//! Orders that a person does: handing them over, and taking what the person brings back.

use std::path::{Path, PathBuf};

use crate::bundle;
use crate::domain::id::{JobId, PhotoId};
use crate::domain::operation::OperationKind;
use crate::domain::state::JobState;
use crate::fsx::fs;
use crate::provider::{FaultKind, Order, ProviderError};

use super::engine::Engine;
use super::error::EngineError;
use super::executing::as_order;
use super::request::{HandOverOutcome, ImportOutcome, ImportedUnit};
use super::session::Session;
use super::sink::EventSink;

impl Engine {
    /// From now on the job's orders are handed to a person in `folder`, absolute: the one that waits at
    /// once, others when they are made. Gives what was handed over; the same order is the same bytes.
    ///
    /// # Errors
    /// [`EngineError::Locked`] where another process drives it; what keeps the folder from being written.
    pub fn hand_over(
        &self,
        job: &JobId,
        folder: &Path,
        events: &mut dyn EventSink,
    ) -> Result<Option<HandOverOutcome>, EngineError> {
        if folder.to_str().is_none() {
            return Err(EngineError::NotUnicode(folder.to_owned()));
        }
        let session = Session::open(self, job, events)?;
        // Before it is written down: a folder that cannot be made would keep the job from going on.
        fs::create_dir_all(folder)?;
        session.work.write_hand_over(folder.to_owned())?;
        if session.state() != JobState::AwaitingOperator {
            return Ok(None);
        }
        let order = session.order()?;
        let (outputs, _) = session.work.run_outputs(&order.record);
        let source = PathBuf::from(&session.record.source);
        let provider = self.provider(&order.record.executor)?;
        let files = provider.hand_over(&as_order(&order, &source, &outputs), folder)?;
        Ok(Some(HandOverOutcome {
            run_id: order.record.run_id.clone(),
            photos: order.document.photos.len(),
            files,
        }))
    }

    /// Whether the job waits for a person who brings results, rather than for a person's word.
    ///
    /// # Errors
    /// What keeps the record from being read.
    pub fn awaits_results(&self, job: &JobId) -> Result<bool, EngineError> {
        let record = self.record(job)?;
        if record.state != JobState::AwaitingOperator {
            return Ok(false);
        }
        let Some(order) = self.store().orders(job)?.pop() else {
            return Ok(false);
        };
        let work = self.work(job);
        let folder = work.order(order.number);
        let (document, marker) = bundle::read_order(&folder)?;
        let (outputs, _) = work.run_outputs(&order);
        let source = PathBuf::from(&record.source);
        let asked = Order {
            document: &document,
            marker: &marker,
            folder: &folder,
            source: &source,
            outputs: &outputs,
        };
        let provider = self.provider(&order.executor)?;
        Ok(provider.import_folder(&asked).is_some())
    }

    /// Takes the results at `paths` as the answer to the job's present run, as if its provider had
    /// finished; `drive` then goes on with them. The same results once more change nothing.
    ///
    /// # Errors
    /// [`EngineError::Answer`] for what is no answer, was changed or holds nothing, [`EngineError::OtherRun`] and
    /// [`EngineError::OtherOrder`] for another's, [`EngineError::RunClosed`] where the run has another answer or is waited for no more, [`EngineError::NotNow`] for
    /// a job that has ended. The job is then as it was.
    pub fn import(
        &self,
        job: &JobId,
        paths: &[PathBuf],
        events: &mut dyn EventSink,
    ) -> Result<ImportOutcome, EngineError> {
        let answer = bundle::open_answer(paths)?;
        let mut session = Session::open(self, job, events)?;
        let state = session.state();
        let orders = session.store().orders(job)?;
        let runs = answer.runs();
        let known = orders
            .iter()
            .rev()
            .find(|order| runs.contains(&order.run_id.as_str()));
        let present = orders.last().map(|order| order.run_id.clone());
        let Some(record) = known else {
            return Err(EngineError::OtherRun {
                job: job.clone(),
                found: runs.join("`, `"),
                waiting: present.filter(|_| state.is_with_executor()),
                owner: self.owner(&runs)?.filter(|owner| owner != job),
            });
        };
        let is_present = present.as_ref() == Some(&record.run_id);
        let is_open = is_present && state.is_with_executor() && state != JobState::Collecting;
        let folder = session.work.order(record.number);
        if is_present && matches!(state, JobState::Cancelled | JobState::Failed) {
            return Err(EngineError::NotNow {
                job: job.clone(),
                state,
                request: "take results",
            });
        }
        let closed = |answered: bool| EngineError::RunClosed {
            job: job.clone(),
            run_id: record.run_id.clone(),
            answered,
            waiting: orders
                .last()
                .map(|order| order.run_id.clone())
                .filter(|run_id| *run_id != record.run_id && state.is_with_executor()),
        };
        let Ok((document, marker)) = bundle::read_order(&folder) else {
            // The files of a delivered job may have been cleared away.
            return Err(closed(true));
        };
        let (outputs, _) = session.work.run_outputs(record);
        let source = PathBuf::from(&session.record.source);
        let provider = self.provider(&record.executor)?;
        let asked = Order {
            document: &document,
            marker: &marker,
            folder: &folder,
            source: &source,
            outputs: &outputs,
        };
        let Some(target) = provider.import_folder(&asked) else {
            return Err(ProviderError::new(
                provider.name(),
                FaultKind::Refused,
                format!("it fetches the results of run `{}` itself", record.run_id),
            )
            .into());
        };
        let Some(checked) = answer.check(&document, &marker)? else {
            return Err(EngineError::OtherOrder {
                job: job.clone(),
                run_id: record.run_id.clone(),
            });
        };
        let photos = session.store().photos(job)?;
        let named = |units: &[(PhotoId, OperationKind)]| -> Vec<ImportedUnit> {
            let name = |id: &PhotoId| photos.iter().find(|photo| &photo.id == id);
            units
                .iter()
                .filter_map(|(id, operation)| {
                    Some(ImportedUnit {
                        file: name(id)?.file.clone(),
                        operation: *operation,
                    })
                })
                .collect()
        };
        let mut outcome = ImportOutcome {
            run_id: record.run_id.clone(),
            pictures: checked.pictures(),
            missing: named(checked.missing()),
            unanswered: named(checked.unanswered()),
            late: 0,
            complete: checked.is_complete(),
            already: false,
        };
        if !is_open {
            if !checked.is_kept_in(&target) {
                return Err(closed(target.join(bundle::RESULTS_FILE).is_file()));
            }
            outcome.already = true;
            outcome.late = checked.beyond(&target);
            return Ok(outcome);
        }
        if let Some(why) = checked.why_unbegun() {
            return Err(bundle::AnswerError::NothingMade(why).into());
        }
        if outcome.pictures == 0 && !outcome.missing.is_empty() {
            return Err(bundle::AnswerError::NoPictures.into());
        }
        checked.write(&target)?;
        self.resume_in(&mut session)?;
        Ok(outcome)
    }

    /// The job of this home that one of these runs is of.
    fn owner(&self, runs: &[&str]) -> Result<Option<JobId>, EngineError> {
        for run in runs {
            let name = run.rsplit_once("-r").map(|(job, _)| job);
            if let Some(id) = name.and_then(|name| name.parse::<JobId>().ok())
                && self.store().job(&id)?.is_some()
            {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}
