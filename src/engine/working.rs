//! What a worker elsewhere starts from: the photo at working size, and the mask that a person drew.

use std::path::Path;

use crate::bundle;
use crate::domain::job::OrderedPhoto;
use crate::domain::operation::OperationKind;
use crate::domain::plan::Plan;
use crate::domain::verdict::{Reason, ReasonCode};
use crate::fsx::fs;
use crate::ingest;

use super::ordering::{Attempts, Versions};
use super::session::Session;
use super::trouble::Trouble;

impl Session<'_> {
    /// Puts the photo at working size into the order.
    pub(super) fn write_working_photo(
        &self,
        folder: &Path,
        photo: &OrderedPhoto,
        attempts: &Attempts<'_>,
        versions: &Versions<'_>,
        long_side: u32,
    ) -> Result<(), Trouble> {
        let first = photo
            .operations
            .first()
            .map_or(OperationKind::Enhance, |operation| operation.kind);
        let bytes = self.base(photo, first, attempts, versions)?;
        let source = Path::new(&self.record.source);
        // Where one is gone, its size is no measure any more.
        let original_bytes = photo
            .sources
            .iter()
            .map(|one| Ok(fs::look(source.join(&one.file))?.map(|found| found.len())))
            .sum::<Result<Option<u64>, std::io::Error>>()
            .map_err(|error| Trouble::Machine(error.into()))?
            .unwrap_or(u64::MAX);
        bundle::write_working_photo(
            folder,
            &self.work.prepared(),
            &photo.photo_id,
            &bytes,
            original_bytes,
            long_side,
            &self.engine.limits(),
        )
        .map_err(|error| {
            Trouble::of_bundle(error, |error| {
                Reason::new(ReasonCode::BadInput, error.to_string())
            })
        })
    }

    /// Puts the mask that a person drew into the order, where an operation of it has one; gives its path.
    pub(super) fn write_mask(
        &self,
        folder: &Path,
        photo: &OrderedPhoto,
        plan: &Plan,
        long_side: u32,
    ) -> Result<Option<String>, Trouble> {
        let path = photo.operations.iter().find_map(|one| one.mask.clone());
        let planned = plan
            .photos
            .iter()
            .find(|one| one.photo_id == photo.photo_id);
        let (Some(path), Some(mask)) = (path, planned.and_then(|one| one.mask.as_ref())) else {
            return Ok(None);
        };
        let bad = |text: String| Reason::new(ReasonCode::BadInput, format!("its mask: {text}"));
        let source = Path::new(&self.record.source);
        let limits = self.engine.limits();
        let bytes = ingest::read_mask_bytes(source, mask, &limits)
            .map_err(|error| Trouble::of_photo(error, |error| bad(error.to_string())))?;
        bundle::write_mask(folder, &photo.photo_id, &bytes, long_side, &limits)
            .map_err(|error| Trouble::of_bundle(error, |error| bad(error.to_string())))?;
        Ok(Some(path))
    }
}
