//! An edge as the camera sees it, and how far it is from a direction of the world.

use super::refine::State;
use crate::imaging::lines::LineSegment;
use crate::imaging::warp::Lens;

/// The directions of a house that stands square.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Up.
    Vertical,
    /// Along the azimuth of the state.
    Along,
    /// Square to it.
    Across,
}

/// An edge seen from the camera.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// Its middle, focal lengths from the axis.
    middle: [f64; 2],
    /// Unit vector along it, pointing down.
    direction: [f64; 2],
    /// Length, pixels of the picture.
    pub(super) length: f64,
    /// Standard deviation of its direction, radians.
    pub(super) sigma: f64,
    /// How its middle and its direction change for each unit of k1.
    middle_by_k1: [f64; 2],
    direction_by_k1: [f64; 2],
    /// The k1 that it was undistorted with.
    k1: f64,
}

/// Greatest angle from the picture's vertical at which an edge may be a vertical of the world: the
/// most roll and the most convergence together.
const NEAR_VERTICAL: f64 = 34.0;

impl Sight {
    pub(super) fn new(segment: &LineSegment, lens: &Lens) -> Self {
        const DELTA: f64 = 1e-3;
        let (middle, direction) = line_through(&segment.points, lens);
        let bent = Lens { k1: lens.k1 + DELTA, ..*lens };
        let (moved, mut turned) = line_through(&segment.points, &bent);
        if turned[0] * direction[0] + turned[1] * direction[1] < 0.0 {
            turned = turned.map(|value| -value);
        }
        let change = |after: [f64; 2], before: [f64; 2]| {
            [(after[0] - before[0]) / DELTA, (after[1] - before[1]) / DELTA]
        };
        Self {
            middle,
            direction,
            length: segment.length,
            // An edge of a house shows its direction to a twentieth of a degree at best; short ones
            // to what the positions of their ends allow.
            sigma: (0.4 / segment.length).hypot(0.05_f64.to_radians()),
            middle_by_k1: change(moved, middle),
            direction_by_k1: change(turned, direction),
            k1: lens.k1,
        }
    }

    pub(super) fn is_near_vertical(&self) -> bool {
        self.direction[1].abs() >= NEAR_VERTICAL.to_radians().cos()
    }

    /// Angle (radians) between the edge and its family's direction as the camera of this state sees it
    /// at the edge's middle.
    pub(super) fn deviation(&self, family: Family, state: &State) -> f64 {
        let change = state.k1 - self.k1;
        let moved = |value: [f64; 2], rate: [f64; 2]| {
            [value[0] + change * rate[0], value[1] + change * rate[1]]
        };
        let middle = moved(self.middle, self.middle_by_k1).map(|value| value * state.zoom.exp());
        let direction = moved(self.direction, self.direction_by_k1);
        angle(middle, direction, &state.toward(family))
    }

    /// The same for a direction given in camera axes, with the edge as it is.
    pub(super) fn deviation_from(&self, toward: &[f64; 3]) -> f64 {
        angle(self.middle, self.direction, toward)
    }
}

fn angle(middle: [f64; 2], direction: [f64; 2], toward: &[f64; 3]) -> f64 {
    let expected = [toward[0] - toward[2] * middle[0], toward[1] - toward[2] * middle[1]];
    let cross = expected[0] * direction[1] - expected[1] * direction[0];
    let dot = expected[0] * direction[0] + expected[1] * direction[1];
    // Edges have no front and no back.
    if dot < 0.0 { (-cross).atan2(-dot) } else { cross.atan2(dot) }
}

/// The world's up direction in the axes of a camera with this tilt (radians).
pub(super) fn up(pitch: f64, roll: f64) -> [f64; 3] {
    [roll.sin() * pitch.cos(), -roll.cos() * pitch.cos(), pitch.sin()]
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
