//! The record, damaged in many ways: one exit code, a message that names the way out, and the way out works.

use std::path::PathBuf;

use crate::support::{Environment, Said, small_listing};

use super::faults::tree;

struct Scene {
    environment: Environment,
}

impl Scene {
    fn delivered() -> Self {
        let environment = Environment::new();
        small_listing(&environment.work().join("ash"), 2);
        let scene = Self { environment };
        scene.run(["submit", "ash"]).with_code(0);
        scene
    }

    fn run<const N: usize>(&self, arguments: [&str; N]) -> Said {
        let said = self.environment.run(arguments);
        assert!(!said.error.contains("panicked"), "{}", said.error);
        said
    }

    fn database(&self) -> PathBuf {
        self.environment.home().join("remedia.db")
    }

    fn out(&self) -> PathBuf {
        self.environment.work().join("remedia-out")
    }
}

#[test]
fn a_damaged_database_is_named_and_repaired() {
    type Damage = fn(&mut Vec<u8>);
    let page = |bytes: &mut Vec<u8>, number: usize| {
        let from = (number - 1) * 4096;
        if let Some(page) = bytes.get_mut(from..from + 4096) {
            page.fill(0xa5);
        }
    };
    let ways: [(&str, Damage); 5] = [
        ("its first bytes", |bytes| bytes[..64].fill(0xff)),
        ("cut in the middle", |bytes| bytes.truncate(bytes.len() / 2)),
        ("cut after its first page", |bytes| bytes.truncate(4096)),
        ("cut to nothing", Vec::clear),
        ("cut inside its header", |bytes| bytes.truncate(50)),
    ];
    let scene = Scene::delivered();
    let sound = fs_err::read(scene.database()).unwrap();
    let expected = tree(&scene.out());
    let check = |name: &str, bytes: &[u8], must_be_seen: bool| {
        for suffix in ["-wal", "-shm"] {
            let _ =
                fs_err::remove_file(scene.environment.home().join(format!("remedia.db{suffix}")));
        }
        fs_err::write(scene.database(), bytes).unwrap();
        let checked = scene.run(["doctor"]);
        if must_be_seen {
            checked.with_code(1);
            let listed = scene.run(["list"]).with_code(1);
            assert!(
                listed.error.contains("doctor --repair"),
                "{name}: {}",
                listed.error
            );
        }
        let repaired = scene.run(["doctor", "--repair"]).with_code(0);
        scene.run(["list"]).with_code(0);
        scene.run(["submit", "ash"]).with_code(0);
        assert_eq!(tree(&scene.out()), expected, "{name}: {}", repaired.out);
        repaired.out
    };
    for (name, damage) in ways {
        let mut bytes = sound.clone();
        damage(&mut bytes);
        let said = check(name, &bytes, true);
        assert!(said.contains("saved"), "{name}: {said}");
    }
    // Each page in turn: whatever it holds, what comes of it is right.
    let mut saved = 0;
    let pages = sound.len() / 4096;
    for number in 2..=pages {
        let mut bytes = sound.clone();
        page(&mut bytes, number);
        let said = check(&format!("page {number}"), &bytes, false);
        saved += u32::from(said.contains("1 job saved"));
    }
    assert!(saved > 0, "no page of {pages} could be done without");
    // Every damaged one was kept.
    let kept = fs_err::read_dir(scene.environment.home()).unwrap();
    let kept = kept.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().contains(".damaged-")
    });
    assert!(kept.count() >= 4);
    let sound_again = scene.run(["doctor", "--repair"]).with_code(0);
    assert!(sound_again.out.contains("sound"), "{}", sound_again.out);
}

#[test]
fn a_database_that_is_gone_or_newer_is_not_begun_anew() {
    let scene = Scene::delivered();
    let bytes = fs_err::read(scene.database()).unwrap();
    let wal = scene.environment.home().join("remedia.db-wal");

    fs_err::remove_file(scene.database()).unwrap();
    fs_err::write(&wal, &bytes).unwrap();
    let gone = scene.run(["list"]).with_code(1);
    assert!(
        gone.error.contains("its journal is there"),
        "{}",
        gone.error
    );
    assert_eq!(fs_err::read(&wal).unwrap(), bytes, "the journal is kept");
    scene.run(["doctor", "--repair"]).with_code(0);
    scene.run(["submit", "ash"]).with_code(0);

    fs_err::write(scene.database(), &bytes).unwrap();
    let database = rusqlite::Connection::open(scene.database()).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    let newer = scene.run(["list"]).with_code(1);
    assert!(newer.error.contains("newer remedia"), "{}", newer.error);
}

#[test]
fn a_file_of_the_database_that_cannot_be_written_is_named() {
    let scene = Scene::delivered();
    // Not even the administrator can write to a folder as if it were a file.
    let shared = scene.environment.home().join("remedia.db-shm");
    fs_err::create_dir(&shared).unwrap();
    let refused = scene.run(["submit", "ash", "--force"]).with_code(1);
    assert!(
        refused.error.contains("remedia.db-shm"),
        "{}",
        refused.error
    );
    let checked = scene.run(["doctor"]).with_code(1);
    assert!(checked.out.contains("remedia.db-shm"), "{}", checked.out);
    fs_err::remove_dir(&shared).unwrap();
    scene.run(["doctor"]).with_code(0);
}

#[test]
fn work_folders_without_a_record_are_freed() {
    let scene = Scene::delivered();
    fs_err::remove_file(scene.database()).unwrap();
    scene.run(["doctor", "--repair"]).with_code(0);
    let young = scene.run(["gc", "--yes"]).with_code(0);
    assert!(young.out.contains("nothing to remove"), "{}", young.out);
    let freed = scene
        .run(["gc", "--older-than", "0s", "--yes"])
        .with_code(0);
    assert!(
        freed.out.contains("no job has this folder"),
        "{}",
        freed.out
    );
    let jobs = fs_err::read_dir(scene.environment.home().join("jobs")).unwrap();
    assert_eq!(jobs.count(), 0);
    scene.run(["submit", "ash"]).with_code(0);
}
