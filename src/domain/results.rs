//! The answer to an order, `results.json`. It comes from a worker that may be newer or broken, so
//! fields that this build does not know are ignored and every claim in it is checked before use.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::enhancement::EnhancementReport;
use super::id::PhotoId;
use super::operation::OperationKind;
use super::plan::AttemptParameters;
use super::verdict::{Reason, ReasonCode};
use crate::fsx;

/// The version of [`Results`] that this build writes.
pub const RESULTS_SCHEMA_VERSION: u32 = 2;

/// Characters of a text in it.
const LONGEST_TEXT: usize = 4096;
/// Characters of a worker's word of why it stopped that are told.
const LONGEST_WORD: usize = 400;
/// Seconds that an attempt can have taken: longer than any session lasts.
const LONGEST_ATTEMPT: f64 = 1e6;

/// What a worker made of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Results {
    /// The version of this document's form.
    pub schema_version: u32,
    /// The order's identity.
    pub run_id: String,
    /// SHA-256 of the order's `job.json`, 64 hexadecimal digits.
    pub job_sha256: String,
    /// Whether the worker reached the end of the order; written last.
    pub complete: bool,
    /// Who worked.
    pub worker: WorkerDescription,
    /// What was made, photo by photo.
    pub photos: Vec<PhotoResult>,
    /// Why the worker ended before the order did, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<WorkerStop>,
    /// Parts of the answer that could not be read. Never written by a worker.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<UnreadableResult>,
}

/// Why a worker ended before the order did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerStop {
    /// Its name for the cause, such as `model_missing` or `deadline`.
    pub code: String,
    /// What happened, for people.
    pub text: String,
    /// Whether another session may do better.
    #[serde(default = "yes")]
    pub retryable: bool,
}

const fn yes() -> bool {
    true
}

/// The causes that only the internet, or something else attached, can mend.
const NEEDS_INTERNET: [&str; 2] = ["model_missing", "install_failed"];

impl WorkerStop {
    /// For people, in one line.
    #[must_use]
    pub fn told(&self) -> String {
        let text = format!("the worker stopped ({}): {}", self.code, self.text);
        text.chars().take(LONGEST_WORD).collect()
    }

    /// Whether another session, with the internet or without, may do better.
    #[must_use]
    pub fn may_pass(&self, internet: bool) -> bool {
        self.retryable && (internet || !NEEDS_INTERNET.contains(&self.code.as_str()))
    }
}

/// A part of a worker's answer that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnreadableResult {
    /// The photo that it is about; absent where that could not be read either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photo_id: Option<PhotoId>,
    /// What is wrong, for people.
    pub text: String,
}

/// Who worked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerDescription {
    /// `remedia` for the embedded engine, else the worker's name.
    pub engine: String,
    /// Its version.
    pub version: String,
    /// The device that it ran on.
    pub device: String,
    /// The models that it really loaded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<LoadedModel>,
}

/// A model that a worker loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoadedModel {
    /// What it was loaded for, such as `base` or `controlnet:depth`.
    pub role: String,
    /// Where it comes from, such as `owner/name`.
    pub repository: String,
    /// The revision that was loaded.
    pub revision: String,
    /// SHA-256 of its weights, 64 hexadecimal digits, where it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// What was made of one photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhotoResult {
    /// Which photo.
    pub photo_id: PhotoId,
    /// Operation by operation.
    pub operations: Vec<OperationResult>,
}

/// What came of one operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationResult {
    /// Which operation.
    pub kind: OperationKind,
    /// Every attempt that was made, in order.
    pub attempts: Vec<AttemptResult>,
}

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptResult {
    /// Which attempt of the order.
    pub number: u32,
    /// The seed that was used.
    pub seed: u64,
    /// Whether there is a result.
    pub state: AttemptState,
    /// Why there is none, or why it is not what was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The result: of a stage the generated picture at working size, neither masked nor composited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ResultFile>,
    /// What the worker was allowed to change: an 8-bit PNG, 255 may change, 0 may not, between is a
    /// soft band that may darken or tint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<ResultFile>,
    /// What is where in the photo, as an 8-bit PNG of surface numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<ResultFile>,
    /// The numbers that were really used, where they differ from the order's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<AttemptParameters>,
    /// What the embedded engine did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<EnhancementReport>,
    /// How well a generated picture shows what was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<ClipResult>,
    /// How long it took, in seconds.
    #[serde(default)]
    pub seconds: f64,
    /// Most device memory that it took, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
}

impl OperationResult {
    /// Whether any attempt was made, for which there was time.
    #[must_use]
    pub fn was_tried(&self) -> bool {
        self.attempts.iter().any(|made| !made.is_out_of_time())
    }
}

