//! What a run elsewhere says while it works, for `logs --follow`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use crate::domain::id::JobId;
use crate::engine::{Engine, Interrupt};
use crate::fsx::printable;

/// Passes on what the job's runs elsewhere say, one run after the other, until the job has ended.
pub(crate) fn hear(
    engine: &Engine,
    job: &JobId,
    ended: &AtomicBool,
    interrupt: &Interrupt,
    heard: &Sender<String>,
) {
    let stops = || ended.load(Ordering::SeqCst) || interrupt.is_requested();
    while !stops() {
        let mut tell = |line: &str| {
            // Who listened has gone when this fails, and then it ends anyway.
            let _ = heard.send(line.to_owned());
        };
        // Before the run starts and while it cannot be reached there is nothing to hear.
        let _ = engine.follow(job, &mut tell, &stops);
        for _ in 0..20 {
            if stops() {
                return;
            }
            thread::sleep(Duration::from_millis(250));
        }
    }
}

/// A line that a worker elsewhere wrote, for people: what it tells programs in words, its signs of life left
/// out, everything else as it is.
pub(crate) fn worker_line(line: &str) -> Option<String> {
    let document = serde_json::from_str::<serde_json::Value>(line).ok();
    let fields = document
        .as_ref()
        .and_then(|document| document.get("remedia"))
        .and_then(|fields| fields.as_object());
    let Some(fields) = fields else {
        return (!line.trim().is_empty()).then(|| format!("worker: {}\n", printable(line)));
    };
    let event = fields.get("event")?.as_str()?;
    if event == "heartbeat" {
        return None;
    }
    let mut text = format!("worker: {}", printable(event).replace('_', " "));
    for (name, value) in fields {
        let value = match value {
            _ if name == "event" || name == "at" => continue,
            serde_json::Value::String(value) => printable(value),
            value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_)) => {
                value.to_string()
            }
            _ => continue,
        };
        text.push_str(&format!(", {} {value}", printable(name).replace('_', " ")));
    }
    text.push('\n');
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_programs_is_told_in_words() {
        let line = r#"{"remedia": {"event": "attempt_done", "at": 3.5, "photo": "ab12", "number": 1, "clip": {"score": 1}}}"#;
        assert_eq!(
            worker_line(line).as_deref(),
            Some("worker: attempt done, number 1, photo ab12\n")
        );
        assert_eq!(worker_line(r#"{"remedia": {"event": "heartbeat"}}"#), None);
        assert_eq!(worker_line("  "), None);
        assert_eq!(
            worker_line("loading\u{1b}[2J").as_deref(),
            Some("worker: loading\\u{1b}[2J\n")
        );
    }
}
