//! Why photos that look like exposures of a bracket by what is recorded of them are none.

use super::frame::Frame;
use super::series::COMPENSATED_GAP;
use super::sight::{Fit, Sight, Told};
use crate::fsx::printable;
use crate::ingest::photo::Examined;

/// Says of photos that look like exposures of a set by what is recorded why they are none.
pub(super) fn explain(
    sight: &Sight<'_>,
    slots: &[Option<Examined>],
    taken: &[bool],
    notes: &mut Vec<(usize, String)>,
) {
    let examined = |index: usize| slots.get(index).and_then(Option::as_ref);
    let mut frames: Vec<Frame<'_>> = Vec::new();
    for (index, slot) in slots.iter().enumerate() {
        if let Some(one) = slot.as_ref().filter(|one| one.photo.kind.is_photo()) {
            frames.push(Frame::new(index, &one.photo));
        }
    }
    frames.retain(|frame| frame.start.is_some() && frame.value.is_some());
    frames.sort_by_key(|frame| (frame.start, frame.index));
    for (place, frame) in frames.iter().enumerate() {
        let free = !taken.get(frame.index).copied().unwrap_or(true);
        let known = notes.iter().any(|(index, _)| *index == frame.index);
        if !free || known {
            continue;
        }
        let Some(own) = examined(frame.index) else {
            continue;
        };
        let neighbours = [place.checked_sub(1), Some(place + 1)];
        for other in neighbours
            .into_iter()
            .flatten()
            .filter_map(|at| frames.get(at))
        {
            let Some(beside) = examined(other.index) else {
                continue;
            };
            let near = frame.gap(other).max(other.gap(frame)) <= COMPENSATED_GAP
                && beside.camera.body == own.camera.body
                && (beside.photo.width, beside.photo.height) == (own.photo.width, own.photo.height);
            let flashed = own.camera.flash == Some(true) && beside.camera.flash == Some(false);
            if !near || !(flashed || frame.compensated(other)) {
                continue;
            }
            let told = Told::Nothing;
            let reason = match sight.judge(other.index, frame.index, told) {
                Fit::OtherView | Fit::Unknown if flashed => continue,
                Fit::Fits(_) | Fit::OtherStep(_) | Fit::OtherLight if flashed => "its flash fired",
                Fit::Fits(_) | Fit::OtherStep(_) => continue,
                fit => fit.reason(),
            };
            notes.push((
                frame.index,
                format!(
                    "by its EXIF data it could be an exposure of a bracket with `{}`, but {reason}; it is a picture \
                     of its own",
                    printable(&other.photo.file)
                ),
            ));
            break;
        }
    }
}
