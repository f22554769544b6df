//! Lenient readers of single fields: nothing is the default, a number may be a text, a text that should
//! be a moment and is none is no moment.

use std::time::Duration;

use jiff::Timestamp;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The longest span of time that is believed, a hundred years.
const LONGEST_SECONDS: f64 = 100.0 * 366.0 * 86_400.0;

/// A whole number of zero or more; a text of digits is one, too.
pub(super) fn number<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64> + Default,
{
    let value = Value::deserialize(deserializer)?;
    let read = match &value {
        Value::Null => return Ok(T::default()),
        Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) if text.trim().is_empty() => return Ok(T::default()),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    read.and_then(|read| T::try_from(read).ok())
        .ok_or_else(|| D::Error::custom("a number is none"))
}

/// `3.0` is a whole number.
fn whole(number: f64) -> Option<u64> {
    // Up to 2^53 every whole number has a place of its own.
    if number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number) {
        format!("{number:.0}").parse().ok()
    } else {
        None
    }
}

/// A text; nothing is the empty one.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null => String::new(),
        Value::Array(_) | Value::Object(_) => return Err(D::Error::custom("a text is none")),
    })
}

/// Yes or no; nothing is no.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Bool(flag) => flag,
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        Value::Number(number) => number.as_u64() == Some(1),
        _ => false,
    })
}

/// A list; nothing is the empty one.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// An object; nothing is the default one.
pub(super) fn object<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A moment, ISO 8601 with `Z` or an offset; anything else is none.
pub(super) fn moment<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => as_moment(&text),
        _ => None,
    })
}

/// A moment without an offset is meant in UTC.
pub(in super::super) fn as_moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse()
        .ok()
        .or_else(|| format!("{text}Z").parse().ok())
}

/// A span of time: `"4500s"`, `"1.5s"`, or a number of seconds.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = match Value::deserialize(deserializer)? {
        Value::Null => Some(0.0),
        Value::String(text) => {
            let text = text.trim();
            text.strip_suffix('s').unwrap_or(text).parse().ok()
        }
        Value::Number(number) => number.as_f64(),
        _ => None,
    };
    let seconds: f64 = seconds.ok_or_else(|| D::Error::custom("a duration is none"))?;
    // A correction may have made it less than nothing.
    let seconds = seconds.clamp(0.0, LONGEST_SECONDS);
    Duration::try_from_secs_f64(seconds).map_err(|_| D::Error::custom("a duration is none"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct All {
        #[serde(deserialize_with = "number")]
        number: u64,
        #[serde(deserialize_with = "number")]
        small: u32,
        #[serde(deserialize_with = "text")]
        text: String,
        #[serde(deserialize_with = "flag")]
        flag: bool,
        #[serde(deserialize_with = "list")]
        list: Vec<String>,
        #[serde(deserialize_with = "moment")]
        moment: Option<Timestamp>,
        #[serde(deserialize_with = "duration")]
        duration: Duration,
    }

    fn read(value: Value) -> Option<All> {
        serde_json::from_value(value).ok()
    }

    #[test]
    fn nothing_is_the_default_and_unknown_fields_are_passed_over() {
        let nothing = json!({
            "number": null, "small": null, "text": null, "flag": null, "list": null,
            "moment": null, "duration": null, "other": {"a": [1]},
        });
        assert_eq!(read(nothing), Some(All::default()));
        assert_eq!(read(json!({})), Some(All::default()));
    }

    #[test]
    fn numbers_may_be_texts_and_spans_have_fractions() {
        let read = read(json!({
            "number": "18446744073709551615", "small": 7.0, "text": 5, "flag": "True",
            "moment": "2026-11-28T00:00:00.1234567Z", "duration": "123.4s",
        }))
        .unwrap();
        assert_eq!(read.number, u64::MAX);
        assert_eq!(read.small, 7);
        assert_eq!((read.text.as_str(), read.flag), ("5", true));
        assert_eq!(
            read.moment.unwrap().to_string(),
            "2026-11-28T00:00:00.1234567Z"
        );
        assert_eq!(read.duration, Duration::from_millis(123_400));
    }

    #[test]
    fn a_wrong_number_is_not_taken_for_nothing() {
        for wrong in [json!("x"), json!(-1), json!(1.5), json!({}), json!(true)] {
            assert_eq!(read(json!({ "number": wrong })), None, "{wrong}");
        }
        assert_eq!(read(json!({ "small": 4_294_967_296_u64 })), None);
        assert_eq!(read(json!({ "duration": "soon" })), None);
        assert_eq!(
            read(json!({ "duration": "-3s" })).unwrap().duration,
            Duration::ZERO
        );
        assert_eq!(
            as_moment("2026-11-28T00:00:00"),
            as_moment("2026-11-28T00:00:00Z")
        );
        assert!(as_moment("2026-11-28T00:00:00Z").is_some() && as_moment("soon").is_none());
    }

    proptest! {
        #[test]
        fn whole_numbers_are_read_in_both_forms(number: u64) {
            prop_assert_eq!(read(json!({ "number": number })).unwrap().number, number);
            prop_assert_eq!(read(json!({ "number": number.to_string() })).unwrap().number, number);
        }

        #[test]
        fn no_text_of_a_span_panics(text in "[-+0-9.eEinfNas]{0,12}") {
            let _ = read(json!({ "duration": text }));
        }
    }
}
