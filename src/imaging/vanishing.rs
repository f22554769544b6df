//! Where the vertical edges of a house meet: the vanishing point of its verticals gives the pitch and
//! the roll of the camera. The two angles are few enough to be searched exhaustively, so that no
//! random draw decides; the winner is refined by iteratively reweighted least squares. The horizontal
//! edges of a house that stands square, seen far from the middle of the picture, help to find the
//! lens's distortion.

mod refine;
mod search;
mod sight;

use super::lines::LineSegment;
use super::warp::Lens;
use refine::{Freedom, Refined, State};
use sight::{Family, Sight};

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
    /// Focal length in pixels: the one given, or a better one where the house tells.
    pub focal: f64,
    /// k1 of the lens, for this focal length: the one given, or the one found along with the tilt.
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

/// The tilt of the camera from the edges of its picture; `None` where fewer than two edges are near
/// the vertical. `lens` undistorts the edges; `focal_spread` is the relative standard deviation of its
/// focal length; `height` is that of the picture in pixels.
#[must_use]
pub fn tilt(
    segments: &[LineSegment],
    lens: &Lens,
    known: KnownDistortion,
    focal_spread: f64,
    height: usize,
) -> Option<Tilt> {
    let mut edges = Edges { segments, lens: *lens, shortest: SHORTEST * height as f64 };
    let mut freedom = Freedom { k1: None, focal: None };
    if let KnownDistortion::About(value, error) = known {
        edges.lens.k1 = value;
        freedom.k1 = Some((value, error));
    }
    let verticals = edges.near_vertical();
    if verticals.len() < 2 {
        return None;
    }
    let grid = search::Grid::new(&verticals);
    let (pitch, roll, peak) = grid.best()?;
    let start = State { pitch, roll, k1: edges.lens.k1, azimuth: 0.0, zoom: 0.0 };
    let mut found = edges.refine(start, &freedom, |edges, _| Some(edges.near_vertical()))?;

    // A house that stands square says more; it is believed where it does not contradict the verticals,
    // as it does in a picture that was cropped off its middle.
    let square = Freedom { focal: Some(focal_spread), ..freedom };
    let mut whole = edges;
    let joint = whole.refine(found.state, &square, |edges, state| edges.square(state));
    if let Some(joint) = joint {
        let alone = refine::refine(
            &whole.near_vertical(),
            &whole.lens,
            &Freedom { k1: None, focal: None },
            joint.state,
        );
        if alone.is_some_and(|alone| agree(&alone, &joint)) {
            found = joint;
            edges = whole;
        }
    }

    let state = found.state;
    let deviations: Vec<(f64, f64)> = edges
        .near_vertical()
        .iter()
        .map(|(sight, family)| (sight.deviation(*family, &state).abs(), sight.length))
        .collect();
    let length_within = |width: f64| -> f64 {
        deviations.iter().filter(|(angle, _)| *angle < width).map(|(_, length)| length).sum()
    };
    let agreeing = length_within(found.width);
    // k1 counts in focal lengths, which may have changed.
    let rescale = (-2.0 * state.zoom).exp();
    Some(Tilt {
        pitch: state.pitch.to_degrees(),
        roll: state.roll.to_degrees(),
        pitch_error: found.errors.pitch.to_degrees(),
        roll_error: found.errors.roll.to_degrees(),
        lines: deviations.iter().filter(|(angle, _)| *angle < found.width).count(),
        support: agreeing / height.max(1) as f64,
        agreement: agreeing / length_within(8.0_f64.to_radians()).max(1e-9),
        rival: grid.rival(pitch, roll) / peak,
        focal: lens.focal * (-state.zoom).exp(),
        k1: edges.lens.k1 * rescale,
        k1_error: if freedom.k1.is_some() { found.errors.k1 * rescale } else { 0.0 },
    })
}

/// Whether the verticals alone say what all edges together say.
fn agree(alone: &Refined, joint: &Refined) -> bool {
    let near = |one: f64, other: f64, errors: [f64; 2]| {
        let spread = errors[0].hypot(errors[1]).hypot(0.05_f64.to_radians());
        (one - other).abs() < 3.0 * spread
    };
    near(alone.state.pitch, joint.state.pitch, [alone.errors.pitch, joint.errors.pitch])
        && near(alone.state.roll, joint.state.roll, [alone.errors.roll, joint.errors.roll])
}

/// The edges of a picture as a lens shows them.
#[derive(Clone, Copy)]
struct Edges<'a> {
    segments: &'a [LineSegment],
    lens: Lens,
    /// Length below which an edge does not speak, pixels.
    shortest: f64,
}

impl Edges<'_> {
    fn look(&self) -> Vec<Sight> {
        self.segments
            .iter()
            .filter(|segment| segment.length >= self.shortest)
            .map(|segment| Sight::new(segment, &self.lens))
            .collect()
    }

    fn near_vertical(&self) -> Vec<(Sight, Family)> {
        self.look()
            .into_iter()
            .filter(Sight::is_near_vertical)
            .map(|sight| (sight, Family::Vertical))
            .collect()
    }

    /// Verticals and horizontals of a house that stands square; `None` where it does not.
    fn square(&self, state: &mut State) -> Option<Vec<(Sight, Family)>> {
        let sights = self.look();
        state.azimuth = search::azimuth(&sights, state)?;
        Some(search::families(&sights, state))
    }

    /// Refines with the edges that `choose` gives. What an edge says about k1 is linear only nearby,
    /// so k1 is settled in a few rounds.
    fn refine(
        &mut self,
        start: State,
        freedom: &Freedom,
        choose: impl Fn(&Self, &mut State) -> Option<Vec<(Sight, Family)>>,
    ) -> Option<Refined> {
        let rounds = if freedom.k1.is_some() || freedom.focal.is_some() { 3 } else { 1 };
        let mut state = start;
        let mut found = None;
        for _ in 0..rounds {
            let chosen = choose(self, &mut state)?;
            let refined = refine::refine(&chosen, &self.lens, freedom, state)?;
            state = refined.state;
            self.lens.k1 = state.k1;
            found = Some(refined);
        }
        found
    }
}

/// Shortest edge that speaks, as a share of the picture's height.
const SHORTEST: f64 = 0.025;

#[cfg(test)]
mod tests {
    use super::*;

    /// The picture of a vertical edge of the world through the picture position `(x, y)`.
    fn vertical_edge(lens: &Lens, pitch: f64, roll: f64, x: f64, y: f64, length: f64) -> LineSegment {
        let up = sight::up(pitch.to_radians(), roll.to_radians());
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
            let found = tilt(&segments, &lens, KnownDistortion::Exactly, 0.05, 1024).unwrap();
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
        let found = tilt(&segments, &lens, KnownDistortion::Exactly, 0.05, 1024).unwrap();
        assert!(found.pitch_error > 1.0, "{found:?}");
        assert!((found.roll - 1.0).abs() < 0.1 && found.roll_error < 0.3, "{found:?}");
    }

    #[test]
    fn no_edges_no_tilt() {
        let lens = Lens::centered(1536, 1024, 800.0);
        assert_eq!(tilt(&[], &lens, KnownDistortion::Exactly, 0.05, 1024), None);
    }
}
