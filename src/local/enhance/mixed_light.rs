//! Two lights of different colour in one room, such as a window and a lamp: how the colour of the light runs
//! over the picture. A thing has its colour up to its edge, and light runs on smoothly; so only the slow
//! changes of colour on plain surfaces are put together to a field (Horn, "Determining lightness from an
//! image", 1974, with the colour's ratios in place of brightness). Where the field is nearly even there
//! is one light, and nothing is done.

use super::guided::Plane;
use super::proxy::Proxy;
use super::regions::Regions;
use super::tone::{DARKEST, smooth_step};
use crate::imaging::color::luminance;

/// Pixels of the proxy to a cell of the field.
const CELL: usize = 10;
/// Steps over a cell's width that are edges: in log2 luminance, and in `ln(blue / green)` or
/// `ln(red / green)`.
const EDGE_EV: f32 = 0.35;
const EDGE_COLOUR: f32 = 0.07;
/// Colours farther from grey than this (natural logarithm against green) are things, not light.
const VIVID: f32 = 0.9;
/// Luminance below which colour is noise.
const DIM: f32 = 0.006;
/// Pull to an even field where nothing is known, against a cell full of plain surface.
const PULL: f32 = 0.02;
/// Passes of the solver and its over-relaxation.
const PASSES: usize = 300;
const RELAXATION: f32 = 1.85;
/// Spread of the light's warmth, `ln(red / blue)` between a tenth of the picture on either side, below which
/// it is one light, and how much more there are certainly two.
const ONE_LIGHT: f32 = 0.65;
const TWO_LIGHTS: f32 = 0.3;
/// The greatest local correction of red and blue, as a natural logarithm.
const LARGEST: f32 = 0.45;

/// The colour of the light against its mean, as gains that take it out, for every pixel of the proxy.
#[derive(Debug)]
pub(super) struct LightField {
    /// Natural logarithms of the gains of red and blue against green.
    pub(super) red: Plane,
    pub(super) blue: Plane,
    /// How certain it is that there are two lights, 0 to 1.
    pub(super) evidence: f64,
    /// The spread of the light's warmth, `ln(red / blue)`.
    pub(super) spread: f64,
}

/// The cells between which colour changes slowly: the mean change to the cell on the right and below, and
/// the share of the cell's pixels that tell it.
struct Links {
    columns: usize,
    rows: usize,
    right: Vec<[f32; 3]>,
    below: Vec<[f32; 3]>,
}

impl LightField {
    /// `None` where there is one light, or too little to tell. `untouched`, 0 to 1: how likely it is that
    /// nobody has worked on the picture before.
    pub(super) fn estimate(proxy: &Proxy, regions: &Regions, untouched: f64) -> Option<Self> {
        if regions.sky_share > 0.0 || untouched < 0.1 {
            return None;
        }
        let links = Links::of(proxy, regions)?;
        let mut red = links.solve(0);
        let mut blue = links.solve(1);
        let known = links.known();
        let mut warmth: Vec<f32> = red
            .iter()
            .zip(&blue)
            .zip(&known)
            .filter(|(_, known)| **known)
            .map(|((red, blue), _)| red - blue)
            .collect();
        if warmth.len() * 4 < red.len() {
            return None;
        }
        let mut at = |share: f32| {
            let rank = (share * (warmth.len() - 1) as f32) as usize;
            *warmth.select_nth_unstable_by(rank, f32::total_cmp).1
        };
        let spread = at(0.9) - at(0.1);
        let evidence = smooth_step((spread - ONE_LIGHT) / TWO_LIGHTS) * untouched as f32;
        if evidence == 0.0 {
            return None;
        }
        for values in [&mut red, &mut blue] {
            let (sum, count) = values
                .iter()
                .zip(&known)
                .filter(|(_, known)| **known)
                .fold((0.0, 0.0_f32), |(sum, count), (value, _)| {
                    (sum + value, count + 1.0)
                });
            let mean = sum / count.max(1.0);
            for value in values.iter_mut() {
                *value = ((mean - *value) * evidence).clamp(-LARGEST, LARGEST);
            }
        }
        let plane = |values: Vec<f32>| {
            links
                .enlarged(&values, proxy.width, proxy.height)
                .box_mean(CELL / 2)
        };
        Some(Self {
            red: plane(red),
            blue: plane(blue),
            evidence: evidence.into(),
            spread: spread.into(),
        })
    }

