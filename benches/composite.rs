//! Speed of putting a generated picture of 1024 x 768 pixels into a photo of 12 megapixels, with a mask
//! like furniture of a fifth of the frame and a soft band around it, on one and on two threads.
//!
//!     cargo bench --bench composite

use std::time::Duration;

use criterion::{Criterion, Throughput};
use remedia::composite::{CompositeRequest, composite};
use remedia::domain::compositing::CompositeSettings;
use remedia::imaging::{Picture, Plane, resize};

type Failure = Box<dyn std::error::Error>;

const WIDTH: usize = 4000;
const HEIGHT: usize = 3000;
const WORKER_WIDTH: usize = 1024;
const WORKER_HEIGHT: usize = 768;

fn main() -> Result<(), Failure> {
    let photo = photo()?;
    let mask = mask()?;
    let generated = generated(&photo, &mask)?;
    let request = CompositeRequest {
        photo: &photo,
        generated: &generated,
        mask: &mask,
        labels: None,
    };
    let settings = CompositeSettings::default();
    // A composite that is refused would be fast.
    composite(&request, &settings)?;
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5))
        .configure_from_args();
    let mut group = criterion.benchmark_group("composite");
    group.throughput(Throughput::Elements(photo.pixels() as u64));
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()?;
        group.bench_function(format!("threads_{threads}"), |bencher| {
            pool.install(|| bencher.iter(|| composite(&request, &settings)));
        });
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}

/// A room of slopes of light with edges and grain.
fn photo() -> Result<Picture, Failure> {
    let mut random = 0x2545_f491_u32;
    let mut samples = Vec::with_capacity(WIDTH * HEIGHT * 3);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let wall = if y > 1800 { 90 } else { 170 };
            let light = 40 * x / WIDTH + if (x / 160 + y / 160) % 7 == 0 { 12 } else { 0 };
            for tint in [6, 0, 4] {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                samples.push(u8::try_from(wall + light + tint + (random >> 29) as usize)?);
            }
        }
    }
    Ok(Picture::from_eight(WIDTH, HEIGHT, samples).ok_or("the size fits")?)
}

/// A sofa, a table and a lamp, with a soft band.
fn mask() -> Result<Plane, Failure> {
    let solid = [
        (100..430, 420..610),
        (520..760, 560..700),
        (840..940, 230..310),
        (882..898, 310..600),
        (600..640, 480..560),
        (300..900, 620..700),
    ];
    let mut samples = Vec::with_capacity(WORKER_WIDTH * WORKER_HEIGHT);
    for y in 0..WORKER_HEIGHT {
        for x in 0..WORKER_WIDTH {
            let distance = solid
                .iter()
                .map(
                    |(columns, rows): &(std::ops::Range<usize>, std::ops::Range<usize>)| {
                        let across = columns
                            .start
                            .saturating_sub(x)
                            .max(x.saturating_sub(columns.end));
                        let down = rows.start.saturating_sub(y).max(y.saturating_sub(rows.end));
                        across.max(down)
                    },
                )
                .min()
                .unwrap_or(usize::MAX);
            samples.push(match distance {
                0 => 255,
                1..=24 => u8::try_from(10 * (25 - distance))?,
                _ => 0,
            });
        }
    }
    Ok(Plane::new(WORKER_WIDTH, WORKER_HEIGHT, samples).ok_or("the size fits")?)
}

/// The photo at the worker's size, a little brighter, with something striped inside the mask and a
/// shadow in the band.
fn generated(photo: &Picture, mask: &Plane) -> Result<Picture, Failure> {
    let mut picture = resize(photo, WORKER_WIDTH, WORKER_HEIGHT)?;
    if let remedia::imaging::Samples::Eight(samples) = &mut picture.samples {
        for (index, pixel) in samples.chunks_exact_mut(3).enumerate() {
            let stripe = if index % 24 < 12 { 60 } else { 110 };
            match mask.samples.get(index).copied().unwrap_or(0) {
                255 => pixel.copy_from_slice(&[stripe, stripe / 2 + 20, 40]),
                value => {
                    for sample in pixel {
                        let kept = 300 - u32::from(value) / 3;
                        *sample = u8::try_from((u32::from(*sample) * kept / 280).min(255))?;
                    }
                }
            }
        }
    }
    Ok(picture)
}
