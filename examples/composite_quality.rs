//! How near a composite comes to the truth: the staged view of the fixture listing is reduced to a
//! worker's size, its exposure and white balance are shifted, and it is put back into the empty room.
//! Prints a table of mean and 95th percentile CIEDE2000 differences to the true staged view inside the
//! furniture and in its soft band, and counts pixels outside that differ from the photo (must be 0).
//!
//!     cargo run --release --example composite_quality            # the table
//!     cargo run --release --example composite_quality -- FOLDER  # and the pictures as PNG files

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use remedia::composite::{Composite, CompositeRequest, composite};
use remedia::domain::compositing::CompositeSettings;
use remedia::imaging::color::{Lab, delta_e_2000, linear_to_srgb, srgb_to_linear, srgb8_to_lab};
use remedia::imaging::{
    DecodeLimits, Picture, Plane, Samples, decode, decode_plane, encode_plane, resize,
};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let write = std::env::args().nth(1).map(PathBuf::from);
    let truth = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/listings/maple-street/truth");
    let scene = Scene::load(&truth)?;
    println!(
        "| photo | worker | shift | furniture mean, p95 | limit | soft band mean, p95 | empty | outside | gains | grain | share |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for photo_side in [1536, 4000] {
        let clean = to_side(&scene.clean, photo_side)?;
        let staged = to_side(&scene.staged, photo_side)?;
        for worker_side in [768, 1024] {
            let plain = to_side(&scene.staged, worker_side)?;
            for (name, exposure, balance) in [
                ("none", 0.0, [1.0, 1.0, 1.0]),
                ("+0.3 EV warm", 0.3, [1.06, 1.0, 0.93]),
                ("-0.3 EV cold", -0.3, [0.95, 1.0, 1.08]),
            ] {
                let generated = shifted(&plain, exposure, balance);
                let request = CompositeRequest {
                    photo: &clean,
                    generated: &generated,
                    mask: &scene.mask,
                    labels: None,
                };
                let made = composite(&request, &CompositeSettings::default())?;
                let row = Row::measure(&scene, &clean, &staged, &plain, &made)?;
                println!(
                    "| {photo_side} | {worker_side} | {name} | {row} | {:.3} {:.3} {:.3} | {:.2} | {:.3} |",
                    made.report.gains[0],
                    made.report.gains[1],
                    made.report.gains[2],
                    made.report.grain,
                    made.report.touched_share
                );
                if let Some(folder) = &write {
                    fs_err::create_dir_all(folder)?;
                    let stem = format!("{photo_side}_{worker_side}_{}", name.replace(' ', "_"));
                    save(&made.picture, &folder.join(format!("{stem}.png")))?;
                    fs_err::write(
                        folder.join(format!("{stem}_changed.png")),
                        encode_plane(&made.changed)?,
                    )?;
                }
            }
        }
        if let Some(folder) = &write {
            save(&clean, &folder.join(format!("{photo_side}_clean.png")))?;
            save(&staged, &folder.join(format!("{photo_side}_staged.png")))?;
        }
    }
    Ok(())
}

struct Scene {
    clean: Picture,
    staged: Picture,
    furniture: Plane,
    mask: Plane,
}

impl Scene {
    fn load(truth: &Path) -> Result<Self, Failure> {
        let picture = |name: &str| -> Result<Picture, Failure> {
            let bytes = fs_err::read(truth.join(format!("01-living-a_{name}.jpg")))?;
            Ok(decode(&bytes, &DecodeLimits::default())?.into_eight())
        };
        let plane = |name: &str| -> Result<Plane, Failure> {
            let path = truth.join(format!("01-living-a_staged_{name}_mask.png"));
            let grey = image::load_from_memory(&fs_err::read(path)?)?.to_luma8();
            let (width, height) = (grey.width() as usize, grey.height() as usize);
            Plane::new(width, height, grey.into_raw()).ok_or_else(|| "an empty mask".into())
        };
        let furniture = plane("furniture")?;
        let influence = plane("influence")?;
        // Furniture may change, its influence at most darken or tint.
        let samples = (furniture.samples.iter())
            .zip(&influence.samples)
            .map(|(&furniture, &influence)| {
                if furniture == 255 {
                    255
                } else {
                    influence.min(254)
                }
            })
            .collect();
        let mask = Plane::new(furniture.width, furniture.height, samples).ok_or("an empty mask")?;
        // A picture that a decoder would refuse must not pass here either.
        decode_plane(&encode_plane(&mask)?, &DecodeLimits::default())?;
        Ok(Self {
            clean: picture("clean")?,
            staged: picture("staged")?,
            furniture,
            mask,
        })
    }
}

