//! The live log of a session: server-sent events while it runs, the whole as a JSON array afterwards. The
//! way is cut every few minutes and everything is said again from the start, so what was heard is
//! counted and passed over.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::http::{Client, HttpError, Method, Request, Response};

use super::client::{Kaggle, Watch};
use super::error::{KaggleError, is_passing};
use super::log_text::{LogEvent, parse_log};
use super::reference::Reference;
use super::rpc::told;

/// What ends a log.
const END: &str = "END_OF_LOG";

/// A longer line is no event.
const LONGEST_LINE: usize = 4 * 1024 * 1024;

/// A finished log that is longer is cut.
const LARGEST_LOG: usize = 32 * 1024 * 1024;

/// So often in a row the way may fail without anything new.
const FAULTS: u32 = 6;

/// The first pause before the way is taken again; doubled as long as nothing new comes.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How often it is looked whether somebody asked to stop.
const LOOK: Duration = Duration::from_millis(100);

/// How a log that was followed ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEnd {
    /// How many events the session has printed, those passed over included.
    pub events: usize,
}

/// What the thread that reads hands over.
enum Piece {
    /// The head of a success, and whether events follow.
    Opened {
        is_stream: bool,
    },
    Bytes(Vec<u8>),
    Failed(Failure),
    Ended,
}

enum Failure {
    Http(HttpError),
    Status {
        status: u16,
        message: String,
        retry_after: Option<Duration>,
    },
}

/// How one connection ended.
enum End {
    /// The log is at its end.
    Whole,
    /// The way was cut.
    Cut,
    Failed(Failure),
}

impl Kaggle {
    /// Follows the log of a version's session until it ends, and hands each event over once with its
    /// number, counted from 0. The first `heard` events are passed over. Cuts and failures on the way
    /// are waited out.
    ///
    /// # Errors
    /// [`KaggleError::NotFound`] where Kaggle shows no such log, [`KaggleError::Interrupted`] where
    /// `interrupted` said so, and the last fault where the way failed six times in a row.
    pub fn follow_log(
        &self,
        kernel: &Reference,
        version: u32,
        heard: usize,
        interrupted: &(dyn Fn() -> bool + Sync),
        hear: &mut dyn FnMut(usize, LogEvent),
    ) -> Result<LogEnd, KaggleError> {
        let what = format!("the log of version {version} of kernel {kernel}");
        let watch = Watch {
            progress: &|_| {},
            interrupted,
        };
        let mut counter = Counter {
            heard,
            number: 0,
            hear,
        };
        let mut faults = 0;
        let mut pause = FIRST_PAUSE;
        loop {
            let before = counter.heard;
            counter.number = 0;
            let end = self.listen(kernel, version, interrupted, &mut counter)?;
            if counter.heard > before {
                (faults, pause) = (0, FIRST_PAUSE);
            }
            let asked = match end {
                End::Whole => {
                    return Ok(LogEnd {
                        events: counter.heard,
                    });
                }
                End::Cut => None,
                End::Failed(failure) => {
                    faults += 1;
                    let error = self.log_fault(&what, failure);
                    if !error.is_retryable() || faults >= FAULTS {
                        return Err(error);
                    }
                    error.retry_after()
                }
            };
            let wait = asked.map_or(pause, |asked| asked.max(pause));
            self.connection().rest(wait.min(LONGEST_PAUSE), watch)?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// One connection. It is read in a thread of its own, so that somebody who asks to stop does not
    /// have to wait for a word of the session; the thread ends with the next piece or its time limit.
    fn listen(
        &self,
        kernel: &Reference,
        version: u32,
        interrupted: &dyn Fn() -> bool,
        counter: &mut Counter<'_>,
    ) -> Result<End, KaggleError> {
        let address = self.endpoint().log_stream(kernel, version);
        let request = Request::new(Method::Get, address)
            .header("accept", "text/event-stream, */*")
            .authorization(Some(self.authorization().clone()));
        let client = self.connection().client().clone();
        let now = *self.connection().clock();
        let (sender, receiver) = sync_channel(16);
        let reader = thread::Builder::new().name("kaggle-log".to_owned());
        reader.spawn(move || {
            // A listener that is gone ends it.
            let _ = read(&client, &request, &sender, &|response: &Response| {
                response.headers.retry_after(now.now())
            });
        })?;
        take(&receiver, interrupted, counter)
    }

    fn log_fault(&self, what: &str, failure: Failure) -> KaggleError {
        let what = what.to_owned();
        match failure {
            Failure::Http(error) => KaggleError::Http { what, error },
            Failure::Status {
                status: 401,
                message,
                ..
            } => KaggleError::Credentials {
                what,
                source_name: self.signed_in().source.clone(),
                message: self.told(&message),
            },
            Failure::Status {
                status: status @ (403 | 404),
                message,
                ..
            } => KaggleError::NotFound {
                what,
                status,
                message: self.told(&message),
            },
            Failure::Status {
                status,
                message,
                retry_after,
            } => KaggleError::Status {
                what,
                status,
                message: if is_passing(status) {
                    String::new()
                } else {
                    self.told(&message)
                },
                retry_after,
            },
        }
    }
}

/// Reads an answer and hands it over piece by piece. `None` means that nobody listens any more.
fn read(
    client: &Client,
    request: &Request,
    sender: &SyncSender<Piece>,
    retry_after: &dyn Fn(&Response) -> Option<Duration>,
) -> Option<()> {
    let mut response = match client.send(request) {
        Ok(response) => response,
        Err(error) => return sender.send(Piece::Failed(Failure::Http(error))).ok(),
    };
    let status = response.status;
    if !(200..300).contains(&status) {
        let retry_after = retry_after(&response);
        let message = match response.into_failure() {
            HttpError::Status {
                text: Some(text), ..
            } => told(&text, None),
            _ => String::new(),
        };
        let failure = Failure::Status {
            status,
            message,
            retry_after,
        };
        return sender.send(Piece::Failed(failure)).ok();
    }
    let kind = response.headers.get("content-type").unwrap_or_default();
    let is_stream = kind.starts_with("text/event-stream");
    if kind.starts_with("text/html") {
        let failure = Failure::Http(HttpError::Interrupted {
            place: response.place().to_owned(),
            problem: "it sent a web page instead of the log".to_owned(),
        });
        return sender.send(Piece::Failed(failure)).ok();
    }
    sender.send(Piece::Opened { is_stream }).ok()?;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match response.read(&mut buffer) {
            Ok(0) => return sender.send(Piece::Ended).ok(),
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default().to_vec();
                sender.send(Piece::Bytes(bytes)).ok()?;
            }
            Err(error) => return sender.send(Piece::Failed(Failure::Http(error))).ok(),
        }
    }
}

