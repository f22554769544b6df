//! The trait that every provider implements.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::id::{JobId, PhotoId};
use crate::domain::job::{JobOrder, RunMarker};
use crate::domain::results::{OperationResult, Results};

use super::error::{FaultKind, ProviderError};

/// An order as it lies on disk, complete before any provider sees it.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// What is asked.
    pub document: &'a JobOrder,
    /// The marker, with the digest of `job.json`.
    pub marker: &'a RunMarker,
    /// The folder that holds `job.json`, the marker and, for a provider elsewhere, the photos.
    pub folder: &'a Path,
    /// The listing folder, absolute. Only ever read.
    pub source: &'a Path,
    /// The folder that results go to; image paths in the results are relative to it.
    pub outputs: &'a Path,
}

impl Order<'_> {
    /// The work folder of the job: orders lie in a folder of it, each in one of its own.
    #[must_use]
    pub fn work(&self) -> &Path {
        self.folder.ancestors().nth(2).unwrap_or(self.folder)
    }
}

/// How a provider names a run that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunHandle {
    /// The provider's own name for it.
    pub remote: String,
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// It waits for its turn.
    Queued {
        /// For what, where that is worth telling.
        why: Option<String>,
    },
    /// It works.
    Running {
        /// Attempts done.
        done: u64,
        /// Attempts in all.
        total: u64,
    },
    /// It waits for a person.
    AwaitingOperator {
        /// What to do.
        instruction: String,
    },
    /// It has ended and there are results, perhaps not for everything.
    Finished,
    /// It was lost or broke, without results.
    Failed {
        /// What happened.
        text: String,
        /// Whether another run may do better.
        retryable: bool,
    },
}

/// Something that a provider tells while it works.
#[derive(Clone, Debug, PartialEq)]
pub enum RunProgress<'a> {
    /// Units done of all.
    Count {
        /// Done.
        done: u64,
        /// In all.
        total: u64,
    },
    /// An operation on a photo came to an end in this run.
    Operation {
        /// Which photo.
        photo: &'a PhotoId,
        /// What came of it.
        result: &'a OperationResult,
    },
}

/// What the engine lends to a provider while it works.
pub struct RunContext<'a> {
    /// Hears how far it is; may be called from any thread.
    pub progress: &'a (dyn Fn(RunProgress<'_>) + Sync),
    /// Whether to stop at the next safe point.
    pub interrupted: &'a (dyn Fn() -> bool + Sync),
}

impl fmt::Debug for RunContext<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RunContext").finish_non_exhaustive()
    }
}

/// Who is signed in at a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The user's name there, where it is told.
    pub user: Option<String>,
    /// Where the credentials came from.
    pub source: String,
    /// Credentials that were found before and not accepted, with the reason.
    pub refused: Vec<String>,
    /// What should be mended.
    pub warnings: Vec<String>,
    /// What is left of the allowance, and what it was.
    pub allowance: Option<(Duration, Duration)>,
    /// When the allowance is renewed.
    pub renewed: Option<Timestamp>,
    /// What of the account's work holds a GPU now, and how much may at a time; nothing where it is not told.
    pub running: Option<(Vec<String>, usize)>,
    /// How far this machine's clock is from the provider's, where that could be seen.
    pub clock_off_by: Option<Duration>,
}

/// Something of an ended job that still lies at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Whose.
    pub job: JobId,
    /// What it is there, such as `dataset`.
    pub kind: &'static str,
    /// Its name there.
    pub name: String,
}

/// Someone who makes pixels. Every call may be repeated after a crash: `find` tells whether the
/// order arrived, so that nothing is ever handed over twice.
pub trait Provider: Send + Sync + fmt::Debug {
    /// The name used in plans and on the command line.
    fn name(&self) -> &str;

