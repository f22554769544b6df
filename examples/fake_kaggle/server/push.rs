//! `SaveKernel`: a new version of a kernel, with a session unless a limit forbids it.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::faults::FaultKind;
use super::rpc::{Call, RpcError, flag, number, text, texts};
use super::settings::{MountConvention, Settings};
use super::state::{
    Accelerator, Kernel, KernelVersion, Progress, Session, SessionStatus, State, StoredFile,
};
use super::{dataset_files, sessions};

/// `SaveKernel`.
pub(super) fn save(call: &Call<'_>) -> Result<Value, RpcError> {
    let settings = call.core.settings();
    let now = call.core.clock.now();
    let mut state = call.core.state();
    let (title, text) = (call.text("newTitle"), call.text("text"));
    if has_listed_source(text) {
        return Err(RpcError::new(500, "Internal Server Error"));
    }
    let slug = match target(call, &state)? {
        Ok(slug) => slug,
        Err(message) => return Ok(refused(message)),
    };
    let runs = !call.text("kernelExecutionType").ends_with("QUICK_SAVE");
    let (shape, accelerator) = machine(call.body);
    if runs && let Some(message) = over_limit(&state, &settings, accelerator, now) {
        return Ok(refused(&message));
    }
    let (inputs, invalid) = mount(call, &state, &settings)?;
    // What the real service makes of a call without it is not known; the official client always sends it.
    let is_private = flag(call.body, "isPrivate");
    let name = format!("kernel/{}/{slug}", call.user);
    if !is_private && !state.public.contains(&name) {
        state.public.push(name);
    }
    let new_id = state.new_id();
    if state.kernel(call.user, &slug).is_none() {
        state.kernels.push(Kernel {
            id: new_id,
            owner: call.user.to_owned(),
            slug: slug.clone(),
            title: title.to_owned(),
            kind: call.text("kernelType").to_owned(),
            is_private,
            deleted: false,
            versions: Vec::new(),
        });
    }
    let folder = call.core.folder.join("sessions").join(new_id.to_string());
    let kernel = state
        .kernel_mut(call.user, &slug)
        .ok_or_else(|| RpcError::denied("kernels.update"))?;
    if kernel.kind != call.text("kernelType") {
        return Ok(refused("The type of a kernel cannot be changed."));
    }
    let last = kernel.versions.last().map_or(0, |last| last.number);
    let most = settings.session_seconds;
    let timeout = number(call.body, "sessionTimeoutSeconds").filter(|seconds| *seconds > 0);
    let session = runs.then(|| Session {
        status: SessionStatus::Queued,
        failure: None,
        progress: Progress::from(now),
        started_ms: None,
        ended_ms: None,
        timeout_ms: timeout.unwrap_or(most).min(most).saturating_mul(1_000),
        inputs,
        outputs: Vec::new(),
        log: Arc::default(),
        stop: Arc::new(AtomicBool::new(false)),
        end: Arc::new(Mutex::new(None)),
        folder,
    });
    kernel.is_private = is_private;
    kernel.versions.push(KernelVersion {
        number: last + 1,
        created_ms: now,
        text: text.to_owned(),
        language: call.text("language").to_owned(),
        dataset_sources: texts(call.body, "datasetDataSources"),
        machine_shape: shape,
        accelerator,
        internet: flag(call.body, "enableInternet"),
        session,
    });
    Ok(json!({
        "ref": format!("/code/{}/{slug}", call.user),
        "url": format!("https://www.kaggle.com/code/{}/{slug}", call.user),
        "versionNumber": last + 1, "kernelId": kernel.id, "error": "",
        "invalidTags": [], "invalidDatasetSources": invalid, "invalidCompetitionSources": [],
        "invalidKernelSources": [], "invalidModelSources": [],
    }))
}

fn refused(message: &str) -> Value {
    json!({
        "ref": "", "url": "", "error": message, "invalidTags": [], "invalidDatasetSources": [],
        "invalidCompetitionSources": [], "invalidKernelSources": [], "invalidModelSources": [],
    })
}

/// The real service fails on a notebook whose cells have their source as a list.
fn has_listed_source(notebook: &str) -> bool {
    let notebook: Value = serde_json::from_str(notebook).unwrap_or_default();
    let cells = notebook.get("cells").and_then(Value::as_array);
    cells
        .into_iter()
        .flatten()
        .any(|cell| cell.get("source").is_some_and(Value::is_array))
}

