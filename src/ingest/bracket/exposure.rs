//! What cameras record of exposures, compared.

use crate::domain::listing::Photo;

/// Cameras round exposures to a third of a stop.
const ROUNDING: f64 = 0.35;

/// Exposure on an absolute scale in EV, positive is brighter; `None` where no time is recorded.
pub(super) fn value(photo: &Photo) -> Option<f64> {
    let capture = &photo.capture;
    let iso = f64::from(capture.iso.unwrap_or(100));
    let aperture = capture.f_number.unwrap_or(1.0);
    let value = capture.exposure_seconds?.log2() + (iso / 100.0).log2() - 2.0 * aperture.log2();
    value.is_finite().then_some(value)
}

/// Exposures relative to the first, where all record the same kinds of facts.
pub(super) fn relative_exposures(photos: &[&Photo]) -> Option<Vec<f64>> {
    let first = photos.first()?;
    let zero = value(first)?;
    photos
        .iter()
        .map(|photo| {
            let same_facts = photo.capture.iso.is_some() == first.capture.iso.is_some()
                && photo.capture.f_number.is_some() == first.capture.f_number.is_some();
            value(photo)
                .filter(|_| same_facts)
                .map(|value| value - zero)
        })
        .collect()
}

/// Whether all exposures differ by more than a quarter of a stop.
pub(super) fn all_differ(values: &[f64]) -> bool {
    least_step(values).is_none_or(|step| step > 0.25)
}

/// The smallest step between two of the values.
pub(super) fn least_step(values: &[f64]) -> Option<f64> {
    steps(values).into_iter().min_by(f64::total_cmp)
}

fn steps(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
        .windows(2)
        .filter_map(|pair| Some(pair.get(1)? - pair.first()?))
        .collect()
}

/// The step between exposures, where there are several and all steps are equal but for rounding.
pub(super) fn regular_step(values: &[f64]) -> Option<f64> {
    let steps = steps(values);
    if steps.len() < 2 {
        return None;
    }
    let mean = steps.iter().sum::<f64>() / steps.len() as f64;
    let regular = steps
        .iter()
        .all(|step| (step - mean).abs() <= ROUNDING.min(mean / 2.0));
    regular.then_some(mean)
}

/// The step of which all steps between exposures are multiples, where there are several: of a regular series, or of
/// one that has lost exposures.
pub(super) fn common_step(values: &[f64]) -> Option<f64> {
    let least = least_step(values).filter(|_| values.len() > 2)?;
    let multiple = |step: f64| (step / least - (step / least).round()).abs() <= ROUNDING;
    steps(values).into_iter().all(multiple).then_some(least)
}

/// Whether another value goes on with equal steps where these end.
pub(super) fn continues(values: &[f64], step: f64, value: f64) -> bool {
    let lowest = values.iter().copied().fold(f64::MAX, f64::min);
    let highest = values.iter().copied().fold(f64::MIN, f64::max);
    let near = |expected: f64| (value - expected).abs() <= ROUNDING;
    near(lowest - step) || near(highest + step)
}

/// The values that EXIF gives, unless names know better: EXIF that a tool copied from one exposure to all says
/// nothing.
pub(super) fn agreed(photos: &[&Photo], marks: Option<&[f64]>) -> Option<Vec<f64>> {
    let recorded = relative_exposures(photos).filter(|values| {
        let first = marks
            .and_then(|marks| marks.first())
            .copied()
            .unwrap_or(0.0);
        marks.is_none_or(|marks| {
            values
                .iter()
                .zip(marks)
                .all(|(value, mark)| (value - (mark - first)).abs() <= 1.0)
        })
    });
    // Without marks, exposures that EXIF calls equal but pixels show to differ are copied ones too.
    let recorded = recorded.filter(|values| values.len() < 2 || all_differ(values));
    recorded.or_else(|| marks.map(<[f64]>::to_vec))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_regular_but_for_rounding() {
        assert_eq!(regular_step(&[0.0, -2.0, 2.0]), Some(2.0));
        assert!(regular_step(&[0.0, 0.585, 1.322]).is_some());
        assert_eq!(regular_step(&[0.0, 2.0, 2.5]), None);
        assert_eq!(regular_step(&[0.0, 2.0]), None);
        assert!(continues(&[0.0, -2.0, 2.0], 2.0, -4.0));
        assert!(!continues(&[0.0, -2.0, 2.0], 2.0, 1.0));
    }
}
