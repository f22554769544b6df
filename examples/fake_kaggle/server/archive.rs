//! Archives that become folders, as the service unpacks what is uploaded: zip (stored or deflated) and
//! plain tar. A damaged archive, or a tar with extended headers, makes the data set fail.

use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use fs_err as fs;

use super::{folders, inflate};

/// Longest end record of a zip: 22 bytes and a comment.
const MAX_END: u64 = 22 + 65_535;

/// Why an archive was not unpacked.
#[derive(Debug)]
pub(super) enum ArchiveError {
    Io(io::Error),
    /// The archive's own fault.
    Damaged,
}

impl From<io::Error> for ArchiveError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Self::Damaged,
            _ => Self::Io(error),
        }
    }
}

/// Unpacks an archive into a folder; what it is, its name says.
pub(super) fn unpack(archive: &Path, name: &str, folder: &Path) -> Result<(), ArchiveError> {
    let mut file = BufReader::new(fs::File::open(archive)?);
    if name.ends_with(".tar") {
        untar(&mut file, folder)
    } else {
        unzip(&mut file, folder)
    }
}

fn create(folder: &Path, name: &str) -> Result<BufWriter<fs::File>, ArchiveError> {
    if !folders::is_inside(name) {
        return Err(ArchiveError::Damaged);
    }
    let path = folder.join(name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    Ok(BufWriter::new(fs::File::create(path)?))
}

/// A little-endian number of two or four bytes.
fn number(bytes: &[u8], at: usize, size: usize) -> Result<u64, ArchiveError> {
    let field = bytes.get(at..at + size).ok_or(ArchiveError::Damaged)?;
    Ok(field
        .iter()
        .rev()
        .fold(0, |value, byte| (value << 8) | u64::from(*byte)))
}

fn unzip(file: &mut BufReader<fs::File>, folder: &Path) -> Result<(), ArchiveError> {
    let length = file.seek(SeekFrom::End(0))?;
    let tail_start = length.saturating_sub(MAX_END);
    file.seek(SeekFrom::Start(tail_start))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let end = tail
        .windows(4)
        .rposition(|window| window == b"PK\x05\x06")
        .and_then(|at| tail.get(at..))
        .ok_or(ArchiveError::Damaged)?;
    let (entries, size, start) = (
        number(end, 10, 2)?,
        number(end, 12, 4)?,
        number(end, 16, 4)?,
    );
    file.seek(SeekFrom::Start(start))?;
    let mut directory = Vec::new();
    (&mut *file).take(size).read_to_end(&mut directory)?;
    let mut rest = directory.as_slice();
    for _ in 0..entries {
        if !rest.starts_with(b"PK\x01\x02") {
            return Err(ArchiveError::Damaged);
        }
        let lengths = [28, 30, 32].map(|at| number(rest, at, 2));
        let [name_length, extra, comment] = lengths;
        let name_end = 46 + usize::try_from(name_length?).map_err(|_| ArchiveError::Damaged)?;
        let name = rest.get(46..name_end).ok_or(ArchiveError::Damaged)?;
        let name = std::str::from_utf8(name).map_err(|_| ArchiveError::Damaged)?;
        if !name.ends_with('/') {
            let mut target = create(folder, name)?;
            extract(file, rest, &mut target)?;
            target.flush()?;
        }
        let skipped = usize::try_from(extra? + comment?).map_err(|_| ArchiveError::Damaged)?;
        rest = rest
            .get(name_end + skipped..)
            .ok_or(ArchiveError::Damaged)?;
    }
    Ok(())
}

/// Extracts the file of one entry of a zip's directory.
fn extract(
    file: &mut BufReader<fs::File>,
    entry: &[u8],
    target: &mut impl Write,
) -> Result<(), ArchiveError> {
    let (method, checksum) = (number(entry, 10, 2)?, number(entry, 16, 4)?);
    let (packed, plain) = (number(entry, 20, 4)?, number(entry, 24, 4)?);
    let start = number(entry, 42, 4)?;
    file.seek(SeekFrom::Start(start))?;
    let mut head = [0; 30];
    file.read_exact(&mut head)?;
    let skipped = number(&head, 26, 2)? + number(&head, 28, 2)?;
    file.seek(SeekFrom::Start(start + 30 + skipped))?;
    let mut checked = Checked {
        sink: target,
        crc: u32::MAX,
        size: 0,
    };
    let source = file.take(packed);
    match method {
        0 => {
            io::copy(&mut { source }, &mut checked)?;
        }
        8 => {
            inflate::inflate(source, &mut checked)?;
        }
        _ => return Err(ArchiveError::Damaged),
    }
    if checked.size != plain || u64::from(!checked.crc) != checksum {
        return Err(ArchiveError::Damaged);
    }
    Ok(())
}

/// Counts and sums up what is written (CRC-32).
struct Checked<'a, W> {
    sink: &'a mut W,
    crc: u32,
    size: u64,
}

impl<W: Write> Write for Checked<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.write_all(bytes)?;
        for byte in bytes {
            let mut value = (self.crc ^ u32::from(*byte)) & 0xff;
            for _ in 0..8 {
                let carry = (value & 1) * 0xedb8_8320;
                value = (value >> 1) ^ carry;
            }
            self.crc = (self.crc >> 8) ^ value;
        }
        self.size += u64::try_from(bytes.len()).unwrap_or_default();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

fn untar(file: &mut impl Read, folder: &Path) -> Result<(), ArchiveError> {
    loop {
        let mut head = [0; 512];
        file.read_exact(&mut head)?;
        if head.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        let name = tar_text(&head, 0, 100)?;
        let prefix = tar_text(&head, 345, 155)?;
        let name = if prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{prefix}/{name}")
        };
        let size = tar_text(&head, 124, 12)?.trim();
        let size = u64::from_str_radix(size, 8).map_err(|_| ArchiveError::Damaged)?;
        match head.get(156) {
            Some(b'0' | 0) => {
                let mut target = create(folder, name.trim_start_matches("./"))?;
                if io::copy(&mut file.take(size), &mut target)? != size {
                    return Err(ArchiveError::Damaged);
                }
                target.flush()?;
                let padding = size.next_multiple_of(512) - size;
                io::copy(&mut file.take(padding), &mut io::sink())?;
            }
            Some(b'5') => {}
            _ => return Err(ArchiveError::Damaged),
        }
    }
}

fn tar_text(head: &[u8], at: usize, size: usize) -> Result<&str, ArchiveError> {
    let field = head.get(at..at + size).ok_or(ArchiveError::Damaged)?;
    let text = field.split(|byte| *byte == 0).next().unwrap_or_default();
    std::str::from_utf8(text).map_err(|_| ArchiveError::Damaged)
}
