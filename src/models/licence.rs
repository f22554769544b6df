//! Which licences the owner of this machine has accepted, kept in remedia's home.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fsx::{self, fs};

use super::registry::Model;

/// The version of the document that this build writes.
const ACCEPTANCES_SCHEMA_VERSION: u32 = 1;

/// The name of the document in the home.
const FILE: &str = "accepted-licences.json";

/// Why the document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AcceptanceError {
    /// It cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is another document, or one of a newer remedia.
    #[error("`{path}` is not usable: {problem}")]
    Malformed {
        /// Where it lies.
        path: String,
        /// What is wrong.
        problem: String,
    },
}

impl AcceptanceError {
    /// Never: someone must mend or remove the file.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema_version: u32,
    accepted: Vec<Acceptance>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Acceptance {
    model: String,
    licence: String,
    licence_url: String,
    at: Timestamp,
}

/// The licences that were accepted.
#[derive(Clone, Debug)]
pub struct Acceptances {
    path: PathBuf,
    accepted: Vec<Acceptance>,
}

impl Acceptances {
    /// Reads what was accepted in this home; nothing was where there is no document.
    ///
    /// # Errors
    /// [`AcceptanceError`]: a document that cannot be read or is none.
    pub fn load(home: &Path) -> Result<Self, AcceptanceError> {
        let path = home.join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self {
                    path,
                    accepted: Vec::new(),
                });
            }
            Err(error) => return Err(error.into()),
        };
        let malformed = |problem: String| AcceptanceError::Malformed {
            path: fsx::printable(&path.to_string_lossy()),
            problem,
        };
        let document: Document =
            serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
        if document.schema_version != ACCEPTANCES_SCHEMA_VERSION {
            return Err(malformed(format!(
                "its schema_version is {}, this remedia reads {ACCEPTANCES_SCHEMA_VERSION}",
                document.schema_version
            )));
        }
        Ok(Self {
            path,
            accepted: document.accepted,
        })
    }

    /// Whether the licence of the model, as the list of models names it now, was accepted.
    #[must_use]
    pub fn contains(&self, model: &Model) -> bool {
        self.accepted.iter().any(|acceptance| {
            acceptance.model == model.name
                && acceptance.licence == model.licence
                && acceptance.licence_url == model.licence_url
        })
    }

    /// Remembers that the licence of the model was accepted at `moment`.
    ///
    /// # Errors
    /// [`AcceptanceError::Io`]: it cannot be written down.
    pub fn accept(&mut self, model: &Model, moment: Timestamp) -> Result<(), AcceptanceError> {
        if self.contains(model) {
            return Ok(());
        }
        self.accepted.push(Acceptance {
            model: model.name.clone(),
            licence: model.licence.clone(),
            licence_url: model.licence_url.clone(),
            at: moment,
        });
        let document = Document {
            schema_version: ACCEPTANCES_SCHEMA_VERSION,
            accepted: self.accepted.clone(),
        };
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut text = serde_json::to_vec_pretty(&document).map_err(io::Error::other)?;
        text.push(b'\n');
        fsx::write_atomic(&self.path, &text)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Registry;
    use fs_err as fs;

    #[test]
    fn an_acceptance_is_kept_and_ends_with_another_licence() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        let mut model = Registry::embedded().unwrap().models()[0].clone();
        let mut acceptances = Acceptances::load(&home).unwrap();
        assert!(!acceptances.contains(&model));
        let moment = "2026-01-02T03:04:05Z".parse().unwrap();
        acceptances.accept(&model, moment).unwrap();
        acceptances.accept(&model, moment).unwrap();
        let again = Acceptances::load(&home).unwrap();
        assert!(again.contains(&model));
        assert_eq!(again.accepted.len(), 1);
        model.licence = "other".to_owned();
        assert!(!again.contains(&model));
        fs::write(home.join(FILE), "{}").unwrap();
        assert!(Acceptances::load(&home).is_err());
    }
}
