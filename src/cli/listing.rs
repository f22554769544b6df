//! From the folder and the wishes on the command line to a listing and its plan: what `plan` and
//! `submit` share.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::arguments::ListingArgs;
use crate::config::{BracketSetting, Key, Origin};
use crate::domain::listing::Listing;
use crate::domain::plan::Plan;
use crate::domain::room::Room;
use crate::domain::step::StepOverride;
use crate::domain::style::Style;
use crate::engine::{self, SubmitOutcome, SubmitRequest};
use crate::imaging::DecodeLimits;
use crate::ingest::{self, BracketMode, IngestOptions};
use crate::planner::styles::StyleLibrary;
use crate::planner::{self, PlanRequest};
use crate::provider;

use super::context::Context;
use super::failure::Failure;
use super::wording;

/// The time that reading a folder may take before a bar is drawn.
const BEFORE_A_BAR: Duration = Duration::from_millis(300);

/// A listing with the plan that was made for it.
#[derive(Debug)]
pub(crate) struct Planned {
    /// The listing as it was read.
    pub(crate) listing: Listing,
    /// The folder that it was read from, absolute.
    pub(crate) source: PathBuf,
    /// What is to be done.
    pub(crate) plan: Plan,
}

impl Planned {
    /// Says what comes, loudly what will not be done, and makes the request for a job of it.
    pub(crate) fn announced(
        self,
        context: &Context,
        force: bool,
    ) -> Result<SubmitRequest, Failure> {
        for line in wording::before_the_work(&self.listing, &self.plan) {
            context.printer.note(&line);
        }
        Ok(SubmitRequest {
            listing: self.listing,
            source: self.source,
            plan: self.plan,
            out: std::path::absolute(context.working_directory.join(&context.settings().out))?,
            force,
        })
    }
}

/// Which job does it, and whether it was there before.
pub(crate) fn tell_job(context: &Context, submitted: &SubmitOutcome) {
    context.printer.note(&if submitted.existing {
        format!("job {} is known: {}", submitted.job, submitted.state)
    } else {
        format!("job {}", submitted.job)
    });
}

/// Reads the listing and plans it; nothing is written.
pub(crate) fn read_and_plan(
    arguments: &ListingArgs,
    context: &Context,
) -> Result<Planned, Failure> {
    let settings = context.settings();
    let overrides = steps(&arguments.steps)?;
    let rooms = rooms(&arguments.rooms)?;
    let style = style(context)?;
    let source = std::path::absolute(context.working_directory.join(&arguments.listing))?;
    let options = IngestOptions {
        recursive: settings.recursive,
        limits: DecodeLimits {
            max_file_bytes: settings.limits.max_file_bytes,
            max_pixels: settings.limits.max_pixels,
        },
        max_photos: settings.limits.max_photos,
        brackets: brackets(context),
        rooms,
        title: arguments.title.clone(),
        homes: vec![context.working_directory.join(&settings.home)],
        deliveries: deliveries(context),
        ..IngestOptions::default()
    };
    let bar = reading_bar(context);
    let started = Instant::now();
    let mut listing = ingest::read_listing(&source, &options, &|done, total| {
        // What is over in a moment needs no bar.
        if started.elapsed() > BEFORE_A_BAR {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        }
    })?;
    bar.finish_and_clear();
    for note in &listing.notes {
        context.printer.note(&format!("note: {note}"));
    }
    // Before anything else: a model that was named and is not here is a mistake worth knowing.
    if let Some(clip) = context.clip()? {
        let limits = DecodeLimits {
            max_file_bytes: settings.limits.max_file_bytes,
            max_pixels: settings.limits.max_pixels,
        };
        let home = context.working_directory.join(&settings.home);
        engine::name_rooms(&mut listing, &source, &home, &clip, &limits).map_err(|error| {
            Failure::new(error)
                .hint("`remedia models verify` tells what is wrong with the model; `--clip-model off` does without")
        })?;
    }
    let request = PlanRequest {
        operations: settings.operations.clone(),
        provider: settings.provider.clone(),
        seed: settings.seed,
        max_attempts: settings.max_attempts,
        overrides,
        look: None,
        judging: settings.judging.clone(),
        session: settings.session.clone(),
    };
    let capabilities = provider::capabilities(settings.threads);
    let plan = planner::plan(&listing, &style, &capabilities, &request).map_err(|error| {
        let mut failure = Failure::from(error);
        // Where every file was left out, the reasons are the answer.
        for left_out in listing.left_out.iter().take(10) {
            failure
                .hints
                .push(format!("{}: {}", left_out.file, left_out.reason));
        }
        failure
    })?;
    Ok(Planned {
        listing,
        source,
        plan,
    })
}

/// The folders that jobs of this home deliver into, where folders inside the listing are read: what a
/// killed or an emptied delivery has left is known by its place. A record that cannot be read knows none.
fn deliveries(context: &Context) -> Vec<PathBuf> {
    let settings = context.settings();
    let home = context.working_directory.join(&settings.home);
    if !settings.recursive || !home.join("remedia.db").is_file() {
        return Vec::new();
    }
    context
        .engine()
        .ok()
        .and_then(|engine| engine.destinations().ok())
        .unwrap_or_default()
}

/// How brackets are found; where nobody set it, `listing.toml` may decide.
fn brackets(context: &Context) -> Option<BracketMode> {
    if context.resolved.origin(Key::Brackets) == &Origin::Default {
        return None;
    }
    Some(match context.settings().brackets {
        BracketSetting::Auto => BracketMode::Auto,
        BracketSetting::Off => BracketMode::Off,
        BracketSetting::Every(count) => BracketMode::Every(count as usize),
    })
}

/// The style that the settings name.
fn style(context: &Context) -> Result<Style, Failure> {
    let settings = context.settings();
    let library = StyleLibrary::load(settings.styles.as_deref())?;
    Ok(library.get(&settings.style)?.clone())
}

/// Reads `STEP=VALUE` pairs.
fn steps(texts: &[String]) -> Result<Vec<StepOverride>, Failure> {
    texts
        .iter()
        .map(|text| {
            text.parse()
                .with_context(|| format!("`--set {text}` is not understood"))
                .map_err(Failure::usage)
        })
        .collect()
}

/// Reads `FILE=ROOM` pairs; the file may hold an equals sign, the room has none.
fn rooms(texts: &[String]) -> Result<Vec<(String, Room)>, Failure> {
    texts
        .iter()
        .map(|text| {
            let (file, room) = text.rsplit_once('=').ok_or_else(|| {
                Failure::usage(anyhow::anyhow!("`--room {text}` has no `=`"))
                    .hint("write it like `--room IMG_0012.jpg=Kitchen`")
            })?;
            let room = room.trim().parse::<Room>().map_err(Failure::usage)?;
            Ok((file.to_owned(), room))
        })
        .collect()
}

/// A bar for reading the folder, drawn only when it takes a while.
fn reading_bar(context: &Context) -> ProgressBar {
    let target = if context.printer.draws_bars() {
        ProgressDrawTarget::stderr_with_hz(10)
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(None, target).with_message("reading");
    if let Ok(style) = ProgressStyle::with_template("{msg:10} {bar:30} {pos}/{len}") {
        bar.set_style(style);
    }
    bar
}
