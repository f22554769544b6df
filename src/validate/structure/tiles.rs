//! The gates that look at one tile after another: normalised cross-correlation where there is texture,
//! the residual where there is little, and colour.

use super::brightness::{Matched, colour};
use super::field::{CELLS, Grey, Sums, Tile, columns};
use crate::imaging::vectorized;

/// Least standard deviation of luma in a tile that has texture, in steps of 8 bits.
const TEXTURE: f64 = 6.0;
/// Least share of a tile that must be visible.
const VISIBLE: f64 = 0.3;
/// Largest share of clipped pixels in a tile that does not count as clipped.
const CLIPPED: f64 = 0.02;
/// Cells of the tiles: a twelfth of a side, and half of that so that a small object fills one.
const SIZES: [usize; 2] = [4, 2];

/// What the tiles say.
#[derive(Debug, Default)]
pub(super) struct Tiles {
    /// Tiles with texture and their correlation, in no order.
    pub(super) correlations: Vec<(Tile, f64)>,
    /// Tiles of which more than a little is clipped.
    pub(super) clipped: u32,
    /// Standard deviation of the difference in tiles of little texture, at most.
    pub(super) surface: Option<(Tile, f64)>,
    /// Change of the mean colour of a tile, at most.
    pub(super) colour: Option<(Tile, f64)>,
}

const N: usize = 0;
const R: usize = 1;
const C: usize = 2;
const RR: usize = 3;
const CC: usize = 4;
const RC: usize = 5;

/// Judges every tile; `reference` and `candidate` are blurred luma of the same brightness.
pub(super) fn judge(
    matched: &Matched,
    reference: &Grey,
    candidate: &Grey,
    visible: &Grey,
) -> Tiles {
    let cells = columns(reference.width);
    let sums = Sums::gather(reference.height, |rows, sums: &mut [[f64; 6]; CELLS]| {
        for y in rows {
            let (r, c, v) = (reference.row(y), candidate.row(y), visible.row(y));
            vectorized(
                #[inline(always)]
                || {
                    for (cell, sum) in cells.iter().zip(sums.iter_mut()) {
                        add(&r[cell.clone()], &c[cell.clone()], &v[cell.clone()], sum);
                    }
                },
            );
        }
    });
    let pixels = (reference.width * reference.height) as f64 / (CELLS * CELLS) as f64;
    let mut found = Tiles::default();
    for size in SIZES {
        let enough = (VISIBLE * pixels * (size * size) as f64).max(48.0);
        for tile in Tile::all(size, size / 2) {
            let sum = sums.over(tile);
            if sum[N] < enough {
                continue;
            }
            look(&mut found, tile, &sum, &matched.colour.over(tile));
        }
    }
    found
}

/// Adds a stretch of a row of pixels to its cell.
#[inline(always)]
fn add(reference: &[f32], candidate: &[f32], visible: &[f32], sum: &mut [f64; 6]) {
    let mut total = [0.0_f32; 6];
    for ((&r, &c), &v) in reference.iter().zip(candidate).zip(visible) {
        // Around mid-grey, so that single precision is enough for the squares.
        let (r, c) = ((r - 128.0) * v, (c - 128.0) * v);
        total[N] += v;
        total[R] += r;
        total[C] += c;
        total[RR] += r * r;
        total[CC] += c * c;
        total[RC] += r * c;
    }
    for (sum, total) in sum.iter_mut().zip(total) {
        *sum += f64::from(total);
    }
}

fn look(found: &mut Tiles, tile: Tile, sum: &[f64; 6], hue: &[f64; 6]) {
    let n = sum[N];
    let (r, c) = (sum[R] / n, sum[C] / n);
    let reference = (sum[RR] / n - r * r).max(0.0);
    let candidate = (sum[CC] / n - c * c).max(0.0);
    let both = sum[RC] / n - r * c;
    let clipped = hue[colour::CLIPPED] > CLIPPED * hue[colour::JUDGED];
    if reference.max(candidate).sqrt() >= TEXTURE {
        let spread = (reference * candidate).sqrt();
        let correlation = if spread > 1e-3 { both / spread } else { 0.0 };
        if clipped && tile.cells == SIZES[0] {
            found.clipped += 1;
        }
        found
            .correlations
            .push((tile, correlation.clamp(-1.0, 1.0)));
    } else {
        let residual = (reference + candidate - 2.0 * both).max(0.0).sqrt();
        raise(&mut found.surface, tile, residual);
    }
    let count = hue[colour::COUNT];
    if count >= 0.5 * n {
        let change: [f64; 3] = std::array::from_fn(|channel| hue[colour::RED + channel] / count);
        let mean = (change[0] + change[1] + change[2]) / 3.0;
        let most = change
            .iter()
            .map(|one| (one - mean).abs())
            .fold(0.0, f64::max);
        raise(&mut found.colour, tile, most);
    }
}

fn raise(most: &mut Option<(Tile, f64)>, tile: Tile, value: f64) {
    if most.is_none_or(|(_, known)| value > known) {
        *most = Some((tile, value));
    }
}
