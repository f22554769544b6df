//! Reading a folder through the public API: the fixture listing, `listing.toml`, brackets, rooms.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::path::Path;

use png::ColorType;
use remedia::domain::listing::{BracketEvidence, LeftOutCode, Listing, Photo, RoomOrigin};
use remedia::domain::room::Room;
use remedia::imaging::DecodeLimits;
use remedia::ingest::{
    BracketMode, IngestError, IngestOptions, PhotoError, read_listing, read_mask_bytes,
    read_photo_bytes,
};

use crate::support::fixture;
use crate::support::images::{SHOT, Shot, jpeg, shot_jpeg, sized_jpeg};
use crate::support::shoot::{Taking, Written, exposed, photo_of, with_exif};

fn read(folder: &Path) -> Result<Listing, IngestError> {
    read_with(folder, &IngestOptions::default())
}

fn read_with(folder: &Path, options: &IngestOptions) -> Result<Listing, IngestError> {
    read_listing(folder, options, &|_, _| {})
}

fn folder_of(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
    }
    folder
}

fn names(listing: &Listing) -> Vec<&str> {
    listing
        .photos
        .iter()
        .map(|photo| photo.file.as_str())
        .collect()
}

fn photo<'a>(listing: &'a Listing, file: &str) -> &'a Photo {
    listing
        .photos
        .iter()
        .find(|photo| photo.file == file)
        .unwrap()
}

/// The brackets as file names, the reference in brackets.
fn groups(listing: &Listing) -> Vec<String> {
    let describe = |bracket: &remedia::domain::listing::Bracket| {
        let exposures: Vec<String> = bracket
            .exposures
            .iter()
            .map(|exposure| {
                let file = &listing.photo(&exposure.photo).unwrap().file;
                let value = exposure
                    .exposure_value
                    .map_or("?".to_owned(), |value| format!("{value:+}"));
                let mark = if exposure.photo == bracket.reference {
                    "*"
                } else {
                    ""
                };
                format!("{file}{mark} {value}")
            })
            .collect();
        format!("{:?}: {}", bracket.evidence, exposures.join(", "))
    };
    listing.brackets.iter().map(describe).collect()
}

#[test]
fn the_fixture_listing() {
    let listing = read(&fixture("listings/maple-street")).unwrap();
    assert_eq!(listing.slug, "maple-street");
    assert_eq!(listing.title, "Maple Street");
    assert_eq!(
        names(&listing),
        [
            "01-living-a.jpg",
            "01-living-a_bracket+0.jpg",
            "01-living-a_bracket+2.jpg",
            "01-living-a_bracket-2.jpg",
            "02-living-b.jpg",
            "03-bedroom.jpg",
            "04-kitchen.jpg",
            "05-bathroom.jpg",
            "06-exterior.jpg",
        ]
    );
    assert!(listing.left_out.is_empty());
    let rooms: Vec<Option<Room>> = listing.photos.iter().map(|photo| photo.room).collect();
    assert_eq!(
        rooms[4..],
        [
            Some(Room::LivingRoom),
            Some(Room::Bedroom),
            Some(Room::Kitchen),
            Some(Room::Bathroom),
            Some(Room::FrontOfStructure),
        ]
    );
    let bathroom = photo(&listing, "05-bathroom.jpg");
    assert_eq!(
        (bathroom.width, bathroom.height, bathroom.orientation),
        (1536, 1024, 6)
    );
    assert_eq!(bathroom.capture.iso, Some(1000));
    assert_eq!(bathroom.capture.exposure_seconds, Some(0.025));
    assert_eq!(
        bathroom.capture.taken.as_deref(),
        Some("2025-04-12T10:12:17")
    );
    // The single shot at ISO 640 is no part of the bracket at ISO 200 of the same second.
    assert_eq!(
        groups(&listing),
        [
            "FileName: 01-living-a_bracket-2.jpg -2, 01-living-a_bracket+0.jpg* +0, \
         01-living-a_bracket+2.jpg +2"
        ]
    );
}

