//! What is measured of a picture's light: how bright and how blue or warm its parts are against each other. Light
//! is told in EV, warmth as log2 of red over blue; shares are taken as their square root, so that a few lit windows
//! count beside a whole sky.

use super::super::guided::Plane;
use super::super::proxy::Proxy;
use crate::imaging::color::luminance;

/// How many numbers describe a picture.
pub(super) const COUNT: usize = 29;
/// The long side on which they are measured: the same whatever the photo's size.
const LONG_SIDE: usize = 160;
/// Below this light is noise.
const FLOOR: f32 = 0.002;
/// How far above the median a light is, and how bright at least, EV.
const LIGHT_ABOVE: f32 = 2.0;
const LIGHT_FROM: f32 = -3.2;
/// Detail below this is smooth, EV from pixel to pixel.
const SMOOTH: f32 = 0.15;
const FLAT: f32 = 0.12;

/// Where the numbers for the warmth of the top, the bottom and the brightest parts stand.
const WARMTHS: [usize; 3] = [6, 8, 9];

/// How warm the warmest of the top, the bottom and the brightest parts is.
pub(super) fn warmest(numbers: &[f32; COUNT]) -> f32 {
    let warmths = WARMTHS.iter().filter_map(|place| numbers.get(*place));
    warmths.copied().fold(f32::MIN, f32::max)
}

/// Where the numbers say how much smooth blue and how much smooth glow there is above, and the least of each that
/// an evening sky has.
const SKY: [(usize, f32); 2] = [(19, 0.2), (20, 0.1)];

/// Whether there may be an evening sky above: smooth blue, and a smooth glow.
pub(super) fn has_evening_sky(numbers: &[f32; COUNT]) -> bool {
    SKY.iter()
        .all(|(place, least)| numbers.get(*place).is_some_and(|value| value > least))
}

/// One pixel in terms of light.
#[derive(Clone, Copy, Debug, Default)]
struct Spot {
    level: f32,
    warmth: f32,
    saturation: f32,
    chroma: f32,
    hue: f32,
    detail: f32,
}

impl Spot {
    fn of(pixel: [f32; 3]) -> Self {
        let [red, green, blue] = pixel;
        let (highest, lowest) = (red.max(green).max(blue), red.min(green).min(blue));
        let chroma = highest - lowest + 1e-6;
        let sixth = if red >= green && red >= blue {
            ((green - blue) / chroma).rem_euclid(6.0)
        } else if green >= blue {
            (blue - red) / chroma + 2.0
        } else {
            (red - green) / chroma + 4.0
        };
        Self {
            level: (luminance(pixel) + FLOOR).log2(),
            warmth: ((red + FLOOR) / (blue + FLOOR)).log2(),
            saturation: (highest - lowest) / (highest + 2.0 * FLOOR),
            chroma,
            hue: sixth * 60.0,
            detail: 0.0,
        }
    }

    fn visible(&self) -> bool {
        self.level > -6.5
    }
}

/// The spots of a picture, row by row.
struct Spots {
    width: usize,
    height: usize,
    all: Vec<Spot>,
    /// The median of the level.
    level: f32,
}

/// Measures a picture; `None` where it is too small to tell.
pub(super) fn measure(proxy: &Proxy) -> Option<[f32; COUNT]> {
    if proxy.width.min(proxy.height) < 16 {
        return None;
    }
    let spots = Spots::of(proxy)?;
    let levels = spots.levels()?;
    let colours = spots.colours()?;
    let shares = spots.shares();
    let lights = spots.round_lights();
    let mut all = levels
        .into_iter()
        .chain(colours)
        .chain(shares)
        .chain(lights);
    Some(std::array::from_fn(|_| all.next().unwrap_or(0.0)))
}

impl Spots {
    fn of(proxy: &Proxy) -> Option<Self> {
        let (width, height, pixels) = shrunk(proxy);
        let mut all: Vec<Spot> = pixels.into_iter().map(Spot::of).collect();
        for index in (0..all.len()).rev() {
            let own = all.get(index)?.level;
            let step = |other: Option<&Spot>| other.map_or(0.0, |other| (own - other.level).abs());
            let left = (index % width > 0).then(|| all.get(index - 1)).flatten();
            let above = index.checked_sub(width).and_then(|above| all.get(above));
            let detail = step(left).max(step(above));
            all.get_mut(index)?.detail = detail;
        }
        let level = quantile(all.iter().map(|spot| spot.level), 0.5)?;
        Some(Self {
            width,
            height,
            all,
            level,
        })
    }

