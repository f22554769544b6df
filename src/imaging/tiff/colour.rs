//! What the channels of a TIFF mean, as stored samples: palettes looked up, YCbCr and Lab turned into RGB, inks
//! turned round, opacity laid on white.

use super::page::Page;
use super::tags::{Meaning, Packing};
use super::unpack::Raw;
use super::{Tree, damaged, unsupported};
use crate::imaging::decode::{DecodeError, Stored};
use crate::imaging::opacity::{Opacity, on_white};

/// Where more than this share of the samples lies above white, the numbers are not those of a picture with
/// white at 1.
const MOST_ABOVE_WHITE: f64 = 0.5;

/// The stored samples of a page.
pub(super) fn stored(tree: &Tree<'_>, page: &Page, raw: Raw) -> Result<Stored, DecodeError> {
    // A JPEG's own decoder has turned YCbCr into RGB.
    let meaning = match page.meaning {
        Meaning::YCbCr if page.packing == Packing::Jpeg => Meaning::Rgb,
        other => other,
    };
    let inverted = matches!(
        meaning,
        Meaning::Gray {
            white_is_zero: true
        } | Meaning::Cmyk
    );
    let colours = meaning.colours();
    match raw {
        Raw::Eight(mut samples) => {
            if inverted {
                invert(&mut samples, page.samples, colours, |sample| 255 - sample);
            }
            let samples = match meaning {
                Meaning::Palette => {
                    return palette(tree, page, samples.iter().map(|i| u16::from(*i)));
                }
                Meaning::YCbCr => ycbcr(tree, page, samples),
                Meaning::Lab { offset } => {
                    return Ok(Stored::Srgb16(lab(
                        on_white_or_as_is(samples, page, colours)
                            .iter()
                            .map(|sample| u16::from(*sample) * 257),
                        offset,
                        128.0 * 257.0,
                    )));
                }
                _ => samples,
            };
            let samples = on_white_or_as_is(samples, page, colours);
            Ok(match meaning {
                Meaning::Gray { .. } => Stored::Gray8(samples),
                Meaning::Cmyk => Stored::InvertedCmyk(samples),
                _ => Stored::Rgb8(samples),
            })
        }
        Raw::Sixteen(mut samples) => {
            if inverted {
                invert(&mut samples, page.samples, colours, |sample| {
                    65_535 - sample
                });
            }
            if meaning == Meaning::Palette {
                return palette(tree, page, samples.into_iter());
            }
            let samples = on_white_or_as_is(samples, page, colours);
            Ok(match meaning {
                Meaning::Gray { .. } => Stored::Gray16(samples),
                Meaning::Cmyk => Stored::InvertedCmyk(samples.into_iter().map(to_eight).collect()),
                Meaning::Lab { offset } => {
                    Stored::Srgb16(lab(samples.into_iter(), offset, 32_768.0))
                }
                _ => Stored::Rgb16(samples),
            })
        }
        Raw::Real(samples) => real(page, samples, meaning),
    }
}

fn to_eight(sample: u16) -> u8 {
    ((u32::from(sample) + 128) / 257) as u8
}

fn invert<T: Copy>(samples: &mut [T], channels: usize, colours: usize, turn: impl Fn(T) -> T) {
    for pixel in samples.chunks_exact_mut(channels) {
        for sample in pixel.iter_mut().take(colours) {
            *sample = turn(*sample);
        }
    }
}

fn on_white_or_as_is<T: crate::imaging::opacity::Sample>(
    samples: Vec<T>,
    page: &Page,
    colours: usize,
) -> Vec<T> {
    match page.extra {
        None => samples,
        Some(opacity) => on_white(&samples, page.samples, colours, opacity),
    }
}

/// Looks colours up (TIFF 6.0, ColorMap): all reds, all greens, all blues, of 16 bits.
fn palette(
    tree: &Tree<'_>,
    page: &Page,
    samples: impl Iterator<Item = u16>,
) -> Result<Stored, DecodeError> {
    let count = 1_usize << page.bits;
    let map = page
        .directory
        .numbers(tree, 320)
        .filter(|map| map.len() >= 3 * count)
        .ok_or_else(|| damaged("its palette is missing or too short"))?;
    // Some programs write 8 bits there; libtiff finds them the same way.
    let is_small = map.iter().all(|level| *level < 256);
    let level = |index: usize| {
        let level = map.get(index).copied().unwrap_or(0);
        if is_small {
            level as u8
        } else {
            to_eight(level as u16)
        }
    };
    let colours: Vec<[u8; 3]> = (0..count)
        .map(|index| [level(index), level(count + index), level(2 * count + index)])
        .collect();
    // An opacity beside a palette does not say on which colour; it is passed over.
    let pixels = samples.step_by(page.samples);
    let look_up = |index: u16| colours.get(usize::from(index)).copied().unwrap_or_default();
    Ok(Stored::Rgb8(pixels.flat_map(look_up).collect()))
}

