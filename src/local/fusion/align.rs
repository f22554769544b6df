//! Exposures laid over each other: how much brighter one is than its neighbour, and how the camera
//! moved between them (shift and small turn), found on pyramids of logarithmic light, in which a
//! change of exposure is a mere offset (B. Lucas and T. Kanade, 1981, coarse to fine). Neighbours in
//! brightness are compared, because they share the most, and the steps add up to the reference. Whether two show the
//! same view at all is decided as it is when a listing is read ([`crate::imaging::view`]), so that what was put
//! together there is not taken apart here.

mod motion;
mod pyramid;

use std::borrow::Cow;

pub(super) use motion::Motion;
use pyramid::Pyramid;
use rayon::prelude::*;

use super::radiance::Exposure;
use crate::imaging::Picture;
use crate::imaging::view::{self, Comparison, Glimpse, Relation, View};
use crate::imaging::warp::apply_map;

/// Farthest shift that is followed, as a share of the long side.
const FARTHEST_SHIFT: f64 = 0.15;

/// Greatest turn that is followed, radians.
const GREATEST_TURN: f64 = 0.12;

/// Where the camera's motion found on a small copy and on a large one differ by more than this share of the long
/// side, the small one is believed: it was found by a search, the large one by following slopes.
const FOLLOWED: f64 = 0.01;

/// Motion of a corner below which an exposure is used as it is, pixels.
const STILL: f64 = 0.08;

/// Likeness (correlation of detail, -1 to 1) below which two exposures do not show the same view.
const LEAST_LIKENESS: f64 = 0.3;

/// Least share of the picture that two neighbours must both show well.
const LEAST_COMPARABLE: f64 = 0.004;

/// Brings every exposure to the framing of the reference, or says why it cannot be used.
pub(super) fn prepare<'a>(
    exposures: &[(&'a Picture, Option<f64>)],
    reference: usize,
) -> Vec<Result<Exposure<'a>, String>> {
    let pyramids: Vec<Pyramid> = exposures
        .par_iter()
        .map(|(picture, _)| Pyramid::new(picture))
        .collect();
    let views: Vec<View> = exposures
        .par_iter()
        .map(|(picture, _)| View::new(&Glimpse::new(picture)))
        .collect();
    let order = by_brightness(exposures, &pyramids);
    let place = order
        .iter()
        .position(|&index| index == reference)
        .unwrap_or(0);

    let mut links: Vec<Result<(f64, Motion), String>> = exposures
        .iter()
        .map(|_| Ok((1.0, Motion::default())))
        .collect();
    let outward = (place + 1..order.len())
        .map(|at| (at, at - 1))
        .chain((0..place).rev().map(|at| (at, at + 1)));
    for (at, toward) in outward {
        let Some(&index) = order.get(at) else {
            continue;
        };
        // A neighbour that could not be laid over the reference, or that shares too little, is skipped: the next
        // one closer is tried, so that one bad exposure does not take the others with it.
        let mut link = Err("it shares no well exposed part with its neighbour".to_owned());
        for neighbour in good(&order, &links, toward, place) {
            let Ok((gain, motion)) = &links[neighbour] else {
                continue;
            };
            let found = step(exposures, &pyramids, &views, neighbour, index)
                .map(|(ratio, own)| (gain * ratio, motion.then(&own)));
            let done = found.is_ok();
            link = found;
            if done {
                break;
            }
        }
        links[index] = link.and_then(|(gain, motion)| {
            let (picture, _) = exposures[index];
            let long_side = picture.width.max(picture.height) as f64;
            if motion.shift() > FARTHEST_SHIFT * long_side || motion.turn().abs() > GREATEST_TURN {
                Err("the camera moved too far".to_owned())
            } else {
                Ok((gain, motion))
            }
        });
    }

    exposures
        .iter()
        .zip(links)
        .enumerate()
        .map(|(index, ((picture, _), link))| {
            link.map(|(gain, motion)| lay_over(picture, gain, motion, index == reference))
        })
        .collect()
}

/// The usable exposures on the way to the reference, the nearest first.
fn good(
    order: &[usize],
    links: &[Result<(f64, Motion), String>],
    from: usize,
    place: usize,
) -> Vec<usize> {
    let way: Vec<usize> = if from >= place {
        (place..=from).rev().collect()
    } else {
        (from..=place).collect()
    };
    way.into_iter()
        .filter_map(|at| order.get(at).copied())
        .filter(|&index| links.get(index).is_some_and(Result::is_ok))
        .collect()
}

fn lay_over(picture: &Picture, gain: f64, motion: Motion, reference: bool) -> Exposure<'_> {
    let shift = motion.corner_shift(picture.width, picture.height);
    if reference || shift < STILL {
        return Exposure {
            picture: Cow::Borrowed(picture),
            gain,
            reference,
            motion: None,
            shift: 0.0,
        };
    }
    let center = Motion::center(picture.width, picture.height);
    let moved = apply_map(picture, &|x, y| motion.source_of(center, x, y));
    Exposure {
        picture: Cow::Owned(moved),
        gain,
        reference,
        motion: Some(motion),
        shift,
    }
}

