//! Sets that the order of taking proposes: photos of one camera with the same settings but the exposure, one after
//! the other. Where nothing is recorded, the order of the files stands for the order of taking.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::Draft;
use super::exposure::{common_step, continues, least_step, regular_step};
use super::frame::{Frame, untold};
use super::set::{Candidate, MOST, Member, join};
use super::sight::{Fit, Sight};
use crate::domain::listing::BracketEvidence;
use crate::ingest::photo::Examined;

/// Seconds between two exposures that a camera takes of itself; the time of the exposure itself, which it may
/// spend a second time on its noise, is not counted.
const BURST_GAP: f64 = 2.5;

/// Seconds between two exposures of which a hand sets each.
const HAND_GAP: f64 = 30.0;

/// Seconds between two exposures that record their compensation, where they are three or more.
pub(super) const COMPENSATED_GAP: f64 = 15.0;

/// Seconds between the exposures of a pair: two alone prove little.
const PAIR_GAP: f64 = 5.0;

/// Least step without recorded compensation, EV: thirds of a stop are the meter's, not a bracket's.
const LEAST_STEP: f64 = 0.5;

/// The same for a pair.
const LEAST_PAIR_STEP: f64 = 0.9;

/// Sets that are open at a time: bursts of two cameras may be interleaved.
const OPEN: usize = 2;

/// Sets before and after a photo of its own among which it is tried once more.
const BESIDE: usize = 4;

/// A set in the making.
#[derive(Debug)]
struct Open {
    /// The draft that it goes on with.
    draft: Option<usize>,
    members: Vec<Member>,
}

/// Adds the sets that the order of taking shows to `drafts`.
pub(super) fn find(
    sight: &Sight<'_>,
    slots: &[Option<Examined>],
    taken: &mut [bool],
    drafts: &mut Vec<Draft>,
) {
    // What a camera takes of itself comes first, so that a test shot before it is not mistaken for a part of it.
    for (most, by_hand) in [(BURST_GAP, false), (HAND_GAP, true)] {
        let runs: Vec<Vec<Frame<'_>>> = streams(slots, taken, drafts, by_hand)
            .iter()
            .flat_map(|stream| runs(stream, most))
            .filter(|run| run.len() > 1)
            .collect();
        let known: &[Draft] = drafts;
        let found: Vec<Vec<Open>> = runs
            .par_iter()
            .map(|run| cluster(sight, run, known, by_hand))
            .collect();
        for (run, sets) in runs.iter().zip(found) {
            for set in sets {
                take(set, run, by_hand, taken, drafts);
            }
        }
    }
}

/// Marks an accepted set as taken.
fn take(set: Open, run: &[Frame<'_>], by_hand: bool, taken: &mut [bool], drafts: &mut Vec<Draft>) {
    let known = set.draft.and_then(|draft| drafts.get_mut(draft));
    let frames = frames_of(&set.members, run);
    // Two that follow each other at once may be a part of what a hand has set: that is seen in the second round.
    let enough = by_hand || set.members.len() > 2;
    if known.is_none() && !(enough && is_accepted(&frames, &set.members)) {
        return;
    }
    for member in &set.members {
        if let Some(taken) = taken.get_mut(member.index) {
            *taken = true;
        }
    }
    if let Some(known) = known {
        if set.members.len() > known.members.len() {
            known.members = set.members;
            // The names of those that came in say nothing.
            known.marks = None;
        }
    } else {
        let told = frames.iter().all(|frame| frame.value.is_some());
        drafts.push(Draft {
            members: set.members,
            marks: None,
            evidence: if told {
                BracketEvidence::Exif
            } else {
                BracketEvidence::Pixels
            },
        });
    }
}

fn frames_of<'a>(members: &[Member], run: &[Frame<'a>]) -> Vec<Frame<'a>> {
    run.iter()
        .filter(|frame| members.iter().any(|member| member.index == frame.index))
        .copied()
        .collect()
}

