//! What a picture shows decides what may be done to it: what moved is there once, chosen light stays, and what
//! is not a photo is left alone.

use std::path::Path;

use remedia::domain::enhancement::{EnhancementReport, EnhancementSettings, Look};
use remedia::domain::listing::PictureKind;
use remedia::imaging::color::{TransferTables, luminance};
use remedia::imaging::{
    DecodeLimits, Picture, Samples, SceneLight, capture, decode, is_framed, look, picture_kind,
    scene_light,
};
use remedia::local::fusion::{fuse, shares};
use remedia::local::{SourcePicture, enhance};

use crate::support::moving::{Moving, part};
use crate::support::{Environment, fixture};

fn picture(path: &Path) -> Picture {
    let bytes = fs_err::read(path).unwrap();
    decode(&bytes, &DecodeLimits::default())
        .unwrap()
        .into_eight()
}

fn eight(picture: &Picture) -> &[[u8; 3]] {
    match &picture.samples {
        Samples::Eight(samples) => samples.as_chunks::<3>().0,
        Samples::Sixteen(_) => panic!("an enhanced picture has eight bits"),
    }
}

fn enhanced(path: &Path) -> (Picture, EnhancementReport) {
    let bytes = fs_err::read(path).unwrap();
    let capture = capture(&bytes);
    let source = SourcePicture {
        picture: picture(path),
        iso: capture.iso,
        focal_length_35mm: capture.focal_length_35mm,
        exposure_value: None,
        light: scene_light(&bytes),
    };
    let settings = EnhancementSettings::default();
    enhance(vec![source], 0, &settings, &Look::default()).unwrap()
}

fn bracket() -> [Picture; 3] {
    ["-2", "+0", "+2"].map(|exposure| {
        let name = format!("listings/maple-street/01-living-a_bracket{exposure}.jpg");
        picture(&fixture(&name))
    })
}

/// Persons, chairs, curtains, fans, cars and cats, thin and wide, before walls, windows and patches of sun.
const MOVING: [u64; 12] = [0, 3, 11, 12, 14, 22, 28, 35, 37, 103, 145, 150];

#[test]
fn no_pixel_mixes_two_things_that_moved() {
    let bracket = bracket();
    for seed in MOVING {
        let room = part(&bracket, seed, 640, 440);
        let moving = Moving::new(seed, 640, 440);
        let measured = moving.measured(&room).unwrap();
        let wrong = measured.blended.max(measured.other);
        assert!(
            wrong < 0.01 && measured.left_out == 0,
            "set {seed}: {wrong} {moving:?}"
        );
    }
}

#[test]
fn every_pixel_is_made_of_the_exposures_that_are_used() {
    let room = part(&bracket(), 3, 320, 240);
    let still = Moving::new(3, 320, 240).still();
    let exposures = still.exposures(&room, still.places);
    let [dark, middle, bright] = &exposures;
    let white = Picture::from_eight(320, 240, vec![255; 320 * 240 * 3]).unwrap();
    let told = [(dark, Some(-2.0)), (middle, Some(0.0)), (bright, Some(2.0))];
    let planes = shares(&told, 1).unwrap();
    for pixel in 0..320 * 240 {
        let sum: f32 = planes.iter().flatten().map(|plane| plane[pixel]).sum();
        assert!((sum - 1.0).abs() < 1e-4, "{pixel}: {sum}");
    }
    // One that shows nothing counts for nothing.
    let told = [(middle, Some(0.0)), (&white, Some(6.0))];
    let planes = shares(&told, 0).unwrap();
    let counts = |plane: &Vec<f32>| plane.iter().all(|share| *share < 0.01);
    assert!(planes[1].as_ref().is_none_or(counts));
}

#[test]
fn nothing_moves_in_a_bracket_that_stands_still() {
    let bracket = bracket();
    for seed in [3, 11] {
        let room = part(&bracket, seed, 480, 360);
        let still = Moving::new(seed, 480, 360).still();
        let measured = still.measured(&room).unwrap();
        assert!(measured.ghost_share < 0.01, "set {seed}: {measured:?}");
    }
}

#[test]
fn a_person_who_walked_stands_there_once() {
    let exposures = ["IMG_0002.jpg", "IMG_0001.jpg", "IMG_0003.jpg"]
        .map(|name| picture(&fixture(&format!("cases/ghost-person/{name}"))));
    let [dark, middle, bright] = &exposures;
    let told = [(dark, Some(-2.0)), (middle, Some(0.0)), (bright, Some(2.0))];
    let (fused, _) = fuse(&told, 1).unwrap();
    let fused = fused.into_eight();
    // The jacket, top to bottom, is blue all over; where the brightest exposure has it, the wall is not.
    let width = fused.width;
    let blue = |x: usize, y: usize| {
        let [red, _, blue] = eight(&fused)[y * width + x];
        i32::from(blue) - i32::from(red)
    };
    for y in (280..480).step_by(20) {
        assert!(blue(374, y) > 25, "{y}: {}", blue(374, y));
        assert!(blue(265, y) < 12, "{y}: {}", blue(265, y));
    }
}

