//! Gathering the settings from every layer, strongest last, and keeping where each came from.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use toml::de::{DeTable, DeValue};

use crate::domain::nearest::{MissedFile, missed_file, nearest};
use crate::domain::plan::{LARGEST_SEED, MOST_ATTEMPTS};
use crate::domain::toml_text;
use crate::fsx::{TextError, fs, read_text};

use super::env::{self, Environment};
use super::key::Key;
use super::settings::{ClipModelSetting, Settings};
use super::value::{self, Raw};

/// Entries of a folder among which a misspelt name is looked for.
const MOST_ENTRIES: usize = 20_000;

/// A settings file is text that a person wrote; more than this is something else.
const LARGEST_FILE: u64 = 1024 * 1024;

/// The name of a project's settings file, in the folder that remedia is started in.
const PROJECT_FILE: &str = "remedia.toml";

/// Values given on the command line, by setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags(BTreeMap<Key, OsString>);

impl Flags {
    /// Notes a value that was given; nothing where `value` is `None`.
    #[must_use]
    pub fn with(mut self, key: Key, value: Option<impl Into<OsString>>) -> Self {
        if let Some(value) = value {
            self.0.insert(key, value.into());
        }
        self
    }
}

/// Where to look for settings.
#[derive(Clone, Debug)]
pub struct LoadRequest {
    /// What the command line says.
    pub flags: Flags,
    /// The environment.
    pub environment: Environment,
    /// The folder that remedia is started in, absolute.
    pub working_directory: PathBuf,
    /// `--config`: read this file instead of the project's and the user's.
    pub config_path: Option<PathBuf>,
    /// `--no-config`: read no file.
    pub no_config: bool,
}

/// Where a value comes from, weakest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nothing sets it.
    Default,
    /// The user's settings file.
    UserFile(PathBuf),
    /// `./remedia.toml`.
    ProjectFile(PathBuf),
    /// The file that `--config` or `REMEDIA_CONFIG` names.
    GivenFile(PathBuf),
    /// An environment variable.
    Variable(&'static str),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::UserFile(path) | Self::ProjectFile(path) | Self::GivenFile(path) => {
                let path = crate::fsx::printable(&path.to_string_lossy());
                write!(formatter, "settings file `{path}`")
            }
            Self::Variable(name) => write!(formatter, "variable {name}"),
            Self::Flag(name) => write!(formatter, "flag {name}"),
        }
    }
}

/// Settings for tests of the whole program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Testing {
    /// The moment that the clock stands still at.
    pub now: Option<Timestamp>,
    /// The seed of what is otherwise different in every run.
    pub seed: Option<u64>,
}

/// Settings with their origins.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The values.
    pub settings: Settings,
    /// What set each value.
    pub origins: BTreeMap<Key, Origin>,
    /// Settings files that were read, weakest first.
    pub files: Vec<PathBuf>,
    /// Whether colour is allowed: `NO_COLOR` is not set.
    pub color: bool,
    /// For tests.
    pub testing: Testing,
    /// What looks like a mistake but does no harm, such as an unknown `REMEDIA_*` variable.
    pub warnings: Vec<String>,
}

impl Resolved {
    /// What set this value.
    #[must_use]
    pub fn origin(&self, key: Key) -> &Origin {
        self.origins.get(&key).unwrap_or(&Origin::Default)
    }
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read the settings: {0}")]
    Unreadable(#[from] io::Error),
    /// A file is too big, is no UTF-8 text or no TOML.
    #[error("settings file `{file}`: {problem}")]
    Malformed {
        /// Path of the file.
        file: String,
        /// What is wrong, with the line where it is known.
        problem: String,
    },
    /// A file sets something that does not exist.
    #[error(
        "settings file `{file}`, line {line}: there is no setting `{key}`; nearest is `{nearest}`"
    )]
    UnknownKey {
        /// Path of the file.
        file: String,
        /// The line, 1 for the first.
        line: usize,
        /// What was written.
        key: String,
        /// The most similar name.
        nearest: &'static str,
    },
    /// A value makes no sense.
    #[error("{origin}: {name}: {problem}")]
    Invalid {
        /// The file with its line, the variable or the flag.
        origin: String,
        /// The setting or variable.
        name: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// `--config` and `--no-config` at once.
    #[error(
        "a settings file is named and settings files are switched off; leave out one of the two"
    )]
    Contradiction,
    /// Nothing says where the data go.
    #[error(
        "nothing says where remedia keeps its data: set `--home`, REMEDIA_HOME or the system's HOME"
    )]
    NoHome,
}

