//! The in-process engine: classic enhancement of a photo, always there, without any model. It changes
//! light and colour and straightens what the lens and the tilt bent; it never adds, removes or moves
//! a thing.

pub mod clip;
mod enhance;
pub mod fusion;
pub mod geometry;
pub mod noise;
pub mod sharpen;

pub use enhance::{ENGINE_VERSION, EnhanceError, SourcePicture, enhance, peak_bytes};
