//! Damages good JPEGs in the ways of failing cards and copies, and asks two things of each mutant: does anything that
//! libjpeg's own reader calls corrupt pass in silence, and how much of what is used is not as it was?
//!
//!     cargo run --release --example jpeg_mutants -- FOLDER [MUTANTS [SEED]]
//!
//! The good files are all JPEGs below FOLDER (those of `tests/second_reader/make_jpeg.py` are of all layouts); each is
//! looked at unchanged first, and must be used without a note. djpeg is asked as a process of its own where it is
//! installed, else the library through this build's own door. Ends with 1 where a mutant passes in silence, a good file
//! is refused, or looking and decoding disagree.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the table is what this example is for"
)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use remedia::imaging::{self, DecodeLimits, Picture, Samples};

const KINDS: [&str; 12] = [
    "one bit",
    "three bytes",
    "zeros",
    "another file's bytes",
    "cut",
    "cut with end marker",
    "last 2 % cut",
    "last 2 % cut, end marker",
    "another file's data behind a cut",
    "another file behind a cut",
    "zeros to the end",
    "bytes lost",
];

/// Numbers without a pattern, from a seed (xorshift).
struct Chance(u64);

impl Chance {
    const fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % if bound == 0 { 1 } else { bound as u64 }) as usize
    }
}

