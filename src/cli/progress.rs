//! Events to what a person or a program sees: bars on a terminal, dated lines without one, JSON
//! lines, or nothing. All are made from the same events.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{
    HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle,
};

use crate::domain::event::{Event, EventKind, Stage};
use crate::domain::id::{JobId, PhotoId};
use crate::domain::listing::{Listing, Photo};
use crate::engine::{Engine, EventSink};

use super::event_wording;
use super::printer::{Form, Printer};

/// The shortest time between two lines about the same stage where there are no bars.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Stage, bar, count and the time that is left.
const BAR: &str = "{msg:10} {bar:32.cyan/dim} {pos:>4}/{len:<4} {left}";

fn by_photo(photos: Vec<Photo>) -> BTreeMap<PhotoId, String> {
    photos
        .into_iter()
        .map(|photo| (photo.id, photo.file))
        .collect()
}

/// A listener for one command.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    printer: &'a Printer,
    names: FileNames<'a>,
    form: Shape,
}

/// The files of the photos that events speak of: a person knows a photo by its file, not by its identity.
pub(crate) struct FileNames<'a> {
    engine: Option<&'a Engine>,
    known: BTreeMap<JobId, BTreeMap<PhotoId, String>>,
    /// Those of a listing that no job is recorded of.
    unrecorded: BTreeMap<PhotoId, String>,
}

impl std::fmt::Debug for FileNames<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FileNames").finish_non_exhaustive()
    }
}

impl<'a> FileNames<'a> {
    pub(crate) const fn new(engine: &'a Engine) -> Self {
        Self {
            engine: Some(engine),
            known: BTreeMap::new(),
            unrecorded: BTreeMap::new(),
        }
    }

    fn of_listing(listing: &Listing) -> Self {
        Self {
            engine: None,
            known: BTreeMap::new(),
            unrecorded: by_photo(listing.photos.clone()),
        }
    }

    /// The file of the event's photo; `None` where it speaks of none, or the listing is not there any more.
    pub(crate) fn of(&mut self, event: &Event) -> Option<&str> {
        let photo = event.photo.as_ref()?;
        let Some(engine) = self.engine else {
            return self.unrecorded.get(photo).map(String::as_str);
        };
        let files = self.known.entry(event.job.clone()).or_insert_with(|| {
            let listing = engine.listing(&event.job);
            by_photo(listing.map(|listing| listing.photos).unwrap_or_default())
        });
        files.get(photo).map(String::as_str)
    }
}

#[derive(Debug)]
enum Shape {
    Bars(Bars),
    Lines(BTreeMap<Stage, Instant>),
    Json,
    Silent,
}

impl<'a> Progress<'a> {
    /// The listener that suits the printer.
    pub(crate) fn new(printer: &'a Printer, engine: &'a Engine) -> Self {
        Self::naming(printer, FileNames::new(engine))
    }

    /// The same for a listing that no job is recorded of.
    pub(crate) fn of_listing(printer: &'a Printer, listing: &Listing) -> Self {
        Self::naming(printer, FileNames::of_listing(listing))
    }

    fn naming(printer: &'a Printer, names: FileNames<'a>) -> Self {
        let form = if printer.form() == Form::JsonLines {
            Shape::Json
        } else if printer.draws_bars() {
            Shape::Bars(Bars::new())
        } else if printer.tells_progress() {
            Shape::Lines(BTreeMap::new())
        } else {
            Shape::Silent
        };
        Self {
            printer,
            names,
            form,
        }
    }

    /// Takes bars off the screen, so that the result stands alone.
    pub(crate) fn finish(&self) {
        if let Shape::Bars(bars) = &self.form {
            bars.clear();
        }
    }
}

impl EventSink for Progress<'_> {
    fn event(&mut self, event: &Event) {
        match &mut self.form {
            Shape::Silent => {}
            Shape::Json => {
                // A reader that went away ends the program when the result is written.
                let _ = self.printer.document(event);
            }
            Shape::Bars(bars) => match &event.kind {
                EventKind::Progress { stage, done, total } => bars.update(*stage, *done, *total),
                _ if event_wording::is_notable(&event.kind) => {
                    bars.above(&event_wording::event_text(event, self.names.of(event)));
                }
                _ => {}
            },
            Shape::Lines(last) => match &event.kind {
                EventKind::Progress { stage, done, total } => {
                    let now = Instant::now();
                    let due = last
                        .get(stage)
                        .is_none_or(|before| now.duration_since(*before) >= BETWEEN_LINES);
                    if due || done == total {
                        last.insert(*stage, now);
                        self.printer
                            .note(event_wording::event_line(event, None).trim_end());
                    }
                }
                kind if event_wording::is_notable(kind)
                    || matches!(kind, EventKind::StateChanged { .. })
                    || self.printer.tells_everything() =>
                {
                    let line = event_wording::event_line(event, self.names.of(event));
                    self.printer.note(line.trim_end());
                }
                _ => {}
            },
        }
    }
}

/// One bar for each stage, with the time that is left.
#[derive(Debug)]
struct Bars {
    all: MultiProgress,
    stages: BTreeMap<Stage, ProgressBar>,
}

impl Bars {
    fn new() -> Self {
        Self {
            all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(15)),
            stages: BTreeMap::new(),
        }
    }

    fn update(&mut self, stage: Stage, done: u64, total: u64) {
        let bar = self.stages.entry(stage).or_insert_with(|| {
            let bar = ProgressBar::new(total).with_style(bar_style());
            self.all.add(bar.with_message(event_wording::stage(stage)))
        });
        bar.set_length(total);
        bar.set_position(done);
    }

    fn above(&self, text: &str) {
        let _ = self.all.println(text);
    }

    fn clear(&self) {
        let _ = self.all.clear();
    }
}

fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template(BAR).map_or_else(
        |_| ProgressStyle::default_bar(),
        |style| style.with_key("left", left),
    )
}

/// A bar of its own on standard error, named `message`, which nothing moves yet.
pub(crate) fn single_bar(message: &'static str) -> ProgressBar {
    ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(15))
        .with_style(bar_style())
        .with_message(message)
}

/// The time that a stage still takes; nothing before its first unit is done, when nobody knows.
fn left(state: &ProgressState, text: &mut dyn std::fmt::Write) {
    if state.pos() > 0 && !state.is_finished() {
        // Text in memory takes whatever is written.
        let _ = write!(text, "{} left", HumanDuration(state.eta()));
    }
}
