//! Lengths of time in a bounded number of classes: quantiles of a million of them from a few hundred
//! counters that can be added up and written down.

use serde::{Deserialize, Serialize};

/// Ratio between the limits of a class. A quantile is the middle of its class, so that it is at most
/// 2 percent away from the value that it stands for.
const RATIO: f64 = 1.04;

/// Shorter times than this, in seconds, are one class and count as nothing.
const SHORTEST: f64 = 1e-3;

/// The last class; what is longer than about four months is in it.
const LAST: u16 = 590;

/// How often a length of time occurred, by class. At most 591 classes exist.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Packed", into = "Packed")]
pub struct Histogram {
    microseconds: u64,
    classes: Vec<(u16, u64)>,
}

/// The sum in microseconds, then each class that occurs with its count.
type Packed = (u64, Vec<(u16, u64)>);

impl From<Packed> for Histogram {
    fn from((microseconds, mut classes): Packed) -> Self {
        classes.sort_unstable_by_key(|(class, _)| *class);
        Self {
            microseconds,
            classes,
        }
    }
}

impl From<Histogram> for Packed {
    fn from(histogram: Histogram) -> Self {
        (histogram.microseconds, histogram.classes)
    }
}

impl Histogram {
    /// Counts one length of time in seconds; one that is no number or below zero is not counted.
    pub fn add(&mut self, seconds: f64) {
        if !seconds.is_finite() || seconds < 0.0 {
            return;
        }
        self.microseconds = self
            .microseconds
            .saturating_add((seconds * 1e6).round() as u64);
        self.count_in(class_of(seconds), 1);
    }

    /// Adds everything that another one counted.
    pub fn merge(&mut self, other: &Self) {
        self.microseconds = self.microseconds.saturating_add(other.microseconds);
        for &(class, count) in &other.classes {
            self.count_in(class, count);
        }
    }

    fn count_in(&mut self, class: u16, count: u64) {
        match self
            .classes
            .binary_search_by_key(&class, |(class, _)| *class)
        {
            Ok(at) => {
                if let Some((_, known)) = self.classes.get_mut(at) {
                    *known = known.saturating_add(count);
                }
            }
            Err(at) => self.classes.insert(at, (class, count)),
        }
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.classes.iter().map(|(_, count)| count).sum()
    }

    /// Their sum in seconds, to the microsecond.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.microseconds as f64 / 1e6
    }

    /// The length of time in seconds that a share of all, 0 to 1, does not exceed (nearest rank), to
    /// within 2 percent; `None` where nothing was counted.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let rank = (share * self.count() as f64).ceil().max(1.0) as u64;
        let mut passed = 0;
        self.classes.iter().find_map(|&(class, count)| {
            passed += count;
            (passed >= rank).then(|| middle_of(class))
        })
    }
}

fn class_of(seconds: f64) -> u16 {
    if seconds < SHORTEST {
        return 0;
    }
    let class = 1.0 + ((seconds / SHORTEST).ln() / RATIO.ln()).floor();
    // Between 1 and LAST, so that nothing is cut off.
    class.min(f64::from(LAST)) as u16
}

fn middle_of(class: u16) -> f64 {
    if class == 0 {
        0.0
    } else {
        SHORTEST * RATIO.powf(f64::from(class) - 0.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn quantiles_are_within_two_percent_of_the_nearest_rank(
            mut seconds in prop::collection::vec(1e-3..1e6_f64, 1..200),
            share in 0.0..1.0_f64,
            cut in 0_usize..200,
        ) {
            // Counted in two parts and added up, as jobs are.
            let cut = cut.min(seconds.len());
            let (mut one, mut other) = (Histogram::default(), Histogram::default());
            seconds[..cut].iter().for_each(|&value| one.add(value));
            seconds[cut..].iter().for_each(|&value| other.add(value));
            let written = serde_json::to_string(&other).unwrap();
            one.merge(&serde_json::from_str(&written).unwrap());
            prop_assert_eq!(one.count(), seconds.len() as u64);
            let sum: f64 = seconds.iter().sum();
            prop_assert!((one.seconds() - sum).abs() <= 1e-6 * seconds.len() as f64 + sum * 1e-9);
            seconds.sort_unstable_by(f64::total_cmp);
            let rank = ((share * seconds.len() as f64).ceil() as usize).max(1);
            let exact = seconds[rank - 1];
            let found = one.quantile(share).unwrap();
            prop_assert!((found / exact - 1.0).abs() <= 0.0201, "{} for {}", found, exact);
        }
    }

    #[test]
    fn odd_values_do_no_harm() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        for value in [f64::NAN, f64::INFINITY, -1.0] {
            histogram.add(value);
        }
        assert_eq!(histogram.count(), 0);
        histogram.add(0.0);
        assert_eq!(
            (histogram.quantile(0.95), histogram.seconds()),
            (Some(0.0), 0.0)
        );
        histogram.add(1e300);
        assert!(histogram.quantile(1.0).unwrap() > 1e6);
    }
}
