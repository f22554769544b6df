//! What the integration tests share.

pub(crate) mod delivery;
pub(crate) mod images;
pub(crate) mod kill;

use std::path::{Path, PathBuf};

/// A path inside the package's `fixtures` folder.
pub(crate) fn fixture(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(relative)
}

/// Compares a generated JSON Schema with the committed one. Run the tests with `REMEDIA_UPDATE_FIXTURES=1`
/// to write it anew, and look at the difference before committing it.
pub(crate) fn assert_schema_is_current(relative: &str, schema: &serde_json::Value) {
    let path = fixture(relative);
    let mut text = serde_json::to_string_pretty(schema).unwrap();
    text.push('\n');
    if std::env::var_os("REMEDIA_UPDATE_FIXTURES").is_some() {
        fs_err::write(&path, &text).unwrap();
    }
    let committed = fs_err::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "{relative} is not what the types say; write it anew with REMEDIA_UPDATE_FIXTURES=1"
    );
}
