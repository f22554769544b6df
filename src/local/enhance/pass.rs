//! The one pass over the full picture: vignetting, white balance, exposure and the local gains together,
//! on a few pixels at a time, channel by channel and without branches, so that every step becomes
//! vector instructions.

use super::guided::Plane;
use super::mixed_light::{self, LightField};
use super::tone::{DARKEST, LEAST_EV, Local, smooth_step};
use super::vignetting::GainTable;
use crate::imaging::color::{
    luminance, quick_linear_to_srgb, quick_srgb_to_linear, rounded_to_sixteen,
};

/// Where the highlights begin to be rolled off, in linear light.
const KNEE: f32 = 0.70;
/// Linear light that counts as blown when every channel has reached it, and how gently that begins.
const NEARLY_BLOWN: f32 = 0.75;
const BLOWN_RAMP: f32 = 0.2;

/// Pixels that are worked on together; their values stay in the fastest cache.
const GROUP: usize = 128;
/// Columns between exact values of the vignetting; it is linear between, as it changes slowly.
const CORNER_STEP: usize = 16;

/// One value for each pixel of a group.
type Values = [f32; GROUP];

/// What is done to every pixel of a picture.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    pub(super) corners: &'a GainTable,
    /// The white balance's gains.
    pub(super) balance: [f32; 3],
    /// How the light's colour runs over the picture.
    pub(super) field: Option<&'a LightField>,
    /// The exposure's gain.
    pub(super) exposure: f32,
    pub(super) local: Option<&'a Local>,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Pass<'_> {
    /// Changes row `y` of the picture: interleaved sRGB-encoded samples.
    #[inline(always)]
    #[expect(clippy::cast_precision_loss, reason = "positions within a picture")]
    pub(super) fn apply(&self, y: usize, row: &mut [u16]) {
        let diagonal = (self.width as f32).hypot(self.height as f32);
        let from_middle = |at: usize, size: usize| (at as f32 + 0.5 - 0.5 * size as f32) / diagonal;
        let down = from_middle(y, self.height);
        let corner = |x: usize| {
            let across = from_middle(x, self.width);
            self.corners.at(across * across + down * down)
        };
        let sampler = self
            .local
            .map(|local| LocalRow::new(local, y, self.width, self.height));
        let field = self
            .field
            .map(|field| FieldRow::new(field, y, self.width, self.height));
        let mut light = [[0.0; GROUP]; 3];
        let mut corners = [0.0; GROUP];
        let mut gains = [self.exposure; GROUP];
        for (group, pixels) in row.chunks_mut(GROUP * 3).enumerate() {
            let start = group * GROUP;
            let pixels = pixels.as_chunks_mut::<3>().0;
            load(pixels, &mut light);
            let mut low = corner(start);
            for (step, values) in corners.chunks_exact_mut(CORNER_STEP).enumerate() {
                let high = corner(start + (step + 1) * CORNER_STEP);
                let slope = (high - low) / CORNER_STEP as f32;
                for (column, value) in values.iter_mut().enumerate() {
                    *value = low + slope * column as f32;
                }
                low = high;
            }
            if let Some(field) = &field {
                field.apply(start, &mut light);
            }
            let own = self.balanced(&mut light, &corners);
            if let Some(sampler) = &sampler {
                sampler.gains(start, &light, self.exposure, &mut gains);
            }
            for (light, own) in light.iter_mut().zip(&own) {
                for ((value, own), gain) in light.iter_mut().zip(own).zip(&gains) {
                    *value = quick_linear_to_srgb(roll_off(*value * gain, own * gain)) * 65_535.0;
                }
            }
            store(&light, pixels);
        }
    }

    /// Multiplies with the gains of vignetting and white balance, and gives these gains.
    #[inline(always)]
    fn balanced(&self, light: &mut [Values; 3], corners: &Values) -> [Values; 3] {
        let mut own = [[0.0; GROUP]; 3];
        let [own_red, own_green, own_blue] = &mut own;
        let [red, green, blue] = light;
        for ((corner, ((red, green), blue)), ((own_red, own_green), own_blue)) in corners
            .iter()
            .zip(red.iter_mut().zip(green).zip(blue))
            .zip(own_red.iter_mut().zip(own_green).zip(own_blue))
        {
            let least = if *red < *green { *red } else { *green };
            let least = if least < *blue { least } else { *blue };
            // What is blown in every channel is white, whatever the light: the balance ends there.
            let grey = smooth_step((least - NEARLY_BLOWN) * (1.0 / BLOWN_RAMP));
            let [first, second, third] = self
                .balance
                .map(|gain| (gain + (1.0 - gain) * grey) * corner);
            (*own_red, *own_green, *own_blue) = (first, second, third);
            (*red, *green, *blue) = (*red * first, *green * second, *blue * third);
        }
        own
    }
}

