//! The models that remedia can use: a pinned list, the cache of this machine that other tools share,
//! fetching what is missing, and checking what is there.

mod cache;
mod digest;
mod registry;

pub use cache::{Cache, CacheError, FileState, LocalFile, LocalModel};
pub use registry::{Model, ModelFile, Registry, RegistryError, UnknownModel};
