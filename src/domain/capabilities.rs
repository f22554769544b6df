//! What can be done here: facts that the machine and the providers state and that planning reads. No
//! plan asks a provider by name what it is; it only reads these numbers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::operation::OperationKind;

/// The executor of an operation that the engine inside remedia does.
pub const EMBEDDED_EXECUTOR: &str = "embedded";

/// The provider that stands for this machine alone; it is always there.
pub const LOCAL_PROVIDER: &str = "local";

/// Everything that planning knows about the machine and its providers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capabilities {
    /// The engine inside remedia.
    pub embedded: EmbeddedCapability,
    /// Every provider that can be named, besides what the embedded engine does.
    #[serde(default)]
    pub providers: Vec<ProviderCapability>,
    /// Names of the models that are present on this machine.
    #[serde(default)]
    pub models: Vec<String>,
}

/// What the engine inside remedia does, and how fast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmbeddedCapability {
    /// Version of the engine; a new one makes a new job.
    pub engine_version: String,
    /// Source megapixels that one core takes from file to finished JPEG in a second.
    pub megapixels_per_second: f64,
    /// Cores that work at the same time.
    pub cores: u32,
}

/// What one provider does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderCapability {
    /// The name given on the command line.
    pub name: String,
    /// Whether its pictures are made for tests and rehearsals only; nobody is sent to such a provider.
    #[serde(default)]
    pub rehearsal: bool,
    /// Seconds from asking until the first photo is worked on.
    #[serde(default)]
    pub startup_seconds: f64,
    /// Longest time that one run may take, in seconds; absent where there is no such limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_seconds: Option<u64>,
    /// The operations that it does.
    #[serde(default)]
    pub operations: BTreeMap<OperationKind, OperationCapability>,
    /// Why it does not do the others and what would enable them.
    #[serde(default)]
    pub missing: BTreeMap<OperationKind, MissingCapability>,
}

/// How a provider does one operation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationCapability {
    /// Seconds for one attempt on one photo.
    pub seconds_per_attempt: f64,
    /// Whether the same input gives the same picture whatever the seed; a second attempt then makes
    /// no sense.
    pub deterministic: bool,
}

/// Why an operation cannot be done, and what would change that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MissingCapability {
    /// Why, for people, such as `no staging model is installed`.
    pub reason: String,
    /// The command that would make it possible.
    pub hint: String,
}

impl Capabilities {
    /// A machine with nothing but the embedded engine.
    #[must_use]
    pub fn embedded_only(embedded: EmbeddedCapability) -> Self {
        Self {
            embedded,
            providers: Vec::new(),
            models: Vec::new(),
        }
    }

    /// The provider with this name, where it states anything.
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<&ProviderCapability> {
        self.providers.iter().find(|provider| provider.name == name)
    }

    /// Every name that `--provider` accepts, in alphabetical order.
    #[must_use]
    pub fn provider_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .providers
            .iter()
            .map(|provider| provider.name.as_str())
            .chain([LOCAL_PROVIDER])
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
