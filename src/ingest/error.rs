//! What stops the reading of a folder as a whole. A single bad photo never does.

use std::io;
use std::path::PathBuf;

use super::options::InvalidBracketMode;
use crate::domain::room::UnknownRoom;
use crate::fsx::classify;

/// Why a folder is no listing.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// Nothing is there.
    #[error("there is no folder `{}`; check the path", .0.display())]
    Missing(PathBuf),
    /// A file was given.
    #[error("`{}` is a file; give the folder that holds the photos", .0.display())]
    NotAFolder(PathBuf),
    /// The folder cannot be read.
    #[error("failed to read the folder `{}`: {source}; check its permissions", folder.display())]
    Unreadable {
        /// Which folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The machine does not give a file of the folder for now; whether it is a photo is not known, so the folder is not
    /// taken for a listing without it.
    #[error("failed to read `{file}` in `{}`: {source}", folder.display())]
    Fault {
        /// Which folder.
        folder: PathBuf,
        /// Which file, relative to it.
        file: String,
        /// What is in the way.
        source: io::Error,
    },
    /// Too many directory entries to look at.
    #[error("`{}` has more than {limit} entries; give the folder of one listing, without `--recursive` if it holds many", folder.display())]
    TooManyEntries {
        /// Which folder.
        folder: PathBuf,
        /// What is allowed.
        limit: usize,
    },
    /// No usable photo.
    #[error("no photo in `{}`: {found}", folder.display())]
    NoPhotos {
        /// Which folder.
        folder: PathBuf,
        /// What was found instead and what to do.
        found: String,
    },
    /// `listing.toml` is wrong.
    #[error("`{}`: {source}", file.display())]
    ListingFile {
        /// The file.
        file: PathBuf,
        /// What is wrong in it.
        source: ListingFileError,
    },
    /// A room was stated for files that are not there.
    #[error(
        "no photo fits `{pattern}`, for which the room {room} was given; nearest is `{nearest}`"
    )]
    PatternFitsNothing {
        /// The pattern from the command line.
        pattern: String,
        /// The room that was given for it.
        room: String,
        /// The file with the most similar name.
        nearest: String,
    },
    /// The number of files is no multiple of the exposures per view.
    #[error(
        "{files} files are not a multiple of {exposures} exposures per view; complete or remove the odd ones, or group them in `listing.toml`"
    )]
    UnevenBrackets {
        /// Number of photo files.
        files: usize,
        /// Exposures per view.
        exposures: usize,
    },
    /// A mask that `listing.toml` names cannot be used.
    #[error("the mask `{mask}` of `{photo}` cannot be used: {problem}")]
    Mask {
        /// The mask's file.
        mask: String,
        /// The photo that it is for.
        photo: String,
        /// What is wrong.
        problem: String,
    },
    /// Pictures of different size were stated to be one bracket.
    #[error(
        "`{first}` and `{second}` cannot be one bracket: one has {first_size} pixels, the other {second_size}"
    )]
    BracketSizes {
        /// One file.
        first: String,
        /// Its size.
        first_size: String,
        /// Another file.
        second: String,
        /// Its size.
        second_size: String,
    },
}

impl IngestError {
    /// Whether the same call could succeed later without the person changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreadable { source, .. } | Self::Fault { source, .. } => {
                classify(source).is_temporary()
            }
            _ => false,
        }
    }
}

/// What is wrong with a `listing.toml`.
#[derive(Debug, thiserror::Error)]
pub enum ListingFileError {
    /// It cannot be read.
    #[error("failed to read it: {0}")]
    Unreadable(String),
    /// It is no TOML, or a value has the wrong type.
    #[error("{0}")]
    Syntax(String),
    /// A key that has no meaning.
    #[error("unknown key `{key}`; nearest is `{nearest}`")]
    UnknownKey {
        /// The key as written, with its place.
        key: String,
        /// The most similar valid key.
        nearest: String,
    },
    /// A file that is not in the folder.
    #[error("{key}: there is no file `{file}` in the folder{nearest}")]
    UnknownFile {
        /// Where it stands.
        key: String,
        /// The file that is named.
        file: String,
        /// `; nearest is …`, or nothing.
        nearest: String,
    },
    /// A file that stands in two places that contradict each other.
    #[error("{key}: `{file}` stands there a second time")]
    NamedTwice {
        /// Where it stands the second time.
        key: String,
        /// The file that is named.
        file: String,
    },
    /// A room type that does not exist.
    #[error("{key}: {source}")]
    UnknownRoom {
        /// Where it stands.
        key: String,
        /// What is wrong.
        source: UnknownRoom,
    },
    /// A bracket mode that does not exist.
    #[error("brackets: {0}")]
    BracketMode(#[from] InvalidBracketMode),
    /// A value that makes no sense.
    #[error("{key}: {problem}")]
    Value {
        /// Where it stands.
        key: String,
        /// What is wrong and what would be right.
        problem: String,
    },
}
