//! Behaviour through the public functions, on small made-up rooms.

use proptest::prelude::*;

use super::*;
use crate::domain::surface::Surface;

/// A room with a brighter wall above a darker floor, a slope of light, and a texture as fine as pixels.
fn room(width: usize, height: usize) -> Vec<u8> {
    let mut samples = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let base = if 2 * y > height { 95 } else { 165 };
            let light = 30 * x / width + (x * 7 + y * 13) % 5;
            for tint in [8, 0, 3] {
                samples.push((base + light + tint) as u8);
            }
        }
    }
    samples
}

fn photo(width: usize, height: usize) -> Picture {
    Picture::from_eight(width, height, room(width, height)).unwrap()
}

/// The picture with every pixel where `inside` replaced.
fn painted(picture: &Picture, paint: impl Fn(usize, usize, [u8; 3]) -> [u8; 3]) -> Picture {
    let mut picture = picture.clone();
    let width = picture.width;
    if let Samples::Eight(samples) = &mut picture.samples {
        for (index, pixel) in samples.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            *pixel = paint(index % width, index / width, *pixel);
        }
    }
    picture
}

fn plane(width: usize, height: usize, value: impl Fn(usize, usize) -> u8) -> Plane {
    let samples = (0..width * height)
        .map(|index| value(index % width, index / width))
        .collect();
    Plane::new(width, height, samples).unwrap()
}

fn put(
    photo: &Picture,
    generated: &Picture,
    mask: &Plane,
    labels: Option<&Plane>,
) -> Result<Composite, CompositeError> {
    let request = CompositeRequest {
        photo,
        generated,
        mask,
        labels,
    };
    let settings = CompositeSettings {
        max_masked_share: 1.0,
        ..CompositeSettings::default()
    };
    composite(&request, &settings)
}

fn pixels(picture: &Picture) -> &[[u8; 3]] {
    match &picture.samples {
        Samples::Eight(samples) => samples.as_chunks::<3>().0,
        Samples::Sixteen(_) => panic!("8 bits are made"),
    }
}

fn gained(pixel: [u8; 3], gains: [f64; 3]) -> [u8; 3] {
    use crate::imaging::color::{linear_to_srgb, srgb_to_linear};
    let mut result = [0; 3];
    for channel in 0..3 {
        let light = srgb_to_linear(f64::from(pixel[channel]) / 255.0) * gains[channel];
        result[channel] = (linear_to_srgb(light.min(1.0)) * 255.0).round() as u8;
    }
    result
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the mask and the picture, what lies farther from the mask than the feather and one cell
    /// of it is the photo, and so is everything that the map of changes calls unchanged.
    #[test]
    fn outside_the_mask_the_photo_stays_bit_for_bit(
        (width, height) in (24_usize..140, 24_usize..140),
        divisor in 1_usize..5,
        boxes in prop::collection::vec((0.0_f64..1.0, 0.0_f64..1.0, 0.0_f64..0.4, any::<u8>()), 1..5),
        seed in any::<u32>(),
    ) {
        let photo = photo(width, height);
        let (small_width, small_height) = (width.div_ceil(divisor), height.div_ceil(divisor));
        prop_assume!(same_proportions(small_width, small_height, (width, height)));
        let small = resize(&photo, small_width, small_height).unwrap();
        let generated = painted(&small, |x, y, _| {
            let bits = (x as u32 * 31 + y as u32 * 17).wrapping_mul(seed | 1);
            [bits as u8, (bits >> 8) as u8, (bits >> 16) as u8]
        });
        let mask = plane(small_width, small_height, |x, y| {
            boxes.iter().fold(0, |most, (left, top, side, value)| {
                let x = (x as f64 + 0.5) / small_width as f64 - left;
                let y = (y as f64 + 0.5) / small_height as f64 - top;
                let inside = (0.0..*side).contains(&x) && (0.0..*side).contains(&y);
                if inside { most.max(*value) } else { most }
            })
        });
        prop_assume!(mask.samples.iter().any(|sample| *sample > 0));
        let made = put(&photo, &generated, &mask, None).unwrap();
        let reach = 2 * divisor as isize + 2;
        let touched = |x: usize, y: usize| {
            let range = |at: usize, all: usize, small: usize| {
                let low = (at.cast_signed() - reach).max(0).cast_unsigned() * small / all;
                let high = (at + reach.cast_unsigned()).min(all - 1) * small / all;
                low..=high
            };
            range(y, height, small_height).any(|row| {
                range(x, width, small_width).any(|column| mask.at(column, row) > 0)
            })
        };
        for (index, (made_pixel, own)) in pixels(&made.picture).iter().zip(pixels(&photo)).enumerate() {
            let (x, y) = (index % width, index / width);
            if !touched(x, y) {
                prop_assert_eq!(made_pixel, own, "at {} {}", x, y);
            }
            if made.changed.samples[index] == 0 {
                prop_assert_eq!(made_pixel, own, "at {} {}", x, y);
            }
        }
    }
}

