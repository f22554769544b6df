//! Listings with finished masters, ready to be delivered.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its preparation fails"
)]

use std::path::{Path, PathBuf};

use remedia::deliver::{
    DeliverError, Delivered, DeliveredOperation, DeliveryOptions, DeliveryPhoto, DeliveryRequest,
    OperationOutcome, deliver,
};
use remedia::domain::enhancement::{EnhancementReport, EnhancementSettings, Look, StepReport};
use remedia::domain::id::{JobId, PhotoId};
use remedia::domain::judgement::JudgingRules;
use remedia::domain::listing::{
    Capture, LISTING_SCHEMA_VERSION, LeftOut, LeftOutCode, Listing, Photo, PhotoFormat, PictureKind,
};
use remedia::domain::operation::{OperationKind, OperationRequest};
use remedia::domain::plan::{
    AttemptParameters, Decision, PLAN_SCHEMA_VERSION, Plan, PlannedAttempt, PlannedOperation,
    PlannedPhoto, PlannedSource, RemoteSession, SkipCode, StyleReference,
};
use remedia::domain::room::Room;
use remedia::imaging::{self, DecodeLimits, JpegOptions, Picture};

use super::fixture;

/// A listing, its plan and its masters in a temporary folder.
pub(crate) struct Delivery {
    folder: tempfile::TempDir,
    pub(crate) source: PathBuf,
    pub(crate) destination: PathBuf,
    pub(crate) listing: Listing,
    pub(crate) plan: Plan,
    pub(crate) photos: Vec<DeliveryPhoto>,
    pub(crate) options: DeliveryOptions,
}

impl Delivery {
    fn empty(source: Option<PathBuf>, title: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = source.unwrap_or_else(|| folder.path().join("source"));
        fs_err::create_dir_all(folder.path().join("source")).unwrap();
        fs_err::create_dir_all(folder.path().join("masters")).unwrap();
        let slug = remedia::domain::id::slug(title);
        Self {
            destination: folder.path().join("out").join(&slug),
            folder,
            source,
            listing: Listing {
                schema_version: LISTING_SCHEMA_VERSION,
                slug: slug.clone(),
                title: title.to_owned(),
                address: Some("12 Maple Street, Springfield".to_owned()),
                photos: Vec::new(),
                brackets: Vec::new(),
                left_out: Vec::new(),
                notes: Vec::new(),
                beside: Vec::new(),
            },
            plan: Plan {
                schema_version: PLAN_SCHEMA_VERSION,
                listing: slug,
                style: StyleReference {
                    name: "modern".to_owned(),
                    digest: blake3::hash(b"modern").to_hex().to_string(),
                },
                operations: OperationRequest::Auto,
                provider: "local".to_owned(),
                engine_version: "1".to_owned(),
                max_attempts: 3,
                judging: JudgingRules::default(),
                working_long_side: None,
                model_set: None,
                session: RemoteSession::default(),
                photos: Vec::new(),
                estimated_seconds: 6.0,
            },
            photos: Vec::new(),
            options: DeliveryOptions {
                max_in_flight: 2,
                ..DeliveryOptions::default()
            },
        }
    }

    /// Small pictures: `rooms` says what each shows; file names are `photo-N.jpg`.
    pub(crate) fn small(rooms: &[Option<Room>]) -> Self {
        let mut delivery = Self::empty(None, "Maple Street");
        delivery.options.web_long_side = 64;
        for (index, room) in rooms.iter().enumerate() {
            let file = format!("photo-{}.jpg", index + 1);
            let shade = u8::try_from(index * 20 % 120 + index / 6).unwrap();
            let original = encoded(&gradient(96, 64, shade));
            fs_err::write(delivery.source.join(&file), &original).unwrap();
            let master = encoded(&gradient(96, 64, shade + 90));
            delivery.add(&file, &[], *room, Some(&master));
        }
        delivery
    }

