//! What a session left: `results.json` first, then exactly the files that it names. A listing can be late,
//! or still be another run's, so nothing counts before its own results are there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bundle::sha256_of;
use crate::domain::results::{Results, read_results};
use crate::fsx::fs;
use crate::kaggle::{KaggleError, OutputLimits, Watch};
use crate::provider::contract::{Order, RunContext, RunProgress};
use crate::provider::error::{FaultKind, ProviderError};

use super::memory::KernelRun;
use super::provider::{Desk, KaggleProvider, NAME, fault, files};
use super::session::SHOWN_WITHIN;

/// The document that says what was made.
const RESULTS: &str = "results.json";
/// What a session may leave.
const LIMITS: OutputLimits = OutputLimits {
    file_bytes: 2 << 30,
    total_bytes: 20 << 30,
    files: 20_000,
};

/// What a session left, at a glance.
pub(super) struct LeftBehind {
    pub(super) has_results: bool,
    pub(super) log: String,
}

impl KaggleProvider {
    /// Whether a session that is over left results, and its log.
    pub(super) fn left_behind(
        desk: &Desk<'_>,
        kernel: &KernelRun,
    ) -> Result<LeftBehind, ProviderError> {
        let mut left = LeftBehind {
            has_results: false,
            log: String::new(),
        };
        let results = kernel.path(RESULTS);
        let mut pages = desk.kaggle.output_pages(&kernel.reference, kernel.version);
        loop {
            let page = match pages.next_page() {
                Ok(Some(page)) => page,
                Ok(None) => break,
                // Nothing is shown yet.
                Err(KaggleError::NotFound { .. }) => break,
                Err(error) => return Err(fault(&error, desk.now)),
            };
            if !page.log.is_empty() {
                left.log = page.log;
            }
            left.has_results |= page.files.iter().any(|file| file.name == results);
            if left.has_results {
                break;
            }
        }
        Ok(left)
    }

    /// Fetches the results and every file that they name.
    pub(super) fn fetch(
        desk: &mut Desk<'_>,
        context: &RunContext<'_>,
    ) -> Result<Results, ProviderError> {
        let Some(kernel) = desk.memory.kernel.clone() else {
            return Err(files("the kernel of this order is not known any more"));
        };
        let folder = desk.order.outputs;
        fs::create_dir_all(folder).map_err(files)?;
        let late = desk
            .memory
            .over_since
            .is_some_and(|over| desk.since(over) > SHOWN_WITHIN);
        let mut results = Self::results(desk, &kernel, context, late)?;
        place(&mut results, &kernel);
        let named = named_files(&results);
        let total = named.len() as u64;
        let fetched = std::sync::atomic::AtomicU64::new(0);
        let wanted = |name: &str| {
            let is_wanted = named.contains(name);
            if is_wanted {
                let done = fetched.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                (context.progress)(RunProgress::Count {
                    done: done.min(total),
                    total,
                });
            }
            is_wanted
        };
        let outputs = desk
            .kaggle
            .download_outputs(
                &kernel.reference,
                kernel.version,
                folder,
                &wanted,
                LIMITS,
                watch(context),
            )
            .map_err(|error| fault(&error, desk.now))?;
        let here: BTreeSet<&str> = outputs
            .files
            .iter()
            .map(|file| file.name.as_str())
            .collect();
        // A part that a machine's crash spoiled is fetched anew; what stays another file is judged as it is.
        if !late && let Some(spoiled) = spoiled(&results, folder).map_err(files)? {
            fs::remove_file(&spoiled).map_err(files)?;
            return Err(not_there_yet(&format!("`{}` whole", spoiled.display())));
        }
        // A name that is refused never comes; whoever judges finds nothing there.
        let missing = named
            .iter()
            .find(|name| !here.contains(name.as_str()) && is_fetchable(desk.order, name));
        match missing {
            Some(name) if !late => Err(not_there_yet(&format!("`{name}`"))),
            _ => Ok(results),
        }
    }

    /// `results.json`, of this run.
    fn results(
        desk: &Desk<'_>,
        kernel: &KernelRun,
        context: &RunContext<'_>,
        late: bool,
    ) -> Result<Results, ProviderError> {
        let name = kernel.path(RESULTS);
        let path = desk.order.outputs.join(&name);
        desk.kaggle
            .download_outputs(
                &kernel.reference,
                kernel.version,
                desk.order.outputs,
                &|file| file == name,
                LIMITS,
                watch(context),
            )
            .map_err(|error| fault(&error, desk.now))?;
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(not_there_yet("`results.json`"));
            }
            Err(error) => return Err(files(error)),
        };
        let unusable = |text: String| {
            // Fetched once more by the next look.
            let _ = fs::remove_file(&path);
            if late {
                ProviderError::new(NAME, FaultKind::Answer, text)
            } else {
                not_there_yet(&format!("a usable `results.json` ({text})"))
            }
        };
        let results = read_results(&bytes).map_err(|error| unusable(error.to_string()))?;
        let ours =
            results.run_id == desk.run_id() && results.job_sha256 == desk.order.marker.job_sha256;
        if ours {
            Ok(results)
        } else {
            Err(unusable("it is another run's".to_owned()))
        }
    }
}

fn watch<'w>(context: &'w RunContext<'_>) -> Watch<'w> {
    Watch {
        progress: &|_| {},
        interrupted: context.interrupted,
    }
}

fn not_there_yet(what: &str) -> ProviderError {
    ProviderError::new(
        NAME,
        FaultKind::Network,
        format!("Kaggle does not show {what} yet"),
    )
    .with_retry_after(Some(Duration::from_secs(15)))
}

/// Puts the files of a run that shared its session where they lie among the session's outputs.
fn place(results: &mut Results, kernel: &KernelRun) {
    let attempts = results
        .photos
        .iter_mut()
        .flat_map(|photo| &mut photo.operations)
        .flat_map(|operation| &mut operation.attempts);
    for attempt in attempts {
        let files = [&mut attempt.image, &mut attempt.mask, &mut attempt.labels];
        for file in files.into_iter().flatten() {
            file.file = kernel.path(&file.file);
        }
    }
}

/// Every file that results name.
fn named_files(results: &Results) -> BTreeSet<String> {
    results
        .files()
        .map(|file| file.file.clone())
        .filter(|file| file != RESULTS)
        .collect()
}

/// A file that is here and is not the one that the results name.
fn spoiled(results: &Results, folder: &Path) -> std::io::Result<Option<PathBuf>> {
    for file in results.files() {
        let Ok(path) = crate::kaggle::output_path(folder, &file.file) else {
            continue;
        };
        let mut content = match fs::File::open(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let (digest, _) = sha256_of(&mut content, u64::MAX)?;
        if digest != file.sha256 {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn is_fetchable(order: &Order<'_>, name: &str) -> bool {
    crate::kaggle::output_path(order.outputs, name).is_ok()
}
