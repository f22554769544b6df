//! What can keep the engine from doing what it is asked.

use std::io;
use std::path::PathBuf;

use crate::bundle::{AnswerError, BundleError};
use crate::domain::id::JobId;
use crate::domain::state::{IllegalTransition, JobState};
use crate::fsx::{Fault, classify};
use crate::local::clip::ClipError;
use crate::provider::{FaultKind, ProviderError};
use crate::store::StoreError;

/// Why the engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An order cannot be written or read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Results that a person brought are not taken.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// Results that a person brought are another run's.
    #[error("the results are of run `{found}`, and job `{job}` {}", waits_for(waiting.as_deref()))]
    OtherRun {
        /// The job.
        job: JobId,
        /// The runs that the results are of.
        found: String,
        /// The run that it waits for, where it has one.
        waiting: Option<String>,
        /// The job of this home that the results are of, where there is one.
        owner: Option<JobId>,
    },
    /// Results that a person brought answer other questions than the run asks.
    #[error(
        "the results answer another order than run `{run_id}` of job `{job}`: its `job.json` differs"
    )]
    OtherOrder {
        /// The job.
        job: JobId,
        /// The run.
        run_id: String,
    },
    /// The run is waited for no more: it has another answer, or was ordered anew.
    #[error("run `{run_id}` of job `{job}` {}", closed(*answered, waiting.as_deref()))]
    RunClosed {
        /// The job.
        job: JobId,
        /// The run.
        run_id: String,
        /// Whether it has an answer.
        answered: bool,
        /// The run that the job waits for instead.
        waiting: Option<String>,
    },
    /// A file of the home or of a job.
    #[error(transparent)]
    Files(#[from] io::Error),
    /// A provider cannot be set up at all.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The CLIP model of this machine cannot be used.
    #[error("the CLIP model cannot be used: {0}")]
    Clip(#[from] ClipError),
    /// Two parts of the engine disagree about a state; nothing was changed.
    #[error(transparent)]
    Transition(#[from] IllegalTransition),
    /// No job has this id.
    #[error("no job `{0}` in this home")]
    UnknownJob(String),
    /// The text is the start of more than one job's id.
    #[error("`{text}` is the start of {} jobs, such as `{}`", candidates.len(), candidates.first().map_or("", JobId::as_str))]
    AmbiguousJob {
        /// What was given.
        text: String,
        /// The jobs that it may mean.
        candidates: Vec<JobId>,
    },
    /// Another process drives the job.
    #[error("job `{job}` is being driven by {owner}")]
    Locked {
        /// The job.
        job: JobId,
        /// Who holds it.
        owner: String,
    },
    /// The request means nothing in the job's state.
    #[error("job `{job}` is {state}, so it cannot {request}")]
    NotNow {
        /// The job.
        job: JobId,
        /// Its state.
        state: JobState,
        /// What was asked.
        request: &'static str,
    },
    /// The listing folder is gone.
    #[error("listing folder `{}` is not there", .0.display())]
    SourceMissing(PathBuf),
    /// A path that is no Unicode text cannot be recorded.
    #[error("path `{}` is no Unicode text", .0.display())]
    NotUnicode(PathBuf),
    /// Every name for the delivered folder is taken.
    #[error("no free name for `{slug}` in `{}`", out.display())]
    NoFreeName {
        /// The listing's slug.
        slug: String,
        /// The output folder.
        out: PathBuf,
    },
    /// A document in the job's work folder cannot be read.
    #[error("document `{}` is damaged: {reason}", path.display())]
    DamagedDocument {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The delivered folder cannot be written.
    #[error("failed to deliver to `{}`: {reason}", destination.display())]
    Delivery {
        /// Where to.
        destination: PathBuf,
        /// What is wrong, with every cause.
        reason: String,
        /// Whether it may work at another time.
        retryable: bool,
        /// Whose it is, where it is one of the file system.
        fault: Option<Fault>,
    },
    /// The request names nothing that it could apply to.
    #[error("job `{job}` has nothing to {request}")]
    NothingTo {
        /// The job.
        job: JobId,
        /// What was asked.
        request: &'static str,
    },
    /// An attempt with this seed was made already and would come to the same.
    #[error("seed {seed} was used for `{file}` already")]
    SeedUsed {
        /// The job.
        job: JobId,
        /// The photo's file.
        file: String,
        /// The seed.
        seed: u64,
    },
    /// Nothing of a plan goes to a worker elsewhere.
    #[error("this machine does all of the plan itself, so there is nothing to send")]
    NothingToSend,
    /// A person interrupted what cannot be gone on with.
    #[error("interrupted")]
    Interrupted,
    /// There is no such version of a picture.
    #[error("`{file}` has no other version to go back to: {reason}")]
    NoVersion {
        /// The job.
        job: JobId,
        /// The photo's file.
        file: String,
        /// What is missing.
        reason: String,
    },
}

fn waits_for(run: Option<&str>) -> String {
    match run {
        Some(run) => format!("waits for run `{run}`"),
        None => "waits for none".to_owned(),
    }
}

fn closed(answered: bool, waiting: Option<&str>) -> String {
    let why = if answered {
        "was answered already"
    } else {
        "was given up before it was answered"
    };
    match waiting {
        Some(run) => format!("{why}; the job now waits for run `{run}`"),
        None => why.to_owned(),
    }
}

impl EngineError {
    /// Whether the same call may succeed at another time without a person doing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retryable(),
            Self::Provider(error) => error.is_retryable(),
            Self::Locked { .. } => true,
            Self::Delivery { retryable, .. } => *retryable,
            Self::Clip(error) => error.is_retryable(),
            Self::Answer(error) => error.is_retryable(),
            Self::Files(_) | Self::Bundle(_) | Self::SourceMissing(_) => {
                self.fault().is_some_and(Fault::is_temporary)
            }
            Self::OtherRun { .. }
            | Self::OtherOrder { .. }
            | Self::RunClosed { .. }
            | Self::Transition(_)
            | Self::UnknownJob(_)
            | Self::AmbiguousJob { .. }
            | Self::NotNow { .. }
            | Self::NotUnicode(_)
            | Self::NoFreeName { .. }
            | Self::DamagedDocument { .. }
            | Self::NothingTo { .. }
            | Self::SeedUsed { .. }
            | Self::NothingToSend
            | Self::Interrupted
            | Self::NoVersion { .. } => false,
        }
    }

    /// Whose the error is, where it is one of the file system or the record.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::Files(error) | Self::Bundle(BundleError::Files(error)) => Some(classify(error)),
            Self::Delivery { fault, .. } => *fault,
            Self::Provider(error) if error.kind == FaultKind::Machine => Some(Fault::Passing),
            Self::Clip(ClipError::Unreadable { source }) => Some(classify(source)),
            Self::Store(error) => error.fault(),
            // A disk or a network folder that is away.
            Self::SourceMissing(_) => Some(Fault::Passing),
            _ => None,
        }
    }

    /// What kind of thing happened, in words that name no folder of this machine.
    #[must_use]
    pub fn in_short(&self) -> &'static str {
        match self.fault() {
            Some(Fault::Full) => "the disk is full",
            Some(Fault::ReadOnly) => "the disk is read-only",
            Some(Fault::OfTheUser) => "no permission",
            _ => "a disk or folder did not answer",
        }
    }

    /// What the person can do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownJob(_) => Some("`remedia list` shows every job".to_owned()),
            Self::AmbiguousJob { .. } => Some("give more of the job's id".to_owned()),
            Self::Locked { job, .. } => Some(format!(
                "wait with `remedia wait {job}`, or look with `remedia status {job}`"
            )),
            Self::Answer(error) => error.hint(),
            Self::OtherRun {
                owner: Some(owner), ..
            } => Some(format!("`remedia import {owner} FILE` takes them for their own job")),
            Self::OtherRun { job, .. } | Self::OtherOrder { job, .. } => Some(format!(
                "`remedia status {job}` tells what it waits for; `remedia list` shows the other jobs"
            )),
            Self::RunClosed {
                waiting: Some(run), ..
            } => Some(format!(
                "give the results of `{run}`; a browser gives the same name to several files, with a number in the later ones"
            )),
            Self::RunClosed { job, .. } => Some(format!(
                "`remedia show {job}` tells what came of it; `remedia retry {job} --failed` asks for what is missing"
            )),
            Self::NotNow { job, .. } | Self::NothingTo { job, .. } => {
                Some(format!("`remedia show {job}` tells where it stands"))
            }
            Self::SeedUsed { job, .. } => Some(format!(
                "give another seed, or leave it out: `remedia retry {job} --photo PHOTO`"
            )),
            Self::NoVersion { job, .. } => Some(format!(
                "`remedia show {job} --photo PHOTO` lists the versions and attempts"
            )),
            Self::NothingToSend => Some(
                "name the operations and the provider, such as `--operations stage --provider kaggle`"
                    .to_owned(),
            ),
            Self::SourceMissing(_) => Some("put the folder back, then ask again".to_owned()),
            Self::NotUnicode(_) => Some("rename the folder".to_owned()),
            Self::NoFreeName { .. } => Some("choose another folder with `--out`".to_owned()),
            Self::DamagedDocument { .. } => {
                Some("make the job anew with `remedia submit … --force`".to_owned())
            }
            Self::Delivery { fault, .. } => Some(
                fault
                    .and_then(Fault::hint)
                    .unwrap_or("make room or give rights, then ask again")
                    .to_owned(),
            ),
            Self::Clip(_) => Some(
                "`remedia models verify` tells what is wrong with it; `--clip-model off` does without"
                    .to_owned(),
            ),
            Self::Store(error) => error.hint(),
            Self::Provider(error) => error.hint(),
            Self::Files(_) | Self::Bundle(_) => {
                self.fault().and_then(Fault::hint).map(str::to_owned)
            }
            Self::Transition(_) | Self::Interrupted => None,
        }
    }
}