    /// The listing of the fixtures; the masters are its ground truth.
    pub(crate) fn maple_street() -> Self {
        let source = fixture("listings/maple-street");
        let truth = source.join("truth");
        let mut delivery = Self::empty(Some(source), "Maple Street");
        let bracket = [
            ("01-living-a_bracket-2.jpg", -2.0),
            ("01-living-a_bracket+0.jpg", 0.0),
            ("01-living-a_bracket+2.jpg", 2.0),
        ];
        for (file, bracket, room, upright) in [
            (
                "01-living-a_bracket+0.jpg",
                &bracket[..],
                Room::LivingRoom,
                "01-living-a",
            ),
            ("02-living-b.jpg", &[], Room::LivingRoom, "02-living-b"),
            ("03-bedroom.jpg", &[], Room::Bedroom, "03-bedroom"),
            ("04-kitchen.jpg", &[], Room::Kitchen, "04-kitchen"),
            ("05-bathroom.jpg", &[], Room::Bathroom, "05-bathroom"),
            (
                "06-exterior.jpg",
                &[],
                Room::FrontOfStructure,
                "06-exterior",
            ),
        ] {
            let bytes = fs_err::read(truth.join(format!("{upright}_upright.jpg"))).unwrap();
            let master = encoded(&imaging::decode(&bytes, &DecodeLimits::default()).unwrap());
            delivery.add(file, bracket, Some(room), Some(&master));
        }
        delivery
    }

    /// Adds a photo whose file lies in the source folder.
    pub(crate) fn add(
        &mut self,
        file: &str,
        bracket: &[(&str, f64)],
        room: Option<Room>,
        master: Option<&[u8]>,
    ) -> PhotoId {
        let bytes = fs_err::read(self.source.join(file)).unwrap();
        let photo_id = PhotoId::from_digest(&blake3::hash(&bytes));
        let (width, height) = imaging::decode(&bytes, &DecodeLimits::default())
            .map_or((96, 64), |picture| (picture.width, picture.height));
        let (width, height) = (
            u32::try_from(width).unwrap(),
            u32::try_from(height).unwrap(),
        );
        self.listing.photos.push(Photo {
            id: photo_id.clone(),
            file: file.to_owned(),
            bytes: bytes.len() as u64,
            format: PhotoFormat::Jpeg,
            width,
            height,
            orientation: 1,
            bits_per_sample: 8,
            capture: Capture::default(),
            kind: PictureKind::Photo,
            notes: Vec::new(),
            room,
            room_origin: None,
            room_confidence: None,
            group: None,
            mask: None,
        });
        let source = |file: &str, exposure_value| PlannedSource {
            photo_id: PhotoId::from_digest(&blake3::hash(
                &fs_err::read(self.source.join(file)).unwrap(),
            )),
            file: file.to_owned(),
            exposure_value,
            iso: Some(800),
            focal_length_35mm: Some(19.0),
        };
        let sources = if bracket.is_empty() {
            vec![source(file, None)]
        } else {
            bracket
                .iter()
                .map(|(file, exposure)| source(file, Some(*exposure)))
                .collect()
        };
        let fused = sources.len() > 1;
        let seed = 7_000_000_000_000_000_001 + self.photos.len() as u64;
        self.plan.photos.push(PlannedPhoto {
            photo_id: photo_id.clone(),
            file: file.to_owned(),
            sources,
            width,
            height,
            room,
            group: None,
            mask: None,
            operations: vec![PlannedOperation {
                kind: OperationKind::Enhance,
                decision: Decision::Run {
                    executor: "embedded".to_owned(),
                },
                estimated_seconds: 1.0,
                attempts: vec![PlannedAttempt {
                    number: 1,
                    seed,
                    parameters: AttemptParameters::Enhancement {
                        settings: EnhancementSettings::default(),
                        look: Look::default(),
                    },
                }],
                retries: Vec::new(),
                clip: None,
            }],
        });
        let master = master.map(|bytes| {
            let path = self
                .folder
                .path()
                .join("masters")
                .join(format!("{photo_id}.jpg"));
            fs_err::write(&path, bytes).unwrap();
            path
        });
        let enhanced = DeliveredOperation {
            kind: OperationKind::Enhance,
            outcome: match &master {
                Some(_) => OperationOutcome::Accepted,
                None => OperationOutcome::GaveUp {
                    reasons: vec![format!(
                        "the result has 0 bytes at {}/masters/x.jpg",
                        self.source.display()
                    )],
                },
            },
            attempts: 1,
            seed: Some(seed),
            report: master.as_ref().map(|_| report(fused)),
            made: Vec::new(),
            versions: Vec::new(),
        };
        let staging = DeliveredOperation {
            kind: OperationKind::Stage,
            outcome: OperationOutcome::Skipped {
                code: SkipCode::NoCapability,
                reason: "nothing on this machine can stage a room".to_owned(),
            },
            attempts: 0,
            seed: None,
            report: None,
            made: Vec::new(),
            versions: Vec::new(),
        };
        self.photos.push(DeliveryPhoto {
            photo_id: photo_id.clone(),
            master,
            operations: vec![enhanced, staging],
        });
        photo_id
    }

