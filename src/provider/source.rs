//! Reading an original: whatever is wrong with it is a reason that is recorded with the photo.

use std::path::Path;

use crate::domain::id::PhotoId;
use crate::domain::verdict::{Reason, ReasonCode};
use crate::imaging::DecodeLimits;
use crate::ingest::{self, PhotoError};

/// The bytes of the photo, if they are still the ones that were planned with.
pub(crate) fn read_source(
    folder: &Path,
    file: &str,
    expected: &PhotoId,
    limits: &DecodeLimits,
) -> Result<Vec<u8>, Reason> {
    ingest::read_photo_bytes(folder, file, expected, limits).map_err(|error| {
        let code = match &error {
            PhotoError::Missing { .. } => ReasonCode::SourceMissing,
            PhotoError::Changed { .. } => ReasonCode::SourceChanged,
            _ => ReasonCode::BadInput,
        };
        Reason::new(code, error.to_string())
    })
}
