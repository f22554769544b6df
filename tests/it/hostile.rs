//! Odd, broken and hostile input: no panic, no hang, nothing read outside the folder, and a clear
//! reason for each. The pictures in `fixtures/images` all show the same scene (32 x 24 pixels, the
//! left half red, the right half blue, 8 x 8 pixels of white in the upper left corner), written in
//! as many ways as files come.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use remedia::domain::listing::{LeftOutCode, Listing};
use remedia::imaging::{
    self, DecodeError, DecodeLimits, IptcFields, JpegOptions, OutputMetadata, Picture, Samples,
    metadata,
};
use remedia::ingest::{IngestError, IngestOptions, read_listing};

use crate::support::fixture;
use crate::support::images::{SHOT, jpeg, shot_jpeg, sized_jpeg};

fn limits() -> DecodeLimits {
    DecodeLimits::default()
}

fn image(name: &str) -> Vec<u8> {
    fs_err::read(fixture("images").join(name)).unwrap()
}

/// The 8-bit colour at a point.
fn color(picture: &Picture, x: usize, y: usize) -> [i32; 3] {
    let start = (y * picture.width + x) * 3;
    [0, 1, 2].map(|channel| match &picture.samples {
        Samples::Eight(samples) => i32::from(samples[start + channel]),
        Samples::Sixteen(samples) => i32::from(samples[start + channel]) / 257,
    })
}

fn assert_color(picture: &Picture, at: (usize, usize), expected: [i32; 3], what: &str) {
    let found = color(picture, at.0, at.1);
    let close = found
        .iter()
        .zip(expected)
        .all(|(found, expected)| (found - expected).abs() <= 8);
    assert!(close, "{what} at {at:?}: {found:?}, expected {expected:?}");
}

const RED: [i32; 3] = [220, 40, 40];
const BLUE: [i32; 3] = [30, 60, 200];
const WHITE: [i32; 3] = [255, 255, 255];

fn assert_scene(picture: &Picture, gray: bool, what: &str) {
    assert_eq!((picture.width, picture.height), (32, 24), "{what}");
    let luma = |color: [i32; 3]| [(color[0] * 299 + color[1] * 587 + color[2] * 114) / 1000; 3];
    for (at, expected) in [
        ((3, 3), WHITE),
        ((4, 20), RED),
        ((26, 4), BLUE),
        ((28, 20), BLUE),
    ] {
        let expected = if gray { luma(expected) } else { expected };
        assert_color(picture, at, expected, what);
    }
}

#[test]
fn the_same_scene_from_every_kind_of_file() {
    for name in [
        "baseline.jpg",
        "progressive.jpg",
        "restart.jpg",
        "rgb-stored.jpg",
        "cmyk.jpg",
        "plain.png",
        "palette.png",
        "rgb16.png",
        "alpha.png",
        "alpha.webp",
        "lossy.webp",
        "lossless.webp",
        "plain.tif",
        "lzw.tif",
        "rgb16.tif",
        "cmyk.tif",
    ] {
        let bytes = image(name);
        let picture = imaging::decode(&bytes, &limits()).unwrap();
        assert_scene(&picture, false, name);
        let header = imaging::probe(&bytes).unwrap();
        assert_eq!((header.width, header.height), (32, 24), "{name}");
        let sixteen = name.contains("16");
        assert_eq!(
            header.bits_per_sample,
            if sixteen { 16 } else { 8 },
            "{name}"
        );
        let is_sixteen = matches!(picture.samples, Samples::Sixteen(_));
        assert_eq!(is_sixteen, sixteen, "{name}");
        imaging::check_complete(&bytes, header.format).unwrap();
    }
    for name in ["gray.jpg", "gray.png", "gray16.png"] {
        let picture = imaging::decode(&image(name), &limits()).unwrap();
        assert_scene(&picture, true, name);
    }
}

/// The scene as inks, 0 is none; the encoder stores them inverted, as Adobe does.
fn inks() -> Vec<u8> {
    let mut inks = Vec::new();
    for y in 0..24 {
        for x in 0..32 {
            let color = match (x, y) {
                (0..8, 0..8) => WHITE,
                (0..16, _) => RED,
                _ => BLUE,
            };
            inks.extend(color.map(|value| 255 - value as u8));
            inks.push(0);
        }
    }
    inks
}

