//! `remedia doctor`: is this machine ready, and what to do where it is not.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::cli::arguments::DoctorArgs;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::wording::{bytes, counted};
use crate::engine;
use crate::fsx;
use crate::planner::styles::StyleLibrary;
use crate::provider::Account;

/// The version of [`Checkup`] that this build writes.
const CHECKUP_SCHEMA_VERSION: u32 = 1;

/// Less free space than this makes a listing of forty photos likely to fail.
const LITTLE_SPACE: u64 = 2_000_000_000;

/// A clock that is farther off makes signed addresses look expired.
const CLOCK_OFF: Duration = Duration::from_secs(60);

/// What was checked.
#[derive(Debug, Serialize)]
struct Checkup {
    schema_version: u32,
    version: &'static str,
    checks: Vec<Check>,
}

/// One thing that was checked.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Good,
    Warning,
    Bad,
}

impl Check {
    fn good(name: &'static str, text: impl Into<String>) -> Self {
        Self {
            name,
            state: State::Good,
            text: text.into(),
            hint: None,
        }
    }

    fn warning(name: &'static str, text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            name,
            state: State::Warning,
            text: text.into(),
            hint: Some(hint.into()),
        }
    }

    fn bad(name: &'static str, text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            state: State::Bad,
            ..Self::warning(name, text, hint)
        }
    }
}

/// Saves what can be read of a damaged database.
fn repair(context: &Context) -> Result<Exit, Failure> {
    let repaired = engine::repair(&context.engine_options())?;
    let document = RepairDocument {
        schema_version: CHECKUP_SCHEMA_VERSION,
        made: repaired.made,
        kept: repaired
            .kept
            .map(|path| path.to_string_lossy().into_owned()),
        saved: repaired.saved,
        lost: repaired.lost,
    };
    context.printer.either(&document, |document| {
        if !document.made {
            return "the database is sound; nothing was changed\n".to_owned();
        }
        let mut text = format!("{} saved", counted(document.saved as u64, "job", "jobs"));
        if let Some(kept) = &document.kept {
            text.push_str(&format!(
                "; the damaged database is kept as {}",
                fsx::printable(kept)
            ));
        }
        text.push('\n');
        for job in &document.lost {
            text.push_str(&format!(
                "{} could not be saved: submit its listing again\n",
                fsx::printable(job)
            ));
        }
        text.push_str("`remedia gc` says which work folders no job has any more\n");
        text
    })?;
    Ok(Exit::SUCCESS)
}

/// What a repair came to.
#[derive(Debug, Serialize)]
struct RepairDocument {
    schema_version: u32,
    /// Whether a new database was made; else the old one is sound.
    made: bool,
    /// Where the damaged database was put, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<String>,
    saved: usize,
    lost: Vec<String>,
}

/// Checks the machine and says what it found.
pub(crate) fn run(arguments: &DoctorArgs, context: &Context) -> Result<Exit, Failure> {
    if arguments.repair {
        return repair(context);
    }
    let settings = context.settings();
    let home = context.working_directory.join(&settings.home);
    let out = context.working_directory.join(&settings.out);
    let mut checks = vec![processors(settings.threads)];
    checks.push(folder("home", &home, "`--home` or REMEDIA_HOME"));
    checks.push(folder("output", &out, "`--out` or REMEDIA_OUT"));
    checks.push(space("space for work files", &home));
    checks.push(space("space for finished listings", &out));
    checks.push(database(context));
    checks.push(match StyleLibrary::load(settings.styles.as_deref()) {
        Ok(library) => Check::good("styles", format!("{} styles", library.names().count())),
        Err(error) => Check::bad("styles", error.to_string(), "mend or remove that file"),
    });
    checks.push(match super::models::clip_on_this_machine(context) {
        Ok(text) => Check::good("models", text),
        Err((text, hint)) => Check::warning("models", text, hint),
    });
    checks.extend(proxy(context));
    checks.extend(kaggle(context));
    checks.extend(colab(context));
    checks.push(if context.resolved.warnings.is_empty() {
        Check::good(
            "settings",
            format!("{} files read", context.resolved.files.len()),
        )
    } else {
        Check::warning(
            "settings",
            context.resolved.warnings.join("; "),
            "`remedia config show --origin` shows what is in force",
        )
    });
    let worst = checks.iter().any(|check| check.state == State::Bad);
    let checkup = Checkup {
        schema_version: CHECKUP_SCHEMA_VERSION,
        version: env!("CARGO_PKG_VERSION"),
        checks,
    };
    context.printer.either(&checkup, as_text)?;
    Ok(if worst { Exit::ERROR } else { Exit::SUCCESS })
}

fn as_text(checkup: &Checkup) -> String {
    let mut text = format!("remedia {}\n", checkup.version);
    for check in &checkup.checks {
        let mark = match check.state {
            State::Good => "ok     ",
            State::Warning => "warning",
            State::Bad => "bad    ",
        };
        text.push_str(&format!("{mark}  {}: {}\n", check.name, check.text));
        if let Some(hint) = &check.hint {
            text.push_str(&format!("         hint: {hint}\n"));
        }
    }
    text
}

fn processors(threads: usize) -> Check {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let used = if threads == 0 { cores } else { threads };
    Check::good("processors", format!("{cores} cores, {used} threads used"))
}

/// The nearest folder above that exists: where a missing one would be made.
fn existing(path: &Path) -> &Path {
    path.ancestors()
        .find(|ancestor| ancestor.is_dir())
        .unwrap_or(path)
}

