//! A photo never disappears: it is delivered, alone or as one exposure of a bracket, or named with the reason.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::BTreeSet;
use std::path::Path;

use remedia::deliver::manifest::Manifest;
use remedia::domain::listing::Listing;
use remedia::ingest::{IngestOptions, read_listing};

use crate::support::shoot::{Shot, Taking, exposed, photo_of, shoot};
use crate::support::{Environment, Said, fixture};

/// The inputs of a case, copied to where they may be changed.
fn case(environment: &Environment, name: &str, files: &[(&str, &str)]) {
    let folder = environment.work().join("in");
    fs_err::create_dir_all(&folder).unwrap();
    for (from, to) in files {
        fs_err::copy(fixture("cases").join(name).join(from), folder.join(to)).unwrap();
    }
}

fn submit(environment: &Environment) -> Said {
    environment.run(["submit", "in", "--style", "modern", "--out", "out"])
}

fn manifest(environment: &Environment) -> Manifest {
    let path = environment.work().join("out/in/manifest.json");
    serde_json::from_slice(&fs_err::read(path).unwrap()).unwrap()
}

/// The delivered pictures as the files that they were made of.
fn pictures(environment: &Environment) -> Vec<Vec<String>> {
    manifest(environment)
        .photos
        .into_iter()
        .map(|photo| {
            photo
                .sources
                .into_iter()
                .map(|source| source.file)
                .collect()
        })
        .collect()
}

fn read(folder: &Path) -> Listing {
    read_listing(folder, &IngestOptions::default(), &|_, _| {}).unwrap()
}

#[test]
fn case_01_three_rooms_are_three_pictures() {
    let environment = Environment::new();
    let files = ["A0.JPG", "A1.JPG", "A2.JPG"];
    case(
        &environment,
        "01-bracket-other-view-lost",
        &files.map(|file| (file, file)),
    );
    let plan = environment.run(["plan", "in", "--style", "modern"]);
    assert!(
        plan.out.contains("3 pictures from 3 photos"),
        "{}",
        plan.out
    );
    let words: Vec<&str> = plan.out.split_whitespace().collect();
    assert!(
        words.join(" ").contains("it does not show the same view"),
        "{}",
        plan.out
    );
    let said = submit(&environment);
    assert_eq!(said.code, 0, "{}", said.error);
    assert_eq!(pictures(&environment), files.map(|file| vec![file]));
}

#[test]
fn case_15_a_middle_frame_without_mark_is_the_reference() {
    let name = "20180506_091537_DSC02122";
    let view = "15-bracket-middle-unmarked";
    for forms in [
        [" (-2.0).JPG", ".JPG", " (+2.0).JPG"],
        ["_-2.jpg", "_0.jpg", "_+2.jpg"],
    ] {
        let environment = Environment::new();
        let from = [" (-2.0).JPG", ".JPG", " (+2.0).JPG"].map(|form| format!("{name}{form}"));
        let to = forms.map(|form| format!("living{form}"));
        let pairs: Vec<(&str, &str)> = from
            .iter()
            .zip(&to)
            .map(|(from, to)| (from.as_str(), to.as_str()))
            .collect();
        case(&environment, view, &pairs);
        let listing = read(&environment.work().join("in"));
        assert_eq!(listing.brackets.len(), 1);
        let bracket = &listing.brackets[0];
        assert_eq!(listing.photo(&bracket.reference).unwrap().file, to[1]);
        let values: Vec<Option<f64>> = bracket
            .exposures
            .iter()
            .map(|exposure| exposure.exposure_value)
            .collect();
        assert_eq!(values, [Some(-2.0), Some(0.0), Some(2.0)]);
    }
}

#[test]
fn case_16_a_bracket_of_four_is_one_picture() {
    let environment = Environment::new();
    let files = [
        "DJI_0001.JPG",
        "DJI_0002.JPG",
        "DJI_0003.JPG",
        "DJI_0004.JPG",
    ];
    case(
        &environment,
        "16-even-bracket",
        &files.map(|file| (file, file)),
    );
    let said = submit(&environment);
    assert_eq!(said.code, 0, "{}", said.error);
    assert_eq!(pictures(&environment), [files.to_vec()]);
    let manifest = manifest(&environment);
    let fusion = &manifest.photos[0].operations[0].steps[0];
    assert_eq!(fusion.name, "exposure_fusion");
    assert_eq!(fusion.parameters["exposures"], 4.0);
}

