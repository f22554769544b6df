//! Light that somebody chose: a dusk or night sky, a sunset, rooms by lamplight, coloured light. What looks like a
//! cast or a dark exposure is the picture's subject there, so the balance is left alone and the exposure changes
//! little. Told by the pixels (`features`, `weights`) and, where the camera recorded it, by how light the scene was.
//!
//! Both mistakes cost the same, a greyed evening and a daylight photo that stays dark, and ordinary photos are far
//! more frequent. So the certainty that is asked for was set where, of houses, rooms and photos that were left out of
//! the fit in turn, some 1.5 in a hundred ordinary photos and 0.4 of the ordinary renders were taken for chosen light,
//! at the price of a quarter of the chosen ones that are not recognised (`examples/light_suite.rs` counts both).

mod features;
mod weights;

use super::proxy::Proxy;
use crate::imaging::SceneLight;
use crate::imaging::color::luminance;
use weights::{KINDS, USUAL, WEIGHTS};

/// The share of what would be done otherwise to the exposure of chosen light.
pub(super) const SHARE: f64 = 0.3;
/// How sure it must be that the light was chosen.
const CERTAIN: f32 = 0.85;
/// How many deviations of a number count at most.
const FAR: f32 = 2.5;
/// Lamps make something this warm, as log2 of red over blue; a dark room with a bright window need not.
const LEAST_WARM: f32 = 0.35;
/// The mean luminance at which a camera exposes.
const METERED: f64 = 0.13;
/// What a fired flash, or a scene of another brightness, takes from the odds; and what one as dark as it should
/// be adds, as natural logarithms.
const AGAINST: f32 = -4.0;
const FOR: f32 = 1.5;
/// The same under what may be an evening sky: a scene this dark outdoors, in EV at ISO 100, is one, while a room may
/// be as dark by day.
const FOR_OUTDOORS: f32 = 6.5;
const EVENING: f64 = 8.0;

/// Light that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// A blue evening or a night, mostly with lights.
    Dusk,
    /// A sky that glows yellow, red or purple.
    Sunset,
    /// A room by warm lamps alone.
    Lamplight,
    /// Light of one strong colour.
    Coloured,
}

impl Mood {
    const ALL: [Self; KINDS] = [Self::Dusk, Self::Sunset, Self::Lamplight, Self::Coloured];

    /// The mood of a picture; `None` where the light is nobody's choice, or where that cannot be told.
    pub(super) fn of(proxy: &Proxy, light: SceneLight) -> Option<Self> {
        let numbers = features::measure(proxy)?;
        let scene = scene_ev(proxy, light);
        let mut odds = USUAL;
        for (number, weight) in numbers.iter().zip(&WEIGHTS) {
            let deviation = ((number - weight.mean) / weight.deviation).clamp(-FAR, FAR);
            for (odds, weight) in odds.iter_mut().zip(weight.kinds) {
                *odds += weight * deviation;
            }
        }
        let sky = features::has_evening_sky(&numbers);
        let cold = features::warmest(&numbers) < LEAST_WARM;
        let kinds = Self::ALL.into_iter().zip(odds).map(|(mood, odds)| {
            let flash = if light.flash { AGAINST } else { 0.0 };
            let colourless = if mood == Self::Lamplight && cold {
                2.0 * AGAINST
            } else {
                0.0
            };
            let camera = scene.map_or(0.0, |ev| mood.evidence(ev, sky));
            (mood, odds + flash + colourless + camera)
        });
        let chosen: f32 = kinds.clone().map(|(_, odds)| odds.exp()).sum();
        let (mood, _) = kinds.max_by(|one, other| one.1.total_cmp(&other.1))?;
        (chosen > CERTAIN * (1.0 + chosen)).then_some(mood)
    }

