//! Jobs in words: tables, lines and summaries for people.

use std::time::Duration;

use crate::domain::judgement::Judgement;
use crate::domain::listing::Listing;
use crate::domain::plan::{AttemptParameters, Plan};
use crate::domain::room::Room;
use crate::domain::score::ScoreSource;
use crate::domain::state::JobState;
use crate::domain::structure::StructureSubject;
use crate::domain::verdict::{Reason, Verdict};
use crate::engine::{
    AttemptReport, JobReport, JobSummary, ListReport, OperationCounts, StatusReport,
};

use super::duration::for_people;

/// What is said before the work starts: the size of the job, and loudly what will not be done.
pub(crate) fn before_the_work(listing: &Listing, plan: &Plan) -> Vec<String> {
    let mut lines = vec![format!(
        "{}: {}, style {}, about {}",
        crate::fsx::printable(&listing.title),
        counted(plan.photos.len() as u64, "picture", "pictures"),
        plan.style.name,
        for_people(Duration::try_from_secs_f64(plan.estimated_seconds).unwrap_or_default())
    )];
    for bracket in &listing.brackets {
        let name = listing
            .photo(&bracket.reference)
            .map_or("", |photo| photo.file.as_str());
        lines.push(format!(
            "bracket: {} exposures become one picture, {}",
            bracket.exposures.len(),
            crate::fsx::printable(name)
        ));
    }
    for photo in &listing.photos {
        for note in &photo.notes {
            lines.push(format!(
                "{}: {}",
                crate::fsx::printable(&photo.file),
                crate::fsx::printable(note)
            ));
        }
    }
    for left_out in &listing.left_out {
        lines.push(format!("left out {}: {}", left_out.file, left_out.reason));
    }
    lines.extend(crate::planner::beside(listing));
    lines.extend(super::skips::lines(plan));
    lines
}

pub(super) fn texts(reasons: &[Reason]) -> String {
    reasons
        .iter()
        .map(|reason| reason.text.as_str())
        .collect::<Vec<_>>()
        .join("; ")
}

/// All jobs at a glance.
pub(crate) fn status(report: &StatusReport) -> String {
    if report.jobs == 0 {
        return "no jobs yet; `remedia submit FOLDER --style NAME` makes one\n".to_owned();
    }
    let mut text = format!(
        "{} with {}\n",
        counted(report.jobs, "job", "jobs"),
        counted(report.photos, "picture", "pictures")
    );
    for count in &report.states {
        text.push_str(&format!("  {:>8}  {}\n", count.jobs, count.state));
    }
    if !report.active.is_empty() {
        text.push('\n');
        text.push_str(&table(&report.active));
    }
    text
}

/// One job in one paragraph.
pub(crate) fn summary(job: &JobSummary) -> String {
    let mut text = format!(
        "{}: {}\n  {}, style {}, provider {}, {}\n  operations: {}\n  made {}, last change {}\n",
        job.job,
        job.state,
        job.title,
        job.style,
        job.provider,
        counted(job.photos, "picture", "pictures"),
        operations(&job.operations),
        job.created,
        job.updated
    );
    if let Some(due) = job.due {
        text.push_str(&format!("  tried again at {due}\n"));
    }
    if let Some(problem) = &job.problem {
        let what = match job.state {
            JobState::AwaitingOperator => "to do",
            _ => "problem",
        };
        text.push_str(&format!("  {what}: {problem}\n"));
    }
    text
}

/// Jobs as a table.
pub(crate) fn list(report: &ListReport) -> String {
    if report.jobs.is_empty() {
        return "no jobs\n".to_owned();
    }
    let mut text = table(&report.jobs);
    let more = report.total.saturating_sub(report.jobs.len() as u64);
    if more > 0 {
        text.push_str(&format!("… and {more} more; `--limit` shows them\n"));
    }
    text
}

fn table(jobs: &[JobSummary]) -> String {
    let width = jobs
        .iter()
        .map(|job| job.job.as_str().len())
        .max()
        .unwrap_or(0);
    jobs.iter()
        .map(|job| {
            format!(
                "{:width$}  {:17}  {:>5} pictures  {}\n",
                job.job.as_str(),
                job.state,
                job.photos,
                operations(&job.operations)
            )
        })
        .collect()
}

