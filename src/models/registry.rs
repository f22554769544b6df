//! Which models remedia knows, pinned to a revision and to the SHA-256 of every file.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::domain::nearest::nearest;
use crate::fsx;

/// The registry inside remedia.
const EMBEDDED: &str = include_str!("../../templates/models.toml");

/// A registry is text that a person wrote; more than this is something else.
const LARGEST_REGISTRY: u64 = 1024 * 1024;

/// One file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// Path inside the repository, with `/` between folders.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the content, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// One model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The name that commands and settings use.
    pub name: String,
    /// The name for people.
    pub title: String,
    /// What it is good for, in half a sentence.
    pub purpose: String,
    /// Repository on the hub, `organisation/name`.
    pub repository: String,
    /// Commit of the repository, 40 lower-case hexadecimal digits.
    pub revision: String,
    /// Branch whose newest commit the revision was when it was pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Licence by its SPDX identifier.
    pub licence: String,
    /// Where the licence can be read.
    pub licence_url: String,
    /// What else its makers ask of those who use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// The files that remedia needs of it.
    pub files: Vec<ModelFile>,
}

impl Model {
    /// Size of all files together in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    fn check(&self) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("model `{}`: {what}", fsx::printable(&self.name)));
        if !is_word(&self.name, |byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
        }) {
            return wrong("name is made of a-z, 0-9 and `-`");
        }
        let parts: Vec<&str> = self.repository.split('/').collect();
        if parts.len() != 2 || !parts.iter().all(|part| is_repository_word(part)) {
            return wrong("repository is `organisation/name` of letters, digits, `-`, `_` and `.`");
        }
        if !is_hexadecimal(&self.revision, 40) {
            return wrong("revision is 40 lower-case hexadecimal digits");
        }
        if let Some(branch) = &self.branch
            && !is_repository_word(branch)
        {
            return wrong("branch is made of letters, digits, `-`, `_` and `.`");
        }
        if self.licence.is_empty() || !self.licence_url.starts_with("https://") {
            return wrong("licence is named, and licence_url starts with https://");
        }
        if self.files.is_empty() {
            return wrong("it has no files");
        }
        let mut paths = BTreeSet::new();
        for file in &self.files {
            if let Err(refused) = fsx::contained(Path::new("snapshot"), &file.path) {
                return wrong(&refused.to_string());
            }
            if !file.path.bytes().all(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/')
            }) {
                return wrong(
                    "the path of a file is made of letters, digits, `-`, `_`, `.` and `/`",
                );
            }
            if !paths.insert(&file.path) {
                return wrong(&format!("`{}` stands there twice", file.path));
            }
            if file.bytes == 0 {
                return wrong(&format!("`{}` has no size", file.path));
            }
            if !is_hexadecimal(&file.sha256, 64) {
                return wrong(&format!(
                    "sha256 of `{}` is 64 lower-case hexadecimal digits",
                    file.path
                ));
            }
        }
        Ok(())
    }
}

/// Why a registry cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The file cannot be read.
    #[error("cannot read the list of models: {source}")]
    Unreadable {
        /// What the file system says, with the path.
        #[from]
        source: std::io::Error,
    },
    /// The text is no registry.
    #[error("the list of models {place} is not usable: {problem}")]
    Malformed {
        /// Where the text comes from.
        place: String,
        /// What is wrong, where.
        problem: String,
    },
}

impl RegistryError {
    /// Never: a wrong list stays wrong until someone mends it.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}

/// A model that nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no model is called `{name}`{}", suggestion.as_ref().map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default())]
pub struct UnknownModel {
    /// The name that was asked for.
    pub name: String,
    /// The most similar one that exists.
    pub suggestion: Option<String>,
}

/// The models that can be named.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    #[serde(rename = "model", default)]
    models: Vec<Model>,
}

impl Registry {
    /// The models that remedia brings the names of.
    ///
    /// # Errors
    /// [`RegistryError::Malformed`] if the list inside remedia is damaged, which its tests exclude.
    pub fn embedded() -> Result<Self, RegistryError> {
        Self::parse(EMBEDDED, "inside remedia")
    }

    /// A list from a file, for tests.
    ///
    /// # Errors
    /// [`RegistryError`]: unreadable, too large, or no list of models.
    pub fn read(path: &Path) -> Result<Self, RegistryError> {
        let place = format!("`{}`", fsx::printable(&path.to_string_lossy()));
        match fsx::read_text(path, LARGEST_REGISTRY) {
            Ok(text) => Self::parse(&text, &place),
            Err(fsx::TextError::Io(error)) => Err(error.into()),
            Err(error) => Err(RegistryError::Malformed {
                place,
                problem: error.to_string(),
            }),
        }
    }

