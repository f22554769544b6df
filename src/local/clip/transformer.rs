//! The pre-norm transformer that both towers are made of (Radford et al. 2021), with one saving: the last
//! layer is computed only for the one token per item whose state is used afterwards.
//!
//! States are matrices of `items · tokens` rows and `width` columns, always contiguous: the tensor
//! library's matrix product is wrong for some transposed left sides.

use candle_core::{Result as Computed, Tensor};

use super::configuration::{Activation, Transformer as Shape};
use super::operations::{self, LayerNorm};
use super::weights::Weights;

/// A matrix product with a bias.
#[derive(Debug)]
struct Linear {
    /// Inputs by outputs, laid out so: a product packs it faster than a view on outputs by inputs.
    weight: Tensor,
    bias: Vec<f32>,
}

impl Linear {
    fn read(
        weights: &mut Weights,
        name: &str,
        outputs: usize,
        inputs: usize,
    ) -> Result<Self, String> {
        let weight = weights.take(&format!("{name}.weight"), &[outputs, inputs])?;
        Ok(Self {
            weight: operations::transposed(&weight).map_err(|error| error.to_string())?,
            bias: vector(weights, &format!("{name}.bias"), outputs)?,
        })
    }

    fn forward(&self, rows: &Tensor, activation: Option<Activation>) -> Computed<Tensor> {
        let product = rows.matmul(&self.weight)?;
        operations::add_bias(&product, &self.bias, activation)?;
        Ok(product)
    }
}

/// Takes a tensor of one axis out of the weights.
pub(super) fn vector(weights: &mut Weights, name: &str, length: usize) -> Result<Vec<f32>, String> {
    weights
        .take(name, &[length])?
        .to_vec1()
        .map_err(|error: candle_core::Error| error.to_string())
}

/// Takes a layer normalisation out of the weights.
pub(super) fn layer_norm(
    weights: &mut Weights,
    name: &str,
    width: usize,
    epsilon: f32,
) -> Result<LayerNorm, String> {
    Ok(LayerNorm {
        scale: vector(weights, &format!("{name}.weight"), width)?,
        shift: vector(weights, &format!("{name}.bias"), width)?,
        epsilon,
    })
}

#[derive(Debug)]
struct Layer {
    before_attention: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    before_feed_forward: LayerNorm,
    widen: Linear,
    narrow: Linear,
    activation: Activation,
}

/// The layers of one tower.
#[derive(Debug)]
pub(super) struct Transformer {
    layers: Vec<Layer>,
    heads: usize,
    causal: bool,
}

/// How the rows of a matrix of states are grouped.
#[derive(Clone, Copy, Debug)]
struct Grid {
    items: usize,
    tokens: usize,
}

impl Transformer {
    /// Takes the layers `{prefix}encoder.layers.…` out of the weights.
    pub(super) fn read(
        weights: &mut Weights,
        prefix: &str,
        shape: &Shape,
        causal: bool,
    ) -> Result<Self, String> {
        let layers = (0..shape.layers)
            .map(|index| Layer::read(weights, &format!("{prefix}encoder.layers.{index}"), shape))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            layers,
            heads: shape.heads,
            causal,
        })
    }

    /// The last states of one token per item: of token `pooled[item]` of each. `states` has
    /// `pooled.len() · tokens` rows; the result has `pooled.len()`.
    pub(super) fn forward(
        &self,
        states: Tensor,
        tokens: usize,
        pooled: &[usize],
    ) -> Computed<Tensor> {
        let grid = Grid {
            items: pooled.len(),
            tokens,
        };
        let Some((last, layers)) = self.layers.split_last() else {
            candle_core::bail!("a transformer without layers")
        };
        let mut states = states;
        for layer in layers {
            let normal = layer.before_attention.forward(&states)?;
            let query = layer.query.forward(&normal, None)?;
            let causal = self.causal;
            let visible = move |row: usize| if causal { row % tokens + 1 } else { tokens };
            let mixed = layer.attend(&normal, query, grid, self.heads, visible)?;
            states = layer.finish(states, &mixed)?;
        }
        let rows: Vec<u32> = pooled
            .iter()
            .enumerate()
            .filter_map(|(item, &token)| u32::try_from(item * tokens + token).ok())
            .collect();
        let rows = Tensor::from_vec(rows, pooled.len(), states.device())?;
        let normal = last.before_attention.forward(&states)?;
        let query = last.query.forward(&normal.index_select(&rows, 0)?, None)?;
        let visible = |row: usize| match pooled.get(row / self.heads) {
            Some(&token) if self.causal => token + 1,
            _ => tokens,
        };
        let mixed = last.attend(&normal, query, grid, self.heads, visible)?;
        last.finish(states.index_select(&rows, 0)?, &mixed)
    }
}

impl Layer {
    fn read(weights: &mut Weights, name: &str, shape: &Shape) -> Result<Self, String> {
        let (width, inner) = (shape.width, shape.inner_width);
        let mut attention =
            |part: &str| Linear::read(weights, &format!("{name}.self_attn.{part}"), width, width);
        let (query, key) = (attention("q_proj")?, attention("k_proj")?);
        let (value, out) = (attention("v_proj")?, attention("out_proj")?);
        let mut norm =
            |part: &str| layer_norm(weights, &format!("{name}.{part}"), width, shape.epsilon);
        Ok(Self {
            before_attention: norm("layer_norm1")?,
            before_feed_forward: norm("layer_norm2")?,
            query,
            key,
            value,
            out,
            widen: Linear::read(weights, &format!("{name}.mlp.fc1"), inner, width)?,
            narrow: Linear::read(weights, &format!("{name}.mlp.fc2"), width, inner)?,
            activation: shape.activation,
        })
    }

    /// What each query takes from the values: as many rows as `query` has.
    fn attend(
        &self,
        normal: &Tensor,
        query: Tensor,
        grid: Grid,
        heads: usize,
        visible: impl Fn(usize) -> usize + Sync,
    ) -> Computed<Tensor> {
        let (asked, width) = query.dims2()?;
        let depth = width / heads;
        // Items by heads by tokens by depth.
        let by_head = |rows: Tensor, tokens: usize| {
            rows.reshape((grid.items, tokens, heads, depth))?
                .transpose(1, 2)?
                .contiguous()
        };
        let query = by_head(query, asked / grid.items.max(1))?;
        let key = by_head(self.key.forward(normal, None)?, grid.tokens)?;
        let scores = query.matmul(&key.t()?)?;
        operations::softmax(&scores, (depth as f32).sqrt().recip(), visible)?;
        let value = by_head(self.value.forward(normal, None)?, grid.tokens)?;
        scores
            .matmul(&value)?
            .transpose(1, 2)?
            .contiguous()?
            .reshape((asked, width))
    }

    fn finish(&self, states: Tensor, mixed: &Tensor) -> Computed<Tensor> {
        let states = (states + self.out.forward(mixed, None)?)?;
        let normal = self.before_feed_forward.forward(&states)?;
        let wide = self.widen.forward(&normal, Some(self.activation))?;
        states + self.narrow.forward(&wide, None)?
    }
}
