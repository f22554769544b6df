//! What lies beside photos and is neither a photo nor a failure: the raw twin of a JPEG, sidecars of editors and
//! cameras, the clip of a live photo, and what systems and network drives leave behind. All by name, without
//! opening anything.

use std::collections::{BTreeMap, HashSet};

use super::folder::{Candidate, Extension, extension};
use crate::domain::listing::{Beside, BesideKind};
use crate::fsx::printable;

/// Extensions of files that editors and cameras keep beside a photo.
const SIDECARS: &[&str] = &[
    "xmp", "pp3", "arp", "dop", "cos", "cot", "comask", "thm", "aae", "on1", "onphoto", "lrv",
    "vrd", "dr4", "nksc", "nksd", "acr", "mie", "exv", "exif", "spd", "pto", "ctg", "modd", "moff",
];

/// Extensions of the moving half of a live photo.
const CLIPS: &[&str] = &["mov", "mp4", "m4v"];

/// Files of systems, small letters.
const SYSTEM_FILES: &[&str] = &[
    "thumbs.db",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    "picasa.ini",
    "zbthumbnail.info",
    "icon\r",
];

/// Endings of catalogues, small letters.
const CATALOGUES: &[&str] = &[
    ".lrcat",
    ".lrcat-journal",
    ".lrcat-wal",
    ".lrcat-shm",
    ".lrcat.lock",
    ".cocatalogdb",
    ".cosessiondb",
];

/// Folders of systems, network drives and editors, small letters. Hidden ones are never entered anyway.
const SYSTEM_FOLDERS: &[&str] = &[
    "@eadir",
    "@recycle",
    "@recently-snapshot",
    "#recycle",
    "#snapshot",
    "$recycle.bin",
    "recycler",
    "system volume information",
    "__macosx",
    "lost+found",
    "captureone",
];

/// Endings of folders that are an editor's own, small letters.
const SYSTEM_FOLDER_ENDINGS: &[&str] = &[
    ".lrdata",
    ".lrcat-data",
    ".cocatalog",
    ".aplibrary",
    ".migratedphotolibrary",
];

/// Whether a folder holds nothing that its owner calls a photo of the listing: trash, previews, catalogues.
pub(super) fn is_system_folder(name: &str) -> bool {
    let name = name.to_lowercase();
    SYSTEM_FOLDERS.contains(&name.as_str())
        || SYSTEM_FOLDER_ENDINGS
            .iter()
            .any(|ending| name.ends_with(ending))
}

/// Takes what lies beside photos out of the files of a folder. What `listing.toml` names stays.
pub(super) fn set_aside(
    candidates: Vec<Candidate>,
    is_stated: &dyn Fn(&str) -> bool,
) -> (Vec<Candidate>, Vec<Beside>) {
    // Names of photos without their extension, with their folder, in small letters; a developed raw may keep
    // the raw's whole name before its own extension.
    let photos: HashSet<String> = candidates
        .iter()
        .filter(|candidate| extension(&candidate.file) == Extension::Photo)
        .map(|candidate| stem(&candidate.file).to_lowercase())
        .collect();
    let mut files: BTreeMap<BesideKind, Vec<String>> = BTreeMap::new();
    let mut kept = Vec::new();
    for candidate in candidates {
        match kind(&candidate.file, &photos).filter(|_| !is_stated(&candidate.file)) {
            Some(kind) => files
                .entry(kind)
                .or_default()
                .push(printable(&candidate.file)),
            None => kept.push(candidate),
        }
    }
    let beside = files
        .into_iter()
        .map(|(kind, files)| Beside { kind, files })
        .collect();
    (kept, beside)
}

/// The path without the extension of its last part.
fn stem(file: &str) -> &str {
    match file.rsplit_once('.') {
        Some((stem, ending)) if !ending.contains('/') && !stem.is_empty() => stem,
        _ => file,
    }
}

fn kind(file: &str, photos: &HashSet<String>) -> Option<BesideKind> {
    let name = file.rsplit('/').next().unwrap_or(file).to_lowercase();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let has_photo = |file: &str| {
        let file = file.to_lowercase();
        photos.contains(stem(&file)) || photos.contains(&file)
    };
    if SYSTEM_FILES.contains(&name.as_str())
        || CATALOGUES.iter().any(|ending| name.ends_with(ending))
    {
        return Some(BesideKind::System);
    }
    if SIDECARS.contains(&ending) {
        return Some(BesideKind::Sidecar);
    }
    if extension(file) == Extension::Raw && has_photo(file) {
        return Some(BesideKind::RawTwin);
    }
    (CLIPS.contains(&ending) && has_photo(file)).then_some(BesideKind::LiveClip)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn sorted(files: &[&str]) -> (Vec<String>, Vec<(BesideKind, Vec<String>)>) {
        let candidates = files
            .iter()
            .map(|file| Candidate {
                file: (*file).to_owned(),
                path: PathBuf::new(),
            })
            .collect();
        let (kept, beside) = set_aside(candidates, &|file| file == "stated.cr2");
        (
            kept.into_iter().map(|candidate| candidate.file).collect(),
            beside
                .into_iter()
                .map(|beside| (beside.kind, beside.files))
                .collect(),
        )
    }

    #[test]
    fn twins_are_of_one_folder_whatever_their_case() {
        let (kept, beside) = sorted(&[
            "IMG_1.CR2",
            "img_1.jpg",
            "b/IMG_1.nef",
            "IMG_2.dng",
            "IMG_3.ARW",
            "IMG_3.ARW.jpg",
            "stated.cr2",
            "stated.jpg",
            "IMG_1.MOV",
            "tour.mov",
        ]);
        assert_eq!(
            kept,
            [
                "img_1.jpg",
                "b/IMG_1.nef",
                "IMG_2.dng",
                "IMG_3.ARW.jpg",
                "stated.cr2",
                "stated.jpg",
                "tour.mov"
            ]
        );
        assert_eq!(
            beside,
            [
                (
                    BesideKind::RawTwin,
                    vec!["IMG_1.CR2".to_owned(), "IMG_3.ARW".to_owned()]
                ),
                (BesideKind::LiveClip, vec!["IMG_1.MOV".to_owned()]),
            ]
        );
    }

    #[test]
    fn sidecars_and_what_systems_leave_are_told_apart() {
        let (kept, beside) = sorted(&[
            "IMG_1.xmp",
            "IMG_1.CR2.xmp",
            "IMG_1.THM",
            "Thumbs.db",
            "house.lrcat",
            "notes.txt",
        ]);
        assert_eq!(kept, ["notes.txt"]);
        assert_eq!(beside[0].1.len(), 3);
        assert_eq!(
            beside[1],
            (
                BesideKind::System,
                vec!["Thumbs.db".to_owned(), "house.lrcat".to_owned()]
            )
        );
        for (name, expected) in [
            ("@eaDir", true),
            ("$RECYCLE.BIN", true),
            ("House Previews.lrdata", true),
            ("CaptureOne", true),
            ("Previews", false),
            ("kitchen", false),
        ] {
            assert_eq!(is_system_folder(name), expected, "{name}");
        }
    }
}
