//! Whether a picture is a photo or a graphic: a plan, a map, a document, a screenshot, a logo. A graphic is made
//! of a few flat colours and crisp strokes; a photo has shading between its edges. The weights were fitted by
//! logistic regression to drawings, screenshots and scans against photos of rooms, landscapes and things, among
//! them blown, blurred, white and very dark ones. Where the pixels leave doubt it is a photo.

mod colours;

use super::picture::{Picture, Samples};
use crate::domain::listing::PictureKind;
use colours::explained;

/// Difference within a 3 x 3 neighbourhood from which it holds an edge, code values of 0 to 255.
const EDGE: u8 = 40;
/// Pixels by which everything near an edge is left out.
const EDGE_REACH: usize = 2;
/// Distance over which shading is looked for, pixels, and the least difference that counts.
const SLOPE_REACH: usize = 8;
const SLOPE: u8 = 3;
/// Half the side of the square that a stroke is thinner than, and of the square in which its ground is flat.
const STROKE_RADIUS: usize = 3;
const GROUND_RADIUS: usize = 4;
/// Contrast of a stroke against its ground, and how much flat ground may vary.
const STROKE: u8 = 40;
const GROUND: u8 = 16;
/// The score from which a picture counts as a graphic.
const GRAPHIC: f64 = 2.0;
/// The same for pixels that no camera makes: few colours, and exactly flat.
const EXACT_UNEXPLAINED: f64 = 0.02;
const EXACT_FLAT: f64 = 0.88;
const EXACT_GROUND: f64 = 0.2;
const EXACT_EDGES: f64 = 0.03;
/// Share of the picture that is thin structures on rough ground, such as twigs, gravel and grass, from which it is a
/// photo unless so many of its thin structures are strokes.
const ROUGH: f64 = 0.03;
const STROKES_AMONG_ROUGH: f64 = 0.4;
/// Of the picture, the least share off the edges that tells anything: gravel has hardly any.
const LEAST_REST: f64 = 0.15;
/// The smallest side that tells anything.
const LEAST_SIDE: usize = 24;

/// What kind of picture this is, by its pixels alone. Meant for a look of at most 512 pixels on the long side;
/// larger pictures are judged too, but a panorama is never told by its pixels.
#[must_use]
pub fn picture_kind(picture: &Picture) -> PictureKind {
    if picture.width.min(picture.height) < LEAST_SIDE {
        return PictureKind::Photo;
    }
    let eight = picture.clone().into_eight();
    let Samples::Eight(samples) = &eight.samples else {
        return PictureKind::Photo;
    };
    let traits = Traits::of(samples.as_chunks::<3>().0, picture.width);
    let is_natural = traits.rough > ROUGH && traits.strokes < STROKES_AMONG_ROUGH;
    let is_drawn = traits.score() > GRAPHIC || traits.exact();
    if traits.rest >= LEAST_REST && is_drawn && !is_natural {
        PictureKind::Graphic
    } else {
        PictureKind::Photo
    }
}

/// What the pixels are like; all are shares of 0 to 1.
#[derive(Clone, Copy, Debug)]
struct Traits {
    /// Pixels off the edges.
    rest: f64,
    /// Of the pixels off the edges, those that have none of the few commonest colours.
    unexplained: f64,
    /// Of the pixels off the edges, those that shade into others.
    sloped: f64,
    /// Pixels at an edge.
    edges: f64,
    /// Of the thin structures, those on flat ground.
    strokes: f64,
    /// Thin structures that are not on flat ground.
    rough: f64,
    /// Pixels off the edges that are neither white nor black.
    ground: f64,
    /// Of those, the ones whose neighbours are all the same.
    flat: f64,
}

impl Traits {
    fn of(pixels: &[[u8; 3]], width: usize) -> Self {
        let ranges = ranges(pixels, width);
        let edges: Vec<u8> = ranges
            .iter()
            .map(|&range| u8::from(range >= EDGE))
            .collect();
        let near = square(&edges, width, EDGE_REACH, u8::max);
        let smooth = smoothed(pixels, width);
        let count = pixels.len() as f64;
        let rest = near.iter().filter(|near| **near == 0).count() as f64;
        let explained = explained(&smooth, &near);
        let luma: Vec<u8> = pixels
            .iter()
            .map(|&[red, green, blue]| {
                ((u32::from(red) * 77 + u32::from(green) * 150 + u32::from(blue) * 29) >> 8) as u8
            })
            .collect();
        let dark = strokes(&luma, width);
        let inverted: Vec<u8> = luma.iter().map(|value| 255 - value).collect();
        let light = strokes(&inverted, width);
        let (mut ground, mut flat) = (0.0, 0.0);
        for ((pixel, near), range) in pixels.iter().zip(&near).zip(&ranges) {
            let white = pixel.iter().all(|value| *value >= 250);
            let black = pixel.iter().all(|value| *value <= 6);
            if *near == 0 && !white && !black {
                ground += 1.0;
                flat += f64::from(u8::from(*range <= 2));
            }
        }
        Self {
            rest: rest / count,
            unexplained: (rest - explained) / rest.max(0.02 * count),
            sloped: sloped(&smooth, &near, width),
            edges: edges.iter().map(|edge| f64::from(*edge)).sum::<f64>() / count,
            strokes: dark.0.max(light.0),
            rough: dark.1.max(light.1),
            ground: ground / count,
            flat: flat / f64::max(ground, 1.0),
        }
    }

