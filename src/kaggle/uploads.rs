//! One file on its way to storage, by the resumable protocol: whole, or from where it was cut off, in
//! this process or the next one. The address is signed and gets no token.

use std::fmt;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::fsx::fs;
use crate::http::{Headers, HttpError, Method, Request, Response};

use super::client::{Kaggle, Watch};
use super::error::{KaggleError, is_passing};
use super::rpc::Rpc;
use super::tree::UploadToken;
use super::wire::{StartUpload, UploadAnswer};

/// So often in a row an upload is taken up without any headway.
const ROUNDS: u32 = 8;

/// So much more makes a fault the first one again. Storage keeps what it got in steps of this size.
const HEADWAY: u64 = 256 * 1024;

/// The first pause; each further one without headway is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// No pause is longer, whatever storage asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Sessions live a week; one older than this is not taken up.
const LIFETIME: SignedDuration = SignedDuration::from_hours(6 * 24);

/// Progress is told after so many bytes.
const TOLD_EVERY: u64 = 256 * 1024;

/// A place where a file may be put, once. It may be kept, so that the next process goes on; whoever has
/// it can write there, so its address and token print as `…`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadSession {
    /// What stands for the file when it is there.
    pub token: UploadToken,
    create_url: String,
    /// The file's own name.
    pub name: String,
    /// Bytes of the file.
    pub length: u64,
    /// When the session was begun.
    pub started: Timestamp,
}

impl UploadSession {
    /// Whether it is too old at `now` to be taken up.
    #[must_use]
    pub fn is_stale(&self, now: Timestamp) -> bool {
        now.duration_since(self.started) > LIFETIME
    }
}

impl fmt::Debug for UploadSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("UploadSession")
            .field("name", &self.name)
            .field("length", &self.length)
            .field("started", &self.started)
            .finish_non_exhaustive()
    }
}

/// How far an upload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadPosition {
    /// The whole file is there.
    Complete,
    /// So many bytes are there.
    At(u64),
}

/// What came of a `PUT`.
enum Outcome {
    Position(UploadPosition),
    /// It may go on after a pause.
    Cut {
        error: KaggleError,
        asked: Option<Duration>,
    },
}

impl Kaggle {
    /// Begins the upload of a file: its own name, without folders, its size, and when it was changed
    /// last. Nothing that anybody can see is made by it, so it is repeated a little.
    ///
    /// # Errors
    /// Any fault of a call; [`KaggleError::Answer`] for an address that files are not sent to.
    pub fn start_upload(
        &self,
        name: &str,
        length: u64,
        modified: Option<Timestamp>,
    ) -> Result<UploadSession, KaggleError> {
        let what = format!("beginning the upload of `{name}`");
        let rpc = Rpc::read("blobs.BlobApiService", "StartBlobUpload", what);
        let question = StartUpload {
            kind: "DATASET",
            name,
            content_length: length,
            last_modified_epoch_seconds: modified.map(Timestamp::as_second),
        };
        let answer: UploadAnswer = self.ask(&rpc, &question)?;
        let wrong = |problem: &str| KaggleError::Answer {
            what: rpc.what().to_owned(),
            problem: problem.to_owned(),
            lasting: false,
        };
        if answer.token.is_empty() {
            return Err(wrong("it has no token"));
        }
        if !self.endpoint().accepts_storage(&answer.create_url) {
            return Err(wrong("it names an address that files are not sent to"));
        }
        Ok(UploadSession {
            token: UploadToken::new(answer.token),
            create_url: answer.create_url,
            name: name.to_owned(),
            length,
            started: self.connection().clock().now(),
        })
    }

    /// Asks how much of a file is there.
    ///
    /// # Errors
    /// [`KaggleError::Expired`] where the session is gone; any fault of a call.
    pub fn upload_position(&self, session: &UploadSession) -> Result<UploadPosition, KaggleError> {
        self.connection().repeated(KaggleError::is_retryable, || {
            match self.put(session, None, &mut io::empty(), 0)? {
                Outcome::Position(position) => Ok(position),
                Outcome::Cut { error, .. } => Err(error),
            }
        })
    }

