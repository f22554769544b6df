//! Misbehaviour on purpose: a plan says by script or by seeded chance which request is answered wrongly
//! and how. Chance is drawn from the seed, the operation and how often it was asked, so that the same
//! seed gives the same faults to each operation whatever the threads do.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// What goes wrong with one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FaultKind {
    /// 429 before anything was done, with `Retry-After` in seconds when given.
    TooManyRequests { retry_after_seconds: Option<u32> },
    /// A 5xx before anything was done.
    ServerErrorBefore { status: u16 },
    /// A 5xx though the work was done.
    ServerErrorAfter { status: u16 },
    /// The connection is cut before anything was done.
    CutBefore,
    /// The work is done and the connection cut before the answer.
    LostAnswer,
    /// The answer is cut in the middle of its body.
    CutBody,
    /// `Content-Length` announces half of the body (`short`), or more than there is.
    WrongLength { short: bool },
    /// A page of HTML with status 200 instead of the answer; nothing was done.
    HtmlPage,
    /// HTTP 200 with `code` and `message` in the body; nothing was done.
    ErrorInside { code: u16 },
    /// The answer comes in about ten small pieces over this time, in milliseconds of real time.
    Trickle { total_ms: u32 },
    /// 404 for something that exists: not visible yet.
    NotVisibleYet,
    /// `nextPageToken` is the token that was sent.
    EchoedPageToken,
    /// The listing lacks its second half and does not say so.
    PartialListing,
    /// `READY` while the newest version is still in the making.
    StaleReady,
    /// `COMPLETE` while the session is still queued or running.
    StaleComplete,
    /// The new dataset version will end as `FAILED`.
    DatasetFails,
    /// The data sets of the kernel's session are mounted empty.
    EmptyMount,
    /// An upload is cut in the middle; what arrived is kept in steps of 256 KiB.
    UploadCut,
    /// An upload is answered 503; half of it is kept.
    UploadUnavailable,
    /// The upload session is forgotten: 404 from now on.
    UploadExpired,
    /// The signed address is refused as expired.
    AddressExpired,
}

/// One fault at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ScriptedFault {
    /// A method's name (`CreateDataset`), `Upload`, `Download`, `LogStream`, or `*` for all of them.
    pub(crate) on: String,
    /// Which request of that operation, counted from 1 since the plan was set.
    #[serde(default = "one")]
    pub(crate) occurrence: u32,
    /// How many requests one after the other.
    #[serde(default = "one")]
    pub(crate) times: u32,
    /// What goes wrong.
    pub(crate) kind: FaultKind,
}

/// A fault by chance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FaultRate {
    /// As in [`ScriptedFault::on`].
    pub(crate) on: String,
    /// Chance for each request, 0 to 1.
    pub(crate) probability: f64,
    /// What goes wrong.
    pub(crate) kind: FaultKind,
}

/// What goes wrong, where and how often.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct FaultPlan {
    /// Faults at known places; they come before the random ones.
    pub(crate) scripted: Vec<ScriptedFault>,
    /// Faults by chance, tried in this order.
    pub(crate) rates: Vec<FaultRate>,
    /// Chance for each request, 0 to 1, of a fault of any kind that it can have.
    pub(crate) any: f64,
    /// Seed of the chance.
    pub(crate) seed: u64,
    /// After so many injected faults of this plan the service behaves; without it never.
    pub(crate) limit: Option<u32>,
}

impl FaultPlan {
    /// One fault at the `occurrence`-th request of an operation.
    pub(crate) fn once(on: &str, occurrence: u32, kind: FaultKind) -> Self {
        Self {
            scripted: vec![ScriptedFault {
                on: on.to_owned(),
                occurrence,
                times: 1,
                kind,
            }],
            ..Self::default()
        }
    }

    /// Every kind of fault everywhere it can happen: each request has a fault with this probability, of a
    /// kind drawn evenly from those that it can have, until `limit` faults have happened.
    pub(crate) fn chaos(seed: u64, probability: f64, limit: u32) -> Self {
        Self {
            any: probability,
            seed,
            limit: Some(limit),
            ..Self::default()
        }
    }
}

/// One example of each kind of fault that a careful client survives.
pub(crate) fn every_kind() -> Vec<FaultKind> {
    use FaultKind as K;
    vec![
        K::TooManyRequests {
            retry_after_seconds: None,
        },
        K::TooManyRequests {
            retry_after_seconds: Some(1),
        },
        K::ServerErrorBefore { status: 500 },
        K::ServerErrorBefore { status: 503 },
        K::ServerErrorAfter { status: 502 },
        K::CutBefore,
        K::LostAnswer,
        K::CutBody,
        K::WrongLength { short: true },
        K::WrongLength { short: false },
        K::HtmlPage,
        K::ErrorInside { code: 503 },
        K::Trickle { total_ms: 300 },
        K::NotVisibleYet,
        K::EchoedPageToken,
        K::PartialListing,
        K::StaleReady,
        K::StaleComplete,
        K::UploadCut,
        K::UploadUnavailable,
        K::UploadExpired,
        K::AddressExpired,
    ]
}

fn one() -> u32 {
    1
}

/// A fault that happened.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct InjectedFault {
    /// The operation.
    pub(crate) on: String,
    /// Which request of that operation since the plan was set.
    pub(crate) occurrence: u32,
    /// What went wrong.
    pub(crate) kind: FaultKind,
}

/// A fault that the plan wants for a request.
#[derive(Clone, Debug)]
pub(crate) struct DrawnFault {
    pub(crate) kind: FaultKind,
    pub(crate) occurrence: u32,
}

