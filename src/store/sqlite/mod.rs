//! The store in one SQLite file.

mod connection;
mod migration;
mod read;
mod rows;
mod write;

pub use connection::SqliteStore;