#[test]
fn a_photo_keeps_its_identity_under_another_name_and_loses_it_when_edited() {
    let folder = folder_of(&[("a.jpg", jpeg(1)), ("b.jpg", jpeg(2))]);
    let before = read(folder.path()).unwrap();
    fs_err::rename(folder.path().join("a.jpg"), folder.path().join("z.JPEG")).unwrap();
    fs_err::write(folder.path().join("b.jpg"), jpeg(3)).unwrap();
    let after = read(folder.path()).unwrap();
    assert_eq!(photo(&before, "a.jpg").id, photo(&after, "z.JPEG").id);
    assert_ne!(photo(&before, "b.jpg").id, photo(&after, "b.jpg").id);
}

#[test]
fn natural_order_and_recursion_only_when_asked() {
    let folder = folder_of(&[
        ("IMG_10.jpg", jpeg(1)),
        ("IMG_9.jpg", jpeg(2)),
        ("img_1.jpg", jpeg(3)),
        ("upstairs/bedroom.jpg", jpeg(4)),
        (".trash/old.jpg", jpeg(5)),
        ("._IMG_9.jpg", b"\0\x05\x16\x07".to_vec()),
        ("README.md", b"notes".to_vec()),
        ("Thumbs.db", b"\xd0\xcf\x11\xe0".to_vec()),
        ("walk.mp4", b"\0\0\0\x18ftypmp42".to_vec()),
        ("plan.pdf", b"%PDF-1.7".to_vec()),
    ]);
    let listing = read(folder.path()).unwrap();
    assert_eq!(names(&listing), ["img_1.jpg", "IMG_9.jpg", "IMG_10.jpg"]);
    assert!(listing.left_out.is_empty());
    let options = IngestOptions {
        recursive: true,
        ..IngestOptions::default()
    };
    let listing = read_with(folder.path(), &options).unwrap();
    assert_eq!(listing.photos.len(), 4);
    let id = &photo(&listing, "upstairs/bedroom.jpg").id;
    let bytes = read_photo_bytes(
        folder.path(),
        "upstairs/bedroom.jpg",
        id,
        &DecodeLimits::default(),
    );
    assert_eq!(bytes.unwrap(), jpeg(4));
}

#[test]
fn listing_toml_states_title_rooms_order_groups_and_skips() {
    let folder = folder_of(&[
        ("IMG_1.jpg", jpeg(1)),
        ("IMG_2 kitchen.jpg", jpeg(2)),
        ("IMG_3.jpg", jpeg(3)),
        ("IMG_4 bath.jpg", jpeg(4)),
        (
            "listing.toml",
            br#"
title = "12 Rue de l'\u00c9glise"
address = "12 Rue de l'\u00c9glise, 75001 Paris"
[[photo]]
file = "IMG_3.jpg"
order = 1
room = "master-bedroom"
group = "upstairs"
[[photo]]
file = "IMG_1.jpg"
skip = true
[[photo]]
file = "IMG_2 kitchen.jpg"
room = "Dining Room"
"#
            .to_vec(),
        ),
    ]);
    let options = IngestOptions {
        rooms: vec![("*bath*".to_owned(), Room::Spa)],
        ..IngestOptions::default()
    };
    let listing = read_with(folder.path(), &options).unwrap();
    assert_eq!(listing.title, "12 Rue de l'\u{c9}glise");
    assert_eq!(listing.slug, "12-rue-de-leglise");
    assert!(listing.address.as_deref().unwrap().ends_with("Paris"));
    let found: Vec<_> = listing
        .photos
        .iter()
        .map(|photo| (photo.file.as_str(), photo.room, photo.room_origin))
        .collect();
    assert_eq!(
        found,
        [
            (
                "IMG_3.jpg",
                Some(Room::MasterBedroom),
                Some(RoomOrigin::ListingFile)
            ),
            (
                "IMG_2 kitchen.jpg",
                Some(Room::DiningRoom),
                Some(RoomOrigin::ListingFile)
            ),
            ("IMG_4 bath.jpg", Some(Room::Spa), Some(RoomOrigin::Flag)),
        ]
    );
    assert_eq!(listing.photos[0].group.as_deref(), Some("upstairs"));
    assert_eq!(listing.left_out[0].code, LeftOutCode::SkippedByListingFile);
    assert_eq!(listing.left_out[0].file, "IMG_1.jpg");
}

