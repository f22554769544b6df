//! Plans: what is decided for each picture, what is refused, what makes two jobs the same, and how a
//! plan reads on a terminal.

#![expect(
    clippy::unwrap_used,
    reason = "what these helpers cannot do fails the test"
)]

use std::collections::BTreeSet;

use proptest::prelude::*;
use remedia::domain::capabilities::{
    Capabilities, EmbeddedCapability, MissingCapability, OperationCapability, ProviderCapability,
};
use remedia::domain::enhancement::{Look, StepSetting};
use remedia::domain::id::PhotoId;
use remedia::domain::judgement::JudgingRules;
use remedia::domain::listing::{
    Bracket, BracketEvidence, BracketExposure, Capture, LISTING_SCHEMA_VERSION, LeftOut,
    LeftOutCode, Listing, Photo, PhotoFormat, PictureKind, RoomOrigin, StatedMask,
};
use remedia::domain::operation::{OperationKind, OperationRequest};
use remedia::domain::plan::{
    AttemptParameters, Decision, Plan, PlannedOperation, RemoteSession, SkipCode,
};
use remedia::domain::room::Room;
use remedia::domain::style::Style;
use remedia::planner::styles::StyleLibrary;
use remedia::planner::{DeliveryKey, PlanDocument, PlanError, PlanRequest, job_key, plan, render};

use crate::support::{assert_schema_is_current, fixture};

const DELIVERY: DeliveryKey = DeliveryKey {
    jpeg_quality: 92,
    web_long_side: 2048,
    web_quality: 84,
};

fn style(name: &str) -> Style {
    StyleLibrary::load(None).unwrap().get(name).unwrap().clone()
}

fn id(content: &str) -> PhotoId {
    PhotoId::from_digest(&blake3::hash(content.as_bytes()))
}

fn photo(file: &str, room: Option<Room>) -> Photo {
    Photo {
        id: id(file),
        file: file.to_owned(),
        bytes: 4_000_000,
        format: PhotoFormat::Jpeg,
        width: 4000,
        height: 3000,
        orientation: 1,
        bits_per_sample: 8,
        capture: Capture {
            iso: Some(400),
            focal_length_35mm: Some(17.0),
            ..Capture::default()
        },
        kind: PictureKind::Photo,
        notes: Vec::new(),
        room,
        room_origin: room.map(|_| RoomOrigin::FileName),
        room_confidence: None,
        group: None,
        mask: None,
    }
}

/// Two rooms, one of them bracketed, an exterior, a floor plan and a photo that nobody named.
fn listing() -> Listing {
    let mut dark = photo("02 living -2.jpg", None);
    dark.room_origin = None;
    let bright = photo("02 living +2.jpg", None);
    Listing {
        schema_version: LISTING_SCHEMA_VERSION,
        slug: "maple-street".to_owned(),
        title: "12 Maple Street".to_owned(),
        address: Some("12 Maple Street, Springfield".to_owned()),
        photos: vec![
            photo("01 front.jpg", Some(Room::FrontOfStructure)),
            dark.clone(),
            photo("02 living 0.jpg", Some(Room::LivingRoom)),
            bright.clone(),
            photo("03 kitchen.jpg", Some(Room::Kitchen)),
            photo("IMG_0815 with a rather long name from the camera.jpg", None),
            photo("plan.png", Some(Room::FloorPlan)),
        ],
        brackets: vec![Bracket {
            reference: id("02 living 0.jpg"),
            exposures: vec![
                BracketExposure {
                    photo: bright.id,
                    exposure_value: Some(2.0),
                },
                BracketExposure {
                    photo: dark.id,
                    exposure_value: Some(-2.0),
                },
                BracketExposure {
                    photo: id("02 living 0.jpg"),
                    exposure_value: Some(0.0),
                },
            ],
            evidence: BracketEvidence::FileName,
            checks: Vec::new(),
        }],
        beside: Vec::new(),
        left_out: vec![LeftOut {
            file: "broken.jpg".to_owned(),
            code: LeftOutCode::Damaged,
            reason: "the file ends in the middle of the picture; copy it from the camera again"
                .to_owned(),
        }],
        notes: Vec::new(),
    }
}

