//! A style: how a listing shall look. It says how the enhancement finishes, and with which words,
//! furniture and numbers a staging model is asked, room by room. It is pure data, read from TOML.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::enhancement::{EnhancementSettings, Look};
use super::plan::{ControlNetParameters, ModelSetName, Scheduler};
use super::room::Room;

pub use super::style_check::StyleProblem;

/// The version of [`Style`] that this build reads.
pub const STYLE_SCHEMA_VERSION: u32 = 1;

/// Largest value of each part of a style's look, so that it stays a colour correction.
pub const LOOK_LIMIT: f64 = 0.4;

/// One style, as its TOML file writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Style {
    /// The version of this document's form: 1.
    pub schema_version: u32,
    /// Name used on the command line: lower-case letters, digits and single hyphens.
    #[schemars(extend("pattern" = "^[a-z0-9]+(-[a-z0-9]+)*$"))]
    pub name: String,
    /// Name for people.
    pub title: String,
    /// One or two sentences on what makes the style.
    pub description: String,
    /// Other names that find it, written like `name`.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Its colours, the leading one first; three to eight.
    #[schemars(length(min = 3, max = 8))]
    pub palette: Vec<PaletteColor>,
    /// The finish of the enhancement; each value within -0.4 and 0.4.
    #[serde(default)]
    pub look: Look,
    /// Steps of the enhancement that this style fixes or leaves out; the others are estimated.
    #[serde(default)]
    pub enhancement: EnhancementSettings,
    /// How a staging model is asked.
    pub staging: Staging,
    /// What goes into each room, by the room's RESO `ImageOf` name.
    pub rooms: BTreeMap<Room, RoomStyle>,
}

/// A named colour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PaletteColor {
    /// What a decorator calls it.
    pub name: String,
    /// sRGB, `#RRGGBB`.
    pub hex: HexColor,
}

/// An sRGB colour written `#RRGGBB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^#[0-9A-Fa-f]{6}$"))]
pub struct HexColor(pub [u8; 3]);

/// A text that is no colour.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a colour: write `#` and six hexadecimal digits, such as `#F4F1EB`")]
pub struct InvalidColor(pub String);

impl TryFrom<String> for HexColor {
    type Error = InvalidColor;

    fn try_from(text: String) -> Result<Self, InvalidColor> {
        let digits = text.strip_prefix('#').filter(|digits| {
            digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        match digits.map(|digits| u32::from_str_radix(digits, 16)) {
            Some(Ok(value)) => {
                let [_, red, green, blue] = value.to_be_bytes();
                Ok(Self([red, green, blue]))
            }
            _ => Err(InvalidColor(text)),
        }
    }
}

impl From<HexColor> for String {
    fn from(color: HexColor) -> Self {
        color.to_string()
    }
}

impl fmt::Display for HexColor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(formatter, "#{red:02X}{green:02X}{blue:02X}")
    }
}

/// How a staging model is asked; the numbers carry diffusers' names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Staging {
    /// Materials, light and mood, the same in every room.
    pub prompt: String,
    /// What does not belong to the style.
    #[serde(default)]
    pub negative_prompt: String,
    /// How far the picture may move from the input inside the mask, above 0 to 1.
    #[schemars(range(min = 0.05, max = 1.0))]
    pub strength: f64,
    /// Classifier-free guidance scale, 1 to 20.
    #[schemars(range(min = 1.0, max = 20.0))]
    pub guidance_scale: f64,
    /// Denoising steps, 1 to 100.
    #[schemars(range(min = 1, max = 100))]
    pub num_inference_steps: u32,
    /// How noise is taken out step by step.
    pub scheduler: Scheduler,
    /// Growth of the mask in thousandths of the long side, 0 to 60.
    #[schemars(range(min = 0.0, max = 60.0))]
    pub mask_growth: f64,
    /// Lowest accepted CLIP score, `2.5 * max(cosine, 0)`, 0 to 2.5; without it the calibration of the
    /// model that scores decides (0.75 where there is none).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 2.5))]
    pub clip_score_threshold: Option<f64>,
    /// Longest side, in pixels, of the photo that a worker elsewhere gets, 512 to 2048; 1536 where it is not
    /// said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 512, max = 2048))]
    pub working_long_side: Option<u32>,
    /// The models that a worker elsewhere generates with; where it is not said, those that fit its GPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_set: Option<ModelSetName>,
    /// Conditioning networks, at most one of each kind.
    #[serde(default)]
    pub controlnets: Vec<ControlNetParameters>,
    /// What changes when an attempt is rejected.
    #[serde(default)]
    pub retry: RetryLadder,
}

