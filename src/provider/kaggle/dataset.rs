//! The order's way into a private dataset. All files of an order lie in a folder that is named after the run:
//! so a listing of the dataset says by itself which run it holds, and a version that is not the newest yet
//! cannot pass for it.

use std::sync::Mutex;
use std::sync::PoisonError;

use crate::kaggle::{FileToUpload, FileTree, KaggleError, NewDataset, NewVersion, UploadEvent};
use crate::provider::contract::{RunContext, RunProgress};
use crate::provider::error::{FaultKind, ProviderError};

use super::memory::Upload;
use super::payload::{PayloadFile, archive_bytes, is_of_run, is_whole, payload, remove_archive};
use super::provider::{Desk, KaggleProvider, NAME, fault, files};

impl KaggleProvider {
    /// Whether Kaggle has the order.
    pub(super) fn find_dataset(desk: &mut Desk<'_>) -> Result<bool, ProviderError> {
        if desk.memory.dataset_made.is_some() {
            // A process may have ended before it could.
            remove_archive(desk.order.folder)?;
            return Ok(true);
        }
        let arrived = Self::dataset_has_run(desk)?;
        if arrived {
            Self::arrived(desk)?;
            return Ok(true);
        }
        match desk.memory.dataset_asked {
            Some(asked) if !desk.never_made(asked) => Err(desk.not_visible_yet("the dataset")),
            Some(_) => {
                desk.memory.dataset_asked = None;
                desk.keep()?;
                Ok(false)
            }
            None => Ok(false),
        }
    }

    /// Notes that Kaggle has the order; what was needed to bring it there is forgotten.
    fn arrived(desk: &mut Desk<'_>) -> Result<(), ProviderError> {
        desk.memory.dataset_made = Some(desk.now);
        desk.memory.dataset_asked = None;
        desk.memory.uploads.clear();
        desk.memory.archive_bytes = archive_bytes(desk.order.folder).or(desk.memory.archive_bytes);
        desk.keep()?;
        remove_archive(desk.order.folder)
    }

    /// Whether a version of the dataset was made for this run: by its notes, or by the files of it.
    fn dataset_has_run(desk: &Desk<'_>) -> Result<bool, ProviderError> {
        let ask = |error: KaggleError| fault(&error, desk.now);
        let Some(dataset) = desk.kaggle.dataset(&desk.reference).map_err(ask)? else {
            return Ok(false);
        };
        if (dataset.versions.iter()).any(|version| version.notes == desk.run_id()) {
            return Ok(true);
        }
        // The first version has no notes, so its files have to tell.
        let listed = desk
            .kaggle
            .dataset_files(&desk.reference, None)
            .map_err(ask)?;
        Ok(listed
            .unwrap_or_default()
            .iter()
            .any(|file| is_of_run(file, desk.run_id())))
    }

    /// Uploads the order and makes the dataset, or a version of it.
    pub(super) fn make_dataset(
        desk: &mut Desk<'_>,
        context: &RunContext<'_>,
    ) -> Result<(), ProviderError> {
        let now = desk.now;
        let exists = desk
            .kaggle
            .dataset(&desk.reference)
            .map_err(|error| fault(&error, now))?
            .is_some();
        let payload = payload(desk.order.folder, desk.run_id())?;
        Self::upload(desk, &payload, context)?;
        let mut tree = FileTree::new();
        for one in &payload {
            let upload = (desk.memory.uploads.get(&one.name))
                .ok_or_else(|| files(format!("the upload of `{}` is not known", one.name)))?;
            tree.add(&one.place, upload.token().clone())
                .map_err(files)?;
        }
        desk.memory.dataset_asked = Some(now);
        desk.keep()?;
        let made = if exists {
            desk.kaggle.create_dataset_version(&NewVersion {
                reference: desk.reference.clone(),
                notes: desk.run_id().to_owned(),
                files: tree,
            })
        } else {
            desk.kaggle.create_dataset(&NewDataset {
                reference: desk.reference.clone(),
                title: desk.reference.slug().to_owned(),
                description: String::new(),
                files: tree,
            })
        };
        match made {
            Ok(_) => Self::arrived(desk),
            Err(error) => {
                if !error.may_have_happened() {
                    desk.memory.dataset_asked = None;
                    if matches!(error, KaggleError::Refused { .. }) {
                        // Perhaps its tokens are what was refused.
                        desk.memory.uploads.clear();
                    }
                    desk.keep()?;
                }
                Err(match error {
                    // Taken by what was made before and is not shown yet: the next look finds it.
                    KaggleError::Conflict { .. } | KaggleError::NotFound { .. } => {
                        ProviderError::new(NAME, FaultKind::Network, error.to_string())
                    }
                    error => fault(&error, now),
                })
            }
        }
    }

    fn upload(
        desk: &mut Desk<'_>,
        payload: &[PayloadFile],
        context: &RunContext<'_>,
    ) -> Result<(), ProviderError> {
        let open: Vec<&PayloadFile> = payload
            .iter()
            .filter(|one| {
                let known = desk.memory.uploads.get(&one.name);
                !known.is_some_and(|upload| upload.finished && !upload.session.is_stale(desk.now))
            })
            .collect();
        let total: u64 = payload.iter().map(|one| one.bytes).sum();
        let before = total - open.iter().map(|one| one.bytes).sum::<u64>();
        let wanted: Vec<FileToUpload> = open
            .iter()
            .map(|one| FileToUpload {
                name: one.file_name().to_owned(),
                path: one.path.clone(),
                session: desk
                    .memory
                    .uploads
                    .get(&one.name)
                    .map(|upload| upload.session.clone()),
            })
            .collect();
        let state = Mutex::new((desk.memory.clone(), vec![0_u64; open.len()]));
        let (file, kaggle) = (desk.file.clone(), std::sync::Arc::clone(&desk.kaggle));
        let listener = |index: usize, event: UploadEvent<'_>| -> Result<(), KaggleError> {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            let (memory, done) = &mut *state;
            let Some(one) = open.get(index) else {
                return Ok(());
            };
            match event {
                UploadEvent::Started(session) => {
                    let upload = Upload {
                        session: session.clone(),
                        finished: false,
                    };
                    memory.uploads.insert(one.name.clone(), upload);
                    file.write(memory)?;
                }
                UploadEvent::Finished(_) => {
                    if let Some(upload) = memory.uploads.get_mut(&one.name) {
                        upload.finished = true;
                    }
                    file.write(memory)?;
                }
                UploadEvent::Progress(bytes) => {
                    if let Some(done) = done.get_mut(index) {
                        *done = bytes;
                    }
                    let sent = before + done.iter().sum::<u64>();
                    (context.progress)(RunProgress::Count {
                        done: sent / 1000,
                        total: total / 1000,
                    });
                }
            }
            Ok(())
        };
        let sent = kaggle.upload_all(&wanted, &listener, &|| (context.interrupted)());
        desk.memory = state.into_inner().unwrap_or_else(PoisonError::into_inner).0;
        sent.map(|_| ()).map_err(|error| fault(&error, desk.now))
    }

    /// Whether the listing shows every file of the run with its size.
    pub(super) fn listing_is_complete(desk: &Desk<'_>) -> Result<bool, ProviderError> {
        let listed = desk
            .kaggle
            .dataset_files(&desk.reference, None)
            .map_err(|error| fault(&error, desk.now))?
            .unwrap_or_default();
        is_whole(
            &listed,
            desk.order.folder,
            desk.run_id(),
            desk.memory.archive_bytes,
        )
    }
}
