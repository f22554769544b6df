//! What a worker on Colab says, kept beside the order as it is heard, look by look: so that it can be followed
//! from another process, and read when the machine is gone.

use std::io::{Read, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use data_encoding::BASE64;

use crate::fsx::fs;

/// The file's name in the order's folder.
const FILE: &str = "colab.log";
/// No more is kept of one run.
const LARGEST: u64 = 32 << 20;
/// A line that is longer is told in pieces.
const LONGEST_LINE: usize = 1 << 16;

/// The log of an order.
#[derive(Clone, Debug)]
pub(super) struct WorkerLog(PathBuf);

impl WorkerLog {
    pub(super) fn of(order: &Path) -> Self {
        Self(order.join(FILE))
    }

    /// How many bytes of it are here.
    pub(super) fn bytes(&self) -> u64 {
        fs::metadata(&self.0).map_or(0, |found| found.len())
    }

    /// Puts what was heard behind it, in Base64. What cannot be read is left out: a log is a help.
    pub(super) fn add(&self, heard: &str) -> std::io::Result<()> {
        let bytes = BASE64.decode(heard.as_bytes()).unwrap_or_default();
        if bytes.is_empty() || self.bytes() > LARGEST {
            return Ok(());
        }
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.0)?;
        file.write_all(&bytes)
    }

    /// Forgets it: another machine begins anew.
    pub(super) fn clear(&self) -> std::io::Result<()> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Reads a log that grows, line by line.
#[derive(Debug)]
pub(super) struct Reader {
    log: WorkerLog,
    from: u64,
    rest: Vec<u8>,
}

impl Reader {
    pub(super) const fn new(log: WorkerLog) -> Self {
        Self {
            log,
            from: 0,
            rest: Vec::new(),
        }
    }

    /// Tells every whole line that has come since the last call, and at the `end` what is left.
    pub(super) fn tell(&mut self, line: &mut dyn FnMut(&str), end: bool) -> std::io::Result<()> {
        if self.log.bytes() < self.from {
            // Begun anew by another machine.
            (self.from, self.rest) = (0, Vec::new());
        }
        let mut file = match fs::File::open(&self.log.0) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        file.seek(SeekFrom::Start(self.from))?;
        let mut piece = vec![0; LONGEST_LINE];
        loop {
            let read = file.read(&mut piece)?;
            if read == 0 {
                break;
            }
            self.from += read as u64;
            self.rest
                .extend_from_slice(piece.get(..read).unwrap_or_default());
            while let Some(at) = self.rest.iter().position(|&byte| byte == b'\n') {
                let whole: Vec<u8> = self.rest.drain(..=at).collect();
                line(String::from_utf8_lossy(&whole).trim_end());
            }
            if self.rest.len() >= LONGEST_LINE {
                line(String::from_utf8_lossy(&self.rest).trim_end());
                self.rest.clear();
            }
        }
        if end && !self.rest.is_empty() {
            line(String::from_utf8_lossy(&self.rest).trim_end());
            self.rest.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_once_and_whole_however_they_come() {
        let folder = tempfile::tempdir().unwrap();
        let log = WorkerLog::of(folder.path());
        let mut reader = Reader::new(log.clone());
        let mut heard = Vec::new();
        let mut tell = |reader: &mut Reader, end: bool| {
            let mut lines = Vec::new();
            reader
                .tell(&mut |line| lines.push(line.to_owned()), end)
                .unwrap();
            heard.push(lines);
        };
        tell(&mut reader, false);
        for text in ["one\ntw", "o\nthr"] {
            log.add(&BASE64.encode(text.as_bytes())).unwrap();
            tell(&mut reader, false);
        }
        log.add("no Base64").unwrap();
        tell(&mut reader, true);
        log.clear().unwrap();
        log.add(&BASE64.encode(b"new\n")).unwrap();
        tell(&mut reader, false);
        assert_eq!(
            heard,
            [vec![], vec!["one"], vec!["two"], vec!["thr"], vec!["new"]]
        );
    }
}
