//! What is known of an order at Kaggle, in a file beside the order, written before and after each call that
//! makes something. It holds signed addresses of uploads that are on their way, so only its owner may read
//! it, and they go as soon as the uploads are over.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fsx::{self, fs};
use crate::kaggle::{Reference, UploadSession, UploadToken};
use crate::provider::remembered::Remembered;

/// The version of [`Memory`] that this build writes.
const MEMORY_SCHEMA_VERSION: u32 = 1;
/// The file's name in the order's folder.
const FILE: &str = "kaggle.json";

/// What is known of an order at Kaggle.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    pub(super) schema_version: u32,
    /// Uploads that are over or on their way, by their path in the order.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) uploads: BTreeMap<String, Upload>,
    /// When the dataset, or its version, was asked for without its being known to be there yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dataset_asked: Option<Timestamp>,
    /// When Kaggle was seen to have the dataset with this order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dataset_made: Option<Timestamp>,
    /// Size of the archive that went up, where the order went as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) archive_bytes: Option<u64>,
    /// When the kernel was asked for without its being known to be there yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kernel_asked: Option<Timestamp>,
    /// Since when the run is offered to other runs' sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offered: Option<Timestamp>,
    /// The kernel's version that does this order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kernel: Option<KernelRun>,
    /// Since when Kaggle has not shown something that must be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unseen_since: Option<Timestamp>,
    /// Since when the kernel is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) over_since: Option<Timestamp>,
}

/// An upload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Upload {
    pub(super) session: UploadSession,
    /// Whether all of it is there.
    pub(super) finished: bool,
}

impl Upload {
    pub(super) const fn token(&self) -> &UploadToken {
        &self.session.token
    }
}

/// A version of a kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KernelRun {
    pub(super) reference: Reference,
    pub(super) version: u32,
    pub(super) saved: Timestamp,
    /// Where this run's outputs lie among those of the session, where it does several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) folder: Option<String>,
}

/// What is known of a job at Kaggle beyond its orders, in its work folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct JobMemory {
    schema_version: u32,
    /// How often what had the job's name was deleted.
    generation: u32,
}

impl KernelRun {
    /// Where a file of this run lies among the session's outputs.
    pub(super) fn path(&self, name: &str) -> String {
        match &self.folder {
            Some(folder) => format!("{folder}/{name}"),
            None => name.to_owned(),
        }
    }
}

/// How often what had the job's name at Kaggle was deleted.
pub(super) fn generation(work: &Path) -> std::io::Result<u32> {
    match fs::read(work.join(FILE)) {
        Ok(bytes) => {
            let memory: JobMemory = serde_json::from_slice(&bytes)?;
            Ok(memory.generation)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// Notes that what had the job's name is about to be deleted.
pub(super) fn next_generation(work: &Path) -> std::io::Result<()> {
    let memory = JobMemory {
        schema_version: MEMORY_SCHEMA_VERSION,
        generation: generation(work)? + 1,
    };
    fs::create_dir_all(work)?;
    let bytes = serde_json::to_vec_pretty(&memory)?;
    fsx::write_private(&work.join(FILE), |file| file.write_all(&bytes))
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
}
