//! The rights of files that are written anew.

use std::io;
use std::path::Path;

use super::fs::{self, File};

/// Gives `file`, which is about to take the place of the plain file at `path`, the rights that a person has
/// set on that one. Where there is none, those stay with which the file was made: what the umask left.
///
/// # Errors
/// What the file system says.
#[cfg(unix)]
pub(super) fn keep_rights(path: &Path, file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(old) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    let bits = |rights: std::fs::Permissions| rights.mode() & 0o777;
    let kept = bits(old.permissions());
    if !old.is_file() || bits(file.metadata()?.permissions()) == kept {
        return Ok(());
    }
    file.set_permissions(std::fs::Permissions::from_mode(kept))
}

#[cfg(not(unix))]
pub(super) fn keep_rights(_: &Path, _: &File) -> io::Result<()> {
    Ok(())
}
