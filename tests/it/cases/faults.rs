//! What passes is not a verdict: a disk that is away or full, a call that fails, a process that is killed. Whatever
//! happens, nothing false is delivered, and asking again comes to what an undisturbed run comes to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::{Environment, Said, small_listing};

/// Every file below `folder` with its digest.
pub(super) fn tree(folder: &Path) -> BTreeMap<String, blake3::Hash> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let Ok(entries) = fs_err::read_dir(&next) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                files.insert(name, blake3::hash(&fs_err::read(&path).unwrap()));
            }
        }
    }
    files
}

/// A home, an output folder and a listing that other scenes may share.
struct Scene {
    environment: Environment,
    listing: PathBuf,
}

impl Scene {
    fn new(photos: u32) -> Self {
        let environment = Environment::new();
        let listing = environment.work().join("ash");
        small_listing(&listing, photos);
        Self {
            environment,
            listing,
        }
    }

    /// The command with these rules for calls that fail.
    fn run<const N: usize>(&self, arguments: [&str; N], faults: &str) -> Said {
        let mut command = self.environment.command(arguments);
        if !faults.is_empty() {
            command.env("REMEDIA_TEST_FAULTS", faults);
        }
        let said = self.environment.said(command.output().unwrap());
        assert!(!said.error.contains("panicked"), "{faults}: {}", said.error);
        said
    }

    fn submit(&self, faults: &str) -> Said {
        self.run(["submit", "ash"], faults)
    }

    fn out(&self) -> PathBuf {
        self.environment.work().join("remedia-out")
    }

    fn job(&self) -> String {
        let listed = self.run(["list", "--json"], "").with_code(0).json();
        listed["jobs"][0]["job"].as_str().unwrap().to_owned()
    }

    fn state(&self) -> String {
        let listed = self.run(["list", "--json"], "").with_code(0).json();
        listed["jobs"][0]["state"].as_str().unwrap().to_owned()
    }
}

/// What an undisturbed run delivers of `small_listing(photos)`.
fn undisturbed(photos: u32) -> BTreeMap<String, blake3::Hash> {
    let scene = Scene::new(photos);
    scene.submit("").with_code(0);
    tree(&scene.out())
}

#[test]
fn an_original_that_cannot_be_read_for_now_is_not_given_up() {
    let expected = undisturbed(3);
    for (error, way) in [
        ("EIO", "run"),
        ("EMFILE", "resume"),
        ("ENOTCONN", "submit"),
        ("ESTALE", "run"),
    ] {
        let scene = Scene::new(3);
        // Reading the listing opens the photo twice, so the job is there when it goes wrong.
        let faults = format!("open:{error}:3+:02-bedroom.jpg");
        let failed = scene.submit(&faults).with_code(5);
        assert!(failed.error.contains("02-bedroom.jpg"), "{}", failed.error);
        assert_ne!(scene.state(), "delivered");
        let again = match way {
            "run" => scene.run(["run", "--once"], ""),
            "resume" => scene.run(["resume", &scene.job()], ""),
            _ => scene.submit(""),
        };
        again.with_code(0);
        assert_eq!(tree(&scene.out()), expected, "{error} {way}");
    }
}

#[test]
fn a_listing_that_is_away_is_waited_for() {
    let expected = undisturbed(3);
    for empty in [false, true] {
        let scene = Scene::new(3);
        scene.run(["submit", "ash", "--detach"], "").with_code(7);
        let aside = scene.environment.work().join("aside");
        fs_err::rename(&scene.listing, &aside).unwrap();
        if empty {
            fs_err::create_dir(&scene.listing).unwrap();
        }
        for _ in 0..2 {
            let away = scene.run(["run", "--once"], "").with_code(5);
            assert!(away.error.contains("listing folder"), "{}", away.error);
        }
        if empty {
            fs_err::remove_dir(&scene.listing).unwrap();
        }
        fs_err::rename(&aside, &scene.listing).unwrap();
        scene.run(["run", "--once"], "").with_code(0);
        assert_eq!(tree(&scene.out()), expected);
    }
}

#[test]
fn one_photo_that_was_deleted_is_named_and_comes_back() {
    let scene = Scene::new(3);
    scene.run(["submit", "ash", "--detach"], "").with_code(7);
    let photo = scene.listing.join("02-bedroom.jpg");
    let bytes = fs_err::read(&photo).unwrap();
    fs_err::remove_file(&photo).unwrap();
    let partial = scene.run(["run", "--once"], "").with_code(3);
    assert_eq!(scene.state(), "delivered", "{}", partial.error);
    let shown = scene.run(["show", &scene.job()], "").with_code(0);
    assert!(
        shown.out.contains("`02-bedroom.jpg` is gone"),
        "{}",
        shown.out
    );
    assert!(scene.out().join("ash/final/01-kitchen.jpg").exists() || scene.out().exists());
    // With the photo back, the same submit does what was left.
    fs_err::write(&photo, bytes).unwrap();
    scene.submit("").with_code(0);
}

#[test]
fn a_listing_is_not_read_as_if_a_file_were_not_there() {
    let expected = undisturbed(3);
    for faults in [
        "open:EIO:1+:03-bathroom.jpg",
        "read:EMFILE:1+:03-bathroom.jpg",
        "read:ESTALE:2+:03-bathroom.jpg",
        "list:EIO:1+:ash",
        "look:ENOTCONN:1+:ash/listing.toml",
    ] {
        let scene = Scene::new(3);
        let failed = scene.submit(faults).with_code(5);
        assert!(failed.error.contains("ash"), "{faults}: {}", failed.error);
        let listed = scene.run(["list", "--json"], "").json();
        assert_eq!(listed["jobs"].as_array().unwrap().len(), 0, "{faults}");
        scene.submit("").with_code(0);
        assert_eq!(tree(&scene.out()), expected, "{faults}");
    }
    // What fails once is read again at once.
    let scene = Scene::new(3);
    scene
        .submit("any:EIO:3,any:EMFILE:9,read:EINTR:5")
        .with_code(0);
    assert_eq!(tree(&scene.out()), expected);
}
