//! Brackets in which something moves, with the truth of each pixel: what each exposure shows there, and what share
//! of the fused pixel comes from which exposure. A pixel must not be a mixture of two things.

use remedia::imaging::{DecodeLimits, JpegOptions, Picture, Samples, decode, encode_jpeg};
use remedia::local::fusion::{fuse, shares};

/// Exposures of the bracket and the index of the reference.
pub(crate) const VALUES: [f64; 3] = [-2.0, 0.0, 2.0];
const REFERENCE: usize = 1;

/// Numbers that are the same for every run (xorshift).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn unit(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1_u64 << 24) as f32
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    fn below(&mut self, count: usize) -> usize {
        ((self.unit() * count as f32) as usize).min(count - 1)
    }
}

/// What moves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Thing {
    Person,
    Chair,
    Fan,
    Curtain,
    Car,
    Cat,
}

const THINGS: [Thing; 6] = [
    Thing::Person,
    Thing::Chair,
    Thing::Fan,
    Thing::Curtain,
    Thing::Car,
    Thing::Cat,
];

impl Thing {
    /// Whether a point belongs to it: from -1 to 1 across and down.
    fn covers(self, x: f32, y: f32) -> bool {
        let inside = |cx: f32, cy: f32, rx: f32, ry: f32| {
            ((x - cx) / rx).powi(2) + ((y - cy) / ry).powi(2) < 1.0
        };
        match self {
            Self::Person => {
                inside(0.0, -0.82, 0.13, 0.17)
                    || inside(0.0, -0.22, 0.3, 0.48)
                    || (0.06..0.22).contains(&x.abs()) && (0.0..1.0).contains(&y)
            }
            Self::Chair => {
                x.abs() < 0.5 && (0.1..0.25).contains(&y)
                    || (0.36..0.5).contains(&x.abs()) && (0.2..1.0).contains(&y)
                    || (0.3..0.5).contains(&x) && (-1.0..0.2).contains(&y)
            }
            Self::Fan => {
                let turn = y.atan2(x) / std::f32::consts::TAU * 4.0;
                x.hypot(y) < 0.95 && turn.rem_euclid(1.0) < 0.55
            }
            Self::Curtain => x.abs() < 0.45 + 0.06 * (y * 9.0).sin() && y.abs() < 1.0,
            Self::Car => {
                x.abs() < 0.98 && (0.0..0.5).contains(&y)
                    || x.abs() < 0.55 && (-0.35..0.05).contains(&y)
                    || (inside(-0.55, 0.5, 0.2, 0.2) || inside(0.55, 0.5, 0.2, 0.2))
            }
            Self::Cat => {
                inside(0.0, 0.1, 0.7, 0.4)
                    || inside(-0.75, -0.25, 0.25, 0.25)
                    || inside(0.85, -0.3, 0.1, 0.5)
            }
        }
    }
}

/// A set: what moves where, and how the camera spoilt it.
#[derive(Clone, Debug)]
pub(crate) struct Moving {
    pub(crate) thing: Thing,
    light: [f32; 3],
    texture: usize,
    half: [f32; 2],
    /// Its middle in each exposure, pixels; `None` where it is away.
    pub(crate) places: [Option<[f32; 2]>; 3],
    noise: f32,
    quality: u8,
    bend: f32,
}

impl Moving {
    pub(crate) fn new(seed: u64, width: usize, height: usize) -> Self {
        let mut dice = Dice::new(seed);
        let thing = THINGS[(seed % 6) as usize];
        let size = match thing {
            Thing::Person => dice.between(0.22, 0.4),
            Thing::Cat => dice.between(0.05, 0.09),
            _ => dice.between(0.1, 0.25),
        } * height as f32;
        let across = match thing {
            Thing::Person => 0.6,
            Thing::Car => 1.6,
            _ => 1.0,
        };
        let tone = [0.012, 0.04, 0.12, 0.3, 0.6, 1.5][dice.below(6)];
        let tint = [0, 1, 2].map(|_| dice.between(0.35, 1.0));
        let mut place = || {
            Some([
                dice.between(0.15, 0.85) * width as f32,
                dice.between(0.3, 0.75) * height as f32,
            ])
        };
        let (first, second) = (place(), place());
        let near = first.map(|[x, y]| [x + size * 0.35, y]);
        let places = match seed / 6 % 6 {
            0 => [first, first, second],
            1 => [second, first, first],
            2 => [None, first, None],
            3 => [None, None, first],
            4 => [second, None, None],
            _ => [near, first, second],
        };
        Self {
            thing,
            light: tint.map(|tint| tone * tint),
            texture: dice.below(3),
            half: [size * across, size],
            places,
            noise: dice.between(0.0, 2.0),
            quality: [60, 80, 92, 97][dice.below(4)],
            bend: dice.between(-0.15, 0.15),
        }
    }

