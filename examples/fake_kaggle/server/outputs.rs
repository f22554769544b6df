//! What a session leaves: listed by pages with signed addresses, fetched whole or in parts.

use std::path::Path;

use data_encoding::HEXLOWER;
use fs_err as fs;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::answer::{Answer, AnswerBody};
use super::clock::iso;
use super::connection::{Reply, Request, deliver, refusal};
use super::core::Core;
use super::faults::FaultKind;
use super::kernels::{labelled, readable};
use super::lock;
use super::rpc::{Call, RpcError};
use super::state::{KernelVersion, Session, SignedAddress, State};

fn session<'a>(
    call: &Call<'_>,
    state: &'a State,
) -> Result<(&'a KernelVersion, &'a Session), RpcError> {
    let kernel = readable(call, state)?;
    let number = labelled(kernel, call.text("versionLabel"))?;
    let mut versions = kernel.versions.iter();
    versions
        .find(|version| version.number == number)
        .and_then(|version| Some((version, version.session.as_ref()?)))
        .ok_or_else(|| RpcError::new(404, "Not found"))
}

/// The log as it travels: a JSON array as a text.
pub(super) fn log_text(session: &Session) -> String {
    serde_json::to_string(&*lock(&session.log)).unwrap_or_default()
}

/// `ListKernelSessionOutput`. Nothing is published before the session has ended.
pub(super) fn list(call: &Call<'_>) -> Result<Value, RpcError> {
    let lifetime_ms = call.core.settings().address_seconds.saturating_mul(1_000);
    let expires_ms = call.core.clock.now().saturating_add(lifetime_ms);
    let mut state = call.core.state();
    let (_, session) = session(call, &state)?;
    if !session.status.is_terminal() {
        return Ok(json!({ "files": [], "log": "", "nextPageToken": "" }));
    }
    let log = log_text(session);
    let (range, next) = call.page(session.outputs.len())?;
    let shown = session.outputs.get(range).unwrap_or_default().to_vec();
    let files: Vec<Value> = shown
        .into_iter()
        .map(|file| {
            let address = state.opaque("signed");
            let url = format!(
                "{}/signed/{address}?Expires={}",
                call.core.storage_url(),
                expires_ms / 1_000
            );
            let path = file.path;
            state
                .addresses
                .insert(address, SignedAddress { path, expires_ms });
            json!({ "url": url, "fileName": file.name })
        })
        .collect();
    Ok(json!({ "files": files, "log": log, "nextPageToken": next }))
}

/// `ListKernelFiles`: names and sizes.
pub(super) fn list_files(call: &Call<'_>) -> Result<Value, RpcError> {
    let state = call.core.state();
    let (version, session) = session(call, &state)?;
    let (range, next) = call.page(session.outputs.len())?;
    let files: Vec<Value> = session
        .outputs
        .get(range)
        .unwrap_or_default()
        .iter()
        .map(|file| {
            json!({
                "name": file.name, "size": file.size,
                "creationDate": iso(session.ended_ms.unwrap_or(version.created_ms)),
            })
        })
        .collect();
    Ok(json!({ "files": files, "nextPageToken": next }))
}

/// `GET` of a signed address.
pub(super) fn download(core: &Core, request: &mut Request<'_>, address: &str) -> Reply {
    request.record.operation = "Download".to_owned();
    let fault = lock(&core.faults).draw("Download");
    request.record.fault = fault.as_ref().map(|fault| fault.kind.clone());
    let kind = fault.map(|fault| fault.kind);
    if let Some(reply) = kind.as_ref().and_then(refusal) {
        return reply;
    }
    let now = core.clock.now();
    let known = core.state().addresses.get(address).cloned();
    let Some(known) = known else {
        return xml(404, "NoSuchKey").into();
    };
    if now >= known.expires_ms || kind == Some(FaultKind::AddressExpired) {
        return xml(403, "ExpiredToken").into();
    }
    let Ok(length) = fs::metadata(&known.path).map(|found| found.len()) else {
        return xml(404, "NoSuchKey").into();
    };
    let tag = entity_tag(&known.path, length);
    let head = request.head;
    let condition = head.header("if-range");
    let range = head
        .header("range")
        .filter(|_| condition.is_none_or(|condition| condition == tag));
    let (status, start, end) = match range.map(|range| part(range, length)) {
        None => (200, 0, length),
        Some(Some((start, end))) => (206, start, end),
        Some(None) => {
            let answer = xml(416, "InvalidRange");
            return answer
                .with("Content-Range", format!("bytes */{length}"))
                .into();
        }
    };
    let mut answer = Answer::empty(status)
        .with("ETag", tag)
        .with("Accept-Ranges", "bytes");
    if status == 206 {
        let extent = format!("bytes {start}-{}/{length}", end.saturating_sub(1));
        answer = answer.with("Content-Range", extent);
    }
    answer.body = AnswerBody::File {
        path: known.path,
        start,
        length: end - start,
    };
    deliver(answer, kind.as_ref())
}

/// The part of a file that a range asks for: first byte and end. Nothing when it lies outside.
fn part(range: &str, length: u64) -> Option<(u64, u64)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let wanted: u64 = last.parse().ok()?;
        return (wanted > 0).then(|| (length.saturating_sub(wanted), length));
    }
    let first: u64 = first.parse().ok()?;
    let end = match last {
        "" => length,
        last => last.parse::<u64>().ok()?.saturating_add(1).min(length),
    };
    (first < end).then_some((first, end))
}

fn entity_tag(path: &Path, length: u64) -> String {
    let digest = Sha256::digest(format!("{} {length}", path.display()));
    let short = digest.get(..16).unwrap_or_default();
    format!("\"{}\"", HEXLOWER.encode(short))
}

fn xml(status: u16, code: &str) -> Answer {
    let body = format!("<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code></Error>");
    Answer::text(status, "application/xml; charset=UTF-8", &body)
}
