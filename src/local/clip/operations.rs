//! The parts of a transformer that are no matrix product, on 32-bit numbers in main memory: bias and
//! activation, softmax, layer normalisation. Each goes over its values once, spread over the processors,
//! in loops that compile to vector instructions.

use candle_core::{CpuStorage, CustomOp1, InplaceOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::configuration::Activation;
use crate::imaging::vectorized;

/// Rows that one processor takes at a time hold about this many values.
const VALUES_AT_A_TIME: usize = 1 << 14;

/// Values that a sum keeps apart until its end, so that it can be taken with vectors.
const LANES: usize = 16;

fn rows_at_a_time(width: usize) -> usize {
    (VALUES_AT_A_TIME / width.max(1)).max(1)
}

/// `exp(x)` to a relative error of about 2e-7, between the ends of the normal numbers.
#[inline(always)]
fn exponential(x: f32) -> f32 {
    // 1.5 · 2²³: adding it rounds to a whole number, which then stands in the low bits.
    const ROUNDER: f32 = 12_582_912.0;
    // ln 2 in two parts, of which the first has few digits, so that its products are exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUNDER;
    let whole = rounded - ROUNDER;
    let rest = x - whole * LN_2_HIGH - whole * LN_2_LOW;
    // The Taylor polynomial of degree 7 on ±ln 2 / 2: its first left-out term is below 6e-9.
    let mut sum = 1.0 / 5040.0;
    for term in [
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        sum = sum * rest + term;
    }
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23));
    sum * power
}

/// `x · σ(1.702 x)`.
#[inline(always)]
fn quick_gelu(x: f32) -> f32 {
    x / (1.0 + exponential(-1.702 * x))
}

/// `x · Φ(x)`. The error function is Abramowitz and Stegun's 7.1.26, which is within 1.5e-7.
#[inline(always)]
fn gelu(x: f32) -> f32 {
    let magnitude = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * magnitude);
    let mut sum = 1.061_405_4;
    for term in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        sum = sum * t + term;
    }
    let error_function = (1.0 - sum * t * exponential(-magnitude * magnitude)).copysign(x);
    0.5 * x * (1.0 + error_function)
}

#[inline(always)]
fn sum_of(values: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let chunks = values.chunks_exact(LANES);
    let tail: f32 = chunks.remainder().iter().map(|&value| term(value)).sum();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += term(value);
        }
    }
    lanes.iter().sum::<f32>() + tail
}

#[inline(always)]
fn largest_of(values: &[f32]) -> f32 {
    let mut lanes = [f32::MIN; LANES];
    let chunks = values.chunks_exact(LANES);
    let tail = chunks.remainder().iter().copied().fold(f32::MIN, f32::max);
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = if value > *lane { value } else { *lane };
        }
    }
    lanes.iter().copied().fold(tail, f32::max)
}

/// A matrix of rows by columns laid out as columns by rows, as a tensor of `columns` by `rows`.
pub(super) fn transposed(matrix: &Tensor) -> Result<Tensor> {
    matrix.apply_op1_no_bwd(&Transposition)
}

/// Lays a matrix out anew in square tiles, which stay in the nearest cache.
struct Transposition;

/// Side of a tile: one line of the cache.
const TILE: usize = 16;

impl CustomOp1 for Transposition {
    fn name(&self) -> &'static str {
        "transposition"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, columns) = layout.shape().dims2()?;
        let CpuStorage::F32(values) = storage else {
            bail!("transposition works on 32-bit numbers only")
        };
        let Some(values) = layout
            .contiguous_offsets()
            .and_then(|(start, end)| values.get(start..end))
            .filter(|values| !values.is_empty())
        else {
            bail!("transposition works on contiguous numbers only")
        };
        let mut turned = vec![0.0; values.len()];
        turned
            .par_chunks_mut(rows * TILE)
            .enumerate()
            .for_each(|(tile, turned)| {
                for (block, source) in values.chunks(columns * TILE).enumerate() {
                    for (row, source) in source.chunks_exact(columns).enumerate() {
                        let targets = turned.chunks_exact_mut(rows);
                        let source = source.iter().skip(tile * TILE);
                        for (target, &value) in targets.zip(source) {
                            if let Some(place) = target.get_mut(block * TILE + row) {
                                *place = value;
                            }
                        }
                    }
                }
            });
        Ok((CpuStorage::F32(turned), Shape::from((columns, rows))))
    }
}

/// Changes rows in place: the first argument of the work is the number of the first row of its share.
struct Rows<W> {
    name: &'static str,
    width: usize,
    work: W,
}

