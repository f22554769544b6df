//! Sets of exposures that grow by what pixels say, and the bracket that is made of one.

use super::mark::{self, Mark};
use super::sight::{Check, Fit, Sight, Told};
use crate::domain::listing::{Bracket, BracketCheck, BracketEvidence, BracketExposure, Photo};
use crate::ingest::photo::Examined;

/// The most exposures that are fused.
pub(super) const MOST: usize = 9;

/// Comparisons that are tried for a photo before it is left out of a set.
const TRIES: usize = 3;

/// One exposure of a set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) index: usize,
    /// EV on a scale of the set, told or measured; positive is brighter.
    pub(super) value: f64,
    /// How it came in; the first has nothing to be compared with.
    pub(super) check: Option<Check>,
}

/// A photo that is to be tried, with its exposure on a scale that all of its kind share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) index: usize,
    pub(super) told: Option<f64>,
    /// Whether `told` gives only the order.
    pub(super) order_only: bool,
}

/// Tries to take a photo into a set: it is compared with the members that are nearest in exposure.
pub(super) fn join(
    sight: &Sight<'_>,
    members: &[Member],
    candidate: Candidate,
) -> Result<Member, Fit> {
    let mut nearest: Vec<&Member> = members.iter().collect();
    if let Some(told) = candidate.told {
        nearest.sort_by(|left, right| {
            let distance = |member: &Member| (member.value - told).abs();
            distance(left).total_cmp(&distance(right))
        });
    } else {
        nearest.reverse();
    }
    // The nearest in exposure has the word on why not: it shares the most.
    let mut nearest_says = None;
    for member in nearest.into_iter().take(TRIES) {
        let told = match candidate.told {
            Some(told) if candidate.order_only => {
                Told::Order(if told < member.value { -1 } else { 1 })
            }
            Some(told) => Told::Step(told - member.value),
            None => Told::Nothing,
        };
        let fit = sight.judge(member.index, candidate.index, told);
        nearest_says.get_or_insert(fit);
        match fit {
            Fit::Fits(check) => {
                let value = candidate.told.unwrap_or(member.value + check.measured);
                let new = candidate.told.is_some()
                    || members
                        .iter()
                        .all(|member| (member.value - value).abs() >= 0.3);
                if !new {
                    return Err(Fit::OtherStep(check));
                }
                return Ok(Member {
                    index: candidate.index,
                    value,
                    check: Some(check),
                });
            }
            // Two exposures far apart may share too little to be compared; one between them will do.
            Fit::Unknown => {}
            Fit::OtherView if candidate.told.is_some() => {}
            _ => return Err(fit),
        }
    }
    Err(nearest_says.unwrap_or(Fit::Unknown))
}

/// What became of photos that names or a person put together.
#[derive(Debug, Default)]
pub(super) struct Verified {
    /// The exposures of one view, at least two, or none.
    pub(super) members: Vec<Member>,
    /// The others, with what speaks against them.
    pub(super) rest: Vec<(usize, Fit)>,
}

/// Keeps the largest part of the candidates whose pixels fit together. `trusted` takes the word of a person where
/// the pixels do not contradict it.
pub(super) fn verify(
    sight: &Sight<'_>,
    slots: &[Option<Examined>],
    candidates: &[Candidate],
    trusted: bool,
) -> Verified {
    let mut order: Vec<Candidate> = candidates.to_vec();
    // From the best exposed one, which shares the most with all others.
    order.sort_by(|left, right| {
        let distance = |candidate: &Candidate| exposure_distance(slots, candidate.index);
        distance(left).total_cmp(&distance(right))
    });
    let mut best = Verified::default();
    let mut waiting = order;
    while waiting.len() > 1 && waiting.len() > best.members.len() {
        let first = waiting.remove(0);
        let mut members = vec![Member {
            index: first.index,
            value: first.told.unwrap_or(0.0),
            check: None,
        }];
        let mut rest: Vec<(Candidate, Fit)> =
            waiting.iter().map(|one| (*one, Fit::Unknown)).collect();
        loop {
            let before = members.len();
            let mut still = Vec::new();
            for (candidate, _) in rest {
                match join(sight, &members, candidate) {
                    Ok(member) => members.push(member),
                    Err(Fit::OtherStep(check)) if trusted => members.push(Member {
                        index: candidate.index,
                        value: candidate.told.unwrap_or(check.measured),
                        check: Some(check),
                    }),
                    Err(Fit::Unknown) if trusted => members.push(Member {
                        index: candidate.index,
                        value: candidate.told.unwrap_or(0.0),
                        check: None,
                    }),
                    Err(fit) => still.push((candidate, fit)),
                }
            }
            rest = still;
            if members.len() == before || rest.is_empty() {
                break;
            }
        }
        waiting = rest.iter().map(|(candidate, _)| *candidate).collect();
        if members.len() > best.members.len() {
            let of_the_set = |index: usize| members.iter().any(|member| member.index == index);
            let others = candidates
                .iter()
                .filter(|candidate| !of_the_set(candidate.index))
                .map(|candidate| {
                    let fit = rest
                        .iter()
                        .find(|(one, _)| one.index == candidate.index)
                        .map_or(Fit::OtherView, |(_, fit)| *fit);
                    (candidate.index, fit)
                });
            best.rest = others.collect();
            best.members = members;
        }
    }
    if best.members.len() < 2 {
        best.members.clear();
    }
    best
}

