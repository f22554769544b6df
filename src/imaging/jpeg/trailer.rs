//! What phones and programs put behind a picture. Behind an end marker it is nobody's business; where
//! the end marker is missing, it must be told from picture data that have lost their place.

use super::scans::Scans;

/// How many bytes at the start of a trailer are searched for a name.
const NAMED_WITHIN: usize = 64;

/// The shortest run of letters that counts as a name. Among 64 bytes of picture data one of twelve
/// is met once in some three thousand files, and only files without an end marker are asked.
const NAME: usize = 12;

/// The file without a trailer that names itself, where its last scan has no marker behind it.
///
/// A Samsung trailer ends with `SEFT` and begins with a block that names itself; others end or begin
/// with a word of their own.
pub(super) fn without<'a>(bytes: &'a [u8], scans: &Scans) -> &'a [u8] {
    let Some(scan) = scans.scans.last() else {
        return bytes;
    };
    let start = samsung(bytes).filter(|&start| scan.data.contains(&start));
    start.map_or(bytes, |start| bytes.get(..start).unwrap_or(bytes))
}

/// Start of a Samsung trailer by its own directory: `SEFH`, version, count, entries of twelve bytes with
/// the distance of a block before the directory, the directory's length, `SEFT`.
fn samsung(bytes: &[u8]) -> Option<usize> {
    let number = |position: usize| {
        let digits = bytes.get(position..position.checked_add(4)?)?;
        Some(u32::from_le_bytes(digits.try_into().ok()?) as usize)
    };
    let body = bytes.strip_suffix(b"SEFT")?;
    let size = number(body.len().checked_sub(4)?)?;
    let directory = body.len().checked_sub(4)?.checked_sub(size)?;
    if bytes.get(directory..directory + 4)? != b"SEFH" {
        return None;
    }
    let count = number(directory + 8)?.min(1000);
    let distances = (0..count).filter_map(|index| number(directory + 12 + 12 * index + 4));
    directory.checked_sub(distances.max()?)
}

/// Whether what lies behind the picture data, from `start` on, says that it is something else.
pub(super) fn named(bytes: &[u8], start: usize) -> bool {
    let rest = bytes.get(start..).unwrap_or_default();
    let head = rest.get(..rest.len().min(NAMED_WITHIN)).unwrap_or_default();
    let letter = |byte: &u8| matches!(byte, b' '..=b'~');
    let mut longest = 0;
    let mut run = 0;
    for byte in head {
        run = if letter(byte) { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest >= NAME
        || head
            .get(..24)
            .is_some_and(|head| head.windows(4).any(|four| four == b"ftyp"))
}

/// Whether `bytes` is one byte again and again: what fills a block on a card, and no picture data.
pub(super) fn padding(bytes: &[u8]) -> bool {
    bytes.split_first().is_some_and(|(first, rest)| {
        matches!(first, 0 | 0xff) && rest.iter().all(|byte| byte == first)
    })
}
