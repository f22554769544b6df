//! What a session left: listed page by page, because signed addresses expire, and fetched to files of
//! this machine under names that are not trusted.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::fsx::{PART_PREFIX, PathRefused, TEMPORARY_PREFIX, contained, printable};

use super::client::{Kaggle, Watch, if_shown};
use super::download::Download;
use super::error::KaggleError;
use super::kernels::{SERVICE, name};
use super::pages::PageGuard;
use super::reference::Reference;
use super::rpc::Rpc;
use super::wire::{KernelFilesAnswer, ListOutputs, OutputsAnswer};

/// The largest page that the service gives.
const PAGE: u32 = 200;

/// So often a page is listed again because an address on it has expired.
const LISTINGS: u32 = 4;

/// So often in a row a page may bring nothing new.
const MOST_REFUSED: usize = 1_000;

/// A file that a session left.
#[derive(Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// Its path in the working folder, as the service says it. Not trusted: see [`output_path`].
    pub name: String,
    /// Its signed address.
    pub(super) url: String,
}

impl std::fmt::Debug for OutputFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("OutputFile")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A page of what a session left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputPage {
    /// The files, with addresses that are good for minutes.
    pub files: Vec<OutputFile>,
    /// The whole log, see [`super::parse_log`]; may be empty.
    pub log: String,
}

/// The pages of what a session left.
#[derive(Debug)]
pub struct OutputPages<'k> {
    kaggle: &'k Kaggle,
    reference: Reference,
    version: u32,
    /// The token of the page that was given last.
    current: String,
    /// The token of the next page, as long as there is one.
    next: Option<String>,
    guard: PageGuard,
}

impl OutputPages<'_> {
    /// The next page; nothing after the last one.
    ///
    /// # Errors
    /// [`KaggleError::NotFound`] where Kaggle shows no such session, [`KaggleError::Answer`] for a page that
    /// was there before (the listing has to be begun anew), and any fault of a call.
    pub fn next_page(&mut self) -> Result<Option<OutputPage>, KaggleError> {
        let Some(token) = self.next.clone() else {
            return Ok(None);
        };
        let what = self.what();
        let answer = self.fetch(&token)?;
        self.next = self.guard.next(&what, answer.next_page_token.clone())?;
        self.current = token;
        Ok(Some(page(answer)))
    }

    /// The page that was given last, with fresh addresses.
    ///
    /// # Errors
    /// As [`Self::next_page`].
    pub fn again(&self) -> Result<OutputPage, KaggleError> {
        self.fetch(&self.current).map(page)
    }

    fn what(&self) -> String {
        format!(
            "the outputs of version {} of kernel {}",
            self.version, self.reference
        )
    }

    fn fetch(&self, token: &str) -> Result<OutputsAnswer, KaggleError> {
        let rpc = Rpc::read(SERVICE, "ListKernelSessionOutput", self.what());
        let question = ListOutputs {
            kernel: name(&self.reference, Some(self.version)),
            page_size: PAGE,
            page_token: token,
        };
        self.kaggle.ask(&rpc, &question)
    }
}

fn page(answer: OutputsAnswer) -> OutputPage {
    OutputPage {
        files: answer
            .files
            .into_iter()
            .map(|file| OutputFile {
                name: file.file_name,
                url: file.url,
            })
            .collect(),
        log: answer.log,
    }
}

/// How much is taken of what a session left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimits {
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of all files.
    pub total_bytes: u64,
    /// Number of files.
    pub files: usize,
}

/// A file that is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DownloadedFile {
    /// Its path in the session's working folder.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// What came of fetching everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outputs {
    /// Files that are here, in the order of the listing.
    pub files: Vec<DownloadedFile>,
    /// Names that were refused, fit to be shown, with the reason.
    pub refused: Vec<(String, String)>,
    /// The whole log, see [`super::parse_log`]; may be empty.
    pub log: String,
}

/// Where a file that a session calls `name` lies in `folder`.
///
/// # Errors
/// [`PathRefused`] for a name that leaves the folder, or is kept for files that are on their way.
pub fn output_path(folder: &Path, name: &str) -> Result<PathBuf, PathRefused> {
    let path = contained(folder, name)?;
    let hidden = name.to_ascii_lowercase().split('/').any(|part| {
        [TEMPORARY_PREFIX, PART_PREFIX]
            .iter()
            .any(|kept| part.starts_with(kept))
    });
    if hidden {
        return Err(PathRefused(
            printable(name),
            "the name is kept for files that are on their way",
        ));
    }
    Ok(path)
}

