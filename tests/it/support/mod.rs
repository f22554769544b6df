//! What the integration tests share: a hermetic environment, small photos, the fixtures and the
//! comparison of generated schemas.

pub(crate) mod damage;
mod decorator;
pub(crate) mod delivery;
mod environment;
mod followed;
pub(crate) mod hub;
pub(crate) mod images;
pub(crate) mod kill;
pub(crate) mod moving;
mod photos;
pub(crate) mod room;
mod schemas;
pub(crate) mod shoot;

pub(crate) use decorator::decorate;
pub(crate) use environment::{Environment, Said};
pub(crate) use followed::Followed;
pub(crate) use photos::{fixture, small_listing};
pub(crate) use schemas::assert_schema_is_current;
