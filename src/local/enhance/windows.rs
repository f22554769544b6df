//! Where the view through a window may be: a bright area with a sharp edge. The glow of a lamp or of the
//! sun on a wall is as bright, but it fades; treated like a window it would get a ring.

use super::guided::Plane;
use super::tone::smooth_step;

/// Areas smaller than this share of the picture are reflections.
const SMALLEST: f32 = 0.000_5;
/// How far out of the area its surroundings are looked up, as a share of the long side.
const REACH: f32 = 1.0 / 200.0;
/// Steps at the edge, in EV, below which an area certainly fades and above which it certainly ends.
const FADES_EV: f32 = 0.5;
const ENDS_EV: f32 = 1.1;

/// Levels at which areas are looked for, and the EV between them: where the glow of the sun beside a window
/// runs into it at one level, the panes stand alone at a higher one.
const LEVELS: u8 = 5;
const BETWEEN_LEVELS_EV: f32 = 0.4;

/// How much every pixel belongs to an area of `base` above `level` with a sharp edge, 0 to 1; all in log2
/// luminance.
pub(super) fn weights(guide: &Plane, base: &Plane, level: f32) -> Plane {
    let (width, height) = (guide.width, guide.height);
    let mut weights = vec![0.0; width * height];
    for step in 0..LEVELS {
        let level = level + f32::from(step) * BETWEEN_LEVELS_EV;
        weigh_areas(guide, base, level, &mut weights);
    }
    Plane::new(width, height, weights)
}

/// Raises `weights` in the areas of `base` above `level`, each by the sharpness of its edge.
fn weigh_areas(guide: &Plane, base: &Plane, level: f32, weights: &mut [f32]) {
    let (width, height) = (guide.width, guide.height);
    let mut seen = vec![false; width * height];
    let above = |index: usize| base.values.get(index).is_some_and(|&value| value > level);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sizes within a proxy"
    )]
    let (reach, smallest) = (
        ((width.max(height) as f32 * REACH) as usize).max(2),
        (weights.len() as f32 * SMALLEST) as usize,
    );
    let mut area = Vec::new();
    for start in 0..weights.len() {
        if seen.get(start) != Some(&false) || !above(start) {
            continue;
        }
        area.clear();
        let mut open = vec![start];
        while let Some(index) = open.pop() {
            match seen.get_mut(index) {
                Some(seen) if !*seen && above(index) => *seen = true,
                _ => continue,
            }
            area.push(index);
            let x = index % width;
            if x > 0 {
                open.push(index - 1);
            }
            if x + 1 < width {
                open.push(index + 1);
            }
            if index >= width {
                open.push(index - width);
            }
            open.push(index + width);
        }
        if area.len() < smallest.max(4) {
            continue;
        }
        let weight =
            smooth_step((edge_step(guide, &area, &above, reach) - FADES_EV) / (ENDS_EV - FADES_EV));
        for &index in &area {
            if let Some(value) = weights.get_mut(index) {
                *value = value.max(weight);
            }
        }
    }
}

/// The mean step from the area's rim to what lies `reach` pixels beyond it.
fn edge_step(guide: &Plane, area: &[usize], above: &impl Fn(usize) -> bool, reach: usize) -> f32 {
    let width = guide.width;
    let at = |index: usize| guide.values.get(index).copied();
    let mut sum = 0.0;
    let mut count = 0.0_f32;
    for &index in area {
        let x = index % width;
        let sides = [
            (x >= reach).then(|| (index - 1, index - reach)),
            (x + reach < width).then(|| (index + 1, index + reach)),
            (index >= reach * width).then(|| (index - width, index - reach * width)),
            Some((index + width, index + reach * width)),
        ];
        for (next, beyond) in sides.into_iter().flatten() {
            if above(next) {
                continue;
            }
            if let (Some(inside), Some(outside)) = (at(index), at(beyond)) {
                sum += inside - outside;
                count += 1.0;
            }
        }
    }
    sum / count.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(value: impl Fn(usize, usize) -> f32) -> Plane {
        let (width, height) = (120, 80);
        let values = (0..width * height)
            .map(|index| value(index % width, index / width))
            .collect();
        Plane::new(width, height, values)
    }

    #[test]
    fn a_bright_area_with_an_edge_is_a_window_and_a_glow_is_none() {
        let window = plane(|x, y| {
            if (30..60).contains(&x) && (20..50).contains(&y) {
                -0.3
            } else {
                -3.0
            }
        });
        let found = weights(&window, &window, -1.2);
        assert!(found.values[30 * 120 + 40] > 0.99);
        assert!(found.values[30 * 120 + 70].abs() < 1e-6);

        // The same window with a glow beside it that runs into its lower edge.
        let beside = plane(|x, y| {
            let away = (x as f32 - 75.0).hypot(y as f32 - 60.0);
            let glow = -0.9 - away * 0.08;
            if (30..60).contains(&x) && (20..50).contains(&y) {
                -0.1
            } else {
                glow.max(-3.0)
            }
        });
        let found = weights(&beside, &beside, -1.9);
        assert!(found.values[30 * 120 + 40] > 0.9);
        assert!(found.values[62 * 120 + 75] < 0.3);

        let glow = plane(|x, y| {
            let away = (x as f32 - 60.0).hypot(y as f32 - 40.0);
            -0.1 - away * 0.08
        });
        let found = weights(&glow, &glow, -1.2);
        assert!(found.values.iter().all(|&weight| weight < 0.01));
    }
}
