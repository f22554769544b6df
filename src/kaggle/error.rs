//! What can go wrong between here and Kaggle, by what may be done about it.

use std::io;
use std::time::Duration;

use jiff::Timestamp;

use crate::http::HttpError;

use super::credentials::{RefusedSource, refused_text};
use super::kernels::SavedKernel;
use super::sources::CredentialSource;

/// A failed call. No text of it holds a token, a key or the query of a signed address.
#[derive(Debug, thiserror::Error)]
pub enum KaggleError {
    /// There was no answer, or it broke off.
    #[error("{what}: {error}")]
    Http {
        /// What was asked.
        what: String,
        /// What happened on the way.
        #[source]
        error: HttpError,
    },
    /// Kaggle answered with a status that is no success, or with such a code inside a success.
    #[error("{what}: Kaggle answered {status}{}", said(message))]
    Status {
        /// What was asked.
        what: String,
        /// The status, or the code inside the answer.
        status: u16,
        /// What Kaggle says about it; may be empty.
        message: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// Kaggle understood and said no; it will say no again.
    #[error("{what}: Kaggle refuses it: {message}")]
    Refused {
        /// What was asked.
        what: String,
        /// What Kaggle says, or what it is known to say.
        message: String,
    },
    /// The name or the title is taken by something else.
    #[error("{what}: the name is taken{}", said(message))]
    Conflict {
        /// What was asked.
        what: String,
        /// What Kaggle says; may be empty.
        message: String,
    },
    /// There is no such thing, or it belongs to somebody else, or it cannot be seen yet: Kaggle does
    /// not tell these apart.
    #[error("{what}: Kaggle does not show it ({status}{})", said(message))]
    NotFound {
        /// What was asked.
        what: String,
        /// 403 or 404.
        status: u16,
        /// What Kaggle says; may be empty.
        message: String,
    },
    /// Kaggle does not accept who asks any more.
    #[error("{what}: Kaggle does not accept {source_name}{}", said(message))]
    Credentials {
        /// What was asked.
        what: String,
        /// Where the credentials came from.
        source_name: CredentialSource,
        /// What Kaggle says; may be empty.
        message: String,
    },
    /// None of the places where credentials lie has any that Kaggle accepts.
    #[error(
        "nobody is signed in to Kaggle: looked at {}{}; make a token at https://www.kaggle.com/settings and put it into KAGGLE_API_TOKEN or ~/.kaggle/access_token",
        looked.join(", "),
        refused_text(refused)
    )]
    NotSignedIn {
        /// Where it was looked, in order.
        looked: Vec<String>,
        /// What was found there and not accepted.
        refused: Vec<RefusedSource>,
    },
    /// As many sessions run as may run at a time; one of them has to end first.
    #[error("{what}: {message}")]
    SessionLimit {
        /// What was asked.
        what: String,
        /// What Kaggle says.
        message: String,
    },
    /// The week's allowance is used up.
    #[error("{what}: {message}")]
    Quota {
        /// What was asked.
        what: String,
        /// What Kaggle says.
        message: String,
        /// When it is renewed, where it is known.
        resets: Option<Timestamp>,
    },
    /// The kernel was saved, but Kaggle left out something that it needs.
    #[error("the kernel was saved without {}: Kaggle does not know them, or does not show them to this user", sources.join(", "))]
    InvalidSources {
        /// What was left out.
        sources: Vec<String>,
        /// What was saved all the same.
        saved: Option<Box<SavedKernel>>,
    },
    /// The answer is not what was asked for.
    #[error("{what}: the answer cannot be used: {problem}")]
    Answer {
        /// What was asked.
        what: String,
        /// What is wrong with it.
        problem: String,
        /// Whether the next answer will be the same.
        lasting: bool,
    },
    /// An upload session or a signed address is no longer good; a new one has to be asked for.
    #[error("{what} has expired")]
    Expired {
        /// What has expired.
        what: String,
    },
    /// A file on this machine.
    #[error(transparent)]
    Files(#[from] io::Error),
    /// Somebody asked to stop.
    #[error("interrupted")]
    Interrupted,
}

fn said(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    }
}

