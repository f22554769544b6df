//! Findings in words: which gate, where in the picture, by how much.

use crate::domain::structure::{Region, StructureFault, StructureReport, StructureSubject};
use crate::domain::verdict::{Reason, ReasonCode};

/// Why a picture did not pass one structure gate.
pub(super) fn structure_reason(report: &StructureReport, fault: StructureFault) -> Reason {
    let limits = &report.thresholds;
    let which = match report.subject {
        StructureSubject::Generated => "the worker's picture",
        StructureSubject::Composite => "the composite",
    };
    let (code, text) = match fault {
        StructureFault::TileChanged => (
            ReasonCode::StructureChanged,
            match report.worst_tile {
                Some(tile) => format!(
                    "{which} shows something else {}: correlation {:.2}, wanted {:.2}",
                    place(&tile.region),
                    tile.correlation,
                    limits.tile_correlation
                ),
                None => format!("{which} shows something else outside the mask"),
            },
        ),
        StructureFault::Drift => (
            ReasonCode::StructureMoved,
            match report.drift {
                Some(drift) => format!(
                    "{which} moved by {:.2} % of the diagonal ({:.1} pixels), allowed are {:.2} %",
                    drift.percent, drift.pixels, limits.drift_percent
                ),
                None => format!("{which} moved"),
            },
        ),
        StructureFault::LocalShift => (
            ReasonCode::StructureMoved,
            match report.local_shift {
                Some(shift) => format!(
                    "a part of {which} moved {}: {:.2} % of the diagonal, allowed are {:.2} %",
                    place(&shift.region),
                    shift.percent,
                    limits.local_shift_percent
                ),
                None => format!("a part of {which} moved"),
            },
        ),
        StructureFault::SurfaceChanged => (
            ReasonCode::StructureChanged,
            match report.worst_surface {
                Some(surface) => format!(
                    "{which} has something new or missing {}: a difference of {:.1} steps, allowed are {:.1}",
                    place(&surface.region),
                    surface.steps,
                    limits.surface_residual
                ),
                None => format!("{which} has something new or missing on a plain surface"),
            },
        ),
        StructureFault::ColourChanged => (
            ReasonCode::StructureChanged,
            match report.worst_colour {
                Some(colour) => format!(
                    "{which} has another colour {}: {:.1} steps, allowed are {:.1}",
                    place(&colour.region),
                    colour.steps,
                    limits.colour_shift
                ),
                None => format!("{which} has another colour outside the mask"),
            },
        ),
        StructureFault::DetailLost => (
            ReasonCode::DetailLost,
            match report.detail_ratio {
                Some(ratio) => format!(
                    "{which} has {:.0} % of the fine detail, wanted {:.0} %",
                    ratio * 100.0,
                    limits.detail_ratio * 100.0
                ),
                None => format!("{which} has lost fine detail"),
            },
        ),
        StructureFault::OutsideTouched => (
            ReasonCode::OutsideTouched,
            format!(
                "{which} differs from the photo on {:.3} % of the pixels that must not change",
                report.outside_changed_share.unwrap_or_default() * 100.0
            ),
        ),
        StructureFault::NotJudgeable => (
            ReasonCode::StructureUnclear,
            format!("too little of {which} can be compared with the photo"),
        ),
    };
    Reason::new(code, text)
}

/// Where a region lies, as people point at it.
fn place(region: &Region) -> String {
    let across = region.left + region.width / 2.0;
    let down = region.top + region.height / 2.0;
    format!(
        "at {:.0} % across and {:.0} % down",
        across * 100.0,
        down * 100.0
    )
}
