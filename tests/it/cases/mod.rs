//! Situations that people have reported of tools like this one, each as a test through the binary.

mod beside;
mod brackets;
mod database;
mod faults;
mod files;
mod formats;
mod injected;
mod jpeg;
mod panorama;
mod processes;
mod redelivery;
mod scenes;
