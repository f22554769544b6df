//! The integration tests, as one binary.

mod config;
mod deliver;
mod documents;
mod engine;
mod enhance;
mod gallery;
mod geometry;
mod hostile;
mod ingest;
mod kill;
mod planner;
mod provider;
mod store;
mod styles;
mod support;
