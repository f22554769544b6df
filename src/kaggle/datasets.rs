//! Datasets: made private always, versioned, asked for, listed to the last page, deleted.

use jiff::Timestamp;
use serde_json::Value;

use super::client::{Kaggle, if_shown};
use super::error::{KaggleError, classified};
use super::reference::Reference;
use super::rpc::Rpc;
use super::tree::FileTree;
use super::wire::{
    CreateDataset, CreateDatasetAnswer, CreateVersion, DatasetFilesAnswer, DatasetItem,
    DatasetName, DatasetStatusAnswer, DatasetsAnswer, DeleteAnswer, ListDatasetFiles, ListDatasets,
    VersionBody, matched,
};

const SERVICE: &str = "datasets.DatasetApiService";

/// The largest page that the service gives.
const PAGE: u32 = 200;

/// Characters of a title and of a slug, by the official client.
const LENGTHS: std::ops::RangeInclusive<usize> = 6..=50;

/// How far the newest version of a dataset is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DatasetStatus {
    /// Taken, not yet stored.
    NotYetPersisted,
    /// The files are there.
    BlobsReceived,
    /// Archives are unpacked.
    BlobsDecompressed,
    /// The files are where kernels read them.
    BlobsCopied,
    /// Each file is compressed.
    BlobsCompressed,
    /// It can be used, or an earlier version can: the listing has to be looked at as well.
    Ready,
    /// It will never be ready. No reason is given.
    Failed,
    /// It was deleted.
    Deleted,
    /// It is worked on anew.
    Reprocessing,
    /// A name that is not known here.
    Unknown,
}

impl DatasetStatus {
    const NAMES: &[(&'static str, u64, Self)] = &[
        ("NOT_YET_PERSISTED", 0, Self::NotYetPersisted),
        ("BLOBS_RECEIVED", 1, Self::BlobsReceived),
        ("BLOBS_DECOMPRESSED", 2, Self::BlobsDecompressed),
        ("BLOBS_COPIED_TO_SDS", 3, Self::BlobsCopied),
        ("INDIVIDUAL_BLOBS_COMPRESSED", 4, Self::BlobsCompressed),
        ("READY", 5, Self::Ready),
        ("FAILED", 6, Self::Failed),
        ("DELETED", 7, Self::Deleted),
        ("REPROCESSING", 8, Self::Reprocessing),
    ];

    /// Reads a status; nothing is the first one, which does not travel.
    fn read(value: &Value) -> Self {
        match value {
            Value::Null => Self::NotYetPersisted,
            value => {
                matched(value, "DatabundleVersionStatus", Self::NAMES).unwrap_or(Self::Unknown)
            }
        }
    }

    /// The service's name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        let known = Self::NAMES.iter().find(|(_, _, value)| *value == self);
        known.map_or("UNKNOWN", |(name, _, _)| name)
    }

    /// Whether waiting is no use.
    #[must_use]
    pub const fn is_dead(self) -> bool {
        matches!(self, Self::Failed | Self::Deleted)
    }
}

/// A version of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetVersion {
    /// Counted from 1.
    pub number: u32,
    /// What was said of it when it was made.
    pub notes: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// The service's word for how far it is.
    pub status: String,
}

/// A dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Its name.
    pub reference: Reference,
    /// Its title.
    pub title: String,
    /// Whether only its owner sees it.
    pub is_private: bool,
    /// The version that others are given; may lag behind.
    pub current_version: Option<u32>,
    /// Its versions, in the order of the answer; a listing may leave them out.
    pub versions: Vec<DatasetVersion>,
    /// Bytes of the current version.
    pub total_bytes: u64,
    /// When it was changed last.
    pub updated: Option<Timestamp>,
}

impl Dataset {
    /// The number of the newest version that was made, ready or not.
    #[must_use]
    pub fn newest_version(&self) -> Option<u32> {
        let made = self.versions.iter().map(|version| version.number);
        made.chain(self.current_version).max()
    }

    fn read(item: DatasetItem) -> Option<Self> {
        Some(Self {
            reference: item.reference.parse().ok()?,
            title: item.title,
            is_private: item.is_private,
            current_version: Some(item.current_version_number).filter(|number| *number > 0),
            versions: item
                .versions
                .into_iter()
                .filter(|version| version.version_number > 0)
                .map(|version| DatasetVersion {
                    number: version.version_number,
                    notes: version.version_notes,
                    created: version.creation_date,
                    status: version.status,
                })
                .collect(),
            total_bytes: item.total_bytes,
            updated: item.last_updated,
        })
    }
}

