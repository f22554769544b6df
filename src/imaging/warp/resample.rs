//! Drawing a warp: Catmull-Rom interpolation on four by four pixels with the inverse map evaluated
//! exactly at every sixteenth pixel of a row and linearly between (the error is below a hundredth of
//! a pixel for the bends that are corrected here).

use rayon::prelude::*;

use super::Warp;
use crate::imaging::color::rounded_to_sixteen;
use crate::imaging::{Picture, Samples, vectorized};

/// Columns between exact evaluations of the map.
const NODE: usize = 16;

/// Positions are counted in these parts of a pixel: a shift, the unit, and the bits that choose the
/// weights.
const BITS: u32 = 20;
const ONE: i64 = 1 << BITS;
const PHASE_BITS: u32 = 10;

/// Positions between two pixels for which weights are kept.
const PHASES: usize = 1 << PHASE_BITS;

/// Rows that one task draws.
const BAND: usize = 16;

/// Draws the picture as the upright camera sees it: same size, same number of bits, no position
/// outside the picture is read. A picture of another size than the warp's comes back unchanged.
#[must_use]
pub fn apply(picture: &Picture, warp: &Warp) -> Picture {
    if warp.size() != (picture.width, picture.height) {
        return picture.clone();
    }
    apply_map(picture, &|x, y| warp.source_of(x, y))
}

/// Draws the picture through any smooth map from pixels of the result to positions in the picture.
pub(crate) fn apply_map(
    picture: &Picture,
    source_of: &(impl Fn(f64, f64) -> [f64; 2] + Sync),
) -> Picture {
    let weights = weights();
    let (width, height) = (picture.width, picture.height);
    let samples = match &picture.samples {
        Samples::Eight(source) => Samples::Eight(
            View {
                source,
                width,
                height,
                weights: &weights,
            }
            .draw(source_of),
        ),
        Samples::Sixteen(source) => Samples::Sixteen(
            View {
                source,
                width,
                height,
                weights: &weights,
            }
            .draw(source_of),
        ),
    };
    Picture {
        width,
        height,
        samples,
    }
}

/// Weights of the four nearest columns, each for the three channels of its pixel, and of the four rows.
struct Weights {
    across: [f32; 12],
    down: [f32; 4],
}

/// A sample that can be weighted and rounded.
trait Sample: Copy + Default + Send + Sync {
    fn to_float(self) -> f32;
    fn from_float(value: f32) -> Self;
}

impl Sample for u8 {
    #[inline(always)]
    fn to_float(self) -> f32 {
        f32::from(self)
    }
    #[inline(always)]
    fn from_float(value: f32) -> Self {
        rounded_to_sixteen(if value < 255.0 { value } else { 255.0 }) as Self
    }
}

impl Sample for u16 {
    #[inline(always)]
    fn to_float(self) -> f32 {
        f32::from(self)
    }
    #[inline(always)]
    fn from_float(value: f32) -> Self {
        rounded_to_sixteen(value)
    }
}

/// Catmull-Rom weights (Keys, "Cubic convolution interpolation", 1981, a = -1/2) of the four nearest
/// pixels for each position between the second and the third.
fn weights() -> Vec<Weights> {
    (0..PHASES)
        .map(|phase| {
            let t = phase as f64 / PHASES as f64;
            let (square, cube) = (t * t, t * t * t);
            let down = [
                -0.5 * t + square - 0.5 * cube,
                1.0 - 2.5 * square + 1.5 * cube,
                0.5 * t + 2.0 * square - 1.5 * cube,
                -0.5 * square + 0.5 * cube,
            ]
            .map(|weight| weight as f32);
            Weights {
                across: std::array::from_fn(|sample| down[sample / 3]),
                down,
            }
        })
        .collect()
}

/// Four pixels of a line, weighted. Written so that it becomes vector instructions.
#[inline(always)]
fn weighted<T: Sample>(line: &[T; 12], weight: f32) -> [f32; 12] {
    line.map(|sample| sample.to_float() * weight)
}

struct View<'a, T> {
    source: &'a [T],
    width: usize,
    height: usize,
    weights: &'a [Weights],
}

