//! Fetching a model: only what is missing, going on where an earlier run stopped, checked while it
//! arrives, and never named before it is whole.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::clock::Clock;
use crate::domain::retry::RetryPolicy;
use crate::http::{Client, HttpError};

use super::blob::{Lock, Part};
use super::cache::{Cache, FileState};
use super::digest::Digest;
use super::hub::Hub;
use super::registry::{Model, ModelFile};
use super::transfer::{Fault, Transfer};

/// So much that arrived makes a fault the first one again: a bad line that moves is good enough.
const HEADWAY: u64 = 1024 * 1024;

/// Whoever asks for a longer wait is not waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(10 * 60);

/// The pause between two looks at a lock that another process holds.
const LOCK_PAUSE: Duration = Duration::from_millis(200);

/// What happens to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was there and is what it should be.
    AlreadyThere,
    /// Its content was there under another name, and has its own name now.
    Linked,
    /// It was fetched.
    Downloaded,
}

/// What is told while models are fetched.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum PullEvent {
    /// A file that is there is read and compared.
    Checking {
        /// Path inside the repository.
        file: String,
        /// Size in bytes.
        bytes: u64,
    },
    /// A file is fetched.
    Started {
        /// Path inside the repository.
        file: String,
        /// Bytes that an earlier run left.
        done: u64,
        /// Size in bytes.
        total: u64,
    },
    /// More of it is here.
    Progress {
        /// Path inside the repository.
        file: String,
        /// Bytes that are here.
        done: u64,
        /// Size in bytes.
        total: u64,
    },
    /// Something went wrong that a later try can mend.
    Retrying {
        /// Path inside the repository.
        file: String,
        /// What went wrong.
        problem: String,
        /// Pause before the next try in seconds.
        seconds: f64,
    },
    /// What is here of it is given up, and it is fetched from its first byte.
    Restarted {
        /// Path inside the repository.
        file: String,
        /// Why.
        reason: String,
    },
    /// Another process fetches it; that one's end is waited for.
    Locked {
        /// Path inside the repository.
        file: String,
    },
    /// It is here.
    Finished {
        /// Path inside the repository.
        file: String,
        /// How it came here.
        outcome: Outcome,
    },
}

/// Listens while models are fetched.
pub trait PullSink {
    /// Something happened to a file of `model`.
    fn event(&mut self, model: &Model, event: &PullEvent);
}

/// Why a model could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// It is missing, and the hub must not be asked.
    #[error(
        "`{file}` of {model} is not on this machine, and HF_HUB_OFFLINE or --offline says not to ask the hub"
    )]
    Offline {
        /// The model's name.
        model: String,
        /// Path inside the repository.
        file: String,
    },
    /// The hub could not be asked, or did not give it.
    #[error("cannot fetch `{file}` of {model}{}", if *tries > 1 { format!(" after {tries} tries") } else { String::new() })]
    Http {
        /// The model's name.
        model: String,
        /// Path inside the repository.
        file: String,
        /// Calls that were made.
        tries: u32,
        /// What came of the last one.
        source: HttpError,
    },
    /// What is offered is another file than the pinned one.
    #[error("what is offered as `{file}` of {model} is not the pinned file: {problem}")]
    Different {
        /// The model's name.
        model: String,
        /// Path inside the repository.
        file: String,
        /// How it differs.
        problem: String,
    },
    /// It arrived damaged twice.
    #[error(
        "`{file}` of {model} arrived damaged twice: its SHA-256 is {found}, it should be {expected}"
    )]
    Corrupted {
        /// The model's name.
        model: String,
        /// Path inside the repository.
        file: String,
        /// SHA-256 that the list of models states.
        expected: String,
        /// SHA-256 of what arrived.
        found: String,
    },
    /// The disk has not enough room.
    #[error("no room for `{file}` of {model}: {needed} more bytes are needed in `{place}`{}", free.map(|free| format!(", {free} are free")).unwrap_or_default())]
    NoRoom {
        /// The model's name.
        model: String,
        /// Path inside the repository.
        file: String,
        /// Folder on the full disk.
        place: String,
        /// Bytes that are still to come.
        needed: u64,
        /// Bytes that are free, where the system says.
        free: Option<u64>,
    },
    /// The cache cannot be read or written.
    #[error("the cache of models cannot be used: {0}")]
    Io(#[from] io::Error),
    /// Someone asked to stop. What is here stays for the next run.
    #[error("interrupted; what has arrived is kept")]
    Interrupted,
}

