//! What the integration tests share: a hermetic environment, small photos and the fixtures.

mod environment;
mod photos;

pub(crate) use environment::Environment;
pub(crate) use photos::{fixture, room_photo, small_listing};
