//! A remote call: what it is for, whether it may be repeated, and what its failures mean.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::fsx::printable;
use crate::http::Secret;

use super::credentials::Credential;
use super::error::{KaggleError, classified, is_passing};

/// How much of what Kaggle says is told.
const TOLD: usize = 400;

/// A remote call.
#[derive(Clone, Debug)]
pub(super) struct Rpc {
    pub(super) service: &'static str,
    pub(super) method: &'static str,
    pub(super) what: String,
    pub(super) repeats: bool,
}

impl Rpc {
    /// A call that changes nothing that anybody can see.
    pub(super) fn read(
        service: &'static str,
        method: &'static str,
        what: impl Into<String>,
    ) -> Self {
        Self {
            service,
            method,
            what: what.into(),
            repeats: true,
        }
    }

    /// A call that changes something, which is made once.
    pub(super) fn change(
        service: &'static str,
        method: &'static str,
        what: impl Into<String>,
    ) -> Self {
        Self {
            repeats: false,
            ..Self::read(service, method, what)
        }
    }

    /// What it is for, for a person.
    pub(super) fn what(&self) -> &str {
        &self.what
    }

    pub(super) fn unreadable(&self, error: &serde_json::Error) -> KaggleError {
        // What serde says may quote the answer, which may hold a token.
        let problem = format!(
            "it is not what was asked for ({:?} at line {}, column {})",
            error.classify(),
            error.line(),
            error.column()
        );
        KaggleError::Answer {
            what: self.what.clone(),
            problem,
            lasting: false,
        }
    }

    pub(super) fn fault(
        &self,
        status: u16,
        message: &str,
        retry_after: Option<Duration>,
        credential: Option<&Credential>,
    ) -> KaggleError {
        let what = self.what.clone();
        let said = message.to_owned();
        if !is_passing(status)
            && status != 401
            && let Some(error) = classified(&what, message)
        {
            return error;
        }
        match (status, credential) {
            (401, Some(known)) => KaggleError::Credentials {
                what,
                source_name: known.source.clone(),
                message: said,
            },
            (403 | 404, _) => KaggleError::NotFound {
                what,
                status,
                message: said,
            },
            (409, _) => KaggleError::Conflict {
                what,
                message: said,
            },
            _ => KaggleError::Status {
                what,
                status,
                message: said,
                retry_after,
            },
        }
    }
}

/// What an answer says where it says that something went wrong.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fault {
    code: Value,
    message: Value,
    error: Value,
}

impl Fault {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    pub(super) fn code(&self) -> Option<u16> {
        let of = |value: &Value| match value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let code = of(&self.code).or_else(|| of(self.error.get("code")?))?;
        u16::try_from(code).ok()
    }

    pub(super) fn message(&self, secret: Option<&Secret>) -> String {
        let said = [
            self.message.as_str(),
            self.error.as_str(),
            self.error.get("message").and_then(Value::as_str),
        ];
        let said = said.into_iter().flatten().find(|said| !said.is_empty());
        told(said.unwrap_or_default(), secret)
    }
}

/// What Kaggle says, fit to be shown: without the secret, in one line, shortened.
pub(super) fn told(said: &str, secret: Option<&Secret>) -> String {
    let said = match secret {
        Some(secret) => secret.redacted(said),
        None => said.to_owned(),
    };
    printable(said.trim()).chars().take(TOLD).collect()
}
