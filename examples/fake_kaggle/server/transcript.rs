//! What was asked of the service.

use serde::Serialize;
use serde_json::Value;

use super::auth::AuthSource;
use super::faults::FaultKind;

/// One request.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Record {
    /// By the service's clock.
    pub(crate) at_ms: u64,
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    /// A remote method's name, `Upload`, `Download`, `LogStream`, or empty for anything else.
    pub(crate) operation: String,
    pub(crate) auth: AuthSource,
    /// `Content-Range` or `Range`, as sent.
    pub(crate) range: Option<String>,
    /// Bytes of the body that arrived.
    pub(crate) body_length: u64,
    /// SHA-256 of them in hex.
    pub(crate) body_sha256: String,
    /// The body of a remote call.
    pub(crate) body: Option<Value>,
    /// The status of the answer; nothing when the connection was cut.
    pub(crate) status: Option<u16>,
    /// What the plan of faults wanted for it.
    pub(crate) fault: Option<FaultKind>,
}

/// A secret where it does not belong.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Leak {
    /// The path of the request.
    pub(crate) path: String,
    /// What was found.
    pub(crate) what: &'static str,
}
