//! The operations that can be asked for, and how the person asked.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is done to a photo.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Classic enhancement: light, colour, noise, verticals. Adds, removes and moves nothing.
    Enhance,
    /// Virtual staging: furniture is generated into an empty room.
    Stage,
    /// A tour video from the finished photos.
    Video,
}

impl OperationKind {
    /// Every operation, in the order in which they are done.
    pub const ALL: &'static [Self] = &[Self::Enhance, Self::Stage, Self::Video];

    /// The name used on the command line and in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enhance => "enhance",
            Self::Stage => "stage",
            Self::Video => "video",
        }
    }

    /// Whether the operation must know which room the photo shows.
    #[must_use]
    pub const fn needs_room(self) -> bool {
        matches!(self, Self::Stage)
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A text that names no operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an operation; use `auto`, or a list of `enhance`, `stage`, `video`")]
pub struct UnknownOperation(pub String);

impl FromStr for OperationKind {
    type Err = UnknownOperation;

    fn from_str(text: &str) -> Result<Self, UnknownOperation> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| UnknownOperation(text.to_owned()))
    }
}

/// How operations were asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OperationRequest {
    /// Everything that this machine and the named provider can do; the rest is skipped and said so.
    Auto,
    /// Exactly these; one that cannot be done is refused before anything starts.
    Named(Vec<OperationKind>),
}

impl FromStr for OperationRequest {
    type Err = UnknownOperation;

    /// `auto`, or operation names separated by commas.
    fn from_str(text: &str) -> Result<Self, UnknownOperation> {
        if text.trim() == "auto" {
            return Ok(Self::Auto);
        }
        let mut kinds = Vec::new();
        for name in text.split(',') {
            let kind: OperationKind = name.trim().parse()?;
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        kinds.sort_unstable();
        Ok(Self::Named(kinds))
    }
}
