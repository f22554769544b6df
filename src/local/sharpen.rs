//! Detail-preserving sharpening of luminance: an unsharp mask of one pixel's radius that is switched
//! off where the local contrast is no more than noise, limited where edges are strong already, and
//! clamped to the brightness found next to the pixel plus a little, so that no edge grows a halo.

use rayon::prelude::*;

use super::noise::NoiseEstimate;
use super::noise::sample::{Sample, luma_row};
use crate::domain::enhancement::{StepReport, StepSetting};
use crate::imaging::{Picture, Samples, vectorized};

/// Name of the step in settings and reports.
pub const STEP_NAME: &str = "sharpening";

/// Rows that one task works on.
const BAND_ROWS: usize = 64;
/// Rows above and below that a row needs.
const REACH: usize = 2;
/// What strength 1 multiplies the detail of a pixel with.
const FULL_GAIN: f32 = 1.6;
/// Detail beyond this many code values is lifted less and less.
const STRONG_DETAIL: f32 = 12.0;
/// The result may leave the range of its neighbours by this share of the range.
const OVERSHOOT: f32 = 0.08;
/// Contrast over three by three pixels below which nothing is sharpened, in code values.
const MIN_CONTRAST: f32 = 3.0;
/// The steepest edges of a sharp photo climb this share of their height from one pixel to the next.
const SHARP_SLOPE: f64 = 0.62;
/// The same for a photo so soft that it gets the full automatic strength.
const SOFT_SLOPE: f64 = 0.22;
/// Bounds of the automatic strength.
const AUTO_STRENGTH: (f64, f64) = (0.15, 0.7);
/// Side of the blocks in which edges are looked for, and the most blocks that are looked at.
const BLOCK: usize = 16;
const MAX_BLOCKS: usize = 6_000;
/// Height of an edge that counts, in code values.
const EDGE_HEIGHT: f32 = 40.0;
/// Fewer edges than this say nothing about a photo.
const MIN_EDGES: usize = 20;

/// How steep the photo's sharp edges are: the share of its height that an edge climbs from one pixel
/// to the next, 0 to 1, near 0.6 for a crisp photo and 0.2 for a soft one. `None` where the photo
/// has too few edges.
#[must_use]
pub fn edge_slope(picture: &Picture) -> Option<f64> {
    match &picture.samples {
        Samples::Eight(samples) => slope_of(samples, picture.width, picture.height),
        Samples::Sixteen(samples) => slope_of(samples, picture.width, picture.height),
    }
}

/// The strength with which to sharpen, 0 to 1, and the report of the step. Estimated from the photo:
/// the softer its edges, the more.
#[must_use]
pub fn decide(picture: &Picture, setting: StepSetting) -> (f64, StepReport) {
    let strength = match setting {
        StepSetting::Off => return (0.0, StepReport::not_applied(STEP_NAME, "switched off")),
        StepSetting::Fixed(strength) => strength.clamp(0.0, 1.0),
        StepSetting::Auto => {
            let Some(slope) = edge_slope(picture) else {
                let reason = "the photo has too few edges to judge its sharpness";
                return (0.0, StepReport::not_applied(STEP_NAME, reason));
            };
            let softness = ((SHARP_SLOPE - slope) / (SHARP_SLOPE - SOFT_SLOPE)).clamp(0.0, 1.0);
            let strength = AUTO_STRENGTH.0 + (AUTO_STRENGTH.1 - AUTO_STRENGTH.0) * softness;
            let report = StepReport::applied(
                STEP_NAME,
                [
                    ("edge_slope", (slope * 1000.0).round() / 1000.0),
                    ("strength", (strength * 1000.0).round() / 1000.0),
                ],
            );
            return (strength, report);
        }
    };
    if strength <= 0.0 {
        return (
            0.0,
            StepReport::not_applied(STEP_NAME, "fixed at no strength"),
        );
    }
    (
        strength,
        StepReport::applied(STEP_NAME, [("strength", strength)]),
    )
}

/// Sharpens a picture in place. `strength` runs from 0 (nothing changes) to 1; `noise` is the noise
/// of the picture as it is now.
pub fn apply(picture: &mut Picture, strength: f64, noise: &NoiseEstimate) {
    let gain = strength.clamp(0.0, 1.0) as f32 * FULL_GAIN;
    if gain <= 0.0 {
        return;
    }
    let mut floors = [0.0; 256];
    for (brightness, floor) in floors.iter_mut().enumerate() {
        // Nine samples of pure noise span three deviations on average and five at most.
        *floor = (5.0 * noise.luma_sigma_at(brightness as f64) as f32).max(MIN_CONTRAST);
    }
    let (width, height) = (picture.width, picture.height);
    match &mut picture.samples {
        Samples::Eight(samples) => sharpen(samples, width, height, gain, &floors),
        Samples::Sixteen(samples) => sharpen(samples, width, height, gain, &floors),
    }
}