    /// Takes the field out of the proxy; a grey keeps its luminance.
    pub(super) fn apply(&self, proxy: &mut Proxy) {
        for (pixel, (&red, &blue)) in proxy
            .pixels
            .iter_mut()
            .zip(self.red.values.iter().zip(&self.blue.values))
        {
            let gains = gains(red, blue);
            for (value, gain) in pixel.iter_mut().zip(gains) {
                *value *= gain;
            }
        }
    }
}

/// Gains with these natural logarithms against green; a grey keeps its luminance.
#[inline(always)]
pub(super) fn gains(red: f32, blue: f32) -> [f32; 3] {
    // A series is near enough for logarithms of less than a half, and becomes vector instructions.
    let power = |x: f32| 1.0 + x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0))));
    let (red, blue) = (power(red), power(blue));
    let scale = 1.0 / luminance([red, 1.0, blue]);
    [red * scale, scale, blue * scale]
}

impl Links {
    #[expect(clippy::cast_precision_loss, reason = "shares of a cell")]
    fn of(proxy: &Proxy, regions: &Regions) -> Option<Self> {
        let (width, height) = (proxy.width, proxy.height);
        let (columns, rows) = (width / CELL, height / CELL);
        if columns < 6 || rows < 6 {
            return None;
        }
        let plane = |value: &dyn Fn([f32; 3]) -> f32| {
            Plane::new(
                width,
                height,
                proxy.pixels.iter().map(|&pixel| value(pixel)).collect(),
            )
        };
        let ratio = |channel: usize| {
            plane(&move |pixel: [f32; 3]| (pixel[channel].max(1e-4) / pixel[1].max(1e-4)).ln())
        };
        let red = ratio(0);
        let blue = ratio(2);
        let plain: Vec<bool> = proxy
            .pixels
            .iter()
            .zip(&regions.unusable)
            .zip(red.values.iter().zip(&blue.values))
            .map(|((&pixel, &unusable), (&red, &blue))| {
                !unusable && luminance(pixel) > DIM && red.abs() < VIVID && blue.abs() < VIVID
            })
            .collect();
        let level = plane(&|pixel| luminance(pixel).max(DARKEST).log2()).box_mean(1);
        let (red, blue) = (red.box_mean(2), blue.box_mean(2));
        let step = |from: usize, to: usize| -> Option<[f32; 2]> {
            let difference = |plane: &Plane| Some(plane.values.get(to)? - plane.values.get(from)?);
            (*plain.get(from)? && *plain.get(to)?).then_some(())?;
            let (red, blue) = (difference(&red)?, difference(&blue)?);
            let slow = difference(&level)?.abs() < EDGE_EV
                && red.abs() < EDGE_COLOUR
                && blue.abs() < EDGE_COLOUR;
            slow.then_some([red, blue])
        };
        // The change over a cell is walked in halves, so that a thin edge between is not jumped.
        let walk = |from: usize, half: usize| -> Option<[f32; 2]> {
            let (first, second) = (
                step(from, from + half)?,
                step(from + half, from + 2 * half)?,
            );
            Some([first[0] + second[0], first[1] + second[1]])
        };
        let mut links = Self {
            columns,
            rows,
            right: vec![[0.0; 3]; columns * rows],
            below: vec![[0.0; 3]; columns * rows],
        };
        for row in 0..rows {
            for column in 0..columns {
                let mut sums = [[0.0_f32; 3]; 2];
                for inner in 0..CELL * CELL {
                    let x = column * CELL + inner % CELL;
                    let y = row * CELL + inner / CELL;
                    let from = y * width + x;
                    let walks = [
                        (x + CELL < width).then(|| walk(from, CELL / 2)).flatten(),
                        (y + CELL < height)
                            .then(|| walk(from, CELL / 2 * width))
                            .flatten(),
                    ];
                    for (sum, walked) in sums.iter_mut().zip(walks) {
                        if let Some([red, blue]) = walked {
                            sum[0] += red;
                            sum[1] += blue;
                            sum[2] += 1.0;
                        }
                    }
                }
                let means = sums.map(|[red, blue, count]| {
                    let share = count / (CELL * CELL) as f32;
                    // A link that few pixels tell is a link across things.
                    if share < 0.2 {
                        [0.0; 3]
                    } else {
                        [red / count, blue / count, share]
                    }
                });
                let index = row * columns + column;
                if let Some(link) = links.right.get_mut(index) {
                    *link = if column + 1 < columns {
                        means[0]
                    } else {
                        [0.0; 3]
                    };
                }
                if let Some(link) = links.below.get_mut(index) {
                    *link = if row + 1 < rows { means[1] } else { [0.0; 3] };
                }
            }
        }
        Some(links)
    }

