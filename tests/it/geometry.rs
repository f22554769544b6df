//! Verticals, roll, lens distortion and exposure fusion on the fixture listing, against its truth.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test where the fixtures are not as they should be"
)]

mod fusion;

use remedia::domain::enhancement::{EnhancementSettings, StepSetting};
use remedia::imaging::warp::{Lens, Warp, apply};
use remedia::imaging::{Picture, Samples};
use remedia::local::geometry::{GeometryDecision, estimate};
use serde_json::Value;

use crate::support::fixture;

const LISTING: &str = "listings/maple-street";

/// Name, and 35 mm focal length as its EXIF says.
const PHOTOS: [(&str, f64); 6] = [
    ("01-living-a", 19.0),
    ("02-living-b", 19.0),
    ("03-bedroom", 19.0),
    ("04-kitchen", 19.0),
    ("05-bathroom", 17.0),
    ("06-exterior", 22.0),
];

fn load(relative: &str) -> Picture {
    let path = fixture(&format!("{LISTING}/{relative}"));
    let mut image = image::open(path).unwrap();
    if relative == "05-bathroom.jpg" {
        image.apply_orientation(image::metadata::Orientation::Rotate90);
    }
    let image = image.into_rgb8();
    let (width, height) = (image.width() as usize, image.height() as usize);
    Picture::from_eight(width, height, image.into_raw()).unwrap()
}

/// The camera that took a fixture photo.
struct Truth {
    focal: f64,
    center: [f64; 2],
    k1: f64,
    /// The world's up direction in camera axes.
    up: [f64; 3],
}

impl Truth {
    fn read(name: &str) -> Self {
        let text =
            fs_err::read_to_string(fixture(&format!("{LISTING}/truth/{name}.json"))).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        let number = |pointer: &str| json.pointer(pointer).unwrap().as_f64().unwrap();
        Self {
            focal: number("/intrinsics/fx"),
            center: [number("/intrinsics/cx"), number("/intrinsics/cy")],
            k1: number("/intrinsics/k1"),
            up: [0, 1, 2].map(|column| number(&format!("/pose_camera_to_world/2/{column}"))),
        }
    }

    fn distort(&self, x: f64, y: f64) -> [f64; 2] {
        let scale = self.focal * (1.0 + self.k1 * (x * x + y * y));
        [x * scale + self.center[0], y * scale + self.center[1]]
    }

    fn undistort(&self, x: f64, y: f64) -> [f64; 2] {
        let [a, b] = [
            (x - self.center[0]) / self.focal,
            (y - self.center[1]) / self.focal,
        ];
        let mut scale = 1.0;
        for _ in 0..50 {
            let square = (a * a + b * b) * scale * scale;
            scale = 1.0 / (1.0 + self.k1 * square);
        }
        [a * scale, b * scale]
    }

    /// Greatest and mean angle from the vertical, in degrees, of short pieces of true verticals at
    /// many positions of the result.
    fn verticals(&self, warp: Option<&Warp>) -> (f64, f64) {
        let back = |x: f64, y: f64| warp.map_or([x, y], |warp| warp.source_of(x, y));
        let forth = |x: f64, y: f64| warp.map_or([x, y], |warp| warp.result_of(x, y));
        let (mut greatest, mut sum, mut count) = (0.0_f64, 0.0, 0.0);
        for row in 0..13 {
            for column in 0..19 {
                let [u, v] = back(f64::from(column) * 85.0 + 2.0, f64::from(row) * 85.0 + 1.0);
                let [a, b] = self.undistort(u, v);
                let direction = [self.up[0] - self.up[2] * a, self.up[1] - self.up[2] * b];
                let end = |step: f64| {
                    let [u, v] = self.distort(a + step * direction[0], b + step * direction[1]);
                    forth(u, v)
                };
                let ([x0, y0], [x1, y1]) = (end(-0.02), end(0.02));
                let angle = ((x1 - x0) / (y1 - y0)).atan().to_degrees().abs();
                greatest = greatest.max(angle);
                sum += angle;
                count += 1.0;
            }
        }
        (greatest, sum / count)
    }

    /// Tilt of the true horizon in the result, degrees.
    fn horizon(&self, warp: Option<&Warp>) -> f64 {
        let forth = |x: f64, y: f64| warp.map_or([x, y], |warp| warp.result_of(x, y));
        // The horizon is where directions are perpendicular to up.
        let at = |a: f64| {
            let b = -(self.up[0] * a + self.up[2]) / self.up[1];
            let [u, v] = self.distort(a, b);
            forth(u, v)
        };
        let ([x0, y0], [x1, y1]) = (at(-0.5), at(0.5));
        ((y1 - y0) / (x1 - x0)).atan().to_degrees()
    }
}

