//! Kills a process that works on a listing at random moments and lets another finish the job; then
//! nothing may be lost, done twice or left behind.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::room::room_photo;

/// What is asked of the process under test.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ask<'a> {
    /// Submit the listing and drive it to the end.
    Submit,
    /// Drive whatever is due.
    Run,
    /// Resume this job.
    Resume(&'a str),
}

/// One place for the process under test: where it keeps its records and where it delivers.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) home: PathBuf,
    pub(crate) out: PathBuf,
    pub(crate) listing: PathBuf,
}

/// How to start the process under test.
pub(crate) type Start<'a> = dyn Fn(&Place, Ask<'_>) -> Command + 'a;

/// What came of a series of rounds.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Processes killed while they worked.
    pub(crate) kills: u32,
    /// Kills by the state that they left the job in.
    pub(crate) states: BTreeMap<String, u32>,
}

/// The command line as a person types it.
pub(crate) fn command_line(binary: &Path, place: &Place, ask: Ask<'_>) -> Command {
    let mut command = Command::new(binary);
    command
        .env_clear()
        .env("HOME", &place.home)
        .env("REMEDIA_TEST_NOW", "2026-05-04T10:00:00Z")
        .current_dir(&place.home)
        .args(["--no-config", "--quiet", "--home"])
        .arg(&place.home);
    match ask {
        Ask::Submit => command
            .arg("submit")
            .arg(&place.listing)
            .args(["--style", "modern", "--out"])
            .arg(&place.out),
        Ask::Run => command.args(["run", "--once"]),
        Ask::Resume(job) => command.args(["resume", job]),
    };
    command
}

/// Writes a listing of `photos` photos into `folder`.
pub(crate) fn write_listing(folder: &Path, photos: u32) {
    fs_err::create_dir_all(folder).unwrap();
    for number in 1..=photos {
        fs_err::write(
            folder.join(format!("{number:02}-kitchen.jpg")),
            room_photo(600, 400, number),
        )
        .unwrap();
    }
}

/// An undisturbed run, then `kills` killed ones, each finished by another process.
///
/// # Panics
/// When a rule is broken; the message says which and in which round.
pub(crate) fn rounds(root: &Path, start: &Start<'_>, photos: u32, kills: u32, seed: u64) -> Tally {
    let listing = root.join("12 Oak Lane");
    write_listing(&listing, photos);
    let originals = tree(&listing);
    let undisturbed = place(root, "undisturbed", &listing);
    let started = Instant::now();
    let output = start(&undisturbed, Ask::Submit).output().unwrap();
    assert!(output.status.success(), "undisturbed run: {output:?}");
    let whole = started.elapsed();
    let expected = tree(&undisturbed.out);
    assert!(!expected.is_empty());
    let recorded = check_record(&undisturbed, "undisturbed run");

    let mut random = Random(seed);
    let mut tally = Tally::default();
    let mut round = 0;
    while tally.kills < kills {
        round += 1;
        assert!(
            round < kills * 4 + 20,
            "the process ends before it can be killed"
        );
        let here = place(root, &format!("round-{round}"), &listing);
        kill(
            start(&here, Ask::Submit),
            random.share(),
            whole,
            &mut tally,
            &here,
        );
        // Sometimes the one that goes on is killed too.
        while random.share() < 0.35 {
            let job = job_of(&here);
            let ask = ask_on(job.as_deref(), &mut random);
            kill(start(&here, ask), random.share(), whole, &mut tally, &here);
        }
        let job = job_of(&here);
        let output = start(&here, ask_on(job.as_deref(), &mut random))
            .output()
            .unwrap();
        let name = format!("round {round}");
        assert!(output.status.success(), "{name}: {output:?}");
        compare(&expected, &tree(&here.out), &name);
        assert_eq!(check_record(&here, &name), recorded, "{name}");
        for folder in [&here.home, &here.out, &listing] {
            for path in tree(folder).keys() {
                assert!(!path.contains(".remedia-"), "{name}: `{path}` is left");
            }
        }
        assert_eq!(tree(&listing), originals, "{name}: an original was touched");
        fs_err::remove_dir_all(root.join(format!("round-{round}"))).unwrap();
    }
    tally
}

