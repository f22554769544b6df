//! `stats`: how well and how fast the work goes, over everything that is recorded.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::operation::OperationKind;
use crate::domain::room::Room;
use crate::domain::state::JobState;
use crate::domain::verdict::ReasonCode;
use crate::fsx;
use crate::store::{Figures, Group, Histogram, OperationCounts, StatisticsFilter};

use super::engine::Engine;
use super::error::EngineError;

/// The version of [`StatsReport`] that this build writes.
pub const STATS_SCHEMA_VERSION: u32 = 1;

/// The name of pictures of which nobody knows what they show.
const UNKNOWN_ROOM: &str = "unknown";

/// What `stats` is asked for; the default is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatsRequest {
    /// Only jobs that were made at most this long ago.
    pub since: Option<Duration>,
    /// Only jobs in this style.
    pub style: Option<String>,
    /// Only pictures of this room; times of whole jobs are then absent, for a job shows many rooms.
    pub room: Option<Room>,
    /// Only operations by this executor: `embedded` or a provider's name.
    pub provider: Option<String>,
}

/// How well and how fast the work goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatsReport {
    /// The version of this document's form.
    pub schema_version: u32,
    /// Jobs made at this moment or later were counted; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// Only jobs in this style were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    /// Only pictures of this room were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<Room>,
    /// Only operations by this executor were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Everything that was counted.
    pub all: StatsGroup,
    /// The same by style, in alphabetical order.
    pub by_style: Vec<NamedStats>,
    /// The same by room; `unknown` for pictures of which nobody knows what they show.
    pub by_room: Vec<NamedStats>,
    /// The same by who did the operation: `embedded` or a provider's name.
    pub by_provider: Vec<NamedStats>,
}

/// One part of the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedStats {
    /// The style, the room or the executor.
    pub name: String,
    /// What was counted of it.
    pub figures: StatsGroup,
}

/// What was counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatsGroup {
    /// Jobs.
    pub jobs: u64,
    /// Pictures.
    pub photos: u64,
    /// Operations that are settled: accepted or given up.
    pub operations_done: u64,
    /// How each kind of operation ends; kinds that nobody asked for are absent.
    pub operations: Vec<OperationStats>,
    /// How long each stage takes; stages that never occurred are absent.
    pub stages: Vec<StageStats>,
    /// Why attempts failed or were not taken, the most frequent first.
    pub reasons: Vec<ReasonStats>,
}

/// How operations of one kind end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationStats {
    /// Which kind.
    pub operation: OperationKind,
    /// How many, by state.
    pub operations: OperationCounts,
    /// Share of the settled that were accepted, 0 to 1; absent where none is settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_rate: Option<f64>,
    /// Share of the settled that were given up, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_rate: Option<f64>,
    /// Attempts made, whatever became of them.
    pub attempts: u64,
    /// Attempts made for each picture that was accepted; absent where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts_per_delivered_photo: Option<f64>,
}

/// A stage whose time is told.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    /// One attempt on one picture, by its executor.
    Attempt,
    /// Compositing and judging one attempt.
    Judging,
    /// An order waiting for its executor.
    Queued,
    /// An order being worked on.
    Running,
    /// Results being fetched.
    Collecting,
    /// All results of an order being judged.
    Validating,
    /// The delivered folder being written.
    Delivering,
}

impl StageName {
    /// The name used in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attempt => "attempt",
            Self::Judging => "judging",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Collecting => "collecting",
            Self::Validating => "validating",
            Self::Delivering => "delivering",
        }
    }
}

/// How long a stage takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageStats {
    /// Which stage.
    pub stage: StageName,
    /// Of which operation; absent for a stage of a whole job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationKind>,
    /// How often it occurred.
    pub count: u64,
    /// All of them together, in seconds.
    pub seconds: f64,
    /// Half of them took at most so many seconds, to within 2 percent.
    pub p50_seconds: f64,
    /// 95 of 100 took at most so many seconds, to within 2 percent.
    pub p95_seconds: f64,
}

