//! The store in one SQLite file.

mod connection;
mod migration;
mod read;
mod repair;
mod rows;
mod tally;
mod write;

pub use connection::SqliteStore;
pub use repair::{Repair, repair};
