//! Strips and tiles: compression undone, then put into place.

use std::io::Read;

use rayon::prelude::*;

use super::page::Page;
use super::tags::{Meaning, Packing};
use super::unpack::{Part, Raw, row_bytes, unpack};
use super::{JpegReader, Tree, damaged, unsupported};
use crate::imaging::decode::{DecodeError, Stored};

/// Strips or tiles that are held in memory at once beside the picture.
const BATCH: usize = 64;

/// Reads all strips or tiles; channels are interleaved whatever the file does.
pub(super) fn read(tree: &Tree<'_>, page: &Page, jpeg: JpegReader<'_>) -> Result<Raw, DecodeError> {
    check_size(page)?;
    let part = |index: usize| -> Result<Raw, DecodeError> {
        if page.packing == Packing::Jpeg {
            return jpeg_part(tree, page, index, jpeg);
        }
        let (across, down) = extent(page, index);
        if page.subsampling != (1, 1) {
            return subsampled(tree, page, index).map(Raw::Eight);
        }
        let across = across * page.together();
        let wanted = row_bytes(page, across) * down;
        Ok(unpack(
            page,
            Part {
                bytes: inflate(tree, page, index, wanted)?,
                across,
                down,
                big_endian: tree.big_endian,
            },
        ))
    };
    if page.float {
        let reals = assemble(page, &|index| match part(index)? {
            Raw::Real(samples) => Ok(samples),
            Raw::Eight(_) | Raw::Sixteen(_) => Err(mixed()),
        })?;
        Ok(Raw::Real(reals))
    } else if page.bits <= 8 {
        let samples = assemble(page, &|index| match part(index)? {
            Raw::Eight(samples) => Ok(samples),
            Raw::Sixteen(_) | Raw::Real(_) => Err(mixed()),
        })?;
        Ok(Raw::Eight(samples))
    } else {
        let samples = assemble(page, &|index| match part(index)? {
            Raw::Sixteen(samples) => Ok(samples),
            Raw::Eight(_) | Raw::Real(_) => Err(mixed()),
        })?;
        Ok(Raw::Sixteen(samples))
    }
}

fn mixed() -> DecodeError {
    damaged("its strips or tiles differ in kind")
}

/// A part may be larger than the picture (tiles are), but not so that it is a bomb.
fn check_size(page: &Page) -> Result<(), DecodeError> {
    let bytes = |(width, height): (u32, u32), samples: usize| {
        u64::from(width)
            .saturating_mul(u64::from(height))
            .saturating_mul(samples as u64)
            .saturating_mul(u64::from(page.bits).div_ceil(8))
    };
    let picture = bytes((page.width, page.height), page.samples);
    if bytes(page.part, page.together()) > picture.saturating_mul(4).saturating_add(64 << 20) {
        return Err(damaged("its strips or tiles have an impossible size"));
    }
    Ok(())
}

/// Width and height of a part as it is stored: a tile is whole, the last strip ends with the picture.
fn extent(page: &Page, index: usize) -> (usize, usize) {
    let (across, down) = page.grid();
    let row = index % (across * down) / across;
    let (width, height) = (page.part.0 as usize, page.part.1 as usize);
    if page.directory.has(322) {
        (width, height)
    } else {
        (width, height.min(page.height as usize - row * height))
    }
}

