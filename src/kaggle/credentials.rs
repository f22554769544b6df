//! Signing in: each place where credentials lie is tried until Kaggle accepts one. What it refuses is
//! noted and not sent again, so that a bad token does not spoil a good key.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::http::{Authorization, Secret};

use super::client::Connection;
use super::error::KaggleError;
use super::reference::is_name;
use super::rpc::{Rpc, told};
use super::sources::{CredentialSource, Found, KaggleEnvironment, OAuthFile, Search, is_token};
use super::wire::{
    GenerateToken, GenerateTokenAnswer, IntrospectAnswer, IntrospectToken, Nothing, as_moment,
};

/// An access token that ends sooner than this is renewed first: longer than any call takes.
const MARGIN: SignedDuration = SignedDuration::from_mins(30);

/// How long a new access token is wanted for.
const WANTED: &str = "43200s";

/// What is sent with every call, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Credential {
    pub(super) authorization: Authorization,
    pub(super) source: CredentialSource,
}

impl Credential {
    pub(super) const fn secret(&self) -> &Secret {
        match &self.authorization {
            Authorization::Bearer(secret)
            | Authorization::Basic {
                password: secret, ..
            } => secret,
        }
    }
}

/// Credentials that were found and are not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedSource {
    /// Where they lie.
    pub source: CredentialSource,
    /// Why they are not used; never their value.
    pub reason: String,
}

/// Somebody whom Kaggle accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The user's name, which owns what is made.
    pub user: String,
    /// Where the credentials came from.
    pub source: CredentialSource,
    /// When they end, where that is known: then somebody has to sign in anew.
    pub expires: Option<Timestamp>,
    /// What was found before and not accepted.
    pub refused: Vec<RefusedSource>,
    /// What should be mended: files that others can read, a token that could not be written back.
    pub warnings: Vec<String>,
    pub(super) credential: Credential,
}

/// What was refused, for the end of a sentence.
pub(super) fn refused_text(refused: &[RefusedSource]) -> String {
    let told: Vec<String> = refused
        .iter()
        .map(|refused| format!("{} ({})", refused.source, refused.reason))
        .collect();
    if told.is_empty() {
        String::new()
    } else {
        format!("; not accepted: {}", told.join(", "))
    }
}

/// What became of one place.
enum Outcome {
    Accepted {
        user: String,
        authorization: Authorization,
        expires: Option<Timestamp>,
    },
    Refused(String),
}

impl Connection {
    /// Signs in with the first credentials that Kaggle accepts, in the official client's order: access
    /// token, key, OAuth. A token is checked by `IntrospectToken`, a key by a call that reads.
    ///
    /// # Errors
    /// [`KaggleError::NotSignedIn`] where nothing is found or accepted. Where Kaggle cannot be asked, its
    /// fault: that a good token cannot be checked is no reason to take another account.
    pub fn sign_in(&self, environment: &KaggleEnvironment) -> Result<SignedIn, KaggleError> {
        let Search {
            places,
            looked,
            mut warnings,
        } = Search::new(environment);
        let mut refused = Vec::new();
        for place in places {
            let source = place.source;
            let outcome = match place.found {
                Err(problem) => Outcome::Refused(problem),
                Ok(Found::Token(token)) => self.try_token(token, &source)?,
                Ok(Found::Key { user, key }) => self.try_key(user, key, &source)?,
                Ok(Found::OAuth(file)) => self.try_oauth(file, &source, &mut warnings)?,
            };
            match outcome {
                Outcome::Refused(reason) => refused.push(RefusedSource { source, reason }),
                Outcome::Accepted {
                    user,
                    authorization,
                    expires,
                } => {
                    let credential = Credential {
                        authorization,
                        source: source.clone(),
                    };
                    return Ok(SignedIn {
                        user,
                        source,
                        expires,
                        refused,
                        warnings,
                        credential,
                    });
                }
            }
        }
        Err(KaggleError::NotSignedIn { looked, refused })
    }

    fn try_token(&self, token: Secret, source: &CredentialSource) -> Result<Outcome, KaggleError> {
        let rpc = Rpc::read(
            "security.OAuthService",
            "IntrospectToken",
            format!("checking {source}"),
        );
        let question = IntrospectToken {
            token: token.expose(),
        };
        let credential = Credential {
            authorization: Authorization::Bearer(token.clone()),
            source: source.clone(),
        };
        let answer = self.call::<IntrospectAnswer>(&rpc, Some(&credential), &question);
        let answer = match refusal(answer)? {
            Ok(answer) => answer,
            Err(reason) => return Ok(Outcome::Refused(reason)),
        };
        let expires = answer.expires();
        Ok(if !answer.active {
            Outcome::Refused("Kaggle says that it is not active".to_owned())
        } else if is_name(&answer.username) {
            Outcome::Accepted {
                user: answer.username,
                authorization: credential.authorization,
                expires,
            }
        } else {
            Outcome::Refused("Kaggle does not say whose it is".to_owned())
        })
    }

