//! Pure data and rules: what a listing, a style, a plan, a job and a verdict are. Nothing here
//! reads a file, the clock or the environment; every value is serialisable and compares by content.

pub mod capabilities;
pub mod enhancement;
pub mod id;
pub mod listing;
pub mod nearest;
pub mod operation;
pub mod plan;
pub mod room;
pub mod step;
pub mod style;
mod style_check;
pub mod toml_text;