    /// Puts a file where `session` says, going on from what is there. A session that was just begun is
    /// told so by `is_new`, which saves a question. The file is read while it is sent. A cut
    /// connection, 5xx and 429 are followed by a question for the position, a pause and the rest.
    ///
    /// # Errors
    /// [`KaggleError::Expired`]: begin a new session. [`KaggleError::Files`]: the file cannot be read or has
    /// another size. [`KaggleError::Interrupted`]: `watch` said so; what is there stays there. The last
    /// fault, where so many rounds in a row brought nothing.
    pub fn upload(
        &self,
        path: &Path,
        session: &UploadSession,
        is_new: bool,
        watch: Watch<'_>,
    ) -> Result<(), KaggleError> {
        let mut file = fs::File::open(path)?;
        let found = file.metadata()?.len();
        if found != session.length {
            return Err(changed(path, session.length, found));
        }
        let mut position = is_new.then_some(0);
        let mut reached = 0;
        let mut rounds = 0;
        let mut pause = FIRST_PAUSE;
        loop {
            if (watch.interrupted)() {
                return Err(KaggleError::Interrupted);
            }
            let outcome = match position {
                None => self.put(session, None, &mut io::empty(), 0)?,
                Some(start) => self.send_rest(path, &mut file, session, start, watch)?,
            };
            let (error, asked) = match outcome {
                Outcome::Position(UploadPosition::Complete) => {
                    (watch.progress)(session.length);
                    return Ok(());
                }
                Outcome::Position(UploadPosition::At(at)) => {
                    (watch.progress)(at);
                    // After a question there is no pause; after data that storage took in part, one
                    // without headway is a fault like any other.
                    let asked_only = position.is_none();
                    // All of it is there but not taken over yet: nothing can be sent, only asked.
                    let is_all = at == session.length && at > 0;
                    position = (!is_all).then_some(at);
                    if at >= reached + HEADWAY && !is_all {
                        (reached, rounds, pause) = (at, 0, FIRST_PAUSE);
                        continue;
                    }
                    if asked_only && !is_all {
                        continue;
                    }
                    let error = HttpError::Interrupted {
                        place: "the upload".to_owned(),
                        problem: format!("{at} of {} bytes are there", session.length),
                    };
                    (self.upload_fault(session, error), None)
                }
                Outcome::Cut { error, asked } => {
                    position = None;
                    (error, asked)
                }
            };
            rounds += 1;
            if rounds >= ROUNDS {
                return Err(error);
            }
            let wait = asked.map_or(pause, |asked| asked.max(pause));
            self.connection().rest(wait.min(LONGEST_PAUSE), watch)?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn upload_fault(&self, session: &UploadSession, error: HttpError) -> KaggleError {
        KaggleError::Http {
            what: format!("uploading `{}`", session.name),
            error,
        }
    }

    /// Sends everything from `start` on.
    fn send_rest(
        &self,
        path: &Path,
        file: &mut fs::File,
        session: &UploadSession,
        start: u64,
        watch: Watch<'_>,
    ) -> Result<Outcome, KaggleError> {
        file.seek(SeekFrom::Start(start))?;
        let left = session.length.saturating_sub(start);
        let mut body = Section {
            file,
            position: start,
            end: session.length,
            told: start,
            watch,
            fault: None,
        };
        let outcome = self.put(session, Some(start), &mut body, left);
        match body.fault {
            // What the connection says then is only what follows from it.
            Some(Fault::Interrupted) => Err(KaggleError::Interrupted),
            Some(Fault::Short(at)) => Err(changed(path, session.length, at)),
            Some(Fault::Io(error)) => Err(error.into()),
            None => outcome,
        }
    }

    /// One `PUT`: of `length` bytes from `start` on, or, without a start, of none, which asks.
    fn put(
        &self,
        session: &UploadSession,
        start: Option<u64>,
        body: &mut dyn Read,
        length: u64,
    ) -> Result<Outcome, KaggleError> {
        if !self.endpoint().accepts_storage(&session.create_url) {
            return Err(KaggleError::Answer {
                what: format!("the upload of `{}`", session.name),
                problem: "its address is not one that files are sent to".to_owned(),
                lasting: true,
            });
        }
        let total = session.length;
        let mut request = Request::new(Method::Put, &session.create_url).without_redirects();
        match start {
            // The whole travels without a range, as the official client sends it.
            Some(0) => {}
            Some(start) => {
                let last = total.saturating_sub(1);
                request = request.header("content-range", format!("bytes {start}-{last}/{total}"));
            }
            None => request = request.header("content-range", format!("bytes */{total}")),
        }
        let client = self.connection().client();
        let answered = if length == 0 {
            client.send(&request)
        } else {
            client.send_streamed(&request, body, length)
        };
        let response = match answered {
            Ok(response) => response,
            Err(error) if error.is_retryable() => {
                return Ok(Outcome::Cut {
                    error: self.upload_fault(session, error),
                    asked: None,
                });
            }
            Err(error) => return Err(self.upload_fault(session, error)),
        };
        self.outcome(session, response)
    }

    fn outcome(&self, session: &UploadSession, response: Response) -> Result<Outcome, KaggleError> {
        let status = response.status;
        let what = format!("uploading `{}`", session.name);
        match status {
            200 | 201 => Ok(Outcome::Position(UploadPosition::Complete)),
            308 => received(&response.headers, session.length)
                .map(|at| Outcome::Position(UploadPosition::At(at)))
                .ok_or(KaggleError::Answer {
                    what,
                    problem: "it does not say how much is there".to_owned(),
                    lasting: false,
                }),
            404 | 410 => Err(KaggleError::Expired {
                what: format!("the upload of `{}`", session.name),
            }),
            _ => {
                let asked = response
                    .headers
                    .retry_after(self.connection().clock().now());
                // The address is not told, nor what storage says, which may name it.
                let error = KaggleError::Status {
                    what,
                    status,
                    message: String::new(),
                    retry_after: asked,
                };
                if is_passing(status) {
                    Ok(Outcome::Cut { error, asked })
                } else {
                    Err(error)
                }
            }
        }
    }
}

/// How many bytes a 308 says are there. No `Range` is none at all.
fn received(headers: &Headers, length: u64) -> Option<u64> {
    match headers.get("range") {
        None => Some(0),
        Some(range) => kept(range).filter(|kept| *kept <= length),
    }
}

/// `bytes=0-K` are K + 1 bytes.
fn kept(range: &str) -> Option<u64> {
    let extent = range.trim().strip_prefix("bytes")?;
    let (first, last) = extent.trim_start_matches(['=', ' ']).split_once('-')?;
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first == 0).then(|| last.checked_add(1)).flatten()
}

fn changed(path: &Path, expected: u64, found: u64) -> KaggleError {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!(
            "`{}` was changed while it was uploaded: it had {expected} bytes and has {found}",
            path.display()
        ),
    )
    .into()
}

