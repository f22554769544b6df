//! The photo at its own size with the generated pixels put in: each row is copied, and only runs of it
//! where something may change are computed.

use std::borrow::Cow;

use rayon::prelude::*;

use super::grain::{Grain, white};
use super::grid::{Between, Grid, axis, mix};
use crate::imaging::color::{quick_linear_to_srgb, quick_srgb_to_linear};
use crate::imaging::{Picture, Plane, Samples, vectorized};

/// Rows of one piece of work.
const BAND: usize = 16;
/// Source pixels that an enlarged pixel takes from, along each side.
const TAPS: usize = 4;
/// Change of a soft band's light, in shares, that the map of changes shows as half generated.
const SOFT_CHANGE: f32 = 1.0;

/// What each place lets change; values between places are interpolated.
#[derive(Debug)]
pub(super) struct Control<'a> {
    /// Distance to the mask in cells; negative inside.
    pub(super) distance: Grid<f32>,
    /// Size of a cell in pixels of the photo.
    pub(super) scale: f32,
    /// Surfaces that stay as they are.
    pub(super) protected: &'a Grid<bool>,
    /// How much the generated picture differs from the photo, 0 to 1.
    pub(super) differs: Cow<'a, Grid<f32>>,
    /// Factors of the soft band on linear red, green and blue, where there is one.
    pub(super) factors: Option<Grid<[f32; 3]>>,
}

impl Control<'_> {
    /// Distance in pixels of the photo, 1 where nothing is protected and else 0, difference, and the
    /// factors.
    #[inline(always)]
    fn lanes(&self, index: usize) -> [f32; 8] {
        let [red, green, blue] = match &self.factors {
            Some(factors) => factors.cells[index],
            None => [1.0; 3],
        };
        [
            self.distance.cells[index] * self.scale,
            if self.protected.cells[index] {
                0.0
            } else {
                1.0
            },
            self.differs.cells[index],
            red,
            green,
            blue,
            0.0,
            0.0,
        ]
    }

    fn is_active(&self, index: usize, feather: f32) -> bool {
        let [distance, free, differs, red, green, blue, ..] = self.lanes(index);
        free > 0.0 && ((distance < feather && differs > 0.0) || [red, green, blue] != [1.0; 3])
    }
}

/// What blending needs.
#[derive(Debug)]
pub(super) struct Blend<'a> {
    pub(super) photo: &'a Picture,
    pub(super) generated: &'a Grid<[f32; 4]>,
    pub(super) control: &'a Control<'a>,
    pub(super) grain: &'a Grain,
    /// Width of the feather in pixels of the photo.
    pub(super) feather: f32,
}

/// The finished picture.
#[derive(Debug)]
pub(super) struct Blended {
    pub(super) picture: Picture,
    pub(super) changed: Plane,
    /// Pixels that differ from the photo's.
    pub(super) touched: u64,
    /// Mean deviation of the grain, where generated pixels lie.
    pub(super) grain: f64,
}

/// Sums of a band.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    touched: u64,
    grain: f64,
    generated: f64,
}

