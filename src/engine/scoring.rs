//! Scoring what passed the gates: how well a picture shows the room and the style that were asked for. A
//! CLIP model of this machine measures; without one the worker's own scores count and are marked so; and
//! without either a person decides.

use std::sync::OnceLock;

use crate::domain::plan::ClipPrompts;
use crate::domain::score::ClipScores;
use crate::domain::verdict::Reason;
use crate::imaging::Picture;
use crate::local::clip::{ClipError, ClipFiles, ClipModel, Embedding};
use crate::validate::calibration::Calibration;
use crate::validate::score::{Measurements, ScoreThresholds, ScoreVerdict, reported};

use super::error::EngineError;
use super::examine::Examined;
use super::judging::{Known, Unit};
use super::session::Session;

/// The CLIP model of this machine, loaded when the first picture is to be scored.
#[derive(Debug)]
pub(super) struct Scorer {
    files: Option<ClipFiles>,
    model: OnceLock<Option<ClipModel>>,
}

impl Scorer {
    pub(super) const fn new(files: Option<ClipFiles>) -> Self {
        Self {
            files,
            model: OnceLock::new(),
        }
    }

    /// The model, where there is one.
    ///
    /// # Errors
    /// Where its files are there and cannot be used: nobody wants pictures unscored for that.
    fn model(&self) -> Result<Option<&ClipModel>, ClipError> {
        if self.model.get().is_none() {
            let loaded = self.files.as_ref().map(ClipModel::load).transpose()?;
            // Another thread may have been first; its model is as good.
            let _ = self.model.set(loaded);
        }
        Ok(self.model.get().and_then(Option::as_ref))
    }
}

/// The words of one operation as the model reads them.
struct Words<'a> {
    prompts: &'a ClipPrompts,
    /// Of the prompt, then of each description of the contrast.
    embeddings: Vec<Embedding>,
}

impl Session<'_> {
    /// Scores every examined attempt that has a picture to score, and adds what follows to its reasons.
    pub(super) fn score(
        &self,
        known: &Known<'_>,
        units: &[Unit<'_>],
        examined: &mut [Vec<Option<Examined>>],
    ) -> Result<(), EngineError> {
        let mut waiting = Vec::new();
        for (unit, attempts) in units.iter().zip(examined) {
            for (made, examined) in unit.made.iter().zip(attempts) {
                let Some(examined) = examined else { continue };
                if let Some(pictures) = examined.scored.take() {
                    waiting.push((unit, made, examined, pictures));
                }
            }
        }
        if waiting.is_empty() {
            return Ok(());
        }
        let model = self.engine.scorer.model()?;
        let mut words: Vec<Words<'_>> = Vec::new();
        let measured = match model {
            Some(model) => {
                let pictures: Vec<&Picture> = waiting
                    .iter()
                    .flat_map(|(_, _, _, (result, input))| [result, input])
                    .collect();
                Some((model, model.embed_images(&pictures)?))
            }
            None => None,
        };
        for (index, (unit, made, examined, _)) in waiting.into_iter().enumerate() {
            let prompts = unit.operation.clip.as_ref();
            let scores = match (&measured, prompts) {
                (Some((model, pictures)), Some(prompts)) => {
                    if !words.iter().any(|known| known.prompts == prompts) {
                        words.push(Words {
                            prompts,
                            embeddings: embedded(model, prompts)?,
                        });
                    }
                    let words = words.iter().find(|known| known.prompts == prompts);
                    match (words, pictures.get(2 * index), pictures.get(2 * index + 1)) {
                        (Some(words), Some(result), Some(input)) => {
                            measurement(model, words, result, input)
                        }
                        _ => ClipScores::not_scored(),
                    }
                }
                _ => made
                    .clip
                    .as_ref()
                    .map_or_else(ClipScores::not_scored, reported),
            };
            let calibration = Calibration::of(&scores.model);
            let wanted = prompts.and_then(|prompts| prompts.clip_score_threshold);
            let thresholds =
                ScoreThresholds::new(&calibration, wanted, known.rules.clip_score_threshold);
            let reasons = |found: &[_]| found.iter().map(Reason::from).collect::<Vec<_>>();
            match ScoreVerdict::of(&scores, &thresholds) {
                ScoreVerdict::Pass => {}
                ScoreVerdict::Review(found) => examined.doubts.extend(reasons(&found)),
                ScoreVerdict::Fail(found) => examined.failures.extend(reasons(&found)),
            }
            examined.judgement.clip_score_threshold = Some(thresholds.clip_score);
            examined.judgement.scores = Some(scores);
        }
        Ok(())
    }
}

fn embedded(model: &ClipModel, prompts: &ClipPrompts) -> Result<Vec<Embedding>, ClipError> {
    let texts: Vec<&str> = std::iter::once(prompts.prompt.as_str())
        .chain(prompts.contrast.iter().map(|one| one.prompt.as_str()))
        .collect();
    model.embed_texts(&texts)
}

fn measurement(
    model: &ClipModel,
    words: &Words<'_>,
    result: &Embedding,
    input: &Embedding,
) -> ClipScores {
    let Some((prompt, others)) = words.embeddings.split_first() else {
        return ClipScores::not_scored();
    };
    let cosines: Vec<f64> = others.iter().map(|text| result.cosine(text)).collect();
    Measurements {
        model: model.id(),
        model_sha256: model.digest(),
        logit_scale: model.logit_scale(),
        output: result.cosine(prompt),
        input: input.cosine(prompt),
        candidates: &words.prompts.contrast,
        cosines: &cosines,
    }
    .scores()
}
