//! A provider that plays a script, for tests and dry runs: it queues, fails, loses answers, waits for
//! a person and rejects as it is told, and what it makes are real pictures. Its far side is a folder,
//! so another process finds what this one submitted.

mod remote;
mod run;
mod script;

pub use run::FakeProvider;
pub use script::{CallOutcome, FakeScript, PhotoOutcome, PhotoRule, RunFailure, ScriptError};
