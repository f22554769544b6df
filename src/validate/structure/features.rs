//! Corners of the reference and where they lie in the candidate: corners by Shi and Tomasi (1994),
//! found again by normalised cross-correlation from coarse to fine, and placed to a fraction of a pixel
//! by least squares on the patch.

use rayon::prelude::*;

use super::field::Grey;
use super::motion::Level;

/// The picture is divided into so many fields, and each gives its best corners, so that they are spread.
const FIELDS: (usize, usize) = (24, 16);
/// Corners of each field.
const PER_FIELD: usize = 2;
/// Least smaller eigenvalue of the structure tensor, in squared steps of 8 bits for each pixel.
const CORNER: f32 = 4.0;
/// Half the side of a patch.
const PATCH: usize = 6;
/// How far a corner is looked for at the coarsest level, in its pixels.
const SEARCH: isize = 8;
/// Least correlation of a patch with the place where it was found.
const LIKENESS: f32 = 0.80;

/// A corner in the reference and in the candidate, in pixels of the full size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    pub(super) from: [f64; 2],
    pub(super) to: [f64; 2],
}

/// Corners of the reference that were found again, and how many were looked for.
pub(super) fn matches(levels: &[Level]) -> (Vec<Pair>, usize) {
    let (Some(full), Some(half)) = (levels.first(), levels.get(1)) else {
        return (Vec::new(), 0);
    };
    let corners = corners(&half.reference, &full.visible);
    let pairs = corners
        .par_iter()
        .filter_map(|&corner| find(levels, corner))
        .collect();
    (pairs, corners.len())
}

/// Corners in pixels of the full size; `half` is the reference at half of it.
fn corners(half: &Grey, visible: &Grey) -> Vec<[usize; 2]> {
    let (width, height) = (half.width, half.height);
    (0..FIELDS.0 * FIELDS.1)
        .into_par_iter()
        .flat_map_iter(|field| {
            let (column, row) = (field % FIELDS.0, field / FIELDS.0);
            let left = (column * width / FIELDS.0).max(PATCH);
            let right = ((column + 1) * width / FIELDS.0).min(width.saturating_sub(PATCH));
            let top = (row * height / FIELDS.1).max(PATCH);
            let bottom = ((row + 1) * height / FIELDS.1).min(height.saturating_sub(PATCH));
            best(half, visible, left..right, top..bottom)
        })
        .collect()
}

