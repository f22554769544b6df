//! Everything that a person may bring instead of the results as they were made: parts, folders, halves, and what is no
//! answer at all.

use std::path::Path;

use crate::colab::bench::{Bench, ROOMS, with_document};
use crate::colab::desk::{exported, files, pack, pack_folder};

#[test]
fn parts_folders_and_packed_folders_are_taken_too() {
    let together = |bench: &Bench, pictures: &str| {
        let all = files(&bench.results);
        let (documents, rest): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|(name, _)| name == "results.json");
        let part = |name: &str, files: &[(String, Vec<u8>)]| {
            pack(
                &bench.environment.work().join(name),
                files
                    .iter()
                    .map(|(name, bytes)| (name.as_str(), bytes.as_slice())),
            )
        };
        let first = part("part-1.zip", &[documents, rest[..1].to_vec()].concat());
        let second = part("part-2.zip", &rest[1..]);
        let said = bench
            .environment
            .run([
                "import",
                "last",
                first.to_str().unwrap(),
                second.to_str().unwrap(),
            ])
            .with_code(0);
        assert!(said.error.contains(pictures), "{}", said.error);
    };
    let bench = Bench::new(&ROOMS[..1], None);
    together(&bench, "took 1 picture ");
    assert_eq!(bench.state(), "delivered");

    // A browser unpacked it, and the person packed the folder with everything round it.
    let bench = Bench::new(&ROOMS[..1], None);
    let within: Vec<(String, Vec<u8>)> = files(&bench.results)
        .into_iter()
        .map(|(name, bytes)| (format!("Downloads/remedia-results/{name}"), bytes))
        .chain([("Downloads/__MACOSX/._x".to_owned(), vec![1, 2, 3])])
        .collect();
    let packed = pack(
        &bench.environment.work().join("all.zip"),
        within
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice())),
    );
    bench.import(&packed).with_code(0);

    // A browser saved file by file, into one folder.
    let bench = Bench::new(&ROOMS[..1], None);
    let flat = bench.environment.work().join("flat");
    fs_err::create_dir_all(&flat).unwrap();
    for (name, bytes) in files(&bench.results) {
        fs_err::write(flat.join(name.rsplit('/').next().unwrap()), bytes).unwrap();
    }
    let said = bench.import(&flat).with_code(0);
    assert!(said.error.contains("took 1 picture "), "{}", said.error);

    // A folder with the archive in it, among other things: what cannot be read says nothing of it.
    let bench = Bench::new(&ROOMS[..1], None);
    let downloads = bench.environment.work().join("Downloads");
    fs_err::create_dir_all(&downloads).unwrap();
    fs_err::write(downloads.join("other.zip"), b"no archive").unwrap();
    let whole = fs_err::read(bench.archive()).unwrap();
    let at = whole.len() / 3;
    let mut damaged = whole.clone();
    damaged[at] ^= 1;
    fs_err::write(downloads.join("damaged.zip"), damaged).unwrap();
    fs_err::write(downloads.join("cut.zip"), &whole[..at]).unwrap();
    fs_err::rename(bench.archive(), downloads.join("remedia-results (1).zip")).unwrap();
    bench.import(&downloads).with_code(0);
    assert_eq!(bench.state(), "delivered");
}

