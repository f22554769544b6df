//! The chain of the classic enhancement. Every step is estimated from the photo unless it is fixed or
//! switched off, and leaves a report. Light and colour come before the geometry, so that vignetting
//! is measured round the lens axis and lines are looked for in a picture in which they can be seen.

mod evidence;
mod exposure;
mod guided;
mod look;
mod mixed_light;
mod mood;
mod pass;
mod proxy;
mod regions;
mod tone;
mod vignetting;
mod white_balance;
mod windows;
mod wrapped;

use crate::domain::enhancement::{EnhancementReport, EnhancementSettings, Look, StepSetting};
use crate::imaging::{self, Picture, SceneLight, warp};
use crate::local::fusion::{self, FusionError};
use crate::local::{geometry, noise, sharpen};

/// Changes whenever the same photo and settings would give other pixels: part of a job's identity.
pub const ENGINE_VERSION: &str = "classic-1";

/// One decoded exposure with what its camera recorded about it.
#[derive(Clone, Debug)]
pub struct SourcePicture {
    /// The pixels.
    pub picture: Picture,
    /// ISO sensitivity.
    pub iso: Option<u32>,
    /// Focal length in millimetres, as it would be on 24 x 36 mm film.
    pub focal_length_35mm: Option<f64>,
    /// Exposure relative to the other pictures of a bracket, in EV; more is brighter.
    pub exposure_value: Option<f64>,
    /// How light the scene was, as far as the camera recorded it.
    pub light: SceneLight,
}

/// Why a photo was not enhanced.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EnhanceError {
    /// There is nothing to enhance.
    #[error("no picture was given")]
    NoPicture,
    /// The reference is none of the pictures.
    #[error("picture {reference} was named as the reference of {count} pictures")]
    NoReference {
        /// The index that was asked for.
        reference: usize,
        /// How many pictures there are.
        count: usize,
    },
    /// The exposures cannot be fused.
    #[error(transparent)]
    Fusion(#[from] FusionError),
    /// A fixed value lies outside what the step can do.
    #[error("the fixed value {value} of {step} lies outside {lowest} to {highest}")]
    OutOfRange {
        /// The step.
        step: &'static str,
        /// What was asked for.
        value: f64,
        /// The least that can be asked for.
        lowest: f64,
        /// The most that can be asked for.
        highest: f64,
    },
}