/// How often a reason occurred.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonStats {
    /// Of which operation.
    pub operation: OperationKind,
    /// Which reason.
    pub code: ReasonCode,
    /// Attempts that it was found on.
    pub count: u64,
    /// One of its texts; control characters are escaped.
    pub example: String,
}

impl Engine {
    /// How well and how fast the work goes.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn stats(&self, request: &StatsRequest) -> Result<StatsReport, EngineError> {
        let since = request.since.map(|since| self.before_now(since));
        let counted = self.store().statistics(&StatisticsFilter {
            since,
            style: request.style.clone(),
            room: request.room,
            executor: request.provider.clone(),
        })?;
        let named = |name: &str, group: &Group| NamedStats {
            name: fsx::printable(name),
            figures: figures(group),
        };
        Ok(StatsReport {
            schema_version: STATS_SCHEMA_VERSION,
            since,
            style: request.style.as_deref().map(fsx::printable),
            room: request.room,
            provider: request.provider.as_deref().map(fsx::printable),
            all: figures(&counted.all),
            by_style: counted
                .by_style
                .iter()
                .map(|(style, group)| named(style, group))
                .collect(),
            by_room: counted
                .by_room
                .iter()
                .map(|(room, group)| named(room.map_or(UNKNOWN_ROOM, Room::name), group))
                .collect(),
            by_provider: counted
                .by_executor
                .iter()
                .map(|(executor, group)| named(executor, group))
                .collect(),
        })
    }

    /// The moment so long ago; a length that goes back behind all calendars is the first moment.
    fn before_now(&self, length: Duration) -> Timestamp {
        SignedDuration::try_from(length)
            .ok()
            .and_then(|length| self.now().checked_sub(length).ok())
            .unwrap_or(Timestamp::MIN)
    }
}

fn figures(group: &Group) -> StatsGroup {
    let mut stages = Vec::new();
    let mut reasons = Vec::new();
    for (&operation, figures) in &group.operations {
        for (stage, times) in [
            (StageName::Attempt, &figures.seconds),
            (StageName::Judging, &figures.judging),
        ] {
            stages.extend(stage_stats(stage, Some(operation), times));
        }
        reasons.extend(
            figures
                .reasons
                .iter()
                .map(|(&code, (count, example))| ReasonStats {
                    operation,
                    code,
                    count: *count,
                    example: fsx::printable(example),
                }),
        );
    }
    for (state, times) in &group.stages {
        let stage = match state {
            JobState::Queued => StageName::Queued,
            JobState::Running => StageName::Running,
            JobState::Collecting => StageName::Collecting,
            JobState::Validating => StageName::Validating,
            JobState::Delivering => StageName::Delivering,
            _ => continue,
        };
        stages.extend(stage_stats(stage, None, times));
    }
    reasons.sort_by(|one, other| {
        (other.count, one.operation, one.code).cmp(&(one.count, other.operation, other.code))
    });
    StatsGroup {
        jobs: group.jobs,
        photos: group.photos,
        operations_done: group.operations.values().map(settled).sum(),
        operations: group
            .operations
            .iter()
            .map(|(&operation, figures)| operation_stats(operation, figures))
            .collect(),
        stages,
        reasons,
    }
}

const fn settled(figures: &Figures) -> u64 {
    figures.counts.accepted + figures.counts.gave_up
}

fn operation_stats(operation: OperationKind, figures: &Figures) -> OperationStats {
    let counts = figures.counts;
    OperationStats {
        operation,
        operations: counts,
        success_rate: ratio(counts.accepted, settled(figures)),
        failure_rate: ratio(counts.gave_up, settled(figures)),
        attempts: figures.attempts,
        attempts_per_delivered_photo: ratio(figures.attempts, counts.accepted),
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn stage_stats(
    stage: StageName,
    operation: Option<OperationKind>,
    times: &Histogram,
) -> Option<StageStats> {
    Some(StageStats {
        stage,
        operation,
        count: times.count(),
        seconds: times.seconds(),
        p50_seconds: rounded(times.quantile(0.5)?),
        p95_seconds: rounded(times.quantile(0.95)?),
    })
}

/// To the tenth of a millisecond: more digits would promise more than 2 percent.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1e4).round() / 1e4
}
