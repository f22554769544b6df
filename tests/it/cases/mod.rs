//! Situations that people have reported of tools like this one, each as a test through the binary.

mod files;
mod panorama;
mod processes;
