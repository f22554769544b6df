//! Ctrl-C and the system's wishes to stop. A signal that the caller has set to be ignored stays ignored:
//! that is how `nohup`, and a shell for what it starts in the background, say that the work shall outlive
//! them (POSIX.1-2017, "Signals and Error Handling" of the shell, and the page of `nohup`).

use std::io;

use crate::fsx::fs;

/// Calls `heard` on a thread of its own for every Ctrl-C, termination and hang-up that arrives from now on.
///
/// # Errors
/// What the system says where signals cannot be watched.
#[cfg(unix)]
pub(super) fn watch(heard: impl Fn() + Send + 'static) -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let wanted: Vec<i32> = [(SIGINT, "INT"), (SIGTERM, "TERM"), (SIGHUP, "HUP")]
        .into_iter()
        .filter(|(number, name)| !is_ignored(*number, name))
        .map(|(number, _)| number)
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let mut signals = signal_hook::iterator::Signals::new(wanted)?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || signals.forever().for_each(|_| heard()))
        .map(drop)
}

/// As on Unix; nothing is inherited as ignored there.
#[cfg(not(unix))]
pub(super) fn watch(heard: impl Fn() + Send + 'static) -> io::Result<()> {
    ctrlc::set_handler(heard).map_err(io::Error::other)
}

/// Whether this process was started with the signal ignored and has not changed that.
#[cfg(unix)]
fn is_ignored(number: i32, name: &str) -> bool {
    fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| ignored_in(&status, number))
        .unwrap_or_else(|| a_shell_ignores(name))
}

/// Whether the kernel's account of a process (proc(5), `SigIgn`: a mask in hexadecimal, signal 1 lowest) says
/// that it ignores a signal; nothing where it does not say.
#[cfg(unix)]
fn ignored_in(status: &str, number: i32) -> Option<bool> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))?;
    let mask = u64::from_str_radix(mask.trim(), 16).ok()?;
    let place = u32::try_from(number).ok()?.checked_sub(1)?;
    Some(mask.checked_shr(place)? & 1 == 1)
}

/// The same where the kernel gives no such account: a shell inherits what is ignored, may not change it, and
/// so outlives sending itself the signal.
#[cfg(unix)]
fn a_shell_ignores(name: &str) -> bool {
    use std::process::{Command, Stdio};
    Command::new("/bin/sh")
        .args(["-c", "kill -s \"$1\" $$", "sh", name])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        // What `nohup` and a background job of `sh` leave: SIGHUP alone, and SIGINT with SIGQUIT.
        for (mask, number, expected) in [
            ("0000000000000001", 1, true),
            ("0000000000000001", 2, false),
            ("0000000000000006", 2, true),
            ("0000000000000006", 15, false),
            ("8000000000004000", 15, true),
            ("8000000000004000", 64, true),
        ] {
            let status = format!("Name:\tremedia\nSigIgn:\t{mask}\nSigCgt:\t0000000000004003\n");
            assert_eq!(
                ignored_in(&status, number),
                Some(expected),
                "{mask} {number}"
            );
        }
        assert_eq!(ignored_in("Name:\tremedia\n", 1), None);
        assert_eq!(ignored_in("SigIgn:\tnone\n", 1), None);
        assert_eq!(ignored_in("SigIgn:\t1\n", 0), None);
    }

    #[test]
    fn a_shell_tells_what_the_kernel_tells() {
        for (number, name) in [(1, "HUP"), (15, "TERM")] {
            let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
            let told = ignored_in(&status, number);
            assert!(
                told.is_none_or(|told| told == a_shell_ignores(name)),
                "{name}"
            );
        }
    }
}
