//! One step of a run: wait for the dataset, look at the allowance, push the kernel, look how far it is.

use std::time::Duration;

use jiff::Timestamp;

use crate::bundle;
use crate::domain::plan::RemoteSession;
use crate::kaggle::{
    DatasetStatus, KaggleError, KernelSession, KernelStatus, NewKernel, Reference, SavedKernel,
    parse_log,
};
use crate::provider::contract::RunState;
use crate::provider::error::ProviderError;

use super::memory::KernelRun;
use super::provider::{Desk, KaggleProvider, fault, files};
use super::queue::{Offer, Queue};
use super::words;

/// A dataset that is not ready after this long will not be.
const READY_WITHIN: Duration = Duration::from_secs(2 * 3600);
/// So long a session may not be shown, or may be shown as over without its outputs.
pub(super) const SHOWN_WITHIN: Duration = Duration::from_secs(15 * 60);
/// The same for a session that failed, which may have left nothing.
const FAILED_SHOWN_WITHIN: Duration = Duration::from_secs(60);
/// So long another run may take until it says which session does this one.
const TAKEN_WITHIN: Duration = Duration::from_secs(30 * 60);
/// What a session takes beside the worker's own time: a machine, packages, the outputs' way to storage.
const BESIDE: u64 = 15 * 60;
/// The longest session.
const LONGEST: u64 = 12 * 3600;
/// GPU sessions that one account may have at a time.
pub(super) const MOST_SESSIONS: usize = 2;
/// How long after its limit a session that is shown as running is given up.
const GRACE: Duration = Duration::from_secs(2 * 3600);

impl KaggleProvider {
    /// Looks how far the run is, and takes the step that is due.
    pub(super) fn step(&self, desk: &mut Desk<'_>) -> Result<RunState, ProviderError> {
        if desk.memory.kernel.is_none() {
            return self.before_the_kernel(desk);
        }
        Self::look(desk)
    }

    fn before_the_kernel(&self, desk: &mut Desk<'_>) -> Result<RunState, ProviderError> {
        if let Some(asked) = desk.memory.kernel_asked {
            match Self::pushed_before(desk, &desk.reference.clone())? {
                Some((saved, notebook)) => {
                    Self::pushed(desk, saved, &notebook)?;
                    return Ok(RunState::Queued { why: None });
                }
                None if !desk.never_made(asked) => return Ok(RunState::Queued { why: None }),
                None => {
                    Queue::of(desk.order)
                        .give_back(desk.run_id())
                        .map_err(files)?;
                    desk.memory.kernel_asked = None;
                    desk.keep()?;
                }
            }
        }
        if let Some(waiting) = Self::with_another(desk)? {
            return Ok(waiting);
        }
        if let Some(waiting) = Self::dataset_is_ready(desk)? {
            return Ok(waiting);
        }
        self.check_allowance(desk)?;
        if Self::sessions_are_taken(desk)? {
            return Self::wait_for_a_session(desk);
        }
        self.push(desk)
    }

    /// Whether the run goes along with another one's session, or is about to. Else its offer is withdrawn.
    fn with_another(desk: &mut Desk<'_>) -> Result<Option<RunState>, ProviderError> {
        let Some(offered) = desk.memory.offered else {
            return Ok(None);
        };
        let queue = Queue::of(desk.order);
        let Some(taken) = queue.reclaim(desk.run_id()).map_err(files)? else {
            return Ok(None);
        };
        let found = match (taken.kernel, taken.reference) {
            (Some(kernel), _) => Some(kernel),
            // Whoever took it has not said anything for long: perhaps it cannot any more.
            (None, Some(reference)) if desk.since(offered) > TAKEN_WITHIN => {
                Self::pushed_before(desk, &reference)?.map(|(saved, _)| KernelRun {
                    reference: saved.reference,
                    version: saved.version,
                    saved: desk.now,
                    folder: None,
                })
            }
            (None, _) if desk.since(offered) <= TAKEN_WITHIN => {
                return Ok(Some(RunState::Queued { why: None }));
            }
            (None, _) => None,
        };
        desk.memory.kernel = found.map(|kernel| KernelRun {
            folder: Some(desk.run_id().to_owned()),
            ..kernel
        });
        desk.memory.offered = None;
        desk.keep()?;
        queue.done(desk.run_id()).map_err(files)?;
        Ok(desk
            .memory
            .kernel
            .is_some()
            .then_some(RunState::Queued { why: None }))
    }

