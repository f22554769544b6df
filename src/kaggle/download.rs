//! One file from a signed address to this machine: streamed to a part beside its place, resumed by
//! range, and named only when it is whole.

use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::fsx::{self, PART_PREFIX, fs};
use crate::http::{Headers, HttpError, Method, Request, Response};

use super::client::{Connection, Watch};
use super::error::{KaggleError, is_passing};
use super::outputs::OutputFile;

/// How much is read at once.
const PIECE: usize = 64 * 1024;

/// So often in a row a file is asked for without any headway.
const ROUNDS: u32 = 6;

/// So much more makes a fault the first one again.
const HEADWAY: u64 = 256 * 1024;

/// The first pause; each further one without headway is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// No pause is longer, whatever storage asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A validator of HTTP is short; more than this is none.
const LONGEST_VALIDATOR: usize = 256;

/// A file on its way.
pub(super) struct Download<'d> {
    pub(super) connection: &'d Connection,
    pub(super) file: &'d OutputFile,
    /// Where it is to lie.
    pub(super) path: &'d Path,
    pub(super) what: String,
    /// Its size, where it is known.
    pub(super) size: Option<u64>,
    /// More bytes than this are not taken.
    pub(super) limit: u64,
    pub(super) watch: Watch<'d>,
}

/// Why one call did not bring the rest.
enum Fault {
    /// It may after a pause.
    Passing {
        error: KaggleError,
        asked: Option<Duration>,
    },
    Final(KaggleError),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Final(error.into())
    }
}

