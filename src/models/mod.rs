//! The models that remedia can use: a pinned list, the cache of this machine that other tools share,
//! fetching what is missing, and checking what is there.

mod blob;
mod cache;
mod digest;
mod hub;
mod licence;
mod pull;
mod registry;
mod transfer;
mod verify;

pub use cache::{Cache, CacheError, FileState, LocalFile, LocalModel};
pub use hub::{Hub, HubError, proxies};
pub use licence::{AcceptanceError, Acceptances};
pub use pull::{Outcome, PullError, PullEvent, PullSink, PulledFile, Puller};
pub use registry::{Model, ModelFile, Registry, RegistryError, UnknownModel};
pub use verify::VerifiedFile;