/// The pixels' linear light, channel by channel.
#[inline(always)]
fn load(pixels: &[[u16; 3]], light: &mut [Values; 3]) {
    let [red, green, blue] = &mut *light;
    for (pixel, ((red, green), blue)) in pixels.iter().zip(red.iter_mut().zip(green).zip(blue)) {
        (*red, *green, *blue) = (pixel[0].into(), pixel[1].into(), pixel[2].into());
    }
    for value in light.as_flattened_mut() {
        *value = quick_srgb_to_linear(*value * (1.0 / 65_535.0));
    }
}

/// The pixels from encoded values of 0 to 65535, channel by channel.
#[inline(always)]
fn store(encoded: &[Values; 3], pixels: &mut [[u16; 3]]) {
    let mut rounded = [[0_u16; GROUP]; 3];
    for (sample, value) in rounded
        .as_flattened_mut()
        .iter_mut()
        .zip(encoded.as_flattened())
    {
        *sample = rounded_to_sixteen(*value);
    }
    let [red, green, blue] = &rounded;
    for (pixel, ((red, green), blue)) in pixels.iter_mut().zip(red.iter().zip(green).zip(blue)) {
        *pixel = [*red, *green, *blue];
    }
}

/// The base-2 logarithm of a positive normal number, to 0.0003.
#[inline(always)]
#[expect(clippy::cast_precision_loss, reason = "an exponent")]
fn fast_log2(value: f32) -> f32 {
    let bits = value.to_bits();
    let exponent = (bits >> 23).cast_signed() - 127;
    let m = f32::from_bits((bits & 0x007f_ffff) | 0x3f80_0000);
    // Chebyshev fit of log2 over 1 to 2.
    let mantissa =
        (((-0.079_158_16 * m + 0.628_873_6) * m - 2.081_214_2) * m + 4.028_548) * m - 2.496_846;
    exponent as f32 + mantissa
}

/// 2 to the power of a number between -20 and 20, to a relative 0.0002.
#[inline(always)]
fn fast_exp2(value: f32) -> f32 {
    // Added to 1.5 * 2^23, the lowest bits of the mantissa count ones; half less rounds down.
    const WHOLE: f32 = 12_582_912.0;
    let value = value.clamp(-20.0, 20.0);
    let shifted = (value - 0.5) + WHOLE;
    let f = value - (shifted - WHOLE);
    let exponent = shifted.to_bits().wrapping_sub(WHOLE.to_bits());
    let scale = f32::from_bits(exponent.wrapping_add(127) << 23);
    // Least-squares fit of 2^f over 0 to 1 that is exact at both ends.
    scale * (((0.078_228_17 * f + 0.226_269_82) * f + 0.695_502) * f + 1.0)
}

/// Rolls highlights off from the knee on, so that what was white before the gain is white after it: a
/// gain of 1 or less changes nothing, and no gain leaves a grey white.
#[inline(always)]
pub(super) fn roll_off(value: f32, gain: f32) -> f32 {
    let over = (value - KNEE) * (1.0 / (1.0 - KNEE));
    let bend = 1.0 - (1.0 - KNEE) / (gain - KNEE);
    let rolled = KNEE + (1.0 - KNEE) * over / (1.0 + bend * over);
    if (value <= KNEE) | (gain <= 1.0) {
        value
    } else {
        rolled
    }
}

/// The light's colour along one row of the full picture.
struct FieldRow {
    /// Red and blue for every column of the proxy, the last one twice.
    columns: Vec<[f32; 2]>,
    scale: f32,
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positions within a picture"
)]
impl FieldRow {
    fn new(field: &LightField, y: usize, width: usize, height: usize) -> Self {
        let rows = field.red.height;
        let position = ((y as f32 + 0.5) * rows as f32 / height as f32 - 0.5)
            .clamp(0.0, rows.saturating_sub(1) as f32);
        let row = position as usize;
        let fraction = position - row as f32;
        let line = |plane: &Plane, row: usize| -> Vec<f32> {
            let start = row.min(rows.saturating_sub(1)) * plane.width;
            plane
                .values
                .iter()
                .skip(start)
                .take(plane.width)
                .copied()
                .collect()
        };
        let blend = |plane: &Plane| -> Vec<f32> {
            let (low, high) = (line(plane, row), line(plane, row + 1));
            low.iter()
                .zip(high)
                .map(|(low, high)| low + (high - low) * fraction)
                .collect()
        };
        let mut columns: Vec<[f32; 2]> = blend(&field.red)
            .into_iter()
            .zip(blend(&field.blue))
            .map(|(red, blue)| [red, blue])
            .collect();
        columns.extend(columns.last().copied());
        Self {
            scale: columns.len().saturating_sub(1) as f32 / width as f32,
            columns,
        }
    }

