//! What remedia itself has put into a folder of photos: deliveries, finished or half-written, homes, and
//! orders for a worker elsewhere. Their pictures are results and copies, so they are never read as photos.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::fsx::{fs, printable};

/// Bytes of a document that are enough to tell whose it is.
const HEAD: u64 = 4096;

/// The folders of a delivery that hold pictures; the last has a name that nobody else gives.
const DELIVERED: [&str; 3] = ["final", "web", "originals-web"];

/// The folders of a home.
const HOME_PARTS: [&str; 5] = ["jobs", "locks", "cache", "fake", "kaggle-queue"];

/// A folder of remedia's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Own {
    /// What is delivered, or was about to be.
    Delivery,
    /// Records and work folders.
    Home,
    /// An order for a worker elsewhere, or what came back.
    Order,
}

impl fmt::Display for Own {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Delivery => "a delivery of remedia",
            Self::Home => "remedia's home",
            Self::Order => "an order of remedia or its results",
        })
    }
}

/// What `folder` is, by what lies in it: the marks that remedia leaves, whatever the folder is called now.
pub(super) fn own(folder: &Path) -> Option<Own> {
    let is_file = |name: &str| folder.join(name).is_file();
    if is_file(".remedia-delivery.json")
        || folder.join("originals-web").is_dir()
        || says(&folder.join("manifest.json"), "\"generator\"", "\"remedia ")
    {
        Some(Own::Delivery)
    } else if is_file("remedia.db") {
        Some(Own::Home)
    } else if is_file("remedia-run.json")
        || says(&folder.join("results.json"), "\"job_sha256\"", "\"photos\"")
    {
        Some(Own::Order)
    } else {
        None
    }
}

/// Whether `name`, directly inside a listing that is itself such a folder, is a part of it.
pub(super) fn is_part(own: Option<Own>, name: &str) -> bool {
    match own {
        Some(Own::Delivery) => DELIVERED.contains(&name) || name == "edited",
        Some(Own::Home) => HOME_PARTS.contains(&name),
        Some(Own::Order) => matches!(name, "photos" | "masks"),
        None => false,
    }
}

/// Whether the beginning of a document holds both texts.
fn says(document: &Path, one: &str, other: &str) -> bool {
    if !document.is_file() {
        return false;
    }
    let mut head = Vec::new();
    let read = fs::File::open(document).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    let head = String::from_utf8_lossy(&head);
    read.is_ok() && head.contains(one) && head.contains(other)
}

/// One line on the folders that were not entered; nothing where there was none. Paths are relative to the
/// listing.
pub(super) fn told(skipped: &[(String, Own)]) -> Option<String> {
    const MOST: usize = 4;
    let (_, first) = skipped.first()?;
    let same = skipped.iter().all(|(_, own)| own == first);
    let mut names: Vec<String> = skipped
        .iter()
        .take(MOST)
        .map(|(folder, own)| {
            let folder = printable(folder);
            if same && skipped.len() > 1 {
                format!("`{folder}/`")
            } else {
                format!("`{folder}/` ({own})")
            }
        })
        .collect();
    if skipped.len() > MOST {
        names.push(format!("{} more", skipped.len() - MOST));
    }
    let why = if same && skipped.len() > 1 {
        format!("; each is {first}")
    } else {
        String::new()
    };
    Some(format!("not read as photos: {}{why}", names.join(", ")))
}

/// Folders that the caller knows to be remedia's own, as they lie on the disk.
#[derive(Debug, Default)]
pub(super) struct Known(Vec<(PathBuf, Own)>);

impl Known {
    pub(super) fn new(homes: &[PathBuf], deliveries: &[PathBuf]) -> Self {
        let real = |paths: &[PathBuf], own| {
            paths
                .iter()
                .filter_map(|path| Some((fs::canonicalize(path).ok()?, own)))
                .collect::<Vec<_>>()
        };
        let mut known = real(homes, Own::Home);
        known.extend(real(deliveries, Own::Delivery));
        Self(known)
    }

    /// What the folder at the real path `folder` is: one of the known, or by its marks.
    pub(super) fn own(&self, folder: &Path) -> Option<Own> {
        let named = self.0.iter().find(|(path, _)| path == folder);
        named.map(|(_, own)| *own).or_else(|| own(folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_known_by_their_marks_and_others_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = "{\n  \"schema_version\": 2,\n  \"generator\": \"remedia 0.1.0\",\n";
        let foreign = "{\"manifest_version\": 3, \"name\": \"a browser's own\"}";
        for (name, content, expected) in [
            (".remedia-delivery.json", "{}", Some(Own::Delivery)),
            ("manifest.json", manifest, Some(Own::Delivery)),
            ("manifest.json", foreign, None),
            ("originals-web/001-a.jpg", "", Some(Own::Delivery)),
            ("remedia.db", "", Some(Own::Home)),
            ("remedia-run.json", "{}", Some(Own::Order)),
            (
                "results.json",
                "{\"job_sha256\": \"\", \"photos\": []}",
                Some(Own::Order),
            ),
            ("results.json", "[1, 2]", None),
            ("final/001-a.jpg", "", None),
        ] {
            let inner = tempfile::tempdir_in(folder.path()).unwrap();
            let path = inner.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(&path, content).unwrap();
            assert_eq!(own(inner.path()), expected, "{name} {content}");
        }
    }

    #[test]
    fn what_is_skipped_is_one_line() {
        let delivery = |name: &str| (name.to_owned(), Own::Delivery);
        assert_eq!(told(&[]), None);
        insta::assert_snapshot!(told(&[delivery("out/a")]).unwrap(), @"not read as photos: `out/a/` (a delivery of remedia)");
        insta::assert_snapshot!(told(&[delivery("a"), ("h".to_owned(), Own::Home)]).unwrap(), @"not read as photos: `a/` (a delivery of remedia), `h/` (remedia's home)");
        let many: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(delivery).into();
        insta::assert_snapshot!(told(&many).unwrap(), @"not read as photos: `a/`, `b/`, `c/`, `d/`, 2 more; each is a delivery of remedia");
    }
}
