//! The bracket of the first photo.

use remedia::imaging::{Picture, Samples};
use remedia::local::fusion::{FusionError, fuse};

use super::{LISTING, load};
use crate::support::fixture;

fn bracket() -> [Picture; 3] {
    ["-2", "+0", "+2"].map(|exposure| load(&format!("01-living-a_bracket{exposure}.jpg")))
}

fn told(bracket: &[Picture; 3]) -> [(&Picture, Option<f64>); 3] {
    let [dark, middle, bright] = bracket;
    [(dark, Some(-2.0)), (middle, Some(0.0)), (bright, Some(2.0))]
}

/// A part of a picture.
fn cropped(picture: &Picture, left: usize, top: usize, width: usize, height: usize) -> Picture {
    let Samples::Eight(samples) = &picture.samples else {
        panic!("fixtures have eight bits");
    };
    let rows = samples.chunks_exact(picture.width * 3).skip(top).take(height);
    let part = rows.flat_map(|row| row[left * 3..(left + width) * 3].iter().copied()).collect();
    Picture::from_eight(width, height, part).unwrap()
}

/// Samples from 0 to 1.
fn unit(picture: &Picture) -> Vec<f64> {
    match &picture.samples {
        Samples::Eight(samples) => samples.iter().map(|value| f64::from(*value) / 255.0).collect(),
        Samples::Sixteen(samples) => {
            samples.iter().map(|value| f64::from(*value) / 65535.0).collect()
        }
    }
}

