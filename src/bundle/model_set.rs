//! The models that an order names. They are the worker's own default sets, so that what a style asks for by
//! name and what a worker takes by itself are one list.

use serde::Deserialize;

use crate::domain::job::{ModelPart, ModelSet};
use crate::domain::plan::ModelSetName;

use super::error::BundleError;

/// The worker's list.
const CATALOGUE: &str = include_str!("../../notebooks/remedia_worker/model_sets.json");

#[derive(Deserialize)]
struct Catalogue {
    sets: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    precision: String,
    parts: Vec<ListedPart>,
}

#[derive(Deserialize)]
struct ListedPart {
    role: String,
    repository: String,
    revision: String,
    licence: String,
    /// What its licence wants of whoever uses it; a part without such conditions has none.
    notice: Option<String>,
}

/// The set of this name, without the parts whose licence somebody has to accept first.
///
/// # Errors
/// [`BundleError::Damaged`] where the list of this build does not have it.
pub fn model_set(name: ModelSetName) -> Result<ModelSet, BundleError> {
    let damaged = |reason: String| BundleError::Damaged {
        path: "model_sets.json".into(),
        reason,
    };
    let catalogue: Catalogue =
        serde_json::from_str(CATALOGUE).map_err(|error| damaged(error.to_string()))?;
    let listed = catalogue
        .sets
        .into_iter()
        .find(|set| set.name == name.name())
        .ok_or_else(|| damaged(format!("it has no set `{}`", name.name())))?;
    Ok(ModelSet {
        name: listed.name,
        precision: listed.precision,
        parts: listed
            .parts
            .into_iter()
            .filter(|part| part.notice.is_none())
            .map(|part| ModelPart {
                role: part.role,
                repository: part.repository,
                revision: part.revision,
                licence: part.licence,
            })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_set_of_pinned_models_that_may_be_used_as_they_are() {
        for name in [ModelSetName::Sd15Inpaint, ModelSetName::SdxlUnion] {
            let set = model_set(name).unwrap();
            let written = serde_json::to_value(name).unwrap();
            assert_eq!(written, set.name);
            for role in ["base", "controlnet:depth", "depth", "segmentation", "clip"] {
                assert!(set.parts.iter().any(|part| part.role == role), "{role}");
            }
            assert!(set.parts.iter().all(|part| part.role != "video"));
            for part in &set.parts {
                let digits = part.revision.bytes().all(|digit| digit.is_ascii_hexdigit());
                assert!(part.revision.len() == 40 && digits, "{part:?}");
            }
        }
        let catalogue: Catalogue = serde_json::from_str(CATALOGUE).unwrap();
        assert_eq!(catalogue.sets.len(), 2, "each set has a name in the domain");
    }
}
