//! Damage that a generator does to a house, and changes that it may make: what the structure gates are
//! measured by. Every case is drawn from a seed, so that a table can be made again.

#![expect(clippy::unwrap_used, reason = "pictures are made at sizes that fit")]

use remedia::imaging::{JpegOptions, Picture, Plane, Samples, decode, encode_jpeg, resize};

/// Lengths below are in pixels at this long side, and scale with the picture.
const NOMINAL: f64 = 1536.0;

/// A small generator of random numbers (xorshift), the same on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..8 {
            random.next();
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.next() >> 11) as f64 / (1_u64 << 53) as f64)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 11) as usize % limit.max(1)
    }

    fn sign(&mut self) -> f64 {
        if self.below(2) == 0 { -1.0 } else { 1.0 }
    }
}

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// A photo, the mask of its furniture, and where its openings are, if that is known.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) name: String,
    pub(crate) photo: Picture,
    pub(crate) mask: Plane,
    pub(crate) openings: Vec<Area>,
}

/// What is done to a scene.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Change {
    Shift(f64),
    Zoom(f64),
    Rotate(f64),
    Bend(f64),
    LocalBend(f64),
    Lens(f64),
    WindowPaintedOut,
    DoorMoved,
    OpeningAdded,
    DetailLost(f64),
    WallTinted,
    Nothing,
    Brighter,
    Darker,
    WhiteBalance,
    Jpeg,
    Denoised,
    Grain,
    Together,
}

impl Change {
    pub(crate) const DAMAGE: &'static [(&'static str, Self)] = &[
        ("shifted 2 px", Self::Shift(2.0)),
        ("shifted 4 px", Self::Shift(4.0)),
        ("zoomed 1 %", Self::Zoom(0.01)),
        ("rotated 0.5 degrees", Self::Rotate(0.5)),
        ("walls bent 6 px", Self::Bend(6.0)),
        ("walls bent 12 px", Self::Bend(12.0)),
        ("one place bent 6 px", Self::LocalBend(6.0)),
        ("lens changed 0.5 %", Self::Lens(0.005)),
        ("window painted out", Self::WindowPaintedOut),
        ("door moved", Self::DoorMoved),
        ("opening added on a wall", Self::OpeningAdded),
        ("detail lost to 768 px", Self::DetailLost(768.0)),
        ("detail lost to 512 px", Self::DetailLost(512.0)),
        ("wall tinted", Self::WallTinted),
    ];

    pub(crate) const ACCEPTABLE: &'static [(&'static str, Self)] = &[
        ("nothing outside the mask", Self::Nothing),
        ("up to +0.5 EV", Self::Brighter),
        ("up to -0.5 EV", Self::Darker),
        ("white balance up to 8 %", Self::WhiteBalance),
        ("JPEG quality 80", Self::Jpeg),
        ("mildly denoised", Self::Denoised),
        ("grain added", Self::Grain),
        ("exposure, balance and JPEG", Self::Together),
    ];
}

fn bytes(picture: &Picture) -> &[u8] {
    match &picture.samples {
        Samples::Eight(samples) => samples,
        Samples::Sixteen(_) => &[],
    }
}

fn bytes_mut(picture: &mut Picture) -> &mut [u8] {
    match &mut picture.samples {
        Samples::Eight(samples) => samples,
        Samples::Sixteen(_) => &mut [],
    }
}

fn scale(picture: &Picture) -> f64 {
    picture.width.max(picture.height) as f64 / NOMINAL
}

