//! The clock of the fake service: it follows the real time or stands still, and a test can move it
//! forward. Every delay of the service is measured by it, and so is the expiry of addresses and tokens.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Whether time passes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClockMode {
    /// Time passes as it does outside, and can be moved forward besides.
    Real,
    /// Time passes only when it is moved.
    Manual,
}

/// A clock in milliseconds since 1970 (UTC).
#[derive(Debug)]
pub(crate) struct Clock {
    mode: ClockMode,
    start_ms: u64,
    started: Instant,
    moved_ms: AtomicU64,
}

impl Clock {
    pub(crate) fn new(mode: ClockMode, start_ms: u64) -> Self {
        Self {
            mode,
            start_ms,
            started: Instant::now(),
            moved_ms: AtomicU64::new(0),
        }
    }

    /// Milliseconds since 1970.
    pub(crate) fn now(&self) -> u64 {
        let passed = match self.mode {
            ClockMode::Real => milliseconds(self.started.elapsed()),
            ClockMode::Manual => 0,
        };
        self.start_ms
            .saturating_add(passed)
            .saturating_add(self.moved_ms.load(Ordering::SeqCst))
    }

    /// Moves the clock forward.
    pub(crate) fn advance(&self, by: Duration) {
        self.moved_ms.fetch_add(milliseconds(by), Ordering::SeqCst);
    }
}

/// Whole milliseconds of a duration.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// ISO 8601 in UTC with milliseconds, as the service writes moments.
///
/// The date is worked out by Howard Hinnant's `civil_from_days`.
pub(crate) fn iso(at_ms: u64) -> String {
    let (days, rest) = (at_ms / 86_400_000, at_ms % 86_400_000);
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 {
        month_index + 3
    } else {
        month_index - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        rest / 3_600_000,
        rest / 60_000 % 60,
        rest / 1_000 % 60,
        rest % 1_000
    )
}
