//! Files that were meant to be the `listing.toml` and are not read, each with what to do.

use std::collections::BTreeSet;
use std::path::Path;

use super::listing_file::NAME;
use crate::domain::nearest::{MissedFile, missed_file};
use crate::fsx::{fs, printable};

/// Most entries of a folder that are looked at, and most sentences.
const MOST_ENTRIES: usize = 20_000;
const MOST_TOLD: usize = 5;

/// What a person should know of `listing.toml` and what looks like it. `folders` are folders inside the
/// listing that photos come from, relative to it.
pub(super) fn near_misses(folder: &Path, folders: &BTreeSet<String>) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names = Vec::new();
    let mut inner = Vec::new();
    for entry in entries.take(MOST_ENTRIES).flatten() {
        let (name, kind) = (entry.file_name(), entry.file_type());
        let (Some(name), Ok(kind)) = (name.to_str(), kind) else {
            continue;
        };
        if !kind.is_dir() {
            names.push(name.to_owned());
        } else if !name.starts_with('.') && super::own::own(&entry.path()).is_none() {
            inner.push(name.to_owned());
        }
    }
    names.sort();
    inner.sort();
    let exact = names.iter().any(|name| name == NAME);
    // Where capitals do not count, `Listing.toml` opens as `listing.toml` and is read.
    let read = folder.join(NAME).is_file();
    let mut told = Vec::new();
    for name in &names {
        let shown = printable(name);
        match missed_file(name, NAME) {
            Some(_) if exact => told.push(format!("`{shown}` is not read; `{NAME}` is")),
            Some(MissedFile::Renamed) if !read => {
                told.push(format!("`{shown}` is not read; rename it to `{NAME}`"));
            }
            Some(MissedFile::OtherForm) if !read => told.push(format!(
                "`{shown}` is not read; write what it says into `{NAME}`, in TOML"
            )),
            _ => {}
        }
    }
    let mut below: BTreeSet<&str> = folders.iter().map(String::as_str).collect();
    if !read {
        below.extend(inner.iter().map(String::as_str));
    }
    for inner in below {
        if folder.join(inner).join(NAME).is_file() {
            told.push(format!(
                "`{}/{NAME}` is not read; only the one in the listing folder itself is",
                printable(inner)
            ));
        }
    }
    if !read && folder.join("..").join(NAME).is_file() {
        told.push(format!(
            "`../{NAME}` is not read; move it into the listing folder if it is meant for these photos"
        ));
    }
    if told.len() > MOST_TOLD {
        let more = told.split_off(MOST_TOLD).len();
        told.push(format!(
            "{more} more files look like a `{NAME}` and are not read"
        ));
    }
    told
}
