//! How one talks to Kaggle: its remote calls, its resumable uploads, its signed downloads and its log
//! stream, typed, and with errors that say what may be done about them. Nothing here knows of jobs,
//! plans or engines. A call that reads is repeated a little when the way is bad; a call that changes
//! something is made once, because only the caller can find out whether a lost answer was a success.
//! Tokens go to the API's host and to no other.

mod client;
mod credentials;
mod datasets;
mod download;
mod endpoint;
mod error;
mod kernels;
mod log_text;
mod logs;
mod outputs;
mod pages;
mod quota;
mod reference;
mod rpc;
mod running;
mod sources;
mod tree;
mod upload_all;
mod uploads;
mod wire;

pub use client::{Connection, Kaggle, Sleeper, Watch};
pub use credentials::{RefusedSource, SignedIn};
pub use datasets::{
    CreatedDataset, Dataset, DatasetFile, DatasetStatus, DatasetVersion, NewDataset, NewVersion,
};
pub use endpoint::{Endpoint, EndpointError};
pub use error::KaggleError;
pub use kernels::{Kernel, KernelSession, KernelStatus, NewKernel, SavedKernel};
pub use log_text::{LogEvent, parse_log};
pub use logs::LogEnd;
pub use outputs::{
    DownloadedFile, OutputFile, OutputLimits, OutputPage, OutputPages, Outputs, output_path,
};
pub use quota::{AcceleratorQuota, Quota};
pub use reference::{Reference, ReferenceError};
pub use sources::{CredentialSource, KaggleEnvironment};
pub use tree::{FileTree, TreeError, UploadToken};
pub use upload_all::{FileToUpload, UploadEvent};
pub use uploads::{UploadPosition, UploadSession};
