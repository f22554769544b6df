//! The engine of one home: where things lie and what is shared.

use std::fs::TryLockError;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::domain::id::JobId;
use crate::fsx::fs;
use crate::imaging::DecodeLimits;
use crate::provider::colab::ColabSettings;
use crate::provider::kaggle::KaggleSettings;
use crate::provider::{LocalSettings, Provider, ProviderError, ProviderSettings, Providers};
use crate::store::{self, JobRecord, JobStore, Repair, SqliteStore};

use super::documents::WorkFolder;
use super::error::EngineError;
use super::lock::{host_name, lock_file};
use super::request::EngineOptions;
use super::scoring::Scorer;

/// The engine of one home.
#[derive(Debug)]
pub struct Engine {
    pub(super) options: EngineOptions,
    clock: Clock,
    store: Box<dyn JobStore>,
    providers: Providers,
    pub(super) scorer: Scorer,
    host: String,
}

impl Engine {
    /// Opens the home, making it where it is missing, and brings its database to this build's form.
    ///
    /// # Errors
    /// [`EngineError`] where the home cannot be made or its database cannot be used.
    pub fn open(options: EngineOptions, clock: Clock) -> Result<Self, EngineError> {
        fs::create_dir_all(&options.home)?;
        let store = SqliteStore::open(&options.home.join("remedia.db"))?;
        Ok(Self::with_store(options, clock, Box::new(store)))
    }

    /// An engine on another store; the home holds the work folders alone.
    #[must_use]
    pub fn with_store(options: EngineOptions, clock: Clock, store: Box<dyn JobStore>) -> Self {
        let providers = Providers::new(ProviderSettings {
            local: LocalSettings {
                threads: options.threads,
                memory_budget_bytes: options.memory_budget_bytes,
                limits: limits(&options),
            },
            fake_remote: options.home.join("fake"),
            fake_script: options.fake_script.clone(),
            kaggle: KaggleSettings {
                address: options.kaggle.address.clone(),
                proxies: options.kaggle.proxies.clone(),
                ..KaggleSettings::new(options.kaggle.environment.clone(), clock)
            },
            colab: ColabSettings {
                command: options.colab.clone(),
                clock,
            },
        });
        Self {
            scorer: Scorer::new(options.clip.clone()),
            options,
            clock,
            store,
            providers,
            host: host_name(),
        }
    }

    /// The job's work folder.
    #[must_use]
    pub fn work_folder(&self, job: &JobId) -> PathBuf {
        self.jobs_folder().join(job.as_str())
    }

    pub(super) fn jobs_folder(&self) -> PathBuf {
        self.options.home.join("jobs")
    }

    pub(super) fn work(&self, job: &JobId) -> WorkFolder {
        WorkFolder::new(self.work_folder(job))
    }

    pub(super) fn store(&self) -> &dyn JobStore {
        self.store.as_ref()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn limits(&self) -> DecodeLimits {
        limits(&self.options)
    }

    pub(super) fn provider(&self, name: &str) -> Result<Arc<dyn Provider>, ProviderError> {
        self.providers.get(name)
    }

    pub(super) fn record(&self, job: &JobId) -> Result<JobRecord, EngineError> {
        self.store
            .job(job)?
            .ok_or_else(|| EngineError::UnknownJob(job.to_string()))
    }

    pub(super) fn destination(record: &JobRecord) -> &Path {
        Path::new(&record.destination)
    }
}

/// Saves what can be read of the home's database into a new one, and keeps the old one beside it.
///
/// # Errors
/// [`EngineError::Locked`] where another process drives a job of the home; what the file system or the store says.
pub fn repair(options: &EngineOptions) -> Result<Repair, EngineError> {
    let mut held = Vec::new();
    if let Ok(entries) = fs::read_dir(options.home.join("jobs")) {
        for entry in entries {
            let folder = entry?.path();
            let name = folder.file_name().and_then(|name| name.to_str());
            let Some(job) = name.and_then(|name| name.parse::<JobId>().ok()) else {
                continue;
            };
            let lock = lock_file(&folder.join("lock"))?;
            if matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
                return Err(EngineError::Locked {
                    job,
                    owner: "another process of this machine".to_owned(),
                });
            }
            held.push(lock);
        }
    }
    Ok(store::repair(&options.home.join("remedia.db"))?)
}

fn limits(options: &EngineOptions) -> DecodeLimits {
    DecodeLimits {
        max_file_bytes: options.max_file_bytes,
        max_pixels: options.max_pixels,
    }
}
