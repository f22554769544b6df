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
    capabilities
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