#[test]
fn a_picture_that_is_not_there_costs_only_itself() {
    let bench = Bench::new(&ROOMS, None);
    let half = bench.spoiled(|files| {
        let at = files
            .iter()
            .position(|(name, _)| name.ends_with(".jpg"))
            .unwrap();
        files.remove(at);
    });
    let said = bench.import(&half).with_code(7);
    assert!(
        said.error.contains("a file is missing for 0") && said.error.contains(".jpg (stage)"),
        "{}",
        said.error
    );
    let shown = bench.environment.run(["show", &bench.job, "--json"]).json();
    let states: Vec<_> = shown["photos"]
        .as_array()
        .unwrap()
        .iter()
        .map(|photo| photo["operations"][1]["state"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        states.iter().filter(|state| *state == "accepted").count(),
        1,
        "{states:?}"
    );
    // Brought after all, it is too late, and that is said.
    let late = bench.import(&bench.archive()).with_code(7);
    assert!(
        late.error.contains("1 file here came after run"),
        "{}",
        late.error
    );
}

#[test]
fn parts_with_documents_of_their_own_are_one_answer() {
    let bench = Bench::new(&ROOMS, None);
    let part = |number: usize, name: &str| {
        let packed = bench.spoiled(|files| {
            with_document(files, |document| {
                let photos = document["photos"].as_array_mut().unwrap();
                let one = photos.remove(number);
                document["photos"] = serde_json::json!([one]);
                document["complete"] = false.into();
            });
        });
        let place = bench.environment.work().join(name);
        fs_err::rename(packed, &place).unwrap();
        place
    };
    let parts = [part(0, "part-1.zip"), part(1, "part-2.zip")];
    let both: Vec<&str> = parts.iter().map(|part| part.to_str().unwrap()).collect();
    let said = bench
        .environment
        .run(["import", "last", both[0], both[1], "--json"])
        .with_code(0);
    let document = said.json();
    assert_eq!(document["state"], "delivered");
    let imported = &document["imported"];
    assert_eq!(imported["pictures"], 2);
    assert_eq!(imported["complete"], false);
    assert_eq!(imported["unanswered"], serde_json::json!([]));
    let again = bench
        .environment
        .run(["import", "last", both[0], both[1]])
        .with_code(0);
    assert!(again.error.contains("taken already"), "{}", again.error);
}

#[test]
fn of_two_sessions_the_one_that_had_the_time_counts() {
    let bench = Bench::new(&ROOMS, None);
    let part = |late: usize, name: &str| {
        let packed = bench.spoiled(|files| {
            with_document(files, |document| {
                document["complete"] = false.into();
                let attempt = document
                    .pointer_mut(&format!("/photos/{late}/operations/0/attempts/0"))
                    .unwrap();
                attempt["state"] = "failed".into();
                attempt["reason"] = serde_json::json!({"code": "deadline", "text": "over"});
            });
        });
        let place = bench.environment.work().join(name);
        fs_err::rename(packed, &place).unwrap();
        place.to_str().unwrap().to_owned()
    };
    let (one, other) = (part(0, "one.zip"), part(1, "other.zip"));
    let import =
        |first: &str, second: &str| bench.environment.run(["import", "last", first, second]);
    let said = import(&one, &other).with_code(0);
    assert!(said.error.contains("took 2 pictures"), "{}", said.error);
    let said = import(&other, &one).with_code(0);
    assert!(said.error.contains("taken already"), "{}", said.error);
}

#[test]
fn names_that_no_folder_can_hold_leave_the_job_as_it_was() {
    let bench = Bench::new(&ROOMS, None);
    let long = "x".repeat(300);
    for name in [
        "results.json/x.jpg",
        "images",
        "images/",
        "images//x.jpg",
        "./results.json",
        "./images/x.jpg",
        &format!("images/{long}.jpg"),
    ] {
        let spoiled = bench.spoiled(|files| {
            with_document(files, |document| {
                let image = document
                    .pointer_mut("/photos/0/operations/0/attempts/0/image/file")
                    .unwrap();
                *image = name.into();
            });
        });
        let said = bench.import(&spoiled).with_code(6);
        assert!(said.error.contains("no place for one"), "{}", said.error);
        assert_eq!(bench.state(), "awaiting_operator", "{name}");
    }
    bench.import(&bench.archive()).with_code(0);
}

#[test]
fn results_without_a_picture_cost_nothing() {
    let bench = Bench::new(&ROOMS[..1], None);
    let place = bench.environment.work();
    let refuse = |path: &Path, words: &str| {
        let said = bench.import(path).with_code(6);
        assert!(said.error.contains(words), "{}", said.error);
        assert_eq!(bench.state(), "awaiting_operator", "{words}");
    };
    let alone = place.join("alone");
    fs_err::create_dir_all(&alone).unwrap();
    fs_err::copy(
        bench.results.join("results.json"),
        alone.join("results.json"),
    )
    .unwrap();
    refuse(&alone, "none of them is here");
    let stop = br#"{"code": "no_gpu", "text": "this session has no GPU; choose one"}"#;
    refuse(
        &pack(
            &place.join("stopped.zip"),
            [("remedia-stop.json", &stop[..])],
        ),
        "nothing was made: the worker stopped (no_gpu): this session has no GPU",
    );
    refuse(
        &bench.spoiled(|files| {
            with_document(files, |document| {
                document["complete"] = false.into();
                document["photos"] = serde_json::json!([]);
                document["stopped"] =
                    serde_json::json!({"code": "model_missing", "text": "the disk is full"});
            });
        }),
        "the worker stopped (model_missing): the disk is full",
    );
    let (archive, _) = exported(&place.join("oak-colab"), 2);
    refuse(&archive, "is what goes up to the notebook");
    // A broken archive in a folder is what is wrong with the folder.
    let downloads = place.join("Downloads");
    fs_err::create_dir_all(&downloads).unwrap();
    let whole = fs_err::read(bench.archive()).unwrap();
    fs_err::write(downloads.join("cut.zip"), &whole[..whole.len() / 2]).unwrap();
    refuse(&downloads, "cut.zip` is damaged");
    bench.import(&bench.archive()).with_code(0);
}

#[test]
fn what_a_worker_says_cannot_steer_the_terminal() {
    let bench = Bench::new(&ROOMS[..1], None);
    let said = bench
        .import(&bench.spoiled(|files| {
            with_document(files, |document| {
                document["run_id"] = "x\u{1b}[31mred".into();
            });
        }))
        .with_code(6);
    assert!(!said.error.contains('\u{1b}'), "{}", said.error);
    assert!(said.error.contains("x\\u{1b}[31mred"), "{}", said.error);
}

#[test]
fn what_is_not_the_answer_is_refused_in_clear_words() {
    let bench = Bench::new(&ROOMS[..1], None);
    let other = Bench::new(&ROOMS[1..], None);
    let named = |text: &str| {
        text.replace(&bench.job, "oak-JOB")
            .replace(&other.job, "oak-OTHER")
    };
    let mut told = String::new();
    let mut refuse = |what: &str, path: &Path, code: i32| {
        let said = bench.import(path).with_code(code);
        assert!(said.out.is_empty(), "{}", said.out);
        assert_eq!(bench.state(), "awaiting_operator", "{what}");
        told.push_str(&format!("{what}\n{}\n", named(&said.error)));
    };
    let place = bench.environment.work();
    refuse(
        "another job",
        &pack_folder(&other.results, &place.join("other.zip")),
        6,
    );
    refuse(
        "another run",
        &bench.spoiled(|files| {
            with_document(files, |document| {
                document["run_id"] = format!("{}-r9", bench.job).into();
            });
        }),
        6,
    );
    refuse(
        "another order",
        &bench.spoiled(|files| {
            with_document(files, |document| {
                document["job_sha256"] = "0".repeat(64).into();
            });
        }),
        6,
    );
    refuse(
        "changed",
        &bench.spoiled(|files| {
            let (_, bytes) = files
                .iter_mut()
                .find(|(name, _)| name.ends_with(".jpg"))
                .unwrap();
            bytes.truncate(bytes.len() / 2);
        }),
        6,
    );
    refuse(
        "leads out",
        &bench.spoiled(|files| files.push(("../../evil.jpg".to_owned(), b"x".to_vec()))),
        6,
    );
    refuse(
        "leads out on Windows",
        &bench.spoiled(|files| files.push(("..\\evil.jpg".to_owned(), b"x".to_vec()))),
        6,
    );
    refuse(
        "names what leads out",
        &bench.spoiled(|files| {
            with_document(files, |document| {
                let image = document
                    .pointer_mut("/photos/0/operations/0/attempts/0/image/file")
                    .unwrap();
                *image = "../../../evil.jpg".into();
            });
        }),
        6,
    );
    refuse(
        "bomb",
        &bench.spoiled(|files| files.push(("images/bomb.png".to_owned(), vec![0; 20 << 20]))),
        6,
    );
    refuse(
        "no document",
        &bench.spoiled(|files| files.retain(|(name, _)| name != "results.json")),
        6,
    );
    refuse(
        "cut document",
        &bench.spoiled(|files| {
            let (_, bytes) = files
                .iter_mut()
                .find(|(name, _)| name == "results.json")
                .unwrap();
            bytes.truncate(40);
        }),
        6,
    );
    let whole = fs_err::read(bench.archive()).unwrap();
    fs_err::write(place.join("cut.zip"), &whole[..whole.len() / 2]).unwrap();
    refuse("half an archive", &place.join("cut.zip"), 6);
    fs_err::write(place.join("page.zip"), "<!doctype html>").unwrap();
    refuse("a web page", &place.join("page.zip"), 6);
    refuse("nothing", &place.join("none.zip"), 2);
    insta::assert_snapshot!(told, @r#"
    another job
    error: the results are of run `oak-OTHER-r2`, and job `oak-JOB` waits for run `oak-JOB-r2`
    hint: `remedia status oak-JOB` tells what it waits for; `remedia list` shows the other jobs

    another run
    error: the results are of run `oak-JOB-r9`, and job `oak-JOB` waits for run `oak-JOB-r2`
    hint: `remedia status oak-JOB` tells what it waits for; `remedia list` shows the other jobs

    another order
    error: the results answer another order than run `oak-JOB-r2` of job `oak-JOB`: its `job.json` differs
    hint: `remedia status oak-JOB` tells what it waits for; `remedia list` shows the other jobs

    changed
    error: `images/52059d30669edddc1425619815a7b8f5.1.jpg` in `[ENV]/work/spoiled.zip` is not what `results.json` names: its SHA-256 differs
    hint: download the results once more; where they hold other pictures, you can also unpack them, remove that one and import the folder: what is missing is made again

    leads out
    error: `[ENV]/work/spoiled.zip` is refused: path `../../evil.jpg` is refused: it goes up with `..`
    hint: give the archive that the notebook saves at its end, or the folder that it unpacks to

    leads out on Windows
    error: `[ENV]/work/spoiled.zip` is refused: path `../evil.jpg` is refused: it goes up with `..`
    hint: give the archive that the notebook saves at its end, or the folder that it unpacks to

    names what leads out
    error: `results.json` is refused: it names `../../../evil.jpg` as a picture, which is no place for one
    hint: give the archive that the notebook saves at its end, or the folder that it unpacks to

    bomb
    error: `[ENV]/work/spoiled.zip` is refused: it would unpack to far more than pictures are; `images/bomb.png` alone to 20971520 bytes
    hint: give the archive that the notebook saves at its end, or the folder that it unpacks to

    no document
    error: there is no `results.json` in `[ENV]/work/spoiled.zip`
    hint: give the archive that the notebook saves at its end, or the folder that it unpacks to

    cut document
    error: `results.json` in `[ENV]/work/spoiled.zip` cannot be used: EOF while parsing a string at line 1 column 40
    hint: download the results from the notebook once more, then import them again

    half an archive
    error: `[ENV]/work/cut.zip` is damaged, or no ZIP archive at all: invalid Zip archive: Could not find EOCD
    hint: download the results from the notebook once more, then import them again

    a web page
    error: `[ENV]/work/page.zip` is damaged, or no ZIP archive at all: invalid Zip archive: Could not find EOCD
    hint: download the results from the notebook once more, then import them again

    nothing
    error: `[ENV]/work/none.zip` is not there
    hint: name the file that the browser saved; it lies in the folder for downloads, and its name ends with `results.zip`
    "#);
    // Nothing of it stayed, and the right results are taken.
    assert!(!bench.environment.path().join("evil.jpg").exists());
    bench.import(&bench.archive()).with_code(0);
}

#[cfg(unix)]
#[test]
fn links_in_a_folder_are_not_followed() {
    let bench = Bench::new(&ROOMS[..1], None);
    let secret = bench.environment.path().join("secret.jpg");
    let image = files(&bench.results)
        .into_iter()
        .find(|(name, _)| name.ends_with(".jpg"))
        .unwrap();
    fs_err::write(&secret, &image.1).unwrap();
    let inside = bench.results.join(&image.0);
    fs_err::remove_file(&inside).unwrap();
    std::os::unix::fs::symlink(&secret, &inside).unwrap();
    let said = bench.import(&bench.results).with_code(6);
    assert!(
        said.error.contains("none of them is here"),
        "{}",
        said.error
    );
}
