//! Files that survive a crash, paths that stay where they belong, faults that are told apart, and text as people
//! save it.

mod atomic;
mod contained;
mod fault;
pub mod fs;
mod inject;
mod rights;
mod text;

pub use atomic::{
    PART_PREFIX, TEMPORARY_PREFIX, WriteSeek, remove_parts, remove_temporary_files, sync_directory,
    write_atomic, write_atomic_with, write_private,
};
pub use contained::{PathRefused, contained, printable, resolved};
pub use fault::{Fault, classify, classify_any};
#[cfg(debug_assertions)]
pub use inject::arm;
pub use text::{NotText, TextError, decode_text, read_text};
