//! What the gates found, drawn over a picture: one rectangle for each place, with its number.

use serde::Serialize;

use super::manifest::ManifestOperation;
use crate::domain::judgement::Judgement;
use crate::domain::structure::{Region, StructureFault, StructureSubject};

/// Width of the drawing of findings, in its own units; the height follows from the picture.
const DRAWING_WIDTH: f64 = 1000.0;

/// Room that a number needs in the drawing, in its units: where two would overlap, the worse finding
/// keeps its number.
const TEXT_ROOM: (f64, f64) = (150.0, 50.0);

/// Findings drawn over a picture.
#[derive(Serialize)]
pub(super) struct Drawing {
    width: String,
    height: String,
    marks: Vec<Mark>,
}

/// One rectangle of a drawing.
#[derive(Serialize)]
struct Mark {
    x: String,
    y: String,
    width: String,
    height: String,
    kind: &'static str,
    failed: bool,
    /// The number that stands in it; may be empty.
    text: String,
    /// Where the number begins, across and down.
    #[serde(skip)]
    text_at: (f64, f64),
    text_x: String,
    text_y: String,
    /// What it is, in words.
    title: String,
}

/// The findings on the delivered attempt, to be drawn over a picture of this size.
pub(super) fn drawing_of_delivered(
    operations: &[ManifestOperation],
    width: usize,
    height: usize,
) -> Option<Drawing> {
    let delivered = operations
        .iter()
        .flat_map(|operation| &operation.made)
        .rfind(|attempt| attempt.delivered)?;
    drawing(delivered.judgement.as_ref()?, width, height)
}

/// The findings on the worker's picture, which is the one that may have bent the house; `None` where
/// no gate looked at a place.
pub(super) fn drawing(judgement: &Judgement, width: usize, height: usize) -> Option<Drawing> {
    let report = judgement
        .structure
        .iter()
        .find(|report| report.subject == StructureSubject::Generated)
        .or_else(|| judgement.structure.first())?;
    let scale = (
        DRAWING_WIDTH,
        DRAWING_WIDTH * height as f64 / width.max(1) as f64,
    );
    let failed = |fault| report.faults.contains(&fault);
    let mut marks = Vec::new();
    if let Some(found) = report.worst_colour {
        let text = format!("{:.1}", found.steps);
        let title = format!("Colour: differs by {text} steps of 255");
        let failed = failed(StructureFault::ColourChanged);
        marks.push(mark(&found.region, scale, "colour", failed, text, title));
    }
    if let Some(found) = report.worst_surface {
        let text = format!("{:.1}", found.steps);
        let title = format!("Plain surface: differs by {text} steps of 255");
        let failed = failed(StructureFault::SurfaceChanged);
        marks.push(mark(&found.region, scale, "surface", failed, text, title));
    }
    if let Some(shift) = report.local_shift {
        let text = format!("{:.2} %", shift.percent);
        let title = format!("Part that moved farthest: {text} of the diagonal");
        let failed = failed(StructureFault::LocalShift);
        marks.push(mark(&shift.region, scale, "shifted", failed, text, title));
    }
    // Worst last, so that it lies on top.
    let changed = failed(StructureFault::TileChanged);
    for tile in report.changed_tiles.iter().skip(1).rev() {
        let text = format!("{:.2}", tile.correlation);
        let title = format!("Changed tile: correlation {text}");
        marks.push(mark(&tile.region, scale, "changed", changed, text, title));
    }
    if let Some(tile) = report.worst_tile {
        let text = format!("{:.2}", tile.correlation);
        let title = format!("Worst tile: correlation {text}");
        marks.push(mark(&tile.region, scale, "worst", changed, text, title));
    }
    let mut written: Vec<(f64, f64)> = Vec::new();
    for mark in marks.iter_mut().rev() {
        let (x, y) = mark.text_at;
        let taken = written
            .iter()
            .any(|(left, top)| (left - x).abs() < TEXT_ROOM.0 && (top - y).abs() < TEXT_ROOM.1);
        if taken {
            mark.text.clear();
        } else {
            written.push((x, y));
        }
    }
    (!marks.is_empty()).then(|| Drawing {
        width: units(scale.0),
        height: units(scale.1),
        marks,
    })
}

fn mark(
    region: &Region,
    (width, height): (f64, f64),
    kind: &'static str,
    failed: bool,
    text: String,
    title: String,
) -> Mark {
    // Kept inside of the frame, so that it can be read whole.
    let text_at = (
        (region.left * width).min(width - TEXT_ROOM.0),
        (region.top * height).min(height - TEXT_ROOM.1),
    );
    Mark {
        text_at,
        text_x: units(text_at.0),
        text_y: units(text_at.1),
        x: units(region.left * width),
        y: units(region.top * height),
        width: units(region.width * width),
        height: units(region.height * height),
        kind,
        failed,
        text,
        title,
    }
}

/// A coordinate; a finding that is no number is drawn at the edge.
fn units(value: f64) -> String {
    if value.is_finite() {
        format!("{value:.1}")
    } else {
        "0".to_owned()
    }
}
