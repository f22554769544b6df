//! Metadata of outputs: an XMP packet and IPTC fields are put beside the pixels without encoding
//! them again, and nothing else is there. The same module lists what an output carries, so that
//! tests and the tool itself can show that no EXIF, position, serial number, thumbnail or maker
//! note is left. XMP in APP1 after ISO 16684-3, IPTC-IIM 4.2 in a Photoshop resource in APP13.

use img_parts::jpeg::{Jpeg, JpegSegment, markers};

const XMP_PREFIX: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const PHOTOSHOP_PREFIX: &[u8] = b"Photoshop 3.0\0";
const ICC_PREFIX: &[u8] = b"ICC_PROFILE\0";

/// The most a segment holds beside its length.
const MAX_SEGMENT: usize = 65_533;

/// What an output says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputMetadata {
    /// A whole XMP packet, `<?xpacket …?>` included; empty for none.
    pub xmp: String,
    /// The older IPTC fields that listing services still read.
    pub iptc: IptcFields,
}

/// IPTC-IIM fields of the application record. Longer texts than the standard allows are cut at a
/// character.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IptcFields {
    /// 2:105 Headline, at most 256 bytes.
    pub headline: Option<String>,
    /// 2:120 Caption/Abstract, at most 2000 bytes.
    pub caption: Option<String>,
    /// 2:40 Special Instructions, at most 256 bytes: the place for a disclosure.
    pub special_instructions: Option<String>,
}

/// Why metadata could not be put into a JPEG or read from it.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// The bytes are no JPEG.
    #[error("failed to read the segments of the JPEG: {0}")]
    NotJpeg(#[from] img_parts::Error),
    /// The parts could not be put together again.
    #[error("failed to write the segments of the JPEG: {0}")]
    Write(std::io::Error),
    /// The XMP packet does not fit into one segment.
    #[error("the XMP packet has {0} bytes, a JPEG holds at most {max}", max = MAX_SEGMENT - XMP_PREFIX.len())]
    TooLong(usize),
}

/// Puts `metadata` into a JPEG in place of any that it has; the picture data stay byte for byte.
///
/// # Errors
/// [`MetadataError`] where the bytes are no JPEG or the packet is too long for one segment.
pub fn with_metadata(jpeg: Vec<u8>, metadata: &OutputMetadata) -> Result<Vec<u8>, MetadataError> {
    let mut jpeg = Jpeg::from_bytes(jpeg.into())?;
    let segments = jpeg.segments_mut();
    segments.retain(|segment| !is_xmp(segment) && !is_photoshop(segment));
    // JFIF wants to be first; the others follow it.
    let mut place = usize::from(
        segments
            .first()
            .is_some_and(|segment| segment.marker() == markers::APP0),
    );
    if !metadata.xmp.is_empty() {
        let contents = [XMP_PREFIX, metadata.xmp.as_bytes()].concat();
        if contents.len() > MAX_SEGMENT {
            return Err(MetadataError::TooLong(metadata.xmp.len()));
        }
        segments.insert(
            place,
            JpegSegment::new_with_contents(markers::APP1, contents.into()),
        );
        place += 1;
    }
    if metadata.iptc != IptcFields::default() {
        let contents = photoshop_segment(&metadata.iptc);
        segments.insert(
            place,
            JpegSegment::new_with_contents(markers::APP13, contents.into()),
        );
    }
    let mut bytes = Vec::with_capacity(jpeg.len());
    jpeg.encoder()
        .write_to(&mut bytes)
        .map_err(MetadataError::Write)?;
    Ok(bytes)
}

/// A JPEG without anything beside its pixels, whose picture data stay byte for byte, with this tool's sRGB
/// profile. `None` where its pixels say something else without what is taken away: another profile, a marker of
/// Adobe's for the colour's form, more than 8 bits, four channels, or anything that is not a whole JPEG.
#[must_use]
pub fn bare_jpeg(bytes: &[u8]) -> Option<Vec<u8>> {
    let layout = super::jpeg::layout(bytes).ok()?;
    let end = layout.end(bytes)?;
    if layout.precision != 8 || !matches!(layout.components, 1 | 3) {
        return None;
    }
    let mut jpeg = Jpeg::from_bytes(bytes.get(..end)?.to_vec().into()).ok()?;
    let foreign = |segment: &JpegSegment| match segment.marker() {
        markers::APP2 => {
            segment.contents().starts_with(ICC_PREFIX)
                && segment.contents().get(14..) != Some(super::profile::srgb_profile())
        }
        markers::APP14 => true,
        _ => false,
    };
    if jpeg.segments().iter().any(foreign) {
        return None;
    }
    jpeg.segments_mut().retain(|segment| {
        let marker = segment.marker();
        let application = (markers::APP0..=markers::APP15).contains(&marker);
        let jfif = marker == markers::APP0 && segment.contents().starts_with(b"JFIF\0");
        jfif || !application && marker != markers::COM
    });
    let place = usize::from(
        jpeg.segments()
            .first()
            .is_some_and(|segment| segment.marker() == markers::APP0),
    );
    let profile = [ICC_PREFIX, &[1, 1], super::profile::srgb_profile()].concat();
    jpeg.segments_mut().insert(
        place,
        JpegSegment::new_with_contents(markers::APP2, profile.into()),
    );
    let mut bare = Vec::with_capacity(jpeg.len());
    jpeg.encoder().write_to(&mut bare).ok()?;
    Some(bare)
}

