//! From the light of the scene to a picture: the room by one gain, so that all its colours keep their
//! proportions, and each place that would be blown by that gain (a window, a lamp, a patch of sun) by
//! its own smaller one, which brings its bright parts just below white. The borders between them
//! follow the picture (K. He and J. Sun, "Fast guided filter", 2015), so that no halo forms.

mod places;

use super::ghost::box_mean;
use super::radiance::{DARKEST_LIGHT, Encoder, Exposure, Overview};

/// Linear light that the middle of the room is brought to.
const ROOM: f32 = 0.4;

/// Light above this multiple of the room's middle is no part of the room.
const BEYOND_ROOM: f32 = 5.0;

/// Linear light from which colours are bent below white instead of clipped.
const SHOULDER: f32 = 0.8;

/// How the picture is drawn from the light.
#[derive(Debug)]
pub(super) struct Tone {
    gain: f32,
    step: usize,
    width: usize,
    height: usize,
    /// Pull down (EV) as a linear function of the logarithm of light, for each cell: slope, offset.
    model: Vec<[f32; 2]>,
    greatest_pull: f32,
}

impl Tone {
    pub(super) fn new(overview: &Overview, exposures: &[Exposure<'_>]) -> Self {
        let gain = room_gain(&overview.light, exposures);
        let pull = places::pull(overview, gain);
        let greatest_pull = pull.iter().copied().fold(0.0, f32::max);
        let guide: Vec<f32> = overview
            .logarithm
            .iter()
            .map(|logarithm| logarithm + gain.log2())
            .collect();
        Self {
            gain,
            step: overview.step,
            width: overview.width,
            height: overview.height,
            model: guided(&guide, &pull, overview.width),
            greatest_pull,
        }
    }

    /// Gain of the room relative to the reference.
    pub(super) fn gain(&self) -> f64 {
        f64::from(self.gain)
    }

    /// The strongest pull, EV.
    pub(super) fn greatest_pull(&self) -> f64 {
        f64::from(self.greatest_pull)
    }

    pub(super) fn draw_row(
        &self,
        y: usize,
        light: &[[f32; 4]],
        encoder: &Encoder,
        output: &mut [u16],
    ) {
        let step = self.step as f32;
        let down = ((y as f32 + 0.5) / step - 0.5).clamp(0.0, (self.height - 1) as f32);
        let row = down as usize;
        let part = down - row as f32;
        let next = (row + 1).min(self.height - 1);
        let line = |row: usize| self.model.get(row * self.width..(row + 1) * self.width);
        let (Some(above), Some(below)) = (line(row), line(next)) else {
            return;
        };
        // The model between the two rows of cells, once for the row.
        let model: Vec<[f32; 2]> = above
            .iter()
            .zip(below)
            .map(|(above, below)| {
                [
                    above[0] + (below[0] - above[0]) * part,
                    above[1] + (below[1] - above[1]) * part,
                ]
            })
            .collect();
        let last = self.width - 1;
        for (x, (pixel, light)) in output.chunks_exact_mut(3).zip(light).enumerate() {
            let across = ((x as f32 + 0.5) / step - 0.5).clamp(0.0, last as f32);
            let cell = across as usize;
            let part = across - cell as f32;
            let (here, there) = (model[cell], model[(cell + 1).min(last)]);
            let slope = here[0] + (there[0] - here[0]) * part;
            let offset = here[1] + (there[1] - here[1]) * part;
            let color = [
                light[0] * self.gain,
                light[1] * self.gain,
                light[2] * self.gain,
            ];
            let brightest = color[0].max(color[1]).max(color[2]).max(DARKEST_LIGHT);
            let pull = self.parted(slope * brightest.log2() + offset, slope);
            let scale = if pull > 0.0 { (-pull).exp2() } else { 1.0 };
            for (sample, value) in pixel.iter_mut().zip(color) {
                *sample = encoder.encode(shouldered(value * scale));
            }
        }
    }

    /// Where the pull changes with the light, there is a border between the room and a place: a pixel
    /// belongs to the one or the other and seldom to both.
    fn parted(&self, pull: f32, slope: f32) -> f32 {
        let share = (pull / self.greatest_pull.max(1e-3)).clamp(0.0, 1.0);
        let bent = self.greatest_pull * share * share * (3.0 - 2.0 * share);
        pull + (bent - pull) * slope.clamp(0.0, 1.0)
    }
}

/// Bends a channel below white. Each channel for itself, so that what is far too bright turns white and
/// not into a patch of the lamp's colour.
fn shouldered(value: f32) -> f32 {
    if value <= SHOULDER {
        return value;
    }
    let over = (value - SHOULDER) / (1.0 - SHOULDER);
    SHOULDER + (1.0 - SHOULDER) * (1.0 - (-over).exp())
}

/// The gain that brings the middle of the room's light to where it belongs, within what the exposures
/// can give.
fn room_gain(light: &[f32], exposures: &[Exposure<'_>]) -> f32 {
    let mut sorted = light.to_vec();
    sorted.sort_by(f32::total_cmp);
    let middle = |count: usize| {
        sorted
            .get(count / 2)
            .copied()
            .unwrap_or(1.0)
            .max(DARKEST_LIGHT)
    };
    let mut median = middle(sorted.len());
    for _ in 0..4 {
        let room = sorted.partition_point(|value| *value < BEYOND_ROOM * median);
        median = middle(room);
    }
    let gains = exposures.iter().map(|exposure| exposure.gain as f32);
    let brightest = gains.clone().fold(0.0, f32::max);
    let darkest = gains.fold(f32::MAX, f32::min);
    (ROOM / median).clamp(darkest, (1.3 * brightest).max(darkest))
}

/// Radius of the guided filter, cells.
const RADIUS: usize = 2;

/// Variance of the guide (EV squared) below which it is taken as flat.
const FLAT: f32 = 0.35;

/// For each cell the linear function of the guide that follows the target, averaged over the windows
/// that hold the cell.
fn guided(guide: &[f32], target: &[f32], width: usize) -> Vec<[f32; 2]> {
    let products =
        |a: &[f32], b: &[f32]| -> Vec<f32> { a.iter().zip(b).map(|(a, b)| a * b).collect() };
    let mean_guide = box_mean(guide, width, RADIUS);
    let mean_target = box_mean(target, width, RADIUS);
    let square = box_mean(&products(guide, guide), width, RADIUS);
    let mixed = box_mean(&products(guide, target), width, RADIUS);
    let mut slopes = Vec::with_capacity(guide.len());
    let mut offsets = Vec::with_capacity(guide.len());
    for index in 0..guide.len() {
        let variance = (square[index] - mean_guide[index] * mean_guide[index]).max(0.0);
        let covariance = mixed[index] - mean_guide[index] * mean_target[index];
        let slope = (covariance / (variance + FLAT)).max(0.0);
        slopes.push(slope);
        offsets.push(mean_target[index] - slope * mean_guide[index]);
    }
    let slopes = box_mean(&slopes, width, RADIUS);
    let offsets = box_mean(&offsets, width, RADIUS);
    slopes
        .into_iter()
        .zip(offsets)
        .map(|(slope, offset)| [slope, offset])
        .collect()
}