#[test]
fn cmyk_and_ycck_as_adobe_stores_them() {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
    for kind in [ColorType::Cmyk, ColorType::CmykAsYcck] {
        for progressive in [false, true] {
            let mut bytes = Vec::new();
            let mut encoder = Encoder::new(&mut bytes, 95);
            encoder.set_sampling_factor(SamplingFactor::F_1_1);
            encoder.set_progressive(progressive);
            encoder.encode(&inks(), 32, 24, kind).unwrap();
            let picture = imaging::decode(&bytes, &limits()).unwrap();
            assert_scene(
                &picture,
                false,
                &format!("{kind:?}, progressive {progressive}"),
            );
        }
    }
}

/// The bytes of a JPEG with another segment behind its start marker.
fn with_segment(jpeg: &[u8], marker: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend([0xff, marker]);
    bytes.extend((data.len() as u16 + 2).to_be_bytes());
    bytes.extend(data);
    bytes.extend(&jpeg[2..]);
    bytes
}

/// An EXIF block with these directory entries (tag, type, count, value) and this next directory.
fn exif(entries: &[(u16, u16, u32, u32)], next: u32) -> Vec<u8> {
    let mut block = b"Exif\0\0MM\0*\0\0\0\x08".to_vec();
    block.extend((entries.len() as u16).to_be_bytes());
    for (tag, kind, count, value) in entries {
        block.extend(tag.to_be_bytes());
        block.extend(kind.to_be_bytes());
        block.extend(count.to_be_bytes());
        block.extend(value.to_be_bytes());
    }
    block.extend(next.to_be_bytes());
    block
}

#[test]
fn every_orientation_is_turned_upright() {
    // Where the white corner of the stored picture ends up: right, down.
    for (orientation, right, down) in [
        (1, false, false),
        (2, true, false),
        (3, true, true),
        (4, false, true),
        (5, false, false),
        (6, true, false),
        (7, true, true),
        (8, false, true),
    ] {
        let block = exif(&[(0x0112, 3, 1, orientation << 16)], 0);
        let bytes = with_segment(&image("baseline.jpg"), 0xe1, &block);
        let header = imaging::probe(&bytes).unwrap();
        assert_eq!(u32::from(header.orientation), orientation);
        let picture = imaging::decode(&bytes, &limits()).unwrap();
        let size = if orientation < 5 { (32, 24) } else { (24, 32) };
        assert_eq!((picture.width, picture.height), size);
        assert_eq!((header.width as usize, header.height as usize), size);
        let x = if right { size.0 - 4 } else { 3 };
        let y = if down { size.1 - 4 } else { 3 };
        assert_color(
            &picture,
            (x, y),
            WHITE,
            &format!("orientation {orientation}"),
        );
        // The other end of the same row or column tells the mirrored ones apart.
        let along = if orientation < 5 {
            (size.0 - 1 - x, y)
        } else {
            (x, size.1 - 1 - y)
        };
        assert_color(&picture, along, BLUE, &format!("orientation {orientation}"));
    }
}

#[test]
fn odd_exif_never_fails_a_photo() {
    let base = image("baseline.jpg");
    let huge = [
        (0x0112, 3, u32::MAX, 0),
        (0x829a, 5, u32::MAX, 8),
        (0x8769, 4, 1, 8),
    ];
    let fields: Vec<_> = (0..5000).map(|tag| (tag, 2, 60_000, 8)).collect();
    for (what, block) in [
        (
            "next directory is itself",
            exif(&[(0x0112, 3, 1, 1 << 16)], 8),
        ),
        ("EXIF directory is the first", exif(&[(0x8769, 4, 1, 8)], 0)),
        ("huge counts", exif(&huge, u32::MAX)),
        ("thousands of overlapping fields", exif(&fields, 0)),
        ("unknown orientation", exif(&[(0x0112, 3, 1, 9 << 16)], 0)),
        (
            "orientation of the wrong type",
            exif(&[(0x0112, 2, 4, 0x3131_3131)], 0),
        ),
        ("cut short", b"Exif\0\0MM\0*\0\0".to_vec()),
        ("nothing behind the name", b"Exif\0".to_vec()),
        ("no TIFF", b"Exif\0\0garbage garbage".to_vec()),
    ] {
        let bytes = with_segment(&base, 0xe1, &block);
        let start = Instant::now();
        assert_eq!(imaging::probe(&bytes).unwrap().orientation, 1, "{what}");
        let _ = imaging::capture(&bytes);
        assert_scene(&imaging::decode(&bytes, &limits()).unwrap(), false, what);
        assert!(start.elapsed() < Duration::from_secs(5), "{what}");
    }
    let zero = exif(&[(0x829a, 5, 1, 8), (0x8827, 3, 1, 0)], 0);
    let capture = imaging::capture(&with_segment(&base, 0xe1, &zero));
    assert_eq!((capture.exposure_seconds, capture.iso), (None, None));
    let capture = imaging::capture(&shot_jpeg(1, SHOT));
    assert_eq!(capture.exposure_seconds, Some(1.0 / 60.0));
    assert_eq!(capture.taken.as_deref(), Some("2025-04-12T10:00:17"));
}

