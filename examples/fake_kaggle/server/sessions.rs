//! Sessions of kernels: queued, run by the worker in a thread, ended by it, by time or by the quota.

use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;

use fs_err as fs;
use serde_json::Value;

use super::core::Core;
use super::settings::Settings;
use super::state::{
    Accelerator, KernelVersion, Progress, Session, SessionStatus, State, StoredFile,
};
use super::worker::{ElapsedSeconds, KernelSession, KernelWorker, WorkerEnd};
use super::{folders, lock};

/// Lets every session do what is due.
pub(super) fn go_on(core: &Core, state: &mut State, settings: &Settings, now: u64) {
    let left = [Accelerator::Gpu, Accelerator::Tpu].map(|accelerator| {
        let allowed = allowed_ms(settings, accelerator);
        allowed > state.used_ms(accelerator, now)
    });
    let [gpu_left, tpu_left] = left;
    let mut used = Vec::new();
    for kernel in &mut state.kernels {
        let (owner, slug, is_notebook) = (&kernel.owner, &kernel.slug, kernel.kind == "notebook");
        for version in &mut kernel.versions {
            let name = format!("{owner}/{slug}/{}", version.number);
            let quota_left = match version.accelerator {
                Accelerator::None => true,
                Accelerator::Gpu => gpu_left,
                Accelerator::Tpu => tpu_left,
            };
            let accelerator = version.accelerator;
            if starts(version, settings, now) {
                begin(core, version, name, is_notebook, now);
            }
            let Some(session) = &mut version.session else {
                continue;
            };
            if session.status != SessionStatus::Running {
                continue;
            }
            let started = session.started_ms.unwrap_or(now);
            let (status, failure) =
                if now >= started.saturating_add(session.timeout_ms) || !quota_left {
                    (SessionStatus::CancelAcknowledged, None)
                } else {
                    let end = lock(&session.end).clone();
                    match end {
                        Some(end) if session.progress.has_reached(settings.run_pace, now) => {
                            match end {
                                WorkerEnd::Complete => (SessionStatus::Complete, None),
                                WorkerEnd::Error(message) => (SessionStatus::Error, Some(message)),
                                WorkerEnd::Stopped => (SessionStatus::CancelAcknowledged, None),
                            }
                        }
                        _ => continue,
                    }
                };
            used.push((accelerator, finish(session, status, failure, now, settings)));
        }
    }
    book(state, &used);
}

/// The weekly quota in milliseconds.
pub(super) fn allowed_ms(settings: &Settings, accelerator: Accelerator) -> u64 {
    let seconds = match accelerator {
        Accelerator::None => u64::MAX,
        Accelerator::Gpu => settings.gpu_quota_seconds,
        Accelerator::Tpu => settings.tpu_quota_seconds,
    };
    seconds.saturating_mul(1_000)
}

fn starts(version: &KernelVersion, settings: &Settings, now: u64) -> bool {
    version.session.as_ref().is_some_and(|session| {
        session.status == SessionStatus::Queued
            && session.progress.has_reached(settings.queue_pace, now)
    })
}

/// Ends a session; returns how long it ran, in milliseconds.
pub(super) fn finish(
    session: &mut Session,
    status: SessionStatus,
    failure: Option<String>,
    now: u64,
    settings: &Settings,
) -> u64 {
    session.stop.store(true, Ordering::SeqCst);
    session.status = status;
    session.failure = failure;
    session.ended_ms = Some(now);
    if status != SessionStatus::CancelAcknowledged || settings.publish_when_stopped {
        // A session that was stopped before it began has no folder.
        session.outputs = folders::list(&session.folder.join("working")).unwrap_or_default();
    }
    let started = session.started_ms.unwrap_or(now);
    now.saturating_sub(started)
}

/// Books time on the week's quota.
pub(super) fn book(state: &mut State, used: &[(Accelerator, u64)]) {
    for (accelerator, time) in used {
        match accelerator {
            Accelerator::None => {}
            Accelerator::Gpu => state.gpu_used_ms += time,
            Accelerator::Tpu => state.tpu_used_ms += time,
        }
    }
}

/// Starts the worker of a version's session.
fn begin(core: &Core, version: &mut KernelVersion, name: String, is_notebook: bool, now: u64) {
    let Some(session) = &mut version.session else {
        return;
    };
    session.status = SessionStatus::Running;
    session.started_ms = Some(now);
    session.progress = Progress::from(now);
    let clock = Arc::clone(&core.clock);
    let elapsed = move || seconds(clock.now().saturating_sub(now));
    let kernel = KernelSession {
        input: session.folder.join("input"),
        working: session.folder.join("working"),
        notebook: session.folder.join("notebook.ipynb"),
        text: version.text.clone(),
        name,
        log: Arc::clone(&session.log),
        stop: Arc::clone(&session.stop),
        elapsed: ElapsedSeconds(Box::new(elapsed)),
    };
    let inputs = session.inputs.clone();
    let end = Arc::clone(&session.end);
    let worker = Arc::clone(&core.worker);
    thread::spawn(move || {
        let report = Report(end);
        let ended = work(worker.as_ref(), &kernel, &inputs, is_notebook);
        *lock(&report.0) = Some(ended);
    });
}

/// Tells of a worker that died before it could.
struct Report(Arc<Mutex<Option<WorkerEnd>>>);

impl Drop for Report {
    fn drop(&mut self) {
        lock(&self.0).get_or_insert_with(|| WorkerEnd::Error("The worker died.".to_owned()));
    }
}

fn work(
    worker: &dyn KernelWorker,
    kernel: &KernelSession,
    inputs: &[StoredFile],
    is_notebook: bool,
) -> WorkerEnd {
    if let Err(error) = prepare(kernel, inputs) {
        return WorkerEnd::Error(error.to_string());
    }
    let notebook = serde_json::from_str::<Value>(&kernel.text).unwrap_or_default();
    let name = notebook.pointer("/metadata/kernelspec/name");
    if is_notebook && name.and_then(Value::as_str).is_none_or(str::is_empty) {
        return WorkerEnd::Error(
            "No kernel name found in notebook and no override provided.".to_owned(),
        );
    }
    worker.run(kernel)
}

fn prepare(kernel: &KernelSession, inputs: &[StoredFile]) -> io::Result<()> {
    fs::create_dir_all(kernel.input())?;
    fs::create_dir_all(kernel.working())?;
    fs::write(kernel.notebook(), kernel.notebook_text())?;
    for file in inputs {
        folders::link(&file.path, &kernel.input().join(Path::new(&file.name)))?;
    }
    Ok(())
}

/// Milliseconds in seconds, for the log.
fn seconds(milliseconds: u64) -> f64 {
    std::time::Duration::from_millis(milliseconds).as_secs_f64()
}