impl Kaggle {
    /// What the session of a version left, page by page.
    #[must_use]
    pub fn output_pages(&self, reference: &Reference, version: u32) -> OutputPages<'_> {
        OutputPages {
            kaggle: self,
            reference: reference.clone(),
            version,
            current: String::new(),
            next: Some(String::new()),
            guard: PageGuard::default(),
        }
    }

    /// Names and sizes of what the session of a version left, from all pages; nothing where Kaggle shows
    /// no such session.
    ///
    /// # Errors
    /// Any fault of a call but 403 and 404; [`KaggleError::Answer`] for pages that go round.
    pub fn output_sizes(
        &self,
        reference: &Reference,
        version: u32,
    ) -> Result<Option<HashMap<String, u64>>, KaggleError> {
        let what = format!("the sizes of what version {version} of kernel {reference} left");
        let rpc = Rpc::read(SERVICE, "ListKernelFiles", what);
        let sizes = self.connection().pages(rpc.what(), |token| {
            let question = ListOutputs {
                kernel: name(reference, Some(version)),
                page_size: PAGE,
                page_token: token,
            };
            let answer: KernelFilesAnswer = self.ask(&rpc, &question)?;
            let files: Vec<(String, u64)> = answer
                .files
                .into_iter()
                .map(|file| (file.name, file.size))
                .collect();
            Ok((files, answer.next_page_token))
        });
        Ok(if_shown(sizes)?.map(|sizes| sizes.into_iter().collect()))
    }

    /// Fetches one file to where [`output_path`] puts it in `folder`, going on from what an earlier try
    /// left there. `bytes` is its size where it is known. The file has its name only when it is whole.
    ///
    /// # Errors
    /// [`KaggleError::Expired`]: list the page again. [`KaggleError::Refused`] for a name that leaves the
    /// folder and for a file past `limit` bytes. [`KaggleError::Interrupted`], [`KaggleError::Files`], and the
    /// last fault where so many tries in a row brought nothing.
    pub fn download(
        &self,
        file: &OutputFile,
        folder: &Path,
        bytes: Option<u64>,
        limit: u64,
        watch: Watch<'_>,
    ) -> Result<DownloadedFile, KaggleError> {
        let what = format!("fetching `{}`", printable(&file.name));
        let path = output_path(folder, &file.name).map_err(|refused| KaggleError::Refused {
            what: what.clone(),
            message: refused.to_string(),
        })?;
        if !self.endpoint().accepts_storage(&file.url) {
            return Err(KaggleError::Answer {
                what,
                problem: "its address is not one that files come from".to_owned(),
                lasting: true,
            });
        }
        let download = Download {
            connection: self.connection(),
            file,
            path: &path,
            what,
            size: bytes,
            limit,
            watch,
        };
        let bytes = download.run()?;
        Ok(DownloadedFile {
            name: file.name.clone(),
            path,
            bytes,
        })
    }

    /// Fetches everything that the session of a version left and that `wanted` says yes to into `folder`,
    /// which has to belong to this run alone: a file that is there under its name is whole and is not
    /// fetched again. Names that leave the folder, and second files of one name, are refused and told.
    ///
    /// # Errors
    /// [`KaggleError::NotFound`] where Kaggle shows no such session; [`KaggleError::Refused`] past
    /// `limits`; and as [`Self::download`]. What is there stays there.
    pub fn download_outputs(
        &self,
        reference: &Reference,
        version: u32,
        folder: &Path,
        wanted: &dyn Fn(&str) -> bool,
        limits: OutputLimits,
        watch: Watch<'_>,
    ) -> Result<Outputs, KaggleError> {
        // A help, not a condition: the listing of sizes is another call and may fail alone.
        let sizes = match self.output_sizes(reference, version) {
            Ok(sizes) => sizes.unwrap_or_default(),
            Err(error) if error.is_credentials() => return Err(error),
            Err(_) => HashMap::new(),
        };
        let again = |error: &KaggleError| {
            error.is_odd_answer() || matches!(error, KaggleError::Expired { .. })
        };
        self.connection().repeated(again, || {
            let mut fetch = Fetch {
                kaggle: self,
                folder,
                sizes: &sizes,
                wanted,
                limits,
                watch,
                seen: HashSet::new(),
                total: 0,
                found: Outputs::default(),
            };
            let mut pages = self.output_pages(reference, version);
            while let Some(page) = pages.next_page()? {
                fetch.page(&pages, page)?;
            }
            Ok(fetch.found)
        })
    }
}

