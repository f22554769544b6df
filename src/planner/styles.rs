//! The styles that can be named: those inside remedia, and those of a user's folder, which replace
//! or join them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::domain::nearest::nearest;
use crate::domain::style::{STYLE_SCHEMA_VERSION, Style, StyleProblem};
use crate::domain::toml_text;
use crate::fsx::{TextError, fs, read_text};

macro_rules! embedded {
    ($($name:literal),+ $(,)?) => {
        /// File stem and text of every style inside remedia.
        const EMBEDDED: &[(&str, &str)] = &[
            $(($name, include_str!(concat!("../../templates/styles/", $name, ".toml"))),)+
        ];
    };
}

embedded!(
    "art-deco",
    "boho",
    "coastal",
    "contemporary",
    "farmhouse",
    "industrial",
    "japandi",
    "luxury",
    "mediterranean",
    "midcentury",
    "minimalist",
    "modern",
    "rustic",
    "scandinavian",
    "traditional",
    "transitional",
);

/// A style file is text that a person wrote; more than this is something else.
const LARGEST_STYLE_FILE: u64 = 256 * 1024;

/// Where a style comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StyleOrigin {
    /// Inside remedia.
    Embedded,
    /// A file of the user's folder.
    UserFile(PathBuf),
}

/// A style with its source.
#[derive(Clone, Debug, PartialEq)]
pub struct StyleEntry {
    /// The style.
    pub style: Style,
    /// The TOML text that it was read from.
    pub text: String,
    /// Where the text lies.
    pub origin: StyleOrigin,
}

/// Why a style or a folder of styles cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StyleError {
    /// The folder or a file in it cannot be read.
    #[error("cannot read the styles: {source}")]
    Unreadable {
        /// What the file system says, with the path.
        #[from]
        source: std::io::Error,
    },
    /// The file is too big or is no UTF-8 text.
    #[error("style file `{file}` is not a style: {problem}")]
    NotText {
        /// Path of the file.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// The text is no TOML, or has a key, a name or a type that a style does not have.
    #[error("style file `{file}`, {problem}")]
    Malformed {
        /// Path of the file.
        file: String,
        /// Line, key, and what would be right.
        problem: String,
    },
    /// Values make no sense.
    #[error("style file `{file}`: {}", joined(problems))]
    Invalid {
        /// Path of the file.
        file: String,
        /// Each value by its key.
        problems: Vec<StyleProblem>,
    },
    /// The file and the style inside it have different names.
    #[error(
        "style file `{file}`: name: `{name}` differs from the file's name; call one like the other"
    )]
    Misnamed {
        /// Path of the file.
        file: String,
        /// The name inside.
        name: String,
    },
    /// Two styles would answer to the same name.
    #[error(
        "`{name}` names both the style `{first}` and the style `{second}`; change `name` or `aliases` in {file}"
    )]
    Clash {
        /// The name or alias.
        name: String,
        /// One style.
        first: String,
        /// The other style.
        second: String,
        /// The file to change.
        file: String,
    },
}

