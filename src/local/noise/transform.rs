//! The eight-point cosine transform on several lanes at once, in the scaled form of Arai, Agui and
//! Nakajima (1988): five multiplications a transform. The scale factors of the two directions
//! cancel, so a coefficient only needs them where it is compared with a noise level.

use std::ops::{Add, Mul, Sub};

/// Eight values that go through the same arithmetic; the compiler turns them into vector registers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Lanes(pub(super) [f32; 8]);

impl Lanes {
    #[inline(always)]
    pub(super) const fn splat(value: f32) -> Self {
        Self([value; 8])
    }

    /// The first eight values of a slice; missing ones are zero.
    #[inline(always)]
    pub(super) fn load(values: &[f32]) -> Self {
        values
            .first_chunk::<8>()
            .map_or(Self([0.0; 8]), |chunk| Self(*chunk))
    }

    #[inline(always)]
    pub(super) fn store(self, values: &mut [f32]) {
        if let Some(chunk) = values.first_chunk_mut::<8>() {
            *chunk = self.0;
        }
    }
}

macro_rules! lane_operation {
    ($operation:ident, $method:ident, $symbol:tt) => {
        impl $operation for Lanes {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                let mut result = self.0;
                for (value, other) in result.iter_mut().zip(other.0) {
                    *value $symbol other;
                }
                Self(result)
            }
        }
    };
}

lane_operation!(Add, add, +=);
lane_operation!(Sub, sub, -=);
lane_operation!(Mul, mul, *=);

impl Mul<f32> for Lanes {
    type Output = Self;

    #[inline(always)]
    fn mul(self, factor: f32) -> Self {
        self * Self::splat(factor)
    }
}

/// What the forward transform multiplies coefficient `k` of the orthonormal transform with, besides
/// the square root of eight.
pub(super) const SCALE: [f32; 8] = [
    1.0,
    1.387_039_8,
    1.306_563,
    1.175_875_6,
    1.0,
    0.785_694_96,
    0.541_196_1,
    0.275_899_38,
];

/// Forward transform of eight samples in each lane.
#[inline(always)]
pub(super) fn forward(samples: &mut [Lanes; 8]) {
    let [d0, d1, d2, d3, d4, d5, d6, d7] = *samples;
    let (s0, s7) = (d0 + d7, d0 - d7);
    let (s1, s6) = (d1 + d6, d1 - d6);
    let (s2, s5) = (d2 + d5, d2 - d5);
    let (s3, s4) = (d3 + d4, d3 - d4);

    let (e0, e3) = (s0 + s3, s0 - s3);
    let (e1, e2) = (s1 + s2, s1 - s2);
    let rotated = (e2 + e3) * std::f32::consts::FRAC_1_SQRT_2;
    samples[0] = e0 + e1;
    samples[4] = e0 - e1;
    samples[2] = e3 + rotated;
    samples[6] = e3 - rotated;

    let (o0, o1, o2) = (s4 + s5, s5 + s6, s6 + s7);
    let common = (o0 - o2) * 0.382_683_43;
    let low = o0 * 0.541_196_1 + common;
    let high = o2 * 1.306_563 + common;
    let middle = o1 * std::f32::consts::FRAC_1_SQRT_2;
    let (sum, difference) = (s7 + middle, s7 - middle);
    samples[5] = difference + low;
    samples[3] = difference - low;
    samples[1] = sum + high;
    samples[7] = sum - high;
}

/// Inverse of [`forward`], times eight.
#[inline(always)]
pub(super) fn inverse(coefficients: &mut [Lanes; 8]) {
    let [c0, c1, c2, c3, c4, c5, c6, c7] = *coefficients;
    let (t10, t11) = (c0 + c4, c0 - c4);
    let t13 = c2 + c6;
    let t12 = (c2 - c6) * std::f32::consts::SQRT_2 - t13;
    let (e0, e3) = (t10 + t13, t10 - t13);
    let (e1, e2) = (t11 + t12, t11 - t12);

    let (z13, z10) = (c5 + c3, c5 - c3);
    let (z11, z12) = (c1 + c7, c1 - c7);
    let o7 = z11 + z13;
    let z5 = (z10 + z12) * 1.847_759_1;
    let o6 = z5 - z10 * 2.613_126 - o7;
    let o5 = (z11 - z13) * std::f32::consts::SQRT_2 - o6;
    let o4 = z5 - z12 * 1.082_392_2 - o5;

    *coefficients = [
        e0 + o7,
        e1 + o6,
        e2 + o5,
        e3 + o4,
        e3 - o4,
        e2 - o5,
        e1 - o6,
        e0 - o7,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp() -> [Lanes; 8] {
        let mut samples = [Lanes::default(); 8];
        for (row, lanes) in samples.iter_mut().enumerate() {
            for (lane, value) in lanes.0.iter_mut().enumerate() {
                *value = ((row * 37 + lane * 101) % 83) as f32 - 20.0;
            }
        }
        samples
    }

    #[test]
    fn the_inverse_gives_back_eight_times_the_samples() {
        let mut lanes = ramp();
        forward(&mut lanes);
        inverse(&mut lanes);
        for (got, want) in lanes.iter().zip(ramp()) {
            for (got, want) in got.0.iter().zip(want.0) {
                assert!((got / 8.0 - want).abs() < 1e-3, "{got} {want}");
            }
        }
    }

    #[test]
    fn coefficients_are_the_cosine_transform_with_the_documented_scale() {
        let mut lanes = ramp();
        forward(&mut lanes);
        let samples = ramp();
        for (k, got) in lanes.iter().enumerate() {
            let norm = if k == 0 { (1.0_f64 / 8.0).sqrt() } else { 0.5 };
            let want: f64 = (0..8)
                .map(|n| {
                    let angle = std::f64::consts::PI * (2 * n + 1) as f64 * k as f64 / 16.0;
                    norm * f64::from(samples[n].0[3]) * angle.cos()
                })
                .sum();
            let want = want * f64::from(SCALE[k]) * 8.0_f64.sqrt();
            assert!(
                (f64::from(got.0[3]) - want).abs() < 1e-2,
                "{k}: {got:?} {want}"
            );
        }
    }
}
