//! The record of every job: one trait, one suite of rules that each implementation must pass, and
//! SQL in one of them alone.

mod error;

pub use error::StoreError;