fn decide(picture: &Picture, focal: Option<f64>) -> GeometryDecision {
    estimate(picture, focal, &EnhancementSettings::default())
}

#[test]
fn verticals_end_upright_and_the_horizon_level() {
    for (name, focal) in PHOTOS {
        let truth = Truth::read(name);
        let picture = load(&format!("{name}.jpg"));
        for focal in [Some(focal), None] {
            let decision = decide(&picture, focal);
            let warp = decision.warp.as_ref();
            let (before, _) = truth.verticals(None);
            let (greatest, mean) = truth.verticals(warp);
            let roll = truth.horizon(warp);
            println!(
                "{name} {focal:?}: verticals {before:.2} -> at most {greatest:.3}, mean {mean:.3}; \
                 horizon {:.2} -> {roll:.3}",
                truth.horizon(None)
            );
            assert!(
                decision.reports.iter().all(|report| report.applied),
                "{name} {decision:?}"
            );
            assert!(greatest < 0.3, "{name} {focal:?}: {greatest}");
            assert!(roll.abs() < 0.2, "{name} {focal:?}: {roll}");
            assert!(warp.unwrap().kept() > 0.85, "{name} {focal:?}");
        }
    }
}

#[test]
fn every_exposure_of_a_bracket_shows_the_same_tilt() {
    let truth = Truth::read("01-living-a");
    for exposure in ["bracket-2", "bracket+0", "bracket+2"] {
        let decision = decide(&load(&format!("01-living-a_{exposure}.jpg")), Some(19.0));
        let (greatest, _) = truth.verticals(decision.warp.as_ref());
        let roll = truth.horizon(decision.warp.as_ref());
        println!("{exposure}: verticals at most {greatest:.3}, horizon {roll:.3}");
        assert!(greatest < 0.35, "{exposure}: {greatest}");
        assert!(roll.abs() < 0.2, "{exposure}: {roll}");
    }
}

/// Greatest angle from the vertical, in degrees, that a vertical of the original shows after `forth`.
fn lean(forth: impl Fn(f64, f64) -> [f64; 2]) -> f64 {
    let mut greatest = 0.0_f64;
    for row in 1..8 {
        for column in 1..12 {
            let (x, y) = (f64::from(column) * 128.0, f64::from(row) * 128.0);
            let ([x0, y0], [x1, y1]) = (forth(x, y - 15.0), forth(x, y + 15.0));
            greatest = greatest.max(((x1 - x0) / (y1 - y0)).atan().to_degrees().abs());
        }
    }
    greatest
}

#[test]
fn photos_that_are_upright_are_left_alone() {
    for (name, focal) in PHOTOS {
        for focal in [Some(focal), None] {
            let decision = decide(&load(&format!("truth/{name}_upright.jpg")), focal);
            if let Some(warp) = &decision.warp {
                let change = lean(|x, y| warp.result_of(x, y));
                assert!(
                    change < 0.15,
                    "{name} {focal:?}: {change} {:?}",
                    decision.reports
                );
            }
        }
    }
}

/// The picture as a camera with this pitch and roll would have taken it, and how.
fn tilted(picture: &Picture, pitch: f64, roll: f64) -> (Picture, Warp) {
    let lens = Lens::centered(picture.width, picture.height, 800.0);
    let warp = Warp::upright(picture.width, picture.height, lens, pitch, roll).unwrap();
    (apply(picture, &warp), warp)
}

#[test]
fn any_moderate_tilt_is_taken_out_again() {
    for (name, pitch, roll) in [
        ("01-living-a", 9.0, 0.0),
        ("02-living-b", -12.0, -3.0),
        ("03-bedroom", 0.0, 8.0),
        ("04-kitchen", 6.0, -6.0),
        ("05-bathroom", -4.0, 2.0),
        ("06-exterior", -6.0, 1.5),
    ] {
        let (picture, tilt) = tilted(&load(&format!("truth/{name}_upright.jpg")), pitch, roll);
        let decision = decide(&picture, None);
        let warp = decision.warp.expect("a tilted picture is corrected");
        let left = lean(|x, y| {
            let [u, v] = tilt.result_of(x, y);
            warp.result_of(u, v)
        });
        println!("{name} tilted by {pitch} and {roll}: {left:.3} left");
        assert!(
            left < 0.4,
            "{name} {pitch} {roll}: {left} {:?}",
            decision.reports
        );
    }
}

