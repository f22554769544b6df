//! Laying one view over another, and measuring how well it fits.

use super::level::Level;

/// Where a pixel of the first picture lies in the second: a turn about the middle and a change of size, then a shift.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Overlay {
    /// Pixels of the level.
    pub(super) shift: [f32; 2],
    /// Radians.
    pub(super) turn: f32,
    /// Size of the second picture's things relative to the first's, about 1.
    pub(super) scale: f32,
}

impl Default for Overlay {
    fn default() -> Self {
        Self {
            shift: [0.0; 2],
            turn: 0.0,
            scale: 1.0,
        }
    }
}

impl Overlay {
    const fn doubled(self) -> Self {
        Self {
            shift: [self.shift[0] * 2.0, self.shift[1] * 2.0],
            ..self
        }
    }

    /// Calls `visit` for each pixel of the first picture that lies in the second: its index, the index of the upper
    /// left of its four neighbours there, and how far it lies from that one.
    pub(super) fn pairs(
        &self,
        base: &Level,
        stride: usize,
        mut visit: impl FnMut(usize, usize, f32, f32),
    ) {
        let (width, height) = (base.width, base.height);
        let center = [(width as f32 - 1.0) / 2.0, (height as f32 - 1.0) / 2.0];
        let (sine, cosine) = self.turn.sin_cos();
        let (sine, cosine) = (sine * self.scale, cosine * self.scale);
        let last = [width as f32 - 1.0, height as f32 - 1.0];
        for y in (0..height).step_by(stride) {
            let down = y as f32 - center[1];
            let start = [
                center[0] - cosine * center[0] - sine * down + self.shift[0],
                center[1] - sine * center[0] + cosine * down + self.shift[1],
            ];
            for x in (0..width).step_by(stride) {
                let u = start[0] + cosine * x as f32;
                let v = start[1] + sine * x as f32;
                if u >= 0.0 && v >= 0.0 && u < last[0] && v < last[1] {
                    let (column, row) = (u as usize, v as usize);
                    visit(
                        y * width + x,
                        row * width + column,
                        u - column as f32,
                        v - row as f32,
                    );
                }
            }
        }
    }
}

/// Value between four pixels; not a number where one of them is not.
pub(super) fn between(values: &[f32], width: usize, at: usize, across: f32, down: f32) -> f32 {
    let (Some([a, b]), Some([c, d])) = (
        values.get(at..at + 2),
        values.get(at + width..at + width + 2),
    ) else {
        return f32::NAN;
    };
    let upper = a + (b - a) * across;
    let lower = c + (d - c) * across;
    upper + (lower - upper) * down
}

/// Farthest shift that is looked for, as a share of the long side.
const FARTHEST: f32 = 0.08;

/// Turns that are tried on the smallest level, radians.
const TURNS: [f32; 2] = [-0.03, 0.03];

/// Sums of which a correlation is made.
#[derive(Default)]
struct Sums {
    products: f32,
    own: f32,
    others: f32,
    count: f32,
}

impl Sums {
    /// The correlation; -1 where it rests on too little. `whole` is the number of places that could have counted.
    fn correlation(&self, whole: usize) -> f32 {
        if self.count < whole as f32 / 100.0 + 12.0 {
            return -1.0;
        }
        self.products / (self.own * self.others).sqrt().max(1e-9)
    }
}

/// Correlation of the detail over all that both show.
fn correlation(base: &Level, other: &Level, overlay: &Overlay, stride: usize) -> f32 {
    let mut sums = Sums::default();
    overlay.pairs(base, stride, |at, from, across, down| {
        let a = base.detail.get(at).copied().unwrap_or(f32::NAN);
        let b = between(&other.detail, other.width, from, across, down);
        let product = a * b;
        if product.is_finite() {
            sums.products += product;
            sums.own += a * a;
            sums.others += b * b;
            sums.count += 1.0;
        }
    });
    sums.correlation(base.detail.len() / (stride * stride))
}

/// The same for a shift by whole pixels.
fn shifted_correlation(base: &Level, other: &Level, across: i32, down: i32) -> f32 {
    let width = base.width;
    let overlap = |shift: i32, size: usize| {
        let shift_by = shift.unsigned_abs() as usize;
        let length = size.saturating_sub(shift_by);
        // Where the overlap begins in the first and in the second picture.
        if shift < 0 {
            (shift_by, 0, length)
        } else {
            (0, shift_by, length)
        }
    };
    let (left, other_left, columns) = overlap(across, width);
    let (top, other_top, rows) = overlap(down, base.height);
    let mut sums = Sums::default();
    for row in 0..rows {
        let own = (top + row) * width + left;
        let theirs = (other_top + row) * width + other_left;
        let slices = (
            base.held.get(own..own + columns),
            base.mask.get(own..own + columns),
            other.held.get(theirs..theirs + columns),
            other.mask.get(theirs..theirs + columns),
        );
        let (Some(a), Some(shown), Some(b), Some(also_shown)) = slices else {
            continue;
        };
        for (((a, shown), b), also_shown) in a.iter().zip(shown).zip(b).zip(also_shown) {
            sums.products += a * b;
            sums.own += a * a * also_shown;
            sums.others += b * b * shown;
            sums.count += shown * also_shown;
        }
    }
    sums.correlation(base.detail.len())
}

