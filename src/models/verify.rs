//! Reading every byte of a model and comparing it with the list of models.

use std::path::PathBuf;

use super::cache::{Cache, FileState};
use super::digest::Digest;
use super::registry::Model;

/// What a full reading of one file found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedFile {
    /// Path inside the repository.
    pub path: String,
    /// Whether it is there and what it should be.
    pub state: FileState,
    /// Where it lies.
    pub place: Option<PathBuf>,
    /// What is wrong with it.
    pub problem: Option<String>,
}

impl Cache {
    /// Reads every file of the model and compares size and SHA-256 with the list. `stop` is asked all
    /// the time; `None` means that it said yes.
    #[must_use]
    pub fn verify(&self, model: &Model, stop: &dyn Fn() -> bool) -> Option<Vec<VerifiedFile>> {
        let mut verified = Vec::new();
        for file in &model.files {
            let (mut state, place) = self.state(model, file);
            let mut problem = match state {
                FileState::Missing => Some("it is not on this machine".to_owned()),
                FileState::Damaged => Some(format!(
                    "it has not the {} bytes it should have",
                    file.bytes
                )),
                FileState::Present => None,
            };
            if let (FileState::Present, Some(place)) = (state, &place) {
                let mut digest = Digest::new();
                match digest.update_from(place, stop) {
                    Ok(None) => return None,
                    Ok(Some(_)) => {
                        let found = digest.finish();
                        if found != file.sha256 {
                            state = FileState::Damaged;
                            problem = Some(format!(
                                "its SHA-256 is {found}, it should be {}",
                                file.sha256
                            ));
                        }
                    }
                    Err(error) => {
                        state = FileState::Damaged;
                        problem = Some(format!("it cannot be read: {error}"));
                    }
                }
            }
            verified.push(VerifiedFile {
                path: file.path.clone(),
                state,
                place,
                problem,
            });
        }
        Some(verified)
    }
}