impl<T: Sample> View<'_, T> {
    fn draw(&self, source_of: &(impl Fn(f64, f64) -> [f64; 2] + Sync)) -> Vec<T> {
        let mut result = vec![T::default(); self.source.len()];
        result
            .par_chunks_mut(self.width * 3 * BAND)
            .enumerate()
            .for_each(|(band, rows)| {
                for (row, output) in rows.chunks_exact_mut(self.width * 3).enumerate() {
                    let y = (band * BAND + row) as f64;
                    vectorized(
                        #[inline(always)]
                        || self.draw_row(source_of, y, output),
                    );
                }
            });
        result
    }

    #[inline(always)]
    fn draw_row(&self, source_of: &impl Fn(f64, f64) -> [f64; 2], y: f64, output: &mut [T]) {
        let at = |x: f64| source_of(x, y).map(|value| (value * ONE as f64).round() as i64);
        let last = [self.width, self.height].map(|size| (size as i64 - 1) * ONE);
        let mut from = at(0.0);
        let mut values = [[0.0_f32; 3]; NODE];
        for (node, pixels) in output.chunks_mut(NODE * 3).enumerate() {
            let until = at(((node + 1) * NODE) as f64);
            let step = [until[0] - from[0], until[1] - from[1]].map(|way| way / NODE as i64);
            let mut place = from;
            // Between two nodes that lie inside, all positions do.
            let inside = (0..2).all(|axis| {
                let range = ONE..last[axis] - ONE;
                range.contains(&from[axis]) && range.contains(&until[axis])
            });
            let count = pixels.len() / 3;
            for value in values.iter_mut().take(count) {
                *value = if inside {
                    self.inner(place)
                } else {
                    self.border([place[0].clamp(0, last[0]), place[1].clamp(0, last[1])])
                };
                place = [place[0] + step[0], place[1] + step[1]];
            }
            for (sample, value) in pixels.iter_mut().zip(values.as_flattened()) {
                *sample = T::from_float(*value);
            }
            from = until;
        }
    }

    #[inline(always)]
    fn weights_at(&self, position: i64) -> &Weights {
        &self.weights[((position & (ONE - 1)) >> (BITS - PHASE_BITS)) as usize % PHASES]
    }

    /// The picture between pixels; the position in units of [`ONE`], with a pixel to the left and above
    /// and two to the right and below.
    #[inline(always)]
    fn inner(&self, [x, y]: [i64; 2]) -> [f32; 3] {
        let (column, row) = ((x >> BITS) as usize, (y >> BITS) as usize);
        let (across, down) = (&self.weights_at(x).across, &self.weights_at(y).down);
        let stride = self.width * 3;
        let start = (row - 1) * stride + (column - 1) * 3;
        let line = |number: usize| {
            self.source
                .get(start + number * stride..)
                .and_then(|rest| rest.first_chunk::<12>())
        };
        let (Some(a), Some(b), Some(c), Some(d)) = (line(0), line(1), line(2), line(3)) else {
            return [0.0; 3];
        };
        let mut sums = weighted(a, down[0]);
        for (line, weight) in [(b, down[1]), (c, down[2]), (d, down[3])] {
            let line = weighted(line, weight);
            for (sum, value) in sums.iter_mut().zip(line) {
                *sum += value;
            }
        }
        for (sum, weight) in sums.iter_mut().zip(across) {
            *sum *= weight;
        }
        [0, 1, 2].map(|channel: usize| {
            (sums[channel] + sums[channel + 3]) + (sums[channel + 6] + sums[channel + 9])
        })
    }

    /// At the border the outermost pixels stand in for those that are not there.
    #[cold]
    #[inline(never)]
    fn border(&self, [x, y]: [i64; 2]) -> [f32; 3] {
        let (column, row) = ((x >> BITS) as usize, (y >> BITS) as usize);
        let (across, down) = (&self.weights_at(x).down, &self.weights_at(y).down);
        let mut value = [0.0_f32; 3];
        for (line, row_weight) in down.iter().enumerate() {
            let y = (row + line).saturating_sub(1).min(self.height - 1);
            for (offset, weight) in across.iter().enumerate() {
                let x = (column + offset).saturating_sub(1).min(self.width - 1);
                let from = (y * self.width + x) * 3;
                for (channel, sample) in value.iter_mut().zip(self.source.iter().skip(from)) {
                    *channel += row_weight * weight * sample.to_float();
                }
            }
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::warp::Lens;

    fn gradient_picture(width: usize, height: usize) -> Picture {
        let mut samples = Vec::new();
        for y in 0..height {
            for x in 0..width {
                samples.extend([(x * 100) as u16, (y * 100) as u16, 30_000]);
            }
        }
        Picture::from_sixteen(width, height, samples).unwrap()
    }

    #[test]
    fn draws_each_pixel_from_where_the_warp_says() {
        let picture = gradient_picture(300, 200);
        let lens = Lens {
            k1: -0.03,
            ..Lens::centered(300, 200, 170.0)
        };
        let warp = Warp::upright(300, 200, lens, -5.0, 2.0).unwrap();
        let result = apply(&picture, &warp);
        let Samples::Sixteen(samples) = &result.samples else {
            panic!("eight bits");
        };
        for y in 0..200 {
            for x in 0..300 {
                let [u, v] = warp.source_of(x as f64, y as f64);
                if !(2.0..=297.0).contains(&u) || !(2.0..=197.0).contains(&v) {
                    continue;
                }
                let at = (y * 300 + x) * 3;
                assert!((f64::from(samples[at]) - u * 100.0).abs() < 4.0, "{x} {y}");
                assert!(
                    (f64::from(samples[at + 1]) - v * 100.0).abs() < 4.0,
                    "{x} {y}"
                );
                assert_eq!(samples[at + 2], 30_000);
            }
        }
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let picture = gradient_picture(201, 97);
        let warp = Warp::upright(201, 97, Lens::centered(201, 97, 120.0), 4.0, -3.0).unwrap();
        let one = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        let four = rayon::ThreadPoolBuilder::new()
            .num_threads(4)
            .build()
            .unwrap();
        assert_eq!(
            one.install(|| apply(&picture, &warp)),
            four.install(|| apply(&picture, &warp))
        );
    }

    #[test]
    fn tiny_pictures_and_other_sizes_do_not_panic() {
        for (width, height) in [(1, 1), (2, 1), (3, 3), (5, 2)] {
            let picture = Picture::from_eight(width, height, vec![9; width * height * 3]).unwrap();
            let lens = Lens::centered(width, height, 3.0);
            if let Some(warp) = Warp::upright(width, height, lens, 1.0, 1.0) {
                assert_eq!(apply(&picture, &warp).samples, picture.samples);
            }
        }
        let warp = Warp::upright(10, 10, Lens::centered(10, 10, 8.0), 1.0, 1.0).unwrap();
        let other = gradient_picture(20, 20);
        assert_eq!(apply(&other, &warp), other);
    }
}
