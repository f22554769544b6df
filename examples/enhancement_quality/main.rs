//! Measures the enhancement against a listing with exact truth and prints the table: the mean CIEDE2000
//! difference to the clean reference, outside the window panes, of the photo as taken, of a naive script
//! (grey-world white balance, gain, shoulder) and of remedia, with the geometry switched off so that the
//! pictures stay aligned. The last column is the change of the clean reference itself. `--good` adds the
//! change of every JPEG of a folder of pictures that are good already, once as they are and once as if a
//! camera had named itself in them, `--write` keeps the results as PNG,
//! and with `VERBOSE` set the parameters of every step go to standard error.
//!
//! `--degrade` puts faults on every JPEG of such a folder and measures against the picture as it was.
//!
//!     cargo run --release --example enhancement_quality -- [LISTING] [--write FOLDER] [--good FOLDER]
//!         [--degrade FOLDER]

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command that prints a table"
)]

mod degrade;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rayon::prelude::*;
use remedia::domain::enhancement::{EnhancementSettings, Look, StepSetting};
use remedia::imaging::color::{TransferTables, delta_e_2000, luminance, srgb8_to_lab};
use remedia::imaging::{
    DecodeLimits, Picture, Samples, SceneLight, capture, decode, fit, scene_light,
};
use remedia::local::{SourcePicture, enhance};

type Failure = Box<dyn std::error::Error>;

/// The label of glass panes seen from inside.
const WINDOW_VIEW: u8 = 13;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let mut listing = PathBuf::from("fixtures/listings/maple-street");
    let mut write = None;
    let mut good = Vec::new();
    let mut faulty = Vec::new();
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--write" {
            write = arguments.next().map(PathBuf::from);
        } else if argument == "--good" {
            good.extend(arguments.next().map(PathBuf::from));
        } else if argument == "--degrade" {
            faulty.extend(arguments.next().map(PathBuf::from));
        } else {
            listing = PathBuf::from(argument);
        }
    }
    if let Some(folder) = &write {
        fs_err::create_dir_all(folder)?;
    }
    let mut names: Vec<String> = fs_err::read_dir(listing.join("truth"))?
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            name.strip_suffix("_clean.jpg").map(str::to_owned)
        })
        .collect();
    names.sort();
    println!("| photo | as taken | naive | remedia | naive falls | remedia falls | good picture |");
    println!("|---|---|---|---|---|---|---|");
    for name in &names {
        measure(&listing, name, write.as_deref())?;
    }
    for name in &names {
        measure_bracket(&listing, name, write.as_deref())?;
    }
    for folder in good {
        measure_good(&folder, write.as_deref())?;
    }
    for folder in faulty {
        measure_degraded(&folder, write.as_deref())?;
    }
    Ok(())
}

/// Geometry off: the comparison is pixel by pixel.
fn aligned() -> EnhancementSettings {
    EnhancementSettings {
        lens_distortion: StepSetting::Off,
        vertical_correction: StepSetting::Off,
        roll_correction: StepSetting::Off,
        ..EnhancementSettings::default()
    }
}

