//! The work of an order by the embedded engine.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::domain::capabilities::EMBEDDED_EXECUTOR;
use crate::domain::id::PhotoId;
use crate::domain::job::{OrderedOperation, OrderedPhoto};
use crate::domain::results::{
    OperationResult, PhotoResult, RESULTS_SCHEMA_VERSION, Results, WorkerDescription,
};
use crate::fsx::{self, fs};
use crate::imaging::DecodeLimits;
use crate::local;
use crate::provider::contract::{Order, Provider, RunContext, RunHandle, RunProgress, RunState};
use crate::provider::error::{FaultKind, ProviderError};

use super::memory::MemoryBudget;
use super::photo;

/// Says inside the order's folder that the engine has it.
const ACCEPTED_FILE: &str = "accepted";

/// What the embedded engine may use.
#[derive(Clone, Copy, Debug)]
pub struct LocalSettings {
    /// Threads for pixel work; 0 for one a core.
    pub threads: usize,
    /// Bytes that photos in flight may take together.
    pub memory_budget_bytes: u64,
    /// What is decoded at all.
    pub limits: DecodeLimits,
}

/// The engine inside remedia.
#[derive(Debug)]
pub struct LocalProvider {
    settings: LocalSettings,
    pool: OnceLock<rayon::ThreadPool>,
}

impl LocalProvider {
    /// An engine with these settings; threads start with the first photo.
    #[must_use]
    pub const fn new(settings: LocalSettings) -> Self {
        Self {
            settings,
            pool: OnceLock::new(),
        }
    }

    fn pool(&self) -> Result<&rayon::ThreadPool, ProviderError> {
        if self.pool.get().is_none() {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(self.settings.threads)
                .thread_name(|index| format!("pixels-{index}"))
                .build()
                .map_err(|error| files(format!("threads cannot be started: {error}")))?;
            // Another thread may have been first; its pool is as good.
            let _ = self.pool.set(pool);
        }
        self.pool
            .get()
            .ok_or_else(|| files("threads cannot be started".to_owned()))
    }

    /// Works through the order; gives whether everything is done.
    fn work(&self, order: &Order<'_>, context: &RunContext<'_>) -> Result<bool, ProviderError> {
        let pool = self.pool()?;
        fs::create_dir_all(order.outputs).map_err(broken)?;
        let units = units(order);
        let total = units.len() as u64;
        let budget = MemoryBudget::new(self.settings.memory_budget_bytes);
        let next = AtomicUsize::new(0);
        let done = AtomicU64::new(0);
        let stopped = AtomicBool::new(false);
        let failure: Mutex<Option<ProviderError>> = Mutex::new(None);
        (context.progress)(RunProgress::Count { done: 0, total });
        // One thread more than cores: while one reads or syncs a file the cores stay busy. The
        // threads only carry photos in and out, pixel work runs in the pool.
        let carriers = (pool.current_num_threads() + 1).min(units.len()).max(1);
        std::thread::scope(|scope| {
            for _ in 0..carriers {
                scope.spawn(|| {
                    while let Some(&(photo, operation)) =
                        units.get(next.fetch_add(1, Ordering::SeqCst))
                    {
                        if stopped.load(Ordering::SeqCst) || (context.interrupted)() {
                            stopped.store(true, Ordering::SeqCst);
                            return;
                        }
                        match self.unit(order, photo, operation, &budget, pool) {
                            Ok(result) => {
                                let done = done.fetch_add(1, Ordering::SeqCst) + 1;
                                (context.progress)(RunProgress::Operation {
                                    photo: &photo.photo_id,
                                    result: &result,
                                });
                                (context.progress)(RunProgress::Count { done, total });
                            }
                            Err(error) => {
                                stopped.store(true, Ordering::SeqCst);
                                failure
                                    .lock()
                                    .unwrap_or_else(PoisonError::into_inner)
                                    .get_or_insert(error);
                                return;
                            }
                        }
                    }
                });
            }
        });
        match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(done.into_inner() == total),
        }
    }

    /// One operation on one photo: what an earlier run made of it, or the work itself.
    fn unit(
        &self,
        order: &Order<'_>,
        photo: &OrderedPhoto,
        operation: &OrderedOperation,
        budget: &MemoryBudget,
        pool: &rayon::ThreadPool,
    ) -> Result<OperationResult, ProviderError> {
        let Some(attempt) = operation.attempts.first() else {
            return Ok(OperationResult {
                kind: operation.kind,
                attempts: Vec::new(),
            });
        };
        let known = photo::known_result(order.outputs, photo, operation, attempt);
        if let Some(known) = known.map_err(broken)? {
            return Ok(known);
        }
        let pixels = (photo.width as usize, photo.height as usize);
        let _loan = budget.borrow(local::peak_bytes(pixels.0, pixels.1, photo.sources.len()));
        let made = photo::make(order, photo, attempt, &self.settings.limits, pool)
            .map_err(|error| broken(error.into_io()))?;
        photo::record(order.outputs, photo, operation.kind, attempt, made).map_err(broken)
    }
}