/// The best overlay, from the smallest level to the largest.
pub(super) fn find(levels: &[(&Level, &Level)]) -> Overlay {
    let Some((base, other)) = levels.last() else {
        return Overlay::default();
    };
    let reach = (FARTHEST * base.width.max(base.height) as f32).ceil() as i32;
    let mut candidates: Vec<(f32, Overlay)> = Vec::new();
    for down in -reach..=reach {
        for across in -reach..=reach {
            // Of nearly equal answers the smaller motion wins.
            let habit = 0.004 * ((across * across + down * down) as f32).sqrt();
            let score = shifted_correlation(base, other, across, down) - habit;
            let shift = [across as f32, down as f32];
            candidates.push((
                score,
                Overlay {
                    shift,
                    ..Overlay::default()
                },
            ));
        }
    }
    keep_best(&mut candidates, 4);
    let turned: Vec<(f32, Overlay)> = candidates
        .iter()
        .flat_map(|(_, overlay)| {
            TURNS.map(|turn| {
                let overlay = Overlay { turn, ..*overlay };
                (correlation(base, other, &overlay, 1), overlay)
            })
        })
        .collect();
    candidates.extend(turned);
    keep_best(&mut candidates, 5);
    let mut sharper = levels.iter().rev().enumerate().peekable();
    while let Some((number, (base, other))) = sharper.next() {
        let stride = if base.width.max(base.height) > 128 {
            2
        } else {
            1
        };
        if sharper.peek().is_none() {
            // Most sets stand on a tripod, and where little is shared a search may run off.
            candidates.push((-1.0, Overlay::default()));
        }
        for (score, overlay) in &mut candidates {
            *score = settle(base, other, overlay, stride);
        }
        keep_best(&mut candidates, if number == 0 { 2 } else { 1 });
        if sharper.peek().is_some() {
            for (_, overlay) in &mut candidates {
                *overlay = overlay.doubled();
            }
        }
    }
    candidates
        .first()
        .map_or_else(Overlay::default, |(_, overlay)| *overlay)
}

fn keep_best(candidates: &mut Vec<(f32, Overlay)>, count: usize) {
    candidates.sort_by(|left, right| right.0.total_cmp(&left.0));
    candidates.truncate(count);
}

/// Gauss-Newton steps on one level.
const ROUNDS: usize = 6;

/// Moves the overlay to where the detail differs least, and gives the correlation there. What does not help is not
/// done.
fn settle(base: &Level, other: &Level, overlay: &mut Overlay, stride: usize) -> f32 {
    let mut best = correlation(base, other, overlay, stride);
    let mut at = *overlay;
    for _ in 0..ROUNDS {
        let Some([across, down, turn, scale]) = step(base, other, &at, stride) else {
            break;
        };
        at = Overlay {
            shift: [
                at.shift[0] + across.clamp(-1.5, 1.5),
                at.shift[1] + down.clamp(-1.5, 1.5),
            ],
            turn: at.turn + turn.clamp(-0.02, 0.02),
            scale: (at.scale + scale.clamp(-0.01, 0.01)).clamp(0.97, 1.03),
        };
        let reached = correlation(base, other, &at, stride);
        if reached > best {
            best = reached;
            *overlay = at;
        }
        if across.hypot(down) < 0.02 && turn.abs() < 5e-4 && scale.abs() < 5e-4 {
            break;
        }
    }
    best
}

/// One step for shift (pixels), turn (radians) and size (share), by the slopes of the first picture's detail.
fn step(base: &Level, other: &Level, overlay: &Overlay, stride: usize) -> Option<[f32; 4]> {
    let (width, center) = (
        base.width,
        [
            (base.width as f32 - 1.0) / 2.0,
            (base.height as f32 - 1.0) / 2.0,
        ],
    );
    let mut matrix = [[0.0_f32; 4]; 4];
    let mut right = [0.0_f32; 4];
    overlay.pairs(base, stride, |at, from, across, down| {
        let detail = |at: usize| base.detail.get(at).copied().unwrap_or(f32::NAN);
        let b = between(&other.detail, other.width, from, across, down);
        let difference = b - detail(at);
        let horizontal = 0.5 * (detail(at + 1) - detail(at.wrapping_sub(1)));
        let vertical = 0.5 * (detail(at + width) - detail(at.wrapping_sub(width)));
        if !(difference + horizontal + vertical).is_finite() {
            return;
        }
        let (x, y) = (
            (at % width) as f32 - center[0],
            (at / width) as f32 - center[1],
        );
        let slopes = [
            horizontal,
            vertical,
            vertical * x - horizontal * y,
            horizontal * x + vertical * y,
        ];
        // What moved is far off and counts little.
        let share = difference / 0.15;
        let weight = 1.0 / (1.0 + share * share);
        for ((row, right), slope) in matrix.iter_mut().zip(&mut right).zip(slopes) {
            for (entry, other) in row.iter_mut().zip(slopes) {
                *entry += weight * slope * other;
            }
            *right -= weight * slope * difference;
        }
    });
    solve(matrix, right)
}

/// Solves four equations by elimination; `None` where they say too little.
fn solve(mut matrix: [[f32; 4]; 4], mut right: [f32; 4]) -> Option<[f32; 4]> {
    for pivot in 0..4 {
        let largest = (pivot..4)
            .max_by(|&a, &b| matrix[a][pivot].abs().total_cmp(&matrix[b][pivot].abs()))?;
        matrix.swap(pivot, largest);
        right.swap(pivot, largest);
        if matrix[pivot][pivot].abs() < 1e-6 {
            return None;
        }
        let base = matrix[pivot];
        for row in pivot + 1..4 {
            let factor = matrix[row][pivot] / base[pivot];
            for (value, above) in matrix[row].iter_mut().zip(base) {
                *value -= factor * above;
            }
            right[row] -= factor * right[pivot];
        }
    }
    for row in (0..4).rev() {
        let known: f32 = (row + 1..4)
            .map(|column| matrix[row][column] * right[column])
            .sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    right.iter().all(|value| value.is_finite()).then_some(right)
}
