//! The worker that does an order elsewhere: a notebook that is the same for every run but for the run's name,
//! and the package that it calls, which travels with the order so that both always fit each other.

use std::path::Path;

use serde_json::Value;

use crate::fsx::{self, fs};

use super::error::BundleError;

/// The notebook as it lies in the repository.
const NOTEBOOK: &str = include_str!("../../notebooks/remedia_worker.ipynb");
/// The tag of the cell that names the run.
const TAG: &str = "parameters";
/// Where the package lies in an order.
const PACKAGE: &str = "worker/remedia_worker";

macro_rules! package {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../notebooks/remedia_worker/", $name)))),+]
    };
}

/// The files of the package.
const FILES: &[(&str, &str)] = package![
    "__init__.py",
    "__main__.py",
    "batches.py",
    "child.py",
    "diffusion.py",
    "documents.py",
    "environment.py",
    "errors.py",
    "faults.py",
    "files.py",
    "find.py",
    "making.py",
    "maps.py",
    "mask.py",
    "memory.py",
    "model_sets.json",
    "models.py",
    "pictures.py",
    "pool.py",
    "progress.py",
    "requirements.txt",
    "results.py",
    "run.py",
    "scoring.py",
    "surfaces.py",
    "verify.py",
    "video.py",
    "weights.py",
    "work.py",
];

/// The notebook for a run, or for several whose names are divided by commas: the names filled in, every cell's text in one piece, nothing in the outputs, and
/// nothing that a service would take as its own settings.
///
/// # Errors
/// [`BundleError::Damaged`] where the notebook of this build is none.
pub fn notebook_for(run_id: &str) -> Result<String, BundleError> {
    let damaged = |reason: &str| BundleError::Damaged {
        path: "remedia_worker.ipynb".into(),
        reason: reason.to_owned(),
    };
    let mut notebook: Value =
        serde_json::from_str(NOTEBOOK).map_err(|error| damaged(&error.to_string()))?;
    if let Some(metadata) = notebook.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("kaggle");
        metadata.remove("colab");
    }
    let cells = notebook
        .get_mut("cells")
        .and_then(Value::as_array_mut)
        .ok_or_else(|| damaged("it has no cells"))?;
    let mut named = false;
    for cell in cells {
        let is_code = cell.get("cell_type").is_some_and(|kind| kind == "code");
        let tagged = cell
            .pointer("/metadata/tags")
            .and_then(Value::as_array)
            .is_some_and(|tags| tags.iter().any(|tag| tag == TAG));
        let Some(cell) = cell.as_object_mut() else {
            continue;
        };
        if tagged {
            let literal = Value::String(run_id.to_owned()).to_string();
            cell.insert("source".to_owned(), format!("RUN_ID = {literal}").into());
            named = true;
        } else if let Some(Value::Array(lines)) = cell.get("source") {
            let whole: String = lines.iter().filter_map(Value::as_str).collect();
            cell.insert("source".to_owned(), whole.into());
        }
        if is_code {
            cell.insert("outputs".to_owned(), Value::Array(Vec::new()));
            cell.insert("execution_count".to_owned(), Value::Null);
        }
    }
    if !named {
        return Err(damaged("no cell is there for the run's name"));
    }
    Ok(notebook.to_string())
}

/// The runs that a notebook does, as [`notebook_for`] wrote them; none for another notebook.
#[must_use]
pub fn runs_of(notebook: &str) -> Vec<String> {
    let Ok(notebook) = serde_json::from_str::<Value>(notebook) else {
        return Vec::new();
    };
    let cells = notebook.get("cells").and_then(Value::as_array);
    cells
        .into_iter()
        .flatten()
        .filter_map(|cell| match cell.get("source")? {
            Value::String(source) => Some(source.clone()),
            // A service may give it back line by line.
            Value::Array(lines) => Some(lines.iter().filter_map(Value::as_str).collect()),
            _ => None,
        })
        .filter_map(|source| {
            let literal = source.strip_prefix("RUN_ID = ")?;
            serde_json::from_str::<String>(literal.trim()).ok()
        })
        .flat_map(|runs| runs.split(',').map(ToOwned::to_owned).collect::<Vec<_>>())
        .filter(|run| !run.is_empty())
        .collect()
}

/// Puts the worker's package into an order's folder; gives the paths of its files.
///
/// # Errors
/// [`BundleError`] where a file cannot be written.
pub fn write_worker(folder: &Path) -> Result<Vec<String>, BundleError> {
    fs::create_dir_all(folder.join(PACKAGE))?;
    let mut paths = Vec::with_capacity(FILES.len());
    for (name, text) in FILES {
        let path = format!("{PACKAGE}/{name}");
        fsx::write_atomic(&folder.join(&path), text.as_bytes())?;
        paths.push(path);
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_notebook_names_its_run_and_nothing_else_changes() {
        let text = notebook_for("oak-\"1\"-r2").unwrap();
        let notebook: Value = serde_json::from_str(&text).unwrap();
        let original: Value = serde_json::from_str(NOTEBOOK).unwrap();
        let cells = notebook["cells"].as_array().unwrap();
        assert!(notebook["metadata"]["kernelspec"]["name"].is_string());
        for (cell, original) in cells.iter().zip(original["cells"].as_array().unwrap()) {
            assert!(cell["source"].is_string());
            if cell["metadata"]["tags"][0] == "parameters" {
                assert_eq!(cell["source"], r#"RUN_ID = "oak-\"1\"-r2""#);
            } else if original["source"].is_string() {
                assert_eq!(cell["source"], original["source"]);
            }
        }
    }

    #[test]
    fn the_runs_of_a_notebook_are_told() {
        for runs in ["oak-r1", "oak-r1,elm-r2"] {
            let notebook = notebook_for(runs).unwrap();
            assert_eq!(runs_of(&notebook).join(","), runs);
        }
        assert!(runs_of(NOTEBOOK).is_empty());
        assert!(runs_of("no notebook").is_empty());
    }

    #[test]
    fn the_whole_package_is_inside() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("notebooks/remedia_worker");
        let there: BTreeSet<String> = fs_err::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with('_') || name == "__init__.py" || name == "__main__.py")
            .collect();
        let inside: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(inside, there);
    }
}