#[test]
fn a_wrong_listing_toml_names_file_key_and_neighbour() {
    for (text, expected) in [
        ("titel = \"x\"", "unknown key `titel`; nearest is `title`"),
        (
            "[[photo]]\nfile = \"IMG_1.jpg\"\nrom = \"Kitchen\"",
            "unknown key `[[photo]] number 1, rom`; nearest is `room`",
        ),
        (
            "[[photo]]\nfile = \"IMG_1.jpg\"\nroom = \"Kitchn\"",
            "[[photo]] number 1, room: `Kitchn` is not a room type; nearest is `Kitchen`",
        ),
        (
            "[[photo]]\nfile = \"IMG_01.jpg\"",
            "[[photo]] number 1, file: there is no file `IMG_01.jpg` in the folder; nearest is \
             `IMG_1.jpg`",
        ),
        (
            "[[photo]]\nfile = \"IMG_1.jpg\"\n[[photo]]\nfile = \"./IMG_1.jpg\"",
            "[[photo]] number 2: `./IMG_1.jpg` stands there a second time",
        ),
        (
            "[[bracket]]\nfiles = [\"IMG_1.jpg\"]",
            "[[bracket]] number 1, files: a bracket has 2 to 15 files, here are 1",
        ),
        (
            "brackets = \"sometimes\"",
            "brackets: `sometimes` is no way to group brackets; use `auto`, `off`, or the number \
             of exposures per view, 2 to 15",
        ),
        ("title = 3", "invalid type: integer `3`, expected a string"),
        ("title = ", "TOML parse error at line 1, column 9"),
        (
            "[[photo]]\nfile = \"IMG_1.jpg\"\norder = -1",
            "expected u32",
        ),
    ] {
        let folder = folder_of(&[
            ("IMG_1.jpg", jpeg(1)),
            ("listing.toml", text.as_bytes().to_vec()),
        ]);
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("listing.toml`: "), "{error}");
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_mask_is_no_photo_and_one_that_does_not_fit_is_an_error() {
    let listing = |mask: &str, size: (usize, usize)| {
        folder_of(&[
            ("kitchen.jpg", sized_jpeg(1, 600, 400)),
            ("floor.jpg", sized_jpeg(2, size.0, size.1)),
            (
                "listing.toml",
                format!("[[photo]]\nfile = \"kitchen.jpg\"\nmask = \"{mask}\"\n").into_bytes(),
            ),
        ])
    };
    let folder = listing("./floor.jpg", (300, 200));
    let read_in = read(folder.path()).unwrap();
    assert_eq!(names(&read_in), ["kitchen.jpg"]);
    let mask = photo(&read_in, "kitchen.jpg").mask.clone().unwrap();
    assert_eq!(mask.file, "floor.jpg");
    let limits = DecodeLimits::default();
    assert!(read_mask_bytes(folder.path(), &mask, &limits).is_ok());
    fs_err::write(folder.path().join("floor.jpg"), b"another").unwrap();
    assert!(matches!(
        read_mask_bytes(folder.path(), &mask, &limits),
        Err(PhotoError::Changed { .. })
    ));
    for (colours, transparent) in [(ColorType::Rgb, false), (ColorType::Rgba, true)] {
        let channels = colours.samples();
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, 300, 200);
        encoder.set_color(colours);
        let mut writer = encoder.write_header().unwrap();
        writer
            .write_image_data(&vec![200; 300 * 200 * channels])
            .unwrap();
        writer.finish().unwrap();
        let folder = listing("floor.png", (300, 200));
        fs_err::write(folder.path().join("floor.png"), png).unwrap();
        let outcome = read(folder.path());
        assert_eq!(
            outcome.is_err_and(|error| error.to_string().contains("transparency")),
            transparent
        );
    }
    let twice = listing("kitchen.jpg", (300, 200));
    let error = read(twice.path()).unwrap_err().to_string();
    assert!(error.contains("is named as a photo too"), "{error}");
    for (mask, size, words) in [
        ("floor.jpg", (400, 400), "another shape"),
        ("ceiling.jpg", (300, 200), "put it back"),
        ("../floor.jpg", (300, 200), ""),
        ("listing.toml", (300, 200), ""),
    ] {
        let error = read(listing(mask, size).path()).unwrap_err().to_string();
        assert!(
            error.contains(&format!(
                "the mask `{mask}` of `kitchen.jpg` cannot be used"
            )) && error.contains(words),
            "{error}"
        );
    }
}