fn measure(listing: &Path, name: &str, write: Option<&Path>) -> Result<(), Failure> {
    let photo = load(&listing.join(format!("{name}.jpg")))?;
    let clean = load(&listing.join(format!("truth/{name}_clean.jpg")))?;
    let labels = load_labels(&listing.join(format!("truth/{name}_labels.png")))?;
    let started = std::time::Instant::now();
    let (ours, report) = enhance(vec![photo.clone()], 0, &aligned(), &Look::default())?;
    let seconds = started.elapsed().as_secs_f64();
    let naive = naive(&photo.picture);
    let (kept, _) = enhance(vec![clean.clone()], 0, &aligned(), &Look::default())?;
    let difference = |picture: &Picture| mean_difference(picture, &clean.picture, &labels);
    let (before, simple, after) = (
        difference(&photo.picture),
        difference(&naive),
        difference(&ours),
    );
    println!(
        "| {name} | {before:.2} | {simple:.2} | {after:.2} | {:.1} % | {:.1} % | {:.2} |",
        100.0 * (1.0 - simple / before),
        100.0 * (1.0 - after / before),
        difference(&kept)
    );
    if std::env::var_os("VERBOSE").is_some() {
        for step in &report.steps {
            eprintln!(
                "    {} {} {:?} {:?}",
                step.name, step.applied, step.reason, step.parameters
            );
        }
        eprintln!("    {seconds:.3} s");
    }
    if let Some(folder) = write {
        save(&ours, &folder.join(format!("{name}.png")))?;
        save(&naive, &folder.join(format!("{name}_naive.png")))?;
        save(&kept, &folder.join(format!("{name}_clean.png")))?;
    }
    Ok(())
}

/// The window panes of a bracket, fused and enhanced, against those of each single exposure enhanced.
fn measure_bracket(listing: &Path, name: &str, write: Option<&Path>) -> Result<(), Failure> {
    let mut exposures = Vec::new();
    for offset in ["-2", "+0", "+2"] {
        let path = listing.join(format!("{name}_bracket{offset}.jpg"));
        if !path.exists() {
            return Ok(());
        }
        let mut exposure = load(&path)?;
        exposure.exposure_value = offset.parse().ok();
        exposures.push(exposure);
    }
    let clean = load(&listing.join(format!("truth/{name}_clean.jpg")))?;
    let labels = load_labels(&listing.join(format!("truth/{name}_labels.png")))?;
    let panes: Vec<u8> = labels
        .iter()
        .map(|&label| if label == WINDOW_VIEW { 0 } else { WINDOW_VIEW })
        .collect();
    println!("\n| bracket of {name} | as taken: panes | enhanced: panes | room |");
    println!("|---|---|---|---|");
    let print = |title: &str, taken: Option<&Picture>, ours: &Picture| {
        let taken = taken.map_or("–".to_owned(), |taken| {
            format!("{:.2}", mean_difference(taken, &clean.picture, &panes))
        });
        println!(
            "| {title} | {taken} | {:.2} | {:.2} |",
            mean_difference(ours, &clean.picture, &panes),
            mean_difference(ours, &clean.picture, &labels)
        );
    };
    for exposure in &exposures {
        let (ours, _) = enhance(vec![exposure.clone()], 0, &aligned(), &Look::default())?;
        let title = format!("{:+} EV", exposure.exposure_value.unwrap_or(0.0));
        print(&title, Some(&exposure.picture), &ours);
    }
    let (fused, report) = enhance(exposures, 1, &aligned(), &Look::default())?;
    print("fused", None, &fused);
    if std::env::var_os("VERBOSE").is_some() {
        for step in &report.steps {
            eprintln!(
                "    {} {} {:?} {:?}",
                step.name, step.applied, step.reason, step.parameters
            );
        }
    }
    if let Some(folder) = write {
        save(&fused, &folder.join(format!("{name}_fused.png")))?;
    }
    Ok(())
}

/// The JPEG files of a folder, by name.
fn jpegs(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files: Vec<PathBuf> = fs_err::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "jpg"))
        .collect();
    files.sort();
    Ok(files)
}

/// The same pixels with or without a word from a camera.
fn with_camera(picture: &Picture, spoken: bool) -> SourcePicture {
    SourcePicture {
        picture: picture.clone(),
        iso: spoken.then_some(400),
        focal_length_35mm: spoken.then_some(24.0),
        exposure_value: None,
        light: SceneLight::default(),
    }
}

