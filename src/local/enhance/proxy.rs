//! A small copy of the photo in linear light, on which everything is estimated.

use rayon::prelude::*;

use crate::imaging::color::{TransferTables, luminance};
use crate::imaging::{Picture, Samples};

/// The proxy's long side, at most.
pub(super) const LONG_SIDE: usize = 640;

/// A small picture: linear sRGB, row by row.
#[derive(Clone, Debug)]
pub(super) struct Proxy {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<[f32; 3]>,
}

impl Proxy {
    /// The photo averaged down in linear light; never larger than the photo.
    pub(super) fn of(picture: &Picture) -> Self {
        let long = picture.width.max(picture.height);
        let scaled = |side: usize| {
            if long <= LONG_SIDE {
                side
            } else {
                ((side * LONG_SIDE + long / 2) / long).max(1)
            }
        };
        let (width, height) = (scaled(picture.width), scaled(picture.height));
        let mut pixels = vec![[0.0; 3]; width * height];
        pixels
            .par_chunks_mut(width)
            .enumerate()
            .for_each(|(y, row)| {
                let tables = TransferTables::shared();
                match &picture.samples {
                    Samples::Eight(samples) => {
                        average_row(picture, samples, y, height, row, |s| tables.decode_eight(s));
                    }
                    Samples::Sixteen(samples) => {
                        average_row(picture, samples, y, height, row, |s| {
                            tables.decode_sixteen(s)
                        });
                    }
                }
            });
        Self {
            width,
            height,
            pixels,
        }
    }

    /// The luminance of every pixel.
    pub(super) fn luminance(&self) -> Vec<f32> {
        self.pixels.iter().map(|&pixel| luminance(pixel)).collect()
    }
}

/// One row of the proxy: the mean of the photo's pixels that fall into each of its pixels.
fn average_row<S: Copy>(
    picture: &Picture,
    samples: &[S],
    y: usize,
    height: usize,
    row: &mut [[f32; 3]],
    decode: impl Fn(S) -> f32,
) {
    let width = row.len();
    let rows = y * picture.height / height..((y + 1) * picture.height / height);
    let row_count = rows.len();
    for source_y in rows {
        let start = source_y * picture.width * 3;
        let Some(line) = samples.get(start..start + picture.width * 3) else {
            continue;
        };
        let mut pixels = line.chunks_exact(3);
        for (x, sum) in row.iter_mut().enumerate() {
            let count = (x + 1) * picture.width / width - x * picture.width / width;
            for pixel in pixels.by_ref().take(count) {
                if let &[red, green, blue] = pixel {
                    sum[0] += decode(red);
                    sum[1] += decode(green);
                    sum[2] += decode(blue);
                }
            }
        }
    }
    for (x, sum) in row.iter_mut().enumerate() {
        let count = ((x + 1) * picture.width / width - x * picture.width / width) * row_count;
        #[expect(clippy::cast_precision_loss, reason = "a few thousand pixels at most")]
        let scale = 1.0 / count.max(1) as f32;
        *sum = sum.map(|value| value * scale);
    }
}
