//! Statistics as a person, a program and Prometheus read them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use remedia::clock::Clock;
use remedia::domain::operation::OperationKind;
use remedia::domain::room::Room;
use remedia::domain::verdict::ReasonCode;
use remedia::engine::{Engine, EngineOptions, StageName, StatsRequest, prometheus};

use crate::deliver::staged;
use crate::support::{Environment, small_listing};

#[test]
fn what_is_told_is_what_was_done() {
    let (house, _) = staged();
    let engine = house.engine();
    let ask = |request: &StatsRequest| engine.stats(request).unwrap();
    let report = ask(&StatsRequest::default());
    let all = &report.all;
    assert_eq!((all.jobs, all.photos, all.operations_done), (1, 3, 6));
    let [enhance, stage] = all.operations.as_slice() else {
        panic!("{:?}", all.operations);
    };
    assert_eq!((enhance.success_rate, enhance.attempts), (Some(1.0), 3));
    assert_eq!(
        (stage.operations.accepted, stage.operations.gave_up),
        (2, 1)
    );
    assert_eq!(
        (stage.attempts, stage.attempts_per_delivered_photo),
        (7, Some(3.5))
    );
    assert!((stage.success_rate.unwrap() + stage.failure_rate.unwrap() - 1.0).abs() < 1e-9);
    let stages: Vec<_> = all
        .stages
        .iter()
        .map(|stage| (stage.stage, stage.operation, stage.count))
        .collect();
    let stage = Some(OperationKind::Stage);
    for expected in [
        (StageName::Attempt, Some(OperationKind::Enhance), 3),
        (StageName::Attempt, stage, 7),
        (StageName::Judging, stage, 7),
        (StageName::Delivering, None, 1),
    ] {
        assert!(stages.contains(&expected), "{expected:?} in {stages:?}");
    }
    for stage in &all.stages {
        assert!(stage.p50_seconds <= stage.p95_seconds, "{stage:?}");
    }
    assert!(
        all.reasons
            .windows(2)
            .all(|pair| pair[0].count >= pair[1].count)
    );
    let detail = all
        .reasons
        .iter()
        .find(|reason| reason.code == ReasonCode::DetailLost);
    let detail = detail.unwrap();
    assert!(
        detail.count >= 3 && !detail.example.is_empty(),
        "{detail:?}"
    );
    let names = |groups: &[remedia::engine::NamedStats]| -> Vec<String> {
        groups.iter().map(|group| group.name.clone()).collect()
    };
    assert_eq!(names(&report.by_style), ["modern"]);
    assert_eq!(
        names(&report.by_room),
        ["Bedroom", "Kitchen", "Living Room"]
    );
    assert_eq!(names(&report.by_provider), ["embedded", "fake"]);
    assert_eq!(report.by_style[0].figures, *all);
    assert_eq!(report.by_provider[1].figures.operations.len(), 1);

    let bedroom = ask(&StatsRequest {
        room: Some(Room::Bedroom),
        provider: Some("fake".to_owned()),
        ..StatsRequest::default()
    });
    assert_eq!((bedroom.all.jobs, bedroom.all.photos), (1, 1));
    assert_eq!(bedroom.all.operations[0].attempts, 3);
    let later = Engine::open(
        EngineOptions::new(house.home()),
        Clock::frozen("2026-05-14T10:00:00Z".parse().unwrap()),
    )
    .unwrap();
    for (days, jobs) in [(9, 0), (11, 1), (u64::MAX / 86_400, 1)] {
        let since = Some(Duration::from_secs(days * 86_400));
        let found = later.stats(&StatsRequest {
            since,
            ..StatsRequest::default()
        });
        assert_eq!(found.unwrap().all.jobs, jobs, "{days} days");
    }
}

#[test]
fn prometheus_can_read_it_and_the_sums_agree() {
    let (house, _) = staged();
    let report = house.engine().stats(&StatsRequest::default()).unwrap();
    let text = prometheus::exposition(&report);
    assert_eq!(text, prometheus::exposition(&report), "always in one order");
    let families = parse(&text).unwrap();
    let value = |name: &str, labels: &[(&str, &str)]| {
        let labels: Vec<_> = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        families
            .values()
            .flat_map(|family| &family.samples)
            .find(|sample| sample.name == name && sample.labels == labels)
            .unwrap_or_else(|| panic!("no {name} {labels:?} in:\n{text}"))
            .value
    };
    assert_eq!(value("remedia_jobs_total", &[]), 1.0);
    assert_eq!(
        value("remedia_attempts_total", &[("operation", "stage")]),
        7.0
    );
    assert_eq!(
        value(
            "remedia_operations",
            &[("operation", "stage"), ("state", "gave_up")]
        ),
        1.0
    );
    let rooms = ["Bedroom", "Kitchen", "Living Room"].map(|room| {
        value(
            "remedia_room_attempts_total",
            &[("room", room), ("operation", "stage")],
        )
    });
    assert_eq!(rooms, [3.0, 1.0, 3.0]);
    let labels = [("stage", "attempt"), ("operation", "stage")];
    assert_eq!(value("remedia_stage_duration_seconds_count", &labels), 7.0);
    assert_eq!(families["remedia_stage_duration_seconds"].kind, "summary");
    assert_eq!(families["remedia_attempts_total"].kind, "counter");
    assert_eq!(families["remedia_operations"].kind, "gauge");

    // Names of styles are typed by people.
    let mut odd = report;
    let name = "a \"b\" \\ c\nd ünï";
    odd.by_style[0].name = name.to_owned();
    let families = parse(&prometheus::exposition(&odd)).unwrap();
    let sample = &families["remedia_style_jobs_total"].samples[0];
    assert_eq!(sample.labels, [("style".to_owned(), name.to_owned())]);
}

