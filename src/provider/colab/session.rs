//! An order on a machine that Colab lends, driven through the official command, one step for each poll: a
//! session, the archive in parts, the worker apart from the connection, a look, the results in parts, and the
//! session's end. Its name follows from the run and is written down before it is asked for, so that whoever
//! comes after a crash goes on with it or ends it. Whatever fails, it is ended.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bundle;
use crate::fsx::{self, fs};
use crate::provider::contract::{RunContext, RunProgress, RunState};
use crate::provider::error::{FaultKind, ProviderError};

use super::command::{ColabCommand, CommandFault, Said};
use super::log::WorkerLog;
use super::provider::{Desk, NAME, files};

/// Scripts that run there.
const START: &str = include_str!("../../../templates/colab/start.py");
const STATUS: &str = include_str!("../../../templates/colab/status.py");
const PACK: &str = include_str!("../../../templates/colab/pack.py");
/// What the one line that counts begins with; everything else is chatter.
const TAG: &str = "@@REMEDIA@@";
/// The folder that files lie in there.
const ROOT: &str = "/content";
/// The same, as the command's file transfers name it.
const ROOT_IN_TRANSFERS: &str = "content";
/// Bytes of a part: a transfer is one request, in base64 and in memory, and some 50 MB are too many.
const PART_BYTES: usize = 32 << 20;
/// Most bytes of the worker's log that one look brings.
const LOG_BYTES: usize = 1 << 20;
/// Most parts of results, so that what comes back has a bound.
const MOST_PARTS: usize = 128;
/// The accelerator. An unknown name would silently become the dearest one.
const GPU: &str = "T4";
/// Calls in a row without a useful answer after which a session is given up.
const MOST_FAULTS: u32 = 3;
/// A worker says something at least every 15 seconds; one that is silent for so long is dead.
const SILENT: f64 = 600.0;
/// What a session may take beside the worker's own time, in seconds.
const BESIDE: u64 = 1800;
/// How long to wait after Colab refused a machine.
const REFUSED_FOR: Duration = Duration::from_secs(900);

const PROBE_LIMIT: Duration = Duration::from_secs(60);
const NEW_LIMIT: Duration = Duration::from_secs(300);
const STOP_LIMIT: Duration = Duration::from_secs(120);
const TRANSFER_LIMIT: Duration = Duration::from_secs(900);
const EXEC_LIMIT: Duration = Duration::from_secs(360);
/// What the command is told as its own limit of silence, whose default is 30 seconds.
const EXEC_SECONDS: &str = "300";

/// A session at Colab, from before it is asked for until it is known to be ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ColabSession {
    pub(super) name: String,
    /// Whether it was confirmed.
    ready: bool,
    /// Parts that are there.
    uploaded: usize,
    /// When the worker was started.
    started: Option<jiff::Timestamp>,
    /// Calls in a row without a useful answer.
    faults: u32,
}

impl ColabSession {
    /// How long the worker has been at work; nothing before it was started.
    pub(super) fn time_at_work(&self, now: jiff::Timestamp) -> Option<Duration> {
        let started = self.started?;
        Some(Duration::try_from(now.duration_since(started)).unwrap_or_default())
    }
}

/// What a script says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Told {
    state: String,
    code: Option<i64>,
    silent: f64,
    done: u64,
    total: u64,
    results: bool,
    words: Vec<String>,
    log: String,
    parts: Vec<Part>,
}

/// A part of the results.
#[derive(Debug, Deserialize)]
struct Part {
    name: String,
    bytes: u64,
    sha256: String,
}

/// Whether the command is signed in; else why not.
pub(super) fn probe(
    command: &ColabCommand,
    folder: &Path,
    interrupted: &dyn Fn() -> bool,
) -> Result<Result<(), String>, ProviderError> {
    match command.run(&["sessions".as_ref()], folder, PROBE_LIMIT, interrupted) {
        Ok(said) if said.is_good => Ok(Ok(())),
        Ok(said) => Ok(Err(said.last_words())),
        Err(CommandFault::Interrupted) => Err(fault(&CommandFault::Interrupted)),
        Err(error) => Ok(Err(error.to_string())),
    }
}

fn fault(error: &CommandFault) -> ProviderError {
    let kind = match error {
        CommandFault::Interrupted => FaultKind::Interrupted,
        error if error.is_retryable() => FaultKind::Network,
        _ => FaultKind::Files,
    };
    ProviderError::new(NAME, kind, error.to_string())
}

