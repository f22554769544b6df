//! Lengths of time as people type them: `90s`, `50m`, `1h 30m`, `7d`.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

/// A text that is no length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a length of time: write it like 90s, 50m, 1h30m or 7d")]
pub(crate) struct InvalidDuration(String);

/// Reads a length of time; a day has 24 hours.
///
/// # Errors
/// [`InvalidDuration`] for anything else, negative lengths included.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    let invalid = || InvalidDuration(text.to_owned());
    let span: Span = text.trim().parse().map_err(|_| invalid())?;
    let signed = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| invalid())?;
    Duration::try_from(signed).map_err(|_| invalid())
}

/// A length of time for people, to the second: `42 s`, `3 min 05 s`, `2 h 07 min`.
#[must_use]
pub(crate) fn for_people(duration: Duration) -> String {
    let seconds = duration.as_secs() + u64::from(duration.subsec_millis() >= 500);
    match seconds {
        0..=59 => format!("{seconds} s"),
        60..=3599 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read() {
        for (text, seconds) in [
            ("90s", 90),
            ("50m", 3000),
            ("1h30m", 5400),
            ("7d", 604_800),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text).unwrap().as_secs(), seconds, "{text}");
        }
        for text in ["", "50", "-5m", "soon", "1 fortnight"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lengths_of_time_are_told() {
        let told: Vec<String> = [0.2, 41.6, 185.0, 7620.0]
            .into_iter()
            .map(|seconds| for_people(Duration::from_secs_f64(seconds)))
            .collect();
        assert_eq!(told, ["0 s", "42 s", "3 min 05 s", "2 h 07 min"]);
    }
}