/// The change of pictures that are good already, with and without a camera's word.
fn measure_good(folder: &Path, write: Option<&Path>) -> Result<(), Failure> {
    println!("\n| good picture | change | as if from a camera |");
    println!("|---|---|---|");
    let files = jpegs(folder)?;
    let mut sums = [0.0; 2];
    let mut most = [0.0_f64; 2];
    for file in &files {
        let photo = load(file)?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let mut changes = [0.0; 2];
        let sources = [photo.clone(), with_camera(&photo.picture, true)];
        for (index, source) in sources.into_iter().enumerate() {
            let (ours, report) = enhance(vec![source], 0, &aligned(), &Look::default())?;
            changes[index] = mean_difference(&ours, &photo.picture, &[]);
            sums[index] += changes[index];
            most[index] = most[index].max(changes[index]);
            if std::env::var_os("VERBOSE").is_some() {
                eprintln!("{name} {:.2}", changes[index]);
                for step in report.steps.iter().filter(|step| step.applied) {
                    eprintln!("    {} {:?}", step.name, step.parameters);
                }
            }
            if let Some(folder) = write {
                save(&ours, &folder.join(format!("good_{name}_{index}.png")))?;
            }
        }
        println!("| {name} | {:.2} | {:.2} |", changes[0], changes[1]);
    }
    let [first, second] = sums.map(|sum| sum / files.len().max(1) as f64);
    println!("| mean | {first:.2} | {second:.2} |");
    println!("| most | {:.2} | {:.2} |", most[0], most[1]);
    Ok(())
}

/// Good pictures with faults put on: the difference to the picture as it was, before and after, with and
/// without a camera's word.
fn measure_degraded(folder: &Path, write: Option<&Path>) -> Result<(), Failure> {
    let files = jpegs(folder)?;
    println!("\n| picture, fault | as taken | naive | from a camera | without EXIF |");
    println!("|---|---|---|---|---|");
    for fault in degrade::FAULTS {
        // Of the photos from a camera and of those without its word: falls, photos that got worse.
        let mut falls = [0.0; 2];
        let mut worse = [0; 2];
        for file in &files {
            // Small enough for many pictures, large enough for the noise to count.
            let good = fit(&load(file)?.picture, 1400)?.into_eight();
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            let faulty = fault.put_on(&good)?;
            let before = mean_difference(&faulty, &good, &[]);
            let naive = mean_difference(&naive(&faulty), &good, &[]);
            let mut after = [0.0; 2];
            for (index, spoken) in [true, false].into_iter().enumerate() {
                let source = with_camera(&faulty, spoken);
                let (ours, report) = enhance(vec![source], 0, &aligned(), &Look::default())?;
                after[index] = mean_difference(&ours, &good, &[]);
                falls[index] += 1.0 - after[index] / before;
                worse[index] += usize::from(after[index] > before);
                if std::env::var_os("VERBOSE").is_some() {
                    eprintln!("{name}, {} {before:.2} {:.2}", fault.name, after[index]);
                    for step in report.steps.iter().filter(|step| step.applied) {
                        eprintln!("    {} {:?}", step.name, step.parameters);
                    }
                }
                if let Some(folder) = write {
                    let fault = fault.name.replace([' ', ','], "_");
                    save(&ours, &folder.join(format!("{fault}_{name}_{index}.png")))?;
                }
            }
            println!(
                "| {name}, {} | {before:.2} | {naive:.2} | {:.2} | {:.2} |",
                fault.name, after[0], after[1]
            );
        }
        let [first, second] = falls.map(|fall| 100.0 * fall / files.len().max(1) as f64);
        println!(
            "| {}: mean fall | | | {first:.1} % | {second:.1} % |",
            fault.name
        );
        println!(
            "| {}: got worse | | | {} | {} |",
            fault.name, worse[0], worse[1]
        );
    }
    Ok(())
}

