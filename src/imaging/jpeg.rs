//! JPEG on the level of its segments, and its decoder: what the header says, whether the file is
//! complete, and pixels in the colour space in which they are stored. Segment layout after ITU-T
//! T.81 annex B, Adobe's APP14 after Adobe technical note 5116, ICC chunks after ICC.1:2022 B.4.

use std::ops::Range;

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::decode::DecodeError;

const FORMAT: &str = "JPEG";

/// What stands before the first scan.
#[derive(Debug)]
pub(super) struct JpegLayout {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) precision: u8,
    pub(super) components: u8,
    pub(super) progressive: bool,
    /// Whether the channels are called R, G and B, which the decoder takes as their meaning.
    named_rgb: bool,
    /// The transform byte of Adobe's APP14 segment: 0 none, 1 YCbCr, 2 YCCK.
    adobe_transform: Option<u8>,
    /// Where Adobe's APP14 segment lies, marker included.
    adobe_segment: Range<usize>,
    /// The TIFF structure inside the EXIF segment.
    pub(super) exif: Option<Range<usize>>,
    icc_chunks: Vec<(u8, u8, Range<usize>)>,
    /// Start of the first scan's header, after the marker.
    scan: usize,
}

/// Stored samples: interleaved, 8 bits, 1, 3 or 4 channels.
pub(super) enum JpegPixels {
    Gray(Vec<u8>),
    Rgb(Vec<u8>),
    /// Four channels as Adobe stores them: 255 is no ink.
    InvertedCmyk(Vec<u8>),
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
        position += bytes
            .get(position..)?
            .iter()
            .position(|&byte| byte == 0xff)?;
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
        named_rgb: false,
        adobe_transform: None,
        adobe_segment: 0..0,
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
            0xc0..=0xc2 if layout.components == 0 => frame(&mut layout, marker, data)?,
            0xc0..=0xc2 => return Err(damaged("it has two frame headers")),
            0xc3 | 0xc7 | 0xcb | 0xcf => return Err(unsupported("lossless JPEG")),
            0xc5 | 0xc6 | 0xcd | 0xce => return Err(unsupported("hierarchical JPEG")),
            0xc9 | 0xca | 0xcc => return Err(unsupported("JPEG with arithmetic coding")),
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
            0xee if data.starts_with(b"Adobe") => {
                layout.adobe_transform = data.get(11).copied();
                layout.adobe_segment = after - 2..range.end;
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
    layout.progressive = marker == 0xc2;
    let channel = |index: usize| data.get(6 + 3 * index).copied();
    layout.named_rgb = [channel(0), channel(1), channel(2)] == [Some(b'R'), Some(b'G'), Some(b'B')];
    if precision != 8 {
        return Err(unsupported(&format!(
            "JPEG with {precision} bits per sample"
        )));
    }
    if layout.width == 0 || layout.height == 0 {
        return Err(damaged("its width or height is zero"));
    }
    if !matches!(components, 1 | 3 | 4) {
        return Err(unsupported(&format!(
            "JPEG with {components} colour channels"
        )));
    }
    Ok(())
}

impl JpegLayout {
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

    /// Walks the scans to the end marker, so that a cut file is known without decoding it; gives
    /// the position behind the marker.
    pub(super) fn end(&self, bytes: &[u8]) -> Result<usize, DecodeError> {
        let cut = || damaged("it is cut short: the end marker is missing");
        let mut position = payload(bytes, self.scan).ok_or_else(cut)?.end;
        loop {
            let (after, marker) = next_marker(bytes, position).ok_or_else(cut)?;
            position = match marker {
                0xd9 => return Ok(after),
                0x01 | 0xd0..=0xd8 => after,
                _ => payload(bytes, after).ok_or_else(cut)?.end,
            };
        }
    }
}

/// Decodes the whole picture, strictly: entropy-coded data that end early or do not decode are an
/// error, not grey areas.
pub(super) fn decode(bytes: &[u8], layout: &JpegLayout) -> Result<JpegPixels, DecodeError> {
    layout.end(bytes)?;
    // The decoder takes Adobe's transform 0 for CMYK even with three channels, and gives YCCK only
    // as RGB, where a CMYK profile no longer applies. Without the segment it hands out the stored
    // channels, and their meaning is known here.
    let stored_rgb = layout.components == 3 && layout.adobe_transform == Some(0);
    let usual = layout.components == 3 && layout.adobe_transform == Some(1);
    let stripped;
    let source = if usual || layout.adobe_segment.is_empty() {
        bytes
    } else {
        let mut copy = bytes.to_vec();
        copy.drain(layout.adobe_segment.clone());
        stripped = copy;
        &stripped
    };
    let output = match layout.components {
        1 => ColorSpace::Luma,
        3 if stored_rgb && !layout.named_rgb => ColorSpace::YCbCr,
        3 => ColorSpace::RGB,
        _ => ColorSpace::CMYK,
    };
    let samples = match decode_as(source, layout, output, true) {
        // Stray bytes between header segments harm no pixel.
        Err(DecodeErrors::FormatStatic(text)) if text.contains("Extra bytes between headers") => {
            decode_as(source, layout, output, false)
        }
        other => other,
    }
    .map_err(|error| match error {
        DecodeErrors::Unsupported(what) => unsupported(&format!("JPEG of the kind {what:?}")),
        other => damaged(describe(&other)),
    })?;
    let expected = layout.width as usize * layout.height as usize * usize::from(layout.components);
    if samples.len() != expected {
        return Err(damaged("its size differs from its header"));
    }
    Ok(match layout.components {
        1 => JpegPixels::Gray(samples),
        3 => JpegPixels::Rgb(samples),
        _ if layout.adobe_transform == Some(2) => JpegPixels::InvertedCmyk(ycck_to_cmyk(samples)),
        _ => JpegPixels::InvertedCmyk(samples),
    })
}

fn decode_as(
    bytes: &[u8],
    layout: &JpegLayout,
    output: ColorSpace,
    strict: bool,
) -> Result<Vec<u8>, DecodeErrors> {
    // The decoder reads the header once more; it must not come to another, larger size.
    let options = DecoderOptions::default()
        .set_strict_mode(strict)
        .set_max_width(layout.width as usize)
        .set_max_height(layout.height as usize)
        .jpeg_set_out_colorspace(output);
    JpegDecoder::new_with_options(ZCursor::new(bytes), options).decode()
}

/// The decoder's message as one line without its own decoration.
fn describe(error: &DecodeErrors) -> String {
    let text = format!("{error:?}");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    format!(
        "its picture data do not decode ({})",
        text.trim_matches('"')
    )
}

/// Full-range BT.601 YCbCr of the first three channels to RGB, whose complement are the (inverted)
/// inks; black passes through.
fn ycck_to_cmyk(mut samples: Vec<u8>) -> Vec<u8> {
    let (pixels, _) = samples.as_chunks_mut::<4>();
    for [first, second, third, _] in pixels {
        let luma = f32::from(*first);
        let blue = f32::from(*second) - 128.0;
        let red = f32::from(*third) - 128.0;
        let complement = |value: f32| 255 - value.round().clamp(0.0, 255.0) as u8;
        *first = complement(luma + 1.402 * red);
        *second = complement(luma - 0.344_136 * blue - 0.714_136 * red);
        *third = complement(luma + 1.772 * blue);
    }
    samples
}
