//! The settings for people and for programs, each value with what set it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::key::Key;
use super::load::{Origin, Resolved};

/// The version of the document that [`show_json`] makes.
pub const CONFIG_SCHEMA_VERSION: u32 = 1;

/// The settings as text, one on each line, in the form of a settings file; with `origin` what set each
/// stands behind it as a comment.
#[must_use]
pub fn show(resolved: &Resolved, origin: bool) -> String {
    let lines: Vec<(String, Key)> = Key::ALL
        .iter()
        .map(|&key| {
            let value = resolved.settings.value(key);
            let line = match value {
                Value::Null => format!("# {key} is not set"),
                value => format!("{key} = {}", toml_value(&value)),
            };
            (line, key)
        })
        .collect();
    let longest = lines.iter().map(|(line, _)| line.chars().count()).max();
    let column = longest.unwrap_or(0).min(60);
    let mut text = String::new();
    for (line, key) in lines {
        let _ = match origin {
            true => writeln!(text, "{line:column$}  # {}", resolved.origin(key)),
            false => writeln!(text, "{line}"),
        };
    }
    text
}

/// JSON strings are TOML strings; only the list needs its spaces.
fn toml_value(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(toml_value).collect();
            format!("[{}]", items.join(", "))
        }
        _ => value.to_string(),
    }
}

/// The settings as one JSON document.
#[must_use]
pub fn show_json(resolved: &Resolved) -> Value {
    let settings: Vec<Value> = Key::ALL
        .iter()
        .map(|&key| {
            json!({
                "key": key.name(),
                "value": resolved.settings.value(key),
                "origin": origin_json(resolved.origin(key)),
                "variable": key.variable(),
                "flag": key.flag(),
                "description": key.documentation(),
            })
        })
        .collect();
    let files: Vec<_> = resolved
        .files
        .iter()
        .map(|file| file.to_string_lossy())
        .collect();
    json!({
        "schema_version": CONFIG_SCHEMA_VERSION,
        "files": files,
        "settings": settings,
        "warnings": resolved.warnings,
    })
}

fn origin_json(origin: &Origin) -> Value {
    match origin {
        Origin::Default => json!({ "kind": "default" }),
        Origin::UserFile(path) => json!({ "kind": "user_file", "name": path.to_string_lossy() }),
        Origin::ProjectFile(path) => {
            json!({ "kind": "project_file", "name": path.to_string_lossy() })
        }
        Origin::GivenFile(path) => json!({ "kind": "given_file", "name": path.to_string_lossy() }),
        Origin::Variable(name) => json!({ "kind": "variable", "name": name }),
        Origin::Flag(name) => json!({ "kind": "flag", "name": name }),
    }
}
