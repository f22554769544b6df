//! A service on loopback that behaves as Kaggle does to its official client, and that misbehaves when it
//! is told to: data sets with resumable uploads, kernels whose part is played by a worker, signed
//! addresses that expire, quotas, and a plan of faults. Everything that a test wants to know afterwards
//! is counted: versions, public things, secrets that leaked, bytes, every request.
//!
//! Each connection has a thread; nothing large is held in memory. Uploads and downloads have a port of
//! their own, as they have a host of their own in the real service.

mod answer;
mod archive;
mod auth;
mod blobs;
mod clock;
mod connection;
mod control;
mod core;
mod dataset_files;
mod datasets;
mod faults;
mod folders;
mod inflate;
mod kernels;
mod logs;
mod outputs;
mod push;
mod request;
mod rpc;
mod sessions;
mod settings;
mod state;
mod transcript;
mod worker;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fs_err as fs;

#[expect(
    unused_imports,
    reason = "the tests and the command each use a part of what a caller may name"
)]
pub(crate) use self::{
    auth::AuthSource,
    clock::ClockMode,
    core::Core,
    faults::{FaultKind, FaultPlan, FaultRate, InjectedFault, ScriptedFault},
    settings::{FakeOptions, MountConvention, Pace, Settings, User},
    transcript::{Leak, Record},
    worker::{CommandWorker, CopyWorker, KernelSession, KernelWorker, WorkerEnd},
};

/// A running service; it ends when this is dropped. What can be asked of it is in [`Core`].
#[derive(Debug)]
pub(crate) struct FakeKaggle {
    core: Arc<Core>,
}

impl FakeKaggle {
    /// Starts the service on 127.0.0.1.
    pub(crate) fn start(options: FakeOptions) -> io::Result<Self> {
        fs::create_dir_all(&options.folder)?;
        let api = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, options.port)))?;
        let storage = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let core = Arc::new(Core::new(options, api.local_addr()?, storage.local_addr()?));
        connection::accept(&core, api);
        connection::accept(&core, storage);
        Ok(Self { core })
    }
}

impl Deref for FakeKaggle {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

impl Drop for FakeKaggle {
    fn drop(&mut self) {
        self.core.stop();
    }
}

/// The guard of a lock; what a thread that died left there is taken as it is.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
