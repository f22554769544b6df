//! The files of data sets: gathered from uploads when a version is made, mounted when a kernel is pushed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use fs_err as fs;
use serde_json::Value;

use super::archive::{self, ArchiveError};
use super::core::Core;
use super::folders;
use super::rpc::{Call, RpcError, text};
use super::state::{Dataset, State, StoredFile};

/// Files of a data set in the making: where they are to lie, and the upload they come from.
pub(super) type Collected = (Vec<StoredFile>, bool);

/// Gathers the files and folders of a request into a folder of their own. Returns the files and whether
/// an archive could not be unpacked, or why the request is refused.
pub(super) fn collect(
    call: &Call<'_>,
    body: &Value,
) -> Result<Result<Collected, String>, RpcError> {
    let mut wanted = Vec::new();
    if let Err(message) = gather(call, body, "", &mut wanted) {
        return Ok(Err(message));
    }
    if wanted.is_empty() {
        return Ok(Err("The dataset has no files.".to_owned()));
    }
    let mut names = HashSet::new();
    if let Some((name, _)) = wanted.iter().find(|(name, _)| !names.insert(name)) {
        return Ok(Err(format!(
            "There is more than one file of the name {name}."
        )));
    }
    let name = call.core.state().opaque("version");
    let root = call.core.folder.join("datasets").join(name);
    let unpack = call.core.settings().unpack_archives;
    store(&root, &wanted, unpack).map_or_else(
        |error| match error {
            ArchiveError::Io(error) => Err(RpcError::new(500, error.to_string())),
            ArchiveError::Damaged => Ok(Ok((Vec::new(), true))),
        },
        |()| {
            let files = folders::list(&root);
            let files = files.map_err(|error| RpcError::new(500, error.to_string()))?;
            Ok(Ok((files, false)))
        },
    )
}

fn gather(
    call: &Call<'_>,
    body: &Value,
    prefix: &str,
    wanted: &mut Vec<(String, PathBuf)>,
) -> Result<(), String> {
    for file in entries(body, "files") {
        let token = text(file, "token");
        let state = call.core.state();
        let upload = state.uploads.get(token);
        match upload.filter(|upload| upload.owner == call.user && upload.complete) {
            Some(upload) => {
                wanted.push((format!("{prefix}{}", upload.name), upload.path.clone()));
            }
            None => return Err("A file's upload token is not valid.".to_owned()),
        }
    }
    for directory in entries(body, "directories") {
        let name = text(directory, "name");
        if !folders::is_inside(name) || name.contains('/') {
            return Err("A directory's name is not valid.".to_owned());
        }
        gather(call, directory, &format!("{prefix}{name}/"), wanted)?;
    }
    Ok(())
}

fn entries<'a>(body: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    body.get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn store(root: &Path, wanted: &[(String, PathBuf)], unpack: bool) -> Result<(), ArchiveError> {
    fs::create_dir_all(root)?;
    for (name, source) in wanted {
        let target = root.join(name);
        let folder = name.strip_suffix(".zip").or(name.strip_suffix(".tar"));
        match folder {
            Some(folder) if unpack => archive::unpack(source, name, &root.join(folder))?,
            _ => folders::link(source, &target)?,
        }
    }
    Ok(())
}

/// The files that a kernel mounts for `owner/slug`, named by their path under the input folder.
pub(super) fn mounted(
    core: &Core,
    state: &State,
    owner: &str,
    slug: &str,
    prefix: &str,
) -> Vec<StoredFile> {
    let ready = |dataset: &Dataset| {
        let shown = dataset.visible();
        shown.map(|version| version.files.clone())
    };
    let files = state.dataset(owner, slug).and_then(ready);
    let incomplete = core.settings().always_ready;
    let files = files.or_else(|| {
        let first = state.dataset(owner, slug)?.versions.first()?;
        let half = first.files.get(..first.files.len() / 2)?;
        incomplete.then(|| half.to_vec())
    });
    files
        .unwrap_or_default()
        .into_iter()
        .map(|file| StoredFile {
            name: format!("{prefix}/{}", file.name),
            ..file
        })
        .collect()
}
