//! Where models are fetched from: the hub's address, the token, the proxies, and whether it may be
//! asked at all. All of it comes from the variables that every tool of that family reads.

use std::io;
use std::path::Path;

use crate::config::Environment;
use crate::config::env;
use crate::fsx::{TextError, printable, read_text};
use crate::http::{
    Authorization, ClientOptions, HttpError, Proxies, Secret, Timeouts, check_address,
    may_carry_secrets,
};

use super::cache::{expanded, home};
use super::registry::{Model, ModelFile};

/// The public hub.
const PUBLIC_HUB: &str = "https://huggingface.co";

/// A token is one line; more than this is another file.
const LARGEST_TOKEN: u64 = 16 * 1024;

/// Why the hub cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// `HF_ENDPOINT` is no address.
    #[error("HF_ENDPOINT: {0}")]
    Endpoint(HttpError),
    /// The token holds something that no token holds.
    #[error(
        "the token in {place} is none: it is empty, or has blanks or other characters that no token has"
    )]
    Token {
        /// The variable or the file.
        place: String,
    },
    /// The file that `HF_TOKEN_PATH` names cannot be read.
    #[error("cannot read the token: {0}")]
    Unreadable(#[from] io::Error),
    /// A variable is no UTF-8 text.
    #[error("{0} is no UTF-8 text")]
    NotText(&'static str),
}

impl HubError {
    /// Never: each is a setting that someone must mend.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}

/// The hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hub {
    endpoint: String,
    token: Option<Secret>,
    offline: bool,
    client: ClientOptions,
}

impl Hub {
    /// The hub that the environment names.
    ///
    /// # Errors
    /// [`HubError`]: an address or a token that cannot be one.
    pub fn from_environment(environment: &Environment) -> Result<Self, HubError> {
        let endpoint = text(environment, env::HF_ENDPOINT)?
            .unwrap_or(PUBLIC_HUB)
            .trim_end_matches('/')
            .to_owned();
        check_address(&endpoint).map_err(HubError::Endpoint)?;
        let offline = text(environment, env::HF_HUB_OFFLINE)?.is_some_and(|value| {
            ["1", "true", "yes", "on"].contains(&value.to_ascii_lowercase().as_str())
        });
        Ok(Self {
            endpoint,
            token: token(environment)?,
            offline,
            client: ClientOptions {
                timeouts: Timeouts::default(),
                proxies: proxies(environment)?,
            },
        })
    }

    /// The same with other limits of time.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.client.timeouts = timeouts;
        self
    }

    /// The same, not to be asked if `offline`.
    #[must_use]
    pub fn offline(mut self, offline: bool) -> Self {
        self.offline |= offline;
        self
    }

    /// Whether the hub must not be asked.
    #[must_use]
    pub const fn is_offline(&self) -> bool {
        self.offline
    }

    /// The address without a slash at its end.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// How a client for it behaves.
    #[must_use]
    pub const fn client_options(&self) -> &ClientOptions {
        &self.client
    }

    /// The address of a file at the pinned revision. The parts were checked with the list of models.
    pub(super) fn address(&self, model: &Model, file: &ModelFile) -> String {
        format!(
            "{}/{}/resolve/{}/{}",
            self.endpoint, model.repository, model.revision, file.path
        )
    }

    /// Who asks; nobody where the way to the hub is not encrypted.
    pub(super) fn authorization(&self) -> Option<Authorization> {
        self.token
            .as_ref()
            .filter(|_| may_carry_secrets(&self.endpoint))
            .map(|token| Authorization::Bearer(token.clone()))
    }
}

fn text<'a>(environment: &'a Environment, name: &'static str) -> Result<Option<&'a str>, HubError> {
    environment
        .get(name)
        .map(|value| value.to_str().ok_or(HubError::NotText(name)))
        .transpose()
}