impl PullError {
    /// Whether the same call can succeed later without anybody changing anything.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Http { source, .. } => source.is_retryable(),
            Self::Corrupted { .. } | Self::Interrupted => true,
            Self::Offline { .. } | Self::Different { .. } | Self::NoRoom { .. } | Self::Io(_) => {
                false
            }
        }
    }
}

/// A file of a model that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PulledFile {
    /// Path inside the repository.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// How it came here.
    pub outcome: Outcome,
}

/// Fetches models into a cache.
pub struct Puller<'a> {
    pub(super) cache: &'a Cache,
    pub(super) hub: &'a Hub,
    pub(super) client: Client,
    retry: RetryPolicy,
    seed: u64,
    wait: &'a dyn Fn(Duration) -> bool,
}

impl<'a> Puller<'a> {
    /// A puller from `hub` into `cache`. `seed` scatters the pauses between tries; `wait` waits and says
    /// whether someone asked to stop.
    #[must_use]
    pub fn new(
        cache: &'a Cache,
        hub: &'a Hub,
        clock: Clock,
        seed: u64,
        wait: &'a dyn Fn(Duration) -> bool,
    ) -> Self {
        Self {
            cache,
            hub,
            client: Client::new(hub.client_options().clone(), clock),
            retry: RetryPolicy {
                base: Duration::from_secs(1),
                longest: Duration::from_secs(60),
                max_faults: 6,
                max_outages: 6,
            },
            seed,
            wait,
        }
    }

    /// The same with other answers to faults.
    #[must_use]
    pub const fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Sees to it that every file of the model is here, whole and with the pinned content.
    ///
    /// # Errors
    /// [`PullError`]. What has arrived stays, and the next call goes on with it.
    pub fn pull(
        &self,
        model: &Model,
        sink: &mut dyn PullSink,
    ) -> Result<Vec<PulledFile>, PullError> {
        let mut pulled = Vec::new();
        for file in &model.files {
            let outcome = self.file(model, file, sink)?;
            sink.event(
                model,
                &PullEvent::Finished {
                    file: file.path.clone(),
                    outcome,
                },
            );
            pulled.push(PulledFile {
                path: file.path.clone(),
                bytes: file.bytes,
                outcome,
            });
        }
        Ok(pulled)
    }

    pub(super) fn stopped(&self) -> bool {
        (self.wait)(Duration::ZERO)
    }

    fn file(
        &self,
        model: &Model,
        file: &ModelFile,
        sink: &mut dyn PullSink,
    ) -> Result<Outcome, PullError> {
        if let Some(outcome) = self.present(model, file, sink)? {
            return Ok(outcome);
        }
        if self.hub.is_offline() {
            return Err(PullError::Offline {
                model: model.name.clone(),
                file: file.path.clone(),
            });
        }
        let lock_path = self.cache.lock_path(model, file);
        let mut told = false;
        let _lock = loop {
            if let Some(lock) = Lock::attempt(&lock_path)? {
                break lock;
            }
            if !told {
                told = true;
                sink.event(
                    model,
                    &PullEvent::Locked {
                        file: file.path.clone(),
                    },
                );
            }
            if (self.wait)(LOCK_PAUSE) {
                return Err(PullError::Interrupted);
            }
        };
        // Whoever had the lock may have brought it.
        if told && let Some(outcome) = self.present(model, file, sink)? {
            return Ok(outcome);
        }
        self.download(model, file, sink)?;
        self.cache
            .link(model, file, &self.cache.blob_path(model, file))?;
        Ok(Outcome::Downloaded)
    }

