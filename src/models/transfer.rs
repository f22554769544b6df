//! One call for the part of a file that is missing: what is asked, what the answer must be, and what
//! arrives.

use std::io;

use crate::http::{HttpError, Method, Request, Response};

use super::blob::Part;
use super::pull::{PullError, PullEvent, PullSink, Puller, no_room};
use super::registry::{Model, ModelFile, is_hexadecimal};

/// How much is read at once.
const PIECE: usize = 64 * 1024;

/// Progress is told after so many bytes.
const TOLD_EVERY: u64 = 1024 * 1024;

/// Why one call did not bring the rest.
pub(super) enum Fault {
    /// The call failed; whether it is tried again is decided by the kind.
    Http(HttpError),
    /// Trying again is no use.
    Final(Box<PullError>),
}

impl Fault {
    fn stop() -> Self {
        Self::Final(Box::new(PullError::Interrupted))
    }
}

/// One file on its way.
pub(super) struct Transfer<'t> {
    pub(super) puller: &'t Puller<'t>,
    pub(super) model: &'t Model,
    pub(super) file: &'t ModelFile,
    pub(super) sink: &'t mut dyn PullSink,
    /// Whether the server was wrong about ranges, so that the whole is asked for.
    pub(super) whole: bool,
}

impl Transfer<'_> {
    pub(super) fn tell(&mut self, event: PullEvent) {
        self.sink.event(self.model, &event);
    }

    pub(super) fn restarted(&mut self, reason: &str) {
        self.tell(PullEvent::Restarted {
            file: self.file.path.clone(),
            reason: reason.to_owned(),
        });
    }

    fn different(&self, problem: impl Into<String>) -> Fault {
        Fault::Final(Box::new(PullError::Different {
            model: self.model.name.clone(),
            file: self.file.path.clone(),
            problem: problem.into(),
        }))
    }

    /// What a failed write means.
    fn unwritten(&self, error: io::Error, done: u64) -> Fault {
        let full = matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        );
        Fault::Final(Box::new(if full {
            let needed = self.file.bytes.saturating_sub(done);
            let blob = self.puller.cache.blob_path(self.model, self.file);
            no_room(self.model, self.file, &blob, needed, None)
        } else {
            error.into()
        }))
    }

    /// One call for what is missing. `Ok` means that the body was read to its end.
    pub(super) fn attempt(&mut self, part: &mut Part) -> Result<(), Fault> {
        let hub = self.puller.hub;
        let from = if self.whole { 0 } else { part.bytes() };
        let mut request = Request::new(Method::Get, hub.address(self.model, self.file))
            .authorization(hub.authorization());
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
            if let Some(validator) = part.validator() {
                request = request.header("if-range", validator);
            }
        }
        let response = self.puller.client.send(&request).map_err(Fault::Http)?;
        self.check_identity(&response)?;
        match response.status {
            206 if from > 0 => self.check_range(&response, from)?,
            200 => {
                self.check_whole(&response)?;
                if part.bytes() > 0 {
                    part.restart().map_err(|error| self.unwritten(error, 0))?;
                    self.restarted("the hub sends it from its first byte");
                }
            }
            416 if from > 0 => {
                part.restart().map_err(|error| self.unwritten(error, 0))?;
                self.restarted("the hub does not have the part that is missing");
                self.whole = true;
                return Ok(());
            }
            status if (200..300).contains(&status) => {
                return Err(self.different(format!("the hub answered {status}")));
            }
            _ => return Err(Fault::Http(response.into_failure())),
        }
        let etag = response.headers.get("etag").map(ToOwned::to_owned);
        part.note_validator(etag.as_deref())
            .map_err(|error| self.unwritten(error, part.bytes()))?;
        self.stream(part, response)
    }

    /// The hub names the SHA-256 of weights before it sends them elsewhere.
    fn check_identity(&self, response: &Response) -> Result<(), Fault> {
        let stated = response
            .first_header("x-linked-etag")
            .map(|etag| etag.trim_start_matches("W/").trim_matches('"'))
            .filter(|etag| is_hexadecimal(etag, 64));
        match stated {
            Some(stated) if stated != self.file.sha256 => Err(self.different(format!(
                "the hub says that its SHA-256 is {stated}, it should be {}",
                self.file.sha256
            ))),
            _ => Ok(()),
        }
    }

    /// A range must be the one that was asked for, of a file of the right size.
    fn check_range(&mut self, response: &Response, from: u64) -> Result<(), Fault> {
        let range = response
            .headers
            .get("content-range")
            .and_then(content_range);
        match range {
            Some((start, total)) if start == from => match total {
                Some(total) if total != self.file.bytes => Err(self.different(format!(
                    "it has {total} bytes, it should have {}",
                    self.file.bytes
                ))),
                _ => Ok(()),
            },
            _ => {
                self.whole = true;
                Err(Fault::Http(HttpError::Interrupted {
                    place: response.place().to_owned(),
                    problem: "it sent another part than it was asked for".to_owned(),
                }))
            }
        }
    }

    fn check_whole(&self, response: &Response) -> Result<(), Fault> {
        let kind = response.headers.get("content-type").unwrap_or_default();
        if kind.starts_with("text/html") {
            return Err(self.different(format!(
                "{} sent a web page; look for a sign-in page of the network, and at HF_ENDPOINT",
                response.place()
            )));
        }
        match response.headers.number("content-length") {
            Some(bytes) if bytes != self.file.bytes => Err(self.different(format!(
                "it has {bytes} bytes, it should have {}",
                self.file.bytes
            ))),
            _ => Ok(()),
        }
    }

    fn stream(&mut self, part: &mut Part, mut response: Response) -> Result<(), Fault> {
        let mut piece = vec![0; PIECE];
        let mut told = part.bytes();
        loop {
            if self.puller.stopped() {
                return Err(Fault::stop());
            }
            let count = response.read(&mut piece).map_err(Fault::Http)?;
            if count == 0 {
                break;
            }
            let bytes = piece.get(..count).unwrap_or_default();
            if part.bytes() + bytes.len() as u64 > self.file.bytes {
                part.restart().map_err(|error| self.unwritten(error, 0))?;
                return Err(self.different(format!(
                    "it has more than the {} bytes it should have",
                    self.file.bytes
                )));
            }
            part.append(bytes)
                .map_err(|error| self.unwritten(error, part.bytes()))?;
            if part.bytes() - told >= TOLD_EVERY {
                told = part.bytes();
                self.progress(told);
            }
        }
        self.progress(part.bytes());
        if part.bytes() < self.file.bytes {
            return Err(Fault::Http(HttpError::Interrupted {
                place: response.place().to_owned(),
                problem: format!("{} of {} bytes had arrived", part.bytes(), self.file.bytes),
            }));
        }
        Ok(())
    }

    fn progress(&mut self, done: u64) {
        self.tell(PullEvent::Progress {
            file: self.file.path.clone(),
            done,
            total: self.file.bytes,
        });
    }
}

/// First byte and size of the whole of `bytes 5-9/10` (RFC 9110, section 14.4).
fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    Some((start.trim().parse().ok()?, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_writes_them() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        for odd in ["bytes */10", "5-9/10", "bytes x-9/10", "bytes 5-9/x", ""] {
            assert_eq!(content_range(odd), None, "{odd}");
        }
    }
}
