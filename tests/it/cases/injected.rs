//! Calls to the file system that fail: five errors, at many places of a first delivery, of one by another style and of one
//! that was spoiled. Each ends with an exit code that says what it is, delivers nothing false, leaves the originals alone,
//! and comes by another run to what an undisturbed run comes to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use remedia::deliver::manifest::Manifest;

use crate::support::room::room_photo;
use crate::support::{Environment, Said};

use super::faults::tree;

/// Photos of each listing.
const PHOTOS: u32 = 2;

/// The errors, each with the calls that can have it.
const ERRORS: [(&str, &str); 5] = [
    ("EIO", "any"),
    ("ENOSPC", "change"),
    ("EMFILE", "open"),
    ("EACCES", "any"),
    ("EINTR", "any"),
];

/// Places at which each error is tried in each step: 255 cases in all. `REMEDIA_TEST_FAULT_PLACES` says another number.
const PLACES: usize = 17;

fn places() -> usize {
    let stated = std::env::var("REMEDIA_TEST_FAULT_PLACES").ok();
    stated.map_or(PLACES, |text| text.parse().unwrap())
}

/// What is asked in each step of a scene: a first delivery, another style into the same folder, and the first again.
const STEPS: [&[&str]; 3] = [
    &["submit", "ash"],
    &["submit", "ash", "--style", "scandinavian"],
    &["submit", "ash"],
];

struct Scene {
    environment: Environment,
}

impl Scene {
    fn new() -> Self {
        let environment = Environment::new();
        let listing = environment.work().join("ash");
        fs_err::create_dir(&listing).unwrap();
        for number in 1..=PHOTOS {
            let name = format!("{number:02}-kitchen.jpg");
            fs_err::write(listing.join(name), room_photo(96, 64, number)).unwrap();
        }
        Self { environment }
    }

    fn run(&self, arguments: &[&str], faults: &str) -> Said {
        let mut command = self.environment.command(["--quiet"]);
        command.args(arguments);
        if !faults.is_empty() {
            command.env("REMEDIA_TEST_FAULTS", faults);
        }
        self.environment.said(command.output().unwrap())
    }

    fn listing(&self) -> BTreeMap<String, blake3::Hash> {
        tree(&self.environment.work().join("ash"))
    }

    fn out(&self) -> PathBuf {
        self.environment.work().join("remedia-out")
    }
}

/// What an undisturbed scene delivers after each step, and how many calls of each sort a step makes.
struct Undisturbed {
    trees: Vec<BTreeMap<String, blake3::Hash>>,
    calls: Vec<BTreeMap<String, usize>>,
}

fn undisturbed() -> Undisturbed {
    let scene = Scene::new();
    let mut trees = Vec::new();
    let mut calls = Vec::new();
    for (index, step) in STEPS.iter().enumerate() {
        let log = scene.environment.path().join(format!("calls-{index}"));
        let rule = format!("any:LOG={}:1+", log.display());
        scene.run(step, &rule).with_code(0);
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for line in fs_err::read_to_string(&log).unwrap().lines() {
            let call = line.split(' ').next().unwrap();
            *counts.entry("any".to_owned()).or_default() += 1;
            *counts.entry(call.to_owned()).or_default() += 1;
            if ["write", "sync", "rename", "remove", "make"].contains(&call) {
                *counts.entry("change".to_owned()).or_default() += 1;
            }
        }
        calls.push(counts);
        trees.push(tree(&scene.out()));
    }
    assert_ne!(trees[0], trees[1]);
    assert_eq!(trees[0], trees[2]);
    Undisturbed { trees, calls }
}

/// A folder with a manifest holds just what the manifest says, but for what the test itself has spoiled; one without says that it is in progress, or nothing yet.
pub(super) fn check_nothing_false(folder: &Path, spoiled: &str, name: &str) {
    let Ok(bytes) = fs_err::read(folder.join("manifest.json")) else {
        if let Ok(text) = fs_err::read_to_string(folder.join("disclosure.txt"))
            && !text.contains("in progress")
        {
            // The documents are being written, so every picture stands.
            assert!(
                folder.join(".remedia-delivery.json").exists(),
                "{name}: {text}"
            );
        }
        return;
    };
    let manifest: Manifest = serde_json::from_slice(&bytes).unwrap();
    let files = manifest.photos.iter().flat_map(|photo| &photo.files);
    let promised = files.map(|file| (&file.path, &file.blake3)).chain(
        manifest
            .documents
            .iter()
            .map(|file| (&file.path, &file.blake3)),
    );
    for (path, digest) in promised.filter(|(path, _)| *path != spoiled) {
        let content = fs_err::read(folder.join(path));
        let content = content.unwrap_or_else(|error| panic!("{name}: {path}: {error}"));
        assert_eq!(
            blake3::hash(&content).to_hex().as_str(),
            digest,
            "{name}: {path}"
        );
    }
}

