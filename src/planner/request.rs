//! What is asked of planning, and how it is refused.

use crate::domain::capabilities::{Capabilities, LOCAL_PROVIDER};
use crate::domain::enhancement::Look;
use crate::domain::judgement::JudgingRules;
use crate::domain::listing::Listing;
use crate::domain::nearest::nearest;
use crate::domain::operation::{OperationKind, OperationRequest};
use crate::domain::plan::{
    Decision, LARGEST_SEED, MOST_ATTEMPTS, PlannedPhoto, RemoteSession, SkipCode,
};
use crate::domain::step::StepOverride;
use crate::fsx::printable;

/// What was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanRequest {
    /// Which operations.
    pub operations: OperationRequest,
    /// The provider for what this machine does not do itself; `local` for none.
    pub provider: String,
    /// The job's seed, at most [`LARGEST_SEED`].
    pub seed: u64,
    /// Attempts allowed for each operation whose result depends on chance, 1 to 20.
    pub max_attempts: u32,
    /// Steps of the enhancement that a person fixes, over those of the style.
    pub overrides: Vec<StepOverride>,
    /// A look instead of the style's.
    pub look: Option<Look>,
    /// How results are judged.
    pub judging: JudgingRules,
    /// What a session elsewhere is given beside the order.
    pub session: RemoteSession,
}

impl Default for PlanRequest {
    fn default() -> Self {
        Self {
            operations: OperationRequest::Auto,
            provider: LOCAL_PROVIDER.to_owned(),
            seed: 0,
            max_attempts: 3,
            overrides: Vec::new(),
            look: None,
            judging: JudgingRules::default(),
            session: RemoteSession::default(),
        }
    }
}

/// Why no plan is made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// There is nothing to plan for.
    #[error("the listing has no usable photo{}", left_out_summary(*.left_out))]
    NoPhotos {
        /// Files that were left out, each with its reason in the listing.
        left_out: usize,
    },
    /// No provider has this name.
    #[error("there is no provider `{name}`; nearest is `{nearest}`")]
    UnknownProvider {
        /// What was asked for.
        name: String,
        /// The most similar name.
        nearest: String,
    },
    /// An operation that was named cannot be done.
    #[error("operation `{operation}` is refused: {reason}")]
    Refused {
        /// Which operation.
        operation: OperationKind,
        /// Why, as a closed list.
        code: SkipCode,
        /// Why, for people; names every photo that it concerns.
        reason: String,
        /// What makes it possible.
        hint: String,
    },
    /// A number is out of range.
    #[error("{what} is {value}; {low} to {high} is allowed")]
    OutOfRange {
        /// Which number.
        what: &'static str,
        /// What was asked for.
        value: u64,
        /// Lowest allowed.
        low: u64,
        /// Highest allowed.
        high: u64,
    },
    /// The listing contradicts itself.
    #[error("the listing names photo {0} in a bracket but does not have it; read the folder again")]
    BracketWithoutPhoto(String),
}

fn left_out_summary(left_out: usize) -> String {
    match left_out {
        0 => String::new(),
        1 => "; 1 file was left out".to_owned(),
        count => format!("; {count} files were left out"),
    }
}

pub(super) fn check(
    listing: &Listing,
    capabilities: &Capabilities,
    request: &PlanRequest,
) -> Result<(), PlanError> {
    let names = capabilities.provider_names();
    if !names.contains(&request.provider.as_str()) {
        return Err(PlanError::UnknownProvider {
            name: request.provider.clone(),
            nearest: nearest(&request.provider, names)
                .unwrap_or(LOCAL_PROVIDER)
                .to_owned(),
        });
    }
    for (what, value, low, high) in [
        (
            "the number of attempts",
            u64::from(request.max_attempts),
            1,
            u64::from(MOST_ATTEMPTS),
        ),
        ("the seed", request.seed, 0, LARGEST_SEED),
    ] {
        if !(low..=high).contains(&value) {
            return Err(PlanError::OutOfRange {
                what,
                value,
                low,
                high,
            });
        }
    }
    if listing.photos.is_empty() {
        return Err(PlanError::NoPhotos {
            left_out: listing.left_out.len(),
        });
    }
    Ok(())
}

/// Refuses a named operation that no picture gets, and one that some picture cannot get until a person
/// says more. Pictures that it makes no sense for do not stop it for the others.
pub(super) fn refuse_if_impossible(
    kind: OperationKind,
    photos: &[PlannedPhoto],
) -> Result<(), PlanError> {
    let mut runs = false;
    let mut unknown: Vec<&str> = Vec::new();
    let mut first: Option<(SkipCode, &str, &str)> = None;
    for photo in photos {
        for operation in photo
            .operations
            .iter()
            .filter(|operation| operation.kind == kind)
        {
            match &operation.decision {
                Decision::Run { .. } => runs = true,
                Decision::Skip { code, reason, hint } => {
                    if *code == SkipCode::RoomUnknown {
                        unknown.push(&photo.file);
                    }
                    // What nothing here can do outweighs what does not suit one picture.
                    let weightier = first.is_none_or(|(known, ..)| {
                        known == SkipCode::NotForThisRoom && *code != SkipCode::NotForThisRoom
                    });
                    if weightier {
                        first = Some((*code, reason, hint));
                    }
                }
            }
        }
    }
    // Drawings are delivered as they are: a listing of nothing else is no fault of the request.
    if kind == OperationKind::Enhance
        && first.is_some_and(|(code, ..)| code == SkipCode::NotForThisRoom)
    {
        return Ok(());
    }
    match first {
        Some((code, reason, hint)) if !runs && unknown.is_empty() => Err(PlanError::Refused {
            operation: kind,
            code,
            reason: reason.to_owned(),
            hint: hint.to_owned(),
        }),
        _ if !unknown.is_empty() => {
            let files: Vec<String> = unknown.iter().map(|file| printable(file)).collect();
            let photos = if files.len() == 1 {
                "this photo shows"
            } else {
                "these photos show"
            };
            Err(PlanError::Refused {
                operation: kind,
                code: SkipCode::RoomUnknown,
                reason: format!("nothing says which room {photos}: {}", files.join(", ")),
                hint: room_hint(unknown.first().copied().unwrap_or("FILE")),
            })
        }
        _ => Ok(()),
    }
}

/// The hint is meant to be copied into a shell, and a file's name can hold anything: it is quoted so
/// that no shell reads more into it, or left out where it cannot be typed.
pub(super) fn room_hint(file: &str) -> String {
    let typed = if printable(file) == file {
        file
    } else {
        "FILE"
    };
    let quoted = format!("{typed}=ROOM").replace('\'', r"'\''");
    format!("name the room in `listing.toml`, or with `--room '{quoted}'`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_can_be_copied_whatever_the_file_is_called() {
        let hint = |file| room_hint(file).split_once("--room ").unwrap().1.to_owned();
        assert_eq!(hint("IMG 1.jpg"), "'IMG 1.jpg=ROOM'`");
        assert_eq!(hint("$(reboot)\"`.jpg"), "'$(reboot)\"`.jpg=ROOM'`");
        assert_eq!(hint("it's.jpg"), r"'it'\''s.jpg=ROOM'`");
        assert_eq!(hint("a\nb.jpg"), "'FILE=ROOM'`");
    }
}
