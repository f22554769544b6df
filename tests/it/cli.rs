//! The program as a person or a script meets it: results on standard output, everything else on
//! standard error, documented exit codes, and a hint behind every expected failure.

use remedia::domain::event::EVENT_SCHEMA_VERSION;

use crate::support::{Environment, small_listing};

#[test]
fn a_listing_is_finished_by_one_command_and_the_same_command_ends_at_once() {
    let environment = Environment::new();
    small_listing(&environment.work().join("elm road"), 3);
    let first = environment
        .run(["submit", "elm road", "--style", "modern"])
        .with_code(0);
    assert!(first.out.contains("remedia-out/elm-road"), "{}", first.out);
    let delivered = environment.work().join("remedia-out/elm-road");
    for file in [
        "final/001-kitchen.jpg",
        "final/002-bedroom.jpg",
        "final/003-bathroom.jpg",
        "originals-web/001-kitchen.jpg",
        "web/001-kitchen.jpg",
        "gallery.html",
        "manifest.json",
        "disclosure.txt",
        "captions.csv",
    ] {
        assert!(delivered.join(file).is_file(), "{file} is missing");
    }
    let manifest = fs_err::read(delivered.join("manifest.json")).unwrap();
    let again = environment
        .run(["submit", "elm road", "--style", "modern"])
        .with_code(0);
    assert!(again.error.contains("is known"), "{}", again.error);
    assert_eq!(
        fs_err::read(delivered.join("manifest.json")).unwrap(),
        manifest
    );
    let listed = environment.run(["list", "--json"]).with_code(0).json();
    assert_eq!(listed["total"], 1);
    environment
        .run(["submit", "elm road", "--style", "modern", "--force"])
        .with_code(0);
    let listed = environment.run(["list", "--json"]).with_code(0).json();
    assert_eq!(listed["total"], 2);
}

#[test]
fn a_broken_photo_is_named_and_the_others_are_delivered() {
    let environment = Environment::new();
    let listing = environment.work().join("oak");
    small_listing(&listing, 3);
    let whole = fs_err::read(listing.join("02-bedroom.jpg")).unwrap();
    fs_err::write(listing.join("02-bedroom.jpg"), &whole[..whole.len() / 2]).unwrap();
    let said = environment.run(["submit", "oak"]).with_code(3);
    assert!(said.error.contains("02-bedroom.jpg"), "{}", said.error);
    let finals = environment.work().join("remedia-out/oak/final");
    assert!(fs_err::read_dir(finals).unwrap().count() >= 2);
}

#[test]
fn what_cannot_be_done_is_skipped_loudly_or_refused_when_named() {
    let environment = Environment::new();
    small_listing(&environment.work().join("ash"), 1);
    let auto = environment
        .run(["submit", "ash", "--style", "coastal"])
        .with_code(0);
    assert!(auto.error.contains("skipped: stage"), "{}", auto.error);
    let jobs = environment.run(["list", "--json"]).with_code(0).json();
    assert!(jobs["jobs"][0]["operations"]["skipped"].as_u64().unwrap() >= 1);
    let named = environment
        .run(["submit", "ash", "--operations", "stage"])
        .with_code(6);
    assert!(named.error.contains("hint: "), "{}", named.error);
    assert_eq!(
        environment.run(["list", "--json"]).with_code(0).json()["total"],
        1
    );
}

#[test]
fn wrong_words_are_answered_with_the_nearest_right_one() {
    let environment = Environment::new();
    small_listing(&environment.work().join("ash"), 1);
    for (arguments, expected) in [
        (["plan", "ash", "--style", "modrn"], "modern"),
        (
            ["plan", "ash", "--room", "01-kitchen.jpg=Kitchn"],
            "Kitchen",
        ),
        (["plan", "ash", "--set", "exposur=1"], "exposure"),
        (["plan", "ash", "--operations", "dance"], "enhance"),
        (["plan", "ash", "--provider", "fak"], "fake"),
        (["plan", "ash", "--brackets", "often"], "auto"),
    ] {
        let said = environment.run(arguments).with_code(2);
        assert!(
            said.error.contains(expected),
            "{arguments:?}: {}",
            said.error
        );
        assert!(said.out.is_empty());
    }
}

