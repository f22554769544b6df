//! What a person asks of a job that exists: retry, approve, reject, cancel, resume, deliver.

use crate::cli::arguments::{JobArgs, RetryArgs, RevertArgs, ReviewArgs};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::outcome;
use crate::cli::progress::Progress;
use crate::cli::wording;
use crate::domain::id::{JobId, PhotoId};
use crate::domain::state::JobState;
use crate::engine::{DriveLimits, DriveOutcome, Engine, RetryRequest, RevertTarget};

/// More attempts for photos of a job.
pub(crate) fn retry(arguments: &RetryArgs, context: &Context) -> Result<Exit, Failure> {
    let engine = context.engine()?;
    let job = engine.find_job(&arguments.job)?;
    let request = RetryRequest {
        photos: photos(&engine, &job, &arguments.photos)?,
        only_given_up: false,
        seed: arguments.seed,
    };
    let mut progress = Progress::new(&context.printer, &engine);
    engine.retry(&job, &request, &mut progress)?;
    drive(context, &engine, &job, progress)
}

/// Takes results that wait for a person.
pub(crate) fn approve(arguments: &ReviewArgs, context: &Context) -> Result<Exit, Failure> {
    let engine = context.engine()?;
    let job = engine.find_job(&arguments.job)?;
    let photos = photos(&engine, &job, &arguments.photos)?;
    let mut progress = Progress::new(&context.printer, &engine);
    engine.approve(&job, &photos, &mut progress)?;
    drive(context, &engine, &job, progress)
}

/// Refuses results that wait for a person.
pub(crate) fn reject(arguments: &ReviewArgs, context: &Context) -> Result<Exit, Failure> {
    let engine = context.engine()?;
    let job = engine.find_job(&arguments.job)?;
    let photos = photos(&engine, &job, &arguments.photos)?;
    let mut progress = Progress::new(&context.printer, &engine);
    engine.reject(&job, &photos, &mut progress)?;
    drive(context, &engine, &job, progress)
}

/// Delivers another version of a photo.
pub(crate) fn revert(arguments: &RevertArgs, context: &Context) -> Result<Exit, Failure> {
    let engine = context.engine()?;
    let job = engine.find_job(&arguments.job)?;
    let target = match (arguments.to, arguments.attempt, arguments.without) {
        (Some(version), ..) => RevertTarget::Version(version),
        (None, Some(attempt), _) => RevertTarget::Attempt(attempt),
        (None, None, true) => RevertTarget::Without,
        (None, None, false) => RevertTarget::Previous,
    };
    let mut progress = Progress::new(&context.printer, &engine);
    for photo in photos(&engine, &job, std::slice::from_ref(&arguments.photo))? {
        engine.revert(&job, &photo, target, &mut progress)?;
    }
    drive(context, &engine, &job, progress)
}

/// Goes on with a job.
pub(crate) fn resume(arguments: &JobArgs, context: &Context) -> Result<Exit, Failure> {
    let engine = context.engine()?;
    let job = engine.find_job(&arguments.job)?;
    let mut progress = Progress::new(&context.printer, &engine);
    engine.resume(&job, &mut progress)?;
    drive(context, &engine, &job, progress)
}

/// Writes the delivered folder again.
pub(crate) fn deliver(arguments: &JobArgs, context: &Context) -> Result<Exit, Failure> {
    let engine = context.engine()?;
    let job = engine.find_job(&arguments.job)?;
    let mut progress = Progress::new(&context.printer, &engine);
    engine.deliver_again(&job, &mut progress)?;
    drive(context, &engine, &job, progress)
}

/// Stops a job for good.
pub(crate) fn cancel(arguments: &JobArgs, context: &Context) -> Result<Exit, Failure> {
    let engine = context.engine()?;
    let job = engine.find_job(&arguments.job)?;
    let mut progress = Progress::new(&context.printer, &engine);
    let summary = engine.cancel(&job, &mut progress)?;
    progress.finish();
    context.printer.either(&summary, wording::summary)?;
    if summary.state != JobState::Cancelled {
        context.printer.note(
            "another process drives it and was asked to stop; `remedia status` tells when it has",
        );
    }
    Ok(Exit::SUCCESS)
}

pub(super) fn drive(
    context: &Context,
    engine: &Engine,
    job: &JobId,
    progress: Progress<'_>,
) -> Result<Exit, Failure> {
    outcome::report(context, engine, &driven(context, engine, job, progress)?)
}

/// Drives a job as far as it goes.
pub(super) fn driven(
    context: &Context,
    engine: &Engine,
    job: &JobId,
    mut progress: Progress<'_>,
) -> Result<DriveOutcome, Failure> {
    context.watch_signals()?;
    let limits = DriveLimits::to_the_end();
    let driven = engine
        .drive(job, &mut progress, &context.interrupt, &limits)
        .map_err(|error| Failure::while_driving(job, error))?;
    progress.finish();
    Ok(driven)
}

/// The photos that `names` mean: a file, its last part, an id or the start of one.
pub(super) fn photos(
    engine: &Engine,
    job: &JobId,
    names: &[String],
) -> Result<Vec<PhotoId>, Failure> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let known = engine.show(job)?.photos;
    names
        .iter()
        .map(|name| {
            let exact = known
                .iter()
                .filter(|photo| photo.file == *name || photo.photo.as_str() == name);
            let loose = known.iter().filter(|photo| {
                let last = photo.file.rsplit('/').next();
                last == Some(name) || (name.len() >= 6 && photo.photo.as_str().starts_with(name))
            });
            let mut exact = exact.peekable();
            let found: Vec<_> = if exact.peek().is_some() {
                exact.collect()
            } else {
                loose.collect()
            };
            match found.as_slice() {
                [one] => Ok(one.photo.clone()),
                [] => Err(
                    Failure::usage(anyhow::anyhow!("job `{job}` has no photo `{name}`"))
                        .hint(format!("`remedia show {job}` lists its photos")),
                ),
                several => Err(Failure::usage(anyhow::anyhow!(
                    "`{name}` means {} photos of job `{job}`",
                    several.len()
                ))
                .hint("give the whole path or the whole id")),
            }
        })
        .collect()
}
