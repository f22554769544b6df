//! (in work)

pub mod fusion;
pub mod geometry;
