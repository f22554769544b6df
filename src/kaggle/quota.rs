//! What is left of the week's allowance.

use std::time::Duration;

use jiff::Timestamp;

use super::client::Kaggle;
use super::error::KaggleError;
use super::rpc::Rpc;
use super::wire::{Nothing, QuotaAnswer, QuotaItem};

/// The week's allowance of one kind of accelerator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceleratorQuota {
    /// Time that sessions took.
    pub used: Duration,
    /// Time that is held for sessions that run.
    pub reserved: Duration,
    /// Time allowed in all.
    pub allowed: Duration,
    /// Whether the account ever used it; one that did not may lack the right to.
    pub has_ever_run: bool,
}

impl AcceleratorQuota {
    /// Time that a new session can have.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.allowed
            .saturating_sub(self.used)
            .saturating_sub(self.reserved)
    }

    const fn read(item: &QuotaItem) -> Self {
        Self {
            used: item.time_used,
            reserved: item.time_reserved,
            allowed: item.total_time_allowed,
            has_ever_run: item.has_ever_run,
        }
    }
}

/// The week's allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Of GPUs.
    pub gpu: AcceleratorQuota,
    /// Of TPUs.
    pub tpu: AcceleratorQuota,
    /// When it is renewed, where Kaggle says so.
    pub resets: Option<Timestamp>,
}

impl Kaggle {
    /// What is left of the week's allowance.
    ///
    /// # Errors
    /// Any fault of a call.
    pub fn quota(&self) -> Result<Quota, KaggleError> {
        let rpc = Rpc::read(
            "kernels.KernelsApiService",
            "GetAcceleratorQuotaStatistics",
            "the quota",
        );
        let answer: QuotaAnswer = self.ask(&rpc, &Nothing {})?;
        Ok(Quota {
            gpu: AcceleratorQuota::read(&answer.gpu_quota),
            tpu: AcceleratorQuota::read(&answer.tpu_quota),
            resets: answer.quota_refresh_time,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_never_less_than_nothing() {
        let seconds = Duration::from_secs;
        let quota = |used, reserved| AcceleratorQuota {
            used: seconds(used),
            reserved: seconds(reserved),
            allowed: seconds(100),
            has_ever_run: true,
        };
        assert_eq!(quota(40, 10).remaining(), seconds(50));
        assert_eq!(quota(90, 20).remaining(), Duration::ZERO);
        assert_eq!(quota(200, 0).remaining(), Duration::ZERO);
    }

    #[test]
    fn the_answer_of_the_service_is_read() {
        let answer: QuotaAnswer = serde_json::from_str(
            r#"{"quotaRefreshTime":"2026-11-28T00:00:00Z","gpuQuota":{"timeUsed":"4500.5s",
                "timeReserved":"0s","totalTimeAllowed":"108000s","minimumTimeAllowed":"0s",
                "isPayToScaleEnabled":false,"hasEverRun":true}}"#,
        )
        .unwrap();
        let gpu = AcceleratorQuota::read(&answer.gpu_quota);
        assert_eq!(gpu.remaining(), Duration::from_millis(103_499_500));
        assert_eq!(
            AcceleratorQuota::read(&answer.tpu_quota).allowed,
            Duration::ZERO
        );
    }
}
