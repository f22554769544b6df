//! How generated pixels are put back into the photo, and the record of what was put back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::surface::Surface;

/// Rules of compositing. Lengths are thousandths of the photo's long side, so that they mean the same
/// at every resolution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CompositeSettings {
    /// Largest share of the frame that may be changed at all, 0 to 1; soft bands count by half.
    pub max_masked_share: f64,
    /// Width of the feather between generated pixels and the photo's own, outside the mask.
    pub feather: f64,
    /// Surfaces that are taken out of the mask where a label map is present.
    pub protected: Vec<Surface>,
    /// Most that a soft band may darken, in EV.
    pub soft_darken: f64,
    /// Most that a soft band may lighten, in EV.
    pub soft_lighten: f64,
}

impl Default for CompositeSettings {
    fn default() -> Self {
        Self {
            max_masked_share: 0.6,
            feather: 1.5,
            protected: Surface::PROTECTED.to_vec(),
            soft_darken: 2.0,
            soft_lighten: 0.5,
        }
    }
}

/// What was put back into a photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompositeReport {
    /// Share of the frame that came with the mask, 0 to 1; soft bands count by half.
    pub masked_share: f64,
    /// Share of the frame that was taken out of it because it is protected, 0 to 1.
    pub protected_share: f64,
    /// Share of the frame that differs from the photo in any way, feather included, 0 to 1.
    pub touched_share: f64,
    /// Factors on the generated picture's linear red, green and blue that match it along the seam.
    pub gains: [f64; 3],
    /// Standard deviation of the grain that was added inside, in code values of 0 to 255.
    pub grain: f64,
}
