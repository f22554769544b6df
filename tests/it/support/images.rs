//! Small pictures made for the tests.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use remedia::imaging::{JpegOptions, Picture, encode_jpeg};

use super::shoot::{Taking, photo_of};

/// A small JPEG whose content depends on `seed`.
pub(crate) fn jpeg(seed: u8) -> Vec<u8> {
    sized_jpeg(seed, 48, 32)
}

pub(crate) fn sized_jpeg(seed: u8, width: usize, height: usize) -> Vec<u8> {
    let samples = (0..width * height * 3)
        .map(|index| (index / 3 % width * 3) as u8 ^ seed)
        .collect();
    let picture = Picture::from_eight(width, height, samples).unwrap();
    encode_jpeg(&picture, &JpegOptions::default()).unwrap()
}

/// EXIF exposure facts of a test photo.
#[derive(Clone, Copy)]
pub(crate) struct Shot {
    pub(crate) seconds: (u32, u32),
    pub(crate) iso: u16,
    pub(crate) bias: Option<i32>,
    pub(crate) taken: &'static str,
    pub(crate) focal_length: u32,
}

pub(crate) const SHOT: Shot = Shot {
    seconds: (1, 60),
    iso: 200,
    bias: None,
    taken: "2025:04:12 10:00:17",
    focal_length: 19,
};

/// A photo of the room `seed / 100` as bright as its exposure time makes it, with EXIF written by the library that
/// also reads it, in front of the other segments.
pub(crate) fn shot_jpeg(seed: u8, shot: Shot) -> Vec<u8> {
    use exif::experimental::Writer;
    use exif::{Field, In, Rational, SRational, Tag, Value};
    let field = |tag, value| Field {
        tag,
        ifd_num: In::PRIMARY,
        value,
    };
    let rational = |num, denom| Value::Rational(vec![Rational { num, denom }]);
    let mut fields = vec![
        field(Tag::ExposureTime, rational(shot.seconds.0, shot.seconds.1)),
        field(Tag::FNumber, rational(56, 10)),
        field(Tag::PhotographicSensitivity, Value::Short(vec![shot.iso])),
        field(Tag::FocalLength, rational(shot.focal_length, 1)),
        field(
            Tag::DateTimeOriginal,
            Value::Ascii(vec![shot.taken.as_bytes().to_vec()]),
        ),
    ];
    if let Some(num) = shot.bias {
        fields.push(field(
            Tag::ExposureBiasValue,
            Value::SRational(vec![SRational { num, denom: 1 }]),
        ));
    }
    let mut writer = Writer::new();
    for field in &fields {
        writer.push_field(field);
    }
    let mut block = std::io::Cursor::new(Vec::new());
    writer.write(&mut block, false).unwrap();
    let block = block.into_inner();
    let seconds = f64::from(shot.seconds.0) / f64::from(shot.seconds.1);
    let taking = Taking::at((seconds * 60.0).log2());
    let plain = photo_of(u64::from(seed) / 100, taking, u64::from(seed));
    let mut bytes = plain[..2].to_vec();
    bytes.extend([0xff, 0xe1]);
    bytes.extend((block.len() as u16 + 8).to_be_bytes());
    bytes.extend(b"Exif\0\0");
    bytes.extend(block);
    bytes.extend(&plain[2..]);
    bytes
}
