//! Texts to token ids, by the repository's own `tokenizer.json`: byte-pair encoding of the lower-cased
//! text between a start and an end token, cut to what the model can see with the end token kept.

use std::fmt;
use std::path::Path;

use tokenizers::{PostProcessor as _, Tokenizer, TruncationParams};

use super::configuration::{Configuration, Pooling};
use super::error::ClipError;
use super::files;

/// CLIP's own has 2 to 4 MB.
const LARGEST_TOKENIZER: u64 = 32 << 20;

/// A prompt is a few hundred bytes; the model sees 77 tokens in any case.
const LONGEST_TEXT: usize = 1 << 16;

/// The tokenizer of a model.
pub(super) struct Tokens {
    tokenizer: Tokenizer,
    vocabulary: u32,
    positions: usize,
    pooling: Pooling,
}

/// The tokens of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenIds {
    /// From the start token to the end token, without padding.
    pub(super) ids: Vec<u32>,
    /// Place of the token whose state stands for the text.
    pub(super) pooled: usize,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Tokens")
            .field("vocabulary", &self.vocabulary)
            .field("positions", &self.positions)
            .finish_non_exhaustive()
    }
}

impl Tokens {
    /// Reads `tokenizer.json`. Its own settings for padding and truncation are replaced.
    ///
    /// # Errors
    /// [`ClipError`] where the file cannot be read or is no tokenizer.
    pub(super) fn read(path: &Path, model: &Configuration) -> Result<Self, ClipError> {
        let bytes = files::read(path, LARGEST_TOKENIZER)?;
        let invalid = |problem: String| ClipError::invalid(path, problem);
        let mut tokenizer =
            Tokenizer::from_bytes(&bytes).map_err(|error| invalid(error.to_string()))?;
        let added = tokenizer
            .get_post_processor()
            .map_or(0, |processor| processor.added_tokens(false));
        if added >= model.positions {
            return Err(invalid(format!(
                "it adds {added} tokens to each text, but the model sees {} only",
                model.positions
            )));
        }
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(Some(TruncationParams {
                max_length: model.positions,
                ..TruncationParams::default()
            }))
            .map_err(|error| invalid(error.to_string()))?;
        Ok(Self {
            tokenizer,
            vocabulary: u32::try_from(model.vocabulary).unwrap_or(u32::MAX),
            positions: model.positions,
            pooling: model.pooling,
        })
    }

    /// The tokens of `text`.
    ///
    /// # Errors
    /// [`ClipError::Text`] where the text is absurdly long, or the tokenizer belongs to another model.
    pub(super) fn encode(&self, text: &str) -> Result<TokenIds, ClipError> {
        let failed = |problem: String| ClipError::Text { problem };
        if text.len() > LONGEST_TEXT {
            return Err(failed(format!("it has {} bytes", text.len())));
        }
        let encoding = self
            .tokenizer
            .encode_fast(text, true)
            .map_err(|error| failed(error.to_string()))?;
        let ids = encoding.get_ids().to_vec();
        if ids.is_empty() || ids.len() > self.positions {
            return Err(failed(format!("the tokenizer gave {} tokens", ids.len())));
        }
        if let Some(id) = ids.iter().find(|&&id| id >= self.vocabulary) {
            return Err(failed(format!(
                "the tokenizer gave the token {id}, but the model knows {} only: they do not belong together",
                self.vocabulary
            )));
        }
        let pooled = match self.pooling {
            // The first of equal ones.
            Pooling::LargestId => ids
                .iter()
                .enumerate()
                .rev()
                .max_by_key(|&(_, id)| id)
                .map(|(place, _)| place),
            Pooling::FirstOf(end) => ids.iter().position(|&id| id == end),
        };
        let pooled = pooled.ok_or_else(|| {
            failed("the tokenizer gave no end token: it does not belong to the model".to_owned())
        })?;
        Ok(TokenIds { ids, pooled })
    }
}
