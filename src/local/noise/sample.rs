//! Samples of 8 and of 16 bits under one name, and the luma of a row of them.

use crate::imaging::color::rounded_to_sixteen;

/// A sample of either depth.
pub(in crate::local) trait Sample: Copy + Send + Sync {
    /// Weighted sum of red, green and blue with weights that add to 2^16, as a signed number, and
    /// what makes it a code value of 0 to 255.
    fn weighted(red: Self, green: Self, blue: Self) -> i32;
    const WEIGHTED_UNIT: f32;
    /// Code value of 0 to 65535.
    fn code(self) -> i32;
    /// The sample nearest to a code value of 0 to 65535.
    fn from_code(code: f32) -> Self;
}

impl Sample for u8 {
    #[inline(always)]
    fn weighted(red: Self, green: Self, blue: Self) -> i32 {
        i32::from(red) * 19_595 + i32::from(green) * 38_470 + i32::from(blue) * 7_471
    }

    const WEIGHTED_UNIT: f32 = 1.0 / 65_536.0;

    #[inline(always)]
    fn code(self) -> i32 {
        i32::from(self) * 257
    }

    #[inline(always)]
    fn from_code(code: f32) -> Self {
        let code = code * (1.0 / 257.0);
        rounded_to_sixteen(if code < 255.0 { code } else { 255.0 }) as Self
    }
}

impl Sample for u16 {
    #[inline(always)]
    fn weighted(red: Self, green: Self, blue: Self) -> i32 {
        let sum = u32::from(red) * 19_595 + u32::from(green) * 38_470 + u32::from(blue) * 7_471;
        (sum >> 2).cast_signed()
    }

    const WEIGHTED_UNIT: f32 = 4.0 / (65_536.0 * 257.0);

    #[inline(always)]
    fn code(self) -> i32 {
        i32::from(self)
    }

    #[inline(always)]
    fn from_code(code: f32) -> Self {
        rounded_to_sixteen(code)
    }
}

/// Luma of a row of pixels, in code values of 0 to 255.
#[inline(always)]
pub(in crate::local) fn luma_row<S: Sample>(pixels: &[S], luma: &mut [f32]) {
    for (luma, pixel) in luma.iter_mut().zip(pixels.as_chunks::<3>().0) {
        let [red, green, blue] = *pixel;
        *luma = S::weighted(red, green, blue) as f32 * S::WEIGHTED_UNIT;
    }
}
