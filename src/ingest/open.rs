//! Opening originals: read-only, never through a link that leaves the folder, never anything but a
//! plain file, never waiting on a pipe.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::id::PhotoId;
use crate::domain::listing::StatedMask;
use crate::fsx::{Fault, classify, contained, fs, printable};
use crate::imaging::DecodeLimits;

/// Files above this size are held in memory one at a time, so that many threads with many large
/// files cannot add up.
const LARGE_FILE: u64 = 32 << 20;

static LARGE: Mutex<()> = Mutex::new(());

/// A whole file in memory. A large one keeps the others waiting as long as it is there.
#[derive(Debug)]
pub(super) struct PlainFile {
    pub(super) bytes: Vec<u8>,
    _alone: Option<MutexGuard<'static, ()>>,
}

/// Why the bytes of a photo could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PhotoError {
    /// It is not there any more.
    #[error("`{file}` is gone; put it back or read the listing again")]
    Missing {
        /// Which file.
        file: String,
    },
    /// The folder of its listing is not there, or nothing of the listing is in it: a disk or a network folder that is
    /// away, and nothing that the photo could help.
    #[error("`{file}` cannot be read: the listing folder is away, or empty")]
    Away {
        /// Which file.
        file: String,
    },
    /// Its content is no longer what it was.
    #[error("`{file}` changed since the listing was read; submit the listing again")]
    Changed {
        /// Which file.
        file: String,
    },
    /// It is not a plain file inside the folder.
    #[error("`{file}` is refused: {rule}")]
    Refused {
        /// Which file.
        file: String,
        /// The rule that it breaks.
        rule: String,
    },
    /// It is larger than allowed.
    #[error("`{file}` has {bytes} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Which file.
        file: String,
        /// Its size.
        bytes: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The system does not give it.
    #[error("failed to read `{file}`: {source}")]
    Unreadable {
        /// Which file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
}

impl PhotoError {
    /// Whether another attempt could succeed without the person changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.fault().is_temporary()
    }

    /// Whose it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Away { .. } => Fault::Passing,
            Self::Unreadable { source, .. } => classify(source),
            Self::Missing { .. }
            | Self::Changed { .. }
            | Self::Refused { .. }
            | Self::TooLarge { .. } => Fault::OfTheFile,
        }
    }

    /// The same as an error of the file system, of the same sort.
    #[must_use]
    pub fn into_io(self) -> io::Error {
        let kind = match &self {
            Self::Away { .. } => io::ErrorKind::NotConnected,
            Self::Unreadable { source, .. } => source.kind(),
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, self)
    }

    fn from_io(file: &str, source: io::Error) -> Self {
        let file = printable(file);
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { file },
            _ => Self::Unreadable { file, source },
        }
    }
}

/// Reads the bytes of a photo of a listing: `file` is relative to `folder`, and the content must
/// still have the identity `expected`.
///
/// # Errors
/// [`PhotoError`]; [`PhotoError::Changed`] where the content is another one.
pub fn read_photo_bytes(
    folder: &Path,
    file: &str,
    expected: &PhotoId,
    limits: &DecodeLimits,
) -> Result<Vec<u8>, PhotoError> {
    let same = |digest: &blake3::Hash| PhotoId::from_digest(digest) == *expected;
    read_expected(folder, file, limits, same)
}

/// Reads the bytes of a mask of a listing, which must still be the ones that were stated.
///
/// # Errors
/// As [`read_photo_bytes`].
pub fn read_mask_bytes(
    folder: &Path,
    mask: &StatedMask,
    limits: &DecodeLimits,
) -> Result<Vec<u8>, PhotoError> {
    let same = |digest: &blake3::Hash| digest.to_hex().as_str() == mask.blake3;
    read_expected(folder, &mask.file, limits, same)
}

fn read_expected(
    folder: &Path,
    file: &str,
    limits: &DecodeLimits,
    is_expected: impl Fn(&blake3::Hash) -> bool,
) -> Result<Vec<u8>, PhotoError> {
    let path = contained(folder, file).map_err(|refused| PhotoError::Refused {
        file: printable(file),
        rule: refused.1.to_owned(),
    })?;
    let root = fs::canonicalize(folder).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => PhotoError::Away {
            file: printable(file),
        },
        _ => PhotoError::from_io(file, error),
    })?;
    let read = || {
        let bytes = read_plain(&path, &root, file, limits.max_file_bytes)?.bytes;
        if is_expected(&blake3::hash(&bytes)) {
            return Ok(bytes);
        }
        Err(PhotoError::Changed {
            file: printable(file),
        })
    };
    match read() {
        // Looked at once more: what a network folder gives while it comes back is not what is in the file.
        Err(PhotoError::Changed { .. }) => read(),
        outcome => outcome,
    }
}

/// Whether a photo that is missing is missing with its whole listing: where `folder` is not there, or holds none of the
/// `others` of the listing, or, where there are no others, nothing that is not hidden.
#[must_use]
pub fn is_away<'a>(folder: &Path, others: impl IntoIterator<Item = &'a str>) -> bool {
    let mut any = false;
    for other in others {
        any = true;
        if fs::symlink_metadata(folder.join(other)).is_ok() {
            return false;
        }
    }
    any || match fs::read_dir(folder) {
        Ok(entries) => !entries
            .flatten()
            .any(|entry| !entry.file_name().to_string_lossy().starts_with('.')),
        Err(_) => true,
    }
}

/// Reads a plain file that lies below `root` (canonical), in whole and unchanged while it is read.
/// `name` is how errors call it.
pub(super) fn read_plain(
    path: &Path,
    root: &Path,
    name: &str,
    max_bytes: u64,
) -> Result<PlainFile, PhotoError> {
    let failed = |error| PhotoError::from_io(name, error);
    let mut file = open_plain(path, root, name)?;
    let before = file.metadata().map_err(failed)?;
    if before.len() > max_bytes {
        return Err(PhotoError::TooLarge {
            file: printable(name),
            bytes: before.len(),
            limit: max_bytes,
        });
    }
    let alone =
        (before.len() > LARGE_FILE).then(|| LARGE.lock().unwrap_or_else(PoisonError::into_inner));
    let mut bytes = Vec::with_capacity(usize::try_from(before.len()).unwrap_or(0) + 1);
    // One byte more than expected shows a file that grows.
    (&mut file)
        .take(before.len().saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let after = file.metadata().map_err(failed)?;
    let unchanged = bytes.len() as u64 == before.len()
        && after.len() == before.len()
        && after.modified().ok() == before.modified().ok();
    if !unchanged {
        return Err(PhotoError::Changed {
            file: printable(name),
        });
    }
    Ok(PlainFile {
        bytes,
        _alone: alone,
    })
}

/// Opens a plain file below `root` (canonical) for reading, following links only inside it.
pub(super) fn open_plain(path: &Path, root: &Path, name: &str) -> Result<fs::File, PhotoError> {
    let refused = |rule: &str| PhotoError::Refused {
        file: printable(name),
        rule: rule.to_owned(),
    };
    let failed = |error| PhotoError::from_io(name, error);
    let real: PathBuf = fs::canonicalize(path).map_err(failed)?;
    if !real.starts_with(root) {
        return Err(refused(
            "it is a link that leaves the folder; copy the photo into it",
        ));
    }
    // The type is looked at before opening, because opening a device can have effects, and again
    // on the open file, because it may have been replaced between the two.
    if !fs::symlink_metadata(&real).map_err(failed)?.is_file() {
        return Err(refused("it is no plain file"));
    }
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(&real).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(refused("it is no plain file"));
    }
    Ok(file)
}
