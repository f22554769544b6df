//! The driver of the official command: from the order to the delivered folder however much goes wrong, and never
//! a machine left running.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use jiff::{SignedDuration, Timestamp};
use rustix::process::{Pid, Signal, kill_process};

use crate::colab::desk::{exported, machine};
use crate::colab::stand_in::StandIn;
use crate::support::{Environment, Followed, Said, fixture};

const ROOMS: [&str; 2] = ["03-bedroom.jpg", "04-kitchen.jpg"];

/// A machine with the command, and the minutes that pass.
struct Minutes {
    environment: Environment,
    colab: StandIn,
    now: Timestamp,
}

impl Minutes {
    fn new(rooms: &[&str], plan: &[&str]) -> Self {
        let environment = machine(rooms);
        let colab = StandIn::new(environment.path());
        colab.plan(plan);
        Self {
            environment,
            colab,
            now: "2026-01-02T03:04:05Z".parse().unwrap(),
        }
    }

    fn command<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = self.environment.command(arguments);
        command
            .env("REMEDIA_COLAB_COMMAND", self.colab.program())
            .env("REMEDIA_TEST_NOW", self.now.to_string())
            .env("KAGGLE_KEY", "a-secret")
            .env("HF_TOKEN", "a-secret");
        command
    }

    fn run<const N: usize>(&self, arguments: [&str; N]) -> Said {
        self.environment
            .said(self.command(arguments).output().unwrap())
    }

    fn submit(&self) -> String {
        let said = self.run([
            "submit",
            "oak",
            "--provider",
            "colab",
            "--operations",
            "stage",
            "--detach",
        ]);
        said.with_code(7).out.trim().to_owned()
    }

    fn cron(&mut self) -> Said {
        self.now += SignedDuration::from_mins(20);
        self.run(["run", "--once"])
    }

    fn state(&self, job: &str) -> String {
        let status = self.run(["status", job, "--json"]);
        status.json()["state"].as_str().unwrap().to_owned()
    }

    fn story(&self, job: &str) -> String {
        let log = self.run(["logs", job]).out;
        format!("{log}\n{:?}", self.colab.calls())
    }

    /// Cron runs until the job rests.
    fn until_it_rests(&mut self, job: &str) {
        for _ in 0..40 {
            self.cron();
            if matches!(self.state(job).as_str(), "delivered" | "failed") {
                return;
            }
        }
        panic!("{}", self.story(job));
    }

    fn delivered(&mut self, job: &str) {
        self.until_it_rests(job);
        assert_eq!(self.state(job), "delivered", "{}", self.story(job));
        let status = self.run(["status", job, "--json"]).json();
        assert_eq!(status["operations"]["accepted"], 2, "{}", self.story(job));
        assert_eq!(self.colab.machines(), 0, "{}", self.story(job));
    }
}

#[test]
fn a_listing_is_staged_by_the_command_and_the_machine_given_back() {
    let mut minutes = Minutes::new(&ROOMS, &[]);
    let job = minutes.submit();
    minutes.delivered(&job);
    assert_eq!(
        minutes.colab.calls(),
        [
            "sessions", "new", "upload", "start", "status", "status", "pack", "download",
            "download", "download", "stop"
        ]
    );
    for (name, text) in minutes.colab.seen() {
        assert!(!text.contains("a-secret"), "{name}: {text}");
        if name.ends_with(".umask") {
            assert_eq!(text.trim().trim_start_matches('0'), "77", "{name}");
        }
        if name.ends_with(".env") {
            assert!(text.contains("HOME="), "{text}");
        }
    }
}

#[test]
fn what_the_worker_says_is_followed_from_another_process() {
    let mut minutes = Minutes::new(&ROOMS, &[]);
    let job = minutes.submit();
    let log = minutes
        .environment
        .home()
        .join(format!("jobs/{job}/orders/1/colab.log"));
    for _ in 0..10 {
        minutes.cron();
        if log.exists() {
            break;
        }
    }
    let mut follow = Followed::start(&mut minutes.command(["logs", "--follow", &job]));
    follow.until("worker: looking for the order");
    minutes.until_it_rests(&job);
    let heard = follow.whole();
    for once in ["looking for the order", "photo 1 of 2", "photo 2 of 2"] {
        let line = format!("worker: {once}");
        let count = heard.iter().filter(|heard| **heard == line).count();
        assert_eq!(count, 1, "{once}: {heard:#?}");
    }
}

