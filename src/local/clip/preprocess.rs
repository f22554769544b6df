//! A picture as CLIP sees it: its shorter side brought to the model's size with a bicubic filter, the
//! square in its middle, each channel less its mean and divided by its deviation.
//!
//! The filter is Pillow's to the last bit, with which the models were trained.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::configuration::Configuration;
use super::error::ClipError;
use super::files;
use super::resample::{Part, bicubic};
use crate::imaging::{Picture, Samples};

/// A page of text.
const LARGEST_PREPROCESSOR: u64 = 1024 * 1024;

/// Pillow's number of the bicubic filter.
const BICUBIC: u64 = 3;

/// Mean and deviation of CLIP's training pictures, red, green, blue, of 1.
const MEAN: [f64; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const DEVIATION: [f64; 3] = [0.268_629_54, 0.261_302_58, 0.275_777_11];

/// To which size a picture is brought before its middle is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// The shorter side, in pixels; the proportions stay.
    ShorterSide(usize),
    /// Width and height in pixels.
    Exactly(usize, usize),
}

/// What is done to a picture before the model sees it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Preprocessing {
    target: Target,
    side: usize,
    patch: usize,
    /// What each of the 256 values of each channel becomes.
    values: Box<[[f32; 256]; 3]>,
}

/// What `preprocessor_config.json` may say; what it does not say is as in OpenAI's models.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    do_resize: Option<bool>,
    size: Option<Value>,
    resample: Option<u64>,
    do_center_crop: Option<bool>,
    crop_size: Option<Value>,
    do_rescale: Option<bool>,
    rescale_factor: Option<f64>,
    do_normalize: Option<bool>,
    image_mean: Option<[f64; 3]>,
    image_std: Option<[f64; 3]>,
}

