//! The finished composite: a test of this program's own work. Outside what it says it changed every
//! sample must be the photo's own, exactly; then come the same gates as for a worker's picture.

use rayon::prelude::*;

use super::field::{self, Grey};
use super::{COMPOSITE_MARGIN, StructureError, WORKING_SIDE, brightness, detail, judge, same_size};
use crate::domain::structure::{
    StructureFault, StructureReport, StructureSubject, StructureThresholds,
};
use crate::imaging::{Picture, Plane, Samples, fit};

/// Judges a composite before it is encoded.
///
/// All three have the photo's native size; where `changed` is 0 every sample of `composite` must be that
/// of `photo`, bit for bit, or rounded to 8 bits where only one of them has 16. The gates then judge both at a long side of at most 1536 pixels. Detail is
/// also judged at native size where a sample outside `changed` differs; where none does, the native
/// detail outside is the photo's own.
///
/// # Errors
/// [`StructureError`] where the sizes differ or a side is below 96 pixels.
pub fn judge_composite(
    photo: &Picture,
    composite: &Picture,
    changed: &Plane,
    thresholds: &StructureThresholds,
) -> Result<StructureReport, StructureError> {
    let size = (photo.width, photo.height);
    same_size((composite.width, composite.height), size)?;
    same_size((changed.width, changed.height), size)?;
    let touched = touched(photo, composite, changed);
    let (reference, candidate) =
        rayon::join(|| fit(photo, WORKING_SIDE), || fit(composite, WORKING_SIDE));
    let mut report = judge(
        &reference?,
        &candidate?,
        changed,
        COMPOSITE_MARGIN,
        StructureSubject::Composite,
        thresholds,
    )?;
    report.outside_changed_share = Some(touched);
    if touched > 0.0 {
        report.faults.push(StructureFault::OutsideTouched);
        if let Some(ratio) = native_detail(photo, composite, changed) {
            let worst = report.detail_ratio.map_or(ratio, |known| known.min(ratio));
            report.detail_ratio = Some(worst);
            let known = report.faults.contains(&StructureFault::DetailLost);
            if worst < thresholds.detail_ratio && !known {
                report.faults.push(StructureFault::DetailLost);
            }
        }
    }
    Ok(report)
}

/// Share of the pixels where `changed` is 0 that are not the photo's own.
fn touched(photo: &Picture, composite: &Picture, changed: &Plane) -> f64 {
    let (outside, different) = match (&photo.samples, &composite.samples) {
        (Samples::Eight(a), Samples::Eight(b)) => count(a, b, changed),
        (Samples::Sixteen(a), Samples::Sixteen(b)) => count(a, b, changed),
        // A composite has 8 bits also where the photo has 16.
        _ => count(&field::eight(photo), &field::eight(composite), changed),
    };
    if outside == 0 {
        return 0.0;
    }
    different as f64 / outside as f64
}

fn count<T: Copy + PartialEq + Sync>(a: &[T], b: &[T], changed: &Plane) -> (usize, usize) {
    let stride = 3 * changed.width;
    a.par_chunks(stride)
        .zip(b.par_chunks(stride))
        .zip(changed.samples.par_chunks(changed.width))
        .map(|((a, b), changed)| {
            let outside = changed.iter().filter(|&&sample| sample == 0).count();
            if a == b {
                return (outside, 0);
            }
            // Most of a row is equal also where the mask crosses it.
            const STRETCH: usize = 64;
            let stretches = a.chunks(3 * STRETCH).zip(b.chunks(3 * STRETCH));
            let different = stretches
                .zip(changed.chunks(STRETCH))
                .filter(|((a, b), _)| a != b)
                .map(|((a, b), changed)| {
                    let pixels = a.chunks_exact(3).zip(b.chunks_exact(3));
                    pixels
                        .zip(changed)
                        .filter(|((a, b), changed)| **changed == 0 && a != b)
                        .count()
                })
                .sum();
            (outside, different)
        })
        .reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
}

fn native_detail(photo: &Picture, composite: &Picture, changed: &Plane) -> Option<f64> {
    let (before, after) = (field::eight(photo), field::eight(composite));
    let visible: Grey = field::visible(changed, photo.width, photo.height, COMPOSITE_MARGIN);
    let same = brightness::Match {
        gain: 1.0,
        offset: 0.0,
    };
    let matched = brightness::apply(&before, &after, &visible, &[same; 3]);
    detail::ratio(&matched, &visible)
}
