//! Runs probe, EXIF and full decode over every file below a folder and prints what became of each:
//! `cargo run --release --example decode_corpus -- FOLDER [--seconds 20]`. Meant for other
//! projects' collections of odd images. Ends with 1 if a file took longer than the time limit, and
//! with a panic's own status if one panicked: nothing is caught.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the table is what this example is for"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use remedia::fsx::printable;
use remedia::imaging::{self, DecodeLimits};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(folder) = arguments.next().map(PathBuf::from) else {
        eprintln!("usage: decode_corpus FOLDER [--seconds N]");
        return ExitCode::from(2);
    };
    let seconds = arguments
        .nth(1)
        .and_then(|text| text.to_str()?.parse().ok())
        .unwrap_or(20);
    let mut files = Vec::new();
    collect(&folder, &mut files);
    files.sort();
    let (mut decoded, mut refused) = (0, 0);
    for file in &files {
        let name = printable(&file.strip_prefix(&folder).unwrap_or(file).to_string_lossy());
        let start = Instant::now();
        let (sender, receiver) = mpsc::channel();
        let path = file.clone();
        let worker = std::thread::spawn(move || {
            let outcome = examine(&path);
            // The receiver is gone only after the time limit, when nobody wants the answer.
            let _ = sender.send(outcome);
        });
        match receiver.recv_timeout(Duration::from_secs(seconds)) {
            Ok(outcome) => {
                let milliseconds = start.elapsed().as_millis();
                match &outcome {
                    Ok(_) => decoded += 1,
                    Err(_) => refused += 1,
                }
                let (word, text) = match outcome {
                    Ok(text) => ("decoded", text),
                    Err(text) => ("refused", text),
                };
                println!("{word}  {milliseconds:>6} ms  {name}  {text}");
            }
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
        }
    }
    println!(
        "{} files: {decoded} decoded, {refused} refused",
        files.len()
    );
    if let Some(peak) = peak_memory() {
        println!("peak memory {peak}");
    }
    ExitCode::SUCCESS
}

fn examine(path: &Path) -> Result<String, String> {
    let bytes = fs_err::read(path).map_err(|error| error.to_string())?;
    let capture = imaging::capture(&bytes);
    let header = imaging::probe(&bytes).map_err(|error| error.to_string())?;
    let complete = imaging::check_complete(&bytes, header.format);
    let picture = imaging::decode(&bytes, &DecodeLimits::default());
    let late = if complete.is_ok() {
        ""
    } else {
        " (known from the structure)"
    };
    let picture = picture.map_err(|error| format!("{error}{late}"))?;
    let taken = capture.taken.unwrap_or_default();
    Ok(format!(
        "{:?} {} x {}, {} bits, orientation {} {taken}",
        header.format, picture.width, picture.height, header.bits_per_sample, header.orientation
    ))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs_err::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect(&entry.path(), files),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
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
