//! The content of one file while it is on its way: the part that is here, its digest so far, and the
//! lock that keeps two processes from writing the same part.

use std::fs::{File, TryLockError};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::fsx::{self, fs};

use super::digest::Digest;

/// A validator of HTTP is short; more than this is none.
const LONGEST_VALIDATOR: usize = 256;

/// The lock of one content, given back when dropped.
#[derive(Debug)]
pub(super) struct Lock {
    // Held for its lock alone.
    _file: Option<File>,
}

impl Lock {
    /// Takes the lock; nothing while another process has it. A file system without locks gives one
    /// that holds nothing: the digest still decides what is kept.
    pub(super) fn attempt(path: &Path) -> io::Result<Option<Self>> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?
            .into_std();
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: Some(file) })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(_)) => Ok(Some(Self { _file: None })),
        }
    }
}

/// The part of a content that is here: `<digest>.incomplete`, as the hub's tools name it.
pub(super) struct Part {
    path: PathBuf,
    file: fs::File,
    digest: Digest,
    bytes: u64,
    validator: Option<String>,
}

impl Part {
    /// Opens what an earlier run left, or begins. `None` means that `stop` said yes while the part was
    /// read. A part of more than `limit` bytes is no part of this content and is begun anew.
    pub(super) fn open(
        blob: &Path,
        limit: u64,
        stop: &dyn Fn() -> bool,
    ) -> io::Result<Option<Self>> {
        let path = with_suffix(blob, ".incomplete");
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)?;
        let mut part = Self {
            validator: read_validator(&with_suffix(&path, ".etag")),
            path,
            file,
            digest: Digest::new(),
            bytes: 0,
        };
        if part.file.metadata()?.len() > limit {
            part.restart()?;
            return Ok(Some(part));
        }
        let Some(bytes) = part.digest.update_from(&part.path, stop)? else {
            return Ok(None);
        };
        part.bytes = bytes;
        part.file.seek(SeekFrom::Start(bytes))?;
        Ok(Some(part))
    }

    /// How many bytes are here.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What the server called the content that the part is of.
    pub(super) fn validator(&self) -> Option<&str> {
        self.validator.as_deref()
    }

    /// Notes what the server calls the content: only a strong validator can be asked for by a range
    /// (RFC 9110, section 13.1.5).
    pub(super) fn note_validator(&mut self, etag: Option<&str>) -> io::Result<()> {
        let strong = etag.filter(|etag| is_strong(etag)).map(ToOwned::to_owned);
        if strong == self.validator {
            return Ok(());
        }
        let path = with_suffix(&self.path, ".etag");
        match &strong {
            Some(etag) => fsx::write_atomic(&path, etag.as_bytes())?,
            None => remove_if_there(&path)?,
        }
        self.validator = strong;
        Ok(())
    }

    /// Adds bytes at the end.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Begins anew with nothing.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.digest = Digest::new();
        self.bytes = 0;
        self.note_validator(None)
    }

    /// The digest of what is here.
    pub(super) fn digest(&self) -> String {
        self.digest.clone().finish()
    }

    /// Makes the whole content durable under its final name.
    pub(super) fn finish(self, blob: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        drop(self.file);
        fs::rename(&self.path, blob)?;
        remove_if_there(&with_suffix(&self.path, ".etag"))?;
        match blob.parent() {
            Some(folder) => fsx::sync_directory(folder),
            None => Ok(()),
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn read_validator(path: &Path) -> Option<String> {
    let facts = fs::metadata(path).ok()?;
    if facts.len() > LONGEST_VALIDATOR as u64 {
        return None;
    }
    fs::read_to_string(path).ok().filter(|etag| is_strong(etag))
}

/// `"…"` of visible characters: not `W/"…"`.
fn is_strong(etag: &str) -> bool {
    let inner = etag
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| {
        !inner.is_empty()
            && inner.len() < LONGEST_VALIDATOR
            && inner
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'"')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use fs_err as fs;

    #[test]
    fn a_part_goes_on_where_it_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let blob = folder.path().join("blobs/abc");
        let open = || Part::open(&blob, 10, &|| false).unwrap().unwrap();
        let mut part = open();
        part.append(b"hello").unwrap();
        part.note_validator(Some("\"v1\"")).unwrap();
        drop(part);
        let mut part = open();
        assert_eq!((part.bytes(), part.validator()), (5, Some("\"v1\"")));
        part.append(b"world").unwrap();
        let digest = part.digest();
        part.finish(&blob).unwrap();
        assert_eq!(fs::read(&blob).unwrap(), b"helloworld");
        assert_eq!(super::super::digest::of_file(&blob).unwrap(), digest);
        assert_eq!(
            fs::read_dir(folder.path().join("blobs")).unwrap().count(),
            1
        );
        fs::write(folder.path().join("blobs/abc.incomplete"), [0; 11]).unwrap();
        assert_eq!(open().bytes(), 0, "more than the whole is no part of it");
        assert!(Part::open(&blob, 10, &|| true).unwrap().is_none() || open().bytes() == 0);
    }

    #[test]
    fn weak_and_odd_validators_are_not_kept() {
        for odd in ["W/\"v\"", "v", "\"\"", "\"a b\"", "\"a\"b\"", "\"../../x"] {
            assert!(!is_strong(odd), "{odd}");
        }
        assert!(is_strong("\"5f3-abc\""));
    }

    #[test]
    fn one_lock_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".locks/m/abc.lock");
        let first = Lock::attempt(&path).unwrap();
        assert!(first.is_some());
        assert!(Lock::attempt(&path).unwrap().is_none());
        drop(first);
        assert!(Lock::attempt(&path).unwrap().is_some());
    }
}
