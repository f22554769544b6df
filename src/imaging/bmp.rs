//! The header of a BMP: its size, and where its rows end.

use super::decode::DecodeError;
use super::header::u32_le;

/// Width, height and bits of a BMP (BITMAPINFOHEADER and its older form).
pub(super) fn header(bytes: &[u8]) -> Result<(u32, u32, u8, bool), DecodeError> {
    size(bytes)
        .map(|(width, height)| (width, height, 8, false))
        .ok_or_else(|| DecodeError::Damaged {
            format: "BMP",
            reason: "its header is missing or cut short".to_owned(),
        })
}

fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    if u32_le(bytes, 14)? == 12 {
        let sides = u32_le(bytes, 18)?;
        return Some((sides & 0xffff, sides >> 16));
    }
    // A negative height means that the first row is the upper one.
    let side = |position| Some(u32_le(bytes, position)?.cast_signed().unsigned_abs());
    Some((side(18)?, side(22)?))
}

/// The position behind the rows of a BMP without compression.
pub(super) fn end(bytes: &[u8]) -> Option<u64> {
    let (width, height) = size(bytes)?;
    let is_old = u32_le(bytes, 14)? == 12;
    let bits = u32_le(bytes, if is_old { 24 } else { 28 })? & 0xffff;
    let packed = !is_old && matches!(u32_le(bytes, 30)?, 1 | 2 | 4 | 5);
    let rows = if packed {
        1
    } else {
        (u64::from(width) * u64::from(bits)).div_ceil(32) * 4 * u64::from(height)
    };
    Some(u64::from(u32_le(bytes, 10)?) + rows)
}
