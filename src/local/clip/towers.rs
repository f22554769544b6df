//! The text tower and the image tower: what goes into a transformer, and what its last state becomes.

use candle_core::{Result as Computed, Tensor};

use super::configuration::Configuration;
use super::operations::LayerNorm;
use super::tokens::TokenIds;
use super::transformer::{Transformer, layer_norm};
use super::weights::Weights;

/// From tokens to the common space.
#[derive(Debug)]
pub(super) struct TextTower {
    tokens: Tensor,
    positions: Tensor,
    transformer: Transformer,
    norm: LayerNorm,
    projection: Tensor,
}

/// From pixels to the common space.
#[derive(Debug)]
pub(super) struct ImageTower {
    patches: Tensor,
    class: Tensor,
    positions: Tensor,
    before: LayerNorm,
    transformer: Transformer,
    after: LayerNorm,
    projection: Tensor,
}

fn transposed(matrix: &Tensor) -> Result<Tensor, String> {
    matrix.t().map_err(|error| error.to_string())
}

impl TextTower {
    pub(super) fn read(weights: &mut Weights, model: &Configuration) -> Result<Self, String> {
        let shape = &model.text;
        let width = shape.width;
        let tower = weights.prefix("embeddings.token_embedding.weight")?;
        let root = weights.prefix("text_projection.weight")?;
        let mut matrix = |name: &str, rows: usize| {
            weights.take(&format!("{tower}embeddings.{name}.weight"), &[rows, width])
        };
        let tokens = matrix("token_embedding", model.vocabulary)?;
        let positions = matrix("position_embedding", model.positions)?;
        let projection = weights.take(
            &format!("{root}text_projection.weight"),
            &[model.projection, width],
        )?;
        let norm = format!("{tower}final_layer_norm");
        Ok(Self {
            tokens,
            positions,
            norm: layer_norm(weights, &norm, width, shape.epsilon)?,
            transformer: Transformer::read(weights, &tower, shape, true)?,
            projection: transposed(&projection)?,
        })
    }

    /// One row per text.
    pub(super) fn forward(&self, texts: &[TokenIds]) -> Computed<Tensor> {
        let tokens = texts.iter().map(|text| text.ids.len()).max().unwrap_or(0);
        let width = self.tokens.dim(1)?;
        // No token sees what follows it, so what stands behind a text's end does not matter.
        let ids: Vec<u32> = texts
            .iter()
            .flat_map(|text| {
                let padding = tokens.saturating_sub(text.ids.len());
                let ids = text.ids.iter().copied();
                ids.chain(std::iter::repeat_n(0, padding))
            })
            .collect();
        let ids = Tensor::from_vec(ids, texts.len() * tokens, self.tokens.device())?;
        let states = self
            .tokens
            .index_select(&ids, 0)?
            .reshape((texts.len(), tokens, width))?
            .broadcast_add(&self.positions.narrow(0, 0, tokens)?)?
            .reshape((texts.len() * tokens, width))?;
        let pooled: Vec<usize> = texts.iter().map(|text| text.pooled).collect();
        let states = self.transformer.forward(states, tokens, &pooled)?;
        self.norm.forward(&states)?.matmul(&self.projection)
    }
}

impl ImageTower {
    pub(super) fn read(weights: &mut Weights, model: &Configuration) -> Result<Self, String> {
        let shape = &model.vision;
        let width = shape.width;
        let tower = weights.prefix("embeddings.class_embedding")?;
        let root = weights.prefix("visual_projection.weight")?;
        let patch = model.patch_size;
        let count = model.patches_per_side() * model.patches_per_side();
        let patches = weights
            .take(
                &format!("{tower}embeddings.patch_embedding.weight"),
                &[width, 3, patch, patch],
            )?
            .reshape((width, 3 * patch * patch))
            .map_err(|error| error.to_string())?;
        let class = weights
            .take(&format!("{tower}embeddings.class_embedding"), &[width])?
            .reshape((1, 1, width))
            .map_err(|error| error.to_string())?;
        let positions = weights.take(
            &format!("{tower}embeddings.position_embedding.weight"),
            &[count + 1, width],
        )?;
        let projection = weights.take(
            &format!("{root}visual_projection.weight"),
            &[model.projection, width],
        )?;
        let mut norm =
            |name: &str| layer_norm(weights, &format!("{tower}{name}"), width, shape.epsilon);
        Ok(Self {
            patches: transposed(&patches)?,
            class,
            positions,
            // The name is misspelt in every published file.
            before: norm("pre_layrnorm")?,
            after: norm("post_layernorm")?,
            transformer: Transformer::read(weights, &tower, shape, false)?,
            projection: transposed(&projection)?,
        })
    }

    /// One row per picture. `values` are the patches of `pictures` pictures.
    pub(super) fn forward(&self, values: Vec<f32>, pictures: usize) -> Computed<Tensor> {
        let (inputs, width) = self.patches.dims2()?;
        let tokens = self.positions.dim(0)?;
        let rows = pictures * (tokens - 1);
        let patches = Tensor::from_vec(values, (rows, inputs), self.patches.device())?
            .matmul(&self.patches)?
            .reshape((pictures, tokens - 1, width))?;
        let class = self.class.expand((pictures, 1, width))?;
        let states = Tensor::cat(&[&class, &patches], 1)?
            .broadcast_add(&self.positions)?
            .reshape((pictures * tokens, width))?;
        let states = self.before.forward(&states)?;
        let pooled = vec![0; pictures];
        let states = self.transformer.forward(states, tokens, &pooled)?;
        self.after.forward(&states)?.matmul(&self.projection)
    }
}