/// Everything of a session on its way.
struct Fetch<'f> {
    kaggle: &'f Kaggle,
    folder: &'f Path,
    sizes: &'f HashMap<String, u64>,
    wanted: &'f dyn Fn(&str) -> bool,
    limits: OutputLimits,
    watch: Watch<'f>,
    /// Paths in small letters: some systems do not tell the two apart.
    seen: HashSet<String>,
    total: u64,
    found: Outputs,
}

impl Fetch<'_> {
    fn page(&mut self, pages: &OutputPages<'_>, page: OutputPage) -> Result<(), KaggleError> {
        if !page.log.is_empty() {
            self.found.log = page.log;
        }
        let mut fresh: Vec<OutputFile> = page.files.clone();
        for file in page.files {
            if !(self.wanted)(&file.name) || !self.is_acceptable(&file.name)? {
                continue;
            }
            let mut listings = 1;
            let downloaded = loop {
                let Some(current) = fresh.iter().find(|known| known.name == file.name) else {
                    return Err(self.gone(&file.name));
                };
                match self.one(current) {
                    Err(KaggleError::Expired { .. }) if listings < LISTINGS => {
                        listings += 1;
                        fresh = pages.again()?.files;
                    }
                    other => break other?,
                }
            };
            self.total = self.total.saturating_add(downloaded.bytes);
            self.found.files.push(downloaded);
        }
        Ok(())
    }

    fn one(&self, file: &OutputFile) -> Result<DownloadedFile, KaggleError> {
        let left = self.limits.total_bytes.saturating_sub(self.total);
        let limit = self.limits.file_bytes.min(left);
        let size = self.sizes.get(&file.name).copied();
        let folder = self.folder;
        self.kaggle.download(file, folder, size, limit, self.watch)
    }

    /// Whether a name is taken; a refusal is noted.
    fn is_acceptable(&mut self, name: &str) -> Result<bool, KaggleError> {
        let reason = match output_path(self.folder, name) {
            Err(refused) => Some(refused.1.to_owned()),
            Ok(path) => {
                let key = path.to_string_lossy().to_lowercase();
                (!self.seen.insert(key)).then(|| "there is another file of that name".to_owned())
            }
        };
        let what = || "fetching what the session left".to_owned();
        if let Some(reason) = reason {
            if self.found.refused.len() >= MOST_REFUSED {
                return Err(KaggleError::Refused {
                    what: what(),
                    message: "too many names leave the folder or are there twice".to_owned(),
                });
            }
            let shown: String = printable(name).chars().take(200).collect();
            self.found.refused.push((shown, reason));
            return Ok(false);
        }
        if self.found.files.len() >= self.limits.files {
            return Err(KaggleError::Refused {
                what: what(),
                message: format!("there are more than {} files", self.limits.files),
            });
        }
        Ok(true)
    }

    fn gone(&self, name: &str) -> KaggleError {
        KaggleError::Answer {
            what: format!("fetching `{}`", printable(name)),
            problem: "it is not on the page any more".to_owned(),
            lasting: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_the_folder() {
        let folder = Path::new("/outputs");
        assert_eq!(
            output_path(folder, "masks/0001.png").unwrap(),
            Path::new("/outputs/masks/0001.png")
        );
        for wrong in [
            "../x",
            "/etc/passwd",
            "a/../../x",
            "a\\b",
            "",
            "x\0",
            ".remedia-tmp-x",
            ".remedia-part-x",
            "a/.REMEDIA-tmp-x/b",
        ] {
            assert!(output_path(folder, wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn addresses_are_not_printed() {
        let file = OutputFile {
            name: "a.png".to_owned(),
            url: "https://storage.example/a?signature=s3cret".to_owned(),
        };
        assert!(!format!("{file:?}").contains("s3cret"));
    }
}
