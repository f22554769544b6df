//! A disk that fills up: the error names the path, nothing half-written stays, and the next run with
//! room goes on. Needs the right to mount a small memory disk; without it nothing is tested here, and
//! that is said.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Environment, small_listing};

/// A memory disk of `kilobytes`, unmounted at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: &Path, kilobytes: u32) -> Option<Self> {
        fs_err::create_dir_all(path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o"])
            .arg(format!("size={kilobytes}k"))
            .arg("tmpfs")
            .arg(path)
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then(|| Self(path.to_path_buf()))
    }

    fn grow(&self, kilobytes: u32) {
        self.remount(&format!("size={kilobytes}k"));
    }

    fn remount(&self, options: &str) {
        let status = Command::new("mount")
            .args(["-o", &format!("remount,{options}")])
            .arg(&self.0)
            .status()
            .unwrap();
        assert!(status.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn leftovers(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs_err::read_dir(folder) else {
        return found;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(leftovers(&path));
        } else if path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with(".remedia-tmp-")
        {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_full_disk_loses_nothing() {
    let environment = Environment::new();
    small_listing(&environment.work().join("ash"), 6);
    let out = environment.work().join("remedia-out");
    let Some(disk) = SmallDisk::mount(&out, 64) else {
        eprintln!("not tested: this user cannot mount a memory disk");
        return;
    };
    let full = environment.run(["submit", "ash"]).with_code(5);
    assert!(full.error.contains("remedia-out"), "{}", full.error);
    assert!(
        full.error.contains("remedia r"),
        "names what continues: {}",
        full.error
    );
    assert_eq!(leftovers(&environment.work()), Vec::<PathBuf>::new());
    disk.grow(20_000);
    environment.run(["submit", "ash"]).with_code(0);
    assert!(out.join("ash/manifest.json").exists());
}

#[test]
fn a_full_home_loses_nothing() {
    let environment = Environment::new();
    small_listing(&environment.work().join("ash"), 6);
    let Some(disk) = SmallDisk::mount(&environment.home(), 256) else {
        eprintln!("not tested: this user cannot mount a memory disk");
        return;
    };
    let full = environment.run(["submit", "ash"]).with_code(5);
    assert!(
        full.error.starts_with("error") || full.error.contains("hint"),
        "{}",
        full.error
    );
    assert!(!full.error.contains("panicked"), "{}", full.error);
    disk.grow(20_000);
    environment.run(["submit", "ash"]).with_code(0);
    assert_eq!(leftovers(environment.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_disk_that_may_not_be_written_is_the_users_to_mend() {
    let environment = Environment::new();
    small_listing(&environment.work().join("ash"), 2);
    let out = environment.work().join("remedia-out");
    let Some(disk) = SmallDisk::mount(&out, 20_000) else {
        eprintln!("not tested: this user cannot mount a memory disk");
        return;
    };
    environment.run(["submit", "ash", "--detach"]).with_code(7);
    disk.remount("ro");
    for command in [&["submit", "ash"][..], &["run", "--once"]] {
        let mut command_line = environment.command(["--quiet"]);
        let refused = environment.said(command_line.args(command).output().unwrap());
        assert_eq!(refused.code, 1, "{command:?}: {}", refused.error);
    }
    disk.remount("rw");
    environment.run(["run", "--once"]).with_code(0);

    let disk = SmallDisk::mount(&environment.path().join("other"), 20_000).unwrap();
    let home = environment.path().join("other/home");
    let run = |arguments: &[&str]| {
        let mut command = environment.command(["--home"]);
        environment.said(command.arg(&home).args(arguments).output().unwrap())
    };
    run(&["submit", "ash"]).with_code(0);
    disk.remount("ro");
    for arguments in [&["submit", "ash", "--force"][..], &["list"], &["doctor"]] {
        let refused = run(arguments).with_code(1);
        let said = format!("{}{}", refused.out, refused.error);
        assert!(said.contains("remedia.db"), "{said}");
        assert!(said.contains("may not be written"), "{said}");
    }
    disk.remount("rw");
    run(&["list"]).with_code(0);
}