/// The picture that a worker would send: the change outside the mask, furniture inside. `None` where
/// the scene has no place for such a change, for example no wall that is flat enough.
pub(crate) fn changed(scene: &Scene, change: Change, random: &mut Random) -> Option<Picture> {
    let photo = &scene.photo;
    let strength = random.between(0.95, 1.1);
    let unit = scale(photo);
    let (width, height) = (photo.width as f64, photo.height as f64);
    let (middle_x, middle_y) = (width / 2.0, height / 2.0);
    let mut picture = match change {
        Change::Nothing => photo.clone(),
        Change::Shift(pixels) => {
            let (sine, cosine) = random.between(0.0, std::f64::consts::TAU).sin_cos();
            let length = pixels * unit * random.between(1.0, 1.1);
            warped(photo, |x, y| (x + length * cosine, y + length * sine))
        }
        Change::Zoom(share) => {
            let factor = 1.0 + share * strength * random.sign();
            let (x0, y0) = (
                middle_x + random.between(-0.1, 0.1) * width,
                middle_y + random.between(-0.1, 0.1) * height,
            );
            warped(photo, |x, y| {
                (x0 + (x - x0) * factor, y0 + (y - y0) * factor)
            })
        }
        Change::Rotate(degrees) => {
            let (sine, cosine) = (degrees * strength * random.sign()).to_radians().sin_cos();
            warped(photo, |x, y| {
                let (dx, dy) = (x - middle_x, y - middle_y);
                (
                    middle_x + cosine * dx - sine * dy,
                    middle_y + sine * dx + cosine * dy,
                )
            })
        }
        Change::Bend(pixels) => {
            let amplitude = pixels * unit * strength;
            let along = random.between(250.0, 600.0) * unit / std::f64::consts::TAU;
            let across = random.between(250.0, 600.0) * unit / std::f64::consts::TAU;
            let (phase, other) = (random.between(0.0, 6.3), random.between(0.0, 6.3));
            warped(photo, |x, y| {
                (
                    x + amplitude * (y / along + phase).sin(),
                    y + amplitude * (x / across + other).sin(),
                )
            })
        }
        Change::LocalBend(pixels) => {
            let place = busy_place(scene, random, 0.10, 0.16)?;
            let amplitude = pixels * unit * strength;
            let (x0, y0) = (
                place.left as f64 + place.width as f64 / 2.0,
                place.top as f64 + place.height as f64 / 2.0,
            );
            let radius = 0.5 * place.width.max(place.height) as f64;
            let (sine, cosine) = random.between(0.0, std::f64::consts::TAU).sin_cos();
            warped(photo, |x, y| {
                let far = ((x - x0).powi(2) + (y - y0).powi(2)) / (radius * radius);
                let by = amplitude * (-far).exp();
                (x + by * cosine, y + by * sine)
            })
        }
        Change::Lens(share) => {
            let bend = share * strength * random.sign();
            let half = middle_x.hypot(middle_y);
            warped(photo, |x, y| {
                let (dx, dy) = ((x - middle_x) / half, (y - middle_y) / half);
                let factor = 1.0 + bend * (dx * dx + dy * dy);
                (middle_x + dx * half * factor, middle_y + dy * half * factor)
            })
        }
        Change::WindowPaintedOut => {
            let place = opening(scene, random)?;
            let mut picture = photo.clone();
            paint_out(&mut picture, place, random);
            picture
        }
        Change::DoorMoved => door_moved(scene, random)?,
        Change::OpeningAdded => opening_added(scene, random)?,
        Change::DetailLost(side) => {
            let factor = side / NOMINAL;
            let small = |side: f64| (side * factor).round() as usize;
            let less = resize(photo, small(width), small(height)).unwrap();
            resize(&less, photo.width, photo.height).unwrap()
        }
        Change::WallTinted => wall_tinted(scene, random)?,
        Change::Brighter => {
            let stops = random.between(0.2, 0.5);
            exposed(photo, [stops.exp2(); 3])
        }
        Change::Darker => {
            let stops = random.between(0.2, 0.5);
            exposed(photo, [(-stops).exp2(); 3])
        }
        Change::WhiteBalance => exposed(photo, balance(random)),
        Change::Jpeg | Change::Grain => photo.clone(),
        Change::Denoised => denoised(photo),
        Change::Together => {
            let stops = random.between(-0.4, 0.4).exp2();
            exposed(photo, balance(random).map(|gain| gain * stops))
        }
    };
    if change == Change::Grain {
        grain(&mut picture, 2.0, random);
    }
    furnish(&mut picture, &scene.mask, random);
    let quality = match change {
        Change::Jpeg => 80,
        Change::Together => 85,
        _ => return Some(picture),
    };
    let options = JpegOptions {
        quality,
        ..JpegOptions::default()
    };
    let file = encode_jpeg(&picture, &options).unwrap();
    Some(decode(&file, &Default::default()).unwrap())
}

fn balance(random: &mut Random) -> [f64; 3] {
    [
        1.0 + random.between(-0.08, 0.08),
        1.0,
        1.0 + random.between(-0.08, 0.08),
    ]
}