/// The picture with its columns in reverse order.
fn mirrored(picture: &Picture) -> Picture {
    let Samples::Eight(samples) = &picture.samples else {
        panic!("fixtures have eight bits");
    };
    let mirrored = samples
        .chunks_exact(picture.width * 3)
        .flat_map(|row| row.chunks_exact(3).rev().flatten().copied())
        .collect();
    Picture::from_eight(picture.width, picture.height, mirrored).unwrap()
}

#[test]
fn a_mirrored_photo_has_the_same_pitch_and_the_opposite_roll() {
    let picture = load("03-bedroom.jpg");
    let angle = |picture: &Picture, report: usize, name: &str| {
        decide(picture, Some(19.0)).reports[report].parameters[name]
    };
    let mirror = mirrored(&picture);
    let pitch = [
        angle(&picture, 1, "pitch_degrees"),
        angle(&mirror, 1, "pitch_degrees"),
    ];
    let roll = [
        angle(&picture, 2, "roll_degrees"),
        angle(&mirror, 2, "roll_degrees"),
    ];
    assert!((pitch[0] - pitch[1]).abs() < 0.1, "{pitch:?}");
    assert!((roll[0] + roll[1]).abs() < 0.1, "{roll:?}");
}

/// Pseudo-random numbers from 0 to 1.
fn noise(seed: u32) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1_u32 << 24)
    }
}

#[test]
fn pictures_without_vertical_evidence_are_refused_with_a_reason() {
    let (width, height) = (900, 600);
    let mut random = noise(5);
    let mut leaves = vec![90_u8; width * height * 3];
    for _ in 0..4000 {
        // Leaves: short strokes in all directions.
        let (x, y, angle) = (
            random() * 900.0,
            random() * 600.0,
            random() * std::f64::consts::PI,
        );
        let shade = (40.0 + 170.0 * random()) as u8;
        for step in 0..60 {
            let (x, y) = (
                x + f64::from(step) * 0.5 * angle.cos(),
                y + f64::from(step) * 0.5 * angle.sin(),
            );
            if x < 899.0 && y < 599.0 && x >= 0.0 && y >= 0.0 {
                let at = (y as usize * width + x as usize) * 3;
                leaves[at..at + 3].fill(shade);
            }
        }
    }
    let stripes: Vec<u8> = (0..height)
        .flat_map(|y| std::iter::repeat_n(if y / 40 % 2 == 0 { 80 } else { 170 }, width * 3))
        .collect();
    let grain: Vec<u8> = (0..width * height * 3)
        .map(|_| (100.0 + 60.0 * random()) as u8)
        .collect();
    for (name, samples) in [
        ("flat", vec![128; width * height * 3]),
        ("leaves", leaves),
        ("stripes", stripes),
        ("grain", grain),
    ] {
        let decision = decide(&Picture::from_eight(width, height, samples).unwrap(), None);
        assert_eq!(decision.warp, None, "{name} {decision:?}");
        assert_eq!(decision.reports.len(), 3);
        for report in &decision.reports {
            assert!(
                !report.applied && report.reason.is_some(),
                "{name} {report:?}"
            );
        }
    }
}

#[test]
fn steps_that_are_switched_off_or_fixed_are_obeyed() {
    let picture = load("04-kitchen.jpg");
    let truth = Truth::read("04-kitchen");
    let off = estimate(&picture, Some(19.0), &EnhancementSettings::all_off());
    assert_eq!(off.warp, None);
    let level = EnhancementSettings {
        roll_correction: StepSetting::Auto,
        lens_distortion: StepSetting::Fixed(-0.022),
        ..EnhancementSettings::all_off()
    };
    let level = estimate(&picture, Some(19.0), &level);
    assert!(truth.horizon(level.warp.as_ref()).abs() < 0.2);
    assert_eq!(level.reports[1].reason.as_deref(), Some("switched off"));
    let fixed = EnhancementSettings {
        lens_distortion: StepSetting::Fixed(-0.022),
        vertical_correction: StepSetting::Fixed(-4.0),
        roll_correction: StepSetting::Fixed(-1.2),
        ..EnhancementSettings::all_off()
    };
    // The focal length that makes the given angles exact.
    let fixed = estimate(&picture, Some(800.0 * 36.0 / 1536.0), &fixed);
    assert!(truth.verticals(fixed.warp.as_ref()).0 < 0.1);
    assert!(fixed.reports.iter().all(|report| report.applied));
}

#[test]
fn the_number_of_threads_does_not_change_the_decision() {
    let picture = load("02-living-b.jpg");
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| decide(&picture, Some(19.0)))
    };
    assert_eq!(with(1), with(3));
}
