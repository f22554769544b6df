//! One remote call: asked, answered, understood, and repeated a little where that is harmless.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Clock;
use crate::http::{Authorization, Client, HttpError, Method, Request};

use super::credentials::{Credential, SignedIn};
use super::endpoint::Endpoint;
use super::error::KaggleError;
use super::rpc::{Fault, Rpc, told};

/// So often a call that changes nothing is made before its fault is told.
const TRIES: u32 = 3;

/// The pause before the second try; before the third it is four times as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// A longer wait than this is the caller's business.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// More than this is not read of an answer. A log travels inside one.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;

/// An answer that takes longer than this drips.
const LONGEST_ANSWER: Duration = Duration::from_secs(5 * 60);

/// Waits for a time. Tests put one that does not.
pub type Sleeper = Arc<dyn Fn(Duration) + Send + Sync>;

/// What is told while bytes travel, and how to stop them.
#[derive(Clone, Copy)]
pub struct Watch<'w> {
    /// Told how many bytes of the file are over, those of an earlier run included.
    pub progress: &'w (dyn Fn(u64) + Sync),
    /// Whether somebody asked to stop.
    pub interrupted: &'w (dyn Fn() -> bool + Sync),
}

impl Watch<'static> {
    /// Tells nobody and never stops.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            progress: &|_| {},
            interrupted: &|| false,
        }
    }
}

impl fmt::Debug for Watch<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watch").finish_non_exhaustive()
    }
}

/// The way to an API, before anybody has signed in. Cloning it is cheap.
#[derive(Clone)]
pub struct Connection {
    client: Client,
    endpoint: Endpoint,
    clock: Clock,
    sleeper: Sleeper,
}

impl Connection {
    /// The way to `endpoint`.
    #[must_use]
    pub fn new(client: Client, endpoint: Endpoint, clock: Clock) -> Self {
        Self {
            client,
            endpoint,
            clock,
            sleeper: Arc::new(thread::sleep),
        }
    }

    /// The same with another way to wait.
    #[must_use]
    pub fn with_sleeper(mut self, sleeper: Sleeper) -> Self {
        self.sleeper = sleeper;
        self
    }