fn operations(counts: &OperationCounts) -> String {
    let parts: Vec<String> = [
        (counts.accepted, "accepted"),
        (counts.produced, "to be judged"),
        (counts.rejected, "rejected"),
        (counts.gave_up, "given up"),
        (counts.pending, "pending"),
        (counts.skipped, "skipped"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join(", ")
    }
}

/// One job in full.
pub(crate) fn job(report: &JobReport) -> String {
    let mut text = summary(&report.summary);
    text.push_str(&format!(
        "  photos from {}\n  {} {}\n  work files in {}\n  engine {}\n",
        report.source,
        match report.summary.state {
            JobState::Delivered => "delivered to",
            _ => "to be delivered to",
        },
        report.destination,
        report.work,
        report.engine_version
    ));
    for photo in &report.photos {
        text.push_str(&format!("\n{}  ({})\n", photo.file, photo.photo.short()));
        for operation in &photo.operations {
            text.push_str(&format!("  {}: {}", operation.kind, operation.state));
            if !operation.executor.is_empty() {
                text.push_str(&format!(" by {}", operation.executor));
            }
            if let Some(reason) = &operation.reason {
                text.push_str(&format!(": {reason}"));
            }
            text.push('\n');
            for attempt in &operation.attempts {
                let said = attempt_said(attempt);
                text.push_str(&format!(
                    "    attempt {}, seed {}, {:.1} s: {said}\n",
                    attempt.number, attempt.seed, attempt.seconds
                ));
            }
        }
    }
    text
}

fn attempt_said(attempt: &AttemptReport) -> String {
    match (&attempt.verdict, &attempt.failure) {
        (_, Some(failure)) => format!("failed: {}", failure.text),
        (Some(Verdict::Accepted), None) => "accepted".to_owned(),
        (Some(Verdict::Rejected { reasons }), None) => format!("rejected: {}", texts(reasons)),
        (Some(Verdict::NeedsReview { reasons }), None) => {
            format!("needs review: {}", texts(reasons))
        }
        (None, None) => "not judged yet".to_owned(),
    }
}

/// Photos of a job with everything about each attempt.
pub(crate) fn photos(report: &JobReport) -> String {
    let mut text = String::new();
    for photo in &report.photos {
        let room = photo.room.map_or("room unknown", Room::name);
        text.push_str(&format!("{}  ({}), {room}\n", photo.file, photo.photo));
        for operation in &photo.operations {
            text.push_str(&format!("\n{}: {}", operation.kind, operation.state));
            if let Some(reason) = &operation.reason {
                text.push_str(&format!(": {reason}"));
            }
            text.push('\n');
            for version in &operation.versions {
                let what = match version.attempt {
                    Some(attempt) => format!("attempt {attempt}"),
                    None => "without it".to_owned(),
                };
                text.push_str(&format!(
                    "  version {}: {what}, {} at {}\n",
                    version.number,
                    version.cause.name(),
                    version.at
                ));
            }
            for attempt in &operation.attempts {
                text.push_str(&attempt_lines(attempt));
            }
        }
    }
    text
}

/// Everything about one attempt.
fn attempt_lines(attempt: &AttemptReport) -> String {
    let mut lines = vec![format!(
        "attempt {}: {}",
        attempt.number,
        attempt_said(attempt)
    )];
    lines.push(format!(
        "  seed {}, {:.1} s, order {}, {}",
        attempt.seed, attempt.seconds, attempt.run_id, attempt.at
    ));
    if let Some(AttemptParameters::Diffusion {
        strength,
        guidance_scale,
        num_inference_steps,
        controlnets,
        mask_growth,
        ..
    }) = &attempt.parameters
    {
        let controlnets: Vec<String> = controlnets
            .iter()
            .map(|net| format!("{:?} {}", net.kind, net.conditioning_scale).to_lowercase())
            .collect();
        lines.push(format!(
            "  strength {strength}, guidance scale {guidance_scale}, {num_inference_steps} steps, \
             mask growth {mask_growth}, ControlNets: {}",
            if controlnets.is_empty() {
                "none".to_owned()
            } else {
                controlnets.join(", ")
            }
        ));
    }
    if let Some(judgement) = &attempt.judgement {
        lines.extend(judgement_lines(judgement));
    }
    if let Some(master) = &attempt.master {
        lines.push(format!("  picture {master}"));
    }
    lines.iter().map(|line| format!("  {line}\n")).collect()
}

fn judgement_lines(judgement: &Judgement) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(worker) = &judgement.worker {
        lines.push(format!(
            "  made by {} {} on {}",
            worker.engine, worker.version, worker.device
        ));
        for model in &worker.models {
            lines.push(format!(
                "  model {}: {} at {}{}",
                model.role,
                model.repository,
                model.revision,
                model
                    .sha256
                    .as_ref()
                    .map_or_else(String::new, |sum| format!(", sha256 {sum}"))
            ));
        }
    }
    for report in &judgement.structure {
        let subject = match report.subject {
            StructureSubject::Generated => "worker's picture",
            StructureSubject::Composite => "composite",
        };
        let known = |value: Option<String>| value.unwrap_or_else(|| "not measurable".to_owned());
        lines.push(format!(
            "  house in the {subject}: {}; worst tile {}, drift {}, detail {}",
            if report.passed() {
                "the same"
            } else {
                "changed"
            },
            known(
                report
                    .worst_tile
                    .map(|tile| format!("{:.3}", tile.correlation))
            ),
            known(report.drift.map(|drift| format!("{:.3} %", drift.percent))),
            known(report.detail_ratio.map(|ratio| format!("{ratio:.2}"))),
        ));
    }
    if let Some(composite) = &judgement.composite {
        lines.push(format!(
            "  changed {:.1} % of the frame, kept {:.1} % that is protected",
            composite.touched_share * 100.0,
            composite.protected_share * 100.0
        ));
    }
    if let Some(scores) = &judgement.scores {
        let number =
            |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
        let source = match scores.source {
            ScoreSource::Measured => "measured here",
            ScoreSource::ReportedByWorker => "reported by the worker, not checked",
            ScoreSource::NotScored => "not scored",
        };
        lines.push(format!(
            "  CLIP score {} of {} wanted (2.5 × cosine), contrast {}, improvement {}; {} {source}",
            number(scores.clip_score),
            number(judgement.clip_score_threshold),
            number(
                scores
                    .contrast
                    .as_ref()
                    .map(|contrast| contrast.probability)
            ),
            number(scores.improvement),
            scores.model,
        ));
    }
    lines
}

/// A number of bytes for people.
pub(crate) fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}

/// A count with its noun.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