/// Mean linear light of a part of a picture, in shares of its sides: left, top, right, bottom.
fn mean(picture: &Picture, [left, top, right, bottom]: [f64; 4]) -> [f64; 3] {
    let tables = TransferTables::shared();
    let (width, height) = (picture.width as f64, picture.height as f64);
    let mut sums = [0.0; 3];
    let mut count = 0.0;
    for y in (top * height) as usize..(bottom * height) as usize {
        for x in (left * width) as usize..(right * width) as usize {
            let pixel = eight(picture)[y * picture.width + x];
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += f64::from(tables.decode_eight(value));
            }
            count += 1.0;
        }
    }
    sums.map(|sum| sum / count)
}

#[test]
fn an_evening_outside_stays_an_evening() {
    for name in ["b-usual-exterior.jpg", "c-bright-exterior.jpg"] {
        let path = fixture(&format!("cases/twilight/{name}"));
        let (result, report) = enhanced(&path);
        let before = picture(&path);
        let sky = [0.3, 0.05, 0.7, 0.25];
        let (old, new) = (mean(&before, sky), mean(&result, sky));
        let light = |pixel: [f64; 3]| f64::from(luminance(pixel.map(|value| value as f32)));
        let change = (light(new) / light(old)).log2();
        assert!(change.abs() <= 1.0, "{name}: {change} EV");
        let blueness = |pixel: [f64; 3]| (pixel[2] / pixel[0]).log2();
        let hue = blueness(new) - blueness(old);
        assert!(hue.abs() < 0.8, "{name}: {hue}, {old:?} to {new:?}");
        let step = |name: &str| report.steps.iter().find(|step| step.name == name).unwrap();
        assert!(!step("white_balance").applied, "{report:?}");
        let said = step("white_balance").reason.as_deref().unwrap_or_default();
        assert!(said.contains("dusk"), "{said}");
    }
}

#[test]
fn daylight_faults_are_still_corrected() {
    // The living room as a camera set to daylight sees it under lamps.
    let mut source = picture(&fixture("listings/maple-street/01-living-a.jpg"));
    if let Samples::Eight(samples) = &mut source.samples {
        for pixel in samples.as_chunks_mut::<3>().0 {
            let gained = [1.1, 0.95, 0.65];
            for (value, gain) in pixel.iter_mut().zip(gained) {
                *value = (f64::from(*value) * gain).min(255.0) as u8;
            }
        }
    }
    let source = SourcePicture {
        picture: source,
        iso: Some(400),
        focal_length_35mm: Some(20.0),
        exposure_value: None,
        light: SceneLight::default(),
    };
    let settings = EnhancementSettings::default();
    let (_, report) = enhance(vec![source], 0, &settings, &Look::default()).unwrap();
    let balance = report
        .steps
        .iter()
        .find(|step| step.name == "white_balance");
    let balance = balance.unwrap();
    assert!(balance.applied, "{report:?}");
    assert!(balance.parameters["blue_gain_ratio"] > 1.2, "{report:?}");
}

const GRAPHICS: [&str; 4] = ["IMG_0003.png", "certificate.png", "map.png", "scan_001.jpg"];

#[test]
fn graphics_are_seen_and_photos_are_photos() {
    let limits = DecodeLimits::default();
    let kind = |path: &Path| {
        let bytes = fs_err::read(path).unwrap();
        picture_kind(&look(&bytes, &limits, 512).unwrap().picture)
    };
    for name in GRAPHICS {
        let path = fixture(&format!("cases/graphics/{name}"));
        assert_eq!(kind(&path), PictureKind::Graphic, "{name}");
    }
    let mut photos = 0;
    for entry in fs_err::read_dir(fixture("listings/maple-street")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "jpg") {
            assert_eq!(kind(&path), PictureKind::Photo, "{}", path.display());
            assert!(!is_framed(&picture(&path)), "{}", path.display());
            photos += 1;
        }
    }
    assert!(photos > 8);
}