/// What a row of the table says.
struct Row {
    furniture: (f64, f64),
    limit: f64,
    soft: (f64, f64),
    empty: f64,
    outside: usize,
}

impl Row {
    fn measure(
        scene: &Scene,
        clean: &Picture,
        staged: &Picture,
        plain: &Picture,
        made: &Composite,
    ) -> Result<Self, Failure> {
        let (width, height) = (clean.width, clean.height);
        // What the worker's size alone costs.
        let enlarged = resize(plain, width, height)?;
        let at = |plane: &Plane, index: usize| {
            let (x, y) = (index % width, index / width);
            plane.at(x * plane.width / width, y * plane.height / height)
        };
        let furniture = |index: usize| at(&scene.furniture, index) == 255;
        let soft = |index: usize| (1..=254).contains(&at(&scene.mask, index));
        let untouched = |index: usize| made.changed.samples.get(index) == Some(&0);
        let (first, second) = (pixels(&made.picture), pixels(clean));
        let outside = (0..clean.pixels())
            .filter(|&index| untouched(index) && first.get(index) != second.get(index))
            .count();
        Ok(Self {
            furniture: differences(&made.picture, staged, furniture),
            limit: differences(&enlarged, staged, furniture).0,
            soft: differences(&made.picture, staged, soft),
            empty: differences(clean, staged, soft).0,
            outside,
        })
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{:.2}, {:.2} | {:.2} | {:.2}, {:.2} | {:.2} | {}",
            self.furniture.0,
            self.furniture.1,
            self.limit,
            self.soft.0,
            self.soft.1,
            self.empty,
            self.outside
        )
    }
}

fn pixels(picture: &Picture) -> &[[u8; 3]] {
    match &picture.samples {
        Samples::Eight(samples) => samples.as_chunks::<3>().0,
        Samples::Sixteen(_) => &[],
    }
}

/// Mean and 95th percentile of the difference where `wanted`.
fn differences(
    picture: &Picture,
    truth: &Picture,
    wanted: impl Fn(usize) -> bool + Sync,
) -> (f64, f64) {
    let (first, second) = (pixels(picture), pixels(truth));
    // Every third pixel is enough of a large picture.
    let step = if first.len() > 4_000_000 { 7 } else { 1 };
    let mut all: Vec<f64> = (0..first.len())
        .into_par_iter()
        .filter(|&index| index % step == 0 && wanted(index))
        .map(|index| {
            let lab = |pixels: &[[u8; 3]]| {
                pixels
                    .get(index)
                    .map_or(Lab::default(), |p| srgb8_to_lab(*p))
            };
            delta_e_2000(lab(first), lab(second))
        })
        .collect();
    let mean = all.iter().sum::<f64>() / all.len().max(1) as f64;
    all.sort_by(f64::total_cmp);
    (
        mean,
        all.get(all.len() * 95 / 100).copied().unwrap_or(f64::NAN),
    )
}

fn to_side(picture: &Picture, side: usize) -> Result<Picture, Failure> {
    let height = (picture.height * side + picture.width / 2) / picture.width;
    Ok(resize(picture, side, height)?)
}

/// The picture with another exposure and white balance.
fn shifted(picture: &Picture, exposure: f64, balance: [f64; 3]) -> Picture {
    let gains = balance.map(|gain| gain * exposure.exp2());
    let samples = pixels(picture)
        .iter()
        .flat_map(|pixel| {
            [0, 1, 2].map(|channel| {
                let linear = srgb_to_linear(f64::from(pixel[channel]) / 255.0) * gains[channel];
                (linear_to_srgb(linear.min(1.0)) * 255.0 + 0.5) as u8
            })
        })
        .collect();
    Picture {
        samples: Samples::Eight(samples),
        ..*picture
    }
}

fn save(picture: &Picture, path: &Path) -> Result<(), Failure> {
    if let Samples::Eight(samples) = &picture.samples {
        image::save_buffer(
            path,
            samples,
            u32::try_from(picture.width)?,
            u32::try_from(picture.height)?,
            image::ExtendedColorType::Rgb8,
        )?;
    }
    Ok(())
}