impl Preprocessing {
    /// Reads `preprocessor_config.json`; without a file, what OpenAI's models need.
    ///
    /// # Errors
    /// [`ClipError`] where the file cannot be read or asks for steps that are not made here.
    pub(super) fn read(path: Option<&Path>, model: &Configuration) -> Result<Self, ClipError> {
        let Some(path) = path else {
            return Self::new(&Document::default(), model)
                .map_err(|problem| ClipError::Picture { problem });
        };
        let bytes = files::read(path, LARGEST_PREPROCESSOR)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| error.to_string())
            .and_then(|document| Self::new(&document, model))
            .map_err(|problem| ClipError::invalid(path, problem))
    }

    fn new(document: &Document, model: &Configuration) -> Result<Self, String> {
        for (name, value) in [
            ("do_resize", document.do_resize),
            ("do_rescale", document.do_rescale),
            ("do_normalize", document.do_normalize),
        ] {
            if value == Some(false) {
                return Err(format!("`{name}` is false, which no CLIP model needs"));
            }
        }
        if let Some(filter) = document.resample.filter(|&filter| filter != BICUBIC) {
            return Err(format!(
                "`resample` is {filter}; known is {BICUBIC}, bicubic"
            ));
        }
        let side = model.image_size;
        let target = match &document.size {
            None => Target::ShorterSide(side),
            Some(size) => target(size).ok_or("`size` is in no form that is known")?,
        };
        let crop = match (&document.crop_size, target) {
            (_, Target::Exactly(width, height)) if document.do_center_crop == Some(false) => {
                (width, height)
            }
            _ if document.do_center_crop == Some(false) => {
                return Err("`do_center_crop` is false, so that the picture is no square".into());
            }
            (None, _) => (side, side),
            (Some(size), _) => match target_of_crop(size) {
                Some(size) => size,
                None => return Err("`crop_size` is in no form that is known".to_owned()),
            },
        };
        let smallest = match target {
            Target::ShorterSide(side) => side,
            Target::Exactly(width, height) => width.min(height),
        };
        if crop != (side, side) || smallest < side || smallest > 4 * side {
            return Err(format!(
                "`size` and `crop_size` do not give the {side} x {side} pixels that the model sees"
            ));
        }
        let scale = document.rescale_factor.unwrap_or(1.0 / 255.0);
        let mean = document.image_mean.unwrap_or(MEAN);
        let deviation = document.image_std.unwrap_or(DEVIATION);
        let usable = |value: f64| value.is_finite() && value.abs() < 1e3;
        if !usable(scale)
            || !mean.iter().all(|&value| usable(value))
            || !deviation.iter().all(|&value| usable(value) && value > 1e-3)
        {
            return Err("`image_mean`, `image_std` or `rescale_factor` cannot be used".to_owned());
        }
        let mut values = Box::new([[0.0; 256]; 3]);
        for ((table, mean), deviation) in values.iter_mut().zip(mean).zip(deviation) {
            for (step, value) in table.iter_mut().enumerate() {
                *value = ((step as f64 * scale - mean) / deviation) as f32;
            }
        }
        Ok(Self {
            target,
            side,
            patch: model.patch_size,
            values,
        })
    }

    /// The square that the model sees: `side · side · 3` samples of 8 bits.
    ///
    /// # Errors
    /// [`ClipError::Picture`] where the picture's samples do not fit its size.
    pub(super) fn square(&self, picture: &Picture) -> Result<Vec<u8>, ClipError> {
        let (width, height) = match self.target {
            Target::Exactly(width, height) => (width, height),
            Target::ShorterSide(side) => {
                let shorter = picture.width.min(picture.height).max(1);
                let longer = |length: usize| length.saturating_mul(side) / shorter;
                (longer(picture.width), longer(picture.height))
            }
        };
        let converted;
        let samples = match &picture.samples {
            Samples::Eight(samples) => samples,
            Samples::Sixteen(samples) => {
                converted = eight(samples);
                &converted
            }
        };
        let part = Part {
            left: width.saturating_sub(self.side) / 2,
            top: height.saturating_sub(self.side) / 2,
            side: self.side,
        };
        let from = [picture.width, picture.height];
        bicubic(samples, from, [width, height], part).ok_or_else(|| ClipError::Picture {
            problem: "its samples do not fit its size".to_owned(),
        })
    }

    /// The values of [`square`](Self::square) patch by patch: `patches · 3 · patch · patch` numbers, in each
    /// patch red before green before blue, rows from the top.
    pub(super) fn patches(&self, square: &[u8]) -> Vec<f32> {
        let (side, patch) = (self.side, self.patch);
        let per_side = side / patch;
        let mut values = Vec::with_capacity(per_side * per_side * 3 * patch * patch);
        for down in 0..per_side {
            for across in 0..per_side {
                for (channel, table) in self.values.iter().enumerate() {
                    for row in square.chunks_exact(side * 3).skip(down * patch).take(patch) {
                        let samples = row
                            .iter()
                            .skip(across * patch * 3 + channel)
                            .step_by(3)
                            .take(patch);
                        values.extend(samples.filter_map(|&step| table.get(usize::from(step))));
                    }
                }
            }
        }
        values
    }
}

fn side(value: &Value) -> Option<usize> {
    let side = usize::try_from(value.as_u64()?).ok()?;
    (1..=4096).contains(&side).then_some(side)
}

fn target_of_crop(size: &Value) -> Option<(usize, usize)> {
    if let Some(side) = side(size) {
        return Some((side, side));
    }
    Some((side(size.get("width")?)?, side(size.get("height")?)?))
}

fn target(size: &Value) -> Option<Target> {
    if let Some(side) = side(size).or_else(|| side(size.get("shortest_edge")?)) {
        return Some(Target::ShorterSide(side));
    }
    let (width, height) = target_of_crop(size)?;
    Some(Target::Exactly(width, height))
}

