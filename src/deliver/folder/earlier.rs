//! What an earlier delivery left in the folder: its manifest, and the journal of one that was killed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Folder, JOURNAL_FILE};
use crate::deliver::documents::{CAPTIONS, DISCLOSURE_TABLE, DISCLOSURE_TEXT};
use crate::deliver::error::DeliverError;
use crate::deliver::gallery::GALLERY;
use crate::deliver::manifest::{MANIFEST_FILE, MANIFEST_SCHEMA_VERSION, Manifest};
use crate::deliver::names;
use crate::fsx::fs;

/// Longest manifest or journal that is read.
const DOCUMENT_LIMIT: u64 = 256 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Journal {
    pub(super) schema_version: u32,
    pub(super) listing: String,
    pub(super) paths: BTreeSet<String>,
    /// The manifest of the delivery before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<serde_json::Value>,
    /// What a person changed and is to be moved out of the way, with its digests.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) edited: BTreeMap<String, String>,
}

/// The version of [`Journal`] that this build writes.
pub(super) const JOURNAL_SCHEMA_VERSION: u32 = 2;

impl Folder<'_> {
    pub(super) fn read_journal(&mut self) -> Result<(), DeliverError> {
        let path = self.root.join(JOURNAL_FILE);
        let Some(bytes) = read_if_there(&path)? else {
            return Ok(());
        };
        match serde_json::from_slice::<Journal>(&bytes) {
            Ok(journal) if journal.listing == self.listing => {
                self.begun = journal
                    .paths
                    .into_iter()
                    .filter(|path| ours(path))
                    .collect();
                self.edited = journal.edited;
                if let Some(previous) = journal.previous {
                    self.take_manifest(previous);
                }
                Ok(())
            }
            _ => Err(DeliverError::Occupied {
                path,
                reason: "it was begun by a delivery of another listing",
            }),
        }
    }

    pub(super) fn read_manifest(&mut self) -> Result<(), DeliverError> {
        let path = self.root.join(MANIFEST_FILE);
        let Some(bytes) = read_if_there(&path)? else {
            return Ok(());
        };
        let foreign = |path| DeliverError::Occupied {
            path,
            reason: "it is not the manifest of an earlier delivery of this listing",
        };
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(&bytes) else {
            return Err(foreign(path));
        };
        let text = |pointer: &str| value.pointer(pointer).and_then(serde_json::Value::as_str);
        let made_by_us =
            text("/generator").is_some_and(|generator| generator.starts_with("remedia "));
        if !made_by_us || text("/listing/slug") != Some(self.listing) {
            return Err(foreign(path));
        }
        self.take_manifest(value);
        Ok(())
    }

    fn take_manifest(&mut self, value: serde_json::Value) {
        // Another version's manifest may have another form; the paths are read where they have
        // always stood, so that its files can be replaced.
        let list = |value: &serde_json::Value, key: &str| {
            value
                .get(key)
                .and_then(serde_json::Value::as_array)
                .cloned()
                .unwrap_or_default()
        };
        let files: Vec<_> = list(&value, "photos")
            .iter()
            .flat_map(|photo| list(photo, "files"))
            .chain(list(&value, "documents"))
            .collect();
        self.named.clear();
        self.promised.clear();
        for file in &files {
            let text = |key: &str| file.get(key).and_then(serde_json::Value::as_str);
            let Some(path) = text("path").filter(|path| ours(path)) else {
                continue;
            };
            self.named.insert(path.to_owned());
            if let Some(digest) = text("blake3") {
                self.promised.insert(path.to_owned(), digest.to_owned());
            }
        }
        self.previous = serde_json::from_value::<Manifest>(value.clone())
            .ok()
            .filter(|manifest| manifest.schema_version <= MANIFEST_SCHEMA_VERSION);
        self.earlier = Some(value);
    }
}

/// The manifest of the delivery in `root`, or, where a delivery is in progress there, of the one before it.
///
/// # Errors
/// What the file system says; a folder without a delivery has none.
pub fn earlier_manifest(root: &Path) -> io::Result<Option<Manifest>> {
    if let Some(bytes) = fs::read_if_there(root.join(MANIFEST_FILE))? {
        return Ok(serde_json::from_slice(&bytes).ok());
    }
    let Some(bytes) = fs::read_if_there(root.join(JOURNAL_FILE))? else {
        return Ok(None);
    };
    let journal = serde_json::from_slice::<Journal>(&bytes).ok();
    Ok(journal
        .and_then(|journal| journal.previous)
        .and_then(|previous| serde_json::from_value(previous).ok()))
}

/// Whether a path from a document has the form of a file that a delivery writes.
fn ours(path: &str) -> bool {
    matches!(
        path,
        CAPTIONS | DISCLOSURE_TEXT | DISCLOSURE_TABLE | GALLERY
    ) || names::is_picture_path(path)
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, DeliverError> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(DeliverError::io(path, error)),
    };
    let mut bytes = Vec::new();
    file.take(DOCUMENT_LIMIT)
        .read_to_end(&mut bytes)
        .map_err(|error| DeliverError::io(path, error))?;
    Ok(Some(bytes))
}
