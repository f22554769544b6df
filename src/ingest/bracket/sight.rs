//! What the pixels say of two photos that may be exposures of one view.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use crate::imaging::view::{self, Comparison, Relation, View};
use crate::ingest::photo::Examined;

/// Views that are kept ready at a time, half a megabyte each.
const KEPT: usize = 24;

/// The least step between two exposures of which nothing tells a step, EV.
const LEAST_STEP: f64 = 0.4;

/// What is said of the step from one photo to another, before their pixels are looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Told {
    /// So many EV, positive is brighter.
    Step(f64),
    /// The other is brighter (1) or darker (-1).
    Order(i8),
    /// Nothing.
    Nothing,
}

/// Two exposures that were compared and fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Check {
    pub(super) against: usize,
    pub(super) measured: f64,
    pub(super) likeness: f64,
}

/// Whether two photos fit as exposures of one view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fit {
    Fits(Check),
    /// They show different views.
    OtherView,
    /// The same view in another light.
    OtherLight,
    /// The same view, but not at the exposures that are told, or at one and the same.
    OtherStep(Check),
    /// The pixels do not tell.
    Unknown,
}

impl Fit {
    /// Why a photo was not taken into a set, for people.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Fits(_) | Self::Unknown => "too little is well exposed in both to tell",
            Self::OtherView => "it does not show the same view",
            Self::OtherLight => "it is lit in another way",
            Self::OtherStep(_) => "its brightness is not that of such an exposure",
        }
    }
}

/// Compares photos for all that look for brackets: keeps the last ones ready, and whatever was found, since the same
/// two are asked about again and again and each answer costs milliseconds.
pub(super) struct Sight<'a> {
    slots: &'a [Option<Examined>],
    ready: Mutex<VecDeque<(usize, Arc<View>)>>,
    found: Mutex<HashMap<(usize, usize), Comparison>>,
}

/// A lock whose holder panicked still guards a list that is whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Sight<'a> {
    pub(super) fn new(slots: &'a [Option<Examined>]) -> Self {
        Self {
            slots,
            ready: Mutex::default(),
            found: Mutex::default(),
        }
    }

    fn view(&self, index: usize) -> Option<Arc<View>> {
        let known = locked(&self.ready)
            .iter()
            .find(|(known, _)| *known == index)
            .map(|(_, view)| Arc::clone(view));
        if known.is_some() {
            return known;
        }
        let glimpse = self.slots.get(index)?.as_ref()?.glimpse.as_ref()?;
        // Two threads may make the same one at a time; that costs less than to wait for each other.
        let view = Arc::new(View::new(glimpse));
        let mut ready = locked(&self.ready);
        if ready.len() >= KEPT {
            ready.pop_front();
        }
        ready.push_back((index, Arc::clone(&view)));
        Some(view)
    }

    fn compare(&self, base: usize, other: usize) -> Option<Comparison> {
        if let Some(found) = locked(&self.found).get(&(base, other)) {
            return Some(*found);
        }
        let found = view::compare(&*self.view(base)?, &*self.view(other)?);
        locked(&self.found).insert((base, other), found);
        Some(found)
    }

    /// Compares pairs that are about to be asked for on all cores.
    pub(super) fn prepare(&self, pairs: &[(usize, usize)]) {
        pairs.par_iter().for_each(|&(base, other)| {
            self.compare(base, other);
        });
    }

    /// Whether `other` fits to `base` as another exposure of its view.
    pub(super) fn judge(&self, base: usize, other: usize, told: Told) -> Fit {
        let Some(found) = self.compare(base, other) else {
            return Fit::Unknown;
        };
        match found.relation() {
            Relation::Unknown => Fit::Unknown,
            Relation::Other => Fit::OtherView,
            Relation::OtherLight => Fit::OtherLight,
            Relation::Same => {
                let check = Check {
                    against: base,
                    measured: found.step,
                    likeness: found.likeness,
                };
                if step_fits(found.step, told) {
                    Fit::Fits(check)
                } else {
                    Fit::OtherStep(check)
                }
            }
        }
    }
}

/// Whether a measured step is what was told. Cameras draw their JPEGs with curves that stretch the middle tones and
/// compress the others, so a stop may measure as much less or more than one.
fn step_fits(measured: f64, told: Told) -> bool {
    match told {
        Told::Nothing => measured.abs() >= LEAST_STEP,
        Told::Order(direction) => measured * f64::from(direction) >= LEAST_STEP / 2.0,
        Told::Step(step) => {
            let (step, measured) = (step.abs(), measured * step.signum());
            (0.4 * step - 0.15..=1.5 * step + 0.5).contains(&measured)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_may_be_drawn_out_but_not_turned_round() {
        for (measured, told, fits) in [
            (2.0, Told::Step(2.0), true),
            (1.2, Told::Step(2.0), true),
            (3.3, Told::Step(2.0), true),
            (0.0, Told::Step(2.0), false),
            (-2.0, Told::Step(2.0), false),
            (-1.7, Told::Step(-2.0), true),
            (5.1, Told::Step(4.0), true),
            (0.5, Told::Step(0.7), true),
            (1.9, Told::Step(0.3), false),
            (0.1, Told::Nothing, false),
            (-1.0, Told::Nothing, true),
            (-1.0, Told::Order(1), false),
        ] {
            assert_eq!(step_fits(measured, told), fits, "{measured} {told:?}");
        }
    }
}
