//! Colour: stored samples of any profile to sRGB. A profile that is broken, of another kind than the
//! samples, or beyond what can be converted counts as sRGB, as every viewer does it: the photo is
//! worth more than its profile.

use moxcms::{
    ColorProfile, DataColorSpace, Layout, ToneReprCurve, TransformExecutor, TransformOptions,
};
use rayon::prelude::*;

use super::decode::Stored;
use super::picture::Samples;
use super::space::Space;

/// Pixels that are converted at once, so that no second whole picture is needed.
const BLOCK: usize = 1 << 15;

/// Profiles beyond this many bytes are not read: print profiles have two or three megabytes.
const MAX_PROFILE_BYTES: usize = 16 << 20;

/// Converts stored samples to interleaved sRGB.
pub(super) fn into_srgb(stored: Stored, space: &Space) -> Samples {
    let wanted = match &stored {
        Stored::Gray8(_) | Stored::Gray16(_) => DataColorSpace::Gray,
        Stored::Rgb8(_) | Stored::Rgb16(_) | Stored::Srgb16(_) | Stored::LinearRgb(_) => {
            DataColorSpace::Rgb
        }
        Stored::InvertedCmyk(_) => DataColorSpace::Cmyk,
    };
    let read;
    let profile = match space {
        Space::Icc(bytes) => {
            read = Some(bytes)
                .filter(|bytes| bytes.len() <= MAX_PROFILE_BYTES)
                .and_then(|bytes| ColorProfile::new_from_slice(bytes).ok())
                .filter(|profile| profile.color_space == wanted);
            read.as_ref()
        }
        // A curve of three colours is one of grey too.
        Space::Known(profile) if wanted == DataColorSpace::Gray => {
            return into_srgb(as_rgb(stored), &Space::Known(profile.clone()));
        }
        Space::Known(profile) => Some(profile.as_ref()).filter(|_| wanted == DataColorSpace::Rgb),
        Space::Srgb => None,
    };
    match stored {
        Stored::Gray8(samples) => Samples::Eight(gray_8(&samples, profile)),
        Stored::Gray16(samples) => Samples::Sixteen(gray_16(&samples, profile)),
        Stored::Rgb8(mut samples) => {
            if let Some(transform) = profile.and_then(transform_8) {
                in_blocks(&mut samples, transform.as_ref());
            }
            Samples::Eight(samples)
        }
        Stored::Rgb16(samples) => Samples::Sixteen(rgb_16(samples, profile)),
        Stored::Srgb16(samples) => Samples::Sixteen(samples),
        Stored::InvertedCmyk(samples) => Samples::Eight(cmyk(samples, profile)),
        Stored::LinearRgb(samples) => Samples::Sixteen(real(samples, profile)),
    }
}

fn rgb_16(mut samples: Vec<u16>, profile: Option<&ColorProfile>) -> Vec<u16> {
    // The 8-bit test decides for both depths whether the profile is sRGB by another name.
    if let Some(profile) = profile
        && transform_8(profile).is_some()
        && let Ok(transform) = profile.create_transform_16bit(
            Layout::Rgb,
            &ColorProfile::new_srgb(),
            Layout::Rgb,
            TransformOptions::default(),
        )
    {
        in_blocks(&mut samples, transform.as_ref());
    }
    samples
}

/// Grey samples as three equal ones; all others as they are.
fn as_rgb(stored: Stored) -> Stored {
    match stored {
        Stored::Gray8(samples) => {
            Stored::Rgb8(samples.into_iter().flat_map(|sample| [sample; 3]).collect())
        }
        Stored::Gray16(samples) => {
            Stored::Rgb16(samples.into_iter().flat_map(|sample| [sample; 3]).collect())
        }
        other => other,
    }
}

/// Floating-point samples: linear light, or what the profile says. A profile of linear light keeps every step;
/// one with a curve is applied at 16 bits.
fn real(samples: Vec<f32>, profile: Option<&ColorProfile>) -> Vec<u16> {
    let level = |value: f32| (value * 65_535.0).round() as u16;
    let bounded = |value: f32| {
        if value.is_nan() {
            0.0
        } else {
            value.clamp(0.0, 1.0)
        }
    };
    match profile {
        Some(profile) if !is_linear(profile) => rgb_16(
            samples
                .into_iter()
                .map(|value| level(bounded(value)))
                .collect(),
            Some(profile),
        ),
        Some(profile) => {
            let matrix = profile.transform_matrix(&ColorProfile::new_srgb()).v;
            let pixels = samples.as_chunks::<3>().0.par_iter();
            pixels
                .flat_map_iter(|pixel| {
                    let pixel = pixel.map(f64::from);
                    matrix.map(|row| {
                        let linear = row[0] * pixel[0] + row[1] * pixel[1] + row[2] * pixel[2];
                        level(encoded(linear as f32))
                    })
                })
                .collect()
        }
        None => samples
            .into_par_iter()
            .map(|value| level(encoded(value)))
            .collect(),
    }
}

/// Whether all curves of a profile of three primaries are straight lines.
fn is_linear(profile: &ColorProfile) -> bool {
    let straight = |curve: &Option<ToneReprCurve>| match curve {
        // Curves without entries, and those with one that is 1.0 in 256ths.
        Some(ToneReprCurve::Lut(table)) => table.is_empty() || table.as_slice() == [256],
        Some(ToneReprCurve::Parametric(numbers)) => {
            numbers.first() == Some(&1.0) && numbers.len() == 1
        }
        None => false,
    };
    let has_tables = profile.lut_a_to_b_perceptual.is_some()
        || profile.lut_a_to_b_colorimetric.is_some()
        || profile.lut_a_to_b_saturation.is_some();
    !has_tables
        && [&profile.red_trc, &profile.green_trc, &profile.blue_trc]
            .into_iter()
            .all(straight)
}

