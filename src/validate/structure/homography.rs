//! The one movement that most corners agree on: a homography by RANSAC (Fischler and Bolles 1981),
//! then by least squares over the corners that agree; fewer parameters where the corners are too few
//! or too close together to tell eight.

use super::features::Pair;

/// Samples of four corners that are tried.
const ROUNDS: usize = 300;
/// Largest distance of a corner that agrees, as a share of the diagonal (1.8 pixels at 1536 by 1024).
const AGREES: f64 = 0.001;
/// Fewest corners that agree.
const FEWEST: usize = 8;
/// A model is told by the corners where its error at a corner of the frame is below this share of the diagonal.
const TOLD: f64 = 0.0002;

/// The movement of the frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Movement {
    /// Movement of the corner of the frame that moved most, less twice its error, in pixels.
    pub(super) worst_corner: f64,
    pub(super) inliers: usize,
}

/// A homography on coordinates that run from -1 to 1 over half the diagonal, its last entry 1.
type Model = [f64; 8];

const IDENTITY: Model = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];

/// Finds the movement; `None` where too few corners agree.
pub(super) fn movement(pairs: &[Pair], width: usize, height: usize) -> Option<Movement> {
    let diagonal = (width as f64).hypot(height as f64);
    let half = diagonal / 2.0;
    let centre = [(width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0];
    let scaled = |point: [f64; 2]| [(point[0] - centre[0]) / half, (point[1] - centre[1]) / half];
    let pairs: Vec<Pair> = pairs
        .iter()
        .map(|pair| Pair {
            from: scaled(pair.from),
            to: scaled(pair.to),
        })
        .collect();
    if pairs.len() < FEWEST {
        return None;
    }
    let limit = 2.0 * AGREES;
    let mut best = (f64::INFINITY, IDENTITY);
    let mut consider = |model: Model| {
        let cost = cost(&pairs, &model, limit);
        if cost < best.0 {
            best = (cost, model);
        }
    };
    consider(IDENTITY);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..ROUNDS {
        let mut chosen = [0; 4];
        for index in &mut chosen {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            *index = (random >> 11) as usize % pairs.len();
        }
        let four = chosen.map(|index| pairs[index]);
        if let Some((model, _)) = least_squares(&four, Family::Homography) {
            consider(model);
        }
    }
    let mut model = best.1;
    let mut found = None;
    for family in [Family::Homography, Family::Affine, Family::Similarity] {
        for _ in 0..4 {
            let inliers = inliers(&pairs, &model, limit);
            if inliers.len() < FEWEST {
                return None;
            }
            let Some((better, inverse)) = least_squares(&inliers, family) else {
                break;
            };
            model = better;
            let squares: f64 = inliers
                .iter()
                .map(|pair| distance(pair, &model).powi(2))
                .sum();
            let freedom = (2 * inliers.len())
                .saturating_sub(family.parameters())
                .max(1);
            let variance = squares / freedom as f64;
            found = Some((inliers.len(), variance, inverse, family));
        }
        let Some((inliers, variance, inverse, family)) = &found else {
            continue;
        };
        let (worst, error) = worst_corner(&model, *variance, inverse, *family, width, height, half);
        let last = *family == Family::Similarity;
        if error <= 2.0 * TOLD || last {
            return Some(Movement {
                worst_corner: (worst - 2.0 * error).max(0.0) * half,
                inliers: *inliers,
            });
        }
    }
    None
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Homography,
    Affine,
    Similarity,
}

impl Family {
    const fn parameters(self) -> usize {
        match self {
            Self::Homography => 8,
            Self::Affine => 6,
            Self::Similarity => 4,
        }
    }

    /// The two rows of the linear system that a pair gives.
    fn rows(self, pair: &Pair) -> [[f64; 8]; 2] {
        let ([x, y], [u, v]) = (pair.from, pair.to);
        match self {
            Self::Homography => [
                [x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y],
                [0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y],
            ],
            Self::Affine => [
                [x, y, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
                [0.0, 0.0, 0.0, x, y, 1.0, 0.0, 0.0],
            ],
            Self::Similarity => [
                [x, -y, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
                [y, x, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
            ],
        }
    }

    fn model(self, solved: [f64; 8]) -> Model {
        match self {
            Self::Homography => solved,
            Self::Affine => {
                let [a, b, c, d, e, f, _, _] = solved;
                [a, b, c, d, e, f, 0.0, 0.0]
            }
            Self::Similarity => {
                let [a, b, c, d, ..] = solved;
                [a, -b, c, b, a, d, 0.0, 0.0]
            }
        }
    }
}

fn apply(model: &Model, [x, y]: [f64; 2]) -> [f64; 2] {
    let scale = model[6] * x + model[7] * y + 1.0;
    let scale = if scale.abs() < 1e-9 { 1e-9 } else { scale };
    [
        (model[0] * x + model[1] * y + model[2]) / scale,
        (model[3] * x + model[4] * y + model[5]) / scale,
    ]
}

fn distance(pair: &Pair, model: &Model) -> f64 {
    let [u, v] = apply(model, pair.from);
    (u - pair.to[0]).hypot(v - pair.to[1])
}

fn cost(pairs: &[Pair], model: &Model, limit: f64) -> f64 {
    pairs
        .iter()
        .map(|pair| distance(pair, model).min(limit).powi(2))
        .sum()
}

fn inliers(pairs: &[Pair], model: &Model, limit: f64) -> Vec<Pair> {
    pairs
        .iter()
        .filter(|pair| distance(pair, model) <= limit)
        .copied()
        .collect()
}

/// Solves for a model and gives the inverse of its normal matrix; `None` where the pairs do not tell it.
fn least_squares(pairs: &[Pair], family: Family) -> Option<(Model, [[f64; 8]; 8])> {
    let size = family.parameters();
    let mut normal = [[0.0; 8]; 8];
    let mut right = [0.0; 8];
    for pair in pairs {
        for (row, value) in family.rows(pair).iter().zip(pair.to) {
            for i in 0..size {
                right[i] += row[i] * value;
                for j in 0..size {
                    normal[i][j] += row[i] * row[j];
                }
            }
        }
    }
    let inverse = invert(normal, size)?;
    let mut solved = [0.0; 8];
    for i in 0..size {
        solved[i] = (0..size).map(|j| inverse[i][j] * right[j]).sum();
    }
    Some((family.model(solved), inverse))
}

/// Gauss and Jordan with pivots; `None` for a matrix that is near singular.
fn invert(mut matrix: [[f64; 8]; 8], size: usize) -> Option<[[f64; 8]; 8]> {
    let mut inverse = [[0.0; 8]; 8];
    for (i, row) in inverse.iter_mut().enumerate() {
        row[i] = 1.0;
    }
    for column in 0..size {
        let pivot = (column..size)
            .max_by(|&a, &b| matrix[a][column].abs().total_cmp(&matrix[b][column].abs()))?;
        if matrix[pivot][column].abs() < 1e-12 {
            return None;
        }
        matrix.swap(pivot, column);
        inverse.swap(pivot, column);
        let scale = 1.0 / matrix[column][column];
        for j in 0..size {
            matrix[column][j] *= scale;
            inverse[column][j] *= scale;
        }
        for row in 0..size {
            if row == column {
                continue;
            }
            let factor = matrix[row][column];
            for j in 0..size {
                matrix[row][j] -= factor * matrix[column][j];
                inverse[row][j] -= factor * inverse[column][j];
            }
        }
    }
    Some(inverse)
}

/// How far the corner of the frame moved that moved most, and its standard error, in half diagonals.
fn worst_corner(
    model: &Model,
    variance: f64,
    inverse: &[[f64; 8]; 8],
    family: Family,
    width: usize,
    height: usize,
    half: f64,
) -> (f64, f64) {
    let (x, y) = (width as f64 / 2.0 / half, height as f64 / 2.0 / half);
    let mut worst = (0.0, 0.0);
    for from in [[-x, -y], [x, -y], [-x, y], [x, y]] {
        let to = apply(model, from);
        let moved = (to[0] - from[0]).hypot(to[1] - from[1]);
        // Near the identity the rows of the system are the derivatives of the corner's place.
        let error: f64 = family
            .rows(&Pair { from, to })
            .iter()
            .map(|row| {
                let mut sum = 0.0;
                for i in 0..family.parameters() {
                    for j in 0..family.parameters() {
                        sum += row[i] * inverse[i][j] * row[j];
                    }
                }
                sum * variance
            })
            .sum();
        if moved >= worst.0 {
            worst = (moved, error.max(0.0).sqrt());
        }
    }
    worst
}
