//! Compositing against the fixture listing: the true staged view, made small and shifted in exposure and
//! white balance as a worker's picture is, put back into the empty room. `examples/composite_quality.rs`
//! prints the figures that the limits here come from.

use std::path::Path;

use remedia::composite::{CompositeRequest, composite, effective_mask};
use remedia::domain::compositing::CompositeSettings;
use remedia::domain::surface::Surface;
use remedia::imaging::color::{delta_e_2000, linear_to_srgb, srgb_to_linear, srgb8_to_lab};
use remedia::imaging::{DecodeLimits, Picture, Plane, Samples, decode, decode_plane, resize};

const TRUTH: &str = "fixtures/listings/maple-street/truth";

fn bytes(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(TRUTH);
    fs_err::read(folder.join(format!("01-living-a_{name}"))).unwrap()
}

fn picture(name: &str) -> Picture {
    decode(&bytes(name), &DecodeLimits::default())
        .unwrap()
        .into_eight()
}

fn grey(name: &str) -> Plane {
    let grey = image::load_from_memory(&bytes(name)).unwrap().to_luma8();
    let (width, height) = (grey.width() as usize, grey.height() as usize);
    Plane::new(width, height, grey.into_raw()).unwrap()
}

fn labels() -> Plane {
    decode_plane(&bytes("labels.png"), &DecodeLimits::default()).unwrap()
}

/// Furniture may change, its influence at most darken or tint.
fn mask() -> Plane {
    let (furniture, influence) = (
        grey("staged_furniture_mask.png"),
        grey("staged_influence_mask.png"),
    );
    let samples = (furniture.samples.iter())
        .zip(&influence.samples)
        .map(|(&furniture, &influence)| {
            if furniture == 255 {
                255
            } else {
                influence.min(254)
            }
        })
        .collect();
    Plane::new(furniture.width, furniture.height, samples).unwrap()
}

fn pixels(picture: &Picture) -> &[[u8; 3]] {
    match &picture.samples {
        Samples::Eight(samples) => samples.as_chunks::<3>().0,
        Samples::Sixteen(_) => panic!("8 bits"),
    }
}

/// What a worker of this size makes, with another exposure and white balance.
fn generated(width: usize, height: usize, gains: [f64; 3]) -> Picture {
    let small = resize(&picture("staged.jpg"), width, height).unwrap();
    let samples = (pixels(&small).iter())
        .flat_map(|pixel| {
            [0, 1, 2].map(|channel| {
                let light = srgb_to_linear(f64::from(pixel[channel]) / 255.0) * gains[channel];
                (linear_to_srgb(light.min(1.0)) * 255.0).round() as u8
            })
        })
        .collect();
    Picture::from_eight(width, height, samples).unwrap()
}

/// Mean difference where `wanted`, of every seventh pixel.
fn difference(first: &Picture, second: &Picture, wanted: impl Fn(usize) -> bool) -> f64 {
    let (first, second) = (pixels(first), pixels(second));
    let (mut sum, mut count) = (0.0, 0.0);
    for index in (0..first.len()).step_by(7).filter(|index| wanted(*index)) {
        sum += delta_e_2000(srgb8_to_lab(first[index]), srgb8_to_lab(second[index]));
        count += 1.0;
    }
    sum / count
}

#[test]
fn a_true_staging_comes_back_true() {
    let (clean, staged, mask) = (picture("clean.jpg"), picture("staged.jpg"), mask());
    for ((width, height), gains) in [
        ((768, 512), [1.3, 1.23, 1.14]),
        ((1024, 683), [0.77, 0.81, 0.87]),
    ] {
        let generated = generated(width, height, gains);
        let request = CompositeRequest {
            photo: &clean,
            generated: &generated,
            mask: &mask,
            labels: None,
        };
        let made = composite(&request, &CompositeSettings::default()).unwrap();
        for (found, gain) in made.report.gains.iter().zip(gains) {
            assert!((found * gain - 1.0).abs() < 0.02, "{:?}", made.report.gains);
        }
        let furniture = difference(&made.picture, &staged, |index| mask.samples[index] == 255);
        let soft = |index: usize| (1..255).contains(&mask.samples[index]);
        let band = difference(&made.picture, &staged, soft);
        let without = difference(&clean, &staged, soft);
        assert!(furniture < 1.4, "{width}: furniture {furniture}");
        assert!(
            band < 2.0 && band < 0.4 * without,
            "{width}: {band}, {without} without"
        );

        let (new, own) = (pixels(&made.picture), pixels(&clean));
        let mut kept = 0;
        for (index, changed) in made.changed.samples.iter().enumerate() {
            if *changed == 0 {
                assert_eq!(new[index], own[index]);
                kept += 1;
            }
        }
        let touched = 1.0 - f64::from(kept) / own.len() as f64;
        assert!(
            (touched - made.report.touched_share).abs() < 0.03,
            "{:?}",
            made.report
        );
        assert!((0.3..0.5).contains(&touched), "{touched}");
    }
}

#[test]
fn windows_and_doors_stay_even_where_the_mask_covers_them() {
    let (clean, labels) = (picture("clean.jpg"), labels());
    // All of the frame may change, and the worker painted all of it.
    let mask = Plane::new(96, 64, vec![255; 96 * 64]).unwrap();
    let generated = Picture::from_eight(768, 512, [200, 30, 60].repeat(768 * 512)).unwrap();
    let settings = CompositeSettings {
        max_masked_share: 0.8,
        ..CompositeSettings::default()
    };
    let request = CompositeRequest {
        photo: &clean,
        generated: &generated,
        mask: &mask,
        labels: Some(&labels),
    };
    let made = composite(&request, &settings).unwrap();
    let (new, own) = (pixels(&made.picture), pixels(&clean));
    let mut protected = 0_u32;
    for (index, label) in labels.samples.iter().enumerate() {
        let surface = Surface::from_value(*label).unwrap();
        if Surface::PROTECTED.contains(&surface) {
            assert_eq!(new[index], own[index], "{surface:?} at {index}");
            protected += 1;
        }
    }
    let share = f64::from(protected) / own.len() as f64;
    assert!(
        share > 0.3 && made.report.protected_share >= share,
        "{share} {:?}",
        made.report
    );
    let effective = effective_mask(&mask, Some(&labels), &settings, 384, 256).unwrap();
    assert!((effective.protected_share - made.report.protected_share).abs() < 0.02);
}
