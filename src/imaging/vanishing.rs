//! Where the vertical edges of a house meet: the vanishing point of its verticals gives the pitch and
//! the roll of the camera. The two angles are few enough to be searched exhaustively, so that no
//! random draw decides; the winner is refined by iteratively reweighted least squares.

use super::lines::LineSegment;
use super::warp::Lens;

/// Pitch and roll of the camera, with what they rest on. Degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tilt {
    /// Positive: the camera looked up.
    pub pitch: f64,
    /// Positive: the camera was turned counter-clockwise.
    pub roll: f64,
    /// Standard error of the pitch.
    pub pitch_error: f64,
    /// Standard error of the roll.
    pub roll_error: f64,
    /// Number of edges that agree.
    pub lines: usize,
    /// Sum of the lengths of the edges that agree, in picture heights.
    pub support: f64,
    /// Share of the near-vertical edge length that agrees, 0 to 1.
    pub agreement: f64,
    /// Support of the best other answer as a share of this one's, 0 to 1.
    pub rival: f64,
    /// k1 of the lens: the one given, or the one found along with the tilt.
    pub k1: f64,
    /// Standard error of k1; 0 where it was given.
    pub k1_error: f64,
}

/// What is known about k1 before the verticals are looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum KnownDistortion {
    /// The lens's own k1 holds.
    Exactly,
    /// The value and its standard error; the verticals may say more. Distortion turns verticals near
    /// the corners, which no pitch and no roll can do.
    About(f64, f64),
}

/// Pitches that are searched, degrees up and down.
pub const PITCH_SEARCHED: f64 = 22.0;

/// Rolls that are searched, degrees to both sides.
pub const ROLL_SEARCHED: f64 = 14.0;

/// Step of the search, degrees.
const STEP: f64 = 0.5;

/// Deviation at which an edge counts for nothing in the search, degrees.
const SEARCH_WIDTH: f64 = 1.5;

/// Answers this far apart (degrees) are different answers.
const RIVAL_DISTANCE: f64 = 2.5;

/// An edge seen from the camera.
#[derive(Clone, Copy, Debug)]
struct Sight {
    /// Its middle, focal lengths from the axis.
    middle: [f64; 2],
    /// Unit vector along it.
    direction: [f64; 2],
    /// Length, pixels of the picture.
    length: f64,
    /// Standard deviation of its direction, radians.
    sigma: f64,
    /// How its middle and its direction change for each unit of k1.
    middle_by_k1: [f64; 2],
    direction_by_k1: [f64; 2],
}

/// The tilt of the camera from the edges of its picture; `None` where fewer than two edges are near
/// the vertical. `lens` undistorts the edges; `height` is that of the picture in pixels.
#[must_use]
pub fn tilt(
    segments: &[LineSegment],
    lens: &Lens,
    known: KnownDistortion,
    height: usize,
) -> Option<Tilt> {
    let mut lens = *lens;
    if let KnownDistortion::About(k1, _) = known {
        lens.k1 = k1;
    }
    let look = |lens: &Lens| -> Vec<Sight> {
        segments.iter().filter_map(|segment| sight(segment, lens, height)).collect()
    };
    let mut sights = look(&lens);
    if sights.len() < 2 {
        return None;
    }
    let grid = Grid::new(&sights);
    let (pitch, roll, peak) = grid.best()?;
    let mut refined = refine(&sights, &lens, known, pitch, roll)?;
    if known != KnownDistortion::Exactly {
        // The sights' dependence on k1 is linear only nearby.
        for _ in 0..2 {
            lens.k1 = refined.k1;
            sights = look(&lens);
            refined = refine(&sights, &lens, known, refined.pitch, refined.roll)?;
        }
        lens.k1 = refined.k1;
        sights = look(&lens);
    }
    let agreeing: Vec<&Sight> = sights
        .iter()
        .filter(|sight| sight.deviation(refined.pitch, refined.roll).abs() < refined.width)
        .collect();
    let agreeing_length: f64 = agreeing.iter().map(|sight| sight.length).sum();
    let near_length: f64 = sights
        .iter()
        .filter(|sight| {
            sight.deviation(refined.pitch, refined.roll).abs() < 8.0_f64.to_radians()
        })
        .map(|sight| sight.length)
        .sum();
    Some(Tilt {
        pitch: refined.pitch.to_degrees(),
        roll: refined.roll.to_degrees(),
        pitch_error: refined.pitch_error.to_degrees(),
        roll_error: refined.roll_error.to_degrees(),
        lines: agreeing.len(),
        support: agreeing_length / height.max(1) as f64,
        agreement: agreeing_length / near_length.max(1e-9),
        rival: grid.rival(pitch, roll) / peak,
        k1: refined.k1,
        k1_error: refined.k1_error,
    })
}

