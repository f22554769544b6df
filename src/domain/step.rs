//! The steps of the enhancement by name, with the range in which a fixed value makes sense, so that a
//! style, a settings file and the command line refuse the same values with the same words.

use std::fmt;
use std::str::FromStr;

use super::enhancement::{EnhancementSettings, StepSetting};
use super::nearest;

macro_rules! steps {
    ($($variant:ident => $field:ident, $low:literal, $high:literal, $unit:literal;)+) => {
        /// One step of [`EnhancementSettings`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EnhancementStep {
            $(#[doc = concat!("The field `", stringify!($field), "`, ", $unit, ".")] $variant,)+
        }

        impl EnhancementStep {
            /// Every step, in the order of application.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The field's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($field),)+ }
            }

            /// Lowest and highest fixed value that is accepted.
            #[must_use]
            pub const fn range(self) -> (f64, f64) {
                match self { $(Self::$variant => ($low, $high),)+ }
            }

            /// What a fixed value measures.
            #[must_use]
            pub const fn unit(self) -> &'static str {
                match self { $(Self::$variant => $unit,)+ }
            }

            /// This step's setting.
            #[must_use]
            pub const fn get(self, settings: &EnhancementSettings) -> StepSetting {
                match self { $(Self::$variant => settings.$field,)+ }
            }

            /// Changes this step's setting.
            pub const fn set(self, settings: &mut EnhancementSettings, setting: StepSetting) {
                match self { $(Self::$variant => settings.$field = setting,)+ }
            }
        }
    };
}

steps! {
    NoiseReduction => noise_reduction, 0.0, 1.0, "a strength";
    Vignetting => vignetting, 0.0, 1.0, "a strength";
    WhiteBalance => white_balance, 2000.0, 12000.0, "kelvin";
    Exposure => exposure, -3.0, 3.0, "EV";
    Shadows => shadows, 0.0, 1.0, "a strength";
    Highlights => highlights, 0.0, 1.0, "a strength";
    LensDistortion => lens_distortion, -0.2, 0.2, "the coefficient k1";
    VerticalCorrection => vertical_correction, -15.0, 15.0, "degrees of pitch";
    RollCorrection => roll_correction, -10.0, 10.0, "degrees of roll";
    Sharpening => sharpening, 0.0, 1.0, "a strength";
}

impl EnhancementStep {
    /// Whether `setting` is one that this step can do.
    ///
    /// # Errors
    /// [`StepOutOfRange`] for a fixed value outside [`Self::range`].
    pub fn check(self, setting: StepSetting) -> Result<(), StepOutOfRange> {
        let (low, high) = self.range();
        match setting {
            StepSetting::Fixed(value) if !(low..=high).contains(&value) => {
                Err(StepOutOfRange { step: self, value })
            }
            _ => Ok(()),
        }
    }
}

/// A fixed value that a step cannot do.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "{value} is out of range: `{}` takes {} to {} ({}), `auto` or `off`",
    step.name(), step.range().0, step.range().1, step.unit()
)]
pub struct StepOutOfRange {
    /// Which step.
    pub step: EnhancementStep,
    /// What was asked for.
    pub value: f64,
}

impl fmt::Display for EnhancementStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for EnhancementStep {
    type Err = InvalidOverride;

    /// The field's name, with hyphens or underscores.
    fn from_str(text: &str) -> Result<Self, InvalidOverride> {
        let wanted = text.replace('-', "_");
        let found = Self::ALL.iter().find(|step| step.name() == wanted);
        found.copied().ok_or_else(|| {
            let names = Self::ALL.iter().map(|step| step.name());
            InvalidOverride::UnknownStep {
                text: text.to_owned(),
                nearest: nearest::nearest(&wanted, names)
                    .unwrap_or_default()
                    .to_owned(),
            }
        })
    }
}

/// One step set by a person, such as `exposure=off` or `roll-correction=1.5`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepOverride {
    /// Which step.
    pub step: EnhancementStep,
    /// What it shall do.
    pub setting: StepSetting,
}

/// A text that sets no step.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InvalidOverride {
    /// There is no `=` in it.
    #[error("`{0}` sets no step: write STEP=auto, STEP=off or STEP=NUMBER, such as `exposure=off`")]
    NoAssignment(String),
    /// No step has this name.
    #[error("`{text}` is not an enhancement step; nearest is `{nearest}`")]
    UnknownStep {
        /// What was asked for.
        text: String,
        /// The most similar name.
        nearest: String,
    },
    /// It is neither a word nor a number.
    #[error("step `{0}`: {1}")]
    Setting(EnhancementStep, super::enhancement::InvalidStepSetting),
    /// The number is too low or too high.
    #[error(transparent)]
    OutOfRange(#[from] StepOutOfRange),
}

impl FromStr for StepOverride {
    type Err = InvalidOverride;

    fn from_str(text: &str) -> Result<Self, InvalidOverride> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| InvalidOverride::NoAssignment(text.to_owned()))?;
        let step: EnhancementStep = name.trim().parse()?;
        let setting: StepSetting = value
            .trim()
            .parse()
            .map_err(|error| InvalidOverride::Setting(step, error))?;
        step.check(setting)?;
        Ok(Self { step, setting })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_settings_is_a_step_and_can_be_set() {
        let json = serde_json::to_value(EnhancementSettings::default()).unwrap();
        let mut fields: Vec<&str> = json
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let mut steps: Vec<&str> = EnhancementStep::ALL
            .iter()
            .map(|step| step.name())
            .collect();
        fields.sort_unstable();
        steps.sort_unstable();
        assert_eq!(fields, steps);
        let mut settings = EnhancementSettings::default();
        for &step in EnhancementStep::ALL {
            step.set(&mut settings, StepSetting::Off);
            assert_eq!(step.get(&settings), StepSetting::Off);
        }
        assert_eq!(settings, EnhancementSettings::all_off());
    }

    #[test]
    fn an_override_reads_or_says_what_is_wrong() {
        let read: StepOverride = "roll-correction = 1.5".parse().unwrap();
        assert_eq!(read.step, EnhancementStep::RollCorrection);
        assert_eq!(read.setting, StepSetting::Fixed(1.5));
        let message = |text: &str| text.parse::<StepOverride>().unwrap_err().to_string();
        insta::assert_snapshot!(message("exposure"), @"`exposure` sets no step: write STEP=auto, STEP=off or STEP=NUMBER, such as `exposure=off`");
        insta::assert_snapshot!(message("exposre=off"), @"`exposre` is not an enhancement step; nearest is `exposure`");
        insta::assert_snapshot!(message("exposure=bright"), @"step `exposure`: `bright` is not a step setting: use `auto`, `off` or a number");
        insta::assert_snapshot!(message("exposure=9"), @"9 is out of range: `exposure` takes -3 to 3 (EV), `auto` or `off`");
    }
}
