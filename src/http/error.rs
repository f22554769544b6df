//! What can go wrong on the way to a server and back, and whether trying again can help.

use std::io;
use std::time::Duration;

use crate::fsx::printable;

/// A failed call. None of its texts holds a token, a password or the query of an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The address cannot be called at all.
    #[error("the address {place} is not usable: {problem}")]
    Address {
        /// The address as far as it may be shown.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No connection: no such host, nobody listens, no route.
    #[error("cannot reach {place}: {problem}")]
    Unreachable {
        /// The address as far as it may be shown.
        place: String,
        /// What the system says.
        problem: String,
    },
    /// It took too long.
    #[error("{place} did not answer in time ({part})")]
    Timeout {
        /// The address as far as it may be shown.
        place: String,
        /// Which part of the call.
        part: &'static str,
    },
    /// The connection broke, or the body ended too early.
    #[error("the connection to {place} broke: {problem}")]
    Interrupted {
        /// The address as far as it may be shown.
        place: String,
        /// What happened.
        problem: String,
    },
    /// No secure connection: the certificate or the protocol is not acceptable.
    #[error("no secure connection to {place}: {problem}")]
    Tls {
        /// The address as far as it may be shown.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// The server answered with a status that is no success.
    #[error("{place} answered {status}{}", text.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    Status {
        /// The address as far as it may be shown.
        place: String,
        /// The status code.
        status: u16,
        /// What the server says about it, shortened.
        text: Option<String>,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// A redirect that is not followed.
    #[error("{place} redirects to an address that is not followed: {problem}")]
    Redirect {
        /// The address as far as it may be shown.
        place: String,
        /// Why not.
        problem: String,
    },
    /// What came back is not HTTP, or more than is read.
    #[error("{place} gave an answer that cannot be read: {problem}")]
    Protocol {
        /// The address as far as it may be shown.
        place: String,
        /// What is wrong.
        problem: String,
    },
}

impl HttpError {
    /// Whether the same call can succeed later without anybody changing anything.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::Interrupted { .. } => true,
            Self::Status { status, .. } => matches!(*status, 408 | 425 | 429 | 500..=599),
            Self::Address { .. }
            | Self::Tls { .. }
            | Self::Redirect { .. }
            | Self::Protocol { .. } => false,
        }
    }

    /// How long the server asks to wait before the next call.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The status that the server answered with, where it did.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the server does not accept who asks.
    #[must_use]
    pub const fn is_credentials(&self) -> bool {
        matches!(self.status(), Some(401 | 403 | 407))
    }

    /// The fault that ureq's error means. In the middle of a body (`in_body`) everything that is not
    /// a time limit is a broken connection: what was read so far is good.
    pub(super) fn of(place: &str, error: ureq::Error, in_body: bool) -> Self {
        use ureq::Error as E;
        let place = place.to_owned();
        match error {
            E::Timeout(part) => Self::Timeout {
                place,
                part: part_name(part),
            },
            E::Io(error) => Self::of_io(place, &error, in_body),
            other if in_body => Self::Interrupted {
                place,
                problem: printable(&other.to_string()),
            },
            E::HostNotFound => Self::Unreachable {
                place,
                problem: "no such host, or no name server answers".to_owned(),
            },
            E::ConnectionFailed => Self::Unreachable {
                place,
                problem: "no connection".to_owned(),
            },
            E::ConnectProxyFailed(_) | E::InvalidProxyUrl => Self::Unreachable {
                place,
                problem: "the proxy does not let it through".to_owned(),
            },
            E::Tls(problem) => Self::Tls {
                place,
                problem: problem.to_owned(),
            },
            E::Rustls(error) => Self::Tls {
                place,
                problem: printable(&error.to_string()),
            },
            E::BadUri(_) | E::Http(_) => Self::Address {
                place,
                problem: "a part of it or of a header is not allowed there".to_owned(),
            },
            other => Self::Protocol {
                place,
                problem: printable(&other.to_string()),
            },
        }
    }

    fn of_io(place: String, error: &io::Error, in_body: bool) -> Self {
        let problem = printable(&error.to_string());
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::Timeout {
                place,
                part: "a pause in the answer",
            },
            // What rustls refuses while the connection is made arrives as invalid data.
            io::ErrorKind::InvalidData if !in_body => Self::Tls { place, problem },
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => Self::Interrupted { place, problem },
            _ if in_body => Self::Interrupted { place, problem },
            _ => Self::Unreachable { place, problem },
        }
    }
}

const fn part_name(part: ureq::Timeout) -> &'static str {
    use ureq::Timeout as T;
    match part {
        T::Resolve => "finding its address",
        T::Connect => "connecting",
        T::SendRequest | T::SendBody | T::PerWrite => "sending",
        T::RecvResponse => "waiting for the answer",
        T::PerRead => "a pause in the answer",
        T::RecvBody => "reading the answer",
        _ => "the whole call",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io(kind: io::ErrorKind, in_body: bool) -> HttpError {
        HttpError::of("https://h/p", ureq::Error::Io(kind.into()), in_body)
    }

    #[test]
    fn faults_of_the_way_are_tried_again_and_faults_of_trust_are_not() {
        for kind in [
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::ConnectionReset,
            io::ErrorKind::UnexpectedEof,
            io::ErrorKind::TimedOut,
            io::ErrorKind::HostUnreachable,
        ] {
            assert!(io(kind, false).is_retryable(), "{kind}");
            assert!(io(kind, true).is_retryable(), "{kind}");
        }
        assert!(HttpError::of("p", ureq::Error::HostNotFound, false).is_retryable());
        let untrusted = io::Error::new(io::ErrorKind::InvalidData, "invalid peer certificate");
        let fault = HttpError::of("p", ureq::Error::Io(untrusted), false);
        assert!(matches!(fault, HttpError::Tls { .. }) && !fault.is_retryable());
    }

    #[test]
    fn statuses_are_told_apart() {
        for (status, again) in [
            (400, false),
            (401, false),
            (403, false),
            (404, false),
            (408, true),
            (425, true),
            (429, true),
            (500, true),
            (503, true),
        ] {
            let fault = HttpError::Status {
                place: String::new(),
                status,
                text: None,
                retry_after: None,
            };
            assert_eq!(fault.is_retryable(), again, "{status}");
            assert_eq!(fault.is_credentials(), matches!(status, 401 | 403));
        }
    }
}
