//! Where pixels are made: behind one trait, the engine in this process and every service elsewhere
//! look the same. A provider takes an order, can be asked whether it has it, and gives results; what
//! becomes of them is not its business.

mod capabilities;
pub mod colab;
mod contract;
mod error;
mod factory;
pub mod fake;
pub mod kaggle;
mod local;
mod remembered;
mod source;

pub use capabilities::capabilities;
pub use contract::{
    Account, Leftover, Order, Provider, RunContext, RunHandle, RunProgress, RunState,
};
pub use error::{FaultKind, ProviderError};
pub use factory::{ProviderSettings, Providers};
pub(crate) use local::MemoryBudget;
pub use local::{LocalProvider, LocalSettings};
pub(crate) use source::{Unread, read_source};
