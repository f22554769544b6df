//! `remedia run`, what cron calls, and `remedia wait`.

use std::time::Instant;

use serde::Serialize;

use crate::cli::arguments::{RunArgs, WaitArgs};
use crate::cli::context::Context;
use crate::cli::duration::parse_duration;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::outcome::{self, ResultDocument};
use crate::cli::printer::Form;
use crate::cli::progress::Progress;
use crate::engine::RunLimits;

/// The version of [`RunDocument`] that this build writes.
const RUN_SCHEMA_VERSION: u32 = 1;

/// What one `run` did.
#[derive(Debug, Serialize)]
struct RunDocument {
    schema_version: u32,
    jobs: Vec<ResultDocument>,
    locked: Vec<String>,
    broken: Vec<BrokenJob>,
    stopped_early: bool,
}

/// A job that could not be driven.
#[derive(Debug, Serialize)]
struct BrokenJob {
    job: String,
    reason: String,
}

/// Drives every job that is due.
pub(crate) fn run(arguments: &RunArgs, context: &Context) -> Result<Exit, Failure> {
    let started = Instant::now();
    let deadline = match &arguments.max_duration {
        Some(text) => {
            let length = parse_duration(text).map_err(Failure::usage)?;
            // A length beyond what the clock can add is no limit at all.
            started.checked_add(length)
        }
        None => None,
    };
    context.watch_signals()?;
    let engine = context.engine()?;
    let mut progress = Progress::new(&context.printer, &engine);
    let limits = RunLimits {
        once: arguments.once,
        deadline,
    };
    let ran = engine.run_due(&mut progress, &context.interrupt, &limits)?;
    progress.finish();
    let jobs = ran
        .driven
        .iter()
        .map(|driven| outcome::document(&engine, driven))
        .collect::<Result<Vec<_>, _>>()?;
    let worst = jobs
        .iter()
        .map(ResultDocument::exit)
        .max_by_key(|exit| outcome::gravity(*exit));
    let exit = if context.interrupt.is_requested() {
        Exit::INTERRUPTED
    } else if !ran.broken.is_empty() {
        Exit::ERROR
    } else if ran.driven.is_empty() && !ran.locked.is_empty() {
        Exit::LOCKED
    } else {
        worst.unwrap_or(Exit::SUCCESS)
    };
    let document = RunDocument {
        schema_version: RUN_SCHEMA_VERSION,
        locked: ran.locked.iter().map(ToString::to_string).collect(),
        broken: ran
            .broken
            .into_iter()
            .map(|(job, reason)| BrokenJob {
                job: job.to_string(),
                reason,
            })
            .collect(),
        stopped_early: ran.stopped_early,
        jobs,
    };
    context.printer.either(&document, as_text)?;
    if context.printer.form() == Form::Text {
        for job in &document.jobs {
            job.name_problems(&context.printer);
        }
        for (job, problem) in document.jobs.iter().filter_map(ResultDocument::in_the_way) {
            context.printer.note(&format!("{job}: {problem}"));
        }
    }
    Ok(exit)
}

fn as_text(document: &RunDocument) -> String {
    let mut text = String::new();
    for job in &document.jobs {
        text.push_str(&job.as_text());
    }
    for job in &document.locked {
        text.push_str(&format!("{job}: another run drives it\n"));
    }
    for broken in &document.broken {
        text.push_str(&format!("{}: {}\n", broken.job, broken.reason));
    }
    if text.is_empty() {
        text.push_str("nothing is due\n");
    }
    text
}

/// Waits until a job that another process drives has come to rest.
pub(crate) fn wait(arguments: &WaitArgs, context: &Context) -> Result<Exit, Failure> {
    let timeout = match &arguments.timeout {
        Some(text) => Some(parse_duration(text).map_err(Failure::usage)?),
        None => None,
    };
    context.watch_signals()?;
    let engine = context.engine()?;
    let job = engine.find_job(&arguments.job)?;
    let mut progress = Progress::new(&context.printer, &engine);
    let waited = engine.wait(&job, &mut progress, &context.interrupt, timeout)?;
    progress.finish();
    outcome::report(context, &engine, &waited)
}