/// Photos of one camera with the same settings but the exposure, in the order of taking. Those of drafts are among
/// them in the first round, so that a draft can go on.
fn streams<'a>(
    slots: &'a [Option<Examined>],
    taken: &[bool],
    drafts: &[Draft],
    by_hand: bool,
) -> Vec<Vec<Frame<'a>>> {
    let mut streams: BTreeMap<String, Vec<Frame<'a>>> = BTreeMap::new();
    for (index, slot) in slots.iter().enumerate() {
        let Some(examined) = slot else { continue };
        let is_taken = taken.get(index).copied().unwrap_or(true);
        let in_names = drafts.iter().any(|draft| {
            draft.evidence == BracketEvidence::FileName
                && draft.members.iter().any(|member| member.index == index)
        });
        let photo = &examined.photo;
        // A flash is another light: its frames are blended by hand, never fused.
        let fits = photo.kind.is_photo() && examined.camera.flash != Some(true);
        if !fits || (is_taken && (by_hand || !in_names)) {
            continue;
        }
        let capture = &photo.capture;
        let frame = Frame::new(index, photo);
        // A camera's own series is known by its times.
        if !by_hand && (frame.value.is_none() || frame.start.is_none()) {
            continue;
        }
        let tenths = |value: Option<f64>| value.map(|value| (value * 10.0).round());
        let key = format!(
            "{}|{}|{}x{}|{}|{:?}|{:?}|{:?}|{}{}{}",
            photo.file.rsplit_once('/').map_or("", |(folder, _)| folder),
            examined.camera.body,
            photo.width,
            photo.height,
            photo.orientation,
            photo.format,
            tenths(capture.focal_length_mm),
            tenths(capture.f_number),
            frame.start.is_some(),
            frame.value.is_some(),
            capture.iso.is_some(),
        );
        streams.entry(key).or_default().push(frame);
    }
    for stream in streams.values_mut() {
        stream.sort_by_key(|frame| (frame.start, frame.index));
    }
    streams.into_values().collect()
}

/// Divides a stream where more than `most` seconds lie between two photos.
fn runs<'a>(stream: &[Frame<'a>], most: f64) -> Vec<Vec<Frame<'a>>> {
    let mut runs: Vec<Vec<Frame<'a>>> = Vec::new();
    for frame in stream {
        match runs.last_mut() {
            Some(run)
                if run
                    .last()
                    .is_some_and(|last| last.gap(frame) <= most + last.exposing()) =>
            {
                run.push(*frame);
            }
            _ => runs.push(vec![*frame]),
        }
    }
    runs
}

/// Goes through a run and puts each photo to the set whose view it shows at another exposure.
fn cluster(sight: &Sight<'_>, run: &[Frame<'_>], drafts: &[Draft], by_hand: bool) -> Vec<Open> {
    // Without exposures to tell by, each is compared with the one before it.
    sight.prepare(&untold(run.windows(2), HAND_GAP));
    let mut sets: Vec<Open> = Vec::new();
    for frame in run {
        let draft = drafts.iter().position(|draft| {
            draft
                .members
                .iter()
                .any(|member| member.index == frame.index)
        });
        if let Some(draft) = draft {
            if !sets.iter().any(|set| set.draft == Some(draft)) {
                sets.extend(continued(draft, drafts, run));
            }
            continue;
        }
        let candidate = Candidate {
            index: frame.index,
            told: frame.value,
            order_only: false,
        };
        // Without exposures to tell by, only what came last is compared.
        let reach = if frame.value.is_some() { OPEN } else { 1 };
        let mut joined = false;
        for set in sets.iter_mut().rev().take(reach) {
            if by_hand {
                forget_test_shot(set, frame, run);
            }
            if may_join(set, frame, run)
                && let Ok(member) = join(sight, &set.members, candidate)
            {
                set.members.push(member);
                joined = true;
                break;
            }
        }
        if !joined {
            sets.push(alone(frame));
        }
    }
    // One that shared too little with those before it may fit to those that came later.
    let single = |frame: &Frame<'_>| {
        let mut alone = sets.iter().filter(|set| set.members.len() == 1);
        alone.any(|set| set.members.iter().any(|member| member.index == frame.index))
    };
    let singles = run.windows(2).filter(|pair| pair.iter().all(single));
    let back = untold(singles, HAND_GAP)
        .into_iter()
        .map(|(base, other)| (other, base));
    sight.prepare(&back.collect::<Vec<_>>());
    for place in (0..sets.len()).rev() {
        let single = match sets.get(place) {
            Some(Open {
                draft: None,
                members,
            }) if members.len() == 1 => members.first().map(|member| member.index),
            _ => None,
        };
        let Some(frame) = run.iter().find(|frame| Some(frame.index) == single) else {
            continue;
        };
        let candidate = Candidate {
            index: frame.index,
            told: frame.value,
            order_only: false,
        };
        let found = sets.iter().enumerate().find_map(|(other, set)| {
            let several = other != place && (set.members.len() > 1 || frame.value.is_none());
            if !several || other.abs_diff(place) > BESIDE || !may_join(set, frame, run) {
                return None;
            }
            match join(sight, &set.members, candidate) {
                Ok(member) => Some((other, member)),
                Err(Fit::Unknown) => bare(set, frame, run).map(|member| (other, member)),
                Err(_) => None,
            }
        });
        if let Some((other, member)) = found {
            if let Some(set) = sets.get_mut(other) {
                set.members.push(member);
            }
            sets.remove(place);
        }
    }
    sets
}

