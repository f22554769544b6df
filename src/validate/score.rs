//! Does a generated picture show what was asked for? Three pieces of evidence from one CLIP model, and one
//! rule over them.
//!
//! * **CLIPScore** (Hessel et al. 2021): `2.5 · max(cosine of picture and prompt, 0)`, against a threshold that
//!   is 0.75 where nobody set another. On this scale 0.75 is a cosine of 0.30; a cosine of 0.75 never occurs.
//! * **Contrast**: the share of "a photo of a *style* *room*" in a softmax at the model's own temperature over that
//!   and wrong descriptions: the room in other styles, other rooms in the style, an empty room, a blurry photo.
//! * **Improvement**: whether the result is closer to the prompt than the photo that it was made from.
//!
//! | CLIPScore | contrast | improvement | verdict |
//! |---|---|---|---|
//! | at or above the threshold | right one leads with its least share | above 0 | pass |
//! | at or above the threshold | anything else, or either not measured | | review |
//! | below the band | a wrong one leads, or | not above 0 | fail |
//! | below the threshold, within the band | a wrong one leads, and | not above 0 | fail |
//! | below the threshold | anything else | | review |
//! | reported by the worker, at or above the threshold | not told, or at its least share | | pass |
//! | reported by the worker, at or above the threshold | below its least share | | review |
//! | reported by the worker, within the band | not told, or at its least share | | review |
//! | reported by the worker, within the band | below its least share | | fail |
//! | reported by the worker, below the band | | | fail |
//! | not there, or not finite | | | review |
//!
//! So no single number makes a picture fail that was measured here: CLIP sees a square of 224 pixels and styles
//! resemble each other. And nothing passes that nobody scored.

use crate::domain::plan::ContrastPrompt;
use crate::domain::results::ClipResult;
use crate::domain::room::Room;
use crate::domain::score::{ClipScores, ContrastScore, ScoreSource};
use crate::domain::verdict::{Reason, ReasonCode};
use crate::validate::calibration::Calibration;
use crate::validate::rooms::{contrasted, plain_name};

/// The factor of CLIPScore (Hessel et al. 2021, section 3).
pub const CLIP_SCORE_FACTOR: f64 = 2.5;

/// How far a reported score may be from its cosine's: both are rounded.
const ROUNDING: f64 = 0.001;

/// Largest CLIPScore.
pub const LARGEST_CLIP_SCORE: f64 = CLIP_SCORE_FACTOR;

/// `2.5 · max(cosine, 0)`, 0 to 2.5; `None` where the cosine is not finite.
#[must_use]
pub fn clip_score(cosine: f64) -> Option<f64> {
    cosine
        .is_finite()
        .then(|| CLIP_SCORE_FACTOR * cosine.clamp(0.0, 1.0))
}

/// How much closer to the prompt the result is than the photo, from the cosines of both with it.
#[must_use]
pub fn improvement(output: f64, input: f64) -> Option<f64> {
    let difference = output - input;
    difference.is_finite().then_some(difference)
}

/// The shares of a softmax over `cosines · scale`; `None` for none at all or where a number is not finite.
pub(super) fn softmax(cosines: &[f64], scale: f64) -> Option<Vec<f64>> {
    let largest = cosines.iter().copied().reduce(f64::max)?;
    if !scale.is_finite() || !cosines.iter().all(|cosine| cosine.is_finite()) {
        return None;
    }
    let shares: Vec<f64> = cosines
        .iter()
        .map(|cosine| ((cosine - largest) * scale).exp())
        .collect();
    let total: f64 = shares.iter().sum();
    Some(shares.into_iter().map(|share| share / total).collect())
}

/// The label of the description that says that nothing was put in.
pub const EMPTY_ROOM: &str = "an empty room";

