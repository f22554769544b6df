//! The service itself, shared by its threads: settings, state, faults, and what it counted.

use std::collections::HashMap;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::clock::{Clock, milliseconds};
use super::faults::{FaultPlan, Faults, InjectedFault};
use super::settings::{FakeOptions, Settings, User};
use super::state::{SessionStatus, State, StoredFile};
use super::transcript::{Leak, Record};
use super::worker::KernelWorker;
use super::{lock, sessions};

/// The service, as its threads and its owner see it.
#[derive(Debug)]
pub(crate) struct Core {
    pub(super) users: Vec<User>,
    pub(super) clock: Arc<Clock>,
    pub(super) worker: Arc<dyn KernelWorker>,
    pub(super) folder: PathBuf,
    pub(super) faults: Mutex<Faults>,
    pub(super) up: AtomicU64,
    pub(super) down: AtomicU64,
    settings: Mutex<Settings>,
    state: Mutex<State>,
    records: Mutex<Vec<Record>>,
    leaks: Mutex<Vec<Leak>>,
    address: SocketAddr,
    storage: SocketAddr,
    stopping: AtomicBool,
    connections: Mutex<HashMap<u64, TcpStream>>,
    next_connection: AtomicU64,
}

impl Core {
    pub(super) fn new(options: FakeOptions, address: SocketAddr, storage: SocketAddr) -> Self {
        let clock = Clock::new(options.clock, options.start_ms);
        Self {
            state: Mutex::new(State::new(clock.now())),
            clock: Arc::new(clock),
            users: options.users,
            worker: options.worker,
            folder: options.folder,
            settings: Mutex::new(options.settings),
            faults: Mutex::default(),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            records: Mutex::default(),
            leaks: Mutex::default(),
            address,
            storage,
            stopping: AtomicBool::new(false),
            connections: Mutex::default(),
            next_connection: AtomicU64::new(0),
        }
    }

    /// The base of the remote calls: `http://127.0.0.1:PORT/api/v1`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/api/v1", self.address)
    }

    /// Where the service listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base of uploads and downloads.
    pub(super) fn storage_url(&self) -> String {
        format!("http://{}", self.storage)
    }

    /// Puts a plan of faults in force.
    pub(crate) fn set_faults(&self, plan: FaultPlan) {
        lock(&self.faults).set(plan);
    }

    /// Everything that went wrong on purpose since the start.
    pub(crate) fn injected_faults(&self) -> Vec<InjectedFault> {
        lock(&self.faults).injected().to_vec()
    }

    /// Moves the clock forward; what is due happens.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
        drop(self.state());
    }

    /// The settings as they are.
    pub(crate) fn settings(&self) -> Settings {
        lock(&self.settings).clone()
    }

    /// Changes the settings.
    pub(crate) fn set_settings(&self, settings: Settings) {
        *lock(&self.settings) = settings;
    }

    /// How many versions of data sets of this name were ever made, deleted ones included.
    pub(crate) fn dataset_versions(&self, slug: &str) -> usize {
        self.state()
            .datasets
            .iter()
            .filter(|dataset| dataset.slug == slug)
            .map(|dataset| dataset.versions.len())
            .sum()
    }

    /// How many versions of kernels of this name were ever saved, deleted ones included.
    pub(crate) fn kernel_versions(&self, slug: &str) -> usize {
        self.state()
            .kernels
            .iter()
            .filter(|kernel| kernel.slug == slug)
            .map(|kernel| kernel.versions.len())
            .sum()
    }

    /// The names of the data sets and kernels that exist, as `dataset/owner/slug` and
    /// `kernel/owner/slug`.
    pub(crate) fn existing(&self) -> Vec<String> {
        let state = self.state();
        let datasets = state
            .datasets
            .iter()
            .filter(|dataset| !dataset.deleted)
            .map(|dataset| format!("dataset/{}/{}", dataset.owner, dataset.slug));
        let kernels = state
            .kernels
            .iter()
            .filter(|kernel| !kernel.deleted)
            .map(|kernel| format!("kernel/{}/{}", kernel.owner, kernel.slug));
        datasets.chain(kernels).collect()
    }

    /// The files of a data set's newest version, as they lie on disk.
    pub(crate) fn dataset_files(&self, slug: &str) -> Vec<StoredFile> {
        self.state()
            .datasets
            .iter()
            .filter(|dataset| !dataset.deleted && dataset.slug == slug)
            .filter_map(|dataset| dataset.versions.last())
            .flat_map(|version| version.files.clone())
            .collect()
    }

    /// Every data set and kernel that was ever not private.
    pub(crate) fn public_datasets(&self) -> Vec<String> {
        self.state().public.clone()
    }

    /// Secrets that came where they do not belong: an `Authorization` at an upload or download, or a
    /// token in an address or in the body of a call that does not ask for one.
    pub(crate) fn leaks(&self) -> Vec<Leak> {
        lock(&self.leaks).clone()
    }

    /// Bytes of uploads that arrived.
    pub(crate) fn bytes_up(&self) -> u64 {
        self.up.load(Ordering::SeqCst)
    }

    /// Bytes of downloads that were sent.
    pub(crate) fn bytes_down(&self) -> u64 {
        self.down.load(Ordering::SeqCst)
    }

    /// Every request so far, those of `/control` left out.
    pub(crate) fn transcript(&self) -> Vec<Record> {
        lock(&self.records).clone()
    }

    /// Uses up a part of the week's GPU quota.
    pub(crate) fn use_gpu_quota(&self, time: Duration) {
        self.state().gpu_used_ms += milliseconds(time);
    }

    /// Ends the running sessions of a kernel as a stop on the website does.
    pub(crate) fn stop_sessions(&self, slug: &str) {
        let (now, settings) = (self.clock.now(), self.settings());
        let mut state = self.state();
        let mut used = Vec::new();
        for kernel in &mut state.kernels {
            if kernel.slug != slug {
                continue;
            }
            for version in &mut kernel.versions {
                let accelerator = version.accelerator;
                if let Some(session) = &mut version.session
                    && !session.status.is_terminal()
                {
                    let status = SessionStatus::CancelAcknowledged;
                    used.push((
                        accelerator,
                        sessions::finish(session, status, None, now, &settings),
                    ));
                }
            }
        }
        sessions::book(&mut state, &used);
    }

    /// The state, after everything that is due has happened.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        let settings = self.settings();
        let now = self.clock.now();
        let mut state = lock(&self.state);
        state.go_on(now, settings.dataset_pace);
        sessions::go_on(self, &mut state, &settings, now);
        state
    }

    pub(super) fn record(&self, record: Record) {
        lock(&self.records).push(record);
    }

    pub(super) fn leaked(&self, leak: Leak) {
        lock(&self.leaks).push(leak);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Remembers a connection until it is forgotten, so that it can be closed at the end.
    pub(super) fn remember(&self, stream: &TcpStream) -> std::io::Result<u64> {
        let id = self.next_connection.fetch_add(1, Ordering::SeqCst);
        lock(&self.connections).insert(id, stream.try_clone()?);
        Ok(id)
    }

    pub(super) fn forget(&self, connection: u64) {
        lock(&self.connections).remove(&connection);
    }

    /// Ends the service: no connection, no session goes on.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        for (_, session) in lock(&self.state).sessions() {
            session.stop.store(true, Ordering::SeqCst);
        }
        for address in [self.address, self.storage] {
            // Wakes the thread that waits for a connection; it sees that the service stops.
            drop(TcpStream::connect(address));
        }
        for stream in lock(&self.connections).values() {
            // The client may have closed it first.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