impl<W: Fn(usize, &mut [f32]) + Sync> InplaceOp1 for Rows<W> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let CpuStorage::F32(values) = storage else {
            bail!("{} works on 32-bit numbers only", self.name)
        };
        let Some(values) = layout
            .contiguous_offsets()
            .and_then(|(start, end)| values.get_mut(start..end))
        else {
            bail!("{} works on contiguous numbers only", self.name)
        };
        if self.width == 0 || !values.len().is_multiple_of(self.width) {
            bail!("{} got rows of another width", self.name)
        }
        let rows = rows_at_a_time(self.width);
        values
            .par_chunks_mut(rows * self.width)
            .enumerate()
            .for_each(|(share, values)| (self.work)(share * rows, values));
        Ok(())
    }
}

/// Adds `bias` to every row of `tensor` and applies the activation, in place.
pub(super) fn add_bias(
    tensor: &Tensor,
    bias: &[f32],
    activation: Option<Activation>,
) -> Result<()> {
    tensor.inplace_op1(&Rows {
        name: "bias and activation",
        width: bias.len(),
        work: |_, values: &mut [f32]| match activation {
            None => vectorized(
                #[inline(always)]
                || biased(values, bias, |value| value),
            ),
            Some(Activation::QuickGelu) => vectorized(
                #[inline(always)]
                || biased(values, bias, quick_gelu),
            ),
            Some(Activation::Gelu) => vectorized(
                #[inline(always)]
                || biased(values, bias, gelu),
            ),
        },
    })
}

#[inline(always)]
fn biased(values: &mut [f32], bias: &[f32], function: impl Fn(f32) -> f32) {
    for row in values.chunks_exact_mut(bias.len()) {
        for (value, &bias) in row.iter_mut().zip(bias) {
            *value = function(*value + bias);
        }
    }
}

/// Softmax over the last axis of `scores` times `scale`, in place. Of each row only the first
/// `visible(row)` values count, the rest becomes 0: a causal mask without a tensor for it.
pub(super) fn softmax(
    scores: &Tensor,
    scale: f32,
    visible: impl Fn(usize) -> usize + Sync,
) -> Result<()> {
    let width = scores.dims().last().copied().unwrap_or(0);
    let work = |first: usize, values: &mut [f32]| {
        vectorized(
            #[inline(always)]
            || {
                for (row, values) in values.chunks_exact_mut(width).enumerate() {
                    let count = visible(first + row).clamp(1, width);
                    let (seen, hidden) = values.split_at_mut(count);
                    let largest = largest_of(seen);
                    for value in &mut *seen {
                        *value = exponential((*value - largest) * scale);
                    }
                    let share = 1.0 / sum_of(seen, |value| value);
                    for value in seen {
                        *value *= share;
                    }
                    hidden.fill(0.0);
                }
            },
        );
    };
    scores.inplace_op1(&Rows {
        name: "softmax",
        width,
        work,
    })
}

/// Normalisation of each row to mean 0 and variance 1, then scaled and shifted (Ba et al. 2016).
#[derive(Debug)]
pub(super) struct LayerNorm {
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
    pub(super) epsilon: f32,
}

impl LayerNorm {
    /// The rows of `tensor`, normalised, in memory of their own.
    pub(super) fn forward(&self, tensor: &Tensor) -> Result<Tensor> {
        tensor.apply_op1_no_bwd(self)
    }

    #[inline(always)]
    fn row(&self, from: &[f32], to: &mut [f32]) {
        let share = 1.0 / from.len() as f32;
        let mean = sum_of(from, |value| value) * share;
        let variance = sum_of(from, |value| (value - mean) * (value - mean)) * share;
        let factor = 1.0 / (variance + self.epsilon).sqrt();
        let parameters = self.scale.iter().zip(&self.shift);
        for ((to, &from), (&scale, &shift)) in to.iter_mut().zip(from).zip(parameters) {
            *to = (from - mean) * factor * scale + shift;
        }
    }
}

