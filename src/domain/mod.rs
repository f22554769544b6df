//! Pure data and rules: what a listing, a style, a plan, a job and a verdict are. Nothing here
//! reads a file, the clock or the environment; every value is serialisable and compares by content.

pub mod capabilities;
pub mod enhancement;
pub mod event;
pub mod id;
pub mod job;
pub mod listing;
pub mod nearest;
pub mod operation;
pub mod plan;
pub mod results;
pub mod retry;
pub mod room;
pub mod score;
pub mod state;
pub mod step;
pub mod style;
mod style_check;
pub mod toml_text;
pub mod verdict;