    /// There is no call that checks a key, so one that reads is made: only 401 says that it is wrong.
    fn try_key(
        &self,
        user: String,
        key: Secret,
        source: &CredentialSource,
    ) -> Result<Outcome, KaggleError> {
        let rpc = Rpc::read(
            "kernels.KernelsApiService",
            "GetAcceleratorQuotaStatistics",
            format!("checking {source}"),
        );
        let credential = Credential {
            authorization: Authorization::Basic {
                user: user.clone(),
                password: key,
            },
            source: source.clone(),
        };
        let answer = self.call::<serde::de::IgnoredAny>(&rpc, Some(&credential), &Nothing {});
        match answer {
            Err(KaggleError::Credentials { message, .. }) => {
                Ok(Outcome::Refused(reason(401, &message)))
            }
            Err(error @ KaggleError::Http { .. }) => Err(error),
            Err(error) if error.is_retryable() => Err(error),
            // Anything else is an answer to somebody whom Kaggle knows.
            Ok(_) | Err(_) => Ok(Outcome::Accepted {
                user,
                authorization: credential.authorization,
                expires: None,
            }),
        }
    }

    fn try_oauth(
        &self,
        mut file: OAuthFile,
        source: &CredentialSource,
        warnings: &mut Vec<String>,
    ) -> Result<Outcome, KaggleError> {
        let ends = file.text("access_token_expiration").and_then(as_moment);
        let soon = self.clock().now() + MARGIN;
        if let Some(token) = file.secret("access_token")
            && ends.is_some_and(|ends| ends > soon)
            && let Outcome::Accepted {
                user,
                authorization,
                expires,
            } = self.try_token(token, source)?
        {
            return Ok(Outcome::Accepted {
                user,
                authorization,
                expires: expires.or(ends),
            });
        }
        let Some(refresh) = file.secret("refresh_token") else {
            return Ok(Outcome::Refused(
                "its access token is at its end, and it has no refresh token".to_owned(),
            ));
        };
        self.refresh(&mut file, &refresh, source, warnings)
    }

    fn refresh(
        &self,
        file: &mut OAuthFile,
        refresh: &Secret,
        source: &CredentialSource,
        warnings: &mut Vec<String>,
    ) -> Result<Outcome, KaggleError> {
        let rpc = Rpc::read(
            "users.AccountService",
            "GenerateAccessToken",
            format!("renewing {source}"),
        );
        let question = GenerateToken {
            refresh_token: refresh.expose(),
            api_version: "API_VERSION_V1",
            expiration_duration: WANTED,
        };
        let answer = match refusal(self.call::<GenerateTokenAnswer>(&rpc, None, &question))? {
            Ok(answer) => answer,
            Err(reason) => return Ok(Outcome::Refused(told(&reason, Some(refresh)))),
        };
        let user = if answer.user_name.is_empty() {
            file.text("username").unwrap_or_default().to_owned()
        } else {
            answer.user_name
        };
        if !is_token(&answer.token) || !is_name(&user) {
            return Ok(Outcome::Refused(
                "Kaggle gave no token for it, or no user name".to_owned(),
            ));
        }
        let token = Secret::new(answer.token);
        // Without a word about it, it is taken for as long as was asked for.
        let lasts = match answer.expires_in {
            0 => 12 * 3_600,
            seconds => seconds.min(366 * 86_400),
        };
        let lasts = Duration::from_secs(lasts);
        let ends = self.clock().now().checked_add(lasts).ok();
        let written = ends.map(|ends| file.renew(&token, &ends.to_string(), &user));
        if let Some(Err(error)) = written {
            warnings.push(format!(
                "the renewed token could not be written to `{}`: {error}",
                file.path.display()
            ));
        }
        Ok(Outcome::Accepted {
            user,
            authorization: Authorization::Bearer(token),
            expires: ends,
        })
    }
}

/// An answer, or why Kaggle refuses the credentials, or a fault that says nothing about them.
fn refusal<T>(answer: Result<T, KaggleError>) -> Result<Result<T, String>, KaggleError> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(KaggleError::Credentials { message, .. }) => Ok(Err(reason(401, &message))),
        Err(
            KaggleError::NotFound {
                status, message, ..
            }
            | KaggleError::Status {
                status: status @ (400 | 401),
                message,
                ..
            },
        ) => Ok(Err(reason(status, &message))),
        Err(error) => Err(error),
    }
}

fn reason(status: u16, message: &str) -> String {
    if message.is_empty() {
        format!("Kaggle answered {status}")
    } else {
        format!("Kaggle answered {status}: {message}")
    }
}

impl IntrospectAnswer {
    fn expires(&self) -> Option<Timestamp> {
        let seconds = i64::try_from(self.exp)
            .ok()
            .filter(|seconds| *seconds > 0)?;
        Timestamp::from_second(seconds).ok()
    }
}
