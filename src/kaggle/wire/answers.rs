//! What is answered. Every field may be missing.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::read::{duration, flag, list, moment, number, object, text};

macro_rules! answers {
    ($($(#[$meta:meta])* $name:ident { $($field:ident: $kind:ty = $reader:literal,)* })+) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Default, Deserialize)]
            #[serde(rename_all = "camelCase", default)]
            pub(in super::super) struct $name {
                $(
                    #[serde(deserialize_with = $reader)]
                    pub(in super::super) $field: $kind,
                )*
            }
        )+
    };
}

answers! {
    /// Whose a token is.
    IntrospectAnswer {
        active: bool = "flag",
        username: String = "text",
        exp: u64 = "number",
    }
    /// A new access token.
    GenerateTokenAnswer {
        token: String = "text",
        expires_in: u64 = "number",
        user_name: String = "text",
    }
    /// Where a file is put.
    UploadAnswer {
        token: String = "text",
        create_url: String = "text",
    }
    /// A dataset or a version was taken, or not.
    CreateDatasetAnswer {
        url: String = "text",
        status: String = "text",
        error: String = "text",
    }
    /// What a deletion says.
    DeleteAnswer {
        error: String = "text",
        error_message: String = "text",
    }
    /// A version of a dataset.
    DatasetVersionItem {
        version_number: u32 = "number",
        creation_date: Option<Timestamp> = "moment",
        version_notes: String = "text",
        status: String = "text",
    }
    /// A file of a dataset.
    DatasetFileItem {
        name: String = "text",
        total_bytes: u64 = "number",
    }
    /// One page of a dataset's files.
    DatasetFilesAnswer {
        dataset_files: Vec<DatasetFileItem> = "list",
        error_message: String = "text",
        next_page_token: String = "text",
    }
    /// One page of datasets.
    DatasetsAnswer {
        datasets: Vec<DatasetItem> = "list",
        next_page_token: String = "text",
    }
    /// A kernel with its source.
    KernelAnswer {
        metadata: KernelMetadata = "object",
        blob: KernelBlob = "object",
    }
    /// The source of a kernel.
    KernelBlob {
        source: String = "text",
    }
    /// One page of kernels.
    KernelsAnswer {
        kernels: Vec<KernelMetadata> = "list",
        next_page_token: String = "text",
    }
    /// A file that a session left, with its signed address.
    OutputItem {
        url: String = "text",
        file_name: String = "text",
    }
    /// One page of what a session left.
    OutputsAnswer {
        files: Vec<OutputItem> = "list",
        log: String = "text",
        next_page_token: String = "text",
    }
    /// A file that a session left, with its size.
    KernelFileItem {
        name: String = "text",
        size: u64 = "number",
    }
    /// One page of names and sizes.
    KernelFilesAnswer {
        files: Vec<KernelFileItem> = "list",
        next_page_token: String = "text",
    }
    /// What is left of a kind of accelerator.
    QuotaItem {
        time_used: Duration = "duration",
        time_reserved: Duration = "duration",
        total_time_allowed: Duration = "duration",
        has_ever_run: bool = "flag",
    }
    /// What is left this week.
    QuotaAnswer {
        quota_refresh_time: Option<Timestamp> = "moment",
        gpu_quota: QuotaItem = "object",
        tpu_quota: QuotaItem = "object",
    }
}

/// How far the newest version of a dataset is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct DatasetStatusAnswer {
    pub(in super::super) status: Value,
}

/// How far a session is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct SessionStatusAnswer {
    pub(in super::super) status: Value,
    #[serde(deserialize_with = "text")]
    pub(in super::super) failure_message: String,
}

/// A dataset.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct DatasetItem {
    #[serde(rename = "ref", deserialize_with = "text")]
    pub(in super::super) reference: String,
    #[serde(deserialize_with = "text")]
    pub(in super::super) title: String,
    #[serde(deserialize_with = "flag")]
    pub(in super::super) is_private: bool,
    #[serde(deserialize_with = "number")]
    pub(in super::super) current_version_number: u32,
    #[serde(deserialize_with = "number")]
    pub(in super::super) total_bytes: u64,
    #[serde(deserialize_with = "moment")]
    pub(in super::super) last_updated: Option<Timestamp>,
    #[serde(deserialize_with = "list")]
    pub(in super::super) versions: Vec<DatasetVersionItem>,
}

/// A kernel was saved, or not.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct SaveKernelAnswer {
    #[serde(rename = "ref", deserialize_with = "text")]
    pub(in super::super) reference: String,
    #[serde(deserialize_with = "text")]
    pub(in super::super) url: String,
    #[serde(deserialize_with = "number")]
    pub(in super::super) version_number: u32,
    #[serde(deserialize_with = "number")]
    pub(in super::super) kernel_id: u64,
    #[serde(deserialize_with = "text")]
    pub(in super::super) error: String,
    #[serde(deserialize_with = "list")]
    pub(in super::super) invalid_dataset_sources: Vec<String>,
    #[serde(deserialize_with = "list")]
    pub(in super::super) invalid_competition_sources: Vec<String>,
    #[serde(deserialize_with = "list")]
    pub(in super::super) invalid_kernel_sources: Vec<String>,
    #[serde(deserialize_with = "list")]
    pub(in super::super) invalid_model_sources: Vec<String>,
}

/// A kernel.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct KernelMetadata {
    #[serde(rename = "ref", deserialize_with = "text")]
    pub(in super::super) reference: String,
    #[serde(deserialize_with = "text")]
    pub(in super::super) title: String,
    #[serde(deserialize_with = "number")]
    pub(in super::super) current_version_number: u32,
    #[serde(deserialize_with = "flag")]
    pub(in super::super) is_private: bool,
    #[serde(deserialize_with = "flag")]
    pub(in super::super) enable_gpu: bool,
    #[serde(deserialize_with = "text")]
    pub(in super::super) machine_shape: String,
    #[serde(deserialize_with = "list")]
    pub(in super::super) dataset_data_sources: Vec<String>,
    #[serde(deserialize_with = "moment")]
    pub(in super::super) last_run_time: Option<Timestamp>,
}
