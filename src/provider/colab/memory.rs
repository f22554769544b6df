//! What is known of an order at Colab, in a file beside the order.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::provider::remembered::Remembered;

use super::session::ColabSession;

/// The version of [`Memory`] that this build writes.
const MEMORY_SCHEMA_VERSION: u32 = 1;
/// The file's name in the order's folder.
const FILE: &str = "colab.json";

/// What is known of an order at Colab.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    schema_version: u32,
    /// Who does it; nothing before it is handed over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) way: Option<Way>,
    /// The folder that a person works from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) folder: Option<PathBuf>,
    /// Whether the order has been submitted.
    pub(super) submitted: bool,
    /// Why a person does it although the official command is here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// The session that does it, from before it is asked for until it is known to be ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<ColabSession>,
}

/// Who does an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Way {
    /// A person, in a browser.
    Hand,
    /// The official command.
    Command,
}

/// The file that [`Memory`] lies in.
#[derive(Clone, Debug)]
pub(super) struct MemoryFile(Remembered<Memory>);

impl MemoryFile {
    pub(super) fn of(order: &Path) -> Self {
        Self(Remembered::new(order, FILE))
    }

    pub(super) fn read(&self) -> std::io::Result<Memory> {
        self.0.read()
    }

    pub(super) fn write(&self, memory: &Memory) -> std::io::Result<()> {
        self.0.write(&Memory {
            schema_version: MEMORY_SCHEMA_VERSION,
            ..memory.clone()
        })
    }

    pub(super) fn remove(&self) -> std::io::Result<()> {
        self.0.remove()
    }
}
