//! Pixels only: decode, orient, colour, resize, lines and vanishing points, warps, encode, metadata.

mod capture;
pub mod color;
mod decode;
mod encode;
mod guard;
mod header;
mod icc;
mod jpeg;
pub mod lines;
mod look;
pub mod metadata;
mod orient;
mod panorama;
mod picture;
mod plane;
mod profile;
mod resize;
pub mod vanishing;
mod vectors;
pub mod warp;

pub use capture::capture;
pub use decode::{DecodeError, DecodeLimits, decode};
pub use encode::{ChromaSubsampling, EncodeError, JpegOptions, encode_jpeg};
pub use header::{Content, Header, check_complete, probe, sniff};
pub use look::{Look, look};
pub use metadata::{IptcFields, MetadataError, OutputMetadata, with_metadata};
pub use panorama::panorama;
pub use picture::{Picture, Samples};
pub use plane::{Plane, PlaneEncodeError, decode_plane, encode_plane};
pub use profile::srgb_profile;
pub use resize::{ResizeError, fit, resize};
pub(crate) use vectors::vectorized;