/// One value of one layer.
struct Found {
    raw: Raw,
    origin: Origin,
    line: Option<usize>,
}

/// Reads the settings of every layer.
///
/// # Errors
/// [`ConfigError`] names the file with its line, the variable or the flag, the setting, and what would
/// be right.
pub fn load(request: &LoadRequest) -> Result<Resolved, ConfigError> {
    let mut found: BTreeMap<Key, Found> = BTreeMap::new();
    let mut files = Vec::new();
    for origin in settings_files(request)? {
        if read_file(&origin, &mut found)?
            && let Origin::UserFile(path) | Origin::ProjectFile(path) | Origin::GivenFile(path) =
                origin
        {
            files.push(path);
        }
    }
    let environment = &request.environment;
    for &key in Key::ALL {
        let given = request.flags.0.get(&key).map(|value| {
            (
                value.clone(),
                Origin::Flag(key.flag().unwrap_or(key.name())),
            )
        });
        let variable = || {
            let value = environment.get(key.variable())?;
            Some((value.to_owned(), Origin::Variable(key.variable())))
        };
        if let Some((value, origin)) = given.or_else(variable) {
            found.insert(
                key,
                Found {
                    raw: Raw::Text(value),
                    origin,
                    line: None,
                },
            );
        }
    }
    let mut settings = Settings::defaults(environment, &request.working_directory);
    let mut origins = BTreeMap::new();
    for (key, Found { raw, origin, line }) in found {
        apply(&mut settings, key, &raw, &origin, request).map_err(|problem| {
            let line = line.map_or_else(String::new, |line| format!(", line {line}"));
            ConfigError::Invalid {
                origin: format!("{origin}{line}"),
                name: key.name(),
                problem,
            }
        })?;
        origins.insert(key, origin);
    }
    if settings.home.as_os_str().is_empty() {
        return Err(ConfigError::NoHome);
    }
    Ok(Resolved {
        settings,
        origins,
        files,
        color: environment.get(env::NO_COLOR).is_none(),
        testing: testing(environment)?,
        warnings: [unknown_variables(environment), missed_files(request)].concat(),
    })
}

/// The files to read, weakest first.
fn settings_files(request: &LoadRequest) -> Result<Vec<Origin>, ConfigError> {
    let variable = request.environment.get(env::CONFIG).map(PathBuf::from);
    match (&request.config_path, request.no_config) {
        (Some(_), true) => Err(ConfigError::Contradiction),
        (None, true) => Ok(Vec::new()),
        (given, false) => {
            if let Some(path) = given.clone().or(variable) {
                return Ok(vec![Origin::GivenFile(
                    request.working_directory.join(path),
                )]);
            }
            let user = request.environment.config_folder();
            let user = user.map(|folder| Origin::UserFile(folder.join("config.toml")));
            let project = Origin::ProjectFile(request.working_directory.join(PROJECT_FILE));
            Ok(user.into_iter().chain([project]).collect())
        }
    }
}

/// Files that were meant to be settings and are not read, each with what to do.
fn missed_files(request: &LoadRequest) -> Vec<String> {
    let mut told = Vec::new();
    for origin in settings_files(request).unwrap_or_default() {
        let (Origin::UserFile(path) | Origin::ProjectFile(path)) = &origin else {
            continue;
        };
        let (Some(folder), Some(wanted)) = (path.parent(), path.file_name()) else {
            continue;
        };
        let wanted = wanted.to_string_lossy();
        // Where it is there, or capitals do not count, it is read; the other is nobody's slip.
        if path.is_file() {
            continue;
        }
        let Ok(entries) = fs::read_dir(folder) else {
            continue;
        };
        let mut names: Vec<String> = entries
            .take(MOST_ENTRIES)
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| missed_file(name, &wanted) == Some(MissedFile::Renamed))
            .collect();
        names.sort();
        told.extend(names.first().map(|name| {
            let name = crate::fsx::printable(&folder.join(name).to_string_lossy());
            format!("`{name}` is not read; rename it to `{wanted}`")
        }));
    }
    told
}

