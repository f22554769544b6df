//! Which photos are exposures of one view. What a person states, what file names say and what EXIF shows only
//! propose a set; the pixels decide whether it is one: the same view after one photo is laid over the other, in the
//! same light, brighter and darker in the order that is told ([`crate::imaging::view`]). Grouping two different
//! views would destroy both pictures, and a bracket that is missed costs nothing but range, so every doubt decides
//! against grouping. A photo that a set does not keep is a photo of its own.
//!
//! Names go first, because people and cameras write them on purpose; then photos of one camera (body, size, focal
//! length, aperture) are followed in the order in which they were taken:
//! * what a camera took of itself, with 2.5 s or less between two exposures (their own time not counted);
//! * what a hand set, with 30 s or less, at least three photos half a stop or more apart, or with recorded
//!   compensation; of a pair the two lie within 5 s;
//! * without EXIF, at least three that follow each other in the folder.
//!
//! A photo beside a finished pattern stays a photo of its own unless it goes on with the pattern: a separate shot at
//! another sensitivity is not one of the exposures. A frame whose flash fired is never fused with others.

mod explain;
mod exposure;
mod frame;
mod mark;
mod names;
mod series;
mod set;
mod sight;

use super::error::IngestError;
use super::listing_file::same_file;
use super::options::BracketMode;
use super::photo::Examined;
use crate::domain::listing::{Bracket, BracketEvidence, Photo};
use crate::fsx::printable;
use mark::Mark;
use set::{Candidate, MOST, Member, assemble, verify};
use sight::Sight;

/// A set before it is a bracket.
#[derive(Clone, Debug)]
struct Draft {
    members: Vec<Member>,
    /// EV of each member, where their names say them.
    marks: Option<Vec<f64>>,
    evidence: BracketEvidence,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) brackets: Vec<Bracket>,
    /// Sentences about photos, by their place.
    pub(super) notes: Vec<(usize, String)>,
}

/// Finds the brackets among photos in natural order; an empty slot is a photo that cannot be used.
pub(super) fn find(
    slots: &[Option<Examined>],
    mode: BracketMode,
    stated: &[Vec<String>],
) -> Result<Found, IngestError> {
    let mut taken = vec![false; slots.len()];
    let mut drafts = Vec::new();
    let mut notes = Vec::new();
    let sight = Sight::new(slots);
    for files in stated {
        let members: Vec<usize> = files
            .iter()
            .filter_map(|file| {
                slots.iter().position(|slot| {
                    slot.as_ref()
                        .is_some_and(|one| same_file(&one.photo.file, file))
                })
            })
            .collect();
        let said = "`listing.toml` puts it into a bracket";
        state(
            &sight,
            slots,
            &members,
            said,
            &mut taken,
            &mut drafts,
            &mut notes,
        )?;
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
                let said = "counting the files puts it into a bracket";
                state(
                    &sight,
                    slots,
                    members,
                    said,
                    &mut taken,
                    &mut drafts,
                    &mut notes,
                )?;
            }
        }
        BracketMode::Auto => {
            drafts.extend(names::find(&sight, slots, &mut taken, &mut notes));
            series::find(&sight, slots, &mut taken, &mut drafts);
            explain::explain(&sight, slots, &taken, &mut notes);
        }
    }
    // A photo that its name alone would not have brought into a set may have come into one by its EXIF data.
    notes.retain(|(index, _)| {
        let inside = |draft: &Draft| draft.members.iter().any(|member| member.index == *index);
        !drafts.iter().any(inside)
    });
    let brackets = drafts
        .iter()
        .filter_map(|draft| bracket(slots, draft, &mut notes))
        .collect();
    Ok(Found { brackets, notes })
}

fn photo_at(slots: &[Option<Examined>], index: usize) -> Option<&Photo> {
    Some(&slots.get(index)?.as_ref()?.photo)
}

