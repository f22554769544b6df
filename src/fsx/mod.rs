//! Files that survive a crash and paths that stay where they belong.

mod atomic;
mod contained;

pub use atomic::{
    PART_PREFIX, TEMPORARY_PREFIX, WriteSeek, remove_parts, remove_temporary_files, sync_directory,
    write_atomic, write_atomic_with, write_private,
};
pub use contained::{PathRefused, contained, printable, resolved};
