//! Everything about Kaggle, against a fake of it that the official client agrees with.

mod along;
mod binary;
mod chaos;
mod fake;
mod journey;
mod many;
mod worker;
