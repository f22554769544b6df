//! What the service knows: uploads, data sets, kernels with their sessions, signed addresses, tokens that
//! were issued and the weekly quota. One lock guards all of it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use data_encoding::HEXLOWER;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::settings::Pace;
use super::worker::{LogEvent, WorkerEnd};

const WEEK_MS: u64 = 7 * 86_400_000;

/// A file that the service keeps.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StoredFile {
    /// Relative, with `/` between folders.
    pub(crate) name: String,
    /// Bytes.
    pub(crate) size: u64,
    /// Where it lies.
    pub(crate) path: PathBuf,
}

/// A resumable upload.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) owner: String,
    /// The last part of `createUrl`.
    pub(crate) address: String,
    pub(crate) name: String,
    pub(crate) length: u64,
    pub(crate) received: u64,
    pub(crate) complete: bool,
    pub(crate) expired: bool,
    pub(crate) started_ms: u64,
    pub(crate) path: PathBuf,
}

/// How far something has come that goes on with time or with questions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    pub(crate) since_ms: u64,
    pub(crate) questions: u32,
}

impl Progress {
    pub(crate) fn from(since_ms: u64) -> Self {
        Self {
            since_ms,
            questions: 0,
        }
    }

    pub(crate) fn has_reached(self, pace: Pace, now: u64) -> bool {
        now >= self.since_ms.saturating_add(pace.milliseconds)
            || pace
                .questions
                .is_some_and(|wanted| self.questions >= wanted)
    }

    /// How far it is, in `parts` steps: 0 to `parts` - 1.
    pub(crate) fn step(self, pace: Pace, now: u64, parts: u64) -> u64 {
        let passed = now.saturating_sub(self.since_ms);
        let by_time = (passed * parts).checked_div(pace.milliseconds).unwrap_or(0);
        let by_questions = pace.questions.map_or(0, |wanted| {
            (u64::from(self.questions) * parts)
                .checked_div(u64::from(wanted))
                .unwrap_or(0)
        });
        by_time.max(by_questions).min(parts - 1)
    }
}

/// One version of a data set.
#[derive(Debug)]
pub(crate) struct DatasetVersion {
    pub(crate) number: u32,
    pub(crate) created_ms: u64,
    pub(crate) notes: String,
    pub(crate) files: Vec<StoredFile>,
    pub(crate) progress: Progress,
    pub(crate) ready: bool,
    pub(crate) failed: bool,
}

/// A data set.
#[derive(Debug)]
pub(crate) struct Dataset {
    pub(crate) id: u64,
    pub(crate) owner: String,
    pub(crate) slug: String,
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) description: String,
    pub(crate) license: String,
    pub(crate) is_private: bool,
    pub(crate) deleted: bool,
    /// Another data set of this name was deleted before.
    pub(crate) recreated: bool,
    pub(crate) versions: Vec<DatasetVersion>,
}

impl Dataset {
    /// The version that listings and kernels see: the newest one that is ready.
    pub(crate) fn visible(&self) -> Option<&DatasetVersion> {
        self.versions.iter().rev().find(|version| version.ready)
    }
}

/// What a session is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum SessionStatus {
    Queued,
    Running,
    Complete,
    Error,
    CancelAcknowledged,
}

impl SessionStatus {
    pub(crate) fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// As it travels.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::Complete => "COMPLETE",
            Self::Error => "ERROR",
            Self::CancelAcknowledged => "CANCEL_ACKNOWLEDGED",
        }
    }
}

/// What a session runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accelerator {
    None,
    Gpu,
    Tpu,
}

/// The run of a kernel's version.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) status: SessionStatus,
    pub(crate) failure: Option<String>,
    pub(crate) progress: Progress,
    pub(crate) started_ms: Option<u64>,
    pub(crate) ended_ms: Option<u64>,
    pub(crate) timeout_ms: u64,
    /// The data sets' files, with their path under the input folder, as they were at the push.
    pub(crate) inputs: Vec<StoredFile>,
    pub(crate) outputs: Vec<StoredFile>,
    pub(crate) log: Arc<Mutex<Vec<LogEvent>>>,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) end: Arc<Mutex<Option<WorkerEnd>>>,
    pub(crate) folder: PathBuf,
}

/// One saved version of a kernel.
#[derive(Debug)]
pub(crate) struct KernelVersion {
    pub(crate) number: u32,
    pub(crate) created_ms: u64,
    pub(crate) text: String,
    pub(crate) language: String,
    pub(crate) dataset_sources: Vec<String>,
    pub(crate) machine_shape: String,
    pub(crate) accelerator: Accelerator,
    pub(crate) internet: bool,
    pub(crate) session: Option<Session>,
}

