//! What can be wrong with a CLIP model's files or with a measurement.

use std::io;
use std::path::{Path, PathBuf};

use crate::fsx::classify;

/// Why a CLIP model was not loaded or did not measure.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// A file cannot be read.
    #[error("cannot read what the CLIP model needs: {source}")]
    Unreadable {
        /// What the file system says, with the path.
        #[from]
        source: io::Error,
    },
    /// A file is larger than any of its kind is.
    #[error("`{}` has {size} bytes, more than the {limit} that such a file may have", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// The most that is read, in bytes.
        limit: u64,
    },
    /// A file is not what its name says, or asks for what this build does not know.
    #[error("`{}` cannot be used: {problem}", file.display())]
    Invalid {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A text cannot be turned into tokens.
    #[error("a text cannot be turned into tokens: {problem}")]
    Text {
        /// What is wrong.
        problem: String,
    },
    /// A picture cannot be brought to the size that the model sees.
    #[error("a picture cannot be prepared for the CLIP model: {problem}")]
    Picture {
        /// What is wrong.
        problem: String,
    },
    /// The arithmetic failed.
    #[error("the CLIP model cannot compute: {source}")]
    Compute {
        /// What the tensor library says.
        #[from]
        source: candle_core::Error,
    },
    /// The model gave infinities or no numbers: its weights are damaged.
    #[error("the CLIP model `{model}` gives no finite numbers: its weights are damaged")]
    NotFinite {
        /// The model's id.
        model: String,
    },
}

impl ClipError {
    pub(super) fn invalid(file: &Path, problem: impl ToString) -> Self {
        Self::Invalid {
            file: file.to_path_buf(),
            problem: problem.to_string(),
        }
    }

    /// Whether the same call can succeed later without a change of the files.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreadable { source } if classify(source).is_temporary())
    }
}
