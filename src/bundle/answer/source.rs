//! Where results may lie: a ZIP archive, or a folder. Both are untrusted: names are checked before anything
//! is read, sizes are bounded while it is read, and nothing is ever unpacked that no document names.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use crate::fsx::{self, fs};

use super::error::AnswerError;

/// Most files of one part.
const MOST_FILES: usize = 10_000;
/// Largest content of one archive, in bytes.
const LARGEST_CONTENT: u64 = 8 << 30;
/// Above this size a file must not be many times larger than what it was packed to.
const BOMB_BYTES: u64 = 16 << 20;
/// How many times larger: pictures do not pack, and a document packs to a tenth.
const BOMB_RATIO: u64 = 200;
/// How deep folders are looked into.
const DEEPEST: usize = 4;

/// One part of what a person brings.
#[derive(Debug)]
pub(super) struct Source {
    /// The file or folder.
    pub(super) path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Archive {
        archive: RefCell<ZipArchive<BufReader<fs::File>>>,
        /// Index by checked name.
        names: BTreeMap<String, usize>,
    },
    Folder {
        /// Path by checked name.
        names: BTreeMap<String, PathBuf>,
    },
}

impl Source {
    /// Opens a path that a person names. A folder is looked through for archives, too; why one of them is not usable
    /// goes into `unusable`.
    pub(super) fn open(
        path: &Path,
        unusable: &mut Option<AnswerError>,
    ) -> Result<Vec<Self>, AnswerError> {
        let facts = match fs::metadata(path) {
            Ok(facts) => facts,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(AnswerError::Missing(path.to_owned()));
            }
            Err(error) => return Err(error.into()),
        };
        if facts.is_dir() {
            let folder = Self::folder(path)?;
            let mut found = Vec::new();
            if let Kind::Folder { names } = &folder.kind {
                for inner in names.values() {
                    let is_archive = inner
                        .extension()
                        .is_some_and(|extension| extension.eq_ignore_ascii_case("zip"));
                    if !is_archive {
                        continue;
                    }
                    // Beside what was looked for there may be anything.
                    match Self::archive(inner) {
                        Ok(archive) => found.push(archive),
                        Err(error) => {
                            unusable.get_or_insert(error);
                        }
                    }
                }
            }
            found.insert(0, folder);
            return Ok(found);
        }
        if path
            .file_name()
            .is_some_and(|name| name == super::RESULTS_FILE)
            && let Some(parent) = path.parent()
        {
            return Ok(vec![Self::folder(parent)?]);
        }
        Ok(vec![Self::archive(path)?])
    }

    fn archive(path: &Path) -> Result<Self, AnswerError> {
        let refuse = |reason: String| AnswerError::Refused {
            path: path.to_owned(),
            reason,
        };
        let broken = |error: zip::result::ZipError| AnswerError::Damaged {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let file = fs::File::open(path)?;
        let mut archive = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
        if archive.len() > MOST_FILES {
            return Err(refuse(format!("it holds more than {MOST_FILES} files")));
        }
        let mut names = BTreeMap::new();
        let mut total = 0_u64;
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index).map_err(broken)?;
            let name = entry.name().map_err(broken)?.replace('\\', "/");
            if entry.is_dir() {
                continue;
            }
            fsx::contained(Path::new("."), &name).map_err(|error| refuse(error.to_string()))?;
            total = total.saturating_add(entry.size());
            let packed = entry.compressed_size().max(1);
            if total > LARGEST_CONTENT
                || (entry.size() > BOMB_BYTES && entry.size() / packed > BOMB_RATIO)
            {
                return Err(refuse(format!(
                    "it would unpack to far more than pictures are; `{}` alone to {} bytes",
                    fsx::printable(&name),
                    entry.size()
                )));
            }
            names.insert(name, index);
        }
        Ok(Self {
            path: path.to_owned(),
            kind: Kind::Archive {
                archive: RefCell::new(archive),
                names,
            },
        })
    }

    fn folder(root: &Path) -> Result<Self, AnswerError> {
        let mut names = BTreeMap::new();
        let mut folders = vec![(root.to_owned(), String::new(), 0)];
        while let Some((folder, prefix, depth)) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                // Somebody else's, in a folder where anything may lie.
                Err(error) if depth > 0 && error.kind() == io::ErrorKind::PermissionDenied => {
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            for entry in entries {
                let entry = entry?;
                let Ok(name) = entry.file_name().into_string() else {
                    continue;
                };
                // A link may lead anywhere, so none is followed.
                let kind = entry.file_type()?;
                let name = format!("{prefix}{name}");
                if kind.is_dir() && depth < DEEPEST {
                    folders.push((entry.path(), format!("{name}/"), depth + 1));
                } else if kind.is_file() {
                    if names.len() >= MOST_FILES {
                        return Err(AnswerError::Refused {
                            path: root.to_owned(),
                            reason: format!("it holds more than {MOST_FILES} files"),
                        });
                    }
                    names.insert(name, entry.path());
                }
            }
        }
        Ok(Self {
            path: root.to_owned(),
            kind: Kind::Folder { names },
        })
    }

    /// Every name that is `file`, or ends with it below some folder.
    pub(super) fn matching(&self, file: &str) -> Vec<String> {
        let is_it = |name: &str| {
            name.strip_suffix(file)
                .is_some_and(|before| before.is_empty() || before.ends_with('/'))
        };
        let all: Vec<&String> = match &self.kind {
            Kind::Archive { names, .. } => names.keys().collect(),
            Kind::Folder { names } => names.keys().collect(),
        };
        all.into_iter()
            .filter(|name| is_it(name))
            .cloned()
            .collect()
    }

    /// Every name whose last part is the last part of `file`: a browser that saves files one by one keeps no
    /// folders.
    pub(super) fn alike(&self, file: &str) -> Vec<String> {
        self.matching(file.rsplit('/').next().unwrap_or(file))
    }

    /// Every document that says what was made.
    pub(super) fn documents(&self) -> Vec<String> {
        self.matching(super::RESULTS_FILE)
    }

    /// The bytes of the file with this name, where it has no more than `limit`.
    pub(super) fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>, AnswerError> {
        let refuse = |reason: String| AnswerError::Refused {
            path: self.path.clone(),
            reason,
        };
        let shown = || fsx::printable(name);
        let damaged = |error: &dyn std::fmt::Display| AnswerError::Damaged {
            path: self.path.clone(),
            reason: format!("`{}` cannot be read: {error}", shown()),
        };
        let read = |reader: &mut dyn Read| -> Result<Vec<u8>, AnswerError> {
            let mut bytes = Vec::new();
            reader
                .take(limit + 1)
                .read_to_end(&mut bytes)
                .map_err(|error| damaged(&error))?;
            if bytes.len() as u64 > limit {
                return Err(refuse(format!(
                    "`{}` is larger than {limit} bytes",
                    shown()
                )));
            }
            Ok(bytes)
        };
        match &self.kind {
            Kind::Archive { archive, names } => {
                let mut archive = archive.borrow_mut();
                let index = names.get(name).copied().unwrap_or(usize::MAX);
                let mut entry = archive.by_index(index).map_err(|error| damaged(&error))?;
                read(&mut entry)
            }
            Kind::Folder { names } => {
                let path = names
                    .get(name)
                    .ok_or_else(|| refuse(format!("`{}` is not there", shown())))?;
                read(&mut fs::File::open(path)?)
            }
        }
    }
}