fn assemble<T: Copy + Default + Send>(
    page: &Page,
    part: &(dyn Fn(usize) -> Result<Vec<T>, DecodeError> + Sync),
) -> Result<Vec<T>, DecodeError> {
    let (width, height) = (page.width as usize, page.height as usize);
    let channels = page.samples;
    let total = width
        .checked_mul(height)
        .and_then(|pixels| pixels.checked_mul(channels))
        .ok_or_else(|| damaged("its size is impossible"))?;
    let mut all = Vec::new();
    all.try_reserve_exact(total)
        .map_err(|_| damaged("it needs more memory than there is"))?;
    all.resize(total, T::default());
    let (across, down) = page.grid();
    let together = page.together();
    let indices: Vec<usize> = (0..page.offsets.len()).collect();
    for batch in indices.chunks(BATCH) {
        let parts: Vec<Result<Vec<T>, DecodeError>> =
            batch.par_iter().map(|&index| part(index)).collect();
        for (&index, samples) in batch.iter().zip(parts) {
            let samples = samples?;
            let (plane, place) = (index / (across * down), index % (across * down));
            let left = place % across * page.part.0 as usize;
            let top = place / across * page.part.1 as usize;
            let (part_width, part_height) = extent(page, index);
            let used = part_width.min(width - left);
            let rows = samples.chunks_exact(part_width * together);
            for (row, line) in rows.take(part_height.min(height - top)).enumerate() {
                let start = ((top + row) * width + left) * channels;
                let Some(target) = all.get_mut(start..start + used * channels) else {
                    return Err(damaged("its strips or tiles do not fit its size"));
                };
                if channels == together {
                    target.copy_from_slice(&line[..used * channels]);
                } else {
                    let pixels = target.chunks_exact_mut(channels);
                    for (pixel, sample) in pixels.zip(line) {
                        if let Some(channel) = pixel.get_mut(plane) {
                            *channel = *sample;
                        }
                    }
                }
            }
        }
    }
    Ok(all)
}

/// The bytes of a part as they lie in the file.
fn packed<'a>(tree: &Tree<'a>, page: &Page, index: usize) -> Result<&'a [u8], DecodeError> {
    let place = || {
        let start = usize::try_from(*page.offsets.get(index)?).ok()?;
        let length = *page.lengths.get(index)?;
        let rest = tree.bytes.get(start..)?;
        if length == u64::MAX {
            return Some(rest);
        }
        rest.get(..usize::try_from(length).ok()?)
    };
    place().ok_or_else(|| damaged("it is cut short: picture data lie behind its end"))
}

/// Undoes the compression of a part: exactly `wanted` bytes, never more.
fn inflate(
    tree: &Tree<'_>,
    page: &Page,
    index: usize,
    wanted: usize,
) -> Result<Vec<u8>, DecodeError> {
    let short = || damaged("a strip or tile ends early");
    let stored = packed(tree, page, index)?;
    let turned: Vec<u8>;
    let source = if page.bits_reversed {
        turned = stored.iter().map(|byte| byte.reverse_bits()).collect();
        &turned
    } else {
        stored
    };
    let mut bytes = Vec::new();
    if page.packing == Packing::None {
        bytes.extend_from_slice(source.get(..wanted).ok_or_else(short)?);
        return Ok(bytes);
    }
    bytes
        .try_reserve_exact(wanted)
        .map_err(|_| damaged("it needs more memory than there is"))?;
    match page.packing {
        Packing::None | Packing::Jpeg => {}
        Packing::Deflate => {
            flate2::bufread::ZlibDecoder::new(source)
                .take(wanted as u64)
                .read_to_end(&mut bytes)
                .map_err(|error| damaged(&format!("a strip or tile does not unpack ({error})")))?;
        }
        Packing::Lzw => lzw(source, wanted, &mut bytes)?,
        Packing::PackBits => pack_bits(source, wanted, &mut bytes),
        Packing::Group4 => group_4(source, extent(page, index), &mut bytes)?,
    }
    if bytes.len() < wanted {
        return Err(short());
    }
    bytes.truncate(wanted);
    Ok(bytes)
}

fn lzw(source: &[u8], wanted: usize, bytes: &mut Vec<u8>) -> Result<(), DecodeError> {
    // Programs before 1990 wrote the bits the other way round.
    if source.first() == Some(&0) && source.get(1).is_some_and(|byte| byte & 1 == 1) {
        return Err(unsupported(
            "a TIFF with LZW compression of the kind before TIFF 5.0",
            "open it in an image editor and save it again",
        ));
    }
    let mut decoder = weezl::decode::Decoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8);
    bytes.resize(wanted, 0);
    let (mut read, mut written) = (0, 0);
    while written < wanted {
        let result = decoder.decode_bytes(&source[read..], &mut bytes[written..]);
        read += result.consumed_in;
        written += result.consumed_out;
        match result.status {
            Ok(weezl::LzwStatus::Ok) if result.consumed_in + result.consumed_out > 0 => {}
            Ok(_) => break,
            Err(_) => return Err(damaged("a strip or tile does not unpack (LZW)")),
        }
    }
    bytes.truncate(written);
    Ok(())
}

