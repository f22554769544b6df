//! Which photos are exposures of one view. What a person states goes first, then what the file
//! names say, then what EXIF shows. Grouping two different views would destroy both pictures, and a
//! bracket that is missed costs nothing but range, so every doubt decides against grouping.
//!
//! EXIF alone makes a bracket of 3, 5, 7 or 9 photos in a row with equal size, focal length and
//! aperture, whose exposures differ by equal steps, and either
//! * the recorded compensation shows the same steps and no more than 15 s lie between two (the time
//!   of the exposure itself not counted), or
//! * nothing is compensated, only the time varies, by steps of a stop or more, in the order in which
//!   cameras bracket, with no more than 5 s between two.
//!
//! A photo beside a bracket, even of the same second, stays a photo of its own unless it continues
//! the pattern: a separate shot at another sensitivity is not one of the exposures.

use std::collections::BTreeMap;

use super::bracket_name::{self, Mark};
use super::error::IngestError;
use super::listing_file::same_file;
use super::options::BracketMode;
use crate::domain::listing::{Bracket, BracketEvidence, BracketExposure, Photo};
use crate::fsx::printable;

/// Seconds between two exposures that record their compensation.
const LONG_GAP: f64 = 15.0;

/// Seconds between two exposures that do not.
const SHORT_GAP: f64 = 5.0;

/// Cameras round exposures to a third of a stop.
const ROUNDING: f64 = 0.35;

/// Finds the brackets among photos in natural order; an empty slot is a photo that cannot be used.
pub(super) fn find(
    slots: &[Option<Photo>],
    mode: BracketMode,
    stated: &[Vec<String>],
) -> Result<Vec<Bracket>, IngestError> {
    let mut brackets = Vec::new();
    let mut taken = vec![false; slots.len()];
    for files in stated {
        let members: Vec<usize> = files
            .iter()
            .filter_map(|file| {
                slots.iter().position(|slot| {
                    slot.as_ref()
                        .is_some_and(|photo| same_file(&photo.file, file))
                })
            })
            .collect();
        state(slots, &members, &mut taken, &mut brackets)?;
    }
    match mode {
        BracketMode::Off => {}
        BracketMode::Every(exposures) => {
            // One exposure per view is no bracket, and none makes no sense: both group nothing.
            let exposures = exposures.max(1);
            let free: Vec<usize> = (0..slots.len())
                .filter(|&index| !taken.get(index).copied().unwrap_or(true))
                .collect();
            if !free.len().is_multiple_of(exposures) {
                return Err(IngestError::UnevenBrackets {
                    files: free.len(),
                    exposures,
                });
            }
            for members in free.chunks(exposures) {
                state(slots, members, &mut taken, &mut brackets)?;
            }
        }
        BracketMode::Auto => {
            by_name(slots, &mut taken, &mut brackets);
            by_exif(slots, &mut taken, &mut brackets);
        }
    }
    Ok(brackets)
}

/// Makes the bracket that a person stated, of those members that can be used.
fn state(
    slots: &[Option<Photo>],
    members: &[usize],
    taken: &mut [bool],
    brackets: &mut Vec<Bracket>,
) -> Result<(), IngestError> {
    let photos = photos_at(slots, members);
    for &member in members {
        mark_taken(taken, member);
    }
    let Some((first, others)) = photos.split_first() else {
        return Ok(());
    };
    if let Some(odd) = others.iter().find(|photo| !same_size(first, photo)) {
        return Err(IngestError::BracketSizes {
            first: printable(&first.file),
            first_size: format!("{} x {}", first.width, first.height),
            second: printable(&odd.file),
            second_size: format!("{} x {}", odd.width, odd.height),
        });
    }
    if photos.len() >= 2 {
        let marks = marks_of(&photos);
        brackets.extend(assemble(&photos, marks.as_deref(), BracketEvidence::Stated));
    }
    Ok(())
}

fn mark_taken(taken: &mut [bool], index: usize) {
    if let Some(taken) = taken.get_mut(index) {
        *taken = true;
    }
}

fn photos_at<'a>(slots: &'a [Option<Photo>], members: &[usize]) -> Vec<&'a Photo> {
    members
        .iter()
        .filter_map(|&member| slots.get(member)?.as_ref())
        .collect()
}