/// Makes the set that a person stated, of those members that can be used and that the pixels do not contradict.
fn state(
    sight: &Sight<'_>,
    slots: &[Option<Examined>],
    members: &[usize],
    said: &str,
    taken: &mut [bool],
    drafts: &mut Vec<Draft>,
    notes: &mut Vec<(usize, String)>,
) -> Result<(), IngestError> {
    for &member in members {
        if let Some(taken) = taken.get_mut(member) {
            *taken = true;
        }
    }
    let usable: Vec<usize> = members
        .iter()
        .copied()
        .filter(|&member| photo_at(slots, member).is_some())
        .collect();
    let photos: Vec<&Photo> = usable
        .iter()
        .filter_map(|&member| photo_at(slots, member))
        .collect();
    let Some((first, others)) = photos.split_first() else {
        return Ok(());
    };
    let size = |photo: &Photo| (photo.width, photo.height);
    if let Some(odd) = others.iter().find(|photo| size(photo) != size(first)) {
        return Err(IngestError::BracketSizes {
            first: printable(&first.file),
            first_size: format!("{} x {}", first.width, first.height),
            second: printable(&odd.file),
            second_size: format!("{} x {}", odd.width, odd.height),
        });
    }
    let marks = marks_of(&photos);
    let values = exposure::agreed(&photos, marks.as_deref());
    let candidates: Vec<Candidate> = usable
        .iter()
        .enumerate()
        .map(|(place, &index)| Candidate {
            index,
            told: values
                .as_ref()
                .and_then(|values| values.get(place))
                .copied(),
            order_only: false,
        })
        .collect();
    let mut verified = verify(sight, slots, &candidates, true);
    // In the order in which they were stated, so that nothing depends on how they were compared.
    let place = |member: &Member| usable.iter().position(|&index| index == member.index);
    verified.members.sort_by_key(place);
    let kept = verified.members.first().map(|member| member.index);
    for (index, fit) in verified.rest {
        let other = kept.or_else(|| usable.iter().copied().find(|&other| other != index));
        let other = other.and_then(|other| photo_at(slots, other));
        notes.push((
            index,
            format!(
                "{said} with `{}`, but {}; it is a picture of its own",
                printable(other.map_or("", |photo| &photo.file)),
                fit.reason()
            ),
        ));
    }
    if verified.members.len() >= 2 {
        let kept = verified.members.iter();
        let kept: Vec<&Photo> = kept
            .filter_map(|member| photo_at(slots, member.index))
            .collect();
        drafts.push(Draft {
            marks: marks_of(&kept),
            members: verified.members,
            evidence: BracketEvidence::Stated,
        });
    }
    Ok(())
}

/// The EV values in the names, where every name has one.
fn marks_of(photos: &[&Photo]) -> Option<Vec<f64>> {
    photos
        .iter()
        .map(|photo| match mark::read(&photo.file)?.mark {
            Mark::Value(value) | Mark::Signed(value) => Some(value),
            Mark::Zero => Some(0.0),
            Mark::Word(_) | Mark::Number(_) => None,
        })
        .collect()
}

/// The bracket of a draft. Exposures beyond what can be fused are those farthest from the middle; they are photos of
/// their own.
fn bracket(
    slots: &[Option<Examined>],
    draft: &Draft,
    notes: &mut Vec<(usize, String)>,
) -> Option<Bracket> {
    let mut members = draft.members.clone();
    let mut marks = draft.marks.clone();
    while members.len() > MOST {
        let mean = members.iter().map(|member| member.value).sum::<f64>() / members.len() as f64;
        let farthest = (0..members.len()).max_by(|&left, &right| {
            let distance = |place: usize| {
                members
                    .get(place)
                    .map_or(0.0, |member| (member.value - mean).abs())
            };
            distance(left).total_cmp(&distance(right))
        })?;
        let removed = members.remove(farthest);
        if let Some(marks) = &mut marks {
            marks.remove(farthest);
        }
        notes.push((
            removed.index,
            format!("its bracket has more than {MOST} exposures; it is a picture of its own"),
        ));
    }
    let photos: Vec<&Photo> = members
        .iter()
        .filter_map(|member| photo_at(slots, member.index))
        .collect();
    let values = exposure::agreed(&photos, marks.as_deref());
    assemble(
        slots,
        &members,
        values.as_deref(),
        marks.as_deref(),
        draft.evidence,
    )
}
