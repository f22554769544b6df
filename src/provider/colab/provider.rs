//! The provider itself: which way an order goes, and which step belongs to which call.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bundle::RESULTS_FILE;
use crate::clock::Clock;
use crate::domain::results::{Results, read_results};
use crate::fsx::{self, fs};
use crate::provider::capabilities::seconds_on_colab;
use crate::provider::contract::{
    Account, Order, Provider, RunContext, RunHandle, RunProgress, RunState,
};
use crate::provider::error::{FaultKind, ProviderError};

use super::command::ColabCommand;
use super::handover;
use super::log::{Reader, WorkerLog};
use super::memory::{Memory, MemoryFile, Way};
use super::session::{self, Driver};

/// The provider's name.
pub(super) const NAME: &str = "colab";
/// Where results lie until they are collected.
const IMPORT_FOLDER: &str = "import";
/// Where what a person needs lies.
const HAND_OVER_FOLDER: &str = "handover";

/// Least time between two looks at a worker.
const SHORTEST_WAIT: Duration = Duration::from_secs(4);
/// Most time between two looks at a worker.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How often a log that is followed is looked at.
const FOLLOWED_EVERY: Duration = Duration::from_millis(250);

/// What the provider needs.
#[derive(Clone, Debug)]
pub struct ColabSettings {
    /// The official command, where one is on this machine.
    pub command: Option<ColabCommand>,
    /// The time.
    pub clock: Clock,
}

impl ColabSettings {
    /// Every order is done by a person.
    #[must_use]
    pub const fn by_hand(clock: Clock) -> Self {
        Self {
            command: None,
            clock,
        }
    }
}

/// Work on Google Colab.
#[derive(Clone, Debug)]
pub struct ColabProvider {
    pub(super) settings: ColabSettings,
}

/// An order and what is known of it.
pub(super) struct Desk<'a> {
    pub(super) order: &'a Order<'a>,
    pub(super) file: MemoryFile,
    pub(super) memory: Memory,
}

impl<'a> Desk<'a> {
    fn open(order: &'a Order<'a>) -> Result<Self, ProviderError> {
        let file = MemoryFile::of(order.folder);
        let memory = file.read().map_err(files)?;
        Ok(Self {
            order,
            file,
            memory,
        })
    }

    /// Writes down what is known.
    pub(super) fn keep(&self) -> Result<(), ProviderError> {
        self.file.write(&self.memory).map_err(files)
    }

    pub(super) fn imports(&self) -> PathBuf {
        self.order.folder.join(IMPORT_FOLDER)
    }

    fn has_results(&self) -> Result<bool, ProviderError> {
        self.imports()
            .join(RESULTS_FILE)
            .try_exists()
            .map_err(files)
    }

    /// The folder that a person works from.
    fn hand_over_folder(&self) -> PathBuf {
        self.memory
            .folder
            .clone()
            .unwrap_or_else(|| self.order.folder.join(HAND_OVER_FOLDER))
    }
}