fn same_size(left: &Photo, right: &Photo) -> bool {
    (left.width, left.height) == (right.width, right.height)
}

/// The EV values in the names, where every name has one.
fn marks_of(photos: &[&Photo]) -> Option<Vec<f64>> {
    photos
        .iter()
        .map(|photo| match bracket_name::read(&photo.file)?.mark {
            Mark::Value(value) | Mark::Signed(value) => Some(value),
            Mark::Word(_) | Mark::Number(_) => None,
        })
        .collect()
}

fn by_name(slots: &[Option<Photo>], taken: &mut [bool], brackets: &mut Vec<Bracket>) {
    let mut views: BTreeMap<String, Vec<(usize, Mark)>> = BTreeMap::new();
    for (index, slot) in slots.iter().enumerate() {
        if taken.get(index).copied().unwrap_or(true) {
            continue;
        }
        if let Some(exposure) = slot
            .as_ref()
            .and_then(|photo| bracket_name::read(&photo.file))
        {
            views
                .entry(exposure.view)
                .or_default()
                .push((index, exposure.mark));
        }
    }
    for members in views.into_values() {
        let indices: Vec<usize> = members.iter().map(|(index, _)| *index).collect();
        let photos = photos_at(slots, &indices);
        let Some(first) = photos.first() else {
            continue;
        };
        if !(2..=15).contains(&photos.len()) || !photos.iter().all(|photo| same_size(first, photo))
        {
            continue;
        }
        let marks: Vec<Mark> = members.iter().map(|(_, mark)| *mark).collect();
        if let Some(values) = name_values(&marks, &photos) {
            for index in indices {
                mark_taken(taken, index);
            }
            brackets.extend(assemble(
                &photos,
                values.as_deref(),
                BracketEvidence::FileName,
            ));
        }
    }
}

/// Whether marks of one view make a bracket, and the EV values that they say, if any.
fn name_values(marks: &[Mark], photos: &[&Photo]) -> Option<Option<Vec<f64>>> {
    let values: Option<Vec<f64>> = marks
        .iter()
        .map(|mark| match mark {
            Mark::Value(value) | Mark::Signed(value) => Some(*value),
            Mark::Word(_) | Mark::Number(_) => None,
        })
        .collect();
    if let Some(values) = values {
        let bare = marks.iter().any(|mark| matches!(mark, Mark::Signed(_)));
        let both_signs =
            values.iter().any(|&value| value > 0.0) && values.iter().any(|&value| value < 0.0);
        return (all_differ(&values) && (!bare || both_signs)).then_some(Some(values));
    }
    let words: Option<Vec<i8>> = marks
        .iter()
        .map(|mark| match mark {
            Mark::Word(direction) => Some(*direction),
            _ => None,
        })
        .collect();
    if let Some(words) = words {
        let each_once = words.len() <= 3
            && [-1, 0, 1]
                .iter()
                .all(|direction| words.iter().filter(|word| *word == direction).count() <= 1);
        let spans = words.contains(&-1) && words.contains(&1);
        // The words say the order only; the step that they stand for is not known.
        return (each_once && spans).then_some(None);
    }
    // Numbers in a series also count finished pictures of different views; only exposures that
    // EXIF shows to differ make them a bracket.
    let numbered = marks.iter().all(|mark| matches!(mark, Mark::Number(_)));
    let exposures = relative_exposures(photos);
    (numbered && photos.len() >= 3 && exposures.is_some_and(|values| all_differ(&values)))
        .then_some(None)
}

fn all_differ(values: &[f64]) -> bool {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.windows(2).all(|pair| match pair {
        [darker, brighter] => brighter - darker > 0.25,
        _ => true,
    })
}

/// Exposure of a photo relative to another in EV, positive is brighter; `None` where one of them
/// does not record what the other does.
fn relative_exposure(photo: &Photo, reference: &Photo) -> Option<f64> {
    let ratio = |value: Option<f64>, reference: Option<f64>| match (value, reference) {
        (Some(value), Some(reference)) => Some((value / reference).log2()),
        (None, None) => Some(0.0),
        _ => None,
    };
    let (this, other) = (&photo.capture, &reference.capture);
    let time = ratio(Some(this.exposure_seconds?), Some(other.exposure_seconds?))?;
    let sensitivity = ratio(this.iso.map(f64::from), other.iso.map(f64::from))?;
    let aperture = ratio(this.f_number, other.f_number)?;
    Some(time + sensitivity - 2.0 * aperture).filter(|value| value.is_finite())
}

