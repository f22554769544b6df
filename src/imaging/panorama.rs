//! What a photo's XMP says of the panorama that it is: Google's GPano properties, which every 360° camera
//! writes and every viewer reads ("Photo Sphere XMP Metadata", Google, 2014). Read from JPEG (APP1), PNG
//! (`iTXt`), WebP (`XMP `) and TIFF (tag 700) without an XML reader: names and numbers are looked for as they
//! are written, as attributes or as elements.

use super::blocks::xmp_packet;
use crate::domain::listing::{Panorama, Projection};

const NAMESPACE: &str = "http://ns.google.com/photos/1.0/panorama/";

/// No panorama has a longer side, in pixels.
const LONGEST: f64 = 1_048_576.0;

/// How far width and height may disagree about the scale between the pixels and what GPano says of them.
const ASPECT_TOLERANCE: f64 = 0.01;

/// What GPano says of a picture of `width` by `height` stored pixels, in such pixels; nothing where it says
/// nothing, or something that does not fit the picture.
#[must_use]
pub fn panorama(bytes: &[u8], width: u32, height: u32) -> Option<Panorama> {
    let xmp = xmp_packet(bytes)?;
    let text = String::from_utf8_lossy(&xmp);
    described(&text, width, height)
}

fn described(xmp: &str, width: u32, height: u32) -> Option<Panorama> {
    let prefix = prefix(xmp)?;
    let number = |name: &str| {
        let value: f64 = value(xmp, prefix, name)?.parse().ok()?;
        value.is_finite().then_some(value)
    };
    let side = |name: &str| number(name).filter(|side| (1.0..=LONGEST).contains(side));
    let offset = |name: &str| number(name).filter(|side| (0.0..=LONGEST).contains(side));
    let (own_width, own_height) = (f64::from(width), f64::from(height));
    let area_width = side("CroppedAreaImageWidthPixels").unwrap_or(own_width);
    let area_height = side("CroppedAreaImageHeightPixels").unwrap_or(own_height);
    let full_width = side("FullPanoWidthPixels").unwrap_or(area_width);
    let full_height = side("FullPanoHeightPixels").unwrap_or(area_height);
    let left = offset("CroppedAreaLeftPixels").unwrap_or(0.0);
    let top = offset("CroppedAreaTopPixels").unwrap_or(0.0);
    let is_sphere =
        (full_width - 2.0 * full_height).abs() < 1.0 && width == height.saturating_mul(2);
    let projection = match value(xmp, prefix, "ProjectionType") {
        Some("equirectangular") => Projection::Equirectangular,
        Some("cylindrical") => Projection::Cylindrical,
        None if is_sphere => Projection::Equirectangular,
        _ => return None,
    };
    // Programs that make a picture smaller often leave the numbers of the larger one; those that cut a piece
    // out of it leave numbers that nothing can be made of.
    let (across, down) = (own_width / area_width, own_height / area_height);
    let fits = (across / down - 1.0).abs() <= ASPECT_TOLERANCE
        && left + area_width <= full_width + 1.0
        && top + area_height <= full_height + 1.0;
    if !fits {
        return None;
    }
    let degrees = |name: &str| number(name).filter(|degrees| degrees.abs() <= 360.0);
    let panorama = Panorama {
        projection,
        full_width: scaled(full_width, across),
        full_height: scaled(full_height, down),
        left: scaled(left, across),
        top: scaled(top, down),
        width,
        height,
        heading: degrees("PoseHeadingDegrees"),
        pitch: degrees("PosePitchDegrees"),
        roll: degrees("PoseRollDegrees"),
        initial_heading: degrees("InitialViewHeadingDegrees"),
        initial_pitch: degrees("InitialViewPitchDegrees"),
        initial_roll: degrees("InitialViewRollDegrees"),
    };
    Some(panorama.within_itself())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be within a picture's sides"
)]
fn scaled(value: f64, scale: f64) -> u32 {
    (value * scale).round().clamp(0.0, 2.0 * LONGEST) as u32
}

/// The prefix that the packet gives to GPano's names.
fn prefix(xmp: &str) -> Option<&str> {
    let at = xmp.find(NAMESPACE)?;
    let before = xmp.get(..at)?.trim_end_matches(['"', '\'']).trim_end();
    let before = before.strip_suffix('=')?.trim_end();
    let (_, prefix) = before.rsplit_once("xmlns:")?;
    let plain = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then_some(prefix)
}

