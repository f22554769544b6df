//! Where credentials lie: the variables and files that the official client reads, in its order.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::fsx::{fs, printable, read_text, write_private};
use crate::http::Secret;

/// No file of credentials is larger; a larger one is another file.
const LARGEST_FILE: u64 = 64 * 1024;

/// What the environment says about credentials. It is read by whoever reads the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KaggleEnvironment {
    /// The user's own folder, what `~` means.
    pub home: Option<PathBuf>,
    /// `KAGGLE_CONFIG_DIR`: the folder of `kaggle.json`, and of nothing else.
    pub config_dir: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    pub xdg_config_home: Option<PathBuf>,
    /// `KAGGLE_API_TOKEN`: a token, or the path of a file that holds one.
    pub api_token: Option<Secret>,
    /// `KAGGLE_USERNAME`: stands before the one in `kaggle.json`.
    pub username: Option<String>,
    /// `KAGGLE_KEY`: stands before the one in `kaggle.json`.
    pub key: Option<Secret>,
}

/// Where credentials came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// The variable `KAGGLE_API_TOKEN`.
    TokenVariable,
    /// The file that `KAGGLE_API_TOKEN` names.
    TokenVariableFile(PathBuf),
    /// `access_token` or `access_token.txt` in `~/.kaggle`.
    TokenFile(PathBuf),
    /// `KAGGLE_USERNAME` and `KAGGLE_KEY`.
    KeyVariables,
    /// `kaggle.json`, with the variables that stand before what it says.
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Names of the variables that were used instead of a field.
        instead: Vec<&'static str>,
    },
    /// What `kaggle auth login` left.
    OAuthFile(PathBuf),
}

impl fmt::Display for CredentialSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |path: &Path| format!("`{}`", printable(&path.to_string_lossy()));
        match self {
            Self::TokenVariable => formatter.write_str("the token in KAGGLE_API_TOKEN"),
            Self::TokenVariableFile(path) => write!(
                formatter,
                "the token in {}, which KAGGLE_API_TOKEN names",
                shown(path)
            ),
            Self::TokenFile(path) => write!(formatter, "the token in {}", shown(path)),
            Self::KeyVariables => formatter.write_str("the key in KAGGLE_USERNAME and KAGGLE_KEY"),
            Self::KeyFile { path, instead } if instead.is_empty() => {
                write!(formatter, "the key in {}", shown(path))
            }
            Self::KeyFile { path, instead } => write!(
                formatter,
                "the key in {} with {}",
                shown(path),
                instead.join(" and ")
            ),
            Self::OAuthFile(path) => write!(formatter, "the sign-in in {}", shown(path)),
        }
    }
}

/// Something that was found and may be credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Token(Secret),
    Key { user: String, key: Secret },
    OAuth(OAuthFile),
}

/// What `kaggle auth login` left.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct OAuthFile {
    pub(super) path: PathBuf,
    fields: Map<String, Value>,
}

impl fmt::Debug for OAuthFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OAuthFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl OAuthFile {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let text = self.fields.get(name)?.as_str()?.trim();
        (!text.is_empty()).then_some(text)
    }

    pub(super) fn secret(&self, name: &str) -> Option<Secret> {
        self.text(name)
            .filter(|text| is_token(text))
            .map(Secret::new)
    }

    /// Puts a new access token into the file, which nobody else may read.
    pub(super) fn renew(&mut self, token: &Secret, expiration: &str, user: &str) -> io::Result<()> {
        for (name, value) in [
            ("access_token", token.expose()),
            ("access_token_expiration", expiration),
            ("username", user),
        ] {
            self.fields.insert(name.to_owned(), value.into());
        }
        let mut bytes = serde_json::to_vec_pretty(&self.fields)?;
        bytes.push(b'\n');
        write_private(&self.path, |file| file.write_all(&bytes))
    }
}

/// One place: where it is, and what is there.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) source: CredentialSource,
    /// What is there, or why it is of no use.
    pub(super) found: Result<Found, String>,
}

