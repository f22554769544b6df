//! Kernels: saved, which runs them, asked for, and deleted. They are private; there is no other kind
//! here.

use jiff::Timestamp;
use serde_json::Value;

use super::client::{Kaggle, if_shown};
use super::error::KaggleError;
use super::reference::Reference;
use super::rpc::Rpc;
use super::wire::{
    DeleteAnswer, KernelAnswer, KernelMetadata, KernelName, KernelsAnswer, ListKernels, SaveKernel,
    SaveKernelAnswer, SessionStatusAnswer, matched,
};

pub(super) const SERVICE: &str = "kernels.KernelsApiService";

/// The largest page of kernels that the service gives.
const PAGE: u32 = 100;

/// The service's name for the user's own kernels.
const MINE: &str = "PROFILE";

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KernelStatus {
    /// It waits for a machine.
    Queued,
    /// It runs.
    Running,
    /// It ran to its end.
    Complete,
    /// It failed.
    Error,
    /// Somebody or something wants it to stop.
    CancelRequested,
    /// It was stopped: by its time limit, by the week's quota, or by a person. Kaggle does not tell
    /// which.
    CancelAcknowledged,
    /// It was saved and never ran.
    NewScript,
    /// A name that is not known here.
    Unknown,
}

impl KernelStatus {
    const NAMES: &[(&'static str, u64, Self)] = &[
        ("QUEUED", 0, Self::Queued),
        ("RUNNING", 1, Self::Running),
        ("COMPLETE", 2, Self::Complete),
        ("ERROR", 3, Self::Error),
        ("CANCEL_REQUESTED", 4, Self::CancelRequested),
        ("CANCEL_ACKNOWLEDGED", 5, Self::CancelAcknowledged),
        ("NEW_SCRIPT", 6, Self::NewScript),
    ];

    /// Reads a status; nothing is the first one, which does not travel.
    fn read(value: &Value) -> Self {
        match value {
            Value::Null => Self::Queued,
            value => matched(value, "KernelWorkerStatus", Self::NAMES).unwrap_or(Self::Unknown),
        }
    }

    /// The service's name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        let known = Self::NAMES.iter().find(|(_, _, value)| *value == self);
        known.map_or("UNKNOWN", |(name, _, _)| name)
    }

    /// Whether the session is over.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(
            self,
            Self::Complete | Self::Error | Self::CancelAcknowledged
        )
    }
}

/// How far a session is, and what went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelSession {
    /// How far it is.
    pub status: KernelStatus,
    /// What Kaggle says of a failure; may be empty even for one.
    pub failure: String,
}

/// A kernel to be saved. Everything is sent each time: what a save leaves out is reset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKernel {
    /// Its name. A new kernel gets the one that its title makes, so the two should agree.
    pub reference: Reference,
    /// Its title: 5 to 50 characters.
    pub title: String,
    /// The notebook as a JSON text. Each cell's `source` has to be one text, and a kernelspec has to
    /// be named.
    pub notebook: String,
    /// Datasets to be mounted.
    pub datasets: Vec<Reference>,
    /// Models to be mounted, `owner/model/framework/variation/version`.
    pub models: Vec<String>,
    /// The machine, such as `NvidiaTeslaT4`; nothing for one without accelerator.
    pub machine_shape: Option<String>,
    /// Whether the session may reach the internet.
    pub internet: bool,
    /// After so many seconds the session is stopped; nothing for Kaggle's own limit.
    pub session_timeout_seconds: Option<u64>,
    /// Whether it is only kept, not run.
    pub save_only: bool,
}

/// A kernel that was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedKernel {
    /// Its name by the answer, which alone counts.
    pub reference: Reference,
    /// The version that was made.
    pub version: u32,
    /// Where people see it.
    pub url: String,
}

/// A kernel as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Its name.
    pub reference: Reference,
    /// Its title.
    pub title: String,
    /// Its newest version, where it is told.
    pub current_version: Option<u32>,
    /// The notebook as a JSON text; a listing leaves it out.
    pub notebook: String,
    /// Whether only its owner sees it.
    pub is_private: bool,
    /// The machine that it runs on.
    pub machine_shape: String,
    /// Whether it is said to run on a GPU, whichever.
    pub gpu: bool,
    /// Datasets that are mounted, as the service names them.
    pub datasets: Vec<String>,
    /// When it ran last.
    pub last_run: Option<Timestamp>,
}

