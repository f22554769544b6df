//! What the integration tests share.

pub(crate) mod images;

use std::path::{Path, PathBuf};

/// A path inside the package's `fixtures` folder.
pub(crate) fn fixture(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(relative)
}
