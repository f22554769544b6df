//! Exposure brackets with their evidence, and notes on files, as text.

use super::{paragraph, signed};
use crate::domain::listing::{BracketCheck, BracketEvidence, Listing};
use crate::domain::plan::{Plan, PlannedPhoto};
use crate::fsx::printable;

pub(super) fn brackets(text: &mut String, plan: &Plan, listing: &Listing, columns: usize) {
    let fused: Vec<(&PlannedPhoto, usize)> = plan
        .photos
        .iter()
        .zip(1_usize..)
        .filter(|(photo, _)| photo.sources.len() > 1)
        .collect();
    if fused.is_empty() {
        return;
    }
    text.push_str("\nexposure brackets\n");
    for (photo, number) in fused {
        let sources: Vec<String> = photo
            .sources
            .iter()
            .map(|source| match source.exposure_value {
                Some(value) => format!("{} ({} EV)", printable(&source.file), signed(value)),
                None => printable(&source.file),
            })
            .collect();
        let evidence = match listing
            .bracket_of(&photo.photo_id)
            .map(|bracket| bracket.evidence)
        {
            Some(BracketEvidence::Stated) => "as stated",
            Some(BracketEvidence::Exif) | None => "by their EXIF data",
            Some(BracketEvidence::FileName) => "by their names",
            Some(BracketEvidence::Pixels) => "by what they show",
        };
        let line = format!("{} ({evidence})", sources.join(", "));
        paragraph(text, &format!("  {number}: "), &line, columns);
        let checks = listing
            .bracket_of(&photo.photo_id)
            .map_or(&[][..], |bracket| &bracket.checks);
        if let Some(measured) = measured(checks) {
            paragraph(
                text,
                &" ".repeat(number.to_string().len() + 4),
                &measured,
                columns,
            );
        }
    }
}

/// What the pixels say of a bracket, in a line; nothing where they were not asked.
fn measured(checks: &[BracketCheck]) -> Option<String> {
    let least = checks
        .iter()
        .map(|check| check.likeness)
        .min_by(f64::total_cmp)?;
    let steps: Vec<String> = checks
        .iter()
        .map(|check| signed(check.measured_ev))
        .collect();
    Some(format!(
        "the pixels agree: likeness {least:.2} or more, measured steps {} EV",
        steps.join(", ")
    ))
}

/// What a person should know of files that are used.
pub(super) fn notes(text: &mut String, listing: &Listing, columns: usize) {
    if listing.photos.iter().all(|photo| photo.notes.is_empty()) {
        return;
    }
    text.push_str("\nnotes\n");
    for photo in &listing.photos {
        for note in &photo.notes {
            let line = format!("{}: {}", printable(&photo.file), printable(note));
            paragraph(text, "  ", &line, columns);
        }
    }
}
