//! The blocks of a GIF (GIF89a): whether the first picture is whole, and whether there are more of them.

use super::decode::DecodeError;
use super::header::u32_le;

/// What the blocks say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Blocks {
    /// Pictures that are whole.
    pictures: usize,
}

fn table_bytes(flags: u8) -> usize {
    if flags & 0x80 == 0 {
        0
    } else {
        3 << (usize::from(flags & 7) + 1)
    }
}

/// Walks the blocks to the end or to where they stop making sense.
fn walk(bytes: &[u8]) -> Blocks {
    let mut blocks = Blocks::default();
    let Some(&flags) = bytes.get(10) else {
        return blocks;
    };
    let mut position = 13 + table_bytes(flags);
    loop {
        let is_picture = match bytes.get(position) {
            Some(0x2c) => {
                let Some(&flags) = bytes.get(position + 9) else {
                    return blocks;
                };
                // The table of colours, and the number of bits that the data begin with.
                position += 10 + table_bytes(flags) + 1;
                true
            }
            Some(0x21) => {
                position += 2;
                false
            }
            _ => return blocks,
        };
        loop {
            match bytes.get(position) {
                Some(0) => break,
                Some(&length) => position += usize::from(length) + 1,
                None => return blocks,
            }
        }
        position += 1;
        blocks.pictures += usize::from(is_picture);
    }
}

/// Whether the first picture's data end as they should.
pub(super) fn check_complete(bytes: &[u8]) -> Result<(), DecodeError> {
    if walk(bytes).pictures > 0 {
        return Ok(());
    }
    Err(DecodeError::Damaged {
        format: "GIF",
        reason: "it is cut short: its picture does not end".to_owned(),
    })
}

/// Whether it moves.
pub(super) fn is_animated(bytes: &[u8]) -> bool {
    walk(bytes).pictures > 1
}

/// Width, height and bits of the picture, as for [`super::probe`].
pub(super) fn header(bytes: &[u8]) -> Result<(u32, u32, u8, bool), DecodeError> {
    let sides = u32_le(bytes, 6).ok_or_else(|| DecodeError::Damaged {
        format: "GIF",
        reason: "its header is missing or cut short".to_owned(),
    })?;
    Ok((sides & 0xffff, sides >> 16, 8, false))
}
