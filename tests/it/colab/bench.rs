//! An exported listing, the results that a person has made of it, and the ways to bring them back or to spoil them.

use std::path::{Path, PathBuf};

use crate::colab::desk::{exported, files, machine, pack, pack_folder, work};
use crate::support::{Environment, Said};

pub(super) const ROOMS: [&str; 2] = ["03-bedroom.jpg", "04-kitchen.jpg"];

/// An exported listing and the results that a person has made of it.
pub(super) struct Bench {
    pub(super) environment: Environment,
    pub(super) job: String,
    pub(super) results: PathBuf,
}

impl Bench {
    pub(super) fn new(rooms: &[&str], dies_after: Option<usize>) -> Self {
        let environment = machine(rooms);
        export(&environment).with_code(7);
        let job = job(&environment);
        let (archive, _) = exported(&environment.work().join("oak-colab"), 2);
        let place = environment.path().join("browser");
        let results = work(&archive, &place, dies_after);
        Self {
            environment,
            job,
            results,
        }
    }

    pub(super) fn archive(&self) -> PathBuf {
        pack_folder(
            &self.results,
            &self.environment.work().join("remedia-results.zip"),
        )
    }

    pub(super) fn import(&self, path: &Path) -> Said {
        self.environment
            .run(["import", &self.job, path.to_str().unwrap()])
    }

    pub(super) fn state(&self) -> String {
        let status = self.environment.run(["status", &self.job, "--json"]);
        status.json()["state"].as_str().unwrap().to_owned()
    }

    /// An archive of the results, changed.
    pub(super) fn spoiled(&self, change: impl FnOnce(&mut Vec<(String, Vec<u8>)>)) -> PathBuf {
        let mut files = files(&self.results);
        change(&mut files);
        pack(
            &self.environment.work().join("spoiled.zip"),
            files
                .iter()
                .map(|(name, bytes)| (name.as_str(), bytes.as_slice())),
        )
    }
}

pub(super) fn export(environment: &Environment) -> Said {
    environment.run([
        "export",
        "oak",
        "--style",
        "modern",
        "--operations",
        "enhance,stage",
        "--to",
        "colab",
    ])
}

pub(super) fn job(environment: &Environment) -> String {
    let listed = environment.run(["list", "--json"]).json();
    listed["jobs"][0]["job"].as_str().unwrap().to_owned()
}

/// The results with one field of the document changed.
pub(super) fn with_document(
    files: &mut [(String, Vec<u8>)],
    change: impl FnOnce(&mut serde_json::Value),
) {
    let (_, bytes) = files
        .iter_mut()
        .find(|(name, _)| name == "results.json")
        .unwrap();
    let mut document = serde_json::from_slice(bytes).unwrap();
    change(&mut document);
    *bytes = serde_json::to_vec(&document).unwrap();
}
