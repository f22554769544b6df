//! Kaggle as a worker: a private dataset holds the order, a private notebook kernel does it on a free GPU,
//! and its outputs come back. Nothing here waits: each poll looks how far things are and takes the next
//! step, so that one process can drive any number of jobs and a run of cron is over in seconds. Before a call
//! that makes something, what is about to be made is written down, and after a lost answer Kaggle is asked.
//! Runs that find both sessions taken go along with the next one that starts.

mod account;
mod dataset;
mod memory;
mod names;
mod outputs;
mod payload;
mod provider;
mod queue;
mod session;
mod words;

pub use provider::{KaggleProvider, KaggleSettings};
