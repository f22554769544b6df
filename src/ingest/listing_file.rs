//! `listing.toml`: what a person states about a listing. Every key is checked by name before its
//! value is read, so that a misspelt key is answered with the one that was meant.

use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;

use super::error::{IngestError, ListingFileError};
use super::open::{PhotoError, read_plain};
use super::options::BracketMode;
use crate::domain::listing::PictureKind;
use crate::domain::room::Room;
use crate::fsx::{classify, decode_text, fs};

/// The file's name inside a listing folder.
pub(super) const NAME: &str = "listing.toml";

const MAX_BYTES: u64 = 1 << 20;
const TOP_KEYS: &[&str] = &["title", "address", "brackets", "photo", "bracket"];
const PHOTO_KEYS: &[&str] = &["file", "room", "group", "order", "skip", "mask", "kind"];
const BRACKET_KEYS: &[&str] = &["files"];

/// What `listing.toml` states.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ListingFile {
    pub(super) title: Option<String>,
    pub(super) address: Option<String>,
    pub(super) brackets: Option<BracketMode>,
    pub(super) photos: Vec<StatedPhoto>,
    /// Files of each stated bracket.
    pub(super) groups: Vec<Vec<String>>,
}

/// What is stated about one photo.
#[derive(Debug, Default, PartialEq)]
pub(super) struct StatedPhoto {
    pub(super) file: String,
    pub(super) room: Option<Room>,
    pub(super) group: Option<String>,
    pub(super) order: Option<u32>,
    pub(super) skip: bool,
    pub(super) mask: Option<String>,
    pub(super) kind: Option<PictureKind>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    title: Option<String>,
    address: Option<String>,
    brackets: Option<String>,
    #[serde(default)]
    photo: Vec<PhotoTable>,
    #[serde(default)]
    bracket: Vec<BracketTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PhotoTable {
    file: String,
    room: Option<String>,
    group: Option<String>,
    order: Option<u32>,
    #[serde(default)]
    skip: bool,
    mask: Option<String>,
    kind: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BracketTable {
    files: Vec<String>,
}

/// Reads the `listing.toml` of a folder; nothing is stated where there is none.
pub(super) fn read(folder: &Path, root: &Path) -> Result<ListingFile, IngestError> {
    let path = folder.join(NAME);
    let fault = |source| IngestError::Fault {
        folder: folder.to_path_buf(),
        file: NAME.to_owned(),
        source,
    };
    match fs::look(&path) {
        Ok(Some(_)) => {}
        Err(error) if classify(&error).is_temporary() => return Err(fault(error)),
        _ => return Ok(ListingFile::default()),
    }
    let wrong = |source| IngestError::ListingFile {
        file: path.clone(),
        source,
    };
    let bytes = match read_plain(&path, root, NAME, MAX_BYTES) {
        Ok(file) => file.bytes,
        Err(PhotoError::Refused { rule, .. }) => {
            return Err(wrong(ListingFileError::Unreadable(rule)));
        }
        Err(error) if error.is_retryable() => return Err(fault(error.into_io())),
        Err(error) => return Err(wrong(ListingFileError::Unreadable(error.to_string()))),
    };
    let text =
        decode_text(&bytes).map_err(|error| wrong(ListingFileError::Syntax(error.to_string())))?;
    parse(&text).map_err(wrong)
}

/// Parses the text of a `listing.toml`.
pub(super) fn parse(text: &str) -> Result<ListingFile, ListingFileError> {
    let syntax =
        |error: toml::de::Error| ListingFileError::Syntax(error.to_string().trim().to_owned());
    let table: toml::Table = toml::from_str(text).map_err(syntax)?;
    check_keys("", &table, TOP_KEYS)?;
    for (name, keys) in [("photo", PHOTO_KEYS), ("bracket", BRACKET_KEYS)] {
        let tables = table.get(name).and_then(toml::Value::as_array);
        for (index, entry) in tables.into_iter().flatten().enumerate() {
            if let Some(entry) = entry.as_table() {
                check_keys(&format!("[[{name}]] number {}, ", index + 1), entry, keys)?;
            }
        }
    }
    let document: Document = toml::from_str(text).map_err(syntax)?;
    let brackets = document
        .brackets
        .map(|text| BracketMode::from_str(&text))
        .transpose()?;
    let mut photos: Vec<StatedPhoto> = Vec::new();
    for (index, table) in document.photo.into_iter().enumerate() {
        let key = format!("[[photo]] number {}", index + 1);
        let room = table
            .room
            .map(|text| Room::from_str(&text))
            .transpose()
            .map_err(|source| ListingFileError::UnknownRoom {
                key: format!("{key}, room"),
                source,
            })?;
        let group = table.group.map(|group| group.trim().to_owned());
        if group
            .as_deref()
            .is_some_and(|group| group.is_empty() || group.len() > 80)
        {
            return Err(ListingFileError::Value {
                key: format!("{key}, group"),
                problem: "a group's name has 1 to 80 bytes".to_owned(),
            });
        }
        if photos
            .iter()
            .any(|photo| same_file(&photo.file, &table.file))
        {
            return Err(ListingFileError::NamedTwice {
                key,
                file: table.file,
            });
        }
        photos.push(StatedPhoto {
            file: table.file,
            room,
            group,
            order: table.order,
            skip: table.skip,
            mask: table.mask,
            kind: table
                .kind
                .map(|text| stated_kind(&key, &text))
                .transpose()?,
        });
    }
    let mut groups: Vec<Vec<String>> = Vec::new();
    for (index, table) in document.bracket.into_iter().enumerate() {
        let key = format!("[[bracket]] number {}, files", index + 1);
        if !(2..=15).contains(&table.files.len()) {
            return Err(ListingFileError::Value {
                key,
                problem: format!(
                    "a bracket has 2 to 15 files, here are {}",
                    table.files.len()
                ),
            });
        }
        for (position, file) in table.files.iter().enumerate() {
            let earlier = groups
                .iter()
                .flatten()
                .chain(table.files.iter().take(position));
            if earlier.into_iter().any(|other| same_file(other, file)) {
                return Err(ListingFileError::NamedTwice {
                    key,
                    file: file.clone(),
                });
            }
        }
        groups.push(table.files);
    }
    Ok(ListingFile {
        title: trimmed(document.title),
        address: trimmed(document.address),
        brackets,
        photos,
        groups,
    })
}

/// A photo or a graphic, said by a person.
fn stated_kind(key: &str, text: &str) -> Result<PictureKind, ListingFileError> {
    match text.trim().to_lowercase().as_str() {
        "photo" => Ok(PictureKind::Photo),
        "graphic" => Ok(PictureKind::Graphic),
        _ => Err(ListingFileError::Value {
            key: format!("{key}, kind"),
            problem: "a picture's kind is `photo` or `graphic`".to_owned(),
        }),
    }
}

fn trimmed(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}

fn check_keys(place: &str, table: &toml::Table, valid: &[&str]) -> Result<(), ListingFileError> {
    for key in table.keys() {
        if !valid.contains(&key.as_str()) {
            return Err(ListingFileError::UnknownKey {
                key: format!("{place}{key}"),
                nearest: nearest(key, valid.iter().copied()).unwrap_or_default(),
            });
        }
    }
    Ok(())
}

/// The candidate with the most similar spelling.
pub(super) fn nearest<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(text, candidate), candidate))
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate.to_owned())
}

/// Whether two texts name the same file: a leading `./` means nothing, and letters with marks may
/// be stored composed or decomposed.
pub(super) fn same_file(left: &str, right: &str) -> bool {
    let plain = |text: &str| -> String { text.strip_prefix("./").unwrap_or(text).nfc().collect() };
    left == right || plain(left) == plain(right)
}
