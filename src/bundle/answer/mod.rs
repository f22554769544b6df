//! The answer to an order as a person brings it: one archive, a folder, or several parts of either. It is
//! opened, found to be of a run, checked picture by picture against its own `results.json`, and only then
//! copied to where a provider collects it, the document last, so that an answer that is there is whole.

mod error;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::domain::id::PhotoId;
use crate::domain::job::{JobOrder, RunMarker};
use crate::domain::operation::OperationKind;
use crate::domain::results::{
    AttemptState, ResultFile, Results, WorkerStop, read_results, read_stop,
};
use crate::fsx::{self, fs};

pub use error::AnswerError;
use source::Source;

/// The document that says what was made.
pub const RESULTS_FILE: &str = "results.json";
/// What a worker writes that stopped, whether or not there are results.
const STOPPED_FILE: &str = "remedia-stop.json";
/// Bytes of a file's name with its folders, and of each part of it.
const LONGEST_NAME: usize = 1024;
const LONGEST_PART: usize = 200;
/// Largest document, in bytes.
const LARGEST_DOCUMENT: u64 = 64 << 20;
/// Largest documents together, in bytes.
const LARGEST_DOCUMENTS: u64 = 128 << 20;
/// Largest picture, in bytes.
const LARGEST_PICTURE: u64 = 256 << 20;

/// What a person brings, opened; nothing in it is believed yet.
#[derive(Debug)]
pub struct Answer {
    sources: Vec<Source>,
    documents: Vec<Document>,
}

#[derive(Clone, Debug)]
struct Document {
    bytes: Vec<u8>,
    results: Results,
}

/// An answer to one run whose pictures are the ones that it names.
#[derive(Debug)]
pub struct CheckedAnswer<'a> {
    answer: &'a Answer,
    document: Document,
    /// Place and digest of each file that is there, by the name that the document has for it.
    found: BTreeMap<String, Found>,
    pictures: usize,
    missing: Vec<(PhotoId, OperationKind)>,
    unanswered: Vec<(PhotoId, OperationKind)>,
}

#[derive(Debug)]
struct Found {
    source: usize,
    name: String,
    sha256: String,
}

/// Opens what lies at these paths.
///
/// # Errors
/// [`AnswerError`] where something cannot be read or is unsafe to unpack, and where no part holds a
/// document that can be read, [`AnswerError::NothingMade`] where a part says why there is none.
pub fn open_answer(paths: &[PathBuf]) -> Result<Answer, AnswerError> {
    let mut sources = Vec::new();
    let mut unreadable = None;
    for path in paths {
        sources.append(&mut Source::open(path, &mut unreadable)?);
    }
    let mut documents = Vec::new();
    let mut left = LARGEST_DOCUMENTS;
    for source in &sources {
        for name in source.documents() {
            // One that cannot be read says nothing of another beside it.
            let read = source.read(&name, LARGEST_DOCUMENT).and_then(|bytes| {
                let results = read_results(&bytes).map_err(|error| AnswerError::Unreadable {
                    path: source.path.clone(),
                    reason: error.0,
                })?;
                Ok(Document { bytes, results })
            });
            match read {
                Ok(document) => {
                    left = left
                        .checked_sub(document.bytes.len() as u64)
                        .ok_or_else(|| AnswerError::Refused {
                            path: source.path.clone(),
                            reason: format!(
                                "it holds more than {LARGEST_DOCUMENTS} bytes of `{RESULTS_FILE}`"
                            ),
                        })?;
                    documents.push(document);
                }
                Err(error) => {
                    unreadable.get_or_insert(error);
                }
            }
        }
    }
    if documents.is_empty() {
        let names: Vec<String> = paths
            .iter()
            .map(|path| format!("`{}`", path.display()))
            .collect();
        if let Some(stop) = worker_stop(&sources) {
            return Err(AnswerError::NothingMade(stop.told()));
        }
        let order = sources
            .iter()
            .find(|source| !source.matching(super::order::MARKER_FILE).is_empty());
        let why = || match order {
            Some(order) => AnswerError::IsOrder(order.path.clone()),
            None => AnswerError::NoResults(names.join(", ")),
        };
        return Err(unreadable.unwrap_or_else(why));
    }
    Ok(Answer { sources, documents })
}

