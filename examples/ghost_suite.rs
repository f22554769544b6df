//! Brackets in which something moves, many of them: how many pixels of the fused picture mix two things.
//!
//! `cargo run --release --example ghost_suite -- FOLDER [SETS] [FIRST]` reads `01-living-a_bracket{-2,+0,+2}.jpg`
//! in the folder, puts persons, chairs, fans, curtains, cars and cats of many tones into parts of it, and prints a
//! line for each set and the totals. `--still` leaves them out and counts false alarms; `--pictures=FOLDER` writes
//! the exposures, the fused picture and what is wrong with it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program for measuring"
)]

#[path = "../tests/it/support/moving.rs"]
mod moving;

use moving::{Measured, Moving, VALUES, part};
use remedia::imaging::{DecodeLimits, JpegOptions, Picture, decode, encode_jpeg};
use remedia::local::fusion::fuse;

const WIDTH: usize = 640;
const HEIGHT: usize = 440;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let still = arguments.iter().any(|argument| argument == "--still");
    let pictures = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("--pictures="));
    let mut plain = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"));
    let folder = plain
        .next()
        .cloned()
        .unwrap_or_else(|| "fixtures/listings/maple-street".to_owned());
    let sets: u64 = plain.next().map_or(72, |text| text.parse().unwrap());
    let first: u64 = plain.next().map_or(0, |text| text.parse().unwrap());
    let bracket = ["-2", "+0", "+2"].map(|exposure| {
        let path = format!("{folder}/01-living-a_bracket{exposure}.jpg");
        let bytes = fs_err::read(path).unwrap();
        decode(&bytes, &DecodeLimits::default())
            .unwrap()
            .into_eight()
    });
    let mut all: Vec<Measured> = Vec::new();
    for seed in first..first + sets {
        let room = part(&bracket, seed, WIDTH, HEIGHT);
        let mut moving = Moving::new(seed, WIDTH, HEIGHT);
        if still {
            moving = moving.still();
        }
        let Some(measured) = moving.measured(&room) else {
            println!("{seed:4} {:?} nothing to fuse", moving.thing);
            continue;
        };
        println!(
            "{seed:4} {:?} blended {:.4}, not as in the reference {:.4}, ghost share {:.3}, left out {}",
            moving.thing, measured.blended, measured.other, measured.ghost_share, measured.left_out
        );
        if let Some(folder) = pictures {
            save(folder, seed, &moving, &room, &measured);
        }
        all.push(measured);
    }
    total("blended", all.iter().map(|measured| measured.blended));
    total(
        "not as in the reference",
        all.iter().map(|measured| measured.other),
    );
    total(
        "ghost share",
        all.iter().map(|measured| measured.ghost_share),
    );
    let left_out: usize = all.iter().map(|measured| measured.left_out).sum();
    println!("{left_out} exposures left out");
}

fn total(name: &str, values: impl Iterator<Item = f64>) {
    let values: Vec<f64> = values.collect();
    let clean = values.iter().filter(|value| **value < 0.01).count();
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let worst = values.iter().copied().fold(0.0, f64::max);
    println!(
        "{name}: {} sets, {clean} below 0.01; mean {mean:.4}, worst {worst:.4}",
        values.len()
    );
}

/// The exposures, the fused picture, and what is wrong with it: mixtures red, what is not as in the reference green.
fn save(folder: &str, seed: u64, moving: &Moving, room: &[Picture; 3], measured: &Measured) {
    fs_err::create_dir_all(folder).unwrap();
    let exposures = moving.exposures(room, moving.places);
    let told = [0, 1, 2].map(|index| (&exposures[index], Some(VALUES[index])));
    let fused = fuse(&told, 1).unwrap().0.into_eight();
    let mut wrong = vec![0_u8; WIDTH * HEIGHT * 3];
    for &(index, blended, other) in &measured.pixels {
        wrong[index * 3] = if blended { 255 } else { 40 };
        wrong[index * 3 + 1] = if other { 255 } else { 40 };
    }
    let wrong = Picture::from_eight(WIDTH, HEIGHT, wrong).unwrap();
    let [dark, middle, bright] = &exposures;
    for (name, picture) in [
        ("0", dark),
        ("1", middle),
        ("2", bright),
        ("fused", &fused),
        ("wrong", &wrong),
    ] {
        let jpeg = encode_jpeg(picture, &JpegOptions::default()).unwrap();
        fs_err::write(format!("{folder}/{seed}-{name}.jpg"), jpeg).unwrap();
    }
}
