//! 360° panoramas keep their geometry, their seam and what viewers need to know of them.

use std::f32::consts::TAU;
use std::path::Path;

use remedia::domain::enhancement::{EnhancementSettings, Look, StepSetting};
use remedia::imaging::metadata::inspect;
use remedia::imaging::{
    self, DecodeLimits, JpegOptions, OutputMetadata, Picture, Samples, SceneLight, encode_jpeg,
    with_metadata,
};
use remedia::local::{SourcePicture, enhance};

use crate::support::{Environment, small_listing};

const WIDTH: usize = 640;
const HEIGHT: usize = 320;

/// A dim room all the way round, with a window that lies across the seam.
fn sphere() -> Picture {
    let mut samples = Vec::with_capacity(WIDTH * HEIGHT * 3);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let angle = x as f32 / WIDTH as f32 * TAU;
            let wall = 48.0 + 22.0 * (angle * 3.0).sin() + 0.06 * y as f32;
            let window = !(30..=WIDTH - 70).contains(&x) && (90..200).contains(&y);
            let value = if window { 250.0 } else { wall };
            samples.extend([value, value * 0.93, value * 0.82].map(|value| value as u8));
        }
    }
    Picture::from_eight(WIDTH, HEIGHT, samples).unwrap()
}

fn gpano(cropped: (usize, usize), full: (usize, usize), corner: (usize, usize)) -> String {
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?><x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\
         <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description rdf:about=\"\" \
         xmlns:GPano=\"http://ns.google.com/photos/1.0/panorama/\" GPano:ProjectionType=\"equirectangular\" \
         GPano:CroppedAreaImageWidthPixels=\"{}\" GPano:CroppedAreaImageHeightPixels=\"{}\" \
         GPano:FullPanoWidthPixels=\"{}\" GPano:FullPanoHeightPixels=\"{}\" \
         GPano:CroppedAreaLeftPixels=\"{}\" GPano:CroppedAreaTopPixels=\"{}\" \
         GPano:PoseHeadingDegrees=\"113.5\"/></rdf:RDF></x:xmpmeta><?xpacket end=\"r\"?>",
        cropped.0, cropped.1, full.0, full.1, corner.0, corner.1
    )
}

fn write(path: &Path, xmp: String) {
    let options = JpegOptions {
        quality: 95,
        ..JpegOptions::default()
    };
    let jpeg = encode_jpeg(&sphere(), &options).unwrap();
    let metadata = OutputMetadata {
        xmp,
        ..OutputMetadata::default()
    };
    fs_err::write(path, with_metadata(jpeg, &metadata).unwrap()).unwrap();
}