/// The plan in force and what it did.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    plan: FaultPlan,
    asked: HashMap<String, u32>,
    injected_by_plan: u32,
    injected: Vec<InjectedFault>,
}

impl Faults {
    /// Puts a plan in force; occurrences count from here.
    pub(crate) fn set(&mut self, plan: FaultPlan) {
        self.plan = plan;
        self.asked.clear();
        self.injected_by_plan = 0;
    }

    /// Everything that went wrong on purpose since the start.
    pub(crate) fn injected(&self) -> &[InjectedFault] {
        &self.injected
    }

    /// What goes wrong with this request of an operation. Kinds that depend on the state of things are
    /// recorded only when they took effect, by [`Self::record`].
    pub(crate) fn draw(&mut self, operation: &str) -> Option<DrawnFault> {
        let asked = self.asked.entry(operation.to_owned()).or_default();
        *asked += 1;
        let occurrence = *asked;
        let everywhere = self.asked.entry("*".to_owned()).or_default();
        *everywhere += 1;
        let overall = *everywhere;
        let kind = self
            .scripted(operation, occurrence, overall)
            .or_else(|| self.by_chance(operation, occurrence))?;
        let drawn = DrawnFault { kind, occurrence };
        if !is_conditional(&drawn.kind) {
            self.record(operation, &drawn);
        }
        Some(drawn)
    }

    /// Notes that a fault took effect.
    pub(crate) fn record(&mut self, operation: &str, fault: &DrawnFault) {
        self.injected_by_plan += 1;
        self.injected.push(InjectedFault {
            on: operation.to_owned(),
            occurrence: fault.occurrence,
            kind: fault.kind.clone(),
        });
    }

    fn scripted(&self, operation: &str, occurrence: u32, overall: u32) -> Option<FaultKind> {
        let fault = self.plan.scripted.iter().find(|fault| {
            let at = if fault.on == "*" { overall } else { occurrence };
            matches_operation(&fault.on, operation)
                && at >= fault.occurrence
                && at - fault.occurrence < fault.times
                && applies(&fault.kind, operation)
        })?;
        Some(fault.kind.clone())
    }

    fn by_chance(&self, operation: &str, occurrence: u32) -> Option<FaultKind> {
        if self
            .plan
            .limit
            .is_some_and(|limit| self.injected_by_plan >= limit)
        {
            return None;
        }
        let mut random = SplitMix64(self.plan.seed);
        for byte in operation.bytes() {
            random.0 ^= u64::from(byte);
            random.next();
        }
        random.0 ^= u64::from(occurrence);
        random.next();
        let wanted = self.plan.rates.iter().find(|rate| {
            matches_operation(&rate.on, operation)
                && applies(&rate.kind, operation)
                && random.unit() < rate.probability
        });
        if let Some(wanted) = wanted {
            return Some(wanted.kind.clone());
        }
        if random.unit() >= self.plan.any {
            return None;
        }
        let mut kinds = every_kind();
        kinds.retain(|kind| applies(kind, operation));
        let count = u64::try_from(kinds.len()).ok().filter(|count| *count > 0)?;
        let place = usize::try_from(random.next() % count).ok()?;
        kinds.into_iter().nth(place)
    }
}

fn matches_operation(on: &str, operation: &str) -> bool {
    on == "*" || on == operation
}

/// Kinds that have an effect only in some states.
fn is_conditional(kind: &FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::EchoedPageToken
            | FaultKind::PartialListing
            | FaultKind::StaleReady
            | FaultKind::StaleComplete
            | FaultKind::DatasetFails
            | FaultKind::EmptyMount
    )
}

/// Whether a kind of fault can happen to an operation.
fn applies(kind: &FaultKind, operation: &str) -> bool {
    use FaultKind as K;
    let upload = operation == "Upload";
    let download = operation == "Download";
    let stream = operation == "LogStream";
    let call = !upload && !download && !stream;
    match kind {
        K::TooManyRequests { .. } | K::ServerErrorBefore { .. } | K::CutBefore => true,
        K::ServerErrorAfter { .. } | K::LostAnswer => call || upload,
        K::CutBody => !upload,
        K::WrongLength { .. } | K::HtmlPage | K::Trickle { .. } => call || download,
        K::ErrorInside { .. } => call,
        K::NotVisibleYet => matches!(
            operation,
            "GetDataset"
                | "GetDatasetStatus"
                | "ListDatasetFiles"
                | "GetKernel"
                | "GetKernelSessionStatus"
                | "ListKernelSessionOutput"
                | "ListKernelFiles"
        ),
        K::EchoedPageToken | K::PartialListing => matches!(
            operation,
            "ListDatasetFiles" | "ListKernelSessionOutput" | "ListKernelFiles"
        ),
        K::StaleReady => operation == "GetDatasetStatus",
        K::StaleComplete => operation == "GetKernelSessionStatus",
        K::DatasetFails => matches!(operation, "CreateDataset" | "CreateDatasetVersion"),
        K::EmptyMount => operation == "SaveKernel",
        K::UploadCut | K::UploadUnavailable | K::UploadExpired => upload,
        K::AddressExpired => download,
    }
}

/// Sebastiano Vigna's SplitMix64.
#[derive(Debug)]
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0 (with) to 1 (without).
    fn unit(&mut self) -> f64 {
        let high = u32::try_from(self.next() >> 32).unwrap_or_default();
        f64::from(high) / 4_294_967_296.0
    }
}
