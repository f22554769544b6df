//! A photo in the order of taking, and what is recorded of it beside its neighbours.

use jiff::civil::DateTime;

use super::exposure::value;
use crate::domain::listing::Photo;

/// One photo in the order of taking.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) index: usize,
    pub(super) photo: &'a Photo,
    pub(super) start: Option<DateTime>,
    pub(super) value: Option<f64>,
}

impl<'a> Frame<'a> {
    pub(super) fn new(index: usize, photo: &'a Photo) -> Self {
        let taken = photo.capture.taken.as_deref();
        Self {
            index,
            photo,
            start: taken.and_then(|text| text.parse().ok()),
            value: value(photo),
        }
    }

    const fn bias(&self) -> Option<f64> {
        self.photo.capture.exposure_compensation
    }

    /// Seconds that the exposure itself took.
    pub(super) fn exposing(&self) -> f64 {
        self.photo.capture.exposure_seconds.unwrap_or(0.0)
    }

    /// Seconds from the end of this exposure to the start of the next; for photos without a time, 0 where they
    /// follow each other in the folder.
    pub(super) fn gap(&self, next: &Self) -> f64 {
        match (self.start, next.start) {
            (Some(start), Some(next_start)) => {
                next_start.duration_since(start).as_secs_f64().abs() - self.exposing()
            }
            _ if self.index.abs_diff(next.index) == 1 => 0.0,
            _ => f64::MAX,
        }
    }

    /// Whether recorded compensation tells the same step to another frame as the exposures do.
    pub(super) fn compensated(&self, other: &Self) -> bool {
        let bias = self
            .bias()
            .zip(other.bias())
            .map(|(own, other)| own - other);
        let step = self.value.zip(other.value).map(|(own, other)| own - other);
        bias.zip(step)
            .is_some_and(|(bias, step)| bias.abs() >= 0.25 && (bias - step).abs() <= 0.5)
    }
}

/// The neighbours of whose exposures nothing is recorded, with `most` seconds between them.
pub(super) fn untold<'a, 'b: 'a>(
    neighbours: impl Iterator<Item = &'a [Frame<'b>]>,
    most: f64,
) -> Vec<(usize, usize)> {
    let untold = neighbours.filter_map(|pair| match pair {
        [left, right] if left.value.is_none() && left.gap(right) <= most => {
            Some((left.index, right.index))
        }
        _ => None,
    });
    untold.collect()
}