    /// Nothing where the dataset can be used; else what the run waits for.
    fn dataset_is_ready(desk: &mut Desk<'_>) -> Result<Option<RunState>, ProviderError> {
        let status = desk
            .kaggle
            .dataset_status(&desk.reference)
            .map_err(|error| fault(&error, desk.now))?;
        match status {
            Some(status) if status.is_dead() => Ok(Some(RunState::Failed {
                text: format!("Kaggle could not take in the dataset: {}", status.name()),
                retryable: true,
            })),
            // Ready is said of the former version too, so the listing has to show this run.
            Some(DatasetStatus::Ready) if Self::listing_is_complete(desk)? => Ok(None),
            _ => {
                let since = *desk.memory.dataset_made.get_or_insert(desk.now);
                if desk.since(since) > READY_WITHIN {
                    return Ok(Some(RunState::Failed {
                        text: format!(
                            "the dataset {} was not ready within two hours",
                            desk.reference
                        ),
                        retryable: true,
                    }));
                }
                Ok(Some(RunState::Queued { why: None }))
            }
        }
    }

    /// Whether enough of the week's hours is left for what the order is expected to take.
    fn check_allowance(&self, desk: &Desk<'_>) -> Result<(), ProviderError> {
        let quota = match desk.kaggle.quota() {
            Ok(quota) => quota,
            // A help, not a condition: without it the push itself says whether hours are left.
            Err(error) if !error.is_credentials() => return Ok(()),
            Err(error) => return Err(fault(&error, desk.now)),
        };
        // Half of the deadline is what the attempts are expected to take.
        let expected = Duration::from_secs(limit(desk) / 2).min(Duration::from_secs(1800));
        let left = quota.gpu.remaining();
        if quota.gpu.allowed.is_zero() || left >= expected {
            return Ok(());
        }
        let message = format!(
            "{} minutes of this week's GPU hours are left and the run is expected to take {}{}",
            left.as_secs() / 60,
            expected.as_secs().div_ceil(60),
            quota
                .resets
                .map(|resets| format!("; they are renewed at {resets}"))
                .unwrap_or_default()
        );
        let error = KaggleError::Quota {
            what: "the week's GPU hours".to_owned(),
            message,
            resets: quota.resets,
        };
        Err(fault(&error, desk.now))
    }

    /// Whether every GPU session that the account may have is known to be taken.
    fn sessions_are_taken(desk: &Desk<'_>) -> Result<bool, ProviderError> {
        let since = session_start(desk.now);
        match desk.kaggle.running_gpu_kernels(since, MOST_SESSIONS) {
            Ok(running) => Ok(running.len() >= MOST_SESSIONS),
            Err(error) if error.is_credentials() => Err(fault(&error, desk.now)),
            // The push's own answer tells as well.
            Err(_) => Ok(false),
        }
    }

    /// One of the sessions that run has to end first; whoever is next takes this run along.
    fn wait_for_a_session(desk: &mut Desk<'_>) -> Result<RunState, ProviderError> {
        desk.memory.offered = Some(desk.now);
        desk.keep()?;
        let offer = Offer {
            run_id: desk.run_id().to_owned(),
            dataset: desk.reference.clone(),
            seconds: limit(desk),
            session: bundle::read_session(desk.order.folder).map_err(files)?,
        };
        Queue::of(desk.order).offer(&offer).map_err(files)?;
        let why = format!(
            "{MOST_SESSIONS} GPU sessions run on this account, which are all that Kaggle allows; the next that is free, or that another run begins, takes this one"
        );
        Ok(RunState::Queued { why: Some(why) })
    }