#[test]
fn case_18_flash_and_ambient_frames_are_not_fused() {
    let environment = Environment::new();
    let files = ["IMG_100.jpg", "IMG_101.jpg", "IMG_102.jpg"];
    case(
        &environment,
        "18-flambient",
        &files.map(|file| (file, file)),
    );
    let listing = read(&environment.work().join("in"));
    assert!(listing.brackets.is_empty());
    assert!(
        listing.photos[1].notes[0].contains("its flash fired"),
        "{:?}",
        listing.photos
    );
    assert_eq!(listing.photos.len(), 3);
}

#[test]
fn case_31_every_message_names_its_file() {
    let environment = Environment::new();
    let folder = environment.work().join("in");
    fs_err::create_dir_all(&folder).unwrap();
    fs_err::write(folder.join("IMG_0.jpg"), exposed(1, 0.0)).unwrap();
    fs_err::write(folder.join("IMG_1.jpg"), exposed(2, 0.0)).unwrap();
    let mut half = exposed(3, 0.0);
    half.truncate(half.len() / 2);
    fs_err::write(folder.join("IMG_2.jpg"), half).unwrap();
    let said = environment.run([
        "submit", "in", "--style", "modern", "--out", "out", "--detach",
    ]);
    assert_eq!(said.code, 7, "{}", said.error);
    assert_eq!(said.error.matches("left out IMG_2.jpg: ").count(), 1);
    fs_err::remove_file(folder.join("IMG_1.jpg")).unwrap();
    let said = environment.run(["run", "--once"]);
    assert_ne!(said.code, 0, "{}{}", said.out, said.error);
    let line = said
        .error
        .lines()
        .find(|line| line.contains("IMG_1.jpg"))
        .unwrap_or_else(|| panic!("{}{}", said.out, said.error));
    assert!(line.contains("IMG_1.jpg"), "{line}");
    assert!(!said.error.contains("photo "), "{}", said.error);
    assert!(!said.out.contains("delivered without"), "{}", said.out);
}

#[test]
fn a_lost_exposure_is_named_and_the_others_are_fused() {
    let environment = Environment::new();
    let folder = environment.work().join("in");
    fs_err::create_dir_all(&folder).unwrap();
    for (name, ev) in [
        ("hall_-2.jpg", -2.0),
        ("hall_0.jpg", 0.0),
        ("hall_+2.jpg", 2.0),
    ] {
        fs_err::write(folder.join(name), exposed(4, ev)).unwrap();
    }
    let said = environment.run([
        "submit", "in", "--style", "modern", "--out", "out", "--detach",
    ]);
    assert_eq!(said.code, 7, "{}", said.error);
    fs_err::write(folder.join("hall_+2.jpg"), exposed(5, 0.0)).unwrap();
    let said = environment.run(["run", "--once"]);
    assert_eq!(said.code, 3, "{}{}", said.out, said.error);
    assert!(
        said.error.contains("hall_+2.jpg: not delivered: "),
        "{}",
        said.error
    );
    let manifest = manifest(&environment);
    assert_eq!(manifest.photos.len(), 1);
    assert_eq!(manifest.problems[0].file, "hall_+2.jpg");
    let fusion = &manifest.photos[0].operations[0].steps[0];
    assert_eq!(fusion.parameters["exposures"], 2.0);
}

#[test]
fn what_a_person_states_is_checked_and_the_odd_one_is_told() {
    let environment = Environment::new();
    let folder = environment.work().join("in");
    fs_err::create_dir_all(&folder).unwrap();
    for (name, room, ev) in [("1.jpg", 1, -2.0), ("2.jpg", 1, 0.0), ("3.jpg", 2, 2.0)] {
        fs_err::write(folder.join(name), exposed(room, ev)).unwrap();
    }
    let said = environment.run([
        "submit",
        "in",
        "--style",
        "modern",
        "--out",
        "out",
        "--brackets",
        "3",
    ]);
    assert_eq!(said.code, 0, "{}", said.error);
    assert!(
        said.error.contains(
            "3.jpg: counting the files puts it into a bracket with `1.jpg`, but it does not"
        ),
        "{}",
        said.error
    );
    assert_eq!(
        pictures(&environment),
        [vec!["1.jpg", "2.jpg"], vec!["3.jpg"]]
    );
    let manifest = manifest(&environment);
    assert_eq!(manifest.photos[1].notes.len(), 1);
}

#[test]
fn a_hand_that_shakes_and_a_person_that_walks_keep_the_set() {
    let folder = tempfile::tempdir().unwrap();
    for (name, ev, shift) in [
        ("a_-2.jpg", -2.0, [4.0, -3.0]),
        ("a_0.jpg", 0.0, [0.0, 0.0]),
        ("a_+2.jpg", 2.0, [-3.0, 2.0]),
    ] {
        let taking = Taking {
            shift,
            ..Taking::at(ev)
        };
        fs_err::write(folder.path().join(name), photo_of(6, taking, 9)).unwrap();
    }
    let listing = read(folder.path());
    assert_eq!(listing.brackets.len(), 1);
    assert_eq!(listing.brackets[0].exposures.len(), 3);
}

