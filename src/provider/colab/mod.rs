//! Google Colab as a worker. By hand: the order becomes a folder with one archive, the notebook and plain
//! steps, a person runs it, and `remedia import` brings the results back. Where the official `colab` command
//! is installed and signed in, it is driven instead: one step for each poll, everything that costs is written
//! down before it is asked for, and its results take the same way in as those that a person brings.

mod command;
mod handover;
mod log;
mod memory;
mod provider;
mod session;

pub use command::{ColabCommand, PASSED_ON};
pub use provider::{ColabProvider, ColabSettings};
