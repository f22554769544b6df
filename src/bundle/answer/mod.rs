//! The answer to an order as a person brings it: one archive, a folder, or several parts of either. It is
//! opened, found to be of a run, checked picture by picture against its own `results.json`, and only then
//! copied to where a provider collects it, the document last, so that an answer that is there is whole.

mod error;
mod source;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::domain::job::{JobOrder, RunMarker};
use crate::domain::results::{AttemptState, Results, WorkerStop, read_results};
use crate::fsx;

pub use error::AnswerError;
use source::Source;

/// The document that says what was made.
pub const RESULTS_FILE: &str = "results.json";
/// What a worker writes that stopped, whether or not there are results.
const STOPPED_FILE: &str = "remedia-stop.json";
/// Characters of a worker's own word that are told.
const LONGEST_WORD: usize = 400;
/// Largest document, in bytes.
const LARGEST_DOCUMENT: u64 = 64 << 20;
/// Largest picture, in bytes.
const LARGEST_PICTURE: u64 = 256 << 20;

/// What a person brings, opened; nothing in it is believed yet.
#[derive(Debug)]
pub struct Answer {
    sources: Vec<Source>,
    documents: Vec<Document>,
}

#[derive(Debug)]
struct Document {
    bytes: Vec<u8>,
    results: Results,
}

/// An answer to one run whose pictures are the ones that it names.
#[derive(Debug)]
pub struct CheckedAnswer<'a> {
    answer: &'a Answer,
    document: &'a Document,
    /// Place and digest of each picture that is there.
    pictures: BTreeMap<&'a str, Picture<'a>>,
    missing: Vec<String>,
}

#[derive(Debug)]
struct Picture<'a> {
    source: usize,
    name: String,
    sha256: &'a str,
}

/// Opens what lies at these paths.
///
/// # Errors
/// [`AnswerError`] where something cannot be read or is unsafe to unpack, and where no part holds a
/// document that can be read, [`AnswerError::NothingMade`] where a part says why there is none.
pub fn open_answer(paths: &[PathBuf]) -> Result<Answer, AnswerError> {
    let mut sources = Vec::new();
    for path in paths {
        sources.append(&mut Source::open(path)?);
    }
    let mut documents = Vec::new();
    let mut unreadable = None;
    for source in &sources {
        for name in source.documents() {
            let bytes = source.read(&name, LARGEST_DOCUMENT)?;
            match read_results(&bytes) {
                Ok(results) => documents.push(Document { bytes, results }),
                Err(error) => {
                    unreadable.get_or_insert(AnswerError::Unreadable {
                        path: source.path.clone(),
                        reason: error.0,
                    });
                }
            }
        }
    }
    if documents.is_empty() {
        let names: Vec<String> = paths
            .iter()
            .map(|path| format!("`{}`", path.display()))
            .collect();
        let why = || match stop_word(&sources) {
            Some(stop) => AnswerError::NothingMade(told(&stop)),
            None => AnswerError::NoResults(names.join(", ")),
        };
        return Err(unreadable.unwrap_or_else(why));
    }
    Ok(Answer { sources, documents })
}

/// Why a worker stopped, where a part says so.
fn stop_word(sources: &[Source]) -> Option<WorkerStop> {
    let mut words = sources.iter().flat_map(|source| {
        source
            .matching(STOPPED_FILE)
            .into_iter()
            .map(move |name| (source, name))
    });
    words.find_map(|(source, name)| {
        let bytes = source.read(&name, LARGEST_DOCUMENT).ok()?;
        serde_json::from_slice(&bytes).ok()
    })
}

fn told(stop: &WorkerStop) -> String {
    let text = format!("the worker stopped ({}): {}", stop.code, stop.text);
    fsx::printable(&text).chars().take(LONGEST_WORD).collect()
}

/// Why nothing of an order was begun, for people.
#[must_use]
pub fn why_unbegun(results: &Results) -> String {
    match &results.stopped {
        Some(stop) => told(stop),
        None => "the session ended before the worker began a photo".to_owned(),
    }
}

impl Answer {
    /// The runs that documents of it are of, each once.
    #[must_use]
    pub fn runs(&self) -> Vec<&str> {
        let mut runs: Vec<&str> = self
            .documents
            .iter()
            .map(|document| document.results.run_id.as_str())
            .collect();
        runs.sort_unstable();
        runs.dedup();
        runs
    }

    /// The fullest document of the run `marker`, where there is one.
    fn document(&self, marker: &RunMarker) -> Option<&Document> {
        let attempts = |document: &Document| -> usize {
            let photos = document.results.photos.iter();
            photos
                .flat_map(|photo| &photo.operations)
                .map(|operation| operation.attempts.len())
                .sum()
        };
        self.documents
            .iter()
            .filter(|document| {
                document.results.run_id == marker.run_id
                    && document.results.job_sha256 == marker.job_sha256
            })
            .max_by_key(|document| (document.results.complete, attempts(document)))
    }

