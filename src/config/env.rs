//! Every environment variable that remedia reads, once, with what it does, and the one place where
//! the process environment is read.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

macro_rules! variables {
    ($($(#[doc = $documentation:literal])+ $constant:ident = $name:literal;)+) => {
        $($(#[doc = $documentation])+ pub const $constant: &str = $name;)+

        /// Every variable with its documentation, in the order of the reference.
        pub const ALL: &[(&str, &str)] = &[
            $(($name, concat!($($documentation),+)),)+
        ];
    };
}

variables! {
    /// Settings file read instead of `./remedia.toml` and the user's file.
    CONFIG = "REMEDIA_CONFIG";
    /// Folder for the database and the jobs.
    HOME = "REMEDIA_HOME";
    /// Folder that finished listings are delivered to.
    OUT = "REMEDIA_OUT";
    /// Folder with your own styles.
    STYLES = "REMEDIA_STYLES";
    /// Style used where none is named.
    STYLE = "REMEDIA_STYLE";
    /// Operations: `auto`, or a list of `enhance`, `stage`, `video`.
    OPERATIONS = "REMEDIA_OPERATIONS";
    /// Provider of what this machine does not do itself.
    PROVIDER = "REMEDIA_PROVIDER";
    /// Attempts allowed for each operation.
    MAX_ATTEMPTS = "REMEDIA_MAX_ATTEMPTS";
    /// Seed of a job's random numbers.
    SEED = "REMEDIA_SEED";
    /// JPEG quality of the finished photos.
    JPEG_QUALITY = "REMEDIA_JPEG_QUALITY";
    /// Long side of the web copies in pixels.
    WEB_LONG_SIDE = "REMEDIA_WEB_LONG_SIDE";
    /// JPEG quality of the web copies.
    WEB_QUALITY = "REMEDIA_WEB_QUALITY";
    /// Threads that work at the same time; 0 for one on each core.
    THREADS = "REMEDIA_THREADS";
    /// Memory that photos in work may take together, such as `1GB`.
    MEMORY_BUDGET = "REMEDIA_MEMORY_BUDGET";
    /// Whether folders inside the listing folder are read too.
    RECURSIVE = "REMEDIA_RECURSIVE";
    /// Exposure brackets: `auto`, `off` or the number of exposures.
    BRACKETS = "REMEDIA_BRACKETS";
    /// Largest photo file that is read, such as `200MB`.
    MAX_FILE_BYTES = "REMEDIA_MAX_FILE_BYTES";
    /// Largest picture that is decoded, such as `200MP`.
    MAX_PIXELS = "REMEDIA_MAX_PIXELS";
    /// Most photos of one listing.
    MAX_PHOTOS = "REMEDIA_MAX_PHOTOS";
    /// Least CLIP score of a generated picture, `2.5 * max(cosine, 0)`, or `auto`.
    CLIP_SCORE_THRESHOLD = "REMEDIA_CLIP_SCORE_THRESHOLD";
    /// CLIP model that scores: `auto`, `off` or a name of `remedia models list`.
    CLIP_MODEL = "REMEDIA_CLIP_MODEL";
    /// Whether a session on Kaggle may reach the internet.
    KAGGLE_INTERNET = "REMEDIA_KAGGLE_INTERNET";
    /// Datasets that a session on Kaggle is given beside the order, with commas between them.
    KAGGLE_DATASETS = "REMEDIA_KAGGLE_DATASETS";
    /// Models that a session on Kaggle is given, with commas between them.
    KAGGLE_MODELS = "REMEDIA_KAGGLE_MODELS";
    /// Least correlation of the worst tile with the photo.
    TILE_CORRELATION = "REMEDIA_TILE_CORRELATION";
    /// Largest movement of a corner, in percent of the diagonal.
    DRIFT_PERCENT = "REMEDIA_DRIFT_PERCENT";
    /// Least share of the photo's fine detail.
    DETAIL_RATIO = "REMEDIA_DETAIL_RATIO";
    /// Largest share of the frame that a generated picture may change.
    MAX_MASKED_SHARE = "REMEDIA_MAX_MASKED_SHARE";
    /// How much is told on the error stream: `error`, `warn`, `info`, `debug` or `trace`.
    LOG = "REMEDIA_LOG";
    /// Script of the fake provider, for tests and dry runs.
    FAKE_SCRIPT = "REMEDIA_FAKE_SCRIPT";
    /// Folder of the Hugging Face cache that models are kept in, shared with other tools.
    HF_HUB_CACHE = "HF_HUB_CACHE";
    /// Folder of everything that belongs to Hugging Face; the cache is `hub` inside it.
    HF_HOME = "HF_HOME";
    /// Folder that the Hugging Face cache lies in where nothing else is said.
    XDG_CACHE_HOME = "XDG_CACHE_HOME";
    /// Address of the hub that models are fetched from, such as a mirror.
    HF_ENDPOINT = "HF_ENDPOINT";
    /// Access token for the hub.
    HF_TOKEN = "HF_TOKEN";
    /// File with the access token; the default is `token` in `HF_HOME`.
    HF_TOKEN_PATH = "HF_TOKEN_PATH";
    /// Whether the hub must not be asked: `1`, `true`, `yes` or `on`.
    HF_HUB_OFFLINE = "HF_HUB_OFFLINE";
    /// Access token for Kaggle, or the path of a file that holds one.
    KAGGLE_API_TOKEN = "KAGGLE_API_TOKEN";
    /// User name for Kaggle, before the one in `kaggle.json`.
    KAGGLE_USERNAME = "KAGGLE_USERNAME";
    /// Key for Kaggle, before the one in `kaggle.json`.
    KAGGLE_KEY = "KAGGLE_KEY";
    /// Folder of `kaggle.json`; the default is `.kaggle` in the user's folder.
    KAGGLE_CONFIG_DIR = "KAGGLE_CONFIG_DIR";
    /// Folder in which `kaggle/kaggle.json` is looked for where there is no `.kaggle`.
    XDG_CONFIG_HOME = "XDG_CONFIG_HOME";
    /// For tests: another address of Kaggle's API, on this machine alone.
    KAGGLE_URL = "REMEDIA_KAGGLE_URL";
    /// The official `colab` command, or `off` to leave it alone; the default is the one that `PATH` finds.
    COLAB_COMMAND = "REMEDIA_COLAB_COMMAND";
    /// Folders that the `colab` command is looked for in.
    PATH = "PATH";
    /// Proxy for `https` addresses.
    HTTPS_PROXY = "HTTPS_PROXY";
    /// Proxy for `http` addresses.
    HTTP_PROXY = "HTTP_PROXY";
    /// Proxy for addresses that no other variable names one for.
    ALL_PROXY = "ALL_PROXY";
    /// Hosts that are reached without a proxy, separated by commas.
    NO_PROXY = "NO_PROXY";
    /// Any value switches colour off.
    NO_COLOR = "NO_COLOR";
    /// For tests: the moment that the clock stands still at, RFC 3339.
    TEST_NOW = "REMEDIA_TEST_NOW";
    /// For tests: a list of models read instead of the one inside remedia.
    TEST_MODELS = "REMEDIA_TEST_MODELS";
    /// For tests, in builds with debug assertions: calls to the file system that fail.
    TEST_FAULTS = "REMEDIA_TEST_FAULTS";
    /// For tests: the seed of everything that is otherwise different in every run.
    TEST_SEED = "REMEDIA_TEST_SEED";
}

/// What every variable of remedia's own starts with.
pub const PREFIX: &str = "REMEDIA_";

/// The environment that settings are read from: the process's, or one made by a test.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    user_folder: Option<PathBuf>,
    config_folder: Option<PathBuf>,
    data_folder: Option<PathBuf>,
}

impl Environment {
    /// The environment of this process, with the folders that the system keeps for the user. Nothing
    /// else in remedia reads it.
    #[must_use]
    pub fn capture() -> Self {
        let strategy = etcetera::choose_base_strategy().ok();
        Self {
            variables: std::env::vars_os().collect(),
            user_folder: strategy
                .as_ref()
                .map(|folders| folders.home_dir().to_path_buf()),
            config_folder: strategy.as_ref().map(|folders| folders.config_dir()),
            data_folder: strategy.as_ref().map(|folders| folders.data_dir()),
        }
    }

    /// An environment with these variables and, below the user's folder `user`, the folders of the XDG
    /// Base Directory Specification.
    #[must_use]
    pub fn new<'a>(user: &Path, variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self {
            variables: variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            user_folder: Some(user.to_path_buf()),
            config_folder: Some(user.join(".config")),
            data_folder: Some(user.join(".local/share")),
        }
    }

    /// The value of a variable; an empty one counts as not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// Names of the variables that start with [`PREFIX`], in alphabetical order.
    pub fn own_names(&self) -> impl Iterator<Item = &str> {
        let names = self.variables.keys().filter_map(|name| name.to_str());
        names.filter(|name| name.starts_with(PREFIX))
    }

    /// The user's own folder, what `~` means.
    #[must_use]
    pub fn user_folder(&self) -> Option<&Path> {
        self.user_folder.as_deref()
    }

    /// Where remedia's settings file and styles of the user lie.
    #[must_use]
    pub fn config_folder(&self) -> Option<PathBuf> {
        self.config_folder
            .as_ref()
            .map(|folder| folder.join("remedia"))
    }

    /// Where remedia keeps its database and jobs, unless it is told otherwise.
    #[must_use]
    pub fn data_folder(&self) -> Option<PathBuf> {
        self.data_folder
            .as_ref()
            .map(|folder| folder.join("remedia"))
    }
}

/// Names alone: a value may be a token.
impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Environment")
            .field("variables", &self.variables.keys())
            .field("user_folder", &self.user_folder)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Key;

    #[test]
    fn every_variable_is_listed_once_and_every_key_has_a_listed_one() {
        let mut names: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
        for &key in Key::ALL {
            assert!(names.contains(&key.variable()), "{}", key.name());
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        for (name, documentation) in ALL {
            assert!(documentation.trim().ends_with('.'), "{name}");
        }
    }

    #[test]
    fn a_value_is_never_printed_with_the_whole() {
        let environment = Environment::new(Path::new("/u"), [(HF_TOKEN, "hf_secret")]);
        let printed = format!("{environment:?}");
        assert!(printed.contains(HF_TOKEN) && !printed.contains("hf_secret"));
    }

    #[test]
    fn the_process_has_variables_and_folders() {
        let environment = Environment::capture();
        assert!(environment.get("PATH").is_some());
        if let Some(folder) = environment.config_folder() {
            assert!(folder.is_absolute() && folder.ends_with("remedia"));
        }
    }
}
