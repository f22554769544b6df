//! Connections: one thread each, one request after the other, each sent to what answers it.

use std::io::{self, BufReader};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use super::answer::{self, Answer, Delivery};
use super::auth::{self, AuthSource};
use super::core::Core;
use super::faults::FaultKind;
use super::request::{Body, Head};
use super::transcript::{Leak, Record};
use super::{blobs, control, logs, outputs, rpc};

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Reply {
    Answer(Answer, Delivery),
    /// Already written; the connection ends.
    Written,
    /// No answer: the connection is cut.
    Cut,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer, Delivery::default())
    }
}

/// A request on its way through the service.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) head: &'a Head,
    pub(super) body: Body<'a>,
    pub(super) caller: auth::Caller,
    pub(super) record: Record,
}

/// Serves the connections of a listener in threads until the service stops.
pub(super) fn accept(core: &Arc<Core>, listener: TcpListener) {
    let core = Arc::clone(core);
    thread::spawn(move || {
        for stream in listener.incoming() {
            if core.is_stopping() {
                break;
            }
            let Ok(stream) = stream else { continue };
            let core = Arc::clone(&core);
            thread::spawn(move || {
                let Ok(id) = core.remember(&stream) else {
                    return;
                };
                // A connection that breaks off concerns nobody but its client.
                let _ = serve(&core, &stream);
                let _ = stream.shutdown(Shutdown::Both);
                core.forget(id);
            });
        }
    });
}

fn serve(core: &Core, stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(64 * 1024, stream.try_clone()?);
    let mut writer = stream.try_clone()?;
    while !core.is_stopping() {
        let Some(head) = Head::read(&mut reader)? else {
            break;
        };
        let body = Body::new(&head, &mut reader)?;
        let mut request = begin(core, &head, body);
        let reply = route(core, &mut request, &mut writer);
        let drained = match reply {
            Ok(Reply::Answer(..)) => request.body.drain(),
            _ => Ok(()),
        };
        let Request { mut record, .. } = request;
        let download = record.operation == "Download";
        if let Ok(Reply::Answer(answer, _)) = &reply {
            record.status = Some(answer.status);
        }
        if !head.path.starts_with("/control/") {
            core.record(record);
        }
        drained?;
        match reply? {
            Reply::Answer(reply, mut delivery) => {
                delivery.close |= head.closes();
                let counter = (download && reply.status < 300).then_some(&core.down);
                answer::send(&mut writer, reply, delivery, counter)?;
                if !delivery.keeps_connection() {
                    break;
                }
            }
            Reply::Written | Reply::Cut => break,
        }
    }
    Ok(())
}

/// Notes who asks for what.
fn begin<'a>(core: &Core, head: &'a Head, body: Body<'a>) -> Request<'a> {
    let now = core.clock.now();
    let authorization = head.header("authorization");
    let state = core.state();
    let caller = auth::identify(authorization, &core.users, &state, now);
    let storage = is_storage(&head.path);
    if storage && caller.source != AuthSource::None {
        core.leaked(Leak {
            path: head.path.clone(),
            what: "Authorization at an upload or download",
        });
    }
    let target = format!("{}?{}", head.path, head.query);
    if auth::holds_secret(&target, &core.users, &state) {
        core.leaked(Leak {
            path: head.path.clone(),
            what: "a secret in the address",
        });
    }
    let range = head.header("content-range").or(head.header("range"));
    let record = Record {
        at_ms: now,
        method: head.method.clone(),
        path: head.path.clone(),
        operation: String::new(),
        auth: caller.source.clone(),
        range: range.map(str::to_owned),
        body_length: 0,
        body_sha256: String::new(),
        body: None,
        status: None,
        fault: None,
    };
    Request {
        head,
        body,
        caller,
        record,
    }
}

fn is_storage(path: &str) -> bool {
    path.starts_with("/upload/") || path.starts_with("/signed/")
}

fn route(core: &Core, request: &mut Request<'_>, writer: &mut TcpStream) -> io::Result<Reply> {
    let (method, path) = (request.head.method.as_str(), request.head.path.as_str());
    if let Some(address) = path.strip_prefix("/upload/") {
        return match method {
            "PUT" => blobs::put(core, request, address),
            _ => Ok(Answer::empty(405).into()),
        };
    }
    if let Some(address) = path.strip_prefix("/signed/") {
        return Ok(match method {
            "GET" => outputs::download(core, request, address),
            _ => Answer::empty(405).into(),
        });
    }
    if let Some(verb) = path.strip_prefix("/control/") {
        return control::serve(core, verb, &mut request.body);
    }
    let called = path
        .strip_prefix("/api/v1/")
        .or_else(|| path.strip_prefix("/v1/"));
    if let Some(called) = called {
        if let Some(kernel) = called.strip_prefix("kernels/logs/stream/") {
            return logs::stream(core, request, kernel, writer);
        }
        if method == "POST"
            && let Some((service, name)) = called.split_once('/')
        {
            return rpc::serve(core, request, service, name);
        }
    }
    Ok(Answer::text(404, "text/html", "<html><body>404</body></html>").into())
}

/// The answer to a request that goes wrong before anything is done.
pub(super) fn refusal(kind: &FaultKind) -> Option<Reply> {
    let json = |status: u16, code: u16, message: &str| {
        Answer::json(
            status,
            &serde_json::json!({ "code": code, "message": message }),
        )
    };
    Some(match kind {
        FaultKind::TooManyRequests {
            retry_after_seconds,
        } => {
            let answer = json(429, 429, "Too many requests");
            match retry_after_seconds {
                Some(seconds) => answer.with("Retry-After", seconds.to_string()).into(),
                None => answer.into(),
            }
        }
        FaultKind::ServerErrorBefore { status } => server_error(*status).into(),
        FaultKind::CutBefore => Reply::Cut,
        FaultKind::HtmlPage => Answer::text(
            200,
            "text/html; charset=utf-8",
            "<!DOCTYPE html><html><body>We will be back soon.</body></html>",
        )
        .into(),
        FaultKind::ErrorInside { code } => json(200, *code, "The service is unavailable").into(),
        FaultKind::NotVisibleYet => json(404, 404, "Not found").into(),
        _ => return None,
    })
}

/// What becomes of an answer whose work is done.
pub(super) fn deliver(answer: Answer, kind: Option<&FaultKind>) -> Reply {
    let mut delivery = Delivery::default();
    match kind {
        Some(FaultKind::ServerErrorAfter { status }) => return server_error(*status).into(),
        Some(FaultKind::LostAnswer) => return Reply::Cut,
        Some(FaultKind::CutBody) => delivery.cut = true,
        Some(FaultKind::WrongLength { short }) => delivery.wrong_length = Some(*short),
        Some(FaultKind::Trickle { total_ms }) => {
            delivery.trickle = Some(std::time::Duration::from_millis(u64::from(*total_ms)));
        }
        _ => {}
    }
    Reply::Answer(answer, delivery)
}

fn server_error(status: u16) -> Answer {
    let page = format!("<html><title>Error {status}</title><body>Try again later.</body></html>");
    Answer::text(status, "text/html; charset=UTF-8", &page)
}