    /// The cells whose change to a neighbour is known.
    fn known(&self) -> Vec<bool> {
        self.right
            .iter()
            .zip(&self.below)
            .map(|(right, below)| right[2] > 0.0 || below[2] > 0.0)
            .collect()
    }

    /// The field with the least squared error against the links, even where nothing is known: successive
    /// over-relaxation.
    fn solve(&self, channel: usize) -> Vec<f32> {
        let (columns, rows) = (self.columns, self.rows);
        let mut field = vec![0.0_f32; columns * rows];
        let link = |links: &[[f32; 3]], index: usize| {
            links
                .get(index)
                .map_or((0.0, PULL), |link| (link[channel], link[2] + PULL))
        };
        for _ in 0..PASSES {
            for row in 0..rows {
                for column in 0..columns {
                    let index = row * columns + column;
                    let at = |index: usize| field.get(index).copied().unwrap_or(0.0);
                    let (mut sum, mut weights) = (0.0, 1e-6);
                    let mut add = |value: f32, weight: f32| {
                        sum += weight * value;
                        weights += weight;
                    };
                    if column + 1 < columns {
                        let (change, weight) = link(&self.right, index);
                        add(at(index + 1) - change, weight);
                    }
                    if column > 0 {
                        let (change, weight) = link(&self.right, index - 1);
                        add(at(index - 1) + change, weight);
                    }
                    if row + 1 < rows {
                        let (change, weight) = link(&self.below, index);
                        add(at(index + columns) - change, weight);
                    }
                    if row > 0 {
                        let (change, weight) = link(&self.below, index - columns);
                        add(at(index - columns) + change, weight);
                    }
                    let target = sum / weights;
                    if let Some(value) = field.get_mut(index) {
                        *value += RELAXATION * (target - *value);
                    }
                }
            }
        }
        field
    }

    /// The field at the proxy's size, linear between the cells' middles.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positions within a proxy"
    )]
    fn enlarged(&self, values: &[f32], width: usize, height: usize) -> Plane {
        let position = |at: usize, count: usize| {
            let position = ((at as f32 + 0.5) / CELL as f32 - 0.5).clamp(0.0, count as f32 - 1.0);
            let low = (position as usize).min(count.saturating_sub(2));
            (low, position - low as f32)
        };
        let at = |row: usize, column: usize| {
            values
                .get(row * self.columns + column)
                .copied()
                .unwrap_or(0.0)
        };
        let enlarged = (0..width * height)
            .map(|index| {
                let (column, across) = position(index % width, self.columns);
                let (row, down) = position(index / width, self.rows);
                let blend = |low: f32, high: f32, share: f32| low + (high - low) * share;
                blend(
                    blend(at(row, column), at(row, column + 1), across),
                    blend(at(row + 1, column), at(row + 1, column + 1), across),
                    down,
                )
            })
            .collect();
        Plane::new(width, height, enlarged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A room of grey, cream and wooden things under a light whose `ln(blue / green)` runs from left to right.
    fn room(change: f32) -> Proxy {
        let (width, height) = (320, 200);
        let pixels = (0..width * height)
            .map(|index| {
                let (x, y) = (index % width, index / width);
                let thing = match (x / 67, y / 90) {
                    (1, 1) => [0.3, 0.18, 0.1],
                    (3, 1) => [0.1, 0.12, 0.14],
                    (_, 0) => [0.5, 0.5, 0.5],
                    _ => [0.45, 0.42, 0.36],
                };
                let light = change * (x as f32 / width as f32 - 0.5);
                [
                    thing[0] * (-0.5 * light).exp(),
                    thing[1],
                    thing[2] * light.exp(),
                ]
            })
            .collect();
        Proxy {
            width,
            height,
            pixels,
        }
    }

    #[test]
    fn two_lights_are_told_from_one_and_taken_out() {
        let mut mixed = room(0.9);
        let field = LightField::estimate(&mixed, &Regions::of(&mixed), 1.0);
        let field = field.unwrap();
        assert!(field.evidence > 0.9, "{}", field.evidence);
        field.apply(&mut mixed);
        let ratio = |x: usize| {
            let pixel = mixed.pixels[20 * 320 + x];
            (pixel[2] / pixel[1]).ln()
        };
        assert!(
            (ratio(300) - ratio(20)).abs() < 0.2,
            "{} {}",
            ratio(20),
            ratio(300)
        );

        for change in [0.0, 0.15] {
            let one = room(change);
            assert!(LightField::estimate(&one, &Regions::of(&one), 1.0).is_none());
        }
    }
}