/// The edge in camera coordinates, if it is near enough to the vertical and long enough to speak.
fn sight(segment: &LineSegment, lens: &Lens, height: usize) -> Option<Sight> {
    if segment.length < 0.025 * height as f64 {
        return None;
    }
    let (middle, direction) = line_through(&segment.points, lens);
    if direction[1].abs() < 34.0_f64.to_radians().cos() {
        return None;
    }
    const DELTA: f64 = 1e-3;
    let bent = Lens { k1: lens.k1 + DELTA, ..*lens };
    let (moved, turned) = line_through(&segment.points, &bent);
    let change = |after: [f64; 2], before: [f64; 2]| {
        [(after[0] - before[0]) / DELTA, (after[1] - before[1]) / DELTA]
    };
    // An edge that truly is an edge of the house still has its direction to a twentieth of a degree
    // at best; short ones to what their ends' positions allow.
    let sigma = (0.4 / segment.length).hypot(0.05_f64.to_radians());
    Some(Sight {
        middle,
        direction,
        length: segment.length,
        sigma,
        middle_by_k1: change(moved, middle),
        direction_by_k1: change(turned, direction),
    })
}

/// Middle and direction (a unit vector that points down) of the line through the undistorted points,
/// by total least squares.
fn line_through(points: &[[f64; 2]], lens: &Lens) -> ([f64; 2], [f64; 2]) {
    let count = points.len().max(1) as f64;
    let (mut mean, mut squares) = ([0.0; 2], [0.0; 3]);
    let points: Vec<[f64; 2]> = points.iter().map(|&[x, y]| lens.undistort(x, y)).collect();
    for point in &points {
        mean[0] += point[0] / count;
        mean[1] += point[1] / count;
    }
    for point in &points {
        let step = [point[0] - mean[0], point[1] - mean[1]];
        squares[0] += step[0] * step[0];
        squares[1] += step[0] * step[1];
        squares[2] += step[1] * step[1];
    }
    let angle = 0.5 * (2.0 * squares[1]).atan2(squares[0] - squares[2]);
    let sign = if angle.sin() < 0.0 { -1.0 } else { 1.0 };
    (mean, [sign * angle.cos(), sign * angle.sin()])
}

impl Sight {
    /// Angle between the edge and the vertical direction that a camera with this tilt (radians) sees
    /// at the edge's middle, radians.
    fn deviation(&self, pitch: f64, roll: f64) -> f64 {
        self.deviation_from(&up(pitch, roll))
    }

    /// The edge as it would be with another k1.
    fn with_k1(&self, change: f64) -> Self {
        let moved = |value: [f64; 2], rate: [f64; 2]| {
            [value[0] + change * rate[0], value[1] + change * rate[1]]
        };
        let direction = moved(self.direction, self.direction_by_k1);
        let length = direction[0].hypot(direction[1]);
        Self {
            middle: moved(self.middle, self.middle_by_k1),
            direction: direction.map(|value| value / length),
            ..*self
        }
    }

    fn deviation_from(&self, up: &[f64; 3]) -> f64 {
        let vertical =
            [up[0] - up[2] * self.middle[0], up[1] - up[2] * self.middle[1]];
        let cross = vertical[0] * self.direction[1] - vertical[1] * self.direction[0];
        let length = vertical[0].hypot(vertical[1]);
        (-cross / length).clamp(-1.0, 1.0).asin()
    }
}

/// The world's up direction in the axes of a camera with this tilt (radians).
fn up(pitch: f64, roll: f64) -> [f64; 3] {
    [roll.sin() * pitch.cos(), -roll.cos() * pitch.cos(), pitch.sin()]
}

/// Support of every searched tilt.
struct Grid {
    cells: Vec<(f64, f64, f64)>,
}

impl Grid {
    fn new(sights: &[Sight]) -> Self {
        let pitches = (2.0 * PITCH_SEARCHED / STEP) as i32;
        let rolls = (2.0 * ROLL_SEARCHED / STEP) as i32;
        let width = SEARCH_WIDTH.to_radians();
        let mut cells = Vec::new();
        for pitch in 0..=pitches {
            let pitch = (f64::from(pitch) * STEP - PITCH_SEARCHED).to_radians();
            for roll in 0..=rolls {
                let roll = (f64::from(roll) * STEP - ROLL_SEARCHED).to_radians();
                let up = up(pitch, roll);
                let support: f64 = sights
                    .iter()
                    .map(|sight| {
                        let share = sight.deviation_from(&up) / width;
                        let closeness = (1.0 - share * share).max(0.0);
                        sight.length * closeness * closeness
                    })
                    .sum();
                // People hold cameras nearly level: of two equal answers the smaller tilt wins.
                let habit = 1.0 - 60.0_f64.to_radians().recip() * 0.2 * pitch.hypot(roll);
                cells.push((pitch, roll, support * habit));
            }
        }
        Self { cells }
    }

