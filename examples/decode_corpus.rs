//! Decodes every file below a folder, prints what became of each, and a table by kind (the first folder of its
//! name, or what the file is):
//!
//!     cargo run --release --example decode_corpus -- FOLDER [--write FOLDER] [--seconds 20] [--quiet]
//!
//! With `--write` each picture is written as `NAME.ppm` (upright, sRGB, 8 bits) and each refusal as `NAME.refused`
//! (the reason), so that another program can compare; `tests/second_reader` does. Where `NAME.expected.ppm` lies
//! beside a file, it is compared with that: more than two levels apart anywhere is wrong. Meant for other projects'
//! collections of odd pictures, too. Ends with 1 if a file is wrong or took longer than the time limit, and with a
//! panic's own status if one panicked: nothing is caught.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the table is what this example is for"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use remedia::fsx::printable;
use remedia::imaging::{self, DecodeLimits, Picture, Samples};

/// What the command line says.
struct Options {
    folder: PathBuf,
    write: Option<PathBuf>,
    seconds: u64,
    quiet: bool,
}

/// Files of one kind.
#[derive(Default)]
struct Tally {
    right: usize,
    refused: usize,
    wrong: usize,
}

/// What became of a file.
enum Outcome {
    Decoded(Box<Picture>, String),
    Refused(String),
}

fn options() -> Option<Options> {
    let mut arguments = std::env::args_os().skip(1);
    let mut options = Options {
        folder: arguments.next().map(PathBuf::from)?,
        write: None,
        seconds: 20,
        quiet: false,
    };
    while let Some(argument) = arguments.next() {
        match argument.to_str()? {
            "--write" => options.write = Some(arguments.next()?.into()),
            "--seconds" => options.seconds = arguments.next()?.to_str()?.parse().ok()?,
            "--quiet" => options.quiet = true,
            _ => return None,
        }
    }
    Some(options)
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("usage: decode_corpus FOLDER [--write FOLDER] [--seconds N] [--quiet]");
        return ExitCode::from(2);
    };
    let mut files = Vec::new();
    collect(&options.folder, &mut files);
    files.sort();
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for file in &files {
        let relative = file.strip_prefix(&options.folder).unwrap_or(file);
        let name = printable(&relative.to_string_lossy());
        let start = Instant::now();
        let (sender, receiver) = mpsc::channel();
        let path = file.clone();
        let worker = std::thread::spawn(move || {
            let outcome = examine(&path);
            // The receiver is gone only after the time limit, when nobody wants the answer.
            let _ = sender.send(outcome);
        });
        let (kind, outcome) = match receiver.recv_timeout(Duration::from_secs(options.seconds)) {
            Ok(outcome) => outcome,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                println!("HANGS    {name}");
                return ExitCode::FAILURE;
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                println!("PANICS   {name}");
                return match worker.join() {
                    Ok(()) => ExitCode::FAILURE,
                    Err(panic) => std::panic::resume_unwind(panic),
                };
            }
        };
        let milliseconds = start.elapsed().as_millis();
        let kind = match relative.components().count() {
            0 | 1 => kind,
            _ => relative.components().next().map_or(kind, |first| {
                first.as_os_str().to_string_lossy().into_owned()
            }),
        };
        let tally = tallies.entry(kind).or_default();
        let (word, text) = judged(file, &outcome, tally);
        if !options.quiet || word == "WRONG" {
            println!("{word:8} {milliseconds:>6} ms  {name}  {text}");
        }
        if let Some(folder) = &options.write
            && let Err(error) = write(folder, relative, &outcome)
        {
            eprintln!("{name}: {error}");
            return ExitCode::FAILURE;
        }
    }
    table(&tallies)
}

fn judged(file: &Path, outcome: &Outcome, tally: &mut Tally) -> (&'static str, String) {
    match outcome {
        Outcome::Refused(reason) => {
            tally.refused += 1;
            ("refused", reason.clone())
        }
        Outcome::Decoded(picture, text) => {
            let mut expected = file.as_os_str().to_owned();
            expected.push(".expected.ppm");
            let expected = fs_err::read(PathBuf::from(expected)).ok();
            if expected.is_none_or(|expected| agrees(picture, &expected)) {
                tally.right += 1;
                ("decoded", text.clone())
            } else {
                tally.wrong += 1;
                ("WRONG", text.clone())
            }
        }
    }
}

