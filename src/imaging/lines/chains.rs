//! Chains of edge points and their nearly straight pieces.

use super::MINIMUM_POINTS;
use super::edges::{EdgeMap, EdgePoint};

/// How much the gradient may turn from one point of a chain to the next (cosine of 25 degrees).
const SAME_DIRECTION: f32 = 0.906;

/// Links edge points along their edges. Each chain is a list of sub-pixel positions.
pub(super) fn link(edges: &EdgeMap) -> Vec<Vec<[f64; 2]>> {
    let mut used = vec![false; edges.points.len()];
    let mut chains = Vec::new();
    for start in 0..edges.points.len() {
        if used[start] {
            continue;
        }
        used[start] = true;
        let mut backward = walk(edges, start, -1.0, &mut used);
        let forward = walk(edges, start, 1.0, &mut used);
        if backward.len() + 1 + forward.len() < MINIMUM_POINTS {
            continue;
        }
        backward.reverse();
        backward.push(start);
        backward.extend(forward);
        chains.push(
            backward
                .into_iter()
                .filter_map(|number| edges.points.get(number))
                .map(|point| point.position.map(f64::from))
                .collect(),
        );
    }
    chains
}

/// Follows the edge from a point, to its one (`sign` 1) or other (-1) side, over gaps of one pixel.
fn walk(edges: &EdgeMap, start: usize, sign: f32, used: &mut [bool]) -> Vec<usize> {
    let mut path = Vec::new();
    let Some(mut here) = edges.points.get(start) else {
        return path;
    };
    let mut gradient = here.gradient;
    while let Some((number, next)) = follower(edges, here, gradient, sign, used) {
        used[number] = true;
        path.push(number);
        // The direction is averaged over some points, so that noise does not lead the walk astray.
        let mixed = [
            0.6 * gradient[0] + 0.4 * next.gradient[0],
            0.6 * gradient[1] + 0.4 * next.gradient[1],
        ];
        let length = mixed[0].hypot(mixed[1]);
        gradient = [mixed[0] / length, mixed[1] / length];
        here = next;
    }
    path
}

fn follower<'edges>(
    edges: &'edges EdgeMap,
    here: &EdgePoint,
    gradient: [f32; 2],
    sign: f32,
    used: &[bool],
) -> Option<(usize, &'edges EdgePoint)> {
    let along = [-gradient[1] * sign, gradient[0] * sign];
    let [x, y] = here.pixel.map(i64::from);
    let mut best: Option<(f32, usize, &EdgePoint)> = None;
    for (row, column) in (-2..=2_i64).flat_map(|row| (-2..=2_i64).map(move |column| (row, column)))
    {
        if row == 0 && column == 0 {
            continue;
        }
        let Some(number) = edges.at(x + column, y + row).map(|number| number as usize) else {
            continue;
        };
        if used.get(number).copied().unwrap_or(true) {
            continue;
        }
        let Some(point) = edges.points.get(number) else {
            continue;
        };
        let step = [
            point.position[0] - here.position[0],
            point.position[1] - here.position[1],
        ];
        let forward = step[0] * along[0] + step[1] * along[1];
        let sideways = (step[0] * along[1] - step[1] * along[0]).abs();
        let turn = point.gradient[0] * gradient[0] + point.gradient[1] * gradient[1];
        if forward < 0.3 || sideways > 0.7 * forward || turn < SAME_DIRECTION {
            continue;
        }
        let cost = forward + 3.0 * sideways;
        if best.is_none_or(|(lowest, _, _)| cost < lowest) {
            best = Some((cost, number, point));
        }
    }
    best.map(|(_, number, point)| (number, point))
}