    /// The same camera without anything that moves.
    pub(crate) fn still(mut self) -> Self {
        self.places = [None; 3];
        self
    }

    fn inside(&self, place: [f32; 2], x: usize, y: usize) -> Option<f32> {
        let across = (x as f32 - place[0]) / self.half[0];
        let down = (y as f32 - place[1]) / self.half[1];
        if !self.thing.covers(across, down) {
            return None;
        }
        Some(match self.texture {
            0 => 1.0,
            1 => [1.0, 0.6][(down * 9.0).rem_euclid(2.0) as usize % 2],
            _ => 0.75 + 0.25 * (across * 6.0 + down * 4.0).sin(),
        })
    }

    /// The bracket with the thing at these places.
    pub(crate) fn exposures(
        &self,
        room: &[Picture; 3],
        places: [Option<[f32; 2]>; 3],
    ) -> [Picture; 3] {
        [0, 1, 2].map(|index| {
            let picture = &room[index];
            let gain = VALUES[index].exp2() as f32;
            let mut dice = Dice::new(77 + index as u64);
            let Samples::Eight(samples) = &picture.samples else {
                panic!("fixtures have eight bits");
            };
            let mut changed = Vec::with_capacity(samples.len());
            for (pixel, value) in samples.as_chunks::<3>().0.iter().enumerate() {
                let (x, y) = (pixel % picture.width, pixel / picture.width);
                let shade = places[index].and_then(|place| self.inside(place, x, y));
                for (channel, value) in value.iter().enumerate() {
                    let light = match shade {
                        Some(shade) => (self.light[channel] * shade * gain)
                            .min(1.0)
                            .powf(1.0 / 2.2),
                        None => f32::from(*value) / 255.0,
                    };
                    // A camera's own curve, and its noise.
                    let bent = light + self.bend * light * (1.0 - light) * (2.0 * light - 1.0);
                    let grain = (dice.unit() + dice.unit() - 1.0) * 2.4 * self.noise;
                    changed.push((bent * 255.0 + grain).round().clamp(0.0, 255.0) as u8);
                }
            }
            let made = Picture::from_eight(picture.width, picture.height, changed).unwrap();
            let options = JpegOptions {
                quality: self.quality,
                ..JpegOptions::default()
            };
            let jpeg = encode_jpeg(&made, &options).unwrap();
            decode(&jpeg, &DecodeLimits::default()).unwrap()
        })
    }

    /// How the set is fused; `None` where no two exposures could be laid over each other.
    pub(crate) fn measured(&self, room: &[Picture; 3]) -> Option<Measured> {
        let exposures = self.exposures(room, self.places);
        let told = [0, 1, 2].map(|index| (&exposures[index], Some(VALUES[index])));
        let (_, report) = fuse(&told, REFERENCE).unwrap();
        let gain = report.parameters.get("gain_ev")?.exp2() as f32;
        let shares = shares(&told, REFERENCE).unwrap();
        let mut measured = Measured {
            left_out: shares.iter().filter(|plane| plane.is_none()).count(),
            ghost_share: report.parameters["ghost_share"],
            ..Measured::default()
        };
        let (mut touched, mut own) = (0.0, 0.0);
        for (index, what) in self.what(room).into_iter().enumerate() {
            let Some(what) = what else { continue };
            touched += 1.0;
            let share = [0, 1, 2].map(|at| shares[at].as_ref().map_or(0.0, |plane| plane[index]));
            let place = Place::new(&what, share, gain);
            measured.blended += f64::from(u8::from(place.blends()));
            if place.reference_tells() {
                own += 1.0;
                measured.other += f64::from(u8::from(place.is_other()));
            }
            measured
                .pixels
                .push((index, place.blends(), place.is_other()));
        }
        measured.blended /= f64::max(touched, 1.0);
        measured.other /= f64::max(own, 1.0);
        Some(measured)
    }

