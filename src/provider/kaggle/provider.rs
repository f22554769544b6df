//! The provider itself: who signs in, and which step belongs to which call.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::domain::id::JobId;
use crate::domain::results::Results;
use crate::fsx::classify;
use crate::http::{Client, ClientOptions, Proxies, Timeouts};
use crate::kaggle::{Connection, Endpoint, Kaggle, KaggleEnvironment, KaggleError, Reference};
use crate::provider::contract::{
    Account, Leftover, Order, Provider, RunContext, RunHandle, RunState,
};
use crate::provider::error::{FaultKind, ProviderError};

use super::memory::{self, Memory, MemoryFile};
use super::names;
use super::queue::Queue;

/// The provider's name.
pub(super) const NAME: &str = "kaggle";
/// The accelerator: what the website calls "GPU T4 x2".
const MACHINE: &str = "NvidiaTeslaT4";
/// How long after a lost answer Kaggle may take to show what was made.
const VISIBLE_WITHIN: Duration = Duration::from_secs(120);

/// What the provider needs.
#[derive(Clone, Debug)]
pub struct KaggleSettings {
    /// Where credentials may lie.
    pub environment: KaggleEnvironment,
    /// Another address of the API, on this machine; for tests.
    pub address: Option<String>,
    /// Proxies.
    pub proxies: Proxies,
    /// The accelerator, by Kaggle's name.
    pub machine_shape: String,
    /// The time.
    pub clock: Clock,
}

impl KaggleSettings {
    /// The usual ones, for who is signed in by `environment`.
    #[must_use]
    pub fn new(environment: KaggleEnvironment, clock: Clock) -> Self {
        Self {
            environment,
            address: None,
            proxies: Proxies::default(),
            machine_shape: MACHINE.to_owned(),
            clock,
        }
    }

    /// The client that Kaggle is reached with.
    pub(super) fn client(&self) -> Client {
        let options = ClientOptions {
            timeouts: Timeouts::default(),
            proxies: self.proxies.clone(),
        };
        Client::new(options, self.clock)
    }

    /// The way to Kaggle, before anybody has signed in.
    ///
    /// # Errors
    /// Where the address is not one of this machine.
    pub fn connection(&self) -> Result<Connection, ProviderError> {
        let endpoint = match &self.address {
            None => Endpoint::production(),
            Some(address) => Endpoint::from_override(address).map_err(|error| {
                ProviderError::new(NAME, FaultKind::Credentials, error.to_string())
            })?,
        };
        let connection = Connection::new(self.client(), endpoint, self.clock);
        // Where time stands still, pauses between repetitions mean nothing.
        Ok(if self.clock.is_frozen() {
            connection.with_sleeper(Arc::new(|_| {}))
        } else {
            connection
        })
    }
}

/// Work on Kaggle's free GPUs.
pub struct KaggleProvider {
    pub(super) settings: KaggleSettings,
    signed_in: Mutex<Option<Arc<Kaggle>>>,
}

impl fmt::Debug for KaggleProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("KaggleProvider")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Where an order's dataset and kernel are, and what is known of them.
pub(super) struct Desk<'a> {
    pub(super) kaggle: Arc<Kaggle>,
    pub(super) order: &'a Order<'a>,
    /// Name of the dataset and, until it is saved, of the kernel.
    pub(super) reference: Reference,
    pub(super) file: MemoryFile,
    pub(super) memory: Memory,
    pub(super) now: Timestamp,
}

impl Desk<'_> {
    /// Writes down what is known.
    pub(super) fn keep(&self) -> Result<(), ProviderError> {
        self.file.write(&self.memory).map_err(files)
    }

    pub(super) fn run_id(&self) -> &str {
        &self.order.document.run_id
    }

    /// Time since `moment`.
    pub(super) fn since(&self, moment: Timestamp) -> Duration {
        Duration::try_from(self.now.duration_since(moment)).unwrap_or_default()
    }

    /// Whether what was asked for at `moment`, and is not to be seen, was never made.
    pub(super) fn never_made(&self, moment: Timestamp) -> bool {
        self.since(moment) >= VISIBLE_WITHIN
    }

    /// The fault of a call whose answer is still to come.
    pub(super) fn not_visible_yet(&self, what: &str) -> ProviderError {
        ProviderError::new(
            NAME,
            FaultKind::Network,
            format!("whether {what} arrived is not known yet; Kaggle is asked again"),
        )
        .with_retry_after(Some(Duration::from_secs(15)))
    }
}

