//! The shape of a CLIP model, from the `config.json` of its repository.
//!
//! Two forms are in use. The current one puts each tower's numbers into `text_config` and `vision_config`;
//! the older one has `text_config_dict` and `vision_config_dict` beside them, which then count alone, as in
//! the transformers library. A number that is not written has the value of OpenAI's ViT-B/32.

use std::path::Path;

use serde::Deserialize;

use super::error::ClipError;
use super::files;

/// A configuration is a page of text.
const LARGEST_CONFIGURATION: u64 = 1024 * 1024;

/// The largest CLIP (ViT-bigG/14) has a width of 1664, 48 layers and an inner width of 8192.
const LARGEST_WIDTH: usize = 4096;
const LARGEST_INNER_WIDTH: usize = 16_384;
const MOST_LAYERS: usize = 64;
const LARGEST_IMAGE: usize = 1024;
const MOST_TOKENS: usize = 1024;
const LARGEST_VOCABULARY: usize = 1 << 20;

/// The function between the two matrices of a feed-forward layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    /// `x · σ(1.702 x)`: OpenAI's weights.
    QuickGelu,
    /// `x · Φ(x)` with the exact error function: LAION's weights.
    Gelu,
}

/// The shape of one tower's transformer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Transformer {
    pub(super) width: usize,
    pub(super) inner_width: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) activation: Activation,
    pub(super) epsilon: f32,
}

/// How the token is found whose state stands for the whole text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pooling {
    /// The largest id: configurations whose `eos_token_id` is 2, which was a mistake that stayed.
    LargestId,
    /// The first token of this id.
    FirstOf(u32),
}

/// The shape of a whole model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Configuration {
    pub(super) text: Transformer,
    pub(super) vocabulary: usize,
    pub(super) positions: usize,
    pub(super) pooling: Pooling,
    pub(super) vision: Transformer,
    pub(super) image_size: usize,
    pub(super) patch_size: usize,
    pub(super) projection: usize,
}

#[derive(Deserialize)]
#[serde(default)]
struct Document {
    model_type: Option<String>,
    projection_dim: usize,
    text_config: TextDocument,
    vision_config: VisionDocument,
    text_config_dict: Option<TextDocument>,
    vision_config_dict: Option<VisionDocument>,
}

#[derive(Deserialize)]
#[serde(default)]
struct TextDocument {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    max_position_embeddings: usize,
    hidden_act: String,
    layer_norm_eps: f64,
    eos_token_id: u32,
}

#[derive(Deserialize)]
#[serde(default)]
struct VisionDocument {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_channels: usize,
    image_size: usize,
    patch_size: usize,
    hidden_act: String,
    layer_norm_eps: f64,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            model_type: None,
            projection_dim: 512,
            text_config: TextDocument::default(),
            vision_config: VisionDocument::default(),
            text_config_dict: None,
            vision_config_dict: None,
        }
    }
}

impl Default for TextDocument {
    fn default() -> Self {
        Self {
            vocab_size: 49_408,
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            hidden_act: "quick_gelu".to_owned(),
            layer_norm_eps: 1e-5,
            eos_token_id: 49_407,
        }
    }
}

impl Default for VisionDocument {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            num_channels: 3,
            image_size: 224,
            patch_size: 32,
            hidden_act: "quick_gelu".to_owned(),
            layer_norm_eps: 1e-5,
        }
    }
}

impl Configuration {
    /// Reads `config.json`. Fields that are not needed are ignored.
    ///
    /// # Errors
    /// [`ClipError`] where the file cannot be read, is no such document, or asks for sizes that no CLIP has.
    pub(super) fn read(path: &Path) -> Result<Self, ClipError> {
        let bytes = files::read(path, LARGEST_CONFIGURATION)?;
        Self::parse(&bytes).map_err(|problem| ClipError::invalid(path, problem))
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let document: Document =
            serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if let Some(kind) = document.model_type.filter(|kind| kind != "clip") {
            return Err(format!("its `model_type` is `{kind}`, not `clip`"));
        }
        let text = document.text_config_dict.unwrap_or(document.text_config);
        let vision = document
            .vision_config_dict
            .unwrap_or(document.vision_config);
        if vision.num_channels != 3 {
            return Err("`num_channels` must be 3".to_owned());
        }
        within("projection_dim", document.projection_dim, LARGEST_WIDTH)?;
        within("vocab_size", text.vocab_size, LARGEST_VOCABULARY)?;
        within(
            "max_position_embeddings",
            text.max_position_embeddings,
            MOST_TOKENS,
        )?;
        within("image_size", vision.image_size, LARGEST_IMAGE)?;
        within("patch_size", vision.patch_size, vision.image_size)?;
        let patches = vision.image_size / vision.patch_size;
        within("image_size / patch_size", patches, 64)?;
        Ok(Self {
            vocabulary: text.vocab_size,
            positions: text.max_position_embeddings,
            pooling: match text.eos_token_id {
                2 => Pooling::LargestId,
                id => Pooling::FirstOf(id),
            },
            text: transformer(
                [text.hidden_size, text.intermediate_size],
                text.num_hidden_layers,
                text.num_attention_heads,
                &text.hidden_act,
                text.layer_norm_eps,
            )?,
            image_size: vision.image_size,
            patch_size: vision.patch_size,
            vision: transformer(
                [vision.hidden_size, vision.intermediate_size],
                vision.num_hidden_layers,
                vision.num_attention_heads,
                &vision.hidden_act,
                vision.layer_norm_eps,
            )?,
            projection: document.projection_dim,
        })
    }

