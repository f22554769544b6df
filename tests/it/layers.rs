//! The layers of `ARCHITECTURE.md`, read from the sources: a module uses only what lies below it,
//! or a neighbour that is listed here with its reason.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The layers from the bottom up, as in `ARCHITECTURE.md`.
const LAYERS: &[&[&str]] = &[
    &["domain", "imaging", "fsx", "clock"],
    &[
        "config",
        "ingest",
        "planner",
        "bundle",
        "local",
        "composite",
        "validate",
        "deliver",
        "http",
        "kaggle",
        "models",
    ],
    &["provider", "store", "blob"],
    &["engine"],
    &["cli"],
];

/// Imports between neighbours of one layer that are meant.
const NEIGHBOURS: &[(&str, &str, &str)] = &[
    ("imaging", "domain", "what a header says is a domain value"),
    ("fsx", "clock", "ages of leftovers"),
    (
        "domain",
        "fsx",
        "what a worker says is made fit for a terminal where it is read",
    ),
    (
        "planner",
        "validate",
        "the words by which a result is scored are part of the plan",
    ),
    (
        "deliver",
        "ingest",
        "originals are read through the one checked reader",
    ),
    (
        "kaggle",
        "http",
        "Kaggle is talked to through the one client",
    ),
    (
        "models",
        "config",
        "every variable's name stands in `env.rs`",
    ),
    (
        "models",
        "http",
        "models are fetched through the one client",
    ),
];

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every `crate::module` named in the text outside comments, grouped imports included.
fn imported(text: &str) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut modules = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        // `$crate::` in a macro is the same path.
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0_usize;
            let mut name = String::new();
            for character in group.chars() {
                match character {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        modules.insert(std::mem::take(&mut name));
                        continue;
                    }
                    _ => {}
                }
                if depth == 0 {
                    name.push(character);
                }
            }
            modules.insert(name);
        } else {
            modules.insert(
                rest.chars()
                    .take_while(|character| character.is_alphanumeric() || *character == '_')
                    .collect(),
            );
        }
    }
    modules
        .iter()
        .map(|name| {
            name.trim()
                .chars()
                .take_while(|character| character.is_alphanumeric() || *character == '_')
                .collect::<String>()
        })
        .filter(|name| layer_of(name).is_some())
        .collect()
}

#[test]
fn no_module_imports_upward() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 30, "the sources were not found");
    let mut wrong = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&root).unwrap();
        let first = relative.components().next().unwrap();
        let module = Path::new(first.as_os_str()).file_stem().unwrap();
        let module = module.to_str().unwrap();
        if matches!(module, "lib" | "main") {
            continue;
        }
        let own = layer_of(module).unwrap_or_else(|| panic!("`{module}` is in no layer"));
        for other in imported(&fs_err::read_to_string(&file).unwrap()) {
            let theirs = layer_of(&other).unwrap();
            let neighbour = NEIGHBOURS
                .iter()
                .any(|(from, to, _)| *from == module && *to == other);
            if other != module && (theirs > own || (theirs == own && !neighbour)) {
                wrong.push(format!("{} uses `{other}`", relative.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_store_knows_sql() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    for file in files {
        let relative = file.strip_prefix(&root).unwrap().to_path_buf();
        let text = fs_err::read_to_string(&file).unwrap();
        if text.contains("rusqlite") {
            assert!(
                relative.starts_with("store"),
                "{} names rusqlite",
                relative.display()
            );
        }
    }
}

/// A call by another way would neither be tried again nor be seen by the tests that let calls fail.
#[test]
fn only_fsx_calls_the_file_system() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    for file in files {
        let relative = file.strip_prefix(&root).unwrap().to_path_buf();
        if relative.starts_with("fsx") {
            continue;
        }
        let text = fs_err::read_to_string(&file).unwrap();
        let product = text.split("#[cfg(test)]").next().unwrap();
        let calls = [
            "fs_err",
            "std::fs::read",
            "std::fs::write",
            "std::fs::File::",
            "std::fs::OpenOptions",
            "std::fs::create_dir",
            "std::fs::remove",
            "std::fs::rename",
            "std::fs::copy",
        ];
        for call in calls {
            assert!(
                !product.contains(call),
                "{} calls `{call}`: use `crate::fsx::fs`",
                relative.display()
            );
        }
    }
}

#[test]
fn the_entry_point_stays_small() {
    let main = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/main.rs");
    assert!(fs_err::read_to_string(main).unwrap().lines().count() <= 20);
}

#[test]
fn imports_are_read_in_every_form() {
    let text = "use crate::engine::Engine;\nuse crate::{cli, store::{JobStore, sqlite}};\n// crate::deliver\nlet x = crate::config::load();";
    let found: Vec<String> = imported(text).into_iter().collect();
    assert_eq!(found, ["cli", "config", "engine", "store"]);
}
