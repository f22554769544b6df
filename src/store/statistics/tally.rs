//! What one job contributes to the statistics, small enough to be kept beside it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::event::{Event, EventKind};
use crate::domain::operation::OperationKind;
use crate::domain::room::Room;
use crate::domain::state::JobState;
use crate::domain::verdict::{Reason, ReasonCode, Verdict};
use crate::store::record::{OperationCounts, OperationRecord};

use super::histogram::Histogram;

/// The version of [`Tally`] as it is kept; one of another version is made anew.
pub(crate) const TALLY_FORM: u32 = 1;

/// Longest example of a reason that is kept, in characters.
const LONGEST_EXAMPLE: usize = 200;

/// Stages of a job whose time is told.
pub(crate) const TIMED_STATES: [JobState; 5] = [
    JobState::Queued,
    JobState::Running,
    JobState::Collecting,
    JobState::Validating,
    JobState::Delivering,
];

/// What one job contributes. The names are short because thirty thousand of these are read at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Pictures, by what they show and who works on them.
    #[serde(rename = "p")]
    pub(super) photos: Vec<(Option<Room>, Vec<String>, u64)>,
    /// Operations and attempts.
    #[serde(rename = "o")]
    pub(super) parts: Vec<Part>,
    /// Time in a state, by the executor whose order it was; empty where it was nobody's.
    #[serde(rename = "s")]
    pub(super) stages: Vec<(JobState, String, Histogram)>,
}

/// One kind of operation on pictures of one kind of room by one executor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    #[serde(rename = "r")]
    pub(super) room: Option<Room>,
    #[serde(rename = "e")]
    pub(super) executor: String,
    #[serde(rename = "k")]
    pub(super) kind: OperationKind,
    #[serde(rename = "f")]
    pub(super) figures: Figures,
}

/// Counts and times of operations of one kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Packed", into = "Packed")]
pub struct Figures {
    /// Operations by state.
    pub counts: OperationCounts,
    /// Attempts made.
    pub attempts: u64,
    /// Seconds that attempts took.
    pub seconds: Histogram,
    /// Seconds that compositing and judging an attempt took.
    pub judging: Histogram,
    /// Why attempts failed or were not taken: how often, and one of the texts.
    pub reasons: BTreeMap<ReasonCode, (u64, String)>,
}

type Packed = (
    [u64; 6],
    u64,
    Histogram,
    Histogram,
    Vec<(ReasonCode, u64, String)>,
);

impl From<Packed> for Figures {
    fn from((counts, attempts, seconds, judging, reasons): Packed) -> Self {
        let [pending, produced, accepted, rejected, gave_up, skipped] = counts;
        Self {
            counts: OperationCounts {
                pending,
                produced,
                accepted,
                rejected,
                gave_up,
                skipped,
            },
            attempts,
            seconds,
            judging,
            reasons: reasons
                .into_iter()
                .map(|(code, count, example)| (code, (count, example)))
                .collect(),
        }
    }
}

impl From<Figures> for Packed {
    fn from(figures: Figures) -> Self {
        let counts = figures.counts;
        (
            [
                counts.pending,
                counts.produced,
                counts.accepted,
                counts.rejected,
                counts.gave_up,
                counts.skipped,
            ],
            figures.attempts,
            figures.seconds,
            figures.judging,
            figures
                .reasons
                .into_iter()
                .map(|(code, (count, example))| (code, count, example))
                .collect(),
        )
    }
}

impl Figures {
    /// Adds what another one counted; its examples, being newer, replace those of this one.
    pub(super) fn merge(&mut self, other: &Self) {
        let (sum, more) = (&mut self.counts, &other.counts);
        sum.pending += more.pending;
        sum.produced += more.produced;
        sum.accepted += more.accepted;
        sum.rejected += more.rejected;
        sum.gave_up += more.gave_up;
        sum.skipped += more.skipped;
        self.attempts += other.attempts;
        self.seconds.merge(&other.seconds);
        self.judging.merge(&other.judging);
        for (code, (count, example)) in &other.reasons {
            let known = self.reasons.entry(*code).or_default();
            known.0 += count;
            known.1.clone_from(example);
        }
    }
}

