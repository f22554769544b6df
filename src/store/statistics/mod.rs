//! Statistics over every job: the tallies of single jobs, filtered and added up by style, by room and
//! by executor. Both stores use this, so that they cannot count differently.

mod histogram;
mod tally;

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use crate::domain::operation::OperationKind;
use crate::domain::room::Room;
use crate::domain::state::JobState;

pub use histogram::Histogram;
pub use tally::Figures;
pub(crate) use tally::{CountedAttempt, TALLY_FORM, Tally, TallyBuilder};

/// What the statistics are taken over; the default is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatisticsFilter {
    /// Jobs made at this moment or later.
    pub since: Option<Timestamp>,
    /// Jobs in this style.
    pub style: Option<String>,
    /// Pictures of this room. Times of whole jobs are then absent, for a job shows many rooms.
    pub room: Option<Room>,
    /// Operations by this executor.
    pub executor: Option<String>,
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Over everything that the filter admits.
    pub all: Group,
    /// By the job's style.
    pub by_style: BTreeMap<String, Group>,
    /// By what the picture shows; `None` where that is not known.
    pub by_room: BTreeMap<Option<Room>, Group>,
    /// By who does the operation; operations that are left out are nobody's.
    pub by_executor: BTreeMap<String, Group>,
}

/// What was counted of one part of the record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// Jobs that have something in it.
    pub jobs: u64,
    /// Their pictures in it.
    pub photos: u64,
    /// Operations by kind.
    pub operations: BTreeMap<OperationKind, Figures>,
    /// Seconds that jobs spent in a state.
    pub stages: BTreeMap<JobState, Histogram>,
}

/// Adds up tallies. Names are numbers here and the groups are built at the end, from a few hundred
/// cells: thirty thousand jobs have half a million parts.
#[derive(Debug)]
pub(super) struct Adding<'a> {
    filter: &'a StatisticsFilter,
    names: HashMap<String, usize>,
    cells: HashMap<(usize, Option<Room>, usize, OperationKind), Figures>,
    stages: HashMap<(usize, usize, JobState), Histogram>,
    all: Count,
    by_style: BTreeMap<String, Count>,
    by_room: BTreeMap<Option<Room>, Count>,
    by_executor: BTreeMap<String, Count>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    jobs: u64,
    photos: u64,
}

impl<'a> Adding<'a> {
    pub(super) fn new(filter: &'a StatisticsFilter) -> Self {
        Self {
            filter,
            names: HashMap::new(),
            cells: HashMap::new(),
            stages: HashMap::new(),
            all: Count::default(),
            by_style: BTreeMap::new(),
            by_room: BTreeMap::new(),
            by_executor: BTreeMap::new(),
        }
    }

    fn name(&mut self, name: &str) -> usize {
        if let Some(&number) = self.names.get(name) {
            return number;
        }
        let number = self.names.len();
        self.names.insert(name.to_owned(), number);
        number
    }

    fn wants_room(&self, room: Option<Room>) -> bool {
        self.filter.room.is_none() || self.filter.room == room
    }

    fn wants_executor(&self, executor: &str) -> bool {
        self.filter
            .executor
            .as_ref()
            .is_none_or(|wanted| wanted == executor)
    }

    /// Adds a job that the filter on jobs admits; jobs come oldest first.
    pub(super) fn add(&mut self, style: &str, tally: &Tally) {
        let mut photos = 0;
        let mut rooms: Vec<Option<Room>> = Vec::new();
        let mut executors: Vec<&str> = Vec::new();
        for (room, by, count) in &tally.photos {
            let wanted = self.filter.executor.as_ref();
            if !self.wants_room(*room) || wanted.is_some_and(|wanted| !by.contains(wanted)) {
                continue;
            }
            photos += count;
            let place = self.by_room.entry(*room).or_default();
            place.photos += count;
            if !rooms.contains(room) {
                rooms.push(*room);
                place.jobs += 1;
            }
            for executor in by {
                if !self.wants_executor(executor) {
                    continue;
                }
                let place = self.by_executor.entry(executor.clone()).or_default();
                place.photos += count;
                if !executors.contains(&executor.as_str()) {
                    executors.push(executor);
                    place.jobs += 1;
                }
            }
        }
        let narrowed = self.filter.room.is_some() || self.filter.executor.is_some();
        if narrowed && photos == 0 {
            return;
        }
        for place in [
            &mut self.all,
            self.by_style.entry(style.to_owned()).or_default(),
        ] {
            place.jobs += 1;
            place.photos += photos;
        }
        let style = self.name(style);
        for part in &tally.parts {
            if self.wants_room(part.room) && self.wants_executor(&part.executor) {
                let executor = self.name(&part.executor);
                self.cells
                    .entry((style, part.room, executor, part.kind))
                    .or_default()
                    .merge(&part.figures);
            }
        }
        if self.filter.room.is_some() {
            return;
        }
        for (state, executor, times) in &tally.stages {
            if self.wants_executor(executor) {
                let executor = self.name(executor);
                self.stages
                    .entry((style, executor, *state))
                    .or_default()
                    .merge(times);
            }
        }
    }

    pub(super) fn finish(self) -> Statistics {
        fn groups<K: Ord>(counts: BTreeMap<K, Count>) -> BTreeMap<K, Group> {
            counts
                .into_iter()
                .map(|(key, count)| (key, Group::of(count)))
                .collect()
        }
        let mut names: Vec<(usize, String)> = self
            .names
            .into_iter()
            .map(|(name, number)| (number, name))
            .collect();
        names.sort_unstable();
        let name = |number: usize| names.get(number).map_or("", |(_, name)| name.as_str());
        let mut statistics = Statistics {
            all: Group::of(self.all),
            by_style: groups(self.by_style),
            by_room: groups(self.by_room),
            by_executor: groups(self.by_executor),
        };
        // In one order, so that of several examples always the same one stays.
        let mut cells: Vec<_> = self.cells.into_iter().collect();
        cells.sort_unstable_by_key(|((style, room, executor, kind), _)| {
            (
                *kind,
                *room,
                name(*style).to_owned(),
                name(*executor).to_owned(),
            )
        });
        for ((style, room, executor, kind), figures) in cells {
            let groups = [
                Some(&mut statistics.all),
                statistics.by_style.get_mut(name(style)),
                statistics.by_room.get_mut(&room),
                statistics.by_executor.get_mut(name(executor)),
            ];
            for group in groups.into_iter().flatten() {
                group.operations.entry(kind).or_default().merge(&figures);
            }
        }
        for ((style, executor, state), times) in self.stages {
            let groups = [
                Some(&mut statistics.all),
                statistics.by_style.get_mut(name(style)),
                statistics.by_executor.get_mut(name(executor)),
            ];
            for group in groups.into_iter().flatten() {
                group.stages.entry(state).or_default().merge(&times);
            }
        }
        statistics
    }
}

impl Group {
    fn of(count: Count) -> Self {
        Self {
            jobs: count.jobs,
            photos: count.photos,
            ..Self::default()
        }
    }
}