    /// Takes the light's colour out of the group that begins at column `start`.
    #[inline(always)]
    fn apply(&self, start: usize, light: &mut [Values; 3]) {
        let last = self.columns.len().saturating_sub(2);
        let [red, green, blue] = light;
        for (x, ((red, green), blue)) in (start..).zip(red.iter_mut().zip(green).zip(blue)) {
            let position = ((x as f32 + 0.5) * self.scale - 0.5).max(0.0);
            let column = (position as usize).min(last);
            let fraction = position - column as f32;
            if let Some(&[low, high]) = self.columns.get(column..column + 2) {
                let [first, second, third] = mixed_light::gains(
                    low[0] + (high[0] - low[0]) * fraction,
                    low[1] + (high[1] - low[1]) * fraction,
                );
                // What is blown is white, whatever the light.
                let least = red.min(*green).min(*blue);
                let grey = smooth_step((least - NEARLY_BLOWN) * (1.0 / BLOWN_RAMP));
                *red *= first + (1.0 - first) * grey;
                *green *= second + (1.0 - second) * grey;
                *blue *= third + (1.0 - third) * grey;
            }
        }
    }
}

/// The local model along one row of the full picture.
struct LocalRow<'a> {
    /// Slope and offset for every column of the proxy, the last one twice.
    columns: Vec<[f32; 2]>,
    local: &'a Local,
    scale: f32,
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positions within a picture"
)]
impl<'a> LocalRow<'a> {
    fn new(local: &'a Local, y: usize, width: usize, height: usize) -> Self {
        let (slope, offset) = (&local.model.slope, &local.model.offset);
        let (rows, columns) = (slope.height, slope.width);
        let position = ((y as f32 + 0.5) * rows as f32 / height as f32 - 0.5)
            .clamp(0.0, rows.saturating_sub(1) as f32);
        let row = position as usize;
        let fraction = position - row as f32;
        let line = |values: &'a [f32], row: usize| {
            let row = row.min(rows - 1);
            values.iter().skip(row * columns).take(columns)
        };
        let blend = |values: &'a [f32]| {
            line(values, row)
                .zip(line(values, row + 1))
                .map(move |(low, high)| low + (high - low) * fraction)
        };
        let mut columns: Vec<[f32; 2]> = blend(&slope.values)
            .zip(blend(&offset.values))
            .map(|(slope, offset)| {
                let gained = offset.abs() + slope.abs() * -DARKEST.log2() > LEAST_EV;
                if gained { [slope, offset] } else { [0.0; 2] }
            })
            .collect();
        columns.extend(columns.last().copied());
        Self {
            scale: columns.len().saturating_sub(1) as f32 / width as f32,
            columns,
            local,
        }
    }

    /// The gains of the group that begins at column `start`, times `exposure`.
    #[inline(always)]
    fn gains(&self, start: usize, light: &[Values; 3], exposure: f32, gains: &mut Values) {
        let position = |x: usize| ((x as f32 + 0.5) * self.scale - 0.5).max(0.0);
        let last = self.columns.len().saturating_sub(2);
        let reached = (position(start) as usize).min(last)
            ..=((position(start + GROUP) as usize).min(last) + 1);
        // Most of a photo has no gain of its own: no logarithm there.
        let none = self
            .columns
            .get(reached)
            .is_none_or(|columns| columns.iter().all(|column| *column == [0.0; 2]));
        if none {
            gains.fill(exposure);
            return;
        }
        let (mut slopes, mut offsets) = ([0.0; GROUP], [0.0; GROUP]);
        for (x, (slope, offset)) in (start..).zip(slopes.iter_mut().zip(&mut offsets)) {
            let position = position(x);
            let column = (position as usize).min(last);
            // The last column stands twice, so what lies beyond it changes nothing.
            let fraction = position - column as f32;
            if let Some(&[low, high]) = self.columns.get(column..column + 2) {
                *slope = low[0] + (high[0] - low[0]) * fraction;
                *offset = low[1] + (high[1] - low[1]) * fraction;
            }
        }
        let [red, green, blue] = light;
        for ((gain, (slope, offset)), ((red, green), blue)) in gains
            .iter_mut()
            .zip(slopes.iter().zip(&offsets))
            .zip(red.iter().zip(green).zip(blue))
        {
            let guide = luminance([*red, *green, *blue]);
            let guide = fast_log2(if guide > DARKEST { guide } else { DARKEST });
            let change = (slope * guide + offset).clamp(self.local.lowest, self.local.highest);
            *gain = exposure * fast_exp2(change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_logarithm_and_power_are_near_the_exact_ones() {
        for step in 1..4000 {
            let value = step as f32 * 0.001;
            assert!((fast_log2(value) - value.log2()).abs() < 3e-4, "{value}");
            let power = value * 5.0 - 10.0;
            let exact = power.exp2();
            assert!((fast_exp2(power) - exact).abs() < 2e-4 * exact, "{power}");
        }
    }

    #[test]
    fn white_stays_white_under_every_gain_and_a_gain_of_one_changes_nothing() {
        for gain in [1.0, 1.3, 2.0, 5.0] {
            assert!((roll_off(gain, gain) - 1.0).abs() < 1e-5, "{gain}");
            let mut before = 0.0;
            for step in 0..=100 {
                let after = roll_off(gain * step as f32 / 100.0, gain);
                assert!(after >= before, "{gain} {step}");
                before = after;
            }
        }
        assert!((roll_off(0.9, 1.0) - 0.9).abs() < 1e-6);
    }
}
