//! A worker that really does the order: it finds the bundle, checks every digest, draws furniture into each
//! photo and answers as the contract says.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use remedia::bundle::runs_of;
use remedia::domain::job::RunMarker;

use crate::fake_kaggle::{KernelSession, KernelWorker, WorkerEnd};
use crate::support::decorate;

/// What a worker does besides its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// All of it.
    Good,
    /// It dies after so many photos, its results half written.
    DiesAfter(usize),
    /// It leaves nothing.
    Breaks,
    /// It draws beyond the mask that it was given.
    IgnoresMasks,
}

/// The worker; its moods are taken from the end, then all is good.
#[derive(Debug, Default)]
pub(super) struct Decorator {
    pub(super) moods: Mutex<Vec<Mood>>,
    /// Every run that it was given, in order.
    pub(super) runs: Arc<Mutex<Vec<String>>>,
    /// Sessions in which it is at work.
    pub(super) at_work: Arc<AtomicUsize>,
}

/// Counts a session for as long as it lives.
struct AtWork<'a>(&'a AtomicUsize);

impl<'a> AtWork<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl KernelWorker for Decorator {
    fn run(&self, session: &KernelSession) -> WorkerEnd {
        let _at_work = AtWork::begin(&self.at_work);
        let mood = self.moods.lock().unwrap().pop().unwrap_or(Mood::Good);
        let runs = runs_of(session.notebook_text());
        let several = runs.len() > 1;
        for run_id in runs {
            self.runs.lock().unwrap().push(run_id.clone());
            session.log(&format!("looking for {run_id}"));
            if mood == Mood::Breaks {
                session.log("RuntimeError: CUDA error: no kernel image is available");
                return WorkerEnd::Error("Notebook exited with 1".to_owned());
            }
            let output = if several {
                session.working().join(&run_id)
            } else {
                session.working().to_owned()
            };
            fs_err::create_dir_all(&output).unwrap();
            let Some(folder) = find(session.input(), &run_id) else {
                return WorkerEnd::Error(format!("run {run_id} is not mounted"));
            };
            let dies_after = match mood {
                Mood::DiesAfter(photos) => Some(photos),
                _ => None,
            };
            let obeys = mood != Mood::IgnoresMasks;
            if !decorate(&folder, &output, dies_after, obeys, &|line| {
                session.log(line);
            }) {
                session.log("MemoryError");
                return WorkerEnd::Error("Your notebook tried to allocate more memory".to_owned());
            }
        }
        WorkerEnd::Complete
    }
}

/// The folder below `root` that holds the marker of the run; an archive that nobody unpacked is unpacked
/// beside `root`.
fn find(root: &Path, run_id: &str) -> Option<PathBuf> {
    let unpacked = root.with_file_name("unpacked");
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let marker = fs_err::read(folder.join("remedia-run.json")).ok();
        let marker: Option<RunMarker> =
            marker.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if marker.is_some_and(|marker| marker.run_id == run_id) {
            return Some(folder);
        }
        for entry in fs_err::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "zip") {
                let file = fs_err::File::open(&path).unwrap();
                let mut archive = zip::ZipArchive::new(file).unwrap();
                archive.extract(&unpacked).unwrap();
                folders.push(unpacked.clone());
            }
        }
    }
    None
}
