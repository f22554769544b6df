//! Thresholds per CLIP model. The cosines of two models are not on one scale, so each model has its own
//! file in `templates/calibration/`, which also says how its numbers were found.

use serde::Deserialize;

/// Thresholds for the scores of one model.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Name of the calibration, which is stored with every score.
    pub name: String,
    /// The model's Hugging Face repository; empty for a model that has no calibration.
    pub model: String,
    /// Whether the numbers are from the literature and not yet from judged results of this task.
    pub provisional: bool,
    /// CLIPScore, `2.5 · max(cosine, 0)`, from which on a picture shows what was asked for.
    pub clip_score_threshold: f64,
    /// How far below the threshold a CLIPScore is still no clear failure.
    pub review_band: f64,
    /// Least share of the right description among all, 0 to 1.
    pub contrast_threshold: f64,
    /// Least share of a room type among all, 0 to 1, below which a photo's room stays unknown.
    pub room_confidence_threshold: f64,
    /// How the numbers were found.
    pub basis: String,
}

/// The calibrations inside remedia.
const EMBEDDED: &[&str] = &[
    include_str!("../../templates/calibration/openai-clip-vit-base-patch32.toml"),
    include_str!("../../templates/calibration/openai-clip-vit-large-patch14.toml"),
    include_str!("../../templates/calibration/laion-clip-vit-b-32-laion2b.toml"),
];

impl Calibration {
    /// The thresholds for a model. One that is not known gets provisional defaults, marked so.
    #[must_use]
    pub fn of(model: &str) -> Self {
        EMBEDDED
            .iter()
            .filter_map(|text| toml::from_str::<Self>(text).ok())
            .find(|calibration| calibration.model.eq_ignore_ascii_case(model))
            .unwrap_or_else(Self::provisional)
    }

    /// The defaults for a model that nobody calibrated.
    #[must_use]
    pub fn provisional() -> Self {
        Self {
            name: "provisional".to_owned(),
            model: String::new(),
            provisional: true,
            clip_score_threshold: 0.75,
            review_band: 0.10,
            contrast_threshold: 0.30,
            room_confidence_threshold: 0.70,
            basis: "the threshold of ViT-B/32 with wider margins, because nothing is known of the model"
                .to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_calibration_with_sensible_numbers() {
        for text in EMBEDDED {
            let read: Calibration = toml::from_str(text).unwrap();
            assert_eq!(read, Calibration::of(&read.model));
            assert_eq!(read.name, read.model);
            assert!(read.basis.len() > 80, "{}", read.name);
            for calibration in [read, Calibration::provisional()] {
                assert!((0.3..=1.0).contains(&calibration.clip_score_threshold));
                assert!((0.0..=0.2).contains(&calibration.review_band));
                assert!((0.05..1.0).contains(&calibration.contrast_threshold));
                assert!((0.3..1.0).contains(&calibration.room_confidence_threshold));
            }
        }
    }

    #[test]
    fn the_base_model_has_the_documented_default() {
        let base = Calibration::of("openai/clip-vit-base-patch32");
        assert!((base.clip_score_threshold - 0.75).abs() < 1e-12);
        assert_eq!(base.model, "openai/clip-vit-base-patch32");
    }

    #[test]
    fn an_unknown_model_gets_what_is_marked_as_provisional() {
        let unknown = Calibration::of("someone/clip-of-their-own");
        assert_eq!(unknown, Calibration::provisional());
        assert!(unknown.provisional && unknown.model.is_empty());
    }
}
