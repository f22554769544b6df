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
const KAGGLE_SECONDS: f64 = 15.0;
/// Seconds until the first picture: a machine, packages, models.
const KAGGLE_STARTUP: f64 = 420.0;
/// Longest session of a kernel that leaves time for its outputs, in seconds.
const KAGGLE_SESSION: u64 = 11 * 3600;

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
    capabilities
}

/// Kaggle stages on two T4. The numbers are for Stable Diffusion 1.5 with two ControlNets at 30 steps and for
/// a session whose models and packages have to be fetched first: estimates, on the careful side.
fn kaggle() -> ProviderCapability {
    let staged = OperationCapability {
        seconds_per_attempt: KAGGLE_SECONDS,
        deterministic: false,
    };
    let missing = |reason: &str| MissingCapability {
        reason: reason.to_owned(),
        hint: "leave it out of `--operations`".to_owned(),
    };
    ProviderCapability {
        name: "kaggle".to_owned(),
        startup_seconds: KAGGLE_STARTUP,
        session_seconds: Some(KAGGLE_SESSION),
        rehearsal: false,
        operations: BTreeMap::from([(OperationKind::Stage, staged)]),
        missing: BTreeMap::from([
            (
                OperationKind::Enhance,
                missing("this machine enhances better than a service elsewhere"),
            ),
            (
                OperationKind::Video,
                missing("videos are not made on Kaggle yet"),
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
