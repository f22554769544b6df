//! How well a picture and a text belong together, by CLIP (Radford et al. 2021) on this machine's
//! processors: OpenAI's ViT-B/32 and ViT-L/14 and LAION's OpenCLIP models, from the files of their Hugging
//! Face repositories. It measures only; what a number means is decided by `validate`.

mod configuration;
mod error;
mod files;
mod operations;
mod preprocess;
mod resample;
mod tokens;
mod towers;
mod transformer;
mod weights;

use std::path::PathBuf;

use candle_core::Tensor;
use rayon::prelude::*;

use crate::imaging::Picture;
use configuration::Configuration;
use preprocess::Preprocessing;
use tokens::Tokens;
use towers::{ImageTower, TextTower};
use weights::Weights;

pub use error::ClipError;

/// Pictures that go through the model together. Few, because several such batches run side by side: much
/// between two products of matrices is done by one thread. The number is fixed, so that a picture's
/// numbers do not depend on how many cores there are.
const PICTURES_AT_A_TIME: usize = 4;

/// Texts that go through the model together.
const TEXTS_AT_A_TIME: usize = 32;

/// Where the files of a model lie, as its Hugging Face repository names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClipFiles {
    /// The repository, such as `openai/clip-vit-base-patch32`.
    pub id: String,
    /// Its commit.
    pub revision: String,
    /// `model.safetensors`.
    pub weights: PathBuf,
    /// `config.json`.
    pub config: PathBuf,
    /// `tokenizer.json`.
    pub tokenizer: PathBuf,
    /// `preprocessor_config.json`; without it pictures are prepared as OpenAI's models need it.
    pub preprocessor: Option<PathBuf>,
}

/// A CLIP model in memory.
#[derive(Debug)]
pub struct ClipModel {
    id: String,
    revision: String,
    digest: String,
    logit_scale: f64,
    tokens: Tokens,
    preprocessing: Preprocessing,
    text: TextTower,
    image: ImageTower,
}

/// A picture or a text as a direction in the model's common space: numbers whose squares sum to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding(Vec<f32>);

impl ClipModel {
    /// Reads a model into memory, 32 bits a number: 0.6 GB for ViT-B/32, 1.7 GB for ViT-L/14. The files are
    /// read, never executed, and checked against each other.
    ///
    /// # Errors
    /// [`ClipError`] where a file cannot be read, is larger than such a file can be, is not what its name
    /// says, or does not belong to the others.
    pub fn load(files: &ClipFiles) -> Result<Self, ClipError> {
        let configuration = Configuration::read(&files.config)?;
        let tokens = Tokens::read(&files.tokenizer, &configuration)?;
        let preprocessing = Preprocessing::read(files.preprocessor.as_deref(), &configuration)?;
        let mut weights = Weights::read(&files.weights)?;
        let invalid = |problem: String| ClipError::invalid(&files.weights, problem);
        let text = TextTower::read(&mut weights, &configuration).map_err(invalid)?;
        let image = ImageTower::read(&mut weights, &configuration).map_err(invalid)?;
        let scale = weights
            .prefix("logit_scale")
            .and_then(|root| weights.take(&format!("{root}logit_scale"), &[]))
            .map_err(invalid)?;
        let logit_scale = f64::from(scale.to_scalar::<f32>()?).exp();
        if !(1e-3..=1e4).contains(&logit_scale) {
            return Err(invalid(format!(
                "its `logit_scale` is {logit_scale}, outside 0.001 to 10000"
            )));
        }
        Ok(Self {
            id: files.id.clone(),
            revision: files.revision.clone(),
            digest: weights.digest().to_owned(),
            logit_scale,
            tokens,
            preprocessing,
            text,
            image,
        })
    }

    /// The repository that the model is from.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The commit of the repository.
    #[must_use]
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// SHA-256 of the file of weights, 64 hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The factor of cosines before a softmax, which the model learnt: about 100.
    #[must_use]
    pub const fn logit_scale(&self) -> f64 {
        self.logit_scale
    }

    /// One embedding per text, in order. What stands beyond the 77 tokens that the models see is not
    /// considered.
    ///
    /// # Errors
    /// [`ClipError`] where a text cannot be turned into tokens or the model gives no finite numbers.
    pub fn embed_texts(&self, texts: &[&str]) -> Result<Vec<Embedding>, ClipError> {
        let texts = texts
            .iter()
            .map(|text| self.tokens.encode(text))
            .collect::<Result<Vec<_>, _>>()?;
        let mut embeddings = Vec::with_capacity(texts.len());
        for texts in texts.chunks(TEXTS_AT_A_TIME) {
            self.collect(&self.text.forward(texts)?, &mut embeddings)?;
        }
        Ok(embeddings)
    }

    /// One embedding per picture, in order. The model sees the square in the middle of each.
    ///
    /// # Errors
    /// [`ClipError`] where a picture cannot be prepared or the model gives no finite numbers.
    pub fn embed_images(&self, pictures: &[&Picture]) -> Result<Vec<Embedding>, ClipError> {
        let batches = pictures
            .par_chunks(PICTURES_AT_A_TIME)
            .map(|pictures| {
                let patches = pictures
                    .iter()
                    .map(|picture| {
                        let square = self.preprocessing.square(picture)?;
                        Ok(self.preprocessing.patches(&square))
                    })
                    .collect::<Result<Vec<_>, ClipError>>()?;
                let rows = self.image.forward(patches.concat(), pictures.len())?;
                let mut embeddings = Vec::with_capacity(pictures.len());
                self.collect(&rows, &mut embeddings)?;
                Ok(embeddings)
            })
            .collect::<Result<Vec<_>, ClipError>>()?;
        Ok(batches.into_iter().flatten().collect())
    }

    fn collect(&self, rows: &Tensor, embeddings: &mut Vec<Embedding>) -> Result<(), ClipError> {
        for row in rows.to_vec2::<f32>()? {
            let embedding = Embedding::of(row).ok_or_else(|| ClipError::NotFinite {
                model: self.id.clone(),
            })?;
            embeddings.push(embedding);
        }
        Ok(())
    }
}

impl Embedding {
    /// The direction of `values`; `None` where they have none.
    fn of(mut values: Vec<f32>) -> Option<Self> {
        let squares: f64 = values.iter().map(|&value| f64::from(value).powi(2)).sum();
        let length = squares.sqrt();
        if !length.is_finite() || length <= 0.0 {
            return None;
        }
        for value in &mut values {
            *value = (f64::from(*value) / length) as f32;
        }
        Some(Self(values))
    }

    /// The numbers, as many as the model's common space has axes: 512 or 768.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.0
    }

    /// Cosine of the angle between the two, -1 to 1. Embeddings of different models have nothing in
    /// common: where even their lengths differ, the answer is no number.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f64 {
        if self.0.len() != other.0.len() {
            return f64::NAN;
        }
        let products = self.0.iter().zip(&other.0);
        let sum: f64 = products
            .map(|(&one, &other)| f64::from(one) * f64::from(other))
            .sum();
        sum.clamp(-1.0, 1.0)
    }
}
