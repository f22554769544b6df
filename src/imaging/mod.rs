//! Pixels only: decode, orient, colour, resize, lines and vanishing points, warps, encode, metadata.

mod capture;
pub mod color;
mod decode;
mod encode;
mod frame;
mod graphic;
mod guard;
mod header;
mod icc;
mod jpeg;
pub mod lines;
mod look;
pub mod metadata;
mod orient;
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
pub use frame::is_framed;
pub use graphic::picture_kind;
pub use header::{Content, Header, check_complete, probe, sniff};
pub use look::{Look, look};
pub use metadata::{IptcFields, MetadataError, OutputMetadata, bare_jpeg, with_metadata};
pub use picture::{Picture, Samples};
pub use plane::{Plane, PlaneEncodeError, decode_plane, encode_plane};
pub use profile::srgb_profile;
pub use resize::{ResizeError, fit, resize};
pub(crate) use vectors::vectorized;
