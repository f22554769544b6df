//! The documents of an order.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::domain::job::{JOB_SCHEMA_VERSION, JobOrder, RunMarker};
use crate::domain::plan::RemoteSession;
use crate::fsx::{self, fs};

use super::error::BundleError;

/// The document that says what is asked.
pub const JOB_FILE: &str = "job.json";
/// The document that a worker searches for.
pub const MARKER_FILE: &str = "remedia-run.json";
/// Digests of every file of the order, in the form that `sha256sum --check` reads.
pub const SUMS_FILE: &str = "SHA256SUMS";

/// What a session is given beside the order.
const SESSION_FILE: &str = "session.json";

/// SHA-256 of `bytes`, 64 lower-case hexadecimal digits.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// SHA-256, as [`sha256`] gives it, and length of what `reader` gives, read in pieces.
///
/// # Errors
/// What the reader says, and more than `limit` bytes.
pub fn sha256_of(reader: &mut impl Read, limit: u64) -> io::Result<(String, u64)> {
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    let mut length = 0;
    loop {
        let read = reader.read(&mut piece)?;
        if read == 0 {
            break;
        }
        length += read as u64;
        if length > limit {
            return Err(io::Error::other(format!(
                "it has more than the {limit} bytes that are taken"
            )));
        }
        hasher.update(piece.get(..read).unwrap_or_default());
    }
    Ok((HEXLOWER.encode(&hasher.finalize()), length))
}

/// Writes the documents of `order` into `folder`; the marker comes last, so an order that has one is
/// whole. Photos at working size, and what else is listed in `beside` by its path, must lie there already.
///
/// # Errors
/// [`BundleError`] when a file cannot be written.
pub fn write_order(
    folder: &Path,
    order: &JobOrder,
    beside: &[String],
) -> Result<RunMarker, BundleError> {
    let job = json(&folder.join(JOB_FILE), order)?;
    let marker = RunMarker {
        schema_version: JOB_SCHEMA_VERSION,
        run_id: order.run_id.clone(),
        job_sha256: sha256(&job),
    };
    let mut sums = format!("{}  {JOB_FILE}\n", marker.job_sha256);
    for photo in &order.photos {
        let path = super::working_photo_path(&photo.photo_id);
        match fs::read(folder.join(&path)) {
            Ok(bytes) => sums.push_str(&format!("{}  {path}\n", sha256(&bytes))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    for path in beside {
        let bytes = fs::read(folder.join(path))?;
        sums.push_str(&format!("{}  {path}\n", sha256(&bytes)));
    }
    fsx::write_atomic(&folder.join(JOB_FILE), &job)?;
    fsx::write_atomic(&folder.join(SUMS_FILE), sums.as_bytes())?;
    let path = folder.join(MARKER_FILE);
    fsx::write_atomic(&path, &json(&path, &marker)?)?;
    Ok(marker)
}

/// Writes what the session that does the order in `folder` is given beside it. It is no part of the order, and
/// does not leave this machine with it.
///
/// # Errors
/// [`BundleError`] when it cannot be written.
pub fn write_session(folder: &Path, session: &RemoteSession) -> Result<(), BundleError> {
    let path = folder.join(SESSION_FILE);
    Ok(fsx::write_atomic(&path, &json(&path, session)?)?)
}

/// What the session that does the order in `folder` is given beside it: the usual where nothing was written.
///
/// # Errors
/// [`BundleError`] where it is damaged.
pub fn read_session(folder: &Path) -> Result<RemoteSession, BundleError> {
    let path = folder.join(SESSION_FILE);
    match fs::read(&path) {
        Ok(bytes) => parse(&path, &bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(RemoteSession::default()),
        Err(error) => Err(error.into()),
    }
}

/// Reads an order back and checks that it is whole.
///
/// # Errors
/// [`BundleError::Damaged`] where a document is cut, changed or of another order.
pub fn read_order(folder: &Path) -> Result<(JobOrder, RunMarker), BundleError> {
    let marker_path = folder.join(MARKER_FILE);
    let marker: RunMarker = parse(&marker_path, &fs::read(&marker_path)?)?;
    let job_path = folder.join(JOB_FILE);
    let bytes = fs::read(&job_path)?;
    if sha256(&bytes) != marker.job_sha256 {
        return Err(BundleError::Damaged {
            path: job_path,
            reason: "its bytes are not the ones that the marker names".to_owned(),
        });
    }
    let order: JobOrder = parse(&job_path, &bytes)?;
    if order.run_id != marker.run_id {
        return Err(BundleError::Damaged {
            path: marker_path,
            reason: "it belongs to another order".to_owned(),
        });
    }
    Ok((order, marker))
}

/// Every file of the order in `folder`, as paths relative to it, sorted.
///
/// # Errors
/// [`BundleError`] where the list of digests cannot be read.
pub fn files_of(folder: &Path) -> Result<Vec<String>, BundleError> {
    let path = folder.join(SUMS_FILE);
    let mut names: Vec<String> = read_sums(&path, &fs::read(&path)?)?.into_keys().collect();
    names.extend([MARKER_FILE.to_owned(), SUMS_FILE.to_owned()]);
    names.sort_unstable();
    Ok(names)
}

/// Reads a list of digests: path to SHA-256, as `sha256sum` writes them.
///
/// # Errors
/// [`BundleError::Damaged`] for a line of another form and for a path that leads out of the folder.
pub fn read_sums(path: &Path, bytes: &[u8]) -> Result<BTreeMap<String, String>, BundleError> {
    let wrong = |reason: String| BundleError::Damaged {
        path: path.to_owned(),
        reason,
    };
    let text = std::str::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?;
    let mut sums = BTreeMap::new();
    for line in text.lines() {
        let (digest, name) = line
            .split_once("  ")
            .filter(|(digest, _)| {
                digest.len() == 64 && digest.bytes().all(|digit| digit.is_ascii_hexdigit())
            })
            .ok_or_else(|| wrong("a line is not a digest, two spaces and a path".to_owned()))?;
        fsx::contained(Path::new("."), name).map_err(|refused| wrong(refused.to_string()))?;
        if sums.insert(name.to_owned(), digest.to_owned()).is_some() {
            return Err(wrong(format!("`{name}` is listed twice")));
        }
    }
    Ok(sums)
}

fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, BundleError> {
    serde_json::from_slice(bytes).map_err(|error| damaged(path.to_owned(), &error))
}

fn json<T: Serialize>(path: &Path, value: &T) -> Result<Vec<u8>, BundleError> {
    let mut bytes =
        serde_json::to_vec_pretty(value).map_err(|error| damaged(path.to_owned(), &error))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn damaged(path: PathBuf, error: &serde_json::Error) -> BundleError {
    BundleError::Damaged {
        path,
        reason: error.to_string(),
    }
}