fn embedded() -> Capabilities {
    Capabilities::embedded_only(EmbeddedCapability {
        engine_version: "1".to_owned(),
        megapixels_per_second: 6.0,
        cores: 2,
    })
}

/// A provider that does everything, each time a little differently.
fn with_fake() -> Capabilities {
    let can = |seconds_per_attempt| OperationCapability {
        seconds_per_attempt,
        deterministic: false,
    };
    let mut capabilities = embedded();
    capabilities.providers.push(ProviderCapability {
        name: "fake".to_owned(),
        rehearsal: false,
        startup_seconds: 5.0,
        session_seconds: None,
        operations: [
            (OperationKind::Enhance, can(0.5)),
            (OperationKind::Stage, can(2.0)),
            (OperationKind::Video, can(4.0)),
        ]
        .into(),
        missing: [].into(),
    });
    capabilities
}

fn request(operations: &str, provider: &str) -> PlanRequest {
    PlanRequest {
        operations: operations.parse().unwrap(),
        provider: provider.to_owned(),
        ..PlanRequest::default()
    }
}

fn auto() -> Plan {
    plan(
        &listing(),
        &style("modern"),
        &embedded(),
        &PlanRequest::default(),
    )
    .unwrap()
}

fn operation(plan: &Plan, file: &str, kind: OperationKind) -> PlannedOperation {
    let photo = plan.photos.iter().find(|photo| photo.file == file).unwrap();
    photo
        .operations
        .iter()
        .find(|operation| operation.kind == kind)
        .unwrap()
        .clone()
}

fn skip_code(plan: &Plan, file: &str, kind: OperationKind) -> Option<SkipCode> {
    match operation(plan, file, kind).decision {
        Decision::Run { .. } => None,
        Decision::Skip { code, .. } => Some(code),
    }
}

#[test]
fn auto_enhances_everything_here_and_says_what_nothing_here_can_do() {
    let plan = auto();
    let enhance = operation(&plan, "03 kitchen.jpg", OperationKind::Enhance);
    assert_eq!(
        enhance.decision,
        Decision::Run {
            executor: "embedded".to_owned()
        }
    );
    assert_eq!(
        enhance.attempts.len(),
        1,
        "the embedded engine is deterministic"
    );
    assert_eq!(
        enhance.estimated_seconds, 1.0,
        "12 megapixels at 2 × 6 per second"
    );
    let code = |file, kind| skip_code(&plan, file, kind);
    assert_eq!(
        code("03 kitchen.jpg", OperationKind::Stage),
        Some(SkipCode::NoCapability)
    );
    // What nobody makes is not spoken of unless somebody asks for it.
    let mut all = plan.photos.iter().flat_map(|photo| &photo.operations);
    assert!(all.all(|one| one.kind != OperationKind::Video));
    assert_eq!(
        code("01 front.jpg", OperationKind::Stage),
        Some(SkipCode::NotForThisRoom)
    );
    assert_eq!(
        code("plan.png", OperationKind::Enhance),
        Some(SkipCode::NotForThisRoom)
    );
    // A name would not help where nothing can stage.
    let unnamed = "IMG_0815 with a rather long name from the camera.jpg";
    assert_eq!(
        code(unnamed, OperationKind::Stage),
        Some(SkipCode::NoCapability)
    );
    assert_eq!(code(unnamed, OperationKind::Enhance), None);
}

