//! Tests of the noise reduction.

use super::*;

/// Walls of three brightnesses with a sharp edge between, a smooth slope of light and a fine
/// stripe pattern, in code values.
fn scene(x: usize, y: usize) -> f64 {
    let wall = [60.0, 120.0, 190.0][x * 3 / WIDTH];
    let slope = y as f64 * 0.05;
    let stripes = if y > 192 && y % 8 < 4 { 24.0 } else { 0.0 };
    wall + slope + stripes
}

const WIDTH: usize = 384;
const HEIGHT: usize = 256;

/// Normal deviates from a linear congruential generator.
fn deviates(seed: u32) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        let mut sum = 0.0;
        for _ in 0..12 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            sum += f64::from(state >> 8) / f64::from(1 << 24);
        }
        sum - 6.0
    }
}

fn picture(sigma: f64) -> Picture {
    let mut deviate = deviates(7);
    let mut samples = Vec::new();
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            for _ in 0..3 {
                let value = scene(x, y) + sigma * deviate();
                samples.push((value + 0.5).clamp(0.0, 255.0) as u8);
            }
        }
    }
    Picture::from_eight(WIDTH, HEIGHT, samples).unwrap()
}

/// Root mean square difference of luma to the scene over some rows.
fn error(picture: &Picture, rows: std::ops::Range<usize>) -> f64 {
    let mut sum = 0.0;
    let mut luma = vec![0.0; WIDTH];
    for y in rows.clone() {
        let row = y * WIDTH * 3..(y + 1) * WIDTH * 3;
        match &picture.samples {
            Samples::Eight(samples) => luma_row(&samples[row], &mut luma),
            Samples::Sixteen(samples) => luma_row(&samples[row], &mut luma),
        }
        for (x, value) in luma.iter().enumerate() {
            sum += (f64::from(*value) - scene(x, y)).powi(2);
        }
    }
    (sum / (rows.len() * WIDTH) as f64).sqrt()
}

#[test]
fn measures_the_noise_that_was_added() {
    // Independent noise of three channels: luma keeps 0.668 of it.
    for sigma in [1.5, 3.0, 6.0] {
        let found = estimate(&picture(sigma), Some(800)).luma_sigma();
        let expected = 0.668 * sigma;
        assert!(
            (found / expected - 1.0).abs() < 0.25,
            "{sigma}: {found} {expected}"
        );
    }
}

#[test]
fn a_picture_without_noise_stays_as_it_is() {
    let clean = picture(0.0);
    let noise = estimate(&clean, Some(3200));
    let (strength, report) = decide(&noise, StepSetting::Auto);
    assert_eq!(strength, 0.0, "{noise:?}");
    assert!(!report.applied);
    assert_eq!(reduce(clean.clone(), &noise, strength).into_eight(), clean);
}

#[test]
fn noise_goes_and_edges_and_stripes_stay() {
    let noisy = picture(4.0);
    let noise = estimate(&noisy, Some(800));
    let (strength, report) = decide(&noise, StepSetting::Auto);
    assert!(report.applied && strength > 0.8, "{report:?}");
    let reduced = reduce(noisy.clone(), &noise, strength);
    let walls = error(&reduced, 8..184) / error(&noisy, 8..184);
    let stripes = error(&reduced, 200..248) / error(&noisy, 200..248);
    assert!(walls < 0.35, "walls {walls}");
    assert!(stripes < 0.75, "stripes {stripes}");
}

#[test]
fn both_depths_and_any_number_of_threads_give_the_same_pixels() {
    let eight = picture(3.0);
    let noise = estimate(&eight, None);
    let sixteen = into_sixteen(eight.clone());
    let pool = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
    };
    let one = pool(1).install(|| reduce(eight.clone(), &noise, 0.9));
    let four = pool(4).install(|| reduce(eight, &noise, 0.9));
    assert_eq!(one, four);
    let wide = reduce(sixteen, &noise, 0.9);
    let (Samples::Sixteen(one), Samples::Sixteen(wide)) = (&one.samples, &wide.samples) else {
        panic!("16 bits in every case");
    };
    let apart = one.iter().zip(wide).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(apart <= Some(8), "{apart:?}");
}

#[test]
fn pictures_of_any_size_are_taken() {
    for (width, height) in [(1, 1), (3, 2), (5, 70), (131, 7), (70, 65)] {
        let samples = (0..width * height * 3)
            .map(|index| (index * 37 % 251) as u8)
            .collect();
        let small = Picture::from_eight(width, height, samples).unwrap();
        let noise = estimate(&picture(4.0), Some(800));
        let reduced = reduce(small.clone(), &noise, 1.0);
        assert_eq!((reduced.width, reduced.height), (width, height));
        assert!(estimate(&small, None).luma_sigma() >= 0.0);
    }
}

#[test]
fn settings_are_followed() {
    let noise = estimate(&picture(4.0), Some(800));
    assert_eq!(decide(&noise, StepSetting::Fixed(0.4)).0, 0.4);
    let (strength, report) = decide(&noise, StepSetting::Off);
    assert_eq!((strength, report.applied), (0.0, false));
    assert_eq!(report.reason.as_deref(), Some("switched off"));
    assert!(report.parameters["luma_sigma"] > 1.0);
}
