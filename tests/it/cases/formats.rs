//! Files of all kinds: what is shown right, and what is refused.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use remedia::imaging::{self, DecodeLimits, Picture, Samples};

use crate::support::images::sized_jpeg;
use crate::support::{Environment, fixture};

fn case(name: &str) -> Vec<u8> {
    fs_err::read(fixture("cases").join(name)).unwrap()
}

fn image(name: &str) -> Vec<u8> {
    fs_err::read(fixture("images").join(name)).unwrap()
}

fn shown(bytes: &[u8]) -> Picture {
    imaging::decode(bytes, &DecodeLimits::default())
        .unwrap()
        .into_eight()
}

fn samples(picture: &Picture) -> Vec<u8> {
    match &picture.samples {
        Samples::Eight(samples) => samples.clone(),
        Samples::Sixteen(_) => Vec::new(),
    }
}

/// The 8-bit colour at a point.
fn color(picture: &Picture, x: usize, y: usize) -> [u8; 3] {
    let start = (y * picture.width + x) * 3;
    samples(picture)[start..start + 3].try_into().unwrap()
}

fn mean(picture: &Picture) -> [i32; 3] {
    let all = samples(picture);
    [0, 1, 2].map(|channel| {
        let sum: u64 = all
            .iter()
            .skip(channel)
            .step_by(3)
            .map(|sample| u64::from(*sample))
            .sum();
        (sum / picture.pixels() as u64) as i32
    })
}

fn assert_mean(picture: &Picture, expected: [i32; 3], within: i32, what: &str) {
    let found = mean(picture);
    let close = found
        .iter()
        .zip(expected)
        .all(|(found, expected)| (found - expected).abs() <= within);
    assert!(close, "{what}: {found:?}, expected {expected:?}");
}

/// The scene of `fixtures/images`: left half red, right half blue, a white corner.
fn assert_scene(picture: &Picture, what: &str) {
    assert_eq!((picture.width, picture.height), (32, 24), "{what}");
    for (x, y, expected) in [
        (3, 3, [255, 255, 255]),
        (4, 20, [220, 40, 40]),
        (28, 20, [30, 60, 200]),
    ] {
        let found = color(picture, x, y);
        let close = found
            .iter()
            .zip(expected)
            .all(|(found, expected)| found.abs_diff(expected) <= 8);
        assert!(close, "{what} at {x}, {y}: {found:?}");
    }
}

