//! Identities made from content, so that the same photo and the same job are found again whatever
//! they are called and wherever they lie.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Hexadecimal digits kept of a photo's blake3 digest: 128 bits, far beyond accidental collision.
const PHOTO_ID_DIGITS: usize = 32;

/// The identity of one photo: the first 128 bits of the blake3 digest of the file's bytes, as 32
/// lower-case hexadecimal digits. A renamed file keeps it; an edited file gets another.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[0-9a-f]{32}$"))]
pub struct PhotoId(String);

/// A text that is not an identity of the kind asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind}: {rule}")]
pub struct InvalidId {
    text: String,
    kind: &'static str,
    rule: &'static str,
}

impl PhotoId {
    /// The identity of a photo whose file has this blake3 digest.
    #[must_use]
    pub fn from_digest(digest: &blake3::Hash) -> Self {
        let mut digits = digest.to_hex().to_string();
        digits.truncate(PHOTO_ID_DIGITS);
        Self(digits)
    }

    /// All 32 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 10 digits, enough to name a photo to a person.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..10]
    }
}

impl TryFrom<String> for PhotoId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        let valid = text.len() == PHOTO_ID_DIGITS
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if valid {
            Ok(Self(text))
        } else {
            Err(InvalidId {
                text,
                kind: "photo id",
                rule: "it has 32 lower-case hexadecimal digits",
            })
        }
    }
}

impl FromStr for PhotoId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::try_from(text.to_owned())
    }
}

impl From<PhotoId> for String {
    fn from(id: PhotoId) -> Self {
        id.0
    }
}

impl fmt::Display for PhotoId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The identity of one job: the listing's slug, a hyphen and 12 hexadecimal digits of the digest of
/// photos, settings and engine version; a job forced anew carries `-2`, `-3`, … behind it.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[a-z0-9][a-z0-9-]{0,78}[a-z0-9]$"))]
pub struct JobId(String);

impl JobId {
    /// Makes the identity from the listing's `slug`, the job `key` (a blake3 digest) and the
    /// `ordinal` of this run of the same key (1 for the first).
    #[must_use]
    pub fn new(slug: &str, key: &blake3::Hash, ordinal: u32) -> Self {
        let digits = &key.to_hex()[..12];
        if ordinal <= 1 {
            Self(format!("{slug}-{digits}"))
        } else {
            Self(format!("{slug}-{digits}-{ordinal}"))
        }
    }

    /// The identity as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for JobId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        let bytes = text.as_bytes();
        let inner = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'-');
        let valid = (2..=80).contains(&bytes.len())
            && bytes.iter().all(inner)
            && bytes.first() != Some(&b'-')
            && bytes.last() != Some(&b'-');
        if valid {
            Ok(Self(text))
        } else {
            Err(InvalidId {
                text,
                kind: "job id",
                rule: "it has 2 to 80 lower-case letters, digits and hyphens",
            })
        }
    }
}

impl FromStr for JobId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::try_from(text.to_owned())
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> Self {
        id.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Turns a title or folder name into 1 to 40 characters of lower-case ASCII letters, digits and
/// single hyphens; letters with marks lose the marks, everything else becomes a hyphen.
#[must_use]
pub fn slug(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    let mut slug = String::new();
    for character in text.nfkd().flat_map(char::to_lowercase) {
        match character {
            'a'..='z' | '0'..='9' => slug.push(character),
            'ß' => slug.push_str("ss"),
            'ø' => slug.push('o'),
            'æ' => slug.push_str("ae"),
            'ł' => slug.push('l'),
            '\u{300}'..='\u{36f}' | '\'' | '’' => {}
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    slug.truncate(40);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() {
        "listing".to_owned()
    } else {
        slug.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photo_id_accepts_only_its_own_form() {
        let id = PhotoId::from_digest(&blake3::hash(b"photo"));
        assert_eq!(id.as_str().len(), 32);
        assert_eq!(id.as_str().parse::<PhotoId>().unwrap(), id);
        for text in ["", "abc", "G".repeat(32).as_str(), "A".repeat(32).as_str()] {
            assert!(text.parse::<PhotoId>().is_err(), "{text}");
        }
    }

    #[test]
    fn forced_job_gets_its_own_identity() {
        let key = blake3::hash(b"job");
        let first = JobId::new("maple-street", &key, 1);
        let second = JobId::new("maple-street", &key, 2);
        assert_ne!(first, second);
        assert!(second.as_str().starts_with(first.as_str()));
        assert_eq!(second.as_str().parse::<JobId>().unwrap(), second);
        for text in ["", "-a", "a-", "../a", "A b", "a".repeat(81).as_str()] {
            assert!(text.parse::<JobId>().is_err(), "{text}");
        }
    }

    #[test]
    fn slugs_are_plain_ascii() {
        for (text, expected) in [
            ("Maple Street", "maple-street"),
            ("  12, Rue de l’Église — été ", "12-rue-de-leglise-ete"),
            ("Große Straße 7", "grosse-strasse-7"),
            ("🏠", "listing"),
            ("../../etc", "etc"),
        ] {
            assert_eq!(slug(text), expected);
        }
        assert!(slug(&"x".repeat(300)).len() <= 40);
    }
}
