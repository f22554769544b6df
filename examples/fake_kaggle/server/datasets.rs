//! Data sets: created and versioned from uploads, ready after a while, listed by pages.

use serde_json::{Map, Value, json};

use super::clock::iso;
use super::dataset_files::collect;
use super::faults::FaultKind;
use super::rpc::{Call, RpcError, flag, number, text};
use super::state::{Dataset, DatasetVersion, Progress, State, StoredFile};

/// `CreateDataset`.
pub(super) fn create(call: &Call<'_>) -> Result<Value, RpcError> {
    let (owner, title) = (call.text("ownerSlug"), call.text("title"));
    let slug = call.text("slug");
    if owner != call.user {
        return Err(RpcError::denied("datasets.create"));
    }
    let lengths = 6..=50;
    if !lengths.contains(&title.chars().count()) || !lengths.contains(&slug.len()) {
        return Ok(refused(
            "The title and the slug must have 6 to 50 characters.",
        ));
    }
    if !is_slug(slug) {
        return Ok(refused(
            "The slug may have lower-case letters, digits and hyphens.",
        ));
    }
    let in_use = format!(
        "The requested title \"{title}\" is already in use by a dataset. Please choose another title."
    );
    if call.core.state().dataset(owner, slug).is_some() {
        return Ok(refused(&in_use));
    }
    let (files, failed) = match collect(call, call.body)? {
        Ok(collected) => collected,
        Err(message) => return Ok(refused(&message)),
    };
    let mut state = call.core.state();
    if state.dataset(owner, slug).is_some() {
        return Ok(refused(&in_use));
    }
    let id = state.new_id();
    let is_private = flag(call.body, "isPrivate");
    if !is_private {
        state.public.push(format!("dataset/{owner}/{slug}"));
    }
    let recreated = state
        .datasets
        .iter()
        .any(|dataset| dataset.owner == owner && dataset.slug == slug);
    state.datasets.push(Dataset {
        id,
        owner: owner.to_owned(),
        slug: slug.to_owned(),
        title: title.to_owned(),
        subtitle: call.text("subtitle").to_owned(),
        description: call.text("description").to_owned(),
        license: call.text("licenseName").to_owned(),
        is_private,
        deleted: false,
        recreated,
        versions: vec![version(call, 1, String::new(), files, failed)],
    });
    Ok(accepted(owner, slug))
}

/// `CreateDatasetVersion`.
pub(super) fn create_version(call: &Call<'_>) -> Result<Value, RpcError> {
    let (owner, slug) = (call.text("ownerSlug"), call.text("datasetSlug"));
    let body = call.body.get("body").unwrap_or(&Value::Null);
    may_add_version(call, &call.core.state(), owner, slug)?;
    let (files, failed) = match collect(call, body)? {
        Ok(collected) => collected,
        Err(message) => return Ok(refused(&message)),
    };
    let mut state = call.core.state();
    may_add_version(call, &state, owner, slug)?;
    let dataset = state
        .dataset_mut(owner, slug)
        .ok_or_else(|| RpcError::denied("datasets.update"))?;
    let number = dataset.versions.last().map_or(1, |last| last.number + 1);
    let notes = text(body, "versionNotes").to_owned();
    dataset
        .versions
        .push(version(call, number, notes, files, failed));
    Ok(accepted(owner, slug))
}

/// A version can be added to a data set of one's own whose first version is not in the making.
fn may_add_version(
    call: &Call<'_>,
    state: &State,
    owner: &str,
    slug: &str,
) -> Result<(), RpcError> {
    let dataset = state.dataset(owner, slug);
    let has_first = |dataset: &Dataset| dataset.versions.first().is_some_and(|first| first.ready);
    match dataset {
        Some(dataset) if owner == call.user && has_first(dataset) => Ok(()),
        _ => Err(RpcError::denied("datasets.update")),
    }
}

fn version(
    call: &Call<'_>,
    number: u32,
    notes: String,
    files: Vec<StoredFile>,
    damaged: bool,
) -> DatasetVersion {
    let now = call.core.clock.now();
    let fails = call.wants(&FaultKind::DatasetFails);
    if fails {
        call.fault_took_effect();
    }
    DatasetVersion {
        number,
        created_ms: now,
        notes,
        files,
        progress: Progress::from(now),
        ready: false,
        failed: damaged || fails,
    }
}

