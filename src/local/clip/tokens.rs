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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;

    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/clip");

    /// The published `tokenizer.json`, from the published merges by the published rule.
    fn published_tokenizer() -> Value {
        let merges = fs_err::read_to_string(format!("{FIXTURES}/merges.txt")).unwrap();
        let merges: Vec<&str> = merges.lines().collect();
        // Every byte has a visible letter: its own where it has one, else one beyond the first 256.
        let printable: Vec<u32> = (33..=126).chain(161..=172).chain(174..=255).collect();
        let hidden = u32::try_from(printable.len()).unwrap()..256;
        let letters = printable
            .iter()
            .copied()
            .chain(
                hidden
                    .enumerate()
                    .map(|(index, _)| 256 + u32::try_from(index).unwrap()),
            )
            .map(|letter| char::from_u32(letter).unwrap().to_string());
        let mut words: Vec<String> = letters.collect();
        words.extend(words.clone().into_iter().map(|letter| letter + "</w>"));
        words.extend(merges.iter().map(|merge| merge.replace(' ', "")));
        words.extend(["<|startoftext|>", "<|endoftext|>"].map(str::to_owned));
        let last = words.len() - 1;
        assert_eq!(last, 49_407);
        let vocabulary: BTreeMap<&String, usize> = words
            .iter()
            .enumerate()
            .map(|(id, word)| (word, id))
            .collect();
        let special = |id: usize| {
            json!({"id": id, "content": words[id], "single_word": false, "lstrip": false,
                   "rstrip": false, "normalized": true, "special": true})
        };
        json!({
            "version": "1.0",
            "truncation": {"direction": "Right", "max_length": 9, "strategy": "LongestFirst", "stride": 0},
            "padding": {"strategy": {"Fixed": 77}, "direction": "Right", "pad_to_multiple_of": null,
                        "pad_id": last, "pad_type_id": 0, "pad_token": "<|endoftext|>"},
            "added_tokens": [special(last - 1), special(last)],
            "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "NFC"},
                {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "},
                {"type": "Lowercase"},
            ]},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                {"type": "Split", "behavior": "Removed", "invert": true, "pattern": {"Regex":
                    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"}},
                {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true},
            ]},
            "post_processor": {"type": "RobertaProcessing", "sep": [words[last], last],
                "cls": [words[last - 1], last - 1], "trim_offsets": false, "add_prefix_space": false},
            "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true},
            "model": {"type": "BPE", "dropout": null, "unk_token": "<|endoftext|>",
                "continuing_subword_prefix": "", "end_of_word_suffix": "</w>", "fuse_unk": false,
                "vocab": vocabulary, "merges": merges},
        })
    }

    fn read(tokenizer: &Value, configuration: &str) -> Result<Tokens, ClipError> {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| {
            let path = folder.path().join(name);
            fs_err::write(&path, text).unwrap();
            path
        };
        let model = write("config.json", configuration.to_owned());
        let model = Configuration::read(&model).unwrap();
        Tokens::read(&write("tokenizer.json", tokenizer.to_string()), &model)
    }

    #[test]
    fn the_published_vocabulary_gives_the_ids_of_the_reference() {
        let known = fs_err::read(format!("{FIXTURES}/tokens.json")).unwrap();
        let known: Vec<Value> = serde_json::from_slice(&known).unwrap();
        assert!(known.len() > 8);
        let tokenizer = published_tokenizer();
        let published = read(&tokenizer, "{}").unwrap();
        let mistaken = read(&tokenizer, r#"{"text_config": {"eos_token_id": 2}}"#).unwrap();
        for entry in known {
            let text = entry["text"].as_str().unwrap();
            let ids: Vec<u32> = serde_json::from_value(entry["ids"].clone()).unwrap();
            let tokens = published.encode(text).unwrap();
            assert_eq!(tokens.ids, ids, "{text}");
            assert_eq!(tokens.ids[tokens.pooled], 49_407);
            assert_eq!(mistaken.encode(text).unwrap(), tokens);
        }
    }

    #[test]
    fn a_long_text_is_cut_with_its_end_token_kept() {
        let tokens = read(&published_tokenizer(), "{}").unwrap();
        let long = tokens.encode(&"sofa ".repeat(500)).unwrap();
        assert_eq!((long.ids.len(), long.pooled), (77, 76));
        assert_eq!(long.ids.last(), Some(&49_407));
        let absurd = tokens.encode(&"a".repeat(LONGEST_TEXT + 1)).unwrap_err();
        assert!(absurd.to_string().contains("65537 bytes"), "{absurd}");
    }

    #[test]
    fn a_tokenizer_of_another_model_is_noticed() {
        let tokenizer = published_tokenizer();
        let other = r#"{"text_config": {"vocab_size": 1000}}"#;
        let error = read(&tokenizer, other).unwrap().encode("sofa").unwrap_err();
        assert!(
            error.to_string().contains("do not belong together"),
            "{error}"
        );
        let other = r#"{"text_config": {"eos_token_id": 7}}"#;
        let error = read(&tokenizer, other).unwrap().encode("sofa").unwrap_err();
        assert!(error.to_string().contains("no end token"), "{error}");
        let other = r#"{"text_config": {"max_position_embeddings": 2}}"#;
        let error = read(&tokenizer, other).unwrap_err();
        assert!(error.to_string().contains("sees 2 only"), "{error}");
        assert!(read(&json!({"version": "1.0"}), "{}").is_err());
    }
}