/// Indices from the darkest to the brightest: by exposure value where all are known, else by light.
fn by_brightness(exposures: &[(&Picture, Option<f64>)], pyramids: &[Pyramid]) -> Vec<usize> {
    let known: Option<Vec<f64>> = exposures.iter().map(|(_, value)| *value).collect();
    let key = known.unwrap_or_else(|| pyramids.iter().map(Pyramid::mean).collect());
    let mut order: Vec<usize> = (0..exposures.len()).collect();
    order.sort_by(|&a, &b| key[a].total_cmp(&key[b]).then(a.cmp(&b)));
    order
}

/// Ratio of light and motion from one exposure to its neighbour.
fn step(
    exposures: &[(&Picture, Option<f64>)],
    pyramids: &[Pyramid],
    views: &[View],
    from: usize,
    to: usize,
) -> Result<(f64, Motion), String> {
    let (base, moving) = (&pyramids[from], &pyramids[to]);
    let seen = view::compare(&views[from], &views[to]);
    match seen.relation() {
        Relation::Other => {
            return Err("it does not show the same view as its neighbour".to_owned());
        }
        Relation::OtherLight => return Err("it is lit in another way".to_owned()),
        Relation::Same => return Ok(followed(exposures[from].0, base, moving, &seen)),
        Relation::Unknown => {}
    }
    let told = exposures[from]
        .1
        .zip(exposures[to].1)
        .map(|(from, to)| to - from);
    // An exposure that is nearly white or black all over tells nothing of how it lies; what it shows at all is used
    // where it is, at the exposure that was told.
    let nothing_shared = || {
        told.map(|told| (told.exp2(), Motion::default()))
            .ok_or_else(|| "it shares no well exposed part with its neighbour".to_owned())
    };
    let Some(mut offset) = pyramid::offset(base, moving, told) else {
        return nothing_shared();
    };
    let motion = motion::follow(base, moving, &mut offset);
    let (likeness, comparable) = motion::likeness(base, moving, &motion, offset);
    if comparable < LEAST_COMPARABLE {
        return nothing_shared();
    }
    if likeness < LEAST_LIKENESS {
        return Err("it does not show the same view as its neighbour".to_owned());
    }
    Ok((offset.exp2(), motion.scaled(base.step() as f64)))
}

/// Ratio of light and motion between two that show the same view: followed on the large copies from where the small
/// ones lie over each other.
fn followed(
    picture: &Picture,
    base: &Pyramid,
    moving: &Pyramid,
    seen: &Comparison,
) -> (f64, Motion) {
    let long_side = picture.width.max(picture.height) as f64;
    let coarse = Motion::new(seen.shift.map(|share| share * long_side), seen.turn);
    let mut offset = pyramid::offset(base, moving, Some(seen.step)).unwrap_or(seen.step);
    let fine = motion::follow(base, moving, &mut offset).scaled(base.step() as f64);
    let apart = fine.apart(&coarse, picture.width, picture.height);
    if apart <= FOLLOWED * long_side && (offset - seen.step).abs() <= 0.7 {
        return (offset.exp2(), fine);
    }
    let start = coarse.scaled(1.0 / base.step() as f64);
    let mut offset = seen.step;
    let again = motion::follow_from(base, moving, &mut offset, start).scaled(base.step() as f64);
    if again.apart(&coarse, picture.width, picture.height) <= FOLLOWED * long_side
        && (offset - seen.step).abs() <= 0.7
    {
        (offset.exp2(), again)
    } else {
        (seen.step.exp2(), coarse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A textured picture whose light is scaled by `gain`.
    fn scene(gain: f64) -> Picture {
        let (width, height) = (480, 360);
        let mut samples = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let (a, b) = (f64::from(x) / 17.0, f64::from(y) / 13.0);
                let light =
                    0.16 + 0.08 * (a.sin() * b.cos()) + 0.05 * ((a * 0.37 + b * 0.61).sin());
                let encoded = (light * gain).powf(1.0 / 2.2).clamp(0.0, 1.0);
                samples.extend([(encoded * 65535.0) as u16; 3]);
            }
        }
        Picture::from_sixteen(480, 360, samples).unwrap()
    }

    #[test]
    fn a_turn_and_a_shift_between_exposures_are_found() {
        let base = scene(1.0);
        let (turn, shift) = (0.6_f64.to_radians(), [5.3, -3.7]);
        let (sine, cosine) = turn.sin_cos();
        // Where a pixel of the moved exposure lies in the scene.
        let moved = apply_map(&scene(2.0), &|x, y| {
            let (a, b) = (x - 239.5 - shift[0], y - 179.5 - shift[1]);
            [239.5 + cosine * a + sine * b, 179.5 - sine * a + cosine * b]
        });
        let prepared = prepare(&[(&base, Some(0.0)), (&moved, None)], 0);
        let exposure = prepared[1].as_ref().unwrap();
        assert!((exposure.gain.log2() - 1.0).abs() < 0.05, "{exposure:?}");
        let center = Motion::center(480, 360);
        let [x, y] = exposure.motion.unwrap().source_of(center, 400.0, 300.0);
        let (a, b) = (400.0 - 239.5, 300.0 - 179.5);
        let expected = [
            239.5 + cosine * a - sine * b + shift[0],
            179.5 + sine * a + cosine * b + shift[1],
        ];
        assert!(
            (x - expected[0]).hypot(y - expected[1]) < 0.2,
            "{x} {y} {expected:?}"
        );
    }
}
