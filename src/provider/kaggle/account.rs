//! Who is signed in, what is left of the week's hours, and what of ended jobs still lies at Kaggle.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::domain::id::JobId;
use crate::http::{Method, Request};
use crate::kaggle::Reference;
use crate::provider::contract::{Account, Leftover};
use crate::provider::error::ProviderError;

use super::memory;
use super::names;
use super::provider::{KaggleProvider, fault, files};
use super::session::{MOST_SESSIONS, session_start};

const DATASET: &str = "dataset";
const KERNEL: &str = "kernel";

impl KaggleProvider {
    /// Who is signed in.
    pub(super) fn who(&self) -> Result<Account, ProviderError> {
        let kaggle = self.kaggle()?;
        let quota = kaggle.quota().map_err(|error| fault(&error, self.now()))?;
        let signed_in = kaggle.signed_in();
        Ok(Account {
            user: Some(signed_in.user.clone()),
            source: signed_in.source.to_string(),
            refused: signed_in
                .refused
                .iter()
                .map(|refused| format!("{}: {}", refused.source, refused.reason))
                .collect(),
            warnings: signed_in.warnings.clone(),
            allowance: Some((quota.gpu.remaining(), quota.gpu.allowed)),
            renewed: quota.resets,
            running: kaggle
                .running_gpu_kernels(session_start(self.now()), MOST_SESSIONS)
                .ok()
                .map(|running| {
                    let names = running.iter().map(ToString::to_string).collect();
                    (names, MOST_SESSIONS)
                }),
            clock_off_by: self.clock_off_by(),
        })
    }

    /// How far this machine's clock is from Kaggle's, by the date of an answer.
    fn clock_off_by(&self) -> Option<Duration> {
        let connection = self.settings.connection().ok()?;
        let base = connection.endpoint().base().to_owned();
        let answer = self
            .settings
            .client()
            .send(&Request::new(Method::Get, base))
            .ok()?;
        let date = answer.headers.get("date")?;
        let theirs = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
        Some(theirs.duration_since(self.now()).unsigned_abs())
    }

    /// Datasets and kernels of these jobs.
    pub(super) fn left_over(
        &self,
        jobs: &[(JobId, PathBuf)],
    ) -> Result<Vec<Leftover>, ProviderError> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let kaggle = self.kaggle()?;
        let failed = |error| fault(&error, self.now());
        let datasets = kaggle.my_datasets(names::PREFIX).map_err(failed)?;
        let kernels = kaggle.my_kernels(names::PREFIX).map_err(failed)?;
        let mut left = Vec::new();
        for (job, work) in jobs {
            let slug = names::slug(job, memory::generation(work).map_err(files)?);
            let found = kernels
                .iter()
                .map(|kernel| (KERNEL, &kernel.reference))
                .chain(datasets.iter().map(|dataset| (DATASET, &dataset.reference)))
                .filter(|(_, reference)| reference.slug() == slug);
            left.extend(found.map(|(kind, reference)| Leftover {
                job: job.clone(),
                kind,
                name: reference.to_string(),
            }));
        }
        Ok(left)
    }

    /// Deletes a dataset with all its versions, or a kernel with all its outputs.
    pub(super) fn delete(&self, leftover: &Leftover, work: &Path) -> Result<(), ProviderError> {
        let kaggle = self.kaggle()?;
        let reference: Reference = leftover.name.parse().map_err(files)?;
        let failed = |error| fault(&error, self.now());
        if leftover.kind == KERNEL {
            kaggle.delete_kernel(&reference).map_err(failed)?;
        } else {
            // Before the name is gone: a name that was deleted breaks what is pushed with it later.
            memory::next_generation(work).map_err(files)?;
            kaggle.delete_dataset(&reference).map_err(failed)?;
        }
        Ok(())
    }
}
