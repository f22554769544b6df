//! What a run elsewhere says while it works, for `logs --follow`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::{Map, Value};

use crate::domain::id::JobId;
use crate::engine::{Engine, Interrupt};
use crate::fsx::printable;

use super::progress::single_bar;

/// Passes on what the job's runs elsewhere say, one run after the other, until the job has ended.
pub(crate) fn hear(
    engine: &Engine,
    job: &JobId,
    ended: &AtomicBool,
    interrupt: &Interrupt,
    heard: &Sender<String>,
) {
    let stops = || ended.load(Ordering::SeqCst) || interrupt.is_requested();
    // Whoever asks again hears a run from its beginning.
    let (mut run, mut told) = (None, 0);
    while !stops() {
        let now = engine.run_under_way(job).unwrap_or_default();
        if now.is_some() && now != run {
            (run, told) = (now, 0);
        }
        let mut number = 0;
        let mut tell = |line: &str| {
            number += 1;
            if number > told {
                told = number;
                // Who listened has gone when this fails, and then it ends anyway.
                let _ = heard.send(line.to_owned());
            }
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
    let Some(fields) = fields(line) else {
        return (!line.trim().is_empty()).then(|| format!("worker: {}\n", printable(line)));
    };
    let event = fields.get("event")?.as_str()?;
    if event == "heartbeat" {
        return None;
    }
    let mut text = format!("worker: {}", printable(event).replace('_', " "));
    for (name, value) in &fields {
        let value = match value {
            _ if name == "event" || name == "at" => continue,
            Value::String(value) => printable(value),
            value @ (Value::Number(_) | Value::Bool(_)) => value.to_string(),
            _ => continue,
        };
        text.push_str(&format!(", {} {value}", printable(name).replace('_', " ")));
    }
    text.push('\n');
    Some(text)
}

/// How many photos of how many a worker says that it has done.
fn worker_count(line: &str) -> Option<(u64, u64)> {
    let fields = fields(line)?;
    let number = |name: &str| fields.get(name).and_then(Value::as_u64);
    let (done, total) = (number("done")?, number("photos")?);
    (total > 0).then_some((done.min(total), total))
}

fn fields(line: &str) -> Option<Map<String, Value>> {
    let mut document = serde_json::from_str::<Value>(line).ok()?;
    match document.get_mut("remedia")?.take() {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}

/// How far the photos of a run elsewhere are, on a terminal; on anything else it is not seen.
#[derive(Debug)]
pub(crate) struct WorkerBar(Option<ProgressBar>);

impl WorkerBar {
    /// A bar where bars are drawn; it appears with the first count.
    pub(crate) fn new(draws_bars: bool) -> Self {
        Self(draws_bars.then(|| single_bar("photos")))
    }

    /// Moves the bar where a line says how far the worker is; whether the line is told by that.
    pub(crate) fn tells(&self, line: &str) -> bool {
        let (Some(bar), Some((done, total))) = (&self.0, worker_count(line)) else {
            return false;
        };
        bar.set_length(total);
        bar.set_position(done);
        true
    }

    /// Writes something with the bar out of the way.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

impl Drop for WorkerBar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
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
        let counted = r#"{"remedia": {"event": "photo", "done": 3, "photos": 20}}"#;
        assert_eq!(worker_count(counted), Some((3, 20)));
        for other in [
            line,
            "done 3 of 20",
            r#"{"remedia": {"done": 1, "photos": 0}}"#,
        ] {
            assert_eq!(worker_count(other), None, "{other}");
        }
        assert_eq!(
            worker_line("loading\u{1b}[2J").as_deref(),
            Some("worker: loading\\u{1b}[2J\n")
        );
    }
}