    /// The rows from one share of the height to another, one row at least.
    fn rows(&self, from: f32, to: f32) -> impl Iterator<Item = &Spot> + Clone {
        let from = part(self.height, from).min(self.height.saturating_sub(1));
        let to = part(self.height, to).max(from + 1);
        let (skip, take) = (from * self.width, (to - from) * self.width);
        self.all.iter().skip(skip).take(take)
    }

    fn is_light(&self, spot: &Spot) -> bool {
        spot.level > (self.level + LIGHT_ABOVE).max(LIGHT_FROM)
    }

    /// How bright the whole, its brightest and darkest parts, and its top are.
    fn levels(&self) -> Option<[f32; 6]> {
        let at = |share| quantile(self.all.iter().map(|spot| spot.level), share);
        let top = quantile(self.rows(0.0, 0.333).map(|spot| spot.level), 0.5)?;
        let cool = || self.all.iter().filter(|spot| spot.warmth < 0.4);
        let peak = if cool().count() * 200 > self.all.len() {
            quantile(cool().map(|spot| spot.level), 0.98)? - self.level
        } else {
            -3.0
        };
        Some([
            self.level,
            at(0.95)? - self.level,
            at(0.995)? - self.level,
            self.level - at(0.05)?,
            top - self.level,
            peak,
        ])
    }

    /// How warm the top, the bottom and the brightest parts are, and how colour goes with light.
    fn colours(&self) -> Option<[f32; 11]> {
        let warmth = |spot: &Spot| spot.warmth;
        let top = || self.rows(0.0, 0.333);
        let top_warmth = quantile(top().map(warmth), 0.5)?;
        let from = quantile(self.all.iter().map(|spot| spot.level), 0.98)?;
        let bright = || self.all.iter().filter(|spot| spot.level >= from);
        let bright_warmth = mean(bright().map(warmth));
        let sky = |from, to, share| {
            let smooth = self.rows(from, to).filter(|spot| spot.detail < SMOOTH);
            let enough = smooth.clone().count() > 20;
            enough
                .then(|| quantile(smooth.map(warmth), share))
                .flatten()
        };
        let turn = match (sky(0.0, 0.125, 0.5), sky(0.3, 0.45, 0.6)) {
            (Some(top), Some(below)) => below - top,
            _ => 0.0,
        };
        let saturation = mean(self.all.iter().map(|spot| spot.saturation));
        let over_all = |share| quantile(self.all.iter().map(warmth), share);
        Some([
            top_warmth,
            quantile(top().map(|spot| spot.detail), 0.7)?.min(1.0),
            quantile(self.rows(0.667, 1.0).map(warmth), 0.5)?,
            bright_warmth,
            bright_warmth - top_warmth,
            mean(bright().map(|spot| spot.saturation)),
            turn,
            self.one_hue() * (2.0 * saturation).min(1.0),
            self.warm_where_bright(),
            quantile(top().map(|spot| spot.saturation), 0.5)?,
            over_all(0.9)? - over_all(0.1)?,
        ])
    }

    /// How much of the picture shows what tells of the light, and how saturated all is.
    fn shares(&self) -> [f32; 10] {
        let share = |from: f32, to: f32, counts: &dyn Fn(&Spot) -> bool| {
            let found = self.rows(from, to).filter(|spot| counts(spot)).count();
            ratio(found, self.all.len()).sqrt()
        };
        let hue =
            |spot: &Spot, from: f32, to: f32| (from..to).contains(&spot.hue) && spot.visible();
        let red = |spot: &Spot| hue(spot, 0.0, 14.0) || hue(spot, 342.0, 360.1);
        [
            share(0.0, 1.0, &|spot| self.is_light(spot) && spot.warmth > 0.85),
            share(0.0, 1.0, &|spot| self.is_light(spot) && spot.warmth < 0.4),
            share(0.0, 0.5, &|spot| {
                spot.warmth < -0.6 && spot.detail < 0.1 && spot.level > -7.5
            }),
            share(0.0, 0.667, &|spot| {
                spot.warmth > 1.0 && spot.level > -2.5 && spot.detail < FLAT
            }),
            share(0.0, 1.0, &|spot| {
                hue(spot, 255.0, 342.0) && spot.saturation > 0.45
            }),
            share(0.333, 1.0, &|spot| {
                hue(spot, 165.0, 255.0) && spot.saturation > 0.5
            }),
            share(0.0, 1.0, &|spot| {
                hue(spot, 80.0, 165.0) && spot.saturation > 0.6 && spot.detail < FLAT
            }),
            share(0.0, 1.0, &|spot| {
                red(spot) && spot.saturation > 0.8 && spot.detail < FLAT
            }),
            share(0.0, 1.0, &|spot| spot.level < -7.0),
            mean(self.all.iter().map(|spot| spot.saturation)),
        ]
    }