/// The last exposure of a regular series may be white or black all over: nothing that it shows speaks against it.
fn bare(set: &Open, frame: &Frame<'_>, run: &[Frame<'_>]) -> Option<Member> {
    let value = frame.value?;
    let frames = frames_of(&set.members, run);
    let values: Vec<f64> = frames.iter().filter_map(|one| one.value).collect();
    let step = common_step(&values)?;
    let goes_on = [step, 2.0 * step]
        .into_iter()
        .any(|step| continues(&values, step, value));
    let at_once =
        |one: &Frame<'_>| one.gap(frame).max(frame.gap(one)) <= BURST_GAP + one.exposing();
    (goes_on && frames.iter().any(at_once)).then_some(Member {
        index: frame.index,
        value,
        check: None,
    })
}

fn alone(frame: &Frame<'_>) -> Open {
    Open {
        draft: None,
        members: vec![Member {
            index: frame.index,
            value: frame.value.unwrap_or(0.0),
            check: None,
        }],
    }
}

/// A set that goes on with a draft, on the scale of what EXIF records; nothing where EXIF was copied from one of
/// its exposures to the others.
fn continued(draft: usize, drafts: &[Draft], run: &[Frame<'_>]) -> Option<Open> {
    let members: Vec<Member> = drafts.get(draft)?.members.clone();
    let recorded: Option<Vec<Member>> = members
        .iter()
        .map(|member| {
            let frame = run.iter().find(|frame| frame.index == member.index)?;
            Some(Member {
                value: frame.value?,
                ..*member
            })
        })
        .collect();
    let members = recorded?;
    let values: Vec<f64> = members.iter().map(|member| member.value).collect();
    least_step(&values)
        .is_some_and(|step| step > 0.25)
        .then_some(Open {
            draft: Some(draft),
            members,
        })
}

/// A test shot of the same exposure may stand before a series: it is left alone where it lies farther off.
fn forget_test_shot(set: &mut Open, frame: &Frame<'_>, run: &[Frame<'_>]) {
    let frames = frames_of(&set.members, run);
    let [first, second] = frames.as_slice() else {
        return;
    };
    let repeated = first
        .value
        .zip(frame.value)
        .is_some_and(|(first, this)| (first - this).abs() < 0.25);
    if repeated && first.gap(second) > 1.0 + 2.0 * second.gap(frame) {
        set.members.retain(|member| member.index != first.index);
    }
}

/// Whether what is recorded lets a photo be another exposure of a set.
fn may_join(set: &Open, frame: &Frame<'_>, run: &[Frame<'_>]) -> bool {
    let frames = frames_of(&set.members, run);
    if frames.is_empty() || set.members.len() >= MOST {
        return false;
    }
    let gap = frames
        .iter()
        .map(|one| one.gap(frame))
        .fold(f64::MAX, f64::min);
    let settings = frames
        .iter()
        .all(|one| one.photo.capture.iso == frame.photo.capture.iso || one.compensated(frame));
    let values: Vec<f64> = frames.iter().filter_map(|one| one.value).collect();
    let Some(value) = frame.value else {
        return settings && gap <= HAND_GAP;
    };
    let new = values.iter().all(|known| (known - value).abs() >= 0.25);
    // A photo beside a finished pattern is one of its own unless it goes on with it.
    let expected = match regular_step(&values) {
        Some(step) if gap > 1.5 || set.draft.is_some() => continues(&values, step, value),
        _ => true,
    };
    new && settings && expected && gap <= HAND_GAP + frame.exposing()
}

/// Whether what is recorded makes a set of photos that show one view at different exposures.
fn is_accepted(frames: &[Frame<'_>], members: &[Member]) -> bool {
    let count = frames.len();
    if count < 2 || count != members.len() {
        return false;
    }
    let longest = frames
        .windows(2)
        .filter_map(|pair| Some(pair.first()?.gap(pair.get(1)?)))
        .fold(0.0, f64::max);
    let values: Vec<f64> = members.iter().map(|member| member.value).collect();
    let Some(step) = least_step(&values) else {
        return false;
    };
    let told = frames.iter().all(|frame| frame.value.is_some());
    let timed = frames.iter().all(|frame| frame.start.is_some());
    let compensated = frames
        .windows(2)
        .all(|pair| matches!(pair, [left, right] if left.compensated(right)));
    if count == 2 {
        // Two photos without a time, or of which nothing is recorded, may have been taken at any moment.
        return told && timed && longest <= PAIR_GAP && (compensated || step >= LEAST_PAIR_STEP);
    }
    if compensated && longest <= COMPENSATED_GAP {
        return true;
    }
    longest <= HAND_GAP && step >= if told { LEAST_STEP } else { 0.3 }
}
