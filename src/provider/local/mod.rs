//! The engine inside remedia as a provider: photos one after another on every core, each result on
//! disk before the next photo begins.

mod memory;
mod photo;
mod run;

pub(crate) use memory::MemoryBudget;
pub use run::{LocalProvider, LocalSettings};
