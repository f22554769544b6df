//! The light of the scene from all exposures, in units of the reference exposure: P. Debevec and
//! J. Malik, "Recovering high dynamic range radiance maps from photographs", 1997, for pictures whose
//! response is the sRGB curve. Long exposures count most, clipped pixels not at all.

use std::borrow::Cow;

use rayon::prelude::*;

use super::ghost::Ghosts;
use super::tone::Tone;
use crate::imaging::{Picture, Samples};

/// An exposure in the framing of the reference.
#[derive(Debug)]
pub(super) struct Exposure<'a> {
    pub(super) picture: Cow<'a, Picture>,
    /// Its light relative to the reference's.
    pub(super) gain: f64,
    /// Whether it is the reference.
    pub(super) reference: bool,
    /// Where its pixels lay before it was aligned; `None` where it was not moved.
    pub(super) motion: Option<super::align::Motion>,
    /// How far its corners were moved, pixels.
    pub(super) shift: f64,
}

/// Encoded value (0 to 1) from which a pixel counts less, and from which it counts as clipped.
const CLIPPING: [f32; 2] = [0.86, 0.975];

/// Samples as linear light, 0 to 1.
pub(super) struct Decoder {
    eight: [f32; 256],
    sixteen: Vec<f32>,
}

impl Decoder {
    pub(super) fn new(exposures: &[Exposure<'_>]) -> Self {
        let mut eight = [0.0; 256];
        for (value, entry) in eight.iter_mut().enumerate() {
            *entry = linear(value as f32 / 255.0);
        }
        let wide = exposures
            .iter()
            .any(|exposure| matches!(exposure.picture.samples, Samples::Sixteen(_)));
        let sixteen = if wide {
            (0..=u16::MAX)
                .map(|value| linear(f32::from(value) / 65535.0))
                .collect()
        } else {
            Vec::new()
        };
        Self { eight, sixteen }
    }

    /// Linear light of the row's pixels.
    pub(super) fn row(&self, picture: &Picture, y: usize, output: &mut Vec<[f32; 3]>) {
        let span = y * picture.width * 3..(y + 1) * picture.width * 3;
        output.clear();
        match &picture.samples {
            Samples::Eight(samples) => {
                let row = samples.get(span).unwrap_or_default();
                output.extend(row.chunks_exact(3).map(|pixel| {
                    [pixel[0], pixel[1], pixel[2]].map(|value| self.eight[usize::from(value)])
                }));
            }
            Samples::Sixteen(samples) => {
                let row = samples.get(span).unwrap_or_default();
                output.extend(row.chunks_exact(3).map(|pixel| {
                    [pixel[0], pixel[1], pixel[2]]
                        .map(|value| self.sixteen.get(usize::from(value)).copied().unwrap_or(1.0))
                }));
            }
        }
    }
}

/// The sRGB curve, encoded to linear.
pub(super) fn linear(encoded: f32) -> f32 {
    if encoded <= 0.040_45 {
        encoded / 12.92
    } else {
        ((encoded + 0.055) / 1.055).powf(2.4)
    }
}

/// The sRGB curve, linear to encoded.
pub(super) fn encoded(linear: f32) -> f32 {
    if linear <= 0.003_130_8 {
        linear * 12.92
    } else {
        1.055 * linear.powf(1.0 / 2.4) - 0.055
    }
}

/// What an exposure's pixel counts for: nothing where a channel is clipped, and more the longer the
/// exposure, whose noise is lower for the same light.
struct Weigher {
    fall: [f32; 2],
    trust: Vec<f32>,
    gains: Vec<f32>,
    darkest: usize,
}

impl Weigher {
    fn new(exposures: &[Exposure<'_>]) -> Self {
        let gains: Vec<f32> = exposures
            .iter()
            .map(|exposure| exposure.gain as f32)
            .collect();
        let darkest = (0..gains.len())
            .min_by(|&a, &b| gains[a].total_cmp(&gains[b]))
            .unwrap_or(0);
        Self {
            fall: CLIPPING.map(linear),
            trust: gains.iter().map(|gain| gain.powf(1.4)).collect(),
            gains,
            darkest,
        }
    }

    fn weight(&self, exposure: usize, value: [f32; 3]) -> f32 {
        let brightest = value[0].max(value[1]).max(value[2]);
        let [from, to] = self.fall;
        let open = ((to - brightest) / (to - from)).clamp(0.0, 1.0);
        // The darkest exposure stands in where all are clipped.
        let floor = if exposure == self.darkest { 1e-6 } else { 0.0 };
        self.trust[exposure] * (open * open * (3.0 - 2.0 * open)).max(floor)
    }
}

/// Merges rows of pixels one after the other with buffers that are kept.
struct Merger<'a> {
    exposures: &'a [Exposure<'a>],
    ghosts: &'a Ghosts,
    decoder: &'a Decoder,
    weigher: &'a Weigher,
    row: Vec<[f32; 3]>,
    weights: Vec<f32>,
    sums: Vec<[f32; 4]>,
}