fn numbers(file: &Path) -> Vec<(String, String)> {
    let xmp = inspect(&fs_err::read(file).unwrap()).unwrap().xmp.unwrap();
    xmp.lines()
        .filter_map(|line| line.trim().strip_prefix("<GPano:"))
        .filter_map(|line| line.split_once('>'))
        .map(|(name, rest)| {
            let value = rest.split('<').next().unwrap_or_default();
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

/// The largest mean step over the seam of a band of rows, less that between neighbours beside it.
fn seam(picture: &Picture) -> f64 {
    let Samples::Eight(samples) = &picture.samples else {
        panic!("a finished picture has eight bits");
    };
    let at = |x: usize, y: usize| f64::from(samples[(y * picture.width + x) * 3 + 1]);
    let band = picture.height / 8;
    (0..8)
        .map(|number| {
            let mean = |left: usize, right: usize| {
                let rows = number * band..(number + 1) * band;
                rows.map(|y| at(left, y) - at(right, y)).sum::<f64>() / band as f64
            };
            let last = picture.width - 1;
            mean(last, 0).abs() - mean(0, 1).abs().max(mean(last - 1, last).abs())
        })
        .fold(0.0, f64::max)
}

#[test]
fn a_panorama_is_delivered_with_its_numbers() {
    let environment = Environment::new();
    let listing = environment.work().join("ash");
    small_listing(&listing, 1);
    let whole = (WIDTH, HEIGHT);
    write(
        &listing.join("02-living-room.jpg"),
        gpano(whole, whole, (0, 0)),
    );
    // A part of a sphere whose numbers were written when it was twice as large.
    write(
        &listing.join("03-bedroom.jpg"),
        gpano((1280, 640), (2560, 1280), (200, 320)),
    );
    let plan = environment
        .run(["plan", "ash", "--json"])
        .with_code(0)
        .json();
    let photos = plan["listing"]["photos"].as_array().unwrap();
    let kinds: Vec<_> = photos.iter().map(|photo| photo["kind"].clone()).collect();
    assert_eq!(
        kinds,
        [
            serde_json::Value::Null,
            "panorama".into(),
            "panorama".into()
        ]
    );
    for (index, wraps) in [(1, true), (2, false)] {
        let operations = &plan["plan"]["photos"][index]["operations"];
        let settings = &operations[0]["attempts"][0]["parameters"]["settings"];
        for step in [
            "lens_distortion",
            "vertical_correction",
            "roll_correction",
            "vignetting",
        ] {
            assert_eq!(settings[step], "off", "{step}");
        }
        assert_eq!(settings["wraps"].as_bool().unwrap_or(false), wraps);
        let staging = &operations[1]["decision"];
        assert_eq!(staging["decision"], "skip");
        assert!(staging["reason"].as_str().unwrap().contains("panorama"));
    }
    let _ = environment
        .run(["submit", "ash", "--web-long-side", "320"])
        .with_code(0);
    let delivered = environment.work().join("remedia-out/ash");
    let expected = |sizes: [usize; 6]| {
        let [width, height, full_width, full_height, left, top] =
            sizes.map(|size| size.to_string());
        [
            ("UsePanoramaViewer", "True".to_owned()),
            ("ProjectionType", "equirectangular".to_owned()),
            ("CroppedAreaImageWidthPixels", width),
            ("CroppedAreaImageHeightPixels", height),
            ("FullPanoWidthPixels", full_width),
            ("FullPanoHeightPixels", full_height),
            ("CroppedAreaLeftPixels", left),
            ("CroppedAreaTopPixels", top),
            ("PoseHeadingDegrees", "113.5".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
    };
    for (file, sizes) in [
        ("final/002-living-room.jpg", [640, 320, 640, 320, 0, 0]),
        ("web/002-living-room.jpg", [320, 160, 320, 160, 0, 0]),
        (
            "originals-web/002-living-room.jpg",
            [320, 160, 320, 160, 0, 0],
        ),
        ("final/003-bedroom.jpg", [640, 320, 1280, 640, 100, 160]),
        ("web/003-bedroom.jpg", [320, 160, 640, 320, 50, 80]),
    ] {
        assert_eq!(numbers(&delivered.join(file)), expected(sizes), "{file}");
    }
    assert!(numbers(&delivered.join("final/001-kitchen.jpg")).is_empty());
    let bytes = fs_err::read(delivered.join("final/002-living-room.jpg")).unwrap();
    let finished = imaging::decode(&bytes, &DecodeLimits::default()).unwrap();
    assert_eq!((finished.width, finished.height), whole);
    let again = environment
        .run(["submit", "ash", "--web-long-side", "320"])
        .with_code(0);
    assert!(
        again.error.contains("is known: delivered"),
        "{}",
        again.error
    );
}

#[test]
fn the_edges_of_a_panorama_still_meet() {
    let settings = |wraps| EnhancementSettings {
        vignetting: StepSetting::Off,
        lens_distortion: StepSetting::Off,
        vertical_correction: StepSetting::Off,
        roll_correction: StepSetting::Off,
        shadows: StepSetting::Fixed(1.0),
        highlights: StepSetting::Fixed(1.0),
        wraps,
        ..EnhancementSettings::default()
    };
    let enhanced = |wraps| {
        let source = SourcePicture {
            picture: sphere(),
            iso: None,
            focal_length_35mm: None,
            exposure_value: None,
            light: SceneLight::default(),
        };
        let look = Look::default();
        let (picture, _) = enhance(vec![source], 0, &settings(wraps), &look).unwrap();
        picture
    };
    let (round, flat) = (enhanced(true), enhanced(false));
    assert_eq!((round.width, round.height), (WIDTH, HEIGHT));
    assert!(seam(&sphere()) < 0.5, "{}", seam(&sphere()));
    assert!(
        seam(&round) <= 1.0,
        "{} (flat: {})",
        seam(&round),
        seam(&flat)
    );
    assert!(
        seam(&flat) > seam(&round),
        "{} {}",
        seam(&flat),
        seam(&round)
    );
}
