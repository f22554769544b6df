//! Deciding for each picture what is done, by whom and with which numbers.

use crate::domain::capabilities::{
    Capabilities, EMBEDDED_EXECUTOR, MissingCapability, OperationCapability, ProviderCapability,
};
use crate::domain::enhancement::{EnhancementSettings, Look, StepSetting};
use crate::domain::id::PhotoId;
use crate::domain::listing::{Listing, Panorama, Photo, PictureKind};
use crate::domain::operation::{OperationKind, OperationRequest};
use crate::domain::plan::{
    AttemptParameters, ClipPrompts, Decision, PLAN_SCHEMA_VERSION, Plan, PlannedAttempt,
    PlannedOperation, PlannedPhoto, PlannedRetries, PlannedSource, SkipCode, StyleReference,
};
use crate::domain::room::{Room, Setting};
use crate::domain::style::{RetryReason, Style};

use super::prompt::{clip_prompts, retry_parameters};
use super::request::{PlanError, PlanRequest, check, refuse_if_impossible, room_hint};
use super::seed::attempt_seed;

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
        judging: request.judging.clone(),
        working_long_side: style.staging.working_long_side,
        model_set: style.staging.model_set,
        session: request.session.clone(),
        photos,
        estimated_seconds,
    })
}

fn enhancement_settings(style: &Style, request: &PlanRequest) -> EnhancementSettings {
    let mut settings = style.enhancement.clone();
    for change in &request.overrides {
        change.step.set(&mut settings, change.setting);
    }
    settings
}