#[test]
fn a_worker_that_changed_nothing_gives_the_photo() {
    let photo = photo(400, 300);
    let generated = resize(&photo, 128, 96).unwrap();
    let mask = plane(128, 96, |x, y| match (x, y) {
        (30..80, 30..60) => 255,
        (20..100, 60..80) => 120,
        _ => 0,
    });
    let made = put(&photo, &generated, &mask, None).unwrap();
    assert_eq!(made.picture, photo);
    assert!(made.changed.samples.iter().all(|changed| *changed == 0));
    assert_eq!(made.report.touched_share, 0.0);
}

#[test]
fn exposure_and_white_balance_are_matched() {
    let photo = photo(600, 450);
    let gains = [1.3, 1.2, 1.05];
    let sofa = [90, 120, 140];
    let small = resize(&photo, 200, 150).unwrap();
    let inside = |x: usize, y: usize| (60..140).contains(&x) && (70..120).contains(&y);
    let generated = painted(&small, |x, y, own| {
        gained(if inside(x, y) { sofa } else { own }, gains)
    });
    let mask = plane(200, 150, |x, y| if inside(x, y) { 255 } else { 0 });
    let made = put(&photo, &generated, &mask, None).unwrap();
    for (found, gain) in made.report.gains.iter().zip(gains) {
        assert!((found * gain - 1.0).abs() < 0.02, "{:?}", made.report.gains);
    }
    let middle = pixels(&made.picture)[285 * 600 + 300];
    for (found, expected) in middle.iter().zip(sofa) {
        assert!(found.abs_diff(expected) <= 6, "{middle:?}");
    }
    let share = 80.0 * 50.0 / (200.0 * 150.0);
    assert!((made.report.masked_share - share).abs() < 1e-9);
    assert!(
        (made.report.touched_share - share).abs() < 0.02,
        "{:?}",
        made.report
    );
    // Fully generated in the middle, the photo's own far away.
    assert_eq!(made.changed.at(300, 285), 255);
    assert_eq!(made.changed.at(10, 10), 0);
}

#[test]
fn gains_are_bounded() {
    let photo = photo(200, 150);
    let generated = painted(&photo, |_, _, own| gained(own, [0.1, 0.1, 0.1]));
    let mask = plane(200, 150, |x, y| u8::from(x < 40 && y < 40) * 255);
    let made = put(&photo, &generated, &mask, None).unwrap();
    assert!(
        made.report
            .gains
            .iter()
            .all(|gain| (0.3..=3.0).contains(gain)),
        "{:?}",
        made.report
    );
}

#[test]
fn protected_surfaces_are_untouched() {
    let photo = photo(400, 300);
    let generated = painted(&resize(&photo, 160, 120).unwrap(), |_, _, _| [200, 20, 20]);
    let mask = plane(160, 120, |x, y| match (x, y) {
        (20..90, 20..100) => 255,
        (90..150, 20..100) => 200,
        _ => 0,
    });
    for size in [(400, 300), (160, 120), (93, 70)] {
        let labels = plane(size.0, size.1, |x, y| {
            let (x, y) = (x as f64 / size.0 as f64, y as f64 / size.1 as f64);
            if (0.3..0.7).contains(&x) && (0.3..0.6).contains(&y) {
                Surface::Window.value()
            } else {
                Surface::Wall.value()
            }
        });
        let made = put(&photo, &generated, &mask, Some(&labels)).unwrap();
        let mut changed = 0;
        for (index, (made, own)) in pixels(&made.picture).iter().zip(pixels(&photo)).enumerate() {
            let (x, y) = (index % 400, index / 400);
            if labels.at(x * size.0 / 400, y * size.1 / 300) == Surface::Window.value() {
                assert_eq!(made, own, "{size:?} at {x} {y}");
            }
            changed += u32::from(made != own);
        }
        assert!(changed > 20_000, "{changed}");
        assert!(made.report.protected_share > 0.05, "{:?}", made.report);
    }
}

