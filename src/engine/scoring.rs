//! Scoring what passed the gates: how well a picture shows the room and the style that were asked for.

use crate::domain::score::{ClipScores, ContrastScore, ScoreSource};
use crate::domain::verdict::{Reason, ReasonCode};

use super::error::EngineError;
use super::examine::Examined;
use super::judging::{Known, Unit};
use super::session::Session;

impl Session<'_> {
    /// Adds scores to every examined attempt that has a picture to score.
    pub(super) fn score(
        &self,
        known: &Known<'_>,
        units: &[Unit<'_>],
        examined: &mut [Vec<Option<Examined>>],
    ) -> Result<(), EngineError> {
        for (unit, attempts) in units.iter().zip(examined) {
            for (made, examined) in unit.made.iter().zip(attempts) {
                let Some(examined) = examined else { continue };
                if examined.scored.take().is_none() {
                    continue;
                }
                let threshold = known.rules.clip_score_threshold.unwrap_or(0.75);
                let Some(clip) = &made.clip else {
                    examined
                        .doubts
                        .push(Reason::new(ReasonCode::NotScored, "not scored"));
                    continue;
                };
                if clip.clip_score < threshold {
                    examined
                        .failures
                        .push(Reason::new(ReasonCode::PromptScore, "low"));
                }
                examined.judgement.scores = Some(ClipScores {
                    model: clip.model.clone(),
                    source: ScoreSource::ReportedByWorker,
                    cosine: clip.cosine,
                    clip_score: Some(clip.clip_score),
                    contrast: clip.contrast.map(|probability| ContrastScore {
                        probability,
                        runner_up: String::new(),
                        runner_up_probability: 0.0,
                    }),
                    improvement: None,
                    calibration: String::new(),
                });
            }
        }
        Ok(())
    }
}
