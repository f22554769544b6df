//! Who is asking: access tokens, legacy keys and the tokens that OAuth gives out.

use data_encoding::BASE64;
use serde::Serialize;
use serde_json::{Value, json};

use super::rpc::{RpcError, text};
use super::settings::User;
use super::state::{IssuedToken, State};

/// Where a request's permission comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuthSource {
    /// No `Authorization`.
    None,
    /// An access token.
    Token,
    /// Name and legacy key.
    Basic,
    /// A token that a refresh token was exchanged for.
    #[serde(rename = "oauth")]
    OAuth,
    /// An `Authorization` that names nobody.
    Refused,
}

/// Who is asking, and how that is known.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) source: AuthSource,
    pub(crate) user: Option<String>,
}

impl Caller {
    fn known(source: AuthSource, user: &str) -> Self {
        Self {
            source,
            user: Some(user.to_owned()),
        }
    }
}

/// Reads an `Authorization` header.
pub(crate) fn identify(header: Option<&str>, users: &[User], state: &State, now: u64) -> Caller {
    let refused = Caller {
        source: AuthSource::Refused,
        user: None,
    };
    let Some(header) = header else {
        return Caller {
            source: AuthSource::None,
            user: None,
        };
    };
    let Some((scheme, value)) = header.split_once(' ') else {
        return refused;
    };
    if scheme.eq_ignore_ascii_case("bearer") {
        if let Some(user) = users.iter().find(|user| has_token(user, value)) {
            return Caller::known(AuthSource::Token, &user.name);
        }
        return match state.issued.get(value) {
            Some(issued) if now < issued.expires_ms => {
                Caller::known(AuthSource::OAuth, &issued.user)
            }
            _ => refused,
        };
    }
    let pair = BASE64
        .decode(value.trim().as_bytes())
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_default();
    let (name, key) = pair.split_once(':').unwrap_or_default();
    users
        .iter()
        .find(|user| user.name == name && user.key.as_deref() == Some(key))
        .map_or(refused, |user| Caller::known(AuthSource::Basic, &user.name))
}

fn has_token(user: &User, token: &str) -> bool {
    user.tokens.iter().any(|known| known == token)
}

/// Whether a text holds a secret of one of the users.
pub(crate) fn holds_secret(text: &str, users: &[User], state: &State) -> bool {
    let fixed = users.iter().flat_map(|user| {
        user.tokens
            .iter()
            .chain(&user.key)
            .chain(&user.refresh_tokens)
    });
    fixed
        .chain(state.issued.keys())
        .any(|secret| text.contains(secret.as_str()))
}

/// `IntrospectToken`: what an access token is worth.
pub(crate) fn introspect(body: &Value, users: &[User], state: &State, now: u64) -> Value {
    let token = text(body, "token");
    let (name, expires_ms) = match users.iter().find(|user| has_token(user, token)) {
        Some(user) => (user.name.as_str(), now + 30 * 86_400_000),
        None => match state.issued.get(token) {
            Some(issued) if now < issued.expires_ms => (issued.user.as_str(), issued.expires_ms),
            _ => return json!({ "active": false }),
        },
    };
    let id = users
        .iter()
        .find(|user| user.name == name)
        .map_or(0, |user| user.id);
    json!({
        "active": true, "clientId": "", "username": name, "userId": id,
        "scope": "resources.admin:*", "exp": expires_ms / 1_000,
    })
}

/// `GenerateAccessToken`: an access token for a refresh token.
pub(crate) fn generate(
    body: &Value,
    users: &[User],
    state: &mut State,
    now: u64,
) -> Result<Value, RpcError> {
    let refresh = text(body, "refreshToken");
    let user = users
        .iter()
        .find(|user| user.refresh_tokens.iter().any(|known| known == refresh))
        .ok_or_else(|| RpcError::new(401, "Unauthenticated"))?;
    let wanted = text(body, "expirationDuration").trim_end_matches('s');
    let seconds = wanted
        .parse::<f64>()
        .unwrap_or(43_200.0)
        .clamp(1.0, 86_400.0);
    let seconds = std::time::Duration::from_secs_f64(seconds).as_secs();
    let token = format!("KGAT_{}", state.opaque("access token"));
    state.issued.insert(
        token.clone(),
        IssuedToken {
            user: user.name.clone(),
            expires_ms: now + seconds * 1_000,
        },
    );
    Ok(json!({
        "token": token, "expiresIn": seconds, "userName": user.name, "userId": user.id,
    }))
}