fn sharpen<S: Sample>(
    samples: &mut [S],
    width: usize,
    height: usize,
    gain: f32,
    floors: &[f32; 256],
) {
    let row_samples = width * 3;
    // Luma of the rows next to each band, taken before any band changes.
    let bands = height.div_ceil(BAND_ROWS);
    let source = &*samples;
    let borders: Vec<Vec<f32>> = (0..bands)
        .into_par_iter()
        .map(|band| {
            let top = band * BAND_ROWS;
            let bottom = (top + BAND_ROWS).min(height);
            let mut luma = vec![0.0; 2 * REACH * width];
            let above = (0..REACH).map(|row| (top + row).saturating_sub(REACH));
            let below = (0..REACH).map(|row| (bottom + row).min(height - 1));
            for (y, luma) in above.chain(below).zip(luma.chunks_exact_mut(width)) {
                luma_row(&source[y * row_samples..(y + 1) * row_samples], luma);
            }
            luma
        })
        .collect();
    samples
        .par_chunks_mut(row_samples * BAND_ROWS)
        .zip(&borders)
        .for_each_init(Buffers::default, |buffers, (band, borders)| {
            let rows = band.len() / row_samples;
            buffers.resize(width, rows);
            let (above, below) = borders.split_at(REACH * width);
            let inner = REACH * width..(REACH + rows) * width;
            buffers.luma[..REACH * width].copy_from_slice(above);
            buffers.luma[inner.end..].copy_from_slice(below);
            for (pixels, luma) in band
                .chunks_exact(row_samples)
                .zip(buffers.luma[inner].chunks_exact_mut(width))
            {
                vectorized(
                    #[inline(always)]
                    || luma_row(pixels, luma),
                );
            }
            for (offset, pixels) in band.chunks_exact_mut(row_samples).enumerate() {
                vectorized(
                    #[inline(always)]
                    || {
                        buffers.changes(offset, width, gain, floors);
                        add_changes(pixels, &buffers.change);
                    },
                );
            }
        });
}

/// Adds the same change to the three samples of each pixel.
#[inline(always)]
fn add_changes<S: Sample>(pixels: &mut [S], changes: &[f32]) {
    for (pixel, change) in pixels.as_chunks_mut::<3>().0.iter_mut().zip(changes) {
        for sample in pixel {
            *sample = S::from_code(sample.code() as f32 + change);
        }
    }
}

/// Working memory of one thread.
#[derive(Default)]
struct Buffers {
    luma: Vec<f32>,
    blurred: Vec<f32>,
    lowest: Vec<f32>,
    highest: Vec<f32>,
    floor: Vec<f32>,
    change: Vec<f32>,
}

/// As many values as a row has pixels, from the column `shift` on.
#[inline(always)]
fn beside(width: usize, values: &[f32], shift: usize) -> std::slice::Iter<'_, f32> {
    values[shift..shift + width].iter()
}