impl AttemptResult {
    /// An attempt that gave nothing.
    #[must_use]
    pub const fn failed(number: u32, seed: u64, reason: Option<Reason>) -> Self {
        Self {
            number,
            seed,
            state: AttemptState::Failed,
            reason,
            image: None,
            mask: None,
            labels: None,
            parameters: None,
            report: None,
            clip: None,
            seconds: 0.0,
            peak_memory_bytes: None,
        }
    }

    /// Whether the session's time was over before it, or while it was made.
    #[must_use]
    pub fn is_out_of_time(&self) -> bool {
        let code = self.reason.as_ref().map(|reason| reason.code);
        self.state == AttemptState::Failed && code == Some(ReasonCode::Deadline)
    }
}

/// Whether an attempt gave a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// There is a result.
    Produced,
    /// There is none.
    Failed,
}

/// A picture that a worker made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResultFile {
    /// Path relative to the folder of results, with forward slashes.
    pub file: String,
    /// SHA-256 of its bytes, 64 hexadecimal digits.
    pub sha256: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// Similarity of picture and prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClipResult {
    /// Which model measured it, such as `openai/clip-vit-base-patch32`.
    pub model: String,
    /// Cosine of the angle between picture and prompt, -1 to 1; in practice 0.15 to 0.4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosine: Option<f64>,
    /// `2.5 * max(cosine, 0)` (Hessel et al., CLIPScore, 2021).
    pub clip_score: f64,
    /// Probability of the right room and style among the order's contrast prompts, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contrast: Option<f64>,
}

impl Results {
    /// Every file that an attempt names, as often as it is named.
    pub fn files(&self) -> impl Iterator<Item = &ResultFile> {
        self.photos
            .iter()
            .flat_map(|photo| &photo.operations)
            .flat_map(|operation| &operation.attempts)
            .flat_map(|attempt| [&attempt.image, &attempt.mask, &attempt.labels])
            .flatten()
    }

    /// Whether nothing at all was tried, because the worker stopped or its session ended before: then the run
    /// failed, and no attempt was made.
    #[must_use]
    pub fn is_unbegun(&self) -> bool {
        let mut operations = self.photos.iter().flat_map(|photo| &photo.operations);
        let tried = operations.any(|operation| !operation.attempts.is_empty());
        !self.complete && !tried && self.unreadable.is_empty()
    }

    /// Why nothing was tried, for people; `None` where something was.
    #[must_use]
    pub fn why_unbegun(&self) -> Option<String> {
        self.is_unbegun().then(|| match &self.stopped {
            Some(stop) => stop.told(),
            None => "the session ended before the worker began a photo".to_owned(),
        })
    }

    /// What came of `kind` on `photo`.
    #[must_use]
    pub fn operation(&self, photo: &PhotoId, kind: OperationKind) -> Option<&OperationResult> {
        self.photos
            .iter()
            .find(|result| &result.photo_id == photo)?
            .operations
            .iter()
            .find(|result| result.kind == kind)
    }
}

/// An answer that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the results cannot be read: {0}")]
pub struct ResultsError(pub String);

