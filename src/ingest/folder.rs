//! Walking the folder: which entries might be photos, in natural order, without opening any.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::beside::is_system_folder;
use super::error::IngestError;
use super::options::IngestOptions;
use super::own::{Known, Own, is_part};
use crate::domain::listing::{LeftOut, LeftOutCode};
use crate::fsx::{classify, contained, fs, printable};

/// Folders deeper than this are not entered.
const MAX_DEPTH: usize = 16;

/// Extensions of photos that this build reads.
const PHOTO_EXTENSIONS: &[&str] = &[
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "tif", "tiff", "heic", "heif", "hif", "gif",
    "bmp", "dib",
];

/// Extensions of pictures that this build does not read.
const OTHER_EXTENSIONS: &[&str] = &[
    "avif", "jxl", "jp2", "j2k", "svg", "psd", "psb", "tga", "exr", "hdr",
];

/// Extensions of raw photos, many of which look like TIFF inside.
const RAW_EXTENSIONS: &[&str] = &[
    "dng", "cr2", "cr3", "crw", "nef", "nrw", "arw", "srf", "sr2", "raf", "orf", "rw2", "pef",
    "srw", "3fr", "fff", "iiq", "rwl", "kdc", "dcr", "erf", "mos", "mef", "x3f",
];

/// A file that might be a photo.
#[derive(Debug)]
pub(super) struct Candidate {
    /// Relative to the folder, with forward slashes.
    pub(super) file: String,
    pub(super) path: PathBuf,
}

/// What the walk found.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub(super) candidates: Vec<Candidate>,
    pub(super) left_out: Vec<LeftOut>,
    /// What the folder itself is, where remedia made it.
    pub(super) own: Option<Own>,
    /// Folders of remedia's own that were not entered, relative to the folder.
    pub(super) skipped: Vec<(String, Own)>,
}

/// What an extension says about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    Photo,
    OtherPicture,
    Raw,
    Other,
}

/// What the extension of `name` says.
pub(super) fn extension(name: &str) -> Extension {
    let extension = Path::new(name)
        .extension()
        .and_then(OsStr::to_str)
        .unwrap_or_default()
        .to_ascii_lowercase();
    let is_in = |list: &[&str]| list.contains(&extension.as_str());
    if is_in(PHOTO_EXTENSIONS) {
        Extension::Photo
    } else if is_in(OTHER_EXTENSIONS) {
        Extension::OtherPicture
    } else if is_in(RAW_EXTENSIONS) {
        Extension::Raw
    } else {
        Extension::Other
    }
}

/// Compares file names as people count: `photo 2` before `photo 10`, capitals like small letters.
pub(super) fn natural_order(left: &str, right: &str) -> Ordering {
    alphanumeric_sort::compare_str(left.to_lowercase(), right.to_lowercase())
        .then_with(|| left.cmp(right))
}

/// Lists the folder. `root` is its canonical path.
pub(super) fn walk(
    folder: &Path,
    root: &Path,
    options: &IngestOptions,
) -> Result<Walk, IngestError> {
    let known = Known::new(&options.homes, &options.deliveries);
    let mut walk = Walk {
        own: known.own(root),
        ..Walk::default()
    };
    let recursion = options.recursive.then_some(&known);
    let limit = options.max_photos.saturating_mul(20).saturating_add(10_000);
    let mut budget = limit;
    enter(folder, root, "", 0, recursion, &mut budget, &mut walk).map_err(
        |problem| match problem {
            Problem::Budget => IngestError::TooManyEntries {
                folder: folder.to_path_buf(),
                limit,
            },
            Problem::Io(source) => IngestError::Unreadable {
                folder: folder.to_path_buf(),
                source,
            },
        },
    )?;
    walk.skipped.sort();
    walk.candidates
        .sort_by(|left, right| natural_order(&left.file, &right.file));
    Ok(walk)
}

fn folder_row(shown: &str, code: LeftOutCode, reason: &str) -> LeftOut {
    LeftOut {
        file: printable(&format!("{shown}/")),
        code,
        reason: reason.to_owned(),
    }
}

enum Problem {
    Budget,
    Io(io::Error),
}