impl EnhanceError {
    /// Whether trying again with the same input could help: never, everything is computed.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}

/// Enhances one photo: a single picture, or the exposures of a bracket, darkest first, with
/// `reference` the index of the one that stands for the photo. The result has 8-bit samples and the
/// size of the reference. The same input gives the same bytes on any number of threads.
///
/// # Errors
///
/// When there is no picture, `reference` is none of them, or a fixed setting or the look lies outside
/// its range.
pub fn enhance(
    mut sources: Vec<SourcePicture>,
    reference: usize,
    settings: &EnhancementSettings,
    look: &Look,
) -> Result<(Picture, EnhancementReport), EnhanceError> {
    if sources.is_empty() {
        return Err(EnhanceError::NoPicture);
    }
    if reference >= sources.len() {
        return Err(EnhanceError::NoReference {
            reference,
            count: sources.len(),
        });
    }
    check_ranges(settings, look)?;
    let margin = match sources.get(reference) {
        Some(source) if settings.wraps => wrapped::margin(source.picture.width),
        _ => 0,
    };
    if margin > 0 {
        for source in &mut sources {
            source.picture = wrapped::widened(&source.picture, margin);
        }
    }
    let mut report = EnhancementReport::default();

    let fused = if sources.len() > 1 {
        let exposures: Vec<_> = sources
            .iter()
            .map(|source| (&source.picture, source.exposure_value))
            .collect();
        let (fused, step) = fusion::fuse(&exposures, reference)?;
        report.steps.push(step);
        Some(fused)
    } else {
        None
    };
    let source = sources.swap_remove(reference);
    drop(sources);
    let mut picture = fused.unwrap_or(source.picture);

    let grain = noise::estimate(&picture, source.iso);
    let (strength, step) = noise::decide(&grain, settings.noise_reduction);
    report.steps.push(step);
    picture = noise::reduce(picture, &grain, strength);

    let framed = imaging::is_framed(&picture);
    let upright = if framed {
        frame_stays(settings)
    } else {
        settings.clone()
    };
    let settings = &upright;
    let camera_spoke = source.iso.is_some() || source.focal_length_35mm.is_some();
    let camera = tone::CameraWord {
        focal_length_35mm: source.focal_length_35mm,
        spoke: camera_spoke,
        light: source.light,
    };
    let tone = tone::estimate(&picture, &camera, grain.luma_sigma(), settings);
    report.steps.extend(tone.reports());
    picture = tone.apply(picture);

    let decision = geometry::estimate(&picture, source.focal_length_35mm, settings);
    report.steps.extend(decision.reports);
    if framed {
        explain_frame(&mut report);
    }
    if let Some(warp) = &decision.warp {
        picture = warp::apply(&picture, warp);
    }

    let (strength, step) = sharpen::decide(&picture, settings.sharpening);
    report.steps.push(step);
    if strength > 0.0 {
        // The tone steps have scaled what noise is left, so it is measured again.
        let grain = noise::estimate(&picture, source.iso);
        sharpen::apply(&mut picture, strength, &grain);
    }

    report.steps.push(look::apply(&mut picture, look));
    if margin > 0 {
        picture = wrapped::narrowed(&picture, margin);
    }
    Ok((picture.into_eight(), report))
}

/// What the frame of a picture stays straight by: nothing moves, and its even sides are no lens's shading.
fn frame_stays(settings: &EnhancementSettings) -> EnhancementSettings {
    let mut settings = settings.clone();
    for step in [
        &mut settings.vignetting,
        &mut settings.lens_distortion,
        &mut settings.vertical_correction,
        &mut settings.roll_correction,
    ] {
        if *step == StepSetting::Auto {
            *step = StepSetting::Off;
        }
    }
    settings
}

/// Says what was left out because of the frame.
fn explain_frame(report: &mut EnhancementReport) {
    const STEPS: [&str; 4] = [
        "vignetting",
        "lens_distortion",
        "vertical_correction",
        "roll_correction",
    ];
    for step in &mut report.steps {
        if STEPS.contains(&step.name.as_str()) && !step.applied {
            step.reason = Some("the picture has a frame or bars, which stay straight".to_owned());
        }
    }
}

/// An upper bound of the memory that [`enhance`] needs beside nothing else, in bytes, for pictures of
/// this size, the sources included.
#[must_use]
pub const fn peak_bytes(width: usize, height: usize, sources: usize) -> u64 {
    // 8-bit sources; one 16-bit picture read and one written; the fields at the proxy's size, which is
    // bounded whatever the photo.
    const PROXY_BYTES: u64 = 48 << 20;
    let samples = (width as u64)
        .saturating_mul(height as u64)
        .saturating_mul(3);
    let sources = if sources > 1 { sources as u64 + 6 } else { 1 };
    samples
        .saturating_mul(sources + 4)
        .saturating_add(PROXY_BYTES)
}

fn check_ranges(settings: &EnhancementSettings, look: &Look) -> Result<(), EnhanceError> {
    let fixed = [
        ("noise_reduction", settings.noise_reduction, 0.0, 1.0),
        ("vignetting", settings.vignetting, 0.0, 1.0),
        ("white_balance", settings.white_balance, 2000.0, 12_000.0),
        ("exposure", settings.exposure, -3.0, 3.0),
        ("shadows", settings.shadows, 0.0, 1.0),
        ("highlights", settings.highlights, 0.0, 1.0),
        ("lens_distortion", settings.lens_distortion, -0.2, 0.2),
        (
            "vertical_correction",
            settings.vertical_correction,
            -15.0,
            15.0,
        ),
        ("roll_correction", settings.roll_correction, -10.0, 10.0),
        ("sharpening", settings.sharpening, 0.0, 1.0),
    ]
    .into_iter()
    .filter_map(|(step, setting, lowest, highest)| match setting {
        StepSetting::Fixed(value) => Some((step, value, lowest, highest)),
        StepSetting::Auto | StepSetting::Off => None,
    });
    let look = [
        ("warmth", look.warmth),
        ("contrast", look.contrast),
        ("saturation", look.saturation),
    ]
    .map(|(step, value)| (step, value, -1.0, 1.0));
    for (step, value, lowest, highest) in fixed.chain(look) {
        if !(lowest..=highest).contains(&value) {
            return Err(EnhanceError::OutOfRange {
                step,
                value,
                lowest,
                highest,
            });
        }
    }
    Ok(())
}
