//! `remedia stats`: how well and how fast the work goes.

use std::time::Duration;

use crate::cli::arguments::StatsArgs;
use crate::cli::context::Context;
use crate::cli::duration::parse_duration;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::wording::counted;
use crate::domain::operation::OperationKind;
use crate::engine::{
    OperationStats, ReasonStats, StageStats, StatsGroup, StatsReport, StatsRequest, prometheus,
};
use crate::fsx;
use crate::planner::styles::StyleLibrary;

/// Reasons that the table tells; the JSON has all.
const REASONS_TOLD: usize = 12;

/// Characters of an example that the table tells.
const EXAMPLE_TOLD: usize = 72;

/// Prints the statistics and, with `--prometheus`, writes them.
pub(crate) fn run(arguments: &StatsArgs, context: &Context) -> Result<Exit, Failure> {
    let request = StatsRequest {
        since: arguments
            .since
            .as_deref()
            .map(parse_duration)
            .transpose()
            .map_err(Failure::usage)?,
        style: arguments
            .style
            .as_deref()
            .map(|name| style(name, context))
            .transpose()?,
        room: arguments
            .room
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(Failure::usage)?,
        provider: arguments.provider.clone(),
    };
    let report = context.engine()?.stats(&request)?;
    if let Some(file) = &arguments.prometheus {
        let path = context.working_directory.join(file);
        fsx::write_atomic(&path, prometheus::exposition(&report).as_bytes())?;
    }
    context.printer.either(&report, as_text)?;
    Ok(Exit::SUCCESS)
}

/// The style's own name; a job may be in a style that is no longer there, so any other name stands.
fn style(name: &str, context: &Context) -> Result<String, Failure> {
    let library = StyleLibrary::load(context.settings().styles.as_deref())?;
    Ok(library
        .get(name)
        .map_or_else(|_| name.to_owned(), |style| style.name.clone()))
}

fn as_text(report: &StatsReport) -> String {
    if report.all.jobs == 0 {
        return "nothing to count: no job fits\n".to_owned();
    }
    let mut text = heading(report);
    text.push_str(&operations(&report.all.operations));
    text.push_str(&stages(&report.all.stages));
    text.push_str(&reasons(&report.all.reasons));
    for (title, groups) in [
        ("style", &report.by_style),
        ("room", &report.by_room),
        ("provider", &report.by_provider),
    ] {
        let rows: Vec<[String; 8]> = groups
            .iter()
            .flat_map(|group| group_rows(&group.name, &group.figures))
            .collect();
        let header = [
            title,
            "jobs",
            "pictures",
            "operation",
            "accepted",
            "given up",
            "attempts each",
            "p50 / p95",
        ];
        text.push_str(&table(header, &rows, &[0, 3]));
    }
    text
}

fn heading(report: &StatsReport) -> String {
    let mut limits = Vec::new();
    limits.extend(report.since.map(|since| format!("since {since}")));
    limits.extend(report.style.as_ref().map(|style| format!("style {style}")));
    limits.extend(report.room.map(|room| format!("room {room}")));
    limits.extend(
        report
            .provider
            .as_ref()
            .map(|name| format!("provider {name}")),
    );
    let all = &report.all;
    let told = if limits.is_empty() {
        String::new()
    } else {
        format!(" ({})", limits.join(", "))
    };
    format!(
        "{}, {}, {} done{told}\n",
        counted(all.jobs, "job", "jobs"),
        counted(all.photos, "picture", "pictures"),
        counted(all.operations_done, "operation", "operations")
    )
}

fn operations(all: &[OperationStats]) -> String {
    let rows: Vec<[String; 7]> = all
        .iter()
        .map(|stats| {
            let counts = &stats.operations;
            [
                stats.operation.name().to_owned(),
                with_share(counts.accepted, stats.success_rate),
                with_share(counts.gave_up, stats.failure_rate),
                (counts.pending + counts.produced + counts.rejected).to_string(),
                counts.skipped.to_string(),
                stats.attempts.to_string(),
                each(stats),
            ]
        })
        .collect();
    let header = [
        "operation",
        "accepted",
        "given up",
        "open",
        "skipped",
        "attempts",
        "for each accepted",
    ];
    table(header, &rows, &[0])
}

