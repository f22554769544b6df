//! What the structure gates measure and what they find: whether walls, windows and doors are still
//! where they were, judged outside the mask without any model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The limits of the structure gates. Beside each default stands what the acceptable changes of
/// `examples/damage_suite.rs` come to at worst: half a stop, white balance, JPEG at quality 80, denoising, grain.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StructureThresholds {
    /// Least normalised cross-correlation of the worst tile, -1 to 1 (0.99).
    pub tile_correlation: f64,
    /// Largest drift of a corner, in percent of the diagonal (0.005).
    pub drift_percent: f64,
    /// Least ratio of fine detail to the reference's (0.93).
    pub detail_ratio: f64,
    /// Largest shift of a part of the picture, in percent of the diagonal (0.03).
    pub local_shift_percent: f64,
    /// Largest difference within a tile that has little texture, as a standard deviation in steps of 8
    /// bits (0.9).
    pub surface_residual: f64,
    /// Largest change of the colour of a tile beyond exposure and white balance, in steps of 8 bits (5).
    pub colour_shift: f64,
    /// Least share of the frame outside the mask that is enough to judge by, 0 to 1.
    pub visible_share: f64,
}

impl Default for StructureThresholds {
    fn default() -> Self {
        Self {
            tile_correlation: 0.80,
            drift_percent: 0.10,
            detail_ratio: 0.85,
            local_shift_percent: 0.05,
            surface_residual: 3.0,
            colour_shift: 7.0,
            visible_share: 0.10,
        }
    }
}

/// Which picture was judged.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StructureSubject {
    /// The worker's picture as it came: whether the model bent the house.
    Generated,
    /// The photo with the generated pixels put back: whether this program keeps its promise.
    Composite,
}

/// A rectangle in shares of the frame, so that it means the same at every resolution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Left edge, 0 to 1.
    pub left: f64,
    /// Upper edge, 0 to 1.
    pub top: f64,
    /// Width, above 0 to 1.
    pub width: f64,
    /// Height, above 0 to 1.
    pub height: f64,
}

/// A tile that does not look like the reference's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TileFinding {
    /// Where.
    pub region: Region,
    /// Its normalised cross-correlation, -1 to 1.
    pub correlation: f64,
}

/// A tile whose content moved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShiftFinding {
    /// Where.
    pub region: Region,
    /// How far, in percent of the diagonal.
    pub percent: f64,
    /// The same in pixels of the picture that was judged, to the right and downwards.
    pub pixels: [f64; 2],
}

/// A tile that differs by so many steps of 8 bits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepsFinding {
    /// Where.
    pub region: Region,
    /// The difference, in steps of 8 bits.
    pub steps: f64,
}

/// How far the picture as a whole moved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftFinding {
    /// Movement of the corner that moved most, in percent of the diagonal.
    pub percent: f64,
    /// The same in pixels of the picture that was judged.
    pub pixels: f64,
    /// Features that agree on the movement.
    pub inliers: u32,
    /// Features that were matched.
    pub matches: u32,
}

/// One gate that was not passed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StructureFault {
    /// A tile shows something else than the reference.
    TileChanged,
    /// The picture moved, turned or was scaled.
    Drift,
    /// Fine detail is gone.
    DetailLost,
    /// A part of the picture moved against the rest: a wall is bent, a door is elsewhere.
    LocalShift,
    /// Something appeared on, or vanished from, a surface of little texture.
    SurfaceChanged,
    /// A surface has another colour than exposure and white balance explain.
    ColourChanged,
    /// Pixels outside the mask are not the photo's own.
    OutsideTouched,
    /// There is too little outside the mask to judge by.
    NotJudgeable,
}

/// What the structure gates found on one picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StructureReport {
    /// Which picture.
    pub subject: StructureSubject,
    /// The limits in force.
    pub thresholds: StructureThresholds,
    /// Gates that were not passed; empty for a picture that keeps the house.
    pub faults: Vec<StructureFault>,
    /// The tile that looks least like the reference's; `None` where no tile has enough to compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_tile: Option<TileFinding>,
    /// Every tile below the limit, worst first, at most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed_tiles: Vec<TileFinding>,
    /// Tiles that were compared.
    pub tiles: u32,
    /// Tiles of which more than 2 % is clipped; the reference was clipped alike before they were compared.
    pub clipped_tiles: u32,
    /// How far the whole picture moved; `None` where too few features were found to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftFinding>,
    /// Fine detail outside the mask, as a ratio to the reference's; `None` where the reference has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail_ratio: Option<f64>,
    /// The tile whose content moved farthest; `None` where no tile has edges to tell by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_shift: Option<ShiftFinding>,
    /// The tile of little texture that differs most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_surface: Option<StepsFinding>,
    /// The tile whose colour differs most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_colour: Option<StepsFinding>,
    /// Share of the frame that was judged: what lies outside the mask and its margin, 0 to 1.
    #[serde(default)]
    pub visible_share: f64,
    /// Share of the pixels outside the mask that differ, 0 to 1; only for a composite, before encoding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside_changed_share: Option<f64>,
    /// Factors on red, green and blue that were applied before comparing.
    pub gains: [f64; 3],
}

impl StructureReport {
    /// Whether every gate was passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.faults.is_empty()
    }
}