#[test]
fn nothing_is_drawn_into_a_soft_band() {
    let photo = photo(512, 384);
    let small = resize(&photo, 256, 192).unwrap();
    let band = |x: usize, y: usize| (60..200).contains(&x) && (100..180).contains(&y);
    // A checkerboard of black and white, a quarter darker on average than the photo's floor.
    let generated = painted(&small, |x, y, own| {
        if !band(x, y) {
            own
        } else if (x / 2 + y / 2) % 2 == 0 {
            [10, 10, 10]
        } else {
            [135, 135, 135]
        }
    });
    let mask = plane(256, 192, |x, y| if band(x, y) { 254 } else { 0 });
    let made = put(&photo, &generated, &mask, None).unwrap();
    let (new, own) = (pixels(&made.picture), pixels(&photo));
    let mut darker = 0.0;
    let mut roughest = 0.0_f64;
    for y in 220..340 {
        for x in 140..380 {
            let ratio = |x: usize, y: usize| {
                f64::from(new[y * 512 + x][1]) / f64::from(own[y * 512 + x][1])
            };
            darker += ratio(x, y);
            roughest = roughest.max((ratio(x, y) - ratio(x + 4, y)).abs());
        }
    }
    let mean = darker / (120.0 * 240.0);
    assert!((0.6..0.95).contains(&mean), "{mean}");
    // One field apart the generated picture differs by a factor of 13.
    assert!(roughest < 0.05, "{roughest}");
}

#[test]
fn a_soft_band_is_bounded() {
    let photo = photo(256, 192);
    let mask = plane(
        256,
        192,
        |x, y| if x > 60 && x < 200 && y > 100 { 254 } else { 0 },
    );
    let black = painted(
        &photo,
        |x, y, own| if mask.at(x, y) > 0 { [0; 3] } else { own },
    );
    let white = painted(
        &photo,
        |x, y, own| if mask.at(x, y) > 0 { [255; 3] } else { own },
    );
    let stops = |made: &Composite| {
        use crate::imaging::color::srgb_to_linear;
        let at = |picture: &Picture| {
            srgb_to_linear(f64::from(pixels(picture)[150 * 256 + 130][1]) / 255.0)
        };
        (at(&made.picture) / at(&photo)).log2()
    };
    let dark = stops(&put(&photo, &black, &mask, None).unwrap());
    let light = stops(&put(&photo, &white, &mask, None).unwrap());
    assert!((-2.15..-1.8).contains(&dark), "{dark}");
    assert!((0.4..0.6).contains(&light), "{light}");
}

#[test]
fn a_shadow_stops_at_a_protected_edge() {
    let photo = photo(512, 384);
    let small = resize(&photo, 256, 192).unwrap();
    // Everything right of the middle is a door, and bright; the band left of it is dark.
    let labels = plane(256, 192, |x, _| {
        if x >= 128 {
            Surface::Door.value()
        } else {
            Surface::Floor.value()
        }
    });
    let mask = plane(
        256,
        192,
        |x, y| if x > 60 && x < 180 && y > 100 { 254 } else { 0 },
    );
    let generated = painted(&small, |x, y, own| {
        if mask.at(x, y) > 0 && x < 128 {
            gained(own, [0.4; 3])
        } else {
            own
        }
    });
    let made = put(&photo, &generated, &mask, Some(&labels)).unwrap();
    let (new, own) = (pixels(&made.picture), pixels(&photo));
    for y in 0..384 {
        for x in 256..512 {
            assert_eq!(new[y * 512 + x], own[y * 512 + x], "at {x} {y}");
        }
        // Up to the grown edge the shadow has its full depth: the bright door does not lighten it.
        if y > 240 && y < 370 {
            let ratio = f64::from(new[y * 512 + 244][1]) / f64::from(own[y * 512 + 244][1]);
            assert!(ratio < 0.72, "{y}: {ratio}");
        }
    }
}

