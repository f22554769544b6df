//! An order as one file to hand over: a ZIP archive whose bytes depend on the order alone. Names are sorted,
//! no time and no rights of this machine go in, and photos, which do not get smaller, are stored as they are.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, Write as _};
use std::path::Path;

use serde::de::DeserializeOwned;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipArchive, ZipWriter};

use crate::domain::job::{JobOrder, RunMarker};
use crate::fsx::{self, fs};

use super::error::BundleError;
use super::order::{JOB_FILE, MARKER_FILE, SUMS_FILE, files_of, read_order, read_sums};

/// Most files that an archive may hold.
const MOST_FILES: usize = 10_000;
/// Largest document in an archive, in bytes.
const LARGEST_DOCUMENT: u64 = 64 << 20;
/// Largest content of an archive, in bytes.
const LARGEST_CONTENT: u64 = 8 << 30;

/// What an archive holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveContent {
    /// The order's identity.
    pub run_id: String,
    /// Photos that it holds.
    pub photos: usize,
    /// Files in all.
    pub files: usize,
    /// Bytes of its files, unpacked.
    pub bytes: u64,
}

/// Writes the order in `folder` as one archive. The same order gives the same bytes on every machine.
///
/// # Errors
/// [`BundleError`] where the order is not whole or the file cannot be written; nothing half-written stays.
pub fn write_archive(folder: &Path, target: &Path) -> Result<ArchiveContent, BundleError> {
    write_archive_below(folder, target, "")
}

/// As [`write_archive`], with every name in the archive put behind `prefix`, which is empty or ends with `/`.
///
/// # Errors
/// As [`write_archive`].
pub fn write_archive_below(
    folder: &Path,
    target: &Path,
    prefix: &str,
) -> Result<ArchiveContent, BundleError> {
    let (order, marker) = read_order(folder)?;
    let sums = read_sums(&folder.join(SUMS_FILE), &fs::read(folder.join(SUMS_FILE))?)?;
    let names = files_of(folder)?;
    let mut bytes = 0;
    fsx::write_atomic_with(target, |file| {
        let mut archive = ZipWriter::new(file);
        for name in &names {
            let path = fsx::contained(folder, name).map_err(io::Error::other)?;
            let content = fs::read(path)?;
            if sums
                .get(name)
                .is_some_and(|sum| *sum != super::sha256(&content))
            {
                return Err(io::Error::other(format!(
                    "`{name}` is not what the order lists: its digest differs"
                )));
            }
            bytes += content.len() as u64;
            archive.start_file(format!("{prefix}{name}"), options(name))?;
            archive.write_all(&content)?;
        }
        archive.finish()?;
        Ok(())
    })?;
    Ok(ArchiveContent {
        run_id: marker.run_id,
        photos: order.photos.len(),
        files: names.len(),
        bytes,
    })
}

fn options(name: &str) -> SimpleFileOptions {
    let stored = Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "jpg" || extension == "png");
    SimpleFileOptions::default()
        .compression_method(if stored {
            CompressionMethod::Stored
        } else {
            CompressionMethod::Deflated
        })
        .last_modified_time(DateTime::default())
        .system(System::Unix)
        .unix_permissions(0o644)
}

/// Checks an archive from anywhere: that it is one, that it is whole, that nothing in it leads out of a
/// folder, and that every file is the one that its list of digests names.
///
/// # Errors
/// [`BundleError::Archive`] with what is wrong.
pub fn verify_archive(path: &Path) -> Result<ArchiveContent, BundleError> {
    let wrong = |reason: String| BundleError::Archive {
        path: path.to_owned(),
        reason,
    };
    let broken =
        |error: zip::result::ZipError| wrong(format!("it is no sound ZIP archive: {error}"));
    let file = fs::File::open(path)?;
    let mut archive = ZipArchive::new(io::BufReader::new(file)).map_err(broken)?;
    if archive.len() > MOST_FILES {
        return Err(wrong(format!("it holds more than {MOST_FILES} files")));
    }
    let marker: RunMarker = document(&mut archive, MARKER_FILE).map_err(wrong)?;
    let job = bytes_of(&mut archive, JOB_FILE).map_err(wrong)?;
    let order: JobOrder = parsed(JOB_FILE, &job).map_err(wrong)?;
    if super::sha256(&job) != marker.job_sha256 || order.run_id != marker.run_id {
        return Err(wrong(format!(
            "`{JOB_FILE}` is not the one that the marker names"
        )));
    }
    let list = bytes_of(&mut archive, SUMS_FILE).map_err(wrong)?;
    let mut expected: BTreeMap<String, String> =
        read_sums(path, &list).map_err(|error| wrong(error.to_string()))?;
    let (mut files, mut bytes) = (0, 0_u64);
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(broken)?;
        let name = entry.name().map_err(broken)?.into_owned();
        if entry.is_dir() {
            continue;
        }
        fsx::contained(Path::new("."), &name).map_err(|refused| wrong(refused.to_string()))?;
        files += 1;
        let (digest, length) = super::sha256_of(&mut entry, LARGEST_CONTENT.saturating_sub(bytes))
            .map_err(|error| wrong(format!("`{name}` cannot be read: {error}")))?;
        bytes += length;
        if name == MARKER_FILE || name == SUMS_FILE {
            continue;
        }
        match expected.remove(&name) {
            Some(sum) if sum == digest => {}
            Some(_) => {
                return Err(wrong(format!(
                    "`{name}` is not what the list of digests names"
                )));
            }
            None => {
                return Err(wrong(format!(
                    "`{}` is not in the list of digests",
                    fsx::printable(&name)
                )));
            }
        }
    }
    if let Some(missing) = expected.keys().next() {
        return Err(wrong(format!("`{missing}` is missing")));
    }
    for photo in &order.photos {
        let name = super::working_photo_path(&photo.photo_id);
        if archive.index_for_name(&name).is_none() {
            return Err(wrong(format!("`{name}` is missing")));
        }
    }
    Ok(ArchiveContent {
        run_id: marker.run_id,
        photos: order.photos.len(),
        files,
        bytes,
    })
}

fn document<T: DeserializeOwned>(
    archive: &mut ZipArchive<impl Read + Seek>,
    name: &str,
) -> Result<T, String> {
    parsed(name, &bytes_of(archive, name)?)
}

fn parsed<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("`{name}` is damaged: {error}"))
}

fn bytes_of(archive: &mut ZipArchive<impl Read + Seek>, name: &str) -> Result<Vec<u8>, String> {
    let entry = archive
        .by_name(name)
        .map_err(|error| format!("`{name}` is missing: {error}"))?;
    let mut bytes = Vec::new();
    let mut limited = entry.take(LARGEST_DOCUMENT + 1);
    limited
        .read_to_end(&mut bytes)
        .map_err(|error| format!("`{name}` cannot be read: {error}"))?;
    if bytes.len() as u64 > LARGEST_DOCUMENT {
        return Err(format!("`{name}` is larger than {LARGEST_DOCUMENT} bytes"));
    }
    Ok(bytes)
}
