//! Iteratively reweighted least squares for the camera's tilt and, where they are free, the lens's k1,
//! the azimuth of the house and the focal length.

use super::sight::{Family, Sight, up};
use crate::imaging::warp::Lens;

/// What is refined. Angles in radians.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) pitch: f64,
    pub(super) roll: f64,
    pub(super) k1: f64,
    /// Of the house's horizontal edges, from where the camera looks.
    pub(super) azimuth: f64,
    /// Logarithm of how much shorter the focal length is than the lens says.
    pub(super) zoom: f64,
}

const PARAMETERS: usize = 5;

impl State {
    const fn values(&self) -> [f64; PARAMETERS] {
        [self.pitch, self.roll, self.k1, self.azimuth, self.zoom]
    }

    const fn from_values([pitch, roll, k1, azimuth, zoom]: [f64; PARAMETERS]) -> Self {
        Self { pitch, roll, k1, azimuth, zoom }
    }

    /// The direction of a family in camera axes.
    pub(super) fn toward(&self, family: Family) -> [f64; 3] {
        let up = up(self.pitch, self.roll);
        let turn = match family {
            Family::Vertical => return up,
            Family::Along => self.azimuth,
            Family::Across => self.azimuth + std::f64::consts::FRAC_PI_2,
        };
        // Level directions: where the camera looks, and to its right.
        let level = (1.0 - up[2] * up[2]).sqrt().max(1e-9);
        let ahead = [-up[2] * up[0] / level, -up[2] * up[1] / level, (1.0 - up[2] * up[2]) / level];
        let right = [
            up[2] * ahead[1] - up[1] * ahead[2],
            up[0] * ahead[2] - up[2] * ahead[0],
            up[1] * ahead[0] - up[0] * ahead[1],
        ];
        let (sine, cosine) = turn.sin_cos();
        [0, 1, 2].map(|axis: usize| cosine * ahead[axis] + sine * right[axis])
    }
}

/// What may change besides pitch and roll.
#[derive(Clone, Copy, Debug)]
pub(super) struct Freedom {
    /// k1, with its value and standard error as known before; `None`: it stays.
    pub(super) k1: Option<(f64, f64)>,
    /// Azimuth and focal length, the latter with this standard deviation of its logarithm; `None`: both
    /// stay.
    pub(super) focal: Option<f64>,
}

/// The end of a refinement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refined {
    pub(super) state: State,
    /// Standard errors.
    pub(super) errors: State,
    /// Deviation within which an edge agrees, radians.
    pub(super) width: f64,
}

/// Rounds of refinement; the last ones no longer change anything that can be seen.
const ROUNDS: usize = 18;

/// Tukey-weighted Gauss-Newton steps while the width of the weight function shrinks to what the
/// agreeing edges themselves show.
pub(super) fn refine(
    sights: &[(Sight, Family)],
    lens: &Lens,
    freedom: &Freedom,
    start: State,
) -> Option<Refined> {
    const BOUNDS: [f64; PARAMETERS] = [0.5, 0.4, 0.3, 10.0, 0.5];
    let mut values = State { k1: lens.k1, ..start }.values();
    let mut errors = [f64::MAX; PARAMETERS];
    let mut width = 1.5_f64.to_radians();
    for round in 0..ROUNDS {
        let system = System::new(sights, State::from_values(values), width);
        let (step, spread) = system.solve(freedom, &values)?;
        for ((value, step), bound) in values.iter_mut().zip(step).zip(BOUNDS) {
            *value = (*value + step).clamp(-bound, bound);
        }
        errors = spread;
        if round >= 5 {
            width = (0.7 * width).max(system.natural_width());
        }
    }
    Some(Refined { state: State::from_values(values), errors: State::from_values(errors), width })
}

type Matrix = [[f64; PARAMETERS]; PARAMETERS];

/// The normal equations of one step, and those of the noise.
struct System {
    normal: Matrix,
    noise: Matrix,
    right: [f64; PARAMETERS],
    weights: f64,
    squares: f64,
    deviations: Vec<f64>,
}

