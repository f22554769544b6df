//! Statistics in the text format that Prometheus reads (text exposition format 0.0.4), for the
//! textfile collector of a node exporter. Each way to divide the record has names of its own, so that
//! a sum over one name counts nothing twice.

use crate::store::OperationCounts;

use super::stats::{NamedStats, StatsGroup, StatsReport};

/// The kind of a family.
#[derive(Clone, Copy)]
enum Kind {
    /// Only grows: nothing that is recorded is ever removed.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Quantiles with their sum and count.
    Summary,
}

/// The statistics as text. The report should be of all time: over a window that moves, what is
/// written as a counter would fall.
#[must_use]
pub fn exposition(report: &StatsReport) -> String {
    let mut text = String::new();
    write_groups(&mut text, "remedia", None, &[(String::new(), &report.all)]);
    for (prefix, label, groups) in [
        ("remedia_style", "style", &report.by_style),
        ("remedia_room", "room", &report.by_room),
        ("remedia_provider", "provider", &report.by_provider),
    ] {
        let named: Vec<(String, &StatsGroup)> = groups
            .iter()
            .map(|NamedStats { name, figures }| (name.clone(), figures))
            .collect();
        write_groups(&mut text, prefix, Some(label), &named);
    }
    text
}

/// Every family of one way to divide the record.
fn write_groups(
    text: &mut String,
    prefix: &str,
    label: Option<&str>,
    groups: &[(String, &StatsGroup)],
) {
    let mut family =
        |name: &str, kind, help: &str, samples: &dyn Fn(&StatsGroup) -> Vec<Sample>| {
            write_family(
                text,
                &format!("{prefix}_{name}"),
                kind,
                help,
                label,
                groups,
                samples,
            );
        };
    family("jobs_total", Kind::Counter, "Jobs made.", &|group| {
        vec![Sample::new(&[], group.jobs)]
    });
    family(
        "photos_total",
        Kind::Counter,
        "Pictures of these jobs.",
        &|group| vec![Sample::new(&[], group.photos)],
    );
    family(
        "operations",
        Kind::Gauge,
        "Operations on pictures by the state that they are in.",
        &|group| {
            let mut samples = Vec::new();
            for stats in &group.operations {
                for (state, count) in states(&stats.operations) {
                    samples.push(Sample::new(
                        &[("operation", stats.operation.name()), ("state", state)],
                        count,
                    ));
                }
            }
            samples
        },
    );
    family(
        "success_ratio",
        Kind::Gauge,
        "Share of the settled operations that were accepted, 0 to 1.",
        &|group| {
            let rates = group.operations.iter().filter_map(|stats| {
                let rate = stats.success_rate?;
                Some(Sample::new(&[("operation", stats.operation.name())], rate))
            });
            rates.collect()
        },
    );
    family(
        "attempts_total",
        Kind::Counter,
        "Attempts made, whatever became of them.",
        &|group| {
            let made = group.operations.iter();
            made.map(|stats| Sample::new(&[("operation", stats.operation.name())], stats.attempts))
                .collect()
        },
    );
    family(
        "attempts_per_delivered_photo",
        Kind::Gauge,
        "Attempts made for each picture that was accepted.",
        &|group| {
            let ratios = group.operations.iter().filter_map(|stats| {
                let ratio = stats.attempts_per_delivered_photo?;
                Some(Sample::new(&[("operation", stats.operation.name())], ratio))
            });
            ratios.collect()
        },
    );
    // A person who accepts what was doubtful takes its reasons back, so these can fall.
    family(
        "refusals",
        Kind::Gauge,
        "Why attempts failed or were not taken.",
        &|group| {
            let reasons = group.reasons.iter();
            reasons
                .map(|reason| {
                    Sample::new(
                        &[
                            ("operation", reason.operation.name()),
                            ("reason", reason.code.name()),
                        ],
                        reason.count,
                    )
                })
                .collect()
        },
    );
    family(
        "stage_duration_seconds",
        Kind::Summary,
        "Time that a stage takes: an attempt and its judging on one picture, the others on one order or job.",
        &|group| {
            let mut samples = Vec::new();
            for stage in &group.stages {
                let mut labels = vec![("stage", stage.stage.name())];
                labels.extend(stage.operation.map(|kind| ("operation", kind.name())));
                for (quantile, value) in [("0.5", stage.p50_seconds), ("0.95", stage.p95_seconds)] {
                    let mut labels = labels.clone();
                    labels.push(("quantile", quantile));
                    samples.push(Sample::new(&labels, value));
                }
                samples.push(Sample::new(&labels, stage.seconds).with_suffix("_sum"));
                samples.push(Sample::new(&labels, stage.count).with_suffix("_count"));
            }
            samples
        },
    );
}

const fn states(counts: &OperationCounts) -> [(&'static str, u64); 6] {
    [
        ("pending", counts.pending),
        ("produced", counts.produced),
        ("accepted", counts.accepted),
        ("rejected", counts.rejected),
        ("gave_up", counts.gave_up),
        ("skipped", counts.skipped),
    ]
}

/// One line of a family, without the label of its group.
struct Sample {
    suffix: &'static str,
    labels: Vec<(String, String)>,
    value: String,
}

impl Sample {
    fn new(labels: &[(&str, &str)], value: impl ToString) -> Self {
        Self {
            suffix: "",
            labels: labels
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            value: value.to_string(),
        }
    }

    fn with_suffix(self, suffix: &'static str) -> Self {
        Self { suffix, ..self }
    }
}

fn write_family(
    text: &mut String,
    name: &str,
    kind: Kind,
    help: &str,
    label: Option<&str>,
    groups: &[(String, &StatsGroup)],
    samples: &dyn Fn(&StatsGroup) -> Vec<Sample>,
) {
    let mut lines = String::new();
    for (value, group) in groups {
        for sample in samples(group) {
            let own = label.map(|label| (label.to_owned(), value.clone()));
            let labels: Vec<String> = own
                .into_iter()
                .chain(sample.labels)
                .map(|(name, value)| format!("{name}=\"{}\"", escaped(&value)))
                .collect();
            lines.push_str(name);
            lines.push_str(sample.suffix);
            if !labels.is_empty() {
                lines.push_str(&format!("{{{}}}", labels.join(",")));
            }
            lines.push_str(&format!(" {}\n", sample.value));
        }
    }
    // A family without samples says nothing.
    if lines.is_empty() {
        return;
    }
    let kind = match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Summary => "summary",
    };
    text.push_str(&format!(
        "# HELP {name} {help}\n# TYPE {name} {kind}\n{lines}"
    ));
}

/// A label's value: backslash, quote and line feed are escaped.
fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            _ => escaped.push(character),
        }
    }
    escaped
}
