//! What of an order goes up. A few files go as they are, in a folder that is named after the run. Many go as
//! one archive of that name, which Kaggle unpacks: a dataset of many single files is slow to be taken in, and
//! its own client sends no more than fifty.

use std::path::{Path, PathBuf};

use crate::bundle;
use crate::fsx::fs;
use crate::kaggle::DatasetFile;
use crate::provider::error::ProviderError;

use super::provider::{files, files_of};

/// More files than these go as one archive.
const MOST_SINGLE_FILES: usize = 50;
/// The archive's name in the order's folder.
const ARCHIVE: &str = "kaggle.zip";

/// A file of what goes up.
#[derive(Clone, Debug)]
pub(super) struct PayloadFile {
    /// What it is remembered by: its path in the order.
    pub(super) name: String,
    /// Where it lies.
    pub(super) path: PathBuf,
    /// Where it is put in the dataset.
    pub(super) place: String,
    /// Its size in bytes.
    pub(super) bytes: u64,
}

impl PayloadFile {
    fn new(name: String, path: PathBuf, place: String) -> Result<Self, ProviderError> {
        let bytes = size(&path)?;
        Ok(Self {
            name,
            path,
            place,
            bytes,
        })
    }

    /// The name that its upload is started with: the last part of its place.
    pub(super) fn file_name(&self) -> &str {
        self.place.rsplit('/').next().unwrap_or(&self.place)
    }
}

/// What of the order in `folder` goes up; an archive is written where it is not there.
pub(super) fn payload(folder: &Path, run_id: &str) -> Result<Vec<PayloadFile>, ProviderError> {
    let names = files_of(folder)?;
    if names.len() <= MOST_SINGLE_FILES {
        return names
            .into_iter()
            .map(|name| {
                let path = folder.join(&name);
                let place = format!("{run_id}/{name}");
                PayloadFile::new(name, path, place)
            })
            .collect();
    }
    let path = folder.join(ARCHIVE);
    if !path.try_exists().map_err(files)? {
        // Whether or not a folder is made of the archive's own name, the run's folder is there.
        bundle::write_archive_below(folder, &path, &format!("{run_id}/")).map_err(files)?;
    }
    let archive = PayloadFile::new(ARCHIVE.to_owned(), path, archive_name(run_id))?;
    Ok(vec![archive])
}

/// Size of the archive of the order in `folder`, while it is there.
pub(super) fn archive_bytes(folder: &Path) -> Option<u64> {
    Some(fs::metadata(folder.join(ARCHIVE)).ok()?.len())
}

/// Removes the archive, which is of no use any more when it is up.
pub(super) fn remove_archive(folder: &Path) -> Result<(), ProviderError> {
    match fs::remove_file(folder.join(ARCHIVE)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(files(error)),
        _ => Ok(()),
    }
}

/// Whether a listing shows the whole order: each of its files with its size, or the archive as it was sent.
pub(super) fn is_whole(
    listed: &[DatasetFile],
    folder: &Path,
    run_id: &str,
    archive_bytes: Option<u64>,
) -> Result<bool, ProviderError> {
    let archive = archive_name(run_id);
    // The worker unpacks an archive that is there as it was sent.
    let is_archive =
        |file: &DatasetFile| Some(file.bytes) == archive_bytes && ends_with(&file.name, &archive);
    if listed.iter().any(is_archive) {
        return Ok(true);
    }
    for name in files_of(folder)? {
        let bytes = size(&folder.join(&name))?;
        let place = format!("{run_id}/{name}");
        let is_shown = listed
            .iter()
            .any(|file| file.bytes == bytes && ends_with(&file.name, &place));
        if !is_shown {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a listed file belongs to a run.
pub(super) fn is_of_run(file: &DatasetFile, run_id: &str) -> bool {
    let archive = archive_name(run_id);
    let mut parts = file.name.split('/');
    parts.any(|part| part == run_id || part == archive)
}

fn archive_name(run_id: &str) -> String {
    format!("{run_id}.zip")
}

/// Whether a path is `end`, or `end` below some folder.
fn ends_with(path: &str, end: &str) -> bool {
    path.strip_suffix(end)
        .is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

fn size(path: &Path) -> Result<u64, ProviderError> {
    Ok(fs::metadata(path).map_err(files)?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_told_from_another_whose_name_begins_or_ends_alike() {
        let listed = |name: &str| DatasetFile {
            name: name.to_owned(),
            bytes: 1,
        };
        for own in ["oak-r1/job.json", "oak-r1/oak-r1/job.json", "oak-r1.zip"] {
            assert!(is_of_run(&listed(own), "oak-r1"), "{own}");
        }
        for other in ["oak-r10/job.json", "big-oak-r1/job.json", "oak-r10.zip"] {
            assert!(!is_of_run(&listed(other), "oak-r1"), "{other}");
        }
        assert!(ends_with("data/oak-r1.zip", "oak-r1.zip"));
        assert!(!ends_with("big-oak-r1.zip", "oak-r1.zip"));
    }
}
