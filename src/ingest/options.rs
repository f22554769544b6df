//! What the caller decides about reading a folder.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::domain::room::Room;
use crate::imaging::DecodeLimits;

/// How a folder is read.
#[derive(Clone, Debug, PartialEq)]
pub struct IngestOptions {
    /// Whether folders inside the folder are read too.
    pub recursive: bool,
    /// Largest file and largest picture.
    pub limits: DecodeLimits,
    /// Photos beyond this number, in natural order, are left out.
    pub max_photos: usize,
    /// Pictures with a shorter side in pixels are icons, not photos.
    pub min_side: u32,
    /// How brackets are found; `None` leaves it to `listing.toml`, and to [`BracketMode::Auto`]
    /// where that does not say it either.
    pub brackets: Option<BracketMode>,
    /// Rooms by file name from the command line: the name, its stem, or a pattern with `*` and `?`.
    /// The last that fits decides.
    pub rooms: Vec<(String, Room)>,
    /// Title from the command line; it goes before that of `listing.toml`.
    pub title: Option<String>,
    /// Homes of remedia, which are not entered. Others are known by what lies in them.
    pub homes: Vec<PathBuf>,
    /// Folders that deliveries were made into, which are not entered, whatever is left in them.
    pub deliveries: Vec<PathBuf>,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self {
            recursive: false,
            limits: DecodeLimits::default(),
            max_photos: 2000,
            min_side: 16,
            brackets: None,
            rooms: Vec::new(),
            title: None,
            homes: Vec::new(),
            deliveries: Vec::new(),
        }
    }
}

/// How exposure brackets are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BracketMode {
    /// What `listing.toml` states, then what file names say, then what EXIF shows.
    Auto,
    /// Every file is a photo of its own; what `listing.toml` states still holds.
    Off,
    /// Each so many files in natural order are one bracket: 2 to 15.
    Every(usize),
}

/// A text that is no bracket mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no way to group brackets; use `auto`, `off`, or the number of exposures per view, 2 to 15"
)]
pub struct InvalidBracketMode(pub String);

impl FromStr for BracketMode {
    type Err = InvalidBracketMode;

    fn from_str(text: &str) -> Result<Self, InvalidBracketMode> {
        match text.trim() {
            "auto" => Ok(Self::Auto),
            "off" => Ok(Self::Off),
            number => number
                .parse()
                .ok()
                .filter(|exposures| (2..=15).contains(exposures))
                .map(Self::Every)
                .ok_or_else(|| InvalidBracketMode(text.to_owned())),
        }
    }
}

impl fmt::Display for BracketMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => formatter.pad("auto"),
            Self::Off => formatter.pad("off"),
            Self::Every(exposures) => write!(formatter, "{exposures}"),
        }
    }
}
