//! Sets that file names propose.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::exposure::{all_differ, relative_exposures};
use super::mark::{self, Mark};
use super::set::{Candidate, Member, Verified, verify};
use super::sight::{Fit, Sight};
use super::{Draft, photo_at};
use crate::domain::listing::{BracketEvidence, Photo};
use crate::fsx::printable;
use crate::ingest::photo::Examined;

/// The most exposures that names are believed to count.
const MOST_NAMED: usize = 15;

/// A set as the names have it.
struct Proposal {
    candidates: Vec<Candidate>,
    /// EV of each, where the names say them.
    marks: Option<Vec<f64>>,
    /// Whether the names can hardly mean anything else.
    plain: bool,
}

/// Sets by name among the photos that are free, and what is to be said of photos whose names promise more than
/// their pixels keep.
pub(super) fn find(
    sight: &Sight<'_>,
    slots: &[Option<Examined>],
    taken: &mut [bool],
    notes: &mut Vec<(usize, String)>,
) -> Vec<Draft> {
    let proposals = proposals(slots, taken);
    // No photo is in two of them, so they are looked at on all cores.
    let verified: Vec<Verified> = proposals
        .par_iter()
        .map(|proposal| verify(sight, slots, &proposal.candidates, false))
        .collect();
    let mut drafts = Vec::new();
    for (proposal, verified) in proposals.into_iter().zip(verified) {
        notes.extend(left_out(slots, &proposal, &verified));
        if verified.members.is_empty() {
            continue;
        }
        for member in &verified.members {
            if let Some(taken) = taken.get_mut(member.index) {
                *taken = true;
            }
        }
        let place = |member: &Member| {
            let mut candidates = proposal.candidates.iter();
            candidates.position(|candidate| candidate.index == member.index)
        };
        let marks = proposal.marks.as_ref().map(|marks| {
            let members = verified.members.iter();
            let mark = |member| place(member).and_then(|place| marks.get(place)).copied();
            members.map(|member| mark(member).unwrap_or(0.0)).collect()
        });
        drafts.push(Draft {
            members: verified.members,
            marks,
            evidence: BracketEvidence::FileName,
        });
    }
    drafts
}

/// What names alone propose.
fn proposals(slots: &[Option<Examined>], taken: &[bool]) -> Vec<Proposal> {
    let free = |index: usize| !taken.get(index).copied().unwrap_or(true);
    let mut views: BTreeMap<String, Vec<(usize, Mark)>> = BTreeMap::new();
    let mut bare: BTreeMap<String, usize> = BTreeMap::new();
    for index in (0..slots.len()).filter(|&index| free(index)) {
        let Some(photo) = photo_at(slots, index).filter(|photo| photo.kind.is_photo()) else {
            continue;
        };
        match mark::read(&photo.file) {
            Some(exposure) => views
                .entry(exposure.view)
                .or_default()
                .push((index, exposure.mark)),
            None => {
                bare.insert(mark::plain(&photo.file), index);
            }
        }
    }
    let mut proposals = Vec::new();
    for (view, mut marked) in views {
        if let Some(&middle) = bare.get(&view)
            && may_be_middle(&marked)
        {
            let mark = match marked.first() {
                Some((_, Mark::Word(_))) => Mark::Word(0),
                _ => Mark::Zero,
            };
            marked.push((middle, mark));
        }
        let marked = of_one_size(slots, marked);
        let photos: Vec<&Photo> = marked
            .iter()
            .filter_map(|(index, _)| photo_at(slots, *index))
            .collect();
        if (2..=MOST_NAMED).contains(&photos.len()) && photos.len() == marked.len() {
            proposals.extend(proposal(&marked, &photos));
        }
    }
    proposals
}

/// What is to be said of those that the pixels do not keep in the set, where their names can hardly mean anything
/// else.
fn left_out(
    slots: &[Option<Examined>],
    proposal: &Proposal,
    verified: &Verified,
) -> Vec<(usize, String)> {
    let said = |fit: Fit| proposal.plain && (fit != Fit::Unknown || verified.members.len() > 1);
    let rest = verified.rest.iter().filter(|(_, fit)| said(*fit));
    rest.map(|&(index, fit)| {
        let kept = verified.members.first().map(|member| member.index);
        let other = kept.or_else(|| {
            let mut others = proposal.candidates.iter().map(|candidate| candidate.index);
            others.find(|&other| other != index)
        });
        let other = other.and_then(|other| photo_at(slots, other));
        let text = format!(
            "its name says that it is an exposure of the view of `{}`, but {}; it is a picture of its own",
            printable(other.map_or("", |photo| &photo.file)),
            fit.reason()
        );
        (index, text)
    })
    .collect()
}

