//! Light that somebody chose: a dusk sky behind lit windows, a sunset, rooms by lamplight, coloured light. What
//! looks like a cast or a dark exposure is the picture's subject there, so the balance is left alone and the
//! exposure changes little. Recognised from the pixels; the bounds were set on photos of the evening and of lamps
//! against rooms in daylight, underexposed, with a warm and with a cool cast.

use super::guided::Plane;
use super::proxy::Proxy;

/// The most that the exposure of deliberate light is changed, EV, and the share of what would be done otherwise.
pub(super) const MOST_EV: f64 = 1.0;
pub(super) const SHARE: f64 = 0.3;

/// Light that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// A dim blue sky and lights that are warmer and brighter.
    Dusk,
    /// A sky that turns from blue to glowing yellow or red.
    Sunset,
    /// A dark picture whose only bright places are warm lamps and what they shine on.
    Lamplight,
    /// Purple or magenta light over much of the picture.
    Coloured,
}

/// Luminance from which a pixel can be a light, and how far above the median.
const BRIGHT: f32 = 0.22;
const ABOVE_MEDIAN: f32 = 4.0;
/// How much more red than blue a warm light has.
const WARM: f32 = 1.8;
/// Below this nothing is told of a logarithm.
const FLOOR: f32 = 0.004;

impl Mood {
    /// The mood of a picture; `None` where the light is nobody's choice, or where that cannot be told.
    pub(super) fn of(proxy: &Proxy) -> Option<Self> {
        let seen = Seen::of(proxy)?;
        if seen.dusk() {
            Some(Self::Dusk)
        } else if seen.sunset() {
            Some(Self::Sunset)
        } else if seen.lamplight() {
            Some(Self::Lamplight)
        } else if seen.purple > 0.2 {
            Some(Self::Coloured)
        } else {
            None
        }
    }

    /// Why the light is left, for people.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Dusk => "the dusk sky and its warm lights are kept as they are",
            Self::Sunset => "the glow of the evening sky is kept as it is",
            Self::Lamplight => "the warm light of the lamps is kept as it is",
            Self::Coloured => "the coloured light is kept as it is",
        }
    }
}

/// What is measured; shares of the picture are 0 to 1, luminance is linear.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    median: f32,
    bright: f32,
    warm: f32,
    warm_luminance: f32,
    /// Share of the upper half that is a dim blue, its luminance and its detail.
    blue: f32,
    blue_luminance: f32,
    blue_detail: f32,
    /// How much more blue than red the top has, and its detail.
    top_blue: f32,
    top_detail: f32,
    /// Share of glowing yellow or red in the upper two thirds, and its detail.
    glow: f32,
    glow_detail: f32,
    /// EV from the lights down to what lies round them, and from there down to the median.
    falls_off: f32,
    lit_around: f32,
    purple: f32,
}

impl Seen {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "shares of at most a million pixels"
    )]
    fn of(proxy: &Proxy) -> Option<Self> {
        let (width, height) = (proxy.width, proxy.height);
        if width.min(height) < 16 {
            return None;
        }
        let luminances = proxy.luminance();
        let count = luminances.len() as f32;
        let median = quantile(luminances.clone(), 0.5)?;
        let detail = detail(&luminances, width);
        let mut seen = Self {
            median,
            ..Self::default()
        };
        let mut bright = vec![0.0_f32; luminances.len()];
        let (mut warm, mut warm_sum) = (0.0_f32, 0.0_f64);
        let (mut blues, mut blue_details, mut glow_details) = (Vec::new(), Vec::new(), Vec::new());
        let mut purple = 0.0_f32;
        for (index, ((&pixel, &light), &detail)) in
            (proxy.pixels.iter().zip(&luminances).zip(&detail)).enumerate()
        {
            let [red, green, blue] = pixel;
            let y = index / width;
            if light > BRIGHT.max(ABOVE_MEDIAN * median) {
                if let Some(slot) = bright.get_mut(index) {
                    *slot = 1.0;
                }
                if red > WARM * blue && red >= green {
                    warm += 1.0;
                    warm_sum += f64::from(light);
                }
            }
            let dim = (FLOOR..0.30).contains(&light);
            if y < height / 2 && dim && blue > 1.5 * red && blue > 1.1 * green {
                blues.push(light);
                blue_details.push(detail);
            }
            if y < 2 * height / 3 && red > 2.0 * blue && light > 0.25 {
                glow_details.push(detail);
            }
            let saturated = red.max(blue) - green > 0.6 * red.max(blue);
            if saturated && light > 0.015 && blue > 1.4 * green && red > 1.15 * green {
                purple += 1.0;
            }
        }
        seen.bright = bright.iter().sum::<f32>() / count;
        seen.warm = warm / count;
        seen.warm_luminance = (warm_sum / f64::from(warm.max(1.0))) as f32;
        seen.purple = purple / count;
        seen.blue = blues.len() as f32 / (width * (height / 2)) as f32;
        seen.blue_luminance = quantile(blues, 0.5).unwrap_or(1.0);
        seen.blue_detail = quantile(blue_details, 0.5).unwrap_or(9.0);
        seen.glow = glow_details.len() as f32 / (width * (2 * height / 3)) as f32;
        seen.glow_detail = quantile(glow_details, 0.5).unwrap_or(9.0);
        let top = width * (height / 8).max(1);
        seen.top_detail = quantile(detail.into_iter().take(top).collect(), 0.7)?;
        let sky = width * (height / 6).max(1);
        let channel = |channel: usize| {
            let values = proxy.pixels.iter().take(sky).map(|pixel| pixel[channel]);
            quantile(values.collect(), 0.5)
        };
        seen.top_blue = channel(2)? / channel(0)?.max(1e-4);
        seen.look_round_lights(proxy, &luminances, bright);
        Some(seen)
    }

    /// Lamps shine on what is near; beside a window it is as dark as elsewhere.
    fn look_round_lights(&mut self, proxy: &Proxy, luminances: &[f32], bright: Vec<f32>) {
        let reach = (proxy.width.max(proxy.height) / 25).max(3);
        let of = |set: &dyn Fn(usize) -> bool| {
            let values = luminances.iter().enumerate();
            quantile(
                values
                    .filter(|(index, _)| set(*index))
                    .map(|(_, value)| *value)
                    .collect(),
                0.5,
            )
        };
        let lights = Plane::new(proxy.width, proxy.height, bright);
        let (wide, narrow) = (lights.box_mean(reach), lights.box_mean(reach / 3));
        let at = |plane: &Plane, index: usize| plane.values.get(index).is_some_and(|v| *v > 1e-5);
        let light = of(&|index| lights.values.get(index).is_some_and(|value| *value > 0.5));
        let around = of(&|index| at(&wide, index) && !at(&narrow, index));
        (self.falls_off, self.lit_around) = match (light, around) {
            (Some(light), Some(around)) => {
                let around = around.max(1e-4);
                (
                    (light / around).log2(),
                    (around / self.median.max(1e-4)).log2(),
                )
            }
            _ => (9.0, 0.0),
        };
    }

    fn warm_of_bright(&self) -> f32 {
        self.warm / self.bright.max(1e-6)
    }

    fn dusk(&self) -> bool {
        self.blue > 0.15
            && self.blue_detail < 0.08
            && (0.001..0.2).contains(&self.warm)
            && self.warm_of_bright() > 0.35
            && self.warm_luminance > 2.0 * self.blue_luminance
    }

    fn sunset(&self) -> bool {
        self.top_blue > 1.25
            && self.top_detail < 0.07
            && self.glow > 0.04
            && self.glow_detail < 0.07
    }

    fn lamplight(&self) -> bool {
        self.median < 0.1
            && self.bright < 0.16
            && self.warm > 0.0005
            && self.warm_of_bright() > 0.8
            && self.lit_around > 0.7
            && self.falls_off < 2.3
    }
}