#[test]
fn folders_that_are_no_listing_are_answered_clearly() {
    let environment = Environment::new();
    fs_err::create_dir(environment.work().join("empty")).unwrap();
    fs_err::write(environment.work().join("file.jpg"), b"no folder").unwrap();
    for folder in ["empty", "missing", "file.jpg"] {
        let said = environment.run(["submit", folder]);
        assert_ne!(said.code, 0, "{folder}");
        assert!(said.error.starts_with("error: "), "{}", said.error);
        assert!(said.error.contains("hint: "), "{folder}: {}", said.error);
        assert!(!said.error.contains("panicked"), "{}", said.error);
    }
    assert!(!environment.work().join("remedia-out").exists());
}

#[test]
fn a_plan_changes_nothing() {
    let environment = Environment::new();
    small_listing(&environment.work().join("ash"), 2);
    let document = environment
        .run(["plan", "ash", "--json"])
        .with_code(0)
        .json();
    assert_eq!(document["schema_version"], 1);
    assert_eq!(document["plan"]["photos"].as_array().unwrap().len(), 2);
    assert!(!environment.work().join("remedia-out").exists());
    assert!(!environment.home().exists());
    let text = environment.run(["plan", "ash"]).with_code(0).out;
    assert!(
        text.contains("Kitchen") && text.contains("estimated time"),
        "{text}"
    );
}

#[test]
fn events_are_one_document_a_line_and_carry_a_version() {
    let environment = Environment::new();
    small_listing(&environment.work().join("ash"), 2);
    let said = environment.run(["submit", "ash", "--jsonl"]).with_code(0);
    let lines: Vec<serde_json::Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines.len() > 5);
    let (result, events) = lines.split_last().unwrap();
    assert!(
        events
            .iter()
            .all(|line| line["schema_version"] == EVENT_SCHEMA_VERSION)
    );
    assert_eq!(result["schema_version"], 1);
    let last = lines.last().unwrap();
    assert_eq!(last["state"], "delivered");
    assert_eq!(last["exit_code"], 0);
    let job = last["job"].as_str().unwrap();
    let logged = environment.run(["logs", job, "--jsonl"]).with_code(0);
    assert!(logged.out.lines().count() > 5);
    let shown = environment.run(["show", job, "--json"]).with_code(0).json();
    assert_eq!(shown["photos"].as_array().unwrap().len(), 2);
}

#[test]
fn a_detached_job_is_done_by_the_next_run() {
    let environment = Environment::new();
    small_listing(&environment.work().join("ash"), 2);
    let job = environment
        .run(["submit", "ash", "--detach"])
        .with_code(7)
        .out;
    assert!(
        !environment
            .work()
            .join("remedia-out/ash/manifest.json")
            .exists()
    );
    environment.run(["run", "--once"]).with_code(0);
    assert!(
        environment
            .work()
            .join("remedia-out/ash/manifest.json")
            .exists()
    );
    let status = environment.run(["status", job.trim()]).with_code(0).out;
    assert!(status.contains("delivered"), "{status}");
    environment.run(["wait", job.trim()]).with_code(0);
    let idle = environment.run(["run", "--once"]).with_code(0).out;
    assert_eq!(idle, "nothing is due\n");
}

#[test]
fn the_exit_codes_of_the_readme_are_the_ones_of_the_program() {
    let readme = fs_err::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let environment = Environment::new();
    let help = environment.run(["--help"]).with_code(0).out;
    for exit in remedia::cli::exit::Exit::ALL {
        let row = format!("| {} | {} |", exit.code(), exit.meaning());
        assert!(readme.contains(&row), "the README lacks `{row}`");
        assert!(
            help.contains(exit.meaning()),
            "the help lacks `{}`",
            exit.meaning()
        );
    }
}

#[test]
fn help_version_and_completions_need_nothing() {
    let environment = Environment::new();
    let version = environment.run(["--version"]).with_code(0).out;
    assert_eq!(version, format!("remedia {}\n", env!("CARGO_PKG_VERSION")));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = environment.run(["completions", shell]).with_code(0).out;
        assert!(script.contains("submit"), "{shell}");
    }
    environment.run(["doctor"]).with_code(0);
    let usage = environment.run(["submit"]).with_code(2);
    assert!(usage.error.contains("--help"), "{}", usage.error);
    let unknown = environment.run(["show", "nothing"]).with_code(2);
    assert!(unknown.error.contains("remedia list"), "{}", unknown.error);
}

#[test]
fn every_command_says_what_it_is_for() {
    let environment = Environment::new();
    let help = environment.run(["--help"]).with_code(0).out;
    for command in [
        "plan",
        "submit",
        "run",
        "status",
        "list",
        "show",
        "logs",
        "wait",
        "retry",
        "approve",
        "reject",
        "cancel",
        "resume",
        "deliver",
        "styles",
        "doctor",
        "config",
        "gc",
        "completions",
    ] {
        assert!(help.contains(command), "{command}");
        let own = environment.run([command, "--help"]).with_code(0).out;
        assert!(own.contains("Usage: remedia"), "{command}: {own}");
    }
}

