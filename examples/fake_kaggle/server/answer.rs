//! Answers in HTTP/1.1, from memory or from a file, and those that go wrong on their way on purpose.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fs_err as fs;

/// What an answer carries.
#[derive(Debug)]
pub(crate) enum AnswerBody {
    Bytes(Vec<u8>),
    /// A part of a file.
    File {
        path: PathBuf,
        start: u64,
        length: u64,
    },
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: AnswerBody,
}

impl Answer {
    /// An answer without a body.
    pub(crate) fn empty(status: u16) -> Self {
        Self::text(status, "text/plain", "")
    }

    /// An answer with a text.
    pub(crate) fn text(status: u16, content_type: &str, body: &str) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", content_type.to_owned())],
            body: AnswerBody::Bytes(body.as_bytes().to_vec()),
        }
    }

    /// An answer in JSON.
    pub(crate) fn json(status: u16, value: &serde_json::Value) -> Self {
        Self::text(status, "application/json", &value.to_string())
    }

    /// The same answer with one header more.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// How an answer goes wrong on its way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Delivery {
    /// Cut in the middle of the body.
    pub(crate) cut: bool,
    /// `Content-Length` says half (true) or more than all (false).
    pub(crate) wrong_length: Option<bool>,
    /// In small pieces over this time.
    pub(crate) trickle: Option<Duration>,
    /// No connection for the next request.
    pub(crate) close: bool,
}

impl Delivery {
    /// Whether the connection can serve another request afterwards.
    pub(crate) fn keeps_connection(self) -> bool {
        !self.close && !self.cut && self.wrong_length.is_none()
    }
}

/// Sends an answer; the bytes of its body are counted as they go out.
pub(crate) fn send(
    stream: &mut TcpStream,
    answer: Answer,
    how: Delivery,
    counter: Option<&AtomicU64>,
) -> io::Result<()> {
    let (mut source, length): (Box<dyn Read>, u64) = match answer.body {
        AnswerBody::Bytes(bytes) => {
            let length = u64::try_from(bytes.len()).unwrap_or_default();
            (Box::new(io::Cursor::new(bytes)), length)
        }
        AnswerBody::File {
            path,
            start,
            length,
        } => {
            let mut file = fs::File::open(path)?;
            file.seek(SeekFrom::Start(start))?;
            (Box::new(file.take(length)), length)
        }
    };
    let announced = match how.wrong_length {
        Some(true) => length / 2,
        Some(false) => length + 7,
        None => length,
    };
    let mut head = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !how.keeps_connection() {
        head.push_str("Connection: close\r\n");
    }
    head.push_str(&format!("Content-Length: {announced}\r\n\r\n"));
    stream.write_all(head.as_bytes())?;
    let sent = if how.cut { length / 2 } else { length };
    let mut sink = Counting { stream, counter };
    match how.trickle {
        None => io::copy(&mut source.take(sent), &mut sink).map(drop),
        Some(total) => trickle(&mut source, sent, &mut sink, total),
    }?;
    sink.flush()
}

fn trickle(
    source: &mut dyn Read,
    length: u64,
    sink: &mut impl Write,
    total: Duration,
) -> io::Result<()> {
    const PIECES: u64 = 10;
    let mut sent = 0;
    for piece in 1..=PIECES {
        let until = length * piece / PIECES;
        sent += io::copy(&mut (&mut *source).take(until - sent), sink)?;
        sink.flush()?;
        std::thread::sleep(total / 10);
    }
    Ok(())
}

/// Counts what is written.
#[derive(Debug)]
struct Counting<'a> {
    stream: &'a mut TcpStream,
    counter: Option<&'a AtomicU64>,
}

impl Write for Counting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Counted before, so that whoever has the bytes finds them counted.
        if let Some(counter) = self.counter {
            let count = u64::try_from(bytes.len()).unwrap_or_default();
            counter.fetch_add(count, Ordering::SeqCst);
        }
        self.stream.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        206 => "Partial Content",
        302 => "Found",
        308 => "Resume Incomplete",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Answer",
    }
}
