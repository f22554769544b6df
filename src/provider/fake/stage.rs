//! What the fake provider stages: a plain piece of furniture with its shadow, drawn onto the photo,
//! and everything that a script may spoil about it.

use crate::domain::surface::Surface;
use crate::imaging::{self, Picture, Plane, ResizeError, Samples};

use super::script::PhotoOutcome;

/// A staged picture and what may have changed in it.
pub(super) struct Staged {
    pub(super) picture: Picture,
    pub(super) mask: Plane,
}

/// The part of the frame that the furniture takes, in shares of its width and height.
const PIECE: [f64; 4] = [0.30, 0.62, 0.70, 0.86];

/// Width of the shadow round it, in shares of the frame's height.
const SHADOW: f64 = 0.05;

/// Draws furniture onto the photo; which colour it has follows from the seed.
pub(super) fn stage(photo: &Picture, seed: u64) -> Staged {
    let photo = photo.clone().into_eight();
    let (width, height) = (photo.width, photo.height);
    let mut mask = vec![0_u8; width * height];
    let mut samples = bytes(&photo).to_vec();
    let color = [
        90 + (seed % 61) as u8,
        80 + (seed / 61 % 53) as u8,
        70 + (seed / 3233 % 47) as u8,
    ];
    let edge = |share: f64, side: usize| share * side as f64;
    let (left, right) = (edge(PIECE[0], width), edge(PIECE[2], width));
    let (top, bottom) = (edge(PIECE[1], height), edge(PIECE[3], height));
    let shadow = (SHADOW * height as f64).max(1.0);
    for (index, (pixel, allowed)) in samples.chunks_exact_mut(3).zip(&mut mask).enumerate() {
        let (x, y) = ((index % width) as f64, (index / width) as f64);
        let beside = (left - x).max(x - right).max(0.0);
        let below = (top - y).max(y - bottom).max(0.0);
        let away = beside.hypot(below) / shadow;
        if away == 0.0 {
            *allowed = 255;
            // Cushions and seams, so that the piece has detail of its own.
            let seam = ((x - left) / (right - left) * 3.0).fract() < 0.04;
            let light = 1.0 - 0.35 * (y - top) / (bottom - top) - if seam { 0.3 } else { 0.0 };
            for (sample, base) in pixel.iter_mut().zip(color) {
                *sample = (f64::from(base) * light.max(0.1)).round() as u8;
            }
        } else if away < 1.0 {
            *allowed = (200.0 * (1.0 - away)).round().max(1.0) as u8;
            for sample in pixel {
                *sample = (f64::from(*sample) * (0.7 + 0.3 * away)).round() as u8;
            }
        }
    }
    Staged {
        picture: Picture {
            samples: Samples::Eight(samples),
            ..photo
        },
        mask: Plane {
            width,
            height,
            samples: mask,
        },
    }
}

/// What is where: the left half of what may change lies before a window, the rest on the floor.
pub(super) fn labels(mask: &Plane) -> Plane {
    let middle = (PIECE[0] + PIECE[2]) / 2.0 * mask.width as f64;
    let samples = mask
        .samples
        .iter()
        .enumerate()
        .map(|(index, &allowed)| {
            let is_left = ((index % mask.width) as f64) < middle;
            if allowed > 0 && is_left {
                Surface::Window.value()
            } else {
                Surface::Floor.value()
            }
        })
        .collect();
    Plane { samples, ..*mask }
}

/// Spoils it as the script says.
pub(super) fn spoil(
    staged: Staged,
    photo: &Picture,
    outcome: PhotoOutcome,
) -> Result<Staged, ResizeError> {
    let Staged { picture, mut mask } = staged;
    let (width, height) = (picture.width, picture.height);
    let picture = match outcome {
        PhotoOutcome::Black => with(&picture, vec![0; width * height * 3]),
        PhotoOutcome::Shifted => shifted(&picture, 4),
        PhotoOutcome::PaintedOver => painted_over(&picture, photo, &mask),
        PhotoOutcome::Blurred => {
            let small = imaging::resize(&picture, (width / 4).max(1), (height / 4).max(1))?;
            imaging::resize(&small, width, height)?
        }
        PhotoOutcome::Unstaged => photo.clone().into_eight(),
        PhotoOutcome::WholeMask => {
            mask.samples.fill(255);
            picture
        }
        PhotoOutcome::WrongSize => imaging::resize(&picture, (width / 2).max(1), height)?,
        _ => picture,
    };
    Ok(Staged { picture, mask })
}

fn bytes(picture: &Picture) -> &[u8] {
    match &picture.samples {
        Samples::Eight(samples) => samples,
        Samples::Sixteen(_) => &[],
    }
}

fn with(picture: &Picture, samples: Vec<u8>) -> Picture {
    Picture {
        width: picture.width,
        height: picture.height,
        samples: Samples::Eight(samples),
    }
}

/// Everything moved to the right; the left edge is repeated.
fn shifted(picture: &Picture, by: usize) -> Picture {
    let source = bytes(picture);
    let row = picture.width * 3;
    let mut samples = Vec::with_capacity(source.len());
    for line in source.chunks_exact(row) {
        for _ in 0..by.min(picture.width) {
            samples.extend_from_slice(line.get(..3).unwrap_or_default());
        }
        samples.extend_from_slice(line.get(..row.saturating_sub(by * 3)).unwrap_or_default());
    }
    samples.resize(source.len(), 0);
    with(picture, samples)
}

/// The block outside the mask with the strongest contrast becomes one colour.
fn painted_over(picture: &Picture, photo: &Picture, mask: &Plane) -> Picture {
    let photo = photo.clone().into_eight();
    let source = bytes(&photo);
    let (width, height) = (photo.width, photo.height);
    let (across, down) = ((width / 6).max(1), (height / 6).max(1));
    let mut strongest = (0.0, 0, 0, 0_u8);
    for top in (0..height.saturating_sub(down)).step_by(down / 2 + 1) {
        for left in (0..width.saturating_sub(across)).step_by(across / 2 + 1) {
            let block = (top..top + down)
                .flat_map(|y| (left..left + across).map(move |x| y * width + x))
                .collect::<Vec<_>>();
            if block.iter().any(|&at| mask.samples.get(at) != Some(&0)) {
                continue;
            }
            let greens = || {
                block
                    .iter()
                    .filter_map(|&at| source.get(at * 3 + 1))
                    .map(|&green| f64::from(green))
            };
            let mean = greens().sum::<f64>() / block.len() as f64;
            let spread = greens().map(|green| (green - mean).powi(2)).sum::<f64>();
            if spread > strongest.0 {
                strongest = (spread, left, top, mean.round() as u8);
            }
        }
    }
    let (_, left, top, value) = strongest;
    let mut samples = bytes(picture).to_vec();
    for y in top..top + down {
        let start = (y * width + left) * 3;
        if let Some(line) = samples.get_mut(start..start + across * 3) {
            line.fill(value);
        }
    }
    with(picture, samples)
}
