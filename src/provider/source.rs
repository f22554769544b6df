//! Reading an original: whatever is wrong with it is a reason that is recorded with the photo; what is wrong with the
//! machine says nothing about the photo.

use std::path::Path;

use crate::domain::id::PhotoId;
use crate::domain::verdict::{Reason, ReasonCode};
use crate::fsx::printable;
use crate::imaging::DecodeLimits;
use crate::ingest::{self, PhotoError};

/// Why an original was not read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// Something is wrong with this photo, and will be the next time.
    Photo(Reason),
    /// The machine did not give it; the photo may be as it was.
    Machine(PhotoError),
}

/// The bytes of the photo, if they are still the ones that were planned with. `files` are those of its listing, in
/// whatever order: where none of the others is there either, the photo is not missing but the listing is away.
pub(crate) fn read_source(
    folder: &Path,
    file: &str,
    expected: &PhotoId,
    limits: &DecodeLimits,
    files: &[&str],
) -> Result<Vec<u8>, Unread> {
    let read = || ingest::read_photo_bytes(folder, file, expected, limits);
    let read = match read() {
        Err(PhotoError::Missing { .. }) => {
            let others = files.iter().copied().filter(|other| *other != file);
            if ingest::is_away(folder, others) {
                return Err(Unread::Machine(PhotoError::Away {
                    file: printable(file),
                }));
            }
            // The folder may have come back between the two looks.
            read()
        }
        outcome => outcome,
    };
    read.map_err(|error| {
        if error.fault().is_of_the_machine() {
            return Unread::Machine(error);
        }
        let code = match &error {
            PhotoError::Missing { .. } => ReasonCode::SourceMissing,
            PhotoError::Changed { .. } => ReasonCode::SourceChanged,
            _ => ReasonCode::BadInput,
        };
        Unread::Photo(Reason::new(code, error.to_string()))
    })
}