/// Reads one file into `found`, over what is there; `false` where there is no such file and none was
/// asked for.
fn read_file(origin: &Origin, found: &mut BTreeMap<Key, Found>) -> Result<bool, ConfigError> {
    let (Origin::UserFile(path) | Origin::ProjectFile(path) | Origin::GivenFile(path)) = origin
    else {
        return Ok(false);
    };
    let file = crate::fsx::printable(&path.to_string_lossy());
    let malformed = |problem: String| ConfigError::Malformed {
        file: file.clone(),
        problem,
    };
    let text = match read_text(path, LARGEST_FILE) {
        Ok(text) => text,
        Err(error) if error.is_missing() && !matches!(origin, Origin::GivenFile(_)) => {
            return Ok(false);
        }
        Err(TextError::Io(error)) => return Err(error.into()),
        Err(error) => return Err(malformed(error.to_string())),
    };
    let table =
        DeTable::parse(&text).map_err(|error| malformed(toml_text::explain(&text, &error)))?;
    for (name, value) in table.get_ref() {
        let entries: Vec<_> = match value.get_ref() {
            DeValue::Table(table) if !table.is_empty() => table
                .iter()
                .map(|(inner, value)| {
                    let name = format!("{}.{}", name.get_ref(), inner.get_ref());
                    (name, inner.span(), value)
                })
                .collect(),
            _ => vec![(name.get_ref().to_string(), name.span(), value)],
        };
        for (name, span, value) in entries {
            let line = toml_text::line_at(&text, span.start);
            let Some(key) = Key::named(&name) else {
                let names = Key::ALL.iter().map(|key| key.name());
                return Err(ConfigError::UnknownKey {
                    file,
                    line,
                    nearest: nearest(&name, names).unwrap_or_default(),
                    key: crate::fsx::printable(&name),
                });
            };
            let raw = Raw::from_toml(value.get_ref());
            found.insert(
                key,
                Found {
                    raw,
                    origin: origin.clone(),
                    line: Some(line),
                },
            );
        }
    }
    Ok(true)
}

