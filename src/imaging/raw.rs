//! Raw photos of cameras: what they are, and the finished JPEG that the camera put inside. The raw data are never
//! developed. The JPEG is looked for where its place is written (TIFF-based formats), and else by its own start,
//! and it is used only where it is nearly as large as the photo.

use std::borrow::Cow;

use super::decode::DecodeError;
use super::jpeg;
use super::tiff::Tree;
use super::tiff::ifd::Directory;

/// A preview with at least so many pixels is a photo.
const ENOUGH_PIXELS: u64 = 2_000_000;
/// A preview whose sides have at least this share of the raw photo's is a photo, however small.
const ENOUGH_SHARE: f64 = 0.8;
/// Starts of a JPEG that are looked at in one file.
const MAX_STARTS: usize = 200;

const HINT: &str = "develop it to JPEG or TIFF first";

/// The JPEG inside a raw photo.
#[derive(Clone, Copy, Debug)]
pub(super) struct Preview<'a> {
    pub(super) jpeg: &'a [u8],
    /// Size as stored.
    pub(super) width: u32,
    /// Size as stored.
    pub(super) height: u32,
    /// What the raw file says of its orientation, else the JPEG, 1 to 8.
    pub(super) orientation: u8,
}

/// What kind of raw photo a TIFF structure holds; `None` for a plain TIFF. Raw files keep a small preview where a
/// TIFF keeps its picture, so reading one as TIFF would finish the preview.
pub(super) fn kind_of_tiff(tree: &Tree<'_>) -> Option<&'static str> {
    const DNG_VERSION: u16 = 0xc612;
    match tree.bytes.get(..10) {
        Some([b'I', b'I', b'U', 0, ..]) => return Some("a Panasonic raw photo (RW2)"),
        Some([b'I', b'I', b'R', b'O' | b'S', ..] | [b'M', b'M', b'O', b'R', ..]) => {
            return Some("an Olympus raw photo (ORF)");
        }
        Some([b'I', b'I', 42, 0, _, _, _, _, b'C', b'R']) => {
            return Some("a Canon raw photo (CR2)");
        }
        _ => {}
    }
    let all = tree.directories();
    let first = all.first()?;
    if all.iter().any(|directory| directory.has(DNG_VERSION)) {
        return Some("a raw photo (DNG)");
    }
    // A colour filter array, linear raw, and the ways in which cameras pack them.
    let is_raw = |directory: &Directory| {
        matches!(directory.number(tree, 262), Some(32_803 | 34_892))
            || matches!(
                directory.number(tree, 259),
                Some(32_767 | 32_769 | 32_770 | 34_713 | 65_000 | 65_535)
            )
    };
    let reduced = first.number(tree, 254).is_some_and(|kind| kind & 1 == 1);
    (all.iter().any(is_raw) || (reduced && first.has(super::tiff::ifd::SUB_IFDS)))
        .then_some("a camera raw photo")
}

/// What kind of raw photo the bytes are.
pub(super) fn kind(bytes: &[u8]) -> &'static str {
    if bytes.starts_with(b"FUJIFILMCCD-RAW") {
        return "a Fujifilm raw photo (RAF)";
    }
    if bytes.get(4..12) == Some(b"ftypcrx ") {
        return "a Canon raw photo (CR3)";
    }
    Tree::new(bytes)
        .and_then(|tree| kind_of_tiff(&tree))
        .unwrap_or("a camera raw photo")
}

/// The EXIF block of a raw photo: its own, or that of the JPEG inside.
pub(super) fn exif_block(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    if Tree::new(bytes).is_some() {
        return Some(Cow::Borrowed(bytes));
    }
    let (jpeg, layout) = largest(bytes)?;
    jpeg.get(layout.exif?).map(Cow::Borrowed)
}

/// The camera's own JPEG of the whole photo.
///
/// # Errors
/// [`DecodeError::Unsupported`] where there is none that is large enough.
pub(super) fn preview(bytes: &[u8]) -> Result<Preview<'_>, DecodeError> {
    let what = kind(bytes);
    let refused = |what: String| DecodeError::Unsupported {
        what,
        hint: HINT.to_owned(),
    };
    let (jpeg, layout) = largest(bytes)
        .ok_or_else(|| refused(format!("{what} without a complete preview inside")))?;
    let pixels = u64::from(layout.width) * u64::from(layout.height);
    let is_near = sensor(bytes).is_some_and(|(width, height)| {
        let share = |found: u32, of: u32| f64::from(found) >= f64::from(of) * ENOUGH_SHARE;
        share(layout.width, width) && share(layout.height, height)
    });
    if pixels < ENOUGH_PIXELS && !is_near {
        return Err(refused(format!(
            "{what} whose preview has only {} x {} pixels",
            layout.width, layout.height
        )));
    }
    Ok(Preview {
        jpeg,
        width: layout.width,
        height: layout.height,
        orientation: own_orientation(bytes).unwrap_or_else(|| super::capture::orientation(jpeg)),
    })
}