    /// Patches along one side of the square picture.
    pub(super) const fn patches_per_side(&self) -> usize {
        self.image_size / self.patch_size
    }
}

fn within(name: &str, value: usize, most: usize) -> Result<(), String> {
    if (1..=most).contains(&value) {
        Ok(())
    } else {
        Err(format!("`{name}` is {value}, outside 1 to {most}"))
    }
}

fn transformer(
    [width, inner_width]: [usize; 2],
    layers: usize,
    heads: usize,
    activation: &str,
    epsilon: f64,
) -> Result<Transformer, String> {
    within("hidden_size", width, LARGEST_WIDTH)?;
    within("intermediate_size", inner_width, LARGEST_INNER_WIDTH)?;
    within("num_hidden_layers", layers, MOST_LAYERS)?;
    within("num_attention_heads", heads, width)?;
    if !width.is_multiple_of(heads) {
        return Err(format!(
            "`hidden_size` {width} is no multiple of `num_attention_heads` {heads}"
        ));
    }
    if !(1e-12..=1e-2).contains(&epsilon) {
        return Err(format!(
            "`layer_norm_eps` is {epsilon}, outside 1e-12 to 0.01"
        ));
    }
    Ok(Transformer {
        width,
        inner_width,
        layers,
        heads,
        activation: match activation {
            "quick_gelu" => Activation::QuickGelu,
            "gelu" => Activation::Gelu,
            other => {
                return Err(format!(
                    "`hidden_act` is `{other}`; known are `quick_gelu` and `gelu`"
                ));
            }
        },
        epsilon: epsilon as f32,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_written_is_the_base_model() {
        let base = Configuration::parse(b"{}").unwrap();
        assert_eq!(base.text.width, 512);
        assert_eq!(base.vision.width, 768);
        assert_eq!(base.patches_per_side(), 7);
        assert_eq!(base.pooling, Pooling::FirstOf(49_407));
        assert_eq!(base.text.activation, Activation::QuickGelu);
    }

    #[test]
    fn the_older_form_counts_alone() {
        let text = r#"{
            "model_type": "clip", "projection_dim": 768, "unknown": {"a": [1]},
            "text_config": {"hidden_size": 512, "eos_token_id": 2, "hidden_act": "gelu"},
            "text_config_dict": {"hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072},
            "vision_config_dict": null,
            "vision_config": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16,
                              "intermediate_size": 4096, "patch_size": 14}
        }"#;
        let large = Configuration::parse(text.as_bytes()).unwrap();
        assert_eq!(large.text.width, 768);
        assert_eq!(large.text.activation, Activation::QuickGelu);
        assert_eq!(large.pooling, Pooling::FirstOf(49_407));
        assert_eq!(large.vision.layers, 24);
        assert_eq!(large.patches_per_side(), 16);
    }

    #[test]
    fn the_mistaken_end_token_is_pooled_by_the_largest_id() {
        let laion = r#"{"text_config": {"eos_token_id": 2, "hidden_act": "gelu"}}"#;
        let laion = Configuration::parse(laion.as_bytes()).unwrap();
        assert_eq!(laion.pooling, Pooling::LargestId);
        assert_eq!(laion.text.activation, Activation::Gelu);
    }

    #[test]
    fn absurd_sizes_are_refused() {
        for (text, word) in [
            (
                r#"{"text_config": {"hidden_size": 1000000000}}"#,
                "hidden_size",
            ),
            (
                r#"{"vision_config": {"num_hidden_layers": 0}}"#,
                "num_hidden_layers",
            ),
            (
                r#"{"vision_config": {"patch_size": 1}}"#,
                "image_size / patch_size",
            ),
            (r#"{"vision_config": {"patch_size": 0}}"#, "patch_size"),
            (
                r#"{"vision_config": {"num_attention_heads": 7}}"#,
                "no multiple",
            ),
            (r#"{"vision_config": {"hidden_act": "relu"}}"#, "hidden_act"),
            (r#"{"vision_config": {"num_channels": 4}}"#, "num_channels"),
            (
                r#"{"text_config": {"layer_norm_eps": 0}}"#,
                "layer_norm_eps",
            ),
            (r#"{"model_type": "siglip"}"#, "siglip"),
            (r#"{"projection_dim": -1}"#, "invalid value"),
            ("[", "EOF"),
        ] {
            let problem = Configuration::parse(text.as_bytes()).unwrap_err();
            assert!(problem.contains(word), "{text}: {problem}");
        }
    }
}
