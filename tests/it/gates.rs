//! The structure gates on the fixture listing: every kind of damage is caught, no acceptable change is
//! taken for damage, and what a gate says points at the place.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use remedia::domain::structure::{
    StructureFault, StructureReport, StructureSubject, StructureThresholds,
};
use remedia::imaging::{DecodeLimits, Picture, Plane, Samples, decode, decode_plane, resize};
use remedia::validate::integrity::{IntegrityFault, judge_integrity};
use remedia::validate::structure::{StructureError, judge_composite, judge_structure};

use crate::support::damage::{Area, Change, Random, Scene, blobs, changed, openings};

/// Small enough that all cases take seconds in a debug build.
const SIDE: usize = 640;

fn truth(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/listings/maple-street/truth")
        .join(name)
}

fn picture(name: &str) -> Picture {
    let bytes = fs_err::read(truth(name)).unwrap();
    let picture = decode(&bytes, &DecodeLimits::default()).unwrap();
    let long = picture.width.max(picture.height);
    let scaled = |side: usize| side * SIDE / long;
    resize(&picture, scaled(picture.width), scaled(picture.height))
        .unwrap()
        .into_eight()
}

fn plane(name: &str) -> Plane {
    let bytes = fs_err::read(truth(name)).unwrap();
    decode_plane(&bytes, &DecodeLimits::default()).unwrap()
}

fn scene(name: &str, seed: u64) -> Scene {
    let photo = picture(&format!("{name}_clean.jpg"));
    let labels = plane(&format!("{name}_labels.png"));
    let (width, height) = (photo.width, photo.height);
    let mut known = openings(&labels, &[4, 13], width, height);
    known.extend(openings(&labels, &[5], width, height));
    Scene {
        name: name.to_owned(),
        mask: blobs(width, height, &mut Random::new(seed)),
        openings: known,
        photo,
    }
}

fn judged(scene: &Scene, candidate: &Picture) -> StructureReport {
    judge_structure(
        &scene.photo,
        candidate,
        &scene.mask,
        StructureSubject::Generated,
        &StructureThresholds::default(),
    )
    .unwrap()
}

const ROOMS: [&str; 3] = ["01-living-a", "03-bedroom", "04-kitchen"];

