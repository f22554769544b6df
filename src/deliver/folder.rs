//! The delivery folder: what an earlier delivery left in it, writing only what differs, and removing
//! only what an earlier delivery of the same listing put there.
//!
//! For whoever looks a delivery is one step. Before the first file changes, the journal is written, which keeps the
//! manifest of the earlier delivery; then its documents go, and `disclosure.txt` says that the delivery is in progress.
//! Only then pictures change. When all of them stand and what no longer belongs is gone, the documents are written, and
//! the manifest last. So at no moment does a document speak of pictures that are not there, and a folder with a manifest
//! holds one whole delivery.

mod earlier;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::documents::{CAPTIONS, DISCLOSURE_TABLE, DISCLOSURE_TEXT, IN_PROGRESS};
use super::edited::SetAside;
use super::error::DeliverError;
use super::gallery::GALLERY;
use super::manifest::{FileRole, MANIFEST_FILE, Manifest, ManifestFile};
use crate::fsx::{self, fs};
pub use earlier::earlier_manifest;
use earlier::{JOURNAL_SCHEMA_VERSION, Journal};

/// Names the files of a delivery that has begun and is not finished, so that a later delivery with
/// other names can clear what a killed one left, and keeps the manifest of the delivery before it. It is gone once the
/// new manifest stands.
const JOURNAL_FILE: &str = ".remedia-delivery.json";

/// The folders of a delivery that hold pictures.
const PICTURE_FOLDERS: [FileRole; 3] = [FileRole::Final, FileRole::Web, FileRole::OriginalWeb];

/// Whether a file had to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It was missing or different.
    Yes,
    /// It was right already.
    No,
}

/// An open delivery folder.
pub(super) struct Folder<'a> {
    root: &'a Path,
    listing: &'a str,
    previous: Option<Manifest>,
    /// Paths that the previous manifest names.
    named: BTreeSet<String>,
    /// What that manifest says that they hold: blake3 digests by path.
    promised: BTreeMap<String, String>,
    /// Paths that the journal of a killed delivery names.
    begun: BTreeSet<String>,
    /// Files that a person changed and that are to be moved out of the way, with their digests.
    edited: BTreeMap<String, String>,
    /// Those that were.
    set_aside: Mutex<Vec<SetAside>>,
    /// The earlier manifest as it was read.
    earlier: Option<serde_json::Value>,
    /// What this delivery will write; known once it has begun.
    planned: BTreeSet<String>,
    progress: Mutex<Progress>,
}

/// How far the delivery is.
#[derive(Default)]
struct Progress {
    /// The documents that were there before the folder said that a delivery is in progress; `None` until it does.
    marked: Option<HashMap<String, blake3::Hash>>,
    /// What stands as it is to stay. A document among it was written, or found right, when all pictures stood.
    settled: BTreeSet<String>,
}

impl<'a> Folder<'a> {
    /// Makes the folder ready and reads what an earlier delivery of `listing` (its slug) left.
    pub(super) fn open(root: &'a Path, listing: &'a str) -> Result<Self, DeliverError> {
        make_folder(root)?;
        let mut folder = Self {
            root,
            listing,
            previous: None,
            named: BTreeSet::new(),
            promised: BTreeMap::new(),
            begun: BTreeSet::new(),
            edited: BTreeMap::new(),
            set_aside: Mutex::new(Vec::new()),
            earlier: None,
            planned: BTreeSet::new(),
            progress: Mutex::default(),
        };
        // The manifest, where there is one, is later than what a journal remembers.
        folder.read_journal()?;
        folder.read_manifest()?;
        for place in PICTURE_FOLDERS
            .map(|role| root.join(role.folder()))
            .iter()
            .map(PathBuf::as_path)
            .chain([root])
        {
            fsx::remove_temporary_files(place).map_err(|error| DeliverError::io(place, error))?;
        }
        Ok(folder)
    }

    pub(super) const fn root(&self) -> &Path {
        self.root
    }

    /// The files that the manifest names with their digests; none while an unfinished delivery's files may
    /// stand in their place.
    pub(super) fn promised(&self) -> impl Iterator<Item = (&str, &str)> {
        let sure = self.begun.is_empty();
        self.promised
            .iter()
            .filter(move |_| sure)
            .map(|(path, digest)| (path.as_str(), digest.as_str()))
    }