pub(super) fn files(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ProviderError {
    ProviderError::of_files(NAME, error)
}

/// A fault of Kaggle as one of a provider.
pub(super) fn fault(error: &KaggleError, now: Timestamp) -> ProviderError {
    let wait = match error {
        KaggleError::Quota { resets, .. } => resets.map(|resets| {
            Duration::try_from(resets.duration_since(now))
                .unwrap_or_default()
                .max(Duration::from_secs(60))
        }),
        error => error.retry_after(),
    };
    let kind = match error {
        error if error.is_credentials() => FaultKind::Credentials,
        KaggleError::Quota { .. } => FaultKind::Quota,
        KaggleError::Interrupted => FaultKind::Interrupted,
        KaggleError::Files(error) if classify(error).is_temporary() => FaultKind::Machine,
        KaggleError::Files(_) => FaultKind::Files,
        KaggleError::NotFound { .. } => FaultKind::Network,
        error if error.is_retryable() => FaultKind::Network,
        _ => FaultKind::Refused,
    };
    ProviderError::new(NAME, kind, error.to_string()).with_retry_after(wait)
}

impl KaggleProvider {
    /// A provider with these settings; nobody is asked yet.
    #[must_use]
    pub const fn new(settings: KaggleSettings) -> Self {
        Self {
            settings,
            signed_in: Mutex::new(None),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.settings.clock.now()
    }

    /// Kaggle, signed in: once, again before the sign-in ends, and after a refusal.
    pub(super) fn kaggle(&self) -> Result<Arc<Kaggle>, ProviderError> {
        let mut known = self
            .signed_in
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(kaggle) = known.as_ref() {
            // A token that ends soon would end in the middle of a run that is waited for.
            let ends_soon = kaggle.signed_in().expires.is_some_and(|expires| {
                expires.duration_since(self.now()) < jiff::SignedDuration::from_mins(30)
            });
            if !ends_soon {
                return Ok(Arc::clone(kaggle));
            }
        }
        let connection = self.settings.connection()?;
        let signed_in = connection
            .sign_in(&self.settings.environment)
            .map_err(|error| fault(&error, self.now()))?;
        let kaggle = Arc::new(Kaggle::new(connection, signed_in));
        *known = Some(Arc::clone(&kaggle));
        Ok(kaggle)
    }

    pub(super) fn desk<'a>(&self, order: &'a Order<'a>) -> Result<Desk<'a>, ProviderError> {
        let kaggle = self.kaggle()?;
        let file = MemoryFile::of(order.folder);
        let memory = file.read().map_err(files)?;
        let generation = memory::generation(order.work()).map_err(files)?;
        let slug = names::slug(&order.document.job_id, generation);
        let reference = Reference::new(kaggle.user(), &slug).map_err(files)?;
        Ok(Desk {
            kaggle,
            order,
            reference,
            file,
            memory,
            now: self.now(),
        })
    }

    fn handle(desk: &Desk<'_>) -> RunHandle {
        RunHandle {
            remote: desk.reference.to_string(),
        }
    }

    /// How long to wait for the next look: a share of the time that it takes already, so that little is lost
    /// when it ends, and few questions are asked of what takes long.
    fn interval(memory: &Memory, now: Timestamp, run_id: &str) -> Duration {
        let elapsed = |since: Timestamp| {
            Duration::try_from(now.duration_since(since))
                .unwrap_or_default()
                .as_secs_f64()
        };
        let seconds = match (&memory.kernel, memory.dataset_made) {
            (Some(kernel), _) => (0.04 * elapsed(kernel.saved)).clamp(14.0, 120.0),
            (None, Some(made)) => (0.2 * elapsed(made)).clamp(6.0, 60.0),
            (None, None) => 6.0,
        };
        // Spread, so that many jobs do not ask at the same moment.
        let draw = blake3::hash(format!("{run_id} {now}").as_bytes());
        let share = f64::from(draw.as_bytes().first().copied().unwrap_or(0)) / 255.0;
        Duration::from_secs_f64(seconds * (0.85 + 0.3 * share))
    }
}

impl Provider for KaggleProvider {
    fn name(&self) -> &str {
        NAME
    }

    fn poll_interval(&self, order: &Order<'_>) -> Duration {
        let memory = MemoryFile::of(order.folder).read().unwrap_or_default();
        Self::interval(&memory, self.now(), &order.document.run_id)
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn find(&self, order: &Order<'_>) -> Result<Option<RunHandle>, ProviderError> {
        let mut desk = self.desk(order)?;
        Ok(Self::find_dataset(&mut desk)?.then(|| Self::handle(&desk)))
    }

    fn submit(
        &self,
        order: &Order<'_>,
        context: &RunContext<'_>,
    ) -> Result<RunHandle, ProviderError> {
        let mut desk = self.desk(order)?;
        Self::make_dataset(&mut desk, context)?;
        Ok(Self::handle(&desk))
    }

    fn poll(
        &self,
        order: &Order<'_>,
        _: &RunHandle,
        context: &RunContext<'_>,
    ) -> Result<RunState, ProviderError> {
        if (context.interrupted)() {
            return Err(fault(&KaggleError::Interrupted, self.now()));
        }
        let mut desk = self.desk(order)?;
        self.step(&mut desk)
    }

    fn collect(
        &self,
        order: &Order<'_>,
        _: &RunHandle,
        context: &RunContext<'_>,
    ) -> Result<Results, ProviderError> {
        let mut desk = self.desk(order)?;
        Self::fetch(&mut desk, context)
    }

    fn cancel(&self, order: &Order<'_>, _: Option<&RunHandle>) -> Result<(), ProviderError> {
        let memory = MemoryFile::of(order.folder).read().map_err(files)?;
        let run_id = &order.document.run_id;
        let _ = Queue::of(order).withdraw(run_id).map_err(files)?;
        super::payload::remove_archive(order.folder)?;
        let Some(kernel) = memory.kernel.filter(|_| memory.over_since.is_none()) else {
            return Ok(());
        };
        let page = self
            .settings
            .connection()?
            .endpoint()
            .kernel_page(&kernel.reference);
        let limit = order.document.limits.deadline_seconds.unwrap_or_default() / 60;
        Err(ProviderError::new(
            NAME,
            FaultKind::Refused,
            format!(
                "Kaggle lets no program stop a session; it ends by itself within {limit} minutes, or at once by hand at {page}"
            ),
        ))
    }

    fn operator_done(&self, _: &Order<'_>) -> Result<(), ProviderError> {
        Ok(())
    }

    fn account(&self) -> Result<Option<Account>, ProviderError> {
        self.who().map(Some)
    }

    fn leftovers(&self, jobs: &[(JobId, PathBuf)]) -> Result<Vec<Leftover>, ProviderError> {
        self.left_over(jobs)
    }

    fn remove(&self, leftover: &Leftover, work: &Path) -> Result<(), ProviderError> {
        self.delete(leftover, work)
    }

    fn follow(
        &self,
        order: &Order<'_>,
        _: &RunHandle,
        line: &mut dyn FnMut(&str),
        interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), ProviderError> {
        let desk = self.desk(order)?;
        let Some(kernel) = &desk.memory.kernel else {
            return Err(ProviderError::new(
                NAME,
                FaultKind::Refused,
                "the kernel has not started yet",
            ));
        };
        let mut rest = String::new();
        desk.kaggle
            .follow_log(
                &kernel.reference,
                kernel.version,
                0,
                interrupted,
                &mut |_, event| {
                    rest.push_str(&event.text);
                    while let Some(end) = rest.find('\n') {
                        let whole: String = rest.drain(..=end).collect();
                        line(whole.trim_end());
                    }
                },
            )
            .map_err(|error| fault(&error, self.now()))?;
        if !rest.is_empty() {
            line(rest.trim_end());
        }
        Ok(())
    }
}

/// The files of an order that go to a worker, as paths relative to its folder.
pub(super) fn files_of(folder: &Path) -> Result<Vec<String>, ProviderError> {
    crate::bundle::files_of(folder).map_err(files)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::memory::KernelRun;
    use super::*;

    proptest! {
        /// What is lost between the end of a session and the look that sees it.
        #[test]
        fn looks_are_rare_and_lose_little(minutes in 0_i64..720, run in "[a-z]{3,12}") {
            let saved: Timestamp = "2026-11-23T08:00:00Z".parse().unwrap();
            let now = saved + jiff::SignedDuration::from_mins(minutes);
            let memory = Memory {
                kernel: Some(KernelRun {
                    reference: "tester/remedia-oak".parse().unwrap(),
                    version: 1,
                    saved,
                    folder: None,
                }),
                ..Memory::default()
            };
            let wait = KaggleProvider::interval(&memory, now, &run).as_secs_f64();
            let share = wait / (minutes as f64 * 60.0).max(1.0);
            prop_assert!(wait <= 20.0 || share <= 0.05, "{wait} s after {minutes} min");
            prop_assert!(wait >= 11.0);
        }
    }
}
