//! The calls to the file system that remedia makes. They are `fs_err`'s, whose errors name the path, with two things
//! more: what fails for a moment is tried again (a network folder that hiccups, a table of open files that is full), and
//! builds for tests can be told to let a call fail.
//!
//! Nothing outside `fsx` calls the file system by another way (`tests/it/layers.rs` reads the sources).

use std::fs::Metadata;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fault::{Fault, classify};
use super::inject::{self, Call};

/// The waits before a call that failed for a moment is made again. What lasts longer is left to whoever asked.
const WAITS: [Duration; 3] = [
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(400),
];

/// Makes a call, and makes it again where it failed for a moment.
pub(super) fn patiently<T>(
    call: Call,
    path: &Path,
    mut work: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let mut waits = WAITS.iter();
    loop {
        match inject::fault(call, path).and_then(|()| work()) {
            Err(error) if classify(&error) == Fault::Passing => match waits.next() {
                Some(&wait) => std::thread::sleep(inject::scaled(wait)),
                None => return Err(settled(error)),
            },
            outcome => return outcome,
        }
    }
}

/// An error that is not tried again any more. The standard library repeats what says that it was interrupted, however
/// often; whose fault it is stays in it.
fn settled(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::Interrupted {
        return io::Error::other(error);
    }
    error
}

/// As [`std::fs::read`].
///
/// # Errors
/// What the system says, with the path.
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    patiently(Call::Open, path, || {
        inject::fault(Call::Read, path)?;
        fs_err::read(path)
    })
}

/// As [`std::fs::read_to_string`].
///
/// # Errors
/// As [`read`].
pub fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    let path = path.as_ref();
    patiently(Call::Open, path, || {
        inject::fault(Call::Read, path)?;
        fs_err::read_to_string(path)
    })
}

/// As [`std::fs::read_dir`].
///
/// # Errors
/// As [`read`].
pub fn read_dir(path: impl AsRef<Path>) -> io::Result<fs_err::ReadDir> {
    let path = path.as_ref();
    patiently(Call::List, path, || fs_err::read_dir(path))
}

/// As [`std::fs::metadata`].
///
/// # Errors
/// As [`read`].
pub fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    let path = path.as_ref();
    patiently(Call::Look, path, || fs_err::metadata(path))
}

/// As [`std::fs::symlink_metadata`].
///
/// # Errors
/// As [`read`].
pub fn symlink_metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    let path = path.as_ref();
    patiently(Call::Look, path, || fs_err::symlink_metadata(path))
}

/// As [`symlink_metadata`], and nothing where there is nothing.
///
/// # Errors
/// As [`read`], except that what is missing is no error.
pub fn look(path: impl AsRef<Path>) -> io::Result<Option<Metadata>> {
    found(symlink_metadata(path))
}

/// What was read, or nothing where there is no such file.
///
/// # Errors
/// As [`read`], except that what is missing is no error.
pub fn read_if_there(path: impl AsRef<Path>) -> io::Result<Option<Vec<u8>>> {
    found(read(path))
}

fn found<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// As [`std::fs::canonicalize`].
///
/// # Errors
/// As [`read`].
pub fn canonicalize(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref();
    patiently(Call::Look, path, || fs_err::canonicalize(path))
}

/// As [`std::fs::create_dir_all`].
///
/// # Errors
/// As [`read`].
pub fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref();
    patiently(Call::Make, path, || fs_err::create_dir_all(path))
}

/// As [`std::fs::remove_file`].
///
/// # Errors
/// As [`read`].
pub fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref();
    patiently(Call::Remove, path, || fs_err::remove_file(path))
}

/// As [`std::fs::remove_dir_all`].
///
/// # Errors
/// As [`read`].
pub fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref();
    patiently(Call::Remove, path, || fs_err::remove_dir_all(path))
}

/// As [`std::fs::rename`].
///
/// # Errors
/// As [`read`].
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    let (from, to) = (from.as_ref(), to.as_ref());
    patiently(Call::Rename, to, || fs_err::rename(from, to))
}