fn written(folder: &Path, shots: &[Shot]) {
    fs_err::create_dir_all(folder).unwrap();
    for shot in shots {
        fs_err::write(folder.join(&shot.file), &shot.bytes).unwrap();
    }
}

/// What random shoots came to.
#[derive(Debug, Default)]
struct Tally {
    sets: usize,
    found: usize,
    in_part: usize,
    wrong: usize,
    /// What was not as it should be.
    told: Vec<String>,
}

/// Checks that every file is accounted for, and counts the sets.
fn account(shots: &[Shot], listing: &Listing, seed: u64, tally: &mut Tally) {
    let mut accounted: Vec<&str> = listing
        .photos
        .iter()
        .map(|photo| photo.file.as_str())
        .collect();
    accounted.extend(
        listing
            .left_out
            .iter()
            .map(|left_out| left_out.file.as_str()),
    );
    accounted.sort_unstable();
    let mut files: Vec<&str> = shots.iter().map(|shot| shot.file.as_str()).collect();
    files.sort_unstable();
    assert_eq!(accounted, files, "shoot {seed}");
    let mut grouped = BTreeSet::new();
    let set_of = |file: &str| shots.iter().find(|shot| shot.file == file).unwrap().set;
    for bracket in &listing.brackets {
        let members: Vec<&str> = bracket
            .exposures
            .iter()
            .map(|exposure| listing.photo(&exposure.photo).unwrap().file.as_str())
            .collect();
        for member in &members {
            assert!(grouped.insert(*member), "shoot {seed}: {member} twice");
        }
        let first = set_of(members[0]);
        if first.is_none() || members.iter().any(|member| set_of(member) != first) {
            tally
                .told
                .push(format!("shoot {seed}: wrong group {members:?}"));
            tally.wrong += 1;
        }
    }
    let sets: BTreeSet<usize> = shots.iter().filter_map(|shot| shot.set).collect();
    for set in sets {
        let members = shots.iter().filter(|shot| {
            shot.set == Some(set) && listing.photos.iter().any(|photo| photo.file == shot.file)
        });
        let members: BTreeSet<&str> = members.map(|shot| shot.file.as_str()).collect();
        if members.len() < 2 {
            continue;
        }
        tally.sets += 1;
        let largest = listing
            .brackets
            .iter()
            .map(|bracket| {
                let inside = bracket.exposures.iter().filter(|exposure| {
                    members.contains(listing.photo(&exposure.photo).unwrap().file.as_str())
                });
                inside.count()
            })
            .max()
            .unwrap_or(0);
        if largest == members.len() {
            tally.found += 1;
        } else {
            tally.in_part += usize::from(largest >= 2);
            tally.told.push(format!(
                "shoot {seed}: {largest} of {} of {members:?}",
                members.len()
            ));
        }
    }
}

#[test]
fn random_shoots_lose_no_file_and_group_no_stranger() {
    let mut tally = Tally::default();
    let shoots: u64 = std::env::var("REMEDIA_TEST_SHOOTS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(40);
    for seed in 1..=shoots {
        let folder = tempfile::tempdir().unwrap();
        let shots = shoot(seed);
        written(folder.path(), &shots);
        account(&shots, &read(folder.path()), seed, &mut tally);
    }
    println!("{shoots} shoots: {tally:#?}");
    assert_eq!(tally.wrong, 0, "{tally:?}");
    assert!(tally.found as f64 >= 0.95 * tally.sets as f64, "{tally:?}");
}

#[test]
fn the_binary_delivers_or_names_every_file_of_a_shoot() {
    for seed in [101, 102] {
        let environment = Environment::new();
        let shots = shoot(seed);
        written(&environment.work().join("in"), &shots);
        let said = submit(&environment);
        let delivered: BTreeSet<String> = pictures(&environment).into_iter().flatten().collect();
        let mut lost = false;
        for shot in &shots {
            if !delivered.contains(&shot.file) {
                let named = said
                    .error
                    .lines()
                    .any(|line| line.contains(&format!("left out {}: ", shot.file)));
                assert!(named, "shoot {seed}: {} in {}", shot.file, said.error);
                lost |= !said
                    .error
                    .contains(&format!("left out {}: it has the same", shot.file));
            }
        }
        assert_eq!(said.code, if lost { 3 } else { 0 }, "{}", said.error);
    }
}
