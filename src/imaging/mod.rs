//! Pixels only: decode, orient, colour, resize, lines and vanishing points, warps, encode, metadata.

pub mod lines;
mod picture;
pub mod vanishing;
pub mod warp;

pub use picture::{Picture, Samples};
