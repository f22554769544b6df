//! Places that moved, as connected regions: strong contradictions are followed as far as weak ones reach, gaps
//! are closed and holes filled, so that a whole thing is one region.

use super::MARGIN;

/// Contradictions (code values of 0 to 1) that make a region, and those that belong to one.
const STRONG: f32 = 0.045;
pub(super) const WEAK: f32 = 0.012;
/// Strong cells that a region needs, and the share of the picture that it needs.
const LEAST_STRONG: usize = 6;
const LEAST_SHARE: f64 = 2e-5;
/// Gaps of this many cells within a thing are closed.
const CLOSING: usize = 3;

/// Connected cells, as indices of the grid.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) cells: Vec<usize>,
}

/// The regions of a grid of contradictions.
pub(super) fn regions(moved: &[f32], width: usize) -> Vec<Region> {
    let least = LEAST_STRONG.max((moved.len() as f64 * LEAST_SHARE) as usize);
    let weak: Vec<bool> = moved.iter().map(|gap| *gap > WEAK).collect();
    let mut kept = vec![false; moved.len()];
    for cells in connected(&weak, width) {
        // A line of cells along an edge is a misalignment, not a thing: some cell must lie inside.
        let strong = |index: &&usize| moved.get(**index).is_some_and(|gap| *gap > STRONG);
        let inside = |index: &&usize| is_inside(&weak, width, **index);
        if cells.iter().filter(strong).count() >= least && cells.iter().any(|cell| inside(&cell)) {
            for cell in cells {
                if let Some(slot) = kept.get_mut(cell) {
                    *slot = true;
                }
            }
        }
    }
    let mut whole = shrunk(&grown(&kept, width, CLOSING), width, CLOSING);
    for (slot, kept) in whole.iter_mut().zip(&kept) {
        *slot |= *kept;
    }
    fill_holes(&mut whole, width);
    connected(&grown(&whole, width, MARGIN), width)
        .into_iter()
        .map(|cells| Region { cells })
        .collect()
}

/// Whether all of the 3 x 3 cells round one are set.
fn is_inside(set: &[bool], width: usize, index: usize) -> bool {
    let (x, y) = (index % width, index / width);
    let height = set.len() / width;
    x > 0
        && y > 0
        && x + 1 < width
        && y + 1 < height
        && (y - 1..=y + 1)
            .all(|row| (x - 1..=x + 1).all(|column| set.get(row * width + column) == Some(&true)))
}

/// The connected parts of a set of cells, diagonals included.
fn connected(set: &[bool], width: usize) -> Vec<Vec<usize>> {
    let height = set.len() / width.max(1);
    let mut seen = vec![false; set.len()];
    let mut parts = Vec::new();
    for start in 0..set.len() {
        if seen.get(start) != Some(&false) || set.get(start) != Some(&true) {
            continue;
        }
        let mut part = Vec::new();
        let mut open = vec![start];
        while let Some(index) = open.pop() {
            match seen.get_mut(index) {
                Some(seen) if !*seen && set.get(index) == Some(&true) => *seen = true,
                _ => continue,
            }
            part.push(index);
            let (x, y) = (index % width, index / width);
            for row in y.saturating_sub(1)..=(y + 1).min(height.saturating_sub(1)) {
                for column in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    open.push(row * width + column);
                }
            }
        }
        parts.push(part);
    }
    parts
}

/// The set with everything within `radius` cells of it.
fn grown(set: &[bool], width: usize, radius: usize) -> Vec<bool> {
    let values: Vec<f32> = set.iter().map(|set| f32::from(u8::from(*set))).collect();
    super::box_mean(&values, width, radius)
        .into_iter()
        .map(|share| share > 1e-4)
        .collect()
}

/// The set without everything within `radius` cells of what is not in it.
fn shrunk(set: &[bool], width: usize, radius: usize) -> Vec<bool> {
    let outside: Vec<bool> = set.iter().map(|set| !set).collect();
    grown(&outside, width, radius)
        .into_iter()
        .map(|out| !out)
        .collect()
}

/// Sets what is enclosed, as long as it is smaller than what encloses it.
fn fill_holes(set: &mut [bool], width: usize) {
    let height = set.len() / width.max(1);
    let taken = set.iter().filter(|set| **set).count();
    let outside: Vec<bool> = set.iter().map(|set| !set).collect();
    for hole in connected(&outside, width) {
        let enclosed = hole.iter().all(|&index| {
            let (x, y) = (index % width, index / width);
            x > 0 && y > 0 && x + 1 < width && y + 1 < height
        });
        if enclosed && hole.len() < taken {
            for index in hole {
                if let Some(slot) = set.get_mut(index) {
                    *slot = true;
                }
            }
        }
    }
}
