//! The objects that travel, as the official client's types have them (kagglesdk 0.1.38): written
//! strictly, with defaults left out except where leaving them out means something; read leniently,
//! because what is added or left out by the service must not stop a run.

mod answers;
mod names;
mod questions;
mod read;

pub(super) use answers::{
    CreateDatasetAnswer, DatasetFilesAnswer, DatasetItem, DatasetStatusAnswer, DatasetsAnswer,
    DeleteAnswer, GenerateTokenAnswer, IntrospectAnswer, KernelAnswer, KernelFilesAnswer,
    KernelMetadata, KernelsAnswer, OutputsAnswer, QuotaAnswer, QuotaItem, SaveKernelAnswer,
    SessionStatusAnswer, UploadAnswer,
};
pub(super) use names::matched;
pub(super) use questions::{
    CreateDataset, CreateVersion, DatasetName, GenerateToken, IntrospectToken, KernelName,
    ListDatasetFiles, ListDatasets, ListKernels, ListOutputs, Nothing, SaveKernel, StartUpload,
    VersionBody,
};
pub(super) use read::as_moment;
