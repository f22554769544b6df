//! Many files at once, a few at a time, and none where one fails: a dataset with a file missing is worse
//! than none.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use jiff::Timestamp;

use super::client::{Kaggle, Watch};
use super::error::KaggleError;
use super::tree::UploadToken;
use super::uploads::UploadSession;

use crate::fsx::fs;

/// So many files travel at a time.
const AT_ONCE: usize = 4;

/// So many sessions are begun for one file, where they expire.
const SESSIONS: u32 = 3;

/// A file to be uploaded.
#[derive(Clone, Debug)]
pub struct FileToUpload {
    /// Its own name in the dataset, without folders.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// A session of an earlier run, to be taken up.
    pub session: Option<UploadSession>,
}

/// What happens to a file that is uploaded.
#[derive(Clone, Debug)]
pub enum UploadEvent<'e> {
    /// A session was begun. Keep it, and the next process goes on.
    Started(&'e UploadSession),
    /// So many bytes of it are over.
    Progress(u64),
    /// It is there.
    Finished(&'e UploadToken),
}

/// Hears what happens to the file of an index. An error stops everything.
type Listener<'l> = &'l (dyn Fn(usize, UploadEvent<'_>) -> Result<(), KaggleError> + Sync);

impl Kaggle {
    /// Uploads files, four at a time, and gives their tokens in the order of `files`. A session that has
    /// expired, is too old, or is of another size is replaced by a new one.
    ///
    /// # Errors
    /// The first fault of any file, or of `listener`; the others are stopped then.
    /// [`KaggleError::Interrupted`] where `interrupted` said so. What is there stays there.
    pub fn upload_all(
        &self,
        files: &[FileToUpload],
        listener: Listener<'_>,
        interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<UploadToken>, KaggleError> {
        let next = AtomicUsize::new(0);
        let stopped = AtomicBool::new(false);
        let first_fault: Mutex<Option<KaggleError>> = Mutex::new(None);
        let tokens: Mutex<Vec<Option<UploadToken>>> = Mutex::new(vec![None; files.len()]);
        let ends = || stopped.load(Ordering::SeqCst) || interrupted();
        let work = || {
            while !ends() {
                let index = next.fetch_add(1, Ordering::SeqCst);
                let Some(file) = files.get(index) else {
                    break;
                };
                match self.upload_one(index, file, listener, &ends) {
                    Ok(token) => {
                        let mut tokens = tokens.lock().unwrap_or_else(PoisonError::into_inner);
                        if let Some(place) = tokens.get_mut(index) {
                            *place = Some(token);
                        }
                    }
                    Err(error) => {
                        // Those that are stopped because of the first fault come after it.
                        stopped.store(true, Ordering::SeqCst);
                        first_fault
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .get_or_insert(error);
                        break;
                    }
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..AT_ONCE.min(files.len()) {
                scope.spawn(work);
            }
        });
        let fault = first_fault
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = fault {
            return Err(error);
        }
        let tokens = tokens.into_inner().unwrap_or_else(PoisonError::into_inner);
        let tokens: Option<Vec<UploadToken>> = tokens.into_iter().collect();
        tokens.ok_or(KaggleError::Interrupted)
    }

    fn upload_one(
        &self,
        index: usize,
        file: &FileToUpload,
        listener: Listener<'_>,
        ends: &(dyn Fn() -> bool + Sync),
    ) -> Result<UploadToken, KaggleError> {
        let found = fs::metadata(&file.path)?;
        let modified = found
            .modified()
            .ok()
            .and_then(|time| Timestamp::try_from(time).ok());
        let length = found.len();
        let now = self.connection().clock().now();
        let mut kept = file.session.clone().filter(|session| {
            session.length == length && session.name == file.name && !session.is_stale(now)
        });
        let stops: Mutex<Option<KaggleError>> = Mutex::new(None);
        let progress = |bytes| {
            if let Err(error) = listener(index, UploadEvent::Progress(bytes)) {
                stops
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get_or_insert(error);
            }
        };
        let interrupted = || {
            ends()
                || stops
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .is_some()
        };
        let watch = Watch {
            progress: &progress,
            interrupted: &interrupted,
        };
        let mut begun = 0;
        loop {
            let is_new = kept.is_none();
            let session = match kept.take() {
                Some(session) => session,
                None => {
                    begun += 1;
                    let session = self.start_upload(&file.name, length, modified)?;
                    listener(index, UploadEvent::Started(&session))?;
                    session
                }
            };
            match self.upload(&file.path, &session, is_new, watch) {
                Ok(()) => {
                    listener(index, UploadEvent::Finished(&session.token))?;
                    return Ok(session.token);
                }
                Err(KaggleError::Expired { .. }) if begun < SESSIONS => {}
                Err(KaggleError::Interrupted) => {
                    let stopped = stops.lock().unwrap_or_else(PoisonError::into_inner).take();
                    return Err(stopped.unwrap_or(KaggleError::Interrupted));
                }
                Err(error) => return Err(error),
            }
        }
    }
}
