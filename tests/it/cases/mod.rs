//! Situations that people met with real folders, each with the right outcome.

mod beside;
mod formats;