    /// How long to wait before the next poll of this order; nothing for work in this process.
    fn poll_interval(&self, order: &Order<'_>) -> Duration;

    /// Whether the work is done elsewhere, so that this process may leave meanwhile.
    fn is_remote(&self) -> bool;

    /// Whether orders stay on this machine, so that they may say the photos' own names.
    fn stays_here(&self) -> bool {
        !self.is_remote()
    }

    /// Whether the provider has this order.
    ///
    /// # Errors
    /// What keeps it from answering.
    fn find(&self, order: &Order<'_>) -> Result<Option<RunHandle>, ProviderError>;

    /// Hands the order over. After an error it may or may not have arrived.
    ///
    /// # Errors
    /// What kept it from being confirmed; an interruption.
    fn submit(
        &self,
        order: &Order<'_>,
        context: &RunContext<'_>,
    ) -> Result<RunHandle, ProviderError>;

    /// How far the run is. A provider in this process does its work here.
    ///
    /// # Errors
    /// What keeps it from answering; an interruption.
    fn poll(
        &self,
        order: &Order<'_>,
        run: &RunHandle,
        context: &RunContext<'_>,
    ) -> Result<RunState, ProviderError>;

    /// Puts the results into the order's `outputs` and gives the document.
    ///
    /// # Errors
    /// What keeps it from fetching them; nothing half-written stays.
    fn collect(
        &self,
        order: &Order<'_>,
        run: &RunHandle,
        context: &RunContext<'_>,
    ) -> Result<Results, ProviderError>;

    /// Stops the run and forgets it. A run that is not there is no error.
    ///
    /// # Errors
    /// What keeps it from being stopped.
    fn cancel(&self, order: &Order<'_>, run: Option<&RunHandle>) -> Result<(), ProviderError>;

    /// Takes a person's word that the outside part is done.
    ///
    /// # Errors
    /// What keeps it from being noted.
    fn operator_done(&self, order: &Order<'_>) -> Result<(), ProviderError>;

    /// Who is signed in and what is left of the allowance; nothing for a provider that asks nobody.
    ///
    /// # Errors
    /// What keeps it from being known.
    fn account(&self) -> Result<Option<Account>, ProviderError> {
        Ok(None)
    }

    /// What lies at the provider of these jobs, each with its work folder. Nothing is asked about others.
    ///
    /// # Errors
    /// What keeps it from being listed.
    fn leftovers(&self, _jobs: &[(JobId, PathBuf)]) -> Result<Vec<Leftover>, ProviderError> {
        Ok(Vec::new())
    }

    /// Removes what [`Provider::leftovers`] listed for the job with this work folder. What is gone already
    /// is no error.
    ///
    /// # Errors
    /// What keeps it from being removed.
    fn remove(&self, _leftover: &Leftover, _work: &Path) -> Result<(), ProviderError> {
        Ok(())
    }

    /// The folder that results of this order may be put into by hand, its `results.json` last; nothing for
    /// a provider that fetches them itself.
    fn import_folder(&self, _order: &Order<'_>) -> Option<PathBuf> {
        None
    }

    /// Writes what a person needs to do the order by hand into `folder` and gives the files' names, the steps
    /// first. Asked before `submit`, the order is done by hand; asked again, the same bytes are written again.
    ///
    /// # Errors
    /// What keeps it from being written; a provider whose orders nobody does by hand refuses.
    fn hand_over(&self, _order: &Order<'_>, _folder: &Path) -> Result<Vec<String>, ProviderError> {
        Err(ProviderError::new(
            self.name(),
            FaultKind::Refused,
            "its orders are not done by hand",
        ))
    }

    /// A person stopped this process while the provider has the order, and nobody may look for long: what
    /// costs while nobody looks is stopped, and begins anew at the next poll.
    ///
    /// # Errors
    /// What keeps it from being stopped.
    fn leave(&self, _order: &Order<'_>) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Tells each line that the run writes, as it comes, until the run ends or someone interrupts.
    ///
    /// # Errors
    /// What keeps it from being read; a provider whose runs write nothing refuses.
    fn follow(
        &self,
        _order: &Order<'_>,
        _run: &RunHandle,
        _line: &mut dyn FnMut(&str),
        _interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), ProviderError> {
        Err(ProviderError::new(
            self.name(),
            FaultKind::Refused,
            "its runs keep no log that could be followed",
        ))
    }
}