fn with_profile(jpeg: &[u8], profile: &[u8]) -> Vec<u8> {
    let data = [b"ICC_PROFILE\0\x01\x01", profile].concat();
    with_segment(jpeg, 0xe2, &data)
}

#[test]
fn profiles_are_converted_and_broken_ones_count_as_srgb() {
    let base = image("baseline.jpg");
    let srgb = imaging::srgb_profile();
    let mut cut = srgb.to_vec();
    cut.truncate(200);
    let mut scrambled = srgb.to_vec();
    scrambled[128..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    let gray = moxcms::ColorProfile::new_gray_with_gamma(2.2)
        .encode()
        .unwrap();
    for (what, profile) in [
        ("sRGB", srgb),
        ("cut short", &cut),
        ("scrambled", &scrambled),
        ("of another kind", &gray),
        ("empty", &[]),
        ("text", b"this is no profile"),
    ] {
        let picture = imaging::decode(&with_profile(&base, profile), &limits()).unwrap();
        assert_scene(&picture, false, what);
    }
    // Computed from the primaries and transfer curves of the three standards.
    for (profile, red, blue) in [
        (
            moxcms::ColorProfile::new_display_p3(),
            [240, 0, 21],
            [17, 61, 208],
        ),
        (
            moxcms::ColorProfile::new_adobe_rgb(),
            [255, 35, 35],
            [0, 57, 205],
        ),
    ] {
        let bytes = with_profile(&base, &profile.encode().unwrap());
        let picture = imaging::decode(&bytes, &limits()).unwrap();
        assert_color(&picture, (3, 3), WHITE, "white");
        assert_color(&picture, (4, 20), red, "red");
        assert_color(&picture, (28, 20), blue, "blue");
    }
}

const COMPLETE: &[&str] = &[
    "baseline.jpg",
    "progressive.jpg",
    "restart.jpg",
    "rgb-stored.jpg",
    "gray.jpg",
    "cmyk.jpg",
    "plain.png",
    "palette.png",
    "gray16.png",
    "rgb16.png",
    "alpha.png",
    "alpha.webp",
    "lossy.webp",
    "lossless.webp",
    "plain.tif",
    "lzw.tif",
    "rgb16.tif",
    "cmyk.tif",
];

#[test]
fn a_file_cut_anywhere_is_an_error() {
    for name in COMPLETE {
        let bytes = image(name);
        // Padding, checksums and end markers carry nothing of the picture.
        let until = bytes.len() - 13;
        for length in (0..=until).rev().step_by(1 + bytes.len() / 150) {
            let cut = &bytes[..length];
            let decoded = imaging::decode(cut, &limits());
            assert!(
                decoded.is_err(),
                "{name} cut to {length} of {}",
                bytes.len()
            );
            let _ = imaging::capture(cut);
        }
    }
}

#[test]
fn a_cut_file_is_known_without_decoding_it() {
    for name in [
        "baseline.jpg",
        "progressive.jpg",
        "plain.png",
        "lossy.webp",
        "plain.tif",
    ] {
        let bytes = image(name);
        let header = imaging::probe(&bytes).unwrap();
        let cut = &bytes[..bytes.len() * 3 / 4];
        let known =
            imaging::probe(cut).is_err() || imaging::check_complete(cut, header.format).is_err();
        assert!(known, "{name}");
    }
}

#[test]
fn bombs_are_refused_before_memory_is_spent() {
    let png = |width: u32, height: u32| {
        let mut bytes = image("plain.png");
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        bytes
    };
    let mut jpeg = image("baseline.jpg");
    let frame = jpeg
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
    let mut webp = image("alpha.webp");
    let lossless = webp.windows(4).position(|name| name == b"VP8L").unwrap();
    webp[lossless + 9..lossless + 13].copy_from_slice(&[0xff, 0xff, 0xff, 0x0f]);
    let mut tiff = image("rgb16.tif");
    // Width, height and rows per strip, turned from SHORT to LONG.
    for entry in [10, 22, 94] {
        tiff[entry + 2..entry + 4].copy_from_slice(&4_u16.to_be_bytes());
        tiff[entry + 8..entry + 12].copy_from_slice(&60_000_u32.to_be_bytes());
    }
    for (what, bytes) in [
        ("PNG", png(65_535, 65_535)),
        ("PNG of one row", png(i32::MAX as u32, 1)),
        ("JPEG", jpeg),
        ("WebP", webp),
        ("TIFF", tiff),
    ] {
        let start = Instant::now();
        let error = imaging::decode(&bytes, &limits()).unwrap_err();
        let beyond = matches!(error, DecodeError::TooManyPixels { .. });
        assert!(beyond, "{what}: {error}");
        assert!(start.elapsed() < Duration::from_secs(2), "{what}");
    }
    // Within the limits, but with far too little data for the claim.
    let start = Instant::now();
    assert!(imaging::decode(&png(12_000, 12_000), &limits()).is_err());
    assert!(start.elapsed() < Duration::from_secs(5));
    for (width, height) in [(0, 24), (32, 0), (0, 0)] {
        let error = imaging::decode(&png(width, height), &limits()).unwrap_err();
        assert!(error.to_string().contains("zero"), "{error}");
    }
    let small = DecodeLimits {
        max_file_bytes: 100,
        max_pixels: 767,
    };
    let error = imaging::decode(&image("baseline.jpg"), &small).unwrap_err();
    assert!(
        matches!(error, DecodeError::TooManyBytes { limit: 100, .. }),
        "{error}"
    );
    let error = imaging::decode(
        &image("palette.png"),
        &DecodeLimits {
            max_file_bytes: 1000,
            ..small
        },
    );
    let error = error.unwrap_err();
    assert!(
        matches!(error, DecodeError::TooManyPixels { limit: 767, .. }),
        "{error}"
    );
}

#[test]
fn tiles_in_planes_larger_than_the_picture_are_read() {
    let picture = imaging::decode(&image("tiled-planes16.tif"), &limits()).unwrap();
    assert_scene(&picture, false, "tiled-planes16.tif");
}

#[test]
fn other_formats_are_told_what_they_are() {
    for (head, expected) in [
        (&b"\0\0\0\x18ftypavif\0\0\0\0"[..], "an AVIF picture"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"GIF89a\x01\0", "the GIF file is damaged"),
        (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0", "the BMP file is damaged"),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            "an SVG drawing",
        ),
        (b"8BPS\0\x01", "a Photoshop document"),
        (b"II*\0\x10\0\0\0CR\x02\0", "a Canon raw photo (CR2)"),
        (b"FUJIFILMCCD-RAW 0201", "a Fujifilm raw photo (RAF)"),
        (
            b"RIFF\x10\0\0\0WAVEfmt ",
            "content that is not a photo format",
        ),
        (b"", "content that is not a photo format"),
    ] {
        let error = imaging::probe(head).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(imaging::decode(head, &limits()).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes_never_panic(
        which in 0..COMPLETE.len(),
        changes in prop::collection::vec((0_usize..8000, any::<u8>(), 0_u8..4), 1..12),
    ) {
        let mut bytes = image(COMPLETE[which]);
        for (position, value, kind) in changes {
            let position = position % bytes.len();
            match kind {
                0 => bytes[position] = value,
                1 => bytes[position] ^= 1 << (value % 8),
                2 => bytes.insert(position, value),
                _ => { bytes.remove(position); }
            }
            if bytes.is_empty() {
                return Ok(());
            }
        }
        let small = DecodeLimits { max_pixels: 4_000_000, ..limits() };
        let _ = imaging::capture(&bytes);
        let header = imaging::probe(&bytes);
        if let Ok(header) = &header {
            let _ = imaging::check_complete(&bytes, header.format);
        }
        if let Ok(picture) = imaging::decode(&bytes, &small) {
            let header = header.unwrap();
            prop_assert_eq!(picture.width, header.width as usize);
            prop_assert_eq!(picture.height, header.height as usize);
            let samples = match &picture.samples {
                Samples::Eight(samples) => samples.len(),
                Samples::Sixteen(samples) => samples.len(),
            };
            prop_assert_eq!(samples, picture.pixels() * 3);
        }
    }

    #[test]
    fn any_listing_toml_is_read_or_refused(text in "[a-z\\[\\]=\"\n 0-9#.{}]{0,80}") {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("a.jpg"), image("baseline.jpg")).unwrap();
        fs_err::write(folder.path().join("listing.toml"), text).unwrap();
        let _ = read(folder.path());
    }
}

#[test]
fn outputs_carry_nothing_private() {
    let original = fs_err::read(fixture("listings/maple-street/05-bathroom.jpg")).unwrap();
    let before = metadata::inspect(&original).unwrap();
    assert_eq!(before.private_parts(), ["EXIF"]);
    let picture = imaging::decode(&original, &limits()).unwrap();
    let web = imaging::fit(&picture, 256).unwrap();
    for progressive in [false, true] {
        let options = JpegOptions {
            progressive,
            ..JpegOptions::default()
        };
        let bytes = imaging::encode_jpeg(&web, &options).unwrap();
        let plain = metadata::inspect(&bytes).unwrap();
        assert_eq!(plain.segments, ["JFIF", "ICC"]);
        assert_eq!(plain.icc.as_deref(), Some(imaging::srgb_profile()));
        assert_eq!(
            imaging::capture(&bytes),
            remedia::domain::listing::Capture::default()
        );
        let fields = IptcFields {
            headline: Some("Bathroom".to_owned()),
            caption: Some("Küche 🏠 ".repeat(300)),
            special_instructions: Some("Not altered".to_owned()),
        };
        let wanted = OutputMetadata {
            xmp: "<?xpacket begin=\"\"?><x:xmpmeta xmlns:x=\"adobe:ns:meta/\"/>".to_owned(),
            iptc: fields.clone(),
        };
        let tagged = imaging::with_metadata(bytes.clone(), &wanted).unwrap();
        let found = metadata::inspect(&tagged).unwrap();
        assert_eq!(found.segments, ["JFIF", "XMP", "IPTC", "ICC"]);
        assert_eq!(found.private_parts(), [""; 0]);
        assert_eq!(found.xmp.as_deref(), Some(wanted.xmp.as_str()));
        let iptc = found.iptc.unwrap();
        assert_eq!(iptc.headline, fields.headline);
        assert_eq!(iptc.special_instructions, fields.special_instructions);
        let caption = iptc.caption.unwrap();
        assert!(caption.len() <= 2000 && fields.caption.unwrap().starts_with(&caption));
        // The pixels are untouched, and tagging again replaces instead of adding.
        assert_eq!(
            imaging::decode(&tagged, &limits()).unwrap(),
            imaging::decode(&bytes, &limits()).unwrap()
        );
        assert_eq!(
            imaging::with_metadata(tagged.clone(), &wanted).unwrap(),
            tagged
        );
        for private in [
            &b"Exif"[..],
            b"0000-TEST-42",
            b"Test Photographer",
            b"Examplecam",
        ] {
            let found = tagged
                .windows(private.len())
                .any(|window| window == private);
            assert!(!found, "{}", String::from_utf8_lossy(private));
        }
    }
    let hidden = [original.as_slice(), b"a second picture"].concat();
    let parts = metadata::inspect(&hidden).unwrap().private_parts();
    assert_eq!(parts, ["EXIF", "16 bytes behind the picture"]);
    let too_long = OutputMetadata {
        xmp: "x".repeat(70_000),
        ..OutputMetadata::default()
    };
    assert!(imaging::with_metadata(jpeg(1), &too_long).is_err());
    assert!(imaging::with_metadata(b"no JPEG".to_vec(), &OutputMetadata::default()).is_err());
}

fn read(folder: &Path) -> Result<Listing, IngestError> {
    read_listing(folder, &IngestOptions::default(), &|_, _| {})
}

/// File, code and reason of everything that is left out.
fn rows(listing: &Listing) -> Vec<(&str, LeftOutCode, &str)> {
    listing
        .left_out
        .iter()
        .map(|row| (row.file.as_str(), row.code, row.reason.as_str()))
        .collect()
}

fn code_of(listing: &Listing, file: &str) -> LeftOutCode {
    rows(listing)
        .iter()
        .find(|row| row.0 == file)
        .unwrap_or_else(|| panic!("{file} is no row of {:?}", rows(listing)))
        .1
}

#[test]
fn a_broken_photo_is_a_row_and_never_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| fs_err::write(folder.path().join(name), bytes).unwrap();
    put("good.jpg", &jpeg(1));
    put("png in disguise.jpg", &image("plain.png"));
    put("no extension", &image("lossy.webp"));
    put("cut.jpg", &jpeg(2)[..300]);
    put("empty.jpg", b"");
    put("text.jpg", b"hello");
    put("icon.png", &{
        let mut icon = image("plain.png");
        icon[16..24].copy_from_slice(&[0, 0, 0, 8, 0, 0, 0, 8]);
        icon
    });
    put("bomb.png", &{
        let mut bomb = image("plain.png");
        bomb[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
        bomb
    });
    put("phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic");
    put("disguised.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic");
    put("camera.nef", &image("plain.tif"));
    put("anim.gif", b"GIF89a\x01\0\x01\0");
    put("notes.txt", b"hello");
    let listing = read(folder.path()).unwrap();
    let names: Vec<&str> = listing
        .photos
        .iter()
        .map(|photo| photo.file.as_str())
        .collect();
    assert_eq!(names, ["good.jpg", "no extension", "png in disguise.jpg"]);
    let codes: Vec<(&str, LeftOutCode)> = rows(&listing)
        .into_iter()
        .map(|(file, code, _)| (file, code))
        .collect();
    let heic = if cfg!(feature = "heic") {
        LeftOutCode::Damaged
    } else {
        LeftOutCode::UnsupportedFormat
    };
    assert_eq!(
        codes,
        [
            ("anim.gif", LeftOutCode::BeyondLimits),
            ("bomb.png", LeftOutCode::BeyondLimits),
            ("camera.nef", LeftOutCode::UnsupportedFormat),
            ("cut.jpg", LeftOutCode::Damaged),
            ("disguised.jpg", heic),
            ("empty.jpg", LeftOutCode::Damaged),
            ("icon.png", LeftOutCode::BeyondLimits),
            ("phone.heic", heic),
            ("text.jpg", LeftOutCode::UnsupportedFormat),
        ]
    );
    assert!(
        rows(&listing)
            .iter()
            .all(|(_, _, reason)| reason.contains("; "))
    );
}

#[test]
fn the_limits_leave_out_and_say_so() {
    let folder = tempfile::tempdir().unwrap();
    for number in 1..=4 {
        fs_err::write(folder.path().join(format!("{number}.jpg")), jpeg(number)).unwrap();
    }
    fs_err::write(folder.path().join("1 large.jpg"), sized_jpeg(9, 400, 300)).unwrap();
    let options = IngestOptions {
        max_photos: 3,
        limits: DecodeLimits {
            max_pixels: 10_000,
            ..limits()
        },
        ..IngestOptions::default()
    };
    let listing = read_listing(folder.path(), &options, &|_, _| {}).unwrap();
    let names: Vec<&str> = listing
        .photos
        .iter()
        .map(|photo| photo.file.as_str())
        .collect();
    assert_eq!(names, ["1.jpg", "2.jpg"]);
    for (file, words) in [
        ("1 large.jpg", "limits.max_pixels"),
        ("3.jpg", "limits.max_photos"),
        ("4.jpg", "limits.max_photos"),
    ] {
        let row = rows(&listing).into_iter().find(|row| row.0 == file);
        let (_, code, reason) = row.unwrap_or_else(|| panic!("{file}: {:?}", rows(&listing)));
        assert_eq!(code, LeftOutCode::BeyondLimits);
        assert!(reason.contains(words), "{reason}");
    }
}

#[test]
fn folders_that_are_no_listing() {
    let folder = tempfile::tempdir().unwrap();
    let message = |path: &Path| read(path).unwrap_err().to_string();
    assert!(message(folder.path()).contains("has no JPEG, HEIC, PNG, WebP or TIFF"));
    assert!(message(&folder.path().join("none")).contains("there is no folder"));
    let file = folder.path().join("photo.jpg");
    fs_err::write(&file, jpeg(1)).unwrap();
    assert!(message(&file).contains("is a file; give the folder"));
    assert!(message(&file.join("below")).contains("is a file; give the folder"));
    fs_err::write(&file, b"broken").unwrap();
    assert!(message(folder.path()).contains("`photo.jpg` cannot be used"));
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use remedia::ingest::{PhotoError, read_photo_bytes};
    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::*;

    #[test]
    fn links_pipes_and_folders_that_look_like_photos() {
        let outside = tempfile::tempdir().unwrap();
        fs_err::write(outside.path().join("secret.jpg"), jpeg(7)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs_err::write(at("good.jpg"), jpeg(1)).unwrap();
        fs_err::create_dir(at("folder.jpg")).unwrap();
        symlink(outside.path().join("secret.jpg"), at("out.jpg")).unwrap();
        symlink("../../../../../../etc/passwd", at("passwd.jpg")).unwrap();
        symlink("loop.jpg", at("loop.jpg")).unwrap();
        symlink("nowhere.jpg", at("dangling.jpg")).unwrap();
        symlink("/dev/zero", at("zero.jpg")).unwrap();
        symlink("good.jpg", at("inside.jpg")).unwrap();
        symlink(outside.path(), at("linked folder")).unwrap();
        mkfifoat(CWD, at("pipe.jpg"), Mode::from_raw_mode(0o600)).unwrap();
        mkfifoat(CWD, at("listing.pipe"), Mode::from_raw_mode(0o600)).unwrap();
        symlink("pipe.jpg", at("to pipe.jpg")).unwrap();
        let start = Instant::now();
        let options = IngestOptions {
            recursive: true,
            ..IngestOptions::default()
        };
        let listing = read_listing(folder.path(), &options, &|_, _| {}).unwrap();
        assert!(start.elapsed() < Duration::from_secs(5));
        assert_eq!(listing.photos.len(), 1);
        assert_eq!(code_of(&listing, "inside.jpg"), LeftOutCode::Duplicate);
        for file in [
            "folder.jpg",
            "out.jpg",
            "passwd.jpg",
            "loop.jpg",
            "dangling.jpg",
            "zero.jpg",
            "pipe.jpg",
            "to pipe.jpg",
        ] {
            assert_eq!(code_of(&listing, file), LeftOutCode::Refused, "{file}");
        }
        assert_eq!(listing.left_out.len(), 9);
        // The same holds when a photo is read again later.
        let id = &listing.photos[0].id;
        for file in [
            "out.jpg",
            "zero.jpg",
            "pipe.jpg",
            "to pipe.jpg",
            "folder.jpg",
        ] {
            let outcome = read_photo_bytes(folder.path(), file, id, &limits());
            assert!(matches!(outcome, Err(PhotoError::Refused { .. })), "{file}");
        }
    }

    #[test]
    fn a_listing_toml_that_is_a_pipe_or_leads_out_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("good.jpg"), jpeg(1)).unwrap();
        let path = folder.path().join("listing.toml");
        mkfifoat(CWD, &path, Mode::from_raw_mode(0o600)).unwrap();
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("it is no plain file"), "{error}");
        fs_err::remove_file(&path).unwrap();
        symlink("/etc/hostname", &path).unwrap();
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("leaves the folder"), "{error}");
    }

    #[test]
    fn odd_names_work_or_are_told_escaped() {
        let folder = tempfile::tempdir().unwrap();
        let working = [
            "-rf kitchen.jpg",
            "a 'quoted' \"name\".jpg",
            "Küche 🏠.jpg",
            "spaces   in  it .jpg",
            "..dots...jpg",
            "$(reboot);`id`.jpg",
            "%s%n.jpg",
            "写真.JPG",
        ];
        for (seed, name) in working.iter().enumerate() {
            let bytes = jpeg(seed as u8);
            fs_err::write(folder.path().join(name), bytes).unwrap();
        }
        let raw: [&[u8]; 4] = [
            b"new\nline.jpg",
            b"\x1b[31mred.jpg",
            b"latin\xe9.jpg",
            b"back\\slash.jpg",
        ];
        for (seed, name) in raw.iter().enumerate() {
            let path = folder.path().join(OsStr::from_bytes(name));
            fs_err::write(path, jpeg(100 + seed as u8)).unwrap();
        }
        let listing = read(folder.path()).unwrap();
        let mut names: Vec<&str> = listing
            .photos
            .iter()
            .map(|photo| photo.file.as_str())
            .collect();
        names.sort_unstable();
        let mut expected: Vec<&str> = working.to_vec();
        // A leading dot hides a file.
        expected.retain(|name| !name.starts_with('.'));
        expected.sort_unstable();
        assert_eq!(names, expected);
        for photo in &listing.photos {
            read_photo_bytes(folder.path(), &photo.file, &photo.id, &limits()).unwrap();
        }
        for file in [
            "new\\nline.jpg",
            "\\u{1b}[31mred.jpg",
            "latin\u{fffd}.jpg",
            "back\\slash.jpg",
        ] {
            assert_eq!(code_of(&listing, file), LeftOutCode::Refused);
        }
        assert_eq!(listing.left_out.len(), raw.len());
    }

    #[test]
    fn what_may_not_be_read_is_a_row_or_a_clear_error() {
        let folder = tempfile::tempdir().unwrap();
        let locked = folder.path().join("locked.jpg");
        fs_err::write(folder.path().join("good.jpg"), jpeg(1)).unwrap();
        fs_err::write(&locked, jpeg(2)).unwrap();
        let mode = |path: &Path, bits| {
            fs_err::set_permissions(path, std::fs::Permissions::from_mode(bits)).unwrap();
        };
        mode(&locked, 0o000);
        // Root may read everything: then there is nothing to refuse.
        if fs_err::read(&locked).is_ok() {
            assert_eq!(read(folder.path()).unwrap().photos.len(), 2);
            return;
        }
        let listing = read(folder.path()).unwrap();
        assert_eq!(code_of(&listing, "locked.jpg"), LeftOutCode::Unreadable);
        mode(folder.path(), 0o000);
        let error = read(folder.path()).unwrap_err();
        mode(folder.path(), 0o700);
        assert!(
            error.to_string().contains("check its permissions"),
            "{error}"
        );
    }

    #[test]
    fn a_photo_that_changes_while_it_is_read_is_whole_or_left_out() {
        use std::sync::atomic::{AtomicBool, Ordering};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        let versions = [sized_jpeg(1, 300, 200), sized_jpeg(2, 320, 240)];
        fs_err::write(&path, &versions[0]).unwrap();
        fs_err::write(folder.path().join("b.jpg"), jpeg(3)).unwrap();
        let ids: Vec<String> = versions
            .iter()
            .map(|bytes| blake3::hash(bytes).to_hex()[..32].to_owned())
            .collect();
        /// Ends the writer even where an assertion fails, which would otherwise wait for it for ever.
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let _ending = Stop(&stop);
            scope.spawn(|| {
                let mut turn = 0;
                while !stop.load(Ordering::Relaxed) {
                    turn += 1;
                    fs_err::write(&path, &versions[turn % 2]).unwrap();
                }
            });
            for _ in 0..100 {
                let listing = read(folder.path()).unwrap();
                assert!(listing.photos.iter().any(|photo| photo.file == "b.jpg"));
                if let Some(photo) = listing.photos.iter().find(|photo| photo.file == "a.jpg") {
                    assert!(ids.iter().any(|id| id == photo.id.as_str()));
                } else {
                    let code = code_of(&listing, "a.jpg");
                    // Caught empty, it has no format at all.
                    assert!(
                        matches!(
                            code,
                            LeftOutCode::Changed
                                | LeftOutCode::Damaged
                                | LeftOutCode::UnsupportedFormat
                        ),
                        "{code:?}"
                    );
                }
            }
        });
    }

    #[test]
    fn originals_keep_bytes_and_times() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        fs_err::write(&path, jpeg(1)).unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
        let before = fs_err::metadata(&path).unwrap();
        let listing = read(folder.path()).unwrap();
        let id = &listing.photos[0].id;
        let bytes = read_photo_bytes(folder.path(), "a.jpg", id, &limits()).unwrap();
        assert_eq!(bytes, jpeg(1));
        let after = fs_err::metadata(&path).unwrap();
        assert_eq!(before.modified().unwrap(), after.modified().unwrap());
        assert_eq!(before.len(), after.len());
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
    }
}
