//! Deciding for each picture what is done, by whom and with which numbers.

use crate::domain::capabilities::{
    Capabilities, EMBEDDED_EXECUTOR, LOCAL_PROVIDER, MissingCapability, OperationCapability,
    ProviderCapability,
};
use crate::domain::enhancement::{EnhancementSettings, Look};
use crate::domain::listing::{Listing, Photo};
use crate::domain::nearest::nearest;
use crate::domain::operation::{OperationKind, OperationRequest};
use crate::domain::plan::{
    AttemptParameters, Decision, PLAN_SCHEMA_VERSION, Plan, PlannedAttempt, PlannedOperation,
    PlannedPhoto, PlannedSource, SkipCode, StyleReference,
};
use crate::domain::room::{Room, Setting};
use crate::domain::step::StepOverride;
use crate::domain::style::{RetryReason, Style};
use crate::fsx::printable;

use super::prompt::retry_parameters;
use super::seed::{LARGEST_SEED, attempt_seed};

/// More attempts than this on one photo are a mistake, not a wish.
const MOST_ATTEMPTS: u32 = 20;

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

/// Makes the plan: for every picture of `listing` what is done, by whom, with which numbers and seeds,
/// and what is not done and why.
///
/// # Errors
/// [`PlanError::Refused`] where a named operation cannot be done, and the other [`PlanError`]s for
/// requests that make no sense.
pub fn plan(
    listing: &Listing,
    style: &Style,
    capabilities: &Capabilities,
    request: &PlanRequest,
) -> Result<Plan, PlanError> {
    check(listing, capabilities, request)?;
    let planner = Planner {
        style,
        capabilities,
        request,
        provider: capabilities.provider(&request.provider),
        settings: enhancement_settings(style, request),
        look: request.look.unwrap_or(style.look),
    };
    let mut photos = Vec::new();
    for photo in &listing.photos {
        if let Some(planned) = planner.photo(listing, photo)? {
            photos.push(planned);
        }
    }
    if let OperationRequest::Named(kinds) = &request.operations {
        for &kind in kinds {
            refuse_if_impossible(kind, &photos)?;
        }
    }
    let estimated_seconds = planner.total_seconds(&photos);
    Ok(Plan {
        schema_version: PLAN_SCHEMA_VERSION,
        listing: listing.slug.clone(),
        style: StyleReference {
            name: style.name.clone(),
            digest: style.digest(),
        },
        operations: request.operations.clone(),
        provider: request.provider.clone(),
        engine_version: capabilities.embedded.engine_version.clone(),
        max_attempts: request.max_attempts,
        photos,
        estimated_seconds,
    })
}

