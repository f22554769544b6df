//! Fine detail: whether a picture was made at a smaller size and enlarged. The energy of the Laplacian
//! is compared along the edges of the reference, which coding and denoising keep and enlarging blurs; where
//! a picture has too few, in the tiles that have some detail, without what is everywhere, which is noise.

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

/// Slope of luma from which a pixel lies on an edge, in steps of 8 bits for each pixel.
const EDGE: f32 = 10.0;
/// Fewest pixels on edges that are enough to tell, as a share of those that may be judged.
const EDGES: f64 = 0.002;

const N: usize = 0;
const BEFORE: usize = 1;
const AFTER: usize = 2;
const EDGE_N: usize = 3;
const EDGE_BEFORE: usize = 4;
const EDGE_AFTER: usize = 5;

/// Ratio of the candidate's fine detail to the reference's; `None` where the reference has none.
pub(super) fn ratio(matched: &Matched, visible: &Grey) -> Option<f64> {
    let sums = gather(&matched.reference, &matched.candidate, visible);
    let whole = sums.over(Tile {
        column: 0,
        row: 0,
        cells: CELLS,
    });
    if whole[EDGE_N] >= EDGES * whole[N] && whole[EDGE_N] > 0.0 {
        return Some((whole[EDGE_AFTER] / whole[EDGE_BEFORE].max(1e-6)).sqrt());
    }
    in_tiles(&sums, visible.values.len() as f64)
}

fn in_tiles(sums: &Sums<6>, pixels: f64) -> Option<f64> {
    let enough = (VISIBLE * pixels / (CELLS * CELLS) as f64 * (SIZE * SIZE) as f64).max(12.0);
    let mut energies: Vec<(f64, f64)> = Tile::all(SIZE, SIZE)
        .map(|tile| sums.over(tile))
        .filter(|sum| sum[N] >= enough)
        .map(|sum| (sum[BEFORE] / sum[N], sum[AFTER] / sum[N]))
        .collect();
    energies.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (noise, noise_after) = energies.get(energies.len() / 10).copied()?;
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

/// Of each cell: judged pixels and the squares of the Laplacian of both pictures, and the same on edges.
fn gather(reference: &Grey, candidate: &Grey, visible: &Grey) -> Sums<6> {
    let (width, height) = (reference.width, reference.height);
    let cells = columns(width);
    Sums::gather(height, |rows, sums: &mut [[f64; 6]; CELLS]| {
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
fn add(r: [&[f32]; 3], c: [&[f32]; 3], v: &[f32], from: usize, to: usize, sum: &mut [f64; 6]) {
    let mut total = [0.0_f32; 6];
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
        let slope = 0.25 * ((rr[i] - rl[i]).powi(2) + (rd[i] - ru[i]).powi(2));
        let edge = v[i] * f32::from(u8::from(slope >= EDGE * EDGE));
        total[N] += v[i];
        total[BEFORE] += before * before;
        total[AFTER] += after * after;
        total[EDGE_N] += edge;
        total[EDGE_BEFORE] += edge * before * before;
        total[EDGE_AFTER] += edge * after * after;
    }
    for (sum, total) in sum.iter_mut().zip(total) {
        *sum += f64::from(total);
    }
}
