//! Which of the user's sessions hold a GPU at the moment. No call of the service tells it outright, so the
//! kernels that ran last are asked one by one how far they are.

use jiff::Timestamp;

use super::client::Kaggle;
use super::error::KaggleError;
use super::kernels::{Kernel, KernelStatus};
use super::reference::Reference;

/// So many of the kernels that ran last are looked at.
const NEWEST: u32 = 20;

impl Kaggle {
    /// The user's kernels whose session waits for a GPU or has one, among those that ran last and no longer
    /// ago than `since`; no more than `most` are looked for. A session that is older is over, whatever its
    /// status says: none lasts so long.
    ///
    /// # Errors
    /// Any fault of a call.
    pub fn running_gpu_kernels(
        &self,
        since: Timestamp,
        most: usize,
    ) -> Result<Vec<Reference>, KaggleError> {
        let newest = self.newest_kernels(NEWEST)?;
        let recent = newest
            .into_iter()
            .filter(|kernel| kernel.last_run.is_some_and(|last| last >= since));
        let mut running = Vec::new();
        for kernel in recent {
            if running.len() >= most {
                break;
            }
            let session = self.newest_session(&kernel.reference)?;
            let holds = session.is_some_and(|session| {
                matches!(
                    session.status,
                    KernelStatus::Queued | KernelStatus::Running | KernelStatus::CancelRequested
                )
            });
            if holds && self.is_on_gpu(&kernel)? {
                running.push(kernel.reference);
            }
        }
        Ok(running)
    }

    /// Whether a kernel runs on a GPU. A listing may leave that out, so the kernel itself says it.
    fn is_on_gpu(&self, listed: &Kernel) -> Result<bool, KaggleError> {
        if listed.is_on_gpu() {
            return Ok(true);
        }
        let whole = self.kernel(&listed.reference, None)?;
        Ok(whole.is_some_and(|kernel| kernel.is_on_gpu()))
    }
}