/// Each pixel taken from where `source` says, by Catmull-Rom interpolation, edges repeated.
fn warped(picture: &Picture, source: impl Fn(f64, f64) -> (f64, f64) + Sync) -> Picture {
    use rayon::prelude::*;
    let (width, height) = (picture.width, picture.height);
    let samples = bytes(picture);
    let mut target = vec![0_u8; samples.len()];
    let weights = |t: f32| {
        [
            t * (-0.5 + t * (1.0 - 0.5 * t)),
            1.0 + t * t * (1.5 * t - 2.5),
            t * (0.5 + t * (2.0 - 1.5 * t)),
            t * t * (0.5 * t - 0.5),
        ]
    };
    target
        .par_chunks_mut(3 * width)
        .enumerate()
        .for_each(|(y, row)| {
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                let (u, v) = source(x as f64, y as f64);
                let (left, top) = (u.floor(), v.floor());
                let across = weights((u - left) as f32);
                let down = weights((v - top) as f32);
                let mut sum = [0.0_f32; 3];
                for (j, down) in down.iter().enumerate() {
                    let sy = (top as isize + j as isize - 1).clamp(0, height as isize - 1);
                    for (i, across) in across.iter().enumerate() {
                        let sx = (left as isize + i as isize - 1).clamp(0, width as isize - 1);
                        let at = 3 * (sy as usize * width + sx as usize);
                        for channel in 0..3 {
                            sum[channel] += down * across * f32::from(samples[at + channel]);
                        }
                    }
                }
                for (sample, sum) in pixel.iter_mut().zip(sum) {
                    *sample = sum.round().clamp(0.0, 255.0) as u8;
                }
            }
        });
    Picture::from_eight(width, height, target).unwrap()
}

/// Gains on linear light, clipped as a camera clips.
fn exposed(picture: &Picture, gains: [f64; 3]) -> Picture {
    let tables = gains.map(|gain| {
        let table: [u8; 256] = std::array::from_fn(|sample| {
            let coded = sample as f64 / 255.0;
            let linear = if coded <= 0.040_45 {
                coded / 12.92
            } else {
                ((coded + 0.055) / 1.055).powf(2.4)
            };
            let linear = (linear * gain).min(1.0);
            let coded = if linear <= 0.003_130_8 {
                linear * 12.92
            } else {
                1.055 * linear.powf(1.0 / 2.4) - 0.055
            };
            (coded * 255.0).round() as u8
        });
        table
    });
    let mut picture = picture.clone();
    for pixel in bytes_mut(&mut picture).chunks_exact_mut(3) {
        for (sample, table) in pixel.iter_mut().zip(&tables) {
            *sample = table[usize::from(*sample)];
        }
    }
    picture
}

/// The mean of the neighbours that differ by at most six steps.
fn denoised(picture: &Picture) -> Picture {
    let (width, height) = (picture.width, picture.height);
    let samples = bytes(picture);
    let mut target = samples.to_vec();
    for y in 1..height - 1 {
        for at in 3 * (y * width + 1)..3 * (y * width + width - 1) {
            let centre = i32::from(samples[at]);
            let (mut sum, mut count) = (0, 0);
            for row in [at - 3 * width, at, at + 3 * width] {
                for other in [row - 3, row, row + 3] {
                    let value = i32::from(samples[other]);
                    if (value - centre).abs() <= 6 {
                        sum += value;
                        count += 1;
                    }
                }
            }
            target[at] = ((sum + count / 2) / count) as u8;
        }
    }
    Picture::from_eight(width, height, target).unwrap()
}

fn grain(picture: &mut Picture, deviation: f64, random: &mut Random) {
    for sample in bytes_mut(picture) {
        // The sum of four uniform numbers is close to a normal one.
        let sum: f64 = (0..4).map(|_| random.between(-0.5, 0.5)).sum();
        let value = f64::from(*sample) + deviation * sum / (4.0_f64 / 12.0).sqrt();
        *sample = value.round().clamp(0.0, 255.0) as u8;
    }
}

/// Draws something furniture-like inside the mask: stripes of some colour with shading.
fn furnish(picture: &mut Picture, mask: &Plane, random: &mut Random) {
    let (width, height) = (picture.width, picture.height);
    let colour: [f64; 3] = std::array::from_fn(|_| random.between(40.0, 210.0));
    let (sine, cosine) = random.between(0.0, 3.0).sin_cos();
    let period = random.between(8.0, 40.0);
    for (index, pixel) in bytes_mut(picture).chunks_exact_mut(3).enumerate() {
        let (x, y) = (index % width, index / width);
        let share = mask.at(x * mask.width / width, y * mask.height / height);
        if share == 0 {
            continue;
        }
        let share = f64::from(share) / 255.0;
        let stripe = 18.0 * ((cosine * x as f64 + sine * y as f64) / period).sin();
        let shade = 30.0 * (1.0 - 2.0 * y as f64 / height as f64);
        for (sample, colour) in pixel.iter_mut().zip(colour) {
            let value = (colour + stripe + shade).clamp(0.0, 255.0);
            *sample = (share * value + (1.0 - share) * f64::from(*sample)).round() as u8;
        }
    }
}