/// Why a worker stopped, where a part says so.
fn worker_stop(sources: &[Source]) -> Option<WorkerStop> {
    let mut documents = sources.iter().flat_map(|source| {
        source
            .matching(STOPPED_FILE)
            .into_iter()
            .map(move |name| (source, name))
    });
    documents.find_map(|(source, name)| read_stop(&source.read(&name, LARGEST_DOCUMENT).ok()?))
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

    /// What the documents of the run `marker` say, as one: the fullest, with what only others have. Parts of a run
    /// may each have a document of their own.
    fn document(&self, marker: &RunMarker) -> Option<Document> {
        let tried = |document: &Document| {
            let photos = document.results.photos.iter();
            let operations = photos.flat_map(|photo| &photo.operations);
            operations.filter(|operation| operation.was_tried()).count()
        };
        let mut fitting: Vec<&Document> = self
            .documents
            .iter()
            .filter(|document| {
                document.results.run_id == marker.run_id
                    && document.results.job_sha256 == marker.job_sha256
            })
            .collect();
        // Whatever the order in which they were named.
        fitting.sort_by(|one, other| {
            let rank = |document: &Document| (document.results.complete, tried(document));
            (rank(other).cmp(&rank(one))).then_with(|| one.bytes.cmp(&other.bytes))
        });
        let (first, others) = fitting.split_first()?;
        let mut whole = (*first).clone();
        let mut merged = false;
        for other in others {
            merged |= merge(&mut whole.results, &other.results);
        }
        if merged {
            whole.bytes = serde_json::to_vec_pretty(&whole.results).ok()?;
        }
        Some(whole)
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
        let mut here: BTreeMap<String, Found> = BTreeMap::new();
        let (mut pictures, mut missing) = (0, Vec::new());
        let named = named(&document.results, order);
        check_names(named.iter().map(|named| named.file.file.as_str()))?;
        for Named {
            unit,
            file,
            is_picture,
        } in named
        {
            let (name, sha256) = (file.file.as_str(), file.sha256.as_str());
            if here.get(name).is_some_and(|known| known.sha256 == sha256) {
                continue;
            }
            let changed = |path: &PathBuf| AnswerError::Changed {
                file: name.to_owned(),
                path: path.clone(),
            };
            let mut other = None;
            let mut found = None;
            let mut unreadable = None;
            for (number, source) in self.sources.iter().enumerate() {
                let exact = source.matching(name);
                for place in source.alike(name) {
                    let bytes = match source.read(&place, LARGEST_PICTURE) {
                        Ok(bytes) => bytes,
                        Err(error) => {
                            unreadable.get_or_insert(error);
                            continue;
                        }
                    };
                    if super::sha256(&bytes) == sha256 {
                        found.get_or_insert((number, place));
                    } else if exact.contains(&place) {
                        other.get_or_insert(&source.path);
                    }
                }
            }
            match (found, other.map(changed).or(unreadable)) {
                (Some((source, place)), _) => {
                    let found = Found {
                        source,
                        name: place,
                        sha256: sha256.to_owned(),
                    };
                    here.insert(name.to_owned(), found);
                    pictures += usize::from(is_picture);
                }
                (None, Some(error)) => return Err(error),
                (None, None) => missing.push(unit),
            }
        }
        missing.sort_unstable();
        missing.dedup();
        Ok(Some(CheckedAnswer {
            answer: self,
            unanswered: unanswered(&document.results, order),
            document,
            found: here,
            pictures,
            missing,
        }))
    }
}

/// Adds what only `other` has, or has tried; says whether there was something.
fn merge(results: &mut Results, other: &Results) -> bool {
    let mut added = false;
    for photo in &other.photos {
        let place = results
            .photos
            .iter()
            .position(|known| known.photo_id == photo.photo_id);
        let Some(known) = place.and_then(|place| results.photos.get_mut(place)) else {
            results.photos.push(photo.clone());
            added = true;
            continue;
        };
        for operation in &photo.operations {
            let mut same = known.operations.iter_mut();
            match same.find(|one| one.kind == operation.kind) {
                None => known.operations.push(operation.clone()),
                Some(one) if !one.was_tried() && operation.was_tried() => {
                    one.clone_from(operation);
                }
                Some(_) => continue,
            }
            added = true;
        }
    }
    added
}

/// A file that results name for what was ordered.
struct Named<'a> {
    unit: (PhotoId, OperationKind),
    file: &'a ResultFile,
    /// Whether it is the generated picture, not what belongs to it.
    is_picture: bool,
}

/// Every file that results name for what was ordered.
fn named<'a>(results: &'a Results, order: &JobOrder) -> Vec<Named<'a>> {
    let mut all = Vec::new();
    for (photo, operation) in ordered(order) {
        let made = results.operation(&photo, operation);
        for attempt in made.into_iter().flat_map(|made| &made.attempts) {
            if attempt.state != AttemptState::Produced {
                continue;
            }
            let files = [&attempt.image, &attempt.mask, &attempt.labels];
            for (number, file) in files.into_iter().enumerate() {
                all.extend(file.as_ref().map(|file| Named {
                    unit: (photo.clone(), operation),
                    file,
                    is_picture: number == 0,
                }));
            }
        }
    }
    all
}