/// Takes what one connection brings.
fn take(
    receiver: &Receiver<Piece>,
    interrupted: &dyn Fn() -> bool,
    counter: &mut Counter<'_>,
) -> Result<End, KaggleError> {
    let mut opened = None;
    let mut lines = Lines::default();
    let mut whole = Vec::new();
    loop {
        if interrupted() {
            return Err(KaggleError::Interrupted);
        }
        let piece = match receiver.recv_timeout(LOOK) {
            Ok(piece) => piece,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return Ok(End::Cut),
        };
        match piece {
            Piece::Opened { is_stream } => opened = Some(is_stream),
            Piece::Bytes(bytes) if opened == Some(true) => {
                for line in lines.add(&bytes) {
                    let Some(event) = event_of(&line) else {
                        continue;
                    };
                    if event == END {
                        return Ok(End::Whole);
                    }
                    counter.event(LogEvent::read(event));
                }
            }
            Piece::Bytes(bytes) => {
                whole.extend_from_slice(&bytes);
                if whole.len() > LARGEST_LOG {
                    whole.truncate(LARGEST_LOG);
                    counter.whole(&whole);
                    return Ok(End::Whole);
                }
            }
            // A stream that breaks after it began was cut, which is usual.
            Piece::Failed(Failure::Http(_)) if opened == Some(true) => return Ok(End::Cut),
            Piece::Failed(failure) => return Ok(End::Failed(failure)),
            Piece::Ended if opened == Some(true) => return Ok(End::Cut),
            Piece::Ended => {
                counter.whole(&whole);
                return Ok(End::Whole);
            }
        }
    }
}

/// The data of a line of an event stream.
fn event_of(line: &str) -> Option<&str> {
    let data = line.strip_prefix("data:")?;
    Some(data.strip_prefix(' ').unwrap_or(data).trim_end())
}

/// Passes over what was heard.
struct Counter<'c> {
    heard: usize,
    number: usize,
    hear: &'c mut dyn FnMut(usize, LogEvent),
}

impl Counter<'_> {
    fn event(&mut self, event: LogEvent) {
        if self.number >= self.heard {
            (self.hear)(self.number, event);
            self.heard = self.number + 1;
        }
        self.number += 1;
    }

    fn whole(&mut self, bytes: &[u8]) {
        for event in parse_log(&String::from_utf8_lossy(bytes)) {
            self.event(event);
        }
    }
}

/// Whole lines out of pieces. What is not ended by a line break is no line yet.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
    skips: bool,
}

impl Lines {
    fn add(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let is_end = part.ends_with(b"\n");
            if !self.skips {
                self.rest.extend_from_slice(part);
            }
            if self.rest.len() > LONGEST_LINE {
                self.rest.clear();
                self.skips = true;
            }
            if is_end {
                if !self.skips {
                    let line = String::from_utf8_lossy(&self.rest);
                    lines.push(line.trim_end_matches(['\n', '\r']).to_owned());
                }
                self.rest.clear();
                self.skips = false;
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn events_are_told_from_everything_else_in_a_stream() {
        assert_eq!(event_of("data: {\"a\":1}"), Some("{\"a\":1}"));
        assert_eq!(event_of("data:END_OF_LOG"), Some(END));
        for other in [": keep-alive", "event: x", "id: 3", "", "retry: 10"] {
            assert_eq!(event_of(other), None, "{other}");
        }
    }

    #[test]
    fn what_was_heard_is_passed_over() {
        let mut heard = Vec::new();
        let mut hear = |number, event: LogEvent| heard.push((number, event.text));
        let mut counter = Counter {
            heard: 1,
            number: 0,
            hear: &mut hear,
        };
        counter.whole(br#"[{"data":"a"},{"data":"b"}]"#);
        counter.number = 0;
        counter.whole(br#"[{"data":"a"},{"data":"b"},{"data":"c"}]"#);
        assert_eq!(counter.heard, 3);
        assert_eq!(heard, [(1, "b".to_owned()), (2, "c".to_owned())]);
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_how_they_come(
            lines in prop::collection::vec("[^\r\n]{0,12}", 0..8),
            sizes in prop::collection::vec(1_usize..9, 1..20),
        ) {
            let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let mut reader = Lines::default();
            let mut read = Vec::new();
            let mut rest = text.as_bytes();
            for size in sizes.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, left) = rest.split_at((*size).min(rest.len()));
                read.extend(reader.add(piece));
                rest = left;
            }
            prop_assert_eq!(read, lines);
        }
    }
}
