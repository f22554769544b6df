//! Where a file keeps its EXIF block and its XMP packet: the usual places, and those of older tools. Everything
//! is bounded before it is unpacked. PNG after its third edition (eXIf, tEXt, zTXt, iTXt), ImageMagick's
//! "Raw profile type" texts, JPEG's APP1 after ISO 16684-3, WebP's chunks, TIFF's tag 700.

use std::borrow::Cow;
use std::io::Read;
use std::ops::Range;

use super::header::{Content, png_chunks, sniff, webp_chunks};
use super::tiff::{Tree, full_picture};
use super::{heic, jpeg, raw};
use crate::domain::listing::PhotoFormat;

/// EXIF blocks and XMP packets beyond this many bytes are not read; the segment of a JPEG holds 64 KiB.
const MAX_BLOCK: usize = 4 << 20;

const EXIF_PREFIX: &[u8] = b"Exif\0\0";
const XMP_PREFIX: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// The EXIF block: a TIFF structure, without the prefix that only JPEG needs.
pub(super) fn exif_block(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    match sniff(bytes) {
        Content::Photo(PhotoFormat::Jpeg) => {
            let range = jpeg::layout(bytes).ok()?.exif?;
            bytes.get(range).map(Cow::Borrowed)
        }
        Content::Photo(PhotoFormat::Png) => {
            if let Some(block) = png_chunk(bytes, b"eXIf") {
                return Some(Cow::Borrowed(without_prefix(block)));
            }
            ["Raw profile type exif", "Raw profile type APP1"]
                .into_iter()
                .filter_map(|keyword| png_profile(bytes, keyword))
                .find(|block| block.starts_with(EXIF_PREFIX) || Tree::new(block).is_some())
                .map(|block| Cow::Owned(without_prefix(&block).to_vec()))
        }
        Content::Photo(PhotoFormat::Webp) => {
            let (_, range) = webp_chunks(bytes).find(|(name, _)| name == b"EXIF")?;
            // Some writers keep the prefix.
            bounded(bytes, range).map(|block| Cow::Borrowed(without_prefix(block)))
        }
        Content::Photo(PhotoFormat::Tiff) => Some(Cow::Borrowed(bytes)),
        Content::Photo(PhotoFormat::Raw) => raw::exif_block(bytes),
        Content::Photo(PhotoFormat::Heic) => heic::exif_block(bytes).map(Cow::Owned),
        Content::Photo(PhotoFormat::Bmp | PhotoFormat::Gif)
        | Content::OtherPicture(..)
        | Content::Unknown => None,
    }
}

/// The orientation that XMP alone tells (tiff:Orientation), 1 to 8.
pub(super) fn xmp_orientation(bytes: &[u8]) -> Option<u8> {
    orientation_in(&xmp_packet(bytes)?)
}

pub(super) fn xmp_packet(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    match sniff(bytes) {
        Content::Photo(PhotoFormat::Jpeg) => app1(bytes)
            .find_map(|data| data.strip_prefix(XMP_PREFIX))
            .map(Cow::Borrowed),
        Content::Photo(PhotoFormat::Png) => png_text(bytes, "XML:com.adobe.xmp")
            .or_else(|| png_profile(bytes, "Raw profile type xmp"))
            .or_else(|| {
                let block = png_profile(bytes, "Raw profile type APP1")?;
                block.strip_prefix(XMP_PREFIX).map(<[u8]>::to_vec)
            })
            .map(Cow::Owned),
        Content::Photo(PhotoFormat::Webp) => {
            let (_, range) = webp_chunks(bytes).find(|(name, _)| name == b"XMP ")?;
            bounded(bytes, range).map(Cow::Borrowed)
        }
        Content::Photo(PhotoFormat::Tiff) => {
            let tree = Tree::new(bytes)?;
            let (directory, _) = full_picture(&tree)?;
            let packet = directory.bytes(&tree, 700)?;
            (packet.len() <= MAX_BLOCK).then_some(Cow::Borrowed(packet))
        }
        _ => None,
    }
}

