//! Integrity of a worker's picture: whether it is a picture at all and whether anything was made,
//! before its structure is judged and its content is scored.

use rayon::prelude::*;

use super::structure::eight_bits;
use crate::imaging::{Picture, Plane};

/// A sample at or below this is black, in steps of 8 bits.
const BLACK: u8 = 8;
/// Share of black pixels of a black picture.
const BLACK_SHARE: f64 = 0.98;
/// Least standard deviation of luma of a picture that is not flat, in steps of 8 bits.
const FLAT: f64 = 2.0;
/// Least mean difference inside the mask of a picture in which something was made, in steps of 8 bits.
/// What coding as JPEG at quality 80 changes is 1 to 2.
const UNCHANGED: f64 = 3.0;

/// What is wrong with a worker's picture.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum IntegrityFault {
    /// It has not the size that was asked for.
    #[error(
        "the picture is {width} x {height} pixels instead of {expected_width} x {expected_height}"
    )]
    WrongSize {
        /// Its width in pixels.
        width: usize,
        /// Its height in pixels.
        height: usize,
        /// The width that was asked for.
        expected_width: usize,
        /// The height that was asked for.
        expected_height: usize,
    },
    /// It is black, as a safety filter or a failed decoder leaves it.
    #[error("the picture is black")]
    Black,
    /// It has one colour.
    #[error("the picture is flat: its brightness varies by {deviation:.1} steps")]
    Flat {
        /// Standard deviation of its luma, in steps of 8 bits.
        deviation: f64,
    },
    /// Inside the mask it is the input.
    #[error(
        "nothing was made: inside the mask the picture differs from the input by {difference:.1} steps"
    )]
    Unchanged {
        /// Mean difference inside the mask beyond a change of brightness, in steps of 8 bits.
        difference: f64,
    },
    /// The mask is empty, so that nothing could be made.
    #[error("the mask is empty")]
    EmptyMask,
}

impl IntegrityFault {
    /// Whether another attempt, with another seed, may succeed.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        !matches!(self, Self::EmptyMask)
    }
}

/// Checks a worker's picture against the photo at the size that was asked for.
///
/// `mask` has the same proportions and any size; samples above 127 were to be redrawn. Black and flat are
/// told from the whole picture, and also from what lies inside the mask.
///
/// # Errors
/// The first [`IntegrityFault`] found.
pub fn judge_integrity(
    input: &Picture,
    generated: &Picture,
    mask: &Plane,
) -> Result<(), IntegrityFault> {
    let (width, height) = (input.width, input.height);
    if (generated.width, generated.height) != (width, height) {
        return Err(IntegrityFault::WrongSize {
            width: generated.width,
            height: generated.height,
            expected_width: width,
            expected_height: height,
        });
    }
    let (before, after) = (eight_bits(input), eight_bits(generated));
    let rows = after
        .par_chunks(3 * width)
        .zip(before.par_chunks(3 * width))
        .enumerate();
    let sums = rows
        .map(|(y, (after, before))| {
            let source = y * mask.height / height;
            let mut row = Row::default();
            for (x, (after, before)) in after
                .chunks_exact(3)
                .zip(before.chunks_exact(3))
                .enumerate()
            {
                row.add(before, after, mask.at(x * mask.width / width, source) > 127);
            }
            row
        })
        .reduce(Row::default, Row::plus);
    if sums.inside.n == 0.0 {
        return Err(IntegrityFault::EmptyMask);
    }
    for part in [&sums.whole, &sums.inside] {
        if part.black >= BLACK_SHARE * part.n {
            return Err(IntegrityFault::Black);
        }
    }
    let deviation = sums.whole.deviation();
    if deviation < FLAT {
        return Err(IntegrityFault::Flat { deviation });
    }
    let difference = sums.inside.difference / sums.inside.n;
    if difference < UNCHANGED {
        return Err(IntegrityFault::Unchanged { difference });
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, Default)]
struct Part {
    n: f64,
    black: f64,
    luma: f64,
    squares: f64,
    difference: f64,
}

impl Part {
    fn deviation(&self) -> f64 {
        let mean = self.luma / self.n;
        (self.squares / self.n - mean * mean).max(0.0).sqrt()
    }

    fn plus(self, other: Self) -> Self {
        Self {
            n: self.n + other.n,
            black: self.black + other.black,
            luma: self.luma + other.luma,
            squares: self.squares + other.squares,
            difference: self.difference + other.difference,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Row {
    whole: Part,
    inside: Part,
}

impl Row {
    fn add(&mut self, before: &[u8], after: &[u8], inside: bool) {
        let most = after.iter().max().copied().unwrap_or(0);
        let mut luma = 0.0;
        let mut difference = 0.0;
        for ((&before, &after), weight) in before.iter().zip(after).zip([0.299, 0.587, 0.114]) {
            luma += weight * f64::from(after);
            difference += f64::from(before.abs_diff(after)) / 3.0;
        }
        let pixel = Part {
            n: 1.0,
            black: f64::from(u8::from(most <= BLACK)),
            luma,
            squares: luma * luma,
            difference,
        };
        self.whole = self.whole.plus(pixel);
        if inside {
            self.inside = self.inside.plus(pixel);
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            whole: self.whole.plus(other.whole),
            inside: self.inside.plus(other.inside),
        }
    }
}
