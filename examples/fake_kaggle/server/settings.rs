//! What the fake service is started with, and the settings that can be changed while it runs.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::clock::ClockMode;
use super::worker::{CopyWorker, KernelWorker};

/// 2026-11-23T08:00:00Z.
const DEFAULT_START_MS: u64 = 1_795_420_800_000;

/// Somebody with an account.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) id: u64,
    /// Access tokens (`KGAT_…`).
    pub(crate) tokens: Vec<String>,
    /// The legacy key.
    pub(crate) key: Option<String>,
    /// OAuth refresh tokens.
    pub(crate) refresh_tokens: Vec<String>,
}

/// When something goes on: after a time by the service's clock, or after so many questions about it,
/// whichever comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Pace {
    pub(crate) milliseconds: u64,
    pub(crate) questions: Option<u32>,
}

/// Where a kernel finds a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MountConvention {
    /// `datasets/<owner>/<slug>`.
    Owner,
    /// `<slug>`.
    Slug,
}

/// What can be changed while the service runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    /// From the creation of a data set's version to `READY`.
    pub(crate) dataset_pace: Pace,
    /// From the push of a kernel to `RUNNING`.
    pub(crate) queue_pace: Pace,
    /// The least time in `RUNNING`; the worker may take longer.
    pub(crate) run_pace: Pace,
    /// Says `READY` always, also while the listing is still the old one or incomplete.
    pub(crate) always_ready: bool,
    /// Where data sets are mounted.
    pub(crate) mount: MountConvention,
    /// Archives become folders of their name.
    pub(crate) unpack_archives: bool,
    /// Batch sessions with and without an accelerator at a time.
    pub(crate) accelerator_sessions: u32,
    pub(crate) cpu_sessions: u32,
    /// How long an ended session still counts as running.
    pub(crate) ended_session_counts_milliseconds: u64,
    /// The longest session.
    pub(crate) session_seconds: u64,
    /// The weekly quotas.
    pub(crate) gpu_quota_seconds: u64,
    pub(crate) tpu_quota_seconds: u64,
    /// A session that is stopped publishes what it left until then.
    pub(crate) publish_when_stopped: bool,
    /// How long signed addresses and upload sessions live.
    pub(crate) address_seconds: u64,
    pub(crate) upload_seconds: u64,
    /// A push that names a data set whose name was deleted before ends with HTTP 500.
    pub(crate) recreated_dataset_breaks_push: bool,
    /// An idle log stream is cut after this time.
    pub(crate) stream_idle_milliseconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dataset_pace: Pace::default(),
            queue_pace: Pace::default(),
            run_pace: Pace::default(),
            always_ready: false,
            mount: MountConvention::Owner,
            unpack_archives: true,
            accelerator_sessions: 2,
            cpu_sessions: 5,
            ended_session_counts_milliseconds: 0,
            session_seconds: 12 * 3_600,
            gpu_quota_seconds: 30 * 3_600,
            tpu_quota_seconds: 20 * 3_600,
            publish_when_stopped: true,
            address_seconds: 600,
            upload_seconds: 7 * 86_400,
            recreated_dataset_breaks_push: true,
            stream_idle_milliseconds: 240_000,
        }
    }
}

/// What the service is started with.
#[derive(Debug)]
pub(crate) struct FakeOptions {
    /// Where uploads, data sets and the kernels' folders lie. Made if it is missing.
    pub(crate) folder: PathBuf,
    /// The port on 127.0.0.1; 0 takes a free one.
    pub(crate) port: u16,
    pub(crate) users: Vec<User>,
    pub(crate) clock: ClockMode,
    /// What the clock shows at the start, in milliseconds since 1970.
    pub(crate) start_ms: u64,
    pub(crate) settings: Settings,
    /// The kernels' part.
    pub(crate) worker: Arc<dyn KernelWorker>,
}

impl FakeOptions {
    /// A service with one user, `tester`, with the token `KGAT_tester`, a key of 32 zeros and the OAuth
    /// refresh token `refresh_tester`; a clock in real time; no delays; kernels that copy their input.
    pub(crate) fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            port: 0,
            users: vec![User {
                name: "tester".to_owned(),
                id: 42,
                tokens: vec!["KGAT_tester".to_owned()],
                key: Some("0".repeat(32)),
                refresh_tokens: vec!["refresh_tester".to_owned()],
            }],
            clock: ClockMode::Real,
            start_ms: DEFAULT_START_MS,
            settings: Settings::default(),
            worker: Arc::new(CopyWorker),
        }
    }
}
