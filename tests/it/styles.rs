//! The styles inside remedia and those of a user's folder, read through the library.

#![expect(
    clippy::unwrap_used,
    reason = "what these helpers cannot do fails the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;
use remedia::domain::enhancement::EnhancementSettings;
use remedia::domain::plan::AttemptParameters;
use remedia::domain::room::Room;
use remedia::domain::style::{LOOK_LIMIT, RetryReason, Style};
use remedia::planner::retry_parameters;
use remedia::planner::styles::{StyleError, StyleLibrary, StyleOrigin};

use crate::support::assert_schema_is_current;

const STAGED_ROOMS: &[Room] = &[
    Room::LivingRoom,
    Room::Bedroom,
    Room::DiningRoom,
    Room::Kitchen,
    Room::Bathroom,
    Room::Office,
    Room::Entry,
    Room::Nursery,
];

fn embedded() -> StyleLibrary {
    StyleLibrary::load(None).unwrap()
}

/// A user's folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs_err::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// The text of `modern` as a user would change it.
fn changed(replacements: &[(&str, &str)]) -> String {
    let mut text = embedded().entry("modern").unwrap().text.clone();
    for (from, to) in replacements {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    text
}

/// The message of a folder that is refused, with the folder's own path taken out.
fn refusal(files: &[(&str, &str)]) -> String {
    let folder = folder(files);
    let message = StyleLibrary::load(Some(folder.path()))
        .unwrap_err()
        .to_string();
    message.replace(&folder.path().display().to_string(), "STYLES")
}

#[test]
fn all_sixteen_are_there() {
    let library = embedded();
    let names: Vec<&str> = library.names().collect();
    insta::assert_snapshot!(names.join(" "), @"art-deco boho coastal contemporary farmhouse industrial japandi luxury mediterranean midcentury minimalist modern rustic scandinavian traditional transitional");
    assert!(
        library
            .entries()
            .all(|entry| entry.origin == StyleOrigin::Embedded)
    );
}

#[test]
fn names_and_aliases_find_their_style_however_they_are_written() {
    let library = embedded();
    for (called, name) in [
        ("modern", "modern"),
        ("standard", "modern"),
        ("Scandi", "scandinavian"),
        ("nordic", "scandinavian"),
        ("Mid-Century Modern", "midcentury"),
        ("mid_century", "midcentury"),
        ("bohemian", "boho"),
        ("Art Deco", "art-deco"),
        ("ARTDECO", "art-deco"),
        ("classic", "traditional"),
    ] {
        assert_eq!(library.get(called).unwrap().name, name, "{called}");
    }
    let unknown = library.get("scandanavian").unwrap_err();
    insta::assert_snapshot!(unknown, @"there is no style `scandanavian`; nearest is `scandinavian`");
}

#[test]
fn each_furnishes_every_room_that_people_stage_and_asks_differently() {
    let mut prompts: BTreeMap<String, String> = BTreeMap::new();
    for entry in embedded().entries() {
        let style = &entry.style;
        for &room in STAGED_ROOMS {
            assert!(style.rooms.contains_key(&room), "{} {room}", style.name);
            let parameters = retry_parameters(style, room, 1, RetryReason::Prompt);
            let Some(AttemptParameters::Diffusion {
                prompt,
                negative_prompt,
                ..
            }) = parameters
            else {
                panic!("{} {room} is not staged", style.name);
            };
            assert!(negative_prompt.contains("new window"), "{negative_prompt}");
            let other = prompts.insert(prompt.clone(), format!("{} {room}", style.name));
            assert_eq!(other, None, "{} {room}", style.name);
            // A CLIP text encoder reads 75 tokens between its marks; most words and every comma are
            // one, and about one word in eight is cut in two.
            let words = prompt
                .split_whitespace()
                .flat_map(|word| word.split('-'))
                .count();
            let tokens = words + words / 8 + prompt.matches([',', '-']).count();
            assert!(
                tokens <= 75,
                "{} {room}: about {tokens} tokens: {prompt}",
                style.name
            );
        }
    }
}

#[test]
fn nothing_that_is_fixed_to_the_house_is_put_into_it() {
    let fixtures = [
        "pendant",
        "chandelier",
        "sconce",
        "curtain",
        "blind",
        "shutter",
        "ceiling",
        "floating",
        "hanging",
        "built-in",
        "cabinetry",
        "wallpaper",
        "fireplace",
        "panelling",
        "hook",
        "peg ",
        "window",
        "door",
        "wall",
        "tiles",
        "flooring",
    ];
    for entry in embedded().entries() {
        for (room, content) in &entry.style.rooms {
            for piece in &content.furniture {
                for fixture in fixtures {
                    assert!(
                        !piece.contains(fixture),
                        "{} {room}: {piece}",
                        entry.style.name
                    );
                }
            }
        }
    }
}

/// Light, weather and views belong to the photo, and people do not belong into it: a prompt that names
/// them changes what the house shows.
#[test]
fn no_prompt_asks_for_light_weather_views_or_people() {
    let unwanted = [
        "light", "sun", "daylight", "glow", "dusk", "snow", "sky", "view", "window", "door",
        "people", "family", "children", "boy", "girl", "man", "woman", "cross", "flag",
    ];
    for entry in embedded().entries() {
        let style = &entry.style;
        let rooms = style.rooms.values().flat_map(|room| {
            room.furniture
                .iter()
                .chain([&room.prompt])
                .map(String::as_str)
        });
        for text in rooms.chain([style.staging.prompt.as_str()]) {
            for word in text.split(|character: char| !character.is_alphabetic()) {
                assert!(!unwanted.contains(&word), "{}: {text}", style.name);
            }
        }
    }
}

#[test]
fn looks_are_small_and_distinct_and_digests_differ() {
    let library = embedded();
    let mut looks = BTreeSet::new();
    let mut digests = BTreeSet::new();
    for entry in library.entries() {
        let look = entry.style.look;
        for value in [look.warmth, look.contrast, look.saturation] {
            assert!(value.abs() <= LOOK_LIMIT / 2.0, "{}", entry.style.name);
        }
        looks.insert(format!("{look:?}"));
        digests.insert(entry.style.digest());
        assert_eq!(entry.style.enhancement, EnhancementSettings::default());
    }
    assert_eq!(looks.len(), 16);
    assert_eq!(digests.len(), 16);
}

#[test]
fn the_ladder_answers_each_reason_in_its_own_direction() {
    for entry in embedded().entries() {
        let staging = &entry.style.staging;
        let first = staging.numbers(1, RetryReason::Structure);
        for number in [2, 3] {
            let structure = staging.numbers(number, RetryReason::Structure);
            assert!(structure.strength < first.strength);
            for (later, first) in structure.controlnets.iter().zip(&first.controlnets) {
                assert!(later.conditioning_scale > first.conditioning_scale);
            }
            let prompt = staging.numbers(number, RetryReason::Prompt);
            assert!(prompt.guidance_scale > first.guidance_scale);
            let furniture = staging.numbers(number, RetryReason::Furniture);
            assert!(furniture.mask_growth > first.mask_growth);
        }
    }
}

#[test]
fn the_schema_is_current_and_every_style_fits_it() {
    let schema = serde_json::to_value(schemars::schema_for!(Style)).unwrap();
    assert_schema_is_current("schemas/style.schema.json", &schema);
    let validator = jsonschema::validator_for(&schema).unwrap();
    for entry in embedded().entries() {
        let from_text: toml::Value = toml::from_str(&entry.text).unwrap();
        for json in [
            serde_json::to_value(&entry.style).unwrap(),
            serde_json::to_value(&from_text).unwrap(),
        ] {
            let errors: Vec<String> = validator
                .iter_errors(&json)
                .map(|error| error.to_string())
                .collect();
            assert!(errors.is_empty(), "{}: {errors:?}", entry.style.name);
        }
    }
    let mut wrong = serde_json::to_value(embedded().get("modern").unwrap()).unwrap();
    wrong["staging"]["strenght"] = 1.into();
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn a_user_file_replaces_one_and_another_joins() {
    let replaced = changed(&[("warmth = 0.02", "warmth = -0.2")]);
    let joined = changed(&[
        ("name = \"modern\"", "name = \"seaside-loft\""),
        (
            "\"modernist\", \"clean-modern\", \"standard\"",
            "\"loft-by-the-sea\"",
        ),
    ]);
    let folder = folder(&[
        ("modern.toml", &replaced),
        ("seaside-loft.toml", &joined),
        ("notes.txt", "not a style"),
    ]);
    let library = StyleLibrary::load(Some(folder.path())).unwrap();
    assert_eq!(library.names().count(), 17);
    assert_eq!(library.get("standard").unwrap().look.warmth, -0.2);
    assert_eq!(library.get("Loft by the Sea").unwrap().name, "seaside-loft");
    let path = folder.path().join("modern.toml");
    assert_eq!(
        library.entry("modern").unwrap().origin,
        StyleOrigin::UserFile(path)
    );
    assert_ne!(
        library.get("modern").unwrap().digest(),
        embedded().get("modern").unwrap().digest()
    );
}

#[test]
fn a_wrong_file_is_refused_with_its_name_its_key_and_what_was_meant() {
    let misspelt = changed(&[("guidance_scale = 7.5", "guidence_scale = 7.5")]);
    insta::assert_snapshot!(refusal(&[("modern.toml", &misspelt)]), @"style file `STYLES/modern.toml`, line 23: `guidence_scale` is not known here; nearest is `guidance_scale`");
    let room = changed(&[("[rooms.\"Nursery\"]", "[rooms.\"Nursary\"]")]);
    insta::assert_snapshot!(refusal(&[("modern.toml", &room)]), @"style file `STYLES/modern.toml`, line 75: `Nursary` is not known here; nearest is `Nursery`");
    let range = changed(&[
        ("strength = 0.86", "strength = 1.2"),
        (
            "conditioning_scale = 0.30, mask",
            "conditioning_scale = 3.0, mask",
        ),
    ]);
    insta::assert_snapshot!(refusal(&[("modern.toml", &range)]), @"style file `STYLES/modern.toml`: staging.strength: 1.2 is out of range; 0.05 to 1 is allowed");
    let other_name = changed(&[("name = \"modern\"", "name = \"modish\"")]);
    insta::assert_snapshot!(refusal(&[("modern.toml", &other_name)]), @"style file `STYLES/modern.toml`: name: `modish` differs from the file's name; call one like the other");
    let clash = changed(&[
        ("name = \"modern\"", "name = \"nordic\""),
        ("\"modernist\", \"clean-modern\", \"standard\"", ""),
    ]);
    insta::assert_snapshot!(refusal(&[("nordic.toml", &clash)]), @"`nordic` names both the style `nordic` and the style `scandinavian`; change `name` or `aliases` in `STYLES/nordic.toml`");
    let version = changed(&[(
        "schema_version = 1",
        "schema_version = 2\nseason = \"winter\"",
    )]);
    insta::assert_snapshot!(refusal(&[("modern.toml", &version)]), @"style file `STYLES/modern.toml`: schema_version: 2 is not supported; this build reads 1");
    insta::assert_snapshot!(refusal(&[("modern.toml", "name = [")]), @"style file `STYLES/modern.toml`, line 1: unclosed array, expected `]`");
}

#[test]
fn files_that_are_no_text_or_too_big_and_missing_folders_are_refused() {
    let folder = folder(&[]);
    fs_err::write(folder.path().join("x.toml"), [0xff, 0xfe, 0x61]).unwrap();
    let error = StyleLibrary::load(Some(folder.path())).unwrap_err();
    assert!(matches!(error, StyleError::NotText { .. }), "{error}");
    fs_err::write(folder.path().join("x.toml"), vec![b' '; 300_000]).unwrap();
    let error = StyleLibrary::load(Some(folder.path())).unwrap_err();
    assert!(
        error.to_string().contains("more than 262144 bytes"),
        "{error}"
    );
    let error = StyleLibrary::load(Some(Path::new("/no/such/folder"))).unwrap_err();
    assert!(error.to_string().contains("/no/such/folder"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// A style file with anything cut out of it or put into it is read or refused with its name.
    #[test]
    fn no_style_file_breaks_the_reading(at in 0.0..1.0, cut in 0_usize..40, put in "\\PC{0,6}") {
        let mut text: Vec<char> = embedded().entry("modern").unwrap().text.chars().collect();
        let start = (at * text.len() as f64) as usize;
        let end = (start + cut).min(text.len());
        text.splice(start..end, put.chars());
        let text: String = text.into_iter().collect();
        let folder = folder(&[("modern.toml", &text)]);
        if let Err(error) = StyleLibrary::load(Some(folder.path())) {
            let message = error.to_string();
            prop_assert!(message.contains("modern.toml"), "{}", message);
        }
    }
}