/// Leaves out what would move pixels: a mask was drawn on the photo as it is.
fn keep_geometry(operations: &mut [PlannedOperation]) {
    for attempt in operations.iter_mut().flat_map(|one| &mut one.attempts) {
        if let AttemptParameters::Enhancement { settings, .. } = &mut attempt.parameters {
            settings.lens_distortion = StepSetting::Off;
            settings.vertical_correction = StepSetting::Off;
            settings.roll_correction = StepSetting::Off;
        }
    }
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
        let mask = photo
            .mask
            .clone()
            .or_else(|| members.iter().find_map(|(member, _)| member.mask.clone()));
        let mut operations: Vec<PlannedOperation> = self
            .kinds()
            .into_iter()
            .map(|kind| self.operation(kind, photo, room, megapixels))
            .collect();
        let staged = (operations.iter()).any(|one| one.kind == OperationKind::Stage && one.runs());
        if mask.is_some() && staged {
            keep_geometry(&mut operations);
        }
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
            mask,
            operations,
        }))
    }

    /// What is asked for. Unless somebody names it, a clip that nobody makes is not spoken of: it would be left out of
    /// every listing.
    fn kinds(&self) -> Vec<OperationKind> {
        let known = |kind: &OperationKind| {
            let mut providers = self.capabilities.providers.iter();
            *kind != OperationKind::Video || providers.any(|one| one.operations.contains_key(kind))
        };
        match &self.request.operations {
            OperationRequest::Auto => OperationKind::ALL.iter().copied().filter(known).collect(),
            OperationRequest::Named(kinds) => kinds.clone(),
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
                estimated_seconds: milliseconds(executor.seconds),
                attempts: self.numbered(parameters, 1, &photo.id, kind),
                retries: self.retries(kind, room, executor.attempts, &photo.id),
                clip: self.clip(kind, room),
                decision: Decision::Run {
                    executor: executor.name,
                },
            },
            Err(Skip { code, reason, hint }) => PlannedOperation {
                kind,
                decision: Decision::Skip { code, reason, hint },
                estimated_seconds: 0.0,
                attempts: Vec::new(),
                retries: Vec::new(),
                clip: None,
            },
        }
    }

    /// The attempts with these numbers, from attempt `first` on.
    fn numbered(
        &self,
        parameters: Vec<AttemptParameters>,
        first: u32,
        photo: &PhotoId,
        kind: OperationKind,
    ) -> Vec<PlannedAttempt> {
        parameters
            .into_iter()
            .zip(first..)
            .map(|(parameters, number)| PlannedAttempt {
                number,
                seed: attempt_seed(self.request.seed, photo, kind, number),
                parameters,
            })
            .collect()
    }

    /// The ladders of the reasons that only remedia finds; `attempts` itself is the prompt's ladder.
    fn retries(
        &self,
        kind: OperationKind,
        room: Option<Room>,
        attempts: u32,
        photo: &PhotoId,
    ) -> Vec<PlannedRetries> {
        let (OperationKind::Stage, Some(room), 2..) = (kind, room, attempts) else {
            return Vec::new();
        };
        [RetryReason::Structure, RetryReason::Furniture]
            .into_iter()
            .filter_map(|reason| {
                let parameters = (2..=attempts)
                    .map(|number| retry_parameters(self.style, room, number, reason))
                    .collect::<Option<Vec<_>>>()?;
                Some(PlannedRetries {
                    reason,
                    attempts: self.numbered(parameters, 2, photo, kind),
                })
            })
            .collect()
    }

    fn clip(&self, kind: OperationKind, room: Option<Room>) -> Option<ClipPrompts> {
        match kind {
            OperationKind::Stage => clip_prompts(
                self.style,
                room?,
                self.request
                    .judging
                    .clip_score_threshold
                    .or(self.style.staging.clip_score_threshold),
            ),
            OperationKind::Enhance | OperationKind::Video => None,
        }
    }

    fn decide(
        &self,
        kind: OperationKind,
        photo: &Photo,
        room: Option<Room>,
        megapixels: f64,
    ) -> Result<(Executor, Vec<AttemptParameters>), Skip> {
        self.suits(kind, photo, room)?;
        let executor = self.executor(kind, megapixels)?;
        let numbers = 1..=executor.attempts;
        let parameters = match kind {
            OperationKind::Enhance => numbers.map(|_| self.enhancement(photo)).collect(),
            OperationKind::Video => numbers.map(|_| CAMERA_MOVE).collect(),
            OperationKind::Stage => {
                let room = room.ok_or_else(|| Skip {
                    code: SkipCode::RoomUnknown,
                    reason: "nothing says which room it is".to_owned(),
                    hint: room_hint(&photo.file),
                })?;
                // A worker can only tell for itself that the prompt was missed; the other reasons are
                // found here, and have ladders of their own.
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
    fn suits(&self, kind: OperationKind, photo: &Photo, room: Option<Room>) -> Result<(), Skip> {
        if photo.kind == PictureKind::Graphic {
            return Err(Skip {
                code: SkipCode::NotForThisRoom,
                reason: "its pixels show a drawing or a document, which is delivered as it is"
                    .to_owned(),
                hint: format!(
                    "if it is a photo, say so in `listing.toml`: `kind = \"photo\"` for `{}`",
                    photo.file
                ),
            });
        }
        if photo.kind == PictureKind::Panorama && kind != OperationKind::Enhance {
            return Err(Skip {
                code: SkipCode::NotForThisRoom,
                reason:
                    "a panorama is delivered with its own geometry, so nothing is drawn into it"
                        .to_owned(),
                hint: "give an ordinary photo of the same room".to_owned(),
            });
        }
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

    fn enhancement(&self, photo: &Photo) -> AttemptParameters {
        let mut settings = self.settings.clone();
        if photo.kind == PictureKind::Panorama {
            // Straight lines are curves in it, its middle is not the lens's, and a viewer counts its pixels.
            settings.lens_distortion = StepSetting::Off;
            settings.vertical_correction = StepSetting::Off;
            settings.roll_correction = StepSetting::Off;
            settings.vignetting = StepSetting::Off;
            let panorama = photo.capture.panorama.as_ref();
            settings.wraps = panorama.is_some_and(Panorama::goes_round);
        }
        AttemptParameters::Enhancement {
            settings,
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