/// Furniture-like blobs standing on the floor, with a soft edge: 255 inside, less towards the border.
pub(crate) fn blobs(width: usize, height: usize, random: &mut Random) -> Plane {
    let count = 2 + random.below(3);
    let parts: Vec<[f64; 4]> = (0..count)
        .map(|_| {
            [
                random.between(0.12, 0.88),
                random.between(0.66, 0.88),
                random.between(0.06, 0.16),
                random.between(0.06, 0.14),
            ]
        })
        .collect();
    let mut samples = vec![0; width * height];
    for (index, sample) in samples.iter_mut().enumerate() {
        let x = (index % width) as f64 / width as f64;
        let y = (index / width) as f64 / height as f64;
        for [x0, y0, a, b] in &parts {
            let far = ((x - x0) / a).powi(4) + ((y - y0) / b).powi(4);
            let value = (255.0 * (1.3 - far) / 0.3).clamp(0.0, 255.0) as u8;
            *sample = value.max(*sample);
        }
    }
    Plane::new(width, height, samples).unwrap()
}

/// Mean and standard deviation of luma in an area, and the share of it that the mask covers.
fn statistics(scene: &Scene, area: Area) -> (f64, f64, f64) {
    let samples = bytes(&scene.photo);
    let width = scene.photo.width;
    let (mut n, mut sum, mut squares, mut covered) = (0.0, 0.0, 0.0, 0.0);
    for y in (area.top..area.top + area.height).step_by(2) {
        for x in (area.left..area.left + area.width).step_by(2) {
            let at = 3 * (y * width + x);
            let luma = 0.299 * f64::from(samples[at])
                + 0.587 * f64::from(samples[at + 1])
                + 0.114 * f64::from(samples[at + 2]);
            n += 1.0;
            sum += luma;
            squares += luma * luma;
            let (mx, my) = (
                x * scene.mask.width / width,
                y * scene.mask.height / scene.photo.height,
            );
            covered += f64::from(u8::from(scene.mask.at(mx, my) > 0));
        }
    }
    let mean = sum / n;
    (
        mean,
        (squares / n - mean * mean).max(0.0).sqrt(),
        covered / n,
    )
}

/// The area with a border of `border` pixels on each side, if it lies inside the frame.
fn grown(area: Area, border: usize, picture: &Picture) -> Option<Area> {
    let grown = Area {
        left: area.left.checked_sub(border)?,
        top: area.top.checked_sub(border)?,
        width: area.width + 2 * border,
        height: area.height + 2 * border,
    };
    (grown.left + grown.width < picture.width && grown.top + grown.height < picture.height)
        .then_some(grown)
}

/// A random area whose sides are shares of the long side.
fn area(scene: &Scene, random: &mut Random, least: f64, most: f64) -> Option<Area> {
    let long = scene.photo.width.max(scene.photo.height) as f64;
    let width = (long * random.between(least, most)) as usize;
    let height = (long * random.between(least, most)) as usize;
    let area = Area {
        left: random.below(scene.photo.width.checked_sub(width)?),
        top: random.below(scene.photo.height.checked_sub(height)?),
        width,
        height,
    };
    grown(area, 4, &scene.photo).map(|_| area)
}

/// Outside the mask and the margin that the gates keep.
fn free(scene: &Scene, area: Area) -> bool {
    let border = (0.02 * scene.photo.width.max(scene.photo.height) as f64) as usize;
    grown(area, border, &scene.photo).is_some_and(|area| statistics(scene, area).2 < 0.02)
}

/// A place with strong edges outside the mask.
fn busy_place(scene: &Scene, random: &mut Random, least: f64, most: f64) -> Option<Area> {
    (0..400)
        .filter_map(|_| area(scene, random, least, most))
        .find(|&area| free(scene, area) && statistics(scene, area).1 > 18.0)
}

