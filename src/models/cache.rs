//! The Hugging Face cache of this machine, in the layout that every tool of that family shares:
//! `models--organisation--name/{blobs,refs,snapshots/<revision>/…}`. See the page "Hub Local Cache" of
//! the Hub's documentation. Nothing in this file touches the network.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::Serialize;

use crate::config::Environment;
use crate::config::env;
use crate::fsx::{self, fs};

use super::digest;
use super::registry::{Model, ModelFile, Registry, RegistryError};

/// A file up to this size is compared by its content where its place alone does not say what it is.
const SMALL: u64 = 16 * 1024 * 1024;

/// Why there is no cache to look into.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Neither the variables nor the system name a folder.
    #[error("nothing says where models are kept: set HF_HUB_CACHE, HF_HOME or the system's HOME")]
    NoFolder,
    /// The list of models is not usable.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl CacheError {
    /// Never: both stay wrong until someone mends them.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}

/// One file of a model that is on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 that the list of models states for it.
    pub sha256: String,
}

/// A model of which every file is on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalModel {
    /// The name in the list of models.
    pub id: String,
    /// Repository on the hub.
    pub repository: String,
    /// Commit of the repository.
    pub revision: String,
    /// Each file by its path inside the repository.
    pub files: BTreeMap<String, LocalFile>,
}

impl LocalModel {
    /// Where the file with this path inside the repository lies.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&Path> {
        self.files.get(path).map(|file| file.path.as_path())
    }

    /// SHA-256 of the weights: what a score is recorded and compared by.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.files
            .iter()
            .find(|(path, _)| path.ends_with(".safetensors"))
            .map(|(_, file)| file.sha256.as_str())
    }
}

/// What a look at a file's place, name and size says; only `verify` reads the whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileState {
    /// It is there with the right size.
    Present,
    /// It is there with another size.
    Damaged,
    /// It is not there.
    Missing,
}

/// The cache with the list of models that are looked for in it.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    registry: Registry,
}

impl Cache {
    /// The cache that the environment names: `HF_HUB_CACHE`, else `hub` in `HF_HOME`, else
    /// `huggingface/hub` in `XDG_CACHE_HOME` or `~/.cache`.
    ///
    /// # Errors
    /// [`CacheError`]: no folder is named, or the list of models is not usable.
    pub fn from_environment(environment: &Environment) -> Result<Self, CacheError> {
        let registry = match environment.get(env::TEST_MODELS) {
            Some(path) => Registry::read(Path::new(path))?,
            None => Registry::embedded()?,
        };
        let folder = match environment.get(env::HF_HUB_CACHE) {
            Some(folder) => expanded(environment, Path::new(folder)),
            None => home(environment).ok_or(CacheError::NoFolder)?.join("hub"),
        };
        Ok(Self::new(folder, registry))
    }

    /// A cache in `folder` for the models of `registry`.
    #[must_use]
    pub const fn new(folder: PathBuf, registry: Registry) -> Self {
        Self { folder, registry }
    }

    /// The list of models.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The folder of the whole cache.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The model with this name, if all its files are here with the right size. Files that another tool
    /// fetched are used where they are the same: by their place (the pinned revision), by their name
    /// (the cache names weights by their SHA-256), or, for small files, by their content. Weights are
    /// not read: `verify` does that.
    #[must_use]
    pub fn locate(&self, name: &str) -> Option<LocalModel> {
        let model = self.registry.model(name).ok()?;
        let mut files = BTreeMap::new();
        for file in &model.files {
            files.insert(
                file.path.clone(),
                LocalFile {
                    path: self.find(model, file)?,
                    bytes: file.bytes,
                    sha256: file.sha256.clone(),
                },
            );
        }
        Some(LocalModel {
            id: model.name.clone(),
            repository: model.repository.clone(),
            revision: model.revision.clone(),
            files,
        })
    }

    /// How one file stands, and where it lies if it is there.
    #[must_use]
    pub fn state(&self, model: &Model, file: &ModelFile) -> (FileState, Option<PathBuf>) {
        if let Some(path) = self.find(model, file) {
            return (FileState::Present, Some(path));
        }
        let pinned = self.snapshot_path(model, file);
        if fs::symlink_metadata(&pinned).is_ok() {
            (FileState::Damaged, Some(pinned))
        } else {
            (FileState::Missing, None)
        }
    }

    /// Where a file of the model lies on this machine, if it is here with the right size.
    fn find(&self, model: &Model, file: &ModelFile) -> Option<PathBuf> {
        let pinned = self.snapshot_path(model, file);
        if has_size(&pinned, file.bytes) {
            return Some(pinned);
        }
        let blob = self.blob_path(model, file);
        if has_size(&blob, file.bytes) {
            return Some(blob);
        }
        if file.bytes > SMALL {
            return None;
        }
        let mut revisions: Vec<PathBuf> = fs::read_dir(self.model_folder(model).join("snapshots"))
            .ok()?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        revisions.sort();
        revisions
            .into_iter()
            .map(|revision| revision.join(&file.path))
            .find(|path| {
                has_size(path, file.bytes)
                    && digest::of_file(path).is_ok_and(|found| found == file.sha256)
            })
    }

    /// The folder of one model: `models--organisation--name`.
    #[must_use]
    pub fn model_folder(&self, model: &Model) -> PathBuf {
        self.folder
            .join(format!("models--{}", model.repository.replace('/', "--")))
    }

    /// The folder in which the files of the pinned revision have their names.
    #[must_use]
    pub fn snapshot_folder(&self, model: &Model) -> PathBuf {
        self.model_folder(model)
            .join("snapshots")
            .join(&model.revision)
    }