impl Kernel {
    fn read(metadata: KernelMetadata, notebook: String) -> Option<Self> {
        Some(Self {
            reference: metadata.reference.parse().ok()?,
            title: metadata.title,
            current_version: Some(metadata.current_version_number).filter(|number| *number > 0),
            notebook,
            is_private: metadata.is_private,
            machine_shape: metadata.machine_shape,
            gpu: metadata.enable_gpu,
            datasets: metadata.dataset_data_sources,
            last_run: metadata.last_run_time,
        })
    }

    /// Whether it runs on a GPU, as far as is told.
    #[must_use]
    pub fn is_on_gpu(&self) -> bool {
        self.gpu || self.machine_shape.starts_with("Nvidia")
    }
}

fn listed(kernels: Vec<KernelMetadata>) -> Vec<Kernel> {
    kernels
        .into_iter()
        .filter_map(|metadata| Kernel::read(metadata, String::new()))
        .collect()
}

pub(super) fn name(reference: &Reference, version: Option<u32>) -> KernelName<'_> {
    KernelName {
        user_name: reference.owner(),
        kernel_slug: reference.slug(),
        version_label: version.map(|version| format!("v{version}")),
    }
}

impl Kaggle {
    /// Saves a private kernel and runs it. Asked once: after a fault of which
    /// [`KaggleError::may_have_happened`] says so, ask [`Self::kernel`] before asking again.
    ///
    /// # Errors
    /// [`KaggleError::SessionLimit`], [`KaggleError::Quota`], [`KaggleError::Conflict`] and
    /// [`KaggleError::Refused`] by what Kaggle says; [`KaggleError::InvalidSources`] where it was saved without
    /// a dataset; [`KaggleError::Answer`] where the answer does not say what was saved; any fault of a
    /// call.
    pub fn save_kernel(&self, wanted: &NewKernel) -> Result<SavedKernel, KaggleError> {
        let what = format!("saving kernel {}", wanted.reference);
        let rpc = Rpc::change(SERVICE, "SaveKernel", what);
        let shape = wanted.machine_shape.as_deref();
        let is_tpu = shape.is_some_and(|shape| shape.starts_with("Tpu"));
        let question = SaveKernel {
            slug: wanted.reference.to_string(),
            new_title: &wanted.title,
            text: &wanted.notebook,
            language: "python",
            kernel_type: "notebook",
            dataset_data_sources: wanted.datasets.iter().map(ToString::to_string).collect(),
            model_data_sources: &wanted.models,
            is_private: true,
            enable_gpu: shape.is_some() && !is_tpu,
            enable_tpu: is_tpu,
            enable_internet: wanted.internet,
            docker_image_pinning_type: "original",
            session_timeout_seconds: wanted.session_timeout_seconds,
            machine_shape: shape,
            kernel_execution_type: wanted.save_only.then_some("QUICK_SAVE"),
        };
        let answer: SaveKernelAnswer = self.ask(&rpc, &question)?;
        self.accepted(&rpc, &answer.error)?;
        let saved = self.saved(&answer);
        let left_out: Vec<String> = [
            &answer.invalid_dataset_sources,
            &answer.invalid_competition_sources,
            &answer.invalid_kernel_sources,
            &answer.invalid_model_sources,
        ]
        .into_iter()
        .flatten()
        .map(|source| self.told(source))
        .collect();
        if !left_out.is_empty() {
            return Err(KaggleError::InvalidSources {
                sources: left_out,
                saved: saved.map(Box::new),
            });
        }
        saved.ok_or_else(|| KaggleError::Answer {
            what: rpc.what().to_owned(),
            problem: "it does not say which kernel and which version was saved".to_owned(),
            lasting: false,
        })
    }

    fn saved(&self, answer: &SaveKernelAnswer) -> Option<SavedKernel> {
        let by_ref: Option<Reference> = answer.reference.parse().ok();
        let reference = by_ref.or_else(|| answer.url.parse().ok())?;
        let url = if answer.url.starts_with("https://") {
            self.told(&answer.url)
        } else {
            self.endpoint().kernel_page(&reference)
        };
        (answer.version_number > 0).then_some(SavedKernel {
            reference,
            version: answer.version_number,
            url,
        })
    }

    /// A kernel with its notebook, as a version has it or as it is now; nothing where Kaggle shows no
    /// such kernel or version.
    ///
    /// # Errors
    /// Any fault of a call but 403 and 404.
    pub fn kernel(
        &self,
        reference: &Reference,
        version: Option<u32>,
    ) -> Result<Option<Kernel>, KaggleError> {
        let rpc = Rpc::read(SERVICE, "GetKernel", format!("kernel {reference}"));
        let answer = if_shown(self.ask::<KernelAnswer>(&rpc, &name(reference, version)))?;
        Ok(answer.and_then(|mut answer| {
            // It is the one that was asked for, whatever its name looks like.
            answer.metadata.reference = reference.to_string();
            Kernel::read(answer.metadata, answer.blob.source)
        }))
    }