/// The descriptions of a contrast, the right one first.
///
/// `style` is the style's title and `other_styles` those of the others; a title that is the right one in
/// another case is left out.
#[must_use]
pub fn candidates(room: Room, style: &str, other_styles: &[&str]) -> Vec<ContrastPrompt> {
    let furnished = |style: &str, room: Room| {
        let label = format!("{} {}", style.trim().to_lowercase(), plain_name(room));
        let label = label.trim().to_owned();
        let article = match label.chars().next() {
            Some('a' | 'e' | 'i' | 'o' | 'u') => "an",
            _ => "a",
        };
        ContrastPrompt {
            prompt: format!("a photo of {article} {label}"),
            label,
        }
    };
    let mut all = vec![furnished(style, room)];
    all.extend(other_styles.iter().map(|other| furnished(other, room)));
    all.extend(contrasted(room).map(|other| furnished(style, other)));
    all.extend([EMPTY_ROOM, "a blurry photo"].map(|text| ContrastPrompt {
        label: text.to_owned(),
        prompt: text.to_owned(),
    }));
    let mut known = std::collections::BTreeSet::new();
    all.retain(|candidate| known.insert(candidate.label.clone()));
    all
}

/// The contrast of the picture's cosines with the prompts of [`candidates`], in their order. `scale` is the
/// model's own factor. `None` with fewer than two, or where the numbers do not fit or are not finite.
#[must_use]
pub fn contrast(
    candidates: &[ContrastPrompt],
    cosines: &[f64],
    scale: f64,
) -> Option<ContrastScore> {
    if candidates.len() != cosines.len() {
        return None;
    }
    let shares = softmax(cosines, scale)?;
    let (&probability, wrong) = shares.split_first()?;
    let (candidate, &runner_up_probability) = candidates
        .iter()
        .skip(1)
        .zip(wrong)
        .max_by(|one, other| one.1.total_cmp(other.1))?;
    Some(ContrastScore {
        probability,
        runner_up: candidate.label.clone(),
        runner_up_probability,
    })
}

/// What a model on this machine measured on one result.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurements<'a> {
    /// The model's repository.
    pub model: &'a str,
    /// SHA-256 of its weights, 64 hexadecimal digits.
    pub model_sha256: &'a str,
    /// Its factor before a softmax.
    pub logit_scale: f64,
    /// Cosine of the result and the plan's prompt.
    pub output: f64,
    /// Cosine of the photo and the plan's prompt.
    pub input: f64,
    /// The descriptions of [`candidates`].
    pub candidates: &'a [ContrastPrompt],
    /// Cosines of the result with them, in their order.
    pub cosines: &'a [f64],
}

impl Measurements<'_> {
    /// The scores that are stored.
    #[must_use]
    pub fn scores(&self) -> ClipScores {
        let Some(clip_score) = clip_score(self.output) else {
            return ClipScores::not_scored();
        };
        ClipScores {
            model: self.model.to_owned(),
            model_sha256: Some(self.model_sha256.to_owned()),
            source: ScoreSource::Measured,
            cosine: Some(self.output),
            clip_score: Some(clip_score),
            contrast: contrast(self.candidates, self.cosines, self.logit_scale),
            improvement: improvement(self.output, self.input),
            calibration: Calibration::of(self.model).name,
        }
    }
}

/// The scores that a worker reported, marked as such. A number outside 0 to 2.5, one that its cosine contradicts, or
/// one without the name of its model, is as good as none.
#[must_use]
pub fn reported(result: &ClipResult) -> ClipScores {
    let score = result.clip_score;
    let contradicted = result
        .cosine
        .is_some_and(|cosine| clip_score(cosine).is_none_or(|own| (own - score).abs() > ROUNDING));
    if !(0.0..=LARGEST_CLIP_SCORE).contains(&score)
        || contradicted
        || result.model.trim().is_empty()
    {
        return ClipScores::not_scored();
    }
    let share = result.contrast.filter(|share| (0.0..=1.0).contains(share));
    ClipScores {
        model: result.model.clone(),
        model_sha256: None,
        source: ScoreSource::ReportedByWorker,
        cosine: result.cosine.filter(|cosine| cosine.is_finite()),
        clip_score: Some(score),
        contrast: share.map(|probability| ContrastScore {
            probability,
            runner_up: "anything else".to_owned(),
            runner_up_probability: 1.0 - probability,
        }),
        improvement: None,
        calibration: Calibration::of(&result.model).name,
    }
}

