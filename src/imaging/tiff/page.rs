//! Which picture of a TIFF is the photo, and how it is stored (TIFF 6.0; Adobe's technical notes 1 to 3).

use super::ifd::{Directory, Tree};
use super::tags::{Meaning, PLAIN, Packing, extra, meaning, packing, same, sample_format};
use super::{damaged, unsupported};
use crate::imaging::decode::DecodeError;
use crate::imaging::opacity::Opacity;

/// Pages of at least this share of the largest one's pixels count as pictures of the same rank.
const SAME_RANK: f64 = 0.6;

/// One picture as its directory describes it.
#[derive(Clone, Debug)]
pub(in crate::imaging) struct Page {
    pub(in crate::imaging) width: u32,
    pub(in crate::imaging) height: u32,
    /// Bits of every sample, 1 to 64.
    pub(in crate::imaging) bits: u32,
    pub(super) float: bool,
    /// Channels of a pixel, those that are ignored included.
    pub(super) samples: usize,
    pub(super) meaning: Meaning,
    /// What the channel behind the colours means, if there is one.
    pub(super) extra: Option<Opacity>,
    pub(super) packing: Packing,
    /// 1 none, 2 horizontal differences, 3 of floating-point numbers.
    pub(super) predictor: u64,
    /// Whether every channel lies for itself.
    pub(super) planar: bool,
    pub(super) bits_reversed: bool,
    /// Width and height of a strip or tile; a strip is as wide as the picture.
    pub(super) part: (u32, u32),
    pub(super) offsets: Vec<u64>,
    pub(super) lengths: Vec<u64>,
    /// Pixels for each sample of colour difference, across and down.
    pub(super) subsampling: (usize, usize),
    pub(super) directory: Directory,
    /// How many pictures of the same rank the file holds.
    pub(in crate::imaging) pages: usize,
}

/// The kind of a picture's directory: 1 is a smaller copy, 4 a mask (TIFF 6.0, NewSubfileType).
fn is_full(tree: &Tree<'_>, directory: &Directory) -> bool {
    let kind = directory.number(tree, 254).unwrap_or(0);
    let old_kind = directory.number(tree, 255).unwrap_or(1);
    kind & 0b101 == 0 && old_kind != 2 && directory.number(tree, 262) != Some(4)
}

fn size(tree: &Tree<'_>, directory: &Directory) -> Option<(u32, u32)> {
    let side = |tag| u32::try_from(directory.number(tree, tag)?).ok();
    side(256).zip(side(257))
}

/// The directory of the full picture, and how many of its rank there are. Thumbnails, masks and smaller copies
/// are passed over; of several pages the first one counts.
pub(in crate::imaging) fn full_picture(tree: &Tree<'_>) -> Option<(Directory, usize)> {
    let all: Vec<(Directory, u64)> = tree
        .directories()
        .into_iter()
        .filter_map(|directory| {
            let (width, height) = size(tree, &directory)?;
            Some((directory, u64::from(width) * u64::from(height)))
        })
        .collect();
    let full: Vec<&(Directory, u64)> = all
        .iter()
        .filter(|(directory, _)| is_full(tree, directory))
        .collect();
    // Where everything calls itself a smaller copy, the largest of them is what there is.
    let candidates = if full.is_empty() {
        all.iter().collect()
    } else {
        full
    };
    let largest = candidates.iter().map(|(_, pixels)| *pixels).max()?;
    let same_rank: Vec<&&(Directory, u64)> = candidates
        .iter()
        .filter(|(_, pixels)| *pixels as f64 >= largest as f64 * SAME_RANK)
        .collect();
    let (directory, _) = same_rank.first()?;
    Some((directory.clone(), same_rank.len()))
}

/// Reads the description of the full picture.
///
/// # Errors
/// [`DecodeError::Unsupported`] for a kind that is not read, [`DecodeError::Damaged`] for one that contradicts
/// itself.
pub(in crate::imaging) fn page(tree: &Tree<'_>) -> Result<Page, DecodeError> {
    let (directory, pages) =
        full_picture(tree).ok_or_else(|| damaged("it has no directory with a picture"))?;
    let number = |tag| directory.number(tree, tag);
    let (width, height) =
        size(tree, &directory).ok_or_else(|| damaged("its width or height is missing"))?;
    let samples = number(277).unwrap_or(1);
    if !(1..=64).contains(&samples) {
        return Err(unsupported(
            &format!("a TIFF with {samples} channels"),
            PLAIN,
        ));
    }
    let bits = same(&directory.numbers(tree, 258).unwrap_or_else(|| vec![1]))
        .ok_or_else(|| unsupported("a TIFF whose channels differ in depth", PLAIN))?;
    let packing = packing(number(259).unwrap_or(1))?;
    let meaning = meaning(&directory, tree, packing)?;
    let samples = samples as usize;
    let extra = extra(&directory, tree, meaning, samples)?;
    let float = sample_format(&directory, tree, bits)?;
    let predictor = number(317).unwrap_or(1);
    let planar = number(284) == Some(2) && samples > 1;
    let part = part(&directory, tree, (width, height))?;
    let subsampling = subsampling(&directory, tree, meaning, packing);
    let mut page = Page {
        width,
        height,
        bits: bits as u32,
        float,
        samples,
        meaning,
        extra,
        packing,
        predictor,
        planar,
        bits_reversed: number(266) == Some(2),
        part,
        offsets: Vec::new(),
        lengths: Vec::new(),
        subsampling,
        directory,
        pages,
    };
    page.check()?;
    page.places(tree)?;
    Ok(page)
}

