//! Remote calls: `POST {Service}/{Method}` with a JSON object in and out. Names of fields are checked, so
//! that a client that misspells one is told; the real service is not known to be as strict.

use std::io::{self, Read};
use std::ops::Range;

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::auth;
use super::connection::{Reply, Request, deliver, refusal};
use super::core::Core;
use super::faults::{DrawnFault, FaultKind};
use super::transcript::Leak;
use super::{blobs, datasets, kernels, lock, outputs, push};

/// Longest body of a call in bytes.
const MAX_BODY: u64 = 64 * 1024 * 1024;
const DEFAULT_PAGE: usize = 20;
const MAX_PAGE: usize = 200;

/// A call that fails: `{"code": …, "message": …}` with the same HTTP status.
#[derive(Debug)]
pub(super) struct RpcError {
    pub(super) status: u16,
    pub(super) message: String,
}

impl RpcError {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// What the service says of things that do not exist as well as of things of other people.
    pub(super) fn denied(permission: &str) -> Self {
        Self::new(403, format!("Permission '{permission}' was denied"))
    }
}

/// A call that is allowed to do its work.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) core: &'a Core,
    pub(super) method: &'a str,
    pub(super) user: &'a str,
    pub(super) body: &'a Value,
    fault: Option<&'a DrawnFault>,
}

impl Call<'_> {
    /// A text of the body; empty when it is not there.
    pub(super) fn text(&self, name: &str) -> &str {
        text(self.body, name)
    }

    /// Whether the plan of faults wants this of the call.
    pub(super) fn wants(&self, kind: &FaultKind) -> bool {
        self.fault.is_some_and(|fault| fault.kind == *kind)
    }

    /// Notes that the wanted fault took effect.
    pub(super) fn fault_took_effect(&self) {
        if let Some(fault) = self.fault {
            lock(&self.core.faults).record(self.method, fault);
        }
    }

    /// The part of a list of `total` entries that was asked for, and the token of the next one.
    pub(super) fn page(&self, total: usize) -> Result<(Range<usize>, String), RpcError> {
        let size = number(self.body, "pageSize")
            .and_then(|size| usize::try_from(size).ok())
            .filter(|size| *size > 0)
            .unwrap_or(DEFAULT_PAGE)
            .min(MAX_PAGE);
        let sent = self.text("pageToken");
        let start = match sent.strip_prefix("page-") {
            Some(start) => start.parse().ok(),
            None if sent.is_empty() => Some(0),
            None => None,
        };
        let start: usize = start.ok_or_else(|| RpcError::new(400, "Invalid page token"))?;
        let mut shown = total;
        if self.wants(&FaultKind::PartialListing) && start.saturating_add(size) > total / 2 {
            shown = total / 2;
            self.fault_took_effect();
        }
        let start = start.min(shown);
        let end = start.saturating_add(size).min(shown);
        if self.wants(&FaultKind::EchoedPageToken) && !sent.is_empty() {
            self.fault_took_effect();
            return Ok((start..end, sent.to_owned()));
        }
        let next = if end < shown {
            format!("page-{end}")
        } else {
            String::new()
        };
        Ok((start..end, next))
    }
}

/// A text of an object; empty when it is not there.
pub(super) fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A boolean of an object; false when it is not there.
pub(super) fn flag(body: &Value, name: &str) -> bool {
    body.get(name).and_then(Value::as_bool).unwrap_or_default()
}

