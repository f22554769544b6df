//! A delivery that is made again is one step for whoever looks: killed at any moment, the folder says that it is in
//! progress, or holds one whole delivery, and no document says of a picture what is not true.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::support::kill::write_listing;
use crate::support::{Environment, Said};

use super::faults::tree;
use super::injected::check_nothing_false;

/// A listing with one staged photo, delivered.
fn staged() -> (Environment, String) {
    let environment = Environment::new();
    write_listing(&environment.work().join("ash"), 1);
    run(
        &environment,
        &[
            "submit",
            "ash",
            "--provider",
            "fake",
            "--operations",
            "enhance,stage",
        ],
        "",
    )
    .with_code(0);
    let listed = run(&environment, &["list", "--json"], "").json();
    let job = listed["jobs"][0]["job"].as_str().unwrap().to_owned();
    (environment, job)
}

fn run(environment: &Environment, arguments: &[&str], faults: &str) -> Said {
    let mut command = environment.command(["--quiet"]);
    command.args(arguments);
    if !faults.is_empty() {
        command.env("REMEDIA_TEST_FAULTS", faults);
    }
    environment.said(command.output().unwrap())
}

/// Whether a picture says of itself that it is altered (IPTC DigitalSourceType).
fn is_altered(picture: &Path) -> bool {
    let bytes = fs_err::read(picture).unwrap();
    let mark = b"compositeWithTrainedAlgorithmicMedia";
    bytes.windows(mark.len()).any(|window| window == mark)
}

/// What each document that is there says of the picture, and what the pictures are.
fn check_documents(folder: &Path, name: &str) {
    check_nothing_false(folder, "", name);
    let pictures: Vec<bool> = ["final", "web"]
        .iter()
        .flat_map(|role| fs_err::read_dir(folder.join(role)).unwrap())
        .map(|entry| is_altered(&entry.unwrap().path()))
        .collect();
    let mut said = Vec::new();
    if let Ok(text) = fs_err::read_to_string(folder.join("disclosure.txt")) {
        if text.contains("No picture of this delivery is digitally altered") {
            said.push(false);
        } else if !text.contains("in progress") {
            said.push(true);
        }
    }
    if let Ok(table) = fs_err::read_to_string(folder.join("disclosure.csv")) {
        said.push(table.contains(",yes,"));
    }
    if let Ok(table) = fs_err::read_to_string(folder.join("captions.csv")) {
        said.push(table.contains("virtually staged"));
    }
    if let Ok(page) = fs_err::read_to_string(folder.join("gallery.html")) {
        said.push(page.contains("Digitally altered"));
    }
    for claim in said {
        for picture in &pictures {
            assert_eq!(claim, *picture, "{name}: a document and a picture disagree");
        }
    }
}

#[test]
fn a_delivery_made_again_and_killed_is_never_half_true() {
    let revert = |job: &str, environment: &Environment, faults: &str| {
        let photo = "01-kitchen.jpg";
        run(
            environment,
            &["revert", job, "--photo", photo, "--without"],
            faults,
        )
    };
    let (environment, job) = staged();
    let folder = environment.work().join("remedia-out/ash");
    check_documents(&folder, "staged");
    let before = tree(&folder);
    revert(&job, &environment, "").with_code(0);
    check_documents(&folder, "reverted");
    let expected = tree(&folder);
    assert_ne!(expected, before);
    let text = fs_err::read_to_string(folder.join("disclosure.txt")).unwrap();
    assert!(text.contains("No picture of this delivery"), "{text}");

    // What can be seen changes where a file gets its name or goes; the process dies before each of them.
    for call in ["rename", "remove"] {
        let next = AtomicU32::new(1);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
                scope.spawn(|| {
                    while !over.load(Ordering::SeqCst) {
                        let at = next.fetch_add(1, Ordering::SeqCst);
                        let name = format!("{call} {at}");
                        let (environment, job) = staged();
                        let folder = environment.work().join("remedia-out/ash");
                        let died = revert(
                            &job,
                            &environment,
                            &format!("{call}:DIE:{at}:remedia-out/ash"),
                        );
                        check_documents(&folder, &name);
                        if died.code == 0 {
                            over.store(true, Ordering::SeqCst);
                            assert!(at > 4, "{name}: there are more calls than that");
                        } else {
                            assert_eq!(died.code, -1, "{name}: {}", died.error);
                            run(&environment, &["run", "--once"], "").with_code(0);
                        }
                        assert_eq!(tree(&folder), expected, "{name}");
                    }
                });
            }
        });
    }
}