    /// Where the API is.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    pub(super) const fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn sleep(&self, time: Duration) {
        (self.sleeper)(time);
    }

    /// Waits for `time`, in pieces, as long as nobody asks to stop.
    pub(super) fn rest(&self, time: Duration, watch: Watch<'_>) -> Result<(), KaggleError> {
        let piece = Duration::from_millis(200);
        let mut left = time;
        while !left.is_zero() {
            if (watch.interrupted)() {
                return Err(KaggleError::Interrupted);
            }
            let now = left.min(piece);
            self.sleep(now);
            left = left.saturating_sub(now);
        }
        Ok(())
    }

    /// Makes a call and reads its answer. The credential, where there is one, goes to the API's host
    /// alone.
    pub(super) fn call<A: DeserializeOwned>(
        &self,
        rpc: &Rpc,
        credential: Option<&Credential>,
        question: &impl Serialize,
    ) -> Result<A, KaggleError> {
        let body = serde_json::to_vec(question).map_err(|error| KaggleError::Answer {
            what: rpc.what.clone(),
            problem: format!("the question cannot be written: {error}"),
            lasting: true,
        })?;
        let again = |error: &KaggleError| rpc.repeats && error.is_retryable();
        self.repeated(again, || self.once(rpc, credential, &body))
    }

    /// Does something, and does it again a little later where `again` says so of the fault.
    pub(super) fn repeated<A>(
        &self,
        again: impl Fn(&KaggleError) -> bool,
        mut attempt: impl FnMut() -> Result<A, KaggleError>,
    ) -> Result<A, KaggleError> {
        let mut pause = FIRST_PAUSE;
        let mut tries = 1;
        loop {
            let error = match attempt() {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let wait = error.retry_after().map_or(pause, |asked| asked.max(pause));
            if tries == TRIES || wait > LONGEST_PAUSE || !again(&error) {
                return Err(error);
            }
            self.sleep(wait);
            pause *= 4;
            tries += 1;
        }
    }

    fn once<A: DeserializeOwned>(
        &self,
        rpc: &Rpc,
        credential: Option<&Credential>,
        body: &[u8],
    ) -> Result<A, KaggleError> {
        let address = self.endpoint.call(rpc.service, rpc.method);
        let request = Request::new(Method::Post, address)
            .header("accept", "*/*")
            .authorization(credential.map(|known| known.authorization.clone()))
            .whole_answer_within(LONGEST_ANSWER)
            .body("application/json", body);
        let http = |error| KaggleError::Http {
            what: rpc.what.clone(),
            error,
        };
        let response = self.client.send(&request).map_err(http)?;
        let status = response.status;
        let retry_after = response.headers.retry_after(self.clock.now());
        let kind = response.headers.get("content-type").unwrap_or_default();
        let is_json = kind.starts_with("application/json");
        let is_page = kind.starts_with("text/html");
        let length = response.headers.number("content-length");
        let too_long = |problem: String| KaggleError::Answer {
            what: rpc.what.clone(),
            problem,
            lasting: true,
        };
        let limit = LARGEST_ANSWER.try_into().unwrap_or(u64::MAX);
        if length.is_some_and(|length| length > limit) {
            return Err(too_long(format!("it is longer than {limit} bytes")));
        }
        let bytes = match response.bytes(LARGEST_ANSWER) {
            Ok(bytes) => bytes,
            Err(HttpError::Protocol { problem, .. }) => return Err(too_long(problem)),
            // What is known already is told, whatever the body was to be.
            Err(_) if status >= 400 => Vec::new(),
            Err(error) => return Err(http(error)),
        };
        let fault = (is_json || status >= 400).then(|| Fault::read(&bytes));
        let fault = fault.flatten().unwrap_or_default();
        let code = fault.code().filter(|code| *code >= 400);
        if status >= 400 || code.is_some() {
            let secret = credential.map(|known| known.secret());
            return Err(rpc.fault(
                if status >= 400 {
                    status
                } else {
                    code.unwrap_or(status)
                },
                &fault.message(secret),
                retry_after,
                credential,
            ));
        }
        if status == 204 {
            return serde_json::from_slice(b"{}").map_err(|error| rpc.unreadable(&error));
        }
        if is_page || bytes.trim_ascii_start().starts_with(b"<") {
            return Err(KaggleError::Answer {
                what: rpc.what.clone(),
                problem:
                    "it is a web page: Kaggle is being serviced, or the network wants a sign-in"
                        .to_owned(),
                lasting: false,
            });
        }
        serde_json::from_slice(&bytes).map_err(|error| rpc.unreadable(&error))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// Kaggle, as somebody who has signed in sees it. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Kaggle {
    connection: Connection,
    signed_in: SignedIn,
}

impl Kaggle {
    /// Kaggle over `connection`, as `signed_in`.
    #[must_use]
    pub const fn new(connection: Connection, signed_in: SignedIn) -> Self {
        Self {
            connection,
            signed_in,
        }
    }

    /// The user's name, which owns what is made.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.signed_in.user
    }

    /// Who has signed in, and how.
    #[must_use]
    pub const fn signed_in(&self) -> &SignedIn {
        &self.signed_in
    }

    /// Where the API is.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        self.connection.endpoint()
    }

    pub(super) const fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) const fn authorization(&self) -> &Authorization {
        &self.signed_in.credential.authorization
    }

    pub(super) fn ask<A: DeserializeOwned>(
        &self,
        rpc: &Rpc,
        question: &impl Serialize,
    ) -> Result<A, KaggleError> {
        self.connection
            .call(rpc, Some(&self.signed_in.credential), question)
    }

    /// A text of an answer, fit to be shown.
    pub(super) fn told(&self, said: &str) -> String {
        told(said, Some(self.signed_in.credential.secret()))
    }
}

/// Nothing where Kaggle does not show it.
pub(super) fn if_shown<T>(answer: Result<T, KaggleError>) -> Result<Option<T>, KaggleError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(KaggleError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
