//! From a folder to a [`Listing`](crate::domain::listing::Listing): which files are photos, what is
//! known of each, which of them are exposures of one view, and what they show.
//! Originals are only ever opened for reading. A file that cannot be used is a row with a reason.

mod beside;
mod bracket;
mod error;
mod folder;
mod listing_file;
mod mask;
mod near_miss;
mod open;
mod options;
mod own;
mod pattern;
mod photo;
mod read;
mod room_name;
mod room_words;

pub use error::{IngestError, ListingFileError};
pub use open::{PhotoError, is_away, read_mask_bytes, read_photo_bytes};
pub use options::{BracketMode, IngestOptions, InvalidBracketMode};
pub use read::read_listing;
pub use room_name::{group_from_name, room_from_name};