fn part(
    directory: &Directory,
    tree: &Tree<'_>,
    (width, height): (u32, u32),
) -> Result<(u32, u32), DecodeError> {
    let side = |tag| {
        directory
            .number(tree, tag)
            .map(|side| u32::try_from(side).unwrap_or(u32::MAX))
    };
    let part = match (side(322), side(323)) {
        (Some(across), Some(down)) => (across, down),
        _ => (width, side(278).unwrap_or(height).min(height)),
    };
    // A tile is rounded up to 16, and never far larger than the picture.
    let bound = |side: u32| side.saturating_mul(2).saturating_add(4096);
    if part.0 == 0 || part.1 == 0 || part.0 > bound(width) || part.1 > bound(height) {
        return Err(damaged("its strips or tiles have an impossible size"));
    }
    Ok(part)
}

fn subsampling(
    directory: &Directory,
    tree: &Tree<'_>,
    meaning: Meaning,
    packing: Packing,
) -> (usize, usize) {
    if meaning != Meaning::YCbCr || packing == Packing::Jpeg {
        return (1, 1);
    }
    match directory.numbers(tree, 530).as_deref() {
        Some(&[across, down]) => (across as usize, down as usize),
        _ => (2, 2),
    }
}

impl Page {
    /// Strips or tiles of one channel's plane, or of all channels together: across and down.
    pub(super) const fn grid(&self) -> (usize, usize) {
        (
            self.width.div_ceil(self.part.0) as usize,
            self.height.div_ceil(self.part.1) as usize,
        )
    }

    /// Channels that lie together in a strip or tile.
    pub(super) const fn together(&self) -> usize {
        if self.planar { 1 } else { self.samples }
    }

    /// Refuses what cannot be read right.
    fn check(&self) -> Result<(), DecodeError> {
        let refuse = |what: &str| Err(unsupported(what, PLAIN));
        let is_whole = matches!(self.bits, 8 | 16 | 32 | 64);
        match self.predictor {
            1 => {}
            2 if is_whole && self.subsampling == (1, 1) => {}
            3 if self.float => {}
            _ => return refuse("a TIFF with differences of an unknown kind"),
        }
        match self.meaning {
            Meaning::Palette if self.float || self.bits > 16 || self.samples > 2 => {
                return refuse("a TIFF with a palette of an unknown kind");
            }
            Meaning::YCbCr if self.float || self.bits != 8 || self.samples != 3 => {
                return refuse("a TIFF with YCbCr colours that are not of 8 bits");
            }
            Meaning::YCbCr
                if self.planar && self.subsampling != (1, 1)
                    || !matches!(self.subsampling, (1 | 2 | 4, 1 | 2 | 4)) =>
            {
                return refuse("a TIFF with YCbCr colours in separate planes");
            }
            Meaning::Lab { .. } if self.float || !matches!(self.bits, 8 | 16) => {
                return refuse("a TIFF with Lab colours that are not of 8 or 16 bits");
            }
            Meaning::Cmyk if self.float => return refuse("a TIFF with inks as fractions"),
            _ => {}
        }
        match self.packing {
            Packing::Group4 if self.bits != 1 || self.samples != 1 => {
                Err(damaged("fax compression is for black and white alone"))
            }
            Packing::Jpeg if self.bits != 8 || self.planar => {
                refuse("a TIFF with JPEG compression of other than 8 bits in one plane")
            }
            Packing::Jpeg
                if !matches!(
                    self.meaning,
                    Meaning::Gray {
                        white_is_zero: false
                    } | Meaning::Rgb
                        | Meaning::YCbCr
                ) || self.extra.is_some() =>
            {
                refuse("a TIFF with JPEG compression of colours other than grey, RGB and YCbCr")
            }
            _ => Ok(()),
        }
    }

    /// Where the strips or tiles lie. Without lengths only an uncompressed picture can be read.
    fn places(&mut self, tree: &Tree<'_>) -> Result<(), DecodeError> {
        let (offsets, lengths) = if self.directory.has(324) {
            (324, 325)
        } else {
            (273, 279)
        };
        let (across, down) = self.grid();
        let planes = if self.planar { self.samples } else { 1 };
        let wanted = across
            .checked_mul(down)
            .and_then(|parts| parts.checked_mul(planes))
            .ok_or_else(|| damaged("it has too many strips or tiles"))?;
        self.offsets = self.directory.numbers(tree, offsets).unwrap_or_default();
        self.lengths = self.directory.numbers(tree, lengths).unwrap_or_default();
        if self.lengths.is_empty() && self.packing == Packing::None {
            self.lengths = vec![u64::MAX; self.offsets.len()];
        }
        if self.offsets.len() < wanted || self.lengths.len() < wanted {
            return Err(damaged("the list of its strips or tiles is too short"));
        }
        self.offsets.truncate(wanted);
        self.lengths.truncate(wanted);
        Ok(())
    }

    /// The orientation that the picture's own directory tells, 1 to 8.
    pub(in crate::imaging) fn orientation(&self, tree: &Tree<'_>) -> Option<u8> {
        let value = u8::try_from(self.directory.number(tree, 274)?).ok()?;
        (1..=8).contains(&value).then_some(value)
    }

    /// Whether all strips or tiles lie inside the file.
    pub(in crate::imaging) fn is_complete(&self, bytes: usize) -> bool {
        let mut places = self.offsets.iter().zip(&self.lengths);
        places.all(|(offset, length)| {
            let length = if *length == u64::MAX { 0 } else { *length };
            offset
                .checked_add(length)
                .is_some_and(|end| end <= bytes as u64)
        })
    }
}