fn linear(picture: &Picture) -> Vec<[f64; 3]> {
    let decode = |value: f64| {
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    unit(picture).chunks_exact(3).map(|pixel| [0, 1, 2].map(|channel| decode(pixel[channel]))).collect()
}

/// CIE L*a*b* of linear sRGB light, clipped to what can be shown.
fn lab(light: [f64; 3]) -> [f64; 3] {
    let [r, g, b] = light.map(|value| value.clamp(0.0, 1.0));
    let root = |value: f64| {
        if value > 216.0 / 24389.0 { value.cbrt() } else { (24389.0 / 27.0 * value + 16.0) / 116.0 }
    };
    let x = root((0.412_456 * r + 0.357_576 * g + 0.180_438 * b) / 0.950_47);
    let y = root(0.212_673 * r + 0.715_152 * g + 0.072_175 * b);
    let z = root((0.019_334 * r + 0.119_192 * g + 0.950_304 * b) / 1.088_83);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// Mean colour difference (CIE 1976) to the clean reference inside and outside the windows, after the
/// one exposure and white balance that suits the room best.
fn differences(picture: &Picture) -> (f64, f64) {
    // The palette's colour of label 13, `window_view`.
    const WINDOW_VIEW: [u8; 3] = [0, 200, 220];
    let labels = image::open(fixture(&format!("{LISTING}/truth/01-living-a_labels.png"))).unwrap();
    let labels: Vec<bool> =
        labels.into_rgb8().pixels().map(|pixel| pixel.0 == WINDOW_VIEW).collect();
    assert!(labels.contains(&true));
    let truth = linear(&load("truth/01-living-a_clean.jpg"));
    let own = linear(picture);
    let gains = [0, 1, 2].map(|channel: usize| {
        let mut ratios: Vec<f64> = own
            .iter()
            .zip(&truth)
            .zip(&labels)
            .filter(|((own, truth), window)| {
                let fits = |pixel: &[f64; 3]| pixel.iter().all(|value| (0.004..0.8).contains(value));
                !**window && fits(own) && fits(truth)
            })
            .map(|((own, truth), _)| truth[channel] / own[channel])
            .collect();
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    });
    let mut sums = [[0.0; 2]; 2];
    for ((own, truth), window) in own.iter().zip(&truth).zip(&labels) {
        let (own, truth) = (lab([0, 1, 2].map(|channel| own[channel] * gains[channel])), lab(*truth));
        let distance: f64 = own.iter().zip(truth).map(|(a, b)| (a - b) * (a - b)).sum();
        let sum = &mut sums[usize::from(*window)];
        sum[0] += distance.sqrt();
        sum[1] += 1.0;
    }
    (sums[1][0] / sums[1][1], sums[0][0] / sums[0][1])
}

#[test]
fn the_view_comes_back_and_the_room_gets_no_worse() {
    let bracket = bracket();
    let (fused, report) = fuse(&told(&bracket), 1).unwrap();
    assert!(matches!(fused.samples, Samples::Sixteen(_)));
    assert!(report.applied && report.reason.is_none(), "{report:?}");
    assert_eq!(report.parameters["greatest_shift_pixels"], 0.0);
    let singles = bracket.each_ref().map(differences);
    let (window, room) = differences(&fused);
    println!("window {window:.2}, room {room:.2}; single exposures {singles:?}");
    let least = |pick: fn(&(f64, f64)) -> f64| {
        singles.iter().map(pick).fold(f64::MAX, f64::min)
    };
    assert!(window <= 0.6 * least(|single| single.0), "{window} {singles:?}");
    assert!(room <= least(|single| single.1) + 0.05, "{room} {singles:?}");
}

/// Mean absolute difference of two pictures, in 8-bit steps.
fn apart(one: &Picture, other: &Picture) -> f64 {
    let (one, other) = (unit(one), unit(other));
    let sum: f64 = one.iter().zip(&other).map(|(a, b)| (a - b).abs()).sum();
    sum / one.len() as f64 * 255.0
}

#[test]
fn a_camera_that_moved_is_followed() {
    let whole = bracket();
    let (width, height) = (1000, 760);
    let still = whole.each_ref().map(|picture| cropped(picture, 60, 60, width, height));
    let [dark, middle, bright] = &whole;
    let moved = [
        cropped(dark, 72, 53, width, height),
        cropped(middle, 60, 60, width, height),
        cropped(bright, 49, 66, width, height),
    ];
    let (expected, _) = fuse(&told(&still), 1).unwrap();
    let (fused, report) = fuse(&told(&moved), 1).unwrap();
    let shift = report.parameters["greatest_shift_pixels"];
    assert!((shift - 13.9).abs() < 0.5, "{report:?}");
    assert!(apart(&fused, &expected) < 1.2, "{}", apart(&fused, &expected));
    // Exposure values that nobody knows are found in the pictures.
    let unknown = moved.each_ref().map(|picture| (picture, None));
    let (same, _) = fuse(&unknown, 1).unwrap();
    assert!(apart(&same, &fused) < 0.1);
}

#[test]
fn what_moved_is_taken_from_the_reference() {
    let mut bracket = bracket().map(|picture| cropped(&picture, 500, 300, 800, 600));
    let (expected, before) = fuse(&told(&bracket), 1).unwrap();
    let block = |picture: &mut Picture, left: usize, top: usize, value: u8| {
        let Samples::Eight(samples) = &mut picture.samples else {
            panic!("eight bits");
        };
        for row in samples.chunks_exact_mut(800 * 3).skip(top).take(90) {
            row[left * 3..(left + 60) * 3].fill(value);
        }
    };
    // Somebody dark walks through the brightest exposure and somebody bright through the darkest.
    block(&mut bracket[2], 620, 150, 40);
    block(&mut bracket[0], 300, 420, 200);
    let (fused, after) = fuse(&told(&bracket), 1).unwrap();
    assert!(after.parameters["ghost_share"] > before.parameters["ghost_share"] + 0.01);
    let apart = apart(&fused, &expected);
    assert!(apart < 1.0, "{apart}");
    let (fused, expected) = (unit(&fused), unit(&expected));
    for (left, top) in [(620, 150), (300, 420)] {
        let at = ((top + 45) * 800 + left + 30) * 3;
        let difference = (fused[at] - expected[at]).abs();
        assert!(difference < 0.06, "{left} {top}: {} {}", fused[at], expected[at]);
    }
}

#[test]
fn what_cannot_be_fused_is_refused_or_left_out_with_the_reason() {
    let [dark, middle, _] = bracket().map(|picture| cropped(&picture, 400, 300, 600, 400));
    assert_eq!(fuse(&[(&middle, None)], 0).unwrap_err(), FusionError::Count(1));
    let ten = [(&middle, None); 10];
    assert_eq!(fuse(&ten, 0).unwrap_err(), FusionError::Count(10));
    let missing = fuse(&[(&dark, None), (&middle, None)], 2).unwrap_err();
    assert_eq!(missing, FusionError::Reference { reference: 2, count: 2 });
    let small = cropped(&dark, 0, 0, 300, 200);
    let error = fuse(&[(&small, None), (&middle, None)], 1).unwrap_err();
    assert!(error.to_string().contains("300 x 200"), "{error}");

    // A photo of another room: the reference comes back as it is.
    let other = cropped(&load("04-kitchen.jpg"), 400, 300, 600, 400);
    let (alone, report) = fuse(&[(&other, Some(-2.0)), (&middle, Some(0.0))], 1).unwrap();
    assert!(!report.applied && report.reason.is_some(), "{report:?}");
    assert!(apart(&alone, &middle) < 1e-6);
}

#[test]
fn the_number_of_threads_does_not_change_the_picture() {
    let bracket = bracket().map(|picture| cropped(&picture, 0, 200, 500, 401));
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fuse(&told(&bracket), 1).unwrap())
    };
    assert_eq!(with(1), with(3));
}