#[test]
fn a_bracket_is_one_picture_with_its_sources_darkest_first() {
    let plan = auto();
    assert_eq!(plan.photos.len(), 5);
    let living = &plan.photos[1];
    assert_eq!(living.file, "02 living 0.jpg");
    assert_eq!(living.photo_id, id("02 living 0.jpg"));
    let sources: Vec<&str> = living
        .sources
        .iter()
        .map(|source| source.file.as_str())
        .collect();
    assert_eq!(
        sources,
        ["02 living -2.jpg", "02 living 0.jpg", "02 living +2.jpg"]
    );
    assert_eq!(living.sources[0].exposure_value, Some(-2.0));
    assert_eq!(living.sources[0].iso, Some(400));
    assert_eq!(
        living.operations[0].estimated_seconds, 3.0,
        "three exposures are read"
    );
    assert_eq!(plan.estimated_seconds, 6.0);
}

#[test]
fn a_bracket_takes_its_room_from_any_exposure_and_must_be_complete() {
    let mut listing = listing();
    listing.photos[2].room = None;
    listing.photos[3].room = Some(Room::Den);
    let made = plan(
        &listing,
        &style("modern"),
        &embedded(),
        &PlanRequest::default(),
    )
    .unwrap();
    assert_eq!(made.photos[1].room, Some(Room::Den));
    listing.photos.remove(1);
    let error = plan(
        &listing,
        &style("modern"),
        &embedded(),
        &PlanRequest::default(),
    )
    .unwrap_err();
    assert!(
        matches!(error, PlanError::BracketWithoutPhoto(_)),
        "{error}"
    );
}