fn check(
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

fn enhancement_settings(style: &Style, request: &PlanRequest) -> EnhancementSettings {
    let mut settings = style.enhancement.clone();
    for change in &request.overrides {
        change.step.set(&mut settings, change.setting);
    }
    settings
}

/// Refuses a named operation that no picture gets, and one that some picture cannot get until a person
/// says more. Pictures that it makes no sense for do not stop it for the others.
fn refuse_if_impossible(kind: OperationKind, photos: &[PlannedPhoto]) -> Result<(), PlanError> {
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
fn room_hint(file: &str) -> String {
    let typed = if printable(file) == file {
        file
    } else {
        "FILE"
    };
    let quoted = format!("{typed}=ROOM").replace('\'', r"'\''");
    format!("name the room in `listing.toml`, or with `--room '{quoted}'`")
}

/// What all pictures of one plan share.
struct Planner<'a> {
    style: &'a Style,
    capabilities: &'a Capabilities,
    request: &'a PlanRequest,
    provider: Option<&'a ProviderCapability>,
    settings: EnhancementSettings,
    look: Look,
}

/// Who does an operation, and how.
struct Executor {
    name: String,
    seconds: f64,
    attempts: u32,
}

struct Skip {
    code: SkipCode,
    reason: String,
    hint: String,
}

impl Planner<'_> {
    /// The plan for one picture; nothing for the other exposures of a bracket.
    fn photo(&self, listing: &Listing, photo: &Photo) -> Result<Option<PlannedPhoto>, PlanError> {
        let bracket = listing.bracket_of(&photo.id);
        if bracket.is_some_and(|bracket| bracket.reference != photo.id) {
            return Ok(None);
        }
        let mut members: Vec<(&Photo, Option<f64>)> = Vec::new();
        for exposure in bracket.iter().flat_map(|bracket| &bracket.exposures) {
            let member = listing
                .photo(&exposure.photo)
                .ok_or_else(|| PlanError::BracketWithoutPhoto(exposure.photo.to_string()))?;
            members.push((member, exposure.exposure_value));
        }
        if members.is_empty() {
            members.push((photo, None));
        }
        // Where every exposure is known the order follows it, whoever wrote the listing.
        if members.iter().all(|(_, value)| value.is_some()) {
            members.sort_by(|(_, one), (_, other)| {
                one.unwrap_or_default()
                    .total_cmp(&other.unwrap_or_default())
            });
        }
        let room = photo
            .room
            .or_else(|| members.iter().find_map(|(member, _)| member.room));
        let group = photo
            .group
            .clone()
            .or_else(|| members.iter().find_map(|(member, _)| member.group.clone()));
        let megapixels = members
            .iter()
            .map(|(member, _)| f64::from(member.width) * f64::from(member.height) / 1e6)
            .sum();
        let operations = self
            .kinds()
            .iter()
            .map(|&kind| self.operation(kind, photo, room, megapixels))
            .collect();
        let sources = members
            .iter()
            .map(|(member, exposure_value)| PlannedSource {
                photo_id: member.id.clone(),
                file: member.file.clone(),
                exposure_value: *exposure_value,
                iso: member.capture.iso,
                focal_length_35mm: member.capture.focal_length_35mm,
            })
            .collect();
        Ok(Some(PlannedPhoto {
            photo_id: photo.id.clone(),
            file: photo.file.clone(),
            sources,
            width: photo.width,
            height: photo.height,
            room,
            group,
            operations,
        }))
    }

    fn kinds(&self) -> &[OperationKind] {
        match &self.request.operations {
            OperationRequest::Auto => OperationKind::ALL,
            OperationRequest::Named(kinds) => kinds,
        }
    }

    fn operation(
        &self,
        kind: OperationKind,
        photo: &Photo,
        room: Option<Room>,
        megapixels: f64,
    ) -> PlannedOperation {
        let decided = self.decide(kind, photo, room, megapixels);
        match decided {
            Ok((executor, parameters)) => PlannedOperation {
                kind,
                decision: Decision::Run {
                    executor: executor.name,
                },
                estimated_seconds: milliseconds(executor.seconds),
                attempts: parameters
                    .into_iter()
                    .zip(1..)
                    .map(|(parameters, number)| PlannedAttempt {
                        number,
                        seed: attempt_seed(self.request.seed, &photo.id, kind, number),
                        parameters,
                    })
                    .collect(),
            },
            Err(Skip { code, reason, hint }) => PlannedOperation {
                kind,
                decision: Decision::Skip { code, reason, hint },
                estimated_seconds: 0.0,
                attempts: Vec::new(),
            },
        }
    }

    fn decide(
        &self,
        kind: OperationKind,
        photo: &Photo,
        room: Option<Room>,
        megapixels: f64,
    ) -> Result<(Executor, Vec<AttemptParameters>), Skip> {
        self.suits(kind, room)?;
        let executor = self.executor(kind, megapixels)?;
        let numbers = 1..=executor.attempts;
        let parameters = match kind {
            OperationKind::Enhance => numbers.map(|_| self.enhancement()).collect(),
            OperationKind::Video => numbers.map(|_| CAMERA_MOVE).collect(),
            OperationKind::Stage => {
                let room = room.ok_or_else(|| Skip {
                    code: SkipCode::RoomUnknown,
                    reason: "nothing says which room it is".to_owned(),
                    hint: room_hint(&photo.file),
                })?;
                // A worker can only tell for itself that the prompt was missed; the other reasons are
                // found here, and their retry is a plan of its own.
                numbers
                    .map(|number| {
                        retry_parameters(self.style, room, number, RetryReason::Prompt)
                            .ok_or_else(|| self.not_furnished(room))
                    })
                    .collect::<Result<_, _>>()?
            }
        };
        Ok((executor, parameters))
    }

    /// What makes no sense whoever does it.
    fn suits(&self, kind: OperationKind, room: Option<Room>) -> Result<(), Skip> {
        let Some(room) = room else {
            return Ok(());
        };
        let drawing = matches!(room, Room::FloorPlan | Room::PlatMap);
        if drawing {
            return Err(Skip {
                code: SkipCode::NotForThisRoom,
                reason: "a drawing is delivered as it is".to_owned(),
                hint:
                    "if it is a photo, name its room in `listing.toml` or with `--room FILE=ROOM`"
                        .to_owned(),
            });
        }
        if kind == OperationKind::Stage {
            if room.setting() == Setting::Exterior {
                return Err(Skip {
                    code: SkipCode::NotForThisRoom,
                    reason: "only rooms inside the building are staged".to_owned(),
                    hint:
                        "if it shows a room, name it in `listing.toml` or with `--room FILE=ROOM`"
                            .to_owned(),
                });
            }
            if self.style.room(room).is_none() {
                return Err(self.not_furnished(room));
            }
        }
        Ok(())
    }

    fn not_furnished(&self, room: Room) -> Skip {
        let name = &self.style.name;
        Skip {
            code: SkipCode::NotForThisRoom,
            reason: format!("the style `{name}` has no furniture for `{room}`"),
            hint: format!(
                "save `remedia styles show {name}` as `{name}.toml` in a styles folder and add `[rooms.\"{room}\"]`"
            ),
        }
    }

    /// The chosen provider does what it offers; the embedded engine enhances where it does not.
    fn executor(&self, kind: OperationKind, megapixels: f64) -> Result<Executor, Skip> {
        let offered = self
            .provider
            .and_then(|provider| provider.operations.get(&kind));
        if let Some(&OperationCapability {
            seconds_per_attempt,
            deterministic,
        }) = offered
        {
            return Ok(Executor {
                name: self.request.provider.clone(),
                seconds: seconds_per_attempt,
                attempts: if deterministic {
                    1
                } else {
                    self.request.max_attempts
                },
            });
        }
        if kind == OperationKind::Enhance {
            let embedded = &self.capabilities.embedded;
            let speed = embedded.megapixels_per_second * f64::from(embedded.cores.max(1));
            return Ok(Executor {
                name: EMBEDDED_EXECUTOR.to_owned(),
                seconds: megapixels / speed.max(0.01),
                attempts: 1,
            });
        }
        let stated = self
            .provider
            .and_then(|provider| provider.missing.get(&kind));
        let MissingCapability { reason, hint } =
            stated.cloned().unwrap_or_else(|| self.nothing_can(kind));
        Err(Skip {
            code: SkipCode::NoCapability,
            reason,
            hint,
        })
    }

    /// The reason and hint where nobody stated one: another provider that offers the operation, or the
    /// command that shows what there is.
    fn nothing_can(&self, kind: OperationKind) -> MissingCapability {
        let provider = &self.request.provider;
        let other = self
            .capabilities
            .providers
            .iter()
            .find(|other| !other.rehearsal && other.operations.contains_key(&kind));
        let hint = match other {
            Some(other) => format!("choose a provider that can, with `--provider {}`", other.name),
            None => "`remedia doctor` shows what can be done here; `--operations enhance` leaves the rest out".to_owned(),
        };
        let work = match kind {
            OperationKind::Enhance => "enhance photos",
            OperationKind::Stage => "stage rooms",
            OperationKind::Video => "make videos",
        };
        MissingCapability {
            reason: format!(
                "no model on this machine and not the provider `{provider}` can {work}"
            ),
            hint,
        }
    }

    fn enhancement(&self) -> AttemptParameters {
        AttemptParameters::Enhancement {
            settings: self.settings.clone(),
            look: self.look,
        }
    }

    /// First attempts, as they come; the provider is started once.
    fn total_seconds(&self, photos: &[PlannedPhoto]) -> f64 {
        let operations = photos.iter().flat_map(|photo| &photo.operations);
        let mut seconds = 0.0;
        let mut remote = false;
        for operation in operations {
            seconds += operation.estimated_seconds;
            remote |= matches!(&operation.decision, Decision::Run { executor } if executor != EMBEDDED_EXECUTOR);
        }
        if remote {
            seconds += self
                .provider
                .map_or(0.0, |provider| provider.startup_seconds);
        }
        milliseconds(seconds)
    }
}

/// A slow, small camera move: what Stable Video Diffusion takes for a still interior without bending it.
const CAMERA_MOVE: AttemptParameters = AttemptParameters::Video {
    num_frames: 25,
    fps: 7,
    motion_bucket_id: 40,
    noise_aug_strength: 0.02,
};

fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
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