/// Everything that was found, in the order in which it is tried.
#[derive(Clone, Debug, Default)]
pub(super) struct Search {
    pub(super) places: Vec<Place>,
    /// Where it was looked, for a person.
    pub(super) looked: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Search {
    /// Looks everywhere.
    pub(super) fn new(environment: &KaggleEnvironment) -> Self {
        let mut search = Self::default();
        search.token_variable(environment);
        let own = environment.home.as_ref().map(|home| home.join(".kaggle"));
        for name in ["access_token", "access_token.txt"] {
            if let Some(path) = own.as_ref().map(|folder| folder.join(name)) {
                search.token_file(path);
            }
        }
        search.key(environment, own.as_deref());
        if let Some(path) = own.as_ref().map(|folder| folder.join("credentials.json")) {
            search.oauth(path);
        }
        search
    }

    fn add(&mut self, source: CredentialSource, found: Result<Found, String>) {
        self.places.push(Place { source, found });
    }

    fn token_variable(&mut self, environment: &KaggleEnvironment) {
        self.looked.push("KAGGLE_API_TOKEN".to_owned());
        let Some(value) = &environment.api_token else {
            return;
        };
        let path = Path::new(value.expose().trim());
        if path.is_file() {
            let source = CredentialSource::TokenVariableFile(path.to_path_buf());
            let found = self.read(path).and_then(|text| match text {
                Some(text) => checked(&text),
                None => Err("the file is gone".to_owned()),
            });
            self.add(source, found);
        } else {
            let found = checked(value.expose());
            self.add(CredentialSource::TokenVariable, found);
        }
    }

    fn token_file(&mut self, path: PathBuf) {
        self.looked.push(shown(&path));
        match self.read(&path) {
            Ok(None) => {}
            Ok(Some(text)) => {
                let found = checked(&text);
                self.add(CredentialSource::TokenFile(path), found);
            }
            Err(problem) => self.add(CredentialSource::TokenFile(path), Err(problem)),
        }
    }

    /// `kaggle.json`, each field with the variable that stands before it.
    fn key(&mut self, environment: &KaggleEnvironment, own: Option<&Path>) {
        self.looked
            .push("KAGGLE_USERNAME with KAGGLE_KEY".to_owned());
        let path = key_folder(environment, own).map(|folder| folder.join("kaggle.json"));
        let mut fields = Map::new();
        let mut file = None;
        if let Some(path) = path {
            self.looked.push(shown(&path));
            match self.read(&path) {
                Ok(None) => {}
                Ok(Some(text)) => {
                    match serde_json::from_str(&text) {
                        Ok(Value::Object(read)) => fields = read,
                        _ => {
                            let source = CredentialSource::KeyFile {
                                path: path.clone(),
                                instead: Vec::new(),
                            };
                            self.add(source, Err("it is no JSON object".to_owned()));
                        }
                    }
                    file = Some(path);
                }
                Err(problem) => {
                    let instead = Vec::new();
                    self.add(CredentialSource::KeyFile { path, instead }, Err(problem));
                }
            }
        }
        let in_file = |name: &str| {
            let text = fields.get(name).and_then(Value::as_str)?.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let stated = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        let user = environment.username.as_deref().and_then(stated);
        let key = environment
            .key
            .as_ref()
            .and_then(|key| stated(key.expose()));
        let mut instead = Vec::new();
        if user.is_some() {
            instead.push("KAGGLE_USERNAME");
        }
        if key.is_some() {
            instead.push("KAGGLE_KEY");
        }
        let (user, key) = (
            user.or_else(|| in_file("username")),
            key.or_else(|| in_file("key")),
        );
        let source = match file {
            Some(path) if instead.len() < 2 && !fields.is_empty() => {
                CredentialSource::KeyFile { path, instead }
            }
            _ if instead.is_empty() => return,
            _ => CredentialSource::KeyVariables,
        };
        let found = match (user, key) {
            (Some(user), Some(key)) if super::reference::is_name(&user) && is_token(&key) => {
                Ok(Found::Key {
                    user,
                    key: Secret::new(key),
                })
            }
            (Some(_), Some(_)) => {
                Err("its user name or its key has characters that none has".to_owned())
            }
            (None, Some(_)) => Err("it names no user".to_owned()),
            (Some(_), None) => Err("it has no key".to_owned()),
            (None, None) => Err("it has neither a user name nor a key".to_owned()),
        };
        self.add(source, found);
    }

    fn oauth(&mut self, path: PathBuf) {
        self.looked.push(shown(&path));
        let found = match self.read(&path) {
            Ok(None) => return,
            Ok(Some(text)) => match serde_json::from_str(&text) {
                Ok(Value::Object(fields)) => Ok(Found::OAuth(OAuthFile {
                    path: path.clone(),
                    fields,
                })),
                _ => Err("it is no JSON object".to_owned()),
            },
            Err(problem) => Err(problem),
        };
        self.add(CredentialSource::OAuthFile(path), found);
    }

    /// The text of a file; nothing where there is none. Warns of one that others may read.
    fn read(&mut self, path: &Path) -> Result<Option<String>, String> {
        let found = match fs::metadata(path) {
            Ok(found) => found,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(printable(&error.to_string())),
        };
        if is_open(&found) {
            let path = printable(&path.to_string_lossy());
            self.warnings.push(format!(
                "`{path}` can be read by other users of this machine; `chmod 600 {path}` mends it"
            ));
        }
        read_text(path, LARGEST_FILE)
            .map(Some)
            .map_err(|error| printable(&error.to_string()))
    }
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

#[cfg(unix)]
fn is_open(found: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    found.permissions().mode() & 0o044 != 0
}

#[cfg(not(unix))]
fn is_open(_: &std::fs::Metadata) -> bool {
    false
}

/// The folder that `kaggle.json` lies in.
fn key_folder(environment: &KaggleEnvironment, own: Option<&Path>) -> Option<PathBuf> {
    if let Some(folder) = &environment.config_dir {
        return Some(folder.clone());
    }
    if let Some(own) = own
        && own.is_dir()
    {
        return Some(own.to_path_buf());
    }
    let config = environment.xdg_config_home.clone();
    config
        .or_else(|| Some(environment.home.as_ref()?.join(".config")))
        .map(|folder| folder.join("kaggle"))
}

/// Whether a text can be sent as a token: one word of visible ASCII.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn checked(text: &str) -> Result<Found, String> {
    let text = text.trim();
    if is_token(text) {
        Ok(Found::Token(Secret::new(text)))
    } else {
        Err("it is empty, or has blanks or other characters that no token has".to_owned())
    }
}