/// The step of log2 luminance from the left and from above, the greater of the two.
fn detail(luminances: &[f32], width: usize) -> Vec<f32> {
    let logarithms: Vec<f32> = luminances
        .iter()
        .map(|value| (value + FLOOR).log2())
        .collect();
    logarithms
        .iter()
        .enumerate()
        .map(|(index, own)| {
            let step = |other: Option<&f32>| other.map_or(0.0, |other| (own - other).abs());
            let left = (index % width > 0)
                .then(|| logarithms.get(index - 1))
                .flatten();
            let above = index
                .checked_sub(width)
                .and_then(|above| logarithms.get(above));
            step(left).max(step(above))
        })
        .collect()
}

/// The value with this share of the others below it.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank among at most a million"
)]
fn quantile(mut values: Vec<f32>, share: f32) -> Option<f32> {
    if values.is_empty() {
        return None;
    }
    let rank = ((values.len() - 1) as f32 * share) as usize;
    Some(*values.select_nth_unstable_by(rank, f32::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(pixel: impl Fn(usize, usize) -> [f32; 3]) -> Proxy {
        let (width, height) = (240, 160);
        Proxy {
            width,
            height,
            pixels: (0..width * height)
                .map(|index| pixel(index % width, index / width))
                .collect(),
        }
    }

    /// A house with two windows under a sky.
    fn house(sky: [f32; 3], wall: [f32; 3], pane: [f32; 3]) -> Proxy {
        proxy(|x, y| {
            let window = (60..90).contains(&x) || (150..180).contains(&x);
            match y {
                95..=115 if window => pane,
                80.. => {
                    wall.map(|value| value * (0.8 + 0.4 * ((x * 7 + y * 5) % 11) as f32 / 11.0))
                }
                _ => sky.map(|value| value * (1.0 + y as f32 / 160.0)),
            }
        })
    }

    #[test]
    fn lit_windows_under_a_dim_blue_sky_are_dusk() {
        let (sky, wall) = ([0.01, 0.05, 0.2], [0.06, 0.06, 0.07]);
        assert_eq!(
            Mood::of(&house(sky, wall, [1.0, 0.7, 0.25])),
            Some(Mood::Dusk)
        );
        // Without lights it may be a daylight photo that is too dark; by day windows are dark.
        assert_eq!(Mood::of(&house(sky, wall, [0.02; 3])), None);
        let day = house([0.2, 0.35, 0.7], [0.35, 0.33, 0.30], [0.05; 3]);
        assert_eq!(Mood::of(&day), None);
    }

    #[test]
    fn a_lamp_is_told_from_a_window_by_its_glow() {
        let wall = [0.5, 0.4, 0.22];
        let lamp = proxy(|x, y| {
            let away = (x as f32 - 120.0).hypot(y as f32 - 60.0);
            let light = 0.02 + 1.2 * 500.0 / (away * away + 160.0);
            if away < 6.0 {
                [1.0, 0.8, 0.45]
            } else {
                wall.map(|value| (value * light).min(1.0))
            }
        });
        assert_eq!(Mood::of(&lamp), Some(Mood::Lamplight));
        let window = proxy(|x, y| {
            let pane = (100..140).contains(&x) && (40..80).contains(&y);
            if pane {
                [1.0, 0.75, 0.4]
            } else {
                wall.map(|value| value * 0.06)
            }
        });
        assert_eq!(Mood::of(&window), None);
    }
}