/// The slug of the kernel that is saved: the one that exists, or for a new one what its title makes.
fn target(call: &Call<'_>, state: &State) -> Result<Result<String, &'static str>, RpcError> {
    if let Some(id) = number(call.body, "id").filter(|id| *id > 0) {
        let known = state
            .kernels
            .iter()
            .find(|kernel| kernel.id == id && !kernel.deleted && kernel.owner == call.user);
        return Ok(known.map_or(Err("Kernel not found"), |kernel| Ok(kernel.slug.clone())));
    }
    let (owner, slug) = call.text("slug").split_once('/').unwrap_or_default();
    if owner != call.user {
        return Ok(Err("Notebook not found"));
    }
    if state.kernel(owner, slug).is_some() {
        return Ok(Ok(slug.to_owned()));
    }
    let title = call.text("newTitle");
    if !(5..=50).contains(&title.chars().count()) {
        return Err(RpcError::new(400, "The title must have 5 to 50 characters"));
    }
    let made = slugify(title);
    if state.kernel(owner, &made).is_some() {
        return Err(RpcError::new(409, "A kernel of this title exists already"));
    }
    Ok(Ok(made))
}

/// Lower case, with one hyphen for whatever is no ASCII letter or digit; commas and points inside a
/// number as well as other alphabets are not treated as the real service treats them.
fn slugify(title: &str) -> String {
    let lower = title.to_ascii_lowercase();
    let words: Vec<&str> = lower
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    words.join("-")
}

/// The machine that a kernel gets, which is not always the one that was asked for.
fn machine(body: &Value) -> (String, Accelerator) {
    let asked = text(body, "machineShape");
    let (shape, accelerator) = match asked {
        "" if flag(body, "enableTpu") => ("TpuV5E8", Accelerator::Tpu),
        "" if flag(body, "enableGpu") => ("NvidiaTeslaT4", Accelerator::Gpu),
        "" | "None" | "TpuV232" | "TpuV2256" => ("", Accelerator::None),
        "TpuV38" | "Tpu1VmV38" | "TpuV5E8" => ("TpuV5E8", Accelerator::Tpu),
        "TpuV6E8" => ("TpuV6E8", Accelerator::Tpu),
        known @ ("NvidiaL4" | "NvidiaL4X1" | "NvidiaTeslaA100" | "NvidiaH100") => {
            (known, Accelerator::Gpu)
        }
        _ => ("NvidiaTeslaT4", Accelerator::Gpu),
    };
    (shape.to_owned(), accelerator)
}

/// Why no further session may begin.
fn over_limit(
    state: &State,
    settings: &Settings,
    accelerator: Accelerator,
    now: u64,
) -> Option<String> {
    let counted = state.sessions().filter(|(version, session)| {
        let since_end = session.ended_ms.map(|ended| now.saturating_sub(ended));
        version.accelerator == accelerator
            && since_end.is_none_or(|since| since < settings.ended_session_counts_milliseconds)
    });
    let (kind, most) = match accelerator {
        Accelerator::None => ("CPU", settings.cpu_sessions),
        Accelerator::Gpu => ("GPU", settings.accelerator_sessions),
        Accelerator::Tpu => ("TPU", settings.accelerator_sessions),
    };
    if counted.count() >= usize::try_from(most).unwrap_or(usize::MAX) {
        return Some(format!(
            "Maximum batch {kind} session count of {most} reached."
        ));
    }
    let allowed = sessions::allowed_ms(settings, accelerator);
    if accelerator != Accelerator::None && state.used_ms(accelerator, now) >= allowed {
        let (hours, hundredths) = (allowed / 3_600_000, allowed % 3_600_000 / 36_000);
        return Some(format!(
            "Maximum weekly {kind} quota of {hours}.{hundredths:02} hours reached"
        ));
    }
    None
}

/// The input files of a new session, and the data sets that cannot be attached.
fn mount(
    call: &Call<'_>,
    state: &State,
    settings: &Settings,
) -> Result<(Vec<StoredFile>, Vec<String>), RpcError> {
    let (mut files, mut invalid) = (Vec::new(), Vec::new());
    for source in texts(call.body, "datasetDataSources") {
        let (owner, slug) = source.split_once('/').unwrap_or_default();
        let Some(dataset) = state
            .dataset(owner, slug)
            .filter(|dataset| !dataset.is_private || dataset.owner == call.user)
        else {
            invalid.push(source);
            continue;
        };
        if dataset.recreated && settings.recreated_dataset_breaks_push {
            return Err(RpcError::new(500, "Internal Server Error"));
        }
        let prefix = match settings.mount {
            MountConvention::Owner => format!("datasets/{owner}/{slug}"),
            MountConvention::Slug => slug.to_owned(),
        };
        files.extend(dataset_files::mounted(
            call.core, state, owner, slug, &prefix,
        ));
    }
    if call.wants(&FaultKind::EmptyMount) && !files.is_empty() {
        call.fault_took_effect();
        files.clear();
    }
    Ok((files, invalid))
}
