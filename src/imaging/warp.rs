//! One resampling for lens distortion, tilt and roll: a [`Warp`] holds the camera that took the
//! picture and the upright camera that the result is drawn for; [`apply`] draws it.

mod frame;
mod lens;
mod resample;

pub use lens::Lens;
pub use resample::apply;
pub(crate) use resample::apply_map;

/// Rotation between two cameras, rows of a 3 by 3 matrix.
pub type Rotation = [[f64; 3]; 3];

/// From the upright result back to the picture as taken. Camera axes: x right, y down, z forward.
#[derive(Clone, Debug, PartialEq)]
pub struct Warp {
    width: usize,
    height: usize,
    lens: Lens,
    /// Directions of the upright camera to directions of the camera that took the picture.
    to_source: Rotation,
    /// The upright camera: focal length and principal point, in pixels.
    focal: f64,
    center: [f64; 2],
    kept: f64,
}

impl Warp {
    /// The warp that takes the lens's distortion, `pitch` and `roll` (degrees; positive pitch: the
    /// camera looked up; positive roll: it was turned counter-clockwise) out of a picture of this
    /// size, with the largest frame of the same shape that stays filled. `None` where no frame fits.
    #[must_use]
    pub fn upright(width: usize, height: usize, lens: Lens, pitch: f64, roll: f64) -> Option<Self> {
        Self::rotated(width, height, lens, transposed(&tilt_and_roll(pitch, roll)))
    }

    /// As [`Warp::upright`] for a pitch that is taken out about the picture's true horizon while its
    /// roll stays as it is.
    #[must_use]
    pub fn pitch_alone(
        width: usize,
        height: usize,
        lens: Lens,
        pitch: f64,
        roll: f64,
    ) -> Option<Self> {
        let upright = tilt_and_roll(pitch, roll);
        let rotation = multiplied(&transposed(&tilt_and_roll(0.0, roll)), &upright);
        Self::rotated(width, height, lens, transposed(&rotation))
    }

    fn rotated(width: usize, height: usize, lens: Lens, to_source: Rotation) -> Option<Self> {
        let frame = frame::largest(width, height, &lens, &to_source)?;
        Some(Self {
            width,
            height,
            lens,
            to_source,
            focal: frame.focal,
            center: frame.center,
            kept: frame.kept,
        })
    }

    /// Width and height of the picture and of the result.
    #[must_use]
    pub const fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// The lens that took the picture.
    #[must_use]
    pub const fn lens(&self) -> &Lens {
        &self.lens
    }

    /// Share of the picture's area that the result shows, 0 to 1.
    #[must_use]
    pub const fn kept(&self) -> f64 {
        self.kept
    }

    /// Where a pixel of the result comes from in the picture; pixel centres at integers.
    #[must_use]
    pub fn source_of(&self, x: f64, y: f64) -> [f64; 2] {
        let [a, b] = [
            (x - self.center[0]) / self.focal,
            (y - self.center[1]) / self.focal,
        ];
        let [u, v] = project(&self.to_source, a, b);
        self.lens.distort(u, v)
    }

    /// Where a position in the picture lies in the result: the inverse of [`Warp::source_of`].
    #[must_use]
    pub fn result_of(&self, x: f64, y: f64) -> [f64; 2] {
        let [u, v] = self.lens.undistort(x, y);
        let [a, b] = project(&transposed(&self.to_source), u, v);
        [
            a * self.focal + self.center[0],
            b * self.focal + self.center[1],
        ]
    }

    /// Greatest distance that a corner of the picture moves relative to plain scaling by the crop,
    /// as a share of the long side. Says whether a warp is worth its resampling.
    #[must_use]
    pub fn greatest_bend(&self) -> f64 {
        let (right, bottom) = ((self.width - 1) as f64, (self.height - 1) as f64);
        let origin = self.source_of(right / 2.0, bottom / 2.0);
        let scale = self.lens.focal / self.focal;
        let mut greatest = 0.0_f64;
        for (x, y) in [(0.0, 0.0), (right, 0.0), (0.0, bottom), (right, bottom)] {
            let [u, v] = self.source_of(x, y);
            let plain = [
                origin[0] + (x - right / 2.0) * scale,
                origin[1] + (y - bottom / 2.0) * scale,
            ];
            greatest = greatest.max((u - plain[0]).hypot(v - plain[1]));
        }
        greatest / right.max(bottom).max(1.0)
    }
}