fn is_slug(slug: &str) -> bool {
    slug.bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn accepted(owner: &str, slug: &str) -> Value {
    json!({
        "ref": format!("/{owner}/{slug}"),
        "url": format!("https://www.kaggle.com/datasets/{owner}/{slug}"),
        "status": "ok", "error": "", "invalidTags": [],
    })
}

fn refused(message: &str) -> Value {
    json!({ "ref": "", "url": "", "status": "error", "error": message, "invalidTags": [] })
}

/// The newest version of a data set that the caller may see.
fn readable<'a>(call: &Call<'_>, state: &'a State) -> Result<&'a Dataset, RpcError> {
    state
        .dataset(call.text("ownerSlug"), call.text("datasetSlug"))
        .filter(|dataset| !dataset.is_private || dataset.owner == call.user)
        .ok_or_else(|| RpcError::denied("datasets.get"))
}

/// `GetDatasetStatus`.
pub(super) fn status(call: &Call<'_>) -> Result<Value, RpcError> {
    let settings = call.core.settings();
    let now = call.core.clock.now();
    let mut state = call.core.state();
    readable(call, &state)?;
    let newest = state
        .dataset_mut(call.text("ownerSlug"), call.text("datasetSlug"))
        .and_then(|dataset| dataset.versions.last_mut())
        .ok_or_else(|| RpcError::denied("datasets.get"))?;
    let step = newest.progress.step(settings.dataset_pace, now, 5);
    newest.progress.questions = newest.progress.questions.saturating_add(1);
    let name = if newest.failed {
        "FAILED"
    } else if newest.ready || settings.always_ready {
        "READY"
    } else if call.wants(&FaultKind::StaleReady) {
        call.fault_took_effect();
        "READY"
    } else {
        // The first one is the default, which does not travel.
        match step {
            0 => return Ok(json!({})),
            1 => "BLOBS_RECEIVED",
            2 => "BLOBS_DECOMPRESSED",
            3 => "BLOBS_COPIED_TO_SDS",
            _ => "INDIVIDUAL_BLOBS_COMPRESSED",
        }
    };
    Ok(json!({ "status": name }))
}

/// `GetDataset`.
pub(super) fn get(call: &Call<'_>) -> Result<Value, RpcError> {
    let state = call.core.state();
    Ok(describe(readable(call, &state)?))
}

fn describe(dataset: &Dataset) -> Value {
    let shown = dataset.visible().or(dataset.versions.first());
    let newest_ms = dataset.versions.last().map_or(0, |last| last.created_ms);
    let (owner, slug) = (&dataset.owner, &dataset.slug);
    let versions: Vec<Value> = dataset
        .versions
        .iter()
        .rev()
        .map(|version| {
            json!({
                "versionNumber": version.number,
                "creationDate": iso(version.created_ms),
                "versionNotes": version.notes,
                "creatorName": owner,
                "status": if version.ready { "Ready" } else { "Pending" },
            })
        })
        .collect();
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("id", dataset.id.into());
    put("ref", format!("{owner}/{slug}").into());
    put("title", dataset.title.clone().into());
    put("subtitle", dataset.subtitle.clone().into());
    put("description", dataset.description.clone().into());
    put("ownerName", owner.clone().into());
    put("ownerRef", owner.clone().into());
    put("licenseName", dataset.license.clone().into());
    put("lastUpdated", iso(newest_ms).into());
    put("versions", versions.into());
    let url = format!("https://www.kaggle.com/datasets/{owner}/{slug}");
    put("url", url.into());
    // False does not travel.
    if dataset.is_private {
        put("isPrivate", true.into());
    }
    if let Some(shown) = shown {
        let bytes: u64 = shown.files.iter().map(|file| file.size).sum();
        put("currentVersionNumber", shown.number.into());
        put("totalBytes", bytes.into());
    }
    Value::Object(object)
}

/// `ListDatasets`: those of the caller, or the public ones.
pub(super) fn list(call: &Call<'_>) -> Result<Value, RpcError> {
    let group = call.text("group").to_ascii_uppercase();
    let mine = group.trim_start_matches("DATASET_SELECTION_GROUP_") == "MY"
        || call.text("user") == call.user;
    let search = call.text("search").to_lowercase();
    let state = call.core.state();
    let found: Vec<&Dataset> = state
        .datasets
        .iter()
        .filter(|dataset| !dataset.deleted)
        .filter(|dataset| {
            if mine {
                dataset.owner == call.user
            } else {
                !dataset.is_private
            }
        })
        .filter(|dataset| {
            dataset.title.to_lowercase().contains(&search) || dataset.slug.contains(&search)
        })
        .collect();
    let (range, next) = call.page(found.len())?;
    let datasets: Vec<Value> = found
        .get(range)
        .unwrap_or_default()
        .iter()
        .map(|dataset| describe(dataset))
        .collect();
    Ok(json!({ "datasets": datasets, "nextPageToken": next }))
}

/// `ListDatasetFiles`: the newest version that is ready. While the first one is in the making, half of it.
pub(super) fn list_files(call: &Call<'_>) -> Result<Value, RpcError> {
    let state = call.core.state();
    let dataset = readable(call, &state)?;
    let asked = number(call.body, "datasetVersionNumber").filter(|number| *number > 0);
    let version = match asked {
        None => dataset.visible().or(dataset.versions.first()),
        Some(asked) => dataset
            .versions
            .iter()
            .find(|version| u64::from(version.number) == asked),
    };
    let version = version.ok_or_else(|| RpcError::new(404, "Not found"))?;
    let there = if version.ready {
        version.files.len()
    } else {
        version.files.len() / 2
    };
    let (range, next) = call.page(there)?;
    let files: Vec<Value> = version
        .files
        .get(range)
        .unwrap_or_default()
        .iter()
        .map(|file| {
            json!({
                "ref": format!("{}/{}/{}", dataset.owner, dataset.slug, file.name),
                "name": file.name,
                "totalBytes": file.size,
                "creationDate": iso(version.created_ms),
            })
        })
        .collect();
    Ok(json!({ "datasetFiles": files, "errorMessage": "", "nextPageToken": next }))
}

/// `DeleteDataset`.
pub(super) fn delete(call: &Call<'_>) -> Result<Value, RpcError> {
    let mut state = call.core.state();
    state
        .dataset_mut(call.text("ownerSlug"), call.text("datasetSlug"))
        .filter(|dataset| dataset.owner == call.user)
        .ok_or_else(|| RpcError::denied("datasets.delete"))?
        .deleted = true;
    Ok(json!({ "error": "" }))
}