    fn push(&self, desk: &mut Desk<'_>) -> Result<RunState, ProviderError> {
        let session = bundle::read_session(desk.order.folder).map_err(files)?;
        let attached = session
            .datasets
            .iter()
            .map(|name| name.parse().map_err(files))
            .collect::<Result<Vec<Reference>, _>>()?;
        desk.memory.kernel_asked = Some(desk.now);
        desk.keep()?;
        let queue = Queue::of(desk.order);
        let room = LONGEST.saturating_sub(limit(desk));
        let others = queue
            .take(desk.run_id(), &desk.reference, &session, room)
            .map_err(files)?;
        let mut runs = vec![desk.run_id()];
        runs.extend(others.iter().map(|offer| offer.run_id.as_str()));
        let seconds: u64 = others.iter().map(|offer| offer.seconds).sum();
        let kernel = NewKernel {
            reference: desk.reference.clone(),
            title: desk.reference.slug().to_owned(),
            notebook: bundle::notebook_for(&runs.join(",")).map_err(files)?,
            datasets: std::iter::once(&desk.reference)
                .chain(others.iter().map(|offer| &offer.dataset))
                .chain(&attached)
                .cloned()
                .collect(),
            models: session.models.clone(),
            machine_shape: Some(self.settings.machine_shape.clone()),
            internet: session.internet,
            session_timeout_seconds: Some(limit(desk) + seconds),
            save_only: false,
        };
        match desk.kaggle.save_kernel(&kernel) {
            Ok(saved) => {
                Self::pushed(desk, saved, &kernel.notebook)?;
                Ok(RunState::Queued { why: None })
            }
            Err(KaggleError::InvalidSources { sources, saved }) => {
                // It runs without its data and ends at once; another run gets another version.
                queue.give_back(desk.run_id()).map_err(files)?;
                if let Some(saved) = saved {
                    Self::pushed(desk, *saved, &kernel.notebook)?;
                }
                Ok(not_attached(&session, &sources))
            }
            Err(error) if error.may_have_happened() => Err(fault(&error, desk.now)),
            Err(error) => {
                queue.give_back(desk.run_id()).map_err(files)?;
                desk.memory.kernel_asked = None;
                desk.keep()?;
                match error {
                    KaggleError::SessionLimit { .. } => Self::wait_for_a_session(desk),
                    KaggleError::Quota {
                        what,
                        message,
                        resets: None,
                    } => {
                        let resets = desk.kaggle.quota().ok().and_then(|quota| quota.resets);
                        let resets = resets.or_else(|| next_day(desk.now));
                        let error = KaggleError::Quota {
                            what,
                            message,
                            resets,
                        };
                        Err(fault(&error, desk.now))
                    }
                    error => Err(fault(&error, desk.now)),
                }
            }
        }
    }

    /// Notes the kernel that does this run, and those that it took along.
    fn pushed(
        desk: &mut Desk<'_>,
        saved: SavedKernel,
        notebook: &str,
    ) -> Result<(), ProviderError> {
        let kernel = KernelRun {
            reference: saved.reference,
            version: saved.version,
            saved: desk.memory.kernel_asked.unwrap_or(desk.now),
            folder: None,
        };
        Queue::of(desk.order)
            .started(desk.run_id(), &kernel, |run| does(notebook, run))
            .map_err(files)?;
        // A session with several runs has a folder for each.
        let several = bundle::runs_of(notebook).len() > 1;
        desk.memory.kernel = Some(KernelRun {
            folder: several.then(|| desk.run_id().to_owned()),
            ..kernel
        });
        desk.memory.offered = None;
        desk.memory.kernel_asked = None;
        desk.memory.unseen_since = None;
        desk.keep()
    }

    /// The kernel's version that does this run, where a push whose answer was lost made one.
    fn pushed_before(
        desk: &Desk<'_>,
        reference: &Reference,
    ) -> Result<Option<(SavedKernel, String)>, ProviderError> {
        let found = desk
            .kaggle
            .kernel(reference, None)
            .map_err(|error| fault(&error, desk.now))?;
        Ok(found.and_then(|kernel| {
            let version = kernel.current_version?;
            // Only a notebook that does this run names it.
            does(&kernel.notebook, desk.run_id()).then(|| {
                let saved = SavedKernel {
                    url: desk.kaggle.endpoint().kernel_page(&kernel.reference),
                    reference: kernel.reference,
                    version,
                };
                (saved, kernel.notebook)
            })
        }))
    }