fn token(environment: &Environment) -> Result<Option<Secret>, HubError> {
    if let Some(value) = text(environment, env::HF_TOKEN)? {
        return checked_token(value, env::HF_TOKEN.to_owned()).map(Some);
    }
    let path = match environment.get(env::HF_TOKEN_PATH) {
        Some(path) => Some(expanded(environment, Path::new(path))),
        None => home(environment).map(|folder| folder.join("token")),
    };
    let Some(path) = path else {
        return Ok(None);
    };
    match read_token(&path) {
        Ok(value) if value.trim().is_empty() => Ok(None),
        Ok(value) => {
            let place = format!("`{}`", printable(&path.to_string_lossy()));
            checked_token(&value, place).map(Some)
        }
        // The usual case: nobody has signed in on this machine.
        Err(_) if environment.get(env::HF_TOKEN_PATH).is_none() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn read_token(path: &Path) -> io::Result<String> {
    read_text(path, LARGEST_TOKEN).map_err(|error| match error {
        TextError::Io(error) => error,
        other => io::Error::other(format!("`{}`: {other}", printable(&path.to_string_lossy()))),
    })
}

fn checked_token(value: &str, place: String) -> Result<Secret, HubError> {
    let value = value.trim();
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(HubError::Token { place });
    }
    Ok(Secret::new(value))
}

/// The proxies that the environment names, in capitals or, as many tools write them, in small letters.
///
/// # Errors
/// [`HubError::NotText`] for a variable that is no text.
pub fn proxies(environment: &Environment) -> Result<Proxies, HubError> {
    let value = |name: &'static str| -> Result<Option<&str>, HubError> {
        let small = environment.get(&name.to_ascii_lowercase());
        match small {
            Some(value) => value.to_str().ok_or(HubError::NotText(name)).map(Some),
            None => text(environment, name),
        }
    };
    let all = value(env::ALL_PROXY)?;
    let secret = |proxy: Option<&str>| proxy.map(Secret::new);
    Ok(Proxies {
        https: secret(value(env::HTTPS_PROXY)?.or(all)),
        http: secret(value(env::HTTP_PROXY)?.or(all)),
        bypass: value(env::NO_PROXY)?
            .unwrap_or_default()
            .split(',')
            .map(|host| host.trim().to_owned())
            .filter(|host| !host.is_empty())
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(variables: &[(&str, &str)]) -> Result<Hub, HubError> {
        let folder = tempfile::tempdir().unwrap();
        Hub::from_environment(&Environment::new(folder.path(), variables.iter().copied()))
    }

    #[test]
    fn the_variables_of_the_hub_are_honoured() {
        let hub_of = |variables: &[(&str, &str)]| hub(variables).unwrap();
        assert_eq!(hub_of(&[]).endpoint(), "https://huggingface.co");
        assert!(hub_of(&[]).authorization().is_none() && !hub_of(&[]).is_offline());
        let mirror = hub_of(&[("HF_ENDPOINT", "https://mirror.example/hub/")]);
        assert_eq!(mirror.endpoint(), "https://mirror.example/hub");
        for on in ["1", "true", "YES", "On"] {
            assert!(hub_of(&[("HF_HUB_OFFLINE", on)]).is_offline(), "{on}");
        }
        for off in ["0", "false", "no"] {
            assert!(!hub_of(&[("HF_HUB_OFFLINE", off)]).is_offline(), "{off}");
        }
        assert!(hub_of(&[("HF_TOKEN", "hf_x")]).authorization().is_some());
        let clear = [
            ("HF_TOKEN", "hf_x"),
            ("HF_ENDPOINT", "http://mirror.example"),
        ];
        assert!(hub_of(&clear).authorization().is_none());
    }

    #[test]
    fn wrong_settings_are_said_without_the_token() {
        for endpoint in ["mirror", "ftp://mirror", "https://user:pass@mirror"] {
            let error = hub(&[("HF_ENDPOINT", endpoint)]).unwrap_err().to_string();
            assert!(
                error.starts_with("HF_ENDPOINT: ") && !error.contains("pass@"),
                "{error}"
            );
        }
        let error = hub(&[("HF_TOKEN", "two words")]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("two words"));
        assert!(hub(&[("HF_TOKEN_PATH", "/no/such/file")]).is_err());
    }

    #[test]
    fn the_token_file_is_read_and_small_letters_name_proxies_too() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("token"), "hf_file\n").unwrap();
        let home = folder.path().to_str().unwrap();
        let hub = hub(&[
            ("HF_HOME", home),
            ("https_proxy", "http://p:1"),
            ("ALL_PROXY", "http://q:2"),
            ("NO_PROXY", "a, .b"),
        ])
        .unwrap();
        assert_eq!(
            hub.authorization(),
            Some(Authorization::Bearer(Secret::new("hf_file")))
        );
        let proxies = &hub.client_options().proxies;
        assert_eq!(proxies.https, Some(Secret::new("http://p:1")));
        assert_eq!(proxies.http, Some(Secret::new("http://q:2")));
        assert_eq!(proxies.bypass, ["a", ".b"]);
        assert!(!format!("{hub:?}").contains("hf_file"));
    }
}
