//! A provider that plays a script, for tests and dry runs: it queues, fails, loses answers, waits for
//! a person and rejects as it is told, and what it makes are real pictures. Its far side is a folder,
//! so another process finds what this one submitted.

mod remote;
mod run;
mod script;
mod stage;

pub use run::FakeProvider;
pub use script::{
    AnswerOutcome, CallOutcome, FakeScript, PhotoOutcome, PhotoRule, RunFailure, ScriptError,
};
