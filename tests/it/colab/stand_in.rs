//! A stand-in for the official `colab` command that behaves as the real one is documented to: one file a transfer,
//! chatter round what a script prints, exit code 0 after an exception and after stopping what is not there. It
//! is a small shell script that calls this very test binary, which plays the command on folders.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command says something"
)]

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::BASE64;
use remedia::bundle::sha256;
use serde_json::{Value, json};

use crate::colab::desk::{files, pack_folder, unpack};
use crate::support::decorate;

/// Names the call that is to be played.
const CALL: &str = "COLAB_STAND_IN_CALL";
/// What one request carries.
const LARGEST_TRANSFER: u64 = 36 << 20;

/// The command, and everything that lies at Colab.
pub(super) struct StandIn {
    root: PathBuf,
}

impl StandIn {
    pub(super) fn new(root: &Path) -> Self {
        let root = root.join("colab-stand-in");
        for folder in ["calls", "machines"] {
            fs_err::create_dir_all(root.join(folder)).unwrap();
        }
        let binary = std::env::current_exe().unwrap();
        let script = format!(
            "#!/bin/sh\nset -e\ncall=$(mktemp '{root}/calls/call.XXXXXX')\numask > \"$call.umask\"\nenv > \"$call.env\"\n\
             printf '%s\\n' \"$@\" > \"$call\"\n{CALL}=\"$call\" exec '{binary}' --exact colab::stand_in::plays_the_command --nocapture --quiet\n",
            root = root.display(),
            binary = binary.display(),
        );
        fs_err::write(root.join("colab"), script).unwrap();
        fs_err::set_permissions(root.join("colab"), std::fs::Permissions::from_mode(0o755))
            .unwrap();
        Self { root }
    }

    pub(super) fn program(&self) -> PathBuf {
        self.root.join("colab")
    }

    /// What goes wrong, in order: lines of a command and what happens to its next call.
    pub(super) fn plan(&self, faults: &[&str]) {
        fs_err::write(self.root.join("plan"), faults.join("\n")).unwrap();
    }

    /// The commands that were called, in order.
    pub(super) fn calls(&self) -> Vec<String> {
        let text = fs_err::read_to_string(self.root.join("history")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub(super) fn count(&self, command: &str) -> usize {
        self.calls().iter().filter(|call| *call == command).count()
    }

    /// Machines that are lent at the moment.
    pub(super) fn machines(&self) -> usize {
        fs_err::read_dir(self.root.join("machines"))
            .unwrap()
            .count()
    }

    /// What every call saw: environment and file mode mask.
    pub(super) fn seen(&self) -> Vec<(String, String)> {
        files(&self.root.join("calls"))
            .into_iter()
            .map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap()))
            .collect()
    }
}

/// Not a test: what the stand-in does when it is called.
#[test]
#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "a command ends with a code"
)]
fn plays_the_command() {
    let Some(call) = std::env::var_os(CALL) else {
        return;
    };
    let call = PathBuf::from(call);
    let root = call.parent().unwrap().parent().unwrap();
    let text = fs_err::read_to_string(&call).unwrap();
    let words: Vec<&str> = text.lines().collect();
    std::process::exit(play(root, &words));
}

/// The value behind an option.
fn option<'a>(words: &[&'a str], name: &str) -> &'a str {
    let at = words.iter().position(|word| *word == name).unwrap();
    words[at + 1]
}

/// What the plan says of this call, once.
fn planned(root: &Path, command: &str) -> Option<String> {
    let path = root.join("plan");
    let text = fs_err::read_to_string(&path).unwrap_or_default();
    let mut lines: Vec<&str> = text.lines().collect();
    let at = lines
        .iter()
        .position(|line| line.split(' ').next() == Some(command))?;
    let found = lines.remove(at).split_once(' ').unwrap().1.to_owned();
    fs_err::write(path, lines.join("\n")).unwrap();
    Some(found)
}

