//! What the fields of a TIFF's directory mean for its samples, and what of it is not read.

use super::ifd::{Directory, Tree};
use super::{damaged, unsupported};
use crate::imaging::decode::DecodeError;
use crate::imaging::opacity::Opacity;

pub(super) const PLAIN: &str =
    "open it in an image editor and save it as JPEG or as a plain 8- or 16-bit TIFF";

/// What the channels mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// One channel; `true` where 0 is white.
    Gray {
        white_is_zero: bool,
    },
    Rgb,
    Palette,
    /// Four channels, 0 is no ink.
    Cmyk,
    YCbCr,
    /// CIE L*a*b* for D50; `true` where a* and b* are stored with an offset (ICC's way).
    Lab {
        offset: bool,
    },
}

impl Meaning {
    /// Channels that carry colour.
    pub(super) const fn colours(self) -> usize {
        match self {
            Self::Gray { .. } | Self::Palette => 1,
            Self::Rgb | Self::YCbCr | Self::Lab { .. } => 3,
            Self::Cmyk => 4,
        }
    }
}

/// How the samples are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Lzw,
    Deflate,
    PackBits,
    Group4,
    Jpeg,
}

pub(super) fn same(values: &[u64]) -> Option<u64> {
    let first = *values.first()?;
    values.iter().all(|value| *value == first).then_some(first)
}

pub(super) fn packing(number: u64) -> Result<Packing, DecodeError> {
    let name = match number {
        1 => return Ok(Packing::None),
        4 => return Ok(Packing::Group4),
        5 => return Ok(Packing::Lzw),
        7 => return Ok(Packing::Jpeg),
        8 | 32_946 => return Ok(Packing::Deflate),
        32_773 => return Ok(Packing::PackBits),
        2 | 3 | 32_771 => "fax compression of group 3",
        6 => "old-style JPEG compression",
        34_712 | 33_003 | 33_004 | 33_005 => "JPEG 2000 compression",
        34_887 => "LERC compression",
        34_925 => "LZMA compression",
        34_926 | 50_000 => "Zstandard compression",
        34_927 | 50_001 => "WebP compression",
        50_002 | 52_546 => "JPEG XL compression",
        34_676 | 34_677 => "LogLuv compression",
        _ => {
            return Err(unsupported(
                &format!("a TIFF with compression number {number}"),
                "save it without compression, or with LZW or ZIP",
            ));
        }
    };
    Err(unsupported(
        &format!("a TIFF with {name}"),
        "save it without compression, or with LZW or ZIP",
    ))
}

pub(super) fn meaning(
    directory: &Directory,
    tree: &Tree<'_>,
    packing: Packing,
) -> Result<Meaning, DecodeError> {
    let what = match directory.number(tree, 262) {
        Some(0) => {
            return Ok(Meaning::Gray {
                white_is_zero: true,
            });
        }
        Some(1) => {
            return Ok(Meaning::Gray {
                white_is_zero: false,
            });
        }
        Some(2) => return Ok(Meaning::Rgb),
        Some(3) => return Ok(Meaning::Palette),
        Some(5) => {
            let inks = directory.number(tree, 332).unwrap_or(1);
            let count = directory.number(tree, 334).unwrap_or(4);
            if inks == 1 && count == 4 {
                return Ok(Meaning::Cmyk);
            }
            "a TIFF with inks other than cyan, magenta, yellow and black".to_owned()
        }
        Some(6) => return Ok(Meaning::YCbCr),
        Some(8) => return Ok(Meaning::Lab { offset: false }),
        Some(9) => return Ok(Meaning::Lab { offset: true }),
        Some(32_844 | 32_845) => "a TIFF with LogLuv colours".to_owned(),
        Some(number) => format!("a TIFF with colours of kind {number}"),
        // Fax programs leave it out.
        None if packing == Packing::Group4 => {
            return Ok(Meaning::Gray {
                white_is_zero: true,
            });
        }
        None => "a TIFF that does not say what its channels mean".to_owned(),
    };
    Err(unsupported(&what, PLAIN))
}

/// What lies behind the colours. More channels than the colours are only read where the file says what they are.
pub(super) fn extra(
    directory: &Directory,
    tree: &Tree<'_>,
    meaning: Meaning,
    samples: usize,
) -> Result<Option<Opacity>, DecodeError> {
    let colours = meaning.colours();
    let stated = directory.numbers(tree, 338).unwrap_or_default();
    let behind = samples
        .checked_sub(colours)
        .ok_or_else(|| damaged("it has fewer channels than its colours need"))?;
    // One channel too many that nobody explains means opacity, as all readers take it.
    let is_told = stated.len() == behind || (stated.is_empty() && behind == 1);
    // A list of grey channels is a stack of measurements, and no picture.
    let is_stack = colours == 1 && behind > 1 && stated.iter().all(|kind| *kind == 0);
    if !is_told || is_stack {
        return Err(unsupported(
            &format!("a TIFF with {samples} channels, of which it does not say what they mean"),
            "save it as RGB or grey",
        ));
    }
    Ok(match stated.first() {
        None if behind == 0 => None,
        Some(0) => Some(Opacity::Ignored),
        Some(1) => Some(Opacity::Associated),
        _ => Some(Opacity::Separate),
    })
}

/// Whether the samples are floating-point numbers.
pub(super) fn sample_format(
    directory: &Directory,
    tree: &Tree<'_>,
    bits: u64,
) -> Result<bool, DecodeError> {
    let formats = directory.numbers(tree, 339).unwrap_or_else(|| vec![1]);
    match same(&formats) {
        Some(1 | 4) if matches!(bits, 1..=16 | 24 | 32 | 64) => Ok(false),
        Some(3) if matches!(bits, 16 | 32 | 64) => Ok(true),
        Some(2) => Err(unsupported("a TIFF with negative numbers", PLAIN)),
        Some(5 | 6) => Err(unsupported("a TIFF with complex numbers", PLAIN)),
        Some(_) => Err(unsupported(
            &format!("a TIFF with {bits} bits per channel"),
            PLAIN,
        )),
        None => Err(unsupported(
            "a TIFF whose channels differ in their numbers",
            PLAIN,
        )),
    }
}
