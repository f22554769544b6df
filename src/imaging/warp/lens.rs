//! The camera model: a pinhole with one radial distortion coefficient.

/// A lens: focal length and principal point in pixels, and k1 of `x_d = x_u (1 + k1 r²)` on positions
/// from the principal point in focal lengths; negative k1 is barrel distortion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lens {
    /// Focal length, pixels.
    pub focal: f64,
    /// Principal point, pixels, pixel centres at integers.
    pub center: [f64; 2],
    /// Radial distortion.
    pub k1: f64,
}

impl Lens {
    /// A lens without distortion whose principal point is the middle of a picture of this size.
    #[must_use]
    pub fn centered(width: usize, height: usize, focal: f64) -> Self {
        Self {
            focal,
            center: [(width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0],
            k1: 0.0,
        }
    }

    /// Distance of the farthest corner from the principal point, in focal lengths.
    #[must_use]
    pub fn corner_radius(&self, width: usize, height: usize) -> f64 {
        let reach = |center: f64, size: usize| center.max(size as f64 - 1.0 - center);
        reach(self.center[0], width).hypot(reach(self.center[1], height)) / self.focal
    }

    /// Undistorted position (focal lengths from the axis) to pixels of the picture.
    #[must_use]
    pub fn distort(&self, x: f64, y: f64) -> [f64; 2] {
        let scale = self.focal * (1.0 + self.k1 * (x * x + y * y));
        [x * scale + self.center[0], y * scale + self.center[1]]
    }

    /// Pixels of the picture to the undistorted position, in focal lengths from the axis. Beyond the
    /// radius where a strong barrel folds over, the fold is returned.
    #[must_use]
    pub fn undistort(&self, x: f64, y: f64) -> [f64; 2] {
        let [across, down] = [
            (x - self.center[0]) / self.focal,
            (y - self.center[1]) / self.focal,
        ];
        if self.k1 == 0.0 {
            return [across, down];
        }
        let distorted = across.hypot(down);
        if distorted < 1e-12 {
            return [across, down];
        }
        let fold = if self.k1 < 0.0 {
            (-1.0 / (3.0 * self.k1)).sqrt()
        } else {
            f64::MAX
        };
        let mut radius = distorted.min(fold);
        for _ in 0..6 {
            let slope = 1.0 + 3.0 * self.k1 * radius * radius;
            if slope < 1e-3 {
                break;
            }
            radius -= (radius * (1.0 + self.k1 * radius * radius) - distorted) / slope;
            radius = radius.clamp(0.0, fold);
        }
        [across * radius / distorted, down * radius / distorted]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undistorting_undoes_distorting() {
        for k1 in [-0.08, -0.022, 0.0, 0.03] {
            let lens = Lens {
                k1,
                ..Lens::centered(1536, 1024, 830.0)
            };
            let [x, y] = lens.distort(0.8, -0.5);
            let [u, v] = lens.undistort(x, y);
            assert!((u - 0.8).hypot(v + 0.5) < 1e-9, "{k1}: {u} {v}");
        }
    }

    #[test]
    fn a_position_beyond_the_fold_stays_finite() {
        let lens = Lens {
            k1: -0.3,
            ..Lens::centered(100, 100, 30.0)
        };
        let [u, v] = lens.undistort(0.0, 0.0);
        assert!(u.is_finite() && v.is_finite());
    }
}