fn network(text: impl Into<String>) -> ProviderError {
    ProviderError::new(NAME, FaultKind::Network, text)
}

/// One order's session.
pub(super) struct Driver<'a, 'd> {
    pub(super) command: &'a ColabCommand,
    pub(super) desk: &'a mut Desk<'d>,
    pub(super) context: &'a RunContext<'a>,
    pub(super) now: jiff::Timestamp,
}

impl Driver<'_, '_> {
    /// Takes the step that is due.
    pub(super) fn step(mut self) -> Result<RunState, ProviderError> {
        fs::create_dir_all(self.parts()).map_err(files)?;
        match self.session().cloned() {
            None => self.begin(),
            // A process ended between asking and knowing: ended and asked for once more.
            Some(session) if !session.ready => {
                self.end()?;
                self.begin()
            }
            Some(session) if session.started.is_none() => self.prepare(),
            Some(session) => self.look(&session),
        }
    }

    fn session(&self) -> Option<&ColabSession> {
        self.desk.memory.session.as_ref()
    }

    fn name(&self) -> String {
        let digest = blake3::hash(self.desk.order.document.run_id.as_bytes()).to_hex();
        format!("remedia-{}", digest.get(..12).unwrap_or_default())
    }

    /// Where parts and scripts lie here.
    fn parts(&self) -> PathBuf {
        self.desk.order.folder.join("colab-parts")
    }

    /// Changes what is known of the session and writes it down.
    fn note(&mut self, change: impl FnOnce(&mut ColabSession)) -> Result<(), ProviderError> {
        if let Some(session) = &mut self.desk.memory.session {
            change(session);
        }
        self.desk.keep()
    }

    fn call(&self, arguments: &[&OsStr], limit: Duration) -> Result<Said, CommandFault> {
        self.command
            .run(arguments, &self.parts(), limit, self.context.interrupted)
    }

    fn begin(&mut self) -> Result<RunState, ProviderError> {
        let name = self.name();
        self.desk.memory.session = Some(ColabSession {
            name: name.clone(),
            ..ColabSession::default()
        });
        self.desk.keep()?;
        let arguments = ["new", "-s", &name, "--gpu", GPU].map(OsStr::new);
        let answer = self.call(&arguments, NEW_LIMIT);
        match answer {
            Ok(said) if said.is_good => {
                self.note(|session| session.ready = true)?;
                Ok(RunState::Queued { why: None })
            }
            Ok(said) => {
                self.end()?;
                let words = said.last_words();
                let whole = format!("{}{}", said.out, said.error);
                if whole.contains("refused") {
                    let text = format!(
                        "Colab lends no {GPU} now ({words}); by hand it may: `remedia cancel {job}`, then `remedia export`",
                        job = self.desk.order.document.job_id
                    );
                    let error = ProviderError::new(NAME, FaultKind::Quota, text);
                    return Err(error.with_retry_after(Some(REFUSED_FOR)));
                }
                Err(network(format!("`colab new` failed: {words}")))
            }
            // Whoever interrupts has `leave` called; whatever came of it is ended there.
            Err(CommandFault::Interrupted) => Err(fault(&CommandFault::Interrupted)),
            Err(error) => {
                self.end()?;
                Err(fault(&error))
            }
        }
    }

    /// The archive, part by part, then the worker.
    fn prepare(&mut self) -> Result<RunState, ProviderError> {
        let archive = self.parts().join("order.zip");
        bundle::write_archive(self.desk.order.folder, &archive).map_err(files)?;
        let bytes = fs::read(&archive).map_err(files)?;
        let count = bytes.len().div_ceil(PART_BYTES);
        let name = self.name();
        let mut names = Vec::with_capacity(count);
        for (number, part) in bytes.chunks(PART_BYTES).enumerate() {
            let there = format!("remedia-order-{number:03}");
            names.push(there.clone());
            if number < self.session().map_or(0, |session| session.uploaded) {
                continue;
            }
            let here = self.parts().join(&there);
            fsx::write_private(&here, |file| file.write_all(part)).map_err(files)?;
            let target = format!("{ROOT_IN_TRANSFERS}/{there}");
            let arguments = [
                OsStr::new("upload"),
                OsStr::new("-s"),
                OsStr::new(&name),
                here.as_os_str(),
                OsStr::new(&target),
            ];
            self.useful(&arguments, TRANSFER_LIMIT, "upload")?;
            fs::remove_file(&here).map_err(files)?;
            self.note(|session| session.uploaded = number + 1)?;
            (self.context.progress)(RunProgress::Count {
                done: number as u64 + 1,
                total: count as u64,
            });
        }
        let ask = serde_json::json!({
            "root": ROOT,
            "parts": names,
            "sha256": bundle::sha256(&bytes),
            "run_id": self.desk.order.document.run_id,
        });
        let told = self.ask("start", START, &ask)?;
        if told.state != "started" {
            self.note(|session| session.uploaded = 0)?;
            return Err(self.useless(&format!("the order arrived {}", told.state)));
        }
        WorkerLog::of(self.desk.order.folder)
            .clear()
            .map_err(files)?;
        let now = self.now;
        self.note(|session| session.started = Some(now))?;
        fs::remove_file(&archive).map_err(files)?;
        let total = self.desk.order.document.photos.len() as u64;
        Ok(RunState::Running { done: 0, total })
    }

