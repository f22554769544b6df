//! Structure gates: whether walls, windows and doors are still where they were and what they were,
//! judged from the pixels outside the mask, without any model.
//!
//! Exposure and white balance are matched first. Then six gates look, each blind to what another sees:
//! the correlation of each tile (something was replaced), the residual on surfaces of little texture
//! (something appeared there), the colour of each tile, the drift of the corners of the frame (the
//! whole picture moved, turned or was scaled), the shift of each tile (a wall was bent), and fine detail
//! (the picture was made smaller and enlarged). Where too little is visible to judge by, or the photo has
//! no fine detail, that is a fault too, and a person has to look. The limits are in [`StructureThresholds`].

mod brightness;
mod composite;
mod detail;
mod features;
mod field;
mod homography;
mod motion;
mod tiles;

use crate::domain::structure::{
    DriftFinding, Region, ShiftFinding, StepsFinding, StructureFault, StructureReport,
    StructureSubject, StructureThresholds, TileFinding,
};
use crate::imaging::{Picture, Plane, ResizeError};
pub use composite::judge_composite;
pub(in crate::validate) use field::eight as eight_bits;
use field::{CELLS, Tile};

/// Least side of a picture that is judged, in pixels.
const LEAST_SIDE: usize = 96;
/// Long side at which a composite is judged.
const WORKING_SIDE: usize = 1536;
/// The margin around the mask of a worker's picture, as a share of the long side (20 pixels at 1536).
const MARGIN: f64 = 0.013;
/// The margin around what a composite changed: the reach of resizing and blurring.
const COMPOSITE_MARGIN: usize = 8;
/// Changed tiles in a report, at most.
const LISTED_TILES: usize = 32;
/// Fewest tiles with edges that are enough to judge by.
const FEWEST_TILES: u32 = 12;

/// Why two pictures could not be compared.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StructureError {
    /// They differ in size, so that no pixel of one belongs to one of the other.
    #[error(
        "the picture is {width} x {height} pixels and the one it is compared with {other_width} x {other_height}"
    )]
    SizesDiffer {
        /// Width of the picture that is judged.
        width: usize,
        /// Height of the picture that is judged.
        height: usize,
        /// Width of what it is compared with.
        other_width: usize,
        /// Height of what it is compared with.
        other_height: usize,
    },
    /// They are too small to tell anything.
    #[error(
        "a picture of {width} x {height} pixels is too small to judge; {LEAST_SIDE} is the least side"
    )]
    TooSmall {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },
    /// They could not be brought to the working size.
    #[error(transparent)]
    Resize(#[from] ResizeError),
}