/// Luma and colour differences to RGB with the file's own coefficients and ranges (TIFF 6.0, section 21).
fn ycbcr(tree: &Tree<'_>, page: &Page, mut samples: Vec<u8>) -> Vec<u8> {
    let fractions = |tag, count: usize| {
        page.directory
            .fractions(tree, tag)
            .filter(|values| values.len() == count)
    };
    let coefficients = fractions(529, 3).unwrap_or_else(|| vec![0.299, 0.587, 0.114]);
    let range = fractions(532, 6).unwrap_or_else(|| vec![0.0, 255.0, 128.0, 255.0, 128.0, 255.0]);
    let at = |values: &[f64], index: usize| values.get(index).copied().unwrap_or(0.0);
    let [red, green, blue] = [0, 1, 2].map(|index| at(&coefficients, index));
    let green = if green.abs() < 1e-6 { 0.587 } else { green };
    // Full scale is 255 for luma and 127 for the differences.
    let scaled = |sample: u8, channel: usize| {
        let (black, white) = (at(&range, 2 * channel), at(&range, 2 * channel + 1));
        let scale = if channel == 0 { 255.0 } else { 127.0 };
        let width = if white == black { scale } else { white - black };
        (f64::from(sample) - black) * scale / width
    };
    for pixel in samples.as_chunks_mut::<3>().0 {
        let [luma, difference_blue, difference_red] = *pixel;
        let luma = scaled(luma, 0);
        let r = scaled(difference_red, 2) * (2.0 - 2.0 * red) + luma;
        let b = scaled(difference_blue, 1) * (2.0 - 2.0 * blue) + luma;
        let g = (luma - blue * b - red * r) / green;
        *pixel = [r, g, b].map(|value| value.round().clamp(0.0, 255.0) as u8);
    }
    samples
}

/// CIE L*a*b* of 16 bits for D50 to sRGB. L* is 0 to 65535 for 0 to 100. Without `offset` a* and b* are
/// two's complement, else `zero` is their zero; one step of a* or b* has 256 parts.
fn lab(samples: impl Iterator<Item = u16>, offset: bool, zero: f64) -> Vec<u16> {
    // D50, and the Bradford adaptation to D65 with sRGB's primaries, as in the ICC's sRGB profiles.
    const WHITE: [f64; 3] = [0.964_2, 1.0, 0.824_9];
    const TO_RGB: [[f64; 3]; 3] = [
        [3.134_136, -1.617_386, -0.490_662],
        [-0.978_795, 1.916_254, 0.033_443],
        [0.071_955, -0.228_977, 1.405_386],
    ];
    let samples: Vec<u16> = samples.collect();
    // Eight bits were widened by 257, sixteen are counted in 256ths.
    let part = if zero > 32_800.0 { 257.0 } else { 256.0 };
    let chroma = |sample: u16| {
        if offset {
            (f64::from(sample) - zero) / part
        } else if part == 257.0 {
            f64::from(((sample / 257) as u8).cast_signed())
        } else {
            f64::from(sample.cast_signed()) / part
        }
    };
    let cube = |t: f64| {
        if t > 6.0 / 29.0 {
            t * t * t
        } else {
            3.0 * (6.0_f64 / 29.0).powi(2) * (t - 4.0 / 29.0)
        }
    };
    let pixels = samples.as_chunks::<3>().0.iter();
    let converted = pixels.flat_map(|&[lightness, a, b]| {
        let y = (f64::from(lightness) / 65_535.0 * 100.0 + 16.0) / 116.0;
        let xyz = [
            WHITE[0] * cube(y + chroma(a) / 500.0),
            WHITE[1] * cube(y),
            WHITE[2] * cube(y - chroma(b) / 200.0),
        ];
        TO_RGB.map(|row| {
            let linear = row[0] * xyz[0] + row[1] * xyz[1] + row[2] * xyz[2];
            (crate::imaging::icc::encoded(linear as f32) * 65_535.0).round() as u16
        })
    });
    converted.collect()
}

/// Floating-point samples, which are linear light with white at 1.
fn real(page: &Page, mut samples: Vec<f32>, meaning: Meaning) -> Result<Stored, DecodeError> {
    let colours = meaning.colours();
    if matches!(
        meaning,
        Meaning::Gray {
            white_is_zero: true
        }
    ) {
        invert(&mut samples, page.samples, colours, |sample| 1.0 - sample);
    }
    let samples = match page.extra {
        None => samples,
        Some(opacity) => on_white_real(&samples, page.samples, colours, opacity),
    };
    let above = samples.iter().filter(|sample| **sample > 1.0).count();
    if above as f64 > samples.len() as f64 * MOST_ABOVE_WHITE {
        return Err(unsupported(
            "a TIFF with fractions that run beyond 1",
            "save it with 16 bits per channel",
        ));
    }
    Ok(match meaning {
        Meaning::Gray { .. } => {
            Stored::LinearRgb(samples.into_iter().flat_map(|sample| [sample; 3]).collect())
        }
        _ => Stored::LinearRgb(samples),
    })
}

fn on_white_real(samples: &[f32], channels: usize, colours: usize, opacity: Opacity) -> Vec<f32> {
    let mut flat = Vec::with_capacity(samples.len() / channels * colours);
    for pixel in samples.chunks_exact(channels) {
        let alpha = pixel.get(colours).copied().unwrap_or(1.0);
        flat.extend(pixel.iter().take(colours).map(|&value| match opacity {
            Opacity::Ignored => value,
            Opacity::Associated => value + 1.0 - alpha,
            Opacity::Separate => value * alpha + 1.0 - alpha,
        }));
    }
    flat
}
