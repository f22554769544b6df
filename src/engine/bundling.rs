//! The order that a worker elsewhere would get, as a file to look at or to carry there by hand. It is made in
//! a home of its own that is thrown away, so that asking for it starts nothing and leaves nothing behind.

use std::path::Path;

use crate::bundle::{ArchiveContent, write_archive};
use crate::clock::Clock;
use crate::fsx;

use super::engine::Engine;
use super::error::EngineError;
use super::interrupt::Interrupt;
use super::request::{DriveLimits, Ending, EngineOptions, SubmitRequest};
use super::sink::EventSink;

/// Writes what a worker elsewhere would be sent for `request` to `target`. What this machine does itself
/// before is done, because the worker starts from it. The same listing and plan give the same bytes.
///
/// # Errors
/// [`EngineError::NothingToSend`] where this machine does all of it, [`EngineError::Interrupted`] where
/// someone stopped it, and what the engine says.
pub fn bundle(
    options: EngineOptions,
    clock: Clock,
    request: &SubmitRequest,
    target: &Path,
    events: &mut dyn EventSink,
    interrupt: &Interrupt,
) -> Result<ArchiveContent, EngineError> {
    let home = tempfile::Builder::new()
        .prefix(fsx::TEMPORARY_PREFIX)
        .tempdir()?;
    let engine = Engine::open(
        EngineOptions {
            home: home.path().to_owned(),
            ..options
        },
        clock,
    )?;
    let request = SubmitRequest {
        out: home.path().join("out"),
        ..request.clone()
    };
    let submitted = engine.submit(&request, events)?;
    let limits = DriveLimits {
        until_bundled: true,
        ..DriveLimits::to_the_end()
    };
    let driven = engine.drive(&submitted.job, events, interrupt, &limits)?;
    match driven.ending {
        Ending::Bundled => {}
        Ending::Interrupted => return Err(EngineError::Interrupted),
        _ => return Err(EngineError::NothingToSend),
    }
    let order = engine.store().orders(&submitted.job)?.pop();
    let number = order.map_or(1, |order| order.number);
    Ok(write_archive(
        &engine.work(&submitted.job).order(number),
        target,
    )?)
}