/// What changes on the second and on the third attempt, by the reason of the rejection. Attempts
/// beyond the third repeat its numbers with another seed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryLadder {
    /// Walls, windows or lines of the house moved.
    pub structure: Rungs,
    /// The picture does not show what the prompt asks for.
    pub prompt: Rungs,
    /// The room stayed too empty.
    pub furniture: Rungs,
}

/// The changes of two further attempts, each relative to the first attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rungs {
    /// Attempt 2.
    pub second: Rung,
    /// Attempt 3 and beyond.
    pub third: Rung,
}

/// Values added to those of the first attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rung {
    /// Added to `strength`.
    pub strength: f64,
    /// Added to `guidance_scale`.
    pub guidance_scale: f64,
    /// Added to `num_inference_steps`.
    pub num_inference_steps: i32,
    /// Added to the `conditioning_scale` of every ControlNet.
    pub conditioning_scale: f64,
    /// Added to `mask_growth`.
    pub mask_growth: f64,
}

/// What goes into one room type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoomStyle {
    /// How the furnished room is described.
    pub prompt: String,
    /// What does not belong into this room.
    #[serde(default)]
    pub negative_prompt: String,
    /// Furniture, the leading piece first; one to eight pieces.
    #[schemars(length(min = 1, max = 8))]
    pub furniture: Vec<String>,
}

/// Why an attempt was rejected, as far as the next one can answer it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RetryReason {
    /// Walls, windows or lines of the house moved.
    Structure,
    /// The picture does not show what the prompt asks for.
    Prompt,
    /// The room stayed too empty.
    Furniture,
}

impl RetryReason {
    /// Every reason.
    pub const ALL: &'static [Self] = &[Self::Structure, Self::Prompt, Self::Furniture];

    /// The name used in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Structure => "structure",
            Self::Prompt => "prompt",
            Self::Furniture => "furniture",
        }
    }
}

/// The numbers of one staging attempt before words are added.
#[derive(Clone, Debug, PartialEq)]
pub struct StagingNumbers {
    /// How far the picture may move from the input, 0 to 1.
    pub strength: f64,
    /// Classifier-free guidance scale.
    pub guidance_scale: f64,
    /// Denoising steps.
    pub num_inference_steps: u32,
    /// Conditioning networks.
    pub controlnets: Vec<ControlNetParameters>,
    /// Growth of the mask in thousandths of the long side.
    pub mask_growth: f64,
}

impl Staging {
    /// The numbers of attempt `number` (1 for the first) after rejections for `reason`. Sums are
    /// rounded to a thousandth, so that they print as a person would write them.
    #[must_use]
    pub fn numbers(&self, number: u32, reason: RetryReason) -> StagingNumbers {
        let rungs = match reason {
            RetryReason::Structure => self.retry.structure,
            RetryReason::Prompt => self.retry.prompt,
            RetryReason::Furniture => self.retry.furniture,
        };
        let rung = match number {
            0 | 1 => Rung::default(),
            2 => rungs.second,
            _ => rungs.third,
        };
        let sum = |base: f64, change: f64| ((base + change) * 1000.0).round() / 1000.0;
        let controlnets = self.controlnets.iter().cloned().map(|mut controlnet| {
            controlnet.conditioning_scale =
                sum(controlnet.conditioning_scale, rung.conditioning_scale);
            controlnet
        });
        StagingNumbers {
            strength: sum(self.strength, rung.strength),
            guidance_scale: sum(self.guidance_scale, rung.guidance_scale),
            num_inference_steps: self
                .num_inference_steps
                .saturating_add_signed(rung.num_inference_steps),
            controlnets: controlnets.collect(),
            mask_growth: sum(self.mask_growth, rung.mask_growth),
        }
    }
}