impl Download<'_> {
    /// Fetches the file and gives its size.
    pub(super) fn run(&self) -> Result<u64, KaggleError> {
        if let Ok(found) = fs::symlink_metadata(self.path) {
            if !found.is_file() {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    format!("`{}` is there and is no file", self.path.display()),
                )
                .into());
            }
            if self.size.is_none_or(|size| size == found.len()) {
                return Ok(found.len());
            }
        }
        if self.size.is_some_and(|size| size > self.limit) {
            return Err(self.too_large());
        }
        let mut part = Part::open(self.path, self.limit)?;
        let mut reached = part.bytes;
        let mut rounds = 0;
        let mut pause = FIRST_PAUSE;
        loop {
            if (self.watch.interrupted)() {
                return Err(KaggleError::Interrupted);
            }
            let (error, asked) = match self.attempt(&mut part) {
                Ok(()) => return part.finish(self.path).map_err(Into::into),
                Err(Fault::Final(error)) => return Err(error),
                Err(Fault::Passing { error, asked }) => (error, asked),
            };
            if part.bytes >= reached + HEADWAY {
                (rounds, pause) = (0, FIRST_PAUSE);
            }
            reached = part.bytes;
            rounds += 1;
            if rounds >= ROUNDS {
                return Err(error);
            }
            let wait = asked.map_or(pause, |asked| asked.max(pause));
            self.connection.rest(wait.min(LONGEST_PAUSE), self.watch)?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn too_large(&self) -> KaggleError {
        KaggleError::Refused {
            what: self.what.clone(),
            message: format!("it has more than the {} bytes that are taken", self.limit),
        }
    }

    fn http(&self, error: HttpError) -> Fault {
        let is_retryable = error.is_retryable();
        let error = KaggleError::Http {
            what: self.what.clone(),
            error,
        };
        if is_retryable {
            Fault::Passing { error, asked: None }
        } else {
            Fault::Final(error)
        }
    }

    fn cut(&self, response: &Response, problem: impl Into<String>) -> Fault {
        self.http(HttpError::Interrupted {
            place: response.place().to_owned(),
            problem: problem.into(),
        })
    }

    /// One call for what is missing. `Ok` means that the file is whole.
    fn attempt(&self, part: &mut Part) -> Result<(), Fault> {
        if self.size == Some(part.bytes) && part.bytes > 0 {
            return Ok(());
        }
        // Without a name for the content there is no telling whether the rest belongs to the part.
        if part.validator.is_none() && part.bytes > 0 {
            part.restart()?;
        }
        let from = part.bytes;
        let mut request = Request::new(Method::Get, &self.file.url);
        if let Some(validator) = part.validator.as_deref().filter(|_| from > 0) {
            request = request
                .header("range", format!("bytes={from}-"))
                .header("if-range", validator);
        }
        let response = self
            .connection
            .client()
            .send(&request)
            .map_err(|error| self.http(error))?;
        match response.status {
            200 => {
                if self.is_page(&response) {
                    return Err(self.cut(&response, "it sent a web page instead of the file"));
                }
                part.restart()?;
            }
            206 if from > 0 => match content_range(&response.headers) {
                Some((start, total)) if start == from => {
                    self.check_total(&response, part, total)?;
                }
                _ => {
                    part.restart()?;
                    return Err(self.cut(&response, "it sent another part than was asked for"));
                }
            },
            416 if from > 0 => {
                // Everything is here already, or the part is not of this file.
                let total = unsatisfied(&response.headers);
                if total == Some(from) && self.size.is_none_or(|size| size == from) {
                    return Ok(());
                }
                part.restart()?;
                return Err(self.cut(&response, "it does not have the part that is missing"));
            }
            status => return Err(self.refused(status, &response)),
        }
        if let Some(length) = response.headers.number("content-length")
            && part.bytes.saturating_add(length) > self.limit
        {
            return Err(Fault::Final(self.too_large()));
        }
        part.note_validator(response.headers.get("etag"))?;
        self.stream(part, response)
    }

    /// A web page is taken only where one is wanted.
    fn is_page(&self, response: &Response) -> bool {
        let kind = response.headers.get("content-type").unwrap_or_default();
        let name = self.file.name.to_ascii_lowercase();
        kind.starts_with("text/html") && !name.ends_with(".html") && !name.ends_with(".htm")
    }

    fn check_total(
        &self,
        response: &Response,
        part: &mut Part,
        total: Option<u64>,
    ) -> Result<(), Fault> {
        match (total, self.size) {
            (Some(total), Some(size)) if total != size => {
                part.restart()?;
                Err(self.cut(response, format!("it has {total} bytes instead of {size}")))
            }
            _ => Ok(()),
        }
    }

    fn refused(&self, status: u16, response: &Response) -> Fault {
        let asked = response.headers.retry_after(self.connection.clock().now());
        if is_passing(status) {
            // What storage says is not told: it may name the address.
            let error = KaggleError::Status {
                what: self.what.clone(),
                status,
                message: String::new(),
                retry_after: asked,
            };
            return Fault::Passing { error, asked };
        }
        Fault::Final(match status {
            400 | 401 | 403 | 404 | 410 => KaggleError::Expired {
                what: format!("the address for {}", self.what),
            },
            status => KaggleError::Status {
                what: self.what.clone(),
                status,
                message: String::new(),
                retry_after: asked,
            },
        })
    }

    fn stream(&self, part: &mut Part, mut response: Response) -> Result<(), Fault> {
        let mut piece = vec![0; PIECE];
        loop {
            if (self.watch.interrupted)() {
                part.file.flush()?;
                return Err(Fault::Final(KaggleError::Interrupted));
            }
            let count = response
                .read(&mut piece)
                .map_err(|error| self.http(error))?;
            if count == 0 {
                break;
            }
            let bytes = piece.get(..count).unwrap_or_default();
            if part.bytes.saturating_add(count as u64) > self.limit {
                part.restart()?;
                return Err(Fault::Final(self.too_large()));
            }
            part.append(bytes)?;
            (self.watch.progress)(part.bytes);
        }
        match self.size {
            Some(size) if part.bytes < size => Err(self.cut(
                &response,
                format!("{} of {size} bytes had arrived", part.bytes),
            )),
            Some(size) if part.bytes > size => {
                let problem = format!("{} bytes arrived instead of {size}", part.bytes);
                part.restart()?;
                Err(self.cut(&response, problem))
            }
            _ => Ok(()),
        }
    }
}

/// The part of a file that is here, beside its place, with what storage calls the content.
struct Part {
    path: PathBuf,
    validator_path: PathBuf,
    file: fs::File,
    bytes: u64,
    validator: Option<String>,
}

