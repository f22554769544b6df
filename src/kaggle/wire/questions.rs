//! What is asked. Fields that are equal to their default are left out as the official client leaves
//! them out; `isPrivate` is always there, because without it a dataset is public.

use serde::Serialize;

use super::super::tree::{Directory, NewFile};

/// A call without fields.
#[derive(Debug, Serialize)]
pub(in super::super) struct Nothing {}

#[derive(Serialize)]
pub(in super::super) struct IntrospectToken<'a> {
    pub(in super::super) token: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct GenerateToken<'a> {
    pub(in super::super) refresh_token: &'a str,
    pub(in super::super) api_version: &'static str,
    pub(in super::super) expiration_duration: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct StartUpload<'a> {
    #[serde(rename = "type")]
    pub(in super::super) kind: &'static str,
    pub(in super::super) name: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    pub(in super::super) content_length: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) last_modified_epoch_seconds: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct DatasetName<'a> {
    pub(in super::super) owner_slug: &'a str,
    pub(in super::super) dataset_slug: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct ListDatasetFiles<'a> {
    #[serde(flatten)]
    pub(in super::super) dataset: DatasetName<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) dataset_version_number: Option<u32>,
    pub(in super::super) page_size: u32,
    pub(in super::super) page_token: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct ListDatasets<'a> {
    pub(in super::super) group: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in super::super) search: &'a str,
    pub(in super::super) page_size: u32,
    pub(in super::super) page_token: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct CreateDataset<'a> {
    pub(in super::super) owner_slug: &'a str,
    pub(in super::super) slug: &'a str,
    pub(in super::super) title: &'a str,
    pub(in super::super) license_name: &'a str,
    /// Never left out.
    pub(in super::super) is_private: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(in super::super) files: &'a [NewFile],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(in super::super) directories: &'a [Directory],
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in super::super) subtitle: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in super::super) description: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct CreateVersion<'a> {
    #[serde(flatten)]
    pub(in super::super) dataset: DatasetName<'a>,
    pub(in super::super) body: VersionBody<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct VersionBody<'a> {
    pub(in super::super) version_notes: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(in super::super) files: &'a [NewFile],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(in super::super) directories: &'a [Directory],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct KernelName<'a> {
    pub(in super::super) user_name: &'a str,
    pub(in super::super) kernel_slug: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) version_label: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct ListOutputs<'a> {
    #[serde(flatten)]
    pub(in super::super) kernel: KernelName<'a>,
    pub(in super::super) page_size: u32,
    pub(in super::super) page_token: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct ListKernels<'a> {
    pub(in super::super) group: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) sort_by: Option<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in super::super) search: &'a str,
    pub(in super::super) page_size: u32,
    pub(in super::super) page_token: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct SaveKernel<'a> {
    pub(in super::super) slug: String,
    pub(in super::super) new_title: &'a str,
    pub(in super::super) text: &'a str,
    pub(in super::super) language: &'a str,
    pub(in super::super) kernel_type: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in super::super) dataset_data_sources: Vec<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(in super::super) model_data_sources: &'a [String],
    /// Never left out.
    pub(in super::super) is_private: bool,
    pub(in super::super) enable_gpu: bool,
    pub(in super::super) enable_tpu: bool,
    pub(in super::super) enable_internet: bool,
    pub(in super::super) docker_image_pinning_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) session_timeout_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) machine_shape: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) kernel_execution_type: Option<&'static str>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands the field over by reference"
)]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}
