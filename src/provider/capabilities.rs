//! What can be done on this machine and by the providers of this build, as facts for planning.

use std::collections::BTreeMap;
use std::thread::available_parallelism;

use crate::domain::capabilities::{
    Capabilities, EmbeddedCapability, MissingCapability, OperationCapability, ProviderCapability,
};
use crate::domain::operation::OperationKind;
use crate::local::ENGINE_VERSION;

/// Source megapixels that one core takes from file to finished JPEG in a second, delivery included:
/// an estimate for plans, on the careful side of what `benches/enhance.rs` measures.
const MEGAPIXELS_PER_SECOND: f64 = 4.0;

/// Seconds that one staged picture takes on one T4.
const T4_SECONDS: f64 = 15.0;
/// Seconds until the first picture: a machine, packages, models.
const T4_STARTUP: f64 = 420.0;
/// Longest session of a kernel that leaves time for its outputs, in seconds.
const KAGGLE_SESSION: u64 = 11 * 3600;
/// Longest session at Colab that is counted on, in seconds. Free sessions may last twelve hours, but they end
/// when the page is left alone or the machine is wanted elsewhere, and a person has to sit it out.
const COLAB_SESSION: u64 = 3 * 3600;

/// Seconds that the fake provider claims for one attempt.
const FAKE_SECONDS: f64 = 0.1;

/// What planning may count on with this many threads for pixel work; 0 means one for each core.
#[must_use]
pub fn capabilities(threads: usize) -> Capabilities {
    let cores = match threads {
        0 => available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let mut capabilities = Capabilities::embedded_only(EmbeddedCapability {
        engine_version: ENGINE_VERSION.to_owned(),
        megapixels_per_second: MEGAPIXELS_PER_SECOND,
        cores: u32::try_from(cores).unwrap_or(u32::MAX),
    });
    capabilities.providers.push(fake());
    capabilities.providers.push(kaggle());
    capabilities.providers.push(colab());
    capabilities
}

/// About how many seconds a run at Colab with so many photos takes.
pub(super) fn seconds_on_colab(photos: usize) -> u64 {
    (T4_STARTUP + T4_SECONDS * photos as f64).ceil() as u64
}

/// Kaggle stages on two T4.
fn kaggle() -> ProviderCapability {
    on_a_t4("kaggle", "Kaggle", KAGGLE_SESSION)
}

/// Colab stages on one T4.
fn colab() -> ProviderCapability {
    on_a_t4("colab", "Colab", COLAB_SESSION)
}

/// Staging on a T4 elsewhere. The numbers are for Stable Diffusion 1.5 with two ControlNets at 30 steps and for
/// a session whose models and packages have to be fetched first: estimates, on the careful side.
fn on_a_t4(name: &str, shown: &str, session_seconds: u64) -> ProviderCapability {
    let staged = OperationCapability {
        seconds_per_attempt: T4_SECONDS,
        deterministic: false,
    };
    let missing = |reason: &str| MissingCapability {
        reason: reason.to_owned(),
        hint: "leave it out of `--operations`".to_owned(),
    };
    ProviderCapability {
        name: name.to_owned(),
        startup_seconds: T4_STARTUP,
        session_seconds: Some(session_seconds),
        rehearsal: false,
        operations: BTreeMap::from([(OperationKind::Stage, staged)]),
        missing: BTreeMap::from([
            (
                OperationKind::Enhance,
                missing("this machine enhances better than a service elsewhere"),
            ),
            (
                OperationKind::Video,
                missing(&format!("videos are not made on {shown} yet")),
            ),
        ]),
    }
}

/// The fake provider plays enhancement and staging; a video it cannot play.
fn fake() -> ProviderCapability {
    let played = OperationCapability {
        seconds_per_attempt: FAKE_SECONDS,
        deterministic: false,
    };
    let missing = MissingCapability {
        reason: "the fake provider plays no videos".to_owned(),
        hint: "leave `video` out of `--operations`".to_owned(),
    };
    ProviderCapability {
        name: "fake".to_owned(),
        startup_seconds: 0.0,
        session_seconds: None,
        rehearsal: true,
        operations: BTreeMap::from([
            (OperationKind::Enhance, played),
            (OperationKind::Stage, played),
        ]),
        missing: BTreeMap::from([(OperationKind::Video, missing)]),
    }
}