#[test]
fn the_parser_of_this_test_is_strict() {
    for (text, why) in [
        ("a 1", "no line feed at the end"),
        ("a 1\n", "no type"),
        ("# TYPE a gauge\n# TYPE a gauge\na 1\n", "two types"),
        (
            "# TYPE a gauge\na 1\n# HELP a text\n",
            "help behind a sample",
        ),
        (
            "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\na{x=\"1\"} 1\n",
            "a family in two places",
        ),
        ("# TYPE a gauge\na 1\na 2\n", "one sample twice"),
        ("# TYPE a gauge\na{x=\"1} 1\n", "an open quote"),
        ("# TYPE a gauge\na{x=\"\\q\"} 1\n", "an unknown escape"),
        ("# TYPE a gauge\na{1x=\"\"} 1\n", "a label's name"),
        ("# TYPE a gauge\na{x=\"\",x=\"\"} 1\n", "one label twice"),
        ("# TYPE a gauge\na one\n", "no number"),
        ("# TYPE a-b gauge\na-b 1\n", "a name"),
        ("# TYPE a thing\na 1\n", "an unknown type"),
        ("# TYPE a counter\na 1\n", "a counter without _total"),
        (
            "# TYPE a_total counter\na_total -1\n",
            "a counter below zero",
        ),
        (
            "# TYPE a summary\na{quantile=\"0.5\"} 1\n",
            "a summary without sum and count",
        ),
        (
            "# TYPE a summary\na 1\na_sum 1\na_count 1\n",
            "a summary without quantile",
        ),
    ] {
        assert!(parse(text).is_err(), "accepted in spite of {why}: {text:?}");
    }
    let text = "# HELP a Some \\\\ text.\n# TYPE a gauge\na{x=\"\\\"\\n\"} 1.5e3\na +Inf\n";
    assert_eq!(parse(text).unwrap()["a"].samples.len(), 2);
}

#[test]
fn the_command_prints_a_table_or_json_and_writes_the_file() {
    let environment = Environment::new();
    let nothing = environment.run(["stats"]).with_code(0);
    assert!(nothing.out.contains("nothing to count"), "{}", nothing.out);
    small_listing(&environment.work().join("elm"), 2);
    environment.run(["submit", "elm"]).with_code(0);
    let table = environment.run(["stats"]).with_code(0).out;
    assert!(
        table.contains("1 job, 2 pictures, 2 operations done"),
        "{table}"
    );
    for part in [
        "2 (100.0 %)",
        "attempt enhance",
        "provider",
        "embedded",
        "Kitchen",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }
    let file = environment.work().join("remedia.prom");
    let json = environment
        .run(["stats", "--json", "--prometheus", "remedia.prom"])
        .with_code(0)
        .json();
    assert_eq!(json["schema_version"], 1);
    assert_eq!(json["all"]["operations"][0]["success_rate"], 1.0);
    parse(&fs_err::read_to_string(&file).unwrap()).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs_err::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
    }
    assert_eq!(fs_err::read_dir(environment.work()).unwrap().count(), 3);
    let few = environment
        .run(["stats", "--json", "--room", "kitchen", "--since", "30d"])
        .with_code(0)
        .json();
    assert_eq!(
        (&few["all"]["photos"], &few["room"]),
        (&1.into(), &"Kitchen".into())
    );
    environment.run(["stats", "--since", "soon"]).with_code(2);
    environment
        .run(["stats", "--room", "cellar of doom"])
        .with_code(2);
    environment
        .run(["stats", "--since", "1d", "--prometheus", "x.prom"])
        .with_code(2);
}

#[derive(Debug, Default)]
struct Family {
    kind: String,
    samples: Vec<Sample>,
}

#[derive(Debug, PartialEq)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