/// The rotation from the camera that took the picture to the upright one: the roll is taken out
/// first, then the pitch.
fn tilt_and_roll(pitch: f64, roll: f64) -> Rotation {
    let (sin_roll, cos_roll) = roll.to_radians().sin_cos();
    let (sin_pitch, cos_pitch) = pitch.to_radians().sin_cos();
    let level = [
        [cos_roll, sin_roll, 0.0],
        [-sin_roll, cos_roll, 0.0],
        [0.0, 0.0, 1.0],
    ];
    let raise = [
        [1.0, 0.0, 0.0],
        [0.0, cos_pitch, -sin_pitch],
        [0.0, sin_pitch, cos_pitch],
    ];
    multiplied(&raise, &level)
}

fn project(rotation: &Rotation, x: f64, y: f64) -> [f64; 2] {
    let [across, down, forward] = rotation.map(|row| row[0] * x + row[1] * y + row[2]);
    [across / forward, down / forward]
}

fn transposed(rotation: &Rotation) -> Rotation {
    let [[a, b, c], [d, e, f], [g, h, i]] = *rotation;
    [[a, d, g], [b, e, h], [c, f, i]]
}

fn multiplied(left: &Rotation, right: &Rotation) -> Rotation {
    let columns = transposed(right);
    left.map(|row| {
        columns.map(|column| row[0] * column[0] + row[1] * column[1] + row[2] * column[2])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lens() -> Lens {
        Lens {
            focal: 830.0,
            center: [767.5, 511.5],
            k1: -0.022,
        }
    }

    #[test]
    fn takes_the_vertical_direction_of_a_tilted_camera_to_the_vertical() {
        // The up vector of a camera with pitch -3 and roll 1.1 degrees.
        let warp = Warp::upright(1536, 1024, lens(), -3.0, 1.1).unwrap();
        let up = transposed(&warp.to_source)
            .map(|row| row[0] * 0.019_171 + row[1] * -0.998_445 + row[2] * -0.052_336);
        assert!(
            up[0].abs() < 1e-5 && up[2].abs() < 1e-5 && (up[1] + 1.0).abs() < 1e-5,
            "{up:?}"
        );
    }

    #[test]
    fn the_result_lies_inside_the_picture_and_touches_its_border() {
        for (pitch, roll, k1) in [
            (-3.0, 1.1, -0.022),
            (12.0, -6.0, 0.03),
            (-15.0, 10.0, -0.05),
            (0.0, 5.0, 0.0),
        ] {
            let warp = Warp::upright(1536, 1024, Lens { k1, ..lens() }, pitch, roll).unwrap();
            let mut nearest = f64::MAX;
            for step in 0..=400 {
                let share = f64::from(step) / 400.0;
                for (x, y) in [
                    (share * 1535.0, 0.0),
                    (share * 1535.0, 1023.0),
                    (0.0, share * 1023.0),
                    (1535.0, share * 1023.0),
                ] {
                    let [u, v] = warp.source_of(x, y);
                    nearest = nearest.min(u.min(1535.0 - u).min(v).min(1023.0 - v));
                }
            }
            assert!(
                (-0.3..1.5).contains(&nearest),
                "{pitch} {roll} {k1}: {nearest}"
            );
            assert!(warp.kept() > 0.4 && warp.kept() < 1.0, "{}", warp.kept());
        }
    }

    #[test]
    fn there_and_back_is_the_same_place() {
        let warp = Warp::upright(1536, 1024, lens(), 7.0, -2.0).unwrap();
        let [u, v] = warp.source_of(100.0, 900.0);
        let [x, y] = warp.result_of(u, v);
        assert!((x - 100.0).hypot(y - 900.0) < 1e-6);
    }

    #[test]
    fn pitch_alone_keeps_the_roll() {
        let warp = Warp::pitch_alone(1536, 1024, lens(), -6.0, 2.0).unwrap();
        let up = transposed(&warp.to_source);
        let (sin_roll, cos_roll) = 2.0_f64.to_radians().sin_cos();
        let (sin_pitch, cos_pitch) = (-6.0_f64).to_radians().sin_cos();
        let tilted = [sin_roll * cos_pitch, -cos_roll * cos_pitch, sin_pitch];
        let up = up.map(|row| row[0] * tilted[0] + row[1] * tilted[1] + row[2] * tilted[2]);
        assert!(
            (up[0] - sin_roll).abs() < 1e-9 && up[2].abs() < 1e-9,
            "{up:?}"
        );
    }

    #[test]
    fn nothing_to_do_bends_nothing() {
        let straight = Lens { k1: 0.0, ..lens() };
        let warp = Warp::upright(1536, 1024, straight, 0.0, 0.0).unwrap();
        assert!(warp.greatest_bend() < 1e-6 && warp.kept() > 0.995);
    }
}
