//! The files of a dataset, flat or in folders, each named by the token that its upload gave.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fsx::printable;

/// What stands for an uploaded file. Whoever has it can put the file into a dataset, so it prints as
/// `…`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UploadToken(String);

impl UploadToken {
    pub(super) const fn new(token: String) -> Self {
        Self(token)
    }
}

impl fmt::Debug for UploadToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}

/// A name that cannot stand in a dataset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be a file of a dataset: {1}")]
pub struct TreeError(String, &'static str);

/// A file on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct NewFile {
    token: UploadToken,
}

/// A folder on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Directory {
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<NewFile>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    directories: Vec<Self>,
}

/// The files of a dataset. A file's own name is the one that its upload was started with; only the
/// folders stand here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileTree {
    files: Vec<NewFile>,
    directories: Vec<Directory>,
    count: usize,
}

impl FileTree {
    /// No files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file at `path`, whose parts are divided by `/` and whose last part is the name that its
    /// upload was started with.
    ///
    /// # Errors
    /// [`TreeError`] for a path that is absolute, goes up, or has an empty part, a backslash or a control
    /// character.
    pub fn add(&mut self, path: &str, token: UploadToken) -> Result<(), TreeError> {
        let refuse = |rule| Err(TreeError(printable(path), rule));
        if path.contains('\\') || path.chars().any(char::is_control) {
            return refuse("it has a backslash or a control character");
        }
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return refuse("it has an empty part, `.` or `..`");
        }
        let folders: Vec<&str> = match path.rsplit_once('/') {
            Some((folders, _)) => folders.split('/').collect(),
            None => Vec::new(),
        };
        insert(&mut self.files, &mut self.directories, &folders, token);
        self.count += 1;
        Ok(())
    }

    /// How many files there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn files(&self) -> &[NewFile] {
        &self.files
    }

    pub(super) fn directories(&self) -> &[Directory] {
        &self.directories
    }
}

fn insert(
    files: &mut Vec<NewFile>,
    directories: &mut Vec<Directory>,
    folders: &[&str],
    token: UploadToken,
) {
    let Some((first, rest)) = folders.split_first() else {
        files.push(NewFile { token });
        return;
    };
    if let Some(known) = directories.iter_mut().find(|known| known.name == *first) {
        insert(&mut known.files, &mut known.directories, rest, token);
        return;
    }
    let mut made = Directory {
        name: (*first).to_owned(),
        files: Vec::new(),
        directories: Vec::new(),
    };
    insert(&mut made.files, &mut made.directories, rest, token);
    directories.push(made);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> UploadToken {
        UploadToken::new(text.to_owned())
    }

    #[test]
    fn folders_are_gathered_and_tokens_are_not_shown() {
        let mut tree = FileTree::new();
        for (path, name) in [
            ("job.json", "t1"),
            ("photos/a.jpg", "t2"),
            ("photos/masks/a.png", "t3"),
            ("photos/b.jpg", "t4"),
        ] {
            tree.add(path, token(name)).unwrap();
        }
        assert_eq!((tree.len(), tree.is_empty()), (4, false));
        assert!(!format!("{tree:?}").contains("t1"));
        let written = serde_json::json!({
            "files": tree.files(), "directories": tree.directories(),
        });
        assert_eq!(
            written,
            serde_json::json!({
                "files": [{"token": "t1"}],
                "directories": [{
                    "name": "photos",
                    "files": [{"token": "t2"}, {"token": "t4"}],
                    "directories": [{"name": "masks", "files": [{"token": "t3"}]}],
                }],
            })
        );
    }

    #[test]
    fn paths_that_leave_are_refused() {
        for wrong in ["", "/a", "a//b", "../a", "a/./b", "a\\b", "a\nb", "a/"] {
            assert!(FileTree::new().add(wrong, token("t")).is_err(), "{wrong:?}");
        }
    }
}
