//! Is a generated picture fit to be delivered? Whether it is a picture at all, whether the house is still
//! the same, and whether it shows what was asked for: rules over pixels and measurements. Nothing here
//! makes pixels or runs a model.

pub mod calibration;
pub mod integrity;
pub mod rooms;
pub mod score;
pub mod structure;
