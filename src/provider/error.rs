//! What can go wrong with a provider, and what follows from it.

use std::error::Error;
use std::time::Duration;

use crate::fsx::{Fault, classify_any};

/// A provider did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{provider}: {text}")]
pub struct ProviderError {
    /// Which provider.
    pub provider: String,
    /// What sort of fault it is.
    pub kind: FaultKind,
    /// What happened, lower case, without a final period.
    pub text: String,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
}

/// Sorts of fault, by what follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// It could not be reached, or broke for a moment.
    Network,
    /// The allowance is used up for now.
    Quota,
    /// It does not accept who asks.
    Credentials,
    /// It refuses what is asked, and will refuse it again.
    Refused,
    /// Its answer cannot be read; the run is over and gave nothing usable.
    Answer,
    /// A file or document on this machine, until a person does something about it.
    Files,
    /// A disk or folder of this machine does not answer for now, or is full.
    Machine,
    /// A person interrupted.
    Interrupted,
    /// There is no such provider in this build.
    Unknown,
}

impl ProviderError {
    /// A fault of `provider`.
    #[must_use]
    pub fn new(provider: &str, kind: FaultKind, text: impl Into<String>) -> Self {
        Self {
            provider: provider.to_owned(),
            kind,
            text: text.into(),
            retry_after: None,
        }
    }

    /// A fault of a file on this machine, sorted by whose it is.
    #[must_use]
    pub fn of_files(provider: &str, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error: Box<dyn Error + Send + Sync> = error.into();
        let kind = if classify_any(error.as_ref()).is_some_and(Fault::is_temporary) {
            FaultKind::Machine
        } else {
            FaultKind::Files
        };
        Self::new(provider, kind, error.to_string())
    }

    /// The same, with the wait that the provider asks for.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// Whether the same call may succeed later without a person doing anything.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self.kind {
            FaultKind::Network | FaultKind::Quota | FaultKind::Machine => true,
            FaultKind::Credentials
            | FaultKind::Refused
            | FaultKind::Answer
            | FaultKind::Files
            | FaultKind::Interrupted
            | FaultKind::Unknown => false,
        }
    }

    /// What the person can do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self.kind {
            FaultKind::Quota => Some("run `remedia run` when the allowance is renewed".to_owned()),
            FaultKind::Network => Some("`remedia run` goes on later".to_owned()),
            FaultKind::Machine => Some(
                "look at the disk or the network folder; `remedia run` goes on later".to_owned(),
            ),
            FaultKind::Credentials => Some("`remedia doctor` tells what is missing".to_owned()),
            FaultKind::Unknown => {
                Some("providers of this build: local, kaggle, colab, fake".to_owned())
            }
            FaultKind::Refused | FaultKind::Answer | FaultKind::Files | FaultKind::Interrupted => {
                None
            }
        }
    }
}