fn stages(all: &[StageStats]) -> String {
    let rows: Vec<[String; 4]> = all
        .iter()
        .map(|stats| {
            let of = stats.operation.map(OperationKind::name).unwrap_or_default();
            [
                format!("{} {of}", stats.stage.name()).trim_end().to_owned(),
                stats.count.to_string(),
                seconds(stats.p50_seconds),
                seconds(stats.p95_seconds),
            ]
        })
        .collect();
    table(["stage", "times", "p50", "p95"], &rows, &[0])
}

fn reasons(all: &[ReasonStats]) -> String {
    let rows: Vec<[String; 4]> = all
        .iter()
        .take(REASONS_TOLD)
        .map(|stats| {
            let mut example: String = stats.example.chars().take(EXAMPLE_TOLD).collect();
            if example.len() < stats.example.len() {
                example.push('…');
            }
            [
                stats.code.name().to_owned(),
                stats.operation.name().to_owned(),
                stats.count.to_string(),
                example,
            ]
        })
        .collect();
    let mut text = table(
        ["reason", "operation", "times", "for example"],
        &rows,
        &[0, 1, 3],
    );
    if all.len() > REASONS_TOLD {
        text.push_str(&format!("… and {} more\n", all.len() - REASONS_TOLD));
    }
    text
}

fn group_rows(name: &str, group: &StatsGroup) -> Vec<[String; 8]> {
    let attempt = |kind: OperationKind| {
        group
            .stages
            .iter()
            .find(|stage| stage.operation == Some(kind))
    };
    let mut rows = Vec::new();
    for stats in &group.operations {
        let first = rows.is_empty();
        let once = |text: String| if first { text } else { String::new() };
        rows.push([
            once(name.to_owned()),
            once(group.jobs.to_string()),
            once(group.photos.to_string()),
            stats.operation.name().to_owned(),
            with_share(stats.operations.accepted, stats.success_rate),
            with_share(stats.operations.gave_up, stats.failure_rate),
            each(stats),
            attempt(stats.operation).map_or_else(
                || "-".to_owned(),
                |stage| {
                    format!(
                        "{} / {}",
                        seconds(stage.p50_seconds),
                        seconds(stage.p95_seconds)
                    )
                },
            ),
        ]);
    }
    rows
}

fn with_share(count: u64, share: Option<f64>) -> String {
    share.map_or_else(
        || count.to_string(),
        |share| format!("{count} ({:.1} %)", share * 100.0),
    )
}

fn each(stats: &OperationStats) -> String {
    stats
        .attempts_per_delivered_photo
        .map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"))
}

/// Milliseconds of what is short, and no digits that 2 percent do not bear.
fn seconds(value: f64) -> String {
    match value {
        value if value < 1.0 => format!("{:.0} ms", value * 1e3),
        value if value < 10.0 => format!("{value:.1} s"),
        value if value < 600.0 => format!("{value:.0} s"),
        value => super::super::duration::for_people(
            Duration::try_from_secs_f64(value).unwrap_or_default(),
        ),
    }
}

/// Columns in line: those in `left` to the left, numbers to the right.
fn table<const N: usize>(header: [&str; N], rows: &[[String; N]], left: &[usize]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let header = header.map(str::to_owned);
    let width = |column: usize| {
        std::iter::once(&header)
            .chain(rows)
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = "\n".to_owned();
    for row in std::iter::once(&header).chain(rows) {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| {
                if left.contains(&column) {
                    format!("{cell:width$}")
                } else {
                    format!("{cell:>width$}")
                }
            })
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}
