//! Pixels only: decode, orient, colour, resize, lines and vanishing points, warps, encode, metadata.

pub mod color;
mod picture;

pub use picture::{Picture, Samples};