/// A kernel.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) id: u64,
    pub(crate) owner: String,
    pub(crate) slug: String,
    pub(crate) title: String,
    pub(crate) kind: String,
    pub(crate) is_private: bool,
    pub(crate) deleted: bool,
    pub(crate) versions: Vec<KernelVersion>,
}

/// A signed address of a file.
#[derive(Clone, Debug)]
pub(crate) struct SignedAddress {
    pub(crate) path: PathBuf,
    pub(crate) expires_ms: u64,
}

/// An access token that OAuth gave out.
#[derive(Clone, Debug)]
pub(crate) struct IssuedToken {
    pub(crate) user: String,
    pub(crate) expires_ms: u64,
}

/// Everything.
#[derive(Debug)]
pub(crate) struct State {
    /// By token.
    pub(crate) uploads: HashMap<String, Upload>,
    pub(crate) datasets: Vec<Dataset>,
    pub(crate) kernels: Vec<Kernel>,
    /// By the last part of the address.
    pub(crate) addresses: HashMap<String, SignedAddress>,
    /// By token.
    pub(crate) issued: HashMap<String, IssuedToken>,
    /// Every data set and kernel that was ever public.
    pub(crate) public: Vec<String>,
    /// Used up before the sessions that are running now.
    pub(crate) gpu_used_ms: u64,
    pub(crate) tpu_used_ms: u64,
    pub(crate) quota_refresh_ms: u64,
    last_id: u64,
}

impl State {
    pub(crate) fn new(now: u64) -> Self {
        Self {
            uploads: HashMap::new(),
            datasets: Vec::new(),
            kernels: Vec::new(),
            addresses: HashMap::new(),
            issued: HashMap::new(),
            public: Vec::new(),
            gpu_used_ms: 0,
            tpu_used_ms: 0,
            quota_refresh_ms: (now / 86_400_000 + 5) * 86_400_000,
            last_id: 1_000,
        }
    }

    /// A number that nothing else has.
    pub(crate) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// A name of 32 hex digits that nothing else has.
    pub(crate) fn opaque(&mut self, what: &str) -> String {
        let id = self.new_id();
        let digest = Sha256::digest(format!("{what} {id}"));
        HEXLOWER.encode(digest.get(..16).unwrap_or_default())
    }

    pub(crate) fn dataset(&self, owner: &str, slug: &str) -> Option<&Dataset> {
        self.datasets
            .iter()
            .find(|dataset| !dataset.deleted && dataset.owner == owner && dataset.slug == slug)
    }

    pub(crate) fn dataset_mut(&mut self, owner: &str, slug: &str) -> Option<&mut Dataset> {
        self.datasets
            .iter_mut()
            .find(|dataset| !dataset.deleted && dataset.owner == owner && dataset.slug == slug)
    }

    pub(crate) fn kernel(&self, owner: &str, slug: &str) -> Option<&Kernel> {
        self.kernels
            .iter()
            .find(|kernel| !kernel.deleted && kernel.owner == owner && kernel.slug == slug)
    }

    pub(crate) fn kernel_mut(&mut self, owner: &str, slug: &str) -> Option<&mut Kernel> {
        self.kernels
            .iter_mut()
            .find(|kernel| !kernel.deleted && kernel.owner == owner && kernel.slug == slug)
    }

    /// Lets data sets become ready whose time has come, and a new week begin.
    pub(crate) fn go_on(&mut self, now: u64, dataset_pace: Pace) {
        for dataset in &mut self.datasets {
            for version in &mut dataset.versions {
                if !version.failed && version.progress.has_reached(dataset_pace, now) {
                    version.ready = true;
                }
            }
        }
        while now >= self.quota_refresh_ms {
            self.quota_refresh_ms += WEEK_MS;
            self.gpu_used_ms = 0;
            self.tpu_used_ms = 0;
        }
    }

    /// Milliseconds of the week's quota that are used, running sessions included.
    pub(crate) fn used_ms(&self, accelerator: Accelerator, now: u64) -> u64 {
        let before = match accelerator {
            Accelerator::Gpu => self.gpu_used_ms,
            Accelerator::Tpu => self.tpu_used_ms,
            Accelerator::None => 0,
        };
        let running: u64 = self
            .sessions()
            .filter(|(version, session)| {
                version.accelerator == accelerator && session.status == SessionStatus::Running
            })
            .filter_map(|(_, session)| session.started_ms)
            .map(|started| now.saturating_sub(started))
            .sum();
        before + running
    }

    /// Every session with its version, also those of deleted kernels.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = (&KernelVersion, &Session)> {
        self.kernels
            .iter()
            .flat_map(|kernel| &kernel.versions)
            .filter_map(|version| version.session.as_ref().map(|session| (version, session)))
    }
}
