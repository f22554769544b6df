//! The fake service with somebody who asks it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fs_err as fs;
use remedia::clock::Clock;
use remedia::http::{Client, ClientOptions, Secret, Timeouts};
use remedia::kaggle::{
    Connection, Endpoint, FileTree, Kaggle, KaggleEnvironment, NewDataset, NewKernel, OutputLimits,
    Reference, Watch,
};

use crate::fake_kaggle::{
    ClockMode, FakeKaggle, FakeOptions, FaultKind, FaultPlan, KernelSession, KernelWorker,
    ScriptedFault, WorkerEnd,
};

/// A kernel that prints, and leaves a few files.
#[derive(Debug)]
struct Painter {
    files: usize,
    bytes: usize,
    hold: Arc<AtomicBool>,
}

impl KernelWorker for Painter {
    fn run(&self, session: &KernelSession) -> WorkerEnd {
        for index in 0..5 {
            session.log(&format!("line {index}"));
        }
        while self.hold.load(Ordering::SeqCst) && !session.is_stopped() {
            std::thread::sleep(Duration::from_millis(5));
        }
        for index in 0..self.files {
            let path = session.working().join(format!("masks/{index:04}.png"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content(index, self.bytes)).unwrap();
        }
        session.log("done");
        WorkerEnd::Complete
    }
}

/// Bytes that are different in each file and at each place.
pub(super) fn content(index: usize, length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| u8::try_from((at * 31 + at / 251 + index * 7) % 256).unwrap())
        .collect()
}

pub(super) struct Scene {
    pub(super) fake: FakeKaggle,
    pub(super) folder: tempfile::TempDir,
    pub(super) waited: Arc<Mutex<Vec<Duration>>>,
    pub(super) hold: Arc<AtomicBool>,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self::with(3, 100_000)
    }

    pub(super) fn with(files: usize, bytes: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hold = Arc::new(AtomicBool::new(false));
        let mut options = FakeOptions::new(folder.path().join("fake"));
        options.clock = ClockMode::Real;
        options.worker = Arc::new(Painter {
            files,
            bytes,
            hold: Arc::clone(&hold),
        });
        Self {
            fake: FakeKaggle::start(options).unwrap(),
            folder,
            waited: Arc::default(),
            hold,
        }
    }

    pub(super) fn home(&self) -> PathBuf {
        let home = self.folder.path().join("home");
        fs::create_dir_all(home.join(".kaggle")).unwrap();
        home
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(super) fn connection(&self) -> Connection {
        let options = ClientOptions {
            timeouts: Timeouts {
                connect: Duration::from_secs(5),
                response: Duration::from_secs(5),
                pause: Duration::from_secs(2),
            },
            ..ClientOptions::default()
        };
        let clock = Clock::frozen("2026-11-23T08:00:00Z".parse().unwrap());
        let endpoint = Endpoint::from_override(&self.fake.url()).unwrap();
        let waited = Arc::clone(&self.waited);
        Connection::new(Client::new(options, clock), endpoint, clock).with_sleeper(Arc::new(
            move |time| {
                waited.lock().unwrap().push(time);
                std::thread::sleep(Duration::from_millis(1));
            },
        ))
    }

    pub(super) fn environment(&self) -> KaggleEnvironment {
        KaggleEnvironment {
            home: Some(self.home()),
            ..KaggleEnvironment::default()
        }
    }

    pub(super) fn kaggle(&self) -> Kaggle {
        let environment = KaggleEnvironment {
            api_token: Some(Secret::new("KGAT_tester")),
            ..self.environment()
        };
        let connection = self.connection();
        let signed_in = connection.sign_in(&environment).unwrap();
        Kaggle::new(connection, signed_in)
    }

    pub(super) fn fault(&self, on: &str, kind: FaultKind) {
        self.faults(on, 1, 1, kind);
    }

    pub(super) fn faults(&self, on: &str, occurrence: u32, times: u32, kind: FaultKind) {
        self.fake.set_faults(FaultPlan {
            scripted: vec![ScriptedFault {
                on: on.to_owned(),
                occurrence,
                times,
                kind,
            }],
            ..FaultPlan::default()
        });
    }

    pub(super) fn count(&self, operation: &str) -> usize {
        let transcript = self.fake.transcript();
        let asked = transcript
            .iter()
            .filter(|record| record.operation == operation);
        asked.count()
    }

    /// A dataset with one file.
    pub(super) fn dataset(&self, kaggle: &Kaggle, slug: &str) -> Reference {
        let reference = Reference::new("tester", slug).unwrap();
        let path = self.file("one.bin", b"one");
        let mut files = FileTree::new();
        files
            .add("one.bin", upload(kaggle, &path, "one.bin"))
            .unwrap();
        kaggle
            .create_dataset(&NewDataset {
                reference: reference.clone(),
                title: slug.to_owned(),
                description: String::new(),
                files,
            })
            .unwrap();
        reference
    }

    /// The settled end of a kernel that was saved.
    pub(super) fn run(&self, kaggle: &Kaggle, slug: &str) -> Reference {
        let saved = kaggle.save_kernel(&kernel(slug, Vec::new())).unwrap();
        self.settle(kaggle, &saved.reference, saved.version);
        saved.reference
    }

    pub(super) fn settle(&self, kaggle: &Kaggle, reference: &Reference, version: u32) {
        for _ in 0..2_000 {
            let session = kaggle.kernel_session(reference, version).unwrap();
            if session.is_some_and(|session| session.status.is_over()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the session does not end");
    }

    pub(super) fn assert_nothing_leaked(&self) {
        assert!(self.fake.leaks().is_empty(), "{:?}", self.fake.leaks());
        assert!(self.fake.public_datasets().is_empty());
    }
}

pub(super) fn upload(kaggle: &Kaggle, path: &Path, name: &str) -> remedia::kaggle::UploadToken {
    let length = fs::metadata(path).unwrap().len();
    let session = kaggle.start_upload(name, length, None).unwrap();
    kaggle.upload(path, &session, true, Watch::none()).unwrap();
    session.token
}

pub(super) fn kernel(slug: &str, datasets: Vec<Reference>) -> NewKernel {
    NewKernel {
        reference: Reference::new("tester", slug).unwrap(),
        title: slug.to_owned(),
        notebook: serde_json::json!({
            "cells": [{"cell_type": "code", "outputs": [], "source": "print(1)", "metadata": {}}],
            "metadata": {"kernelspec": {"name": "python3"}},
            "nbformat": 4, "nbformat_minor": 5,
        })
        .to_string(),
        datasets,
        models: Vec::new(),
        machine_shape: Some("NvidiaTeslaT4".to_owned()),
        internet: false,
        session_timeout_seconds: Some(3_600),
        save_only: false,
    }
}

pub(super) const LIMITS: OutputLimits = OutputLimits {
    file_bytes: 50_000_000,
    total_bytes: 500_000_000,
    files: 10_000,
};

pub(super) fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