/// The sRGB transfer curve; NaN is black.
pub(super) fn encoded(linear: f32) -> f32 {
    let linear = if linear.is_nan() {
        0.0
    } else {
        linear.clamp(0.0, 1.0)
    };
    if linear <= 0.003_130_8 {
        linear * 12.92
    } else {
        1.055 * linear.powf(1.0 / 2.4) - 0.055
    }
}

type Transform8 = dyn TransformExecutor<u8> + Send + Sync;

/// The conversion of 8-bit RGB to sRGB; `None` where it would change nothing by more than one step
/// (the many profiles that are sRGB by another name) or cannot be made.
fn transform_8(profile: &ColorProfile) -> Option<std::sync::Arc<Transform8>> {
    let transform = profile
        .create_transform_8bit(
            Layout::Rgb,
            &ColorProfile::new_srgb(),
            Layout::Rgb,
            TransformOptions::default(),
        )
        .ok()?;
    let levels = [0_u8, 16, 48, 96, 128, 176, 224, 255];
    let mut probes = Vec::with_capacity(levels.len().pow(3) * 3 + 256 * 3);
    for red in levels {
        for green in levels {
            for blue in levels {
                probes.extend([red, green, blue]);
            }
        }
    }
    probes.extend((0..=u8::MAX).flat_map(|level| [level; 3]));
    let mut converted = vec![0; probes.len()];
    transform.transform(&probes, &mut converted).ok()?;
    probes
        .iter()
        .zip(&converted)
        .any(|(before, after)| before.abs_diff(*after) > 1)
        .then_some(transform)
}

fn in_blocks<T: Copy + Default + Send + Sync>(
    samples: &mut [T],
    transform: &(dyn TransformExecutor<T> + Send + Sync),
) {
    samples.par_chunks_mut(BLOCK * 3).for_each(|block| {
        let source = block.to_vec();
        if transform.transform(&source, block).is_err() {
            block.copy_from_slice(&source);
        }
    });
}

fn gray_8(samples: &[u8], profile: Option<&ColorProfile>) -> Vec<u8> {
    // A grey profile is one curve: 256 entries say all of it.
    let levels: Vec<u8> = (0..=u8::MAX).collect();
    let curve = profile.and_then(|profile| {
        let transform = profile
            .create_transform_8bit(
                Layout::Gray,
                &ColorProfile::new_srgb(),
                Layout::Rgb,
                TransformOptions::default(),
            )
            .ok()?;
        let mut converted = vec![0; 256 * 3];
        transform.transform(&levels, &mut converted).ok()?;
        Some(
            converted
                .as_chunks::<3>()
                .0
                .iter()
                .map(|pixel| pixel[1])
                .collect(),
        )
    });
    let curve: Vec<u8> = curve.unwrap_or(levels);
    samples
        .iter()
        .flat_map(|&sample| [curve[usize::from(sample)]; 3])
        .collect()
}

fn gray_16(samples: &[u16], profile: Option<&ColorProfile>) -> Vec<u16> {
    let levels: Vec<u16> = (0..=u16::MAX).collect();
    let curve = profile.and_then(|profile| {
        let transform = profile
            .create_transform_16bit(
                Layout::Gray,
                &ColorProfile::new_srgb(),
                Layout::Rgb,
                TransformOptions::default(),
            )
            .ok()?;
        let mut converted = vec![0; 65536 * 3];
        transform.transform(&levels, &mut converted).ok()?;
        Some(
            converted
                .as_chunks::<3>()
                .0
                .iter()
                .map(|pixel| pixel[1])
                .collect(),
        )
    });
    let curve: Vec<u16> = curve.unwrap_or(levels);
    samples
        .iter()
        .flat_map(|&sample| [curve[usize::from(sample)]; 3])
        .collect()
}

/// Inks with a profile by the profile; without one by the product of ink and black, as viewers do.
fn cmyk(mut inverted: Vec<u8>, profile: Option<&ColorProfile>) -> Vec<u8> {
    let transform = profile.and_then(|profile| {
        profile
            .create_transform_8bit(
                Layout::Rgba,
                &ColorProfile::new_srgb(),
                Layout::Rgb,
                TransformOptions::default(),
            )
            .ok()
    });
    let mut rgb = vec![0; inverted.len() / 4 * 3];
    let blocks = inverted
        .par_chunks_mut(BLOCK * 4)
        .zip(rgb.par_chunks_mut(BLOCK * 3));
    blocks.for_each(|(source, target)| {
        let converted = transform.as_ref().is_some_and(|transform| {
            let inks: Vec<u8> = source.iter().map(|sample| 255 - sample).collect();
            transform.transform(&inks, target).is_ok()
        });
        if !converted {
            let pixels = source.as_chunks::<4>().0.iter();
            for (&[cyan, magenta, yellow, black], pixel) in
                pixels.zip(target.as_chunks_mut::<3>().0)
            {
                let black = u32::from(black);
                *pixel =
                    [cyan, magenta, yellow].map(|ink| ((u32::from(ink) * black + 127) / 255) as u8);
            }
        }
    });
    rgb
}
