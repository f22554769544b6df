//! What the caller and the system set for a process: signals, standard streams, the umask, folders that
//! cannot be written.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Environment, small_listing};

/// `remedia` with these arguments, started by `sh` after `before`.
fn by_shell(environment: &Environment, before: &str, arguments: &str) -> Command {
    let remedia = environment.command([]);
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("{before}; exec \"$REMEDIA\" {arguments}"))
        .current_dir(environment.work())
        .env_clear()
        .env("REMEDIA", env!("CARGO_BIN_EXE_remedia"));
    for (name, value) in remedia.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command
}

/// Waits until a process handles the signal to terminate, which it does from then on.
fn watched(process: &Child) {
    let status = format!("/proc/{}/status", process.id());
    let started = Instant::now();
    loop {
        let text = fs_err::read_to_string(&status).unwrap();
        let caught = text
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:"))
            .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .unwrap();
        if caught >> 14 & 1 == 1 {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{text}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn send(process: &Child, signal: &str) {
    let sent = Command::new("kill")
        .args(["-s", signal, &process.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

#[test]
fn a_signal_that_the_caller_ignores_stays_ignored() {
    for (before, ignored) in [
        ("trap '' HUP", "HUP"),
        ("trap '' INT QUIT", "INT"),
        ("true", ""),
    ] {
        let environment = Environment::new();
        let mut process = by_shell(&environment, before, "run --max-duration 60s")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        watched(&process);
        for signal in ["HUP", "INT"] {
            if signal == ignored {
                send(&process, signal);
                send(&process, signal);
                thread::sleep(Duration::from_millis(150));
                assert!(process.try_wait().unwrap().is_none(), "{before} {signal}");
            }
        }
        let last = if ignored == "HUP" { "TERM" } else { "HUP" };
        send(&process, last);
        let said = environment.said(process.wait_with_output().unwrap());
        assert_eq!(said.code, 130, "{before}: {}", said.error);
        let heard = said.error.matches("stopping after").count();
        assert_eq!(heard, 1, "{before}: {}", said.error);
    }
}

#[test]
fn nohup_goes_on_after_the_terminal_is_gone() {
    let environment = Environment::new();
    small_listing(&environment.work().join("ash"), 3);
    // The shell hangs up on the process as soon as it can be told of it.
    let script = "nohup \"$REMEDIA\" submit ash & it=$!; \
        until grep -q 'SigCgt:.*[4-7c-f]...$' /proc/$it/status 2>/dev/null; do \
        kill -0 $it || break; done; kill -HUP $it; wait $it";
    let output = by_shell(&environment, script, "list")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = environment.said(output).with_code(0);
    assert!(said.out.contains("delivered"), "{}{}", said.out, said.error);
    assert!(
        environment
            .work()
            .join("remedia-out/ash/manifest.json")
            .exists()
    );
}

#[test]
fn closed_streams_are_no_failure() {
    let environment = Environment::new();
    small_listing(&environment.work().join("ash"), 1);
    for (closed, arguments) in [
        ("exec <&-", "plan ash"),
        ("exec >&-", "plan ash"),
        ("exec 2>&-", "submit ash"),
        ("exec <&- >&- 2>&-", "submit ash --style coastal"),
        ("exec <&- >&- 2>&-", "status"),
        ("exec 2>/dev/full", "submit ash --force"),
    ] {
        let output = by_shell(&environment, closed, arguments).output().unwrap();
        let said = environment.said(output).with_code(0);
        assert!(!said.error.contains("panicked"), "{closed}: {}", said.error);
    }
    // What was asked for could not be given, and that is said without a panic.
    let output = by_shell(&environment, "exec >/dev/full", "plan ash")
        .output()
        .unwrap();
    let said = environment.said(output).with_code(5);
    assert!(said.error.starts_with("error: "), "{}", said.error);
}

#[cfg(unix)]
fn modes(folder: &Path) -> Vec<(PathBuf, u32)> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mode = fs_err::metadata(&path).unwrap().permissions().mode() & 0o7777;
        found.push((path.clone(), mode));
        if path.is_dir() {
            found.extend(modes(&path));
        }
    }
    found
}

#[cfg(unix)]
#[test]
fn the_umask_says_who_may_read_what_is_made() {
    for mask in [0o022, 0o027, 0o077, 0o002] {
        let environment = Environment::new();
        small_listing(&environment.work().join("ash"), 1);
        let output = by_shell(&environment, &format!("umask {mask:03o}"), "submit ash")
            .output()
            .unwrap();
        let _ = environment.said(output).with_code(0);
        let mut made = modes(&environment.work().join("remedia-out"));
        made.extend(modes(&environment.home()));
        assert!(made.len() > 15, "{made:?}");
        for (path, mode) in made {
            let all = if path.is_dir() { 0o777 } else { 0o666 };
            assert_eq!(mode, all & !mask, "{mask:03o} {}", path.display());
        }
    }
}

#[cfg(unix)]
#[test]
fn rights_that_a_person_set_stay_and_groups_are_inherited() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let environment = Environment::new();
    small_listing(&environment.work().join("ash"), 1);
    let out = environment.work().join("remedia-out");
    fs_err::create_dir(&out).unwrap();
    let own = fs_err::metadata(&out).unwrap();
    // Only who may give folders away can have another group to inherit.
    let group = if own.uid() == 0 { 1 } else { own.gid() };
    std::os::unix::fs::chown(&out, None, Some(group)).unwrap();
    let shared = std::fs::Permissions::from_mode(0o2775);
    fs_err::set_permissions(&out, shared).unwrap();
    let submit = || {
        let _ = environment.run(["submit", "ash"]).with_code(0);
    };
    submit();
    for (path, mode) in modes(&out) {
        assert_eq!(fs_err::metadata(&path).unwrap().gid(), group, "{path:?}");
        assert_eq!(mode & 0o2000 != 0, path.is_dir(), "{path:?} {mode:o}");
    }
    let text = out.join("ash/disclosure.txt");
    fs_err::write(&text, b"").unwrap();
    fs_err::set_permissions(&text, std::fs::Permissions::from_mode(0o664)).unwrap();
    submit();
    let healed = fs_err::metadata(&text).unwrap();
    assert!(healed.len() > 0);
    assert_eq!(healed.permissions().mode() & 0o777, 0o664);
}

/// A folder in which nobody can write, not even the superuser where disks can be mounted.
struct Unwritable {
    path: PathBuf,
    mounted: bool,
}

impl Unwritable {
    fn make(path: &Path) -> Option<Self> {
        fs_err::create_dir_all(path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "ro,size=64k", "tmpfs"])
            .arg(path)
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            let mut rights = fs_err::metadata(path).unwrap().permissions();
            rights.set_readonly(true);
            fs_err::set_permissions(path, rights).unwrap();
        }
        let made = Self {
            path: path.to_owned(),
            mounted,
        };
        fs_err::write(path.join("probe"), "")
            .is_err()
            .then_some(made)
    }
}

impl Drop for Unwritable {
    fn drop(&mut self) {
        if self.mounted {
            let _ = Command::new("umount").arg("-l").arg(&self.path).status();
        }
    }
}

#[test]
fn what_cannot_be_written_is_for_the_person_to_mend() {
    let environment = Environment::new();
    let work = environment.work();
    small_listing(&work.join("ash"), 1);
    fs_err::write(work.join("file"), "not a folder").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere", work.join("link")).unwrap();
    for (out, named) in [
        ("file", "`[ENV]/work/file` is not a folder"),
        ("file/below/it", "`[ENV]/work/file` is not a folder"),
        #[cfg(unix)]
        ("link", "`[ENV]/work/link` is not a folder"),
    ] {
        let said = environment
            .run(["submit", "ash", "--out", out])
            .with_code(1);
        assert!(said.error.contains(named), "{out}: {}", said.error);
        assert!(said.error.contains("`--out`"), "{out}: {}", said.error);
    }
    // A folder that is missing, and those above it, are made.
    let _ = environment
        .run(["submit", "ash", "--out", "a/b/c"])
        .with_code(0);
    let Some(locked) = Unwritable::make(&work.join("locked")) else {
        eprintln!("not tested: this user can write everywhere");
        return;
    };
    for out in ["locked", "locked/deep/er"] {
        let said = environment
            .run(["submit", "ash", "--out", out, "--style", "coastal"])
            .with_code(1);
        assert!(
            said.error.contains("`[ENV]/work/locked` cannot be written"),
            "{}",
            said.error
        );
    }
    let said = environment
        .run(["--home", "locked/home", "submit", "ash"])
        .with_code(1);
    assert!(said.error.contains("locked"), "{}", said.error);
    assert!(said.error.contains("`--home`"), "{}", said.error);
    drop(locked);
}

#[cfg(unix)]
#[test]
fn an_output_that_is_locked_later_is_an_error_too() {
    let environment = Environment::new();
    let work = environment.work();
    small_listing(&work.join("ash"), 1);
    let _ = environment.run(["submit", "ash"]).with_code(0);
    let delivered = work.join("remedia-out/ash");
    fs_err::remove_dir_all(&delivered).unwrap();
    let Some(locked) = Unwritable::make(&delivered) else {
        eprintln!("not tested: this user can write everywhere");
        return;
    };
    let said = environment.run(["submit", "ash"]).with_code(1);
    assert!(said.error.contains("remedia-out/ash"), "{}", said.error);
    assert!(said.error.contains("hint: "), "{}", said.error);
    drop(locked);
}
