//! Memory while gigabytes go to a fake Kaggle and come back: the fake runs as a process of its own and its kernels
//! copy what they get.
//!
//!     cargo build --release --example fake_kaggle
//!     cargo run --release --example kaggle_transfer -- target/release/examples/fake_kaggle [MEGABYTES]
//!
//! Prints the time of each way and the peak memory of this process (Linux).

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use remedia::clock::Clock;
use remedia::http::{Client, ClientOptions, Secret};
use remedia::kaggle::{
    Connection, Endpoint, FileToUpload, FileTree, Kaggle, KaggleEnvironment, KernelStatus,
    NewDataset, NewKernel, OutputLimits, Reference, Watch,
};

/// Files that the bytes are spread over.
const FILES: u64 = 8;
const NOTEBOOK: &str = r#"{"cells": [], "metadata": {"kernelspec": {"name": "python3"}}, "nbformat": 4, "nbformat_minor": 5}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let fake = arguments
        .next()
        .ok_or("the program of the fake Kaggle is to be named")?;
    let megabytes: u64 = arguments.next().map_or(Ok(2000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let mut server = Command::new(fake)
        .args(["--token", "KGAT_tester", "--state-folder"])
        .arg(folder.path().join("kaggle"))
        .stdout(Stdio::piped())
        .spawn()?;
    let result = transfer(&mut server, folder.path(), megabytes);
    server.kill()?;
    server.wait()?;
    result
}

fn transfer(
    server: &mut std::process::Child,
    folder: &Path,
    megabytes: u64,
) -> Result<(), Box<dyn Error>> {
    let mut line = String::new();
    let stdout = server.stdout.take().ok_or("the fake Kaggle says nothing")?;
    BufReader::new(stdout).read_line(&mut line)?;
    let address = line.split_whitespace().last().ok_or("no address")?;
    let clock = Clock::system();
    let connection = Connection::new(
        Client::new(ClientOptions::default(), clock),
        Endpoint::from_override(&format!("{address}/api/v1"))?,
        clock,
    );
    let signed_in = connection.sign_in(&KaggleEnvironment {
        api_token: Some(Secret::new("KGAT_tester")),
        ..KaggleEnvironment::default()
    })?;
    let kaggle = Kaggle::new(connection, signed_in);
    let files = write_files(folder, megabytes)?;

    let start = Instant::now();
    let tokens = kaggle.upload_all(&files, &|_, _| Ok(()), &|| false)?;
    let up = start.elapsed();
    let reference = Reference::new(kaggle.user(), "remedia-transfer")?;
    let mut tree = FileTree::new();
    for (file, token) in files.iter().zip(tokens) {
        tree.add(&file.name, token)?;
    }
    kaggle.create_dataset(&NewDataset {
        reference: reference.clone(),
        title: "remedia-transfer".to_owned(),
        description: String::new(),
        files: tree,
    })?;
    let saved = kaggle.save_kernel(&NewKernel {
        reference: reference.clone(),
        title: "remedia-transfer".to_owned(),
        notebook: NOTEBOOK.to_owned(),
        datasets: vec![reference],
        models: Vec::new(),
        machine_shape: None,
        internet: false,
        session_timeout_seconds: None,
        save_only: false,
    })?;
    loop {
        let session = kaggle.kernel_session(&saved.reference, saved.version)?;
        if session.is_some_and(|session| session.status == KernelStatus::Complete) {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
    }

    let start = Instant::now();
    let limits = OutputLimits {
        file_bytes: u64::MAX,
        total_bytes: u64::MAX,
        files: 1000,
    };
    let outputs = kaggle.download_outputs(
        &saved.reference,
        saved.version,
        &folder.join("back"),
        &|_| true,
        limits,
        Watch::none(),
    )?;
    let down = start.elapsed();
    let bytes: u64 = outputs.files.iter().map(|file| file.bytes).sum();
    let mut out = std::io::stdout().lock();
    let speed = |time: Duration| bytes as f64 / 1e6 / time.as_secs_f64();
    writeln!(
        out,
        "{:.0} MB up:   {:.0} MB/s",
        bytes as f64 / 1e6,
        speed(up)
    )?;
    writeln!(
        out,
        "{:.0} MB down: {:.0} MB/s",
        bytes as f64 / 1e6,
        speed(down)
    )?;
    let status = fs_err::read_to_string("/proc/self/status")?;
    for line in status.lines().filter(|line| line.starts_with("VmHWM")) {
        writeln!(
            out,
            "peak memory {}",
            line.trim_start_matches("VmHWM:").trim()
        )?;
    }
    Ok(())
}

fn write_files(folder: &Path, megabytes: u64) -> Result<Vec<FileToUpload>, Box<dyn Error>> {
    let block: Vec<u8> = (0..1_000_000_u32)
        .map(|index| (index % 251) as u8)
        .collect();
    (0..FILES)
        .map(|number| {
            let name = format!("file-{number}.bin");
            let path = folder.join(&name);
            let mut file = fs_err::File::create(&path)?;
            for _ in 0..megabytes / FILES {
                file.write_all(&block)?;
            }
            Ok(FileToUpload {
                name,
                path,
                session: None,
            })
        })
        .collect()
}