/// Exposures relative to the first, where all are known.
fn relative_exposures(photos: &[&Photo]) -> Option<Vec<f64>> {
    let first = photos.first()?;
    photos
        .iter()
        .map(|photo| relative_exposure(photo, first))
        .collect()
}

/// Orders exposures darkest first and picks the reference: the one that its name calls 0 EV, or
/// the one nearest to the middle. `None` only without photos.
fn assemble(
    photos: &[&Photo],
    marks: Option<&[f64]>,
    evidence: BracketEvidence,
) -> Option<Bracket> {
    let measured = relative_exposures(photos).filter(|values| {
        // EXIF that tools copied from one exposure to all says nothing; the names then know better.
        let first_mark = marks
            .and_then(|marks| marks.first())
            .copied()
            .unwrap_or(0.0);
        marks.is_none_or(|marks| {
            values
                .iter()
                .zip(marks)
                .all(|(value, mark)| (value - (mark - first_mark)).abs() <= 1.0)
        })
    });
    let values = measured.or_else(|| marks.map(<[f64]>::to_vec));
    let mut order: Vec<usize> = (0..photos.len()).collect();
    let value_of = |index: usize| {
        values
            .as_ref()
            .and_then(|values| values.get(index))
            .copied()
    };
    if values.is_some() {
        order.sort_by(|&left, &right| {
            let key = |index| value_of(index).unwrap_or(0.0);
            key(left).total_cmp(&key(right))
        });
    } else {
        order.sort_by_key(|&index| {
            match photos
                .get(index)
                .and_then(|photo| bracket_name::read(&photo.file))
            {
                Some(exposure) => match exposure.mark {
                    Mark::Word(direction) => i64::from(direction),
                    _ => 0,
                },
                None => 0,
            }
        });
    }
    let named_zero = marks.and_then(|marks| {
        let nearest = (0..marks.len()).min_by(|&left, &right| {
            let distance = |index: usize| marks.get(index).map_or(f64::MAX, |mark| mark.abs());
            distance(left).total_cmp(&distance(right))
        })?;
        (marks.get(nearest)?.abs() < 0.5).then_some(nearest)
    });
    let middle = order.get(photos.len().checked_sub(1)? / 2).copied()?;
    let reference = named_zero.unwrap_or(middle);
    let zero = value_of(reference);
    let exposures = order
        .iter()
        .filter_map(|&index| {
            let value = value_of(index).zip(zero).map(|(value, zero)| value - zero);
            Some(BracketExposure {
                photo: photos.get(index)?.id.clone(),
                exposure_value: value.map(rounded),
            })
        })
        .collect();
    Some(Bracket {
        reference: photos.get(reference)?.id.clone(),
        exposures,
        evidence,
    })
}

/// To a hundredth of a stop, finer than any camera sets it; never `-0`.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0 + 0.0
}

fn by_exif(slots: &[Option<Photo>], taken: &mut [bool], brackets: &mut Vec<Bracket>) {
    let mut sequence: Vec<(usize, &Photo, Option<jiff::civil::DateTime>)> = slots
        .iter()
        .enumerate()
        .filter(|(index, _)| !taken.get(*index).copied().unwrap_or(true))
        .filter_map(|(index, slot)| {
            let photo = slot.as_ref()?;
            let moment = photo
                .capture
                .taken
                .as_deref()
                .and_then(|text| text.parse().ok());
            Some((index, photo, moment))
        })
        .collect();
    // Photos without a time keep their place among themselves, behind the others.
    sequence.sort_by_key(|(index, _, moment)| (moment.is_none(), *moment, *index));
    let mut position = 0;
    while position < sequence.len() {
        let length = [9, 7, 5, 3].into_iter().find(|&length| {
            sequence
                .get(position..position + length)
                .is_some_and(is_bracket)
        });
        match length {
            Some(length) => {
                let run = sequence
                    .get(position..position + length)
                    .unwrap_or_default();
                let photos: Vec<&Photo> = run.iter().map(|(_, photo, _)| *photo).collect();
                brackets.extend(assemble(&photos, None, BracketEvidence::Exif));
                for (index, ..) in run {
                    mark_taken(taken, *index);
                }
                position += length;
            }
            None => position += 1,
        }
    }
}

