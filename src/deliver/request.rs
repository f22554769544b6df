//! What a delivery is asked for and what it answers.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::edited::SetAside;
use crate::domain::enhancement::EnhancementReport;
use crate::domain::id::{JobId, PhotoId};
use crate::domain::judgement::Judgement;
use crate::domain::listing::Listing;
use crate::domain::operation::OperationKind;
use crate::domain::plan::{AttemptParameters, Plan, SkipCode};
use crate::domain::verdict::{Reason, Verdict, VersionCause};
use crate::imaging::DecodeLimits;

/// One delivery: everything that decides its bytes.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryRequest<'a> {
    /// The listing as it was read.
    pub listing: &'a Listing,
    /// The plan that was carried out; its photos are delivered in its order.
    pub plan: &'a Plan,
    /// The job, named in the manifest and the gallery.
    pub job_id: &'a JobId,
    /// When the job was created. Besides the times of attempts and versions the only
    /// time in any output: delivering again writes the same.
    pub created: Timestamp,
    /// The listing folder with the originals, which are only read.
    pub source: &'a Path,
    /// The folder to deliver to; made if it is not there.
    pub destination: &'a Path,
    /// What became of each photo of the plan. A planned photo that is missing here is delivered as
    /// the original.
    pub photos: &'a [DeliveryPhoto],
    /// Sizes, qualities and limits.
    pub options: DeliveryOptions,
}

/// What became of one photo.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryPhoto {
    /// The photo; of a bracket, its reference exposure.
    pub photo_id: PhotoId,
    /// The accepted picture: a JPEG at native resolution with an sRGB profile and no other metadata.
    /// `None` delivers the original.
    pub master: Option<PathBuf>,
    /// What was done or not done, in order.
    pub operations: Vec<DeliveredOperation>,
}

/// What became of one operation on one photo.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveredOperation {
    /// Which operation.
    pub kind: OperationKind,
    /// How it ended.
    pub outcome: OperationOutcome,
    /// Attempts made; 0 for a skipped operation.
    pub attempts: u32,
    /// Seed of the last attempt.
    pub seed: Option<u64>,
    /// What an enhancement did, step by step.
    pub report: Option<EnhancementReport>,
    /// Every attempt that is to be told, by number.
    pub made: Vec<DeliveredAttempt>,
    /// What was delivered since when, the present version last.
    pub versions: Vec<DeliveredVersion>,
}

/// One attempt at an operation.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveredAttempt {
    /// Number, from 1.
    pub number: u32,
    /// Its seed.
    pub seed: u64,
    /// Whether it is the one that is delivered.
    pub delivered: bool,
    /// What was decided; `None` where it gave no result, or nobody has judged.
    pub verdict: Option<Verdict>,
    /// Why it gave no result.
    pub failure: Option<Reason>,
    /// Seconds that it took.
    pub seconds: f64,
    /// When it was recorded.
    pub at: Timestamp,
    /// The numbers that it was made with.
    pub parameters: Option<AttemptParameters>,
    /// What was measured on it, and by which worker with which models it was made.
    pub judgement: Option<Judgement>,
    /// Its own picture as it came. It may be missing, or no picture at all.
    pub picture: Option<PathBuf>,
}

/// What is delivered of an operation from one moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveredVersion {
    /// Number, from 1.
    pub number: u32,
    /// The attempt; `None` where the picture is delivered without the operation.
    pub attempt: Option<u32>,
    /// Why.
    pub cause: VersionCause,
    /// Since when.
    pub at: Timestamp,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationOutcome {
    /// Its result is in the master.
    Accepted,
    /// It was not done.
    Skipped {
        /// Why, as a closed list.
        code: SkipCode,
        /// Why, for people.
        reason: String,
    },
    /// No attempt was good enough.
    GaveUp {
        /// Why each attempt was refused.
        reasons: Vec<String>,
    },
}

/// Sizes, qualities and limits of a delivery.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeliveryOptions {
    /// Longest side of the web copies in pixels.
    pub web_long_side: u32,
    /// JPEG quality of the web copies, 1 to 100.
    pub web_quality: u8,
    /// JPEG quality of an original that is delivered in place of a master, 1 to 100.
    pub original_quality: u8,
    /// Limits for decoding originals and masters.
    pub limits: DecodeLimits,
    /// Photos worked on at the same time; 0 for one for each thread.
    pub max_in_flight: usize,
    /// Working memory that the photos in flight may take together, in bytes; one photo is always
    /// in flight, whatever its size.
    pub memory_budget_bytes: u64,
}

impl Default for DeliveryOptions {
    fn default() -> Self {
        Self {
            web_long_side: 2048,
            web_quality: 84,
            original_quality: 92,
            limits: DecodeLimits::default(),
            max_in_flight: 0,
            memory_budget_bytes: 1_000_000_000,
        }
    }
}

/// What a delivery did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Photos that were delivered.
    pub photos: usize,
    /// Photos among them that are the original because no result was accepted.
    pub originals: usize,
    /// Photos that could not be delivered complete, each with the reason.
    pub problems: Vec<DeliveryProblem>,
    /// Files that were written, relative to the destination, sorted.
    pub written: Vec<String>,
    /// Files that were left as they are because they were right already.
    pub unchanged: usize,
    /// Files of an earlier delivery that no longer belong and were removed.
    pub removed: Vec<String>,
    /// Files that somebody had changed after they were delivered, and where they are now.
    pub set_aside: Vec<SetAside>,
}

/// A photo that could not be delivered complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryProblem {
    /// Which photo.
    pub photo_id: PhotoId,
    /// Its file in the listing folder.
    pub file: String,
    /// What is wrong and what to do next.
    pub reason: String,
}