/// A known opening outside the mask, or else a place with strong edges whose disappearance shows.
fn opening(scene: &Scene, random: &mut Random) -> Option<Area> {
    let known: Vec<Area> = scene
        .openings
        .iter()
        .filter(|&&area| free(scene, area))
        .copied()
        .collect();
    if !known.is_empty() {
        return known.get(random.below(known.len())).copied();
    }
    busy_place(scene, random, 0.07, 0.20)
}

/// Fills an area with what lies around it: a blend of its four borders.
fn paint_out(picture: &mut Picture, area: Area, random: &mut Random) {
    let width = picture.width;
    let samples = bytes_mut(picture);
    let Area { left, top, .. } = area;
    let (right, bottom) = (left + area.width, top + area.height);
    let mean = |samples: &[u8], x: usize, y: usize, channel: usize, down: bool| -> f64 {
        let reach = 12_isize;
        let mut sum = 0.0;
        let mut count = 0.0;
        for step in -reach..=reach {
            let (x, y) = if down {
                (
                    x as isize,
                    (y as isize + step).clamp(top as isize, bottom as isize - 1),
                )
            } else {
                (
                    (x as isize + step).clamp(left as isize, right as isize - 1),
                    y as isize,
                )
            };
            sum += f64::from(samples[3 * (y as usize * width + x as usize) + channel]);
            count += 1.0;
        }
        sum / count
    };
    let source = samples.to_vec();
    let column: Vec<[[f64; 3]; 2]> = (top..bottom)
        .map(|y| {
            [left.saturating_sub(2), right + 1]
                .map(|x| std::array::from_fn(|channel| mean(&source, x, y, channel, true)))
        })
        .collect();
    let row: Vec<[[f64; 3]; 2]> = (left..right)
        .map(|x| {
            [top.saturating_sub(2), bottom + 1]
                .map(|y| std::array::from_fn(|channel| mean(&source, x, y, channel, false)))
        })
        .collect();
    for y in top..bottom {
        for x in left..right {
            let across = (x - left) as f64 / area.width as f64;
            let down = (y - top) as f64 / area.height as f64;
            let near_x = 1.0 / (across.min(1.0 - across) + 0.01);
            let near_y = 1.0 / (down.min(1.0 - down) + 0.01);
            let noise = random.between(-1.5, 1.5);
            for channel in 0..3 {
                let [a, b] = column[y - top].map(|side| side[channel]);
                let [c, d] = row[x - left].map(|side| side[channel]);
                let horizontal = a + across * (b - a);
                let vertical = c + down * (d - c);
                let value = (near_x * horizontal + near_y * vertical) / (near_x + near_y) + noise;
                samples[3 * (y * width + x) + channel] = value.round().clamp(0.0, 255.0) as u8;
            }
        }
    }
}

/// Mean difference of two pictures over an area, in steps.
fn difference(a: &Picture, b: &Picture, area: Area) -> f64 {
    let (a, b, width) = (bytes(a), bytes(b), a.width);
    let mut sum = 0.0;
    for y in area.top..area.top + area.height {
        let row = 3 * (y * width + area.left)..3 * (y * width + area.left + area.width);
        for (a, b) in a[row.clone()].iter().zip(&b[row]) {
            sum += f64::from(a.abs_diff(*b));
        }
    }
    sum / (3 * area.width * area.height) as f64
}

/// Takes an opening out and puts it back somewhat beside.
fn door_moved(scene: &Scene, random: &mut Random) -> Option<Picture> {
    let unit = scale(&scene.photo);
    for _ in 0..40 {
        let place = if scene.openings.is_empty() || random.below(3) == 0 {
            busy_place(scene, random, 0.07, 0.2)?
        } else {
            opening(scene, random)?
        };
        let by = (random.between(12.0, 60.0) * unit * random.sign()) as isize;
        let Some(left) = place.left.checked_add_signed(by) else {
            continue;
        };
        let target = Area { left, ..place };
        let both = Area {
            left: left.min(place.left),
            width: place.width + by.unsigned_abs(),
            ..place
        };
        if !free(scene, target) || !free(scene, both) {
            continue;
        }
        let mut picture = scene.photo.clone();
        paint_out(&mut picture, place, random);
        let source = bytes(&scene.photo);
        let width = scene.photo.width;
        let samples = bytes_mut(&mut picture);
        for y in place.top..place.top + place.height {
            let from = 3 * (y * width + place.left);
            let to = 3 * (y * width + target.left);
            samples[to..to + 3 * place.width]
                .copy_from_slice(&source[from..from + 3 * place.width]);
        }
        if difference(&scene.photo, &picture, both) > 8.0 {
            return Some(picture);
        }
    }
    None
}