/// Whether a photo whose name has no mark can be the middle one of these.
fn may_be_middle(marked: &[(usize, Mark)]) -> bool {
    let signed = |mark: &Mark| match mark {
        Mark::Value(value) | Mark::Signed(value) => value.abs() > 0.2,
        Mark::Word(direction) => *direction != 0,
        Mark::Zero | Mark::Number(_) => false,
    };
    marked.iter().all(|(_, mark)| signed(mark))
}

/// Those that have the size of most.
fn of_one_size(slots: &[Option<Examined>], marked: Vec<(usize, Mark)>) -> Vec<(usize, Mark)> {
    let size = |index: usize| {
        let photo = &slots.get(index)?.as_ref()?.photo;
        Some((photo.width, photo.height))
    };
    let alike = |index: usize| {
        marked
            .iter()
            .filter(|(other, _)| size(*other) == size(index))
            .count()
    };
    let usual = marked
        .iter()
        .map(|(index, _)| *index)
        .rev()
        .max_by_key(|index| alike(*index));
    let usual = usual.and_then(size);
    marked
        .into_iter()
        .filter(|(index, _)| size(*index) == usual)
        .collect()
}

/// Whether marks of one view make a bracket, with what they say of the exposures.
fn proposal(marked: &[(usize, Mark)], photos: &[&Photo]) -> Option<Proposal> {
    let candidates = |told: &dyn Fn(usize) -> Option<f64>, order_only: bool| {
        marked
            .iter()
            .enumerate()
            .map(|(place, (index, _))| Candidate {
                index: *index,
                told: told(place),
                order_only,
            })
            .collect::<Vec<_>>()
    };
    let values: Option<Vec<f64>> = marked
        .iter()
        .map(|(_, mark)| match mark {
            Mark::Value(value) | Mark::Signed(value) => Some(*value),
            Mark::Zero => Some(0.0),
            Mark::Word(_) | Mark::Number(_) => None,
        })
        .collect();
    if let Some(values) = values {
        let bare = !marked
            .iter()
            .any(|(_, mark)| matches!(mark, Mark::Value(_)));
        let both_signs =
            values.iter().any(|&value| value > 0.0) && values.iter().any(|&value| value < 0.0);
        let zero = marked.iter().any(|(_, mark)| *mark == Mark::Zero);
        let said = !bare || both_signs || zero;
        return (all_differ(&values) && said).then(|| Proposal {
            candidates: candidates(&|place| values.get(place).copied(), false),
            marks: Some(values.clone()),
            plain: !bare || both_signs,
        });
    }
    let words: Option<Vec<i8>> = marked
        .iter()
        .map(|(_, mark)| match mark {
            Mark::Word(direction) => Some(*direction),
            _ => None,
        })
        .collect();
    if let Some(words) = words {
        let mut sorted = words.clone();
        sorted.sort_unstable();
        sorted.dedup();
        // The words say the order only; the step that they stand for is not known.
        return (sorted.len() == words.len() && words.len() > 1).then(|| Proposal {
            candidates: candidates(&|place| words.get(place).map(|word| f64::from(*word)), true),
            marks: None,
            plain: true,
        });
    }
    // Numbers in a series also count finished pictures of different views. Where EXIF shows that their exposures
    // differ, or three of them are of one view, they are a bracket.
    if !marked
        .iter()
        .all(|(_, mark)| matches!(mark, Mark::Number(_)))
    {
        return None;
    }
    let told = relative_exposures(photos).filter(|values| all_differ(values));
    (told.is_some() || photos.len() >= 3).then(|| Proposal {
        candidates: candidates(
            &|place| told.as_ref().and_then(|told| told.get(place)).copied(),
            false,
        ),
        marks: None,
        plain: false,
    })
}