impl Part {
    /// Opens what an earlier try left, or begins.
    fn open(place: &Path, limit: u64) -> io::Result<Self> {
        let folder = place.parent().unwrap_or_else(|| Path::new("."));
        fs::create_dir_all(folder)?;
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let digest = HEXLOWER.encode(&Sha256::digest(name.as_bytes()));
        let short = digest.get(..24).unwrap_or_default();
        let path = folder.join(format!("{PART_PREFIX}{short}"));
        let validator_path = folder.join(format!("{PART_PREFIX}{short}.etag"));
        let mut file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)?;
        let bytes = file.seek(SeekFrom::End(0))?;
        let validator = fs::read_to_string(&validator_path).ok();
        let mut part = Self {
            path,
            validator: validator.filter(|text| is_strong(text)),
            validator_path,
            file,
            bytes,
        };
        if part.bytes > limit {
            part.restart()?;
        }
        Ok(part)
    }

    fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.bytes = 0;
        self.note_validator(None)
    }

    /// Notes what storage calls the content: only a strong validator can be asked for by a range
    /// (RFC 9110, section 13.1.5).
    fn note_validator(&mut self, etag: Option<&str>) -> io::Result<()> {
        let strong = etag.filter(|etag| is_strong(etag)).map(ToOwned::to_owned);
        if strong == self.validator {
            return Ok(());
        }
        match &strong {
            Some(etag) => fsx::write_atomic(&self.validator_path, etag.as_bytes())?,
            None => remove_if_there(&self.validator_path)?,
        }
        self.validator = strong;
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Makes the whole file durable under its name and gives its size.
    fn finish(self, place: &Path) -> io::Result<u64> {
        self.file.sync_all()?;
        drop(self.file);
        fs::rename(&self.path, place)?;
        remove_if_there(&self.validator_path)?;
        if let Some(folder) = place.parent() {
            fsx::sync_directory(folder)?;
        }
        Ok(self.bytes)
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn is_strong(etag: &str) -> bool {
    etag.len() <= LONGEST_VALIDATOR
        && etag.len() > 2
        && etag.starts_with('"')
        && etag.ends_with('"')
        && etag.bytes().all(|byte| byte.is_ascii_graphic())
}

/// First byte and size of the whole of `bytes 5-9/10` (RFC 9110, section 14.4).
fn content_range(headers: &Headers) -> Option<(u64, Option<u64>)> {
    let value = headers.get("content-range")?;
    let (range, total) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    Some((start.trim().parse().ok()?, total))
}

/// The size of the whole of `bytes */10`.
fn unsatisfied(headers: &Headers) -> Option<u64> {
    let value = headers.get("content-range")?;
    value.trim().strip_prefix("bytes */")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fs_err as fs;

    #[test]
    fn only_a_strong_validator_names_a_content() {
        assert!(is_strong("\"abc\""));
        for weak in ["", "\"\"", "W/\"abc\"", "abc", "\"a b\"", "\"a\n\""] {
            assert!(!is_strong(weak), "{weak:?}");
        }
        assert!(!is_strong(&format!("\"{}\"", "x".repeat(300))));
    }

    #[test]
    fn a_part_is_taken_up_with_its_validator_and_named_when_whole() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.bin");
        let mut part = Part::open(&place, 100).unwrap();
        part.note_validator(Some("\"v1\"")).unwrap();
        part.append(b"half").unwrap();
        drop(part);
        let mut part = Part::open(&place, 100).unwrap();
        assert_eq!((part.bytes, part.validator.as_deref()), (4, Some("\"v1\"")));
        part.append(b" whole").unwrap();
        assert_eq!(part.finish(&place).unwrap(), 10);
        assert_eq!(fs::read(&place).unwrap(), b"half whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let other = folder.path().join("b.bin");
        let mut part = Part::open(&other, 100).unwrap();
        part.append(b"too much").unwrap();
        drop(part);
        assert_eq!(Part::open(&other, 7).unwrap().bytes, 0);
    }
}