impl CustomOp1 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer normalisation"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let CpuStorage::F32(values) = storage else {
            bail!("layer normalisation works on 32-bit numbers only")
        };
        let width = self.scale.len();
        let Some(values) = layout
            .contiguous_offsets()
            .and_then(|(start, end)| values.get(start..end))
            .filter(|values| width > 0 && values.len().is_multiple_of(width))
        else {
            bail!("layer normalisation works on contiguous rows of its own width only")
        };
        let mut normalised = vec![0.0; values.len()];
        let share = rows_at_a_time(width) * width;
        normalised
            .par_chunks_mut(share)
            .zip(values.par_chunks(share))
            .for_each(|(to, from)| {
                vectorized(
                    #[inline(always)]
                    || {
                        for (to, from) in to.chunks_exact_mut(width).zip(from.chunks_exact(width)) {
                            self.row(from, to);
                        }
                    },
                );
            });
        Ok((CpuStorage::F32(normalised), layout.shape().clone()))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn tensor(rows: usize, width: usize, value: impl Fn(usize) -> f32) -> Tensor {
        let values: Vec<f32> = (0..rows * width).map(value).collect();
        Tensor::from_vec(values, (rows, width), &Device::Cpu).unwrap()
    }

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn the_exponential_is_right_over_its_whole_range() {
        let mut worst = 0.0_f64;
        for step in -8700..=8800 {
            let x = step as f32 / 100.0;
            let exact = f64::from(x).exp();
            worst = worst.max((f64::from(exponential(x)) - exact).abs() / exact);
        }
        assert!(worst < 3e-7, "{worst}");
        assert!(exponential(-1000.0) < 1e-37);
    }

    #[test]
    fn both_activations_match_their_definitions() {
        // Φ(x) at chosen places, from tables with ten digits.
        for (x, phi) in [
            (0.0, 0.5),
            (0.5, 0.691_462_461_3),
            (1.0, 0.841_344_746_1),
            (-1.0, 0.158_655_253_9),
            (2.0, 0.977_249_868_1),
            (-3.0, 0.001_349_898_0),
            (6.0, 0.999_999_999_0),
        ] {
            let exact = x * phi;
            assert!((f64::from(gelu(x as f32)) - exact).abs() < 5e-7, "{x}");
            let sigmoid = x / (1.0 + (-1.702 * x).exp());
            assert!(
                (f64::from(quick_gelu(x as f32)) - sigmoid).abs() < 1e-6,
                "{x}"
            );
        }
    }

    #[test]
    fn a_matrix_is_turned_whatever_its_sides() {
        for (rows, columns) in [(1, 1), (3, 50), (33, 17), (64, 32)] {
            let matrix = tensor(rows, columns, |index| index as f32);
            let turned = transposed(&matrix).unwrap();
            assert_eq!(turned.dims(), [columns, rows]);
            let expected = matrix.t().unwrap().contiguous().unwrap();
            assert_eq!(values(&turned), values(&expected));
        }
    }

    #[test]
    fn bias_is_added_row_by_row() {
        let rows = tensor(3000, 7, |index| index as f32);
        let bias: Vec<f32> = (0..7).map(|index| index as f32 * 0.5).collect();
        add_bias(&rows, &bias, None).unwrap();
        for (index, value) in values(&rows).into_iter().enumerate() {
            assert!((value - (index as f32 + (index % 7) as f32 * 0.5)).abs() < 1e-6);
        }
        assert!(add_bias(&tensor(5, 3, |_| 0.0), &bias, None).is_err());
    }

    #[test]
    fn softmax_sums_to_one_over_what_is_visible() {
        let scores = tensor(50, 37, |index| (index * 7919 % 101) as f32 - 50.0);
        let before = values(&scores);
        softmax(&scores, 0.25, |row| row % 37 + 1).unwrap();
        let after = values(&scores);
        for row in 0..50 {
            let (before, after) = (&before[row * 37..][..37], &after[row * 37..][..37]);
            let count = row % 37 + 1;
            let total: f64 = before[..count]
                .iter()
                .map(|&score| (f64::from(score) * 0.25).exp())
                .sum();
            for (place, (&score, &share)) in before.iter().zip(after).enumerate() {
                let exact = if place < count {
                    (f64::from(score) * 0.25).exp() / total
                } else {
                    0.0
                };
                assert!((f64::from(share) - exact).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn layer_norm_gives_mean_and_deviation_of_its_parameters() {
        let norm = LayerNorm {
            scale: vec![2.0; 33],
            shift: vec![-1.0; 33],
            epsilon: 1e-12,
        };
        let rows = tensor(2000, 33, |index| (index * 7919 % 1013) as f32 + 500.0);
        for row in values(&norm.forward(&rows).unwrap()).chunks(33) {
            let mean = row.iter().sum::<f32>() / 33.0;
            let variance = row.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / 33.0;
            assert!((mean + 1.0).abs() < 1e-5 && (variance.sqrt() - 2.0).abs() < 1e-5);
        }
        let turned = rows.t().unwrap();
        assert!(norm.forward(&turned).is_err());
    }
}