impl Blend<'_> {
    pub(super) fn run(&self) -> Blended {
        let (width, height) = (self.photo.width, self.photo.height);
        let places = Places::new(self);
        let mut samples = vec![0_u8; width * height * 3];
        let mut changed = vec![0_u8; width * height];
        let sums: Vec<Sums> = (samples.par_chunks_mut(width * 3 * BAND))
            .zip(changed.par_chunks_mut(width * BAND))
            .enumerate()
            .map_init(Buffers::default, |buffers, (band, (samples, changed))| {
                let mut sums = Sums::default();
                for (offset, (samples, changed)) in (samples.chunks_exact_mut(width * 3))
                    .zip(changed.chunks_exact_mut(width))
                    .enumerate()
                {
                    let y = band * BAND + offset;
                    self.copy_row(y, samples);
                    places.runs(y, &mut buffers.runs);
                    for index in 0..buffers.runs.len() {
                        let (start, end) = buffers.runs[index];
                        self.blend_run(
                            &places,
                            y,
                            start..end,
                            samples,
                            changed,
                            buffers,
                            &mut sums,
                        );
                    }
                }
                sums
            })
            .collect();
        let total = sums.iter().fold(Sums::default(), |total, sums| Sums {
            touched: total.touched + sums.touched,
            grain: total.grain + sums.grain,
            generated: total.generated + sums.generated,
        });
        Blended {
            picture: Picture {
                width,
                height,
                samples: Samples::Eight(samples),
            },
            changed: Plane {
                width,
                height,
                samples: changed,
            },
            touched: total.touched,
            grain: total.grain / total.generated.max(1.0),
        }
    }

    /// The photo's own row, as 8 bits.
    fn copy_row(&self, y: usize, target: &mut [u8]) {
        let range = y * target.len()..(y + 1) * target.len();
        match &self.photo.samples {
            Samples::Eight(samples) => target.copy_from_slice(&samples[range]),
            Samples::Sixteen(samples) => {
                for (target, &sample) in target.iter_mut().zip(&samples[range]) {
                    *target = ((u32::from(sample) + 128) / 257) as u8;
                }
            }
        }
    }

    /// Code values with their fraction of a run of the photo.
    fn photo_run(&self, y: usize, run: std::ops::Range<usize>, target: &mut Vec<[f32; 3]>) {
        let start = y * self.photo.width;
        let range = (start + run.start) * 3..(start + run.end) * 3;
        target.clear();
        match &self.photo.samples {
            Samples::Eight(samples) => target.extend(
                (samples[range].as_chunks::<3>().0.iter()).map(|pixel| pixel.map(f32::from)),
            ),
            Samples::Sixteen(samples) => target.extend(
                (samples[range].as_chunks::<3>().0.iter())
                    .map(|pixel| pixel.map(|sample| f32::from(sample) * (1.0 / 257.0))),
            ),
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one run of a row and its two targets"
    )]
    fn blend_run(
        &self,
        places: &Places,
        y: usize,
        run: std::ops::Range<usize>,
        samples: &mut [u8],
        changed: &mut [u8],
        buffers: &mut Buffers,
        sums: &mut Sums,
    ) {
        self.photo_run(y, run.clone(), &mut buffers.photo);
        places.control_columns(y, &run, self.control, &mut buffers.control);
        places.generated_columns(y, &run, self.generated, &mut buffers.generated);
        let grainy = !self.grain.is_none();
        if grainy {
            grain_run(
                y,
                &run,
                &mut buffers.white,
                &mut buffers.fine,
                &mut buffers.coarse,
            );
        }
        let first_control = places.columns[run.start].low;
        let first_generated = places.taps[run.start].first;
        let inverse = 1.0 / self.feather;
        let buffers = &*buffers;
        vectorized(
            #[inline(always)]
            || {
                for (offset, own) in buffers.photo.iter().enumerate() {
                    let x = run.start + offset;
                    let column = places.columns[x];
                    let low = &buffers.control[column.low - first_control];
                    let high = &buffers.control[column.high - first_control];
                    let mut here = [0.0_f32; 8];
                    for lane in 0..8 {
                        here[lane] = mix(low[lane], high[lane], column.share);
                    }
                    let [distance, free, differs, red, green, blue, ..] = here;
                    let reach = (1.0 - distance * inverse).clamp(0.0, 1.0);
                    let share = reach * reach * (3.0 - 2.0 * reach) * free * differs;
                    let factors = [red, green, blue].map(|factor| 1.0 + (factor - 1.0) * free);
                    let soft = factors != [1.0; 3];
                    if share <= 0.0 && !soft {
                        continue;
                    }
                    let mut result = *own;
                    if soft && share < 1.0 {
                        for (value, factor) in result.iter_mut().zip(factors) {
                            let light = quick_srgb_to_linear(*value * (1.0 / 255.0)) * factor;
                            *value = 255.0 * quick_linear_to_srgb(light);
                        }
                    }
                    if share > 0.0 {
                        let taps = &places.taps[x];
                        let mut new = [0.0_f32; 4];
                        let from = taps.first - first_generated;
                        for (source, weight) in buffers.generated[from..from + TAPS]
                            .iter()
                            .zip(taps.weights)
                        {
                            for (new, value) in new.iter_mut().zip(source) {
                                *new += weight * value;
                            }
                        }
                        if grainy {
                            let luma = 0.299 * new[0] + 0.587 * new[1] + 0.114 * new[2];
                            let code = luma.clamp(0.0, 255.0) as usize;
                            let (fine, coarse) = (self.grain.fine[code], self.grain.coarse[code]);
                            let noise =
                                fine * buffers.fine[offset] + coarse * buffers.coarse[offset];
                            for new in &mut new {
                                *new += noise;
                            }
                            sums.grain += f64::from(share * (fine * fine + coarse * coarse).sqrt());
                        }
                        sums.generated += f64::from(share);
                        for (value, new) in result.iter_mut().zip(new) {
                            *value += (new - *value) * share;
                        }
                    }
                    let target = &mut samples[x * 3..x * 3 + 3];
                    let mut same = true;
                    for (target, value) in target.iter_mut().zip(result) {
                        let value = (value + 0.5).clamp(0.0, 255.0) as u8;
                        same &= *target == value;
                        *target = value;
                    }
                    let strongest = factors
                        .iter()
                        .fold(0.0_f32, |most, factor| most.max((factor - 1.0).abs()));
                    let soft_share = (strongest * (0.5 / SOFT_CHANGE)).min(0.5);
                    let amount = 255.0 * (share + (1.0 - share) * soft_share);
                    if !same {
                        sums.touched += 1;
                        changed[x] = (amount + 0.5).clamp(1.0, 255.0) as u8;
                    } else if share > 0.5 {
                        // By chance the same inside what was generated.
                        changed[x] = (255.0 * share + 0.5) as u8;
                    }
                }
            },
        );
    }
}