#[test]
fn whatever_fails_the_work_is_done_and_no_machine_is_left() {
    for plan in [
        &["new fails", "new fails"][..],
        &["new refused"],
        &["upload fails", "upload fails", "upload fails"],
        &["upload gone"],
        &["start raises"],
        &["status raises", "status fails"],
        &["status gone"],
        &["pack raises"],
        &["download fails"],
        &["download gone"],
        &["stop fails"],
        &["status fails", "status fails", "status fails", "stop fails"],
    ] {
        let mut minutes = Minutes::new(&ROOMS, plan);
        let job = minutes.submit();
        minutes.delivered(&job);
    }
}

#[test]
fn what_a_dying_worker_left_is_used_and_the_rest_is_sent_again() {
    let mut minutes = Minutes::new(&ROOMS, &["start dies 1"]);
    let job = minutes.submit();
    minutes.delivered(&job);
    assert_eq!(minutes.colab.count("new"), 2, "{}", minutes.story(&job));
    let mut minutes = Minutes::new(&ROOMS, &["start dies 0"]);
    let job = minutes.submit();
    minutes.delivered(&job);
    let story = minutes.story(&job);
    assert!(
        story.contains("exit code 1") && story.contains("CUDA out of memory"),
        "{story}"
    );
}

#[test]
fn a_refusal_is_a_matter_of_waiting_and_is_told_with_the_way_by_hand() {
    let mut minutes = Minutes::new(&ROOMS, &["new refused"]);
    let job = minutes.submit();
    let said = minutes.cron();
    assert_eq!(said.code, 5, "{}", said.error);
    let status = minutes.run(["status", &job]).out;
    assert!(
        status.contains("Allocation refused") && status.contains("remedia export"),
        "{status}"
    );
    assert_eq!(minutes.colab.machines(), 0);
}

#[test]
fn who_is_not_signed_in_does_it_by_hand() {
    let minutes = Minutes::new(&ROOMS[..1], &["sessions fails"]);
    let said = minutes.run([
        "submit",
        "oak",
        "--provider",
        "colab",
        "--operations",
        "stage",
    ]);
    let said = said.with_code(7);
    assert!(
        said.error.contains("not signed in (Aborted!)") && said.error.contains("remedia import"),
        "{}",
        said.error
    );
    // And who exports wants it by hand, whatever is signed in.
    let minutes = Minutes::new(&ROOMS[..1], &[]);
    minutes
        .run(["export", "oak", "--operations", "stage", "--to", "colab"])
        .with_code(7);
    assert!(minutes.colab.calls().is_empty());
    exported(&minutes.environment.work().join("oak-colab"), 1);
}

#[test]
fn doctor_says_whether_the_command_can_be_driven() {
    let minutes = Minutes::new(&[], &[]);
    let said = minutes.run(["doctor"]).with_code(0);
    assert!(
        said.out
            .contains("ok       colab: signed in by the command"),
        "{}",
        said.out
    );
    let minutes = Minutes::new(&[], &["sessions fails"]);
    let said = minutes.run(["doctor"]).with_code(0);
    assert!(
        said.out.contains("is not signed in: Aborted!") && said.out.contains("`colab sessions`"),
        "{}",
        said.out
    );
    let mut without = minutes.command(["doctor"]);
    let output = without
        .env("REMEDIA_COLAB_COMMAND", "off")
        .output()
        .unwrap();
    let said = minutes.environment.said(output).with_code(0);
    assert!(!said.out.contains("colab:"), "{}", said.out);
}

