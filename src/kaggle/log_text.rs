//! What a session printed, as the service hands it over: a JSON array as a text.

use serde::Deserialize;
use serde_json::Value;

/// Something that a session printed.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEvent {
    /// `stdout` or `stderr`.
    pub stream: String,
    /// Seconds since the session began; 0 where it is not told.
    pub seconds: f64,
    /// What was printed, line breaks included. Not fit for a terminal as it is.
    pub text: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Item {
    stream_name: Value,
    time: Value,
    data: Value,
}

impl LogEvent {
    /// An event as it travels. What is none is taken as a line that was printed.
    pub(super) fn read(text: &str) -> Self {
        match serde_json::from_str::<Item>(text) {
            Ok(item) => Self::of(item),
            Err(_) => Self::plain(text),
        }
    }

    fn of(item: Item) -> Self {
        let time = match &item.time {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().trim_end_matches('s').parse().ok(),
            _ => None,
        };
        let text = |value: Value| match value {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let stream = text(item.stream_name);
        Self {
            stream: if stream.is_empty() {
                "stdout".to_owned()
            } else {
                stream
            },
            seconds: time.filter(|time| time.is_finite()).unwrap_or_default(),
            text: text(item.data),
        }
    }

    fn plain(text: &str) -> Self {
        Self {
            stream: "stdout".to_owned(),
            seconds: 0.0,
            text: text.to_owned(),
        }
    }
}

/// Reads a whole log: a JSON array, an object on each line, or, where it is neither, plain text as one
/// event. An array that is cut off gives the events before the cut.
#[must_use]
pub fn parse_log(text: &str) -> Vec<LogEvent> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Vec::new();
    }
    if let Ok(items) = serde_json::from_str::<Vec<Item>>(trimmed) {
        return items.into_iter().map(LogEvent::of).collect();
    }
    // The official array has each event on a line, with a comma before or after it.
    let inner = trimmed.strip_prefix('[').unwrap_or(trimmed);
    let mut events = Vec::new();
    let mut rest = inner.trim_start_matches([',', ' ', '\n', '\r', '\t']);
    while !rest.is_empty() {
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Item>();
        match values.next() {
            Some(Ok(item)) => {
                events.push(LogEvent::of(item));
                let read = values.byte_offset();
                let left = rest.get(read..).unwrap_or_default();
                rest = left.trim_start_matches([',', ' ', '\n', '\r', '\t', ']']);
            }
            _ => break,
        }
    }
    if events.is_empty() {
        events.push(LogEvent::plain(text));
    }
    events
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(log: &str) -> Vec<String> {
        parse_log(log).into_iter().map(|event| event.text).collect()
    }

    #[test]
    fn the_array_of_the_service_is_read() {
        let log = r#"[{"stream_name":"stdout","time":1.25,"data":"one\n"}
,{"stream_name":"stderr","time":"2.5","data":"two\n","more":1}
]"#;
        let events = parse_log(log);
        assert_eq!(events.len(), 2);
        assert_eq!(events[1].stream, "stderr");
        assert!((events[0].seconds - 1.25).abs() < 1e-9);
        assert!((events[1].seconds - 2.5).abs() < 1e-9);
        assert_eq!(texts(log), ["one\n", "two\n"]);
    }

    #[test]
    fn a_log_in_another_form_is_shown_all_the_same() {
        assert!(parse_log("  ").is_empty());
        assert!(parse_log("[]").is_empty());
        assert_eq!(texts("Traceback: x"), ["Traceback: x"]);
        assert_eq!(texts("{\"data\":\"a\"}\n{\"data\":\"b\"}"), ["a", "b"]);
        let cut = r#"[{"data":"a"},{"data":"b"},{"data":"c"#;
        assert_eq!(texts(cut), ["a", "b"]);
        assert_eq!(texts(r#"[{"data":null,"time":null}]"#), [""]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_panics(data in prop::collection::vec("\\PC{0,20}", 0..8), cut in 0_usize..200) {
            let events: Vec<Value> = data
                .iter()
                .map(|data| serde_json::json!({"stream_name": "stdout", "time": 1, "data": data}))
                .collect();
            let log = serde_json::to_string(&events).unwrap();
            prop_assert_eq!(texts(&log), data);
            let at = log.char_indices().map(|(at, _)| at).take(cut).last().unwrap_or(0);
            let _ = parse_log(&log[..at]);
        }
    }
}