/// What the scores of one model are held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreThresholds {
    /// Least CLIPScore, 0 to 2.5.
    pub clip_score: f64,
    /// How far below it is no clear failure.
    pub review_band: f64,
    /// Least share of the right description.
    pub contrast: f64,
}

impl ScoreThresholds {
    /// The calibration's, with the CLIPScore of the job or else of the style in place of its own where one
    /// is set. A number that is no CLIPScore is passed over.
    #[must_use]
    pub fn new(calibration: &Calibration, style: Option<f64>, job: Option<f64>) -> Self {
        let set =
            |value: Option<f64>| value.filter(|value| (0.0..=LARGEST_CLIP_SCORE).contains(value));
        Self {
            clip_score: set(job)
                .or_else(|| set(style))
                .unwrap_or(calibration.clip_score_threshold),
            review_band: calibration.review_band,
            contrast: calibration.contrast_threshold,
        }
    }
}

/// Something that speaks against a picture, or that is missing to judge it.
#[derive(Clone, Debug, PartialEq)]
pub enum ScoreReason {
    /// The CLIPScore is too low.
    LowClipScore {
        /// The score.
        score: f64,
        /// The least that is accepted.
        threshold: f64,
    },
    /// A wrong description fits better than the right one.
    LooksLike {
        /// The wrong one.
        label: String,
        /// Its share.
        probability: f64,
        /// The share of the right one.
        right: f64,
    },
    /// The right description fits best, but not clearly.
    WeakContrast {
        /// Its share.
        probability: f64,
        /// The least that is accepted.
        threshold: f64,
        /// The next best.
        runner_up: String,
    },
    /// The result is no closer to the prompt than the photo was.
    NoImprovement {
        /// Cosine of the result less that of the photo.
        difference: f64,
    },
    /// There was nothing to compare the right description with.
    NoContrast,
    /// The photo was not measured beside the result.
    ImprovementUnknown,
    /// Nobody scored the picture.
    NotScored,
}

impl std::fmt::Display for ScoreReason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::LowClipScore { score, threshold } => write!(
                formatter,
                "its CLIP score is {score:.3}, below {threshold:.3} (2.5 × cosine)"
            ),
            Self::LooksLike {
                label,
                probability,
                right,
            } => write!(
                formatter,
                "it looks more like `{label}` ({:.0} %) than like what was asked for ({:.0} %)",
                100.0 * probability,
                100.0 * right
            ),
            Self::WeakContrast {
                probability,
                threshold,
                runner_up,
            } => write!(
                formatter,
                "it is not clearly what was asked for: {:.0} % where {:.0} % is needed, next is `{runner_up}`",
                100.0 * probability,
                100.0 * threshold
            ),
            Self::NoImprovement { difference } => write!(
                formatter,
                "it is no closer to what was asked for than the photo was (cosine {difference:+.3})"
            ),
            Self::NoContrast => formatter.write_str("it was not compared with other descriptions"),
            Self::ImprovementUnknown => formatter.write_str("it was not compared with the photo"),
            Self::NotScored => formatter.write_str("it was not scored: no CLIP model is on this machine and the worker reported no score"),
        }
    }
}