fn folder(name: &'static str, path: &Path, how: &str) -> Check {
    let shown = fsx::printable(&path.to_string_lossy());
    let place = existing(path);
    // Trying is the only honest test: rights, read-only mounts and quotas all answer alike.
    match tempfile::Builder::new()
        .prefix(".remedia-tmp-")
        .tempfile_in(place)
    {
        Ok(_) => Check::good(name, shown),
        Err(error) => Check::bad(
            name,
            format!("{shown} cannot be written: {error}"),
            format!("give rights to it, or name another folder with {how}"),
        ),
    }
}

#[cfg(unix)]
fn space(name: &'static str, path: &Path) -> Check {
    match rustix::fs::statvfs(existing(path)) {
        Ok(facts) => {
            let free = facts.f_bavail.saturating_mul(facts.f_frsize);
            if free < LITTLE_SPACE {
                Check::warning(
                    name,
                    format!("{} free", bytes(free)),
                    "make room; `remedia gc` says which work files could go",
                )
            } else {
                Check::good(name, format!("{} free", bytes(free)))
            }
        }
        Err(error) => Check::warning(
            name,
            format!("not known: {error}"),
            "look at the disk yourself",
        ),
    }
}

#[cfg(not(unix))]
fn space(name: &'static str, _: &Path) -> Check {
    Check::good(name, "not measured on this system")
}

/// By which way the network is reached, where it is not the straight one.
fn proxy(context: &Context) -> Option<Check> {
    let proxies = &context.kaggle.proxies;
    let named: Vec<String> = [("https", &proxies.https), ("http", &proxies.http)]
        .iter()
        .filter_map(|(scheme, proxy)| {
            let address = proxy.as_ref()?.expose();
            // A proxy's address may hold a password.
            let host = address.rsplit('@').next().unwrap_or_default();
            let host = host.rsplit("://").next().unwrap_or_default();
            Some(format!("{scheme} through {}", fsx::printable(host)))
        })
        .collect();
    (!named.is_empty()).then(|| Check::good("proxy", named.join(", ")))
}

/// Who is signed in to Kaggle, what is left of the week's hours, and how it is reached.
fn kaggle(context: &Context) -> Vec<Check> {
    const NAME: &str = "kaggle";
    let account = match context
        .engine()
        .and_then(|engine| Ok(engine.account(NAME)?))
    {
        Ok(Some(account)) => account,
        Ok(None) => return Vec::new(),
        Err(failure) => {
            let text = format!("{:#}", failure.error);
            let hint = "only `--provider kaggle` needs it";
            // Who does not use Kaggle need not sign in.
            return vec![Check::warning(NAME, text, hint)];
        }
    };
    let mut checks = vec![signed_in(NAME, &account)];
    checks.extend(account.refused.iter().map(|refused| {
        Check::warning(
            NAME,
            format!("not accepted: {refused}"),
            "remove it or put a good one in its place",
        )
    }));
    checks.extend(
        (account.warnings.iter())
            .map(|warning| Check::warning(NAME, warning, "mend it, or make a new token")),
    );
    let off = account.clock_off_by.unwrap_or_default();
    if off > CLOCK_OFF {
        checks.push(Check::warning(
            "clock",
            format!("{} seconds away from Kaggle's", off.as_secs()),
            "set it: tokens and signed addresses are good for minutes",
        ));
    }
    if let Some((running, most)) = account.running.filter(|(running, _)| !running.is_empty()) {
        let text = format!(
            "{} of {most} GPU sessions run: {}",
            running.len(),
            running.join(", ")
        );
        checks.push(if running.len() >= most {
            Check::warning(
                "kaggle sessions",
                text,
                "further runs wait until one of them has ended",
            )
        } else {
            Check::good("kaggle sessions", text)
        });
    }
    if let Some((left, allowed)) = account.allowance {
        let text = format!(
            "{:.1} of {:.0} GPU hours are left this week{}",
            left.as_secs_f64() / 3600.0,
            allowed.as_secs_f64() / 3600.0,
            account
                .renewed
                .map(|renewed| format!(", renewed at {renewed}"))
                .unwrap_or_default()
        );
        checks.push(if left.is_zero() {
            Check::warning(
                "kaggle hours",
                text,
                "jobs wait until they are renewed; a new account needs its phone verified",
            )
        } else {
            Check::good("kaggle hours", text)
        });
    }
    checks
}

fn signed_in(name: &'static str, account: &Account) -> Check {
    let user = account.user.as_ref().map(|user| format!(" as {user}"));
    Check::good(
        name,
        format!(
            "signed in{} by {}",
            user.unwrap_or_default(),
            account.source
        ),
    )
}

/// Whether the official command of Colab can be driven, where it is on this machine.
fn colab(context: &Context) -> Option<Check> {
    const NAME: &str = "colab";
    match context
        .engine()
        .and_then(|engine| Ok(engine.account(NAME)?))
    {
        Ok(account) => account.map(|account| signed_in(NAME, &account)),
        Err(failure) => Some(Check::warning(
            NAME,
            format!("{:#}", failure.error),
            "`colab sessions` signs in; `remedia export --to colab` goes without the command",
        )),
    }
}

fn database(context: &Context) -> Check {
    let checked = context
        .engine()
        .and_then(|engine| Ok((engine.integrity()?, engine.status()?.jobs)));
    match checked {
        Ok((problems, jobs)) if problems.is_empty() => {
            Check::good("database", format!("sound, {jobs} jobs"))
        }
        Ok((problems, _)) => Check::bad(
            "database",
            problems.join("; "),
            "`remedia doctor --repair` saves what can be read into a new database and keeps the old one",
        ),
        Err(failure) => Check::bad(
            "database",
            format!("{:#}", failure.error),
            failure
                .hints
                .first()
                .cloned()
                .unwrap_or_else(|| "name another folder with `--home`".to_owned()),
        ),
    }
}