fn eight(samples: &[u16]) -> Vec<u8> {
    samples
        .iter()
        .map(|&sample| u8::try_from((u32::from(sample) + 128) / 257).unwrap_or(u8::MAX))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::{DecodeLimits, decode};

    const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/clip/tiny/openai");

    fn tiny() -> (Configuration, Preprocessing) {
        let path = |name: &str| format!("{TINY}/{name}");
        let model = Configuration::read(path("config.json").as_ref()).unwrap();
        let file = path("preprocessor_config.json");
        let preprocessing = Preprocessing::read(Some(file.as_ref()), &model).unwrap();
        (model, preprocessing)
    }

    fn fixture(name: &str) -> Picture {
        let bytes = fs_err::read(format!("{TINY}/{name}")).unwrap();
        decode(&bytes, &DecodeLimits::default()).unwrap()
    }

    fn parse(text: &str, model: &Configuration) -> Result<Preprocessing, String> {
        Preprocessing::new(&serde_json::from_str(text).unwrap(), model)
    }

    #[test]
    fn the_square_is_pillows_bit_for_bit() {
        let (_, preprocessing) = tiny();
        for name in ["wide.png", "tall.png", "small.png"] {
            let expected = fixture(&format!("square-{name}"));
            let square = preprocessing.square(&fixture(name)).unwrap();
            assert_eq!(Samples::Eight(square), expected.samples, "{name}");
        }
    }

    #[test]
    fn sixteen_bits_give_the_square_of_eight() {
        let (_, preprocessing) = tiny();
        let eight = fixture("wide.png");
        let Samples::Eight(samples) = &eight.samples else {
            panic!("the fixture has 8 bits");
        };
        let samples = samples
            .iter()
            .map(|&sample| u16::from(sample) * 257)
            .collect();
        let sixteen = Picture::from_sixteen(eight.width, eight.height, samples).unwrap();
        assert_eq!(
            preprocessing.square(&sixteen).unwrap(),
            preprocessing.square(&eight).unwrap()
        );
    }

    #[test]
    fn patches_hold_channel_by_channel_what_the_square_holds() {
        let (_, preprocessing) = tiny();
        let square: Vec<u8> = (0..32 * 32 * 3).map(|index| (index % 256) as u8).collect();
        let patches = preprocessing.patches(&square);
        assert_eq!(patches.len(), 16 * 3 * 8 * 8);
        // Patch 6 is the third of the second row; green at its fifth row and fourth column.
        let value = patches[6 * 192 + 64 + 4 * 8 + 3];
        let sample = square[((8 + 4) * 32 + 16 + 3) * 3 + 1];
        let expected = (f64::from(sample) / 255.0 - MEAN[1]) / DEVIATION[1];
        assert!((f64::from(value) - expected).abs() < 1e-6);
    }

    #[test]
    fn every_published_form_means_the_same() {
        let (model, preprocessing) = tiny();
        for text in [
            "{}",
            r#"{"size": 32, "crop_size": 32, "feature_extractor_type": "CLIPFeatureExtractor"}"#,
            r#"{"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}, "resample": 3}"#,
        ] {
            assert_eq!(parse(text, &model).unwrap(), preprocessing, "{text}");
        }
        let exact = r#"{"size": {"height": 32, "width": 32}, "do_center_crop": false}"#;
        let exact = parse(exact, &model).unwrap();
        assert_eq!(exact.target, Target::Exactly(32, 32));
        assert_eq!(
            exact.square(&fixture("tall.png")).unwrap().len(),
            32 * 32 * 3
        );
    }

    #[test]
    fn steps_that_are_not_made_here_are_refused() {
        let (model, _) = tiny();
        for (text, word) in [
            (r#"{"resample": 2}"#, "resample"),
            (r#"{"do_normalize": false}"#, "do_normalize"),
            (r#"{"do_center_crop": false}"#, "do_center_crop"),
            (r#"{"size": 16}"#, "32 x 32"),
            (r#"{"crop_size": 224}"#, "32 x 32"),
            (r#"{"size": {"longest_edge": 32}}"#, "no form"),
            (r#"{"size": -1}"#, "no form"),
            (r#"{"image_std": [0, 1, 1]}"#, "image_std"),
        ] {
            let problem = parse(text, &model).unwrap_err();
            assert!(problem.contains(word), "{text}: {problem}");
        }
    }
}
