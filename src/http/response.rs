//! An answer: its head, the heads of the redirects before it, and its body as a stream.

use std::fmt;
use std::io::{self, Read};
use std::time::Duration;

use jiff::Timestamp;
use ureq::http::HeaderMap;

use crate::fsx::printable;

use super::error::HttpError;
use super::secret::Secret;

/// How much of a failed answer's body is looked at.
const FAILURE_TEXT: u64 = 4096;

/// How much of what the server says is told.
const TOLD: usize = 200;

/// The headers of an answer. Their values are claims of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(HeaderMap);

impl Headers {
    pub(super) const fn new(map: HeaderMap) -> Self {
        Self(map)
    }

    /// The first value of a header, if it is visible ASCII text.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }

    /// The value of a header as a whole number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.trim().parse().ok()
    }

    /// How long the server asks to wait (RFC 9110, section 10.2.3): seconds, or a date, which is
    /// compared with the server's own clock where it tells it, else with `now`.
    #[must_use]
    pub fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        let value = self.get("retry-after")?.trim();
        if let Ok(seconds) = value.parse::<u64>() {
            return Some(Duration::from_secs(seconds));
        }
        let wanted = date(value)?;
        let now = self.get("date").and_then(date).unwrap_or(now);
        Some(Duration::try_from(wanted.duration_since(now)).unwrap_or_default())
    }
}

/// A date of HTTP (RFC 9110, section 5.6.7), which is one of RFC 2822.
fn date(text: &str) -> Option<Timestamp> {
    let parsed = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
    Some(parsed.timestamp())
}

/// A redirect that was followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The status, 301 to 308.
    pub status: u16,
    /// What the server said with it.
    pub headers: Headers,
}

/// An answer whose body is still to be read.
pub struct Response {
    /// The status after all redirects.
    pub status: u16,
    /// The headers after all redirects.
    pub headers: Headers,
    /// The redirects, in order.
    pub hops: Vec<Hop>,
    pub(super) place: String,
    pub(super) body: Box<dyn Read + Send>,
    pub(super) now: Timestamp,
    pub(super) secret: Option<Secret>,
}

impl Response {
    /// The address that answered, as far as it may be shown.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The first value of a header, looked for in the redirects too, the earliest first.
    #[must_use]
    pub fn first_header(&self, name: &str) -> Option<&str> {
        self.hops
            .iter()
            .find_map(|hop| hop.headers.get(name))
            .or_else(|| self.headers.get(name))
    }

    /// The same answer if it is a success.
    ///
    /// # Errors
    /// [`HttpError::Status`] with what the server says.
    pub fn success(self) -> Result<Self, HttpError> {
        if (200..300).contains(&self.status) {
            Ok(self)
        } else {
            Err(self.into_failure())
        }
    }

    /// The answer as a fault: its status, what it says, and how long it asks to wait.
    #[must_use]
    pub fn into_failure(mut self) -> HttpError {
        let text = self.failure_text();
        HttpError::Status {
            text,
            status: self.status,
            retry_after: self.headers.retry_after(self.now),
            place: self.place,
        }
    }

    fn failure_text(&mut self) -> Option<String> {
        let said = if let Some(said) = self.headers.get("x-error-message") {
            said.to_owned()
        } else {
            let kind = self.headers.get("content-type").unwrap_or_default();
            let is_json = kind.starts_with("application/json");
            if !is_json && !kind.starts_with("text/plain") {
                return None;
            }
            let mut bytes = Vec::new();
            // What cannot be read any more is not told.
            let _ = self
                .body
                .by_ref()
                .take(FAILURE_TEXT)
                .read_to_end(&mut bytes);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            match serde_json::from_str::<serde_json::Value>(&text) {
                Ok(document) if is_json => ["error", "message"]
                    .iter()
                    .find_map(|key| document.get(key)?.as_str().map(ToOwned::to_owned))?,
                _ => text,
            }
        };
        let said = match &self.secret {
            Some(secret) => secret.redacted(&said),
            None => said,
        };
        let said: String = printable(said.trim()).chars().take(TOLD).collect();
        (!said.is_empty()).then_some(said)
    }

    /// Reads the next piece of the body; zero bytes are its end.
    ///
    /// # Errors
    /// [`HttpError::Timeout`] and [`HttpError::Interrupted`]: what was read before is good.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, HttpError> {
        loop {
            match self.body.read(buffer) {
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(HttpError::of(&self.place, ureq::Error::from(error), true));
                }
            }
        }
    }

    /// Reads the whole body.
    ///
    /// # Errors
    /// As [`Self::read`], and [`HttpError::Protocol`] for a body of more than `limit` bytes.
    pub fn bytes(mut self, limit: usize) -> Result<Vec<u8>, HttpError> {
        let mut bytes = Vec::new();
        let mut piece = [0; 16 * 1024];
        loop {
            let count = self.read(&mut piece)?;
            if count == 0 {
                return Ok(bytes);
            }
            bytes.extend_from_slice(piece.get(..count).unwrap_or_default());
            if bytes.len() > limit {
                return Err(HttpError::Protocol {
                    place: self.place,
                    problem: format!("it is longer than {limit} bytes"),
                });
            }
        }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Response")
            .field("status", &self.status)
            .field("place", &self.place)
            .field("hops", &self.hops.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use ureq::http::HeaderValue;

    use super::*;

    fn wait(pairs: &[(&'static str, &'static str)]) -> Option<Duration> {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.insert(*name, HeaderValue::from_static(value));
        }
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
        Headers::new(map).retry_after(now)
    }

    #[test]
    fn a_wish_to_wait_is_read_as_seconds_or_as_a_date() {
        let date = ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(
            wait(&[("retry-after", "120")]),
            Some(Duration::from_secs(120))
        );
        assert_eq!(wait(&[date]), Some(Duration::from_secs(37)));
        assert_eq!(
            wait(&[date, ("date", "Sun, 06 Nov 1994 08:49:30 GMT")]),
            Some(Duration::from_secs(7)),
            "the server's clock counts"
        );
        assert_eq!(
            wait(&[date, ("date", "Sun, 06 Nov 1994 09:00:00 GMT")]),
            Some(Duration::ZERO)
        );
        assert_eq!(wait(&[("retry-after", "soon")]), None);
        assert_eq!(wait(&[]), None);
    }
}
