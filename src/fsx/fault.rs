//! What an error of the file system says about who has to do something: the one place that decides whether it passes.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

/// Whose an error of the file system is, and so what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The machine's, for a moment: a disk or network folder that does not answer, too many open files, no memory.
    /// The same call may succeed later without anybody doing anything.
    Passing,
    /// The disk, or what the user may use of it, is full. The same call succeeds once there is room.
    Full,
    /// The disk may not be written to at all.
    ReadOnly,
    /// Rights, or a path that cannot be what it is used as: a person has to change something.
    OfTheUser,
    /// This one file's: it is not there, or its content ends too early.
    OfTheFile,
}

impl Fault {
    /// Whether the same call may succeed later although nobody changes the file, its path or its rights.
    #[must_use]
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::Passing | Self::Full)
    }

    /// Whether it says nothing about the file itself, so that it must not decide what becomes of it.
    #[must_use]
    pub const fn is_of_the_machine(self) -> bool {
        !matches!(self, Self::OfTheFile)
    }

    /// What a person can do about it.
    #[must_use]
    pub const fn hint(self) -> Option<&'static str> {
        match self {
            Self::Full => Some(
                "make room on the disk, then ask again; `remedia gc` says which work files could go",
            ),
            Self::ReadOnly => {
                Some("make the disk writable, or name another folder with `--home` or `--out`")
            }
            Self::OfTheUser => Some("give yourself the right to it, then ask again"),
            Self::Passing => Some("look at the disk or the network folder; asking again goes on"),
            Self::OfTheFile => None,
        }
    }
}

/// Whose the error is. The number that the system gave decides (errno, POSIX.1-2024, 2.3), however often the error was
/// wrapped on its way; an error that has none was made in this program, about the content of a file.
#[must_use]
pub fn classify(error: &io::Error) -> Fault {
    #[cfg(unix)]
    if let Some(number) = number(error) {
        return of_number(rustix::io::Errno::from_raw_os_error(number));
    }
    of_kind(error.kind())
}

/// Whose an error of any sort is, where one of the file system is at the bottom of it.
#[must_use]
pub fn classify_any(error: &(dyn Error + 'static)) -> Option<Fault> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(classify(error));
        }
        cause = error.source();
    }
    None
}

/// The number that the system gave, where one is found inside the error.
#[cfg(unix)]
fn number(error: &io::Error) -> Option<i32> {
    if let Some(number) = error.raw_os_error() {
        return Some(number);
    }
    let mut inner: Option<&(dyn Error + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(cause) = inner {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            return number(error);
        }
        inner = cause.source();
    }
    None
}

#[cfg(unix)]
fn of_number(number: rustix::io::Errno) -> Fault {
    use rustix::io::Errno as E;
    match number {
        E::NOSPC | E::DQUOT | E::FBIG => Fault::Full,
        E::ROFS => Fault::ReadOnly,
        E::NOENT => Fault::OfTheFile,
        E::ACCESS
        | E::PERM
        | E::NAMETOOLONG
        | E::NOTDIR
        | E::ISDIR
        | E::NOTEMPTY
        | E::EXIST
        | E::INVAL
        | E::LOOP
        | E::XDEV
        | E::ILSEQ
        | E::MLINK
        | E::OPNOTSUPP
        | E::NOSYS => Fault::OfTheUser,
        // Everything else that a disk or a network folder says is about the machine: EIO, EMFILE, ENFILE, ENOMEM, EINTR,
        // EAGAIN, ENOTCONN, ESTALE, EBUSY, ETIMEDOUT, EHOSTDOWN, ENODEV, ENXIO, …
        _ => Fault::Passing,
    }
}

fn of_kind(kind: io::ErrorKind) -> Fault {
    use io::ErrorKind as K;
    match kind {
        K::StorageFull | K::QuotaExceeded | K::FileTooLarge => Fault::Full,
        K::ReadOnlyFilesystem => Fault::ReadOnly,
        K::PermissionDenied
        | K::NotADirectory
        | K::IsADirectory
        | K::DirectoryNotEmpty
        | K::AlreadyExists
        | K::InvalidFilename
        | K::InvalidInput
        | K::Unsupported => Fault::OfTheUser,
        K::Interrupted
        | K::WouldBlock
        | K::TimedOut
        | K::NotConnected
        | K::StaleNetworkFileHandle
        | K::NetworkDown
        | K::NetworkUnreachable
        | K::HostUnreachable
        | K::ConnectionReset
        | K::ConnectionAborted
        | K::ConnectionRefused
        | K::ResourceBusy
        | K::Deadlock
        | K::OutOfMemory => Fault::Passing,
        _ => Fault::OfTheFile,
    }
}

/// An error with the path that it is about; what the system said stays inside.
#[derive(Debug, thiserror::Error)]
#[error("failed to {what} `{}`: {source}", path.display())]
struct Named {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// The same error, saying what was done with which path.
pub(super) fn named(what: &'static str, path: &Path, source: io::Error) -> io::Error {
    io::Error::new(
        source.kind(),
        Named {
            what,
            path: path.to_path_buf(),
            source,
        },
    )
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn errors_are_sorted_by_their_number_however_wrapped() {
        for (number, fault) in [
            (Errno::IO, Fault::Passing),
            (Errno::MFILE, Fault::Passing),
            (Errno::NFILE, Fault::Passing),
            (Errno::NOMEM, Fault::Passing),
            (Errno::INTR, Fault::Passing),
            (Errno::AGAIN, Fault::Passing),
            (Errno::NOTCONN, Fault::Passing),
            (Errno::STALE, Fault::Passing),
            (Errno::HOSTDOWN, Fault::Passing),
            (Errno::NODEV, Fault::Passing),
            (Errno::NOSPC, Fault::Full),
            (Errno::DQUOT, Fault::Full),
            (Errno::ROFS, Fault::ReadOnly),
            (Errno::ACCESS, Fault::OfTheUser),
            (Errno::NOTDIR, Fault::OfTheUser),
            (Errno::NOENT, Fault::OfTheFile),
        ] {
            let bare = || io::Error::from_raw_os_error(number.raw_os_error());
            assert_eq!(classify(&bare()), fault, "{number:?}");
            let once = named("read", Path::new("a"), bare());
            assert_eq!(classify(&once), fault, "{number:?}");
            let twice = io::Error::other(named("write", Path::new("b"), once));
            assert_eq!(classify(&twice), fault, "{number:?}");
        }
        // What this program says of a file's content is the file's.
        assert_eq!(classify(&io::Error::other("cut")), Fault::OfTheFile);
        let early = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(classify(&early), Fault::OfTheFile);
        let gone = fs_err::read("no/such/file").unwrap_err();
        assert_eq!(classify(&gone), Fault::OfTheFile);
    }
}
