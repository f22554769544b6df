//! Kaggle as people meet it: on the command line.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::journey::{ROOMS, TOKEN};
use super::worker::Decorator;
use crate::engine::{House, collect_files};
use crate::fake_kaggle::{
    ClockMode, FakeKaggle, FakeOptions, FaultKind, FaultPlan, Pace, ScriptedFault,
};
use crate::support::Followed;

struct Terminal {
    house: House,
    kaggle: FakeKaggle,
    _folder: tempfile::TempDir,
}

impl Terminal {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut FakeOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = FakeOptions::new(folder.path());
        options.worker = Arc::new(Decorator::default());
        change(&mut options);
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

const SUBMIT: [&str; 10] = [
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
];

/// Tries again and again, for a minute at most.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "never: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_person_waits_for_the_whole_way() {
    let terminal = Terminal::new();
    let (_, error) = terminal.run(&SUBMIT, 0);
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

/// The length of every part of a file below `folder`, in which somebody writes.
fn parts(folder: &Path) -> Vec<u64> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            found.extend(parts(&entry.path()));
        } else if name.starts_with(".remedia-part-") && !name.ends_with(".etag") {
            let length = entry.metadata().map_or(0, |found| found.len());
            found.extend((length > 0).then_some(length));
        }
    }
    found
}

#[test]
fn a_download_that_was_cut_is_gone_on_with_by_the_next_process() {
    let terminal = Terminal::new();
    // The results come at once, then every picture drop by drop.
    terminal.kaggle.set_faults(FaultPlan {
        scripted: vec![ScriptedFault {
            on: "Download".to_owned(),
            occurrence: 2,
            times: 1000,
            kind: FaultKind::Trickle { total_ms: 60_000 },
        }],
        ..FaultPlan::default()
    });
    let mut submit = terminal
        .remedia(&SUBMIT)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("a part of a picture", || {
        !parts(&terminal.house.home()).is_empty()
    });
    submit.kill().unwrap();
    submit.wait().unwrap();
    let left = parts(&terminal.house.home());
    terminal.kaggle.set_faults(FaultPlan::default());
    let gallery = terminal.house.root().join("out/12-oak-lane/gallery.html");
    until("the delivery", || {
        let once = terminal.remedia(&["run", "--once"]).output().unwrap();
        assert!(once.status.code().is_some(), "{once:?}");
        gallery.exists()
    });
    let transcript = terminal.kaggle.transcript();
    let rests: Vec<&str> = transcript
        .iter()
        .filter(|record| record.operation == "Download" && record.status == Some(206))
        .filter_map(|record| record.range.as_deref())
        .collect();
    assert_eq!(
        rests,
        left.iter()
            .map(|length| format!("bytes={length}-"))
            .collect::<Vec<_>>()
    );
    let mut files = Vec::new();
    collect_files(&terminal.house.home(), &terminal.house.home(), &mut files);
    let forgotten: Vec<&String> = files
        .iter()
        .map(|(name, _)| name)
        .filter(|name| name.contains(".remedia-"))
        .collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}

#[test]
fn what_a_session_says_is_followed_until_the_job_is_delivered() {
    let slow = Pace {
        milliseconds: 100_000,
        questions: None,
    };
    let terminal = Terminal::with(|options| {
        options.clock = ClockMode::Manual;
        options.settings.run_pace = slow;
    });
    let mut submit = SUBMIT.to_vec();
    submit.push("--detach");
    let (out, _) = terminal.run(&submit, 7);
    let job = out.split_whitespace().next().unwrap().to_owned();
    // Cron looks after the job each minute of a clock that the test moves.
    let mut minute = 0;
    let mut cron = || {
        minute += 1;
        let status = terminal
            .remedia(&["run", "--once"])
            .env("REMEDIA_TEST_NOW", format!("2026-11-23T08:{minute:02}:00Z"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(status.code().is_some(), "{status:?}");
    };
    until("a session that runs", || {
        cron();
        terminal.run(&["show", &job], 0).0.contains("running")
    });
    // Only what began within the longest session's time can run.
    let doctor = |now: &str| {
        let mut doctor = terminal.remedia(&["doctor"]);
        let output = doctor.env("REMEDIA_TEST_NOW", now).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(!doctor("2026-11-24T08:00:00Z").contains("GPU sessions"));
    let out = doctor("2026-11-23T09:00:00Z");
    assert!(
        out.contains("1 of 2 GPU sessions run: tester/remedia-12-oak-lane-"),
        "{out}"
    );

    let mut follow = Followed::start(&mut terminal.remedia(&["logs", "--follow", &job]));
    follow.until("photo 2 of 2");
    let run = format!("worker: looking for {job}-r1");
    terminal.kaggle.advance(Duration::from_secs(200));
    // Until somebody looks after the job, the session that is over may be asked for its log again.
    thread::sleep(Duration::from_secs(6));
    until("the delivery", || {
        cron();
        terminal.run(&["show", &job], 0).0.contains("delivered")
    });
    let heard = follow.whole();
    assert!(heard.contains(&run), "{heard:#?}");
    // Nothing is told twice, and the end is told too.
    for once in [run.as_str(), "photo 1 of 2", "photo 2 of 2", ": 11 files"] {
        let count = heard.iter().filter(|line| line.contains(once)).count();
        assert_eq!(count, 1, "{once}: {heard:#?}");
    }
}

#[test]
fn a_style_names_the_models_that_a_worker_takes() {
    let terminal = Terminal::new();
    let styles = terminal.house.root().join("styles");
    fs_err::create_dir_all(&styles).unwrap();
    let modern = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/styles/modern.toml");
    let modern = fs_err::read_to_string(modern).unwrap();
    let fine = |set: &str| {
        modern
            .replace("name = \"modern\"", "name = \"fine\"")
            .replace("\"modernist\", \"clean-modern\", \"standard\"", "")
            .replace(
                "[staging]\n",
                &format!("[staging]\nmodel_set = \"{set}\"\n"),
            )
    };
    let bundle = [
        "bundle",
        "12 Oak Lane",
        "--styles",
        "styles",
        "--style",
        "fine",
        "--operations",
        "stage",
        "--provider",
        "kaggle",
        "--to",
        "fine.zip",
    ];
    fs_err::write(styles.join("fine.toml"), fine("sdxl")).unwrap();
    let (_, error) = terminal.run(&bundle, 1);
    assert!(
        error.contains("sdxl-union") && error.contains("fine.toml"),
        "{error}"
    );

    fs_err::write(styles.join("fine.toml"), fine("sdxl-union")).unwrap();
    terminal.run(&bundle, 0);
    let archive = fs_err::File::open(terminal.house.root().join("fine.zip")).unwrap();
    let mut archive = zip::ZipArchive::new(archive).unwrap();
    let job = std::io::read_to_string(archive.by_name("job.json").unwrap()).unwrap();
    let job: serde_json::Value = serde_json::from_str(&job).unwrap();
    assert_eq!(job["models"]["name"], "sdxl-union");
    let parts = job["models"]["parts"].as_array().unwrap();
    assert!(parts.iter().any(|part| part["role"] == "base"));
}