/// What is counted of one attempt.
pub(crate) struct CountedAttempt<'a> {
    pub(crate) kind: OperationKind,
    pub(crate) failure: Option<&'a Reason>,
    pub(crate) verdict: Option<&'a Verdict>,
    pub(crate) seconds: f64,
    /// Seconds of its judgement, where there is one.
    pub(crate) judging: Option<f64>,
}

/// Makes the tally of a job from its rows: each picture with its operations and attempts, then the
/// events in order.
#[derive(Debug, Default)]
pub(crate) struct TallyBuilder {
    photos: BTreeMap<(Option<Room>, Vec<String>), u64>,
    parts: BTreeMap<(Option<Room>, String, OperationKind), Figures>,
    stages: BTreeMap<(JobState, String), Histogram>,
    executor: String,
    entered: Option<(JobState, Timestamp)>,
}

impl TallyBuilder {
    /// Counts a picture with its operations and its attempts, in order.
    pub(crate) fn photo<'a>(
        &mut self,
        room: Option<Room>,
        operations: &[OperationRecord],
        attempts: impl IntoIterator<Item = CountedAttempt<'a>>,
    ) {
        let mut executors: Vec<String> = operations
            .iter()
            .map(|operation| operation.executor.clone())
            .filter(|executor| !executor.is_empty())
            .collect();
        executors.sort_unstable();
        executors.dedup();
        *self.photos.entry((room, executors)).or_default() += 1;
        for operation in operations {
            self.part(room, operation).counts.add(operation.state);
        }
        for attempt in attempts {
            let operation = operations
                .iter()
                .find(|operation| operation.kind == attempt.kind);
            if let Some(operation) = operation {
                count(self.part(room, operation), &attempt);
            }
        }
    }

    fn part(&mut self, room: Option<Room>, operation: &OperationRecord) -> &mut Figures {
        self.parts
            .entry((room, operation.executor.clone(), operation.kind))
            .or_default()
    }

    /// Follows the job's states, and whose order it carries out.
    pub(crate) fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Ordered { executor, .. } => self.executor.clone_from(executor),
            EventKind::StateChanged { to, .. } => {
                if let Some((state, since)) = self.entered.take() {
                    // Delivering is the job's own work, whoever made the pictures.
                    let executor = match state {
                        JobState::Delivering => String::new(),
                        _ => self.executor.clone(),
                    };
                    self.stages
                        .entry((state, executor))
                        .or_default()
                        .add((event.at - since).total(jiff::Unit::Second).unwrap_or(0.0));
                }
                if TIMED_STATES.contains(to) {
                    self.entered = Some((*to, event.at));
                }
            }
            _ => {}
        }
    }

    pub(crate) fn finish(self) -> Tally {
        Tally {
            photos: self
                .photos
                .into_iter()
                .map(|((room, executors), count)| (room, executors, count))
                .collect(),
            parts: self
                .parts
                .into_iter()
                .map(|((room, executor, kind), figures)| Part {
                    room,
                    executor,
                    kind,
                    figures,
                })
                .collect(),
            stages: self
                .stages
                .into_iter()
                .map(|((state, executor), times)| (state, executor, times))
                .collect(),
        }
    }
}

fn count(figures: &mut Figures, attempt: &CountedAttempt<'_>) {
    figures.attempts += 1;
    figures.seconds.add(attempt.seconds);
    if let Some(seconds) = attempt.judging {
        figures.judging.add(seconds);
    }
    let refused: &[Reason] = match attempt.verdict {
        Some(Verdict::Rejected { reasons } | Verdict::NeedsReview { reasons }) => reasons,
        Some(Verdict::Accepted) | None => &[],
    };
    // A code counts once an attempt, however many places of the picture it was found in.
    let mut counted: Vec<ReasonCode> = Vec::new();
    for reason in attempt.failure.into_iter().chain(refused) {
        if counted.contains(&reason.code) {
            continue;
        }
        counted.push(reason.code);
        let known = figures.reasons.entry(reason.code).or_default();
        known.0 += 1;
        known.1 = reason.text.chars().take(LONGEST_EXAMPLE).collect();
    }
}