/// What a first script does: grey-world gains, the log-average to a fixed brightness, a shoulder.
fn naive(picture: &Picture) -> Picture {
    let tables = TransferTables::shared();
    let Samples::Eight(samples) = &picture.samples else {
        return picture.clone();
    };
    let mut sums = [0.0_f64; 3];
    for pixel in samples.chunks_exact(3) {
        for (sum, &sample) in sums.iter_mut().zip(pixel) {
            *sum += f64::from(tables.decode_eight(sample));
        }
    }
    let grey = sums.iter().sum::<f64>() / 3.0;
    let gains = sums.map(|sum| (grey / sum.max(1e-9)) as f32);
    let balanced = |pixel: &[u8]| {
        [0, 1, 2].map(|channel| tables.decode_eight(pixel[channel]) * gains[channel])
    };
    let logarithms: f64 = samples
        .chunks_exact(3)
        .map(|pixel| f64::from(luminance(balanced(pixel)) + 1e-3).ln())
        .sum();
    let gain = (0.3 / (logarithms / picture.pixels() as f64).exp()).clamp(1.0, 8.0) as f32;
    let samples = samples
        .chunks_exact(3)
        .flat_map(|pixel| balanced(pixel).map(|value| value * gain))
        .map(|value| {
            let value = if value > 0.7 {
                0.7 + 0.3 * (1.0 - (-(value - 0.7) / 0.3).exp())
            } else {
                value
            };
            (tables.encode_sixteen(value) / 257) as u8
        })
        .collect();
    Picture {
        samples: Samples::Eight(samples),
        ..*picture
    }
}

/// The mean CIEDE2000 difference outside the window panes.
fn mean_difference(picture: &Picture, truth: &Picture, labels: &[u8]) -> f64 {
    let (Samples::Eight(first), Samples::Eight(second)) = (&picture.samples, &truth.samples) else {
        return f64::NAN;
    };
    let rows: Vec<(f64, u32)> = first
        .par_chunks(picture.width * 3)
        .zip(second.par_chunks(picture.width * 3))
        .enumerate()
        .map(|(y, (first, second))| {
            let mut sum = (0.0, 0);
            for (x, (first, second)) in first.chunks(3).zip(second.chunks(3)).enumerate() {
                if labels.get(y * picture.width + x) == Some(&WINDOW_VIEW) {
                    continue;
                }
                let lab = |pixel: &[u8]| srgb8_to_lab([pixel[0], pixel[1], pixel[2]]);
                sum = (sum.0 + delta_e_2000(lab(first), lab(second)), sum.1 + 1);
            }
            sum
        })
        .collect();
    let (sum, count) = rows
        .into_iter()
        .fold((0.0, 0), |all, row| (all.0 + row.0, all.1 + row.1));
    sum / f64::from(count.max(1))
}

fn load(path: &Path) -> Result<SourcePicture, Failure> {
    let bytes = fs_err::read(path)?;
    let capture = capture(&bytes);
    Ok(SourcePicture {
        picture: decode(&bytes, &DecodeLimits::default())?.into_eight(),
        iso: capture.iso,
        focal_length_35mm: capture.focal_length_35mm,
        exposure_value: None,
        light: scene_light(&bytes),
    })
}

fn load_labels(path: &Path) -> Result<Vec<u8>, Failure> {
    // The class is the palette's index: the decoder must not look the colour up.
    let mut decoder = png::Decoder::new(std::io::BufReader::new(fs_err::File::open(path)?));
    decoder.set_transformations(png::Transformations::IDENTITY);
    let mut reader = decoder.read_info()?;
    let mut labels = vec![0; reader.output_buffer_size().ok_or("an odd size")?];
    let info = reader.next_frame(&mut labels)?;
    labels.truncate(info.buffer_size());
    Ok(labels)
}

fn save(picture: &Picture, path: &Path) -> Result<(), Failure> {
    if let Samples::Eight(samples) = &picture.samples {
        image::save_buffer(
            path,
            samples,
            picture.width as u32,
            picture.height as u32,
            image::ExtendedColorType::Rgb8,
        )?;
    }
    Ok(())
}