#[test]
fn odd_files_are_delivered_as_what_they_are() {
    let environment = Environment::new();
    let listing = environment.work().join("elm");
    fs_err::create_dir(&listing).unwrap();
    for (name, bytes) in [
        ("1.tif", case("09-tiff-uint32/uint32.tif")),
        ("2.jpg", case("12-dcf-adobe-rgb/1-tagged-icc.jpg")),
        ("3.jpg", case("12-dcf-adobe-rgb/2-dcf-r03.jpg")),
        ("4.png", case("14-png-exif-in-text/2-ztxt-imagemagick.png")),
        ("5.png", case("14-png-exif-in-text/4-exif-with-prefix.png")),
        ("6.gif", image("plain.gif")),
        ("7.bmp", image("plain.bmp")),
        ("8.dng", raw(&sized_jpeg(1, 240, 160), (250, 170), 6)),
    ] {
        fs_err::write(listing.join(name), bytes).unwrap();
    }
    environment
        .run(["submit", "elm", "--style", "modern", "--brackets", "off"])
        .with_code(0);
    let delivered = environment.work().join("remedia-out/elm");
    let mut originals: Vec<_> = fs_err::read_dir(delivered.join("originals-web"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    originals.sort();
    assert_eq!(originals.len(), 8);
    let original = |index: usize| shown(&fs_err::read(&originals[index]).unwrap());
    assert_mean(&original(0), [151, 150, 144], 4, "32-bit TIFF");
    // Two files of the same picture: one says its colours by a profile, the other by EXIF alone.
    let (tagged, told) = (samples(&original(1)), samples(&original(2)));
    let largest = tagged.iter().zip(&told).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(largest <= Some(12), "{largest:?}");
    for index in [3, 4] {
        let picture = original(index);
        assert!(picture.width > picture.height, "{index} lies on its side");
    }
    let preview = original(7);
    assert!(
        preview.height > preview.width,
        "the raw photo stands upright"
    );
}

#[test]
fn whole_numbers_of_32_bits_are_no_fractions() {
    let picture = shown(&case("09-tiff-uint32/uint32.tif"));
    assert_eq!((picture.width, picture.height), (180, 120));
    assert_mean(&picture, [151, 150, 144], 1, "32-bit TIFF");
    let found = color(&picture, 90, 60);
    assert!(found[0].abs_diff(118) <= 1, "{found:?}");
}

#[test]
fn adobe_rgb_that_only_exif_tells_is_converted() {
    let tagged = samples(&shown(&case("12-dcf-adobe-rgb/1-tagged-icc.jpg")));
    let told = samples(&shown(&case("12-dcf-adobe-rgb/2-dcf-r03.jpg")));
    let largest = tagged.iter().zip(&told).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(largest <= Some(2), "{largest:?}");
}

/// The plain PNG of the fixtures with further chunks behind its header.
fn png_with(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let png = image("plain.png");
    let mut bytes = png[..33].to_vec();
    for (name, data) in chunks {
        bytes.extend((data.len() as u32).to_be_bytes());
        let body = [name.as_slice(), data].concat();
        bytes.extend(&body);
        bytes.extend(checksum(&body).to_be_bytes());
    }
    let rest = &png[33..];
    let start = rest.windows(4).position(|name| name == b"IDAT").unwrap() - 4;
    bytes.extend(&rest[start..]);
    bytes
}

/// CRC-32 of a chunk (PNG, annex D).
fn checksum(data: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in data {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 {
                0xedb8_8320 ^ (sum >> 1)
            } else {
                sum >> 1
            };
        }
    }
    !sum
}

#[test]
fn the_colour_marks_of_a_png_have_their_order() {
    let gamma = |value: u32| value.to_be_bytes();
    let red = |chunks: &[(&[u8; 4], &[u8])]| color(&shown(&png_with(chunks)), 4, 20);
    let near = |found: [u8; 3], expected: [u8; 3], what: &str| {
        let close = found
            .iter()
            .zip(expected)
            .all(|(found, expected)| found.abs_diff(expected) <= 2);
        assert!(close, "{what}: {found:?}, expected {expected:?}");
    };
    near(red(&[]), [220, 40, 40], "nothing");
    near(
        red(&[(b"gAMA", &gamma(45_455))]),
        [220, 40, 40],
        "usual gamma",
    );
    // 40 and 220 raised to 1 / 2.2.
    near(
        red(&[(b"gAMA", &gamma(100_000))]),
        [238, 110, 110],
        "linear",
    );
    near(
        red(&[(b"sRGB", &[0]), (b"gAMA", &gamma(100_000))]),
        [220, 40, 40],
        "sRGB over gamma",
    );
    // Display P3, from its primaries.
    near(
        red(&[(b"cICP", &[12, 13, 0, 1])]),
        [240, 0, 21],
        "Display P3",
    );
    near(
        red(&[(b"cICP", &[12, 13, 0, 1]), (b"sRGB", &[0])]),
        [240, 0, 21],
        "cICP over sRGB",
    );
    for transfer in [16, 18] {
        let bytes = png_with(&[(b"cICP", &[9, transfer, 0, 1])]);
        let error = imaging::probe(&bytes).unwrap_err().to_string();
        assert!(error.contains("an HDR picture"), "{error}");
    }
}

#[test]
fn orientation_is_found_in_odd_places_of_a_png() {
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let with_prefix = [b"Exif\0\0".as_slice(), exif].concat();
    let digits: String = with_prefix
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let text = format!(
        "Raw profile type exif\0\nexif\n    {}\n{digits}\n",
        with_prefix.len()
    );
    let lie = format!("Raw profile type exif\0\nexif\n 99999999\n{digits}\n");
    let xmp = |value: u8| {
        format!("XML:com.adobe.xmp\0\0\0\0\0<rdf:Description tiff:Orientation=\"{value}\"/>")
    };
    let turned =
        |chunks: &[(&[u8; 4], &[u8])]| imaging::probe(&png_with(chunks)).unwrap().orientation;
    assert_eq!(turned(&[(b"eXIf", exif)]), 6);
    assert_eq!(turned(&[(b"eXIf", &with_prefix)]), 6);
    assert_eq!(turned(&[(b"tEXt", text.as_bytes())]), 6);
    assert_eq!(turned(&[(b"tEXt", lie.as_bytes())]), 1);
    assert_eq!(turned(&[(b"iTXt", xmp(8).as_bytes())]), 8);
    assert_eq!(turned(&[(b"iTXt", xmp(9).as_bytes())]), 1);
    assert_eq!(turned(&[(b"iTXt", xmp(8).as_bytes()), (b"eXIf", exif)]), 6);
}

/// A little-endian TIFF structure of directories of (tag, type, count, value) and the data that stand behind the
/// eight bytes of the header.
fn tiff(data: &[u8], directories: &[Vec<(u16, u16, u32, u32)>]) -> Vec<u8> {
    let mut bytes = b"II*\0".to_vec();
    let mut position = 8 + data.len() as u32;
    bytes.extend(position.to_le_bytes());
    bytes.extend(data);
    for (index, entries) in directories.iter().enumerate() {
        position += 2 + 12 * entries.len() as u32 + 4;
        bytes.extend((entries.len() as u16).to_le_bytes());
        for (tag, kind, count, value) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(kind.to_le_bytes());
            bytes.extend(count.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        let next = if index + 1 < directories.len() {
            position
        } else {
            0
        };
        bytes.extend(next.to_le_bytes());
    }
    bytes
}

/// The directory of a grey picture of 8 bits at a place.
fn grey(side: u32, place: u32, kind: u32, samples: u32) -> Vec<(u16, u16, u32, u32)> {
    vec![
        (254, 4, 1, kind),
        (256, 4, 1, side),
        (257, 4, 1, side),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, place),
        (277, 3, 1, samples),
        (278, 4, 1, side),
        (279, 4, 1, side * side * samples),
    ]
}

/// A raw photo as cameras write it: a DNG version, an orientation, raw data of this size and a preview.
fn raw(preview: &[u8], sensor: (u32, u32), orientation: u32) -> Vec<u8> {
    let first = vec![
        (254, 4, 1, 1),
        (274, 3, 1, orientation),
        (513, 4, 1, 8),
        (514, 4, 1, preview.len() as u32),
        (0xc612, 1, 4, 0x0000_0401),
    ];
    let second = vec![
        (254, 4, 1, 0),
        (256, 4, 1, sensor.0),
        (257, 4, 1, sensor.1),
        (259, 3, 1, 34_713),
        (262, 3, 1, 32_803),
    ];
    tiff(preview, &[first, second])
}

#[test]
fn the_full_picture_of_a_tiff_counts_and_pages_are_told() {
    let small = vec![10_u8; 8 * 8];
    let large = vec![200_u8; 32 * 32];
    let data = [small.clone(), large.clone(), large].concat();
    for (what, directories, expected, notes) in [
        (
            "thumbnail first",
            vec![grey(8, 8, 1, 1), grey(32, 72, 0, 1)],
            200,
            0,
        ),
        (
            "unmarked thumbnail first",
            vec![grey(8, 8, 0, 1), grey(32, 72, 0, 1)],
            200,
            0,
        ),
        (
            "larger copy behind",
            vec![grey(8, 8, 0, 1), grey(32, 72, 1, 1)],
            10,
            0,
        ),
        (
            "two pages",
            vec![grey(32, 72, 2, 1), grey(32, 1096, 2, 1)],
            200,
            1,
        ),
    ] {
        let bytes = tiff(&data, &directories);
        let picture = shown(&bytes);
        assert_eq!(color(&picture, 1, 1), [expected; 3], "{what}");
        let header = imaging::probe(&bytes).unwrap();
        assert_eq!(imaging::notes(&bytes, &header).len(), notes, "{what}");
    }
    let stack = tiff(&vec![9; 32 * 32 * 5], &[grey(32, 8, 0, 5)]);
    let error = imaging::probe(&stack).unwrap_err().to_string();
    assert!(error.contains("5 channels"), "{error}");
}

#[test]
fn gif_and_bmp_are_read_and_an_animation_is_told() {
    for name in ["plain.bmp", "plain.gif", "animated.gif"] {
        let bytes = image(name);
        assert_scene(&shown(&bytes), name);
        let header = imaging::probe(&bytes).unwrap();
        let notes = imaging::notes(&bytes, &header);
        assert_eq!(notes.len(), usize::from(name == "animated.gif"), "{name}");
        for share in [3, 6, 9] {
            let cut = &bytes[..bytes.len() * share / 10];
            let decoded = imaging::decode(cut, &DecodeLimits::default());
            // The first picture of an animation may be whole in what is there.
            assert!(
                decoded.is_err() || name == "animated.gif" && share > 3,
                "{name}"
            );
        }
    }
}

#[cfg(feature = "heic")]
#[test]
fn heic_is_read_upright_and_broken_heic_is_refused() {
    for name in ["scene.heic", "turned.heic", "deep.heic"] {
        let bytes = image(name);
        assert_scene(&shown(&bytes), name);
        let header = imaging::probe(&bytes).unwrap();
        assert_eq!(
            (header.width, header.height, header.orientation),
            (32, 24, 1),
            "{name}"
        );
        for length in (0..bytes.len() - 4).step_by(7) {
            let cut = imaging::decode(&bytes[..length], &DecodeLimits::default());
            assert!(cut.is_err(), "{name} cut to {length}");
        }
        for at in (0..bytes.len()).step_by(3) {
            let mut broken = bytes.clone();
            broken[at] ^= 0x55;
            let _ = imaging::decode(&broken, &DecodeLimits::default());
        }
    }
}

#[cfg(not(feature = "heic"))]
#[test]
fn heic_is_refused_with_what_to_do() {
    let error = imaging::probe(&image("scene.heic"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("HEIC") && error.contains("JPEG"), "{error}");
}

#[test]
fn the_preview_inside_a_raw_photo_is_used_if_large_enough() {
    let preview = sized_jpeg(3, 240, 160);
    let bytes = raw(&preview, (250, 170), 6);
    let header = imaging::probe(&bytes).unwrap();
    assert_eq!(
        (header.width, header.height, header.orientation),
        (160, 240, 6)
    );
    assert_eq!(shown(&bytes).height, 240);
    let notes = imaging::notes(&bytes, &header);
    assert!(notes[0].contains("160 x 240"), "{notes:?}");
    let small = imaging::probe(&raw(&preview, (6000, 4000), 1))
        .unwrap_err()
        .to_string();
    assert!(small.contains("preview has only 240 x 160"), "{small}");
    let none = imaging::probe(&raw(b"no preview", (250, 170), 1))
        .unwrap_err()
        .to_string();
    assert!(none.contains("develop it"), "{none}");
    // A preview that is cut, and directories that lie, are refused without harm.
    let cut = raw(&preview[..preview.len() / 2], (250, 170), 1);
    assert!(imaging::decode(&cut, &DecodeLimits::default()).is_err());
    for at in (0..bytes.len()).step_by(bytes.len() / 300 + 1) {
        let mut broken = bytes.clone();
        broken[at] = broken[at].wrapping_add(0x81);
        let _ = imaging::decode(&broken, &DecodeLimits::default());
        let _ = imaging::capture(&broken);
    }
}
