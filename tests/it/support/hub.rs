//! A hub on this machine: a small HTTP server that remembers what it was asked and can misbehave on
//! purpose, and models of a few bytes for it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

/// The revision that every model here is pinned to.
pub(crate) const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";

/// A request as it arrived; names of headers in small letters.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The first byte that a range asks for.
    pub(crate) fn from(&self) -> Option<usize> {
        let range = self.header("range")?.strip_prefix("bytes=")?;
        range.split('-').next()?.parse().ok()
    }
}

/// How a body is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// With its length, whole.
    Whole,
    /// With its length, but the connection ends after so many bytes.
    CutAfter(usize),
    /// In chunks; the connection ends after so many bytes, without the last chunk.
    ChunkedCutAfter(usize),
    /// In chunks, whole.
    Chunked,
    /// With its length, in pieces of so many bytes with pauses between them.
    Slow(usize, Duration),
    /// With its length, so many bytes, and then nothing while the connection stays open.
    StallAfter(usize),
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) content: Vec<u8>,
    pub(crate) body: Body,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content: Vec::new(),
            body: Body::Whole,
        }
    }

    pub(crate) fn whole(content: &[u8]) -> Self {
        Self {
            content: content.to_vec(),
            ..Self::status(200)
        }
        .header("etag", "\"v1\"")
    }

    /// What a good server answers: the range that is asked for, if its validator still holds.
    pub(crate) fn honest(seen: &Seen, content: &[u8]) -> Self {
        let valid = seen.header("if-range").is_none_or(|etag| etag == "\"v1\"");
        match seen.from() {
            Some(from) if valid && from < content.len() => Self {
                content: content[from..].to_vec(),
                ..Self::status(206)
            }
            .header(
                "content-range",
                &format!("bytes {from}-{}/{}", content.len() - 1, content.len()),
            )
            .header("etag", "\"v1\""),
            Some(_) if valid => Self::status(416),
            _ => Self::whole(content),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn sent(mut self, body: Body) -> Self {
        self.body = body;
        self
    }
}

type Handler = dyn Fn(&Seen, usize) -> Answer + Send + Sync;

/// The server; it ends with this value.
pub(crate) struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    ended: Arc<AtomicBool>,
}

impl Server {
    /// A server that answers with `handler`, which gets the request and how many came before it for
    /// the same path.
    pub(crate) fn start(handler: impl Fn(&Seen, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let ended = Arc::new(AtomicBool::new(false));
        let handler: Arc<Handler> = Arc::new(handler);
        let server = Self {
            address,
            seen: Arc::clone(&seen),
            ended: Arc::clone(&ended),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (seen, handler) = (Arc::clone(&seen), Arc::clone(&handler));
                let ended = Arc::clone(&ended);
                std::thread::spawn(move || {
                    // A client that goes away in the middle is what many tests are about.
                    let _ = answer(stream, &seen, &*handler, &ended);
                });
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The requests for paths that end so.
    pub(crate) fn seen_for(&self, end: &str) -> Vec<Seen> {
        let mut seen = self.seen();
        seen.retain(|seen| seen.path.ends_with(end));
        seen
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn answer(
    stream: TcpStream,
    seen: &Mutex<Vec<Seen>>,
    handler: &Handler,
    ended: &AtomicBool,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let request = Seen { path, headers };
    let before = {
        let mut seen = seen.lock().unwrap();
        let before = seen.iter().filter(|old| old.path == request.path).count();
        seen.push(request.clone());
        before
    };
    let answer = handler(&request, before);
    let chunked = matches!(answer.body, Body::Chunked | Body::ChunkedCutAfter(_));
    let mut head = format!("HTTP/1.1 {} Said\r\nconnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if chunked {
        head.push_str("transfer-encoding: chunked\r\n\r\n");
    } else {
        head.push_str(&format!("content-length: {}\r\n\r\n", answer.content.len()));
    }
    let mut writer = &stream;
    writer.write_all(head.as_bytes())?;
    let content = &answer.content;
    match answer.body {
        Body::Whole => writer.write_all(content)?,
        Body::CutAfter(bytes) => writer.write_all(&content[..bytes])?,
        Body::Chunked | Body::ChunkedCutAfter(_) => {
            let bytes = match answer.body {
                Body::ChunkedCutAfter(bytes) => bytes,
                _ => content.len(),
            };
            for chunk in content[..bytes].chunks(10_000) {
                write!(writer, "{:x}\r\n", chunk.len())?;
                writer.write_all(chunk)?;
                writer.write_all(b"\r\n")?;
            }
            if bytes == content.len() {
                writer.write_all(b"0\r\n\r\n")?;
            }
        }
        Body::Slow(size, pause) => {
            for piece in content.chunks(size) {
                writer.write_all(piece)?;
                std::thread::sleep(pause);
            }
        }
        Body::StallAfter(bytes) => {
            writer.write_all(&content[..bytes])?;
            while !ended.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
    stream.shutdown(std::net::Shutdown::Write)
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// `count` bytes that look like weights.
pub(crate) fn weights(count: usize) -> Vec<u8> {
    (0..count as u64)
        .map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
        .collect()
}

/// A list of one model, `tiny-clip` of `tiny/clip`, with these files.
pub(crate) fn list_of(files: &[(&str, &[u8])]) -> String {
    let lines: Vec<String> = files
        .iter()
        .map(|(path, content)| {
            format!(
                "  {{ path = \"{path}\", bytes = {}, sha256 = \"{}\" }},\n",
                content.len(),
                sha256(content)
            )
        })
        .collect();
    format!(
        "[[model]]\nname = \"tiny-clip\"\ntitle = \"Tiny CLIP\"\npurpose = \"tests\"\n\
         repository = \"tiny/clip\"\nrevision = \"{REVISION}\"\nbranch = \"main\"\nlicence = \"MIT\"\n\
         licence_url = \"https://licence.example/MIT\"\nnotice = \"Not for cats.\"\nfiles = [\n{}]\n",
        lines.concat()
    )
}

/// Where the model of [`list_of`] lies in the cache `hub`.
pub(crate) fn model_folder(hub: &Path) -> PathBuf {
    hub.join("models--tiny--clip")
}

/// Where a file of it has its name.
pub(crate) fn snapshot(hub: &Path, file: &str) -> PathBuf {
    model_folder(hub)
        .join("snapshots")
        .join(REVISION)
        .join(file)
}
