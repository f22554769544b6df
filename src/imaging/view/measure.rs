//! How well one view lies over another, and how the light of the two compares.

use super::level::Level;
use super::overlay::{Overlay, between};

/// Tiles across and down in which the detail is compared.
const TILES: [usize; 2] = [12, 8];

/// Least pixels of a tile that both must show.
const LEAST_PIXELS: usize = 24;

/// Least mean square of detail (EV²) for a tile to have any.
const LEAST_DETAIL: f32 = 4e-4;

/// Correlation from which a tile agrees.
const AGREES: f32 = 0.5;

/// What the tiles say.
#[derive(Debug)]
pub(super) struct Tiles {
    /// Correlation of the typical tile: the median, tiles counting by their detail.
    pub(super) typical: f64,
    /// Share of the tiles that agree.
    pub(super) agreeing: f64,
    /// Tiles that have detail.
    pub(super) count: usize,
}

/// Compares the detail tile by tile, so that what moved in one place says nothing of the others.
pub(super) fn tiles(base: &Level, other: &Level, overlay: &Overlay) -> Tiles {
    let mut sums = vec![[0.0_f32; 4]; TILES[0] * TILES[1]];
    overlay.pairs(base, 1, |at, from, across, down| {
        let a = base.detail.get(at).copied().unwrap_or(f32::NAN);
        let b = between(&other.detail, other.width, from, across, down);
        let product = a * b;
        if product.is_finite() {
            let (x, y) = (at % base.width, at / base.width);
            let tile = y * TILES[1] / base.height * TILES[0] + x * TILES[0] / base.width;
            if let Some(sum) = sums.get_mut(tile) {
                sum[0] += product;
                sum[1] += a * a;
                sum[2] += b * b;
                sum[3] += 1.0;
            }
        }
    });
    let mut found: Vec<(f32, f32)> = sums
        .iter()
        .filter(|[_, own, others, count]| {
            *count >= LEAST_PIXELS as f32 && own.max(*others) / count >= LEAST_DETAIL
        })
        .map(|[product, own, others, _]| {
            let correlation = product / (own * others).sqrt().max(1e-9);
            (correlation, own.max(*others).sqrt())
        })
        .collect();
    found.sort_by(|left, right| left.0.total_cmp(&right.0));
    let whole: f32 = found.iter().map(|(_, weight)| weight).sum();
    let mut passed = 0.0;
    let typical = found
        .iter()
        .find(|(_, weight)| {
            passed += weight;
            passed >= 0.5 * whole
        })
        .map_or(0.0, |(correlation, _)| *correlation);
    let agreeing: f32 = found
        .iter()
        .filter(|(correlation, _)| *correlation >= AGREES)
        .map(|(_, weight)| weight)
        .sum();
    Tiles {
        typical: f64::from(typical),
        agreeing: f64::from(agreeing / whole.max(1e-9)),
        count: found.len(),
    }
}

/// Parts into which the brightness of the first picture is divided.
const PARTS: usize = 16;

/// EV by which a pixel may be off the rule.
const OFF: f32 = 0.4;

/// Share that both show, the step between them in EV, and the share of what both show that is off the rule that
/// most follow: equal brightness in the one is equal brightness in the other.
pub(super) fn light(base: &Level, other: &Level, overlay: &Overlay) -> (f64, f64, f64) {
    let mut pairs: Vec<(f32, f32)> = Vec::new();
    overlay.pairs(base, 2, |at, from, across, down| {
        let a = base.logarithm.get(at).copied().unwrap_or(f32::NAN);
        let b = between(&other.logarithm, other.width, from, across, down);
        if (a + b).is_finite() {
            pairs.push((a, b));
        }
    });
    let all = base.width.div_ceil(2) * base.height.div_ceil(2);
    let shared = pairs.len() as f64 / all.max(1) as f64;
    if pairs.is_empty() {
        return (0.0, 0.0, 0.0);
    }
    let mut steps: Vec<f32> = pairs.iter().map(|(a, b)| b - a).collect();
    let step = median(&mut steps);
    pairs.sort_by(|left, right| left.0.total_cmp(&right.0));
    let part = pairs.len().div_ceil(PARTS).max(8);
    let mut off = 0_usize;
    for part in pairs.chunks(part) {
        // Within a part the first picture's own rise is taken out.
        let mut rise: Vec<f32> = part.iter().map(|(a, b)| b - a).collect();
        let middle = median(&mut rise);
        off += rise
            .iter()
            .filter(|rise| (**rise - middle).abs() > OFF)
            .count();
    }
    (shared, f64::from(step), off as f64 / pairs.len() as f64)
}

fn median(values: &mut [f32]) -> f32 {
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