/// Draws a frame with something in it on a flat wall.
fn opening_added(scene: &Scene, random: &mut Random) -> Option<Picture> {
    let place = (0..400)
        .filter_map(|_| area(scene, random, 0.06, 0.16))
        .find(|&area| free(scene, area) && statistics(scene, area).1 < 8.0)?;
    let mean = statistics(scene, place).0;
    let contrast = random.between(15.0, 60.0) * if mean > 128.0 { -1.0 } else { 1.0 };
    let mut picture = scene.photo.clone();
    let width = picture.width;
    let frame = (place.width.min(place.height) / 12).max(2);
    let samples = bytes_mut(&mut picture);
    for y in 0..place.height {
        for x in 0..place.width {
            let border = x.min(y).min(place.width - 1 - x).min(place.height - 1 - y);
            let change = if border < frame {
                0.5 * contrast
            } else {
                contrast
            };
            let at = 3 * ((place.top + y) * width + place.left + x);
            for sample in &mut samples[at..at + 3] {
                *sample = (f64::from(*sample) + change).round().clamp(0.0, 255.0) as u8;
            }
        }
    }
    Some(picture)
}

/// Gives a wall another hue of the same brightness, with a soft border.
fn wall_tinted(scene: &Scene, random: &mut Random) -> Option<Picture> {
    let place = (0..400)
        .filter_map(|_| area(scene, random, 0.15, 0.40))
        .find(|&area| {
            let (mean, deviation, _) = statistics(scene, area);
            free(scene, area) && deviation < 30.0 && (60.0..225.0).contains(&mean)
        })?;
    let strength = random.between(18.0, 36.0) * random.sign();
    // Red against blue, green against both: luma stays.
    let tint = if random.below(2) == 0 {
        [strength * 0.75, 0.0, -strength]
    } else {
        [strength * 0.6, -strength * 0.5, strength]
    };
    let mut picture = scene.photo.clone();
    let width = picture.width;
    let feather = 0.12 * place.width.min(place.height) as f64;
    let samples = bytes_mut(&mut picture);
    for y in 0..place.height {
        for x in 0..place.width {
            let border = x.min(y).min(place.width - 1 - x).min(place.height - 1 - y) as f64;
            let share = (border / feather).min(1.0);
            let at = 3 * ((place.top + y) * width + place.left + x);
            for (sample, tint) in samples[at..at + 3].iter_mut().zip(tint) {
                let value = f64::from(*sample) + share * tint;
                *sample = value.round().clamp(0.0, 255.0) as u8;
            }
        }
    }
    Some(picture)
}

/// The bounding boxes of the connected areas of a label map that have one of `values`, at the size of a
/// picture, without those that are too small to matter.
pub(crate) fn openings(labels: &Plane, values: &[u8], width: usize, height: usize) -> Vec<Area> {
    let mut seen = vec![false; labels.samples.len()];
    let mut found = Vec::new();
    let wanted = |at: usize| values.contains(&labels.samples[at]);
    for start in 0..labels.samples.len() {
        if seen[start] || !wanted(start) {
            continue;
        }
        let mut stack = vec![start];
        seen[start] = true;
        let (mut left, mut top, mut right, mut bottom) = (usize::MAX, usize::MAX, 0, 0);
        while let Some(at) = stack.pop() {
            let (x, y) = (at % labels.width, at / labels.width);
            left = left.min(x);
            right = right.max(x + 1);
            top = top.min(y);
            bottom = bottom.max(y + 1);
            let mut visit = |next: usize| {
                if !seen[next] && wanted(next) {
                    seen[next] = true;
                    stack.push(next);
                }
            };
            if x > 0 {
                visit(at - 1);
            }
            if x + 1 < labels.width {
                visit(at + 1);
            }
            if y > 0 {
                visit(at - labels.width);
            }
            if y + 1 < labels.height {
                visit(at + labels.width);
            }
        }
        let area = Area {
            left: left * width / labels.width,
            top: top * height / labels.height,
            width: (right - left) * width / labels.width,
            height: (bottom - top) * height / labels.height,
        };
        let long = width.max(height);
        if area.width * 20 > long && area.height * 20 > long {
            found.push(area);
        }
    }
    found
}