    /// How far the worker is, and what it left where it has ended.
    fn look(&mut self, session: &ColabSession) -> Result<RunState, ProviderError> {
        let log = WorkerLog::of(self.desk.order.folder);
        let ask = serde_json::json!({
            "root": ROOT,
            "log_from": log.bytes(),
            "log_bytes": LOG_BYTES,
        });
        let told = self.ask("status", STATUS, &ask)?;
        log.add(&told.log).map_err(files)?;
        let total = self.desk.order.document.photos.len() as u64;
        let allowed = self.desk.order.document.limits.deadline_seconds;
        let elapsed = session.time_at_work(self.now);
        let late = elapsed.unwrap_or_default().as_secs() > allowed.unwrap_or(3600) + BESIDE;
        let alive = told.state == "running" && told.silent < SILENT;
        if alive && !late {
            return Ok(RunState::Running {
                done: told.done,
                total: if told.total > 0 { told.total } else { total },
            });
        }
        if told.results {
            self.fetch()?;
            self.end()?;
            return Ok(RunState::Finished);
        }
        let what = match (told.state.as_str(), told.code) {
            ("ended", Some(code)) => format!("the worker ended with exit code {code}"),
            ("running", _) if late => "the worker was not done in time".to_owned(),
            ("absent", _) => "the machine was taken away".to_owned(),
            _ => "the worker died".to_owned(),
        };
        let words: Vec<String> = told.words.iter().map(|word| fsx::printable(word)).collect();
        let text = if words.is_empty() {
            what
        } else {
            format!("{what}; the last it said: {}", words.join(" / "))
        };
        self.end()?;
        Ok(RunState::Failed {
            text,
            retryable: true,
        })
    }

    /// Brings the results here, the way that a person's come.
    fn fetch(&mut self) -> Result<(), ProviderError> {
        let ask = serde_json::json!({ "root": ROOT, "part_bytes": PART_BYTES });
        let told = self.ask("pack", PACK, &ask)?;
        if told.state != "packed" || told.parts.is_empty() || told.parts.len() > MOST_PARTS {
            return Err(self.useless("the results could not be packed"));
        }
        let name = self.name();
        let total = told.parts.len() as u64;
        let mut whole = Vec::new();
        for (done, part) in (1..).zip(&told.parts) {
            // Its own name for it: what a machine elsewhere says is no path here.
            let here = self.parts().join(format!("remedia-results-{done:03}"));
            let there = format!("{ROOT_IN_TRANSFERS}/{}", part.name);
            if part.bytes > PART_BYTES as u64 || fsx::contained(Path::new("."), &part.name).is_err()
            {
                return Err(self.useless("the results are packed in a way that was not asked for"));
            }
            let arguments = [
                OsStr::new("download"),
                OsStr::new("-s"),
                OsStr::new(&name),
                OsStr::new(&there),
                here.as_os_str(),
            ];
            self.useful(&arguments, TRANSFER_LIMIT, "download")?;
            let bytes = fs::read(&here).unwrap_or_default();
            if bundle::sha256(&bytes) != part.sha256 {
                return Err(self.useless(&format!("`{}` arrived damaged", part.name)));
            }
            whole.push(here);
            (self.context.progress)(RunProgress::Count { done, total });
        }
        let archive = self.parts().join("results.zip");
        fsx::write_atomic_with(&archive, |file| {
            for part in &whole {
                std::io::copy(&mut fs::File::open(part)?, file)?;
            }
            Ok(())
        })
        .map_err(files)?;
        let order = self.desk.order;
        let checked = bundle::open_answer(&[archive]).and_then(|answer| {
            answer
                .check(order.document, order.marker)?
                .map(|checked| checked.write(&self.desk.imports()))
                .transpose()
        });
        match checked {
            Ok(Some(())) => Ok(()),
            Ok(None) => Err(self.useless("the results are another run's")),
            Err(error) => Err(self.useless(&error.to_string())),
        }
    }

