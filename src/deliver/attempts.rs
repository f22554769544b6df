//! Attempts at generated pictures as the gallery shows them: what was decided, every number with its
//! limit, and where in the picture it was found.

use serde::Serialize;

use super::drawing::{Drawing, drawing};
use super::error::DeliverError;
use super::gallery::ShownPicture;
use super::manifest::{ManifestAttempt, ManifestOperation};
use crate::domain::judgement::Judgement;
use crate::domain::plan::AttemptParameters;
use crate::domain::score::{ClipScores, ScoreSource};
use crate::domain::structure::{Region, StructureFault, StructureReport, StructureSubject};
use crate::domain::verdict::{Reason, Verdict};

/// One attempt as the page shows it.
#[derive(Serialize)]
pub(super) struct ShownAttempt {
    number: u32,
    /// As text: a script that reads it as a number would round it.
    seed: String,
    delivered: bool,
    outcome: &'static str,
    /// Whether it passed; a picture that waits for a person has not.
    pub(super) passed: bool,
    reasons: Vec<String>,
    seconds: String,
    at: String,
    /// The CLIP score and the contrast, each with its scale.
    scores: Vec<(&'static str, String)>,
    gates: Vec<ShownGates>,
    numbers: Vec<(&'static str, String)>,
    picture: Option<ShownPicture>,
    /// Findings over its own picture.
    findings: Option<Drawing>,
}

/// The gates on one picture.
#[derive(Serialize)]
struct ShownGates {
    subject: &'static str,
    rows: Vec<ShownGate>,
}

/// One gate: what was measured, its limit, and where.
#[derive(Serialize)]
struct ShownGate {
    name: &'static str,
    measured: String,
    limit: String,
    place: Option<String>,
    failed: bool,
}

/// The attempts of an operation; `picture` gives the thumbnail of an attempt by its number.
pub(super) fn shown(
    operation: &ManifestOperation,
    mut picture: impl FnMut(u32) -> Result<Option<ShownPicture>, DeliverError>,
) -> Result<Vec<ShownAttempt>, DeliverError> {
    operation
        .made
        .iter()
        .map(|made| Ok(shown_attempt(made, picture(made.number)?)))
        .collect()
}

fn shown_attempt(made: &ManifestAttempt, picture: Option<ShownPicture>) -> ShownAttempt {
    let texts = |reasons: &[Reason]| -> Vec<String> {
        reasons.iter().map(|reason| reason.text.clone()).collect()
    };
    let (outcome, passed, reasons) = match (&made.failure, &made.verdict) {
        (Some(failure), _) => ("no result", false, vec![failure.text.clone()]),
        (None, Some(Verdict::Accepted)) => ("passed", true, Vec::new()),
        (None, Some(Verdict::Rejected { reasons })) => ("rejected", false, texts(reasons)),
        (None, Some(Verdict::NeedsReview { reasons })) => ("for review", false, texts(reasons)),
        (None, None) => ("not judged", false, Vec::new()),
    };
    let judgement = made.judgement.as_ref();
    let mut numbers = vec![("Seed", made.seed.to_string())];
    numbers.extend(made.parameters.iter().flat_map(parameters));
    numbers.extend(judgement.into_iter().flat_map(judged));
    let findings = picture
        .as_ref()
        .zip(judgement)
        .and_then(|(picture, judgement)| drawing(judgement, picture.width, picture.height));
    ShownAttempt {
        number: made.number,
        seed: made.seed.to_string(),
        delivered: made.delivered,
        outcome,
        passed,
        reasons,
        seconds: format!("{:.1}\u{a0}s", made.seconds),
        at: made.at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        scores: judgement.map_or_else(Vec::new, scores),
        gates: judgement
            .into_iter()
            .flat_map(|judgement| &judgement.structure)
            .map(gates)
            .collect(),
        numbers,
        picture,
        findings,
    }
}

/// The numbers that a model was given.
fn parameters(parameters: &AttemptParameters) -> Vec<(&'static str, String)> {
    match parameters {
        AttemptParameters::Enhancement { .. } => Vec::new(),
        AttemptParameters::Diffusion {
            prompt,
            negative_prompt,
            strength,
            guidance_scale,
            num_inference_steps,
            scheduler,
            controlnets,
            mask_growth,
        } => {
            let nets: Vec<String> = controlnets
                .iter()
                .map(|net| format!("{} {}", named(&net.kind), net.conditioning_scale))
                .collect();
            vec![
                ("Prompt", prompt.clone()),
                ("Negative prompt", negative_prompt.clone()),
                ("Strength", strength.to_string()),
                ("Guidance scale", guidance_scale.to_string()),
                ("Denoising steps", num_inference_steps.to_string()),
                ("Scheduler", named(scheduler)),
                (
                    "ControlNets",
                    if nets.is_empty() {
                        "none".to_owned()
                    } else {
                        nets.join(", ")
                    },
                ),
                (
                    "Growth of the mask",
                    format!("{mask_growth} thousandths of the long side"),
                ),
            ]
        }
        AttemptParameters::Video {
            num_frames,
            fps,
            motion_bucket_id,
            noise_aug_strength,
        } => vec![
            ("Frames", num_frames.to_string()),
            ("Frames a second", fps.to_string()),
            ("Motion bucket", motion_bucket_id.to_string()),
            ("Added noise", noise_aug_strength.to_string()),
        ],
    }
}

/// The name of a value in documents.
fn named(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

/// Who made it and what was put back.
fn judged(judgement: &Judgement) -> Vec<(&'static str, String)> {
    let mut numbers = Vec::new();
    if let Some(worker) = &judgement.worker {
        let words = [&worker.engine, &worker.version];
        let mut text = words.map(String::as_str).join(" ");
        if !worker.device.is_empty() {
            text.push_str(&format!(" on {}", worker.device));
        }
        numbers.push(("Made by", text));
        for model in &worker.models {
            let mut text = format!("{}: {} at {}", model.role, model.repository, model.revision);
            if let Some(sum) = &model.sha256 {
                text.push_str(&format!(", sha256 {sum}"));
            }
            numbers.push(("Model", text));
        }
    }
    if let Some(composite) = &judgement.composite {
        numbers.push((
            "Frame changed",
            format!(
                "{}, of which a mask of {}; {} protected",
                percent(composite.touched_share),
                percent(composite.masked_share),
                percent(composite.protected_share)
            ),
        ));
    }
    numbers
}

fn scores(judgement: &Judgement) -> Vec<(&'static str, String)> {
    let Some(scores) = &judgement.scores else {
        return Vec::new();
    };
    let source = match scores.source {
        ScoreSource::Measured => format!("measured here with {}", scores.model),
        ScoreSource::ReportedByWorker => {
            format!("reported by the worker, not checked; {}", scores.model)
        }
        ScoreSource::NotScored => return vec![("CLIP score", "not scored".to_owned())],
    };
    let mut told = vec![("CLIP score", clip_score(scores, judgement, &source))];
    if let Some(contrast) = &scores.contrast {
        let mut text = format!(
            "{} probable to be the right room and style",
            percent(contrast.probability)
        );
        if !contrast.runner_up.is_empty() {
            text.push_str(&format!(
                ", {} to be “{}”",
                percent(contrast.runner_up_probability),
                contrast.runner_up
            ));
        }
        told.push(("Contrast", text));
    }
    if let Some(improvement) = scores.improvement {
        told.push((
            "Improvement",
            format!("{improvement:+.3} in the cosine against the photo that was sent"),
        ));
    }
    told
}

fn clip_score(scores: &ClipScores, judgement: &Judgement, source: &str) -> String {
    let value = scores
        .clip_score
        .map_or_else(|| "unknown".to_owned(), |score| format!("{score:.3}"));
    let wanted = judgement
        .clip_score_threshold
        .map_or_else(String::new, |least| format!(", at least {least:.2} wanted"));
    format!("{value} on the scale of 2.5 × cosine{wanted}; {source}")
}

fn gates(report: &StructureReport) -> ShownGates {
    let limits = &report.thresholds;
    let failed = |fault| report.faults.contains(&fault);
    let steps = |value: f64| format!("{value:.1} steps of 255");
    let mut rows = Vec::new();
    let mut row = |name, fault, limit: String, found: Option<(String, Option<Region>)>| {
        let (measured, region) =
            found.unwrap_or_else(|| ("nothing to measure it by".to_owned(), None));
        rows.push(ShownGate {
            name,
            measured,
            limit,
            place: region.as_ref().map(place),
            failed: failed(fault),
        });
    };
    row(
        "Correlation of the worst tile",
        StructureFault::TileChanged,
        format!("at least {:.2}", limits.tile_correlation),
        report
            .worst_tile
            .map(|tile| (format!("{:.3}", tile.correlation), Some(tile.region))),
    );
    row(
        "Movement of the picture",
        StructureFault::Drift,
        format!("at most {:.2} % of the diagonal", limits.drift_percent),
        report.drift.map(|drift| {
            let text = format!("{:.3} %, {:.1} pixels", drift.percent, drift.pixels);
            (text, None)
        }),
    );
    row(
        "Movement of a part",
        StructureFault::LocalShift,
        format!(
            "at most {:.2} % of the diagonal",
            limits.local_shift_percent
        ),
        report.local_shift.map(|shift| {
            let [right, down] = shift.pixels;
            let text = format!(
                "{:.3} %, {right:+.1} pixels across, {down:+.1} down",
                shift.percent
            );
            (text, Some(shift.region))
        }),
    );
    row(
        "Fine detail",
        StructureFault::DetailLost,
        format!("at least {:.2} of the photo's", limits.detail_ratio),
        report
            .detail_ratio
            .map(|ratio| (format!("{ratio:.2}"), None)),
    );
    row(
        "Plain surfaces",
        StructureFault::SurfaceChanged,
        format!("at most {}", steps(limits.surface_residual)),
        report
            .worst_surface
            .map(|found| (steps(found.steps), Some(found.region))),
    );
    row(
        "Colour",
        StructureFault::ColourChanged,
        format!("at most {}", steps(limits.colour_shift)),
        report
            .worst_colour
            .map(|found| (steps(found.steps), Some(found.region))),
    );
    row(
        "Frame that could be judged",
        StructureFault::NotJudgeable,
        format!("at least {}", percent(limits.visible_share)),
        Some((percent(report.visible_share), None)),
    );
    if let Some(share) = report.outside_changed_share {
        row(
            "Changed outside the mask",
            StructureFault::OutsideTouched,
            "nothing".to_owned(),
            Some((percent(share), None)),
        );
    }
    ShownGates {
        subject: match report.subject {
            StructureSubject::Generated => "The worker’s picture",
            StructureSubject::Composite => "The photo with the furniture put in",
        },
        rows,
    }
}

/// Where a rectangle lies, in words.
fn place(region: &Region) -> String {
    let third = |at: f64, names: [&'static str; 3]| match at {
        at if at < 1.0 / 3.0 => names[0],
        at if at < 2.0 / 3.0 => names[1],
        _ => names[2],
    };
    let (across, down) = (
        region.left + region.width / 2.0,
        region.top + region.height / 2.0,
    );
    format!(
        "{} {}, {:.0} % from the left and {:.0} % from the top",
        third(down, ["upper", "middle", "lower"]),
        third(across, ["left", "centre", "right"]),
        across * 100.0,
        down * 100.0
    )
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent != 0.0 && percent < 0.1 {
        "below 0.1 %".to_owned()
    } else {
        format!("{percent:.1} %")
    }
}
