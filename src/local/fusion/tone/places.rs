//! The places that the room's gain would blow, each with the pull that brings it back.

use crate::local::fusion::ghost::box_mean;
use crate::local::fusion::radiance::Overview;

/// Light (after the gain) between which a place goes from belonging to the room to belonging outside.
const OUTSIDE: [f32; 2] = [1.0, 1.9];

/// Light (after the gain) that the room itself hardly reaches, and the share of such cells around a
/// cell from which that cell is seen through a window. A wall in the glare beside the window has none.
const SURELY_OUTSIDE: f32 = 2.0;
const SURELY_AROUND: f32 = 0.3;
const AROUND: usize = 3;

/// How far the saddle between two places lies below the lower of their tops, EV.
const SADDLE: f32 = 0.6;

/// Hills of fewer cells are glints and belong to what is around them.
const SMALLEST_HILL: usize = 24;

/// A cell that is not surely outside is not pulled below this light: what is brighter stays brighter.
const LEAST_OF_ROOM: f32 = 0.75;

/// Pull (EV) up to which the shoulder alone serves, and from which a place is pulled fully. A patch of
/// sun on the floor is meant to be nearly white; a window is not.
const WORTHWHILE: [f32; 2] = [1.9, 3.0];

/// Light (after the gain) below which a cell is dim beside what is seen through a window.
const DIM: f32 = 1.5;

/// Where the bright parts of a place are brought to.
const BRIGHT_PARTS: f32 = 0.8;

/// Share of a place's cells that may be brighter than its bright parts.
const BRIGHTER: f64 = 0.1;

/// Places smaller than this share of the picture may be lamps, which have a light of their own.
const SMALLEST_WINDOW: f32 = 0.003;

/// A window's bright parts are not brought below this light for the sake of a brighter window.
const LEAST_OF_VIEW: f32 = 0.4;

/// Light (after the gain) between which a thing in front of a window turns into one behind it: against
/// the light, what stands in the room is not brighter than the room.
const BEYOND_WHITE: [f32; 2] = [0.6, 0.9];

/// The widest dark thing at a pane's border, as a part of the long side.
const BAY: usize = 16;

/// Holes of a place (a dark thing seen through a window) up to this share of it belong to it.
const LARGEST_HOLE: f64 = 0.6;

/// Pull of each cell, EV, zero or more.
pub(super) fn pull(overview: &Overview, gain: f32) -> Vec<f32> {
    let width = overview.width;
    let light: Vec<f32> = overview.light.iter().map(|light| light * gain).collect();
    let blown: Vec<bool> = light.iter().map(|light| *light > OUTSIDE[0]).collect();
    let (labels, count) = places(&blown, &light, width);
    let members = grouped(&labels, count);
    let dim: Vec<bool> = light.iter().map(|light| *light < DIM).collect();
    let sure: Vec<f32> = light
        .iter()
        .map(|light| f32::from(u8::from(*light > SURELY_OUTSIDE)))
        .collect();
    let around = box_mean(&sure, width, AROUND);
    // What is dark in the view is no part of the room where the view goes on all round it.
    let unsure: Vec<bool> = around.iter().map(|share| *share <= SURELY_AROUND).collect();
    let holes = [holes(&unsure, width, &labels), holes(&dim, width, &labels)];
    let pulls = pulls_of_places(&members, &light);
    let mut result = vec![0.0_f32; light.len()];
    for (cells, whole) in members.iter().zip(&pulls) {
        for &cell in cells {
            let full = whole * rise(light[cell].log2(), OUTSIDE.map(f32::log2));
            result[cell] = if around[cell] > SURELY_AROUND {
                full
            } else {
                full.min((light[cell] / LEAST_OF_ROOM).log2().max(0.0))
            };
        }
    }
    for (cells, owners) in holes.into_iter().flatten() {
        let size: usize = owners
            .iter()
            .filter_map(|&owner| members.get(owner))
            .map(Vec::len)
            .sum();
        let largest = owners
            .iter()
            .filter_map(|&owner| Some((members.get(owner)?.len(), *pulls.get(owner)?)))
            .max_by_key(|(cells, _)| *cells);
        if let Some((_, pull)) = largest
            && cells.len() as f64 <= LARGEST_HOLE * size as f64
        {
            for cell in cells {
                result[cell] = pull;
            }
        }
    }
    let view: Vec<bool> = result
        .iter()
        .zip(&unsure)
        .map(|(pull, unsure)| !unsure && *pull > WORTHWHILE[0])
        .collect();
    for (cell, pull) in bays(&view, &labels, &result, width) {
        result[cell] = result[cell].max(pull * rise(light[cell], BEYOND_WHITE));
    }
    result
}