/// Waits until the command was called so often.
fn wait_for_call(minutes: &Minutes, command: &str) {
    let started = Instant::now();
    while minutes.colab.count(command) == 0 {
        assert!(started.elapsed() < Duration::from_secs(60), "no {command}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_interrupt_gives_the_machine_back_and_the_next_run_takes_another() {
    for hanging in ["new", "upload", "status"] {
        let mut minutes = Minutes::new(&ROOMS, &[&format!("{hanging} hang")]);
        let job = minutes.submit();
        let mut child = minutes
            .command(["resume", &job])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for_call(&minutes, hanging);
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{hanging}");
        assert_eq!(minutes.colab.calls().last().unwrap(), "stop", "{hanging}");
        assert_eq!(minutes.colab.machines(), 0, "{hanging}");
        minutes.delivered(&job);
    }
}

#[test]
fn a_killed_process_leaves_no_machine_that_nobody_knows() {
    for hanging in ["new", "upload", "start", "status"] {
        let mut minutes = Minutes::new(&ROOMS, &[&format!("{hanging} hang")]);
        let job = minutes.submit();
        let mut child = minutes
            .command(["resume", &job])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for_call(&minutes, hanging);
        child.kill().unwrap();
        child.wait().unwrap();
        // The stand-in that hangs is not ours to end; the one after it meets its machine, or does not.
        minutes.delivered(&job);
        assert!(minutes.colab.count("new") <= 2, "{}", minutes.story(&job));
    }
}

#[test]
fn cancelling_gives_the_machine_back() {
    let mut minutes = Minutes::new(&ROOMS, &[]);
    let job = minutes.submit();
    while minutes.colab.machines() == 0 {
        minutes.cron();
    }
    minutes.run(["cancel", &job]).with_code(0);
    assert_eq!(minutes.colab.machines(), 0);
}

/// The scripts as Python runs them, with a package in the place of the worker.
#[test]
fn the_scripts_do_what_the_stand_in_plays() {
    let python = |script: &str, ask: &serde_json::Value| -> Option<serde_json::Value> {
        let text =
            fs_err::read_to_string(fixture("..").join(format!("templates/colab/{script}.py")))
                .unwrap();
        let literal = serde_json::Value::String(ask.to_string());
        let output = Command::new("python3")
            .args([
                "-c",
                &format!("import json\nASK = json.loads({literal})\n{text}"),
            ])
            .output()
            .ok()?;
        let out = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        let told = out
            .lines()
            .find_map(|line| line.strip_prefix("@@REMEDIA@@"));
        Some(serde_json::from_str(told.unwrap_or_else(|| panic!("{error}"))).unwrap())
    };
    let folder = tempfile::tempdir().unwrap();
    let worker = "import json, os, pathlib, sys\n\
        out = pathlib.Path(os.environ['REMEDIA_OUTPUT'])\nout.mkdir()\n\
        print(json.dumps({'remedia': {'event': 'photo', 'done': 1, 'photos': 2}}))\nprint('hello', sys.argv[1])\n\
        (out / 'results.json').write_bytes(pathlib.Path(os.environ['REMEDIA_INPUT'], 'job.json').read_bytes())\nsys.exit(3)\n";
    let archive = crate::colab::desk::pack(
        &folder.path().join("order"),
        [
            ("job.json", b"{}".as_slice()),
            ("worker/remedia_worker/__init__.py", b""),
            ("worker/remedia_worker/__main__.py", worker.as_bytes()),
        ],
    );
    let bytes = fs_err::read(archive).unwrap();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    fs_err::write(folder.path().join("part-0"), first).unwrap();
    fs_err::write(folder.path().join("part-1"), second).unwrap();
    let root = folder.path().to_str().unwrap();
    let order = |digest: &str| serde_json::json!({"root": root, "parts": ["part-0", "part-1"], "sha256": digest, "run_id": "oak-r2"});
    let look = serde_json::json!({"root": root, "log_from": 56, "log_bytes": 1000});
    let Some(absent) = python("status", &look) else {
        // No Python on this machine: what runs there is then only played.
        return;
    };
    assert_eq!(absent["state"], "absent");
    assert_eq!(python("start", &order("0")).unwrap()["state"], "damaged");
    let right = order(&remedia::bundle::sha256(&bytes));
    assert_eq!(python("start", &right).unwrap()["state"], "started");
    // Asked again after a lost answer, it is not started twice.
    assert_eq!(python("start", &right).unwrap()["state"], "started");
    let started = Instant::now();
    let ended = loop {
        let told = python("status", &look).unwrap();
        if told["state"] != "running" {
            break told;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{told}");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(
        (
            &ended["state"],
            &ended["code"],
            &ended["results"],
            &ended["done"],
            &ended["total"]
        ),
        (
            &"ended".into(),
            &3.into(),
            &true.into(),
            &1.into(),
            &2.into()
        )
    );
    assert_eq!(ended["words"], serde_json::json!(["hello oak-r2"]));
    // What stands behind the first event of 56 bytes.
    assert_eq!(ended["log"], BASE64.encode(b"hello oak-r2\n"));
    let packed = python(
        "pack",
        &serde_json::json!({"root": root, "part_bytes": 100}),
    )
    .unwrap();
    let mut whole = Vec::new();
    for part in packed["parts"].as_array().unwrap() {
        let path: PathBuf = folder.path().join(part["name"].as_str().unwrap());
        let bytes = fs_err::read(path).unwrap();
        assert_eq!(part["sha256"], remedia::bundle::sha256(&bytes));
        assert!(bytes.len() <= 100);
        whole.extend(bytes);
    }
    fs_err::write(folder.path().join("whole.zip"), whole).unwrap();
    let answer = crate::colab::desk::text_in(&folder.path().join("whole.zip"), "results.json");
    assert_eq!(answer, "{}");
}
