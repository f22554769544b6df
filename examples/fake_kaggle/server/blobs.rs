//! Resumable uploads: `StartBlobUpload`, then `PUT` of the whole, of the rest, or of nothing with
//! `bytes */N` to ask how much is there.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::Ordering;

use data_encoding::HEXLOWER;
use fs_err as fs;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::connection::{Reply, Request, deliver, refusal};
use super::core::Core;
use super::faults::FaultKind;
use super::lock;
use super::request::Body;
use super::rpc::{Call, RpcError, number};
use super::state::Upload;

/// An upload that breaks off is kept in steps of this many bytes.
const KEPT_STEP: u64 = 256 * 1024;

/// `StartBlobUpload`.
pub(super) fn start(call: &Call<'_>) -> Result<Value, RpcError> {
    let name = call.text("name");
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    if base.is_empty() || base == ".." {
        return Err(RpcError::new(400, "The name of the upload is missing"));
    }
    if !call.text("type").eq_ignore_ascii_case("DATASET") {
        return Err(RpcError::new(400, "The type of the upload is not DATASET"));
    }
    let folder = call.core.folder.join("uploads");
    fs::create_dir_all(&folder).map_err(|error| RpcError::new(500, error.to_string()))?;
    let now = call.core.clock.now();
    let mut state = call.core.state();
    let (token, address) = (state.opaque("token"), state.opaque("upload"));
    let path = folder.join(&address);
    state.uploads.insert(
        token.clone(),
        Upload {
            owner: call.user.to_owned(),
            address: address.clone(),
            name: base.to_owned(),
            length: number(call.body, "contentLength").unwrap_or_default(),
            received: 0,
            complete: false,
            expired: false,
            started_ms: now,
            path,
        },
    );
    let url = format!("{}/upload/{address}", call.core.storage_url());
    Ok(json!({ "token": token, "createUrl": url }))
}

/// What a `PUT` wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// To know how much is there.
    Extent,
    /// To send what begins at this byte.
    From(u64),
}

/// `PUT` to an upload's address.
pub(super) fn put(core: &Core, request: &mut Request<'_>, address: &str) -> io::Result<Reply> {
    request.record.operation = "Upload".to_owned();
    let fault = lock(&core.faults).draw("Upload");
    request.record.fault = fault.as_ref().map(|fault| fault.kind.clone());
    let kind = fault.map(|fault| fault.kind);
    if let Some(reply) = kind.as_ref().and_then(refusal) {
        return Ok(reply);
    }
    let (length, received, complete, path) = {
        let lifetime = core.settings().upload_seconds.saturating_mul(1_000);
        let now = core.clock.now();
        let mut state = core.state();
        let upload = state
            .uploads
            .values_mut()
            .find(|upload| upload.address == address);
        let Some(upload) = upload else {
            return Ok(Answer::empty(404).into());
        };
        upload.expired |= now >= upload.started_ms.saturating_add(lifetime)
            || kind == Some(FaultKind::UploadExpired);
        if upload.expired && !upload.complete {
            return Ok(Answer::empty(404).into());
        }
        let path = upload.path.clone();
        (upload.length, upload.received, upload.complete, path)
    };
    let Some(wanted) = wanted(request.head.header("content-range"), length) else {
        return Ok(Answer::text(400, "text/plain", "Invalid Content-Range").into());
    };
    let done = complete || (wanted == Wanted::Extent && received == length && path.exists());
    if done {
        update(core, address, length, true);
        return Ok(deliver(Answer::empty(200), kind.as_ref()));
    }
    let Wanted::From(start) = wanted else {
        return Ok(match kind {
            Some(FaultKind::UploadCut) => Reply::Cut,
            Some(FaultKind::UploadUnavailable) => Answer::empty(503).into(),
            _ => deliver(incomplete(received), kind.as_ref()),
        });
    };
    let expected = length.saturating_sub(start);
    if start > received || request.body.announced.is_some_and(|sent| sent != expected) {
        return Ok(Answer::text(400, "text/plain", "Invalid request").into());
    }
    let breaks = matches!(
        kind,
        Some(FaultKind::UploadCut | FaultKind::UploadUnavailable)
    );
    let most = if breaks { expected / 2 } else { expected };
    let (stored, hash, broken) = store(core, &mut request.body, &path, start, most)?;
    request.record.body_length = stored;
    request.record.body_sha256 = hash;
    let reached = start + stored;
    if broken || reached < length {
        let kept = reached / KEPT_STEP * KEPT_STEP;
        update(core, address, kept.max(start), false);
        return Ok(match kind {
            Some(FaultKind::UploadUnavailable) => Answer::empty(503).into(),
            _ => Reply::Cut,
        });
    }
    update(core, address, length, true);
    Ok(deliver(Answer::empty(200), kind.as_ref()))
}

fn wanted(range: Option<&str>, length: u64) -> Option<Wanted> {
    let Some(range) = range else {
        return Some(Wanted::From(0));
    };
    let (extent, total) = range.strip_prefix("bytes ")?.split_once('/')?;
    if total.parse() != Ok(length) {
        return None;
    }
    if extent == "*" {
        return Some(Wanted::Extent);
    }
    let (first, last) = extent.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    (last.checked_add(1)? == length && first <= last).then_some(Wanted::From(first))
}

fn incomplete(received: u64) -> Answer {
    let answer = Answer::empty(308);
    match received.checked_sub(1) {
        Some(last) => answer.with("Range", format!("bytes=0-{last}")),
        None => answer,
    }
}

fn update(core: &Core, address: &str, received: u64, complete: bool) {
    let mut state = core.state();
    let upload = state
        .uploads
        .values_mut()
        .find(|upload| upload.address == address);
    if let Some(upload) = upload {
        upload.received = received;
        upload.complete = complete;
    }
}

/// Writes a body to its place, at most so many bytes. Returns how many bytes came, their hash, and
/// whether the client broke off.
fn store(
    core: &Core,
    body: &mut Body<'_>,
    path: &Path,
    start: u64,
    most: u64,
) -> io::Result<(u64, String, bool)> {
    let mut file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    file.set_len(start)?;
    file.seek(SeekFrom::Start(start))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut stored = 0;
    let mut broken = false;
    while stored < most {
        let room = usize::try_from(most - stored).unwrap_or(usize::MAX);
        let room = room.min(buffer.len());
        let part = buffer.get_mut(..room).unwrap_or_default();
        let count = match body.read(part) {
            Ok(0) => break,
            Ok(count) => count,
            Err(_) => {
                broken = true;
                break;
            }
        };
        let bytes = part.get(..count).unwrap_or_default();
        file.write_all(bytes)?;
        hash.update(bytes);
        let count = u64::try_from(count).unwrap_or_default();
        stored += count;
        core.up.fetch_add(count, Ordering::SeqCst);
    }
    Ok((stored, HEXLOWER.encode(&hash.finalize()), broken))
}