#[test]
fn a_provider_that_can_do_it_does_it_with_every_attempt_written_out() {
    let made = plan(
        &listing(),
        &style("modern"),
        &with_fake(),
        &request("auto", "fake"),
    )
    .unwrap();
    let stage = operation(&made, "02 living 0.jpg", OperationKind::Stage);
    assert_eq!(
        stage.decision,
        Decision::Run {
            executor: "fake".to_owned()
        }
    );
    assert_eq!(stage.attempts.len(), 3);
    let guidance: Vec<f64> = stage
        .attempts
        .iter()
        .map(|attempt| match &attempt.parameters {
            AttemptParameters::Diffusion { guidance_scale, .. } => *guidance_scale,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(guidance, [7.5, 9.0, 10.5]);
    let AttemptParameters::Diffusion {
        prompt,
        negative_prompt,
        ..
    } = &stage.attempts[0].parameters
    else {
        panic!("staging is diffusion");
    };
    insta::assert_snapshot!(prompt, @"modern living room, calm seating group facing the room, low three-seat sofa in oatmeal wool, walnut coffee table, charcoal lounge chair, flat-woven rug, slim arc lamp, fiddle-leaf fig, clean lines, walnut, wool and brushed steel, warm white walnut charcoal");
    insta::assert_snapshot!(negative_prompt, @"new window, new door, changed walls, changed floor, changed lighting, people, pets, text, logo, watermark, distorted, blurry, bed, dining table, ornate carving, floral pattern, clutter, shabby furniture");
    let enhance = operation(&made, "03 kitchen.jpg", OperationKind::Enhance);
    assert_eq!(
        enhance.decision,
        Decision::Run {
            executor: "fake".to_owned()
        }
    );
    assert_eq!(enhance.attempts.len(), 3);
    let video = operation(&made, "01 front.jpg", OperationKind::Video);
    assert!(matches!(
        video.attempts[0].parameters,
        AttemptParameters::Video { .. }
    ));
    // Staging is possible here, so now the unnamed photo is asked about.
    let unnamed = "IMG_0815 with a rather long name from the camera.jpg";
    assert_eq!(
        skip_code(&made, unnamed, OperationKind::Stage),
        Some(SkipCode::RoomUnknown)
    );
    // 4 enhanced, 4 filmed, 2 staged, one start.
    assert_eq!(
        made.estimated_seconds,
        4.0 * 0.5 + 4.0 * 4.0 + 2.0 * 2.0 + 5.0
    );
}

#[test]
fn a_deterministic_provider_gets_one_attempt() {
    let mut capabilities = with_fake();
    for capability in capabilities.providers[0].operations.values_mut() {
        capability.deterministic = true;
    }
    let made = plan(
        &listing(),
        &style("modern"),
        &capabilities,
        &request("auto", "fake"),
    )
    .unwrap();
    let operations = made.photos.iter().flat_map(|photo| &photo.operations);
    assert!(
        operations
            .clone()
            .all(|operation| operation.attempts.len() <= 1)
    );
    assert!(
        operations.into_iter().any(
            |operation| operation.kind == OperationKind::Stage && operation.attempts.len() == 1
        )
    );
}

/// The refusal as a person reads it.
fn refusal(listing: &Listing, capabilities: &Capabilities, request: &PlanRequest) -> String {
    match plan(listing, &style("modern"), capabilities, request).unwrap_err() {
        PlanError::Refused {
            operation,
            code,
            reason,
            hint,
        } => {
            format!("{operation} {code:?}\n{reason}\nhint: {hint}")
        }
        other => other.to_string(),
    }
}

#[test]
fn a_named_operation_that_cannot_be_done_is_refused_with_a_way_out() {
    let listing = listing();
    insta::assert_snapshot!(refusal(&listing, &embedded(), &request("stage", "local")), @r#"
    stage NoCapability
    no model on this machine and not the provider `local` can stage rooms
    hint: `remedia doctor` shows what can be done here; `--operations enhance` leaves the rest out
    "#);
    insta::assert_snapshot!(refusal(&listing, &with_fake(), &request("video,enhance", "local")), @r#"
    video NoCapability
    no model on this machine and not the provider `local` can make videos
    hint: choose a provider that can, with `--provider fake`
    "#);
    insta::assert_snapshot!(refusal(&listing, &with_fake(), &request("stage", "fake")), @r#"
    stage RoomUnknown
    nothing says which room this photo shows: IMG_0815 with a rather long name from the camera.jpg
    hint: name the room in `listing.toml`, or with `--room 'IMG_0815 with a rather long name from the camera.jpg=ROOM'`
    "#);
    let mut rehearsal = with_fake();
    rehearsal.providers[0].rehearsal = true;
    let refused = refusal(&listing, &rehearsal, &request("video", "local"));
    assert!(
        !refused.contains("fake"),
        "nobody is sent to a rehearsal: {refused}"
    );
    let mut outside = listing.clone();
    outside.brackets.clear();
    outside.photos.truncate(1);
    insta::assert_snapshot!(refusal(&outside, &with_fake(), &request("stage", "fake")), @r#"
    stage NotForThisRoom
    only rooms inside the building are staged
    hint: if it shows a room, name it in `listing.toml` or with `--room FILE=ROOM`
    "#);
    outside.photos[0].room = Some(Room::Garage);
    insta::assert_snapshot!(refusal(&outside, &with_fake(), &request("stage", "fake")), @r#"
    stage NotForThisRoom
    the style `modern` has no furniture for `Garage`
    hint: save `remedia styles show modern` as `modern.toml` in a styles folder and add `[rooms."Garage"]`
    "#);
    let mut stated = with_fake();
    stated.providers[0].operations.remove(&OperationKind::Stage);
    stated.providers[0].missing.insert(
        OperationKind::Stage,
        MissingCapability {
            reason: "no staging model is installed".to_owned(),
            hint: "`remedia models pull`".to_owned(),
        },
    );
    insta::assert_snapshot!(refusal(&listing, &stated, &request("stage", "fake")), @r#"
    stage NoCapability
    no staging model is installed
    hint: `remedia models pull`
    "#);
}

#[test]
fn a_named_operation_passes_over_pictures_that_it_makes_no_sense_for() {
    let mut listing = listing();
    listing.photos[5].room = Some(Room::MasterBedroom);
    let made = plan(
        &listing,
        &style("japandi"),
        &with_fake(),
        &request("stage", "fake"),
    )
    .unwrap();
    assert_eq!(
        skip_code(&made, "01 front.jpg", OperationKind::Stage),
        Some(SkipCode::NotForThisRoom)
    );
    assert_eq!(
        skip_code(&made, "03 kitchen.jpg", OperationKind::Stage),
        None
    );
    assert!(
        made.photos.iter().all(|photo| photo.operations.len() == 1),
        "only what was named"
    );
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let listing = listing();
    let wrong = |request: &PlanRequest| refusal(&listing, &with_fake(), request);
    insta::assert_snapshot!(wrong(&request("auto", "fkae")), @"there is no provider `fkae`; nearest is `fake`");
    insta::assert_snapshot!(wrong(&PlanRequest { max_attempts: 0, ..PlanRequest::default() }), @"the number of attempts is 0; 1 to 20 is allowed");
    insta::assert_snapshot!(wrong(&PlanRequest { seed: 1 << 53, ..PlanRequest::default() }), @"the seed is 9007199254740992; 0 to 9007199254740991 is allowed");
    let mut empty = listing.clone();
    empty.photos.clear();
    insta::assert_snapshot!(refusal(&empty, &embedded(), &PlanRequest::default()), @"the listing has no usable photo; 1 file was left out");
}

#[test]
fn a_person_outweighs_the_style() {
    let mut style = style("modern");
    style.enhancement.exposure = StepSetting::Fixed(0.5);
    let request = PlanRequest {
        overrides: vec![
            "exposure=auto".parse().unwrap(),
            "sharpening=off".parse().unwrap(),
        ],
        look: Some(Look::default()),
        ..PlanRequest::default()
    };
    let made = plan(&listing(), &style, &embedded(), &request).unwrap();
    let enhance = operation(&made, "03 kitchen.jpg", OperationKind::Enhance);
    let AttemptParameters::Enhancement { settings, look } = &enhance.attempts[0].parameters else {
        panic!("enhancement expected");
    };
    assert_eq!(settings.exposure, StepSetting::Auto);
    assert_eq!(settings.sharpening, StepSetting::Off);
    assert_eq!(*look, Look::default());
}

/// Changes to a listing and its plan that must, or must not, make another job.
/// The listing with every room named, and a mask for one photo.
fn masked(file: &str, content: &str) -> Listing {
    let mut listing = listing();
    for photo in &mut listing.photos {
        if photo.file.starts_with("IMG") {
            photo.room = Some(Room::Bedroom);
        }
        if photo.file == file {
            photo.mask = Some(StatedMask {
                file: "floor.png".to_owned(),
                blake3: blake3::hash(content.as_bytes()).to_hex().to_string(),
            });
        }
    }
    listing
}

#[test]
fn a_photo_with_a_mask_keeps_its_geometry_and_a_bracket_has_that_of_any_exposure() {
    let request = request("enhance,stage", "fake");
    for file in ["03 kitchen.jpg", "02 living -2.jpg"] {
        let listing = masked(file, "floor");
        let plan = plan(&listing, &style("modern"), &with_fake(), &request).unwrap();
        let with: Vec<_> = (plan.photos.iter())
            .filter(|photo| photo.mask.is_some())
            .collect();
        let shown = if file.contains("living") {
            "02 living 0.jpg"
        } else {
            file
        };
        assert_eq!(with.len(), 1);
        assert_eq!(with[0].file, shown);
        for photo in &plan.photos {
            // A drawing is not enhanced.
            let Some(attempt) = photo.operations[0].attempts.first() else {
                continue;
            };
            let parameters = &attempt.parameters;
            let AttemptParameters::Enhancement { settings, .. } = parameters else {
                panic!("{parameters:?}");
            };
            let moves = [
                settings.lens_distortion,
                settings.vertical_correction,
                settings.roll_correction,
            ];
            let off = moves.iter().all(|step| *step == StepSetting::Off);
            assert_eq!(off, photo.mask.is_some(), "{}", photo.file);
        }
    }
}

#[test]
fn masks_and_sessions_count_only_where_something_is_made_with_them() {
    let style = style("modern");
    let key = |listing: &Listing, request: &PlanRequest| {
        let plan = plan(listing, &style, &with_fake(), request).unwrap();
        job_key(listing, &plan, DELIVERY)
    };
    let offline = |operations: &str, provider: &str| PlanRequest {
        session: RemoteSession {
            internet: false,
            ..RemoteSession::default()
        },
        ..request(operations, provider)
    };
    let plain = masked("", "");
    let staged = request("stage", "fake");
    assert_ne!(key(&plain, &staged), key(&plain, &offline("stage", "fake")));
    let one = key(&masked("03 kitchen.jpg", "one"), &staged);
    assert_ne!(key(&plain, &staged), one);
    assert_ne!(one, key(&masked("03 kitchen.jpg", "two"), &staged));
    let here = request("enhance", "local");
    assert_eq!(
        key(&plain, &here),
        key(&plain, &offline("enhance", "local"))
    );
}

#[test]
fn the_job_key_follows_what_is_delivered_and_nothing_else() {
    let listing = listing();
    let modern = style("modern");
    let key =
        |listing: &Listing, style: &Style, capabilities: &Capabilities, request: &PlanRequest| {
            job_key(
                listing,
                &plan(listing, style, capabilities, request).unwrap(),
                DELIVERY,
            )
        };
    let first = key(&listing, &modern, &embedded(), &PlanRequest::default());

    let mut same = listing.clone();
    same.photos[4].file = "renamed.jpg".to_owned();
    same.photos[4].room_origin = Some(RoomOrigin::Flag);
    same.left_out.clear();
    let mut faster = embedded();
    faster.embedded.cores = 64;
    assert_eq!(key(&same, &modern, &faster, &PlanRequest::default()), first);

    let mut keys = BTreeSet::from([*first.as_bytes()]);
    let mut other = |what: &str, key: blake3::Hash| {
        assert!(keys.insert(*key.as_bytes()), "{what} makes another job");
    };
    let mut changed = |what: &str, change: &dyn Fn(&mut Listing)| {
        let mut changed = listing.clone();
        change(&mut changed);
        other(
            what,
            key(&changed, &modern, &embedded(), &PlanRequest::default()),
        );
    };
    changed("an edited photo", &|listing| {
        listing.photos[4].id = id("edited");
    });
    changed("another room", &|listing| {
        listing.photos[4].room = Some(Room::Pantry);
    });
    changed("another order", &|listing| listing.photos.swap(0, 4));
    changed("another title", &|listing| listing.title.push('!'));
    changed("one photo less", &|listing| drop(listing.photos.remove(4)));
    changed("no bracket", &|listing| listing.brackets.clear());
    other(
        "a style",
        key(
            &listing,
            &style("boho"),
            &embedded(),
            &PlanRequest::default(),
        ),
    );
    other(
        "a seed",
        key(
            &listing,
            &modern,
            &embedded(),
            &PlanRequest {
                seed: 1,
                ..PlanRequest::default()
            },
        ),
    );
    other(
        "operations",
        key(&listing, &modern, &embedded(), &request("enhance", "local")),
    );
    let mut engine = embedded();
    engine.embedded.engine_version = "2".to_owned();
    other(
        "an engine",
        key(&listing, &modern, &engine, &PlanRequest::default()),
    );
    let made = plan(&listing, &modern, &embedded(), &PlanRequest::default()).unwrap();
    other(
        "a web quality",
        job_key(
            &listing,
            &made,
            DeliveryKey {
                web_quality: 70,
                ..DELIVERY
            },
        ),
    );
    other(
        "a quality",
        job_key(
            &listing,
            &made,
            DeliveryKey {
                jpeg_quality: 90,
                ..DELIVERY
            },
        ),
    );
}

#[test]
fn a_plan_reads_well_on_a_terminal() {
    let listing = listing();
    insta::assert_snapshot!(render(&auto(), &listing, 100), @r#"
    12 Maple Street
    12 Maple Street, Springfield
    style modern, provider local, 5 pictures from 7 photos, engine 1

    #  photo                                 room                       size  what is done
    1  01 front.jpg                          Front of Structure  4000 × 3000  enhance (embedded)
    2  02 living 0.jpg                       Living Room         4000 × 3000  fuse 3, enhance (embedded)
    3  03 kitchen.jpg                        Kitchen             4000 × 3000  enhance (embedded)
    4  IMG_0815 with a ra…om the camera.jpg  unknown             4000 × 3000  enhance (embedded)
    5  plan.png                              Floor Plan          4000 × 3000  delivered as it is

    rooms read from file names: #1-3, 5; `listing.toml` or `--room FILE=ROOM` sets them

    exposure brackets
      2: 02 living -2.jpg (-2 EV), 02 living 0.jpg (0 EV), 02 living +2.jpg (+2 EV) (by their names)

    not done
      enhance + stage for #5: a drawing is delivered as it is
        hint: if it is a photo, name its room in `listing.toml` or with `--room FILE=ROOM`
      stage for #1: only rooms inside the building are staged
        hint: if it shows a room, name it in `listing.toml` or with `--room FILE=ROOM`
      stage for #2-4: no model on this machine and not the provider `local` can stage rooms
        hint: `remedia doctor` shows what can be done here; `--operations enhance` leaves the rest out

    files left out
      broken.jpg: the file ends in the middle of the picture; copy it from the camera again

    estimated time: about 6 seconds
    "#);
    let fake = plan(
        &listing,
        &style("modern"),
        &with_fake(),
        &request("auto", "fake"),
    )
    .unwrap();
    insta::assert_snapshot!(render(&fake, &listing, 72), @r#"
    12 Maple Street
    12 Maple Street, Springfield
    style modern, provider fake, 5 pictures from 7 photos, engine 1

    #  photo             room                what is done
    1  01 front.jpg      Front of Structure  enhance + video (fake, up to 3
                                             attempts)
    2  02 living 0.jpg   Living Room         fuse 3, enhance + stage + video
                                             (fake, up to 3 attempts)
    3  03 kitchen.jpg    Kitchen             enhance + stage + video (fake,
                                             up to 3 attempts)
    4  IMG_0815…era.jpg  unknown             enhance + video (fake, up to 3
                                             attempts)
    5  plan.png          Floor Plan          delivered as it is

    rooms read from file names: #1-3, 5; `listing.toml` or `--room
    FILE=ROOM` sets them

    exposure brackets
      2: 02 living -2.jpg (-2 EV), 02 living 0.jpg (0 EV), 02 living +2.jpg
         (+2 EV) (by their names)

    not done
      enhance + stage + video for #5: a drawing is delivered as it is
        hint: if it is a photo, name its room in `listing.toml` or with
              `--room FILE=ROOM`
      stage for #1: only rooms inside the building are staged
        hint: if it shows a room, name it in `listing.toml` or with `--room
              FILE=ROOM`
      stage for #4: nothing says which room it is
        hint: name the room in `listing.toml`, or with `--room 'IMG_0815
              with a rather long name from the camera.jpg=ROOM'`

    files left out
      broken.jpg: the file ends in the middle of the picture; copy it from
      the camera again

    estimated time: about 27 seconds
    "#);
}

#[test]
fn no_name_can_disturb_the_terminal_and_no_line_is_too_long() {
    let mut listing = listing();
    listing.title = "evil\u{1b}[2J\ntitle".to_owned();
    listing.photos[4].file = "客厅照片很长很长很长很长很长很长很长很长的名字.jpg".to_owned();
    listing.photos[5].file = "a\u{202e}b\n.jpg".to_owned();
    let made = plan(
        &listing,
        &style("modern"),
        &embedded(),
        &PlanRequest::default(),
    )
    .unwrap();
    let text = render(&made, &listing, 80);
    assert!(
        text.chars()
            .all(|character| character == '\n' || !character.is_control())
    );
    assert!(!text.contains('\u{202e}'));
    for line in text.lines() {
        assert!(unicode_width::UnicodeWidthStr::width(line) <= 80, "{line}");
    }
}

#[test]
fn the_document_is_what_its_schema_says_and_a_kept_sample_still_reads() {
    let schema = serde_json::to_value(schemars::schema_for!(PlanDocument)).unwrap();
    assert_schema_is_current("schemas/plan.schema.json", &schema);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let listing = listing();
    let made = plan(
        &listing,
        &style("modern"),
        &with_fake(),
        &request("auto", "fake"),
    )
    .unwrap();
    let document = PlanDocument::new(listing, made);
    let json = serde_json::to_value(&document).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&json)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(
        serde_json::from_value::<PlanDocument>(json).unwrap(),
        document
    );

    let kept = fs_err::read_to_string(fixture("documents/plan-v1.json")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert!(validator.is_valid(&value));
    let read: PlanDocument = serde_json::from_str(&kept).unwrap();
    let mut again = serde_json::to_value(&read).unwrap();
    // The first version was judged by the defaults and did not say so.
    assert_eq!(read.plan.judging, JudgingRules::default());
    again["plan"].as_object_mut().unwrap().remove("judging");
    assert_eq!(again, value, "nothing is lost in reading");
    assert_eq!(read.plan.photos.len(), 5);

    let path = fixture("documents/plan-v2.json");
    if std::env::var_os("REMEDIA_UPDATE_FIXTURES").is_some() && !path.exists() {
        let text = serde_json::to_string_pretty(&document).unwrap();
        fs_err::write(&path, text + "\n").unwrap();
    }
    let value: serde_json::Value =
        serde_json::from_str(&fs_err::read_to_string(path).unwrap()).unwrap();
    assert!(validator.is_valid(&value));
    let read: PlanDocument = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(
        serde_json::to_value(&read).unwrap(),
        value,
        "nothing is lost in reading"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever the rooms and brackets are: every photo is in exactly one picture, in order; each
    /// picture has every operation decided; seeds are distinct; and the plan is made again the same.
    #[test]
    fn every_photo_is_planned_once(
        rooms in prop::collection::vec(prop::option::of(prop::sample::select(Room::ALL)), 1..12),
        bracket_of_three in any::<bool>(),
        seed in 0_u64..1 << 53,
        fake in any::<bool>(),
    ) {
        let mut listing = listing();
        listing.brackets.clear();
        listing.photos = rooms.iter().zip(0..).map(|(room, index)| photo(&format!("{index}.jpg"), *room)).collect();
        if bracket_of_three && listing.photos.len() >= 3 {
            let exposures = listing.photos[..3].iter().map(|photo| BracketExposure {
                photo: photo.id.clone(),
                exposure_value: None,
            });
            listing.brackets.push(Bracket {
                reference: listing.photos[1].id.clone(),
                exposures: exposures.collect(),
                evidence: BracketEvidence::Stated,
                checks: Vec::new(),
            });
        }
        let provider = if fake { "fake" } else { "local" };
        let request = PlanRequest { seed, ..request("auto", provider) };
        let made = plan(&listing, &style("rustic"), &with_fake(), &request).unwrap();
        let mut planned: Vec<&str> = made.photos.iter().flat_map(|photo| &photo.sources).map(|source| source.file.as_str()).collect();
        let mut files: Vec<&str> = listing.photos.iter().map(|photo| photo.file.as_str()).collect();
        planned.sort_unstable();
        files.sort_unstable();
        prop_assert_eq!(planned, files);
        let mut seeds = BTreeSet::new();
        let mut attempts = 0;
        for operation in made.photos.iter().flat_map(|photo| {
            assert_eq!(photo.operations.len(), OperationKind::ALL.len());
            &photo.operations
        }) {
            let runs = matches!(operation.decision, Decision::Run { .. });
            prop_assert_eq!(runs, !operation.attempts.is_empty());
            for attempt in &operation.attempts {
                attempts += 1;
                seeds.insert(attempt.seed);
            }
        }
        prop_assert_eq!(seeds.len(), attempts);
        prop_assert_eq!(made.operations.clone(), OperationRequest::Auto);
        prop_assert_eq!(plan(&listing, &style("rustic"), &with_fake(), &request).unwrap(), made);
    }
}
