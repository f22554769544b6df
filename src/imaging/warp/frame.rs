//! The largest frame of the picture's shape that the warped picture fills.

use super::{Lens, Rotation, project};

/// The upright camera of the result.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) focal: f64,
    pub(super) center: [f64; 2],
    /// Share of the picture's area that is shown.
    pub(super) kept: f64,
}

/// Points per side that are tested against the border of the picture.
const SIDE_POINTS: u32 = 24;

/// How far, in pixels, the frame may reach beyond the outermost pixel centres: they are half a pixel
/// from the border.
const TOLERANCE: f64 = 0.25;

struct Search<'a> {
    width: usize,
    height: usize,
    lens: &'a Lens,
    to_source: &'a Rotation,
}

impl Search<'_> {
    /// Whether the frame around `(x, y)` with this half width (focal lengths of the source) is filled.
    fn filled(&self, x: f64, y: f64, half: f64) -> bool {
        let half_height = half * self.shape();
        (0..=SIDE_POINTS).all(|step| {
            let share = 2.0 * f64::from(step) / f64::from(SIDE_POINTS) - 1.0;
            self.inside(x + share * half, y - half_height)
                && self.inside(x + share * half, y + half_height)
                && self.inside(x - half, y + share * half_height)
                && self.inside(x + half, y + share * half_height)
        })
    }

    fn inside(&self, x: f64, y: f64) -> bool {
        let row = self.to_source[2];
        if row[0] * x + row[1] * y + row[2] < 0.1 {
            return false;
        }
        let [u, v] = project(self.to_source, x, y);
        // Beyond the fold of a barrel distortion the model does not hold.
        if 1.0 + 3.0 * self.lens.k1 * (u * u + v * v) < 0.2 {
            return false;
        }
        let [u, v] = self.lens.distort(u, v);
        u >= -TOLERANCE
            && v >= -TOLERANCE
            && u <= self.width as f64 - 1.0 + TOLERANCE
            && v <= self.height as f64 - 1.0 + TOLERANCE
    }

    fn shape(&self) -> f64 {
        (self.height.max(2) - 1) as f64 / (self.width.max(2) - 1) as f64
    }

    /// The greatest half width around this middle.
    fn half_width(&self, x: f64, y: f64) -> f64 {
        let (mut low, mut high) = (0.0, self.width as f64 / self.lens.focal);
        for _ in 0..26 {
            let middle = 0.5 * (low + high);
            if self.filled(x, y, middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        low
    }
}

pub(super) fn largest(
    width: usize,
    height: usize,
    lens: &Lens,
    to_source: &Rotation,
) -> Option<Frame> {
    let search = Search {
        width,
        height,
        lens,
        to_source,
    };
    // The middle of the picture as the upright camera sees it.
    let axis = super::transposed(to_source);
    let [mut x, mut y] = project(&axis, 0.0, 0.0);
    let mut best = search.half_width(x, y);
    let mut reach = 0.1;
    while reach > 2e-5 {
        // Nearly equal frames: the one that moves less wins, so a step must gain something.
        let moved = [
            (0, 1),
            (0, -1),
            (1, 0),
            (-1, 0),
            (1, 1),
            (1, -1),
            (-1, 1),
            (-1, -1),
        ]
        .into_iter()
        .map(|(across, down)| {
            let (x, y) = (x + reach * f64::from(across), y + reach * f64::from(down));
            (search.half_width(x, y), x, y)
        })
        .fold(
            None,
            |chosen: Option<(f64, f64, f64)>, candidate| match chosen {
                Some(kept) if kept.0 >= candidate.0 => Some(kept),
                _ => Some(candidate),
            },
        );
        match moved {
            Some((half, new_x, new_y)) if half > best * (1.0 + 1e-7) => {
                (best, x, y) = (half, new_x, new_y);
            }
            _ => reach /= 2.0,
        }
    }
    if best < 1e-3 {
        return None;
    }
    let focal = (width.max(2) - 1) as f64 / 2.0 / best;
    let center = [
        (width as f64 - 1.0) / 2.0 - x * focal,
        (height as f64 - 1.0) / 2.0 - y * focal,
    ];
    Some(Frame {
        focal,
        center,
        kept: kept_area(&search, x, y, best),
    })
}

/// Share of the picture's area inside the frame, by the polygon of the frame's border in the picture.
fn kept_area(search: &Search<'_>, x: f64, y: f64, half: f64) -> f64 {
    let half_height = half * search.shape();
    let corners = [
        (x - half, y - half_height),
        (x + half, y - half_height),
        (x + half, y + half_height),
        (x - half, y + half_height),
    ];
    let mut border = Vec::new();
    for (from, to) in corners.iter().zip(corners.iter().cycle().skip(1)) {
        for step in 0..SIDE_POINTS {
            let share = f64::from(step) / f64::from(SIDE_POINTS);
            let [u, v] = project(
                search.to_source,
                from.0 + share * (to.0 - from.0),
                from.1 + share * (to.1 - from.1),
            );
            border.push(search.lens.distort(u, v));
        }
    }
    let doubled: f64 = border
        .iter()
        .zip(border.iter().cycle().skip(1))
        .map(|(a, b)| a[0] * b[1] - a[1] * b[0])
        .sum();
    let whole = (search.width.max(2) - 1) as f64 * (search.height.max(2) - 1) as f64;
    (doubled.abs() / 2.0 / whole).min(1.0)
}
