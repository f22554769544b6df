//! The integration tests, as one binary.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helping functions too"
)]

mod cases;
mod cli;
mod clip;
mod colab;
mod composite;
mod config;
mod deliver;
mod disk;
mod documents;
mod engine;
mod enhance;
#[path = "../../examples/fake_kaggle/server/mod.rs"]
mod fake_kaggle;
mod gallery;
mod gates;
mod geometry;
mod hostile;
mod ingest;
mod kaggle;
mod kaggle_api;
mod kill;
mod layers;
mod models;
mod planner;
mod policy;
mod provider;
mod scoring;
mod sessions;
mod staging;
mod stats;
mod store;
mod styles;
mod support;
