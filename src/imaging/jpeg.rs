//! JPEG on the level of its segments, and its decoder: what the header says, and pixels in the colour
//! space in which they are stored, by the rules of libjpeg, which are those of every viewer. Whether
//! the file is whole is decided in [`verdict`]. Segment layout after ITU-T T.81 annex B, ICC chunks
//! after ICC.1:2022 B.4.

mod huffman;
mod locate;
mod scans;
mod trailer;
mod verdict;

use std::ops::Range;

use remedia_jpeg::{Limits, Scale, Space};

use super::decode::{DecodeError, DecodeLimits, Stored};

const FORMAT: &str = "JPEG";

/// The most scans: a progressive file of three channels that sends every bit by itself has 60.
const MAX_SCANS: u32 = 100;

/// One channel of the frame.
#[derive(Clone, Copy, Debug)]
struct Component {
    id: u8,
    /// Sampling factors, 1 to 4.
    horizontal: u8,
    vertical: u8,
}

/// What stands before the first scan.
#[derive(Debug)]
pub(super) struct JpegLayout {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) precision: u8,
    pub(super) components: u8,
    pub(super) progressive: bool,
    /// The channels in the frame's order.
    channels: Vec<Component>,
    /// Minimum coded units between two restart markers at the first scan, 0 for none.
    restart_interval: u32,
    /// Whether its entropy coding is arithmetic.
    arithmetic: bool,
    /// The TIFF structure inside the EXIF segment.
    pub(super) exif: Option<Range<usize>>,
    icc_chunks: Vec<(u8, u8, Range<usize>)>,
    /// Start of the first scan's header, after the marker.
    scan: usize,
}

/// A decoded picture, not yet upright and in its own colour space.
pub(super) struct JpegPicture {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) stored: Stored,
    /// What a person should know of the file although it can be used.
    pub(super) notes: Vec<String>,
}

fn damaged(reason: impl Into<String>) -> DecodeError {
    DecodeError::Damaged {
        format: FORMAT,
        reason: reason.into(),
    }
}

fn unsupported(what: &str) -> DecodeError {
    DecodeError::Unsupported {
        what: what.to_owned(),
        hint: "open it in an image editor and save it as a baseline JPEG".to_owned(),
    }
}

/// The big-endian length at `position`, and the payload's range behind it.
fn payload(bytes: &[u8], position: usize) -> Option<Range<usize>> {
    let length = usize::from(u16::from_be_bytes([
        *bytes.get(position)?,
        *bytes.get(position + 1)?,
    ]));
    let end = position.checked_add(length)?;
    (length >= 2 && end <= bytes.len()).then_some(position + 2..end)
}

/// Position behind the next marker and the marker's second byte, from `position` on.
fn next_marker(bytes: &[u8], mut position: usize) -> Option<(usize, u8)> {
    loop {
        position += memchr::memchr(0xff, bytes.get(position..)?)?;
        while *bytes.get(position)? == 0xff {
            position += 1;
        }
        let marker = *bytes.get(position)?;
        position += 1;
        if marker != 0 {
            return Some((position, marker));
        }
    }
}

/// Reads the segments before the first scan.
pub(super) fn layout(bytes: &[u8]) -> Result<JpegLayout, DecodeError> {
    if !bytes.starts_with(&[0xff, 0xd8]) {
        return Err(damaged("it has no start marker"));
    }
    let mut layout = JpegLayout {
        width: 0,
        height: 0,
        precision: 8,
        components: 0,
        progressive: false,
        channels: Vec::new(),
        restart_interval: 0,
        arithmetic: false,
        exif: None,
        icc_chunks: Vec::new(),
        scan: 0,
    };
    let mut position = 2;
    loop {
        let (after, marker) =
            next_marker(bytes, position).ok_or_else(|| damaged("it ends before the picture"))?;
        // Standalone markers have no length.
        if matches!(marker, 0x01 | 0xd0..=0xd8) {
            position = after;
            continue;
        }
        if marker == 0xd9 {
            return Err(damaged("it ends before the picture"));
        }
        let range = payload(bytes, after).ok_or_else(|| damaged("it ends inside its header"))?;
        let data = bytes.get(range.clone()).unwrap_or_default();
        match marker {
            0xc0..=0xc2 | 0xc9 | 0xca if layout.components == 0 => {
                frame(&mut layout, marker, data)?;
            }
            0xc0..=0xc2 | 0xc9 | 0xca => return Err(damaged("it has two frame headers")),
            0xc3 | 0xc7 | 0xcb | 0xcf => return Err(unsupported("lossless JPEG")),
            0xc5 | 0xc6 | 0xcd | 0xce => return Err(unsupported("hierarchical JPEG")),
            0xdd => layout.restart_interval = interval(data),
            0xe1 if layout.exif.is_none() && data.starts_with(b"Exif\0") => {
                layout.exif = Some((range.start + 6).min(range.end)..range.end);
            }
            0xe2 => {
                if let Some(&[number, count, ..]) = data.strip_prefix(b"ICC_PROFILE\0") {
                    layout
                        .icc_chunks
                        .push((number, count, range.start + 14..range.end));
                }
            }
            0xda => {
                if layout.components == 0 {
                    return Err(damaged("it has no frame header"));
                }
                layout.scan = after;
                return Ok(layout);
            }
            _ => {}
        }
        position = range.end;
    }
}