/// The rules of the module's head.
fn is_bracket(run: &[(usize, &Photo, Option<jiff::civil::DateTime>)]) -> bool {
    let photos: Vec<&Photo> = run.iter().map(|(_, photo, _)| *photo).collect();
    let Some(first) = photos.first() else {
        return false;
    };
    let close = |left: Option<f64>, right: Option<f64>| match (left, right) {
        (Some(left), Some(right)) => (left - right).abs() <= 0.05,
        (None, None) => true,
        _ => false,
    };
    let alike = photos.iter().all(|photo| {
        same_size(first, photo)
            && photo.orientation == first.orientation
            && photo.format == first.format
            && close(photo.capture.focal_length_mm, first.capture.focal_length_mm)
            && close(photo.capture.f_number, first.capture.f_number)
    });
    let Some(exposures) = relative_exposures(&photos).filter(|_| alike) else {
        return false;
    };
    let Some(step) = regular_step(&exposures) else {
        return false;
    };
    let biases: Vec<Option<f64>> = photos
        .iter()
        .map(|photo| photo.capture.exposure_compensation)
        .collect();
    let first_bias = biases.first().copied().flatten();
    let compensated = biases.iter().zip(&exposures).all(|(bias, exposure)| {
        bias.zip(first_bias)
            .is_some_and(|(bias, first)| (bias - first - exposure).abs() <= 0.5)
    });
    let uncompensated = biases.iter().all(|bias| close(*bias, first_bias));
    let same_sensitivity = photos
        .iter()
        .all(|photo| photo.capture.iso == first.capture.iso);
    let longest = longest_gap(run);
    if compensated {
        // Without times the files must follow each other without another between them.
        let in_a_row = run
            .windows(2)
            .all(|pair| matches!(pair, [left, right] if right.0 == left.0 + 1));
        return longest.map_or(in_a_row, |gap| gap <= LONG_GAP);
    }
    uncompensated
        && same_sensitivity
        && step >= 0.9
        && bracketing_order(&exposures)
        && longest.is_some_and(|gap| gap <= SHORT_GAP)
}

/// The step between exposures, where all steps are equal but for rounding.
fn regular_step(exposures: &[f64]) -> Option<f64> {
    let mut sorted = exposures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let steps: Vec<f64> = sorted
        .windows(2)
        .filter_map(|pair| Some(pair.get(1)? - pair.first()?))
        .collect();
    let mean = steps.iter().sum::<f64>() / steps.len() as f64;
    let regular = steps
        .iter()
        .all(|step| (step - mean).abs() <= ROUNDING.min(mean / 2.0));
    ((0.3..=4.1).contains(&mean) && regular).then_some(mean)
}

/// Darkest first, brightest first, or the middle first.
fn bracketing_order(exposures: &[f64]) -> bool {
    let rising = exposures
        .windows(2)
        .all(|pair| matches!(pair, [left, right] if left < right));
    let falling = exposures
        .windows(2)
        .all(|pair| matches!(pair, [left, right] if left > right));
    let mut sorted = exposures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle_first = exposures.first() == sorted.get(sorted.len() / 2);
    rising || falling || middle_first
}

/// The longest time between the end of one exposure and the start of the next, in seconds; `None`
/// where a time is missing.
fn longest_gap(run: &[(usize, &Photo, Option<jiff::civil::DateTime>)]) -> Option<f64> {
    let mut longest: f64 = 0.0;
    for pair in run.windows(2) {
        let [(_, photo, start), (_, _, next)] = pair else {
            return None;
        };
        let seconds = next.as_ref()?.duration_since((*start)?).as_secs_f64();
        let exposing = photo.capture.exposure_seconds.unwrap_or(0.0);
        longest = longest.max(seconds - exposing);
    }
    Some(longest)
}
