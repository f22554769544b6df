//! The integration tests, as one binary.

mod cli;
mod config;
mod deliver;
mod disk;
mod engine;
mod enhance;
mod gallery;
mod geometry;
mod ingest;
mod layers;
mod planner;
mod policy;
mod store;
mod styles;
mod support;
