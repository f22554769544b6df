//! A small luminance picture on which edges are sought: cheaper than the full picture and less noisy.

use rayon::prelude::*;

use crate::imaging::{Picture, Samples};

/// The long side that a proxy does not exceed.
const LONG_SIDE: usize = 1600;

/// Encoded luminance, 0 to 1, each sample the mean over a square of the picture.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Width in proxy pixels.
    pub width: usize,
    /// Height in proxy pixels.
    pub height: usize,
    /// `width * height` samples, rows from the top.
    pub samples: Vec<f32>,
    step: usize,
}

impl Proxy {
    /// The proxy of a picture. Rows and columns at the right and bottom that do not fill a square
    /// are left out.
    #[must_use]
    pub fn new(picture: &Picture) -> Self {
        let long_side = picture.width.max(picture.height);
        let step = long_side
            .div_ceil(LONG_SIDE)
            .min(picture.width)
            .min(picture.height)
            .max(1);
        let (width, height) = (picture.width / step, picture.height / step);
        let mut samples = vec![0.0_f32; width * height];
        let scale = match &picture.samples {
            Samples::Eight(_) => 255.0,
            Samples::Sixteen(_) => 65535.0,
        } * 4.0
            * (step * step) as f32;
        samples
            .par_chunks_mut(width)
            .enumerate()
            .for_each(|(row, output)| match &picture.samples {
                Samples::Eight(input) => {
                    sum_rows(input, picture.width, row, step, 1.0 / scale, output);
                }
                Samples::Sixteen(input) => {
                    sum_rows(input, picture.width, row, step, 1.0 / scale, output);
                }
            });
        Self {
            width,
            height,
            samples,
            step,
        }
    }

    /// Side of the square that one sample covers, in pixels of the picture.
    #[must_use]
    pub const fn step(&self) -> usize {
        self.step
    }

    /// A position on the proxy as a position in the picture, pixel centres at integers.
    #[must_use]
    pub fn in_picture(&self, x: f64, y: f64) -> [f64; 2] {
        let step = self.step as f64;
        let offset = (step - 1.0) / 2.0;
        [x * step + offset, y * step + offset]
    }
}

/// Adds up red, twice green and blue of the squares of one proxy row.
fn sum_rows<T: Copy + Into<u32>>(
    input: &[T],
    width: usize,
    row: usize,
    step: usize,
    scale: f32,
    output: &mut [f32],
) {
    let rows = input.chunks_exact(width * 3).skip(row * step).take(step);
    let mut sums = vec![0_u32; output.len()];
    for line in rows {
        for (sum, square) in sums.iter_mut().zip(line.chunks_exact(step * 3)) {
            for pixel in square.chunks_exact(3) {
                if let [red, green, blue] = *pixel {
                    *sum += red.into() + 2 * green.into() + blue.into();
                }
            }
        }
    }
    for (value, sum) in output.iter_mut().zip(sums) {
        *value = sum as f32 * scale;
    }
}
