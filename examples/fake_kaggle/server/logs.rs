//! The live log: server-sent events while a session runs, the whole log as a JSON array afterwards.

use std::io::{self, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::answer::Answer;
use super::connection::{Reply, Request, deliver, refusal};
use super::core::Core;
use super::faults::FaultKind;
use super::kernels::labelled;
use super::lock;
use super::outputs::log_text;
use super::state::State;

/// How often a running session's log is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// `GET kernels/logs/stream/{owner}/{slug}[?versionLabel=v3]`.
pub(super) fn stream(
    core: &Core,
    request: &mut Request<'_>,
    kernel: &str,
    writer: &mut TcpStream,
) -> io::Result<Reply> {
    request.record.operation = "LogStream".to_owned();
    let fault = lock(&core.faults).draw("LogStream");
    request.record.fault = fault.as_ref().map(|fault| fault.kind.clone());
    let kind = fault.map(|fault| fault.kind);
    if let Some(reply) = kind.as_ref().and_then(refusal) {
        return Ok(reply);
    }
    let Some(user) = request.caller.user.as_deref() else {
        return Ok(failure(401, "Unauthenticated").into());
    };
    let label = request.head.query_value("versionLabel").unwrap_or_default();
    let found = find(&core.state(), user, kernel, label);
    let (owner, slug, number) = match found {
        Ok(found) => found,
        Err((status, message)) => return Ok(failure(status, &message).into()),
    };
    let source = Source {
        owner,
        slug,
        number,
    };
    let Some(seen) = source.look(core, 0) else {
        return Ok(failure(404, "Not found").into());
    };
    if let Some(log) = seen.whole {
        return Ok(deliver(
            Answer::text(200, "application/json", &log),
            kind.as_ref(),
        ));
    }
    request.record.status = Some(200);
    writer.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nConnection: close\r\n\r\n",
    )?;
    follow(core, &source, writer, kind == Some(FaultKind::CutBody))?;
    Ok(Reply::Written)
}

fn failure(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "code": status, "message": message }))
}

/// Owner, slug and version of a kernel that the user may see, or the status and message of a refusal.
fn find(
    state: &State,
    user: &str,
    kernel: &str,
    label: &str,
) -> Result<(String, String, u32), (u16, String)> {
    let (owner, slug) = kernel.split_once('/').unwrap_or_default();
    let kernel = state
        .kernel(owner, slug)
        .filter(|kernel| !kernel.is_private || kernel.owner == user)
        .ok_or_else(|| (403, "Permission 'kernels.get' was denied".to_owned()))?;
    let number = labelled(kernel, label).map_err(|error| (error.status, error.message))?;
    Ok((owner.to_owned(), slug.to_owned(), number))
}

/// Whose log it is.
#[derive(Debug)]
struct Source {
    owner: String,
    slug: String,
    number: u32,
}

/// What a look at the log shows.
#[derive(Debug)]
struct Seen {
    /// Events that were not seen before.
    events: Vec<String>,
    /// The log as it is published, once the session has ended.
    whole: Option<String>,
}

impl Source {
    fn look(&self, core: &Core, seen: usize) -> Option<Seen> {
        let state = core.state();
        let kernel = state.kernel(&self.owner, &self.slug)?;
        let mut versions = kernel.versions.iter();
        let version = versions.find(|version| version.number == self.number)?;
        let session = version.session.as_ref()?;
        let events = lock(&session.log)
            .iter()
            .skip(seen)
            .filter_map(|event| serde_json::to_string(event).ok())
            .collect();
        let whole = session.status.is_terminal().then(|| log_text(session));
        Some(Seen { events, whole })
    }
}

/// Sends events until the session ends, the stream was idle for long, or it is to be cut.
fn follow(core: &Core, source: &Source, writer: &mut TcpStream, cut: bool) -> io::Result<()> {
    let idle_ms = core.settings().stream_idle_milliseconds;
    let mut sent = 0;
    let mut last_ms = core.clock.now();
    while !core.is_stopping() {
        let Some(seen) = source.look(core, sent) else {
            break;
        };
        for event in &seen.events {
            if cut && sent > 0 {
                let half = event.get(..event.len() / 2).unwrap_or_default();
                return write!(writer, "data: {half}");
            }
            write!(writer, "data: {event}\n\n")?;
            sent += 1;
        }
        if seen.whole.is_some() {
            return write!(writer, "data: END_OF_LOG\n\n");
        }
        let now = core.clock.now();
        if !seen.events.is_empty() {
            last_ms = now;
        } else if now.saturating_sub(last_ms) >= idle_ms {
            break;
        }
        thread::sleep(INTERVAL);
    }
    Ok(())
}
