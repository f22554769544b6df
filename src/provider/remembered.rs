//! What a provider remembers of an order, in a file beside it that only its owner may read: it can hold signed
//! addresses and the names of sessions.

use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fsx::{self, fs};

/// A JSON document in a file of its own.
#[derive(Clone, Debug)]
pub(super) struct Remembered<T> {
    path: PathBuf,
    document: PhantomData<T>,
}

impl<T: Default + Serialize + DeserializeOwned> Remembered<T> {
    /// The document in the file `name` of a folder.
    pub(super) fn new(folder: &Path, name: &str) -> Self {
        Self {
            path: folder.join(name),
            document: PhantomData,
        }
    }

    /// The document; an empty one where there is none, and where another build wrote what this one cannot
    /// read: then the far side is asked for all of it.
    pub(super) fn read(&self) -> io::Result<T> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
            Err(error) => Err(error),
        }
    }

    /// Writes the document by temporary file and rename.
    pub(super) fn write(&self, document: &T) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(document)?;
        fsx::write_private(&self.path, |file| file.write_all(&bytes))
    }

    /// Forgets it; one that is not there is no error.
    pub(super) fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
