//! What may be in the dependency graph, read from `Cargo.lock`.

use std::collections::BTreeMap;
use std::path::Path;

/// The most packages the lock file may hold. Raising it is a decision, not an accident.
/// candle and the tokenizer (for CLIP) brought some 75, rustls with ring (for ureq) 26, half of them for
/// Windows alone. HEIC brought four, GIF two, libjpeg four, one of them its door in this repository.
const MOST_PACKAGES: usize = 360;

/// Crates that must never come in, each with the reason.
const REFUSED: &[(&str, &str)] = &[
    ("openssl-sys", "one TLS, rustls, and no system library"),
    ("openssl", "one TLS, rustls, and no system library"),
    ("native-tls", "one TLS, rustls"),
    ("heic", "AGPL"),
    ("sqlx-sqlite", "links a second SQLite"),
    ("diesel", "links a second SQLite"),
    ("onig_sys", "a C++ regular expression engine"),
    ("little_exif", "an XML reader with open advisories"),
    ("ttf-parser", "unmaintained, an open advisory"),
    ("number_prefix", "unmaintained, an open advisory"),
    ("rsa", "a timing side channel without a fix"),
    ("serde_yaml", "unmaintained"),
    ("atty", "unmaintained, an open advisory"),
    (
        "tokio",
        "the core is blocking; a runtime belongs behind its own feature",
    ),
    ("reqwest", "one HTTP client, ureq"),
];

fn packages() -> BTreeMap<String, Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
    let lock: toml::Table = fs_err::read_to_string(path).unwrap().parse().unwrap();
    let mut packages: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in lock["package"].as_array().unwrap() {
        let text = |key: &str| package[key].as_str().unwrap().to_owned();
        packages
            .entry(text("name"))
            .or_default()
            .push(text("version"));
    }
    packages
}

#[test]
fn nothing_refused_is_in_the_graph() {
    let packages = packages();
    for (name, reason) in REFUSED {
        assert!(
            !packages.contains_key(*name),
            "`{name}` is refused: {reason}"
        );
    }
}

#[test]
fn there_is_one_sqlite_and_one_of_each_heavy_crate() {
    let packages = packages();
    for name in [
        "libsqlite3-sys",
        "rusqlite",
        "image",
        "serde",
        "clap",
        "rayon",
        "zune-jpeg",
        "mozjpeg-sys",
    ] {
        let versions = packages.get(name).map_or(0, Vec::len);
        assert_eq!(
            versions, 1,
            "`{name}` stands {versions} times in the lock file"
        );
    }
}

#[test]
fn the_graph_stays_within_its_ceiling() {
    let count: usize = packages().values().map(Vec::len).sum();
    assert!(
        count <= MOST_PACKAGES,
        "{count} packages, more than {MOST_PACKAGES}: drop one, or raise the ceiling with a reason"
    );
}