    /// Runs a script there and gives its one line.
    fn ask(
        &mut self,
        what: &str,
        script: &str,
        ask: &serde_json::Value,
    ) -> Result<Told, ProviderError> {
        // A JSON string is a Python string.
        let literal = serde_json::Value::String(ask.to_string()).to_string();
        let text =
            format!("# remedia {what} {ask}\nimport json\n\nASK = json.loads({literal})\n{script}");
        let path = self.parts().join(format!("{what}.py"));
        fsx::write_private(&path, |file| file.write_all(text.as_bytes())).map_err(files)?;
        let name = self.name();
        let arguments = [
            OsStr::new("exec"),
            OsStr::new("-s"),
            OsStr::new(&name),
            OsStr::new("-f"),
            path.as_os_str(),
            OsStr::new("--timeout"),
            OsStr::new(EXEC_SECONDS),
        ];
        let said = self.useful(&arguments, EXEC_LIMIT, "exec")?;
        // It ends with 0 although the code raised; only the line says that it came to its end.
        let told = said
            .out
            .lines()
            .filter_map(|line| line.split_once(TAG))
            .filter_map(|(_, told)| serde_json::from_str(told.trim()).ok())
            .next_back();
        match told {
            Some(told) => {
                self.note(|session| session.faults = 0)?;
                Ok(told)
            }
            None => Err(self.useless(&format!("`{what}` gave no answer: {}", said.last_words()))),
        }
    }

    /// A call whose exit code is good.
    fn useful(
        &mut self,
        arguments: &[&OsStr],
        limit: Duration,
        what: &str,
    ) -> Result<Said, ProviderError> {
        match self.call(arguments, limit) {
            Ok(said) if said.is_good => Ok(said),
            Ok(said) => Err(self.useless(&format!("`colab {what}` failed: {}", said.last_words()))),
            Err(CommandFault::Interrupted) => Err(fault(&CommandFault::Interrupted)),
            Err(error) => Err(self.useless(&error.to_string())),
        }
    }

    /// Counts a call that was of no use. After some of them the session is ended, and the next poll begins
    /// another.
    fn useless(&mut self, text: &str) -> ProviderError {
        let noted = self.note(|session| session.faults += 1);
        let given_up = self
            .session()
            .is_none_or(|session| session.faults >= MOST_FAULTS);
        if let Err(error) = noted {
            return error;
        }
        if given_up && let Err(error) = self.end() {
            return error;
        }
        network(text)
    }

    /// Ends the session. What is not known to be ended stays written down, and is ended by who comes next.
    fn end(&mut self) -> Result<(), ProviderError> {
        end(self.command, self.desk, &self.parts())
    }
}

/// Ends the session of an order, where it has one.
pub(super) fn end(
    command: &ColabCommand,
    desk: &mut Desk<'_>,
    folder: &Path,
) -> Result<(), ProviderError> {
    let Some(session) = &desk.memory.session else {
        return Ok(());
    };
    let name = session.name.clone();
    let arguments = ["stop", "-s", &name].map(OsStr::new);
    // Never interrupted: this is what an interruption asks for.
    match command.run(&arguments, folder, STOP_LIMIT, &|| false) {
        Ok(said) if said.is_good => {
            desk.memory.session = None;
            desk.keep()
        }
        Ok(said) => Err(network(not_ended(&name, &said.last_words()))),
        Err(error) => Err(network(not_ended(&name, &error.to_string()))),
    }
}

/// Counts that a session could not be ended; whether to try again.
pub(super) fn is_worth_another_try(desk: &mut Desk<'_>) -> Result<bool, ProviderError> {
    let Some(session) = &mut desk.memory.session else {
        return Ok(false);
    };
    session.faults += 1;
    let again = session.faults <= MOST_FAULTS;
    desk.keep()?;
    Ok(again)
}

fn not_ended(name: &str, why: &str) -> String {
    format!("session `{name}` could not be stopped ({why}); `colab stop -s {name}` stops it")
}