    /// Leaves a file of the listing out.
    pub(crate) fn leave_out(&mut self, file: &str, code: LeftOutCode, reason: &str) {
        self.listing.left_out.push(LeftOut {
            file: file.to_owned(),
            code,
            reason: reason.to_owned(),
        });
    }

    pub(crate) fn deliver(&self) -> Result<Delivered, DeliverError> {
        self.deliver_interrupted(&|| false)
    }

    pub(crate) fn deliver_interrupted(
        &self,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Delivered, DeliverError> {
        let job_id = JobId::new(&self.listing.slug, &blake3::hash(b"job"), 1);
        deliver(
            &DeliveryRequest {
                listing: &self.listing,
                plan: &self.plan,
                job_id: &job_id,
                created: "2026-11-23T08:00:00Z".parse().unwrap(),
                source: &self.source,
                destination: &self.destination,
                photos: &self.photos,
                options: self.options,
            },
            &|_, _| {},
            interrupted,
        )
    }

    /// A delivered file's bytes.
    pub(crate) fn read(&self, path: &str) -> Vec<u8> {
        fs_err::read(self.destination.join(path)).unwrap()
    }

    /// A delivered file as text.
    pub(crate) fn text(&self, path: &str) -> String {
        String::from_utf8(self.read(path)).unwrap()
    }

    /// Every file of the delivery folder with its digest, sorted by path.
    pub(crate) fn contents(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        collect(&self.destination, &self.destination, &mut found);
        found.sort();
        found
    }

    /// The paths of [`Self::contents`].
    pub(crate) fn paths(&self) -> Vec<String> {
        self.contents().into_iter().map(|(path, _)| path).collect()
    }
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else {
            let relative = path.strip_prefix(root).unwrap().to_str().unwrap();
            let digest = blake3::hash(&fs_err::read(&path).unwrap());
            found.push((relative.to_owned(), digest.to_hex().to_string()));
        }
    }
}

/// What an enhancement would say of itself.
fn report(fused: bool) -> EnhancementReport {
    let mut steps = Vec::new();
    if fused {
        steps.push(StepReport::applied(
            "exposure_fusion",
            [("exposures", 3.0), ("shift_pixels", 1.4)],
        ));
    }
    steps.extend([
        StepReport::applied(
            "noise_reduction",
            [("luma_sigma", 0.012), ("strength", 0.62)],
        ),
        StepReport::applied("lens_distortion", [("k1", -0.0217)]),
        StepReport::applied(
            "vertical_correction",
            [("pitch_degrees", -3.04), ("crop_percent", 4.2)],
        ),
        StepReport::not_applied("roll_correction", "the picture is level within 0.1°"),
        StepReport::applied(
            "white_balance",
            [("temperature_kelvin", 3120.0), ("tint", -0.04)],
        ),
        StepReport::applied("exposure", [("gain_ev", 1.18)]),
        StepReport::applied("shadows", [("strength", 0.34)]),
        StepReport::not_applied(
            "highlights",
            "the window has no detail left to recover in this exposure",
        ),
        StepReport::applied("sharpening", [("strength", 0.45), ("radius", 0.8)]),
        StepReport::applied(
            "look",
            [("warmth", 0.05), ("contrast", 0.1), ("saturation", 0.0)],
        ),
    ]);
    EnhancementReport { steps }
}

/// A picture as the engine leaves it.
pub(crate) fn encoded(picture: &Picture) -> Vec<u8> {
    imaging::encode_jpeg(picture, &JpegOptions::default()).unwrap()
}

/// A soft gradient.
pub(crate) fn gradient(width: usize, height: usize, shade: u8) -> Picture {
    let mut samples = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            let ramp = u8::try_from((x + y) * 40 / (width + height)).unwrap();
            samples.extend([shade + ramp, shade.saturating_add(ramp / 2), shade]);
        }
    }
    Picture::from_eight(width, height, samples).unwrap()
}
