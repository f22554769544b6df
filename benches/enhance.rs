//! Speed of the enhancement on a photo of 12 megapixels, on one core, with its throughput in pixels:
//! the whole chain from JPEG bytes to JPEG bytes, and each of the heavier steps.
//!
//!     cargo bench --bench enhance
//!
//! The same chain against a script of the same steps in OpenCV and Pillow, on the same file and in the
//! same run, as megapixels per second and core with their ratio and our peak memory (needs python3 with opencv-python,
//! numpy and Pillow):
//!
//!     cargo bench --bench enhance -- --against-peer
//!
//! The photo is a fixture of the listing, enlarged, with sensor noise added, coded as a camera would.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput};
use rayon::ThreadPool;
use remedia::domain::enhancement::{EnhancementSettings, Look};
use remedia::imaging::{
    DecodeLimits, JpegOptions, Picture, Samples, SceneLight, decode, encode_jpeg, resize,
};
use remedia::local::{SourcePicture, enhance, geometry, noise, sharpen};
use rustix::time::{ClockId, clock_gettime};

type Failure = Box<dyn std::error::Error>;

const WIDTH: usize = 4000;
const HEIGHT: usize = 3000;
const ISO: u32 = 800;
const FOCAL_LENGTH_35MM: f64 = 18.5;
const FIXTURE: &str = "fixtures/listings/maple-street/03-bedroom.jpg";
fn main() -> Result<(), Failure> {
    let core = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let photo = photo()?;
    if std::env::args().any(|argument| argument == "--against-peer") {
        return against_peer(&core, &photo);
    }
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(10))
        .configure_from_args();
    measure(&mut criterion, &core, &photo)?;
    criterion.final_summary();
    Ok(())
}

/// A camera JPEG of 12 megapixels.
fn photo() -> Result<Vec<u8>, Failure> {
    let fixture = fs_err::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(FIXTURE))?;
    let enlarged = resize(&decode(&fixture, &DecodeLimits::default())?, WIDTH, HEIGHT)?;
    let Samples::Eight(mut samples) = enlarged.into_eight().samples else {
        return Err("the fixture has 8 bits".into());
    };
    let mut random = 0x2545_f491_u32;
    for sample in &mut samples {
        // The sum of four uniform numbers is close to a normal one, with a deviation of 2.8.
        let mut sum = 0;
        for _ in 0..4 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            sum += i32::try_from(random >> 24)? * 5 / 256;
        }
        *sample = u8::try_from((i32::from(*sample) + sum - 8).clamp(0, 255))?;
    }
    let noisy = Picture::from_eight(WIDTH, HEIGHT, samples).ok_or("the size fits")?;
    Ok(encode_jpeg(&noisy, &JpegOptions::default())?)
}

fn decoded(photo: &[u8]) -> Result<Picture, Failure> {
    Ok(decode(photo, &DecodeLimits::default())?)
}

fn enhanced(picture: Picture) -> Result<Picture, Failure> {
    let source = SourcePicture {
        picture,
        iso: Some(ISO),
        focal_length_35mm: Some(FOCAL_LENGTH_35MM),
        exposure_value: None,
        light: SceneLight::default(),
    };
    let (picture, _) = enhance(
        vec![source],
        0,
        &EnhancementSettings::default(),
        &Look::default(),
    )?;
    Ok(picture)
}

fn chain(photo: &[u8]) -> Result<Vec<u8>, Failure> {
    Ok(encode_jpeg(
        &enhanced(decoded(photo)?)?,
        &JpegOptions::default(),
    )?)
}

fn measure(criterion: &mut Criterion, core: &ThreadPool, photo: &[u8]) -> Result<(), Failure> {
    let picture = decoded(photo)?;
    let noise = noise::estimate(&picture, Some(ISO));
    let calm = noise::reduce(picture.clone(), &noise, 0.9);
    let finished = enhanced(picture.clone())?;
    let decision = geometry::estimate(
        &calm,
        Some(FOCAL_LENGTH_35MM),
        &EnhancementSettings::default(),
    );

    let mut group = criterion.benchmark_group("enhance");
    group.throughput(Throughput::Elements(picture.pixels() as u64));
    group.bench_function("chain", |bencher| {
        core.install(|| bencher.iter(|| chain(photo).map_err(|failure| failure.to_string())));
    });
    group.bench_function("decode", |bencher| {
        core.install(|| bencher.iter(|| decode(photo, &DecodeLimits::default())));
    });
    group.bench_function("enhance", |bencher| {
        core.install(|| {
            bencher.iter_batched(
                || picture.clone(),
                |picture| enhanced(picture).map_err(|failure| failure.to_string()),
                BatchSize::PerIteration,
            );
        });
    });
    group.bench_function("encode", |bencher| {
        core.install(|| bencher.iter(|| encode_jpeg(&finished, &JpegOptions::default())));
    });
    group.bench_function("noise_estimate", |bencher| {
        core.install(|| bencher.iter(|| noise::estimate(&picture, Some(ISO))));
    });
    group.bench_function("noise_reduce", |bencher| {
        core.install(|| {
            bencher.iter_batched(
                || picture.clone(),
                |picture| noise::reduce(picture, &noise, 0.9),
                BatchSize::PerIteration,
            );
        });
    });
    group.bench_function("geometry_estimate", |bencher| {
        core.install(|| {
            bencher.iter(|| {
                geometry::estimate(
                    &calm,
                    Some(FOCAL_LENGTH_35MM),
                    &EnhancementSettings::default(),
                )
            });
        });
    });
    if let Some(warp) = &decision.warp {
        group.bench_function("warp", |bencher| {
            core.install(|| bencher.iter(|| remedia::imaging::warp::apply(&calm, warp)));
        });
    }
    group.bench_function("sharpen", |bencher| {
        core.install(|| {
            bencher.iter_batched(
                || calm.clone(),
                |mut picture| {
                    sharpen::apply(&mut picture, 0.5, &noise.reduced(0.9));
                    picture
                },
                BatchSize::PerIteration,
            );
        });
    });
    group.finish();
    Ok(())
}

/// Processor time of this process, which other work on the machine does not lengthen.
fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The most memory that this process has used at once, in megabytes, where the system tells.
fn peak_memory() -> Option<f64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

/// Runs the chain and the script in turn and prints the best time of each.
fn against_peer(core: &ThreadPool, photo: &[u8]) -> Result<(), Failure> {
    const ROUNDS: usize = 5;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("photo.jpg");
    fs_err::write(&file, photo)?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peer_enhance.py");
    let mut ours = f64::MAX;
    let mut memory = None;
    let mut peer = f64::MAX;
    for _ in 0..ROUNDS {
        let start = processor_seconds();
        core.install(|| chain(photo).map_err(|failure| failure.to_string()))?;
        ours = ours.min(processor_seconds() - start);
        memory = peak_memory();

        let output = Command::new("python3").arg(&script).arg(&file).output()?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            return Err(format!("the peer script failed: {message}").into());
        }
        let seconds: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
        peer = peer.min(seconds);
    }
    let megapixels = (WIDTH * HEIGHT) as f64 / 1e6;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "one core, {megapixels} megapixels, best of {ROUNDS} in turn"
    )?;
    writeln!(out, "remedia        {:6.2} megapixels/s", megapixels / ours)?;
    if let Some(memory) = memory {
        writeln!(out, "               {memory:6.0} MB of memory at most")?;
    }
    writeln!(out, "OpenCV/Pillow  {:6.2} megapixels/s", megapixels / peer)?;
    writeln!(out, "ratio          {:6.2}", peer / ours)?;
    Ok(())
}