fn play(root: &Path, words: &[&str]) -> i32 {
    let command = words[0];
    let script = (command == "exec").then(|| {
        let text = fs_err::read_to_string(option(words, "-f")).unwrap();
        assert!(option(words, "--timeout").parse::<u64>().unwrap() > 30);
        text.lines().next().unwrap().to_owned()
    });
    let named = match &script {
        Some(line) => line.split(' ').nth(2).unwrap().to_owned(),
        None => command.to_owned(),
    };
    fs_err::OpenOptions::new()
        .create(true)
        .append(true)
        .open(root.join("history"))
        .unwrap()
        .write_all(format!("{named}\n").as_bytes())
        .unwrap();
    let fault = planned(root, &named);
    if fault.as_deref() == Some("hang") {
        std::thread::sleep(Duration::from_secs(20));
    }
    if command == "sessions" {
        if fault.is_some() {
            eprintln!("Enter the code:\nAborted!");
            return 1;
        }
        println!("No active sessions.");
        return 0;
    }
    let machine = root.join("machines").join(option(words, "-s"));
    match fault.as_deref() {
        Some("refused") => {
            eprintln!("Error: Allocation refused (412)");
            return 1;
        }
        Some("gone") => fs_err::remove_dir_all(&machine).unwrap(),
        Some("fails") => {
            eprintln!("requests.exceptions.ConnectionError: reset");
            return 1;
        }
        Some("raises") => {
            println!("[colab] executing\nTraceback (most recent call last):\nMemoryError");
            return 0;
        }
        _ => {}
    }
    if command == "stop" {
        let _ = fs_err::remove_dir_all(&machine);
        println!("[colab] stopped");
        return 0;
    }
    if command == "new" {
        assert_eq!(option(words, "--gpu"), "T4");
        assert!(!machine.exists(), "a second machine for one run");
        fs_err::create_dir_all(machine.join("content")).unwrap();
        println!("[colab] session is ready");
        return 0;
    }
    if !machine.exists() {
        eprintln!("Session not found");
        return 1;
    }
    match command {
        "upload" => transfer(Path::new(words[3]), &machine.join(words[4])),
        "download" => transfer(&machine.join(words[3]), Path::new(words[4])),
        "exec" => {
            let line = script.unwrap();
            let ask: Value = serde_json::from_str(line.splitn(4, ' ').nth(3).unwrap()).unwrap();
            assert_eq!(ask["root"], "/content");
            println!("[colab] executing 1 cell");
            let told = run(&named, &ask, &machine.join("content"), fault.as_deref());
            println!("@@REMEDIA@@{told}\n[colab] done");
            0
        }
        other => panic!("`colab {other}` is not called"),
    }
}

fn transfer(from: &Path, to: &Path) -> i32 {
    let bytes = fs_err::read(from).unwrap();
    assert!(bytes.len() as u64 <= LARGEST_TRANSFER, "one request");
    fs_err::write(to, bytes).unwrap();
    0
}

/// What the worker says.
const LOG: &str = "looking for the order\nphoto 1 of 2\nphoto 2 of 2\n";

/// What was not told before of its first bytes.
fn log_from(ask: &Value, end: usize) -> String {
    let from = usize::try_from(ask["log_from"].as_u64().unwrap()).unwrap();
    BASE64.encode(LOG.get(from..end).unwrap_or_default().as_bytes())
}

/// What a script does there.
fn run(what: &str, ask: &Value, content: &Path, fault: Option<&str>) -> Value {
    let results = content.join("results");
    match what {
        "start" => {
            let mut whole = Vec::new();
            for name in ask["parts"].as_array().unwrap() {
                whole.extend(fs_err::read(content.join(name.as_str().unwrap())).unwrap());
            }
            assert_eq!(ask["sha256"], sha256(&whole));
            fs_err::write(content.join("order.zip"), whole).unwrap();
            let bundle = content.join("bundle");
            unpack(&content.join("order.zip"), &bundle);
            fs_err::create_dir_all(&results).unwrap();
            let dies_after =
                fault.map(|fault| fault.strip_prefix("dies ").unwrap().parse().unwrap());
            let ended = decorate(&bundle, &results, dies_after, true, &|_| ());
            fs_err::write(content.join("code"), if ended { "0" } else { "1" }).unwrap();
            json!({"state": "started"})
        }
        "status" => {
            let first = content.join("looked");
            if !first.exists() {
                fs_err::write(first, "").unwrap();
                return json!({"state": "running", "silent": 3.5, "done": 1, "total": 2, "results": true, "words": [], "log": log_from(ask, 24)});
            }
            let code: i64 = fs_err::read_to_string(content.join("code"))
                .unwrap()
                .parse()
                .unwrap();
            let there = results.join("results.json").exists();
            json!({"state": "ended", "code": code, "silent": 40.0, "results": there, "words": ["CUDA out of memory"], "log": log_from(ask, LOG.len())})
        }
        _ => {
            let archive = pack_folder(&results, &content.join("results.zip"));
            let whole = fs_err::read(archive).unwrap();
            // Smaller than asked for, so that there are several.
            let parts: Vec<Value> = (0..)
                .zip(whole.chunks(whole.len() / 3 + 1))
                .map(|(number, bytes): (u32, _)| {
                    let name = format!("remedia-results-{number:03}");
                    fs_err::write(content.join(&name), bytes).unwrap();
                    json!({"name": name, "bytes": bytes.len(), "sha256": sha256(bytes)})
                })
                .collect();
            json!({"state": "packed", "parts": parts})
        }
    }
}