fn apply(
    settings: &mut Settings,
    key: Key,
    raw: &Raw,
    origin: &Origin,
    request: &LoadRequest,
) -> Result<(), String> {
    let path = |raw: &Raw| match origin {
        Origin::UserFile(file) | Origin::ProjectFile(file) | Origin::GivenFile(file) => {
            let folder = file.parent().unwrap_or(&request.working_directory);
            value::path(raw, folder, request.environment.user_folder())
        }
        _ => value::path(raw, &request.working_directory, None),
    };
    match key {
        Key::Home => settings.home = path(raw)?,
        Key::Out => settings.out = path(raw)?,
        Key::Styles => settings.styles = Some(path(raw)?),
        Key::Style => settings.style = value::word(raw, "the name of a style")?,
        Key::Operations => settings.operations = value::operations(raw)?,
        Key::Provider => settings.provider = value::word(raw, "the name of a provider")?,
        Key::MaxAttempts => {
            settings.max_attempts = value::number(raw, 1, u64::from(MOST_ATTEMPTS))?;
        }
        Key::Seed => settings.seed = value::number(raw, 0, LARGEST_SEED)?,
        Key::JpegQuality => settings.jpeg_quality = value::number(raw, 50, 100)?,
        Key::WebLongSide => settings.web_long_side = value::number(raw, 256, 8192)?,
        Key::WebQuality => settings.web_quality = value::number(raw, 50, 100)?,
        Key::Threads => settings.threads = value::number(raw, 0, 1024)?,
        Key::MemoryBudget => {
            settings.memory_budget_bytes =
                value::quantity(raw, value::BYTES, 100_000_000, 1_000_000_000_000)?;
        }
        Key::Recursive => settings.recursive = value::switch(raw)?,
        Key::Brackets => settings.brackets = value::brackets(raw)?,
        Key::MaxFileBytes => {
            settings.limits.max_file_bytes =
                value::quantity(raw, value::BYTES, 1000, 4_000_000_000)?;
        }
        Key::MaxPixels => {
            settings.limits.max_pixels =
                value::quantity(raw, value::PIXELS, 10_000, 4_000_000_000)?;
        }
        Key::MaxPhotos => settings.limits.max_photos = value::number(raw, 1, 100_000)?,
        Key::ClipScoreThreshold => {
            settings.judging.clip_score_threshold = match value::is_word(raw, "auto") {
                true => None,
                false => Some(value::real(raw, 0.0, 2.5)?),
            };
        }
        Key::ClipModel => {
            settings.clip_model = match value::word(raw, "`auto`, `off` or the name of a model")? {
                name if name == "auto" => ClipModelSetting::Auto,
                name if name == "off" => ClipModelSetting::Off,
                name => ClipModelSetting::Named(name),
            };
        }
        Key::TileCorrelation => {
            settings.judging.structure.tile_correlation = value::real(raw, 0.0, 1.0)?;
        }
        Key::DriftPercent => {
            settings.judging.structure.drift_percent = value::real(raw, 0.0, 10.0)?;
        }
        Key::KaggleInternet => settings.session.internet = value::switch(raw)?,
        Key::KaggleDatasets => {
            settings.session.datasets = value::names(raw, 2, "`owner/name`")?;
        }
        Key::KaggleModels => {
            settings.session.models =
                value::names(raw, 5, "`owner/model/framework/variation/version`")?;
        }
        Key::DetailRatio => settings.judging.structure.detail_ratio = value::real(raw, 0.0, 1.0)?,
        Key::MaxMaskedShare => {
            settings.judging.compositing.max_masked_share = value::real(raw, 0.0, 1.0)?;
        }
        Key::Log => settings.log = value::log_level(raw)?,
    }
    Ok(())
}

fn testing(environment: &Environment) -> Result<Testing, ConfigError> {
    let invalid = |name: &'static str, problem: &str| ConfigError::Invalid {
        origin: "environment".to_owned(),
        name,
        problem: problem.to_owned(),
    };
    let text = |name| {
        environment
            .get(name)
            .map(|value| value.to_string_lossy().into_owned())
    };
    let now = text(env::TEST_NOW)
        .map(|text| text.parse::<Timestamp>())
        .transpose()
        .map_err(|_| {
            invalid(
                env::TEST_NOW,
                "it is no RFC 3339 moment such as `2026-01-31T12:00:00Z`",
            )
        })?;
    let seed = text(env::TEST_SEED)
        .map(|text| text.parse::<u64>())
        .transpose()
        .map_err(|_| invalid(env::TEST_SEED, "it is no whole number"))?;
    Ok(Testing { now, seed })
}

/// A misspelt variable would otherwise be passed over in silence.
fn unknown_variables(environment: &Environment) -> Vec<String> {
    let known = || env::ALL.iter().map(|(name, _)| *name);
    environment
        .own_names()
        .filter(|name| !known().any(|known| known == *name))
        .map(|name| {
            let meant = nearest(name, known()).unwrap_or_default();
            let name = crate::fsx::printable(name);
            format!("the environment variable {name} means nothing to remedia; nearest is {meant}")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_missing_home_is_said_and_any_layer_can_give_it() {
        let mut request = LoadRequest {
            flags: Flags::default(),
            environment: Environment::default(),
            working_directory: Path::new("/nowhere").to_path_buf(),
            config_path: None,
            no_config: true,
        };
        assert!(matches!(load(&request), Err(ConfigError::NoHome)));
        request.flags = Flags::default().with(Key::Home, Some("data"));
        assert_eq!(
            load(&request).unwrap().settings.home,
            Path::new("/nowhere/data")
        );
    }
}