impl KaggleError {
    /// Whether the same can succeed later without anybody changing anything.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Http { error, .. } => error.is_retryable(),
            Self::Status { status, .. } => is_passing(*status),
            Self::SessionLimit { .. }
            | Self::Quota { .. }
            | Self::Expired { .. }
            | Self::Interrupted => true,
            Self::Answer { lasting, .. } => !*lasting,
            Self::Refused { .. }
            | Self::Conflict { .. }
            | Self::NotFound { .. }
            | Self::Credentials { .. }
            | Self::NotSignedIn { .. }
            | Self::InvalidSources { .. }
            | Self::Files(_) => false,
        }
    }

    /// How long Kaggle asks to wait before the next call.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::Http { error, .. } => error.retry_after(),
            _ => None,
        }
    }

    /// Whether a call that changes something may have done so in spite of this: then it must be found
    /// out by asking before the call is made again.
    #[must_use]
    pub const fn may_have_happened(&self) -> bool {
        match self {
            Self::Http { error, .. } => !matches!(
                error,
                HttpError::Address { .. } | HttpError::Tls { .. } | HttpError::Redirect { .. }
            ),
            Self::Status { status, .. } => *status >= 500 || *status == 408,
            Self::Answer { .. } | Self::InvalidSources { .. } | Self::Interrupted => true,
            Self::Refused { .. }
            | Self::Conflict { .. }
            | Self::NotFound { .. }
            | Self::Credentials { .. }
            | Self::NotSignedIn { .. }
            | Self::SessionLimit { .. }
            | Self::Quota { .. }
            | Self::Expired { .. }
            | Self::Files(_) => false,
        }
    }

    /// Whether the answer cannot be used and the next one may be.
    pub(super) const fn is_odd_answer(&self) -> bool {
        matches!(self, Self::Answer { lasting: false, .. })
    }

    /// Whether somebody has to sign in, or to sign in again.
    #[must_use]
    pub const fn is_credentials(&self) -> bool {
        matches!(self, Self::Credentials { .. } | Self::NotSignedIn { .. })
    }
}

/// Whether a status passes by itself.
pub(super) const fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

/// What a refusal of a kernel means, by its words. `None` where it is one of a kind of its own.
pub(super) fn classified(what: &str, message: &str) -> Option<KaggleError> {
    let lower = message.to_lowercase();
    let (what, message) = (what.to_owned(), message.to_owned());
    if lower.contains("session count") {
        Some(KaggleError::SessionLimit { what, message })
    } else if lower.contains("quota")
        && ["weekly", "gpu", "tpu", "hours"]
            .iter()
            .any(|word| lower.contains(word))
        && !lower.contains("permission")
    {
        Some(KaggleError::Quota {
            what,
            message,
            resets: None,
        })
    } else if lower.contains("already in use") || lower.contains("already exists") {
        Some(KaggleError::Conflict { what, message })
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> KaggleError {
        KaggleError::Status {
            what: "saving".to_owned(),
            status,
            message: String::new(),
            retry_after: None,
        }
    }

    #[test]
    fn what_may_be_done_follows_from_the_kind() {
        for (number, again, happened) in [
            (400, false, false),
            (408, true, true),
            (429, true, false),
            (500, true, true),
            (503, true, true),
        ] {
            let error = status(number);
            assert_eq!(error.is_retryable(), again, "{number}");
            assert_eq!(error.may_have_happened(), happened, "{number}");
        }
        assert_eq!(status(500).to_string(), "saving: Kaggle answered 500");
    }

    #[test]
    fn refusals_are_told_apart_by_their_words() {
        let kind = |message: &str| classified("saving", message);
        assert!(matches!(
            kind("Maximum batch GPU session count of 2 reached."),
            Some(KaggleError::SessionLimit { .. })
        ));
        assert!(matches!(
            kind("Maximum weekly GPU quota of 30.00 hours reached"),
            Some(KaggleError::Quota { .. })
        ));
        assert!(matches!(
            kind("The requested title \"x\" is already in use by a dataset."),
            Some(KaggleError::Conflict { .. })
        ));
        for other in [
            "Notebook not found",
            "Permission 'kernels.getGpuQuota' was denied",
            "You have exceeded your private dataset quota",
        ] {
            assert!(kind(other).is_none(), "{other}");
        }
    }
}
