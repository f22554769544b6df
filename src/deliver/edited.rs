//! Files of a delivery that a person has changed since: before anything is written they are moved to a folder
//! of their own, so that a delivery that is made again takes no work away.

use std::path::Path;

use super::error::DeliverError;
use super::folder::{Folder, make_folder};
use crate::fsx;
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
    /// Moves every file that differs from what the manifest promises into the folder for such files. What can
    /// no longer be opened is damage and not work, and is left to be replaced. Must come before the first
    /// write of a delivery, and has nothing to do while an earlier one is unfinished: there the manifest does
    /// not say what stands.
    pub(super) fn set_edited_aside(&self) -> Result<Vec<SetAside>, DeliverError> {
        let mut moved = Vec::new();
        for (path, digest) in self.promised() {
            let from = self.root().join(path);
            let plain = fs_err::symlink_metadata(&from).is_ok_and(|found| found.is_file());
            if !plain {
                continue;
            }
            let bytes = fs_err::read(&from).map_err(|error| DeliverError::io(&from, error))?;
            if blake3::hash(&bytes).to_hex().as_str() == digest || !opens(path, &bytes) {
                continue;
            }
            let folder = self.root().join(EDITED);
            make_folder(&folder)?;
            let name = free_name(&folder, path)?;
            let to = folder.join(&name);
            fs_err::rename(&from, &to).map_err(|error| DeliverError::io(&from, error))?;
            fsx::sync_directory(&folder).map_err(|error| DeliverError::io(&folder, error))?;
            moved.push(SetAside {
                file: path.to_owned(),
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
    (1..=NAMES_TRIED)
        .map(|number| match number {
            1 => format!("{stem}.{extension}"),
            _ => format!("{stem}-{number}.{extension}"),
        })
        .find(|name| fs_err::symlink_metadata(folder.join(name)).is_err())
        .ok_or_else(|| DeliverError::Occupied {
            path: folder.to_path_buf(),
            reason: "it is full of files that were changed",
        })
}