pub(super) fn files(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ProviderError {
    ProviderError::of_files(NAME, error)
}

fn interrupted() -> ProviderError {
    ProviderError::new(NAME, FaultKind::Interrupted, "interrupted")
}

impl ColabProvider {
    /// A provider with these settings; nobody is asked yet.
    #[must_use]
    pub const fn new(settings: ColabSettings) -> Self {
        Self { settings }
    }

    fn command(&self) -> Result<&ColabCommand, ProviderError> {
        self.settings.command.as_ref().ok_or_else(|| {
            ProviderError::new(
                NAME,
                FaultKind::Credentials,
                "the `colab` command that drives this order is not here any more; REMEDIA_COLAB_COMMAND names it",
            )
        })
    }

    /// Who does an order: the official command where it is here and signed in, else a person.
    fn choose(&self, desk: &mut Desk<'_>, context: &RunContext<'_>) -> Result<Way, ProviderError> {
        let Some(command) = &self.settings.command else {
            return Ok(Way::Hand);
        };
        match session::probe(command, desk.order.folder, context.interrupted)? {
            Ok(()) => Ok(Way::Command),
            Err(why) => {
                desk.memory.reason = Some(why);
                Ok(Way::Hand)
            }
        }
    }

    /// Ends the session of an order, where it has one.
    fn end(&self, desk: &mut Desk<'_>) -> Result<(), ProviderError> {
        if desk.memory.session.is_none() {
            return Ok(());
        }
        session::end(self.command()?, desk, desk.order.folder)
    }

    fn handle(order: &Order<'_>) -> RunHandle {
        RunHandle {
            remote: format!("{NAME}/{}", order.document.run_id),
        }
    }
}

/// About how long a run takes, in minutes, for people.
fn minutes(order: &Order<'_>) -> u64 {
    seconds_on_colab(order.document.photos.len()).div_ceil(60)
}

impl Provider for ColabProvider {
    fn name(&self) -> &str {
        NAME
    }

    fn poll_interval(&self, order: &Order<'_>) -> Duration {
        let memory = MemoryFile::of(order.folder).read().unwrap_or_default();
        let Some(session) = &memory.session else {
            return LONGEST_WAIT;
        };
        // Soon at first, when it may end for want of a GPU; later a share of the time that it takes already.
        session
            .time_at_work(self.settings.clock.now())
            .map_or(Duration::from_secs(1), |elapsed| {
                (elapsed / 10).clamp(SHORTEST_WAIT, LONGEST_WAIT)
            })
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn find(&self, order: &Order<'_>) -> Result<Option<RunHandle>, ProviderError> {
        let desk = Desk::open(order)?;
        Ok(desk.memory.submitted.then(|| Self::handle(order)))
    }

    fn submit(
        &self,
        order: &Order<'_>,
        context: &RunContext<'_>,
    ) -> Result<RunHandle, ProviderError> {
        let mut desk = Desk::open(order)?;
        let way = match desk.memory.way {
            Some(way) => way,
            None => self.choose(&mut desk, context)?,
        };
        desk.memory.way = Some(way);
        if way == Way::Hand {
            handover::write(order, &desk.hand_over_folder(), minutes(order)).map_err(files)?;
        }
        desk.memory.submitted = true;
        desk.keep()?;
        Ok(Self::handle(order))
    }

    fn poll(
        &self,
        order: &Order<'_>,
        _: &RunHandle,
        context: &RunContext<'_>,
    ) -> Result<RunState, ProviderError> {
        if (context.interrupted)() {
            return Err(interrupted());
        }
        let mut desk = Desk::open(order)?;
        if desk.has_results()? {
            // A process may have ended between the results and the session's end.
            match self.end(&mut desk) {
                // What is here is not held up for ever by what cannot be stopped.
                Err(error) if session::is_worth_another_try(&mut desk)? => return Err(error),
                _ => return Ok(RunState::Finished),
            }
        }
        if desk.memory.way == Some(Way::Command) {
            let driver = Driver {
                command: self.command()?,
                desk: &mut desk,
                context,
                now: self.settings.clock.now(),
            };
            return driver.step();
        }
        let folder = desk.hand_over_folder();
        // Someone may have tidied up.
        if !folder
            .join(handover::steps_name(order))
            .try_exists()
            .map_err(files)?
        {
            handover::write(order, &folder, minutes(order)).map_err(files)?;
        }
        Ok(RunState::AwaitingOperator {
            instruction: handover::instruction(order, &folder, desk.memory.reason.as_deref()),
        })
    }

    fn collect(
        &self,
        order: &Order<'_>,
        _: &RunHandle,
        context: &RunContext<'_>,
    ) -> Result<Results, ProviderError> {
        let imports = Desk::open(order)?.imports();
        let bytes = fs::read(imports.join(RESULTS_FILE)).map_err(files)?;
        let results = read_results(&bytes)
            .map_err(|error| ProviderError::new(NAME, FaultKind::Answer, error.to_string()))?;
        fs::create_dir_all(order.outputs).map_err(files)?;
        let names: BTreeSet<&str> = results.files().map(|file| file.file.as_str()).collect();
        let total = names.len() as u64;
        for (done, name) in (1..).zip(names) {
            if (context.interrupted)() {
                return Err(interrupted());
            }
            // What leads out of the folder or is not there: whoever judges finds nothing there.
            let places = fsx::contained(&imports, name).and_then(|from| {
                let to = fsx::contained(order.outputs, name)?;
                Ok((from, to))
            });
            if let Ok((from, to)) = places {
                copy(&from, &to).map_err(files)?;
            }
            (context.progress)(RunProgress::Count { done, total });
        }
        Ok(results)
    }

    fn cancel(&self, order: &Order<'_>, _: Option<&RunHandle>) -> Result<(), ProviderError> {
        let mut desk = Desk::open(order)?;
        self.end(&mut desk)?;
        for folder in [IMPORT_FOLDER, HAND_OVER_FOLDER] {
            match fs::remove_dir_all(order.folder.join(folder)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(files(error)),
                _ => {}
            }
        }
        desk.file.remove().map_err(files)
    }

    fn operator_done(&self, _: &Order<'_>) -> Result<(), ProviderError> {
        // Results say it, not a word.
        Ok(())
    }

    fn account(&self) -> Result<Option<Account>, ProviderError> {
        let Some(command) = &self.settings.command else {
            return Ok(None);
        };
        let folder = tempfile::tempdir().map_err(files)?;
        let named = format!("the command `{}`", command.program.display());
        match session::probe(command, folder.path(), &|| false)? {
            Ok(()) => Ok(Some(Account {
                source: named,
                ..Account::default()
            })),
            Err(why) => Err(ProviderError::new(
                NAME,
                FaultKind::Credentials,
                format!("{named} is not signed in: {why}"),
            )),
        }
    }

    fn follow(
        &self,
        order: &Order<'_>,
        _: &RunHandle,
        line: &mut dyn FnMut(&str),
        interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), ProviderError> {
        let mut reader = Reader::new(WorkerLog::of(order.folder));
        loop {
            // Looked at before the log, so that its last lines are still told.
            let memory = MemoryFile::of(order.folder).read().map_err(files)?;
            let ended = memory.session.is_none();
            reader.tell(line, ended).map_err(files)?;
            if ended || interrupted() {
                return Ok(());
            }
            std::thread::sleep(FOLLOWED_EVERY);
        }
    }

    fn leave(&self, order: &Order<'_>) -> Result<(), ProviderError> {
        self.end(&mut Desk::open(order)?)
    }

    fn import_folder(&self, order: &Order<'_>) -> Option<PathBuf> {
        Some(order.folder.join(IMPORT_FOLDER))
    }

    fn hand_over(&self, order: &Order<'_>, folder: &Path) -> Result<Vec<String>, ProviderError> {
        let mut desk = Desk::open(order)?;
        self.end(&mut desk)?;
        handover::write(order, folder, minutes(order)).map_err(files)?;
        desk.memory.way = Some(Way::Hand);
        desk.memory.folder = Some(folder.to_owned());
        desk.keep()?;
        Ok(vec![
            handover::steps_name(order),
            handover::notebook_name(order),
            handover::archive_name(order),
        ])
    }
}

/// Copies a file that is there; what is not, or is none, is left out.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    match fs::metadata(from) {
        Ok(facts) if facts.is_file() => {}
        Ok(_) => return Ok(()),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory | InvalidFilename) => {
            return Ok(());
        }
        Err(error) => return Err(error),
    }
    let mut source = fs::File::open(from)?;
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fsx::write_atomic_with(to, |file| io::copy(&mut source, file).map(|_| ()))
}