/// Cuts a chain into pieces that are straight but for a bend that a lens could make, and hands each
/// with its length and the root mean square distance of its points from the curve.
/// `longest` is the long side of the picture.
pub(super) fn split(
    chain: &[[f64; 2]],
    longest: f64,
    accept: &mut impl FnMut(&[[f64; 2]], f64, f64),
) {
    // An explicit stack: the depth of the cuts depends on the picture.
    let mut pending = vec![chain];
    while let Some(piece) = pending.pop() {
        if piece.len() < MINIMUM_POINTS {
            continue;
        }
        let Some(fit) = Fit::new(piece) else {
            continue;
        };
        // Twelve percent of stretch in the corners bends a line of length l at the border by about
        // this much.
        let most_bent = 0.25 + 0.045 * fit.length * (fit.length / longest);
        if fit.farthest < 1.3 && fit.scatter < 0.45 && fit.bend.abs() < most_bent {
            accept(piece, fit.length, fit.scatter);
        } else {
            let cut = fit.cut.clamp(1, piece.len() - 1);
            let (head, tail) = piece.split_at(cut);
            pending.push(tail);
            pending.push(head);
        }
    }
}

/// A parabola over the chord of a piece.
struct Fit {
    /// Of the chord.
    length: f64,
    /// Height of the parabola over its chord.
    bend: f64,
    /// Root mean square distance of the points from the parabola.
    scatter: f64,
    /// Greatest distance of a point from the parabola.
    farthest: f64,
    /// Index of the point farthest from the chord.
    cut: usize,
}

impl Fit {
    fn new(piece: &[[f64; 2]]) -> Option<Self> {
        let (first, last) = (piece.first()?, piece.last()?);
        let chord = [last[0] - first[0], last[1] - first[1]];
        let length = chord[0].hypot(chord[1]);
        if length < 0.6 * piece.len() as f64 || length < 4.0 {
            // A chain that runs back on itself; cut in the middle.
            return Some(Self {
                length,
                bend: f64::MAX,
                scatter: f64::MAX,
                farthest: f64::MAX,
                cut: piece.len() / 2,
            });
        }
        let unit = [chord[0] / length, chord[1] / length];
        let local = |point: &[f64; 2]| {
            let step = [point[0] - first[0], point[1] - first[1]];
            let along = (step[0] * unit[0] + step[1] * unit[1]) / length * 2.0 - 1.0;
            (along, step[1] * unit[0] - step[0] * unit[1])
        };
        // Least squares for v = a + b t + c t², t from -1 to 1, by normal equations.
        let mut sums = [0.0_f64; 5];
        let mut right = [0.0_f64; 3];
        let mut cut = (0.0, 0);
        for (number, point) in piece.iter().enumerate() {
            let (t, v) = local(point);
            let powers = [1.0, t, t * t, t * t * t, t * t * t * t];
            for (sum, power) in sums.iter_mut().zip(powers) {
                *sum += power;
            }
            for (sum, power) in right.iter_mut().zip(powers) {
                *sum += v * power;
            }
            if v.abs() > cut.0 {
                cut = (v.abs(), number);
            }
        }
        let [a, b, c] = solve_three(
            [
                [sums[0], sums[1], sums[2]],
                [sums[1], sums[2], sums[3]],
                [sums[2], sums[3], sums[4]],
            ],
            right,
        )?;
        let (mut total, mut farthest) = (0.0, 0.0_f64);
        for point in piece {
            let (t, v) = local(point);
            let distance = v - (a + t * (b + t * c));
            total += distance * distance;
            farthest = farthest.max(distance.abs());
        }
        Some(Self {
            length,
            bend: c,
            scatter: (total / piece.len() as f64).sqrt(),
            farthest,
            cut: cut.1,
        })
    }
}

/// Solves a symmetric 3 by 3 system by Cramer's rule; `None` where it has no single solution.
pub(super) fn solve_three(matrix: [[f64; 3]; 3], right: [f64; 3]) -> Option<[f64; 3]> {
    let determinant = |m: &[[f64; 3]; 3]| {
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
            - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    };
    let whole = determinant(&matrix);
    let scale = matrix[0][0] * matrix[1][1] * matrix[2][2];
    if whole.abs() <= 1e-12 * scale.abs() || !whole.is_finite() {
        return None;
    }
    let mut solution = [0.0; 3];
    for (column, value) in solution.iter_mut().enumerate() {
        let mut replaced = matrix;
        for (row, line) in replaced.iter_mut().enumerate() {
            line[column] = right[row];
        }
        *value = determinant(&replaced) / whole;
    }
    Some(solution)
}