/// White noise of a run, and the same smoothed to variance 1.
fn grain_run(
    y: usize,
    run: &std::ops::Range<usize>,
    white_row: &mut Vec<f32>,
    fine: &mut Vec<f32>,
    coarse: &mut Vec<f32>,
) {
    let length = run.len();
    // The binomial kernel keeps (6/16)^2 of the variance.
    const UNIT: f32 = 1.0 / (16.0 * 0.375);
    fine.clear();
    fine.resize(length, 0.0);
    coarse.clear();
    coarse.resize(length, 0.0);
    white_row.resize(length + 2, 0.0);
    let (left, top) = (run.start as u32, y as u32);
    vectorized(
        #[inline(always)]
        || {
            for (offset, weight) in [(0_u32, UNIT), (1, 2.0 * UNIT), (2, UNIT)] {
                for (x, value) in white_row.iter_mut().enumerate() {
                    *value = white(left.wrapping_add(x as u32), top.wrapping_add(offset));
                }
                for (coarse, window) in coarse.iter_mut().zip(white_row.windows(3)) {
                    *coarse += weight * (window[0] + 2.0 * window[1] + window[2]);
                }
            }
            // Independent of the smoothed noise: another place.
            for (x, value) in fine.iter_mut().enumerate() {
                *value = white(left.wrapping_add(x as u32), top ^ 0x8000_0000);
            }
        },
    );
}

/// Working memory of one thread.
#[derive(Debug, Default)]
struct Buffers {
    runs: Vec<(usize, usize)>,
    photo: Vec<[f32; 3]>,
    control: Vec<[f32; 8]>,
    generated: Vec<[f32; 4]>,
    white: Vec<f32>,
    fine: Vec<f32>,
    coarse: Vec<f32>,
}

/// Weights of the source pixels from `first` on.
#[derive(Clone, Copy, Debug)]
struct Taps {
    /// Column of a row that has `TAPS / 2` more on either side.
    first: usize,
    weights: [f32; TAPS],
}

/// Where the pixels of the photo lie in the grids.
#[derive(Debug)]
struct Places {
    columns: Vec<Between>,
    rows: Vec<Between>,
    taps: Vec<Taps>,
    tap_rows: Vec<Taps>,
    /// First pixel of the photo whose place is at or after a column.
    starts: Vec<usize>,
    active: Grid<bool>,
}