fn is_xmp(segment: &JpegSegment) -> bool {
    segment.marker() == markers::APP1 && segment.contents().starts_with(XMP_PREFIX)
}

fn is_photoshop(segment: &JpegSegment) -> bool {
    segment.marker() == markers::APP13 && segment.contents().starts_with(PHOTOSHOP_PREFIX)
}

/// The image resource 0x0404 with the IIM records, alone in its segment.
fn photoshop_segment(fields: &IptcFields) -> Vec<u8> {
    let mut records = Vec::new();
    // 1:90 says that texts are UTF-8, 2:00 that the record has version 4.
    dataset(&mut records, 1, 90, b"\x1b%G");
    dataset(&mut records, 2, 0, &[0, 4]);
    for (number, text, limit) in [
        (40, &fields.special_instructions, 256),
        (105, &fields.headline, 256),
        (120, &fields.caption, 2000),
    ] {
        if let Some(text) = text {
            dataset(&mut records, 2, number, cut(text, limit).as_bytes());
        }
    }
    let mut segment = PHOTOSHOP_PREFIX.to_vec();
    segment.extend_from_slice(b"8BIM\x04\x04\0\0");
    segment.extend_from_slice(&(records.len() as u32).to_be_bytes());
    segment.extend_from_slice(&records);
    if records.len() % 2 == 1 {
        segment.push(0);
    }
    segment
}

fn dataset(records: &mut Vec<u8>, record: u8, number: u8, data: &[u8]) {
    records.extend_from_slice(&[0x1c, record, number]);
    records.extend_from_slice(&(data.len() as u16).to_be_bytes());
    records.extend_from_slice(data);
}

/// The longest beginning of at most `limit` bytes that ends between characters.
fn cut(text: &str, limit: usize) -> &str {
    let mut end = text.len().min(limit);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// What a JPEG carries beside its pixels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// The name of every segment that is neither coding table nor frame, in order: `JFIF`, `ICC`,
    /// `XMP`, `IPTC`, `EXIF`, `comment`, or `APPn` for any other.
    pub segments: Vec<String>,
    /// The embedded ICC profile, where it is in one segment.
    pub icc: Option<Vec<u8>>,
    /// The XMP packet.
    pub xmp: Option<String>,
    /// The IPTC fields.
    pub iptc: Option<IptcFields>,
    /// Bytes behind the end of the picture, where phones hide second pictures and videos.
    pub trailing_bytes: usize,
}

impl Inspection {
    /// What could carry private data: everything but JFIF, the colour profile, and the XMP and
    /// IPTC that this tool wrote.
    #[must_use]
    pub fn private_parts(&self) -> Vec<String> {
        let mut parts: Vec<String> = self
            .segments
            .iter()
            .filter(|name| !matches!(name.as_str(), "JFIF" | "ICC" | "XMP" | "IPTC"))
            .cloned()
            .collect();
        if self.trailing_bytes > 0 {
            parts.push(format!("{} bytes behind the picture", self.trailing_bytes));
        }
        parts
    }
}

/// Lists what a JPEG carries beside its pixels.
///
/// # Errors
/// [`MetadataError::NotJpeg`].
pub fn inspect(jpeg: &[u8]) -> Result<Inspection, MetadataError> {
    let parsed = Jpeg::from_bytes(jpeg.to_vec().into())?;
    let end = super::jpeg::layout(jpeg)
        .ok()
        .and_then(|layout| layout.end(jpeg));
    let mut inspection = Inspection {
        trailing_bytes: end.map_or(0, |end| jpeg.len() - end),
        ..Inspection::default()
    };
    for segment in parsed.segments() {
        let contents = segment.contents();
        let marker = segment.marker();
        let name = match marker {
            markers::APP0 if contents.starts_with(b"JFIF\0") => "JFIF".to_owned(),
            markers::APP1 if contents.starts_with(b"Exif\0") => "EXIF".to_owned(),
            markers::APP2 if contents.starts_with(ICC_PREFIX) => {
                inspection.icc = contents.get(14..).map(<[u8]>::to_vec);
                "ICC".to_owned()
            }
            _ if is_xmp(segment) => {
                inspection.xmp = contents
                    .get(XMP_PREFIX.len()..)
                    .map(|packet| String::from_utf8_lossy(packet).into_owned());
                "XMP".to_owned()
            }
            _ if is_photoshop(segment) => {
                inspection.iptc = Some(read_photoshop(contents));
                "IPTC".to_owned()
            }
            markers::APP0..=markers::APP15 => format!("APP{}", marker - markers::APP0),
            markers::COM => "comment".to_owned(),
            _ => continue,
        };
        inspection.segments.push(name);
    }
    Ok(inspection)
}

fn read_photoshop(contents: &[u8]) -> IptcFields {
    let mut fields = IptcFields::default();
    let Some(start) = contents
        .windows(6)
        .position(|window| window == b"8BIM\x04\x04")
    else {
        return fields;
    };
    let mut rest = contents.get(start + 12..).unwrap_or_default();
    while let [0x1c, record, number, high, low, data @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let text = data
            .get(..length)
            .map(|data| String::from_utf8_lossy(data).into_owned());
        match (record, number) {
            (2, 40) => fields.special_instructions = text,
            (2, 105) => fields.headline = text,
            (2, 120) => fields.caption = text,
            _ => {}
        }
        rest = data.get(length..).unwrap_or_default();
    }
    fields
}
