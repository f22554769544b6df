//! Whether chosen light stays and faults of the light are still mended, over a folder of labelled pictures:
//!
//!     cargo run --release --example light_suite -- FOLDER [--list]
//!
//! FOLDER holds folders whose names begin with `positive-` (dusk, night, sunset, lamps, coloured light) or
//! `negative-` (daylight, underexposed, casts), one class each. For each class it counts what is taken for chosen
//! light, by remedia and by a naive rule (dark on average and blue in the median), and of what remedia recognised
//! the change of the level in EV and of the sky's hue in degrees. `--list` names the mistakes.

#![expect(clippy::print_stdout, reason = "a program for measuring")]

use std::path::{Path, PathBuf};

use remedia::domain::enhancement::{EnhancementSettings, Look};
use remedia::imaging::color::{TransferTables, luminance, srgb8_to_lab};
use remedia::imaging::{DecodeLimits, Picture, Samples, capture, decode, scene_light};
use remedia::local::{SourcePicture, enhance};

type Failure = Box<dyn std::error::Error>;

/// The part of a picture's height that is taken for its sky, and the chroma from which a colour has a hue.
const SKY: f64 = 0.25;
const COLOURFUL: f64 = 5.0;

#[derive(Default)]
struct Class {
    pictures: u32,
    naive: u32,
    recognised: u32,
    /// Of what was recognised: the greatest changes, and how many keep their balance.
    most_ev: f64,
    most_hue: f64,
    balanced: u32,
    /// Of what was not: the mean change of the level.
    ev_of_others: f64,
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let list = arguments.iter().any(|one| one == "--list");
    let folder = (arguments.iter()).find(|one| !one.starts_with("--"));
    let folder = folder.ok_or("which folder holds the labelled pictures?")?;
    println!(
        "| class | pictures | naive | remedia | most EV | most hue | balance changed | EV of the others |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let (mut found, mut positives, mut wrong, mut negatives) = (0, 0, 0, 0);
    for path in sorted(Path::new(folder))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let positive = name.starts_with("positive-");
        if !positive && !name.starts_with("negative-") {
            continue;
        }
        let mut class = Class::default();
        for picture in sorted(&path)? {
            let recognised = measure(&picture, &mut class)?;
            if list && recognised != positive {
                println!("{}", picture.display());
            }
        }
        if positive {
            found += class.recognised;
            positives += class.pictures;
        } else {
            wrong += class.recognised;
            negatives += class.pictures;
        }
        let others = f64::from((class.pictures - class.recognised).max(1));
        println!(
            "| {name} | {} | {} | {} | {:.2} | {:.1} | {} | {:.2} |",
            class.pictures,
            class.naive,
            class.recognised,
            class.most_ev,
            class.most_hue,
            class.balanced,
            class.ev_of_others / others,
        );
    }
    println!("\n{found} of {positives} found, {wrong} of {negatives} wrongly");
    Ok(())
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Enhances one picture and counts it; whether its light was taken for chosen.
fn measure(path: &Path, class: &mut Class) -> Result<bool, Failure> {
    let bytes = fs_err::read(path)?;
    let before = decode(&bytes, &DecodeLimits::default())?.into_eight();
    let capture = capture(&bytes);
    let source = SourcePicture {
        picture: before.clone(),
        iso: capture.iso,
        focal_length_35mm: capture.focal_length_35mm,
        exposure_value: None,
        light: scene_light(&bytes),
    };
    // The geometry would move the sky; it has nothing to do with the light.
    let settings = EnhancementSettings {
        vertical_correction: remedia::domain::enhancement::StepSetting::Off,
        roll_correction: remedia::domain::enhancement::StepSetting::Off,
        ..EnhancementSettings::default()
    };
    let (after, report) = enhance(vec![source], 0, &settings, &Look::default())?;
    let step = report.step("white_balance").ok_or("no white balance")?;
    let said = step.reason.as_deref().unwrap_or_default();
    let recognised = !step.applied && said.contains("kept as");
    let change = level(&after) - level(&before);
    class.pictures += 1;
    class.naive += u32::from(naive(&before));
    if recognised {
        class.recognised += 1;
        class.most_ev = class.most_ev.max(change.abs());
        class.balanced += u32::from(step.applied);
        if let Some(turn) = turn_of_sky(&before, &after) {
            class.most_hue = class.most_hue.max(turn);
        }
    } else {
        class.ev_of_others += change;
    }
    Ok(recognised)
}

fn pixels(picture: &Picture) -> &[[u8; 3]] {
    match &picture.samples {
        Samples::Eight(samples) => samples.as_chunks::<3>().0,
        Samples::Sixteen(_) => &[],
    }
}

fn linear(pixel: [u8; 3]) -> [f32; 3] {
    pixel.map(|sample| TransferTables::shared().decode_eight(sample))
}

/// The mean luminance in EV.
fn level(picture: &Picture) -> f64 {
    let all = pixels(picture);
    let sum: f64 = (all.iter())
        .map(|&pixel| f64::from(luminance(linear(pixel))))
        .sum();
    (sum / all.len().max(1) as f64).max(1e-5).log2()
}

/// How far the mean hue of the sky's colourful part has turned, in degrees.
fn turn_of_sky(before: &Picture, after: &Picture) -> Option<f64> {
    let sky = (before.height as f64 * SKY) as usize * before.width;
    let (mut old, mut new, mut count) = ([0.0_f64; 2], [0.0_f64; 2], 0_u32);
    for (&one, &other) in pixels(before).iter().zip(pixels(after)).take(sky) {
        let [one, other] = [one, other].map(srgb8_to_lab);
        if one.a.hypot(one.b) > COLOURFUL {
            old = [old[0] + one.a, old[1] + one.b];
            new = [new[0] + other.a, new[1] + other.b];
            count += 1;
        }
    }
    (count as usize * 20 > sky).then(|| {
        let turn = old[1].atan2(old[0]) - new[1].atan2(new[0]);
        turn.sin().atan2(turn.cos()).to_degrees().abs()
    })
}

fn naive(picture: &Picture) -> bool {
    let all = pixels(picture);
    let median = [0, 1, 2].map(|channel| {
        let mut values: Vec<u8> = all.iter().map(|pixel| pixel[channel]).collect();
        let middle = values.len() / 2;
        *values.select_nth_unstable(middle).1
    });
    level(picture) < 0.1_f64.log2() && median[2] > median[0].max(median[1])
}
