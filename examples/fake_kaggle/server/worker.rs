//! The kernel's part: what runs in place of the notebook.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fs_err as fs;
use serde::Serialize;

use super::folders;
use super::lock;

/// One line of a session's log.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LogEvent {
    pub(crate) stream_name: &'static str,
    /// Seconds since the session began.
    pub(crate) time: f64,
    pub(crate) data: String,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WorkerEnd {
    Complete,
    /// With the failure's message.
    Error(String),
    /// As a manual stop on the website ends: without a message.
    Stopped,
}

/// What runs in place of the notebook, in a thread of its own.
pub(crate) trait KernelWorker: Send + Sync + fmt::Debug {
    /// Reads the session's input, writes its output.
    fn run(&self, session: &KernelSession) -> WorkerEnd;
}

/// The run of a notebook as its worker sees it.
#[derive(Debug)]
pub(crate) struct KernelSession {
    pub(super) input: PathBuf,
    pub(super) working: PathBuf,
    pub(super) notebook: PathBuf,
    pub(super) text: String,
    /// `owner/slug/version`.
    pub(super) name: String,
    pub(super) log: Arc<Mutex<Vec<LogEvent>>>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) elapsed: ElapsedSeconds,
}

/// Tells the seconds since the session began.
pub(super) struct ElapsedSeconds(pub(super) Box<dyn Fn() -> f64 + Send + Sync>);

impl fmt::Debug for ElapsedSeconds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ElapsedSeconds")
    }
}

impl KernelSession {
    /// What `/kaggle/input` is: the data sets, under `datasets/<owner>/<slug>` or `<slug>`.
    pub(crate) fn input(&self) -> &Path {
        &self.input
    }

    /// What `/kaggle/working` is: whatever lies there at the end is published.
    pub(crate) fn working(&self) -> &Path {
        &self.working
    }

    /// The pushed notebook as a file.
    pub(crate) fn notebook(&self) -> &Path {
        &self.notebook
    }

    /// The pushed notebook's text.
    pub(crate) fn notebook_text(&self) -> &str {
        &self.text
    }

    /// `owner/slug/version`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Writes a line into the session's log.
    pub(crate) fn log(&self, line: &str) {
        self.log_to("stdout", line);
    }

    /// Whether the session was ended from outside: time-out, quota or a stop.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn log_to(&self, stream_name: &'static str, line: &str) {
        lock(&self.log).push(LogEvent {
            stream_name,
            time: (self.elapsed.0)(),
            data: format!("{line}\n"),
        });
    }
}

/// Copies every input file to the output.
#[derive(Debug)]
pub(crate) struct CopyWorker;

impl KernelWorker for CopyWorker {
    fn run(&self, session: &KernelSession) -> WorkerEnd {
        session.log(&format!(
            "copying for {}, a notebook of {} bytes",
            session.name(),
            session.notebook_text().len()
        ));
        match copy_all(session) {
            Ok(count) => {
                session.log(&format!("copied {count} files"));
                WorkerEnd::Complete
            }
            Err(error) => WorkerEnd::Error(error.to_string()),
        }
    }
}

fn copy_all(session: &KernelSession) -> std::io::Result<usize> {
    let files = folders::list(session.input())?;
    for file in &files {
        let target = session.working().join(&file.name);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(&file.path, target)?;
    }
    Ok(files.len())
}

/// Runs a shell command with the folders in `KAGGLE_INPUT`, `KAGGLE_WORKING` and the notebook's path in
/// `KAGGLE_NOTEBOOK`. A command that is ended by a signal counts as a session that was stopped.
#[derive(Debug)]
pub(crate) struct CommandWorker {
    command: String,
}

impl CommandWorker {
    pub(crate) fn new(command: impl Into<String>) -> Self {
        Self {
            command: command.into(),
        }
    }

    fn execute(&self, session: &KernelSession) -> std::io::Result<WorkerEnd> {
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(&self.command)
            .env("KAGGLE_INPUT", session.input())
            .env("KAGGLE_WORKING", session.working())
            .env("KAGGLE_NOTEBOOK", session.notebook())
            .current_dir(session.working())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let status = std::thread::scope(|scope| {
            scope.spawn(move || log_lines(session, "stdout", stdout));
            scope.spawn(move || log_lines(session, "stderr", stderr));
            loop {
                if let Some(status) = child.try_wait()? {
                    return Ok::<_, std::io::Error>(status);
                }
                if session.is_stopped() {
                    child.kill()?;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        })?;
        Ok(match status.code() {
            Some(0) => WorkerEnd::Complete,
            Some(code) => WorkerEnd::Error(format!("the command ended with exit code {code}")),
            None => WorkerEnd::Stopped,
        })
    }
}

impl KernelWorker for CommandWorker {
    fn run(&self, session: &KernelSession) -> WorkerEnd {
        self.execute(session)
            .unwrap_or_else(|error| WorkerEnd::Error(error.to_string()))
    }
}

fn log_lines(session: &KernelSession, stream_name: &'static str, source: Option<impl Read>) {
    let Some(source) = source else { return };
    for line in BufReader::new(source).lines() {
        match line {
            Ok(line) => session.log_to(stream_name, &line),
            Err(_) => break,
        }
    }
}