    /// A list from its text; `place` says in errors where the text comes from.
    ///
    /// # Errors
    /// [`RegistryError::Malformed`] with the line and what would be right.
    pub fn parse(text: &str, place: &str) -> Result<Self, RegistryError> {
        let malformed = |problem: String| RegistryError::Malformed {
            place: place.to_owned(),
            problem,
        };
        let registry: Self = toml::from_str(text)
            .map_err(|error| malformed(error.to_string().trim_end().to_owned()))?;
        let mut names = BTreeSet::new();
        for model in &registry.models {
            model.check().map_err(malformed)?;
            if !names.insert(&model.name) {
                return Err(malformed(format!("two models are called `{}`", model.name)));
            }
        }
        Ok(registry)
    }

    /// Every model, in the order of the list.
    #[must_use]
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// The model with this name.
    ///
    /// # Errors
    /// [`UnknownModel`] with the most similar name.
    pub fn model(&self, name: &str) -> Result<&Model, UnknownModel> {
        self.models
            .iter()
            .find(|model| model.name == name)
            .ok_or_else(|| UnknownModel {
                name: fsx::printable(name),
                suggestion: nearest(name, self.models.iter().map(|model| model.name.as_str()))
                    .map(ToOwned::to_owned),
            })
    }
}

fn is_word(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.len() <= 96 && text.bytes().all(allowed)
}

/// Letters, digits, `-`, `_`, `.`; not starting with a dot, no `--` (which the cache's folder names
/// use as a separator) and no `..`.
fn is_repository_word(text: &str) -> bool {
    is_word(text, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
    }) && !text.starts_with('.')
        && !text.contains("--")
        && !text.contains("..")
}

/// Exactly `digits` lower-case hexadecimal digits.
pub(super) fn is_hexadecimal(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_list_is_sound_and_complete() {
        let registry = Registry::embedded().unwrap();
        for name in [
            "clip-vit-base-patch32",
            "clip-vit-large-patch14",
            "clip-vit-b-32-laion2b",
        ] {
            let model = registry.model(name).unwrap();
            let paths: Vec<&str> = model.files.iter().map(|file| file.path.as_str()).collect();
            assert_eq!(
                paths,
                [
                    "config.json",
                    "preprocessor_config.json",
                    "tokenizer.json",
                    "model.safetensors"
                ],
                "small files first: a wrong address is found before hours of download"
            );
        }
        assert_eq!(
            registry
                .model("clip-vit-base-patch23")
                .unwrap_err()
                .to_string(),
            "no model is called `clip-vit-base-patch23`; did you mean `clip-vit-base-patch32`?"
        );
    }

    fn with(change: (&str, &str)) -> Result<Registry, RegistryError> {
        let text = format!(
            "[[model]]\nname = \"a\"\ntitle = \"A\"\npurpose = \"p\"\nrepository = \"o/n\"\nrevision = \"{}\"\n\
             licence = \"MIT\"\nlicence_url = \"https://example.org\"\n\
             files = [{{ path = \"f.json\", bytes = 1, sha256 = \"{}\" }}]\n",
            "0".repeat(40),
            "0".repeat(64)
        );
        assert!(text.contains(change.0));
        Registry::parse(&text.replace(change.0, change.1), "of a test")
    }

    #[test]
    fn names_that_leave_their_folder_and_loose_pins_are_refused() {
        assert!(with(("\"a\"", "\"a\"")).is_ok());
        let forty = "0".repeat(40);
        for change in [
            ("\"a\"", "\"../a\""),
            ("\"a\"", "\"\""),
            ("o/n", "../n"),
            ("o/n", "o/../n"),
            ("o/n", "o"),
            ("o/n", "o--x/n"),
            ("o/n", "o/n/../../x"),
            ("f.json", "../f.json"),
            ("f.json", "/etc/passwd"),
            ("f.json", "a/../../b"),
            ("f.json", "a?b"),
            ("bytes = 1", "bytes = 0"),
            ("bytes = 1", "bytes = -1"),
            (forty.as_str(), "main"),
            ("https://example.org", "http://example.org"),
            ("title", "titel"),
            (
                "licence = \"MIT\"",
                "licence = \"MIT\"\nbranch = \"a/../b\"",
            ),
        ] {
            assert!(with(change).is_err(), "{change:?}");
        }
    }
}
