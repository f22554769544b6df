//! Writing by temporary file, fsync and rename: a reader sees the old file or the new one, never a
//! part, whatever moment the machine stops at.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use super::fault::{Fault, classify, named};
use super::fs;
use super::rights::keep_rights;

/// Every temporary file of remedia starts with this, so that a later run can clear what a killed
/// one left.
pub const TEMPORARY_PREFIX: &str = ".remedia-tmp-";

/// The part of a download that was cut starts with this: unlike a temporary file it is of use to the next
/// run, which goes on where it ends.
pub const PART_PREFIX: &str = ".remedia-part-";

/// Writes `bytes` to `path` atomically.
///
/// # Errors
/// Whatever the file system says: no space, no permission, no such folder. The file at `path` is
/// then what it was before.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let write = || write_atomic_with(path, |writer| writer.write_all(bytes));
    match write() {
        // A disk that could not bring it out is asked once more, from the first byte.
        Err(error) if classify(&error) == Fault::Passing => write(),
        outcome => outcome,
    }
}

/// What is written to; a place in it can be gone back to.
pub trait WriteSeek: Write + Seek {}

impl<T: Write + Seek> WriteSeek for T {}

/// Writes to `path` atomically what `write` produces.
///
/// # Errors
/// The error of `write`, or what the file system says. The file at `path` is then what it was.
pub fn write_atomic_with(
    path: &Path,
    write: impl FnOnce(&mut dyn WriteSeek) -> io::Result<()>,
) -> io::Result<()> {
    // Who else may read it is for the caller's umask to say.
    write_with_mode(path, 0o666, write)
}

/// As [`write_atomic_with`], for a file that nobody but its owner may read.
///
/// # Errors
/// As [`write_atomic_with`].
pub fn write_private(
    path: &Path,
    write: impl FnOnce(&mut dyn WriteSeek) -> io::Result<()>,
) -> io::Result<()> {
    write_with_mode(path, 0o600, write)
}

fn write_with_mode(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut dyn WriteSeek) -> io::Result<()>,
) -> io::Result<()> {
    let failed = |error: io::Error| named("write", path, error);
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let (temporary, file) = Temporary::create(folder, mode).map_err(failed)?;
    let mut writer = BufWriter::with_capacity(1 << 16, file);
    write(&mut writer).map_err(failed)?;
    let file = writer
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    if mode & 0o077 != 0 {
        keep_rights(path, &file).map_err(failed)?;
    }
    file.sync_all().map_err(failed)?;
    drop(file);
    temporary.persist(path).map_err(failed)?;
    sync_directory(folder).map_err(failed)
}

/// A file that is being written; it is gone unless it gets its name.
struct Temporary {
    path: PathBuf,
    kept: bool,
}

impl Temporary {
    /// Makes one with a name that nothing has. The process's mask takes rights away from `mode`, as from every file.
    fn create(folder: &Path, mode: u32) -> io::Result<(Self, fs::File)> {
        loop {
            let path = folder.join(format!("{TEMPORARY_PREFIX}{:016x}", random()));
            let mut options = fs::OpenOptions::new();
            options.write(true).read(true).create_new(true);
            #[cfg(unix)]
            options.mode(mode);
            #[cfg(not(unix))]
            let _ = mode;
            match options.open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(file) => return Ok((Self { path, kept: false }, file)),
            }
        }
    }

    fn persist(mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            // A later run clears what cannot be removed now.
            let _ = fs_err::remove_file(&self.path);
        }
    }
}

/// From the addresses that the system deals out at random.
fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// Makes a rename or removal in `folder` durable.
///
/// # Errors
/// What the file system says.
pub fn sync_directory(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Removes temporary files that a killed run left directly in `folder`; gives how many.
///
/// # Errors
/// What the file system says; a folder that does not exist has none.
pub fn remove_temporary_files(folder: &Path) -> io::Result<usize> {
    remove_files_named(folder, TEMPORARY_PREFIX)
}

/// Removes what downloads that were cut left directly in `folder`, where nobody will go on with them; gives
/// how many files.
///
/// # Errors
/// As [`remove_temporary_files`].
pub fn remove_parts(folder: &Path) -> io::Result<usize> {
    remove_files_named(folder, PART_PREFIX)
}

fn remove_files_named(folder: &Path, prefix: &str) -> io::Result<usize> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry?;
        let ours = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(prefix));
        if ours && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_temporary() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("document");
        write_atomic(&path, b"old").unwrap();
        let failed = write_atomic_with(&path, |writer| {
            writer.write_all(b"half")?;
            Err(io::Error::other("cut"))
        });
        assert!(failed.unwrap_err().to_string().contains("document"));
        assert_eq!(fs_err::read(&path).unwrap(), b"old");
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn leftovers_of_a_killed_run_are_cleared_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".remedia-tmp-abc", ".remedia-part-abc", "photo.jpg"] {
            fs_err::write(folder.path().join(name), b"content").unwrap();
        }
        assert_eq!(remove_temporary_files(folder.path()).unwrap(), 1);
        assert!(folder.path().join(".remedia-part-abc").exists());
        assert_eq!(remove_parts(folder.path()).unwrap(), 1);
        assert!(folder.path().join("photo.jpg").exists());
        assert_eq!(
            remove_temporary_files(&folder.path().join("none")).unwrap(),
            0
        );
    }
}
