//! What `plan --json` prints.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::listing::Listing;
use crate::domain::plan::Plan;

/// The version of [`PlanDocument`] that this build writes.
pub const PLAN_DOCUMENT_SCHEMA_VERSION: u32 = 1;

/// A plan together with the listing that it is made for, so that one document says everything: what is
/// done, and which files are left out and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanDocument {
    /// The version of this document's form.
    pub schema_version: u32,
    /// The listing as it was read.
    pub listing: Listing,
    /// What would be done.
    pub plan: Plan,
}

impl PlanDocument {
    /// Puts the two together in the form of this build.
    #[must_use]
    pub fn new(listing: Listing, plan: Plan) -> Self {
        Self {
            schema_version: PLAN_DOCUMENT_SCHEMA_VERSION,
            listing,
            plan,
        }
    }
}