impl ResultsError {
    /// Whether the same bytes could be read another time: never.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}

/// Reads a worker's `results.json`. One photo that cannot be read does not spoil the others: it goes
/// into [`Results::unreadable`]. Every text in it is fit for a terminal, and bounded; a time that is none is 0.
///
/// # Errors
/// [`ResultsError`] where the document as a whole is none, or is of a version from the future.
pub fn read_results(bytes: &[u8]) -> Result<Results, ResultsError> {
    let failed = |error: serde_json::Error| ResultsError(bounded(&error.to_string()));
    // A person may have opened it in an editor on its way.
    let text = fsx::decode_text(bytes).map_err(|error| ResultsError(error.to_string()))?;
    let mut document: serde_json::Value = serde_json::from_str(&text).map_err(failed)?;
    make_printable(&mut document);
    let fields = document
        .as_object_mut()
        .ok_or_else(|| ResultsError("it is no JSON object".to_owned()))?;
    // Only remedia says what it could not read.
    fields.remove("unreadable");
    // Nothing depends on it but what is told, so one that is no such thing is none.
    let stopped = fields.remove("stopped");
    let photos = match fields.insert("photos".to_owned(), serde_json::Value::Array(Vec::new())) {
        Some(serde_json::Value::Array(photos)) => photos,
        Some(_) => return Err(ResultsError("`photos` is no list".to_owned())),
        None => return Err(ResultsError("`photos` is missing".to_owned())),
    };
    let mut results: Results = serde_json::from_value(document).map_err(failed)?;
    results.stopped = stopped.and_then(|stopped| serde_json::from_value(stopped).ok());
    if results.schema_version == 0 || results.schema_version > RESULTS_SCHEMA_VERSION {
        return Err(ResultsError(format!(
            "it is of version {}, and this build reads up to {RESULTS_SCHEMA_VERSION}",
            results.schema_version
        )));
    }
    for photo in photos {
        let photo_id = photo
            .get("photo_id")
            .cloned()
            .and_then(|id| serde_json::from_value(id).ok());
        match serde_json::from_value::<PhotoResult>(photo) {
            Ok(mut photo) => {
                let operations = photo.operations.iter_mut();
                for attempt in operations.flat_map(|operation| &mut operation.attempts) {
                    if !(0.0..=LONGEST_ATTEMPT).contains(&attempt.seconds) {
                        attempt.seconds = 0.0;
                    }
                }
                results.photos.push(photo);
            }
            Err(error) => results.unreadable.push(UnreadableResult {
                photo_id,
                // It repeats names of fields, which are the worker's.
                text: bounded(&error.to_string()),
            }),
        }
    }
    Ok(results)
}

/// Reads a worker's `remedia-stop.json`, of which every text is fit for a terminal, and bounded; `None` for what is none.
#[must_use]
pub fn read_stop(bytes: &[u8]) -> Option<WorkerStop> {
    let mut document: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    make_printable(&mut document);
    serde_json::from_value(document).ok()
}

/// A text, fit for a terminal and no longer than any needs to be.
fn bounded(text: &str) -> String {
    fsx::printable(text).chars().take(LONGEST_TEXT).collect()
}

/// Makes every text in it so. How deep a document can be is bounded where it is parsed.
fn make_printable(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => {
            *text = bounded(text);
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(make_printable),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(make_printable),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn answer(photos: Value) -> Value {
        json!({
            "schema_version": 1,
            "run_id": "job-r1",
            "job_sha256": "00",
            "complete": true,
            "worker": { "engine": "notebook", "version": "1", "device": "T4" },
            "photos": photos,
        })
    }

    fn id(content: &str) -> PhotoId {
        PhotoId::from_digest(&blake3::hash(content.as_bytes()))
    }

    #[test]
    fn one_unreadable_photo_leaves_the_others() {
        let (good, bad) = (id("good"), id("bad"));
        let photos = json!([
            { "photo_id": good, "operations": [] },
            { "photo_id": bad, "operations": "none" },
            { "photo_id": 7 },
        ]);
        let read = read_results(answer(photos).to_string().as_bytes()).unwrap();
        assert_eq!(read.photos.len(), 1);
        assert_eq!(read.unreadable.len(), 2);
        assert_eq!(read.unreadable[0].photo_id, Some(bad));
        assert_eq!(read.unreadable[1].photo_id, None);
    }

    #[test]
    fn what_is_no_answer_is_refused_with_a_reason() {
        let mut future = answer(json!([]));
        future["schema_version"] = 99.into();
        let cases: [(&str, &[u8]); 5] = [
            ("html", b"<!doctype html><title>502</title>"),
            ("list", b"[]"),
            ("photos", answer(json!({})).to_string().leak().as_bytes()),
            ("future", future.to_string().leak().as_bytes()),
            ("cut", b"{\"schema_version\": 1, "),
        ];
        for (name, bytes) in cases {
            let error = read_results(bytes).unwrap_err();
            assert!(!error.to_string().is_empty(), "{name}");
        }
    }

    #[test]
    fn what_a_worker_says_cannot_steer_a_terminal() {
        let photos = json!([{ "photo_id": id("a"), "operations": [{ "kind": "stage", "attempts": [{
            "number": 1, "seed": 1, "state": "failed", "seconds": 1e308,
            "reason": { "code": "internal", "text": "\u{1b}[31mred\u{7}" },
        }] }] }]);
        let mut document = answer(photos);
        document["run_id"] = "job\u{1b}[2J-r1".into();
        document["stopped"] = json!({ "code": "odd", "text": "x".repeat(10_000) });
        let read = read_results(document.to_string().as_bytes()).unwrap();
        assert_eq!(read.run_id, "job\\u{1b}[2J-r1");
        let attempt = &read.photos[0].operations[0].attempts[0];
        assert_eq!(attempt.seconds, 0.0);
        assert_eq!(
            attempt.reason.as_ref().unwrap().text,
            "\\u{1b}[31mred\\u{7}"
        );
        let stopped = read.stopped.unwrap();
        assert_eq!(stopped.text.len(), LONGEST_TEXT);
        assert!(stopped.retryable);
        // Names of fields are repeated where they are not known.
        let odd = "\u{1b}[2J".repeat(10_000);
        document["photos"][0]["operations"][0]["attempts"][0]["report"] =
            json!({ "steps": [], odd: 1 });
        let read = read_results(document.to_string().as_bytes()).unwrap();
        let text = &read.unreadable[0].text;
        assert!(
            text.len() <= LONGEST_TEXT && !text.contains('\u{1b}'),
            "{text}"
        );
        // What is no such thing is none, and spoils nothing.
        document["stopped"] = 7.into();
        assert_eq!(
            read_results(document.to_string().as_bytes())
                .unwrap()
                .stopped,
            None
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = read_results(&bytes);
        }
    }
}