    /// Whether a document of it is of exactly this run.
    #[must_use]
    pub fn is_of(&self, marker: &RunMarker) -> bool {
        self.document(marker).is_some()
    }

    /// Whether it is, byte for byte, the answer whose document lies in `folder`.
    #[must_use]
    pub fn is_kept_in(&self, folder: &Path) -> bool {
        fs_err::read(folder.join(RESULTS_FILE))
            .is_ok_and(|kept| self.documents.iter().any(|document| document.bytes == kept))
    }

    /// Checks every picture that the answer to `order` names.
    ///
    /// # Errors
    /// [`AnswerError::Changed`] for a picture with other bytes, [`AnswerError::Refused`] for a name that
    /// leads out of the folder. A picture that is not there is no error.
    pub fn check<'a>(
        &'a self,
        order: &JobOrder,
        marker: &RunMarker,
    ) -> Result<Option<CheckedAnswer<'a>>, AnswerError> {
        let Some(document) = self.document(marker) else {
            return Ok(None);
        };
        let mut checked = CheckedAnswer {
            answer: self,
            document,
            pictures: BTreeMap::new(),
            missing: Vec::new(),
        };
        for file in named(&document.results, order) {
            let (name, sha256) = (file.file.as_str(), file.sha256.as_str());
            let inside = fsx::contained(Path::new("."), name);
            if inside.is_err() || name == RESULTS_FILE {
                return Err(AnswerError::Refused {
                    path: RESULTS_FILE.into(),
                    reason: format!(
                        "it names `{}` as a picture, which is no place for one",
                        fsx::printable(name)
                    ),
                });
            }
            if checked
                .pictures
                .get(name)
                .is_some_and(|known| known.sha256 == sha256)
            {
                continue;
            }
            let mut other = None;
            let mut found = None;
            for (number, source) in self.sources.iter().enumerate() {
                let exact = source.matching(name);
                for place in source.alike(name) {
                    let bytes = source.read(&place, LARGEST_PICTURE)?;
                    if super::sha256(&bytes) == sha256 {
                        found.get_or_insert((number, place));
                    } else if exact.contains(&place) {
                        other.get_or_insert(&source.path);
                    }
                }
            }
            match (found, other) {
                (Some((source, place)), _) => {
                    let picture = Picture {
                        source,
                        name: place,
                        sha256,
                    };
                    checked.pictures.insert(name, picture);
                }
                (None, Some(path)) => {
                    return Err(AnswerError::Changed {
                        file: name.to_owned(),
                        path: path.clone(),
                    });
                }
                (None, None) => checked.missing.push(name.to_owned()),
            }
        }
        Ok(Some(checked))
    }
}

/// Every picture that results name for what was ordered.
fn named<'a>(
    results: &'a Results,
    order: &JobOrder,
) -> Vec<&'a crate::domain::results::ResultFile> {
    results
        .photos
        .iter()
        .filter(|photo| {
            let mut ordered = order.photos.iter();
            ordered.any(|ordered| ordered.photo_id == photo.photo_id)
        })
        .flat_map(|photo| &photo.operations)
        .flat_map(|operation| &operation.attempts)
        .filter(|attempt| attempt.state == AttemptState::Produced)
        .flat_map(|attempt| [&attempt.image, &attempt.mask, &attempt.labels])
        .flatten()
        .collect()
}

impl CheckedAnswer<'_> {
    /// Pictures that are named and here.
    #[must_use]
    pub fn pictures(&self) -> usize {
        self.pictures.len()
    }

    /// Pictures that are named and not here.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Whether the worker reached the end of the order.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.document.results.complete
    }

    /// Why nothing was made, where nothing was.
    #[must_use]
    pub fn why_unbegun(&self) -> Option<String> {
        let results = &self.document.results;
        results.is_unbegun().then(|| why_unbegun(results))
    }

    /// Copies the answer into `folder`: every picture, then the document. Until the document is there
    /// nothing counts, and an answer that was there before counts no more.
    ///
    /// # Errors
    /// [`AnswerError`] where a file cannot be read or written, or changed since it was checked.
    pub fn write(&self, folder: &Path) -> Result<(), AnswerError> {
        fs_err::create_dir_all(folder)?;
        let document = folder.join(RESULTS_FILE);
        match fs_err::remove_file(&document) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        for (file, picture) in &self.pictures {
            let Some(source) = self.answer.sources.get(picture.source) else {
                continue;
            };
            let bytes = source.read(&picture.name, LARGEST_PICTURE)?;
            if super::sha256(&bytes) != picture.sha256 {
                return Err(AnswerError::Changed {
                    file: (*file).to_owned(),
                    path: source.path.clone(),
                });
            }
            let path = fsx::contained(folder, file).map_err(std::io::Error::other)?;
            if let Some(parent) = path.parent() {
                fs_err::create_dir_all(parent)?;
            }
            fsx::write_atomic(&path, &bytes)?;
        }
        fsx::write_atomic(&document, &self.document.bytes)?;
        Ok(())
    }
}