    /// How far the session of a version is; nothing where Kaggle shows none, which is so for a while
    /// after it was saved.
    ///
    /// # Errors
    /// Any fault of a call but 403 and 404.
    pub fn kernel_session(
        &self,
        reference: &Reference,
        version: u32,
    ) -> Result<Option<KernelSession>, KaggleError> {
        self.session(reference, Some(version))
    }

    /// How far the newest session of a kernel is.
    pub(super) fn newest_session(
        &self,
        reference: &Reference,
    ) -> Result<Option<KernelSession>, KaggleError> {
        self.session(reference, None)
    }

    fn session(
        &self,
        reference: &Reference,
        version: Option<u32>,
    ) -> Result<Option<KernelSession>, KaggleError> {
        let what = match version {
            Some(version) => format!("the state of version {version} of kernel {reference}"),
            None => format!("the state of kernel {reference}"),
        };
        let rpc = Rpc::read(SERVICE, "GetKernelSessionStatus", what);
        let question = name(reference, version);
        let answer = if_shown(self.ask::<SessionStatusAnswer>(&rpc, &question))?;
        Ok(answer.map(|answer| KernelSession {
            status: KernelStatus::read(&answer.status),
            failure: self.told(&answer.failure_message),
        }))
    }

    /// Deletes a kernel with all that it left; `false` where Kaggle shows no such kernel. A session
    /// that runs may go on.
    ///
    /// # Errors
    /// [`KaggleError::Refused`], and any fault of a call but 403 and 404.
    pub fn delete_kernel(&self, reference: &Reference) -> Result<bool, KaggleError> {
        let what = format!("deleting kernel {reference}");
        let rpc = Rpc::change(SERVICE, "DeleteKernel", what);
        let Some(answer) = if_shown(self.ask::<DeleteAnswer>(&rpc, &name(reference, None)))? else {
            return Ok(false);
        };
        self.accepted(&rpc, &answer.error)?;
        self.accepted(&rpc, &answer.error_message)?;
        Ok(true)
    }

    /// The user's own kernels, from all pages, whose title or name has `search` in it. Those with a name
    /// that cannot be read are left out.
    ///
    /// # Errors
    /// Any fault of a call; [`KaggleError::Answer`] for pages that go round.
    pub fn my_kernels(&self, search: &str) -> Result<Vec<Kernel>, KaggleError> {
        let rpc = Rpc::read(SERVICE, "ListKernels", "the list of your kernels");
        self.connection().pages(rpc.what(), |token| {
            let question = ListKernels {
                group: MINE,
                sort_by: None,
                search,
                page_size: PAGE,
                page_token: token,
            };
            let answer: KernelsAnswer = self.ask(&rpc, &question)?;
            Ok((listed(answer.kernels), answer.next_page_token))
        })
    }

    /// The user's own kernels that ran last, up to `count` of them.
    pub(super) fn newest_kernels(&self, count: u32) -> Result<Vec<Kernel>, KaggleError> {
        let rpc = Rpc::read(SERVICE, "ListKernels", "the list of your newest kernels");
        let question = ListKernels {
            group: MINE,
            sort_by: Some("DATE_RUN"),
            search: "",
            page_size: count,
            page_token: "",
        };
        let answer: KernelsAnswer = self.ask(&rpc, &question)?;
        Ok(listed(answer.kernels))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_status_that_is_left_out_is_the_first_one() {
        for (value, status) in [
            (json!(null), KernelStatus::Queued),
            (
                json!("cancelAcknowledged"),
                KernelStatus::CancelAcknowledged,
            ),
            (json!(2), KernelStatus::Complete),
            (json!("PAUSED"), KernelStatus::Unknown),
        ] {
            assert_eq!(KernelStatus::read(&value), status, "{value}");
        }
        let over: Vec<&str> = KernelStatus::NAMES
            .iter()
            .filter(|(_, _, status)| status.is_over())
            .map(|(name, _, _)| *name)
            .collect();
        assert_eq!(over, ["COMPLETE", "ERROR", "CANCEL_ACKNOWLEDGED"]);
        assert_eq!(KernelStatus::Unknown.name(), "UNKNOWN");
    }
}