/// The orientation that the raw file itself tells.
fn own_orientation(bytes: &[u8]) -> Option<u8> {
    // A CR3 keeps a TIFF structure in a box of this name, near its start.
    let head = bytes.get(..bytes.len().min(1 << 16))?;
    let structure = match Tree::new(bytes) {
        Some(tree) => tree,
        None => {
            let start = head.windows(4).position(|name| name == b"CMT1")?;
            Tree::new(bytes.get(start + 4..)?)?
        }
    };
    let directory = structure.directories().into_iter().next()?;
    let orientation = directory.number(&structure, 274)?;
    u8::try_from(orientation)
        .ok()
        .filter(|value| (1..=8).contains(value))
}

/// Width and height of the raw data, where a directory tells them.
fn sensor(bytes: &[u8]) -> Option<(u32, u32)> {
    let tree = Tree::new(bytes)?;
    tree.directories()
        .iter()
        .filter(|directory| {
            matches!(directory.number(&tree, 262), Some(32_803 | 34_892))
                || !matches!(directory.number(&tree, 259), None | Some(1 | 6 | 7))
        })
        .filter_map(|directory| {
            let side = |tag| u32::try_from(directory.number(&tree, tag)?).ok();
            side(256).zip(side(257))
        })
        .max_by_key(|(width, height)| u64::from(*width) * u64::from(*height))
}

/// The largest complete JPEG of one or three channels in the file.
fn largest(bytes: &[u8]) -> Option<(&[u8], jpeg::JpegLayout)> {
    let written = Tree::new(bytes)
        .map(|tree| written_places(&tree))
        .unwrap_or_default();
    let best = |starts: &mut dyn Iterator<Item = usize>| {
        let mut best: Option<(usize, jpeg::JpegLayout)> = None;
        for start in starts.take(MAX_STARTS) {
            let Some(layout) = bytes.get(start..).and_then(|rest| jpeg::layout(rest).ok()) else {
                continue;
            };
            let pixels =
                |layout: &jpeg::JpegLayout| u64::from(layout.width) * u64::from(layout.height);
            if best
                .as_ref()
                .is_none_or(|(_, so_far)| pixels(&layout) > pixels(so_far))
            {
                best = Some((start, layout));
            }
        }
        let (start, layout) = best?;
        let rest = bytes.get(start..)?;
        let end = layout.end(rest)?;
        Some((rest.get(..end)?, layout))
    };
    let by_place = best(&mut written.into_iter());
    let is_enough = |layout: &jpeg::JpegLayout| {
        u64::from(layout.width) * u64::from(layout.height) >= ENOUGH_PIXELS
    };
    match by_place {
        Some(found) if is_enough(&found.1) => Some(found),
        found => {
            let scanned = best(&mut starts(bytes));
            match (found, scanned) {
                (Some(found), Some(scanned)) => {
                    let larger = u64::from(scanned.1.width) * u64::from(scanned.1.height)
                        > u64::from(found.1.width) * u64::from(found.1.height);
                    Some(if larger { scanned } else { found })
                }
                (found, scanned) => found.or(scanned),
            }
        }
    }
}

/// Where the directories say that a JPEG begins.
fn written_places(tree: &Tree<'_>) -> Vec<usize> {
    let mut places = Vec::new();
    for directory in tree.directories() {
        // JPEGInterchangeFormat; Panasonic's JpgFromRaw lies in the directory's own value.
        if let Some(place) = directory.number(tree, 513) {
            places.push(place);
        }
        if let Some(place) = directory.position(46) {
            places.push(place);
        }
        // A whole JPEG as the only strip.
        if matches!(directory.number(tree, 259), Some(6 | 7))
            && let Some([place]) = directory.numbers(tree, 273).as_deref()
        {
            places.push(*place);
        }
    }
    places
        .into_iter()
        .filter_map(|place| usize::try_from(place).ok())
        .collect()
}

/// Every place where a JPEG begins, by its first three bytes and a fourth that can follow them.
fn starts(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let mut position = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = bytes.get(position..)?;
            let at = position + rest.iter().position(|byte| *byte == 0xff)?;
            position = at + 1;
            if let Some(&[0xff, 0xd8, 0xff, 0xc0 | 0xc4 | 0xdb | 0xe0..=0xef | 0xfe]) =
                bytes.get(at..at + 4)
            {
                return Some(at);
            }
        }
    })
}
