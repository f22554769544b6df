//! Calls: time limits, proxies, redirects, and an authorisation that stays where it belongs.

use std::fmt;
use std::io::Read;
use std::net::IpAddr;
use std::time::Duration;

use data_encoding::BASE64;
use ureq::http::{self, Uri};
use ureq::{Agent, AsSendBody, Proxy, ProxyProtocol, RequestExt as _, SendBody};

use crate::clock::Clock;

use super::error::HttpError;
use super::place::{checked, redirected, shown};
use super::response::{Headers, Hop, Response};
use super::secret::Secret;

/// So many redirects are followed in a row.
const MOST_HOPS: usize = 5;

/// Limits of time. ureq has none of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Finding the address, connecting and agreeing on the encryption.
    pub connect: Duration,
    /// From the end of the question to the end of the answer's headers.
    pub response: Duration,
    /// The longest pause inside a body. There is no limit on the whole: a large file may take hours.
    pub pause: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            response: Duration::from_secs(60),
            pause: Duration::from_secs(60),
        }
    }
}

/// Proxies, as the environment usually names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `https` addresses; may hold a password.
    pub https: Option<Secret>,
    /// For `http` addresses; may hold a password.
    pub http: Option<Secret>,
    /// Hosts that are reached without one: `host`, `.domain` or `*`.
    pub bypass: Vec<String>,
}

impl Proxies {
    fn of(&self, uri: &Uri) -> Result<Option<Proxy>, HttpError> {
        // No proxy knows this machine by that name, and what is said inside it stays inside it.
        if is_inside(uri) {
            return Ok(None);
        }
        let wanted = if uri.scheme_str() == Some("https") {
            &self.https
        } else {
            &self.http
        };
        let Some(wanted) = wanted else {
            return Ok(None);
        };
        let unusable = |_| HttpError::Address {
            place: "of the proxy".to_owned(),
            problem: "it is no address of a proxy; look at HTTPS_PROXY, HTTP_PROXY and ALL_PROXY"
                .to_owned(),
        };
        let parsed = Proxy::new(wanted.expose()).map_err(unusable)?;
        let protocol: ProxyProtocol = parsed.protocol();
        let mut builder = Proxy::builder(protocol)
            .host(parsed.host())
            .port(parsed.port());
        if let Some(user) = parsed.username() {
            builder = builder.username(user);
        }
        if let Some(password) = parsed.password() {
            builder = builder.password(password);
        }
        for host in &self.bypass {
            builder = builder.no_proxy(host);
        }
        builder.build().map(Some).map_err(unusable)
    }
}

/// How a client behaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientOptions {
    /// Limits of time.
    pub timeouts: Timeouts,
    /// Proxies.
    pub proxies: Proxies,
}

/// What is done at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Fetch.
    Get,
    /// Fetch the headers alone.
    Head,
    /// Hand over.
    Post,
    /// Put in place.
    Put,
    /// Remove.
    Delete,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// A token.
    Bearer(Secret),
    /// A user with a password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
}

impl Authorization {
    const fn secret(&self) -> &Secret {
        match self {
            Self::Bearer(secret)
            | Self::Basic {
                password: secret, ..
            } => secret,
        }
    }

    fn header(&self) -> String {
        match self {
            Self::Bearer(token) => format!("Bearer {}", token.expose()),
            Self::Basic { user, password } => {
                let pair = format!("{user}:{}", password.expose());
                format!("Basic {}", BASE64.encode(pair.as_bytes()))
            }
        }
    }
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    method: Method,
    url: String,
    headers: Vec<(&'static str, String)>,
    authorization: Option<Authorization>,
    body: Vec<u8>,
    follows: bool,
    whole: Option<Duration>,
}

impl Request {
    /// A call to `url`.
    #[must_use]
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: Vec::new(),
            authorization: None,
            body: Vec::new(),
            follows: true,
            whole: None,
        }
    }

    /// The same with a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same with an authorisation, which is given to the host of this call alone and never sent
    /// on after a redirect.
    #[must_use]
    pub fn authorization(mut self, authorization: Option<Authorization>) -> Self {
        self.authorization = authorization;
        self
    }

    /// The same, given the answer as it is where it is a redirect (a resumable upload uses 308 for
    /// something else).
    #[must_use]
    pub fn without_redirects(mut self) -> Self {
        self.follows = false;
        self
    }

    /// The same with a limit on the time that the whole body of the answer may take.
    #[must_use]
    pub fn whole_answer_within(mut self, limit: Duration) -> Self {
        self.whole = Some(limit);
        self
    }

    /// The same with a body.
    #[must_use]
    pub fn body(mut self, kind: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = bytes.into();
        self.header("content-type", kind)
    }
}

