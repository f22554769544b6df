//! The integration tests, as one binary.

mod deliver;
mod engine;
mod enhance;
mod geometry;
mod hostile;
mod ingest;
mod planner;
mod store;
mod styles;
mod support;