/// What was ordered and has no word in the results.
fn unanswered(results: &Results, order: &JobOrder) -> Vec<(PhotoId, OperationKind)> {
    ordered(order)
        .filter(|(photo, operation)| {
            let made = results.operation(photo, *operation);
            made.is_none_or(|made| made.attempts.is_empty())
        })
        .collect()
}

fn ordered(order: &JobOrder) -> impl Iterator<Item = (PhotoId, OperationKind)> {
    order.photos.iter().flat_map(|photo| {
        let operations = photo.operations.iter();
        operations.map(|operation| (photo.photo_id.clone(), operation.kind))
    })
}

/// Refuses names that lead out of the folder, that no folder can hold, or of which one lies below another as if that
/// were a folder.
fn check_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), AnswerError> {
    let mut all: BTreeSet<&str> = names.collect();
    let refused = |name: &str| AnswerError::Refused {
        path: RESULTS_FILE.into(),
        reason: format!(
            "it names `{}` as a picture, which is no place for one",
            fsx::printable(name)
        ),
    };
    for name in &all {
        let fits = name.len() <= LONGEST_NAME
            && name
                .split('/')
                .all(|part| !matches!(part, "" | ".") && part.len() <= LONGEST_PART);
        if !fits || *name == RESULTS_FILE || fsx::contained(Path::new("."), name).is_err() {
            return Err(refused(name));
        }
    }
    all.insert(RESULTS_FILE);
    let above = |name: &str| {
        let mut ends = name.match_indices('/');
        ends.any(|(end, _)| name.get(..end).is_some_and(|folder| all.contains(folder)))
    };
    match all.iter().find(|name| above(name)) {
        Some(name) => Err(refused(name)),
        None => Ok(()),
    }
}

impl CheckedAnswer<'_> {
    /// Generated pictures that are named and here.
    #[must_use]
    pub const fn pictures(&self) -> usize {
        self.pictures
    }

    /// What has a picture, a mask or a label map that is named and not here.
    #[must_use]
    pub fn missing(&self) -> &[(PhotoId, OperationKind)] {
        &self.missing
    }

    /// What was ordered and not answered.
    #[must_use]
    pub fn unanswered(&self) -> &[(PhotoId, OperationKind)] {
        &self.unanswered
    }

    /// Whether the answer whose document lies in `folder` is this one, byte for byte.
    #[must_use]
    pub fn is_kept_in(&self, folder: &Path) -> bool {
        fs::read(folder.join(RESULTS_FILE)).is_ok_and(|kept| kept == self.document.bytes)
    }

    /// Files that are here and not in `folder`.
    #[must_use]
    pub fn beyond(&self, folder: &Path) -> usize {
        let is_there = |name: &str| {
            fsx::contained(folder, name).is_ok_and(|path| path.try_exists().unwrap_or(false))
        };
        self.found.keys().filter(|name| !is_there(name)).count()
    }

    /// Whether the worker reached the end of the order.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.document.results.complete
    }

    /// Why nothing was made, where nothing was.
    #[must_use]
    pub fn why_unbegun(&self) -> Option<String> {
        self.document.results.why_unbegun()
    }

    /// Copies the answer into `folder`: every picture, then the document. Until the document is there
    /// nothing counts, and an answer that was there before counts no more.
    ///
    /// # Errors
    /// [`AnswerError`] where a file cannot be read or written, or changed since it was checked.
    pub fn write(&self, folder: &Path) -> Result<(), AnswerError> {
        use AnswerError::NotKept;
        fs::create_dir_all(folder).map_err(NotKept)?;
        let document = folder.join(RESULTS_FILE);
        match fs::remove_file(&document) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(NotKept(error));
            }
            _ => {}
        }
        for (file, picture) in &self.found {
            let Some(source) = self.answer.sources.get(picture.source) else {
                continue;
            };
            let bytes = source.read(&picture.name, LARGEST_PICTURE)?;
            if super::sha256(&bytes) != picture.sha256 {
                return Err(AnswerError::Changed {
                    file: file.clone(),
                    path: source.path.clone(),
                });
            }
            let path = fsx::contained(folder, file).map_err(std::io::Error::other)?;
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(NotKept)?;
            }
            fsx::write_atomic(&path, &bytes).map_err(NotKept)?;
        }
        fsx::write_atomic(&document, &self.document.bytes).map_err(NotKept)?;
        Ok(())
    }
}