    /// Positive for a graphic, by a logistic regression.
    fn score(&self) -> f64 {
        -5.894 - 0.917 * (self.unexplained + 0.004).ln() - 1.177 * (self.sloped + 0.004).ln()
            + 0.835 * (self.edges + 0.003).ln()
            + 3.474 * self.strokes
    }

    /// Whether it was drawn by a program and kept without loss.
    fn exact(&self) -> bool {
        self.unexplained < EXACT_UNEXPLAINED
            && self.flat >= EXACT_FLAT
            && self.ground >= EXACT_GROUND
            && self.edges >= EXACT_EDGES
    }
}

/// Over every pixel's square of `2 radius + 1` pixels, cut off at the border, the value that `choose` prefers.
///
/// `choose` is a type of its own, not a pointer, so that the loops become vector code.
fn square(
    values: &[u8],
    width: usize,
    radius: usize,
    choose: impl Fn(u8, u8) -> u8 + Copy,
) -> Vec<u8> {
    let mut across = values.to_vec();
    for (target, source) in across.chunks_mut(width).zip(values.chunks(width)) {
        for shift in 1..=radius.min(width.saturating_sub(1)) {
            let (target_left, target_right) = (&mut *target, source);
            for (value, other) in target_left
                .iter_mut()
                .zip(target_right.get(shift..).unwrap_or_default())
            {
                *value = choose(*value, *other);
            }
            for (value, other) in target
                .get_mut(shift..)
                .unwrap_or_default()
                .iter_mut()
                .zip(source)
            {
                *value = choose(*value, *other);
            }
        }
    }
    let mut result = across.clone();
    for shift in 1..=radius {
        let offset = shift * width;
        for (value, other) in result
            .iter_mut()
            .zip(across.get(offset..).unwrap_or_default())
        {
            *value = choose(*value, *other);
        }
        for (value, other) in result
            .get_mut(offset..)
            .unwrap_or_default()
            .iter_mut()
            .zip(&across)
        {
            *value = choose(*value, *other);
        }
    }
    result
}

/// The greatest difference of any channel within 3 x 3 pixels.
fn ranges(pixels: &[[u8; 3]], width: usize) -> Vec<u8> {
    let mut ranges = vec![0_u8; pixels.len()];
    for channel in 0..3 {
        let values: Vec<u8> = pixels.iter().map(|pixel| pixel[channel]).collect();
        let highest = square(&values, width, 1, u8::max);
        let lowest = square(&values, width, 1, u8::min);
        for ((range, high), low) in ranges.iter_mut().zip(highest).zip(lowest) {
            *range = (*range).max(high - low);
        }
    }
    ranges
}

/// Means over 3 x 3 pixels; at the border the outermost count again.
fn smoothed(pixels: &[[u8; 3]], width: usize) -> Vec<[u8; 3]> {
    let height = pixels.len() / width;
    let mut result = Vec::with_capacity(pixels.len());
    let mut sums = vec![[0_u16; 3]; width];
    for y in 0..height {
        let rows = [y.saturating_sub(1), y, (y + 1).min(height - 1)].map(|row| {
            pixels
                .get(row * width..(row + 1) * width)
                .unwrap_or_default()
        });
        let [above, row, below] = rows;
        for (((sum, above), row), below) in sums.iter_mut().zip(above).zip(row).zip(below) {
            for channel in 0..3 {
                sum[channel] =
                    u16::from(above[channel]) + u16::from(row[channel]) + u16::from(below[channel]);
            }
        }
        let right = sums.iter().skip(1).chain(sums.last());
        let left = sums.first().into_iter().chain(&sums);
        for ((left, middle), right) in left.zip(&sums).zip(right) {
            let mean = |channel: usize| (left[channel] + middle[channel] + right[channel] + 4) / 9;
            result.push([0, 1, 2].map(|channel| mean(channel) as u8));
        }
    }
    result
}

