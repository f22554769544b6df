//! Bars round a picture: letterboxes, white frames, a caption's strip. They are part of the picture, drawn along
//! its sides, and a picture that is turned would show them crooked.

use super::picture::{Picture, Samples};

/// How far a bar's pixels may lie from its colour, code values of 0 to 255.
const SAME: i32 = 9;
/// Share of a line that has the bar's colour; of a line of a strip that holds text.
const PLAIN_LINE: f64 = 0.97;
const WRITTEN_LINE: f64 = 0.55;
/// Share of the side that a bar is deep, at least where another bar lies opposite, and where it is alone.
const LEAST_PAIR: f64 = 0.008;
const LEAST_ALONE: f64 = 0.04;
/// The deepest that a bar may be.
const DEEPEST: f64 = 0.45;
/// Share of the line behind a bar that must differ from it: the picture begins at a straight line.
const BEGINS: f64 = 0.7;
/// Pixels of a line that are looked at, about.
const SAMPLED: usize = 400;

/// A bar along one side.
struct Bar {
    colour: [i32; 3],
    depth: f64,
    plain: bool,
}

/// Whether bars of one colour lie along two opposite sides, or a plain wide one along one of them.
#[must_use]
pub fn is_framed(picture: &Picture) -> bool {
    let lines = Lines(picture);
    let bars = [
        lines.bar(true, false),
        lines.bar(true, true),
        lines.bar(false, false),
        lines.bar(false, true),
    ];
    let same = |one: &Bar, other: &Bar| {
        one.colour
            .iter()
            .zip(other.colour)
            .all(|(one, other)| (one - other).abs() <= 2 * SAME)
    };
    let pair = |one: &Option<Bar>, other: &Option<Bar>| match (one, other) {
        (Some(one), Some(other)) => same(one, other) && one.depth.min(other.depth) >= LEAST_PAIR,
        _ => false,
    };
    let [top, bottom, left, right] = &bars;
    pair(top, bottom)
        || pair(left, right)
        || bars
            .iter()
            .flatten()
            .any(|bar| bar.plain && bar.depth >= LEAST_ALONE)
}

/// The lines of a picture, counted from a side inwards.
struct Lines<'a>(&'a Picture);

impl Lines<'_> {
    fn pixel(&self, x: usize, y: usize) -> [i32; 3] {
        let start = (y * self.0.width + x) * 3;
        [0, 1, 2].map(|channel| match &self.0.samples {
            Samples::Eight(samples) => samples.get(start + channel).copied().map_or(0, i32::from),
            Samples::Sixteen(samples) => {
                (samples.get(start + channel).copied().map_or(0, i32::from)) / 257
            }
        })
    }

    /// Pixels of the line `depth` pixels from the top or bottom (`across`), or from the left or right.
    fn line(&self, across: bool, from_end: bool, depth: usize) -> Vec<[i32; 3]> {
        let (long, deep) = if across {
            (self.0.width, self.0.height)
        } else {
            (self.0.height, self.0.width)
        };
        let place = if from_end { deep - 1 - depth } else { depth };
        (0..long)
            .step_by((long / SAMPLED).max(1))
            .map(|along| {
                if across {
                    self.pixel(along, place)
                } else {
                    self.pixel(place, along)
                }
            })
            .collect()
    }

    fn bar(&self, across: bool, from_end: bool) -> Option<Bar> {
        let side = if across { self.0.height } else { self.0.width };
        let first = self.line(across, from_end, 0);
        let colour = median(&first);
        let like = |line: &[[i32; 3]]| {
            let same = |pixel: &&[i32; 3]| {
                pixel
                    .iter()
                    .zip(colour)
                    .all(|(value, colour)| (value - colour).abs() <= SAME)
            };
            line.iter().filter(same).count() as f64 / line.len().max(1) as f64
        };
        if like(&first) < PLAIN_LINE {
            return None;
        }
        let (mut depth, mut plain) = (1, true);
        while depth < side {
            let share = like(&self.line(across, from_end, depth));
            if share < WRITTEN_LINE {
                break;
            }
            plain &= share >= PLAIN_LINE;
            depth += 1;
        }
        let share = depth as f64 / side as f64;
        if share > DEEPEST || depth + 3 >= side {
            return None;
        }
        let begins = 1.0 - like(&self.line(across, from_end, depth + 2));
        (begins >= BEGINS && like(&self.line(across, from_end, depth - 1)) >= 0.9).then_some(Bar {
            colour,
            depth: share,
            plain,
        })
    }
}

fn median(line: &[[i32; 3]]) -> [i32; 3] {
    [0, 1, 2].map(|channel| {
        let mut values: Vec<i32> = line.iter().map(|pixel| pixel[channel]).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied().unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(pixel: impl Fn(usize, usize) -> [u8; 3]) -> Picture {
        let (width, height) = (240, 160);
        let samples = (0..width * height).flat_map(|index| pixel(index % width, index / width));
        Picture::from_eight(width, height, samples.collect()).unwrap()
    }

    fn scene(x: usize, y: usize) -> [u8; 3] {
        [
            70 + (x / 3) as u8,
            60 + (y / 2) as u8,
            50 + ((x * 7 + y * 3) % 40) as u8,
        ]
    }

    #[test]
    fn frames_and_letterboxes_are_seen_and_skies_are_not() {
        assert!(!is_framed(&picture(scene)));
        let letterbox = |x, y| {
            if (16..144).contains(&y) {
                scene(x, y)
            } else {
                [0; 3]
            }
        };
        assert!(is_framed(&picture(letterbox)));
        let frame = |x: usize, y: usize| {
            let inside = (8..232).contains(&x) && (8..152).contains(&y);
            if inside { scene(x, y) } else { [250, 251, 249] }
        };
        assert!(is_framed(&picture(frame)));
        let strip = |x, y| if y < 140 { scene(x, y) } else { [255; 3] };
        assert!(is_framed(&picture(strip)));
        // A blown sky ends at roofs, not at a line.
        let sky = |x: usize, y: usize| {
            if y < 40 + (x % 80) / 2 {
                [255; 3]
            } else {
                scene(x, y)
            }
        };
        assert!(!is_framed(&picture(sky)));
    }
}