    /// What the light of the scene says, in EV at ISO 100: the sun is 15, an overcast day 12, the moment of sunset
    /// 12, ten minutes later 8, lit streets 4; a room by day 6 to 9, by lamps 3 to 6 (exposure tables of film days).
    /// Between the two ends it says nothing to little; under what may be an evening sky a dark scene says most.
    fn evidence(self, ev: f64, evening_sky: bool) -> f32 {
        if evening_sky && ev < EVENING && matches!(self, Self::Dusk | Self::Sunset) {
            return FOR_OUTDOORS;
        }
        let (dark, light) = match self {
            Self::Dusk => (5.0, 10.0),
            Self::Sunset => (9.0, 14.0),
            Self::Lamplight | Self::Coloured => (3.5, 8.5),
        };
        let between = (ev - dark) / (light - dark);
        #[expect(clippy::cast_possible_truncation, reason = "odds in single precision")]
        let (over, under) = ((between - 1.0) as f32, (0.5 - between) as f32);
        if over > 0.0 {
            (over * 2.5 * AGAINST).max(AGAINST)
        } else {
            (under * 2.0).clamp(0.0, 1.0) * FOR
        }
    }

    /// The most that the exposure is changed, EV.
    pub(super) const fn most_ev(self) -> f64 {
        match self {
            Self::Dusk | Self::Sunset => 0.5,
            Self::Lamplight | Self::Coloured => 0.7,
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

/// How light the scene was, whatever the exposure made of it: the exposure's light value, corrected by how much
/// darker or brighter than a metered picture it came out.
fn scene_ev(proxy: &Proxy, light: SceneLight) -> Option<f64> {
    let exposure = light.exposure_value_100?;
    let sum: f64 = (proxy.pixels.iter())
        .map(|&pixel| f64::from(luminance(pixel)))
        .sum();
    let mean = sum / proxy.pixels.len().max(1) as f64;
    Some(exposure + (mean.max(1e-4) / METERED).log2())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(proxy: &Proxy) -> Option<Mood> {
        Mood::of(proxy, SceneLight::default())
    }

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
        assert_eq!(of(&house(sky, wall, [1.0, 0.7, 0.25])), Some(Mood::Dusk));
        // Without lights it may be a daylight photo that is too dark; by day windows are dark.
        assert_eq!(of(&house(sky, wall, [0.02; 3])), None);
        let day = house([0.2, 0.35, 0.7], [0.35, 0.33, 0.30], [0.05; 3]);
        assert_eq!(of(&day), None);
    }

    #[test]
    fn the_camera_knows_how_light_it_was() {
        let exterior = house([0.01, 0.05, 0.2], [0.06, 0.06, 0.07], [1.0, 0.7, 0.25]);
        let by = |ev: f64, flash| SceneLight {
            exposure_value_100: Some(ev),
            flash,
        };
        assert_eq!(Mood::of(&exterior, by(5.0, false)), Some(Mood::Dusk));
        // As light as this, it is a day that was exposed for something else.
        assert!(Mood::Dusk.evidence(14.0, false) <= AGAINST);
        assert!(Mood::Dusk.evidence(3.0, false) > 0.0);
        assert!(Mood::Dusk.evidence(9.5, false).abs() < 1e-6);
        let bright = scene_ev(&proxy(|_, _| [0.52; 3]), by(10.0, false));
        assert!((bright.unwrap() - 12.0).abs() < 0.01, "{bright:?}");
    }

    #[test]
    fn what_is_dark_outdoors_under_an_evening_sky_is_an_evening() {
        // A sky that is bright in the picture, blue above and glowing below, over a grey house without lights.
        let evening = proxy(|_, y| match y {
            0..40 => [0.10, 0.22, 0.45],
            40..80 => [0.70, 0.45, 0.12],
            _ => [0.10, 0.09, 0.08],
        });
        let ordinary = proxy(|_, _| [0.10, 0.09, 0.08]);
        let has_sky = |proxy| features::has_evening_sky(&features::measure(proxy).unwrap());
        assert!(has_sky(&evening) && !has_sky(&ordinary));
        for (mood, ev, sky, most) in [
            (Mood::Dusk, 7.0, true, true),
            (Mood::Sunset, 7.0, true, true),
            (Mood::Sunset, 7.0, false, false),
            (Mood::Lamplight, 3.0, true, false),
            (Mood::Sunset, 12.0, true, false),
        ] {
            assert_eq!(mood.evidence(ev, sky) > FOR, most, "{mood:?} {ev} {sky}");
        }
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
        assert_eq!(of(&lamp), Some(Mood::Lamplight));
        let window = proxy(|x, y| {
            let pane = (100..140).contains(&x) && (40..80).contains(&y);
            if pane { [1.0; 3] } else { [0.03; 3] }
        });
        assert_eq!(of(&window), None);
    }
}
