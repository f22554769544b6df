//! What can go wrong with an order's files.

use std::io;
use std::path::PathBuf;

use crate::imaging::{DecodeError, EncodeError, ResizeError};

/// An order could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file system.
    #[error(transparent)]
    Files(#[from] io::Error),
    /// A document is not what remedia writes.
    #[error("document `{path}` is damaged: {reason}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An archive is not a whole order.
    #[error("archive `{path}` is refused: {reason}")]
    Archive {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A photo cannot be read as a picture.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A photo cannot be made smaller.
    #[error(transparent)]
    Resize(#[from] ResizeError),
    /// A photo cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}
