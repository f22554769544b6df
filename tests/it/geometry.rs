//! Verticals, roll, lens distortion and exposure fusion on the fixture listing, against its truth.

use remedia::domain::enhancement::EnhancementSettings;
use remedia::imaging::Picture;
use remedia::imaging::warp::Warp;
use remedia::local::geometry::{GeometryDecision, estimate};
use serde_json::Value;

use crate::support::fixture;

const LISTING: &str = "listings/maple-street";

/// Name, 35 mm focal length as its EXIF says, whether it is stored turned.
const PHOTOS: [(&str, f64); 6] = [
    ("01-living-a", 19.0),
    ("02-living-b", 19.0),
    ("03-bedroom", 19.0),
    ("04-kitchen", 19.0),
    ("05-bathroom", 17.0),
    ("06-exterior", 22.0),
];

fn load(relative: &str) -> Picture {
    let path = fixture(&format!("{LISTING}/{relative}"));
    let mut image = image::open(path).unwrap();
    if relative == "05-bathroom.jpg" {
        image.apply_orientation(image::metadata::Orientation::Rotate90);
    }
    let image = image.into_rgb8();
    let (width, height) = (image.width() as usize, image.height() as usize);
    Picture::from_eight(width, height, image.into_raw()).unwrap()
}

/// The camera that took a fixture photo.
struct Truth {
    focal: f64,
    center: [f64; 2],
    k1: f64,
    /// The world's up direction in camera axes.
    up: [f64; 3],
}

impl Truth {
    fn read(name: &str) -> Self {
        let text =
            fs_err::read_to_string(fixture(&format!("{LISTING}/truth/{name}.json"))).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        let number = |pointer: &str| json.pointer(pointer).unwrap().as_f64().unwrap();
        Self {
            focal: number("/intrinsics/fx"),
            center: [number("/intrinsics/cx"), number("/intrinsics/cy")],
            k1: number("/intrinsics/k1"),
            up: [0, 1, 2].map(|column| number(&format!("/pose_camera_to_world/2/{column}"))),
        }
    }

    fn distort(&self, x: f64, y: f64) -> [f64; 2] {
        let scale = self.focal * (1.0 + self.k1 * (x * x + y * y));
        [x * scale + self.center[0], y * scale + self.center[1]]
    }

    fn undistort(&self, x: f64, y: f64) -> [f64; 2] {
        let [a, b] = [
            (x - self.center[0]) / self.focal,
            (y - self.center[1]) / self.focal,
        ];
        let mut scale = 1.0;
        for _ in 0..50 {
            let square = (a * a + b * b) * scale * scale;
            scale = 1.0 / (1.0 + self.k1 * square);
        }
        [a * scale, b * scale]
    }

    /// Greatest and mean angle from the vertical, in degrees, of short pieces of true verticals at
    /// many positions of the result.
    fn verticals(&self, warp: Option<&Warp>) -> (f64, f64) {
        let back = |x: f64, y: f64| warp.map_or([x, y], |warp| warp.source_of(x, y));
        let forth = |x: f64, y: f64| warp.map_or([x, y], |warp| warp.result_of(x, y));
        let (mut greatest, mut sum, mut count) = (0.0_f64, 0.0, 0.0);
        for row in 0..13 {
            for column in 0..19 {
                let [u, v] = back(f64::from(column) * 85.0 + 2.0, f64::from(row) * 85.0 + 1.0);
                let [a, b] = self.undistort(u, v);
                let direction = [self.up[0] - self.up[2] * a, self.up[1] - self.up[2] * b];
                let end = |step: f64| {
                    let [u, v] = self.distort(a + step * direction[0], b + step * direction[1]);
                    forth(u, v)
                };
                let ([x0, y0], [x1, y1]) = (end(-0.02), end(0.02));
                let angle = ((x1 - x0) / (y1 - y0)).atan().to_degrees().abs();
                greatest = greatest.max(angle);
                sum += angle;
                count += 1.0;
            }
        }
        (greatest, sum / count)
    }

    /// Tilt of the true horizon in the result, degrees.
    fn horizon(&self, warp: Option<&Warp>) -> f64 {
        let forth = |x: f64, y: f64| warp.map_or([x, y], |warp| warp.result_of(x, y));
        // The horizon is where directions are perpendicular to up.
        let at = |a: f64| {
            let b = -(self.up[0] * a + self.up[2]) / self.up[1];
            let [u, v] = self.distort(a, b);
            forth(u, v)
        };
        let ([x0, y0], [x1, y1]) = (at(-0.5), at(0.5));
        ((y1 - y0) / (x1 - x0)).atan().to_degrees()
    }
}

fn decide(picture: &Picture, focal: Option<f64>) -> GeometryDecision {
    estimate(picture, focal, &EnhancementSettings::default())
}

#[test]
fn verticals_end_upright_and_the_horizon_level() {
    for (name, focal) in PHOTOS {
        let truth = Truth::read(name);
        for focal in [Some(focal), None] {
            let decision = decide(&load(&format!("{name}.jpg")), focal);
            let (before, _) = truth.verticals(None);
            let (greatest, mean) = truth.verticals(decision.warp.as_ref());
            let roll = truth.horizon(decision.warp.as_ref());
            println!(
                "{name} {focal:?}: verticals before {before:.2}, after max {greatest:.3} mean {mean:.3}, \
                 roll {roll:.3}, true k1 {}; {:?}",
                truth.k1,
                decision
                    .reports
                    .iter()
                    .map(|report| (report.applied, &report.reason, &report.parameters))
                    .collect::<Vec<_>>()
            );
        }
    }
}

#[test]
fn upright_references_are_left_alone() {
    for (name, focal) in PHOTOS {
        let decision = decide(&load(&format!("truth/{name}_upright.jpg")), Some(focal));
        println!("{name} {decision:?}");
    }
}