    /// For each pixel that the thing covers in some exposure and not in another, the scene's light in each, in
    /// units of the reference. Outlines are left out: a pixel there shows both in truth.
    fn what(&self, room: &[Picture; 3]) -> Vec<Option<[[f32; 3]; 3]>> {
        let (width, height) = (room[0].width, room[0].height);
        let covers: Vec<[Option<f32>; 3]> = (0..width * height)
            .map(|index| {
                let (x, y) = (index % width, index / width);
                self.places
                    .map(|place| place.and_then(|place| self.inside(place, x, y)))
            })
            .collect();
        let plain = |index: usize| {
            let (x, y) = (index % width, index / width);
            if x == 0 || y == 0 || x + 1 == width || y + 1 == height {
                return false;
            }
            let near = |x: usize, y: usize| covers[y * width + x];
            let alike = |one: Option<f32>, other: Option<f32>| match (one, other) {
                (Some(one), Some(other)) => (one - other).abs() < 0.1,
                (one, other) => one.is_none() && other.is_none(),
            };
            (y - 1..=y + 1).all(|row| {
                (x - 1..=x + 1)
                    .all(|column| (0..3).all(|at| alike(near(column, row)[at], covers[index][at])))
            })
        };
        let samples = room.each_ref().map(|picture| match &picture.samples {
            Samples::Eight(samples) => samples,
            Samples::Sixteen(_) => panic!("fixtures have eight bits"),
        });
        let light = |index: usize, channel: usize, at: usize| {
            let value = f32::from(samples[at][index * 3 + channel]) / 255.0;
            value.powf(2.2) / (VALUES[at].exp2() as f32)
        };
        (0..width * height)
            .map(|index| {
                let cover = covers[index];
                (cover.iter().any(Option::is_some) && plain(index)).then(|| {
                    [0, 1, 2].map(|at| {
                        [0, 1, 2].map(|channel| match cover[at] {
                            Some(shade) => self.light[channel] * shade,
                            None => light(index, channel, at),
                        })
                    })
                })
            })
            .collect()
    }
}

/// What became of a set.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// Exposures that could not be laid over the reference.
    pub(crate) left_out: usize,
    /// Of the pixels at which the thing ever stands, the share that is a mixture of two things.
    pub(crate) blended: f64,
    /// Of those that the reference shows neither clipped nor black, the share that shows something else.
    pub(crate) other: f64,
    /// The share of the picture that was reported to have moved.
    pub(crate) ghost_share: f64,
    /// Index of each touched pixel, whether it is a mixture and whether it is not as in the reference.
    pub(crate) pixels: Vec<(usize, bool, bool)>,
}

/// Differences of encoded values of 0 to 1 that are seen.
const SEEN: f32 = 0.06;

/// A pixel that shows different things in the exposures.
struct Place {
    /// As each exposure shows it, drawn with the gain of the fused picture; the last is the mixture.
    drawn: [[f32; 3]; 4],
    reference: [f32; 3],
    share: [f32; 3],
}

impl Place {
    fn new(what: &[[f32; 3]; 3], share: [f32; 3], gain: f32) -> Self {
        // What an exposure can show of the light: it is clipped at its own white.
        let shown = [0, 1, 2].map(|at| {
            let white = 1.0 / (VALUES[at].exp2() as f32);
            what[at].map(|light| light.min(white))
        });
        let brightest = shown.iter().flatten().copied().fold(0.0, f32::max);
        let gain = gain.min(1.0 / brightest.max(1e-3));
        let draw = |light: f32| (light * gain).min(1.0).powf(1.0 / 2.2);
        let mixed = [0, 1, 2].map(|channel| {
            let light = (0..3).map(|at| share[at] * shown[at][channel]);
            draw(light.sum())
        });
        let drawn = [0, 1, 2].map(|at: usize| shown[at].map(draw));
        Self {
            drawn: [drawn[0], drawn[1], drawn[2], mixed],
            reference: what[REFERENCE].map(|light| light.powf(1.0 / 2.2)),
            share,
        }
    }

    fn apart(&self, at: usize) -> f32 {
        let (one, mixed) = (self.drawn[at], self.drawn[3]);
        (0..3)
            .map(|channel| (one[channel] - mixed[channel]).abs())
            .fold(0.0, f32::max)
    }

    fn blends(&self) -> bool {
        let used = (0..3).filter(|&at| self.share[at] > 0.0);
        used.map(|at| self.apart(at)).fold(1.0, f32::min) > SEEN
    }

    fn reference_tells(&self) -> bool {
        let brightest = self.reference.iter().copied().fold(0.0, f32::max);
        (0.06..0.93).contains(&brightest)
    }

    fn is_other(&self) -> bool {
        self.reference_tells() && self.apart(REFERENCE) > SEEN
    }
}

/// A part of each exposure.
pub(crate) fn part(bracket: &[Picture; 3], seed: u64, width: usize, height: usize) -> [Picture; 3] {
    let mut dice = Dice::new(seed ^ 0x5eed);
    let left = dice.below(bracket[0].width - width + 1);
    let top = dice.below(bracket[0].height - height + 1);
    bracket.each_ref().map(|picture| {
        let Samples::Eight(samples) = &picture.samples else {
            panic!("fixtures have eight bits");
        };
        let rows = samples
            .chunks_exact(picture.width * 3)
            .skip(top)
            .take(height);
        let cut = rows.flat_map(|row| row[left * 3..(left + width) * 3].iter().copied());
        Picture::from_eight(width, height, cut.collect()).unwrap()
    })
}
