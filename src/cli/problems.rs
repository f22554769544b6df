//! Files that did not come out as planned, by name and with the reason.

use serde::Serialize;

use crate::deliver::manifest::ManifestPhoto;
use crate::domain::id::PhotoId;
use crate::domain::verdict::Verdict;
use crate::engine::{DriveOutcome, Ending, Engine, EngineError, OperationReport};
use crate::fsx::printable;

use super::wording::{counted, texts};

/// A file that did not come out as planned.
#[derive(Debug, Serialize)]
pub(super) struct FileProblem {
    /// Its file in the listing folder.
    file: String,
    /// Whether a picture of it is in the delivery nevertheless; absent where nothing is delivered yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered: Option<bool>,
    /// What is wrong.
    reason: String,
}

impl FileProblem {
    pub(super) fn as_line(&self) -> String {
        let Self { file, reason, .. } = self;
        match self.delivered {
            Some(true) => format!("{file}: delivered, but not as planned: {reason}"),
            Some(false) => format!("{file}: not delivered: {reason}"),
            None => format!("{file}: {reason}"),
        }
    }
}

/// What a job's end says of them in a few words.
pub(super) fn unlike_planned(problems: &[FileProblem]) -> String {
    let missing = problems
        .iter()
        .filter(|problem| problem.delivered == Some(false))
        .count();
    let all = counted(problems.len() as u64, "file", "files");
    match missing {
        0 => format!("{all} did not come out as planned"),
        missing if missing == problems.len() => {
            let be = if missing == 1 { "is" } else { "are" };
            format!("{all} {be} not in the delivery")
        }
        missing => format!("{all} did not come out as planned, {missing} of them not delivered"),
    }
}

/// Every file that did not come out as planned: operations that were given up, and what delivery could not do.
pub(super) fn problems(
    engine: &Engine,
    driven: &DriveOutcome,
) -> Result<Vec<FileProblem>, EngineError> {
    let job = &driven.job;
    let manifest = match driven.ending {
        Ending::Delivered => engine.manifest(job)?,
        _ => None,
    };
    let mut problems: Vec<FileProblem> = Vec::new();
    let is_delivered = |photo: &PhotoId| {
        manifest
            .as_ref()
            .map(|manifest| manifest.photos.iter().any(|one| one.photo_id == *photo))
    };
    if driven.counts.gave_up > 0 {
        for photo in engine.show(job)?.photos {
            for operation in photo.operations.iter().filter(|one| one.state == "gave_up") {
                let reason = gave_up(operation);
                problems.push(FileProblem {
                    delivered: is_delivered(&photo.photo),
                    reason: format!("{} was given up: {reason}", operation.kind),
                    file: photo.file.clone(),
                });
            }
        }
    }
    for problem in manifest.iter().flat_map(|manifest| &manifest.problems) {
        let file = printable(&problem.file);
        let known = problems
            .iter()
            .any(|one| one.file == file && one.delivered == Some(false));
        // What is delivered under this name, and not merely beside it: an exposure of a bracket that went into no
        // picture is not delivered though its bracket is.
        let delivered = manifest.as_ref().map(|manifest| {
            let named = |one: &ManifestPhoto| one.original_file == problem.file;
            manifest.photos.iter().any(named)
        });
        if !known {
            problems.push(FileProblem {
                file,
                delivered,
                reason: printable(&problem.reason),
            });
        }
    }
    Ok(problems)
}

/// Why an operation was given up: the last attempt's word, or the record's.
fn gave_up(operation: &OperationReport) -> String {
    let last = operation.attempts.last();
    let said = last.and_then(|attempt| match (&attempt.failure, &attempt.verdict) {
        (Some(failure), _) => Some(failure.text.clone()),
        (None, Some(Verdict::Rejected { reasons } | Verdict::NeedsReview { reasons })) => {
            Some(texts(reasons))
        }
        _ => None,
    });
    let reason = said.or_else(|| operation.reason.clone());
    printable(&reason.unwrap_or_else(|| "no attempt was good enough".to_owned()))
}
