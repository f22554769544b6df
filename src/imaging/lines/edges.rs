//! Edge points with sub-pixel positions: gradient maxima across the edge, refined by a parabola along
//! the dominant axis (F. Devernay, "A non-maxima suppression method for edge detection with sub-pixel
//! accuracy", 1995).

use rayon::prelude::*;

use super::proxy::Proxy;

/// No edge point in this pixel.
pub(super) const NONE: u32 = u32::MAX;

/// Gradients below this (luminance 0 to 1, per pixel) are no edges however clean the picture is.
const LOWEST_THRESHOLD: f32 = 0.004;

/// Gradients above this are edges however busy the picture is.
const HIGHEST_THRESHOLD: f32 = 0.03;

/// One edge point on the proxy.
#[derive(Clone, Copy, Debug)]
pub(super) struct EdgePoint {
    /// Sub-pixel position.
    pub(super) position: [f32; 2],
    /// Unit vector from dark to bright.
    pub(super) gradient: [f32; 2],
    /// Pixel that holds the point.
    pub(super) pixel: [u32; 2],
}

/// The edge points of a proxy and where they lie.
#[derive(Debug)]
pub(super) struct EdgeMap {
    pub(super) width: usize,
    pub(super) height: usize,
    /// In raster order.
    pub(super) points: Vec<EdgePoint>,
    /// For each pixel the index of its point, or [`NONE`].
    pub(super) index: Vec<u32>,
}

impl EdgeMap {
    pub(super) fn new(proxy: &Proxy) -> Self {
        let (width, height) = (proxy.width, proxy.height);
        if width < 12 || height < 12 {
            return Self {
                width,
                height,
                points: Vec::new(),
                index: vec![NONE; width * height],
            };
        }
        let smooth = smooth(&proxy.samples, width);
        let gradients = gradients(&smooth, width);
        let threshold = threshold(&gradients);
        let rows: Vec<Vec<EdgePoint>> = (MARGIN..height - MARGIN)
            .into_par_iter()
            .map(|y| edge_points_of_row(&gradients, width, y, threshold))
            .collect();
        let points: Vec<EdgePoint> = rows.into_iter().flatten().collect();
        let mut index = vec![NONE; width * height];
        for (number, point) in points.iter().enumerate() {
            let [x, y] = point.pixel;
            if let Some(slot) = index.get_mut(y as usize * width + x as usize) {
                *slot = u32::try_from(number).unwrap_or(NONE);
            }
        }
        Self {
            width,
            height,
            points,
            index,
        }
    }

    /// The index of the point in this pixel, if any.
    pub(super) fn at(&self, x: i64, y: i64) -> Option<u32> {
        let (column, row) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
        if column >= self.width || row >= self.height {
            return None;
        }
        let index = *self.index.get(row * self.width + column)?;
        (index != NONE).then_some(index)
    }
}

/// Pixels at the border that smoothing and gradients do not reach.
const MARGIN: usize = 5;

/// Binomial smoothing with seven taps in both directions (standard deviation 1.22 pixels); the three
/// outermost pixels are only smoothed along the border.
fn smooth(samples: &[f32], width: usize) -> Vec<f32> {
    const TAPS: [f32; 4] = [20.0 / 64.0, 15.0 / 64.0, 6.0 / 64.0, 1.0 / 64.0];
    let height = samples.len() / width;
    let mut across = samples.to_vec();
    across
        .par_chunks_mut(width)
        .zip(samples.par_chunks(width))
        .for_each(|(output, input)| {
            for (value, window) in output[3..].iter_mut().zip(input.windows(7)) {
                if let [a, b, c, d, e, f, g] = *window {
                    *value =
                        TAPS[0] * d + TAPS[1] * (c + e) + TAPS[2] * (b + f) + TAPS[3] * (a + g);
                }
            }
        });
    let mut result = across.clone();
    result
        .par_chunks_mut(width)
        .enumerate()
        .filter(|(y, _)| (3..height - 3).contains(y))
        .for_each(|(y, output)| {
            let row = |offset: usize| &across[(y + offset - 3) * width..(y + offset - 2) * width];
            let (a, b, c, d, e, f, g) = (row(0), row(1), row(2), row(3), row(4), row(5), row(6));
            for (x, value) in output.iter_mut().enumerate() {
                *value = TAPS[0] * d[x]
                    + TAPS[1] * (c[x] + e[x])
                    + TAPS[2] * (b[x] + f[x])
                    + TAPS[3] * (a[x] + g[x]);
            }
        });
    result
}

/// Central differences: right minus left, below minus above, per pixel; and their length.
fn gradients(samples: &[f32], width: usize) -> Vec<[f32; 3]> {
    let height = samples.len() / width;
    let mut result = vec![[0.0_f32; 3]; samples.len()];
    result
        .par_chunks_mut(width)
        .enumerate()
        .filter(|(y, _)| (1..height - 1).contains(y))
        .for_each(|(y, output)| {
            let above = &samples[(y - 1) * width..y * width];
            let here = &samples[y * width..(y + 1) * width];
            let below = &samples[(y + 1) * width..(y + 2) * width];
            for x in 1..width - 1 {
                let across = 0.5 * (here[x + 1] - here[x - 1]);
                let down = 0.5 * (below[x] - above[x]);
                output[x] = [across, down, across.hypot(down)];
            }
        });
    result
}

/// What separates edges from noise: in a picture of a house most pixels are flat, so the median
/// gradient length is that of the noise (Rayleigh distributed, median 1.18 standard deviations).
fn threshold(gradients: &[[f32; 3]]) -> f32 {
    const BINS: usize = 4096;
    const RANGE: f32 = 0.1;
    let mut histogram = vec![0_u32; BINS];
    let mut count = 0_u32;
    for [_, _, length] in gradients.iter().step_by(7) {
        let bin = ((length / RANGE * BINS as f32) as usize).min(BINS - 1);
        if let Some(slot) = histogram.get_mut(bin) {
            *slot += 1;
            count += 1;
        }
    }
    let mut below = 0;
    let median = histogram
        .iter()
        .position(|number| {
            below += number;
            2 * below >= count
        })
        .unwrap_or(0);
    let median = (median as f32 + 0.5) / BINS as f32 * RANGE;
    (3.2 * median).clamp(LOWEST_THRESHOLD, HIGHEST_THRESHOLD)
}

fn edge_points_of_row(
    gradients: &[[f32; 3]],
    width: usize,
    y: usize,
    threshold: f32,
) -> Vec<EdgePoint> {
    let length = |x: usize, y: usize| gradients[y * width + x][2];
    let mut points = Vec::new();
    for x in MARGIN..width - MARGIN {
        let [across, down, here] = gradients[y * width + x];
        if here < threshold {
            continue;
        }
        let mostly_across = across.abs() >= down.abs();
        let (before, after) = if mostly_across {
            (length(x - 1, y), length(x + 1, y))
        } else {
            (length(x, y - 1), length(x, y + 1))
        };
        if here <= before || here < after {
            continue;
        }
        let offset = 0.5 * (before - after) / (before - 2.0 * here + after);
        let offset = if offset.is_finite() {
            offset.clamp(-0.5, 0.5)
        } else {
            0.0
        };
        let (column, row) = (x as f32, y as f32);
        let position = if mostly_across {
            [column + offset, row]
        } else {
            [column, row + offset]
        };
        points.push(EdgePoint {
            position,
            gradient: [across / here, down / here],
            pixel: [x as u32, y as u32],
        });
    }
    points
}
