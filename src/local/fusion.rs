//! Several exposures of one view made into one picture: aligned, merged to the light of the scene
//! without what moved, and drawn so that the room is well exposed and the view through its windows
//! keeps its detail. The colour cast of the light is left to the white balance.

mod align;
mod ghost;
mod radiance;
mod tone;

use crate::domain::enhancement::{ExposureLeftOut, StepReport};
use crate::imaging::Picture;
use radiance::Exposure;

/// The name under which the fusion reports.
const EXPOSURE_FUSION: &str = "exposure_fusion";

/// The most exposures that are fused.
pub const MOST_EXPOSURES: usize = 9;

/// Why exposures cannot be fused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FusionError {
    /// One exposure is no bracket, and more than [`MOST_EXPOSURES`] are not read.
    #[error("fuse {0} exposures: a bracket has 2 to 9")]
    Count(usize),
    /// The reference is not among the exposures.
    #[error("find the reference: exposure {reference} of {count}")]
    Reference {
        /// The index asked for.
        reference: usize,
        /// How many exposures there are.
        count: usize,
    },
    /// The exposures were not taken as one bracket.
    #[error(
        "fuse exposures of different sizes: exposure {index} is {width} x {height} pixels, the reference \
         {reference_width} x {reference_height}"
    )]
    Size {
        /// The exposure that differs.
        index: usize,
        /// Its width.
        width: usize,
        /// Its height.
        height: usize,
        /// The reference's width.
        reference_width: usize,
        /// The reference's height.
        reference_height: usize,
    },
}

/// Fuses 2 to 9 exposures of one size, each with its exposure value where it is known (in EV, higher
/// is brighter; only differences count), into a 16-bit picture with the framing of the reference.
///
/// An exposure that cannot be aligned with another one is left out, which the report says; where the reference alone remains it comes back unchanged and the step counts as not
/// applied.
///
/// # Errors
/// [`FusionError`] where the number of exposures, the reference or the sizes do not fit.
pub fn fuse(
    exposures: &[(&Picture, Option<f64>)],
    reference: usize,
) -> Result<(Picture, StepReport), FusionError> {
    let base = checked(exposures, reference)?;
    let prepared = align::prepare(exposures, reference);
    let mut left_out: Vec<ExposureLeftOut> = Vec::new();
    let mut aligned: Vec<Exposure<'_>> = Vec::new();
    let mut farthest_shift = 0.0_f64;
    for (index, outcome) in prepared.into_iter().enumerate() {
        match outcome {
            Ok(exposure) => {
                farthest_shift = farthest_shift.max(exposure.shift);
                aligned.push(exposure);
            }
            Err(reason) => left_out.push(ExposureLeftOut {
                exposure: u32::try_from(index).unwrap_or(u32::MAX),
                reason,
            }),
        }
    }
    let reason = (!left_out.is_empty()).then(|| {
        let texts: Vec<String> = left_out
            .iter()
            .map(|one| format!("exposure {} left out: {}", one.exposure + 1, one.reason))
            .collect();
        texts.join("; ")
    });
    if aligned.len() < 2 {
        let mut report = StepReport::not_applied(EXPOSURE_FUSION, reason.unwrap_or_default());
        report.left_out = left_out;
        return Ok((into_sixteen(base), report));
    }

    let ghosts = ghost::masks(&aligned);
    let overview = radiance::Overview::new(&aligned, &ghosts);
    let tone = tone::Tone::new(&overview, &aligned);
    let fused = radiance::render(&aligned, &ghosts, &tone);
    let brightest = aligned
        .iter()
        .map(|exposure| exposure.gain)
        .fold(f64::MIN, f64::max);
    let darkest = aligned
        .iter()
        .map(|exposure| exposure.gain)
        .fold(f64::MAX, f64::min);
    let mut report = StepReport::applied(
        EXPOSURE_FUSION,
        [
            ("exposures", aligned.len() as f64),
            ("range_ev", rounded((brightest / darkest).log2())),
            ("gain_ev", rounded(tone.gain().log2())),
            ("window_pull_ev", rounded(tone.greatest_pull())),
            ("greatest_shift_pixels", rounded(farthest_shift)),
            ("ghost_share", rounded(ghosts.share())),
        ],
    );
    report.reason = reason;
    report.left_out = left_out;
    Ok((fused, report))
}

/// What share of each pixel comes from which exposure: for measuring what a fused picture is made of. One plane of
/// width x height values of 0 to 1 for each exposure, in its order, in the framing of the reference; `None` for an
/// exposure that is left out. The shares of a pixel add up to 1.
///
/// # Errors
/// As [`fuse`].
pub fn shares(
    exposures: &[(&Picture, Option<f64>)],
    reference: usize,
) -> Result<Vec<Option<Vec<f32>>>, FusionError> {
    checked(exposures, reference)?;
    let prepared = align::prepare(exposures, reference);
    let used: Vec<bool> = prepared.iter().map(Result::is_ok).collect();
    let aligned: Vec<Exposure<'_>> = prepared.into_iter().flatten().collect();
    let mut planes = radiance::shares(&aligned, &ghost::masks(&aligned)).into_iter();
    Ok(used
        .into_iter()
        .map(|used| used.then(|| planes.next()).flatten())
        .collect())
}

/// The reference, where the exposures can be fused at all.
fn checked<'a>(
    exposures: &[(&'a Picture, Option<f64>)],
    reference: usize,
) -> Result<&'a Picture, FusionError> {
    let count = exposures.len();
    if !(2..=MOST_EXPOSURES).contains(&count) {
        return Err(FusionError::Count(count));
    }
    let Some(&(base, _)) = exposures.get(reference) else {
        return Err(FusionError::Reference { reference, count });
    };
    for (index, (picture, _)) in exposures.iter().enumerate() {
        if (picture.width, picture.height) != (base.width, base.height) {
            return Err(FusionError::Size {
                index,
                width: picture.width,
                height: picture.height,
                reference_width: base.width,
                reference_height: base.height,
            });
        }
    }
    Ok(base)
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// The same picture with 16-bit samples.
fn into_sixteen(picture: &Picture) -> Picture {
    use crate::imaging::Samples;
    let samples = match &picture.samples {
        Samples::Eight(samples) => samples
            .iter()
            .map(|&sample| u16::from(sample) * 257)
            .collect(),
        Samples::Sixteen(samples) => samples.clone(),
    };
    Picture {
        width: picture.width,
        height: picture.height,
        samples: Samples::Sixteen(samples),
    }
}