fn frame(layout: &mut JpegLayout, marker: u8, data: &[u8]) -> Result<(), DecodeError> {
    let &[
        precision,
        height_high,
        height_low,
        width_high,
        width_low,
        components,
        ..,
    ] = data
    else {
        return Err(damaged("its frame header is cut short"));
    };
    layout.precision = precision;
    layout.height = u32::from(u16::from_be_bytes([height_high, height_low]));
    layout.width = u32::from(u16::from_be_bytes([width_high, width_low]));
    layout.components = components;
    layout.progressive = matches!(marker, 0xc2 | 0xca);
    layout.arithmetic = matches!(marker, 0xc9 | 0xca);
    let channels = data.get(6..).unwrap_or_default().as_chunks::<3>().0.iter();
    layout.channels = channels
        .take(usize::from(components))
        .map(|&[id, factors, _]| Component {
            id,
            horizontal: factors >> 4,
            vertical: factors & 15,
        })
        .collect();
    if precision != 8 {
        return Err(unsupported(&format!(
            "JPEG with {precision} bits per sample"
        )));
    }
    if layout.width != 0 && layout.height == 0 && data.len() == 6 + 3 * usize::from(components) {
        return Err(unsupported(
            "JPEG whose height is zero or stands behind its picture data",
        ));
    }
    if layout.width == 0 || layout.height == 0 {
        return Err(damaged("its width or height is zero"));
    }
    if !matches!(components, 1 | 3 | 4) {
        return Err(unsupported(&format!(
            "JPEG with {components} colour channels"
        )));
    }
    let factors = |channel: &Component| {
        (1..=4).contains(&channel.horizontal) && (1..=4).contains(&channel.vertical)
    };
    if layout.channels.len() != usize::from(components) || !layout.channels.iter().all(factors) {
        return Err(damaged("its frame header contradicts itself"));
    }
    Ok(())
}

/// What a segment that defines the restart interval says.
fn interval(data: &[u8]) -> u32 {
    data.first_chunk::<2>()
        .map_or(0, |&bytes| u32::from(u16::from_be_bytes(bytes)))
}

impl JpegLayout {
    /// The largest horizontal and vertical sampling factor, at least 1.
    fn most_samples(&self) -> (u32, u32) {
        let most = |factor: fn(&Component) -> u8| {
            let factors = self.channels.iter().map(factor);
            u32::from(factors.max().unwrap_or(1).max(1))
        };
        (
            most(|channel| channel.horizontal),
            most(|channel| channel.vertical),
        )
    }

    /// Rows of minimum coded units of the whole frame, at least 1.
    fn rows(&self) -> u32 {
        let (_, vertical) = self.most_samples();
        self.height.div_ceil(8 * vertical).max(1)
    }

    /// The embedded profile; `None` where there is none or its chunks do not fit together.
    pub(super) fn icc(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut chunks = self.icc_chunks.clone();
        chunks.sort_by_key(|(number, ..)| *number);
        let fits = !chunks.is_empty()
            && chunks
                .iter()
                .enumerate()
                .all(|(index, (number, count, _))| {
                    usize::from(*number) == index + 1 && usize::from(*count) == chunks.len()
                });
        fits.then(|| {
            chunks
                .iter()
                .filter_map(|(.., range)| bytes.get(range.clone()))
                .flatten()
                .copied()
                .collect()
        })
    }

    /// The position behind the end marker, found by walking the scans; `None` where it is missing.
    pub(super) fn end(&self, bytes: &[u8]) -> Option<usize> {
        match scans::walk(bytes, self).ok()?.end {
            scans::End::Marker(position) => Some(position),
            scans::End::Missing | scans::End::Foreign(_) => None,
        }
    }
}

/// Decodes the picture at `scale`; the data are read whole at any scale, and what is decided about
/// them does not depend on it.
///
/// # Errors
/// A kind of JPEG that is not read, or a file that is not whole.
pub(super) fn decode(
    bytes: &[u8],
    layout: &JpegLayout,
    scale: Scale,
    limits: &DecodeLimits,
) -> Result<JpegPicture, DecodeError> {
    let scans = scans::walk(bytes, layout)?;
    // What other programs put behind a picture without an end marker is none of its data.
    let bytes = match scans.end {
        scans::End::Marker(_) => bytes,
        scans::End::Missing | scans::End::Foreign(_) => trailer::without(bytes, &scans),
    };
    let limits = Limits {
        max_pixels: limits.max_pixels,
        // Coefficients of two bytes for four channels, and room for the decoder's own tables.
        max_memory: limits.max_pixels.saturating_mul(8).saturating_add(64 << 20),
        max_scans: MAX_SCANS,
    };
    let outcome = remedia_jpeg::decode(bytes, scale, &limits);
    let notes = verdict::judge(&verdict::File {
        bytes,
        layout,
        scans: &scans,
        outcome: &outcome,
        limits: &limits,
    })?;
    let Ok(image) = outcome.image else {
        return Err(damaged("it does not decode"));
    };
    let divisor = scale.divisor();
    let expected = (
        layout.width.div_ceil(divisor),
        layout.height.div_ceil(divisor),
    );
    if (image.width, image.height) != expected {
        return Err(damaged("its size differs from its header"));
    }
    Ok(JpegPicture {
        width: image.width as usize,
        height: image.height as usize,
        stored: match image.space {
            Space::Gray => Stored::Gray8(image.samples),
            Space::Rgb => Stored::Rgb8(image.samples),
            Space::Cmyk => Stored::InvertedCmyk(image.samples),
        },
        notes,
    })
}

/// The smallest decode that is at least 7/8 of `long_side` on its longer side, or the whole picture.
pub(super) fn scale_for(layout: &JpegLayout, long_side: usize) -> Scale {
    let long = layout.width.max(layout.height) as usize;
    let enough = long_side - long_side / 8;
    [Scale::Eighth, Scale::Quarter, Scale::Half]
        .into_iter()
        .find(|scale| long.div_ceil(scale.divisor() as usize) >= enough)
        .unwrap_or(Scale::Full)
}
