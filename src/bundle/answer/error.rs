//! What can be wrong with results that a person brings.

use std::io;
use std::path::PathBuf;

/// Results were not taken. Nothing of the job was changed.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The file system.
    #[error(transparent)]
    Files(#[from] io::Error),
    /// What was brought cannot be kept here.
    #[error("the results cannot be kept: {0}")]
    NotKept(#[source] io::Error),
    /// There is nothing at the path.
    #[error("`{0}` is not there")]
    Missing(PathBuf),
    /// A file or folder is nothing that results come in, or is unsafe to unpack.
    #[error("`{path}` is refused: {reason}")]
    Refused {
        /// Which file or folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An archive was cut or changed on its way, or is none.
    #[error("`{path}` is damaged, or no ZIP archive at all: {reason}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It is what a worker is given, and not what it gives back.
    #[error("`{0}` is what goes up to the notebook; it holds no results")]
    IsOrder(PathBuf),
    /// No part holds the document that says what was made.
    #[error("there is no `results.json` in {0}")]
    NoResults(String),
    /// The document cannot be read.
    #[error("`results.json` in `{path}` cannot be used: {reason}")]
    Unreadable {
        /// Which file or folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The worker made nothing; in it is why.
    #[error("nothing was made: {0}")]
    NothingMade(String),
    /// The document names pictures, and none of them was brought.
    #[error("`results.json` names pictures, and none of them is here")]
    NoPictures,
    /// A picture is not the one that the worker wrote.
    #[error("`{file}` in `{path}` is not what `results.json` names: its SHA-256 differs")]
    Changed {
        /// Which picture.
        file: String,
        /// Where it lies.
        path: PathBuf,
    },
}

impl AnswerError {
    /// Whether the same call may succeed at another time: never without other files.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }

    /// What the person can do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Files(_) => "see that the file can be read, then import it again",
            Self::NotKept(_) => "make room in remedia's home, then import them again",
            Self::Missing(_) => {
                "name the file that the browser saved; it lies in the folder for downloads, and its name ends with `results.zip`"
            }
            Self::Refused { .. } | Self::NoResults(_) => {
                "give the archive that the notebook saves at its end, or the folder that it unpacks to"
            }
            Self::IsOrder(_) => {
                "give the archive that the notebook saves at its end; its name ends with `results.zip`"
            }
            Self::NoPictures => {
                "give the archive that the notebook saves at its end, or its whole folder `remedia-results` with `images` and `masks`"
            }
            Self::Unreadable { .. } | Self::Damaged { .. } => {
                "download the results from the notebook once more, then import them again"
            }
            Self::NothingMade(_) => {
                "what was exported still holds: mend the cause, run the notebook again, and import what it makes then"
            }
            Self::Changed { .. } => {
                "download the results once more; where they hold other pictures, you can also unpack them, remove that one and import the folder: what is missing is made again"
            }
        };
        Some(text.to_owned())
    }
}