/// Whether something is at the path; a broken link is something.
///
/// # Errors
/// As [`read`], except that what is missing is no error.
pub fn is_there(path: impl AsRef<Path>) -> io::Result<bool> {
    Ok(look(path)?.is_some())
}

/// An open file.
#[derive(Debug)]
pub struct File(fs_err::File);

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// As [`read`].
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        patiently(Call::Open, path, || fs_err::File::open(path)).map(Self)
    }

    /// As [`std::fs::File::metadata`].
    ///
    /// # Errors
    /// As [`read`].
    pub fn metadata(&self) -> io::Result<Metadata> {
        patiently(Call::Look, self.0.path(), || self.0.metadata())
    }

    /// As [`std::fs::File::sync_all`]. Not tried again: a system that could not write may have forgotten what, and then
    /// says at the second time that all is well.
    ///
    /// # Errors
    /// As [`read`].
    pub fn sync_all(&self) -> io::Result<()> {
        inject::fault(Call::Sync, self.0.path())?;
        self.0.sync_all()
    }

    /// As [`std::fs::File::set_len`].
    ///
    /// # Errors
    /// As [`read`].
    pub fn set_len(&self, bytes: u64) -> io::Result<()> {
        patiently(Call::Write, self.0.path(), || self.0.set_len(bytes))
    }

    /// As [`std::fs::File::set_permissions`].
    ///
    /// # Errors
    /// As [`read`].
    pub fn set_permissions(&self, permissions: std::fs::Permissions) -> io::Result<()> {
        patiently(Call::Write, self.0.path(), || {
            self.0.set_permissions(permissions.clone())
        })
    }

    /// The standard library's file.
    #[must_use]
    pub fn into_std(self) -> std::fs::File {
        self.0.into_parts().0
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let path = self.0.path().to_path_buf();
        patiently(Call::Read, &path, || self.0.read(buffer))
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let path = self.0.path().to_path_buf();
        patiently(Call::Write, &path, || self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

/// How a file is opened, as [`std::fs::OpenOptions`].
#[derive(Debug)]
pub struct OpenOptions(fs_err::OpenOptions);

impl OpenOptions {
    /// Nothing is allowed yet.
    #[expect(clippy::new_without_default, reason = "as in the standard library")]
    #[must_use]
    pub fn new() -> Self {
        Self(fs_err::OpenOptions::new())
    }

    /// Whether it is read.
    pub fn read(&mut self, read: bool) -> &mut Self {
        self.0.read(read);
        self
    }

    /// Whether it is written.
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.0.write(write);
        self
    }

    /// Whether every write goes to its end.
    pub fn append(&mut self, append: bool) -> &mut Self {
        self.0.append(append);
        self
    }

    /// Whether it is emptied.
    pub fn truncate(&mut self, truncate: bool) -> &mut Self {
        self.0.truncate(truncate);
        self
    }

    /// Whether it is made where it is missing.
    pub fn create(&mut self, create: bool) -> &mut Self {
        self.0.create(create);
        self
    }

    /// Whether it must not be there yet.
    pub fn create_new(&mut self, create_new: bool) -> &mut Self {
        self.0.create_new(create_new);
        self
    }

    /// The rights of a file that is made, before the process's mask takes some away.
    #[cfg(unix)]
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        fs_err::os::unix::fs::OpenOptionsExt::mode(&mut self.0, mode);
        self
    }

    /// Further flags of `open(2)`.
    #[cfg(unix)]
    pub fn custom_flags(&mut self, flags: i32) -> &mut Self {
        fs_err::os::unix::fs::OpenOptionsExt::custom_flags(&mut self.0, flags);
        self
    }

    /// Opens the file.
    ///
    /// # Errors
    /// As [`read`].
    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref();
        patiently(Call::Open, path, || self.0.open(path)).map(File)
    }
}