fn joined(problems: &[StyleProblem]) -> String {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// A name that no style has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no style `{name}`; nearest is `{nearest}`")]
pub struct UnknownStyle {
    /// What was asked for.
    pub name: String,
    /// The style with the most similar name or alias.
    pub nearest: String,
}

/// Every style that can be named.
#[derive(Clone, Debug)]
pub struct StyleLibrary {
    entries: BTreeMap<String, StyleEntry>,
    /// Folded names and aliases to names.
    lookup: BTreeMap<String, String>,
}

/// Letters and digits only, so that `mid-century`, `Mid Century` and `midcentury` meet.
fn folded(name: &str) -> String {
    name.chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

impl StyleLibrary {
    /// Reads the styles inside remedia and those in `user_folder`: every file there that ends in
    /// `.toml`. A file with the name of a style inside remedia replaces it; another name joins.
    ///
    /// # Errors
    /// [`StyleError`] names the file and what is wrong with it; nothing is left out silently.
    pub fn load(user_folder: Option<&Path>) -> Result<Self, StyleError> {
        let mut entries = BTreeMap::new();
        for (stem, text) in EMBEDDED {
            let entry = read_style(stem, &format!("{stem}.toml"), text, StyleOrigin::Embedded)?;
            entries.insert((*stem).to_owned(), entry);
        }
        if let Some(folder) = user_folder {
            for path in style_files(folder)? {
                let entry = read_user_style(&path)?;
                entries.insert(entry.style.name.clone(), entry);
            }
        }
        let lookup = lookup_table(&entries)?;
        Ok(Self { entries, lookup })
    }

    /// The style that `name` or one of its aliases names, in any case, with spaces, hyphens,
    /// underscores or nothing between its words.
    ///
    /// # Errors
    /// [`UnknownStyle`] with the nearest style.
    pub fn get(&self, name: &str) -> Result<&Style, UnknownStyle> {
        self.entry(name).map(|entry| &entry.style)
    }

    /// Like [`Self::get`], with the style's source.
    ///
    /// # Errors
    /// [`UnknownStyle`] with the nearest style.
    pub fn entry(&self, name: &str) -> Result<&StyleEntry, UnknownStyle> {
        let wanted = folded(name);
        let found = self
            .lookup
            .get(&wanted)
            .and_then(|name| self.entries.get(name));
        found.ok_or_else(|| {
            let key = nearest(&wanted, self.lookup.keys().map(String::as_str));
            let nearest = key.and_then(|key| self.lookup.get(key));
            UnknownStyle {
                name: name.to_owned(),
                nearest: nearest.cloned().unwrap_or_default(),
            }
        })
    }

    /// Every name, in alphabetical order, without aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Every style with its source, in alphabetical order.
    pub fn entries(&self) -> impl Iterator<Item = &StyleEntry> {
        self.entries.values()
    }
}

fn style_files(folder: &Path) -> Result<Vec<PathBuf>, StyleError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_style = path
            .extension()
            .is_some_and(|extension| extension == "toml");
        if is_style && fs::metadata(&path)?.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read_user_style(path: &Path) -> Result<StyleEntry, StyleError> {
    let file = path.display().to_string();
    let not_text = |problem: String| StyleError::NotText {
        file: file.clone(),
        problem,
    };
    let text = match read_text(path, LARGEST_STYLE_FILE) {
        Ok(text) => text,
        Err(TextError::Io(error)) => return Err(error.into()),
        Err(error) => return Err(not_text(error.to_string())),
    };
    let stem = path
        .file_stem()
        .map(|stem| stem.to_string_lossy())
        .unwrap_or_default();
    read_style(
        &stem,
        &file,
        &text,
        StyleOrigin::UserFile(path.to_path_buf()),
    )
}

fn read_style(
    stem: &str,
    file: &str,
    text: &str,
    origin: StyleOrigin,
) -> Result<StyleEntry, StyleError> {
    let file = crate::fsx::printable(file);
    check_version(&file, text)?;
    let style: Style = toml::from_str(text).map_err(|error| StyleError::Malformed {
        file: file.clone(),
        problem: toml_text::explain(text, &error),
    })?;
    let problems = style.problems();
    if !problems.is_empty() {
        return Err(StyleError::Invalid { file, problems });
    }
    if style.name != stem {
        return Err(StyleError::Misnamed {
            file,
            name: style.name,
        });
    }
    Ok(StyleEntry {
        style,
        text: text.to_owned(),
        origin,
    })
}

/// A file of a later form has keys that mean nothing here; its version is the thing to say.
fn check_version(file: &str, text: &str) -> Result<(), StyleError> {
    let table: toml::Table = text.parse().unwrap_or_default();
    match table
        .get("schema_version")
        .and_then(toml::Value::as_integer)
    {
        Some(version) if version != i64::from(STYLE_SCHEMA_VERSION) => Err(StyleError::Invalid {
            file: file.to_owned(),
            problems: vec![StyleProblem {
                key: "schema_version".to_owned(),
                problem: format!(
                    "{version} is not supported; this build reads {STYLE_SCHEMA_VERSION}"
                ),
            }],
        }),
        _ => Ok(()),
    }
}

fn lookup_table(
    entries: &BTreeMap<String, StyleEntry>,
) -> Result<BTreeMap<String, String>, StyleError> {
    let mut lookup: BTreeMap<String, String> = BTreeMap::new();
    for (name, entry) in entries {
        let own = std::iter::once(name).chain(&entry.style.aliases);
        for called in own {
            let other = lookup.insert(folded(called), name.clone());
            if let Some(other) = other.filter(|other| other != name) {
                let users = [name, &other].into_iter().filter_map(|name| {
                    match &entries.get(name)?.origin {
                        StyleOrigin::UserFile(path) => Some(path.display().to_string()),
                        StyleOrigin::Embedded => None,
                    }
                });
                let file = users
                    .map(|path| format!("`{}`", crate::fsx::printable(&path)))
                    .next();
                return Err(StyleError::Clash {
                    name: called.clone(),
                    first: other,
                    second: name.clone(),
                    file: file.unwrap_or_else(|| "the styles inside remedia".to_owned()),
                });
            }
        }
    }
    Ok(lookup)
}