#[test]
fn grain_goes_on_inside() {
    let (width, height) = (640, 480);
    let noisy = |deviation: f32| {
        let samples = (0..width * height)
            .flat_map(|index| {
                let (x, y) = ((index % width) as u32, (index / width) as u32);
                [(130.0 + deviation * grain::white(x ^ 0x5555, y)).round() as u8; 3]
            })
            .collect();
        Picture::from_eight(width, height, samples).unwrap()
    };
    let deviation_of = |picture: &Picture, left: usize, top: usize| {
        let (mut sum, mut square) = (0.0, 0.0);
        for y in top..top + 100 {
            for x in left..left + 100 {
                let value = f64::from(pixels(picture)[y * width + x][1]);
                sum += value;
                square += value * value;
            }
        }
        (square / 1e4 - (sum / 1e4).powi(2)).sqrt()
    };
    let mask = plane(160, 120, |x, y| {
        if (60..110).contains(&x) && (40..90).contains(&y) {
            255
        } else {
            0
        }
    });
    for deviation in [0.0_f32, 2.0, 4.0] {
        let photo = noisy(deviation);
        let small = resize(&photo, 160, 120).unwrap();
        let generated = painted(&small, |x, y, own| {
            if mask.at(x, y) > 0 {
                [90, 100, 110]
            } else {
                own
            }
        });
        let made = put(&photo, &generated, &mask, None).unwrap();
        let inside = deviation_of(&made.picture, 290, 200);
        let beside = deviation_of(&photo, 10, 10);
        assert!(
            (inside - beside).abs() < 0.3 + 0.25 * beside,
            "{deviation}: {inside} {beside}"
        );
        // A picture of the photo's size that has the grain already gets no more of it.
        let generated = painted(&photo, |x, y, own| {
            if mask.at(x / 4, y / 4) > 0 {
                own.map(|sample| sample - 40)
            } else {
                own
            }
        });
        let made = put(&photo, &generated, &mask, None).unwrap();
        let inside = deviation_of(&made.picture, 290, 200);
        assert!(
            (inside - beside).abs() < 0.3 + 0.25 * beside,
            "{deviation}: {inside} {beside}"
        );
    }
}

#[test]
fn sixteen_bits_give_the_same_picture() {
    let eight = photo(300, 200);
    let Samples::Eight(samples) = &eight.samples else {
        panic!("8 bits");
    };
    let wide = samples
        .iter()
        .map(|sample| u16::from(*sample) * 257)
        .collect();
    let sixteen = Picture::from_sixteen(300, 200, wide).unwrap();
    let generated = painted(&resize(&eight, 150, 100).unwrap(), |x, y, own| {
        if x > 40 && x < 90 && y > 50 {
            [40, 60, 30]
        } else {
            own
        }
    });
    let mask = plane(
        150,
        100,
        |x, y| if x > 40 && x < 90 && y > 50 { 255 } else { 30 },
    );
    let first = put(&eight, &generated, &mask, None).unwrap();
    let second = put(&sixteen, &generated, &mask, None).unwrap();
    let furthest = pixels(&first.picture)
        .iter()
        .zip(pixels(&second.picture))
        .flat_map(|(a, b)| [0, 1, 2].map(|channel| a[channel].abs_diff(b[channel])))
        .max();
    assert!(furthest <= Some(2), "{furthest:?}");
}