fn enter(
    folder: &Path,
    root: &Path,
    prefix: &str,
    depth: usize,
    // Folders inside are entered where this is given, but for those that it knows.
    recursion: Option<&Known>,
    budget: &mut usize,
    walk: &mut Walk,
) -> Result<(), Problem> {
    for entry in fs::read_dir(folder).map_err(Problem::Io)? {
        let entry = entry.map_err(Problem::Io)?;
        *budget = budget.checked_sub(1).ok_or(Problem::Budget)?;
        let raw_name = entry.file_name();
        let shown = format!("{prefix}{}", raw_name.to_string_lossy());
        let looks_like_picture = extension(&shown) != Extension::Other;
        let mut refuse = |code, reason: &str| {
            if looks_like_picture {
                walk.left_out.push(LeftOut {
                    file: printable(&shown),
                    code,
                    reason: reason.to_owned(),
                });
            }
        };
        // Hidden files are the system's: previews, resource forks, trash.
        if raw_name.to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) if classify(&error).is_temporary() => return Err(Problem::Io(error)),
            Err(error) => {
                refuse(
                    LeftOutCode::Unreadable,
                    &format!("failed to look at it: {error}"),
                );
                continue;
            }
        };
        let Some(name) = raw_name.to_str() else {
            if recursion.is_some() && kind.is_dir() {
                walk.left_out.push(folder_row(
                    &shown,
                    LeftOutCode::Refused,
                    "the folder's name is not valid UTF-8 text; rename it",
                ));
                continue;
            }
            refuse(
                LeftOutCode::Refused,
                "its name is not valid UTF-8 text; rename it",
            );
            continue;
        };
        let file = format!("{prefix}{name}");
        if kind.is_dir() {
            if is_system_folder(name) {
                // Trash, previews and catalogues: nobody's photos of this listing.
            } else if looks_like_picture {
                refuse(LeftOutCode::Refused, "it is a folder, not a photo");
            } else if let Some(known) = recursion
                && depth < MAX_DEPTH
            {
                let of_root = walk
                    .own
                    .filter(|own| depth == 0 && is_part(Some(*own), name));
                if let Some(own) = of_root.or_else(|| known.own(&root.join(&file))) {
                    walk.skipped.push((file, own));
                    continue;
                }
                let below = format!("{file}/");
                let inner = entry.path();
                match enter(&inner, root, &below, depth + 1, recursion, budget, walk) {
                    Ok(()) => {}
                    Err(Problem::Budget) => return Err(Problem::Budget),
                    Err(Problem::Io(error)) if classify(&error).is_temporary() => {
                        return Err(Problem::Io(error));
                    }
                    Err(Problem::Io(error)) => walk.left_out.push(folder_row(
                        &shown,
                        LeftOutCode::Unreadable,
                        &format!("failed to read the folder: {error}"),
                    )),
                }
            } else if recursion.is_some() {
                walk.left_out.push(folder_row(
                    &shown,
                    LeftOutCode::BeyondLimits,
                    "the folder lies too deep; move it up",
                ));
            }
            continue;
        }
        if kind.is_symlink() {
            match fs::canonicalize(entry.path()) {
                Ok(target) if !target.starts_with(root) => {
                    refuse(
                        LeftOutCode::Refused,
                        "it is a link that leaves the folder; copy the photo into it",
                    );
                    continue;
                }
                Ok(target) if !target.is_file() => {
                    refuse(
                        LeftOutCode::Refused,
                        "it is a link to something that is no plain file",
                    );
                    continue;
                }
                Ok(_) => {}
                Err(error) if classify(&error).is_temporary() => return Err(Problem::Io(error)),
                Err(_) => {
                    refuse(LeftOutCode::Refused, "it is a link that leads nowhere");
                    continue;
                }
            }
        } else if !kind.is_file() {
            refuse(
                LeftOutCode::Refused,
                "it is a pipe, socket or device, not a plain file",
            );
            continue;
        }
        if let Err(refused) = contained(Path::new("/"), &file) {
            refuse(LeftOutCode::Refused, &format!("{}; rename it", refused.1));
            continue;
        }
        walk.candidates.push(Candidate {
            file,
            path: entry.path(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_as_people_count() {
        let mut names = ["IMG_10.jpg", "img_2.jpg", "IMG_1.jpg", "b.jpg", "A.jpg"];
        names.sort_by(|left, right| natural_order(left, right));
        assert_eq!(
            names,
            ["A.jpg", "b.jpg", "IMG_1.jpg", "img_2.jpg", "IMG_10.jpg"]
        );
    }

    #[test]
    fn extensions_are_judged_without_case() {
        assert_eq!(extension("a/b.JPG"), Extension::Photo);
        assert_eq!(extension("b.Avif"), Extension::OtherPicture);
        assert_eq!(extension("b.NEF"), Extension::Raw);
        assert_eq!(extension("jpg"), Extension::Other);
        assert_eq!(extension("listing.toml"), Extension::Other);
    }
}
