//! Judges of generated pictures: whether the house is still the same, and whether the picture is one at all.

pub mod integrity;
pub mod structure;
