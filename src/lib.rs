//! remedia turns a folder of listing photos into finished media.

pub mod bundle;
pub mod cli;
pub mod clock;
pub mod composite;
pub mod config;
pub mod deliver;
pub mod domain;
pub mod engine;
pub mod fsx;
pub mod http;
pub mod imaging;
pub mod ingest;
pub mod kaggle;
pub mod local;
pub mod models;
pub mod planner;
pub mod provider;
pub mod store;
pub mod validate;
