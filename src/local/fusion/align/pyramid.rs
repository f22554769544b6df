//! Logarithmic light of an exposure at several sizes.

use rayon::prelude::*;

use crate::imaging::{Picture, Samples};
use crate::local::fusion::radiance::linear;

/// The long side that the largest level does not exceed.
const LONG_SIDE: usize = 1400;

/// The long side below which no smaller level is made.
const SMALLEST: usize = 96;

/// Linear light between which an exposure shows the scene and not its noise or its clipping.
pub(super) const SHOWN: [f32; 2] = [0.006, 0.82];

/// One size.
#[derive(Debug)]
pub(super) struct Level {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Mean linear light, 0 to 1.
    light: Vec<f32>,
    /// Its binary logarithm; not a number where the light is not shown.
    pub(super) logarithm: Vec<f32>,
}

impl Level {
    fn new(width: usize, height: usize, light: Vec<f32>) -> Self {
        let [dark, bright] = SHOWN;
        let logarithm = light
            .iter()
            .map(|&light| {
                if (dark..=bright).contains(&light) {
                    light.log2()
                } else {
                    f32::NAN
                }
            })
            .collect();
        Self {
            width,
            height,
            light,
            logarithm,
        }
    }

    fn half(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut light = Vec::with_capacity(width * height);
        for rows in self.light.chunks_exact(self.width * 2).take(height) {
            let (upper, lower) = rows.split_at(self.width);
            for (upper, lower) in upper.chunks_exact(2).zip(lower.chunks_exact(2)) {
                light.push(0.25 * (upper[0] + upper[1] + lower[0] + lower[1]));
            }
        }
        Self::new(width, height, light)
    }

    /// Logarithm between pixels; not a number near what is not shown or outside.
    pub(super) fn at(&self, x: f32, y: f32) -> f32 {
        if !(x >= 0.0 && y >= 0.0) {
            return f32::NAN;
        }
        let (column, row) = (x as usize, y as usize);
        if column + 1 >= self.width || row + 1 >= self.height {
            return f32::NAN;
        }
        let (across, down) = (x - column as f32, y - row as f32);
        let start = row * self.width + column;
        let (Some([a, b]), Some([c, d])) = (
            self.logarithm.get(start..start + 2),
            self.logarithm
                .get(start + self.width..start + self.width + 2),
        ) else {
            return f32::NAN;
        };
        let upper = a + (b - a) * across;
        let lower = c + (d - c) * across;
        upper + (lower - upper) * down
    }
}

/// The sizes of one exposure, the largest first.
#[derive(Debug)]
pub(super) struct Pyramid {
    pub(super) levels: Vec<Level>,
    step: usize,
}

impl Pyramid {
    pub(super) fn new(picture: &Picture) -> Self {
        let step = picture
            .width
            .max(picture.height)
            .div_ceil(LONG_SIDE)
            .min(picture.width)
            .min(picture.height)
            .max(1);
        let (width, height) = (picture.width / step, picture.height / step);
        let mut light = vec![0.0_f32; width * height];
        match &picture.samples {
            Samples::Eight(samples) => {
                let table: Vec<f32> = (0..=u8::MAX)
                    .map(|value| linear(f32::from(value) / 255.0))
                    .collect();
                reduce(samples, picture.width, step, &table, width, &mut light);
            }
            Samples::Sixteen(samples) => {
                let table: Vec<f32> = (0..=u16::MAX)
                    .map(|value| linear(f32::from(value) / 65535.0))
                    .collect();
                reduce(samples, picture.width, step, &table, width, &mut light);
            }
        }
        let mut levels = vec![Level::new(width, height, light)];
        while let Some(last) = levels.last() {
            if last.width.max(last.height) < 2 * SMALLEST || last.width.min(last.height) < 32 {
                break;
            }
            let next = last.half();
            levels.push(next);
        }
        Self { levels, step }
    }

    /// Pixels of the picture along one pixel of the largest level.
    pub(super) const fn step(&self) -> usize {
        self.step
    }

    /// Mean light.
    pub(super) fn mean(&self) -> f64 {
        self.levels.last().map_or(0.0, |level| {
            level
                .light
                .iter()
                .map(|light| f64::from(*light))
                .sum::<f64>()
                / level.light.len().max(1) as f64
        })
    }
}

fn reduce<T: Copy + Into<usize> + Sync>(
    samples: &[T],
    full_width: usize,
    step: usize,
    table: &[f32],
    width: usize,
    light: &mut [f32],
) {
    let scale = 1.0 / (4 * step * step) as f32;
    let decode = |sample: T| table.get(sample.into()).copied().unwrap_or(1.0);
    light
        .par_chunks_mut(width)
        .enumerate()
        .for_each(|(row, output)| {
            for line in samples
                .chunks_exact(full_width * 3)
                .skip(row * step)
                .take(step)
            {
                for (sum, square) in output.iter_mut().zip(line.chunks_exact(step * 3)) {
                    for pixel in square.chunks_exact(3) {
                        if let [red, green, blue] = *pixel {
                            *sum += decode(red) + 2.0 * decode(green) + decode(blue);
                        }
                    }
                }
            }
            for sum in output {
                *sum *= scale;
            }
        });
}

/// How much brighter `moving` is than `base`, EV: the median over places that both show, on a level
/// so small that motion hardly matters. Where they share too little, what the camera told.
pub(super) fn offset(base: &Pyramid, moving: &Pyramid, told: Option<f64>) -> Option<f64> {
    let (base, moving) = (base.levels.last()?, moving.levels.last()?);
    let mut differences: Vec<f32> = base
        .logarithm
        .iter()
        .zip(&moving.logarithm)
        .map(|(base, moving)| moving - base)
        .filter(|difference| difference.is_finite())
        .collect();
    let enough = differences.len() * 50 > base.logarithm.len();
    if !enough {
        return told;
    }
    differences.sort_by(f32::total_cmp);
    differences
        .get(differences.len() / 2)
        .map(|median| f64::from(*median))
}
