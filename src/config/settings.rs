//! The settings themselves, resolved: what the rest of remedia reads.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::domain::judgement::JudgingRules;
use crate::domain::operation::OperationRequest;
use crate::domain::plan::RemoteSession;

use super::env::Environment;
use super::key::Key;
use super::value;

/// Everything that can be set. No secret is ever among it.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Folder for the database and the jobs.
    pub home: PathBuf,
    /// Folder that finished listings are delivered to.
    pub out: PathBuf,
    /// Folder with the user's own styles.
    pub styles: Option<PathBuf>,
    /// Style used where none is named.
    pub style: String,
    /// Which operations.
    pub operations: OperationRequest,
    /// Provider of what this machine does not do itself.
    pub provider: String,
    /// Attempts allowed for each operation whose result depends on chance.
    pub max_attempts: u32,
    /// Seed of a job's random numbers.
    pub seed: u64,
    /// JPEG quality of the finished photos.
    pub jpeg_quality: u8,
    /// Long side of the web copies in pixels.
    pub web_long_side: u32,
    /// JPEG quality of the web copies.
    pub web_quality: u8,
    /// Threads that work at the same time; 0 for one on each core.
    pub threads: usize,
    /// Memory that photos in work may take together, in bytes.
    pub memory_budget_bytes: u64,
    /// Whether folders inside the listing folder are read too.
    pub recursive: bool,
    /// How exposure brackets are found.
    pub brackets: BracketSetting,
    /// What is too big to be read.
    pub limits: Limits,
    /// How generated pictures are judged.
    pub judging: JudgingRules,
    /// Which CLIP model scores them.
    pub clip_model: ClipModelSetting,
    /// What a session elsewhere is given beside the order.
    pub session: RemoteSession,
    /// How much is told.
    pub log: LogLevel,
}

/// Which CLIP model scores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClipModelSetting {
    /// The first that is on this machine.
    Auto,
    /// None.
    Off,
    /// The one with this name.
    Named(String),
}

/// What is too big to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest photo file in bytes.
    pub max_file_bytes: u64,
    /// Largest picture in pixels.
    pub max_pixels: u64,
    /// Most photos of one listing.
    pub max_photos: usize,
}

/// How exposure brackets are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BracketSetting {
    /// By EXIF data and file names.
    Auto,
    /// Not at all: every photo is a picture of its own.
    Off,
    /// Every so many photos, in order, are one bracket.
    Every(u32),
}

/// How much is told on the error stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What stops the work.
    Error,
    /// And what a person should look at.
    Warn,
    /// And each step of the work.
    Info,
    /// And the decisions behind it.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// Every level, quietest first.
    pub const ALL: &'static [Self] = &[
        Self::Error,
        Self::Warn,
        Self::Info,
        Self::Debug,
        Self::Trace,
    ];

    /// The name in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl Settings {
    /// What holds where nothing is set. `home` is empty where the system names no folder for data.
    pub(super) fn defaults(environment: &Environment, working_directory: &Path) -> Self {
        let own_styles = environment
            .config_folder()
            .map(|folder| folder.join("styles"));
        Self {
            home: environment.data_folder().unwrap_or_default(),
            out: working_directory.join("remedia-out"),
            styles: own_styles.filter(|folder| folder.is_dir()),
            style: "modern".to_owned(),
            operations: OperationRequest::Auto,
            provider: crate::domain::capabilities::LOCAL_PROVIDER.to_owned(),
            max_attempts: 3,
            seed: 0,
            jpeg_quality: 92,
            web_long_side: 2048,
            web_quality: 84,
            threads: 0,
            memory_budget_bytes: 1_000_000_000,
            recursive: false,
            brackets: BracketSetting::Auto,
            limits: Limits {
                max_file_bytes: 200_000_000,
                max_pixels: 200_000_000,
                max_photos: 5000,
            },
            judging: JudgingRules::default(),
            clip_model: ClipModelSetting::Auto,
            session: RemoteSession::default(),
            log: LogLevel::Warn,
        }
    }

    /// The value of one setting as JSON: the form that a settings file takes too.
    #[must_use]
    pub fn value(&self, key: Key) -> Value {
        let path = |path: &Path| json!(path.to_string_lossy());
        match key {
            Key::Home => path(&self.home),
            Key::Out => path(&self.out),
            Key::Styles => self.styles.as_deref().map_or(Value::Null, path),
            Key::Style => json!(self.style),
            Key::Operations => match &self.operations {
                OperationRequest::Auto => json!("auto"),
                OperationRequest::Named(kinds) => {
                    json!(kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>())
                }
            },
            Key::Provider => json!(self.provider),
            Key::MaxAttempts => json!(self.max_attempts),
            Key::Seed => json!(self.seed),
            Key::JpegQuality => json!(self.jpeg_quality),
            Key::WebLongSide => json!(self.web_long_side),
            Key::WebQuality => json!(self.web_quality),
            Key::Threads => json!(self.threads),
            Key::MemoryBudget => json!(value::format_quantity(
                self.memory_budget_bytes,
                value::BYTES
            )),
            Key::Recursive => json!(self.recursive),
            Key::Brackets => match self.brackets {
                BracketSetting::Auto => json!("auto"),
                BracketSetting::Off => json!("off"),
                BracketSetting::Every(count) => json!(count),
            },
            Key::MaxFileBytes => json!(value::format_quantity(
                self.limits.max_file_bytes,
                value::BYTES
            )),
            Key::MaxPixels => json!(value::format_quantity(
                self.limits.max_pixels,
                value::PIXELS
            )),
            Key::MaxPhotos => json!(self.limits.max_photos),
            Key::ClipScoreThreshold => self
                .judging
                .clip_score_threshold
                .map_or(json!("auto"), |score| json!(score)),
            Key::ClipModel => match &self.clip_model {
                ClipModelSetting::Auto => json!("auto"),
                ClipModelSetting::Off => json!("off"),
                ClipModelSetting::Named(name) => json!(name),
            },
            Key::TileCorrelation => json!(self.judging.structure.tile_correlation),
            Key::DriftPercent => json!(self.judging.structure.drift_percent),
            Key::DetailRatio => json!(self.judging.structure.detail_ratio),
            Key::MaxMaskedShare => json!(self.judging.compositing.max_masked_share),
            Key::KaggleInternet => json!(self.session.internet),
            Key::KaggleDatasets => json!(self.session.datasets),
            Key::KaggleModels => json!(self.session.models),
            Key::Log => json!(self.log.name()),
        }
    }
}
