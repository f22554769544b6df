//! Shift and turn of the camera between two exposures.

use std::ops::Range;

use rayon::prelude::*;

use super::pyramid::{Level, Pyramid};
use crate::imaging::Picture;

/// A shift after a turn about the middle of the picture: where a pixel of the reference lies in the
/// other exposure.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::local::fusion) struct Motion {
    shift: [f64; 2],
    turn: f64,
}

impl Motion {
    /// A shift in pixels after a turn in radians.
    pub(super) const fn new(shift: [f64; 2], turn: f64) -> Self {
        Self { shift, turn }
    }

    /// How far the corners lie apart at most under this motion and another one, pixels.
    pub(super) fn apart(&self, other: &Self, width: usize, height: usize) -> f64 {
        let radius = (width as f64).hypot(height as f64) / 2.0;
        let across = self.shift[0] - other.shift[0];
        let down = self.shift[1] - other.shift[1];
        across.hypot(down) + radius * (self.turn - other.turn).abs()
    }

    /// Middle of a picture of this size.
    pub(super) fn center(width: usize, height: usize) -> [f64; 2] {
        [(width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0]
    }

    /// Where a pixel of the reference lies in the other exposure.
    pub(super) fn source_of(&self, center: [f64; 2], x: f64, y: f64) -> [f64; 2] {
        let (sine, cosine) = self.turn.sin_cos();
        let (across, down) = (x - center[0], y - center[1]);
        [
            center[0] + cosine * across - sine * down + self.shift[0],
            center[1] + sine * across + cosine * down + self.shift[1],
        ]
    }

    /// This motion, then another one.
    pub(super) fn then(&self, next: &Self) -> Self {
        let (sine, cosine) = next.turn.sin_cos();
        Self {
            shift: [
                cosine * self.shift[0] - sine * self.shift[1] + next.shift[0],
                sine * self.shift[0] + cosine * self.shift[1] + next.shift[1],
            ],
            turn: self.turn + next.turn,
        }
    }

    /// The same motion in pictures that are larger by this factor.
    pub(super) fn scaled(&self, factor: f64) -> Self {
        Self {
            shift: self.shift.map(|value| value * factor),
            turn: self.turn,
        }
    }

    pub(super) fn shift(&self) -> f64 {
        self.shift[0].hypot(self.shift[1])
    }

    pub(super) const fn turn(&self) -> f64 {
        self.turn
    }

    /// How far a corner moves at most, pixels.
    pub(super) fn corner_shift(&self, width: usize, height: usize) -> f64 {
        let radius = (width as f64).hypot(height as f64) / 2.0;
        self.shift() + radius * self.turn.abs()
    }

    /// The columns of a row of the reference that lie inside the other exposure.
    pub(in crate::local::fusion) fn inside(&self, picture: &Picture, y: usize) -> Range<usize> {
        let center = Self::center(picture.width, picture.height);
        let start = self.source_of(center, 0.0, y as f64);
        let slope = [self.turn.cos(), self.turn.sin()];
        let (mut low, mut high) = (0.0_f64, picture.width as f64 - 1.0);
        for ((start, slope), size) in start
            .into_iter()
            .zip(slope)
            .zip([picture.width, picture.height])
        {
            let last = size as f64 - 1.0;
            if slope.abs() < 1e-12 {
                if !(0.0..=last).contains(&start) {
                    return 0..0;
                }
                continue;
            }
            let (one, other) = (-start / slope, (last - start) / slope);
            low = low.max(one.min(other));
            high = high.min(one.max(other));
        }
        if low > high {
            return 0..0;
        }
        low.ceil() as usize..high.floor() as usize + 1
    }
}

/// Follows the camera from the smallest level to the largest. `offset` (EV) is refined on the way.
pub(super) fn follow(base: &Pyramid, moving: &Pyramid, offset: &mut f64) -> Motion {
    let (Some(smallest), Some(moved)) = (base.levels.last(), moving.levels.last()) else {
        return Motion::default();
    };
    let start = search(smallest, moved, *offset as f32);
    settle(base, moving, offset, start)
}

/// The same from a motion that is known roughly, in pixels of the largest level.
pub(super) fn follow_from(
    base: &Pyramid,
    moving: &Pyramid,
    offset: &mut f64,
    start: Motion,
) -> Motion {
    let halvings = i32::try_from(base.levels.len()).unwrap_or(1) - 1;
    settle(base, moving, offset, start.scaled(0.5_f64.powi(halvings)))
}

/// From a motion in pixels of the smallest level to one in pixels of the largest.
fn settle(base: &Pyramid, moving: &Pyramid, offset: &mut f64, start: Motion) -> Motion {
    let levels: Vec<(&Level, &Level)> = base.levels.iter().zip(&moving.levels).collect();
    let mut motion = start;
    for (number, (base, moving)) in levels.iter().enumerate().rev() {
        let largest = number == 0;
        let (rounds, stride) = if largest { (4, 2) } else { (10, 1) };
        for _ in 0..rounds {
            let Some(step) = improve(base, moving, &motion, *offset, stride) else {
                break;
            };
            motion.shift[0] += step[0];
            motion.shift[1] += step[1];
            motion.turn += step[2];
            *offset += step[3].clamp(-0.3, 0.3);
            if step[0].hypot(step[1]) < 2e-3 && step[2].abs() < 1e-6 {
                break;
            }
        }
        if !largest {
            motion = motion.scaled(2.0);
        }
    }
    motion
}

/// The whole-pixel shift that suits best on the smallest level.
fn search(base: &Level, moving: &Level, offset: f32) -> Motion {
    let reach = (base.width.max(base.height) / 14).max(2) as i32;
    let mut best = (f32::MAX, [0, 0]);
    for down in -reach..=reach {
        for across in -reach..=reach {
            let (mut sum, mut count) = (0.0_f32, 0_u32);
            for y in (0..base.height).step_by(2) {
                for x in (0..base.width).step_by(2) {
                    let value = base.logarithm[y * base.width + x];
                    let other = moving.at((x as i32 + across) as f32, (y as i32 + down) as f32);
                    let difference = (other - value - offset).abs();
                    if difference.is_finite() {
                        sum += difference.min(1.0);
                        count += 1;
                    }
                }
            }
            if count < 20 {
                continue;
            }
            // Of nearly equal answers the smaller motion wins.
            let habit = 1.0 + 0.002 * ((across * across + down * down) as f32).sqrt();
            let cost = sum / count as f32 * habit;
            if cost < best.0 {
                best = (cost, [across, down]);
            }
        }
    }
    Motion {
        shift: best.1.map(f64::from),
        turn: 0.0,
    }
}

/// Number of terms of the normal equations: the upper triangle of a 4 by 4 matrix and its right side.
const TERMS: usize = 14;

/// One Gauss-Newton step for shift, turn and offset.
fn improve(
    base: &Level,
    moving: &Level,
    motion: &Motion,
    offset: f64,
    stride: usize,
) -> Option<[f64; 4]> {
    let center = Motion::center(base.width, base.height);
    let (width, height) = (base.width, base.height);
    if width < 4 || height < 4 {
        return None;
    }
    let rows: Vec<[f64; TERMS]> = (1..height - 1)
        .into_par_iter()
        .filter(|y| y % stride == 0)
        .map(|y| {
            let mut terms = [0.0_f64; TERMS];
            let from = motion.source_of(center, 0.0, y as f64);
            let slope = [motion.turn.cos(), motion.turn.sin()];
            let log = |x: usize, y: usize| base.logarithm[y * width + x];
            for x in (1..width - 1).step_by(stride) {
                let column = x as f64;
                let other = moving.at(
                    (from[0] + slope[0] * column) as f32,
                    (from[1] + slope[1] * column) as f32,
                );
                let difference = other - log(x, y) - offset as f32;
                let across = 0.5 * (log(x + 1, y) - log(x - 1, y));
                let down = 0.5 * (log(x, y + 1) - log(x, y - 1));
                if !(difference + across + down).is_finite() {
                    continue;
                }
                let share = difference / 0.2;
                let weight = f64::from(1.0 / (1.0 + share * share));
                let (across, down) = (f64::from(across), f64::from(down));
                let about = down * (column - center[0]) - across * (y as f64 - center[1]);
                let slopes = [across, down, about, -1.0];
                let mut term = terms.iter_mut();
                for (first, a) in slopes.iter().enumerate() {
                    for b in slopes.iter().skip(first) {
                        if let Some(term) = term.next() {
                            *term += weight * a * b;
                        }
                    }
                }
                for a in slopes {
                    if let Some(term) = term.next() {
                        *term -= weight * a * f64::from(difference);
                    }
                }
            }
            terms
        })
        .collect();
    // Added up in the order of the rows, so that the number of threads changes nothing.
    let mut sums = [0.0_f64; TERMS];
    for row in &rows {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = sums;
    let step = solve(
        [[a, b, c, d], [b, e, f, g], [c, f, h, i], [d, g, i, j]],
        [k, l, m, n],
    )?;
    // A step of the offset changes the sign: the model is moving = base + offset.
    let limit = |value: f64, most: f64| value.clamp(-most, most);
    let turn_limit = 2.0 / width.max(height) as f64;
    Some([
        limit(step[0], 1.5),
        limit(step[1], 1.5),
        limit(step[2], turn_limit),
        step[3],
    ])
}

/// Gaussian elimination with the largest pivot.
fn solve(mut matrix: [[f64; 4]; 4], mut right: [f64; 4]) -> Option<[f64; 4]> {
    for pivot in 0..4 {
        let largest = (pivot..4)
            .max_by(|&a, &b| matrix[a][pivot].abs().total_cmp(&matrix[b][pivot].abs()))?;
        matrix.swap(pivot, largest);
        right.swap(pivot, largest);
        if matrix[pivot][pivot].abs() < 1e-9 {
            return None;
        }
        let base = matrix[pivot];
        for row in pivot + 1..4 {
            let factor = matrix[row][pivot] / base[pivot];
            for (value, above) in matrix[row].iter_mut().zip(base) {
                *value -= factor * above;
            }
            right[row] -= factor * right[pivot];
        }
    }
    for row in (0..4).rev() {
        let known: f64 = (row + 1..4)
            .map(|column| matrix[row][column] * right[column])
            .sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    Some(right)
}

/// How alike the detail of two exposures is once one is moved (correlation, -1 to 1), and the share of
/// the picture that both show. Judged on a level that is small enough to be free of noise.
pub(super) fn likeness(
    base: &Pyramid,
    moving: &Pyramid,
    motion: &Motion,
    offset: f64,
) -> (f64, f64) {
    let number = base
        .levels
        .len()
        .saturating_sub(2)
        .min(base.levels.len() - 1);
    let (Some(level), Some(other)) = (base.levels.get(number), moving.levels.get(number)) else {
        return (0.0, 0.0);
    };
    let motion = motion.scaled(0.5_f64.powi(i32::try_from(number).unwrap_or(0)));
    let center = Motion::center(level.width, level.height);
    let sample = |x: usize, y: usize| {
        let [u, v] = motion.source_of(center, x as f64, y as f64);
        other.at(u as f32, v as f32) - offset as f32
    };
    let (mut products, mut own, mut others, mut count) = (0.0_f64, 0.0_f64, 0.0_f64, 0_usize);
    for y in 2..level.height.saturating_sub(2) {
        for x in 2..level.width.saturating_sub(2) {
            let log = |x: usize, y: usize| level.logarithm[y * level.width + x];
            let detail = |value: &dyn Fn(usize, usize) -> f32| {
                value(x, y)
                    - 0.25 * (value(x - 2, y) + value(x + 2, y) + value(x, y - 2) + value(x, y + 2))
            };
            let (a, b) = (f64::from(detail(&log)), f64::from(detail(&sample)));
            if (a + b).is_finite() {
                // Strong borders count, but not for everything.
                let (a, b) = (a.clamp(-0.5, 0.5), b.clamp(-0.5, 0.5));
                products += a * b;
                own += a * a;
                others += b * b;
                count += 1;
            }
        }
    }
    let share = count as f64 / level.logarithm.len().max(1) as f64;
    (products / (own * others).sqrt().max(1e-12), share)
}