    /// How far the session is.
    fn look(desk: &mut Desk<'_>) -> Result<RunState, ProviderError> {
        let Some(kernel) = desk.memory.kernel.clone() else {
            return Ok(RunState::Queued { why: None });
        };
        let page = desk.kaggle.endpoint().kernel_page(&kernel.reference);
        let session = desk
            .kaggle
            .kernel_session(&kernel.reference, kernel.version)
            .map_err(|error| fault(&error, desk.now))?;
        let Some(session) = session else {
            let since = *desk.memory.unseen_since.get_or_insert(desk.now);
            desk.keep()?;
            if desk.since(since) > SHOWN_WITHIN {
                return Ok(RunState::Failed {
                    text: format!("Kaggle shows no session of the kernel; see {page}"),
                    retryable: true,
                });
            }
            return Ok(RunState::Queued { why: None });
        };
        if desk.memory.unseen_since.take().is_some() {
            desk.keep()?;
        }
        if session.status.is_over() {
            return Self::ended(desk, &kernel, &session, &page);
        }
        let limit = Duration::from_secs(limit(desk)) + GRACE;
        if desk.since(kernel.saved) > limit + Duration::from_secs(LONGEST) {
            return Ok(RunState::Failed {
                text: format!("the session is shown as running long after its limit; see {page}"),
                retryable: true,
            });
        }
        Ok(match session.status {
            KernelStatus::Running | KernelStatus::CancelRequested => {
                let photos = &desk.order.document.photos;
                let total = photos
                    .iter()
                    .map(|photo| photo.operations.len() as u64)
                    .sum();
                RunState::Running { done: 0, total }
            }
            _ => RunState::Queued { why: None },
        })
    }

    /// A session that is over: with results, perhaps not for everything, or without.
    fn ended(
        desk: &mut Desk<'_>,
        kernel: &KernelRun,
        session: &KernelSession,
        page: &str,
    ) -> Result<RunState, ProviderError> {
        let since = *desk.memory.over_since.get_or_insert(desk.now);
        desk.keep()?;
        let left = Self::left_behind(desk, kernel)?;
        if left.has_results {
            return Ok(RunState::Finished);
        }
        let log = parse_log(&left.log);
        // Outputs are shown a little after the end, but for those that will never be. Of several runs in a session
        // the word may be another's.
        let shown_within = if kernel.folder.is_none() && words::leaves_nothing(&log) {
            Duration::ZERO
        } else if session.status == KernelStatus::Complete {
            SHOWN_WITHIN
        } else {
            FAILED_SHOWN_WITHIN
        };
        if desk.since(since) < shown_within {
            return Ok(RunState::Running { done: 0, total: 0 });
        }
        Ok(RunState::Failed {
            text: words::failure(session, &log, page),
            retryable: true,
        })
    }
}

/// Whether a notebook does a run.
fn does(notebook: &str, run_id: &str) -> bool {
    bundle::runs_of(notebook).iter().any(|run| run == run_id)
}

/// A session that began without something that it was to be given. Without the order it does nothing, and the
/// next one may have it; what a person named and this account cannot attach, no session will have.
fn not_attached(session: &RemoteSession, sources: &[String]) -> RunState {
    let by_person = |source: &String| {
        let mut named = session.datasets.iter().chain(&session.models);
        named.any(|name| source.ends_with(name.as_str()))
    };
    let named = sources.join(", ");
    if !sources.iter().all(by_person) {
        return RunState::Failed {
            text: format!("Kaggle attached no data to the kernel: {named}"),
            retryable: true,
        };
    }
    RunState::Failed {
        text: format!(
            "Kaggle cannot attach {named}; mend `kaggle.datasets` and `kaggle.models` in the settings and submit again"
        ),
        retryable: false,
    }
}

/// Seconds after which Kaggle ends the session.
fn limit(desk: &Desk<'_>) -> u64 {
    let own = desk.order.document.limits.deadline_seconds.unwrap_or(3600);
    (own + BESIDE).min(LONGEST)
}

/// The earliest moment at which a session that still runs can have begun.
pub(super) fn session_start(now: Timestamp) -> Timestamp {
    let longest = jiff::SignedDuration::try_from(Duration::from_secs(LONGEST)).unwrap_or_default();
    now.checked_sub(longest).unwrap_or(Timestamp::MIN)
}

/// A day later: when nobody says when hours are renewed.
fn next_day(now: Timestamp) -> Option<Timestamp> {
    now.checked_add(jiff::SignedDuration::from_hours(24)).ok()
}