/// The best corners of a rectangle that are not next to each other.
fn best(
    half: &Grey,
    visible: &Grey,
    across: std::ops::Range<usize>,
    down: std::ops::Range<usize>,
) -> Vec<[usize; 2]> {
    const RADIUS: usize = 2;
    if across.is_empty() || down.is_empty() {
        return Vec::new();
    }
    let width = across.len() + 2 * RADIUS;
    let height = down.len() + 2 * RADIUS;
    let mut products = vec![[0.0_f32; 3]; width * height];
    for (row, line) in products.chunks_exact_mut(width).enumerate() {
        let y = down.start + row - RADIUS;
        let (above, here, below) = (half.row(y - 1), half.row(y), half.row(y + 1));
        for (column, product) in line.iter_mut().enumerate() {
            let x = across.start + column - RADIUS;
            let dx = 0.5 * (here[x + 1] - here[x - 1]);
            let dy = 0.5 * (below[x] - above[x]);
            *product = [dx * dx, dx * dy, dy * dy];
        }
    }
    // Box sums, first along the rows and then down.
    let window = 2 * RADIUS + 1;
    let rows: Vec<Vec<[f32; 3]>> = products
        .chunks_exact(width)
        .map(|line| line.windows(window).map(sum).collect())
        .collect();
    let mut found: Vec<(f32, [usize; 2])> = Vec::new();
    for (row, lines) in rows.windows(window).enumerate() {
        for column in 0..across.len() {
            let mut total = [0.0_f32; 3];
            for line in lines {
                for (total, value) in total.iter_mut().zip(line[column]) {
                    *total += value;
                }
            }
            let [xx, xy, yy] = total.map(|value| value / (window * window) as f32);
            let weak = 0.5 * (xx + yy) - (0.25 * (xx - yy).powi(2) + xy * xy).sqrt();
            if weak < CORNER {
                continue;
            }
            let (x, y) = (across.start + column, down.start + row);
            if visible.at(2 * x, 2 * y) > 0.0 {
                found.push((weak, [x, y]));
            }
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut kept: Vec<[usize; 2]> = Vec::new();
    for (_, [x, y]) in found {
        let apart = |other: &[usize; 2]| other[0].abs_diff(x).max(other[1].abs_diff(y)) > 5;
        if kept.iter().all(apart) {
            kept.push([x, y]);
            if kept.len() == PER_FIELD {
                break;
            }
        }
    }
    kept.iter().map(|[x, y]| [2 * x, 2 * y]).collect()
}

fn sum(values: &[[f32; 3]]) -> [f32; 3] {
    values.iter().fold([0.0; 3], |sum, value| {
        [sum[0] + value[0], sum[1] + value[1], sum[2] + value[2]]
    })
}

/// Looks for a corner in the candidate.
fn find(levels: &[Level], corner: [usize; 2]) -> Option<Pair> {
    let mut offset = [0_isize; 2];
    for (depth, level) in levels.iter().enumerate().rev() {
        let radius = if depth + 1 == levels.len() { SEARCH } else { 2 };
        let place = corner.map(|side| side >> depth);
        let (better, _) = search(&level.reference, &level.candidate, place, offset, radius)?;
        offset = if depth > 0 {
            better.map(|side| 2 * side)
        } else {
            better
        };
    }
    let full = levels.first()?;
    refine(&full.reference, &full.candidate, corner, offset)
}

/// The whole-pixel offset near `start` at which the patches are most alike, and how alike.
fn search(
    reference: &Grey,
    candidate: &Grey,
    place: [usize; 2],
    start: [isize; 2],
    radius: isize,
) -> Option<([isize; 2], f32)> {
    const COARSE: usize = 4;
    const SIDE: usize = 2 * COARSE + 1;
    let patch = |grey: &Grey, x: isize, y: isize| -> Option<[f32; SIDE * SIDE]> {
        let left = usize::try_from(x).ok()?.checked_sub(COARSE)?;
        let top = usize::try_from(y).ok()?.checked_sub(COARSE)?;
        if left + SIDE > grey.width || top + SIDE > grey.height {
            return None;
        }
        let mut values = [0.0; SIDE * SIDE];
        for (row, line) in values.chunks_exact_mut(SIDE).enumerate() {
            line.copy_from_slice(&grey.row(top + row)[left..left + SIDE]);
        }
        Some(values)
    };
    let (x, y) = (
        isize::try_from(place[0]).ok()?,
        isize::try_from(place[1]).ok()?,
    );
    let mut model = patch(reference, x, y)?;
    let mean = model.iter().sum::<f32>() / (SIDE * SIDE) as f32;
    for value in &mut model {
        *value -= mean;
    }
    let norm: f32 = model.iter().map(|value| value * value).sum();
    if norm < 1.0 {
        return None;
    }
    let mut best: Option<([isize; 2], f32)> = None;
    for dy in -radius..=radius {
        for dx in -radius..=radius {
            let offset = [start[0] + dx, start[1] + dy];
            let Some(other) = patch(candidate, x + offset[0], y + offset[1]) else {
                continue;
            };
            let (mut total, mut squares, mut both) = (0.0_f32, 0.0_f32, 0.0_f32);
            for (&value, &model) in other.iter().zip(&model) {
                total += value;
                squares += value * value;
                both += value * model;
            }
            let spread = (squares - total * total / (SIDE * SIDE) as f32).max(1e-3);
            // Of equally good places the nearest counts, so that a straight edge does not wander.
            let far = (offset[0] * offset[0] + offset[1] * offset[1]) as f32;
            let likeness = both / (norm * spread).sqrt() - 1e-4 * far.sqrt();
            if best.is_none_or(|(_, known)| likeness > known) {
                best = Some((offset, likeness));
            }
        }
    }
    best.filter(|&(_, likeness)| likeness > 0.5)
}

/// Places a match to a fraction of a pixel: least squares over shift, gain and offset of a patch.
fn refine(
    reference: &Grey,
    candidate: &Grey,
    corner: [usize; 2],
    offset: [isize; 2],
) -> Option<Pair> {
    const SIDE: usize = 2 * PATCH + 1;
    const COUNT: f32 = (SIDE * SIDE) as f32;
    let (left, top) = (
        corner[0].checked_sub(PATCH + 1)?,
        corner[1].checked_sub(PATCH + 1)?,
    );
    if left + SIDE + 2 > reference.width || top + SIDE + 2 > reference.height {
        return None;
    }
    let mut values = [0.0_f32; SIDE * SIDE];
    let mut slopes = [[0.0_f32; 2]; SIDE * SIDE];
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    let mut mean = 0.0;
    for row in 0..SIDE {
        let above = reference.row(top + row);
        let here = reference.row(top + row + 1);
        let below = reference.row(top + row + 2);
        for column in 0..SIDE {
            let x = left + column + 1;
            let slope = [
                0.5 * (here[x + 1] - here[x - 1]),
                0.5 * (below[x] - above[x]),
            ];
            values[row * SIDE + column] = here[x];
            slopes[row * SIDE + column] = slope;
            mean += here[x] / COUNT;
            xx += slope[0] * slope[0];
            xy += slope[0] * slope[1];
            yy += slope[1] * slope[1];
        }
    }
    let determinant = xx * yy - xy * xy;
    if determinant <= 1e-3 * (xx + yy) * (xx + yy) {
        return None;
    }
    let spread: f32 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let mut shift = offset.map(|side| side as f32);
    let mut likeness = 0.0;
    for _ in 0..6 {
        let sample = sampler(
            candidate,
            left as f32 + 1.0 + shift[0],
            top as f32 + 1.0 + shift[1],
        )?;
        let mut found = [0.0_f32; SIDE * SIDE];
        for (row, line) in found.chunks_exact_mut(SIDE).enumerate() {
            for (column, value) in line.iter_mut().enumerate() {
                *value = sample.at(column, row);
            }
        }
        let other = found.iter().sum::<f32>() / COUNT;
        let (mut squares, mut both) = (0.0, 0.0);
        for (found, value) in found.iter().zip(&values) {
            squares += (found - other).powi(2);
            both += (found - other) * (value - mean);
        }
        likeness = both / (squares * spread).max(1e-6).sqrt();
        let gain = both / squares.max(1e-6);
        let mut right = [0.0_f32; 2];
        for ((found, value), slope) in found.iter().zip(&values).zip(&slopes) {
            let difference = (value - mean) - gain * (found - other);
            right[0] += difference * slope[0];
            right[1] += difference * slope[1];
        }
        let step = [
            (yy * right[0] - xy * right[1]) / determinant,
            (xx * right[1] - xy * right[0]) / determinant,
        ];
        shift[0] += step[0].clamp(-1.0, 1.0);
        shift[1] += step[1].clamp(-1.0, 1.0);
        if step[0].abs().max(step[1].abs()) < 0.005 {
            break;
        }
    }
    let wandered = (shift[0] - offset[0] as f32)
        .abs()
        .max((shift[1] - offset[1] as f32).abs());
    if likeness < LIKENESS || wandered > 2.0 {
        return None;
    }
    let from = corner.map(|side| side as f64);
    Some(Pair {
        from,
        to: [from[0] + f64::from(shift[0]), from[1] + f64::from(shift[1])],
    })
}

/// Values between the pixels of a patch, with one fraction for all of them.
struct Sampler<'a> {
    grey: &'a Grey,
    left: usize,
    top: usize,
    across: f32,
    down: f32,
}

/// `None` where the patch would leave the picture.
fn sampler(grey: &Grey, x: f32, y: f32) -> Option<Sampler<'_>> {
    const SIDE: usize = 2 * PATCH + 1;
    if !(x >= 0.0 && y >= 0.0) {
        return None;
    }
    let (left, top) = (x.floor() as usize, y.floor() as usize);
    (left + SIDE < grey.width && top + SIDE < grey.height).then(|| Sampler {
        grey,
        left,
        top,
        across: x - x.floor(),
        down: y - y.floor(),
    })
}

impl Sampler<'_> {
    fn at(&self, column: usize, row: usize) -> f32 {
        let x = self.left + column;
        let upper = self.grey.row(self.top + row);
        let lower = self.grey.row(self.top + row + 1);
        let above = upper[x] + self.across * (upper[x + 1] - upper[x]);
        let below = lower[x] + self.across * (lower[x + 1] - lower[x]);
        above + self.down * (below - above)
    }
}
