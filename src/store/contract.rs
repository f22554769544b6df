//! The trait that every store implements. Each call is one transaction.

use std::fmt;

use jiff::Timestamp;

use crate::domain::event::Event;
use crate::domain::id::JobId;

use super::error::StoreError;
use super::record::{
    AssetRecord, AttemptRecord, Change, JobFilter, JobRecord, LeaseHolder, LeaseOutcome, NewJob,
    OrderRecord, PhotoRecord, StateTotals, VersionRecord,
};
use super::statistics::{Statistics, StatisticsFilter};

/// The record of every job of a home. Every call is whole or has no effect, is seen by every other
/// process afterwards, and survives the end of this process at any moment.
pub trait JobStore: Send + Sync + fmt::Debug {
    /// Records a job in state `planned`, with its photos, operations and first events.
    ///
    /// # Errors
    /// [`StoreError::Exists`] where the identity is taken.
    fn create_job(&self, job: &NewJob) -> Result<(), StoreError>;

    /// The job with this identity.
    ///
    /// # Errors
    /// When the record cannot be read.
    fn job(&self, id: &JobId) -> Result<Option<JobRecord>, StoreError>;

    /// Every job with this key, oldest first.
    ///
    /// # Errors
    /// When the record cannot be read.
    fn jobs_with_key(&self, key: &str) -> Result<Vec<JobRecord>, StoreError>;

    /// Identities that start with `prefix`, at most `limit`, in alphabetical order.
    ///
    /// # Errors
    /// When the record cannot be read.
    fn ids_with_prefix(&self, prefix: &str, limit: u32) -> Result<Vec<JobId>, StoreError>;

    /// Jobs, newest first.
    ///
    /// # Errors
    /// When the record cannot be read.
    fn list(&self, filter: &JobFilter) -> Result<Vec<JobRecord>, StoreError>;

    /// Sums by state, in the order of a job's life; states without a job are absent.
    ///
    /// # Errors
    /// When the record cannot be read.
    fn totals(&self) -> Result<Vec<StateTotals>, StoreError>;

    /// How jobs, operations, attempts and stages went, over what the filter admits. The time that it
    /// takes grows with the jobs, not with their pictures: what a job at rest contributes is kept.
    ///
    /// # Errors
    /// When the record cannot be read.
    fn statistics(&self, filter: &StatisticsFilter) -> Result<Statistics, StoreError>;

    /// Jobs to be driven at `now`, oldest first.
    ///
    /// # Errors
    /// When the record cannot be read.
    fn due(&self, now: Timestamp) -> Result<Vec<JobId>, StoreError>;

    /// The earliest moment after `now` at which a delayed job becomes due.
    ///
    /// # Errors
    /// When the record cannot be read.
    fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError>;

    /// The job's pictures with their operations, in delivery order.
    ///
    /// # Errors
    /// When the record cannot be read.
    fn photos(&self, id: &JobId) -> Result<Vec<PhotoRecord>, StoreError>;

    /// The job's attempts, by picture in delivery order, operation and number.
    ///
    /// # Errors
    /// When the record cannot be read.
    fn attempts(&self, id: &JobId) -> Result<Vec<AttemptRecord>, StoreError>;

    /// The job's versions, by picture in delivery order, operation and number.
    ///
    /// # Errors
    /// When the record cannot be read.
    fn versions(&self, id: &JobId) -> Result<Vec<VersionRecord>, StoreError>;

    /// The job's files, by kind and path.
    ///
    /// # Errors
    /// When the record cannot be read.
    fn assets(&self, id: &JobId) -> Result<Vec<AssetRecord>, StoreError>;

    /// The job's orders, by number.
    ///
    /// # Errors
    /// When the record cannot be read.
    fn orders(&self, id: &JobId) -> Result<Vec<OrderRecord>, StoreError>;

    /// The job's events behind number `after`, oldest first, at most `limit`, each with its number.
    ///
    /// # Errors
    /// When the record cannot be read.
    fn events(&self, id: &JobId, after: u64, limit: u32) -> Result<Vec<(u64, Event)>, StoreError>;

    /// Writes a step. An attempt that is recorded already keeps everything but what was found of it:
    /// verdict, judgement, score and master. A version that is recorded already stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the job is in another state than expected,
    /// [`StoreError::LeaseLost`] where the lease is not held; nothing is then written.
    fn apply(&self, change: &Change) -> Result<(), StoreError>;

    /// Asks the job's driver to stop it, and records the events.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn request_cancel(&self, id: &JobId, events: &[Event]) -> Result<(), StoreError>;

    /// Takes the right to drive the job until `expires`. A lease that is over, and one of this
    /// machine where the caller has shown by `exclusive_here` that its process is gone, is taken.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    fn acquire_lease(
        &self,
        id: &JobId,
        holder: &LeaseHolder,
        now: Timestamp,
        expires: Timestamp,
        exclusive_here: bool,
    ) -> Result<LeaseOutcome, StoreError>;

    /// Keeps the right until `expires`.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`].
    fn renew_lease(&self, id: &JobId, token: &str, expires: Timestamp) -> Result<(), StoreError>;

    /// Gives the right back; one that is not held is no error.
    ///
    /// # Errors
    /// When the record cannot be written.
    fn release_lease(&self, id: &JobId, token: &str) -> Result<(), StoreError>;

    /// Reserves the folder `destination` for the listing in `source`; gives whether it is that
    /// listing's, now or since earlier.
    ///
    /// # Errors
    /// When the record cannot be written.
    fn reserve_destination(&self, destination: &str, source: &str) -> Result<bool, StoreError>;

    /// The listing folder that `destination` is reserved for.
    ///
    /// # Errors
    /// When the record cannot be read.
    fn destination_owner(&self, destination: &str) -> Result<Option<String>, StoreError>;

    /// What is damaged, one line for each finding; nothing where all is sound.
    ///
    /// # Errors
    /// When the record cannot be read.
    fn integrity(&self) -> Result<Vec<String>, StoreError>;
}