    fn best(&self) -> Option<(f64, f64, f64)> {
        self.cells
            .iter()
            .copied()
            .max_by(|a, b| a.2.total_cmp(&b.2))
            .filter(|cell| cell.2 > 0.0)
    }

    /// The highest support among the local maxima that lie well away from this answer.
    fn rival(&self, pitch: f64, roll: f64) -> f64 {
        let rolls = (2.0 * ROLL_SEARCHED / STEP) as usize + 1;
        let at = |row: usize, column: usize| {
            self.cells.get(row * rolls + column).map_or(0.0, |cell| cell.2)
        };
        let rows = self.cells.len() / rolls;
        let mut highest = 0.0_f64;
        for (number, cell) in self.cells.iter().enumerate() {
            let (row, column) = (number / rolls, number % rolls);
            let far = (cell.0 - pitch).hypot(cell.1 - roll).to_degrees() > RIVAL_DISTANCE;
            if !far || row == 0 || column == 0 || row + 1 >= rows || column + 1 >= rolls {
                continue;
            }
            let neighbours = (row - 1..=row + 1)
                .flat_map(|row| (column - 1..=column + 1).map(move |column| at(row, column)));
            if neighbours.into_iter().all(|value| value <= cell.2) {
                highest = highest.max(cell.2);
            }
        }
        highest
    }
}

struct Refined {
    pitch: f64,
    roll: f64,
    k1: f64,
    pitch_error: f64,
    roll_error: f64,
    k1_error: f64,
    /// Deviation within which an edge agrees.
    width: f64,
}

/// Rounds of refinement; the last ones no longer change anything that can be seen.
const ROUNDS: usize = 18;

/// Tukey-weighted Gauss-Newton steps while the width of the weight function shrinks to what the
/// agreeing edges themselves show.
fn refine(
    sights: &[Sight],
    lens: &Lens,
    known: KnownDistortion,
    pitch: f64,
    roll: f64,
) -> Option<Refined> {
    let mut state = [pitch, roll, lens.k1];
    let mut errors = [f64::MAX; 3];
    let mut width = 1.5_f64.to_radians();
    for round in 0..ROUNDS {
        let system = System::new(sights, lens.k1, state, width);
        let (step, covariance) = system.solve(known, state[2])?;
        for (value, (step, bound)) in state.iter_mut().zip(step.into_iter().zip([0.5, 0.4, 0.3])) {
            *value = (*value + step).clamp(-bound, bound);
        }
        errors = covariance;
        if round >= 5 {
            width = (0.7 * width).max(system.natural_width());
        }
    }
    Some(Refined {
        pitch: state[0],
        roll: state[1],
        k1: state[2],
        pitch_error: errors[0],
        roll_error: errors[1],
        k1_error: if known == KnownDistortion::Exactly { 0.0 } else { errors[2] },
        width,
    })
}

/// The normal equations of one step for pitch, roll and k1, and those of the noise.
struct System {
    normal: [[f64; 3]; 3],
    noise: [[f64; 3]; 3],
    right: [f64; 3],
    weights: f64,
    squares: f64,
    deviations: Vec<f64>,
}