impl StructureError {
    /// Whether the same comparison may succeed later: never, it depends on the pictures alone.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}

/// Judges whether `candidate` still shows the house of `reference`.
///
/// Both are upright, sRGB-encoded and of the same size, at which they are judged: the caller brings the
/// photo to the size of the worker's picture. `mask` has the same proportions and any size; samples above
/// 0 may change, and what lies under them, grown by 1.3 % of the long side, is left out.
///
/// # Errors
/// [`StructureError`] where the sizes differ or a side is below 96 pixels.
pub fn judge_structure(
    reference: &Picture,
    candidate: &Picture,
    mask: &Plane,
    subject: StructureSubject,
    thresholds: &StructureThresholds,
) -> Result<StructureReport, StructureError> {
    let long_side = reference.width.max(reference.height);
    let margin = match subject {
        StructureSubject::Generated => (MARGIN * long_side as f64).ceil() as usize,
        StructureSubject::Composite => COMPOSITE_MARGIN,
    };
    judge(reference, candidate, mask, margin, subject, thresholds)
}

fn judge(
    reference: &Picture,
    candidate: &Picture,
    mask: &Plane,
    margin: usize,
    subject: StructureSubject,
    thresholds: &StructureThresholds,
) -> Result<StructureReport, StructureError> {
    same_size(
        (candidate.width, candidate.height),
        (reference.width, reference.height),
    )?;
    let (width, height) = (reference.width, reference.height);
    if width.min(height) < LEAST_SIDE {
        return Err(StructureError::TooSmall { width, height });
    }
    let (before, after) = (field::eight(reference), field::eight(candidate));
    let visible = field::visible(mask, width, height, margin);
    let share = visible
        .values
        .iter()
        .map(|&value| f64::from(value))
        .sum::<f64>()
        / visible.values.len() as f64;
    let matches = brightness::fit(&before, &after, &visible);
    let matched = brightness::apply(&before, &after, &visible, &matches);
    let detail_ratio = detail::ratio(&matched, &visible);
    let (blurred, blurred_candidate) = rayon::join(
        || field::blur(&matched.reference),
        || field::blur(&matched.candidate),
    );
    let tiles = tiles::judge(&matched, &blurred, &blurred_candidate, &visible);
    let levels = motion::pyramid(blurred, blurred_candidate, visible);
    let motion = motion::judge(&levels);
    let (pairs, _) = features::matches(&levels);
    let movement = homography::movement(&pairs, width, height);

    let diagonal = (width as f64).hypot(height as f64);
    let mut correlations = tiles.correlations;
    correlations.sort_by(|a, b| a.1.total_cmp(&b.1));
    let finding = |&(tile, correlation): &(Tile, f64)| TileFinding {
        region: region(tile),
        correlation,
    };
    let steps = |(tile, steps): (Tile, f64)| StepsFinding {
        region: region(tile),
        steps,
    };
    let mut report = StructureReport {
        subject,
        thresholds: *thresholds,
        faults: Vec::new(),
        worst_tile: correlations.first().map(finding),
        changed_tiles: correlations
            .iter()
            .take_while(|(_, correlation)| *correlation < thresholds.tile_correlation)
            .take(LISTED_TILES)
            .map(finding)
            .collect(),
        tiles: u32::try_from(correlations.len()).unwrap_or(u32::MAX),
        clipped_tiles: tiles.clipped,
        drift: movement.map(|movement| DriftFinding {
            percent: 100.0 * movement.worst_corner / diagonal,
            pixels: movement.worst_corner,
            inliers: u32::try_from(movement.inliers).unwrap_or(u32::MAX),
            matches: u32::try_from(pairs.len()).unwrap_or(u32::MAX),
        }),
        detail_ratio,
        local_shift: motion.longest.map(|shift| ShiftFinding {
            region: region(shift.tile),
            percent: 100.0 * shift.length() / diagonal,
            pixels: shift.by,
        }),
        worst_surface: tiles.surface.map(steps),
        worst_colour: tiles.colour.map(steps),
        visible_share: share,
        outside_changed_share: None,
        gains: matches.map(|channel| channel.gain),
    };
    report.faults = faults(&report, motion.told);
    Ok(report)
}

/// The gates that a report does not pass, in a fixed order.
fn faults(report: &StructureReport, told: u32) -> Vec<StructureFault> {
    let limits = &report.thresholds;
    let above =
        |steps: &Option<StepsFinding>, limit: f64| steps.is_some_and(|one| one.steps > limit);
    let checks = [
        (
            report
                .worst_tile
                .is_some_and(|tile| tile.correlation < limits.tile_correlation),
            StructureFault::TileChanged,
        ),
        (
            report
                .drift
                .is_some_and(|drift| drift.percent > limits.drift_percent),
            StructureFault::Drift,
        ),
        (
            report
                .detail_ratio
                .is_some_and(|ratio| ratio < limits.detail_ratio),
            StructureFault::DetailLost,
        ),
        (
            report
                .local_shift
                .is_some_and(|shift| shift.percent > limits.local_shift_percent),
            StructureFault::LocalShift,
        ),
        (
            above(&report.worst_surface, limits.surface_residual),
            StructureFault::SurfaceChanged,
        ),
        (
            above(&report.worst_colour, limits.colour_shift),
            StructureFault::ColourChanged,
        ),
        (
            report.visible_share < limits.visible_share
                || told < FEWEST_TILES
                // Where the photo has no fine detail, nobody can say that it was kept.
                || report.detail_ratio.is_none(),
            StructureFault::NotJudgeable,
        ),
    ];
    checks
        .into_iter()
        .filter_map(|(failed, fault)| failed.then_some(fault))
        .collect()
}

fn region(tile: Tile) -> Region {
    let share = |cells: usize| cells as f64 / CELLS as f64;
    Region {
        left: share(tile.column),
        top: share(tile.row),
        width: share(tile.cells),
        height: share(tile.cells),
    }
}

fn same_size(size: (usize, usize), other: (usize, usize)) -> Result<(), StructureError> {
    if size == other {
        return Ok(());
    }
    Err(StructureError::SizesDiffer {
        width: size.0,
        height: size.1,
        other_width: other.0,
        other_height: other.1,
    })
}