fn place(root: &Path, name: &str, listing: &Path) -> Place {
    let root = root.join(name);
    let place = Place {
        home: root.join("home"),
        out: root.join("out"),
        listing: listing.to_owned(),
    };
    fs_err::create_dir_all(&place.home).unwrap();
    place
}

/// Kills the process after a share of the time that an undisturbed run takes.
fn kill(mut command: Command, share: f64, whole: Duration, tally: &mut Tally, place: &Place) {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(whole.mul_f64(share * 1.05));
    if child.try_wait().unwrap().is_none() {
        child.kill().unwrap();
        tally.kills += 1;
        child.wait().unwrap();
        let state = state_of(place).unwrap_or_else(|| "no job yet".to_owned());
        *tally.states.entry(state).or_default() += 1;
    }
}

fn ask_on<'a>(job: Option<&'a str>, random: &mut Random) -> Ask<'a> {
    match job {
        None => Ask::Submit,
        Some(_) if random.share() < 0.4 => Ask::Run,
        Some(job) if random.share() < 0.6 => Ask::Resume(job),
        Some(_) => Ask::Submit,
    }
}

fn database(place: &Place) -> Option<rusqlite::Connection> {
    let path = place.home.join("remedia.db");
    path.exists()
        .then(|| rusqlite::Connection::open(path).unwrap())
}

fn job_of(place: &Place) -> Option<String> {
    database(place)?
        .query_row("SELECT id FROM job", [], |row| row.get(0))
        .ok()
}

fn state_of(place: &Place) -> Option<String> {
    database(place)?
        .query_row("SELECT state FROM job", [], |row| row.get(0))
        .ok()
}

/// The database is sound, the job is delivered and nothing in it happened twice; gives what is recorded,
/// which must be the same however often the work was killed.
fn check_record(place: &Place, name: &str) -> Vec<(&'static str, i64)> {
    let database = database(place).unwrap();
    let number = |query: &str| -> i64 {
        database
            .query_row(query, [], |row| row.get(0))
            .unwrap_or_else(|error| panic!("{name}: {query}: {error}"))
    };
    let integrity: String = database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(integrity, "ok", "{name}");
    assert_eq!(number("SELECT count(*) FROM job"), 1, "{name}: jobs");
    assert_eq!(
        number("SELECT count(*) FROM job WHERE state = 'delivered'"),
        1,
        "{name}: the job is not delivered"
    );
    assert_eq!(number("SELECT count(*) FROM lease"), 0, "{name}: leases");
    // An attempt is told once, whoever made it and however often.
    let produced = "SELECT count(*) FROM event WHERE body ->> '$.kind.name' = 'attempt_produced'";
    assert_eq!(
        number(produced),
        number("SELECT count(*) FROM attempt WHERE image IS NOT NULL"),
        "{name}: attempts told"
    );
    [
        produced,
        "SELECT count(*) FROM run",
        "SELECT count(*) FROM attempt",
        "SELECT count(*) FROM version",
        "SELECT count(*) FROM operation WHERE state = 'accepted'",
        "SELECT count(*) FROM event WHERE body ->> '$.kind.name' = 'accepted'",
        "SELECT count(*) FROM event WHERE body ->> '$.kind.name' = 'rejected'",
    ]
    .into_iter()
    .map(|query| (query, number(query)))
    .collect()
}

/// Every file below `folder` with its digest.
fn tree(folder: &Path) -> BTreeMap<String, String> {
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
                let digest = blake3::hash(&fs_err::read(&path).unwrap());
                files.insert(name, digest.to_hex().to_string());
            }
        }
    }
    files
}

fn compare(expected: &BTreeMap<String, String>, found: &BTreeMap<String, String>, name: &str) {
    for (path, digest) in expected {
        assert_eq!(found.get(path), Some(digest), "{name}: `{path}`");
    }
    assert_eq!(expected.len(), found.len(), "{name}: {found:?}");
}

/// The generator of Marsaglia's xorshift paper (2003), which is random enough for moments.
struct Random(u64);

impl Random {
    /// 0 to just below 1.
    fn share(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        f64::from((self.0 >> 40) as u32) / f64::from(1_u32 << 24)
    }
}