impl From<&ScoreReason> for Reason {
    fn from(reason: &ScoreReason) -> Self {
        let code = match reason {
            ScoreReason::LowClipScore { .. } | ScoreReason::NoImprovement { .. } => {
                ReasonCode::PromptScore
            }
            ScoreReason::LooksLike { label, .. } if label == EMPTY_ROOM => {
                ReasonCode::TooLittleFurniture
            }
            ScoreReason::LooksLike { .. } | ScoreReason::WeakContrast { .. } => {
                ReasonCode::ContrastScore
            }
            ScoreReason::NoContrast | ScoreReason::ImprovementUnknown | ScoreReason::NotScored => {
                ReasonCode::NotScored
            }
        };
        Self::new(code, reason.to_string())
    }
}

/// What the scores say about a picture.
#[derive(Clone, Debug, PartialEq)]
pub enum ScoreVerdict {
    /// It shows what was asked for.
    Pass,
    /// The evidence disagrees or is missing: a person decides. At least one reason.
    Review(Vec<ScoreReason>),
    /// It does not show what was asked for. At least one reason.
    Fail(Vec<ScoreReason>),
}

impl ScoreVerdict {
    /// Judges by the table at the head of this module.
    #[must_use]
    pub fn of(scores: &ClipScores, thresholds: &ScoreThresholds) -> Self {
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        let score = match (scores.source, finite(scores.clip_score)) {
            (ScoreSource::NotScored, _) | (_, None) => {
                return Self::Review(vec![ScoreReason::NotScored]);
            }
            (_, Some(score)) => score,
        };
        let threshold = thresholds.clip_score;
        let enough = score >= threshold;
        let far_below = score < threshold - thresholds.review_band;
        let mut reasons = Vec::new();
        if !enough {
            reasons.push(ScoreReason::LowClipScore { score, threshold });
        }
        if scores.source == ScoreSource::ReportedByWorker {
            // A worker tells the share of the right description and not who came next.
            let weak = scores
                .contrast
                .as_ref()
                .filter(|contrast| contrast.probability < thresholds.contrast);
            if let Some(contrast) = weak {
                reasons.push(ScoreReason::WeakContrast {
                    probability: contrast.probability,
                    threshold: thresholds.contrast,
                    runner_up: contrast.runner_up.clone(),
                });
            }
            return match (enough, far_below, weak) {
                (true, _, None) => Self::Pass,
                (false, true, _) | (false, false, Some(_)) => Self::Fail(reasons),
                (true, _, Some(_)) | (false, false, None) => Self::Review(reasons),
            };
        }
        let contrast = contrast_reason(scores.contrast.as_ref(), thresholds.contrast);
        let improvement = match finite(scores.improvement) {
            None => Some(ScoreReason::ImprovementUnknown),
            Some(difference) if difference > 0.0 => None,
            Some(difference) => Some(ScoreReason::NoImprovement { difference }),
        };
        let another = matches!(contrast, Some(ScoreReason::LooksLike { .. }));
        let no_better = matches!(improvement, Some(ScoreReason::NoImprovement { .. }));
        reasons.extend(contrast);
        reasons.extend(improvement);
        let fails = match (enough, far_below) {
            (true, _) => false,
            (false, true) => another || no_better,
            (false, false) => another && no_better,
        };
        if fails {
            Self::Fail(reasons)
        } else if reasons.is_empty() {
            Self::Pass
        } else {
            Self::Review(reasons)
        }
    }
}

fn contrast_reason(contrast: Option<&ContrastScore>, threshold: f64) -> Option<ScoreReason> {
    let Some(contrast) = contrast
        .filter(|score| score.probability.is_finite() && score.runner_up_probability.is_finite())
    else {
        return Some(ScoreReason::NoContrast);
    };
    if contrast.runner_up_probability >= contrast.probability {
        Some(ScoreReason::LooksLike {
            label: contrast.runner_up.clone(),
            probability: contrast.runner_up_probability,
            right: contrast.probability,
        })
    } else if contrast.probability < threshold {
        Some(ScoreReason::WeakContrast {
            probability: contrast.probability,
            threshold,
            runner_up: contrast.runner_up.clone(),
        })
    } else {
        None
    }
}

#[cfg(test)]
#[path = "score_tests.rs"]
mod tests;
