//! TIFF: from the directory of the full picture to stored samples. Written here and not taken from a library,
//! because what a photo's TIFF holds (whole numbers of 32 bits, palettes, planes, Lab, YCbCr, several pages) is
//! more than the libraries at hand give out without changing its meaning.

mod colour;
pub(super) mod ifd;
pub(super) mod page;
mod parts;
mod tags;
mod unpack;

use super::decode::{DecodeError, Stored};

pub(super) use ifd::Tree;
pub(super) use page::{Page, full_picture, page};

const FORMAT: &str = "TIFF";

fn damaged(reason: &str) -> DecodeError {
    DecodeError::Damaged {
        format: FORMAT,
        reason: reason.to_owned(),
    }
}

fn unsupported(what: &str, hint: &str) -> DecodeError {
    DecodeError::Unsupported {
        what: what.to_owned(),
        hint: hint.to_owned(),
    }
}

/// A JPEG that a strip or tile holds, as upright samples without any conversion of profile.
/// The second argument is the size that it may have at most.
pub(super) type JpegReader<'a> =
    &'a (dyn Fn(&[u8], (u32, u32)) -> Result<Stored, DecodeError> + Sync);

/// The stored samples of the full picture and its profile.
///
/// # Errors
/// [`DecodeError`] for what is damaged.
pub(super) fn decode(
    tree: &Tree<'_>,
    page: &Page,
    jpeg: JpegReader<'_>,
) -> Result<(Stored, Option<Vec<u8>>), DecodeError> {
    let samples = parts::read(tree, page, jpeg)?;
    let stored = colour::stored(tree, page, samples)?;
    let profile = page.directory.bytes(tree, 34_675).map(<[u8]>::to_vec);
    Ok((stored, profile))
}