#[inline(always)]
fn lower(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

#[inline(always)]
fn higher(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

impl Buffers {
    fn resize(&mut self, width: usize, rows: usize) {
        self.luma.resize((rows + 2 * REACH) * width, 0.0);
        for row in [&mut self.blurred, &mut self.lowest, &mut self.highest] {
            row.resize(width + 2 * REACH, 0.0);
        }
        self.floor.resize(width, 0.0);
        self.change.resize(width, 0.0);
    }

    /// What sharpening adds to each pixel of a row, in code values of 0 to 65535.
    #[inline(always)]
    fn changes(&mut self, row: usize, width: usize, gain: f32, floors: &[f32; 256]) {
        let luma = |offset: usize| &self.luma[(row + offset) * width..(row + offset + 1) * width];
        let (first, second, centre, fourth, fifth) = (luma(0), luma(1), luma(2), luma(3), luma(4));
        let inner = REACH..REACH + width;
        for ((((((blurred, lowest), highest), a), b), c), (d, e)) in self.blurred[inner.clone()]
            .iter_mut()
            .zip(&mut self.lowest[inner.clone()])
            .zip(&mut self.highest[inner])
            .zip(first)
            .zip(second)
            .zip(centre)
            .zip(fourth.iter().zip(fifth))
        {
            *blurred = (a + e) + 4.0 * (b + d) + 6.0 * c;
            *lowest = lower(lower(*b, *c), *d);
            *highest = higher(higher(*b, *c), *d);
        }
        for values in [&mut self.blurred, &mut self.lowest, &mut self.highest] {
            let (left, right) = (values[REACH], values[REACH + width - 1]);
            values[..REACH].fill(left);
            values[REACH + width..].fill(right);
        }
        for (floor, value) in self.floor.iter_mut().zip(centre) {
            *floor = floors[(*value as i32).clamp(0, 255) as usize];
        }
        // Each row as the columns beside each other: loops over windows do not become vectors.

        for ((((change, value), floor), (((a, b), c), (d, e))), (lowest, highest)) in self
            .change
            .iter_mut()
            .zip(centre)
            .zip(&self.floor)
            .zip(
                beside(width, &self.blurred, 0)
                    .zip(beside(width, &self.blurred, 1))
                    .zip(beside(width, &self.blurred, 2))
                    .zip(beside(width, &self.blurred, 3).zip(beside(width, &self.blurred, 4))),
            )
            .zip(
                beside(width, &self.lowest, 1)
                    .zip(beside(width, &self.lowest, 2))
                    .zip(beside(width, &self.lowest, 3))
                    .zip(
                        beside(width, &self.highest, 1)
                            .zip(beside(width, &self.highest, 2))
                            .zip(beside(width, &self.highest, 3)),
                    ),
            )
        {
            let blur = ((a + e) + 4.0 * (b + d) + 6.0 * c) * (1.0 / 256.0);
            let ((first, second), third) = lowest;
            let low = lower(lower(*first, *second), *third);
            let ((first, second), third) = highest;
            let high = higher(higher(*first, *second), *third);
            let contrast = high - low;
            // 0 at the contrast of noise, 1 at three times that.
            let mask = higher(0.0, lower(1.0, (contrast - floor) / (2.0 * floor)));
            let detail = value - blur;
            let lift = gain * mask * detail / (1.0 + detail.abs() * (1.0 / STRONG_DETAIL));
            let margin = OVERSHOOT * contrast;
            let bounded = higher(low - margin, lower(high + margin, value + lift));
            *change = (bounded - value) * 257.0;
        }
    }
}

fn slope_of<S: Sample>(samples: &[S], width: usize, height: usize) -> Option<f64> {
    let (columns, rows) = (width / BLOCK, height / BLOCK);
    let blocks = columns * rows;
    let count = blocks.min(MAX_BLOCKS);
    let mut slopes: Vec<f32> = (0..count)
        .into_par_iter()
        .with_min_len(64)
        .filter_map(|index| {
            let block = index * blocks / count;
            let left = block % columns * BLOCK;
            let top = block / columns * BLOCK;
            block_slope(samples, width, left, top)
        })
        .collect();
    if slopes.len() < MIN_EDGES {
        return None;
    }
    // The sharpest tenth: other edges are soft because they lie out of focus or are shadows.
    let position = slopes.len() * 9 / 10;
    let (_, slope, _) = slopes.select_nth_unstable_by(position, f32::total_cmp);
    Some(f64::from(*slope))
}

/// Steepest climb between neighbours in a block, relative to the block's range of brightness.
fn block_slope<S: Sample>(samples: &[S], width: usize, left: usize, top: usize) -> Option<f32> {
    let mut luma = [[0.0_f32; BLOCK]; BLOCK];
    for (y, row) in luma.iter_mut().enumerate() {
        let start = ((top + y) * width + left) * 3;
        luma_row(&samples[start..start + BLOCK * 3], row);
    }
    let flat = luma.as_flattened();
    let low = flat.iter().copied().fold(f32::MAX, lower);
    let high = flat.iter().copied().fold(f32::MIN, higher);
    // A clipped edge looks sharper than it is.
    if high - low < EDGE_HEIGHT || high > 250.0 || low < 4.0 {
        return None;
    }
    let mut steepest = 0.0_f32;
    for (row, below) in luma.iter().zip(&luma[1..]) {
        for (x, (value, below)) in row.iter().zip(below).enumerate() {
            let right = row.get(x + 1).unwrap_or(value);
            steepest = higher(
                steepest,
                higher((right - value).abs(), (below - value).abs()),
            );
        }
    }
    Some(steepest / (high - low))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 96;
    const HEIGHT: usize = 150;

    /// A blurred edge between two walls; `softness` is the width of its rise in pixels.
    fn edge(softness: f64) -> Picture {
        let mut samples = Vec::new();
        for y in 0..HEIGHT {
            for x in 0..WIDTH {
                let distance = (x as f64 - 40.0 - y as f64 * 0.1) / softness;
                let value = 80.0 + 90.0 / (1.0 + (-distance).exp());
                samples.extend([value as u8, (value * 0.9) as u8, (value * 0.8) as u8]);
            }
        }
        Picture::from_eight(WIDTH, HEIGHT, samples).unwrap()
    }

    fn green(picture: &Picture) -> Vec<i32> {
        match &picture.samples {
            Samples::Eight(samples) => samples
                .iter()
                .skip(1)
                .step_by(3)
                .map(|s| i32::from(*s))
                .collect(),
            Samples::Sixteen(samples) => samples
                .iter()
                .skip(1)
                .step_by(3)
                .map(|s| (i32::from(*s) + 128) / 257)
                .collect(),
        }
    }

    fn steepest(values: &[i32]) -> i32 {
        values
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).abs())
            .take(WIDTH - 1)
            .max()
            .unwrap()
    }

    #[test]
    fn an_edge_gets_steeper_without_a_halo() {
        let soft = edge(1.2);
        let mut sharp = soft.clone();
        apply(&mut sharp, 1.0, &NoiseEstimate::none());
        let (before, after) = (green(&soft), green(&sharp));
        assert!(steepest(&after) > steepest(&before), "{}", steepest(&after));
        let (low, high) = (before.iter().min(), before.iter().max());
        assert!(after.iter().min().unwrap() >= &(low.unwrap() - 3));
        assert!(after.iter().max().unwrap() <= &(high.unwrap() + 3));
    }

    #[test]
    fn noise_on_a_wall_is_not_sharpened() {
        let mut samples = Vec::new();
        for index in 0..WIDTH * HEIGHT {
            let value = 120 + (index * 7919 % 13 % 5) as u8;
            samples.extend([value; 3]);
        }
        let wall = Picture::from_eight(WIDTH, HEIGHT, samples).unwrap();
        let noise = crate::local::noise::estimate(&wall, Some(800));
        let mut sharpened = wall.clone();
        apply(&mut sharpened, 1.0, &noise);
        assert_eq!(sharpened, wall, "{noise:?}");
    }

    #[test]
    fn both_depths_and_any_number_of_threads_agree() {
        let eight = edge(1.0);
        let mut sixteen = crate::local::noise::reduce(eight.clone(), &NoiseEstimate::none(), 0.0);
        let run = |threads: usize, picture: &Picture| {
            let mut picture = picture.clone();
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap()
                .install(|| apply(&mut picture, 0.6, &NoiseEstimate::none()));
            picture
        };
        assert_eq!(run(1, &eight), run(3, &eight));
        apply(&mut sixteen, 0.6, &NoiseEstimate::none());
        for (a, b) in green(&run(1, &eight)).iter().zip(green(&sixteen)) {
            assert!((a - b).abs() <= 1, "{a} {b}");
        }
    }

    #[test]
    fn a_soft_photo_gets_more_than_a_crisp_one() {
        let textured = |softness: f64| {
            let mut picture = edge(softness);
            let Samples::Eight(samples) = &mut picture.samples else {
                panic!("8 bits");
            };
            let row = samples[..WIDTH * 3].to_vec();
            for rows in samples.chunks_exact_mut(WIDTH * 3) {
                rows.copy_from_slice(&row);
            }
            // Six blocks of sixteen across by nine down hold one edge each row.
            crate::imaging::resize(&picture, WIDTH, 16 * MIN_EDGES).unwrap()
        };
        let (crisp, _) = decide(&textured(0.3), StepSetting::Auto);
        let (soft, report) = decide(&textured(1.6), StepSetting::Auto);
        assert!(
            report.applied && soft > crisp && crisp > 0.0,
            "{soft} {crisp}"
        );
    }

    #[test]
    fn settings_are_followed_and_small_pictures_are_taken() {
        let picture = Picture::from_eight(1, 1, vec![9, 9, 9]).unwrap();
        let (strength, report) = decide(&picture, StepSetting::Auto);
        assert!(strength == 0.0 && !report.applied && report.reason.is_some());
        assert_eq!(decide(&picture, StepSetting::Fixed(0.5)).0, 0.5);
        assert!(!decide(&picture, StepSetting::Off).1.applied);
        for (width, height) in [(1, 1), (2, 5), (7, 1), (3, 130)] {
            let samples = (0..width * height * 3)
                .map(|index| (index * 91 % 256) as u8)
                .collect();
            let mut picture = Picture::from_eight(width, height, samples).unwrap();
            apply(&mut picture, 1.0, &NoiseEstimate::none());
            assert_eq!(picture.pixels(), width * height);
        }
    }
}