impl System {
    fn new(sights: &[(Sight, Family)], state: State, width: f64) -> Self {
        const DELTA: f64 = 1e-5;
        let mut system = Self {
            normal: [[0.0; PARAMETERS]; PARAMETERS],
            noise: [[0.0; PARAMETERS]; PARAMETERS],
            right: [0.0; PARAMETERS],
            weights: 0.0,
            squares: 0.0,
            deviations: Vec::new(),
        };
        for (sight, family) in sights {
            let here = sight.deviation(*family, &state);
            let share = here / width;
            if share.abs() >= 1.0 {
                continue;
            }
            let weight = (1.0 - share * share).powi(2) / (sight.sigma * sight.sigma);
            let mut slopes = [0.0; PARAMETERS];
            for (index, slope) in slopes.iter_mut().enumerate() {
                let mut moved = state.values();
                if let Some(value) = moved.get_mut(index) {
                    *value += DELTA;
                }
                *slope = (sight.deviation(*family, &State::from_values(moved)) - here) / DELTA;
            }
            let spread = here * here + sight.sigma * sight.sigma;
            for (row, a) in slopes.into_iter().enumerate() {
                for (column, b) in slopes.into_iter().enumerate() {
                    system.normal[row][column] += weight * a * b;
                    system.noise[row][column] += weight * weight * spread * a * b;
                }
                system.right[row] -= weight * a * here;
            }
            system.weights += weight;
            system.squares += weight * weight;
            system.deviations.push(here.abs());
        }
        system
    }

    /// The width of Tukey's function that suits the spread of the agreeing edges.
    fn natural_width(&self) -> f64 {
        let mut sorted = self.deviations.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
        (4.685 * 1.4826 * median).clamp(0.35_f64.to_radians(), 0.9_f64.to_radians())
    }

    /// The step of all parameters, and their standard errors.
    fn solve(
        &self,
        freedom: &Freedom,
        values: &[f64; PARAMETERS],
    ) -> Option<([f64; PARAMETERS], [f64; PARAMETERS])> {
        const FIXED: f64 = 1e12;
        if self.weights <= 0.0 {
            return None;
        }
        let (mut normal, mut noise, mut right) = (self.normal, self.noise, self.right);
        // An angle that no edge speaks of stays where it is: a weak pull, as of one edge that is known
        // to ten degrees.
        let still = 10.0_f64.to_radians().powi(-2);
        let mut pulls = [still, still, FIXED, FIXED, FIXED];
        if let Some((value, error)) = freedom.k1 {
            pulls[2] = 1.0 / (error * error);
            right[2] += (value - values[2]) * pulls[2];
        }
        if let Some(spread) = freedom.focal {
            pulls[3] = still;
            pulls[4] = spread.powi(-2);
            right[4] -= values[4] * pulls[4];
        }
        for (index, pull) in pulls.into_iter().enumerate() {
            normal[index][index] += pull;
            noise[index][index] += pull;
        }
        let inverse = inverted(normal)?;
        let times = |row: &[f64; PARAMETERS], vector: &[f64; PARAMETERS]| {
            row.iter().zip(vector).map(|(a, b)| a * b).sum::<f64>()
        };
        let effective = self.weights * self.weights / self.squares;
        let small = effective / (effective - 2.5).max(0.2);
        let step = inverse.map(|row| times(&row, &right));
        let errors = inverse.map(|row| {
            let through = noise.map(|line| times(&line, &row));
            (times(&row, &through) * small).sqrt()
        });
        Some((step, errors))
    }
}

/// Inverse of a symmetric positive definite matrix by Gauss-Jordan elimination.
fn inverted(mut matrix: Matrix) -> Option<Matrix> {
    let mut inverse: Matrix = [[0.0; PARAMETERS]; PARAMETERS];
    for (index, row) in inverse.iter_mut().enumerate() {
        row[index] = 1.0;
    }
    for pivot in 0..PARAMETERS {
        let value = matrix[pivot][pivot];
        if value <= 0.0 || !value.is_finite() {
            return None;
        }
        for column in 0..PARAMETERS {
            matrix[pivot][column] /= value;
            inverse[pivot][column] /= value;
        }
        for row in (0..PARAMETERS).filter(|row| *row != pivot) {
            let factor = matrix[row][pivot];
            for column in 0..PARAMETERS {
                matrix[row][column] -= factor * matrix[pivot][column];
                inverse[row][column] -= factor * inverse[pivot][column];
            }
        }
    }
    Some(inverse)
}