/// The value of `tiff:Orientation`, written as an attribute or as an element.
fn orientation_in(packet: &[u8]) -> Option<u8> {
    const NAME: &[u8] = b"tiff:Orientation";
    let mut rest = packet;
    while let Some(at) = rest.windows(NAME.len()).position(|window| window == NAME) {
        rest = rest.get(at + NAME.len()..)?;
        let mut value = rest.iter().skip_while(|byte| {
            byte.is_ascii_whitespace() || matches!(byte, b'=' | b'"' | b'\'' | b'>')
        });
        let digit = value.next().copied().unwrap_or(0);
        let is_whole = !value.next().is_some_and(u8::is_ascii_digit);
        if is_whole && matches!(digit, b'1'..=b'8') {
            return Some(digit - b'0');
        }
    }
    None
}

fn without_prefix(block: &[u8]) -> &[u8] {
    block.strip_prefix(EXIF_PREFIX).unwrap_or(block)
}

fn bounded(bytes: &[u8], range: Range<usize>) -> Option<&[u8]> {
    bytes.get(range).filter(|block| block.len() <= MAX_BLOCK)
}

fn png_chunk<'a>(bytes: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    let (_, range) = png_chunks(bytes).find(|(name, _)| name == wanted)?;
    bounded(bytes, range)
}

/// The APP1 segments of a JPEG before its first scan.
fn app1(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut position = 2;
    std::iter::from_fn(move || {
        loop {
            while bytes.get(position)? == &0xff && bytes.get(position + 1)? == &0xff {
                position += 1;
            }
            let &[0xff, marker, high, low] = bytes.get(position..position + 4)? else {
                return None;
            };
            if matches!(marker, 0xd9 | 0xda) {
                return None;
            }
            let end = position + 2 + usize::from(u16::from_be_bytes([high, low]));
            let data = bytes.get(position + 4..end)?;
            position = end;
            if marker == 0xe1 {
                return Some(data);
            }
        }
    })
}

/// The text of a PNG under a keyword, from whichever of the three kinds of text chunks holds it.
fn png_text(bytes: &[u8], keyword: &str) -> Option<Vec<u8>> {
    png_chunks(bytes).find_map(|(name, range)| {
        let data = bounded(bytes, range)?
            .strip_prefix(keyword.as_bytes())?
            .strip_prefix(&[0])?;
        match &name {
            b"tEXt" => Some(data.to_vec()),
            b"zTXt" => inflated(data.strip_prefix(&[0])?),
            b"iTXt" => {
                let (flags, rest) = data.split_at_checked(2)?;
                // Language and translated keyword, each ended by a zero.
                let mut parts = rest.splitn(3, |byte| *byte == 0);
                let text = parts.nth(2)?;
                match flags {
                    [0, _] => Some(text.to_vec()),
                    [1, 0] => inflated(text),
                    _ => None,
                }
            }
            _ => None,
        }
    })
}

fn inflated(packed: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    // Twice the block, because hexadecimal digits may follow, and room for the lines.
    flate2::bufread::ZlibDecoder::new(packed)
        .take(3 * MAX_BLOCK as u64)
        .read_to_end(&mut text)
        .ok()?;
    Some(text)
}

/// A block that ImageMagick and older tools write as text: name, length in decimal, then hexadecimal digits.
fn png_profile(bytes: &[u8], keyword: &str) -> Option<Vec<u8>> {
    let text = png_text(bytes, keyword)?;
    let mut lines = text.splitn(4, |byte| *byte == b'\n');
    // An empty line, the kind, the length.
    let length = std::str::from_utf8(lines.nth(2)?)
        .ok()?
        .trim()
        .parse::<usize>();
    let length = length.ok().filter(|length| *length <= MAX_BLOCK)?;
    let digits = lines
        .next()?
        .iter()
        .filter_map(|digit| char::from(*digit).to_digit(16));
    let digits: Vec<u8> = digits.map(|digit| digit as u8).take(2 * length).collect();
    let block: Vec<u8> = digits
        .chunks_exact(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect();
    (block.len() == length).then_some(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orientation_is_found_in_both_spellings() {
        for (packet, expected) in [
            ("<rdf:Description tiff:Orientation=\"6\"/>", Some(6)),
            ("<rdf:Description tiff:Orientation = '8'/>", Some(8)),
            ("<tiff:Orientation>3</tiff:Orientation>", Some(3)),
            ("<tiff:Orientation>  5 </tiff:Orientation>", Some(5)),
            ("tiff:Orientation=\"0\"", None),
            ("tiff:Orientation=\"16\"", None),
            ("tiff:Orientation", None),
            ("", None),
        ] {
            assert_eq!(orientation_in(packet.as_bytes()), expected, "{packet}");
        }
    }
}