/// Runs of equal bytes (TIFF 6.0, section 9).
fn pack_bits(source: &[u8], wanted: usize, bytes: &mut Vec<u8>) {
    let mut rest = source;
    while bytes.len() < wanted {
        let Some((&head, behind)) = rest.split_first() else {
            return;
        };
        match head.cast_signed() {
            count @ 0.. => {
                let (run, behind) = behind.split_at((count as usize + 1).min(behind.len()));
                bytes.extend_from_slice(run);
                rest = behind;
            }
            i8::MIN => rest = behind,
            count => {
                let Some((&byte, behind)) = behind.split_first() else {
                    return;
                };
                bytes.resize(bytes.len() + usize::from(count.unsigned_abs()) + 1, byte);
                rest = behind;
            }
        }
    }
}

/// Fax compression (ITU-T T.6): black is 1.
fn group_4(
    source: &[u8],
    (width, height): (usize, usize),
    bytes: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let across = u16::try_from(width).map_err(|_| damaged("it is too wide for a fax"))?;
    let down = u16::try_from(height).map_err(|_| damaged("it is too high for a fax"))?;
    let row = width.div_ceil(8);
    let complete = fax::decoder::decode_g4(source.iter().copied(), across, Some(down), |changes| {
        let mut line = vec![0_u8; row];
        for (x, colour) in fax::decoder::pels(changes, across).enumerate() {
            if colour == fax::Color::Black {
                line[x / 8] |= 0x80 >> (x % 8);
            }
        }
        bytes.extend_from_slice(&line);
    });
    complete.ok_or_else(|| damaged("a strip does not unpack (fax)"))
}

/// YCbCr with one sample of colour difference for several pixels (TIFF 6.0, section 21): each unit holds its
/// luma samples, then one of each difference.
fn subsampled(tree: &Tree<'_>, page: &Page, index: usize) -> Result<Vec<u8>, DecodeError> {
    let (width, height) = extent(page, index);
    let (across, down) = page.subsampling;
    let (units_across, units_down) = (width.div_ceil(across), height.div_ceil(down));
    let unit = across * down + 2;
    let bytes = inflate(tree, page, index, units_across * units_down * unit)?;
    let mut samples = vec![0_u8; width * height * 3];
    for (place, unit) in bytes.chunks_exact(unit).enumerate() {
        let (left, top) = (place % units_across * across, place / units_across * down);
        let (luma, differences) = unit.split_at(across * down);
        for (at, luma) in luma.iter().enumerate() {
            let (x, y) = (left + at % across, top + at / across);
            if x < width && y < height {
                let start = (y * width + x) * 3;
                samples[start] = *luma;
                samples[start + 1..start + 3].copy_from_slice(differences);
            }
        }
    }
    Ok(samples)
}

/// A part that is a JPEG; tables that all parts share stand in the directory (Adobe's technical note 2).
fn jpeg_part(
    tree: &Tree<'_>,
    page: &Page,
    index: usize,
    jpeg: JpegReader<'_>,
) -> Result<Raw, DecodeError> {
    let stored = packed(tree, page, index)?;
    let tables = page.directory.bytes(tree, 347).unwrap_or_default();
    let tables = tables
        .strip_prefix(&[0xff, 0xd8])
        .map(|tables| tables.strip_suffix(&[0xff, 0xd9]).unwrap_or(tables))
        .unwrap_or_default();
    let scans = stored
        .strip_prefix(&[0xff, 0xd8])
        .ok_or_else(|| damaged("a strip or tile is not a JPEG"))?;
    // The directory says whether the channels are YCbCr; a JPEG says it in Adobe's segment.
    let transform = u8::from(page.meaning == Meaning::YCbCr);
    let adobe = [
        b"\xff\xee\x00\x0eAdobe\x00\x64\0\0\0\0".as_slice(),
        &[transform],
    ]
    .concat();
    let whole = [&[0xff, 0xd8], adobe.as_slice(), tables, scans].concat();
    let samples = match jpeg(&whole, page.part)? {
        Stored::Gray8(samples) if page.samples == 1 => samples,
        Stored::Rgb8(samples) if page.samples == 3 => samples,
        _ => return Err(mixed()),
    };
    let (width, height) = extent(page, index);
    if samples.len() < width * height * page.samples {
        return Err(damaged("a strip or tile ends early"));
    }
    Ok(Raw::Eight(samples))
}
