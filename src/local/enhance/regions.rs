//! What the proxy shows where: blown areas with the glow round them, and the sky of an exterior.

use super::guided::Plane;
use super::proxy::Proxy;
use crate::imaging::color::luminance;

/// A channel above this is taken as clipped, in linear light.
const CLIPPED: f32 = 0.90;

/// The parts of a proxy.
#[derive(Clone, Debug)]
pub(super) struct Regions {
    /// Near a blown area, or black: tells nothing about light and colour.
    pub(super) unusable: Vec<bool>,
    /// How much each pixel belongs to the sky, 0 to 1.
    pub(super) sky: Plane,
    /// The sky's share of the picture, 0 to 1.
    pub(super) sky_share: f32,
    /// The share of the picture that is blown, 0 to 1.
    pub(super) blown_share: f32,
}

impl Regions {
    pub(super) fn of(proxy: &Proxy) -> Self {
        let clipped: Vec<f32> = proxy
            .pixels
            .iter()
            .map(|pixel| f32::from(u8::from(pixel.iter().any(|&value| value > CLIPPED))))
            .collect();
        #[expect(clippy::cast_precision_loss, reason = "a share of at most a million")]
        let blown_share = clipped.iter().sum::<f32>() / clipped.len().max(1) as f32;
        let near = Plane::new(proxy.width, proxy.height, clipped)
            .box_mean(proxy.width.max(proxy.height) / 160);
        let unusable = near
            .values
            .iter()
            .zip(&proxy.pixels)
            .map(|(&near, pixel)| near > 0.02 || pixel.iter().any(|&value| value < 0.0015))
            .collect();
        let sky = sky(proxy);
        #[expect(clippy::cast_precision_loss, reason = "a share of at most a million")]
        let sky_share = sky.values.iter().sum::<f32>() / sky.values.len() as f32;
        Self {
            unusable,
            sky,
            sky_share,
            blown_share,
        }
    }
}

impl Regions {
    /// The mean luminance of the sky.
    pub(super) fn mean_over_sky(&self, proxy: &Proxy) -> f32 {
        let (sum, weight) = proxy.pixels.iter().zip(&self.sky.values).fold(
            (0.0_f64, 0.0_f64),
            |(sum, weight), (&pixel, &sky)| {
                let sky = f64::from(sky);
                (sum + sky * f64::from(luminance(pixel)), weight + sky)
            },
        );
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a mean of single-precision values"
        )]
        {
            (sum / weight.max(1e-6)) as f32
        }
    }
}

/// The sky: blue or bright and colourless, smooth, bright against the ground, and reached from the upper
/// border without crossing anything else. No more than a hint of a sky counts as none.
fn sky(proxy: &Proxy) -> Plane {
    let (width, height) = (proxy.width, proxy.height);
    let luminances = proxy.luminance();
    let ground = {
        let mut lower: Vec<f32> = luminances
            .iter()
            .skip(width * height / 2)
            .copied()
            .collect();
        lower.sort_unstable_by(f32::total_cmp);
        lower.get(lower.len() / 2).copied().unwrap_or(0.0)
    };
    let like_sky: Vec<bool> = proxy
        .pixels
        .iter()
        .map(|&pixel| {
            let [red, _, blue] = pixel;
            let bright = luminance(pixel);
            bright > 1.2 * ground
                && (blue > 1.25 * red && blue > 0.15 || blue > 0.75 && blue > 0.95 * red)
        })
        .collect();
    let mut reached = vec![false; width * height];
    let mut open: Vec<usize> = (0..width).collect();
    while let Some(index) = open.pop() {
        let (Some(seen), Some(&like)) = (reached.get_mut(index), like_sky.get(index)) else {
            continue;
        };
        if *seen || !like {
            continue;
        }
        *seen = true;
        let x = index % width;
        if x > 0 {
            open.push(index - 1);
        }
        if x + 1 < width {
            open.push(index + 1);
        }
        open.push(index + width);
        if index >= width {
            open.push(index - width);
        }
    }
    let blue_of_sky = proxy
        .pixels
        .iter()
        .zip(&reached)
        .filter(|(pixel, reached)| **reached && pixel[2] > 1.3 * pixel[0])
        .count();
    let is_sky = blue_of_sky * 25 > width * height;
    let values = reached
        .iter()
        .map(|&reached| f32::from(u8::from(reached && is_sky)))
        .collect();
    Plane::new(width, height, values)
}