fn exposure_distance(slots: &[Option<Examined>], index: usize) -> f64 {
    slots
        .get(index)
        .and_then(|slot| slot.as_ref()?.glimpse.as_ref())
        .map_or(f64::MAX, |glimpse| glimpse.exposure().distance())
}

/// Orders exposures darkest first and picks the reference: the one that is nearest to a normal exposure by its
/// pixels, where what its name or its camera calls 0 EV counts too. `values` are EV of each member, where they are
/// known. `None` only without photos.
pub(super) fn assemble(
    slots: &[Option<Examined>],
    members: &[Member],
    values: Option<&[f64]>,
    marks: Option<&[f64]>,
    evidence: BracketEvidence,
) -> Option<Bracket> {
    let photo = |index: usize| -> Option<&Photo> { Some(&slots.get(index)?.as_ref()?.photo) };
    let value_at = |place: usize| values.and_then(|values| values.get(place)).copied();
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by(|&left, &right| {
        let key = |place: usize| {
            value_at(place)
                .or_else(|| members.get(place).map(|member| member.value))
                .unwrap_or(0.0)
        };
        key(left).total_cmp(&key(right))
    });
    let cost = |place: usize| {
        let Some(member) = members.get(place) else {
            return f64::MAX;
        };
        let off_zero = match marks.and_then(|marks| marks.get(place)) {
            Some(mark) => mark.abs(),
            None => recorded_zero(photo(member.index)),
        };
        exposure_distance(slots, member.index) + off_zero
    };
    let reference = order
        .iter()
        .copied()
        .min_by(|&left, &right| cost(left).total_cmp(&cost(right)))?;
    let zero = value_at(reference);
    let exposures = order
        .iter()
        .filter_map(|&place| {
            let value = value_at(place).zip(zero).map(|(value, zero)| value - zero);
            Some(BracketExposure {
                photo: photo(members.get(place)?.index)?.id.clone(),
                exposure_value: value.map(rounded),
            })
        })
        .collect();
    let checks = order
        .iter()
        .filter_map(|&place| {
            let member = members.get(place)?;
            let check = member.check?;
            Some(BracketCheck {
                photo: photo(member.index)?.id.clone(),
                against: photo(check.against)?.id.clone(),
                measured_ev: rounded(check.measured),
                likeness: rounded(check.likeness),
            })
        })
        .collect();
    Some(Bracket {
        reference: photo(members.get(reference)?.index)?.id.clone(),
        exposures,
        evidence,
        checks,
    })
}

/// How far from 0 EV a camera says that the exposure was meant to be, or a word of its name.
fn recorded_zero(photo: Option<&Photo>) -> f64 {
    let Some(photo) = photo else { return 0.0 };
    match mark::read(&photo.file).map(|exposure| exposure.mark) {
        Some(Mark::Word(direction)) => 2.0 * f64::from(direction).abs(),
        _ => photo.capture.exposure_compensation.unwrap_or(0.0).abs(),
    }
}

/// To a hundredth, finer than any camera sets an exposure; never `-0`.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0 + 0.0
}