impl<'a> Merger<'a> {
    fn new(
        exposures: &'a [Exposure<'a>],
        ghosts: &'a Ghosts,
        decoder: &'a Decoder,
        weigher: &'a Weigher,
    ) -> Self {
        Self {
            exposures,
            ghosts,
            decoder,
            weigher,
            row: Vec::new(),
            weights: Vec::new(),
            sums: Vec::new(),
        }
    }

    /// Reads a row of an exposure, and what each of its pixels counts for.
    fn weigh(&mut self, index: usize, exposure: &Exposure<'_>, y: usize) {
        self.decoder.row(&exposure.picture, y, &mut self.row);
        self.weights.clear();
        let ghosts = self.ghosts.row(index, y);
        let outside = exposure
            .motion
            .map(|motion| motion.inside(&exposure.picture, y));
        for (x, value) in self.row.iter().enumerate() {
            let mut weight = self.weigher.weight(index, *value);
            let ghost = ghosts.as_ref().map_or(0.0, |ghosts| ghosts.at(x));
            weight *= 1.0 - ghost.max(0.0);
            // What a place is taken from keeps a trace of weight where it is clipped, and the
            // reference less of one where it is not that.
            if ghost < 0.0 {
                weight = weight.max(1e-8);
            }
            if exposure.reference {
                weight = weight.max(if ghost > 0.0 { 1e-15 } else { 1e-9 });
            }
            if let Some(inside) = &outside
                && !inside.contains(&x)
            {
                weight = 0.0;
            }
            self.weights.push(weight);
        }
    }

    /// Light of the row's pixels in units of the reference.
    fn merge(&mut self, y: usize) -> &[[f32; 4]] {
        self.sums.clear();
        for (index, exposure) in self.exposures.iter().enumerate() {
            self.weigh(index, exposure, y);
            self.sums.resize(self.row.len(), [0.0; 4]);
            let inverse = 1.0 / self.weigher.gains[index];
            for ((sum, value), weight) in self.sums.iter_mut().zip(&self.row).zip(&self.weights) {
                let scaled = weight * inverse;
                sum[0] += scaled * value[0];
                sum[1] += scaled * value[1];
                sum[2] += scaled * value[2];
                sum[3] += weight;
            }
        }
        for sum in &mut self.sums {
            let scale = 1.0 / sum[3].max(1e-20);
            sum[0] *= scale;
            sum[1] *= scale;
            sum[2] *= scale;
        }
        &self.sums
    }
}

