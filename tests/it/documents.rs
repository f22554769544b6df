//! The documents that travel: orders, results and events. Their schemas are committed, what is
//! written fits them, and a kept sample of every version is read for ever.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::path::PathBuf;

use remedia::domain::event::Event;
use remedia::domain::job::{JobOrder, RunMarker};
use remedia::domain::results::Results;
use remedia::engine::{StatsReport, StatsRequest};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::engine::House;
use crate::support::fixture;

fn writing() -> bool {
    std::env::var_os("REMEDIA_UPDATE_FIXTURES").is_some()
}

fn pretty(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap();
    text.push('\n');
    text
}

/// The committed schema of a document, which must be the one that its type gives.
fn schema<T: JsonSchema>(name: &str) -> jsonschema::Validator {
    let generated = pretty(&schemars::schema_for!(T));
    let path = fixture(&format!("schemas/{name}.schema.json"));
    if writing() {
        fs_err::write(&path, &generated).unwrap();
    }
    assert_eq!(
        fs_err::read_to_string(&path).unwrap(),
        generated,
        "run this test with REMEDIA_UPDATE_FIXTURES=1 and commit the schema"
    );
    jsonschema::validator_for(&serde_json::from_str(&generated).unwrap()).unwrap()
}

/// A kept sample, which is written once and never again.
fn sample(name: &str, document: &Value) -> Value {
    let path: PathBuf = fixture(&format!("documents/{name}"));
    if writing() && !path.exists() {
        fs_err::write(&path, pretty(document)).unwrap();
    }
    serde_json::from_slice(&fs_err::read(path).unwrap()).unwrap()
}

/// The document fits its schema, reads back as itself, and so does the kept sample.
fn check<T>(name: &str, version: &str, document: &Value)
where
    T: JsonSchema + DeserializeOwned + Serialize,
{
    let validator = schema::<T>(name);
    for value in [document, &sample(version, document)] {
        let faults: Vec<_> = validator
            .iter_errors(value)
            .map(|fault| fault.to_string())
            .collect();
        assert!(faults.is_empty(), "{version}: {faults:?}");
        let read: T = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(&serde_json::to_value(&read).unwrap(), value, "{version}");
    }
}

#[test]
fn what_the_engine_writes_fits_the_committed_schemas() {
    let house = House::new(&["01-kitchen.jpg", "02-bedroom.jpg"]).with_script(
        "[[photos]]\nfile = \"bedroom\"\nattempt = 1\noutcome = \"failed\"\nreason = \"out_of_memory\"\n\
         [[photos]]\nfile = \"kitchen\"\nattempt = 1\noutcome = \"produced\"\nclip_score = 0.8",
    );
    let submitted = house.submit("fake", "enhance,stage");
    house.drive(&submitted.job);
    let folder = house.engine().work_folder(&submitted.job).join("orders");
    let read = |path: &str| -> Value {
        serde_json::from_slice(&fs_err::read(folder.join(path)).unwrap()).unwrap()
    };
    check::<JobOrder>("job", "job-v1.json", &read("2/job.json"));
    check::<JobOrder>("job", "job-v2.json", &read("2/job.json"));
    check::<JobOrder>("job", "job-v3.json", &read("2/job.json"));
    check::<Results>("results", "results-v1.json", &read("2/results.json"));
    check::<Results>("results", "results-v2.json", &read("2/results.json"));
    check::<RunMarker>("run", "run-v1.json", &read("2/remedia-run.json"));
    schema::<Results>("results")
        .validate(&read("1/results.json"))
        .unwrap();
    schema::<JobOrder>("job")
        .validate(&read("1/job.json"))
        .unwrap();

    let stats = house.engine().stats(&StatsRequest::default()).unwrap();
    let stats = serde_json::to_value(stats).unwrap();
    check::<StatsReport>("stats", "stats-v1.json", &stats);

    let events = house.engine().logs(&submitted.job, 0, 1000).unwrap().events;
    let failed = events
        .iter()
        .map(|event| serde_json::to_value(event).unwrap())
        .find(|event| event["kind"]["name"] == "attempt_failed")
        .unwrap();
    check::<Event>("event", "event-v1.json", &failed);
    let validator = schema::<Event>("event");
    for event in &events {
        let event = serde_json::to_value(event).unwrap();
        assert!(validator.is_valid(&event), "{event}");
    }
}

#[test]
fn what_we_write_is_strict_and_what_a_newer_worker_writes_is_borne() {
    let read = |name: &str| -> Value {
        serde_json::from_slice(&fs_err::read(fixture(&format!("documents/{name}"))).unwrap())
            .unwrap()
    };
    let mut order = read("job-v1.json");
    order["surprise"] = 1.into();
    assert!(serde_json::from_value::<JobOrder>(order).is_err());
    let mut event = read("event-v1.json");
    event["surprise"] = 1.into();
    assert!(serde_json::from_value::<Event>(event).is_err());
    let mut results = read("results-v1.json");
    results["surprise"] = 1.into();
    results["photos"][0]["surprise"] = 1.into();
    assert!(serde_json::from_value::<Results>(results).is_ok());
}