impl Places {
    fn new(blend: &Blend<'_>) -> Self {
        let (width, height) = (blend.photo.width, blend.photo.height);
        let control = blend.control;
        let (across, down) = (control.distance.width, control.distance.height);
        let columns = axis(across, width);
        let starts = (0..=across)
            .map(|column| columns.partition_point(|place| place.low < column))
            .collect();
        Self {
            rows: axis(down, height),
            taps: taps(blend.generated.width, width),
            tap_rows: taps(blend.generated.height, height),
            starts,
            columns,
            active: Grid {
                width: across,
                height: down,
                cells: (0..across * down)
                    .into_par_iter()
                    .with_min_len(4096)
                    .map(|index| control.is_active(index, blend.feather))
                    .collect(),
            },
        }
    }

    /// The runs of a row in which something may change.
    fn runs(&self, y: usize, runs: &mut Vec<(usize, usize)>) {
        runs.clear();
        let row = self.rows[y];
        let (low, high) = (self.active.row(row.low), self.active.row(row.high));
        let mut since = None;
        let width = self.columns.len();
        for column in 0..=low.len() {
            let active = column < low.len() && (low[column] || high[column]);
            match (active, since) {
                (true, None) => since = Some(column),
                (false, Some(first)) => {
                    // Pixels between the cell before and the first active one are reached too.
                    let start = self.starts[usize::saturating_sub(first, 1)];
                    let end = self.starts[column].min(width);
                    match runs.last_mut() {
                        Some(last) if start <= last.1 => last.1 = end.max(last.1),
                        _ if start < end => runs.push((start, end)),
                        _ => {}
                    }
                    since = None;
                }
                _ => {}
            }
        }
    }

    /// The controls of the columns of a run, mixed for its row.
    fn control_columns(
        &self,
        y: usize,
        run: &std::ops::Range<usize>,
        control: &Control<'_>,
        target: &mut Vec<[f32; 8]>,
    ) {
        let row = self.rows[y];
        let width = self.active.width;
        let (first, last) = (self.columns[run.start].low, self.columns[run.end - 1].high);
        target.clear();
        target.extend((first..=last).map(|column| {
            let low = control.lanes(row.low * width + column);
            let high = control.lanes(row.high * width + column);
            std::array::from_fn(|lane| mix(low[lane], high[lane], row.share))
        }));
    }

    /// The generated columns that a run takes from, enlarged downwards for its row.
    fn generated_columns(
        &self,
        y: usize,
        run: &std::ops::Range<usize>,
        generated: &Grid<[f32; 4]>,
        target: &mut Vec<[f32; 4]>,
    ) {
        const AROUND: usize = TAPS / 2;
        let (first, last) = (
            self.taps[run.start].first,
            self.taps[run.end - 1].first + TAPS,
        );
        let row = &self.tap_rows[y];
        target.clear();
        target.resize(last - first, [0.0; 4]);
        for (tap, weight) in row.weights.iter().enumerate() {
            let y = (row.first + tap)
                .saturating_sub(AROUND)
                .min(generated.height - 1);
            let source = generated.row(y);
            for (column, target) in (first..last).zip(target.iter_mut()) {
                let source = source[column.saturating_sub(AROUND).min(generated.width - 1)];
                for (target, value) in target.iter_mut().zip(source) {
                    *target += weight * value;
                }
            }
        }
    }
}

/// Weights of a cubic kernel (Keys 1981, a = -1/2) for each of `to` samples among `from`.
fn taps(from: usize, to: usize) -> Vec<Taps> {
    let step = from as f64 / to as f64;
    (0..to)
        .map(|index| {
            let place = (index as f64 + 0.5) * step - 0.5;
            let low = place.floor();
            let t = place - low;
            let kernel = |distance: f64| {
                let d = distance.abs();
                if d < 1.0 {
                    (1.5 * d - 2.5) * d * d + 1.0
                } else if d < 2.0 {
                    ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0
                } else {
                    0.0
                }
            };
            // In columns of a row with `TAPS / 2` more on the left.
            let first = low + 1.0 - (TAPS / 2) as f64 + (TAPS / 2) as f64;
            Taps {
                first: first.max(0.0) as usize,
                weights: std::array::from_fn(|tap| {
                    kernel(tap as f64 - (TAPS / 2 - 1) as f64 - t) as f32
                }),
            }
        })
        .collect()
}
