//! From a listing, a style and what can be done here to a plan: pure, so that the same question has
//! the same answer and a plan can be shown before anything happens.

mod document;
mod key;
mod plan;
mod prompt;
mod render;
mod request;
mod seed;
pub mod styles;

pub use document::{PLAN_DOCUMENT_SCHEMA_VERSION, PlanDocument};
pub use key::{DeliveryKey, job_key};
pub use plan::plan;
pub use prompt::{HOUSE_NEGATIVES, clip_prompts, retry_parameters};
pub use render::{beside, render};
pub use request::{PlanError, PlanRequest};
pub use seed::attempt_seed;