#[test]
fn settings_show_where_they_come_from() {
    let environment = Environment::new();
    fs_err::write(
        environment.work().join("remedia.toml"),
        "style = \"japandi\"\n",
    )
    .unwrap();
    let shown = environment
        .run(["config", "show", "--origin"])
        .with_code(0)
        .out;
    assert!(shown.contains("remedia.toml"), "{shown}");
    assert!(shown.contains("variable REMEDIA_HOME"), "{shown}");
    fs_err::write(
        environment.work().join("remedia.toml"),
        "stlye = \"japandi\"\n",
    )
    .unwrap();
    let wrong = environment.run(["config", "show"]).with_code(2);
    assert!(
        wrong.error.contains("nearest is `style`"),
        "{}",
        wrong.error
    );
}

#[test]
fn a_failure_for_programs_is_a_document_too() {
    let environment = Environment::new();
    let said = environment.run(["show", "nothing", "--json"]).with_code(2);
    let document: serde_json::Value = serde_json::from_str(&said.error).unwrap();
    assert_eq!(document["exit_code"], 2);
    assert!(
        document["hints"][0]
            .as_str()
            .unwrap()
            .contains("remedia list")
    );
}

#[test]
fn retrying_resuming_and_cancelling_say_what_is_possible() {
    let environment = Environment::new();
    small_listing(&environment.work().join("ash"), 1);
    environment.run(["submit", "ash"]).with_code(0);
    let job = environment.run(["list", "--json"]).json()["jobs"][0]["job"]
        .as_str()
        .unwrap()
        .to_owned();
    let nothing = environment.run(["retry", &job, "--failed"]);
    assert_ne!(nothing.code, 0);
    assert!(nothing.error.contains("hint: "), "{}", nothing.error);
    let again = environment.run(["deliver", &job]).with_code(0);
    assert!(again.out.contains("remedia-out/ash"), "{}", again.out);
    let planned = environment.run(["gc", "--older-than", "0s"]).with_code(0);
    assert!(planned.out.contains("would remove"), "{}", planned.out);
    environment
        .run(["gc", "--older-than", "0s", "--yes"])
        .with_code(0);
    let empty = environment
        .run(["gc", "--older-than", "0s"])
        .with_code(0)
        .out;
    assert_eq!(empty, "nothing to remove\n");
    // What was delivered is untouched, and the same submit still finds it finished.
    environment.run(["submit", "ash"]).with_code(0);
}

#[test]
fn a_finished_listing_inside_the_folder_is_not_read_as_photos() {
    let environment = Environment::new();
    let listing = environment.work().join("ash");
    small_listing(&listing, 2);
    for _ in 0..2 {
        let output = environment
            .command(["submit", ".", "--recursive"])
            .current_dir(&listing)
            .output()
            .unwrap();
        assert!(output.status.success());
        assert!(listing.join("remedia-out/ash/gallery.html").is_file());
    }
    let jobs = environment.run(["list", "--json"]).with_code(0).json();
    assert_eq!(
        jobs["total"], 1,
        "the second submit found the first one's job"
    );
}

#[cfg(unix)]
#[test]
fn an_interrupt_saves_the_state_and_names_the_command_that_continues() {
    use rustix::process::{Pid, Signal, kill_process};

    let environment = Environment::new();
    small_listing(&environment.work().join("ash"), 40);
    let mut command = environment.command(["submit", "ash", "--threads", "1", "--jsonl"]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The first event says that the job is recorded and the work has begun.
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    assert!(
        lines
            .by_ref()
            .any(|line| line.unwrap().contains("attempt_produced"))
    );
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    let said = environment
        .said(child.wait_with_output().unwrap())
        .with_code(130);
    let last: serde_json::Value = serde_json::from_str(rest.last().unwrap()).unwrap();
    assert_eq!(last["exit_code"], 130, "{}", said.error);
    let job = last["job"].as_str().unwrap();
    assert!(
        last["hint"]
            .as_str()
            .unwrap()
            .contains(&format!("remedia resume {job}"))
    );
    environment.run(["resume", job]).with_code(0);
    let shown = environment.run(["show", job, "--json"]).json();
    for photo in shown["photos"].as_array().unwrap() {
        assert_eq!(
            photo["operations"][0]["attempts"].as_array().unwrap().len(),
            1
        );
    }
}