#[derive(Default)]
struct Tally {
    refused: usize,
    noted: usize,
    used: usize,
    corrupt: usize,
    silent: usize,
    /// Used, with or without a note, although more than 4 % of the picture is visibly not as it was.
    broken: usize,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(folder) = arguments.next().map(PathBuf::from) else {
        eprintln!("usage: jpeg_mutants FOLDER [MUTANTS [SEED]]");
        return ExitCode::from(2);
    };
    let mut number = |default: u64| {
        let text = arguments.next();
        text.and_then(|text| text.to_str()?.parse().ok())
            .unwrap_or(default)
    };
    let (mutants, seed) = (number(2000) as usize, number(12));
    let djpeg = Command::new("djpeg").arg("-version").output().is_ok();
    let asked = if djpeg {
        "djpeg"
    } else {
        "this build's own libjpeg"
    };
    let mut sources = Vec::new();
    collect(&folder, &mut sources);
    sources.sort_by(|one, other| one.0.cmp(&other.0));
    let mut failed = false;
    sources.retain(|(path, bytes)| {
        let good = corrupt(bytes, djpeg) == Some(false);
        let look = imaging::look(bytes, &DecodeLimits::default(), 512);
        // What the reference itself stumbles over is no good file to begin with.
        let right = !good || look.as_ref().is_ok_and(|look| look.notes.is_empty());
        if !right {
            println!(
                "FALSE ALARM  {}: {:?}",
                path.display(),
                look.map(|look| look.notes)
            );
            failed = true;
        }
        good && right && data_start(bytes) + 1000 < bytes.len()
    });
    if sources.len() < 2 {
        eprintln!(
            "{} has no two good JPEGs with a kilobyte of data",
            folder.display()
        );
        return ExitCode::from(2);
    }
    println!(
        "{} good files, {mutants} mutants, seed {seed}, asked: {asked}",
        sources.len()
    );
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    for round in 0..mutants {
        let (path, good) = &sources[chance.below(sources.len())];
        let (_, other) = &sources[chance.below(sources.len())];
        let kind = chance.below(KINDS.len());
        let bytes = mutant(good, other, kind, &mut chance);
        if &bytes == good {
            continue;
        }
        let tally = tallies.entry(KINDS[kind]).or_default();
        let look = imaging::look(&bytes, &DecodeLimits::default(), 512);
        let decoded = imaging::decode(&bytes, &DecodeLimits::default());
        if look.is_ok() != decoded.is_ok() {
            println!(
                "DISAGREE  round {round}: {} {}",
                path.display(),
                KINDS[kind]
            );
            failed = true;
        }
        let is_corrupt = corrupt(&bytes, djpeg).unwrap_or(true);
        tally.corrupt += usize::from(is_corrupt);
        let Ok(look) = look else {
            tally.refused += 1;
            continue;
        };
        let noted = !look.notes.is_empty();
        tally.noted += usize::from(noted);
        tally.used += usize::from(!noted);
        if is_corrupt && !noted {
            println!("SILENT  round {round}: {} {}", path.display(), KINDS[kind]);
            tally.silent += 1;
            failed = true;
        }
        let whole = imaging::decode(good, &DecodeLimits::default());
        if let (Ok(whole), Ok(decoded)) = (whole, decoded) {
            tally.broken += usize::from(changed_share(&whole, &decoded) > 0.04);
        }
    }
    table(&tallies);
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn table(tallies: &BTreeMap<&str, Tally>) {
    println!(
        "{:34} corrupt  refused  with note  used  silent  used but visibly changed",
        "kind"
    );
    let mut sum = [0; 6];
    for (kind, tally) in tallies {
        let row = [
            tally.corrupt,
            tally.refused,
            tally.noted,
            tally.used,
            tally.silent,
            tally.broken,
        ];
        print_row(kind, &row);
        for (sum, value) in sum.iter_mut().zip(row) {
            *sum += value;
        }
    }
    print_row("all", &sum);
}

fn print_row(kind: &str, row: &[usize; 6]) {
    let [corrupt, refused, noted, used, silent, broken] = row;
    println!(
        "{kind:34} {corrupt:>7}  {refused:>7}  {noted:>9}  {used:>4}  {silent:>6}  {broken:>6}"
    );
}

/// Start of the data of the first scan, found by its segments: a thumbnail has scans of its own.
fn data_start(jpeg: &[u8]) -> usize {
    let mut position = 2;
    while let Some(&[mark, marker, high, low]) =
        jpeg.get(position..).and_then(|rest| rest.first_chunk())
    {
        if mark != 0xff || marker == 0xff {
            position += 1;
            continue;
        }
        position += 2 + usize::from(high) * 256 + usize::from(low);
        if marker == 0xda {
            return position.min(jpeg.len());
        }
    }
    jpeg.len()
}

fn mutant(good: &[u8], other: &[u8], kind: usize, chance: &mut Chance) -> Vec<u8> {
    let (start, end) = (data_start(good), good.len() - 2);
    let at = start + chance.below(end.saturating_sub(start));
    let late = end - 1 - chance.below((end - start) / 50);
    let until = (at + [512, 4096, 16_384, 65_536][chance.below(4)]).min(end);
    let foreign = &other[data_start(other)..];
    let mut bytes = good.to_vec();
    match kind {
        0 => bytes[at] ^= 1 << chance.below(8),
        1 => {
            for _ in 0..3 {
                let at = start + chance.below(end.saturating_sub(start));
                bytes[at] = chance.below(256) as u8;
            }
        }
        2 => bytes[at..until].fill(0),
        3 => {
            let from = chance.below(foreign.len() / 2);
            let length = (until - at).min(foreign.len() - from);
            bytes[at..at + length].copy_from_slice(&foreign[from..from + length]);
        }
        4 => bytes.truncate(at),
        5 => {
            bytes.truncate(at);
            bytes.extend([0xff, 0xd9]);
        }
        6 => bytes.truncate(late),
        7 => {
            bytes.truncate(late);
            bytes.extend([0xff, 0xd9]);
        }
        8 => {
            bytes.truncate(at);
            bytes.extend(&foreign[chance.below(foreign.len() / 2)..]);
        }
        9 => {
            bytes.truncate(at);
            bytes.extend(other);
        }
        10 => bytes[at..end].fill(0),
        _ => drop(bytes.drain(at..(at + 1 + chance.below(300)).min(end))),
    }
    bytes
}

/// Whether the reference complains of a file; `None` where it cannot be asked.
fn corrupt(bytes: &[u8], djpeg: bool) -> Option<bool> {
    if !djpeg {
        let limits = remedia_jpeg::Limits {
            max_pixels: 1 << 28,
            max_memory: 1 << 31,
            max_scans: 500,
        };
        let told = remedia_jpeg::decode(bytes, remedia_jpeg::Scale::Eighth, &limits);
        return Some(
            told.image.is_err()
                || !told.report.warnings.is_empty()
                || told.report.ran_out.is_some(),
        );
    }
    let mut child = Command::new("djpeg")
        .arg("-pnm")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    // It stops reading where it has seen enough.
    let _ = child.stdin.take()?.write_all(bytes);
    let output = child.wait_with_output().ok()?;
    Some(!output.status.success() || !output.stderr.is_empty())
}

/// The share of 8 x 8 blocks in which a tenth of the samples is more than eight levels away.
fn changed_share(one: &Picture, other: &Picture) -> f64 {
    let (Samples::Eight(a), Samples::Eight(b)) = (&one.samples, &other.samples) else {
        return 1.0;
    };
    if (one.width, one.height) != (other.width, other.height) {
        return 1.0;
    }
    let (mut changed, mut blocks) = (0_u32, 0_u32);
    for top in (0..one.height).step_by(8) {
        for left in (0..one.width).step_by(8) {
            let (mut far, mut all) = (0_u32, 0_u32);
            for y in top..(top + 8).min(one.height) {
                let row = y * one.width;
                let samples = (row + left) * 3..(row + (left + 8).min(one.width)) * 3;
                for (a, b) in a[samples.clone()].iter().zip(&b[samples]) {
                    far += u32::from(a.abs_diff(*b) > 8);
                    all += 1;
                }
            }
            blocks += 1;
            changed += u32::from(far * 10 > all);
        }
    }
    f64::from(changed) / f64::from(blocks.max(1))
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    let Ok(entries) = fs_err::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect(&path, files),
            Ok(kind) if kind.is_file() => {
                if let Ok(bytes) = fs_err::read(&path)
                    && bytes.starts_with(&[0xff, 0xd8, 0xff])
                {
                    files.push((path, bytes));
                }
            }
            _ => {}
        }
    }
}