/// A file of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetFile {
    /// Its path inside the dataset, as the service says it.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// A dataset to be made. It is private; there is no other kind here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDataset {
    /// Its name: 6 to 50 lower-case letters, digits and hyphens.
    pub reference: Reference,
    /// Its title: 6 to 50 characters.
    pub title: String,
    /// What it is, in a few sentences; may be empty.
    pub description: String,
    /// Its files.
    pub files: FileTree,
}

/// A version to be added to a dataset. It holds exactly these files: what is left out is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVersion {
    /// The dataset.
    pub reference: Reference,
    /// What is said of it; comes back in [`DatasetVersion::notes`].
    pub notes: String,
    /// Its files.
    pub files: FileTree,
}

/// A dataset or a version was taken. Its number is not told: see [`Kaggle::dataset`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedDataset {
    /// Where people see it.
    pub url: String,
}

fn name(reference: &Reference) -> DatasetName<'_> {
    DatasetName {
        owner_slug: reference.owner(),
        dataset_slug: reference.slug(),
    }
}

impl Kaggle {
    /// How far the newest version of a dataset is; nothing where Kaggle shows no such dataset, which is
    /// so for a while after it was made.
    ///
    /// # Errors
    /// [`KaggleError`]: any fault but 403 and 404.
    pub fn dataset_status(
        &self,
        reference: &Reference,
    ) -> Result<Option<DatasetStatus>, KaggleError> {
        let what = format!("the state of dataset {reference}");
        let rpc = Rpc::read(SERVICE, "GetDatasetStatus", what);
        let answer = self.ask::<DatasetStatusAnswer>(&rpc, &name(reference));
        Ok(if_shown(answer)?.map(|answer| DatasetStatus::read(&answer.status)))
    }

    /// A dataset with its versions; nothing where Kaggle shows no such dataset.
    ///
    /// # Errors
    /// [`KaggleError`]: any fault but 403 and 404.
    pub fn dataset(&self, reference: &Reference) -> Result<Option<Dataset>, KaggleError> {
        let rpc = Rpc::read(SERVICE, "GetDataset", format!("dataset {reference}"));
        let answer = if_shown(self.ask::<DatasetItem>(&rpc, &name(reference)))?;
        Ok(answer.and_then(|mut item| {
            // It is the one that was asked for, whatever its name looks like.
            item.reference = reference.to_string();
            Dataset::read(item)
        }))
    }

    /// Every file of a version, or of the current one, from all pages; nothing where Kaggle shows no
    /// such dataset or version.
    ///
    /// # Errors
    /// [`KaggleError`]: any fault but 403 and 404; [`KaggleError::Answer`] for pages that go round.
    pub fn dataset_files(
        &self,
        reference: &Reference,
        version: Option<u32>,
    ) -> Result<Option<Vec<DatasetFile>>, KaggleError> {
        let what = format!("the files of dataset {reference}");
        let rpc = Rpc::read(SERVICE, "ListDatasetFiles", what);
        let files = self.connection().pages(rpc.what(), |token| {
            let question = ListDatasetFiles {
                dataset: name(reference),
                dataset_version_number: version,
                page_size: PAGE,
                page_token: token,
            };
            let answer: DatasetFilesAnswer = self.ask(&rpc, &question)?;
            self.accepted(&rpc, &answer.error_message)?;
            let files: Vec<DatasetFile> = answer
                .dataset_files
                .into_iter()
                .map(|file| DatasetFile {
                    name: file.name,
                    bytes: file.total_bytes,
                })
                .collect();
            Ok((files, answer.next_page_token))
        });
        if_shown(files)
    }

