//! Local shifts: how far the content of each tile moved, by the method of Lucas and Kanade (1981) on
//! three levels of a pyramid. One homography for the whole picture does not see a wall that is bent or
//! a door that stands elsewhere; this does, along whatever edges a tile has.

use super::field::{CELLS, Grey, Sums, Tile, columns, halve};
use crate::imaging::vectorized;

/// Levels of the pyramid; each sees shifts twice as long as the one below.
const LEVELS: usize = 3;
/// Cells of the tiles.
const SIZES: [usize; 2] = [4, 2];
/// Least share of a tile that must be visible.
const VISIBLE: f64 = 0.3;
/// Least mean slope of luma across the edges of a tile, in steps of 8 bits for each pixel.
const SLOPE: f64 = 1.5;
/// Least share of the difference that the shift must explain.
const EXPLAINED: f64 = 0.5;

/// Least difference that the shift must explain, as a standard deviation in steps of 8 bits: on a soft
/// gradient less than that is what matching the brightness leaves.
const DIFFERENCE: f64 = 1.2;

/// A tile and how its content moved, in pixels of the full size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shift {
    pub(super) tile: Tile,
    pub(super) by: [f64; 2],
}

impl Shift {
    pub(super) fn length(&self) -> f64 {
        self.by[0].hypot(self.by[1])
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Motion {
    /// The longest shift; `None` where no tile has edges.
    pub(super) longest: Option<Shift>,
    /// Tiles of a twelfth of a side that have edges to tell by.
    pub(super) told: u32,
}

const N: usize = 0;
const X: usize = 1;
const Y: usize = 2;
const T: usize = 3;
const XX: usize = 4;
const XY: usize = 5;
const YY: usize = 6;
const XT: usize = 7;
const YT: usize = 8;
const TT: usize = 9;

/// Blurred luma of both pictures and what may be judged, at each level from the full size down.
#[derive(Debug)]
pub(super) struct Level {
    pub(super) reference: Grey,
    pub(super) candidate: Grey,
    pub(super) visible: Grey,
}

/// The pyramid.
pub(super) fn pyramid(reference: Grey, candidate: Grey, visible: Grey) -> Vec<Level> {
    let mut levels = vec![Level {
        reference,
        candidate,
        visible,
    }];
    for _ in 1..LEVELS {
        let Some(finer) = levels.last() else { break };
        let (reference, candidate) =
            rayon::join(|| halve(&finer.reference), || halve(&finer.candidate));
        let mut visible = halve(&finer.visible);
        for value in &mut visible.values {
            *value = value.floor();
        }
        levels.push(Level {
            reference,
            candidate,
            visible,
        });
    }
    levels
}

/// Finds the longest local shift.
pub(super) fn judge(levels: &[Level]) -> Motion {
    let mut motion = Motion::default();
    for (depth, level) in levels.iter().enumerate() {
        let sums = gather(level);
        let scale = f64::from(1_u32 << depth);
        let pixels = level.visible.values.len() as f64 / (CELLS * CELLS) as f64;
        for size in SIZES {
            let enough = (VISIBLE * pixels * (size * size) as f64).max(24.0);
            for tile in Tile::all(size, size / 2) {
                let sum = sums.over(tile);
                if sum[N] < enough {
                    continue;
                }
                let Some((by, explained, share)) = solve(&sum) else {
                    continue;
                };
                if depth == 0 && size == SIZES[0] {
                    motion.told += 1;
                }
                let shift = Shift {
                    tile,
                    by: by.map(|pixels| pixels * scale),
                };
                let longer = motion
                    .longest
                    .is_none_or(|known| shift.length() > known.length());
                if share >= EXPLAINED && explained >= DIFFERENCE && longer {
                    motion.longest = Some(shift);
                }
            }
        }
    }
    motion
}

fn gather(level: &Level) -> Sums<10> {
    let (width, height) = (level.reference.width, level.reference.height);
    let cells = columns(width);
    Sums::gather(height, |rows, sums: &mut [[f64; 10]; CELLS]| {
        for y in rows {
            if y == 0 || y + 1 >= height {
                continue;
            }
            let r = [y - 1, y, y + 1].map(|y| level.reference.row(y));
            let c = [y - 1, y, y + 1].map(|y| level.candidate.row(y));
            let v = level.visible.row(y);
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

/// Adds the pixels `from..to` of a row to their cell.
#[inline(always)]
fn add(r: [&[f32]; 3], c: [&[f32]; 3], v: &[f32], from: usize, to: usize, sum: &mut [f64; 10]) {
    let mut total = [0.0_f32; 10];
    let length = to - from;
    let (rl, rr) = (&r[1][from - 1..to - 1], &r[1][from + 1..=to]);
    let (cl, cr) = (&c[1][from - 1..to - 1], &c[1][from + 1..=to]);
    let (ru, rd) = (&r[0][from..to], &r[2][from..to]);
    let (cu, cd) = (&c[0][from..to], &c[2][from..to]);
    let (rm, cm, v) = (&r[1][from..to], &c[1][from..to], &v[from..to]);
    for i in 0..length {
        let x = v[i] * 0.25 * ((rr[i] - rl[i]) + (cr[i] - cl[i]));
        let y = v[i] * 0.25 * ((rd[i] - ru[i]) + (cd[i] - cu[i]));
        let t = v[i] * (cm[i] - rm[i]);
        total[N] += v[i];
        total[X] += x;
        total[Y] += y;
        total[T] += t;
        total[XX] += x * x;
        total[XY] += x * y;
        total[YY] += y * y;
        total[XT] += x * t;
        total[YT] += y * t;
        total[TT] += t * t;
    }
    for (sum, total) in sum.iter_mut().zip(total) {
        *sum += f64::from(total);
    }
}

/// The shift that explains a tile best, how much of the difference it explains, as a standard deviation,
/// and which share; `None` where the tile has no edges. Where all edges run one way only the shift across
/// them is told.
fn solve(sum: &[f64; 10]) -> Option<([f64; 2], f64, f64)> {
    let n = sum[N];
    let centred = |product: usize, a: usize, b: usize| sum[product] / n - sum[a] / n * (sum[b] / n);
    let (xx, xy, yy) = (centred(XX, X, X), centred(XY, X, Y), centred(YY, Y, Y));
    let (xt, yt, tt) = (centred(XT, X, T), centred(YT, Y, T), centred(TT, T, T));
    let middle = 0.5 * (xx + yy);
    let radius = (0.25 * (xx - yy).powi(2) + xy * xy).sqrt();
    let (strong, weak) = (middle + radius, middle - radius);
    if strong < SLOPE * SLOPE {
        return None;
    }
    let angle = 0.5 * (2.0 * xy).atan2(xx - yy);
    let (sine, cosine) = angle.sin_cos();
    let across = -(cosine * xt + sine * yt) / strong;
    let mut by = [across * cosine, across * sine];
    let mut explained = across * across * strong;
    if weak > 0.1 * strong && weak > 0.5 * SLOPE * SLOPE {
        let along = -(cosine * yt - sine * xt) / weak;
        by[0] -= along * sine;
        by[1] += along * cosine;
        explained += along * along * weak;
    }
    Some((by, explained.max(0.0).sqrt(), explained / tt.max(1e-9)))
}
