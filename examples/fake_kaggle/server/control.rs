//! `POST /control/{verb}`: what a test in another process asks of the service. Not a part of the API.

use std::io::{self, Read};
use std::time::Duration;

use serde_json::{Value, json};

use super::answer::Answer;
use super::connection::Reply;
use super::core::Core;
use super::faults::{FaultPlan, ScriptedFault};
use super::request::Body;
use super::rpc::{number, text};
use super::settings::Settings;

/// Answers a request; a bad one with 400 and the reason.
pub(super) fn serve(core: &Core, verb: &str, body: &mut Body<'_>) -> io::Result<Reply> {
    let mut bytes = Vec::new();
    body.read_to_end(&mut bytes)?;
    let sent = if bytes.is_empty() {
        Ok(json!({}))
    } else {
        serde_json::from_slice(&bytes)
    };
    let answer = match sent.and_then(|sent| perform(core, verb, sent)) {
        Ok(Some(answer)) => Answer::json(200, &answer),
        Ok(None) => Answer::json(404, &json!({ "message": "no such verb" })),
        Err(error) => Answer::json(400, &json!({ "message": error.to_string() })),
    };
    Ok(answer.into())
}

fn perform(core: &Core, verb: &str, sent: Value) -> serde_json::Result<Option<Value>> {
    let time = Duration::from_millis(number(&sent, "milliseconds").unwrap_or_default());
    Ok(Some(match verb {
        // A plan of faults.
        "faults" => {
            core.set_faults(serde_json::from_value(sent)?);
            json!({})
        }
        // {"on": …, "occurrence": …, "kind": …}
        "fault" => {
            let fault: ScriptedFault = serde_json::from_value(sent)?;
            core.set_faults(FaultPlan::once(&fault.on, fault.occurrence, fault.kind));
            json!({})
        }
        // {"seed": …, "probability": …, "limit": …}
        "chaos" => {
            let probability = sent.get("probability").and_then(Value::as_f64);
            let seed = number(&sent, "seed").unwrap_or_default();
            let limit = number(&sent, "limit").and_then(|limit| u32::try_from(limit).ok());
            let plan =
                FaultPlan::chaos(seed, probability.unwrap_or(0.05), limit.unwrap_or(u32::MAX));
            core.set_faults(plan);
            json!({})
        }
        // Settings; what is left out stays.
        "settings" => {
            let mut merged = serde_json::to_value(core.settings())?;
            if let (Value::Object(merged), Value::Object(sent)) = (&mut merged, sent) {
                merged.extend(sent);
            }
            let settings: Settings = serde_json::from_value(merged)?;
            core.set_settings(settings);
            serde_json::to_value(core.settings())?
        }
        // {"milliseconds": …}
        "advance" => {
            core.advance(time);
            json!({ "now_ms": core.clock.now() })
        }
        "use_gpu_quota" => {
            core.use_gpu_quota(time);
            json!({})
        }
        // {"slug": …}
        "stop_sessions" => {
            core.stop_sessions(text(&sent, "slug"));
            json!({})
        }
        "versions" => {
            let slug = text(&sent, "slug");
            json!({
                "dataset_versions": core.dataset_versions(slug),
                "kernel_versions": core.kernel_versions(slug),
                "dataset_files": core.dataset_files(slug),
            })
        }
        "counters" => json!({
            "url": core.url(),
            "address": core.address().to_string(),
            "existing": core.existing(),
            "public": core.public_datasets(),
            "leaks": core.leaks(),
            "bytes_up": core.bytes_up(),
            "bytes_down": core.bytes_down(),
            "faults": core.injected_faults(),
        }),
        "transcript" => serde_json::to_value(core.transcript())?,
        _ => return Ok(None),
    }))
}
