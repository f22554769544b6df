//! Why a step on one picture came to nothing: because of the picture, which is decided about, or because of the machine,
//! which decides nothing.

use std::error::Error;
use std::io;

use crate::bundle::BundleError;
use crate::domain::verdict::Reason;
use crate::fsx::{Fault, classify};
use crate::ingest::PhotoError;
use crate::provider::Unread;

use super::error::EngineError;

/// Why a step on one picture came to nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Something is wrong with the picture.
    Picture(Reason),
    /// The machine did not give or take a file; the picture may be as good as any.
    Machine(EngineError),
}

impl Trouble {
    /// What an error of the file system means, where `missing` is what a file that is not there means.
    pub(super) fn of_file(error: io::Error, missing: impl FnOnce(&io::Error) -> Reason) -> Self {
        if classify(&error) == Fault::OfTheFile {
            Self::Picture(missing(&error))
        } else {
            Self::Machine(error.into())
        }
    }

    /// What an error of an order's files means, where `damaged` is what any other error means.
    pub(super) fn of_bundle(
        error: BundleError,
        damaged: impl FnOnce(&dyn Error) -> Reason,
    ) -> Self {
        match error {
            BundleError::Files(error) => Self::of_file(error, |error| damaged(error)),
            other => Self::Picture(damaged(&other)),
        }
    }

    /// What an error at reading a photo means, where `damaged` is what is wrong with the photo itself.
    pub(super) fn of_photo(error: PhotoError, damaged: impl FnOnce(&PhotoError) -> Reason) -> Self {
        if error.fault().is_of_the_machine() {
            Self::Machine(error.into_io().into())
        } else {
            Self::Picture(damaged(&error))
        }
    }
}

impl From<Reason> for Trouble {
    fn from(reason: Reason) -> Self {
        Self::Picture(reason)
    }
}

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Self {
        Self::Machine(error)
    }
}

impl From<Unread> for Trouble {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Photo(reason) => Self::Picture(reason),
            Unread::Machine(error) => Self::Machine(error.into_io().into()),
        }
    }
}
