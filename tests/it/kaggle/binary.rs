//! Kaggle as people meet it: on the command line.

use std::process::Command;
use std::sync::Arc;

use super::journey::{ROOMS, TOKEN};
use super::worker::Decorator;
use crate::engine::House;
use crate::fake_kaggle::{FakeKaggle, FakeOptions};

struct Terminal {
    house: House,
    kaggle: FakeKaggle,
    _folder: tempfile::TempDir,
}

impl Terminal {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = FakeOptions::new(folder.path());
        options.worker = Arc::new(Decorator::default());
        Self {
            house: House::furnished(&ROOMS),
            kaggle: FakeKaggle::start(options).unwrap(),
            _folder: folder,
        }
    }

    fn remedia(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_remedia"));
        command
            .args(arguments)
            .current_dir(self.house.root())
            .env_clear()
            .env("HOME", self.house.root())
            .env("REMEDIA_HOME", self.house.home())
            .env("REMEDIA_KAGGLE_URL", self.kaggle.url())
            .env("KAGGLE_API_TOKEN", TOKEN)
            .env("COLUMNS", "100");
        command
    }

    #[track_caller]
    fn run(&self, arguments: &[&str], code: i32) -> (String, String) {
        let output = self.remedia(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (out, error) = (text(output.stdout), text(output.stderr));
        assert_eq!(output.status.code(), Some(code), "{out}{error}");
        (out, error)
    }
}

#[test]
fn a_person_waits_for_the_whole_way() {
    let terminal = Terminal::new();
    let (_, error) = terminal.run(
        &[
            "submit",
            "12 Oak Lane",
            "--style",
            "modern",
            "--operations",
            "stage",
            "--provider",
            "kaggle",
            "--out",
            "out",
        ],
        0,
    );
    assert!(error.contains("queued"), "{error}");
    assert!(
        terminal
            .house
            .root()
            .join("out/12-oak-lane/gallery.html")
            .exists()
    );
    let (out, _) = terminal.run(&["gc", "--remote", "--older-than", "0s"], 0);
    assert!(
        out.contains("would remove kaggle dataset tester/remedia-12-oak-lane-"),
        "{out}"
    );
    let (out, _) = terminal.run(&["gc", "--remote", "--older-than", "0s", "--yes"], 0);
    assert_eq!(out.lines().count(), 2, "{out}");
    assert!(terminal.kaggle.existing().is_empty());
}

#[test]
fn doctor_says_who_is_signed_in_and_what_is_not_accepted() {
    let terminal = Terminal::new();
    let (out, _) = terminal.run(&["doctor"], 0);
    assert!(
        out.contains("signed in as tester by the token in KAGGLE_API_TOKEN"),
        "{out}"
    );
    assert!(out.contains("30.0 of 30 GPU hours are left"), "{out}");

    let key = "0".repeat(32);
    let output = terminal
        .remedia(&["doctor"])
        .env("KAGGLE_API_TOKEN", "KGAT_expired")
        .env("KAGGLE_USERNAME", "tester")
        .env("KAGGLE_KEY", &key)
        .output()
        .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.contains("signed in as tester by"), "{out}");
    assert!(
        out.contains("not accepted: the token in KAGGLE_API_TOKEN"),
        "{out}"
    );
    assert!(
        !out.contains("KGAT_expired") && !out.contains(&key),
        "{out}"
    );

    let output = terminal
        .remedia(&["doctor"])
        .env("KAGGLE_API_TOKEN", "")
        .output()
        .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.contains("nobody is signed in"), "{out}");
}

#[test]
fn a_token_goes_to_no_other_machine() {
    let terminal = Terminal::new();
    let output = terminal
        .remedia(&["doctor"])
        .env("REMEDIA_KAGGLE_URL", "http://192.0.2.1/api/v1")
        .output()
        .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.contains("REMEDIA_KAGGLE_URL"), "{out}");
    assert!(!out.contains("signed in as"), "{out}");
}

#[test]
fn a_bundle_is_the_same_bytes_and_holds_nothing_private() {
    let terminal = Terminal::new();
    let bundle = |to: &str, now: &str| {
        let status = terminal
            .remedia(&[
                "bundle",
                "12 Oak Lane",
                "--style",
                "modern",
                "--operations",
                "enhance,stage",
                "--provider",
                "kaggle",
                "--to",
                to,
            ])
            .env("REMEDIA_TEST_NOW", now)
            .output()
            .unwrap();
        assert!(status.status.success(), "{status:?}");
        fs_err::read(terminal.house.root().join(to)).unwrap()
    };
    let first = bundle("one.zip", "2026-01-02T03:04:05Z");
    assert_eq!(first, bundle("two.zip", "2027-01-02T03:04:05Z"));
    let archive = fs_err::File::open(terminal.house.root().join("one.zip")).unwrap();
    let mut archive = zip::ZipArchive::new(archive).unwrap();
    let job = std::io::read_to_string(archive.by_name("job.json").unwrap()).unwrap();
    assert!(
        job.contains("photos/") && !job.contains("bedroom.jpg"),
        "{job}"
    );
    for private in [TOKEN, terminal.house.root().to_str().unwrap(), "tester"] {
        let found = first
            .windows(private.len())
            .any(|window| window == private.as_bytes());
        assert!(!found, "{private}");
    }
    assert!(terminal.kaggle.transcript().is_empty(), "nothing is sent");
    let (out, _) = terminal.run(&["bundle", "verify", "one.zip"], 0);
    assert!(out.contains("is whole: 2 photos"), "{out}");

    // Every kind of damage is found.
    let root = terminal.house.root();
    let mut cut = first.clone();
    cut.truncate(first.len() / 2);
    fs_err::write(root.join("cut.zip"), &cut).unwrap();
    let mut changed = first.clone();
    // Inside the first photo, which is stored as it is.
    let at = first
        .windows(4)
        .position(|window| window == [0xff, 0xd8, 0xff, 0xe0] || window == [0xff, 0xd8, 0xff, 0xdb])
        .unwrap();
    changed[at + 500] ^= 1;
    fs_err::write(root.join("changed.zip"), &changed).unwrap();
    for name in ["cut.zip", "changed.zip", "12 Oak Lane/03-bedroom.jpg"] {
        let (_, error) = terminal.run(&["bundle", "verify", name], 1);
        assert!(error.contains("is refused"), "{name}: {error}");
    }
}
