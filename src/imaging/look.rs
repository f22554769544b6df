//! A look at a photo's pixels before anything is planned: small, but decoded whole, so that what it shows and
//! whether it is damaged are known at the time of the plan.

use super::decode::{DecodeError, DecodeLimits, decode};
use super::header::probe;
use super::notes::notes;
use super::picture::Picture;
use super::resize::fit;

/// What a look found.
#[derive(Clone, Debug)]
pub struct Look {
    /// The upright picture in sRGB, never enlarged, at most as long as was asked for.
    pub picture: Picture,
    /// What a person should know of the file although it can be used, one sentence each without a full stop.
    pub notes: Vec<String>,
}

/// Decodes a photo to at most `long_side` pixels on its longer side.
///
/// # Errors
/// As [`decode`]: what this refuses, decoding it at full size refuses too, and the other way round.
pub fn look(bytes: &[u8], limits: &DecodeLimits, long_side: usize) -> Result<Look, DecodeError> {
    let whole = decode(bytes, limits)?;
    let picture = fit(&whole, long_side.max(1)).map_err(|error| DecodeError::Damaged {
        format: "picture",
        reason: error.to_string(),
    })?;
    Ok(Look {
        picture,
        notes: notes(bytes, &probe(bytes)?),
    })
}
