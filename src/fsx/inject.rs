//! Faults on purpose: builds with debug assertions can be told to let the n-th call of a kind fail, or to end the process
//! there, so that tests can see what becomes of it. In every other build all of it is nothing.

#[cfg(debug_assertions)]
pub use armed::arm;
#[cfg(debug_assertions)]
pub(super) use armed::{fault, scaled};

/// A kind of call to the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Opening a file.
    Open,
    /// Reading from it.
    Read,
    /// Writing to it.
    Write,
    /// Waiting until it is on the disk.
    Sync,
    /// Giving it another name.
    Rename,
    /// Removing something.
    Remove,
    /// Making a folder.
    Make,
    /// Listing a folder.
    List,
    /// Looking at a path.
    Look,
}

#[cfg(not(debug_assertions))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "the form that builds for tests have"
)]
#[inline]
pub(super) fn fault(_: Call, _: &std::path::Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(not(debug_assertions))]
#[inline]
pub(super) const fn scaled(wait: std::time::Duration) -> std::time::Duration {
    wait
}

#[cfg(debug_assertions)]
mod armed {
    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::Call;
    use crate::fsx::fault::named;

    static RULES: OnceLock<Vec<Rule>> = OnceLock::new();

    #[derive(Debug)]
    struct Rule {
        /// A kind of call, `change` for every kind that changes something, or `any`.
        call: String,
        effect: Effect,
        /// The call that it begins with, from 1.
        first: u64,
        /// Whether every later one has it too.
        ever_after: bool,
        /// A part of the paths that it is for.
        part: String,
        seen: AtomicU64,
    }

    #[derive(Debug)]
    enum Effect {
        /// An error of the system.
        Fails(i32),
        /// The process ends, with nothing cleared up.
        Dies,
        /// Every call is written down, a line each.
        Told(PathBuf),
    }

    /// Takes rules with commas between them: `CALL:ERROR:N`, `N+` for every call from the N-th on, with `:PART` behind it
    /// for paths that hold the part alone. `ERROR` is the name of an error of the system, `DIE`, or `LOG=FILE`.
    ///
    /// # Errors
    /// Which rule is not understood.
    pub fn arm(rules: &str) -> Result<(), String> {
        let rules = rules.split(',').map(rule).collect::<Result<Vec<_>, _>>()?;
        let _ = RULES.set(rules);
        Ok(())
    }

    fn rule(text: &str) -> Result<Rule, String> {
        let mut parts = text.splitn(4, ':');
        let mut next = || parts.next().unwrap_or_default();
        let (call, effect, position) = (next(), next(), next());
        let effect = match effect {
            "DIE" => Effect::Dies,
            other => match other.strip_prefix("LOG=") {
                Some(file) => Effect::Told(PathBuf::from(file)),
                None => Effect::Fails(number(other).ok_or(format!("no error `{other}`"))?),
            },
        };
        let first = position.trim_end_matches('+');
        Ok(Rule {
            call: call.to_owned(),
            effect,
            first: first.parse().map_err(|_| format!("no number `{first}`"))?,
            ever_after: position.ends_with('+'),
            part: next().to_owned(),
            seen: AtomicU64::new(0),
        })
    }

    #[cfg(unix)]
    fn number(name: &str) -> Option<i32> {
        use rustix::io::Errno;
        let number = match name {
            "EIO" => Errno::IO,
            "ENOSPC" => Errno::NOSPC,
            "EMFILE" => Errno::MFILE,
            "EACCES" => Errno::ACCESS,
            "EINTR" => Errno::INTR,
            "ENOTCONN" => Errno::NOTCONN,
            "ESTALE" => Errno::STALE,
            "EROFS" => Errno::ROFS,
            "ENOENT" => Errno::NOENT,
            _ => return None,
        };
        Some(number.raw_os_error())
    }

    #[cfg(not(unix))]
    fn number(_: &str) -> Option<i32> {
        None
    }

    /// The name that rules call it by.
    fn name(call: Call) -> &'static str {
        match call {
            Call::Open => "open",
            Call::Read => "read",
            Call::Write => "write",
            Call::Sync => "sync",
            Call::Rename => "rename",
            Call::Remove => "remove",
            Call::Make => "make",
            Call::List => "list",
            Call::Look => "look",
        }
    }

    fn changes(call: Call) -> bool {
        use Call as C;
        matches!(call, C::Write | C::Sync | C::Rename | C::Remove | C::Make)
    }

    impl Rule {
        fn is_for(&self, call: Call, path: &Path) -> bool {
            let kind = match self.call.as_str() {
                "any" => true,
                "change" => changes(call),
                wanted => wanted == name(call),
            };
            kind && (self.part.is_empty() || path.to_string_lossy().contains(&self.part))
        }
    }

    /// The error that the call is to have, if any.
    pub(in crate::fsx) fn fault(call: Call, path: &Path) -> io::Result<()> {
        for rule in RULES.get().into_iter().flatten() {
            if !rule.is_for(call, path) {
                continue;
            }
            let seen = rule.seen.fetch_add(1, Ordering::SeqCst) + 1;
            if seen != rule.first && !(rule.ever_after && seen > rule.first) {
                continue;
            }
            match &rule.effect {
                Effect::Fails(number) => {
                    let error = io::Error::from_raw_os_error(*number);
                    return Err(named(name(call), path, error));
                }
                Effect::Dies => std::process::abort(),
                Effect::Told(file) => tell(file, call, path),
            }
        }
        Ok(())
    }

    fn tell(file: &Path, call: Call, path: &Path) {
        use std::io::Write as _;
        let opened = fs_err::OpenOptions::new()
            .create(true)
            .append(true)
            .open(file);
        if let Ok(mut log) = opened {
            // One call, so that lines of several threads stay apart.
            let line = format!("{} {}\n", name(call), path.display());
            let _ = log.write_all(line.as_bytes());
        }
    }

    /// Nobody waits for faults that were made on purpose.
    pub(in crate::fsx) fn scaled(wait: Duration) -> Duration {
        if RULES.get().is_some() {
            wait / 100
        } else {
            wait
        }
    }
}
