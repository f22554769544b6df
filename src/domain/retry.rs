//! When something is tried again: exponential delays with a jitter that depends on a
//! seed alone.

use std::time::Duration;

/// How faults of an executor are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Delay after the first fault.
    pub base: Duration,
    /// No delay is longer, except one that the executor asks for.
    pub longest: Duration,
    /// Failed runs in a row after which what was ordered is given up.
    pub max_faults: u32,
    /// Calls in a row that may come to nothing on the way before the job fails: a network can be away for a
    /// day while the run itself goes well.
    pub max_outages: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            base: Duration::from_secs(5),
            longest: Duration::from_secs(15 * 60),
            max_faults: 8,
            max_outages: 100,
        }
    }
}

impl RetryPolicy {
    /// No delay at all, for tests and for executors inside this process.
    #[must_use]
    pub const fn immediate(max_faults: u32) -> Self {
        Self {
            base: Duration::ZERO,
            longest: Duration::ZERO,
            max_faults,
            max_outages: max_faults,
        }
    }

    /// The delay after fault number `fault` (1 for the first): doubled each time up to the longest,
    /// then shortened by up to a half according to `seed`, and never shorter than `retry_after`.
    #[must_use]
    pub fn delay(&self, fault: u32, seed: u64, retry_after: Option<Duration>) -> Duration {
        let doublings = fault.saturating_sub(1).min(31);
        let full = self
            .base
            .saturating_mul(1_u32 << doublings)
            .min(self.longest);
        let draw = mix(seed ^ (u64::from(fault) << 32)) >> 40;
        // 24 bits, so the share is exact: 0.5 to just below 1.
        let share = 0.5 + f64::from(u32::try_from(draw).unwrap_or(0)) / f64::from(1_u32 << 25);
        full.mul_f64(share).max(retry_after.unwrap_or_default())
    }

    /// Whether call number `fault` that came to nothing is the last that is made again.
    #[must_use]
    pub const fn is_out_of_patience(&self, fault: u32) -> bool {
        fault >= self.max_outages
    }

    /// Whether failed run number `fault` is the last that is answered by another.
    #[must_use]
    pub const fn is_exhausted(&self, fault: u32) -> bool {
        fault >= self.max_faults
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn delays_stay_in_bounds_and_repeat(fault in 1_u32..100, seed: u64) {
            let policy = RetryPolicy::default();
            let delay = policy.delay(fault, seed, None);
            prop_assert!(delay >= policy.base / 2);
            prop_assert!(delay <= policy.longest);
            prop_assert_eq!(delay, policy.delay(fault, seed, None));
        }

        #[test]
        fn an_executors_wish_is_the_least(fault in 1_u32..10, seed: u64, wish in 0_u64..100_000) {
            let wish = Duration::from_secs(wish);
            prop_assert!(RetryPolicy::default().delay(fault, seed, Some(wish)) >= wish);
        }
    }

    #[test]
    fn delays_grow() {
        let policy = RetryPolicy::default();
        assert!(policy.delay(1, 7, None) < policy.delay(3, 7, None));
        assert!(policy.delay(3, 7, None) < policy.delay(6, 7, None));
        assert!(!policy.is_exhausted(7) && policy.is_exhausted(8));
    }
}
