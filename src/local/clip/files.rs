//! Small files of a model's repository, read whole and never beyond a limit.

use std::io::Read as _;
use std::path::Path;

use super::error::ClipError;

use crate::fsx::fs;

/// The bytes of `path`.
///
/// # Errors
/// [`ClipError::TooLarge`] beyond `limit` bytes, [`ClipError::Unreadable`] where the file system fails.
pub(super) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ClipError> {
    let file = fs::File::open(path)?;
    let mut bytes = Vec::new();
    // The size that the file system names may change before the last byte is read.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size > limit {
        return Err(ClipError::TooLarge {
            file: path.to_path_buf(),
            size: fs::metadata(path)?.len(),
            limit,
        });
    }
    Ok(bytes)
}
