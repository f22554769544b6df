//! Whether two pictures show the same view at different exposures, judged on small copies: what is compared is the
//! detail of logarithmic light, in which a change of exposure is a mere offset, after the one has been laid over the
//! other (shift and small turn). Where the light itself differs, as with a flash, the brightness of the one is no
//! function of the brightness of the other, and that is measured too.

mod level;
mod measure;
mod overlay;

use super::picture::{Picture, Samples};
use level::Level;
use overlay::Overlay;

/// Long side of the copy that is kept, pixels.
const SIDE: usize = 192;

/// Encoded sample (0 to 1) from which a pixel counts as clipped.
const CLIPPED: f32 = 0.975;

/// A picture reduced to what comparing views needs: linear luminance on a small grid, with clipped places marked.
/// Two bytes a pixel, at most 192 pixels on the long side.
#[derive(Clone, Debug, PartialEq)]
pub struct Glimpse {
    width: usize,
    height: usize,
    /// Square root of the linear luminance times 65534; 65535 where the picture is clipped.
    light: Vec<u16>,
}

impl Glimpse {
    /// Reduces a picture; the aspect ratio stays but for rounding.
    #[must_use]
    pub fn new(picture: &Picture) -> Self {
        let longest = picture.width.max(picture.height).max(1);
        let reduced = |side: usize| {
            if longest <= SIDE {
                side.max(1)
            } else {
                ((side * SIDE + longest / 2) / longest).max(1)
            }
        };
        let (width, height) = (reduced(picture.width), reduced(picture.height));
        let light = match &picture.samples {
            Samples::Eight(samples) => reduce(samples, 255.0, picture, width, height),
            Samples::Sixteen(samples) => reduce(samples, 65535.0, picture, width, height),
        };
        Self {
            width,
            height,
            light,
        }
    }

    /// How the picture is exposed.
    #[must_use]
    pub fn exposure(&self) -> Exposure {
        let count = self.light.len().max(1) as f64;
        let mut sum = 0.0;
        let (mut clipped, mut crushed) = (0.0, 0.0);
        for &value in &self.light {
            if value == u16::MAX {
                clipped += 1.0;
                continue;
            }
            let light = linear_of(value);
            if light < 0.004 {
                crushed += 1.0;
            }
            sum += f64::from(light.max(0.001).log2());
        }
        Exposure {
            level: sum / (count - clipped).max(1.0),
            clipped: clipped / count,
            crushed: crushed / count,
        }
    }
}

/// How a picture is exposed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exposure {
    /// Mean of the binary logarithm of the linear luminance outside clipped places; a well exposed room lies near
    /// -2.5.
    pub level: f64,
    /// Share of the picture that is clipped, 0 to 1.
    pub clipped: f64,
    /// Share that is nearly black, 0 to 1.
    pub crushed: f64,
}

impl Exposure {
    /// How far it is from a normal exposure, in EV or what is as bad as one.
    #[must_use]
    pub fn distance(&self) -> f64 {
        (self.level + 2.5).abs() + 4.0 * self.clipped + 2.0 * self.crushed
    }
}

fn linear_of(value: u16) -> f32 {
    let root = f32::from(value) / 65534.0;
    root * root
}

/// Mean linear luminance over each cell; a cell with a tenth of its pixels clipped counts as clipped.
fn reduce<T: Copy + Into<usize>>(
    samples: &[T],
    most: f32,
    picture: &Picture,
    width: usize,
    height: usize,
) -> Vec<u16> {
    let table: Vec<f32> = (0..=most as usize)
        .map(|value| {
            let encoded = value as f32 / most;
            if encoded <= 0.040_45 {
                encoded / 12.92
            } else {
                ((encoded + 0.055) / 1.055).powf(2.4)
            }
        })
        .collect();
    let limit = (CLIPPED * most) as usize;
    let mut cells = vec![(0.0_f32, 0_u32, 0_u32); width * height];
    let columns: Vec<usize> = (0..picture.width)
        .map(|x| (x * width / picture.width.max(1)).min(width - 1))
        .collect();
    for (y, row) in samples.chunks_exact(picture.width.max(1) * 3).enumerate() {
        let start = (y * height / picture.height.max(1)).min(height - 1) * width;
        let Some(line) = cells.get_mut(start..start + width) else {
            continue;
        };
        for (pixel, &column) in row.chunks_exact(3).zip(&columns) {
            let ([red, green, blue], Some(cell)) = (pixel, line.get_mut(column)) else {
                continue;
            };
            let values: [usize; 3] = [(*red).into(), (*green).into(), (*blue).into()];
            let light = |value: usize| table.get(value).copied().unwrap_or(1.0);
            let [red, green, blue] = values.map(light);
            cell.0 += 0.2126 * red + 0.7152 * green + 0.0722 * blue;
            cell.1 += 1;
            cell.2 += u32::from(values.iter().any(|&value| value >= limit));
        }
    }
    cells
        .into_iter()
        .map(|(sum, count, clipped)| {
            if clipped * 10 > count {
                u16::MAX
            } else {
                let light = (sum / count.max(1) as f32).clamp(0.0, 1.0);
                (light.sqrt() * 65534.0) as u16
            }
        })
        .collect()
}

/// A glimpse made ready to be compared many times.
#[derive(Debug)]
pub struct View {
    /// The largest first.
    levels: Vec<Level>,
}