impl Style {
    /// blake3 digest of the style's canonical JSON (fields in the order of [`Style`], rooms in the
    /// order of the lookup), 64 hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        #[expect(
            clippy::expect_used,
            reason = "texts, numbers and maps with text keys always serialise, and hashing cannot fail"
        )]
        serde_json::to_writer(&mut hasher, self).expect("a style is plain data");
        hasher.finalize().to_hex().to_string()
    }

    /// What the style puts into `room`: its own entry or that of the nearest relation (a study is
    /// furnished as an office). Nothing for rooms that nobody stages, and nothing outdoors.
    #[must_use]
    pub fn room(&self, room: Room) -> Option<&RoomStyle> {
        self.rooms
            .get(&room)
            .or_else(|| self.rooms.get(&furnished_as(room)?))
    }
}

/// The room type whose furniture also fits `room`, for rooms that styles do not list themselves.
const fn furnished_as(room: Room) -> Option<Room> {
    match room {
        Room::FamilyRoom
        | Room::GreatRoom
        | Room::SittingRoom
        | Room::Den
        | Room::SunRoom
        | Room::RecreationRoom
        | Room::MediaRoom
        | Room::BonusRoom
        | Room::Fireplace
        | Room::Loft => Some(Room::LivingRoom),
        Room::MasterBedroom | Room::GuestQuarters => Some(Room::Bedroom),
        Room::MasterBathroom => Some(Room::Bathroom),
        Room::DiningArea | Room::BreakfastArea => Some(Room::DiningRoom),
        Room::Study | Room::Library => Some(Room::Office),
        Room::Lobby => Some(Room::Entry),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::domain) fn sample() -> Style {
        toml::from_str(
            r##"
            schema_version = 1
            name = "sample"
            title = "Sample"
            description = "For tests."
            palette = [
                { name = "white", hex = "#FFFFFF" },
                { name = "black", hex = "#000000" },
                { name = "oak", hex = "#c8a165" },
            ]
            [staging]
            prompt = "oak and linen"
            strength = 0.8
            guidance_scale = 7
            num_inference_steps = 30
            scheduler = "UniPCMultistepScheduler"
            mask_growth = 6
            controlnets = [{ kind = "depth", conditioning_scale = 0.5, control_guidance_start = 0.0, control_guidance_end = 1.0 }]
            [staging.retry.structure]
            second = { strength = -0.1, conditioning_scale = 0.2 }
            third = { strength = -0.2, conditioning_scale = 0.3, num_inference_steps = 5 }
            [rooms."Office"]
            prompt = "a desk"
            furniture = ["oak desk"]
            "##,
        )
        .unwrap()
    }

    #[test]
    fn the_ladder_adds_to_the_first_attempt_and_stays_on_its_last_rung() {
        let staging = sample().staging;
        let first = staging.numbers(1, RetryReason::Structure);
        let second = staging.numbers(2, RetryReason::Structure);
        let third = staging.numbers(3, RetryReason::Structure);
        assert_eq!((first.strength, first.num_inference_steps), (0.8, 30));
        assert_eq!((second.strength, second.num_inference_steps), (0.7, 30));
        assert_eq!((third.strength, third.num_inference_steps), (0.6, 35));
        assert_eq!(third.controlnets[0].conditioning_scale, 0.8);
        assert_eq!(staging.numbers(9, RetryReason::Structure), third);
        assert_eq!(staging.numbers(2, RetryReason::Prompt), first);
    }

    #[test]
    fn relations_are_furnished_alike_and_other_rooms_not_at_all() {
        let style = sample();
        assert!(style.room(Room::Office).is_some());
        assert_eq!(style.room(Room::Study), style.room(Room::Office));
        assert!(style.room(Room::Garage).is_none());
        assert!(style.room(Room::FrontOfStructure).is_none());
    }

    #[test]
    fn the_digest_follows_the_content() {
        let style = sample();
        let mut other = style.clone();
        assert_eq!(style.digest(), other.digest());
        other.look.warmth = 0.1;
        assert_ne!(style.digest(), other.digest());
        assert_eq!(style.digest().len(), 64);
    }

    #[test]
    fn colours_are_six_digits() {
        assert_eq!(
            "#c8A165".to_owned().try_into(),
            Ok(HexColor([0xc8, 0xa1, 0x65]))
        );
        assert_eq!(HexColor([0xc8, 0xa1, 0x65]).to_string(), "#C8A165");
        for wrong in [
            "", "#", "c8a165", "#c8a16", "#c8a1655", "#+8a165", "#c8a16é",
        ] {
            assert!(HexColor::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