/// The client. Cloning it is cheap and shares its connections.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    proxies: Proxies,
    clock: Clock,
}

impl Client {
    /// A client; `clock` dates what a server asks to wait until.
    #[must_use]
    pub fn new(options: ClientOptions, clock: Clock) -> Self {
        let Timeouts {
            connect,
            response,
            pause,
        } = options.timeouts;
        let config = Agent::config_builder()
            .user_agent(concat!("remedia/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // The environment is read in one place, and what it says comes in the options.
            .proxy(None)
            .timeout_resolve(Some(connect))
            .timeout_connect(Some(connect))
            .timeout_send_request(Some(response))
            .timeout_recv_response(Some(response))
            .timeout_per_read(Some(pause))
            .timeout_per_write(Some(pause))
            .build();
        Self {
            agent: Agent::new_with_config(config),
            proxies: options.proxies,
            clock,
        }
    }

    /// Calls and gives the answer with any status, redirects followed. The body is still to be read.
    ///
    /// # Errors
    /// [`HttpError`], except [`HttpError::Status`]: see [`Response::success`].
    pub fn send(&self, request: &Request) -> Result<Response, HttpError> {
        self.run(request, None)
    }

    /// Calls with a body of `length` bytes that is read while it is sent, so that a file of any size
    /// takes no memory, and gives the answer with any status. `body` has to give exactly that many
    /// bytes or an error; it is not sent twice.
    ///
    /// # Errors
    /// As [`Self::send`]. An error of `body` ends the call with a fault of the connection: the caller
    /// has to look at `body` first.
    pub fn send_streamed(
        &self,
        request: &Request,
        body: &mut dyn Read,
        length: u64,
    ) -> Result<Response, HttpError> {
        self.run(request, Some((body, length)))
    }

    fn run(
        &self,
        request: &Request,
        mut streamed: Option<(&mut dyn Read, u64)>,
    ) -> Result<Response, HttpError> {
        let address = |problem| HttpError::Address {
            place: shown(&request.url),
            problem,
        };
        let mut uri = checked(&request.url).map_err(address)?;
        let mut method = request.method;
        let mut hops = Vec::new();
        loop {
            let place = shown(&uri.to_string());
            let answer = self.call(request, method, &uri, hops.is_empty(), streamed.take())?;
            let (head, body) = answer.into_parts();
            let status = head.status.as_u16();
            let headers = Headers::new(head.headers);
            let location = (request.follows && matches!(status, 301 | 302 | 303 | 307 | 308))
                .then(|| headers.get("location").map(ToOwned::to_owned))
                .flatten();
            let Some(location) = location else {
                return Ok(Response {
                    status,
                    headers,
                    hops,
                    place,
                    body: Box::new(body.into_with_config().limit(u64::MAX).reader()),
                    now: self.clock.now(),
                    secret: request
                        .authorization
                        .as_ref()
                        .map(|authorization| authorization.secret().clone()),
                });
            };
            let refused = |problem: String| HttpError::Redirect {
                place: place.clone(),
                problem,
            };
            if hops.len() == MOST_HOPS {
                return Err(refused(format!("it is number {} in a row", MOST_HOPS + 1)));
            }
            if status == 303 && method != Method::Head {
                method = Method::Get;
            }
            if !matches!(method, Method::Get | Method::Head) {
                return Err(refused(
                    "a call that changes something is not repeated".to_owned(),
                ));
            }
            uri = redirected(&uri, &location).map_err(refused)?;
            hops.push(Hop { status, headers });
        }
    }

    fn call(
        &self,
        request: &Request,
        method: Method,
        uri: &Uri,
        first: bool,
        streamed: Option<(&mut dyn Read, u64)>,
    ) -> Result<http::Response<ureq::Body>, HttpError> {
        let place = shown(&uri.to_string());
        let mut builder = http::Request::builder().uri(uri).method(match method {
            Method::Get => http::Method::GET,
            Method::Head => http::Method::HEAD,
            Method::Post => http::Method::POST,
            Method::Put => http::Method::PUT,
            Method::Delete => http::Method::DELETE,
        });
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        if first && let Some(authorization) = &request.authorization {
            if !keeps_secrets(uri) {
                return Err(HttpError::Address {
                    place,
                    problem: "a token is not sent without encryption".to_owned(),
                });
            }
            builder = builder.header("authorization", authorization.header());
        }
        let proxy = self.proxies.of(uri)?;
        let unsendable = |_| HttpError::Address {
            place: place.clone(),
            problem: "a header has characters that are not allowed there".to_owned(),
        };
        let within = request.whole;
        let answered = match streamed {
            Some((body, length)) => {
                // With its length the body is not sent in chunks, which storage does not take.
                let builder = builder.header("content-length", length);
                let call = builder
                    .body(SendBody::from_reader(body))
                    .map_err(unsendable)?;
                self.dispatch(call, proxy, within)
            }
            None if matches!(method, Method::Post | Method::Put) => {
                let call = builder.body(request.body.clone()).map_err(unsendable)?;
                self.dispatch(call, proxy, within)
            }
            None => self.dispatch(builder.body(()).map_err(unsendable)?, proxy, within),
        };
        answered.map_err(|error| HttpError::of(&place, error, false))
    }

    fn dispatch(
        &self,
        call: http::Request<impl AsSendBody>,
        proxy: Option<Proxy>,
        within: Option<Duration>,
    ) -> Result<http::Response<ureq::Body>, ureq::Error> {
        let call = call.with_agent(&self.agent).configure().proxy(proxy);
        match within {
            Some(limit) => call.timeout_recv_body(Some(limit)).run(),
            None => call.run(),
        }
    }
}

/// Whether a token may be sent there: encrypted, or inside this machine.
fn keeps_secrets(uri: &Uri) -> bool {
    uri.scheme_str() == Some("https") || is_inside(uri)
}

/// Whether an address is one of this machine.
fn is_inside(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Whether `url` can be called: `http` or `https`, a host, no user inside.
///
/// # Errors
/// [`HttpError::Address`] with what is wrong.
pub fn check_address(url: &str) -> Result<(), HttpError> {
    match checked(url) {
        Ok(_) => Ok(()),
        Err(problem) => Err(HttpError::Address {
            place: shown(url),
            problem,
        }),
    }
}

/// Whether a token may be sent to `url`: over https, or inside this machine.
#[must_use]
pub fn may_carry_secrets(url: &str) -> bool {
    checked(url).is_ok_and(|uri| keeps_secrets(&uri))
}

/// Whether `url` is an address of this machine, which a call does not leave.
#[must_use]
pub fn is_loopback(url: &str) -> bool {
    checked(url).is_ok_and(|uri| is_inside(&uri))
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("proxies", &self.proxies)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leaves_this_machine_only_encrypted() {
        for good in [
            "https://hub.example/x",
            "http://127.0.0.1:9/x",
            "http://[::1]:9/x",
            "http://localhost/x",
        ] {
            assert!(may_carry_secrets(good), "{good}");
        }
        for bad in [
            "http://hub.example/x",
            "http://127.0.0.1.example/",
            "ftp://localhost",
        ] {
            assert!(!may_carry_secrets(bad), "{bad}");
        }
        let client = Client::new(ClientOptions::default(), Clock::system());
        let token = Authorization::Bearer(Secret::new("s3cret"));
        let request = Request::new(Method::Get, "http://hub.example/x").authorization(Some(token));
        let fault = client.send(&request).unwrap_err();
        assert!(matches!(fault, HttpError::Address { .. }), "{fault:?}");
        assert!(!format!("{request:?} {client:?} {fault:?}").contains("s3cret"));
    }

    #[test]
    fn a_proxy_with_a_password_is_used_and_not_shown() {
        let proxies = Proxies {
            https: Some(Secret::new("http://user:s3cret@proxy.example:3128")),
            http: None,
            bypass: vec![".inside.example".to_owned()],
        };
        let outside: Uri = "https://hub.example/".parse().unwrap();
        let inside: Uri = "https://a.inside.example/".parse().unwrap();
        let proxy = proxies.of(&outside).unwrap().unwrap();
        assert_eq!((proxy.host(), proxy.port()), ("proxy.example", 3128));
        assert_eq!(proxy.password(), Some("s3cret"));
        assert!(!proxy.is_no_proxy(&outside) && proxy.is_no_proxy(&inside));
        assert!(proxies.of(&"http://x/".parse().unwrap()).unwrap().is_none());
        assert!(!format!("{proxies:?}").contains("s3cret"));
        let own: Uri = "https://127.0.0.1:9/".parse().unwrap();
        assert!(proxies.of(&own).unwrap().is_none());
        let wrong = Proxies {
            https: Some(Secret::new("no proxy at all")),
            ..Proxies::default()
        };
        assert!(wrong.of(&outside).is_err());
    }
}