#[test]
fn every_damage_is_caught() {
    let mut missed = Vec::new();
    let mut cases = 0;
    for (index, room) in ROOMS.iter().enumerate() {
        for seed in 0..2 {
            let seed = 10 * index as u64 + seed;
            let scene = scene(room, seed);
            for (name, change) in Change::DAMAGE {
                let mut random = Random::new(seed + 77);
                let Some(candidate) = changed(&scene, *change, &mut random) else {
                    continue;
                };
                cases += 1;
                if judged(&scene, &candidate).passed() {
                    missed.push(format!("{name} in {}, seed {seed}", scene.name));
                }
            }
        }
    }
    assert!(cases >= 5 * Change::DAMAGE.len(), "only {cases} cases");
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn no_acceptable_change_is_taken_for_damage() {
    let mut wrong = Vec::new();
    for (index, room) in ROOMS.iter().enumerate() {
        let scene = scene(room, 40 + index as u64);
        for (name, change) in Change::ACCEPTABLE {
            let mut random = Random::new(index as u64 + 5);
            let candidate = changed(&scene, *change, &mut random).unwrap();
            let report = judged(&scene, &candidate);
            if !report.passed() {
                wrong.push(format!("{name} in {}: {:?}", scene.name, report.faults));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn perfect_staging_passes_with_its_shadows_under_its_mask() {
    let report = judge_structure(
        &picture("01-living-a_clean.jpg"),
        &picture("01-living-a_staged.jpg"),
        &plane("01-living-a_staged_influence_mask.png"),
        StructureSubject::Generated,
        &StructureThresholds::default(),
    )
    .unwrap();
    assert_eq!(report.faults, []);
    assert!(report.drift.unwrap().percent < 0.02, "{report:?}");
    assert!(report.worst_tile.unwrap().correlation > 0.97, "{report:?}");
}

#[test]
fn furniture_outside_the_mask_is_a_changed_tile() {
    let photo = picture("01-living-a_clean.jpg");
    let nothing = Plane::new(8, 8, vec![0; 64]).unwrap();
    let report = judge_structure(
        &photo,
        &picture("01-living-a_staged.jpg"),
        &nothing,
        StructureSubject::Generated,
        &StructureThresholds::default(),
    )
    .unwrap();
    assert!(report.faults.contains(&StructureFault::TileChanged));
    assert!(!report.faults.contains(&StructureFault::Drift));
}

/// Paints a rectangle in a colour.
fn painted(picture: &Picture, area: Area, colour: [u8; 3]) -> Picture {
    let mut picture = picture.clone();
    let width = picture.width;
    if let Samples::Eight(samples) = &mut picture.samples {
        for y in area.top..area.top + area.height {
            for x in area.left..area.left + area.width {
                samples[3 * (y * width + x)..][..3].copy_from_slice(&colour);
            }
        }
    }
    picture
}

#[test]
fn the_worst_tile_is_where_the_damage_is() {
    let mut scene = scene("03-bedroom", 3);
    scene.mask.samples.fill(0);
    let place = Area {
        left: 380,
        top: 120,
        width: 60,
        height: 70,
    };
    let report = judged(&scene, &painted(&scene.photo, place, [90, 40, 160]));
    assert!(report.faults.contains(&StructureFault::TileChanged));
    let share = |at: usize, of: usize| at as f64 / of as f64;
    for tile in &report.changed_tiles {
        let region = tile.region;
        let (left, top) = (share(place.left, 640), share(place.top, scene.photo.height));
        let right = share(place.left + place.width, 640);
        let bottom = share(place.top + place.height, scene.photo.height);
        assert!(
            region.left < right
                && region.left + region.width > left
                && region.top < bottom
                && region.top + region.height > top,
            "{region:?}"
        );
    }
}

#[test]
fn drift_tells_how_far_the_picture_moved() {
    let scene = scene("01-living-a", 9);
    for (pixels, change) in [(2.0, Change::Shift(2.0)), (6.0, Change::Shift(6.0))] {
        // The shift is drawn between one and 1.1 of its name, at a long side of 1536.
        let candidate = changed(&scene, change, &mut Random::new(4)).unwrap();
        let moved = judged(&scene, &candidate).drift.unwrap().pixels * 1536.0 / SIDE as f64;
        assert!(
            (0.8 * pixels..=1.3 * pixels).contains(&moved),
            "{moved} for {pixels}"
        );
    }
}

#[test]
fn a_mask_over_nearly_everything_leaves_nothing_to_judge() {
    let mut scene = scene("03-bedroom", 3);
    scene.mask.samples.fill(255);
    let report = judged(&scene, &scene.photo);
    assert_eq!(report.faults, [StructureFault::NotJudgeable]);
    assert_eq!(report.visible_share, 0.0);
}

#[test]
fn a_blank_wall_is_not_judgeable() {
    let wall = Picture::from_eight(400, 300, vec![200; 400 * 300 * 3]).unwrap();
    let nothing = Plane::new(4, 3, vec![0; 12]).unwrap();
    let report = judge_structure(
        &wall,
        &wall,
        &nothing,
        StructureSubject::Generated,
        &StructureThresholds::default(),
    )
    .unwrap();
    assert_eq!(report.faults, [StructureFault::NotJudgeable]);
}

#[test]
fn pictures_of_different_sizes_are_not_compared() {
    let one = Picture::from_eight(200, 100, vec![9; 60_000]).unwrap();
    let other = Picture::from_eight(100, 200, vec![9; 60_000]).unwrap();
    let mask = Plane::new(1, 1, vec![0]).unwrap();
    let limits = StructureThresholds::default();
    let error = judge_structure(&one, &other, &mask, StructureSubject::Generated, &limits);
    insta::assert_snapshot!(error.unwrap_err(), @"the picture is 100 x 200 pixels and the one it is compared with 200 x 100");
    let small = Picture::from_eight(200, 20, vec![9; 12_000]).unwrap();
    let error = judge_structure(&small, &small, &mask, StructureSubject::Generated, &limits);
    assert!(matches!(error, Err(StructureError::TooSmall { .. })));
    assert!(!error.unwrap_err().is_retryable());
}

#[test]
fn a_single_sample_outside_what_was_changed_fails_a_composite() {
    let scene = scene("01-living-a", 6);
    let limits = StructureThresholds::default();
    let clean = judge_composite(&scene.photo, &scene.photo, &scene.mask, &limits).unwrap();
    assert_eq!(clean.faults, []);
    assert_eq!(clean.outside_changed_share, Some(0.0));
    let candidate = changed(&scene, Change::Nothing, &mut Random::new(2)).unwrap();
    let made = judge_composite(&scene.photo, &candidate, &scene.mask, &limits).unwrap();
    assert_eq!(made.faults, []);
    let mut touched = candidate;
    if let Samples::Eight(samples) = &mut touched.samples {
        samples[30] ^= 1;
    }
    let report = judge_composite(&scene.photo, &touched, &scene.mask, &limits).unwrap();
    assert_eq!(report.faults, [StructureFault::OutsideTouched]);
    let outside = scene.mask.samples.iter().filter(|&&one| one == 0).count();
    assert_eq!(report.outside_changed_share, Some(1.0 / outside as f64));
}

#[test]
fn integrity_tells_what_is_no_staged_picture() {
    let scene = scene("03-bedroom", 8);
    let (width, height) = (scene.photo.width, scene.photo.height);
    let made = changed(&scene, Change::Jpeg, &mut Random::new(3)).unwrap();
    assert_eq!(judge_integrity(&scene.photo, &made, &scene.mask), Ok(()));
    let plain = |value: u8| Picture::from_eight(width, height, vec![value; width * height * 3]);
    let wrong =
        |picture: &Picture| judge_integrity(&scene.photo, picture, &scene.mask).unwrap_err();
    assert_eq!(wrong(&plain(3).unwrap()), IntegrityFault::Black);
    insta::assert_snapshot!(wrong(&plain(90).unwrap()), @"the picture is flat: its brightness varies by 0.0 steps");
    assert!(matches!(
        wrong(&scene.photo),
        IntegrityFault::Unchanged { difference } if difference == 0.0
    ));
    let small = resize(&scene.photo, width / 2, height / 2).unwrap();
    insta::assert_snapshot!(wrong(&small), @"the picture is 320 x 213 pixels instead of 640 x 426");
    let empty = Plane::new(2, 2, vec![0; 4]).unwrap();
    let fault = judge_integrity(&scene.photo, &made, &empty).unwrap_err();
    assert_eq!(fault, IntegrityFault::EmptyMask);
    assert!(!fault.is_retryable() && wrong(&small).is_retryable());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever comes, the gates answer: numbers stay within their ranges and the same input gives the same report.
    #[test]
    fn any_two_pictures_get_a_report(
        width in 96_usize..160,
        height in 96_usize..160,
        seed in any::<u64>(),
        noise in 0_u8..=255,
        masked in 0_u8..=255,
    ) {
        let mut random = Random::new(seed);
        let mut draw = |range: u8| {
            let samples = (0..width * height * 3)
                .map(|index| {
                    let plain = (index / 3 % width * 2) as u8;
                    plain.wrapping_add(random.below(usize::from(range) + 1) as u8)
                })
                .collect();
            Picture::from_eight(width, height, samples).unwrap()
        };
        let (reference, candidate) = (draw(noise), draw(noise / 2));
        let mask = Plane::new(3, 2, vec![masked, 0, 0, 0, 0, masked]).unwrap();
        let limits = StructureThresholds::default();
        let subject = StructureSubject::Generated;
        let report = judge_structure(&reference, &candidate, &mask, subject, &limits).unwrap();
        let again = judge_structure(&reference, &candidate, &mask, subject, &limits).unwrap();
        prop_assert_eq!(&report, &again);
        if let Some(tile) = report.worst_tile {
            prop_assert!((-1.0..=1.0).contains(&tile.correlation));
        }
        prop_assert!((0.0..=1.0).contains(&report.visible_share));
        prop_assert!(report.drift.is_none_or(|drift| drift.percent.is_finite() && drift.percent >= 0.0));
        prop_assert!(report.detail_ratio.is_none_or(f64::is_finite));
        prop_assert!(report.changed_tiles.len() <= 32);
    }

    /// What happens under the mask never counts.
    #[test]
    fn the_inside_of_the_mask_is_not_judged(seed in any::<u64>()) {
        let (width, height) = (192, 128);
        let mut random = Random::new(seed);
        let mut samples: Vec<u8> = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let value = (((x / 13 + y / 11) % 2 * 120 + 60 + x / 4) as u8)
                    .wrapping_add(random.below(3) as u8);
                samples.extend([value, value, value]);
            }
        }
        let reference = Picture::from_eight(width, height, samples.clone()).unwrap();
        let mut mask = vec![0; width * height];
        for y in 40..90 {
            for x in 60..120 {
                mask[y * width + x] = 255;
                for sample in &mut samples[3 * (y * width + x)..][..3] {
                    *sample = random.below(256) as u8;
                }
            }
        }
        let candidate = Picture::from_eight(width, height, samples).unwrap();
        let mask = Plane::new(width, height, mask).unwrap();
        let limits = StructureThresholds::default();
        for subject in [StructureSubject::Composite, StructureSubject::Generated] {
            let report = judge_structure(&reference, &candidate, &mask, subject, &limits).unwrap();
            if subject == StructureSubject::Composite {
                prop_assert_eq!(&report.faults, &[]);
            }
            prop_assert!(!report.faults.contains(&StructureFault::TileChanged));
        }
    }
}