/// A whole number of an object, which may also travel as a text.
pub(super) fn number(body: &Value, name: &str) -> Option<u64> {
    let value = body.get(name)?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// A list of texts of an object.
pub(super) fn texts(body: &Value, name: &str) -> Vec<String> {
    let list = body.get(name).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// Answers a call.
pub(super) fn serve(
    core: &Core,
    request: &mut Request<'_>,
    service: &str,
    method: &str,
) -> io::Result<Reply> {
    let mut bytes = Vec::new();
    (&mut request.body).take(MAX_BODY).read_to_end(&mut bytes)?;
    let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let record = &mut request.record;
    record.body_length = request.body.taken;
    record.body_sha256 = HEXLOWER.encode(&Sha256::digest(&bytes));
    record.body = Some(body.clone());
    let Some(fields) = known_fields(service, method) else {
        return Ok(failure(&RpcError::new(404, format!("No method {service}/{method}"))).into());
    };
    method.clone_into(&mut record.operation);
    if !matches!(method, "IntrospectToken" | "GenerateAccessToken") {
        let sent = String::from_utf8_lossy(&bytes);
        if auth::holds_secret(&sent, &core.users, &core.state()) {
            core.leaked(Leak {
                path: request.head.path.clone(),
                what: "a secret in the body",
            });
        }
    }
    let fault = lock(&core.faults).draw(method);
    record.fault = fault.as_ref().map(|fault| fault.kind.clone());
    if let Some(reply) = fault.as_ref().and_then(|fault| refusal(&fault.kind)) {
        return Ok(reply);
    }
    let answer = match perform(core, request, method, &body, fields, fault.as_ref()) {
        Ok(value) => Answer::json(200, &value),
        Err(error) => failure(&error),
    };
    Ok(deliver(answer, fault.as_ref().map(|fault| &fault.kind)))
}

fn failure(error: &RpcError) -> Answer {
    Answer::json(
        error.status,
        &json!({ "code": error.status, "message": error.message }),
    )
}

fn perform(
    core: &Core,
    request: &Request<'_>,
    method: &str,
    body: &Value,
    fields: &[&str],
    fault: Option<&DrawnFault>,
) -> Result<Value, RpcError> {
    let sent = body
        .as_object()
        .ok_or_else(|| RpcError::new(400, "The body is not a JSON object"))?;
    if let Some(unknown) = sent.keys().find(|name| !fields.contains(&name.as_str())) {
        return Err(RpcError::new(400, format!("Unknown field {unknown}")));
    }
    let now = core.clock.now();
    match method {
        "IntrospectToken" => {
            return Ok(auth::introspect(body, &core.users, &core.state(), now));
        }
        "GenerateAccessToken" => {
            return auth::generate(body, &core.users, &mut core.state(), now);
        }
        _ => {}
    }
    let user = request
        .caller
        .user
        .as_deref()
        .ok_or_else(|| RpcError::new(401, "Unauthenticated"))?;
    let call = Call {
        core,
        method,
        user,
        body,
        fault,
    };
    match method {
        "StartBlobUpload" => blobs::start(&call),
        "CreateDataset" => datasets::create(&call),
        "CreateDatasetVersion" => datasets::create_version(&call),
        "GetDatasetStatus" => datasets::status(&call),
        "GetDataset" => datasets::get(&call),
        "ListDatasets" => datasets::list(&call),
        "ListDatasetFiles" => datasets::list_files(&call),
        "DeleteDataset" => datasets::delete(&call),
        "SaveKernel" => push::save(&call),
        "GetKernelSessionStatus" => kernels::status(&call),
        "GetKernel" => kernels::get(&call),
        "ListKernels" => kernels::list(&call),
        "DeleteKernel" => kernels::delete(&call),
        "GetAcceleratorQuotaStatistics" => kernels::quota(&call),
        "ListKernelSessionOutput" => outputs::list(&call),
        "ListKernelFiles" => outputs::list_files(&call),
        // No caller can know a session's number, and none may cancel one.
        _ => Err(RpcError::denied("kernelSessions.cancel")),
    }
}

/// The fields of each call that is understood, after the client's own types (kagglesdk 0.1.38).
fn known_fields(service: &str, method: &str) -> Option<&'static [&'static str]> {
    Some(match (service, method) {
        ("security.OAuthService", "IntrospectToken") => &["token"],
        ("users.AccountService", "GenerateAccessToken") => &[
            "refreshToken",
            "apiVersion",
            "expirationDuration",
            "authorizationContext",
            "authorizationScopes",
            "resourceFilterScopeId",
        ],
        ("blobs.BlobApiService", "StartBlobUpload") => &[
            "type",
            "name",
            "contentLength",
            "contentType",
            "lastModifiedEpochSeconds",
        ],
        ("datasets.DatasetApiService", "CreateDataset") => &[
            "id",
            "ownerSlug",
            "slug",
            "title",
            "licenseName",
            "isPrivate",
            "files",
            "directories",
            "subtitle",
            "description",
            "categoryIds",
        ],
        ("datasets.DatasetApiService", "CreateDatasetVersion") => {
            &["ownerSlug", "datasetSlug", "body"]
        }
        ("datasets.DatasetApiService", "GetDatasetStatus" | "GetDataset" | "DeleteDataset") => {
            &["ownerSlug", "datasetSlug"]
        }
        ("datasets.DatasetApiService", "ListDatasetFiles") => &[
            "ownerSlug",
            "datasetSlug",
            "datasetVersionNumber",
            "pageSize",
            "pageToken",
        ],
        ("datasets.DatasetApiService", "ListDatasets") => &[
            "group",
            "sortBy",
            "size",
            "fileType",
            "license",
            "viewed",
            "tagIds",
            "search",
            "user",
            "page",
            "pageToken",
            "pageSize",
            "minSize",
            "maxSize",
        ],
        ("kernels.KernelsApiService", "SaveKernel") => &[
            "id",
            "slug",
            "newTitle",
            "text",
            "language",
            "kernelType",
            "isPrivate",
            "enableGpu",
            "enableTpu",
            "enableInternet",
            "datasetDataSources",
            "competitionDataSources",
            "kernelDataSources",
            "modelDataSources",
            "categoryIds",
            "dockerImage",
            "dockerImagePinningType",
            "machineShape",
            "sessionTimeoutSeconds",
            "kernelExecutionType",
            "priority",
        ],
        ("kernels.KernelsApiService", "GetKernelSessionStatus" | "GetKernel") => {
            &["userName", "kernelSlug", "versionLabel"]
        }
        ("kernels.KernelsApiService", "ListKernelSessionOutput" | "ListKernelFiles") => &[
            "userName",
            "kernelSlug",
            "versionLabel",
            "pageSize",
            "pageToken",
        ],
        ("kernels.KernelsApiService", "ListKernels") => &[
            "competition",
            "dataset",
            "group",
            "kernelType",
            "language",
            "outputType",
            "page",
            "pageSize",
            "pageToken",
            "parentKernel",
            "search",
            "sortBy",
            "user",
        ],
        ("kernels.KernelsApiService", "DeleteKernel") => &["userName", "kernelSlug"],
        ("kernels.KernelsApiService", "CancelKernelSession") => &["kernelSessionId"],
        ("kernels.KernelsApiService", "GetAcceleratorQuotaStatistics") => &[],
        _ => return None,
    })
}
