//! SHA-256 of files, read in pieces so that a model of gigabytes needs no memory.

use std::io::{self, Read};
use std::path::Path;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::fsx::fs;

/// How much is read at once.
const PIECE: usize = 256 * 1024;

/// A SHA-256 in the making.
#[derive(Clone, Default)]
pub(super) struct Digest(Sha256);

impl Digest {
    /// The digest of nothing yet.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Goes on with `bytes`.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of everything so far, 64 lower-case hexadecimal digits.
    pub(super) fn finish(self) -> String {
        HEXLOWER.encode(self.0.finalize().as_slice())
    }

    /// Goes on with a file; `stop` is asked between the pieces, and `Ok(None)` means that it said yes.
    /// Gives the number of bytes.
    pub(super) fn update_from(
        &mut self,
        path: &Path,
        stop: &dyn Fn() -> bool,
    ) -> io::Result<Option<u64>> {
        let mut file = fs::File::open(path)?;
        let mut piece = vec![0; PIECE];
        let mut total = 0;
        loop {
            if stop() {
                return Ok(None);
            }
            let count = match file.read(&mut piece) {
                Ok(0) => return Ok(Some(total)),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.update(piece.get(..count).unwrap_or_default());
            total += count as u64;
        }
    }
}

/// The digest of a whole file.
pub(super) fn of_file(path: &Path) -> io::Result<String> {
    let mut digest = Digest::new();
    digest.update_from(path, &|| false)?;
    Ok(digest.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fs_err as fs;

    #[test]
    fn a_file_has_the_digest_of_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        fs::write(&path, b"abc").unwrap();
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            of_file(&path).unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let mut digest = Digest::new();
        assert_eq!(digest.update_from(&path, &|| true).unwrap(), None);
    }
}
