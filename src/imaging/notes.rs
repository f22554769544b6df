//! What a person should know of a file although it is read, from its structure alone.

use super::decode::DecodeError;
use super::guard::guarded;
use super::header::Header;
use super::tiff::{self, Tree};
use super::{gif, raw};
use crate::domain::listing::PhotoFormat;

/// Notes on a photo whose header was read, one sentence each without a full stop; none for most photos.
#[must_use]
pub fn notes(bytes: &[u8], header: &Header) -> Vec<String> {
    guarded(|| note(bytes, header))
        .flatten()
        .into_iter()
        .collect()
}

fn note(bytes: &[u8], header: &Header) -> Option<String> {
    match header.format {
        PhotoFormat::Tiff => {
            let page: Result<_, DecodeError> = tiff::page(&Tree::new(bytes)?);
            let pages = page.ok()?.pages;
            (pages > 1).then(|| format!("the file has {pages} pages; the first one is used"))
        }
        PhotoFormat::Gif => gif::is_animated(bytes)
            .then(|| "the file is an animation; its first picture is used".to_owned()),
        PhotoFormat::Raw => Some(format!(
            "the preview inside {} is used, {} x {} pixels",
            raw::kind(bytes),
            header.width,
            header.height
        )),
        _ => None,
    }
}
