//! The right to drive a job. A lock of the operating system on a file of the job, which ends with
//! the process however it ends, tells the processes of one machine apart; the lease in the store
//! tells machines apart and guards every write.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::domain::id::JobId;
use crate::fsx::fs;
use crate::store::{JobStore, LeaseHolder, LeaseOutcome};

use super::error::EngineError;

/// A lease that is not renewed for this long is over.
pub(super) const LEASE: Duration = Duration::from_secs(180);

/// The right to drive one job, given back when dropped.
#[derive(Debug)]
pub(super) struct Lock<'a> {
    store: &'a dyn JobStore,
    job: JobId,
    pub(super) token: String,
    // Held for its lock alone.
    _file: File,
}

impl<'a> Lock<'a> {
    /// Takes the right, or says who has it.
    pub(super) fn acquire(
        store: &'a dyn JobStore,
        job: &JobId,
        folder: &Path,
        host: &str,
        now: Timestamp,
    ) -> Result<Self, EngineError> {
        fs::create_dir_all(folder)?;
        let file = lock_file(&folder.join("lock"))?;
        let exclusive_here = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => {
                return Err(EngineError::Locked {
                    job: job.clone(),
                    owner: "another process of this machine".to_owned(),
                });
            }
            // A file system without locks: the lease alone decides.
            Err(TryLockError::Error(_)) => false,
        };
        let holder = LeaseHolder {
            host: host.to_owned(),
            process: std::process::id(),
            token: token(job, now),
        };
        match store.acquire_lease(job, &holder, now, after(now, LEASE), exclusive_here)? {
            LeaseOutcome::Acquired => Ok(Self {
                store,
                job: job.clone(),
                token: holder.token,
                _file: file,
            }),
            LeaseOutcome::HeldBy(other) => Err(EngineError::Locked {
                job: job.clone(),
                owner: format!("process {} on `{}`", other.process, other.host),
            }),
        }
    }

    /// Shows that this process is alive.
    pub(super) fn renew(&self, now: Timestamp) -> Result<(), EngineError> {
        Ok(self
            .store
            .renew_lease(&self.job, &self.token, after(now, LEASE))?)
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        // A lease that cannot be given back runs out.
        let _ = self.store.release_lease(&self.job, &self.token);
    }
}

pub(super) fn lock_file(path: &Path) -> Result<File, EngineError> {
    let file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    Ok(file.into_std())
}

/// `moment` and `wait` later.
pub(super) fn after(moment: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait)
        .ok()
        .and_then(|wait| moment.checked_add(wait).ok())
        .unwrap_or(Timestamp::MAX)
}

/// The name of this machine, as far as it tells.
pub(super) fn host_name() -> String {
    ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .iter()
        .find_map(|path| fs::read_to_string(path).ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "this-machine".to_owned())
}

/// A token that no other holder has: from the addresses that the system deals out at random, the
/// process and the time.
fn token(job: &JobId, now: Timestamp) -> String {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(job.as_str());
    format!(
        "{random:016x}-{}-{}",
        std::process::id(),
        now.as_millisecond()
    )
}
