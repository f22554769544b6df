//! The places that the room's gain would blow, each with the pull that brings it back.

use crate::local::fusion::radiance::Overview;

/// Light (after the gain) between which a place goes from belonging to the room to belonging outside.
const OUTSIDE: [f32; 2] = [0.85, 1.6];

/// Where the bright parts of a place are brought to.
const BRIGHT_PARTS: f32 = 0.8;

/// Share of a place's cells that may be brighter than its bright parts.
const BRIGHTER: f64 = 0.1;

/// Holes of a place (a dark thing seen through a window) up to this share of it belong to it.
const LARGEST_HOLE: f64 = 0.6;

/// Pull of each cell, EV, zero or more.
pub(super) fn pull(overview: &Overview, gain: f32) -> Vec<f32> {
    let width = overview.width;
    let light: Vec<f32> = overview.light.iter().map(|light| light * gain).collect();
    let blown: Vec<bool> = light.iter().map(|light| *light > OUTSIDE[0]).collect();
    let (labels, count) = components(&blown, width, true);
    let members = grouped(&labels, count);
    let holes = holes(&blown, width, &labels, &members);
    let mut result = vec![0.0_f32; light.len()];
    for (number, cells) in members.iter().enumerate() {
        let mut sorted: Vec<f32> = cells.iter().filter_map(|&cell| light.get(cell)).copied().collect();
        sorted.sort_by(f32::total_cmp);
        let at = ((1.0 - BRIGHTER) * sorted.len() as f64) as usize;
        let bright = sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or(1.0);
        let whole = (bright / BRIGHT_PARTS).log2().max(0.0);
        for &cell in cells {
            let (Some(slot), Some(light)) = (result.get_mut(cell), light.get(cell)) else {
                continue;
            };
            *slot = whole * outside(*light);
        }
        for &cell in holes.get(number).map(Vec::as_slice).unwrap_or_default() {
            if let Some(slot) = result.get_mut(cell) {
                *slot = whole;
            }
        }
    }
    result
}

/// 0 (room) to 1 (outside), by the logarithm of light.
fn outside(light: f32) -> f32 {
    let [from, to] = OUTSIDE;
    let share = ((light / from).log2() / (to / from).log2()).clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}

/// Numbers the connected groups of cells that are set (with `diagonal` also over corners); 0 is none.
fn components(set: &[bool], width: usize, diagonal: bool) -> (Vec<u32>, usize) {
    let height = set.len() / width.max(1);
    let mut labels = vec![0_u32; set.len()];
    let mut count = 0_u32;
    let mut pending = Vec::new();
    for start in 0..set.len() {
        if !set[start] || labels[start] != 0 {
            continue;
        }
        count += 1;
        labels[start] = count;
        pending.push(start);
        while let Some(cell) = pending.pop() {
            let (x, y) = (cell % width, cell / width);
            for (across, down) in neighbours(diagonal) {
                let (Some(column), Some(row)) =
                    (x.checked_add_signed(*across), y.checked_add_signed(*down))
                else {
                    continue;
                };
                let next = row * width + column;
                if column < width && row < height && set[next] && labels[next] == 0 {
                    labels[next] = count;
                    pending.push(next);
                }
            }
        }
    }
    (labels, count as usize)
}

/// Steps to the neighbouring cells: four, or eight with the corners.
fn neighbours(diagonal: bool) -> &'static [(isize, isize)] {
    const STEPS: [(isize, isize); 8] =
        [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)];
    STEPS.get(..if diagonal { 8 } else { 4 }).unwrap_or_default()
}

/// The cells of each group.
fn grouped(labels: &[u32], count: usize) -> Vec<Vec<usize>> {
    let mut members = vec![Vec::new(); count];
    for (cell, &label) in labels.iter().enumerate() {
        if label > 0
            && let Some(group) = members.get_mut(label as usize - 1)
        {
            group.push(cell);
        }
    }
    members
}

/// For each group the cells of the holes that it alone encloses.
fn holes(
    blown: &[bool],
    width: usize,
    labels: &[u32],
    members: &[Vec<usize>],
) -> Vec<Vec<usize>> {
    let open: Vec<bool> = blown.iter().map(|blown| !blown).collect();
    let (gaps, count) = components(&open, width, false);
    let height = blown.len() / width.max(1);
    let mut result = vec![Vec::new(); members.len()];
    for cells in grouped(&gaps, count) {
        let mut owner = None;
        let enclosed = cells.iter().all(|&cell| {
            let (x, y) = (cell % width, cell / width);
            if x == 0 || y == 0 || x + 1 == width || y + 1 == height {
                return false;
            }
            [cell - 1, cell + 1, cell - width, cell + width].into_iter().all(|next| {
                let label = labels[next];
                label == 0 || *owner.get_or_insert(label) == label
            })
        });
        if let (true, Some(label)) = (enclosed, owner)
            && let (Some(hole), Some(group)) =
                (result.get_mut(label as usize - 1), members.get(label as usize - 1))
            && cells.len() as f64 <= LARGEST_HOLE * group.len() as f64
        {
            hole.extend(cells);
        }
    }
    result
}