#[test]
fn odd_sizes_and_single_pixels_are_taken() {
    for (width, height) in [(1, 1), (2, 1), (1, 9), (17, 5), (63, 65), (301, 199)] {
        let photo = photo(width, height);
        for (small_width, small_height) in [
            (width, height),
            (width.div_ceil(2), height.div_ceil(2)),
            (2 * width, 2 * height),
        ] {
            let generated = painted(
                &resize(&photo, small_width, small_height).unwrap(),
                |_, _, _| [9, 200, 9],
            );
            for (mask_width, mask_height) in [(width, height), (small_width, small_height)] {
                for value in [1, 255] {
                    let mask = plane(mask_width, mask_height, |x, y| {
                        if (x, y) == (mask_width / 2, mask_height / 2) {
                            value
                        } else {
                            0
                        }
                    });
                    let made = put(&photo, &generated, &mask, None).unwrap();
                    assert_eq!((made.picture.width, made.picture.height), (width, height));
                    assert_eq!(made.changed.samples.len(), width * height);
                    if value == 255 && (mask_width, mask_height) == (width, height) {
                        assert!(made.report.touched_share > 0.0, "{width} {height}");
                    }
                }
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let photo = photo(700, 500);
    let generated = painted(&resize(&photo, 210, 150).unwrap(), |x, y, own| {
        if x > 40 && x < 90 && y > 50 {
            [(x * 5 % 256) as u8, 60, 30]
        } else {
            gained(own, [1.1; 3])
        }
    });
    let mask = plane(210, 150, |x, y| {
        if x > 40 && x < 90 && y > 50 {
            255
        } else {
            (x % 90) as u8
        }
    });
    let on = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
            .install(|| put(&photo, &generated, &mask, None).unwrap())
    };
    assert_eq!(on(1), on(2));
}

#[test]
fn what_cannot_be_put_together_is_refused() {
    let photo = photo(200, 150);
    let full = plane(200, 150, |_, _| 255);
    let settings = CompositeSettings::default();
    let request = |generated, mask, labels| CompositeRequest {
        photo: &photo,
        generated,
        mask,
        labels,
    };
    let refused = |request: &CompositeRequest<'_>| {
        let error = composite(request, &settings).unwrap_err();
        assert!(!error.is_retryable());
        error
    };
    let error = refused(&request(&photo, &full, None));
    assert_eq!(
        error,
        CompositeError::MaskTooLarge {
            share: 1.0,
            limit: 0.6
        }
    );
    insta::assert_snapshot!(error, @"the mask covers 100.0 % of the frame, more than the 60.0 % that may change");
    // With most of it taken out it is small enough; with all of it there is nothing to do.
    let ceiling = plane(
        200,
        150,
        |_, y| if y < 90 { Surface::Ceiling.value() } else { 2 },
    );
    assert!(composite(&request(&photo, &full, Some(&ceiling)), &settings).is_ok());
    let windows = plane(200, 150, |_, _| Surface::WindowView.value());
    let error = refused(&request(&photo, &full, Some(&windows)));
    assert_eq!(error, CompositeError::MaskEmpty);
    let nothing = plane(200, 150, |_, _| 0);
    let error = refused(&request(&photo, &nothing, None));
    assert_eq!(error, CompositeError::MaskEmpty);
    let square = plane(100, 100, |x, _| u8::from(x < 9) * 255);
    assert!(matches!(
        refused(&request(&photo, &square, None)),
        CompositeError::Proportions { what: "mask", .. }
    ));
    let other = room(160, 160);
    let other = Picture::from_eight(160, 160, other).unwrap();
    let error = refused(&request(&other, &full, None));
    insta::assert_snapshot!(error, @"the generated picture of 160 x 160 pixels has other proportions than the photo of 200 x 150");
    let broken = Plane {
        width: 20,
        height: 15,
        samples: vec![255; 20],
    };
    let error = refused(&request(&photo, &broken, None));
    insta::assert_snapshot!(error, @"the mask does not hold as many samples as its size says");
    // Half of what is soft counts.
    let soft = plane(200, 150, |_, _| 200);
    assert!(composite(&request(&photo, &soft, None), &settings).is_ok());
}

#[test]
fn the_effective_mask_says_what_may_change() {
    let mask = plane(64, 48, |x, y| match (x, y) {
        (10..30, 10..30) => 255,
        (30..50, 10..30) => 128,
        _ => 0,
    });
    let labels = plane(
        64,
        48,
        |x, _| if x < 20 { Surface::Window.value() } else { 1 },
    );
    let settings = CompositeSettings::default();
    let same = effective_mask(&mask, Some(&labels), &settings, 64, 48).unwrap();
    assert_eq!((same.plane.at(12, 20), same.plane.at(25, 20)), (0, 255));
    assert!((127..=128).contains(&same.plane.at(40, 20)));
    assert_eq!(same.plane.at(60, 20), 0);
    assert!((same.masked_share - (400.0 + 200.0) / 3072.0).abs() < 1e-9);
    assert!(
        (same.protected_share - 220.0 / 3072.0).abs() < 1e-9,
        "{}",
        same.protected_share
    );
    let small = effective_mask(&mask, None, &settings, 16, 12).unwrap();
    assert_eq!(small.plane.at(4, 4), 255);
    // A cell that covers one pixel of the mask is not called untouched.
    let point = plane(64, 48, |x, y| u8::from((x, y) == (33, 21)) * 3);
    let small = effective_mask(&point, None, &settings, 16, 12).unwrap();
    assert!(small.plane.at(8, 5) > 0);
    assert_eq!(small.plane.at(7, 5), 0);
    let large = effective_mask(&mask, None, &settings, 640, 480).unwrap();
    assert_eq!((large.plane.at(200, 200), large.plane.at(20, 20)), (255, 0));
}
