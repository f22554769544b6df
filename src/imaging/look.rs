//! A look at a photo's pixels before anything is planned: small, but with all of its data read, so that what it
//! shows and whether it is damaged are known at the time of the plan.

use super::decode::{DecodeError, DecodeLimits, check_bytes, check_pixels, decode, decode_jpeg};
use super::guard::{gave_up, guarded};
use super::header::{Content, probe, sniff};
use super::jpeg;
use super::notes::notes;
use super::picture::Picture;
use super::resize::fit;
use crate::domain::listing::PhotoFormat;

/// What a look found.
#[derive(Clone, Debug)]
pub struct Look {
    /// The upright picture in sRGB, never enlarged, at most as long as was asked for. A JPEG may come out up to an
    /// eighth shorter, where that saves decoding it at twice the size.
    pub picture: Picture,
    /// What a person should know of the file although it can be used, one sentence each without a full stop.
    pub notes: Vec<String>,
}

/// Decodes a photo to at most `long_side` pixels on its longer side.
///
/// # Errors
/// As [`decode`]: what this refuses, decoding it at full size refuses too, and the other way round.
pub fn look(bytes: &[u8], limits: &DecodeLimits, long_side: usize) -> Result<Look, DecodeError> {
    let long_side = long_side.max(1);
    let (picture, notes) = match sniff(bytes) {
        Content::Photo(PhotoFormat::Jpeg) => {
            guarded(|| reduced(bytes, limits, long_side)).unwrap_or_else(|| Err(gave_up(bytes)))?
        }
        _ => {
            let picture = decode(bytes, limits)?;
            (picture, notes(bytes, &probe(bytes)?))
        }
    };
    let picture = fit(&picture, long_side).map_err(|error| DecodeError::Damaged {
        format: "picture",
        reason: error.to_string(),
    })?;
    Ok(Look { picture, notes })
}

fn reduced(
    bytes: &[u8],
    limits: &DecodeLimits,
    long_side: usize,
) -> Result<(Picture, Vec<String>), DecodeError> {
    check_bytes(bytes.len() as u64, limits)?;
    let header = probe(bytes)?;
    check_pixels(&header, limits)?;
    let scale = jpeg::scale_for(&jpeg::layout(bytes)?, long_side);
    decode_jpeg(bytes, &header, scale, limits)
}