/// Why a body ended before its end.
enum Fault {
    Interrupted,
    Short(u64),
    Io(io::Error),
}

/// The rest of a file, read while it is sent.
struct Section<'s> {
    file: &'s mut fs::File,
    position: u64,
    end: u64,
    told: u64,
    watch: Watch<'s>,
    fault: Option<Fault>,
}

impl Section<'_> {
    fn stop(&mut self, fault: Fault) -> io::Error {
        self.fault = Some(fault);
        io::Error::other("the file was not read to its end")
    }
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if (self.watch.interrupted)() {
            return Err(self.stop(Fault::Interrupted));
        }
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let room = buffer.len().min(left);
        if room == 0 {
            return Ok(0);
        }
        let piece = buffer.get_mut(..room).unwrap_or_default();
        let count = loop {
            match self.file.read(piece) {
                Ok(count) => break count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.stop(Fault::Io(error))),
            }
        };
        if count == 0 {
            let at = self.position;
            return Err(self.stop(Fault::Short(at)));
        }
        self.position += count as u64;
        if self.position - self.told >= TOLD_EVERY || self.position == self.end {
            self.told = self.position;
            (self.watch.progress)(self.position);
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_read_as_storage_says_it() {
        assert_eq!(kept("bytes=0-1048575"), Some(1_048_576));
        assert_eq!(kept("bytes 0-0"), Some(1));
        for odd in [
            "",
            "bytes=5-9",
            "bytes=0-",
            "0-9",
            "bytes=0-x",
            "bytes=0-18446744073709551615",
        ] {
            assert_eq!(kept(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_session_is_kept_whole_and_printed_without_its_address() {
        let session = UploadSession {
            token: UploadToken::new("t0ken".to_owned()),
            create_url: "https://storage.example/x?signature=s3cret".to_owned(),
            name: "a.jpg".to_owned(),
            length: 7,
            started: "2026-11-23T08:00:00Z".parse().unwrap(),
        };
        let printed = format!("{session:?}");
        assert!(printed.contains("a.jpg"));
        assert!(!printed.contains("s3cret") && !printed.contains("t0ken"));
        let text = serde_json::to_string(&session).unwrap();
        let read: UploadSession = serde_json::from_str(&text).unwrap();
        assert_eq!(read, session);
        let day = |text: &str| text.parse::<Timestamp>().unwrap();
        assert!(!session.is_stale(day("2026-11-29T08:00:00Z")));
        assert!(session.is_stale(day("2026-11-29T08:00:01Z")));
        assert!(!session.is_stale(day("2026-11-20T00:00:00Z")));
    }
}
