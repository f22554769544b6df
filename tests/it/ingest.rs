//! Reading a folder through the public API: the fixture listing, `listing.toml`, brackets, rooms.

use std::path::{Path, PathBuf};

use remedia::domain::listing::{BracketEvidence, LeftOutCode, Listing, Photo, RoomOrigin};
use remedia::domain::room::Room;
use remedia::imaging::{DecodeLimits, JpegOptions, Picture, encode_jpeg};
use remedia::ingest::{
    BracketMode, IngestError, IngestOptions, PhotoError, read_listing, read_photo_bytes,
};

use crate::support::fixture;

fn read(folder: &Path) -> Result<Listing, IngestError> {
    read_with(folder, &IngestOptions::default())
}

fn read_with(folder: &Path, options: &IngestOptions) -> Result<Listing, IngestError> {
    read_listing(folder, options, &|_, _| {})
}

/// A small JPEG whose content depends on `seed`.
fn jpeg(seed: u8) -> Vec<u8> {
    sized_jpeg(seed, 48, 32)
}

fn sized_jpeg(seed: u8, width: usize, height: usize) -> Vec<u8> {
    let samples = (0..width * height * 3)
        .map(|index| (index / 3 % width * 3) as u8 ^ seed)
        .collect();
    let picture = Picture::from_eight(width, height, samples).unwrap();
    encode_jpeg(&picture, &JpegOptions::default()).unwrap()
}

/// EXIF exposure facts of a test photo.
#[derive(Clone, Copy)]
struct Shot {
    seconds: (u32, u32),
    iso: u16,
    bias: Option<i32>,
    taken: &'static str,
    focal_length: u32,
}

const SHOT: Shot = Shot {
    seconds: (1, 60),
    iso: 200,
    bias: None,
    taken: "2025:04:12 10:00:17",
    focal_length: 19,
};

/// A JPEG with EXIF written by the library that also reads it, in front of the other segments.
fn shot_jpeg(seed: u8, shot: Shot) -> Vec<u8> {
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
    let plain = jpeg(seed);
    let mut bytes = plain[..2].to_vec();
    bytes.extend([0xff, 0xe1]);
    bytes.extend((block.len() as u16 + 8).to_be_bytes());
    bytes.extend(b"Exif\0\0");
    bytes.extend(block);
    bytes.extend(&plain[2..]);
    bytes
}

fn folder_of(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
    }
    folder
}

fn names(listing: &Listing) -> Vec<&str> {
    listing
        .photos
        .iter()
        .map(|photo| photo.file.as_str())
        .collect()
}

fn photo<'a>(listing: &'a Listing, file: &str) -> &'a Photo {
    listing
        .photos
        .iter()
        .find(|photo| photo.file == file)
        .unwrap()
}

/// The brackets as file names, the reference in brackets.
fn groups(listing: &Listing) -> Vec<String> {
    let describe = |bracket: &remedia::domain::listing::Bracket| {
        let exposures: Vec<String> = bracket
            .exposures
            .iter()
            .map(|exposure| {
                let file = &listing.photo(&exposure.photo).unwrap().file;
                let value = exposure
                    .exposure_value
                    .map_or("?".to_owned(), |value| format!("{value:+}"));
                let mark = if exposure.photo == bracket.reference {
                    "*"
                } else {
                    ""
                };
                format!("{file}{mark} {value}")
            })
            .collect();
        format!("{:?}: {}", bracket.evidence, exposures.join(", "))
    };
    listing.brackets.iter().map(describe).collect()
}

#[test]
fn the_fixture_listing() {
    let listing = read(&fixture("listings/maple-street")).unwrap();
    assert_eq!(listing.slug, "maple-street");
    assert_eq!(listing.title, "Maple Street");
    assert_eq!(
        names(&listing),
        [
            "01-living-a.jpg",
            "01-living-a_bracket+0.jpg",
            "01-living-a_bracket+2.jpg",
            "01-living-a_bracket-2.jpg",
            "02-living-b.jpg",
            "03-bedroom.jpg",
            "04-kitchen.jpg",
            "05-bathroom.jpg",
            "06-exterior.jpg",
        ]
    );
    assert!(listing.left_out.is_empty());
    let rooms: Vec<Option<Room>> = listing.photos.iter().map(|photo| photo.room).collect();
    assert_eq!(
        rooms[4..],
        [
            Some(Room::LivingRoom),
            Some(Room::Bedroom),
            Some(Room::Kitchen),
            Some(Room::Bathroom),
            Some(Room::FrontOfStructure),
        ]
    );
    let bathroom = photo(&listing, "05-bathroom.jpg");
    assert_eq!(
        (bathroom.width, bathroom.height, bathroom.orientation),
        (1536, 1024, 6)
    );
    assert_eq!(bathroom.capture.iso, Some(1000));
    assert_eq!(bathroom.capture.exposure_seconds, Some(0.025));
    assert_eq!(
        bathroom.capture.taken.as_deref(),
        Some("2025-04-12T10:12:17")
    );
    // The single shot at ISO 640 is no part of the bracket at ISO 200 of the same second.
    assert_eq!(
        groups(&listing),
        [
            "FileName: 01-living-a_bracket-2.jpg -2, 01-living-a_bracket+0.jpg* +0, \
         01-living-a_bracket+2.jpg +2"
        ]
    );
}