    /// Makes a private dataset. Asked once: after a fault of which
    /// [`KaggleError::may_have_happened`] says so, ask [`Self::dataset`] before asking again.
    ///
    /// # Errors
    /// [`KaggleError::Conflict`] where the name is taken, [`KaggleError::Refused`] for what the service
    /// or its rules refuse, and any fault of a call.
    pub fn create_dataset(&self, wanted: &NewDataset) -> Result<CreatedDataset, KaggleError> {
        let reference = &wanted.reference;
        let rpc = Rpc::change(
            SERVICE,
            "CreateDataset",
            format!("making dataset {reference}"),
        );
        let slug = reference.slug();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let rule = if !LENGTHS.contains(&slug.len()) || !slug.bytes().all(plain) {
            Some("a name has 6 to 50 lower-case letters, digits and hyphens")
        } else if !LENGTHS.contains(&wanted.title.chars().count()) {
            Some("a title has 6 to 50 characters")
        } else if wanted.files.is_empty() {
            Some("a dataset has at least one file")
        } else {
            None
        };
        if let Some(rule) = rule {
            return Err(KaggleError::Refused {
                what: rpc.what().to_owned(),
                message: rule.to_owned(),
            });
        }
        let question = CreateDataset {
            owner_slug: reference.owner(),
            slug,
            title: &wanted.title,
            license_name: "other",
            is_private: true,
            files: wanted.files.files(),
            directories: wanted.files.directories(),
            subtitle: "",
            description: &wanted.description,
        };
        let answer: CreateDatasetAnswer = self.ask(&rpc, &question)?;
        self.created(&rpc, reference, answer)
    }

    /// Adds a version to a dataset. Asked once, as [`Self::create_dataset`].
    ///
    /// # Errors
    /// [`KaggleError::NotFound`] where there is no such dataset or its first version is still being
    /// worked on (403 means both), [`KaggleError::Refused`], and any fault of a call.
    pub fn create_dataset_version(
        &self,
        wanted: &NewVersion,
    ) -> Result<CreatedDataset, KaggleError> {
        let reference = &wanted.reference;
        let what = format!("adding a version to dataset {reference}");
        let rpc = Rpc::change(SERVICE, "CreateDatasetVersion", what);
        let question = CreateVersion {
            dataset: name(reference),
            body: VersionBody {
                version_notes: &wanted.notes,
                files: wanted.files.files(),
                directories: wanted.files.directories(),
            },
        };
        let answer: CreateDatasetAnswer = self.ask(&rpc, &question)?;
        self.created(&rpc, reference, answer)
    }

    /// Deletes a dataset with all its versions; `false` where Kaggle shows no such dataset.
    ///
    /// # Errors
    /// [`KaggleError::Refused`], and any fault of a call but 403 and 404.
    pub fn delete_dataset(&self, reference: &Reference) -> Result<bool, KaggleError> {
        let what = format!("deleting dataset {reference}");
        let rpc = Rpc::change(SERVICE, "DeleteDataset", what);
        let answer = if_shown(self.ask::<DeleteAnswer>(&rpc, &name(reference)))?;
        let Some(answer) = answer else {
            return Ok(false);
        };
        self.accepted(&rpc, &answer.error)?;
        self.accepted(&rpc, &answer.error_message)?;
        Ok(true)
    }

    /// The user's own datasets, from all pages, whose title or name has `search` in it. Those with a
    /// name that cannot be read are left out.
    ///
    /// # Errors
    /// Any fault of a call; [`KaggleError::Answer`] for pages that go round.
    pub fn my_datasets(&self, search: &str) -> Result<Vec<Dataset>, KaggleError> {
        let rpc = Rpc::read(SERVICE, "ListDatasets", "the list of your datasets");
        self.connection().pages(rpc.what(), |token| {
            let question = ListDatasets {
                group: "DATASET_SELECTION_GROUP_MY",
                search,
                page_size: PAGE,
                page_token: token,
            };
            let answer: DatasetsAnswer = self.ask(&rpc, &question)?;
            let datasets: Vec<Dataset> = answer
                .datasets
                .into_iter()
                .filter_map(Dataset::read)
                .collect();
            Ok((datasets, answer.next_page_token))
        })
    }

    fn created(
        &self,
        rpc: &Rpc,
        reference: &Reference,
        answer: CreateDatasetAnswer,
    ) -> Result<CreatedDataset, KaggleError> {
        self.accepted(rpc, &answer.error)?;
        if answer.status.eq_ignore_ascii_case("error") {
            return self
                .accepted(rpc, "it does not say why")
                .map(|()| CreatedDataset { url: String::new() });
        }
        let url = if answer.url.is_empty() {
            self.endpoint().dataset_page(reference)
        } else {
            self.told(&answer.url)
        };
        Ok(CreatedDataset { url })
    }

    /// A mutation answers with an error inside a success.
    pub(super) fn accepted(&self, rpc: &Rpc, error: &str) -> Result<(), KaggleError> {
        if error.trim().is_empty() {
            return Ok(());
        }
        let message = self.told(error);
        Err(
            classified(rpc.what(), &message).unwrap_or_else(|| KaggleError::Refused {
                what: rpc.what().to_owned(),
                message,
            }),
        )
    }
}
