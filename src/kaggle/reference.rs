//! Names of datasets and kernels: an owner and a slug.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::fsx::printable;

/// A text that names no dataset and no kernel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no `owner/slug` of letters, digits, hyphens, underscores and points")]
pub struct ReferenceError(String);

/// `owner/slug`, as Kaggle names a dataset or a kernel. Safe to put into an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    owner: String,
    slug: String,
}

impl Reference {
    /// The thing that `owner` calls `slug`.
    ///
    /// # Errors
    /// [`ReferenceError`] for a part that is empty, longer than 100 bytes, or has other characters.
    pub fn new(owner: &str, slug: &str) -> Result<Self, ReferenceError> {
        if is_name(owner) && is_name(slug) {
            Ok(Self {
                owner: owner.to_owned(),
                slug: slug.to_owned(),
            })
        } else {
            let text: String = format!("{owner}/{slug}").chars().take(200).collect();
            Err(ReferenceError(printable(&text)))
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Its name among its owner's.
    #[must_use]
    pub fn slug(&self) -> &str {
        &self.slug
    }
}

/// Whether a text can be a part of a reference.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && text.len() <= 100 && text.bytes().all(plain) && !text.starts_with('.')
}

/// Reads `owner/slug` out of everything that the service calls a reference: `owner/slug`,
/// `/owner/slug`, `/code/owner/slug`, `datasets/owner/slug`, or the address of a page.
impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let refused = || {
            let shown: String = text.chars().take(200).collect();
            ReferenceError(printable(&shown))
        };
        let path = match text.split_once("://") {
            Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
            None => text,
        };
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        if parts.len() > 2 && matches!(parts.first(), Some(&("code" | "datasets" | "kernels"))) {
            parts.remove(0);
        }
        match *parts.as_slice() {
            [owner, slug] => Self::new(owner, slug).map_err(|_| refused()),
            _ => Err(refused()),
        }
    }
}

impl TryFrom<String> for Reference {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.to_string()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.owner, self.slug)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_of_the_service_is_read() {
        for text in [
            "tester/remedia-run",
            "/tester/remedia-run",
            "/code/tester/remedia-run",
            "datasets/tester/remedia-run",
            "https://www.kaggle.com/code/tester/remedia-run",
            "https://www.kaggle.com/datasets/tester/remedia-run?select=x",
        ] {
            let read: Reference = text.parse().unwrap();
            assert_eq!(read.to_string(), "tester/remedia-run", "{text}");
        }
        for wrong in [
            "",
            "tester",
            "a/b/c",
            "a/..",
            "a/b c",
            "https://www.kaggle.com/",
            "a\n/b",
        ] {
            assert!(wrong.parse::<Reference>().is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_can_stand_in_an_address(text in ".{0,60}") {
            if let Ok(reference) = text.parse::<Reference>() {
                let shown = reference.to_string();
                prop_assert!(shown.bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert!(!shown.contains("..") || !shown.split('/').any(|part| part == ".."));
                prop_assert_eq!(shown.parse::<Reference>(), Ok(reference));
            }
        }
    }
}
