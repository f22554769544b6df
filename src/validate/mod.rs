//! Is a generated picture fit to be delivered? Rules over measurements; nothing here makes pixels or runs a model.

pub mod calibration;
pub mod rooms;
pub mod score;
