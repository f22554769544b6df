//! What the classic enhancement may do to a photo and what it did. Every step is estimated from the
//! photo unless a style or a person fixes it or switches it off.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One step of the enhancement: estimated, switched off, or fixed. Written as `"auto"`, `"off"` or a
/// number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum StepSetting {
    /// Estimated from the photo.
    #[default]
    Auto,
    /// Not done.
    Off,
    /// Done with this value, in the unit that the step documents.
    Fixed(f64),
}

impl Serialize for StepSetting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Off => serializer.serialize_str("off"),
            Self::Fixed(value) => serializer.serialize_f64(*value),
        }
    }
}

impl<'de> Deserialize<'de> for StepSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StepVisitor;

        impl Visitor<'_> for StepVisitor {
            type Value = StepSetting;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("\"auto\", \"off\" or a finite number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<StepSetting, E> {
                match text {
                    "auto" => Ok(StepSetting::Auto),
                    "off" => Ok(StepSetting::Off),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<StepSetting, E> {
                if value.is_finite() {
                    Ok(StepSetting::Fixed(value))
                } else {
                    Err(E::invalid_value(de::Unexpected::Float(value), &self))
                }
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<StepSetting, E> {
                i32::try_from(value)
                    .map(|value| StepSetting::Fixed(f64::from(value)))
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(value), &self))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<StepSetting, E> {
                u32::try_from(value)
                    .map(|value| StepSetting::Fixed(f64::from(value)))
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
            }
        }

        deserializer.deserialize_any(StepVisitor)
    }
}

impl JsonSchema for StepSetting {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StepSetting".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Estimated from the photo, not done, or done with this value.",
            "anyOf": [{ "enum": ["auto", "off"] }, { "type": "number" }]
        })
    }
}

/// A text that is no step setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a step setting: use `auto`, `off` or a number")]
pub struct InvalidStepSetting(pub String);

impl FromStr for StepSetting {
    type Err = InvalidStepSetting;

    fn from_str(text: &str) -> Result<Self, InvalidStepSetting> {
        match text {
            "auto" => Ok(Self::Auto),
            "off" => Ok(Self::Off),
            _ => match text.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(Self::Fixed(value)),
                _ => Err(InvalidStepSetting(text.to_owned())),
            },
        }
    }
}

/// Which steps are done and how, in the order in which they are applied. Noise is measured and
/// removed in the picture as it was taken; light and colour come before the geometry, because
/// vignetting lies round the lens axis; the look comes last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EnhancementSettings {
    /// Noise reduction; a fixed value is its strength, 0 (none) to 1 (full).
    pub noise_reduction: StepSetting,
    /// Darkening towards the corners; a fixed value is a strength, 0 (none) to 1 (what an uncorrected
    /// wide-angle lens leaves).
    pub vignetting: StepSetting,
    /// White balance; a fixed value is the scene's colour temperature in kelvin, 2000 to 12000.
    pub white_balance: StepSetting,
    /// Exposure; a fixed value is the gain in EV, -3 to 3.
    pub exposure: StepSetting,
    /// Opening of shadows; a fixed value is a strength, 0 to 1.
    pub shadows: StepSetting,
    /// Recovery of bright windows and skies; a fixed value is a strength, 0 to 1.
    pub highlights: StepSetting,
    /// Radial lens distortion; a fixed value is k1 of `x_d = x_u (1 + k1 r²)` with r normalised by
    /// the focal length, -0.2 to 0.2.
    pub lens_distortion: StepSetting,
    /// Vertical correction; a fixed value is the pitch taken out, in degrees (positive: the camera
    /// looked up), -15 to 15.
    pub vertical_correction: StepSetting,
    /// Roll correction; a fixed value is the roll taken out, in degrees (positive: the camera was
    /// turned counter-clockwise), -10 to 10.
    pub roll_correction: StepSetting,
    /// Detail-preserving sharpening; a fixed value is a strength, 0 to 1.
    pub sharpening: StepSetting,
    /// Whether the left and the right edge are neighbours, as in a panorama that goes all the way round.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub wraps: bool,
}

impl EnhancementSettings {
    /// Nothing is done: the picture stays as it was taken.
    #[must_use]
    pub const fn all_off() -> Self {
        Self {
            noise_reduction: StepSetting::Off,
            vignetting: StepSetting::Off,
            white_balance: StepSetting::Off,
            exposure: StepSetting::Off,
            shadows: StepSetting::Off,
            highlights: StepSetting::Off,
            lens_distortion: StepSetting::Off,
            vertical_correction: StepSetting::Off,
            roll_correction: StepSetting::Off,
            sharpening: StepSetting::Off,
            wraps: false,
        }
    }
}

/// The style's finish, applied last and kept small enough to stay a colour correction. Zero changes
/// nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Look {
    /// -1 (cooler) to 1 (warmer).
    #[schemars(range(min = -1.0, max = 1.0))]
    pub warmth: f64,
    /// -1 (flatter) to 1 (more contrast).
    #[schemars(range(min = -1.0, max = 1.0))]
    pub contrast: f64,
    /// -1 (paler) to 1 (more colourful).
    #[schemars(range(min = -1.0, max = 1.0))]
    pub saturation: f64,
}

/// What was done to one picture: one entry for each step, in the order of application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnhancementReport {
    /// The steps.
    pub steps: Vec<StepReport>,
}

impl EnhancementReport {
    /// The step with this name.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&StepReport> {
        self.steps.iter().find(|step| step.name == name)
    }
}

/// What one step did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepReport {
    /// The step's name: a field name of [`EnhancementSettings`], or `exposure_fusion` or `look`.
    pub name: String,
    /// Whether it changed the picture.
    pub applied: bool,
    /// Why it did not, or what bounded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The values used, by name with the unit behind it, such as `gain_ev` or `pitch_degrees`.
    #[serde(default)]
    pub parameters: BTreeMap<String, f64>,
    /// Exposures of a bracket that the fusion could not use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<ExposureLeftOut>,
}

/// An exposure of a bracket that is in no picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExposureLeftOut {
    /// Its place among the sources, from 0, darkest first.
    pub exposure: u32,
    /// Why.
    pub reason: String,
}

impl StepReport {
    /// A step that was done with these parameters.
    #[must_use]
    pub fn applied<const N: usize>(name: &str, parameters: [(&str, f64); N]) -> Self {
        Self {
            name: name.to_owned(),
            applied: true,
            reason: None,
            parameters: parameters
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
            left_out: Vec::new(),
        }
    }

    /// A step that was not done, and why.
    #[must_use]
    pub fn not_applied(name: &str, reason: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            applied: false,
            reason: Some(reason.into()),
            parameters: BTreeMap::new(),
            left_out: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_read_words_and_numbers_and_refuse_the_rest() {
        let settings: EnhancementSettings =
            toml::from_str("exposure = 0.5\nroll_correction = \"off\"\nshadows = 1").unwrap();
        assert_eq!(settings.exposure, StepSetting::Fixed(0.5));
        assert_eq!(settings.roll_correction, StepSetting::Off);
        assert_eq!(settings.shadows, StepSetting::Fixed(1.0));
        assert_eq!(settings.sharpening, StepSetting::Auto);
        for wrong in [
            "exposure = \"on\"",
            "exposure = nan",
            "exposure = true",
            "gamma = 1",
        ] {
            assert!(
                toml::from_str::<EnhancementSettings>(wrong).is_err(),
                "{wrong}"
            );
        }
        let json = serde_json::to_string(&settings).unwrap();
        assert_eq!(
            serde_json::from_str::<EnhancementSettings>(&json).unwrap(),
            settings
        );
    }
}