#[test]
fn a_room_for_a_file_that_is_not_there_is_an_error() {
    let folder = folder_of(&[("IMG_1.jpg", jpeg(1))]);
    let options = IngestOptions {
        rooms: vec![("IMG_11".to_owned(), Room::Kitchen)],
        ..IngestOptions::default()
    };
    let error = read_with(folder.path(), &options).unwrap_err().to_string();
    assert_eq!(
        error,
        "no photo fits `IMG_11`, for which the room Kitchen was given; nearest is `IMG_1.jpg`"
    );
}

fn bracketed(biases: [i32; 3], moments: [&'static str; 3]) -> Vec<Vec<u8>> {
    biases
        .iter()
        .zip(moments)
        .enumerate()
        .map(|(index, (&bias, taken))| {
            shot_jpeg(
                index as u8,
                Shot {
                    seconds: if bias < 0 {
                        (1, 60 << -bias)
                    } else {
                        (1 << bias, 60)
                    },
                    bias: Some(bias),
                    taken,
                    ..SHOT
                },
            )
        })
        .collect()
}

fn folder_of_shots(shots: Vec<Vec<u8>>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (index, bytes) in shots.into_iter().enumerate() {
        let name = format!("IMG_{:04}.jpg", index + 1);
        fs_err::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

const BURST: [&str; 3] = [
    "2025:04:12 10:00:17",
    "2025:04:12 10:00:17",
    "2025:04:12 10:00:18",
];

#[test]
fn exif_brackets_are_found_in_any_order_and_two_in_a_row() {
    let mut shots = bracketed([0, -2, 2], BURST);
    shots.extend((0..3).map(|index| {
        shot_jpeg(
            100 + index,
            Shot {
                seconds: [(1, 30), (1, 120), (4, 30)][usize::from(index)],
                bias: Some([0, -2, 2][usize::from(index)]),
                taken: "2025:04:12 10:00:24",
                ..SHOT
            },
        )
    }));
    let folder = folder_of_shots(shots);
    let listing = read(folder.path()).unwrap();
    assert_eq!(
        groups(&listing),
        [
            "Exif: IMG_0002.jpg -2, IMG_0001.jpg* +0, IMG_0003.jpg +2",
            "Exif: IMG_0005.jpg -2, IMG_0004.jpg* +0, IMG_0006.jpg +2",
        ]
    );
    let options = IngestOptions {
        brackets: Some(BracketMode::Off),
        ..IngestOptions::default()
    };
    assert!(
        read_with(folder.path(), &options)
            .unwrap()
            .brackets
            .is_empty()
    );
}

#[test]
fn manual_brackets_without_compensation_need_steps_and_time() {
    let series = |times: [&'static str; 3], seconds: [(u32, u32); 3]| {
        let shots = (0..3).map(|index| {
            shot_jpeg(
                index as u8,
                Shot {
                    seconds: seconds[index],
                    bias: Some(0),
                    taken: times[index],
                    ..SHOT
                },
            )
        });
        let folder = folder_of_shots(shots.collect());
        let listing = read(folder.path()).unwrap();
        let sizes = listing
            .brackets
            .iter()
            .map(|bracket| bracket.exposures.len());
        sizes.collect::<Vec<_>>()
    };
    let rising = [(1, 240), (1, 60), (1, 15)];
    assert_eq!(series(BURST, rising), [3]);
    let by_hand = [
        "2025:04:12 10:00:17",
        "2025:04:12 10:00:27",
        "2025:04:12 10:00:37",
    ];
    assert_eq!(series(by_hand, rising), [3], "the same view, set by hand");
    let minutes = [
        "2025:04:12 10:00:17",
        "2025:04:12 10:01:27",
        "2025:04:12 10:02:37",
    ];
    assert!(series(minutes, rising).is_empty(), "walked on and back");
    assert!(
        series(BURST, [(1, 60), (1, 48), (1, 38)]).is_empty(),
        "thirds of a stop: the meter"
    );
    assert!(
        series(BURST, [(1, 60), (1, 60), (1, 60)]).is_empty(),
        "equal exposures"
    );
    assert_eq!(
        series(BURST, [(1, 100), (1, 60), (1, 40)]),
        [3],
        "0.7 EV, as cameras round it"
    );
    // Long exposures take their time: it is not counted.
    let long = [
        (-2.0, (2, 1), 0.0),
        (0.0, (8, 1), 2.0),
        (2.0, (30, 1), 11.0),
    ];
    let shots = long.map(|(ev, seconds, at)| {
        let written = Written {
            seconds,
            ..Written::of(0.0, at)
        };
        with_exif(&exposed(7, ev), &written)
    });
    let folder = folder_of_shots(shots.to_vec());
    assert_eq!(read(folder.path()).unwrap().brackets.len(), 1);
}

#[test]
fn pixels_decide_what_exif_proposes() {
    let views = |views: [u8; 3]| -> Vec<Vec<u8>> {
        let shots = [(0, (1, 60)), (-2, (1, 240)), (2, (4, 60))].into_iter();
        shots
            .zip(views)
            .zip(BURST)
            .map(|(((bias, seconds), view), taken)| {
                shot_jpeg(
                    view * 100 + (bias + 2) as u8,
                    Shot {
                        seconds,
                        bias: Some(bias),
                        taken,
                        ..SHOT
                    },
                )
            })
            .collect()
    };
    let mut zoomed = views([0, 0, 0]);
    zoomed[2] = shot_jpeg(
        9,
        Shot {
            seconds: (4, 60),
            bias: Some(2),
            focal_length: 24,
            ..SHOT
        },
    );
    for (why, shots, expected) in [
        ("three rooms", views([0, 1, 2]), vec![]),
        (
            "one of another room",
            views([0, 0, 1]),
            vec!["Exif: IMG_0002.jpg -2, IMG_0001.jpg* +0"],
        ),
        (
            "another focal length",
            zoomed,
            vec!["Exif: IMG_0002.jpg -2, IMG_0001.jpg* +0"],
        ),
        (
            "the third is lost",
            views([0, 0, 0])[..2].to_vec(),
            vec!["Exif: IMG_0002.jpg -2, IMG_0001.jpg* +0"],
        ),
    ] {
        let folder = folder_of_shots(shots);
        let listing = read(folder.path()).unwrap();
        assert_eq!(groups(&listing), expected, "{why}");
        if why == "one of another room" {
            assert_eq!(
                photo(&listing, "IMG_0003.jpg").notes,
                [
                    "by its EXIF data it could be an exposure of a bracket with `IMG_0002.jpg`, but it does not show \
                     the same view; it is a picture of its own"
                ]
            );
        }
    }
}

#[test]
fn names_make_brackets_where_exif_is_silent() {
    let folder = folder_of(&[
        ("hall_EV-2.jpg", exposed(1, -2.0)),
        ("hall_EV0.jpg", exposed(1, 0.0)),
        ("hall_EV+2.jpg", exposed(1, 2.0)),
        ("bath_under.jpg", exposed(2, -2.0)),
        ("bath_normal.jpg", exposed(2, 0.0)),
        ("bath_over.jpg", exposed(2, 2.0)),
        ("den_-2.jpg", exposed(3, -2.0)),
        ("den.jpg", exposed(3, 0.0)),
        ("den_+2.jpg", exposed(3, 2.0)),
        // Finished pictures that are merely counted, views of different size, and numbers that are no exposures.
        ("kitchen HDR 1.jpg", exposed(4, 0.0)),
        ("kitchen HDR 2.jpg", exposed(5, 0.0)),
        ("kitchen HDR 3.jpg", exposed(6, 0.0)),
        ("loft_EV-1.jpg", exposed(7, -1.0)),
        ("loft_EV+1.jpg", sized_jpeg(13, 64, 32)),
        ("spa_-1.jpg", exposed(8, -1.0)),
        ("spa_-2.jpg", exposed(9, -2.0)),
        // The name says an exposure of a view that it does not show.
        ("yard_-2.jpg", exposed(10, -2.0)),
        ("yard_0.jpg", exposed(10, 0.0)),
        ("yard_+2.jpg", exposed(11, 2.0)),
        // A frame that is as bright as the middle one is no darker exposure of it.
        ("zoo_-2.jpg", photo_of(12, Taking::at(0.0), 1)),
        ("zoo_0.jpg", photo_of(12, Taking::at(0.0), 2)),
    ]);
    let listing = read(folder.path()).unwrap();
    assert_eq!(
        groups(&listing),
        [
            "FileName: bath_under.jpg ?, bath_normal.jpg* ?, bath_over.jpg ?",
            "FileName: den_-2.jpg -2, den.jpg* +0, den_+2.jpg +2",
            "FileName: hall_EV-2.jpg -2, hall_EV0.jpg* +0, hall_EV+2.jpg +2",
            "FileName: yard_-2.jpg -2, yard_0.jpg* +0",
        ]
    );
    let noted: Vec<&str> = listing
        .photos
        .iter()
        .filter(|photo| !photo.notes.is_empty())
        .map(|photo| photo.file.as_str())
        .collect();
    assert_eq!(noted, ["yard_+2.jpg"]);
}

#[test]
fn three_in_a_row_without_any_word_are_a_bracket() {
    let folder = folder_of(&[
        ("001.jpg", exposed(1, 0.0)),
        ("002.jpg", exposed(2, -2.0)),
        ("003.jpg", exposed(2, 0.0)),
        ("004.jpg", exposed(2, 2.0)),
        // Two alone prove nothing.
        ("005.jpg", exposed(3, 0.0)),
        ("006.jpg", exposed(3, 2.0)),
        ("007.jpg", exposed(4, 0.0)),
    ]);
    let listing = read(folder.path()).unwrap();
    assert_eq!(
        groups(&listing),
        ["Pixels: 002.jpg ?, 003.jpg* ?, 004.jpg ?"]
    );
    assert_eq!(listing.brackets[0].checks.len(), 2);
    assert!(
        listing.brackets[0]
            .checks
            .iter()
            .all(|check| check.likeness > 0.8)
    );
}

#[test]
fn a_person_states_brackets() {
    let mut files: Vec<(String, Vec<u8>)> = (1..=6)
        .map(|number| {
            let (room, ev) = (number / 4, [-2.0, 0.0, 2.0][(number as usize - 1) % 3]);
            (format!("IMG_{number}.jpg"), exposed(room, ev))
        })
        .collect();
    let named = |files: &[(String, Vec<u8>)]| {
        let files: Vec<(&str, Vec<u8>)> = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.clone()))
            .collect();
        folder_of(&files)
    };
    let every = |folder: &Path, number| {
        let options = IngestOptions {
            brackets: Some(BracketMode::Every(number)),
            ..IngestOptions::default()
        };
        read_with(folder, &options)
    };
    let folder = named(&files);
    assert_eq!(
        groups(&every(folder.path(), 3).unwrap()),
        [
            "Stated: IMG_1.jpg ?, IMG_2.jpg* ?, IMG_3.jpg ?",
            "Stated: IMG_4.jpg ?, IMG_5.jpg* ?, IMG_6.jpg ?",
        ]
    );
    let error = every(folder.path(), 4).unwrap_err();
    assert!(
        matches!(error, IngestError::UnevenBrackets { .. }),
        "{error}"
    );
    // A damaged exposure keeps its place: the others do not slide into another view.
    files[1].1.truncate(300);
    let folder = named(&files);
    let listing = every(folder.path(), 3).unwrap();
    assert_eq!(
        groups(&listing),
        [
            "Stated: IMG_1.jpg* ?, IMG_3.jpg ?",
            "Stated: IMG_4.jpg ?, IMG_5.jpg* ?, IMG_6.jpg ?",
        ]
    );
    assert_eq!(listing.left_out[0].code, LeftOutCode::Damaged);
    // So does one that was copied over another.
    fs_err::copy(
        folder.path().join("IMG_1.jpg"),
        folder.path().join("IMG_2.jpg"),
    )
    .unwrap();
    let listing = every(folder.path(), 3).unwrap();
    assert_eq!(listing.left_out[0].code, LeftOutCode::Duplicate);
    assert_eq!(listing.brackets.len(), 2);
    fs_err::write(
        folder.path().join("listing.toml"),
        "brackets = \"off\"\n[[bracket]]\nfiles = [\"IMG_6.jpg\", \"IMG_5.jpg\", \"IMG_1.jpg\"]",
    )
    .unwrap();
    let listing = read(folder.path()).unwrap();
    assert_eq!(groups(&listing), ["Stated: IMG_5.jpg* ?, IMG_6.jpg ?"]);
    assert_eq!(
        photo(&listing, "IMG_1.jpg").notes,
        [
            "`listing.toml` puts it into a bracket with `IMG_6.jpg`, but it does not show the same view; it is a \
             picture of its own"
        ]
    );
    assert_eq!(listing.brackets[0].evidence, BracketEvidence::Stated);
}

#[test]
fn the_same_content_twice_is_one_photo() {
    let folder = folder_of(&[("a.jpg", jpeg(1)), ("b copy.jpg", jpeg(1))]);
    let listing = read(folder.path()).unwrap();
    assert_eq!(names(&listing), ["a.jpg"]);
    assert_eq!(listing.left_out[0].code, LeftOutCode::Duplicate);
    assert_eq!(
        listing.left_out[0].reason,
        "it has the same content as `a.jpg`"
    );
}

#[test]
fn a_photo_that_changed_is_not_read_as_the_old_one() {
    let folder = folder_of(&[("a.jpg", jpeg(1))]);
    let listing = read(folder.path()).unwrap();
    let id = &listing.photos[0].id;
    let limits = DecodeLimits::default();
    let read = |file| read_photo_bytes(folder.path(), file, id, &limits);
    assert_eq!(read("a.jpg").unwrap(), jpeg(1));
    fs_err::write(folder.path().join("a.jpg"), jpeg(2)).unwrap();
    assert!(matches!(read("a.jpg"), Err(PhotoError::Changed { .. })));
    fs_err::remove_file(folder.path().join("a.jpg")).unwrap();
    assert!(matches!(read("a.jpg"), Err(PhotoError::Missing { .. })));
    assert!(matches!(read("../a.jpg"), Err(PhotoError::Refused { .. })));
}

#[test]
fn progress_counts_every_photo() {
    let folder = folder_of(&[("a.jpg", jpeg(1)), ("b.jpg", jpeg(2)), ("c.txt", vec![1])]);
    let seen = std::sync::Mutex::new(Vec::new());
    read_listing(folder.path(), &IngestOptions::default(), &|done, all| {
        seen.lock().unwrap().push((done, all));
    })
    .unwrap();
    let mut seen = seen.into_inner().unwrap();
    seen.sort_unstable();
    assert_eq!(seen, [(1, 2), (2, 2)]);
}
