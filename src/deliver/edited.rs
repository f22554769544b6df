//! Files of a delivery that a person has changed since: before anything is written they are moved to a folder
//! of their own, so that a delivery that is made again takes no work away.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::DeliverError;
use super::folder::{Folder, make_folder};
use crate::fsx::{self, fs};
use crate::imaging;

/// The folder that holds what people have changed, inside the delivered one.
const EDITED: &str = "edited";

/// Names that are tried for one file.
const NAMES_TRIED: u32 = 1000;

/// A file that a person changed, and where it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Where it was delivered, relative to the destination.
    pub file: String,
    /// Where it is kept, relative to the destination.
    pub kept: String,
}

impl Folder<'_> {
    /// Every file that differs from what the manifest promises, with its digest now, and those that a killed delivery
    /// had found and not yet moved. What can no longer be opened is damage and not work, and is left to be replaced.
    pub(super) fn find_edited(&self) -> Result<BTreeMap<String, String>, DeliverError> {
        let mut edited = BTreeMap::new();
        for (path, digest) in self.meant_to_move() {
            if self.digest_of(path)?.is_some_and(|(_, now)| now == *digest) {
                edited.insert(path.clone(), digest.clone());
            }
        }
        for (path, promised) in self.promised() {
            if let Some((bytes, now)) = self.digest_of(path)?
                && now != promised
                && opens(path, &bytes)
            {
                edited.insert(path.to_owned(), now);
            }
        }
        Ok(edited)
    }

    fn digest_of(&self, path: &str) -> Result<Option<(Vec<u8>, String)>, DeliverError> {
        let place = self.root().join(path);
        let failed = |error| DeliverError::io(&place, error);
        let found = fs::look(&place).map_err(failed)?;
        if !found.is_some_and(|found| found.is_file()) {
            return Ok(None);
        }
        let bytes = fs::read(&place).map_err(failed)?;
        let digest = blake3::hash(&bytes).to_hex().to_string();
        Ok(Some((bytes, digest)))
    }

    /// Moves these files into the folder for what people have changed.
    pub(super) fn move_aside(
        &self,
        edited: &BTreeMap<String, String>,
    ) -> Result<Vec<SetAside>, DeliverError> {
        let mut moved = Vec::new();
        let folder = self.root().join(EDITED);
        for path in edited.keys() {
            make_folder(&folder)?;
            let from = self.root().join(path);
            let name = free_name(&folder, path)?;
            let to = folder.join(&name);
            fs::rename(&from, &to).map_err(|error| DeliverError::io(&from, error))?;
            fsx::sync_directory(&folder).map_err(|error| DeliverError::io(&folder, error))?;
            moved.push(SetAside {
                file: path.clone(),
                kept: format!("{EDITED}/{name}"),
            });
        }
        Ok(moved)
    }
}

/// Whether a file is still what its name says: a whole picture, or text.
fn opens(path: &str, bytes: &[u8]) -> bool {
    if path.ends_with(".jpg") {
        imaging::probe(bytes)
            .is_ok_and(|header| imaging::check_complete(bytes, header.format).is_ok())
    } else {
        !bytes.is_empty() && fsx::decode_text(bytes).is_ok_and(|text| !text.contains('\0'))
    }
}

/// A name that is free in `folder`: `final-001-kitchen.jpg`, `final-001-kitchen-2.jpg`, …
fn free_name(folder: &Path, path: &str) -> Result<String, DeliverError> {
    let flat = path.replace('/', "-");
    let (stem, extension) = flat.rsplit_once('.').unwrap_or((&flat, "old"));
    for number in 1..=NAMES_TRIED {
        let name = match number {
            1 => format!("{stem}.{extension}"),
            _ => format!("{stem}-{number}.{extension}"),
        };
        let place = folder.join(&name);
        let taken = fs::is_there(&place).map_err(|error| DeliverError::io(&place, error))?;
        if !taken {
            return Ok(name);
        }
    }
    Err(DeliverError::Occupied {
        path: folder.to_path_buf(),
        reason: "it is full of files that were changed",
    })
}
