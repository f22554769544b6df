//! The one HTTP client of remedia: blocking, with time limits on every part of a call, and with faults
//! that say whether trying again can help. It follows redirects itself, so that an authorisation
//! never leaves the host that it is meant for.

mod client;
mod error;
mod place;
mod response;
mod secret;

pub use client::{
    Authorization, Client, ClientOptions, Method, Proxies, Request, Timeouts, check_address,
    is_loopback, may_carry_secrets,
};
pub use error::HttpError;
pub use response::{Headers, Hop, Response};
pub use secret::Secret;
