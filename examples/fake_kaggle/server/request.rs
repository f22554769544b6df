//! Requests in HTTP/1.1, read by hand, as much as the clients of the service speak: heads in origin and
//! in absolute form, bodies with a length or in chunks.

use std::io::{self, BufRead, BufReader, Read};
use std::net::TcpStream;

/// Longest request head in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// The first lines of a request.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: String,
    /// Without scheme, host and query.
    pub(crate) path: String,
    /// Behind the question mark.
    pub(crate) query: String,
    headers: Vec<(String, String)>,
    old_version: bool,
}

impl Head {
    /// Reads a request head; nothing when the client closed the connection before a request.
    pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut left = MAX_HEAD;
        let mut first = read_line(reader, &mut left)?;
        if first.as_deref() == Some("") {
            first = read_line(reader, &mut left)?;
        }
        let Some(first) = first else {
            return Ok(None);
        };
        let mut words = first.split(' ');
        let (Some(method), Some(target), Some(version)) =
            (words.next(), words.next(), words.next())
        else {
            return Err(invalid("request line"));
        };
        let mut headers = Vec::new();
        loop {
            let line = read_line(reader, &mut left)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| invalid("header"))?;
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
        let local = strip_origin(target);
        let (path, query) = local.split_once('?').unwrap_or((local, ""));
        Ok(Some(Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            old_version: version != "HTTP/1.1",
        }))
    }

    /// A header's value; the name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// A value of the query, percent signs left as they are.
    pub(crate) fn query_value(&self, name: &str) -> Option<&str> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// Whether the client wants the connection closed after the answer.
    pub(crate) fn closes(&self) -> bool {
        self.old_version
            || self
                .header("connection")
                .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// Takes scheme and host off a target in absolute form.
fn strip_origin(target: &str) -> &str {
    match target.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) => rest
            .find('/')
            .and_then(|start| rest.get(start..))
            .unwrap_or("/"),
        _ => target,
    }
}

fn read_line(reader: &mut impl BufRead, left: &mut usize) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(*left).unwrap_or(u64::MAX);
    let read = reader.take(limit).read_until(b'\n', &mut bytes)?;
    *left -= read;
    if read == 0 {
        return if *left == 0 {
            Err(invalid("head is too long"))
        } else {
            Ok(None)
        };
    }
    if bytes.last() != Some(&b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let text = String::from_utf8(bytes).map_err(|_| invalid("head is not UTF-8"))?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("bad request: {what}"))
}

/// How much of the body is still to come.
#[derive(Debug)]
enum Remaining {
    Length(u64),
    Chunk(u64),
    Done,
}

/// The body of a request. A body that ends too early is an error.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    reader: &'a mut BufReader<TcpStream>,
    remaining: Remaining,
    /// Bytes of the body that were read.
    pub(crate) taken: u64,
    /// What `Content-Length` says.
    pub(crate) announced: Option<u64>,
}

impl<'a> Body<'a> {
    pub(crate) fn new(head: &Head, reader: &'a mut BufReader<TcpStream>) -> io::Result<Self> {
        let chunked = head
            .header("transfer-encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        let announced = match head.header("content-length") {
            Some(text) => Some(text.parse().map_err(|_| invalid("content length"))?),
            None => None,
        };
        let remaining = match (chunked, announced) {
            (true, _) => next_chunk(reader, false)?,
            (false, Some(length)) if length > 0 => Remaining::Length(length),
            (false, _) => Remaining::Done,
        };
        Ok(Self {
            reader,
            remaining,
            taken: 0,
            announced,
        })
    }

    /// Reads and forgets what is left.
    pub(crate) fn drain(&mut self) -> io::Result<()> {
        io::copy(self, &mut io::sink()).map(drop)
    }
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (left, chunked) = match self.remaining {
            Remaining::Length(left) => (left, false),
            Remaining::Chunk(left) => (left, true),
            Remaining::Done => return Ok(0),
        };
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = (&mut *self.reader).take(left).read(buffer)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let count = u64::try_from(read).unwrap_or_default();
        self.taken += count;
        self.remaining = match (left - count, chunked) {
            (0, true) => next_chunk(self.reader, true)?,
            (0, false) => Remaining::Done,
            (more, true) => Remaining::Chunk(more),
            (more, false) => Remaining::Length(more),
        };
        Ok(read)
    }
}

/// Reads the line that begins a chunk, and the trailer behind the last one.
fn next_chunk(reader: &mut impl BufRead, after_another: bool) -> io::Result<Remaining> {
    let mut left = MAX_HEAD;
    let mut line = || -> io::Result<String> {
        read_line(reader, &mut left)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    };
    if after_another {
        let end = line()?;
        if !end.is_empty() {
            return Err(invalid("chunk"));
        }
    }
    let text = line()?;
    let digits = text.split(';').next().unwrap_or_default().trim();
    let size = u64::from_str_radix(digits, 16).map_err(|_| invalid("chunk size"))?;
    if size > 0 {
        return Ok(Remaining::Chunk(size));
    }
    loop {
        let trailer = line()?;
        if trailer.is_empty() {
            return Ok(Remaining::Done);
        }
    }
}
