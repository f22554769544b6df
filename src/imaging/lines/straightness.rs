//! Radial lens distortion from the straightness of edges (the plumb-line method: D. C. Brown,
//! "Close-range camera calibration", 1971). Every edge gives its own estimate of k1 with the weight
//! that its length and place earn; the estimates are joined robustly, because some edges of a house
//! are truly bent.

use super::LineSegment;
use super::chains::solve_three;
use crate::imaging::warp::Lens;

/// What the straight edges say about the lens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distortion {
    /// k1 of `x_d = x_u (1 + k1 r²)`, r in focal lengths.
    pub k1: f64,
    /// Standard error of k1.
    pub standard_error: f64,
    /// Number of edges that carry the estimate, counted by their weight.
    pub lines: f64,
}

/// One edge's say.
#[derive(Clone, Copy, Debug)]
struct Vote {
    k1: f64,
    variance: f64,
}

/// How much an edge may deviate from straightness by itself, as a share of its length: real edges are
/// never perfect. A little over a tenth of a pixel for an edge of 300 pixels.
const OWN_BEND: f64 = 0.0004;

/// The distortion coefficient that makes the edges straight; `None` where fewer than three say
/// anything about it. `lens` gives focal length and principal point; its own k1 is not used.
#[must_use]
pub fn distortion(segments: &[LineSegment], lens: &Lens) -> Option<Distortion> {
    let mut k1 = 0.0;
    let mut result = None;
    // The votes are linear in k1 around the current value; four rounds settle the rest.
    for _ in 0..4 {
        let current = Lens { k1, ..*lens };
        let votes: Vec<Vote> = segments
            .iter()
            .filter(|segment| segment.length > 40.0)
            .filter_map(|segment| vote(segment, &current))
            .collect();
        let step = join(&votes)?;
        k1 = step.k1;
        result = Some(step);
        if k1.abs() > 0.5 {
            return None;
        }
    }
    result
}

/// The k1 that straightens one edge, near the lens's k1.
fn vote(segment: &LineSegment, lens: &Lens) -> Option<Vote> {
    let undistorted: Vec<[f64; 2]> = segment
        .points
        .iter()
        .map(|&[x, y]| lens.undistort(x, y))
        .collect();
    let (first, last) = (undistorted.first()?, undistorted.last()?);
    let chord = [last[0] - first[0], last[1] - first[1]];
    let length = chord[0].hypot(chord[1]);
    if length < 1e-6 {
        return None;
    }
    let unit = [chord[0] / length, chord[1] / length];
    let middle = [(first[0] + last[0]) / 2.0, (first[1] + last[1]) / 2.0];
    // Perpendicular offset v = a + b t + (k1' - k1) g, with g how far the point moves sideways for
    // each unit of k1: a three-parameter least squares problem.
    let mut matrix = [[0.0; 3]; 3];
    let mut right = [0.0; 3];
    let mut rows = Vec::with_capacity(undistorted.len());
    for &[x, y] in &undistorted {
        let step = [x - middle[0], y - middle[1]];
        let t = (step[0] * unit[0] + step[1] * unit[1]) / length * 2.0;
        let v = step[1] * unit[0] - step[0] * unit[1];
        // At the foot on the chord: with the point itself its noise would be on both sides of the
        // equation and pull every short edge towards a positive k1.
        let [x, y] = [
            middle[0] + 0.5 * t * length * unit[0],
            middle[1] + 0.5 * t * length * unit[1],
        ];
        let square = x * x + y * y;
        let g = square * (y * unit[0] - x * unit[1]) / (1.0 + 3.0 * lens.k1 * square);
        let row = [1.0, t, g];
        for (line, a) in matrix.iter_mut().zip(row) {
            for (cell, b) in line.iter_mut().zip(row) {
                *cell += a * b;
            }
        }
        for (cell, a) in right.iter_mut().zip(row) {
            *cell += a * v;
        }
        rows.push((t, v, g));
    }
    // What is left of g after removing its straight part is what the edge can say.
    let count = rows.len() as f64;
    let [offset, slope] = solve_two(
        matrix[0][0],
        matrix[0][1],
        matrix[1][1],
        matrix[0][2],
        matrix[1][2],
    )?;
    let lever = rows
        .iter()
        .map(|&(t, _, g)| (g - offset - slope * t).powi(2))
        .sum::<f64>();
    let lever = lever / count;
    if lever < 1e-12 {
        return None;
    }
    let [a, b, k] = solve_three(matrix, right)?;
    let residual = rows
        .iter()
        .map(|&(t, v, g)| (v - a - b * t - k * g).powi(2))
        .sum::<f64>()
        / count;
    // Neighbouring edge points share their noise; about every fourth is independent.
    let noise = residual.max((0.05 / lens.focal).powi(2)) * 4.0 / count;
    let own = (OWN_BEND * length).powi(2);
    Some(Vote {
        k1: lens.k1 + k,
        variance: (noise + own) / lever,
    })
}

fn solve_two(a: f64, b: f64, c: f64, right_a: f64, right_b: f64) -> Option<[f64; 2]> {
    let determinant = a * c - b * b;
    (determinant.abs() > 1e-12).then(|| {
        [
            (right_a * c - right_b * b) / determinant,
            (right_b * a - right_a * b) / determinant,
        ]
    })
}

/// Weighted median, then reweighted means with Cauchy weights.
fn join(votes: &[Vote]) -> Option<Distortion> {
    let mut sorted: Vec<Vote> = votes
        .iter()
        .copied()
        .filter(|vote| vote.k1.is_finite() && vote.variance.is_finite())
        .collect();
    sorted.sort_by(|a, b| a.k1.total_cmp(&b.k1));
    let total: f64 = sorted.iter().map(|vote| 1.0 / vote.variance).sum();
    let mut below = 0.0;
    let mut center = sorted
        .iter()
        .find(|vote| {
            below += 1.0 / vote.variance;
            2.0 * below >= total
        })?
        .k1;
    let (mut weights, mut spread, mut square) = (0.0, 0.0, 0.0);
    for _ in 0..20 {
        (weights, spread, square) = (0.0, 0.0, 0.0);
        let mut sum = 0.0;
        for vote in &sorted {
            let distance = (vote.k1 - center).powi(2) / vote.variance;
            let weight = 1.0 / vote.variance / (1.0 + distance / 4.0);
            sum += weight * vote.k1;
            weights += weight;
            square += weight * weight;
            spread += weight * weight * (vote.k1 - center).powi(2);
        }
        center = sum / weights;
    }
    // Effective number of edges behind the weighted mean.
    let lines = weights * weights / square;
    if !lines.is_finite() || sorted.len() < 3 || lines < 2.0 {
        return None;
    }
    let standard_error = (spread / (weights * weights) * lines / (lines - 1.0)).sqrt();
    Some(Distortion {
        k1: center,
        standard_error: standard_error.max((1.0 / weights).sqrt()),
        lines,
    })
}
