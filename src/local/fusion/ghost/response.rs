//! How one exposure's values turn into another's. The sRGB curve is near the truth; cameras bend it, and balance
//! each picture a little differently, so the rest is measured: a smooth curve for each channel, robust against what
//! moved, and how far still things stray from it.

use super::cells::Cells;
use crate::local::fusion::radiance::{encoded, linear};

/// Values that can be compared, encoded.
const COMPARABLE: [f32; 2] = [0.05, 0.90];
/// Brightness levels, and the cells that a level needs.
const LEVELS: usize = 12;
const LEAST_CELLS: usize = 24;
/// The greatest departure from the sRGB curve that is a camera's, EV.
const LARGEST_EV: f32 = 0.5;
/// What is allowed beyond the measured curve, EV, and as code value of 0 to 1 for rounding and compression.
const SLACK_EV: f32 = 0.10;
const OWN_ERROR: f32 = 0.010;
const SOURCE_ERROR: f32 = 0.006;
/// Standard deviations that still things may stray, and the most that is allowed for it.
const STRAY: f32 = 3.0;
const MOST_STRAY: f32 = 0.05;
/// A neighbourhood with less contrast than this is flat.
const FLAT: f32 = 0.10;

/// From one exposure's values to another's.
#[derive(Debug)]
pub(super) struct Response {
    gain: f32,
    /// EV by which each channel departs from the sRGB curve at each level of the source.
    bend: [[f32; LEVELS]; 3],
    /// Standard deviation of still things at each level of the result.
    stray: [f32; LEVELS],
}

fn level(value: f32) -> usize {
    ((value * LEVELS as f32) as usize).min(LEVELS - 1)
}

fn median(values: &mut [f32]) -> Option<f32> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    Some(*values.select_nth_unstable_by(middle, f32::total_cmp).1)
}

impl Response {
    pub(super) fn measure(from: &Cells, to: &Cells, gain: f64) -> Self {
        let mut response = Self {
            gain: gain as f32,
            bend: [[0.0; LEVELS]; 3],
            stray: [OWN_ERROR; LEVELS],
        };
        let [dark, bright] = COMPARABLE;
        let usable = |value: f32| (dark..bright).contains(&value);
        let step = (from.len() / 60_000).max(1);
        let mut samples: [Vec<Vec<f32>>; 3] = [0, 1, 2].map(|_| vec![Vec::new(); LEVELS]);
        let mut flat = Vec::new();
        for index in (0..from.len()).step_by(step) {
            let around = from.around(index, 1.0);
            if around.open || to.clipped(index) > 0.0 {
                continue;
            }
            let contrast = (0..3)
                .map(|channel| around.high[channel] - around.low[channel])
                .fold(0.0, f32::max);
            if contrast > FLAT {
                continue;
            }
            flat.push(index);
            let (source, own) = (from.mean(index), to.mean(index));
            for (channel, levels) in samples.iter_mut().enumerate() {
                let (source, own) = (source[channel], own[channel]);
                if usable(source) && usable(own) {
                    let ev = (linear(own) / (linear(source) * response.gain)).log2();
                    if let Some(level) = levels.get_mut(level(source)) {
                        level.push(ev);
                    }
                }
            }
        }
        for (channel, levels) in samples.iter_mut().enumerate() {
            response.bend[channel] = smooth_bend(levels);
        }
        response.measure_stray(from, to, &flat);
        response
    }

    fn measure_stray(&mut self, from: &Cells, to: &Cells, flat: &[usize]) {
        let mut levels: Vec<Vec<f32>> = vec![Vec::new(); LEVELS];
        let [dark, bright] = COMPARABLE;
        for &index in flat {
            let (source, own) = (from.mean(index), to.mean(index));
            for channel in 0..3 {
                let expected = self.at(channel, source[channel], 0.0);
                if (dark..bright).contains(&expected)
                    && let Some(level) = levels.get_mut(level(expected))
                {
                    level.push((own[channel] - expected).abs());
                }
            }
        }
        for (stray, level) in self.stray.iter_mut().zip(&mut levels) {
            if level.len() >= LEAST_CELLS
                && let Some(middle) = median(level)
            {
                *stray = (STRAY * 1.48 * middle).clamp(OWN_ERROR, MOST_STRAY);
            }
        }
    }

    /// The value that a source's value turns into, `slack` EV brighter; 1 where it is clipped.
    fn at(&self, channel: usize, value: f32, slack: f32) -> f32 {
        let position = (value * LEVELS as f32 - 0.5).clamp(0.0, (LEVELS - 1) as f32);
        let (low, part) = (position as usize, position.fract());
        let bend = |index: usize| {
            self.bend
                .get(channel)
                .and_then(|bend| bend.get(index.min(LEVELS - 1)))
                .copied()
                .unwrap_or_default()
        };
        let bend = bend(low) + (bend(low + 1) - bend(low)) * part;
        encoded((linear(value) * self.gain * (bend + slack).exp2()).clamp(0.0, 1.0))
    }

    /// How far a cell of `to` lies beyond what `from`, `off` by so many half cells, explains: 0, or the distance in
    /// code values of 0 to 1.
    pub(super) fn gap(&self, from: &Cells, to: &Cells, index: usize, off: f32) -> f32 {
        let around = from.around(index, off);
        let own = to.mean(index);
        let own_open = to.clipped(index) > 0.0;
        let mut gap = 0.0_f32;
        for (channel, own) in own.into_iter().enumerate() {
            let low = (around.low[channel] - SOURCE_ERROR).max(0.0);
            let high = (around.high[channel] + SOURCE_ERROR).min(1.0);
            // Where something is clipped the whole is bright, but a channel may be far below the others.
            let low = if around.open { low.min(0.93) } else { low };
            let least = self.at(channel, low, -SLACK_EV);
            let stray = |value: f32| self.stray.get(level(value)).copied().unwrap_or(OWN_ERROR);
            let least = (least - stray(least)).min(0.92);
            let most = if around.open {
                f32::INFINITY
            } else {
                let most = self.at(channel, high, SLACK_EV);
                if most > 0.94 {
                    f32::INFINITY
                } else {
                    most + stray(most)
                }
            };
            gap = gap.max(own - most);
            if !own_open {
                gap = gap.max(least - own);
            }
        }
        gap
    }
}

/// A smooth curve through the levels' medians: levels without cells follow their neighbours.
fn smooth_bend(levels: &mut [Vec<f32>]) -> [f32; LEVELS] {
    let mut medians = [(0.0_f32, 0.0_f32); LEVELS];
    for (slot, level) in medians.iter_mut().zip(levels.iter_mut()) {
        let count = level.len();
        if count >= LEAST_CELLS
            && let Some(middle) = median(level)
            && middle.abs() <= LARGEST_EV
        {
            *slot = (middle, (count as f32).sqrt());
        }
    }
    let mut bend = [0.0; LEVELS];
    for (index, slot) in bend.iter_mut().enumerate() {
        let (mut sum, mut weight) = (0.0, 1e-3);
        for (other, (middle, trust)) in medians.iter().enumerate() {
            let distance = index.abs_diff(other) as f32;
            let near = trust * (-0.5 * (distance / 1.2).powi(2)).exp();
            sum += near * middle;
            weight += near;
        }
        *slot = sum / weight;
    }
    bend
}
