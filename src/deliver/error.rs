//! Why a delivery stopped.

use std::io;
use std::path::{Path, PathBuf};

use crate::fsx::{Fault, classify};

/// Why a delivery stopped as a whole. A photo that cannot be read does not stop it: see
/// [`super::DeliveryProblem`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliverError {
    /// The person asked to stop; what is written so far is whole and stays.
    #[error("the delivery was interrupted")]
    Interrupted,
    /// The disk of the destination has no space left.
    #[error(
        "no space left for `{path}`; free some space or choose another output folder, then deliver again"
    )]
    DiskFull {
        /// What could not be written.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// The destination may not be written.
    #[error(
        "no permission for `{path}`; allow writing there or choose another output folder, then deliver again"
    )]
    Permission {
        /// What could not be written or read.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// Another failure of the file system.
    #[error("failed to access `{path}`; check the disk, then deliver again")]
    Io {
        /// What was accessed.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// The machine does not give an original, which may be as it was.
    #[error(
        "failed to read `{path}` of the listing; {}, then deliver again",
        if *away { "put the listing folder back" } else { "look at its disk" }
    )]
    Source {
        /// The original.
        path: PathBuf,
        /// Whether its whole listing is away.
        away: bool,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// The destination holds something that this listing did not put there.
    #[error("`{path}` is in the way: {reason}; move it away or choose another output folder")]
    Occupied {
        /// What is in the way.
        path: PathBuf,
        /// Why it is not touched.
        reason: &'static str,
    },
    /// The request contradicts itself.
    #[error("the delivery request is inconsistent: {0}")]
    Request(String),
    /// An accepted picture cannot be used any more.
    #[error(
        "the accepted picture `{path}` of `{file}` cannot be delivered: {reason}; run the job again with `--force`"
    )]
    Master {
        /// The photo's file in the listing folder.
        file: String,
        /// The accepted picture.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A document could not be made from the request.
    #[error("failed to make `{document}`")]
    Document {
        /// Which document.
        document: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A picture could not be encoded.
    #[error("failed to make `{file}`")]
    Encode {
        /// Which delivered file, relative to the destination.
        file: String,
        /// What the encoder said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl DeliverError {
    /// Names `path` in a failure of the file system and sorts it by what the person can do.
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match classify(&source) {
            Fault::Full => Self::DiskFull { path, source },
            Fault::ReadOnly => Self::Permission { path, source },
            Fault::OfTheUser => match source.kind() {
                io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => Self::Occupied {
                    path,
                    reason: "a file lies where a folder is needed",
                },
                io::ErrorKind::IsADirectory | io::ErrorKind::DirectoryNotEmpty => Self::Occupied {
                    path,
                    reason: "a folder lies where a file is needed",
                },
                _ => Self::Permission { path, source },
            },
            Fault::Passing | Fault::OfTheFile => Self::Io { path, source },
        }
    }

    /// Whose it is, where it is one of the file system.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::DiskFull { .. } => Some(Fault::Full),
            Self::Permission { source, .. } => Some(classify(source)),
            // A folder that is gone while it is written to is a disk that is gone.
            Self::Io { .. } | Self::Source { away: true, .. } => Some(Fault::Passing),
            Self::Source { source, .. } => Some(classify(source)),
            _ => None,
        }
    }

    /// Whether the same delivery may succeed later without anybody doing anything about it: space and disks come back,
    /// rights and contradictions do not go away by themselves.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Source { .. } => self.fault().is_some_and(Fault::is_temporary),
            Self::Interrupted | Self::DiskFull { .. } | Self::Io { .. } => true,
            Self::Permission { .. }
            | Self::Occupied { .. }
            | Self::Request(_)
            | Self::Master { .. }
            | Self::Document { .. }
            | Self::Encode { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_the_file_system_say_what_to_do() {
        for (kind, expected) in [
            (io::ErrorKind::StorageFull, "no space left for `out/x.jpg`"),
            (
                io::ErrorKind::QuotaExceeded,
                "no space left for `out/x.jpg`",
            ),
            (
                io::ErrorKind::PermissionDenied,
                "no permission for `out/x.jpg`",
            ),
            (
                io::ErrorKind::ReadOnlyFilesystem,
                "no permission for `out/x.jpg`",
            ),
            (io::ErrorKind::Other, "failed to access `out/x.jpg`"),
        ] {
            let error = DeliverError::io(Path::new("out/x.jpg"), kind.into());
            assert!(error.to_string().starts_with(expected), "{error}");
            assert!(error.to_string().ends_with("deliver again"), "{error}");
            let rights = matches!(error, DeliverError::Permission { .. });
            assert_eq!(error.is_retryable(), !rights, "{error}");
        }
        let file = DeliverError::io(Path::new("out"), io::ErrorKind::NotADirectory.into());
        assert!(!file.is_retryable());
        assert!(file.to_string().contains("`out` is in the way"), "{file}");
    }
}
