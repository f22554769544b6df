//! The one place that reads the time, so that tests can freeze it.

use jiff::Timestamp;

/// Tells the time: the system's, or one moment for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    frozen: Option<Timestamp>,
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self { frozen: None }
    }

    /// A clock that stands still at `moment`.
    #[must_use]
    pub const fn frozen(moment: Timestamp) -> Self {
        Self {
            frozen: Some(moment),
        }
    }

    /// Whether it stands still. Who waits for it to go on would wait for ever.
    #[must_use]
    pub const fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// The present moment, in UTC, to the millisecond.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let now = self.frozen.unwrap_or_else(Timestamp::now);
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}
