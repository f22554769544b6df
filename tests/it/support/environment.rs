//! A world of its own for each test: empty home, no inherited variables, a clock that stands still.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A temporary folder with a home, a working folder and the binary to run in it.
#[derive(Debug)]
pub(crate) struct Environment {
    folder: tempfile::TempDir,
}

/// What a run of the binary said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) error: String,
}

impl Environment {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("remedia-it-")
            .tempdir()
            .unwrap();
        fs_err::create_dir(folder.path().join("home")).unwrap();
        fs_err::create_dir(folder.path().join("work")).unwrap();
        Self { folder }
    }

    /// The folder in which the binary runs.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// The folder of job records.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home/remedia")
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The binary with these arguments, ready to be run.
    pub(crate) fn command<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_remedia"));
        command
            .args(arguments)
            .current_dir(self.work())
            .env_clear()
            .env("HOME", self.folder.path().join("home"))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("REMEDIA_HOME", self.home())
            .env("REMEDIA_TEST_NOW", "2026-01-02T03:04:05Z")
            .env("COLUMNS", "100");
        command
    }

    /// Runs the binary to its end.
    #[must_use]
    pub(crate) fn run<const N: usize>(&self, arguments: [&str; N]) -> Said {
        self.said(self.command(arguments).output().unwrap())
    }

    /// An output as text, with this environment's own paths replaced.
    pub(crate) fn said(&self, output: Output) -> Said {
        let readable = |bytes: Vec<u8>| {
            String::from_utf8(bytes)
                .expect("everything printed is UTF-8")
                .replace(&self.folder.path().display().to_string(), "[ENV]")
        };
        Said {
            code: output.status.code().unwrap_or(-1),
            out: readable(output.stdout),
            error: readable(output.stderr),
        }
    }
}

impl Said {
    /// The same, if the run ended with this code.
    #[track_caller]
    pub(crate) fn with_code(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout: {}\nstderr: {}",
            self.out, self.error
        );
        self
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}