    /// Files that a killed delivery meant to move out of the way, with the digests that they had.
    pub(super) const fn meant_to_move(&self) -> &BTreeMap<String, String> {
        &self.edited
    }

    /// What this delivery moved out of the way.
    pub(super) fn set_aside(&self) -> Vec<SetAside> {
        let moved = self.set_aside.lock();
        moved.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Declares every file that this delivery will write, moves what people changed out of the way, and makes the
    /// folders: whoever comes upon a picture comes upon the mark of a delivery too. Must come before the first write.
    pub(super) fn begin(&mut self, planned: BTreeSet<String>) -> Result<(), DeliverError> {
        for path in &planned {
            if self.named.contains(path) || self.begun.contains(path) {
                continue;
            }
            let path = self.root.join(path);
            if fs::is_there(&path).map_err(|error| DeliverError::io(&path, error))? {
                return Err(DeliverError::Occupied {
                    path,
                    reason: "no earlier delivery of this listing wrote it",
                });
            }
        }
        let manifest_names_all = planned.is_subset(&self.named) && self.begun.is_empty();
        self.planned = planned;
        self.edited = self.find_edited()?;
        if !manifest_names_all || !self.edited.is_empty() {
            self.mark()?;
        }
        for role in PICTURE_FOLDERS {
            make_folder(&self.root.join(role.folder()))?;
        }
        Ok(())
    }

    /// Says that a delivery is in progress, before anything else changes; once, however often it is asked.
    fn mark(&self) -> Result<(), DeliverError> {
        let mut progress = self.progress();
        if progress.marked.is_some() {
            return Ok(());
        }
        let journal = Journal {
            schema_version: JOURNAL_SCHEMA_VERSION,
            listing: self.listing.to_owned(),
            paths: self.planned.union(&self.begun).cloned().collect(),
            previous: self.earlier.clone(),
            edited: self.edited.clone(),
        };
        let bytes = serde_json::to_vec(&journal).map_err(|source| DeliverError::Document {
            document: JOURNAL_FILE,
            source: Box::new(source),
        })?;
        self.put(JOURNAL_FILE, &bytes)?;
        let moved = self.move_aside(&self.edited)?;
        *(self.set_aside.lock()).unwrap_or_else(PoisonError::into_inner) = moved;
        let mut were = HashMap::new();
        for document in [
            MANIFEST_FILE,
            GALLERY,
            DISCLOSURE_TABLE,
            CAPTIONS,
            DISCLOSURE_TEXT,
        ] {
            if progress.settled.contains(document) {
                continue;
            }
            let path = self.root.join(document);
            let failed = |error| DeliverError::io(&path, error);
            if let Some(bytes) = fs::read_if_there(&path).map_err(failed)? {
                were.insert(document.to_owned(), blake3::hash(&bytes));
                if document != DISCLOSURE_TEXT {
                    fs::remove_file(&path).map_err(failed)?;
                }
            }
        }
        if !progress.settled.contains(DISCLOSURE_TEXT) {
            self.put(DISCLOSURE_TEXT, IN_PROGRESS.as_bytes())?;
        }
        // Now the documents are gone for good, also after a loss of power, before a picture changes.
        fsx::sync_directory(self.root).map_err(|error| DeliverError::io(self.root, error))?;
        progress.marked = Some(were);
        Ok(())
    }

    /// The entry of the previous manifest for `path`, if it was made from the same inputs and the
    /// file still has the content that the manifest promises.
    pub(super) fn reusable(
        &self,
        path: &str,
        inputs: &blake3::Hash,
    ) -> Option<(&ManifestFile, blake3::Hash)> {
        let entry = self.previous.as_ref()?.file(path)?;
        let digest = blake3::Hash::from_hex(&entry.blake3).ok()?;
        (entry.inputs == inputs.to_hex().as_str() && self.holds(path, entry.bytes, &digest))
            .then_some((entry, digest))
    }

    /// The same for a document.
    pub(super) fn reusable_document(
        &self,
        path: &str,
        inputs: &str,
    ) -> Option<super::manifest::ManifestDocument> {
        let documents = &self.previous.as_ref()?.documents;
        let entry = documents.iter().find(|document| document.path == path)?;
        let digest = blake3::Hash::from_hex(&entry.blake3).ok()?;
        let kept =
            entry.inputs.as_deref() == Some(inputs) && self.holds(path, entry.bytes, &digest);
        kept.then(|| {
            self.progress().settled.insert(path.to_owned());
            entry.clone()
        })
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn holds(&self, path: &str, bytes: u64, digest: &blake3::Hash) -> bool {
        let path = self.root.join(path);
        let plain_file_of_size = fs::symlink_metadata(&path)
            .is_ok_and(|metadata| metadata.is_file() && metadata.len() == bytes);
        plain_file_of_size && fs::read(&path).is_ok_and(|content| blake3::hash(&content) == *digest)
    }

    /// Writes `bytes` to `path` unless exactly they stand there.
    pub(super) fn ensure(&self, path: &str, bytes: &[u8]) -> Result<Written, DeliverError> {
        let place = self.root.join(path);
        let same = fs::symlink_metadata(&place).is_ok_and(|metadata| {
            metadata.is_file()
                && usize::try_from(metadata.len()).is_ok_and(|len| len == bytes.len())
        }) && fs::read(&place).is_ok_and(|content| content == bytes);
        if same {
            self.progress().settled.insert(path.to_owned());
            return Ok(Written::No);
        }
        self.mark()?;
        self.put(path, bytes)?;
        let mut progress = self.progress();
        progress.settled.insert(path.to_owned());
        // A document that was away while the delivery was in progress and comes back as it was is no other one.
        let were = progress.marked.as_ref().and_then(|were| were.get(path));
        if were.is_some_and(|were| *were == blake3::hash(bytes)) {
            return Ok(Written::No);
        }
        Ok(Written::Yes)
    }

    fn put(&self, path: &str, bytes: &[u8]) -> Result<(), DeliverError> {
        let path = self.root.join(path);
        fsx::write_atomic(&path, bytes).map_err(|error| DeliverError::io(&path, error))
    }

    /// Reads a delivered file.
    pub(super) fn read(&self, path: &str) -> Result<Vec<u8>, DeliverError> {
        let path = self.root.join(path);
        fs::read(&path).map_err(|error| DeliverError::io(&path, error))
    }

    /// Removes what earlier deliveries left and this one does not have; gives the paths.
    pub(super) fn remove_all_but(
        &self,
        kept: &BTreeSet<String>,
    ) -> Result<Vec<String>, DeliverError> {
        let mut removed = Vec::new();
        for relative in self.named.union(&self.begun) {
            if kept.contains(relative) {
                continue;
            }
            let path = self.root.join(relative);
            let found = fs::look(&path).map_err(|error| DeliverError::io(&path, error))?;
            if found.is_some_and(|found| !found.is_dir()) {
                self.mark()?;
                fs::remove_file(&path).map_err(|error| DeliverError::io(&path, error))?;
                removed.push(relative.clone());
            }
        }
        if !removed.is_empty() {
            for role in PICTURE_FOLDERS {
                let place = self.root.join(role.folder());
                fsx::sync_directory(&place).map_err(|error| DeliverError::io(&place, error))?;
            }
        }
        Ok(removed)
    }

    /// Ends the delivery: the manifest stands, so the journal goes.
    pub(super) fn finish(&self) -> Result<(), DeliverError> {
        let path = self.root.join(JOURNAL_FILE);
        match fs::remove_file(&path) {
            Ok(()) => {
                fsx::sync_directory(self.root).map_err(|error| DeliverError::io(self.root, error))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(DeliverError::io(&path, error)),
        }
    }
}

/// Makes a folder, and refuses a link in its place: writing through it would leave the destination.
pub(super) fn make_folder(path: &Path) -> Result<(), DeliverError> {
    fs::create_dir_all(path).map_err(|error| DeliverError::io(path, error))?;
    let found = fs::symlink_metadata(path).map_err(|error| DeliverError::io(path, error))?;
    if found.is_dir() {
        Ok(())
    } else {
        Err(DeliverError::Occupied {
            path: path.to_path_buf(),
            reason: "it is a link and no folder",
        })
    }
}