#[test]
fn a_folder_of_graphics_is_delivered_untouched() {
    let world = Environment::new();
    let folder = world.work().join("papers");
    fs_err::create_dir(&folder).unwrap();
    for name in GRAPHICS {
        let from = fixture(&format!("cases/graphics/{name}"));
        fs_err::copy(from, folder.join(name)).unwrap();
    }
    let plan = world.run([
        "plan",
        "papers",
        "--style",
        "modern",
        "--operations",
        "enhance",
    ]);
    let plan = plan.with_code(0);
    for name in GRAPHICS {
        assert!(plan.out.contains(name), "{}", plan.out);
    }
    assert!(plan.out.contains("drawing or a document"), "{}", plan.out);
    let submitted = world
        .run(["submit", "papers", "--style", "modern"])
        .with_code(0);
    // Whatever would be done to a photo, the drawings are told once.
    let drawings = (submitted.error.lines())
        .filter(|line| line.contains("drawing or a document"))
        .count();
    assert_eq!(drawings, 1, "{}", submitted.error);
    assert!(
        submitted.error.contains("on 4 pictures"),
        "{}",
        submitted.error
    );
    let delivered = world.work().join("remedia-out/papers");
    let manifest = fs_err::read(delivered.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let photos = manifest["photos"].as_array().unwrap();
    assert_eq!(photos.len(), GRAPHICS.len());
    for photo in photos {
        let file = photo["original_file"].as_str().unwrap();
        let original = picture(&folder.join(file));
        let last = photo["files"].as_array().unwrap().iter();
        let last = last.clone().find(|made| made["role"] == "final").unwrap();
        let last = picture(&delivered.join(last["path"].as_str().unwrap()));
        assert_eq!((last.width, last.height), (original.width, original.height));
        let worst = eight(&last)
            .as_flattened()
            .iter()
            .zip(eight(&original).as_flattened());
        let worst = worst
            .map(|(one, other)| one.abs_diff(*other))
            .max()
            .unwrap();
        let allowed = if file.ends_with(".jpg") { 0 } else { 5 };
        assert!(worst <= allowed, "{file}: {worst}");
    }
}

#[test]
fn a_person_says_what_is_a_photo() {
    let world = Environment::new();
    let folder = world.work().join("mixed");
    fs_err::create_dir(&folder).unwrap();
    for (from, to) in [
        ("cases/graphics/map.png", "map.png"),
        ("cases/graphics/IMG_0003.png", "wall.png"),
        ("cases/twilight/b-usual-exterior.jpg", "art.jpg"),
    ] {
        fs_err::copy(fixture(from), folder.join(to)).unwrap();
    }
    let toml = "[[photo]]\nfile = \"wall.png\"\nkind = \"photo\"\n\n[[photo]]\nfile = \"art.jpg\"\n\
                kind = \"graphic\"\n";
    fs_err::write(folder.join("listing.toml"), toml).unwrap();
    let plan = world
        .run(["plan", "mixed", "--operations", "enhance", "--json"])
        .with_code(0);
    let plan = plan.json();
    let text = plan.to_string();
    assert_eq!(text.matches("drawing or a document").count(), 2, "{text}");
    let wrong = toml.replace("\"graphic\"", "\"painting\"");
    fs_err::write(folder.join("listing.toml"), wrong).unwrap();
    let refused = world.run(["plan", "mixed"]).with_code(1);
    assert!(
        refused.error.contains("`photo` or `graphic`"),
        "{}",
        refused.error
    );
}

#[test]
fn the_frame_of_a_picture_stays_straight() {
    // A tilted room, framed in white.
    let room = picture(&fixture("listings/maple-street/02-living-b.jpg"));
    let room = remedia::imaging::fit(&room, 900).unwrap();
    let (width, height) = (room.width + 60, room.height + 60);
    let mut samples = vec![252; width * height * 3];
    for (y, row) in eight(&room).chunks(room.width).enumerate() {
        let start = ((y + 30) * width + 30) * 3;
        samples[start..start + room.width * 3].copy_from_slice(row.as_flattened());
    }
    let framed = Picture::from_eight(width, height, samples).unwrap();
    assert!(is_framed(&framed));
    let source = SourcePicture {
        picture: framed,
        iso: None,
        focal_length_35mm: Some(20.0),
        exposure_value: None,
        light: SceneLight::default(),
    };
    let settings = EnhancementSettings::default();
    let (result, report) = enhance(vec![source], 0, &settings, &Look::default()).unwrap();
    for name in [
        "lens_distortion",
        "vertical_correction",
        "roll_correction",
        "vignetting",
    ] {
        let step = report.steps.iter().find(|step| step.name == name).unwrap();
        assert!(!step.applied, "{step:?}");
        let said = step.reason.as_deref().unwrap_or_default();
        assert!(said.contains("frame"), "{said}");
    }
    for y in 0..height {
        let [red, green, blue] = eight(&result)[y * width + 15];
        assert!(red.min(green).min(blue) > 240, "{y}: {red} {green} {blue}");
    }
}