#[test]
fn calls_that_fail_are_healed_by_running_again() {
    let undisturbed = undisturbed();
    let places = places();
    let scenes: Vec<(usize, &str, &str)> = (0..places)
        .flat_map(|place| {
            ERRORS
                .iter()
                .map(move |(error, call)| (place, *error, *call))
        })
        .collect();
    let next = AtomicUsize::new(0);
    let codes: Mutex<BTreeMap<(&str, i32), usize>> = Mutex::new(BTreeMap::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((place, error, call)) =
                    scenes.get(next.fetch_add(1, Ordering::SeqCst))
                {
                    for (step, code) in scene(*place, places, (error, call), &undisturbed)
                        .into_iter()
                        .enumerate()
                    {
                        let name = ["submit", "restyled", "again"][step];
                        *codes.lock().unwrap().entry((name, code)).or_default() += 1;
                    }
                }
            });
        }
    });
    let codes = codes.into_inner().unwrap();
    // Faults that do nothing would prove nothing.
    let failed: usize = codes
        .iter()
        .filter(|((_, code), _)| *code != 0)
        .map(|(_, count)| count)
        .sum();
    assert!(failed > places * 5, "{codes:?}");
}

/// One scene: each step with the error, and then without; gives the exit codes.
fn scene(
    place: usize,
    places: usize,
    (error, call): (&str, &str),
    undisturbed: &Undisturbed,
) -> Vec<i32> {
    let scene = Scene::new();
    let originals = scene.listing();
    let mut codes = Vec::new();
    for (index, step) in STEPS.iter().enumerate() {
        if index == 2 {
            // Somebody's hand was in the folder, or the disk lost it.
            fs_err::remove_file(scene.out().join("ash/gallery.html")).unwrap();
        }
        let calls = undisturbed.calls[index].get(call).copied().unwrap_or(1);
        let at = 1 + place * calls / places;
        // Once is ridden out where it can pass; for ever is not.
        let for_ever = if (place + index) % 3 == 2 { "" } else { "+" };
        let faults = format!("{call}:{error}:{at}{for_ever}");
        let name = format!("step {index}, {faults}");
        let failed = scene.run(step, &faults);
        // A settings file that may not be read is a wrong word of the command line.
        let allowed = if error == "EACCES" {
            &[0, 1, 2, 3, 5][..]
        } else {
            &[0, 1, 3, 5]
        };
        assert!(
            allowed.contains(&failed.code),
            "{name}: {} {}",
            failed.code,
            failed.error
        );
        assert!(
            !failed.error.contains("panicked"),
            "{name}: {}",
            failed.error
        );
        if for_ever.is_empty() && ["EIO", "EMFILE", "EINTR"].contains(&error) {
            assert_eq!(failed.code, 0, "{name}: {}", failed.error);
        }
        assert!(
            !(error == "ENOSPC" && failed.code == 1),
            "{name}: {}",
            failed.error
        );
        assert_eq!(scene.listing(), originals, "{name}");
        let spoiled = if index == 2 { "gallery.html" } else { "" };
        check_nothing_false(&scene.out().join("ash"), spoiled, &name);
        if failed.code == 5 && place.is_multiple_of(2) {
            // What cron would do; where the job was not made yet it has nothing to do.
            scene.run(&["run", "--once"], "").with_code(0);
        }
        let healed = scene.run(step, "");
        assert_eq!(
            healed.code, 0,
            "{name}: {}\nthen {}",
            failed.error, healed.error
        );
        assert_eq!(tree(&scene.out()), undisturbed.trees[index], "{name}");
        codes.push(failed.code);
    }
    codes
}