/// The pull that brings each place's bright parts to where they belong, EV. Windows look into one
/// daylight: what is dimmer through one of them than through another stays so, as for a camera that is
/// set for the view.
fn pulls_of_places(members: &[Vec<usize>], light: &[f32]) -> Vec<f32> {
    let bright: Vec<f32> = members
        .iter()
        .map(|cells| bright_parts(cells.iter(), light))
        .collect();
    let whole = |bright: f32| (bright / BRIGHT_PARTS).log2().max(0.0);
    let is_window = |place: &(&Vec<usize>, &f32)| {
        place.0.len() as f32 > SMALLEST_WINDOW * light.len() as f32
            && whole(*place.1) > WORTHWHILE[1]
    };
    let view = || members.iter().zip(&bright).filter(is_window);
    let together = whole(bright_parts(view().flat_map(|(cells, _)| cells), light));
    members
        .iter()
        .zip(&bright)
        .map(|place| {
            let own = whole(*place.1);
            if is_window(&place) {
                let least = (*place.1 / LEAST_OF_VIEW).log2();
                together.clamp(own, own.max(least))
            } else {
                own * rise(own, WORTHWHILE)
            }
        })
        .collect()
}

/// The light above which only a small share of the cells lie.
fn bright_parts<'a>(cells: impl Iterator<Item = &'a usize>, light: &[f32]) -> f32 {
    let mut sorted: Vec<f32> = cells.filter_map(|&cell| light.get(cell)).copied().collect();
    sorted.sort_by(f32::total_cmp);
    let at = ((1.0 - BRIGHTER) * sorted.len() as f64) as usize;
    sorted
        .get(at.min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(1.0)
}

/// 0 to 1 between two values, smoothly.
fn rise(value: f32, [from, to]: [f32; 2]) -> f32 {
    let share = ((value - from) / (to - from)).clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}

/// Numbers the places, 0 for cells of the room: a watershed from the brightest cell down, in which two
/// hills stay apart where the saddle between them lies well below both tops. So a bright wall does not
/// join the window beside it over a sunlit sill, while hedge and sky in one pane are one place.
fn places(blown: &[bool], light: &[f32], width: usize) -> (Vec<u32>, usize) {
    let logarithm: Vec<f32> = light.iter().map(|light| light.max(1e-3).log2()).collect();
    let height = box_mean(&logarithm, width, 1);
    let mut order: Vec<usize> = blown
        .iter()
        .enumerate()
        .filter(|(_, blown)| **blown)
        .map(|(cell, _)| cell)
        .collect();
    order.sort_by(|&a, &b| height[b].total_cmp(&height[a]).then(a.cmp(&b)));
    let mut hills = Hills {
        parent: vec![usize::MAX; blown.len()],
        size: vec![1; blown.len()],
    };
    for &cell in &order {
        let (x, y) = (cell % width, cell / width);
        hills.parent[cell] = cell;
        let around: Vec<usize> = neighbours(true)
            .iter()
            .filter_map(|(across, down)| {
                let column = x
                    .checked_add_signed(*across)
                    .filter(|column| *column < width)?;
                let next = y.checked_add_signed(*down)? * width + column;
                (next != cell && *hills.parent.get(next)? != usize::MAX).then_some(next)
            })
            .collect();
        // The cell goes up the steepest way; lower hills beside it join that one if they are slight.
        let Some(&steepest) = around
            .iter()
            .max_by(|&&a, &&b| height[a].total_cmp(&height[b]))
        else {
            continue;
        };
        let own = hills.top(steepest);
        hills.join(cell, own);
        for next in around {
            let (one, other) = (hills.top(cell), hills.top(next));
            if one == other {
                continue;
            }
            // Tops are the first cells of their hills, so the earlier one is the higher.
            let (higher, lower) = if height[one] >= height[other] {
                (one, other)
            } else {
                (other, one)
            };
            let slight = height[lower] - height[cell] < SADDLE || hills.size[lower] < SMALLEST_HILL;
            if slight {
                hills.join(lower, higher);
            }
        }
    }
    let mut labels = vec![0_u32; blown.len()];
    let mut count = 0;
    for &cell in &order {
        let top = hills.top(cell);
        if labels[top] == 0 {
            count += 1;
            labels[top] = count;
        }
        labels[cell] = labels[top];
    }
    (labels, count as usize)
}

/// Cells grouped under the top of their hill.
struct Hills {
    parent: Vec<usize>,
    size: Vec<usize>,
}

impl Hills {
    fn top(&mut self, cell: usize) -> usize {
        let mut top = cell;
        while self.parent[top] != top {
            self.parent[top] = self.parent[self.parent[top]];
            top = self.parent[top];
        }
        top
    }

    /// Puts a hill (by its top) under another one's top.
    fn join(&mut self, lower: usize, higher: usize) {
        if lower != higher {
            self.parent[lower] = higher;
            self.size[higher] += self.size[lower];
        }
    }
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
    const STEPS: [(isize, isize); 8] = [
        (1, 0),
        (-1, 0),
        (0, 1),
        (0, -1),
        (1, 1),
        (1, -1),
        (-1, 1),
        (-1, -1),
    ];
    STEPS
        .get(..if diagonal { 8 } else { 4 })
        .unwrap_or_default()
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

/// Groups of dim cells that places enclose, each with those places: dark things seen through a window.
/// Dim cells that touch the room, such as the window's own frame, are none.
fn holes(dim: &[bool], width: usize, labels: &[u32]) -> Vec<(Vec<usize>, Vec<usize>)> {
    let (gaps, count) = components(dim, width, false);
    let height = dim.len() / width.max(1);
    let mut result = Vec::new();
    for cells in grouped(&gaps, count) {
        let mut owners = Vec::new();
        let enclosed = cells.iter().all(|&cell| {
            let (x, y) = (cell % width, cell / width);
            if x == 0 || y == 0 || x + 1 == width || y + 1 == height {
                return false;
            }
            for next in [cell - 1, cell + 1, cell - width, cell + width] {
                let owner = labels[next] as usize;
                if !dim[next] && owner > 0 && !owners.contains(&(owner - 1)) {
                    owners.push(owner - 1);
                }
            }
            true
        });
        if enclosed {
            result.push((cells, owners));
        }
    }
    result
}

/// Cells that are no part of the view but have one pane of it near on three sides, each with the pane's
/// pull there: dark things at the border of the pane. A frame has a pane on one side, a bar has two
/// different ones.
fn bays(view: &[bool], labels: &[u32], pull: &[f32], width: usize) -> Vec<(usize, f32)> {
    let height = view.len() / width.max(1);
    let reach = width.max(height) / BAY;
    let mut result = Vec::new();
    for cell in (0..view.len()).filter(|&cell| !view[cell]) {
        let (x, y) = (cell % width, cell / width);
        let nearest = |(across, down): &(isize, isize)| {
            (1..=reach as isize).find_map(|step| {
                let column = x
                    .checked_add_signed(across * step)
                    .filter(|column| *column < width)?;
                let next = y.checked_add_signed(down * step)? * width + column;
                (*view.get(next)? && labels[next] > 0).then_some(next)
            })
        };
        let sides: Vec<usize> = neighbours(false).iter().filter_map(nearest).collect();
        let same = |side: &&usize| {
            let alike = |other: &&usize| labels[**other] == labels[**side];
            sides.iter().filter(alike).count() >= 3
        };
        if let Some(&side) = sides.iter().find(same) {
            result.push((cell, pull[side]));
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A room at 0.3 with a window of 12 at the left, its dim frame, and a glaring wall of 1.8 beside
    /// it that touches the frame; in the window a dark thing of 0.5.
    fn room() -> Overview {
        let (width, height) = (60, 40);
        let mut light = vec![0.3_f32; width * height];
        for y in 5..30 {
            for x in 5..25 {
                light[y * width + x] = 12.0;
            }
            for x in 25..29 {
                light[y * width + x] = 1.05;
            }
            for x in 29..50 {
                light[y * width + x] = 1.8;
            }
        }
        for y in 12..18 {
            for x in 10..16 {
                light[y * width + x] = 0.5;
            }
        }
        let logarithm = light.iter().map(|light| light.log2()).collect();
        Overview {
            width,
            height,
            step: 4,
            light,
            logarithm,
        }
    }

    #[test]
    fn a_window_is_pulled_and_the_bright_wall_beside_it_is_not() {
        let pull = pull(&room(), 1.0);
        let at = |x: usize, y: usize| pull[y * 60 + x];
        let whole = (12.0_f32 / BRIGHT_PARTS).log2();
        assert!((at(20, 20) - whole).abs() < 1e-3, "{}", at(20, 20));
        assert!(
            (at(13, 15) - whole).abs() < 1e-3,
            "a dark thing outside: {}",
            at(13, 15)
        );
        assert!(at(40, 20) < 0.1, "the wall: {}", at(40, 20));
        assert!(at(27, 20) < 0.6, "the frame: {}", at(27, 20));
        assert_eq!(at(55, 35), 0.0);
    }

    #[test]
    fn a_dimmer_window_is_pulled_with_the_brighter_one() {
        let mut overview = room();
        for y in 32..38 {
            for x in 30..50 {
                overview.light[y * 60 + x] = 7.0;
            }
        }
        let pull = pull(&overview, 1.0);
        let own = (7.0_f32 / BRIGHT_PARTS).log2();
        assert!(pull[35 * 60 + 40] > own + 0.5, "{}", pull[35 * 60 + 40]);
    }

    #[test]
    fn what_is_dark_at_the_border_of_a_pane_is_seen_through_it_unless_it_is_as_dark_as_the_room() {
        for (light, seen) in [(1.0, true), (0.4, false)] {
            let mut overview = room();
            for y in 5..7 {
                for x in 13..16 {
                    overview.light[y * 60 + x] = light;
                }
            }
            let pull = pull(&overview, 1.0);
            assert_eq!(
                pull[5 * 60 + 14] > 3.0,
                seen,
                "{light}: {}",
                pull[5 * 60 + 14]
            );
        }
    }
}
