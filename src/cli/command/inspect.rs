//! Looking at jobs: `status`, `list`, `show` and `logs`. Nothing here changes anything.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crate::cli::arguments::{ListArgs, LogsArgs, ShowArgs, StatusArgs};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::live;
use crate::cli::printer::Form;
use crate::cli::progress::FileNames;
use crate::cli::{event_wording, wording};
use crate::domain::id::JobId;
use crate::domain::state::JobState;
use crate::engine::{Engine, ListFilter};

use super::request;

/// Events read at a time.
const EVENTS_AT_A_TIME: u32 = 1000;

/// Where one job stands, or all.
pub(crate) fn status(arguments: &StatusArgs, context: &Context) -> Result<Exit, Failure> {
    let engine = context.engine()?;
    match &arguments.job {
        Some(text) => {
            let summary = engine.summary(&engine.find_job(text)?)?;
            context.printer.either(&summary, wording::summary)?;
        }
        None => {
            let report = engine.status()?;
            context.printer.either(&report, wording::status)?;
        }
    }
    Ok(Exit::SUCCESS)
}

/// Jobs, newest first.
pub(crate) fn list(arguments: &ListArgs, context: &Context) -> Result<Exit, Failure> {
    let states = match &arguments.state {
        Some(text) => vec![text.parse::<JobState>().map_err(|error| {
            let names: Vec<String> = JobState::ALL.iter().map(ToString::to_string).collect();
            Failure::usage(error).hint(format!("states: {}", names.join(", ")))
        })?],
        None => Vec::new(),
    };
    let filter = ListFilter {
        states,
        limit: arguments.limit,
        before: None,
    };
    let report = context.engine()?.list(&filter)?;
    context.printer.either(&report, wording::list)?;
    Ok(Exit::SUCCESS)
}

/// One job in full.
pub(crate) fn show(arguments: &ShowArgs, context: &Context) -> Result<Exit, Failure> {
    let engine = context.engine()?;
    let job = engine.find_job(&arguments.job)?;
    let mut report = engine.show(&job)?;
    if arguments.photos.is_empty() {
        context.printer.either(&report, wording::job)?;
    } else {
        let wanted = request::photos(&engine, &job, &arguments.photos)?;
        report.photos.retain(|photo| wanted.contains(&photo.photo));
        context.printer.either(&report, wording::photos)?;
    }
    Ok(Exit::SUCCESS)
}

/// What happened in a job, and with `--follow` what happens.
pub(crate) fn logs(arguments: &LogsArgs, context: &Context) -> Result<Exit, Failure> {
    if arguments.follow {
        context.watch_signals()?;
    }
    let printer = &context.printer;
    let engine = context.engine()?;
    let job = engine.find_job(&arguments.job)?;
    // What the run elsewhere says comes from a thread of its own: hearing it waits for the next line.
    let ended = AtomicBool::new(false);
    let (heard, lines) = channel();
    thread::scope(|scope| {
        if arguments.follow && printer.form() == Form::Text {
            scope.spawn(|| live::hear(&engine, &job, &ended, &context.interrupt, &heard));
        }
        let printed = print_logs(arguments, context, &engine, &job, &lines);
        ended.store(true, Ordering::SeqCst);
        printed
    })
}

fn print_logs(
    arguments: &LogsArgs,
    context: &Context,
    engine: &Engine,
    job: &JobId,
    lines: &Receiver<String>,
) -> Result<Exit, Failure> {
    let printer = &context.printer;
    let mut after = 0;
    let mut collected = Vec::new();
    let mut names = FileNames::new(engine);
    let bar = live::WorkerBar::new(arguments.follow && printer.draws_bars());
    loop {
        for line in lines.try_iter() {
            if bar.tells(&line) {
                continue;
            }
            if let Some(text) = live::worker_line(&line) {
                bar.aside(|| printer.result(&text))?;
            }
        }
        // The state is read before the events, so that the last events of a job that ends in
        // between are still printed.
        let ended = !engine.summary(job)?.state.is_drivable();
        loop {
            let report = engine.logs(job, after, EVENTS_AT_A_TIME)?;
            after = report.next;
            if report.events.is_empty() {
                break;
            }
            match printer.form() {
                Form::Json => collected.push(report),
                Form::JsonLines => {
                    for event in &report.events {
                        printer.document(event)?;
                    }
                }
                Form::Text => {
                    let lines: String = report
                        .events
                        .iter()
                        .map(|event| event_wording::event_line(event, names.of(event)))
                        .collect();
                    bar.aside(|| printer.result(&lines))?;
                }
            }
        }
        if !arguments.follow || ended {
            break;
        }
        if context.interrupt.wait(Duration::from_millis(300)) {
            return Ok(Exit::INTERRUPTED);
        }
    }
    if printer.form() == Form::Json {
        let mut whole = engine.logs(job, after, 1)?;
        whole.events = collected
            .into_iter()
            .flat_map(|report| report.events)
            .collect();
        printer.document(&whole)?;
    }
    Ok(Exit::SUCCESS)
}