    pub(super) fn snapshot_path(&self, model: &Model, file: &ModelFile) -> PathBuf {
        self.snapshot_folder(model).join(&file.path)
    }

    /// Where the content lies: under its own SHA-256. The hub's tools name weights the same way; small
    /// text files they name by another hash, but find them by their snapshot like everyone else.
    pub(super) fn blob_path(&self, model: &Model, file: &ModelFile) -> PathBuf {
        self.model_folder(model).join("blobs").join(&file.sha256)
    }

    pub(super) fn lock_path(&self, model: &Model, file: &ModelFile) -> PathBuf {
        self.folder
            .join(".locks")
            .join(format!("models--{}", model.repository.replace('/', "--")))
            .join(format!("{}.lock", file.sha256))
    }

    /// Gives the content its name in the snapshot: a relative symbolic link, or a copy where the file
    /// system has no links. Notes the branch where no tool has noted one.
    pub(super) fn link(&self, model: &Model, file: &ModelFile, content: &Path) -> io::Result<()> {
        let name = self.snapshot_path(model, file);
        let folder = name.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder)?;
        if fs::symlink_metadata(&name).is_ok() {
            fs::remove_file(&name)?;
        }
        let target = relative(folder, content).unwrap_or_else(|| content.to_path_buf());
        if symlink(&target, &name).is_err() {
            fsx::write_atomic_with(&name, |writer| {
                io::copy(&mut fs::File::open(content)?, writer).map(drop)
            })?;
        }
        fsx::sync_directory(folder)?;
        if let Some(branch) = &model.branch {
            let refs = self.model_folder(model).join("refs");
            let noted = refs.join(branch);
            if !noted.exists() {
                fs::create_dir_all(&refs)?;
                fsx::write_atomic(&noted, model.revision.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Removes a file that is not what it should be: its name, and the content that the name leads to
    /// if that lies in this model's own folder.
    pub(super) fn remove(&self, model: &Model, path: &Path) -> io::Result<()> {
        let own = self.model_folder(model).canonicalize();
        let content = path.canonicalize();
        fs::remove_file(path)?;
        if let (Ok(own), Ok(content)) = (own, content)
            && content.starts_with(own)
            && content.is_file()
        {
            fs::remove_file(&content)?;
        }
        Ok(())
    }
}

/// The folder of everything that belongs to Hugging Face.
pub(super) fn home(environment: &Environment) -> Option<PathBuf> {
    if let Some(folder) = environment.get(env::HF_HOME) {
        return Some(expanded(environment, Path::new(folder)));
    }
    let caches = match environment.get(env::XDG_CACHE_HOME) {
        Some(folder) => expanded(environment, Path::new(folder)),
        None => environment.user_folder()?.join(".cache"),
    };
    Some(caches.join("huggingface"))
}

/// `~` at the start means the user's own folder, as it does for the hub's other tools.
pub(super) fn expanded(environment: &Environment, path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), environment.user_folder()) {
        (Ok(rest), Some(user)) => user.join(rest),
        _ => path.to_path_buf(),
    }
}

/// Whether a file is there, links followed, with this size.
pub(super) fn has_size(path: &Path, bytes: u64) -> bool {
    fs::metadata(path).is_ok_and(|facts| facts.is_file() && facts.len() == bytes)
}

#[cfg(unix)]
fn symlink(target: &Path, name: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, name)
}

#[cfg(windows)]
fn symlink(target: &Path, name: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, name)
}

/// The way from a folder to a file, both below the same root.
fn relative(from: &Path, to: &Path) -> Option<PathBuf> {
    let from: Vec<Component<'_>> = from.components().collect();
    let to: Vec<Component<'_>> = to.components().collect();
    let shared = from
        .iter()
        .zip(&to)
        .take_while(|(left, right)| left == right)
        .count();
    if shared == 0 {
        return None;
    }
    let mut way = PathBuf::new();
    for _ in shared..from.len() {
        way.push("..");
    }
    way.extend(to.get(shared..)?);
    Some(way)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(variables: &[(&str, &str)]) -> PathBuf {
        let environment = Environment::new(Path::new("/user"), variables.iter().copied());
        Cache::from_environment(&environment)
            .unwrap()
            .folder()
            .to_path_buf()
    }

    #[test]
    fn the_folder_is_the_one_that_other_tools_use() {
        assert_eq!(cache(&[]), Path::new("/user/.cache/huggingface/hub"));
        assert_eq!(
            cache(&[("XDG_CACHE_HOME", "/caches")]),
            Path::new("/caches/huggingface/hub")
        );
        let home = ("HF_HOME", "~/models");
        assert_eq!(cache(&[home]), Path::new("/user/models/hub"));
        assert_eq!(cache(&[home, ("HF_HUB_CACHE", "/hub")]), Path::new("/hub"));
        assert!(matches!(
            Cache::from_environment(&Environment::default()),
            Err(CacheError::NoFolder)
        ));
    }

    #[test]
    fn a_link_leads_from_the_snapshot_to_the_content() {
        assert_eq!(
            relative(Path::new("/hub/m/snapshots/r"), Path::new("/hub/m/blobs/b")).unwrap(),
            Path::new("../../blobs/b")
        );
        assert_eq!(
            relative(
                Path::new("/hub/m/snapshots/r/a"),
                Path::new("/hub/m/blobs/b")
            )
            .unwrap(),
            Path::new("../../../blobs/b")
        );
    }
}