    /// Uses what is here, if it is what it should be; removes it if it is not.
    fn present(
        &self,
        model: &Model,
        file: &ModelFile,
        sink: &mut dyn PullSink,
    ) -> Result<Option<Outcome>, PullError> {
        let name = self.cache.snapshot_path(model, file);
        loop {
            let (state, place) = self.cache.state(model, file);
            let Some(place) = place else {
                return Ok(None);
            };
            let mut reason = format!("what was here has not {} bytes", file.bytes);
            if state == FileState::Present {
                sink.event(
                    model,
                    &PullEvent::Checking {
                        file: file.path.clone(),
                        bytes: file.bytes,
                    },
                );
                let mut digest = Digest::new();
                let whole = digest.update_from(&place, &|| self.stopped())?;
                if whole.is_none() {
                    return Err(PullError::Interrupted);
                }
                if digest.finish() == file.sha256 {
                    if place == name {
                        return Ok(Some(Outcome::AlreadyThere));
                    }
                    let content = place.canonicalize()?;
                    self.cache.link(model, file, &content)?;
                    return Ok(Some(Outcome::Linked));
                }
                "what was here was damaged".clone_into(&mut reason);
            }
            // Each turn removes a file, so the turns end.
            self.cache.remove(model, &place)?;
            sink.event(
                model,
                &PullEvent::Restarted {
                    file: file.path.clone(),
                    reason,
                },
            );
        }
    }

    /// Fetches the content until it is whole and right, with the lock held.
    fn download(
        &self,
        model: &Model,
        file: &ModelFile,
        sink: &mut dyn PullSink,
    ) -> Result<(), PullError> {
        let blob = self.cache.blob_path(model, file);
        let Some(mut part) = Part::open(&blob, file.bytes, &|| self.stopped())? else {
            return Err(PullError::Interrupted);
        };
        self.check_room(model, file, &blob, part.bytes())?;
        sink.event(
            model,
            &PullEvent::Started {
                file: file.path.clone(),
                done: part.bytes(),
                total: file.bytes,
            },
        );
        let mut transfer = Transfer {
            puller: self,
            model,
            file,
            sink,
            whole: false,
        };
        let (mut faults, mut tries, mut damaged) = (0, 0, 0);
        loop {
            if part.bytes() == file.bytes {
                let found = part.digest();
                if found == file.sha256 {
                    return Ok(part.finish(&blob)?);
                }
                part.restart()?;
                damaged += 1;
                if damaged > 1 {
                    return Err(PullError::Corrupted {
                        model: model.name.clone(),
                        file: file.path.clone(),
                        expected: file.sha256.clone(),
                        found,
                    });
                }
                transfer.restarted("it arrived damaged");
            }
            tries += 1;
            let before = part.bytes();
            let fault = match transfer.attempt(&mut part) {
                Ok(()) => continue,
                Err(Fault::Final(error)) => return Err(*error),
                Err(Fault::Http(fault)) => fault,
            };
            if part.bytes() >= before.saturating_add(HEADWAY) {
                faults = 0;
            }
            faults += 1;
            let asked = fault.retry_after();
            if !fault.is_retryable()
                || self.retry.is_exhausted(faults)
                || asked.is_some_and(|asked| asked > LONGEST_WAIT)
            {
                return Err(PullError::Http {
                    model: model.name.clone(),
                    file: file.path.clone(),
                    tries,
                    source: fault,
                });
            }
            let pause = self.retry.delay(faults, self.seed, asked);
            transfer.tell(PullEvent::Retrying {
                file: file.path.clone(),
                problem: fault.to_string(),
                seconds: pause.as_secs_f64(),
            });
            if (self.wait)(pause) {
                return Err(PullError::Interrupted);
            }
        }
    }

    fn check_room(
        &self,
        model: &Model,
        file: &ModelFile,
        blob: &Path,
        done: u64,
    ) -> Result<(), PullError> {
        let needed = file.bytes.saturating_sub(done);
        match free_bytes(blob.parent().unwrap_or(blob)) {
            Some(free) if free < needed => Err(no_room(model, file, blob, needed, Some(free))),
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for Puller<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Puller")
            .field("cache", &self.cache.folder())
            .field("hub", &self.hub)
            .finish_non_exhaustive()
    }
}

pub(super) fn no_room(
    model: &Model,
    file: &ModelFile,
    blob: &Path,
    needed: u64,
    free: Option<u64>,
) -> PullError {
    let place = blob.parent().unwrap_or(blob);
    PullError::NoRoom {
        model: model.name.clone(),
        file: file.path.clone(),
        place: crate::fsx::printable(&place.to_string_lossy()),
        needed,
        free,
    }
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let facts = rustix::fs::statvfs(folder).ok()?;
    Some(facts.f_bavail.saturating_mul(facts.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}