impl System {
    fn new(sights: &[Sight], sights_k1: f64, state: [f64; 3], width: f64) -> Self {
        const DELTA: f64 = 1e-5;
        let mut system = Self {
            normal: [[0.0; 3]; 3],
            noise: [[0.0; 3]; 3],
            right: [0.0; 3],
            weights: 0.0,
            squares: 0.0,
            deviations: Vec::new(),
        };
        let [pitch, roll, k1] = state;
        for original in sights {
            let sight = original.with_k1(k1 - sights_k1);
            let here = sight.deviation(pitch, roll);
            let share = here / width;
            if share.abs() >= 1.0 {
                continue;
            }
            let robust = (1.0 - share * share).powi(2);
            let weight = robust / (sight.sigma * sight.sigma);
            let slopes = [
                (sight.deviation(pitch + DELTA, roll) - here) / DELTA,
                (sight.deviation(pitch, roll + DELTA) - here) / DELTA,
                (original.with_k1(k1 - sights_k1 + DELTA).deviation(pitch, roll) - here) / DELTA,
            ];
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

    /// The step of pitch, roll and k1, and their standard errors.
    fn solve(&self, known: KnownDistortion, k1: f64) -> Option<([f64; 3], [f64; 3])> {
        if self.weights <= 0.0 {
            return None;
        }
        let (mut normal, mut noise, mut right) = (self.normal, self.noise, self.right);
        // A pitch that no edge speaks of stays where it is: a weak pull, as of one edge that is known
        // to ten degrees.
        let pull = 10.0_f64.to_radians().powi(-2);
        let k1_pull = match known {
            KnownDistortion::Exactly => 1e12,
            KnownDistortion::About(value, error) => {
                right[2] += (value - k1) / (error * error);
                1.0 / (error * error)
            }
        };
        for (index, pull) in [pull, pull, k1_pull].into_iter().enumerate() {
            normal[index][index] += pull;
            noise[index][index] += pull;
        }
        let inverse = inverted(&normal)?;
        let times = |row: &[f64; 3], vector: &[f64; 3]| {
            row.iter().zip(vector).map(|(a, b)| a * b).sum::<f64>()
        };
        let effective = self.weights * self.weights / self.squares;
        let small = effective / (effective - 2.5).max(0.2);
        let step = [0, 1, 2].map(|index: usize| times(&inverse[index], &right));
        let errors = inverse.map(|row| {
            let through = noise.map(|line| times(&line, &row));
            (times(&row, &through) * small).sqrt()
        });
        Some((step, errors))
    }
}

/// Inverse of a symmetric 3 by 3 matrix.
fn inverted(matrix: &[[f64; 3]; 3]) -> Option<[[f64; 3]; 3]> {
    let [[a, b, c], [_, d, e], [_, _, f]] = *matrix;
    let minors = [d * f - e * e, c * e - b * f, b * e - c * d];
    let determinant = a * minors[0] + b * minors[1] + c * minors[2];
    if determinant == 0.0 || !determinant.is_finite() {
        return None;
    }
    let [p, q, r] = minors.map(|minor| minor / determinant);
    let (s, t, u) =
        ((a * f - c * c) / determinant, (b * c - a * e) / determinant, (a * d - b * b) / determinant);
    Some([[p, q, r], [q, s, t], [r, t, u]])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The picture of a vertical edge of the world through the picture position `(x, y)`.
    fn vertical_edge(lens: &Lens, pitch: f64, roll: f64, x: f64, y: f64, length: f64) -> LineSegment {
        let up = up(pitch.to_radians(), roll.to_radians());
        let [a, b] = lens.undistort(x, y);
        let direction = [up[0] - up[2] * a, up[1] - up[2] * b];
        let scale = length / lens.focal / direction[0].hypot(direction[1]);
        let points = (0..=40)
            .map(|step| {
                let share = (f64::from(step) / 40.0 - 0.5) * scale;
                lens.distort(a + share * direction[0], b + share * direction[1])
            })
            .collect();
        LineSegment { points, length, scatter: 0.1 }
    }

    #[test]
    fn finds_pitch_and_roll_of_vertical_edges_among_others() {
        let lens = Lens { k1: -0.02, ..Lens::centered(1536, 1024, 800.0) };
        for (pitch, roll) in [(-3.0, 1.1), (12.0, -6.0), (0.0, 0.0), (-7.0, 9.0)] {
            let mut segments: Vec<LineSegment> = (0..8)
                .map(|number| {
                    let x = 150.0 + 170.0 * f64::from(number);
                    vertical_edge(&lens, pitch, roll, x, 400.0 + 20.0 * f64::from(number), 200.0)
                })
                .collect();
            for number in 0..4 {
                let x = 300.0 + 200.0 * f64::from(number);
                let wrong = roll + 12.0 - 6.0 * f64::from(number);
                segments.push(vertical_edge(&lens, 3.0, wrong, x, 500.0, 120.0));
            }
            let found = tilt(&segments, &lens, KnownDistortion::Exactly, 1024).unwrap();
            assert!((found.pitch - pitch).abs() < 0.05, "{found:?}");
            assert!((found.roll - roll).abs() < 0.05, "{found:?}");
            assert!(found.rival < 0.6, "{found:?}");
        }
    }

    #[test]
    fn edges_in_one_column_leave_the_pitch_uncertain() {
        let lens = Lens::centered(1536, 1024, 800.0);
        let segments: Vec<LineSegment> = (0..5)
            .map(|number| {
                vertical_edge(&lens, 0.0, 1.0, 765.0 + f64::from(number), 500.0, 300.0)
            })
            .collect();
        let found = tilt(&segments, &lens, KnownDistortion::Exactly, 1024).unwrap();
        assert!(found.pitch_error > 1.0, "{found:?}");
        assert!((found.roll - 1.0).abs() < 0.1 && found.roll_error < 0.3, "{found:?}");
    }

    #[test]
    fn no_edges_no_tilt() {
        let lens = Lens::centered(1536, 1024, 800.0);
        assert_eq!(tilt(&[], &lens, KnownDistortion::Exactly, 1024), None);
    }
}
