//! Settings, each with its origin: a flag outweighs a `REMEDIA_*` variable, which outweighs the
//! project's `remedia.toml`, which outweighs the user's file, which outweighs the default.

pub mod env;
mod key;
mod load;
mod settings;
mod show;
mod value;

pub use env::Environment;
pub use key::Key;
pub use load::{ConfigError, Flags, LoadRequest, Origin, Resolved, Testing, load};
pub use settings::{BracketSetting, ClipModelSetting, Limits, LogLevel, Settings};
pub use show::{CONFIG_SCHEMA_VERSION, show, show_json};