    /// Lamps shine on what is near; beside a window it is as dark as elsewhere: EV from the lights down to what lies
    /// round them, and from there down to the median.
    fn round_lights(&self) -> [f32; 2] {
        let lit = |spot: &Spot| f32::from(u8::from(self.is_light(spot)));
        let lights = Plane::new(self.width, self.height, self.all.iter().map(lit).collect());
        let (wide, narrow) = (lights.box_mean(7), lights.box_mean(2));
        let places = (lights.values.iter().zip(&wide.values)).zip(&narrow.values);
        let (mut light, mut around) = (Vec::new(), Vec::new());
        for (spot, ((lit, wide), narrow)) in self.all.iter().zip(places) {
            if *lit > 0.5 {
                light.push(spot.level);
            } else if *wide > 1e-4 && *narrow < 1e-4 {
                around.push(spot.level);
            }
        }
        let median = |levels: Vec<f32>| quantile(levels.into_iter(), 0.5);
        match (median(light), median(around)) {
            (Some(light), Some(around)) => [light - around, around - self.level],
            _ => [4.0, 0.0],
        }
    }

    /// 1 where all that has colour has one hue, 0 where all hues are there.
    fn one_hue(&self) -> f32 {
        let (mut across, mut along, mut all) = (0.0_f32, 0.0_f32, 0.0_f32);
        for spot in self.all.iter().filter(|spot| spot.visible()) {
            let angle = spot.hue.to_radians();
            across += spot.chroma * angle.cos();
            along += spot.chroma * angle.sin();
            all += spot.chroma;
        }
        across.hypot(along) / all.max(1e-6)
    }

    /// The correlation of warmth with light.
    fn warm_where_bright(&self) -> f32 {
        correlation(self.all.iter().map(|spot| (spot.level, spot.warmth)))
    }
}

/// The pixels averaged down to [`LONG_SIDE`] at most.
fn shrunk(proxy: &Proxy) -> (usize, usize, Vec<[f32; 3]>) {
    let long = proxy.width.max(proxy.height);
    let scaled = |side: usize| match long {
        0..=LONG_SIDE => side,
        _ => ((side * LONG_SIDE + long / 2) / long).max(1),
    };
    let (width, height) = (scaled(proxy.width), scaled(proxy.height));
    let mut sums = vec![([0.0_f32; 3], 0.0_f32); width * height];
    for (index, pixel) in proxy.pixels.iter().enumerate() {
        let (x, y) = (index % proxy.width, index / proxy.width);
        let at = y * height / proxy.height * width + x * width / proxy.width;
        if let Some((sum, count)) = sums.get_mut(at) {
            for (sum, value) in sum.iter_mut().zip(pixel) {
                *sum += value;
            }
            *count += 1.0;
        }
    }
    let pixels = sums
        .into_iter()
        .map(|(sum, count)| sum.map(|value| value / count.max(1.0)))
        .collect();
    (width, height, pixels)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of at most a few thousand"
)]
fn ratio(part: usize, whole: usize) -> f32 {
    part as f32 / whole.max(1) as f32
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a row of a small picture"
)]
fn part(height: usize, share: f32) -> usize {
    (height as f32 * share).round() as usize
}

fn mean(values: impl Iterator<Item = f32>) -> f32 {
    let (sum, count) = values.fold((0.0, 0.0_f32), |(sum, count), value| {
        (sum + value, count + 1.0)
    });
    sum / count.max(1.0)
}

fn correlation(pairs: impl Iterator<Item = (f32, f32)> + Clone) -> f32 {
    let one = mean(pairs.clone().map(|(one, _)| one));
    let other = mean(pairs.clone().map(|(_, other)| other));
    let product = |of: fn(f32, f32) -> f32| {
        mean(
            pairs
                .clone()
                .map(|(first, second)| of(first - one, second - other)),
        )
    };
    let both = product(|one, other| one * other);
    let spread = product(|one, _| one * one) * product(|_, other| other * other);
    both / spread.sqrt().max(1e-4)
}

/// The value with this share of the others below it.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank among a few thousand"
)]
fn quantile(values: impl Iterator<Item = f32>, share: f32) -> Option<f32> {
    let mut values: Vec<f32> = values.collect();
    if values.is_empty() {
        return None;
    }
    let rank = ((values.len() - 1) as f32 * share) as usize;
    Some(*values.select_nth_unstable_by(rank, f32::total_cmp).1)
}
