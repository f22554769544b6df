//! Fine detail: whether a picture was made at a smaller size and enlarged. The energy of the Laplacian
//! is compared where the reference has some, without what both have everywhere, which is noise.

use super::brightness::Matched;
use super::field::{CELLS, Grey, Sums, Tile, columns};
use crate::imaging::vectorized;

/// Cells of the tiles.
const SIZE: usize = 2;
/// Least share of a tile that must be visible.
const VISIBLE: f64 = 0.3;
/// A tile has detail where its energy is this many times that of the calmest tenth.
const ABOVE_NOISE: f64 = 4.0;
/// Least variance of the Laplacian in a tile that has detail, in squared steps of 8 bits.
const DETAIL: f64 = 25.0;
/// Fewest tiles with detail.
const FEWEST: usize = 6;

/// Ratio of the candidate's fine detail to the reference's; `None` where the reference has none.
pub(super) fn ratio(matched: &Matched, visible: &Grey) -> Option<f64> {
    let sums = gather(&matched.reference, &matched.candidate, visible);
    let pixels = visible.values.len() as f64 / (CELLS * CELLS) as f64;
    let enough = (VISIBLE * pixels * (SIZE * SIZE) as f64).max(12.0);
    let mut energies: Vec<(f64, f64)> = Tile::all(SIZE, SIZE)
        .map(|tile| sums.over(tile))
        .filter(|sum| sum[0] >= enough)
        .map(|sum| (sum[1] / sum[0], sum[2] / sum[0]))
        .collect();
    energies.sort_by(|a, b| a.0.total_cmp(&b.0));
    let calm = energies.len() / 10;
    let (noise, noise_after) = energies.get(calm).copied()?;
    let noise_after = noise_after.min(noise);
    let detailed: Vec<&(f64, f64)> = energies
        .iter()
        .filter(|one| one.0 >= (ABOVE_NOISE * noise).max(DETAIL))
        .collect();
    if detailed.len() < FEWEST {
        return None;
    }
    let before: f64 = detailed.iter().map(|one| one.0 - noise).sum();
    let after: f64 = detailed
        .iter()
        .map(|one| (one.1 - noise_after).max(0.0))
        .sum();
    Some((after / before).sqrt())
}

/// Of each cell: judged pixels, and the squares of the Laplacian of both pictures.
fn gather(reference: &Grey, candidate: &Grey, visible: &Grey) -> Sums<3> {
    let (width, height) = (reference.width, reference.height);
    let cells = columns(width);
    Sums::gather(height, |rows, sums: &mut [[f64; 3]; CELLS]| {
        for y in rows {
            if y == 0 || y + 1 >= height {
                continue;
            }
            let r = [y - 1, y, y + 1].map(|y| reference.row(y));
            let c = [y - 1, y, y + 1].map(|y| candidate.row(y));
            let v = visible.row(y);
            vectorized(
                #[inline(always)]
                || {
                    for (cell, sum) in cells.iter().zip(sums.iter_mut()) {
                        let from = cell.start.max(1);
                        let to = cell.end.min(width.saturating_sub(1));
                        if from < to {
                            add(r, c, v, from, to, sum);
                        }
                    }
                },
            );
        }
    })
}

#[inline(always)]
fn add(r: [&[f32]; 3], c: [&[f32]; 3], v: &[f32], from: usize, to: usize, sum: &mut [f64; 3]) {
    let mut total = [0.0_f32; 3];
    let v = &v[from..to];
    let (rl, rm, rr) = (
        &r[1][from - 1..to - 1],
        &r[1][from..to],
        &r[1][from + 1..=to],
    );
    let (cl, cm, cr) = (
        &c[1][from - 1..to - 1],
        &c[1][from..to],
        &c[1][from + 1..=to],
    );
    let (ru, rd) = (&r[0][from..to], &r[2][from..to]);
    let (cu, cd) = (&c[0][from..to], &c[2][from..to]);
    for i in 0..v.len() {
        let before = v[i] * (rl[i] + rr[i] + ru[i] + rd[i] - 4.0 * rm[i]);
        let after = v[i] * (cl[i] + cr[i] + cu[i] + cd[i] - 4.0 * cm[i]);
        total[0] += v[i];
        total[1] += before * before;
        total[2] += after * after;
    }
    for (sum, total) in sum.iter_mut().zip(total) {
        *sum += f64::from(total);
    }
}
