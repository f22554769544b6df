//! Situations that people met, each with the right outcome.

mod database;
mod faults;
mod injected;
mod redelivery;
