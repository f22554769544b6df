//! Serves a fake Kaggle on loopback until it is killed: for trying things by hand, for checking it with
//! the official client, and for tests in other processes, which steer it by `POST /control/…`.
//!
//!     cargo run --example fake_kaggle -- [--port PORT] [--state-folder FOLDER] [--worker COMMAND]
//!         [--user NAME --key KEY --token TOKEN]
//!
//! The first line on standard output is `listening on http://127.0.0.1:PORT`.

#![expect(clippy::print_stdout, reason = "a command that says where it listens")]

mod server;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use clap::Parser;

use server::{ClockMode, CommandWorker, FakeKaggle, FakeOptions, User};

/// Serves a fake Kaggle on 127.0.0.1.
#[derive(Debug, Parser)]
struct Arguments {
    /// Port; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Where uploads, data sets and sessions lie; a temporary folder by default
    #[arg(long, value_name = "FOLDER")]
    state_folder: Option<PathBuf>,
    /// Name of the user
    #[arg(long, default_value = "tester")]
    user: String,
    /// Legacy key of the user
    #[arg(long)]
    key: Option<String>,
    /// Access token of the user; may be given more than once
    #[arg(long)]
    token: Vec<String>,
    /// OAuth refresh token of the user; may be given more than once
    #[arg(long)]
    refresh_token: Vec<String>,
    /// Shell command that plays the kernel's part, with KAGGLE_INPUT, KAGGLE_WORKING and
    /// KAGGLE_NOTEBOOK in its environment; without it the input is copied to the output
    #[arg(long, value_name = "COMMAND")]
    worker: Option<String>,
    /// Time passes only by POST /control/advance
    #[arg(long)]
    manual_clock: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let temporary = tempfile::tempdir().context("cannot make a temporary folder")?;
    let folder = arguments
        .state_folder
        .unwrap_or_else(|| temporary.path().to_path_buf());
    let mut options = FakeOptions::new(folder);
    options.port = arguments.port;
    options.start_ms = now_ms()?;
    options.users = vec![User {
        name: arguments.user,
        id: 42,
        tokens: arguments.token,
        key: arguments.key,
        refresh_tokens: arguments.refresh_token,
    }];
    if arguments.manual_clock {
        options.clock = ClockMode::Manual;
    }
    if let Some(command) = arguments.worker {
        options.worker = Arc::new(CommandWorker::new(command));
    }
    let fake = FakeKaggle::start(options).context("cannot start the service")?;
    println!("listening on http://{}", fake.address());
    std::io::stdout().flush()?;
    loop {
        std::thread::park();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the official client compares moments with the real time"
)]
fn now_ms() -> anyhow::Result<u64> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(u64::try_from(since.as_millis())?)
}