fn table(tallies: &BTreeMap<String, Tally>) -> ExitCode {
    let width = tallies
        .keys()
        .map(|kind| kind.chars().count())
        .max()
        .unwrap_or(0)
        .max(4);
    println!("{:width$}  right  refused  wrong", "kind");
    let mut sum = Tally::default();
    for (kind, tally) in tallies {
        let Tally {
            right,
            refused,
            wrong,
        } = tally;
        println!("{kind:width$}  {right:>5}  {refused:>7}  {wrong:>5}");
        sum.right += right;
        sum.refused += refused;
        sum.wrong += wrong;
    }
    let Tally {
        right,
        refused,
        wrong,
    } = sum;
    println!("{:width$}  {right:>5}  {refused:>7}  {wrong:>5}", "all");
    if let Some(peak) = peak_memory() {
        println!("peak memory {peak}");
    }
    if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What the file is, and what became of it.
fn examine(path: &Path) -> (String, Outcome) {
    let bytes = match fs_err::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return ("unreadable".to_owned(), Outcome::Refused(error.to_string())),
    };
    let capture = imaging::capture(&bytes);
    let header = match imaging::probe(&bytes) {
        Ok(header) => header,
        Err(error) => return ("not read".to_owned(), Outcome::Refused(error.to_string())),
    };
    let kind = format!("{:?}", header.format).to_lowercase();
    let outcome = match imaging::decode(&bytes, &DecodeLimits::default()) {
        Err(error) => Outcome::Refused(error.to_string()),
        Ok(picture) => {
            let taken = capture.taken.unwrap_or_default();
            let notes = imaging::look(&bytes, &DecodeLimits::default(), 64).map_or_else(
                |error| format!("LOOK DIFFERS: {error}"),
                |look| look.notes.join("; "),
            );
            let text = format!(
                "{kind} {} x {}, {} bits, orientation {} {taken} {notes}",
                picture.width, picture.height, header.bits_per_sample, header.orientation
            );
            Outcome::Decoded(Box::new(picture.into_eight()), text)
        }
    };
    (kind, outcome)
}

/// Whether the picture is that of a PPM file, within two levels.
fn agrees(picture: &Picture, ppm: &[u8]) -> bool {
    let head = format!("P6\n{} {}\n255\n", picture.width, picture.height);
    let (Some(expected), Samples::Eight(samples)) =
        (ppm.strip_prefix(head.as_bytes()), &picture.samples)
    else {
        return false;
    };
    expected.len() == samples.len()
        && expected
            .iter()
            .zip(samples)
            .all(|(one, other)| one.abs_diff(*other) <= 2)
}

fn write(folder: &Path, relative: &Path, outcome: &Outcome) -> std::io::Result<()> {
    let mut target = folder.join(relative).into_os_string();
    let content = match outcome {
        Outcome::Decoded(picture, _) => {
            target.push(".ppm");
            let mut content =
                format!("P6\n{} {}\n255\n", picture.width, picture.height).into_bytes();
            if let Samples::Eight(samples) = &picture.samples {
                content.extend(samples);
            }
            content
        }
        Outcome::Refused(reason) => {
            target.push(".refused");
            reason.clone().into_bytes()
        }
    };
    let target = PathBuf::from(target);
    if let Some(parent) = target.parent() {
        fs_err::create_dir_all(parent)?;
    }
    fs_err::write(&target, &content)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs_err::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect(&path, files),
            Ok(kind) if kind.is_file() && !path.to_string_lossy().ends_with(".expected.ppm") => {
                files.push(path);
            }
            _ => {}
        }
    }
}

/// The process's largest resident size, where the system tells it.
fn peak_memory() -> Option<String> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.trim_start_matches("VmHWM:").trim().to_owned())
}