/// Reads the text exposition format 0.0.4, stricter than Prometheus itself: every family has one TYPE
/// before its samples, its lines stand together, no sample occurs twice, counters end in `_total`.
fn parse(text: &str) -> Result<BTreeMap<String, Family>, String> {
    if !text.ends_with('\n') {
        return Err("the last line has no end".to_owned());
    }
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut present = String::new();
    let mut helped: BTreeSet<String> = BTreeSet::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let (word, rest) = comment.split_once(' ').ok_or("a bare comment")?;
            let (name, rest) = rest.split_once(' ').ok_or("a bare comment")?;
            check_name(name, true)?;
            match word {
                "HELP" => {
                    unescaped(rest, false)?;
                    if families.contains_key(name) || !helped.insert(name.to_owned()) {
                        return Err(format!("HELP of {name} stands behind or twice"));
                    }
                }
                "TYPE" => {
                    if !["counter", "gauge", "summary", "histogram", "untyped"].contains(&rest) {
                        return Err(format!("type {rest}"));
                    }
                    if rest == "counter" && !name.ends_with("_total") {
                        return Err(format!("counter {name}"));
                    }
                    let family = Family {
                        kind: rest.to_owned(),
                        samples: Vec::new(),
                    };
                    if families.insert(name.to_owned(), family).is_some() {
                        return Err(format!("two types of {name}"));
                    }
                    present = name.to_owned();
                }
                _ => return Err(format!("comment {word}")),
            }
            continue;
        }
        let sample = parse_sample(line)?;
        let family = families
            .get_mut(&present)
            .ok_or("a sample without a type")?;
        let suffixed = family.kind == "summary"
            && ["_sum", "_count"]
                .iter()
                .any(|suffix| sample.name == format!("{present}{suffix}"));
        if sample.name != present && !suffixed {
            return Err(format!("{} stands among {present}", sample.name));
        }
        let has_quantile = sample.labels.iter().any(|(name, _)| name == "quantile");
        if family.kind == "summary" && has_quantile == suffixed {
            return Err(format!("quantile of {line}"));
        }
        if family.kind == "counter" && sample.value < 0.0 {
            return Err(format!("below zero: {line}"));
        }
        let twice = family
            .samples
            .iter()
            .any(|known| (&known.name, &known.labels) == (&sample.name, &sample.labels));
        if twice {
            return Err(format!("twice: {line}"));
        }
        family.samples.push(sample);
    }
    for (name, family) in &families {
        let count = |suffix: &str| {
            let wanted = format!("{name}{suffix}");
            family
                .samples
                .iter()
                .filter(|sample| sample.name == wanted)
                .count()
        };
        if family.samples.is_empty() {
            return Err(format!("{name} is empty"));
        }
        if family.kind == "summary" && (count("_sum") == 0 || count("_sum") != count("_count")) {
            return Err(format!("sums and counts of {name}"));
        }
    }
    Ok(families)
}

fn parse_sample(line: &str) -> Result<Sample, String> {
    let end = line.find(['{', ' ']).ok_or("no value")?;
    let (name, mut rest) = line.split_at(end);
    check_name(name, true)?;
    let mut labels: Vec<(String, String)> = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"").ok_or("a label without value")?;
            check_name(label, false)?;
            let mut escape = false;
            let end = after
                .find(|character| {
                    let ends = character == '"' && !escape;
                    escape = character == '\\' && !escape;
                    ends
                })
                .ok_or("an open quote")?;
            if labels.iter().any(|(known, _)| known == label) {
                return Err(format!("label {label} twice"));
            }
            labels.push((label.to_owned(), unescaped(&after[..end], true)?));
            rest = &after[end + 1..];
            match rest.chars().next() {
                Some(',') => rest = &rest[1..],
                Some('}') => {
                    rest = &rest[1..];
                    break;
                }
                _ => return Err(format!("labels of {line}")),
            }
        }
    }
    let value = rest.strip_prefix(' ').ok_or("no space before the value")?;
    Ok(Sample {
        name: name.to_owned(),
        labels,
        value: value.parse().map_err(|_| format!("value {value}"))?,
    })
}

fn check_name(name: &str, metric: bool) -> Result<(), String> {
    let first = |character: char| {
        character.is_ascii_alphabetic() || character == '_' || (metric && character == ':')
    };
    let fits = name.starts_with(first)
        && name
            .chars()
            .all(|character| first(character) || character.is_ascii_digit())
        && (metric || !name.starts_with("__"));
    if fits {
        Ok(())
    } else {
        Err(format!("name {name}"))
    }
}

fn unescaped(text: &str, label: bool) -> Result<String, String> {
    let mut found = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            found.push(character);
            continue;
        }
        match characters.next() {
            Some('\\') => found.push('\\'),
            Some('n') => found.push('\n'),
            Some('"') if label => found.push('"'),
            other => return Err(format!("escape {other:?}")),
        }
    }
    Ok(found)
}
