//! From an error to what a person reads and a script gets: heading, causes, hints, exit code.

use std::io;

use crate::domain::id::JobId;
use crate::engine::{AnswerError, EngineError};
use crate::fsx::{Fault, classify};

use super::exit::Exit;

/// An error on its way out, with the exit code that it means and what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What failed.
    pub(crate) error: anyhow::Error,
    /// What to do next: the first is the one command that continues the work.
    pub(crate) hints: Vec<String>,
}

impl Failure {
    /// An error with the general exit code, or with the one for what passes, where a disk of this machine that does not
    /// answer or is full is at the bottom of it.
    #[must_use]
    pub(crate) fn new(error: impl Into<anyhow::Error>) -> Self {
        let error = error.into();
        let passes = fault(&error).is_some_and(Fault::is_temporary);
        Self {
            exit: if passes { Exit::TEMPORARY } else { Exit::ERROR },
            error,
            hints: Vec::new(),
        }
    }

    /// A wrong command line, or a wrong file that it names.
    #[must_use]
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        let failure = Self::new(error);
        match fault(&failure.error) {
            // The line may be right: the machine does not let its files be read.
            Some(Fault::Passing | Fault::Full | Fault::ReadOnly) => failure,
            _ => failure.exit(Exit::USAGE),
        }
    }

    /// The same with another exit code.
    #[must_use]
    pub(crate) fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// The same with one more hint.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// A drive of `job` that ended in an error: whatever it was, the same job goes on.
    #[must_use]
    pub(crate) fn while_driving(job: &JobId, error: EngineError) -> Self {
        let known = matches!(
            error,
            EngineError::Locked { .. } | EngineError::UnknownJob(_) | EngineError::NotNow { .. }
        );
        let failure = Self::from(error);
        if known {
            failure
        } else {
            failure.hint(format!("`remedia resume {job}` goes on"))
        }
    }

    /// Whether the reader of our output went away: `remedia list | head` is no failure.
    #[must_use]
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.error.chain().any(|cause| {
            cause
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        })
    }

    /// The causes behind the heading, each once.
    #[must_use]
    pub(crate) fn causes(&self) -> Vec<String> {
        let heading = self.error.to_string();
        let mut causes: Vec<String> = Vec::new();
        for cause in self.error.chain().skip(1).map(ToString::to_string) {
            let told =
                heading.contains(&cause) || causes.iter().any(|known| known.contains(&cause));
            if !told {
                causes.push(cause);
            }
        }
        causes
    }
}

/// Whose the error is, where one of the file system is at the bottom of it.
fn fault(error: &anyhow::Error) -> Option<Fault> {
    let mut causes = error.chain();
    causes.find_map(|cause| cause.downcast_ref::<io::Error>().map(classify))
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let fault = classify(&error);
        let failure = Self::new(error);
        match fault.hint() {
            Some(hint) if fault != Fault::OfTheFile => failure.hint(hint),
            _ => failure,
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        use crate::provider::FaultKind;
        use EngineError as E;
        let exit = match &error {
            E::Locked { .. } => Exit::LOCKED,
            E::UnknownJob(_)
            | E::AmbiguousJob { .. }
            | E::SeedUsed { .. }
            | E::NoVersion { .. } => Exit::USAGE,
            E::Provider(fault) => match fault.kind {
                FaultKind::Credentials => Exit::CREDENTIALS,
                FaultKind::Network | FaultKind::Quota | FaultKind::Machine => Exit::TEMPORARY,
                FaultKind::Refused => Exit::REFUSED,
                FaultKind::Interrupted => Exit::INTERRUPTED,
                FaultKind::Answer | FaultKind::Files | FaultKind::Unknown => Exit::ERROR,
            },
            E::Answer(AnswerError::Files(_) | AnswerError::NotKept(_)) => Exit::ERROR,
            E::Answer(AnswerError::Missing(_)) => Exit::USAGE,
            E::Answer(_) | E::OtherRun { .. } | E::OtherOrder { .. } | E::RunClosed { .. } => {
                Exit::REFUSED
            }
            other if other.is_retryable() => Exit::TEMPORARY,
            _ => Exit::ERROR,
        };
        let hint = error.hint();
        let failure = Self::new(error).exit(exit);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<crate::planner::PlanError> for Failure {
    fn from(error: crate::planner::PlanError) -> Self {
        use crate::planner::PlanError as E;
        let (exit, hint) = match &error {
            E::Refused { hint, .. } => (Exit::REFUSED, Some(hint.clone())),
            E::UnknownProvider { .. } | E::OutOfRange { .. } => (Exit::USAGE, None),
            E::NoPhotos { .. } => (
                Exit::ERROR,
                Some(
                    "remedia reads JPEG, PNG, WebP and TIFF; `--recursive` looks into sub-folders"
                        .to_owned(),
                ),
            ),
            E::BracketWithoutPhoto(_) => (Exit::ERROR, None),
        };
        let failure = Self::new(error).exit(exit);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<crate::planner::styles::StyleError> for Failure {
    fn from(error: crate::planner::styles::StyleError) -> Self {
        Self::new(error).hint("mend that file; `remedia styles schema` prints the form of a style")
    }
}

impl From<crate::planner::styles::UnknownStyle> for Failure {
    fn from(error: crate::planner::styles::UnknownStyle) -> Self {
        Self::usage(error).hint("`remedia styles` lists them")
    }
}

impl From<crate::ingest::IngestError> for Failure {
    fn from(error: crate::ingest::IngestError) -> Self {
        use crate::ingest::IngestError as E;
        let hint = match &error {
            E::Missing(_) | E::NotAFolder(_) | E::TooManyEntries { .. } => {
                "give the folder of one listing: `remedia plan FOLDER`"
            }
            E::Unreadable { .. } | E::Fault { .. } if error.is_retryable() => {
                "look at the disk or the network folder, then ask again"
            }
            E::Unreadable { .. } | E::Fault { .. } => {
                "give yourself the right to read it, then ask again"
            }
            E::NoPhotos { .. } => {
                "remedia reads JPEG, PNG, WebP and TIFF; `--recursive` looks into sub-folders"
            }
            E::ListingFile { .. } => "mend listing.toml, then ask again",
            E::Mask { .. } => {
                "a mask is a picture of the photo's shape, white where it may change; mend it or take it out of listing.toml"
            }
            E::PatternFitsNothing { .. } => {
                "give the file's name as `remedia plan FOLDER` shows it"
            }
            E::UnevenBrackets { .. } | E::BracketSizes { .. } => {
                "`--brackets auto` finds them by EXIF and file names, `--brackets off` leaves them apart"
            }
        };
        let exit = match &error {
            E::PatternFitsNothing { .. } => Exit::USAGE,
            error if error.is_retryable() => Exit::TEMPORARY,
            _ => Exit::ERROR,
        };
        Self::new(error).exit(exit).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_the_heading_tells_is_not_told_again() {
        let error = anyhow::anyhow!("no space left").context("failed to write `a`: no space left");
        assert!(Failure::new(error).causes().is_empty());
        let error = anyhow::anyhow!("inner").context("middle").context("outer");
        assert_eq!(Failure::new(error).causes(), ["middle", "inner"]);
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let gone = io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(Failure::from(gone).is_broken_pipe());
        assert!(!Failure::new(anyhow::anyhow!("else")).is_broken_pipe());
    }
}
