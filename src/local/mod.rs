//! (in work)

pub mod noise;
pub mod sharpen;