/// The value of a property, written as an attribute or as an element.
fn value<'x>(xmp: &'x str, prefix: &str, name: &str) -> Option<&'x str> {
    let wanted = format!("{prefix}:{name}");
    xmp.match_indices(&wanted).find_map(|(at, _)| {
        let rest = xmp.get(at + wanted.len()..)?.trim_start();
        let value = if let Some(rest) = rest.strip_prefix('=') {
            let rest = rest.trim_start();
            let quote = rest
                .chars()
                .next()
                .filter(|quote| matches!(quote, '"' | '\''))?;
            rest.get(1..)?.split(quote).next()?
        } else {
            rest.strip_prefix('>')?.split('<').next()?
        };
        let value = value.trim();
        (!value.is_empty() && value.len() <= 64).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTRIBUTES: &str = r#"<rdf:Description rdf:about="" xmlns:GPano="http://ns.google.com/photos/1.0/panorama/"
        GPano:ProjectionType="equirectangular" GPano:UsePanoramaViewer="True"
        GPano:CroppedAreaImageWidthPixels="5376" GPano:CroppedAreaImageHeightPixels="2688"
        GPano:FullPanoWidthPixels="5376" GPano:FullPanoHeightPixels="2688"
        GPano:CroppedAreaLeftPixels="0" GPano:CroppedAreaTopPixels="0"
        GPano:PoseHeadingDegrees="113.5" GPano:PosePitchDegrees="-1.25"/>"#;

    const ELEMENTS: &str = "<rdf:Description xmlns:p = 'http://ns.google.com/photos/1.0/panorama/'>
        <p:ProjectionType> equirectangular </p:ProjectionType>
        <p:FullPanoWidthPixels>8000</p:FullPanoWidthPixels>
        <p:FullPanoHeightPixels>4000.0</p:FullPanoHeightPixels>
        <p:CroppedAreaImageWidthPixels>4000</p:CroppedAreaImageWidthPixels>
        <p:CroppedAreaImageHeightPixels>2000</p:CroppedAreaImageHeightPixels>
        <p:CroppedAreaLeftPixels>1000</p:CroppedAreaLeftPixels>
        <p:CroppedAreaTopPixels>900</p:CroppedAreaTopPixels></rdf:Description>";

    #[test]
    fn both_ways_of_writing_are_read() {
        let whole = described(ATTRIBUTES, 5376, 2688).unwrap();
        assert_eq!((whole.full_width, whole.full_height), (5376, 2688));
        assert_eq!((whole.heading, whole.pitch), (Some(113.5), Some(-1.25)));
        assert!(whole.goes_round());
        let part = described(ELEMENTS, 4000, 2000).unwrap();
        assert_eq!((part.full_width, part.left, part.top), (8000, 1000, 900));
        assert!(!part.goes_round());
    }

    #[test]
    fn numbers_of_a_larger_picture_are_scaled_and_foreign_ones_refused() {
        let half = described(ELEMENTS, 2000, 1000).unwrap();
        assert_eq!(
            (half.full_width, half.full_height, half.left, half.top),
            (4000, 2000, 500, 450)
        );
        assert_eq!(described(ATTRIBUTES, 4000, 3000), None);
        assert_eq!(described("<x xmlns:a='b'/>", 200, 100), None);
        let bare = ATTRIBUTES.replace("equirectangular", "rectilinear");
        assert_eq!(described(&bare, 5376, 2688), None);
        let unsaid = ATTRIBUTES.replace("GPano:ProjectionType=\"equirectangular\"", "");
        assert!(described(&unsaid, 5376, 2688).is_some());
        assert!(described(&unsaid, 5000, 2688).is_none());
    }

    #[test]
    fn packets_are_found_in_every_container() {
        let packet = ATTRIBUTES.as_bytes();
        let segment = [b"http://ns.adobe.com/xap/1.0/\0".as_slice(), packet].concat();
        let mut jpeg = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xff, 0xe1];
        jpeg.extend((segment.len() as u16 + 2).to_be_bytes());
        jpeg.extend(&segment);
        jpeg.extend([0xff, 0xda, 0, 2]);
        let text = [b"XML:com.adobe.xmp\0\0\0en\0\0".as_slice(), packet].concat();
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        for (name, data) in [(b"IHDR", vec![0; 13]), (b"iTXt", text)] {
            png.extend((data.len() as u32).to_be_bytes());
            png.extend(name);
            png.extend(data);
            png.extend([0; 4]);
        }
        let mut webp = b"RIFF\0\0\0\0WEBPXMP ".to_vec();
        webp.extend((packet.len() as u32).to_le_bytes());
        webp.extend(packet);
        // Width and height as LONG, and the packet behind the directory.
        let mut tiff = b"MM\0\x2a\0\0\0\x08\0\x03".to_vec();
        for (tag, kind, count, value) in [
            (256_u16, 4_u16, 1, 5376),
            (257, 4, 1, 2688),
            (700, 1, packet.len() as u32, 50),
        ] {
            tiff.extend(tag.to_be_bytes());
            tiff.extend(kind.to_be_bytes());
            tiff.extend(count.to_be_bytes());
            tiff.extend(u32::to_be_bytes(value));
        }
        tiff.extend([0; 4]);
        tiff.extend(packet);
        for (name, file) in [("jpeg", jpeg), ("png", png), ("webp", webp), ("tiff", tiff)] {
            assert!(panorama(&file, 5376, 2688).is_some(), "{name}");
            for end in 0..file.len() {
                let _ = panorama(&file[..end], 5376, 2688);
            }
        }
    }
}
