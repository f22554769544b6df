//! Brackets in which something moves, many of them: how many pixels of the fused picture mix two things.
//!
//! `cargo run --release --example ghost_suite -- FOLDER [SETS] [FIRST]` reads `01-living-a_bracket{-2,+0,+2}.jpg`
//! in the folder, puts persons, chairs, fans, curtains, cars and cats of many tones into parts of it, and prints a
//! line for each set and the totals. `--still` leaves them out and counts false alarms.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program for measuring"
)]

#[path = "../tests/it/support/moving.rs"]
mod moving;

use moving::{Moving, part};
use remedia::imaging::{DecodeLimits, decode};

const WIDTH: usize = 640;
const HEIGHT: usize = 440;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let still = arguments.iter().any(|argument| argument == "--still");
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
    let (mut worst, mut clean, mut sum, mut count) = (0.0_f64, 0_u32, 0.0, 0_u32);
    for seed in first..first + sets {
        let room = part(&bracket, seed, WIDTH, HEIGHT);
        let moving = Moving::new(seed, WIDTH, HEIGHT);
        let measured = if still {
            let fused = moving.clone().still().fused(&room, [None; 3]);
            fused.map(|(_, share)| (share, share))
        } else {
            moving.blended(&room)
        };
        let Some((blended, share)) = measured else {
            println!(
                "{seed:4} {:?} left out: an exposure cannot be aligned",
                moving.thing
            );
            continue;
        };
        count += 1;
        worst = worst.max(blended);
        clean += u32::from(blended < 0.01);
        sum += blended;
        println!(
            "{seed:4} {:?} {blended:.4} of its pixels, ghost share {share:.3}",
            moving.thing
        );
    }
    let mean = sum / f64::from(count.max(1));
    println!("{count} sets, {clean} below 0.01; mean {mean:.4}, worst {worst:.4}");
}
