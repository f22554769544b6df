//! The integration tests, as one binary.

mod config;
mod deliver;
mod engine;
mod enhance;
mod gallery;
mod geometry;
mod ingest;
mod planner;
mod store;
mod styles;
mod support;
