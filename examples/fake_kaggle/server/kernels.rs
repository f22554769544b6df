//! Kernels: asked for, listed, deleted; their sessions' status; and the quota.

use serde_json::{Value, json};

use super::clock::iso;
use super::faults::FaultKind;
use super::rpc::{Call, RpcError};
use super::sessions;
use super::state::{Accelerator, Kernel, KernelVersion, SessionStatus, State};

/// The kernel that a call names, when it is the caller's or public.
pub(super) fn readable<'a>(call: &Call<'_>, state: &'a State) -> Result<&'a Kernel, RpcError> {
    state
        .kernel(call.text("userName"), call.text("kernelSlug"))
        .filter(|kernel| !kernel.is_private || kernel.owner == call.user)
        .ok_or_else(|| RpcError::denied("kernels.get"))
}

/// The number of the version that a label means: `v3`, or without a label the newest one whose session
/// is not waiting any more.
pub(super) fn labelled(kernel: &Kernel, label: &str) -> Result<u32, RpcError> {
    let not_found = || RpcError::new(404, "Not found");
    if label.is_empty() {
        let begun = kernel.versions.iter().rev().find(|version| {
            let session = version.session.as_ref();
            session.is_some_and(|session| session.status != SessionStatus::Queued)
        });
        let version = begun.or(kernel.versions.last()).ok_or_else(not_found)?;
        return Ok(version.number);
    }
    if label.contains('/') {
        return Err(RpcError::denied("kernels.get"));
    }
    let number: u32 = label
        .strip_prefix('v')
        .and_then(|number| number.parse().ok())
        .ok_or_else(not_found)?;
    let known = kernel
        .versions
        .iter()
        .any(|version| version.number == number);
    if known { Ok(number) } else { Err(not_found()) }
}

/// `GetKernelSessionStatus`.
pub(super) fn status(call: &Call<'_>) -> Result<Value, RpcError> {
    let mut state = call.core.state();
    let number = labelled(readable(call, &state)?, call.text("versionLabel"))?;
    let session = state
        .kernel_mut(call.text("userName"), call.text("kernelSlug"))
        .and_then(|kernel| {
            let version = kernel.versions.iter_mut();
            version.into_iter().find(|version| version.number == number)
        })
        .and_then(|version| version.session.as_mut())
        .ok_or_else(|| RpcError::new(404, "Not found"))?;
    session.progress.questions = session.progress.questions.saturating_add(1);
    if !session.status.is_terminal() && call.wants(&FaultKind::StaleComplete) {
        call.fault_took_effect();
        return Ok(json!({ "status": "COMPLETE" }));
    }
    let mut answer = serde_json::Map::new();
    // The first one is the default, which does not travel.
    if session.status != SessionStatus::Queued {
        answer.insert("status".to_owned(), session.status.name().into());
    }
    if let Some(message) = &session.failure {
        answer.insert("failureMessage".to_owned(), message.clone().into());
    }
    Ok(Value::Object(answer))
}

/// `GetKernel`.
pub(super) fn get(call: &Call<'_>) -> Result<Value, RpcError> {
    let state = call.core.state();
    let kernel = readable(call, &state)?;
    let label = call.text("versionLabel");
    let version = if label.is_empty() {
        kernel.versions.last()
    } else {
        let number = labelled(kernel, label)?;
        let mut versions = kernel.versions.iter();
        versions.find(|version| version.number == number)
    };
    let version = version.ok_or_else(|| RpcError::new(404, "Not found"))?;
    Ok(json!({
        "metadata": describe(kernel, version),
        "blob": {
            "source": version.text, "language": version.language, "kernelType": kernel.kind,
            "slug": kernel.slug,
        },
    }))
}

fn describe(kernel: &Kernel, version: &KernelVersion) -> Value {
    json!({
        "id": kernel.id,
        "ref": format!("{}/{}", kernel.owner, kernel.slug),
        "title": kernel.title, "author": kernel.owner, "slug": kernel.slug,
        "lastRunTime": iso(version.created_ms),
        "language": version.language, "kernelType": kernel.kind,
        "isPrivate": kernel.is_private,
        "enableGpu": version.accelerator == Accelerator::Gpu,
        "enableTpu": version.accelerator == Accelerator::Tpu,
        "enableInternet": version.internet,
        "machineShape": version.machine_shape,
        "datasetDataSources": version.dataset_sources,
        "currentVersionNumber": kernel.versions.last().map_or(0, |last| last.number),
        "totalVotes": 0,
    })
}

/// `ListKernels`: those of the caller, or the public ones.
pub(super) fn list(call: &Call<'_>) -> Result<Value, RpcError> {
    let group = call.text("group").to_ascii_uppercase();
    let mine = group.ends_with("PROFILE") || call.text("user") == call.user;
    let search = call.text("search").to_lowercase();
    let state = call.core.state();
    let mut kernels: Vec<&Kernel> = state.kernels.iter().collect();
    if call.text("sortBy") == "DATE_RUN" {
        let last_run = |kernel: &&Kernel| kernel.versions.last().map(|last| last.created_ms);
        kernels.sort_by_key(|kernel| std::cmp::Reverse(last_run(kernel)));
    }
    let found: Vec<Value> = kernels
        .into_iter()
        .filter(|kernel| !kernel.deleted)
        .filter(|kernel| {
            if mine {
                kernel.owner == call.user
            } else {
                !kernel.is_private
            }
        })
        .filter(|kernel| {
            kernel.title.to_lowercase().contains(&search) || kernel.slug.contains(&search)
        })
        .filter_map(|kernel| Some(describe(kernel, kernel.versions.last()?)))
        .collect();
    let (range, next) = call.page(found.len())?;
    Ok(json!({ "kernels": found.get(range).unwrap_or_default(), "nextPageToken": next }))
}

/// `DeleteKernel`. What still runs goes on as a ghost.
pub(super) fn delete(call: &Call<'_>) -> Result<Value, RpcError> {
    let mut state = call.core.state();
    state
        .kernel_mut(call.text("userName"), call.text("kernelSlug"))
        .filter(|kernel| kernel.owner == call.user)
        .ok_or_else(|| RpcError::denied("kernels.delete"))?
        .deleted = true;
    Ok(json!({ "errorMessage": "" }))
}

/// `GetAcceleratorQuotaStatistics`.
pub(super) fn quota(call: &Call<'_>) -> Result<Value, RpcError> {
    let settings = call.core.settings();
    let now = call.core.clock.now();
    let state = call.core.state();
    let one = |accelerator| {
        json!({
            "timeUsed": duration(state.used_ms(accelerator, now)),
            "timeReserved": "0s",
            "totalTimeAllowed": duration(sessions::allowed_ms(&settings, accelerator)),
            "minimumTimeAllowed": "0s",
            "isPayToScaleEnabled": false,
            "hasEverRun": true,
        })
    };
    Ok(json!({
        "quotaRefreshTime": iso(state.quota_refresh_ms),
        "gpuQuota": one(Accelerator::Gpu),
        "tpuQuota": one(Accelerator::Tpu),
    }))
}

/// A duration as it travels: `4500s`, `1.5s`.
fn duration(milliseconds: u64) -> String {
    format!(
        "{}s",
        std::time::Duration::from_millis(milliseconds).as_secs_f64()
    )
}
