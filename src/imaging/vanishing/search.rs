//! The exhaustive searches that give the refinement its start.

use super::refine::State;
use super::sight::{Family, Sight, up};

/// Pitches that are searched, degrees up and down.
const PITCH_SEARCHED: f64 = 22.0;

/// Rolls that are searched, degrees to both sides.
const ROLL_SEARCHED: f64 = 14.0;

/// Step of the search, degrees.
const STEP: f64 = 0.5;

/// Deviation at which an edge counts for nothing in the search, degrees.
const SEARCH_WIDTH: f64 = 1.5;

/// Answers this far apart (degrees) are different answers.
const RIVAL_DISTANCE: f64 = 2.5;

/// Support of every searched tilt.
pub(super) struct Grid {
    cells: Vec<(f64, f64, f64)>,
}

impl Grid {
    pub(super) fn new(sights: &[(Sight, Family)]) -> Self {
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
                    .map(|(sight, _)| {
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

    pub(super) fn best(&self) -> Option<(f64, f64, f64)> {
        self.cells
            .iter()
            .copied()
            .max_by(|a, b| a.2.total_cmp(&b.2))
            .filter(|cell| cell.2 > 0.0)
    }

    /// The highest support among the local maxima that lie well away from this answer.
    pub(super) fn rival(&self, pitch: f64, roll: f64) -> f64 {
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

/// Directions that the horizontal edges of the house take, if they clearly take two that are square to
/// each other: the azimuth of one of them, radians from where the camera looks.
pub(super) fn azimuth(sights: &[Sight], state: &State) -> Option<f64> {
    let width = SEARCH_WIDTH.to_radians();
    let level: Vec<&Sight> = sights
        .iter()
        .filter(|sight| sight.deviation(Family::Vertical, state).abs() > 2.0 * width)
        .collect();
    let whole: f64 = level.iter().map(|sight| sight.length).sum();
    let support = |degrees: f64| -> f64 {
        let state = State { azimuth: degrees.to_radians(), ..*state };
        level
            .iter()
            .map(|sight| {
                let share = nearest(sight, &state, &[Family::Along, Family::Across]).1 / width;
                let closeness = (1.0 - share * share).max(0.0);
                sight.length * closeness * closeness
            })
            .sum()
    };
    let (degrees, peak) = (0..90)
        .map(f64::from)
        .map(|degrees| (degrees, support(degrees)))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    let mean = (0..30).map(|step| support(f64::from(step) * 3.0)).sum::<f64>() / 30.0;
    let clear = peak > LEAST_SQUARE * whole && peak > 2.0 * mean;
    clear.then_some(degrees.to_radians())
}

/// Share of the horizontal edge length that must agree on the azimuth.
const LEAST_SQUARE: f64 = 0.25;

/// The edges with the family that each is nearest to, where it is near to one.
pub(super) fn families(sights: &[Sight], state: &State) -> Vec<(Sight, Family)> {
    let width = SEARCH_WIDTH.to_radians();
    sights
        .iter()
        .filter_map(|sight| {
            let (family, distance) =
                nearest(sight, state, &[Family::Vertical, Family::Along, Family::Across]);
            let possible = family != Family::Vertical || sight.is_near_vertical();
            (distance < width && possible).then_some((*sight, family))
        })
        .collect()
}

/// The family whose direction is nearest, and the angle to it.
fn nearest(sight: &Sight, state: &State, families: &[Family]) -> (Family, f64) {
    families
        .iter()
        .map(|&family| (family, sight.deviation(family, state).abs()))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or((Family::Vertical, f64::MAX))
}
