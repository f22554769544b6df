//! What the picture files of a photo are made from: its master and its original, read and checked.

use std::io::{self, Read};
use std::path::Path;

use super::{PhotoWork, Stop};
use crate::deliver::error::DeliverError;
use crate::domain::id::PhotoId;
use crate::fsx::{self, fs};
use crate::imaging::metadata::inspect;
use crate::imaging::{self, Picture};
use crate::ingest::is_away;

impl PhotoWork<'_> {
    /// The bytes of the master, which must carry nothing beside its pixels and its profile.
    pub(super) fn read_master(&self, path: &Path) -> Result<Vec<u8>, DeliverError> {
        let refused = |reason: String| DeliverError::Master {
            file: self.original_file.to_owned(),
            path: path.to_path_buf(),
            reason,
        };
        let bytes = fs::read(path).map_err(|error| {
            if fsx::classify(&error).is_of_the_machine() {
                DeliverError::io(path, error)
            } else {
                refused(error.to_string())
            }
        })?;
        let inspection = inspect(&bytes).map_err(|error| refused(error.to_string()))?;
        let private = inspection.private_parts();
        if private.is_empty() {
            Ok(bytes)
        } else {
            Err(refused(format!(
                "it carries more than pixels: {}",
                private.join(", ")
            )))
        }
    }

    /// The master's picture, decoded on first use.
    pub(super) fn decoded_master<'p>(
        &self,
        path: &Path,
        bytes: &[u8],
        picture: &'p mut Option<Picture>,
    ) -> Result<&'p Picture, DeliverError> {
        match picture {
            Some(picture) => Ok(picture),
            None => {
                let decoded = imaging::decode(bytes, &self.options.limits).map_err(|error| {
                    DeliverError::Master {
                        file: self.original_file.to_owned(),
                        path: path.to_path_buf(),
                        reason: error.to_string(),
                    }
                })?;
                Ok(picture.insert(decoded))
            }
        }
    }

    /// The original's picture, decoded on first use.
    pub(super) fn decoded_original<'p>(
        &self,
        picture: &'p mut Option<Picture>,
    ) -> Result<&'p Picture, Stop> {
        match picture {
            Some(picture) => Ok(picture),
            None => {
                let bytes = self.read_original()?;
                let decoded = imaging::decode(&bytes, &self.options.limits).map_err(|error| {
                    Stop::Original(format!("the original cannot be decoded: {error}"))
                })?;
                Ok(picture.insert(decoded.into_eight()))
            }
        }
    }

    /// The original's bytes, if they are still the ones that its identity was made from.
    pub(super) fn read_original(&self) -> Result<Vec<u8>, Stop> {
        let stop = |text: String| Stop::Original(format!("the original {text}"));
        let path = fsx::contained(self.source, self.original_file)
            .map_err(|refused| stop(format!("has no plain name: {refused}")))?;
        let unreadable = |error: io::Error| {
            let others = self.listing.photos.iter().map(|photo| photo.file.as_str());
            let others = others.filter(|file| *file != self.original_file);
            let away = error.kind() == io::ErrorKind::NotFound && is_away(self.source, others);
            if away || fsx::classify(&error).is_of_the_machine() {
                let path = path.clone();
                return Stop::Delivery(DeliverError::Source {
                    path,
                    away,
                    source: error,
                });
            }
            // The message of the file system is given without the path, which is the person's own.
            stop(format!(
                "cannot be read any more ({}); put it back, then deliver again",
                error.kind()
            ))
        };
        let limit = self.options.limits.max_file_bytes;
        let mut bytes = Vec::new();
        fs::File::open(&path)
            .map_err(unreadable)?
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        if bytes.len() as u64 > limit {
            return Err(stop(format!(
                "has more than {limit} bytes; raise the limit on file sizes"
            )));
        }
        if PhotoId::from_digest(&blake3::hash(&bytes)) != *self.photo_id {
            return Err(stop(
                "has changed since the listing was read; submit the listing again".to_owned(),
            ));
        }
        Ok(bytes)
    }
}
