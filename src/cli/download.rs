//! Downloads to what a person or a program sees: a bar for each file on a terminal, dated lines without
//! one, JSON lines, or nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use serde::Serialize;

use crate::clock::Clock;
use crate::models::{Model, Outcome, PullEvent, PullSink};

use super::printer::{Form, Printer};
use super::wording::bytes;

/// The version of [`EventDocument`] that this build writes.
const EVENT_SCHEMA_VERSION: u32 = 1;

/// The shortest time between two lines about the progress of one file.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// File, bar, bytes, speed and the time that is left.
const BAR: &str =
    "{msg:26} {bar:24.cyan/dim} {bytes:>10}/{total_bytes:<10} {bytes_per_sec:>12} {eta} left";

/// An event for programs, one line.
#[derive(Serialize)]
struct EventDocument<'a> {
    schema_version: u32,
    at: Timestamp,
    model: &'a str,
    #[serde(flatten)]
    event: &'a PullEvent,
}

/// A listener for one command.
#[derive(Debug)]
pub(crate) struct Downloads<'a> {
    printer: &'a Printer,
    clock: Clock,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    Bars {
        all: MultiProgress,
        files: BTreeMap<String, ProgressBar>,
    },
    Lines(BTreeMap<String, Instant>),
    Json,
    Silent,
}

impl<'a> Downloads<'a> {
    /// The listener that suits the printer.
    pub(crate) fn new(printer: &'a Printer, clock: Clock) -> Self {
        let shape = if printer.form() == Form::JsonLines {
            Shape::Json
        } else if printer.draws_bars() {
            Shape::Bars {
                all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)),
                files: BTreeMap::new(),
            }
        } else if printer.tells_progress() {
            Shape::Lines(BTreeMap::new())
        } else {
            Shape::Silent
        };
        Self {
            printer,
            clock,
            shape,
        }
    }

    /// Takes bars off the screen, so that the result stands alone.
    pub(crate) fn finish(&self) {
        if let Shape::Bars { all, .. } = &self.shape {
            let _ = all.clear();
        }
    }
}

impl PullSink for Downloads<'_> {
    fn event(&mut self, model: &Model, event: &PullEvent) {
        match &mut self.shape {
            Shape::Silent => {}
            Shape::Json => {
                // A reader that went away ends the program when the result is written.
                let _ = self.printer.document(&EventDocument {
                    schema_version: EVENT_SCHEMA_VERSION,
                    at: self.clock.now(),
                    model: &model.name,
                    event,
                });
            }
            Shape::Bars { all, files } => match event {
                PullEvent::Started { file, done, total } => {
                    let style = ProgressStyle::with_template(BAR)
                        .unwrap_or_else(|_| ProgressStyle::default_bar());
                    let bar = files.entry(file.clone()).or_insert_with(|| {
                        all.add(ProgressBar::new(*total).with_message(file.clone()))
                    });
                    bar.set_style(style);
                    bar.set_length(*total);
                    bar.set_position(*done);
                    bar.reset_eta();
                }
                PullEvent::Progress { file, done, .. } => {
                    if let Some(bar) = files.get(file) {
                        bar.set_position(*done);
                    }
                }
                PullEvent::Finished { file, .. } => {
                    if let Some(bar) = files.remove(file) {
                        bar.finish_and_clear();
                    }
                }
                other => {
                    let _ = all.println(text(model, other));
                }
            },
            Shape::Lines(last) => {
                if let PullEvent::Progress { file, done, total } = event {
                    let now = Instant::now();
                    let due = last
                        .get(file)
                        .is_none_or(|before| now.duration_since(*before) >= BETWEEN_LINES);
                    if !due || done == total {
                        return;
                    }
                    last.insert(file.clone(), now);
                }
                self.printer
                    .note(&format!("{} {}", self.clock.now(), text(model, event)));
            }
        }
    }
}

/// An event in words.
fn text(model: &Model, event: &PullEvent) -> String {
    let said = match event {
        PullEvent::Checking { file, bytes: size } => {
            format!("{file}: checking {}", bytes(*size))
        }
        PullEvent::Started {
            file,
            done: 0,
            total,
        } => format!("{file}: fetching {}", bytes(*total)),
        PullEvent::Started { file, done, total } => {
            format!("{file}: going on at {} of {}", bytes(*done), bytes(*total))
        }
        PullEvent::Progress { file, done, total } => {
            format!("{file}: {} of {}", bytes(*done), bytes(*total))
        }
        PullEvent::Retrying {
            file,
            problem,
            seconds,
        } => format!("{file}: {problem}; tried again in {seconds:.0} s"),
        PullEvent::Restarted { file, reason } => format!("{file}: begun anew: {reason}"),
        PullEvent::Locked { file } => {
            format!("{file}: another process fetches it; waiting for its end")
        }
        PullEvent::Finished { file, outcome } => match outcome {
            Outcome::AlreadyThere => format!("{file}: already here, and sound"),
            Outcome::Linked => format!("{file}: already here under another name, and sound"),
            Outcome::Downloaded => format!("{file}: fetched, and sound"),
        },
    };
    format!("{} {said}", model.name)
}