/// Share of the runs of [`SLOPE_REACH`] pixels off the edges whose ends differ: shading.
fn sloped(smooth: &[[u8; 3]], near: &[u8], width: usize) -> f64 {
    let (mut runs, mut sloped) = (0_u32, 0_u32);
    for (row, near) in smooth.chunks(width).zip(near.chunks(width)) {
        let ends = row.iter().zip(row.iter().skip(SLOPE_REACH));
        let off = near
            .iter()
            .zip(near.iter().skip(SLOPE_REACH / 2))
            .zip(near.iter().skip(SLOPE_REACH));
        for ((one, other), ((start, middle), end)) in ends.zip(off) {
            if start + middle + end == 0 {
                runs += 1;
                let differs = one
                    .iter()
                    .zip(other)
                    .any(|(one, other)| one.abs_diff(*other) >= SLOPE);
                sloped += u32::from(differs);
            }
        }
    }
    f64::from(sloped) / f64::from(runs.max(1))
}

/// Of the dark structures that are thinner than a few pixels, the share that lies on flat ground; of the picture, the
/// share of those that do not.
fn strokes(luma: &[u8], width: usize) -> (f64, f64) {
    let grown = square(luma, width, STROKE_RADIUS, u8::max);
    let ground = square(&grown, width, STROKE_RADIUS, u8::min);
    let highest = square(&ground, width, GROUND_RADIUS, u8::max);
    let lowest = square(&ground, width, GROUND_RADIUS, u8::min);
    let (mut thin, mut on_flat) = (0_u32, 0_u32);
    for (((value, ground), high), low) in luma.iter().zip(&ground).zip(highest).zip(lowest) {
        if ground.saturating_sub(*value) > STROKE {
            thin += 1;
            on_flat += u32::from(high - low <= GROUND);
        }
    }
    (
        f64::from(on_flat) / f64::from(thin.max(1)),
        f64::from(thin - on_flat) / luma.len().max(1) as f64,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(pixel: impl Fn(usize, usize) -> [u8; 3]) -> Picture {
        let (width, height) = (300, 200);
        let samples = (0..width * height).flat_map(|index| pixel(index % width, index / width));
        Picture::from_eight(width, height, samples.collect()).unwrap()
    }

    /// The same noise for every run, about -`strength` to `strength`.
    fn noise(x: usize, y: usize, strength: i32) -> i32 {
        let mixed = (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca6b);
        let mixed = (mixed ^ (mixed >> 13)).wrapping_mul(0xc2b2_ae35);
        (mixed >> 16) as i32 % (2 * strength + 1) - strength
    }

    #[test]
    fn a_plan_is_a_graphic_scanned_or_not() {
        let plan = |x: usize, y: usize| {
            let wall = x % 97 < 3 || y % 71 < 3;
            let text = (10..60).contains(&(x % 97)) && (15..21).contains(&(y % 71)) && x % 5 < 2;
            if wall || text { 20 } else { 244 }
        };
        let clean = picture(|x, y| [plan(x, y); 3]);
        assert_eq!(picture_kind(&clean), PictureKind::Graphic);
        let scanned = picture(|x, y| {
            [0, 1, 2].map(|channel| {
                (i32::from(plan(x, y)) + noise(x + channel, y, 4)).clamp(0, 255) as u8
            })
        });
        assert_eq!(picture_kind(&scanned), PictureKind::Graphic);
    }

    #[test]
    fn white_rooms_and_blown_views_are_photos() {
        // A white wall that shades off, with a frame on it.
        let room = picture(|x, y| {
            let wall = 236 - (x / 9) as i32 - (y / 12) as i32;
            let frame = (100..140).contains(&x) && (60..110).contains(&y);
            let value = if frame { 90 + (y / 3) as i32 } else { wall } + noise(x, y, 3);
            [value.clamp(0, 255) as u8; 3]
        });
        assert_eq!(picture_kind(&room), PictureKind::Photo);
        // Snow that is blown over most of the picture, with dark trees.
        let snow = picture(|x, y| {
            let tree = (x / 7 + y / 50) % 5 == 0 && y > 60 + noise(x, 1, 20) as usize % 40;
            let value = if tree {
                60 + noise(x, y, 40)
            } else {
                255 - (y as i32 - 150).max(0) + noise(x, y, 3)
            };
            [value.clamp(0, 255) as u8; 3]
        });
        assert_eq!(picture_kind(&snow), PictureKind::Photo);
        let tiny = Picture::from_eight(8, 8, vec![255; 192]).unwrap();
        assert_eq!(picture_kind(&tiny), PictureKind::Photo);
    }
}