/// Every operation on every photo, in delivery order.
fn units<'a>(order: &Order<'a>) -> Vec<(&'a OrderedPhoto, &'a OrderedOperation)> {
    order
        .document
        .photos
        .iter()
        .flat_map(|photo| {
            photo
                .operations
                .iter()
                .map(move |operation| (photo, operation))
        })
        .collect()
}

fn files(text: String) -> ProviderError {
    ProviderError::new(EMBEDDED_EXECUTOR, FaultKind::Files, text)
}

fn broken(error: std::io::Error) -> ProviderError {
    ProviderError::of_files(EMBEDDED_EXECUTOR, error)
}

fn accepted_path(folder: &Path) -> PathBuf {
    folder.join(ACCEPTED_FILE)
}

impl Provider for LocalProvider {
    fn name(&self) -> &str {
        EMBEDDED_EXECUTOR
    }

    fn poll_interval(&self, _: &Order<'_>) -> Duration {
        Duration::ZERO
    }

    fn is_remote(&self) -> bool {
        false
    }

    fn find(&self, order: &Order<'_>) -> Result<Option<RunHandle>, ProviderError> {
        let found = accepted_path(order.folder).try_exists().map_err(broken)?;
        Ok(found.then(|| RunHandle {
            remote: order.document.run_id.clone(),
        }))
    }

    fn submit(&self, order: &Order<'_>, _: &RunContext<'_>) -> Result<RunHandle, ProviderError> {
        fsx::write_atomic(
            &accepted_path(order.folder),
            order.marker.job_sha256.as_bytes(),
        )
        .map_err(broken)?;
        Ok(RunHandle {
            remote: order.document.run_id.clone(),
        })
    }

    fn poll(
        &self,
        order: &Order<'_>,
        _: &RunHandle,
        context: &RunContext<'_>,
    ) -> Result<RunState, ProviderError> {
        if self.work(order, context)? {
            Ok(RunState::Finished)
        } else {
            Err(ProviderError::new(
                EMBEDDED_EXECUTOR,
                FaultKind::Interrupted,
                "interrupted",
            ))
        }
    }

    fn collect(
        &self,
        order: &Order<'_>,
        _: &RunHandle,
        _: &RunContext<'_>,
    ) -> Result<Results, ProviderError> {
        let mut photos: Vec<PhotoResult> = Vec::new();
        let mut places: HashMap<&PhotoId, usize> = HashMap::new();
        for (photo, operation) in units(order) {
            let Some(attempt) = operation.attempts.first() else {
                continue;
            };
            let made = photo::recorded(order.outputs, photo, operation, attempt);
            let Some(result) = made.map_err(broken)? else {
                continue;
            };
            let place = *places.entry(&photo.photo_id).or_insert_with(|| {
                photos.push(PhotoResult {
                    photo_id: photo.photo_id.clone(),
                    operations: Vec::new(),
                });
                photos.len() - 1
            });
            if let Some(entry) = photos.get_mut(place) {
                entry.operations.push(result);
            }
        }
        Ok(Results {
            schema_version: RESULTS_SCHEMA_VERSION,
            run_id: order.document.run_id.clone(),
            job_sha256: order.marker.job_sha256.clone(),
            complete: true,
            worker: WorkerDescription {
                engine: "remedia".to_owned(),
                version: local::ENGINE_VERSION.to_owned(),
                device: "cpu".to_owned(),
                models: Vec::new(),
            },
            photos,
            stopped: None,
            unreadable: Vec::new(),
        })
    }

    fn cancel(&self, order: &Order<'_>, _: Option<&RunHandle>) -> Result<(), ProviderError> {
        match fs::remove_file(accepted_path(order.folder)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(broken(error)),
            _ => Ok(()),
        }
    }

    fn operator_done(&self, _: &Order<'_>) -> Result<(), ProviderError> {
        Ok(())
    }
}
