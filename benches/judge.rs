//! Speed of judging and compositing a photo of 12 megapixels with a worker's picture of 1536 pixels, on
//! two cores: the gates on the worker's picture, the composite at native size, the gates on the composite.
//!
//!     cargo bench --bench judge
//!
//! The same against a script of the same steps in OpenCV, on the same pictures and in the same run, as wall and
//! processor seconds with their ratio (needs python3 with opencv-python and numpy; `PYTHON` names another
//! interpreter):
//!
//!     cargo bench --bench judge -- --against-peer
//!
//! The photo is a fixture of the listing, enlarged; the worker's picture is its truth-staged view.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use criterion::Criterion;
use remedia::composite::{Composite, CompositeRequest, composite};
use remedia::domain::compositing::CompositeSettings;
use remedia::domain::structure::{StructureReport, StructureSubject, StructureThresholds};
use remedia::imaging::{
    DecodeLimits, Picture, Plane, Samples, decode, decode_plane, encode_plane, resize,
};
use remedia::validate::structure::{judge_composite, judge_structure};
use rustix::time::{ClockId, clock_gettime};

type Failure = Box<dyn std::error::Error>;

const WIDTH: usize = 4242;
const HEIGHT: usize = 2828;
const THREADS: usize = 2;

struct Job {
    photo: Picture,
    generated: Picture,
    mask: Plane,
    thresholds: StructureThresholds,
    settings: CompositeSettings,
}

fn main() -> Result<(), Failure> {
    let cores = rayon::ThreadPoolBuilder::new()
        .num_threads(THREADS)
        .build()?;
    let job = job()?;
    if std::env::args().any(|argument| argument == "--against-peer") {
        return against_peer(&cores, &job);
    }
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5))
        .configure_from_args();
    let made = cores.install(|| compose(&job).map_err(|failure| failure.to_string()))?;
    let mut group = criterion.benchmark_group("judge");
    group.bench_function("gates_on_generated", |bencher| {
        cores.install(|| bencher.iter(|| judge_raw(&job).map_err(|failure| failure.to_string())));
    });
    group.bench_function("composite", |bencher| {
        cores.install(|| bencher.iter(|| compose(&job).map_err(|failure| failure.to_string())));
    });
    group.bench_function("gates_on_composite", |bencher| {
        cores.install(|| {
            bencher.iter(|| judge_made(&job, &made).map_err(|failure| failure.to_string()));
        });
    });
    group.bench_function("all", |bencher| {
        cores.install(|| bencher.iter(|| all(&job).map_err(|failure| failure.to_string())));
    });
    group.finish();
    criterion.final_summary();
    Ok(())
}

fn job() -> Result<Job, Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/listings/maple-street/truth");
    let limits = DecodeLimits::default();
    let read = |name: &str| -> Result<Vec<u8>, Failure> { Ok(fs_err::read(folder.join(name))?) };
    let photo = decode(&read("01-living-a_clean.jpg")?, &limits)?;
    Ok(Job {
        photo: resize(&photo, WIDTH, HEIGHT)?.into_eight(),
        generated: decode(&read("01-living-a_staged.jpg")?, &limits)?.into_eight(),
        mask: decode_plane(&read("01-living-a_staged_influence_mask.png")?, &limits)?,
        thresholds: StructureThresholds::default(),
        settings: CompositeSettings::default(),
    })
}

/// The photo at the worker's size, and the gates on the worker's picture.
fn judge_raw(job: &Job) -> Result<StructureReport, Failure> {
    let reference = resize(&job.photo, job.generated.width, job.generated.height)?;
    Ok(judge_structure(
        &reference,
        &job.generated,
        &job.mask,
        StructureSubject::Generated,
        &job.thresholds,
    )?)
}

fn compose(job: &Job) -> Result<Composite, Failure> {
    let request = CompositeRequest {
        photo: &job.photo,
        generated: &job.generated,
        mask: &job.mask,
        labels: None,
    };
    Ok(composite(&request, &job.settings)?)
}

fn judge_made(job: &Job, made: &Composite) -> Result<StructureReport, Failure> {
    Ok(judge_composite(
        &job.photo,
        &made.picture,
        &made.changed,
        &job.thresholds,
    )?)
}

fn all(job: &Job) -> Result<[StructureReport; 2], Failure> {
    let raw = judge_raw(job)?;
    let made = compose(job)?;
    Ok([raw, judge_made(job, &made)?])
}

/// Processor time of this process, which other work on the machine does not lengthen.
fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Writes a picture as PPM, which every reader decodes at once.
fn write_picture(path: &Path, picture: &Picture) -> Result<(), Failure> {
    let Samples::Eight(samples) = &picture.samples else {
        return Err("the pictures have 8 bits".into());
    };
    let mut bytes = format!("P6\n{} {}\n255\n", picture.width, picture.height).into_bytes();
    bytes.extend(samples);
    Ok(fs_err::write(path, bytes)?)
}

/// Runs ours and the script in turn and prints the best time of each.
fn against_peer(cores: &rayon::ThreadPool, job: &Job) -> Result<(), Failure> {
    const ROUNDS: usize = 7;
    let folder = tempfile::tempdir()?;
    let file = |name: &str| -> PathBuf { folder.path().join(name) };
    write_picture(&file("photo.ppm"), &job.photo)?;
    write_picture(&file("generated.ppm"), &job.generated)?;
    fs_err::write(file("mask.png"), encode_plane(&job.mask)?)?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peer_judge.py");
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let mut ours = [f64::MAX; 2];
    let mut peer = [f64::MAX; 2];
    for _ in 0..ROUNDS {
        let (wall, processor) = (Instant::now(), processor_seconds());
        let reports = cores.install(|| all(job).map_err(|failure| failure.to_string()))?;
        ours[0] = ours[0].min(wall.elapsed().as_secs_f64());
        ours[1] = ours[1].min(processor_seconds() - processor);
        if let Some(failed) = reports.iter().find(|report| !report.passed()) {
            return Err(format!("the perfect staging failed: {:?}", failed.faults).into());
        }
        let output = Command::new(&python)
            .arg(&script)
            .args([file("photo.ppm"), file("generated.ppm"), file("mask.png")])
            .output()?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            return Err(format!("the peer script failed: {message}").into());
        }
        let text = String::from_utf8(output.stdout)?;
        for (best, number) in peer.iter_mut().zip(text.split_whitespace()) {
            *best = best.min(number.parse()?);
        }
    }
    let mut out = std::io::stdout().lock();
    let megapixels = (WIDTH * HEIGHT) as f64 / 1e6;
    writeln!(
        out,
        "{megapixels:.1} megapixels, {THREADS} threads, best of {ROUNDS} in turn"
    )?;
    writeln!(out, "          wall ms  processor ms")?;
    for (name, time) in [("remedia", ours), ("OpenCV", peer)] {
        writeln!(out, "{name:8} {:8.0} {:13.0}", time[0] * 1e3, time[1] * 1e3)?;
    }
    writeln!(
        out,
        "ratio    {:8.2} {:13.2}",
        peer[0] / ours[0],
        peer[1] / ours[1]
    )?;
    Ok(())
}