/// What share of each pixel comes from which exposure, one plane for each.
pub(super) fn shares(exposures: &[Exposure<'_>], ghosts: &Ghosts) -> Vec<Vec<f32>> {
    let decoder = Decoder::new(exposures);
    let weigher = Weigher::new(exposures);
    let mut merger = Merger::new(exposures, ghosts, &decoder, &weigher);
    let mut planes: Vec<Vec<f32>> = vec![Vec::new(); exposures.len()];
    let height = exposures
        .first()
        .map_or(0, |exposure| exposure.picture.height);
    for y in 0..height {
        for (index, (exposure, plane)) in exposures.iter().zip(&mut planes).enumerate() {
            merger.weigh(index, exposure, y);
            plane.extend_from_slice(&merger.weights);
        }
    }
    let pixels = planes.first().map_or(0, Vec::len);
    for pixel in 0..pixels {
        let sum: f32 = planes.iter().map(|plane| plane[pixel]).sum();
        for plane in &mut planes {
            plane[pixel] /= sum.max(1e-20);
        }
    }
    planes
}

/// The light of the scene on a coarse grid.
#[derive(Debug)]
pub(super) struct Overview {
    /// Cells across.
    pub(super) width: usize,
    /// Cells down.
    pub(super) height: usize,
    /// Side of a cell in pixels.
    pub(super) step: usize,
    /// Mean of each pixel's brightest channel, in units of the reference.
    pub(super) light: Vec<f32>,
    /// Mean of the binary logarithm of the same.
    pub(super) logarithm: Vec<f32>,
}

/// Cells along the long side, about.
const CELLS: usize = 384;

/// Light below which logarithms are not followed.
pub(super) const DARKEST_LIGHT: f32 = 1.0 / 4096.0;

impl Overview {
    pub(super) fn new(exposures: &[Exposure<'_>], ghosts: &Ghosts) -> Self {
        let (full_width, full_height) = exposures.first().map_or((1, 1), |exposure| {
            (exposure.picture.width, exposure.picture.height)
        });
        let step = full_width.max(full_height).div_ceil(CELLS);
        let (width, height) = (full_width.div_ceil(step), full_height.div_ceil(step));
        let decoder = Decoder::new(exposures);
        let weigher = Weigher::new(exposures);
        let rows: Vec<Vec<[f32; 3]>> = (0..height)
            .into_par_iter()
            .map(|row| {
                let mut cells = vec![[0.0_f32; 3]; width];
                let mut merger = Merger::new(exposures, ghosts, &decoder, &weigher);
                for y in row * step..((row + 1) * step).min(full_height) {
                    for (cell, pixels) in cells.iter_mut().zip(merger.merge(y).chunks(step)) {
                        for value in pixels {
                            let light = value[0].max(value[1]).max(value[2]);
                            cell[0] += light;
                            cell[1] += light.max(DARKEST_LIGHT).log2();
                            cell[2] += 1.0;
                        }
                    }
                }
                cells
            })
            .collect();
        let cells = || rows.iter().flatten();
        Self {
            width,
            height,
            step,
            light: cells().map(|cell| cell[0] / cell[2]).collect(),
            logarithm: cells().map(|cell| cell[1] / cell[2]).collect(),
        }
    }
}

/// Rows that one task draws.
const BAND: usize = 16;

/// The fused picture.
pub(super) fn render(exposures: &[Exposure<'_>], ghosts: &Ghosts, tone: &Tone) -> Picture {
    let (width, height) = exposures.first().map_or((1, 1), |exposure| {
        (exposure.picture.width, exposure.picture.height)
    });
    let decoder = Decoder::new(exposures);
    let weigher = Weigher::new(exposures);
    let encoder = Encoder::new();
    let mut samples = vec![0_u16; width * height * 3];
    samples
        .par_chunks_mut(width * 3 * BAND)
        .enumerate()
        .for_each(|(band, rows)| {
            let mut merger = Merger::new(exposures, ghosts, &decoder, &weigher);
            for (row, output) in rows.chunks_exact_mut(width * 3).enumerate() {
                let y = band * BAND + row;
                let light = merger.merge(y);
                tone.draw_row(y, light, &encoder, output);
            }
        });
    Picture {
        width,
        height,
        samples: Samples::Sixteen(samples),
    }
}

/// Linear light to 16-bit sRGB by a table over the square root, where the curve is nearly straight.
pub(super) struct Encoder {
    table: Vec<f32>,
}

/// Entries of the encoder's table.
const ENCODER_STEPS: usize = 4096;

impl Encoder {
    fn new() -> Self {
        let table = (0..=ENCODER_STEPS + 1)
            .map(|step| {
                let root = step as f32 / ENCODER_STEPS as f32;
                encoded(root * root) * 65535.0
            })
            .collect();
        Self { table }
    }

    pub(super) fn encode(&self, light: f32) -> u16 {
        let position = light.clamp(0.0, 1.0).sqrt() * ENCODER_STEPS as f32;
        let index = position as usize;
        let (Some(low), Some(high)) = (self.table.get(index), self.table.get(index + 1)) else {
            return u16::MAX;
        };
        (low + (high - low) * (position - index as f32) + 0.5) as u16
    }
}
