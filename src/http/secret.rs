//! A text that must not be printed.

use std::fmt;

/// A token or a password. It prints itself as `…`, whatever it stands in.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the request that needs it and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `text` without this secret, for what a server says back.
    #[must_use]
    pub fn redacted(&self, text: &str) -> String {
        if self.0.is_empty() {
            text.to_owned()
        } else {
            text.replace(&self.0, "…")
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_prints_nothing_of_itself() {
        let secret = Secret::new("hf_abc");
        assert_eq!(format!("{secret:?} {secret}"), "… …");
        assert_eq!(format!("{:?}", Some(&secret)), "Some(…)");
        assert_eq!(secret.redacted("token hf_abc is bad"), "token … is bad");
    }
}