impl View {
    /// Makes a glimpse ready.
    #[must_use]
    pub fn new(glimpse: &Glimpse) -> Self {
        let mut levels = vec![Level::new(
            glimpse.width,
            glimpse.height,
            glimpse
                .light
                .iter()
                .map(|&value| {
                    if value == u16::MAX {
                        f32::NAN
                    } else {
                        linear_of(value)
                    }
                })
                .collect(),
        )];
        while levels.len() < 3 {
            let Some(last) = levels
                .last()
                .filter(|last| last.width.min(last.height) >= 32)
            else {
                break;
            };
            let half = last.half();
            levels.push(half);
        }
        Self { levels }
    }
}

/// What comparing two views found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Correlation of the detail in the typical tile, -1 to 1.
    pub likeness: f64,
    /// Share of the picture that both show well, 0 to 1.
    pub shared: f64,
    /// How much brighter the second is, EV, the median over what both show.
    pub step: f64,
    /// Share of what both show whose brightness does not follow from that of the other picture, 0 to 1.
    pub unruly: f64,
    /// Shift between the two as a share of the long side.
    pub shift: [f64; 2],
    /// Turn between the two, radians.
    pub turn: f64,
    /// Share of tiles with detail in which the detail agrees, 0 to 1.
    pub agreeing: f64,
    /// Tiles that had detail to compare.
    pub tiles: usize,
}

/// What a comparison means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The same view in the same light.
    Same,
    /// Another view.
    Other,
    /// The same view, lit in another way.
    OtherLight,
    /// They share too little that is well exposed to tell.
    Unknown,
}

// The bounds were chosen on pictures made from the two listings of rendered rooms: exposed by EV in linear light, from
// a tripod or held by hand (shifts to 3 %, turns to 1.2°, 1 % of size), with noise, a camera's curve, JPEG 75 to 95,
// walking people, a flash; another room, the same room turned by 8° to 30° or zoomed by 12 % to 50 %, at -4 to +5 EV.
// Found to be the same view, of all:
//
//                                        maple-street    harbour-loft
//     tripod, steps to 2 EV                20 of 20        20 of 20
//     by hand, steps to 2 EV               30 of 30        30 of 30
//     a person walks, steps to 2 EV        12 of 12        12 of 12
//     by hand, 2.7 to 3 EV                  5 of 6          6 of 6
//     by hand and a person, 2.7 to 3 EV     5 of 6          4 of 6
//     by hand, 4 EV                         3 of 6          4 of 6
//     another room                          0 of 510        0 of 510
//     turned or zoomed                      0 of 120        0 of 120
//     flash beside ambient light            0 of 12         0 of 12
//     flash from two places                 2 of 12         2 of 12
//
// The last are told by EXIF, which says that the flash fired. Both listings were looked at while choosing.

/// Least share of the picture that both must show for a word on it.
const LEAST_SHARED: f64 = 0.02;

/// Least number of tiles with detail.
const LEAST_TILES: usize = 4;

/// Farthest shift between exposures of one view, as a share of the long side.
const FARTHEST_SHIFT: f64 = 0.07;

/// Greatest turn between exposures of one view, radians.
const GREATEST_TURN: f64 = 0.055;

/// Likeness from which two pictures show the same view.
const SAME_VIEW: f64 = 0.5;

/// Least share of tiles that must agree.
const LEAST_AGREEING: f64 = 0.45;

/// Greatest share whose brightness does not follow.
const MOST_UNRULY: f64 = 0.2;

impl Comparison {
    /// What the numbers mean.
    #[must_use]
    pub fn relation(&self) -> Relation {
        let moved = self.shift[0].hypot(self.shift[1]);
        if self.shared < LEAST_SHARED || self.tiles < LEAST_TILES {
            // A bright exposure may share nothing but a dark corner with the next: that is enough where the corner is
            // the very same, and at the same place.
            let very_same = self.tiles >= 2
                && self.likeness >= 0.9
                && self.agreeing >= 0.95
                && self.unruly <= MOST_UNRULY
                && moved <= 0.02
                && self.turn.abs() <= 0.01;
            if very_same {
                Relation::Same
            } else {
                Relation::Unknown
            }
        } else if self.likeness < SAME_VIEW
            || self.agreeing < LEAST_AGREEING
            || moved > FARTHEST_SHIFT
            || self.turn.abs() > GREATEST_TURN
        {
            Relation::Other
        } else if self.unruly > MOST_UNRULY {
            Relation::OtherLight
        } else {
            Relation::Same
        }
    }
}

/// Compares two views; pictures of different shape share nothing.
#[must_use]
pub fn compare(base: &View, other: &View) -> Comparison {
    let nothing = Comparison {
        likeness: 0.0,
        shared: 0.0,
        step: 0.0,
        unruly: 0.0,
        shift: [0.0; 2],
        turn: 0.0,
        agreeing: 0.0,
        tiles: 0,
    };
    let pairs: Vec<(&Level, &Level)> = base.levels.iter().zip(&other.levels).collect();
    let Some((first, second)) = pairs.first() else {
        return nothing;
    };
    if (first.width, first.height) != (second.width, second.height) {
        return nothing;
    }
    let found = overlay::find(&pairs);
    let tiles = measure::tiles(first, second, &found);
    let (shared, step, unruly) = measure::light(first, second, &found);
    let long_side = first.width.max(first.height) as f64;
    let Overlay { shift, turn, .. } = found;
    Comparison {
        likeness: tiles.typical,
        agreeing: tiles.agreeing,
        tiles: tiles.count,
        shared,
        step,
        unruly,
        shift: shift.map(|value| f64::from(value) / long_side),
        turn: f64::from(turn),
    }
}
