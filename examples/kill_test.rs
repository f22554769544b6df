//! Kills remedia with SIGKILL at random moments of a job and lets another process finish it; the
//! delivered bytes, the record and the folders must be those of an undisturbed run.
//!
//! `cargo run --release --example kill_test -- [--binary PATH] [KILLS [PHOTOS [SEED]]]`
//!
//! With `--binary` the real program is killed, otherwise the engine in a process of this example.

use std::path::{Path, PathBuf};
use std::process::Command;

use remedia::clock::Clock;
use remedia::domain::capabilities::{Capabilities, EmbeddedCapability};
use remedia::domain::id::JobId;
use remedia::engine::{
    DriveLimits, Ending, Engine, EngineOptions, Interrupt, NoEvents, RunLimits, SubmitRequest,
};
use remedia::ingest::{IngestOptions, read_listing};
use remedia::planner::styles::StyleLibrary;
use remedia::planner::{PlanRequest, plan};

#[path = "../tests/it/support/kill.rs"]
mod kill;
#[path = "../tests/it/support/room.rs"]
mod room;

use kill::{Ask, Place, command_line, rounds};

/// The first argument of a process that is to be killed.
const CHILD: &str = "--child";

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == CHILD) {
        return child(&arguments);
    }
    let mut binary = None;
    if let Some(index) = arguments.iter().position(|one| one == "--binary") {
        binary = Some(fs_err::canonicalize(
            arguments.get(index + 1).ok_or("--binary needs a path")?,
        )?);
        arguments.drain(index..=index + 1);
    }
    let number = |index: usize, default: u64| {
        arguments
            .get(index)
            .map_or(Ok(default), |text: &String| text.parse::<u64>())
    };
    let kills = u32::try_from(number(0, 200)?)?;
    let photos = u32::try_from(number(1, 6)?)?;
    let seed = number(2, 0x5eed_2026)?;
    let root = tempfile::tempdir()?;
    let itself = std::env::current_exe()?;
    let start = |place: &Place, ask: Ask<'_>| match &binary {
        Some(binary) => command_line(binary, place, ask),
        None => itself_as_child(&itself, place, ask),
    };
    let tally = rounds(root.path(), &start, photos, kills, seed);
    say(&format!(
        "{} kills, every job finished with the same bytes; killed while: {:?}",
        tally.kills, tally.states
    ));
    Ok(())
}

#[expect(
    clippy::print_stdout,
    reason = "the result is what this example is for"
)]
fn say(line: &str) {
    println!("{line}");
}

fn itself_as_child(itself: &Path, place: &Place, ask: Ask<'_>) -> Command {
    let mut command = Command::new(itself);
    command
        .arg(CHILD)
        .arg(&place.home)
        .arg(&place.out)
        .arg(&place.listing);
    match ask {
        Ask::Submit => command.arg("submit"),
        Ask::Run => command.arg("run"),
        Ask::Resume(job) => command.args(["resume", job]),
    };
    command
}

/// What the program does, without its command line.
fn child(arguments: &[String]) -> Result<()> {
    let place = |index: usize| {
        arguments
            .get(index)
            .map(PathBuf::from)
            .ok_or("too few arguments")
    };
    let (home, out, listing) = (place(1)?, place(2)?, place(3)?);
    let ask = arguments.get(4).ok_or("too few arguments")?;
    let clock = Clock::frozen("2026-05-04T10:00:00Z".parse()?);
    let engine = Engine::open(EngineOptions::new(home), clock)?;
    let interrupt = Interrupt::new();
    if ask == "run" {
        let limits = RunLimits {
            once: true,
            deadline: None,
        };
        let outcome = engine.run_due(&mut NoEvents, &interrupt, &limits)?;
        return match outcome.broken.first() {
            Some((job, reason)) => Err(format!("{job}: {reason}").into()),
            None => Ok(()),
        };
    }
    let job: JobId = if ask == "resume" {
        let job = arguments.get(5).ok_or("too few arguments")?.parse()?;
        engine.resume(&job, &mut NoEvents)?;
        job
    } else {
        let read = read_listing(&listing, &IngestOptions::default(), &|_, _| ())?;
        let styles = StyleLibrary::load(None)?;
        let capabilities = Capabilities::embedded_only(EmbeddedCapability {
            engine_version: remedia::local::ENGINE_VERSION.to_owned(),
            megapixels_per_second: 6.0,
            cores: 2,
        });
        let request = SubmitRequest {
            plan: plan(
                &read,
                styles.get("modern")?,
                &capabilities,
                &PlanRequest::default(),
            )?,
            listing: read,
            source: listing,
            out,
            force: false,
        };
        engine.submit(&request, &mut NoEvents)?.job
    };
    let driven = engine.drive(&job, &mut NoEvents, &interrupt, &DriveLimits::to_the_end())?;
    match driven.ending {
        Ending::Delivered => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}
