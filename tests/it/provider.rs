//! The rules of every provider, run on each: an order is handed over once, found again, worked on,
//! stopped and gone on with, and its results are what they say.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use remedia::bundle::{
    open_answer, read_order, sha256, working_photo_path, write_order, write_working_photo,
};
use remedia::clock::Clock;
use remedia::domain::enhancement::{EnhancementSettings, Look};
use remedia::domain::id::PhotoId;
use remedia::domain::job::{
    JOB_SCHEMA_VERSION, JobOrder, OrderLimits, OrderedOperation, OrderedPhoto, RunMarker,
};
use remedia::domain::operation::OperationKind;
use remedia::domain::plan::{AttemptParameters, PlannedAttempt, PlannedSource, StyleReference};
use remedia::domain::results::{
    AttemptResult, AttemptState, OperationResult, PhotoResult, RESULTS_SCHEMA_VERSION, ResultFile,
    Results, WorkerDescription,
};
use remedia::imaging::{DecodeLimits, JpegOptions, Picture, encode_jpeg, probe};
use remedia::provider::colab::{ColabProvider, ColabSettings};
use remedia::provider::fake::{FakeProvider, FakeScript};
use remedia::provider::{
    FaultKind, LocalProvider, LocalSettings, Order, Provider, ProviderError, RunContext, RunHandle,
    RunProgress, RunState,
};

/// An order of four photos on disk.
struct Desk {
    root: tempfile::TempDir,
    document: JobOrder,
    marker: RunMarker,
    folder: PathBuf,
    source: PathBuf,
    outputs: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let (folder, source) = (root.path().join("order"), root.path().join("listing"));
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::create_dir_all(&source).unwrap();
        let photos = (0..4_u8)
            .map(|number| {
                let samples = (0..96 * 64 * 3)
                    .map(|at| (at % 90) as u8 + number)
                    .collect();
                let picture = Picture::from_eight(96, 64, samples).unwrap();
                let bytes = encode_jpeg(&picture, &JpegOptions::default()).unwrap();
                let id = PhotoId::from_digest(&blake3::hash(&bytes));
                let file = format!("{number} room.jpg");
                fs_err::write(source.join(&file), &bytes).unwrap();
                write_working_photo(
                    &folder,
                    &root.path().join("prepared"),
                    &id,
                    &bytes,
                    bytes.len() as u64,
                    1536,
                    &DecodeLimits::default(),
                )
                .unwrap();
                ordered(id, file, number)
            })
            .collect();
        let document = JobOrder {
            schema_version: JOB_SCHEMA_VERSION,
            run_id: "oak-1-r1".to_owned(),
            job_id: "oak-1".parse().unwrap(),
            created: None,
            parent: None,
            executor: "any".to_owned(),
            engine_version: "classic-1".to_owned(),
            style: StyleReference {
                name: "modern".to_owned(),
                digest: "0".repeat(64),
            },
            limits: OrderLimits {
                max_attempts: 1,
                jpeg_quality: 90,
                clip_score_threshold: None,
                max_masked_share: None,
                deadline_seconds: None,
            },
            models: None,
            photos,
        };
        let marker = write_order(&folder, &document, &[]).unwrap();
        let (read, read_marker) = read_order(&folder).unwrap();
        assert_eq!((&read, &read_marker), (&document, &marker));
        Self {
            outputs: root.path().join("outputs"),
            document,
            marker,
            folder,
            source,
            root,
        }
    }

    fn order(&self) -> Order<'_> {
        Order {
            document: &self.document,
            marker: &self.marker,
            folder: &self.folder,
            source: &self.source,
            outputs: &self.outputs,
        }
    }

    fn local(&self) -> LocalProvider {
        LocalProvider::new(LocalSettings {
            threads: 2,
            memory_budget_bytes: 50_000_000,
            limits: DecodeLimits::default(),
        })
    }

    fn colab(&self) -> WithPerson {
        let now = "2026-05-04T10:00:00Z".parse().unwrap();
        WithPerson(ColabProvider::new(ColabSettings::by_hand(Clock::frozen(
            now,
        ))))
    }

    fn fake(&self) -> FakeProvider {
        let script = FakeScript {
            queued_polls: 1,
            running_polls: 2,
            ..FakeScript::default()
        };
        FakeProvider::new(self.root.path().join("far"), script)
    }
}

/// A provider whose orders a person does, as soon as it says that it waits for one.
#[derive(Debug)]
struct WithPerson(ColabProvider);

impl WithPerson {
    /// Takes the archive from the folder, gives every photo back as it is, and brings the results.
    fn work(&self, order: &Order<'_>) {
        let handed = tempfile::tempdir().unwrap();
        let names = self.0.hand_over(order, handed.path()).unwrap();
        assert_eq!(names.len(), 3);
        let archive = names.iter().find(|name| name.ends_with(".zip")).unwrap();
        let archive = fs_err::File::open(handed.path().join(archive)).unwrap();
        let bundle = handed.path().join("bundle");
        zip::ZipArchive::new(archive)
            .unwrap()
            .extract(&bundle)
            .unwrap();
        let (asked, marker) = read_order(&bundle).unwrap();
        let photos = asked.photos.iter().map(|photo| {
            let file = working_photo_path(&photo.photo_id);
            let bytes = fs_err::read(bundle.join(&file)).unwrap();
            let header = probe(&bytes).unwrap();
            let attempt = &photo.operations[0].attempts[0];
            let result = AttemptResult {
                state: AttemptState::Produced,
                image: Some(ResultFile {
                    file,
                    sha256: sha256(&bytes),
                    width: header.width,
                    height: header.height,
                }),
                ..AttemptResult::failed(attempt.number, attempt.seed, None)
            };
            PhotoResult {
                photo_id: photo.photo_id.clone(),
                operations: vec![OperationResult {
                    kind: photo.operations[0].kind,
                    attempts: vec![result],
                }],
            }
        });
        let results = Results {
            schema_version: RESULTS_SCHEMA_VERSION,
            run_id: marker.run_id.clone(),
            job_sha256: marker.job_sha256.clone(),
            complete: true,
            worker: WorkerDescription {
                engine: "person".to_owned(),
                version: "1".to_owned(),
                device: "none".to_owned(),
                models: Vec::new(),
            },
            photos: photos.collect(),
            stopped: None,
            unreadable: Vec::new(),
        };
        let bytes = serde_json::to_vec(&results).unwrap();
        fs_err::write(bundle.join("results.json"), bytes).unwrap();
        let answer = open_answer(&[bundle]).unwrap();
        let checked = answer.check(&asked, &marker).unwrap().unwrap();
        assert!(checked.missing().is_empty());
        checked
            .write(&self.0.import_folder(order).unwrap())
            .unwrap();
    }
}

impl Provider for WithPerson {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn poll_interval(&self, order: &Order<'_>) -> std::time::Duration {
        self.0.poll_interval(order)
    }

    fn is_remote(&self) -> bool {
        self.0.is_remote()
    }

    fn find(&self, order: &Order<'_>) -> Result<Option<RunHandle>, ProviderError> {
        self.0.find(order)
    }

    fn submit(
        &self,
        order: &Order<'_>,
        context: &RunContext<'_>,
    ) -> Result<RunHandle, ProviderError> {
        self.0.submit(order, context)
    }

    fn poll(
        &self,
        order: &Order<'_>,
        run: &RunHandle,
        context: &RunContext<'_>,
    ) -> Result<RunState, ProviderError> {
        let state = self.0.poll(order, run, context)?;
        if let RunState::AwaitingOperator { instruction } = &state {
            assert!(
                instruction.contains("remedia import oak-1 "),
                "{instruction}"
            );
            self.work(order);
        }
        Ok(state)
    }

    fn collect(
        &self,
        order: &Order<'_>,
        run: &RunHandle,
        context: &RunContext<'_>,
    ) -> Result<Results, ProviderError> {
        self.0.collect(order, run, context)
    }

    fn cancel(&self, order: &Order<'_>, run: Option<&RunHandle>) -> Result<(), ProviderError> {
        self.0.cancel(order, run)
    }

    fn operator_done(&self, order: &Order<'_>) -> Result<(), ProviderError> {
        self.0.operator_done(order)
    }
}

fn ordered(id: PhotoId, file: String, number: u8) -> OrderedPhoto {
    OrderedPhoto {
        sources: vec![PlannedSource {
            photo_id: id.clone(),
            file: file.clone(),
            exposure_value: None,
            iso: None,
            focal_length_35mm: None,
        }],
        photo_id: id,
        file,
        width: 96,
        height: 64,
        room: None,
        group: None,
        operations: vec![OrderedOperation {
            kind: OperationKind::Enhance,
            attempts: vec![PlannedAttempt {
                number: 1,
                seed: 100 + u64::from(number),
                parameters: AttemptParameters::Enhancement {
                    settings: EnhancementSettings::default(),
                    look: Look::default(),
                },
            }],
            clip: None,
            mask: None,
        }],
    }
}

fn submit(provider: &dyn Provider, order: &Order<'_>) -> Result<RunHandle, ProviderError> {
    let context = RunContext {
        progress: &|_| (),
        interrupted: &|| false,
    };
    provider.submit(order, &context)
}

/// Polls until the run ends, which must happen within a few polls.
fn finish(provider: &dyn Provider, order: &Order<'_>, run: &RunHandle) {
    for _ in 0..10 {
        if poll(provider, order, run, false).unwrap() == RunState::Finished {
            return;
        }
    }
    panic!("the run does not end");
}

fn poll(
    provider: &dyn Provider,
    order: &Order<'_>,
    run: &RunHandle,
    interrupted: bool,
) -> Result<RunState, ProviderError> {
    let context = RunContext {
        progress: &|_| (),
        interrupted: &|| interrupted,
    };
    provider.poll(order, run, &context)
}

fn collect(provider: &dyn Provider, order: &Order<'_>, run: &RunHandle) -> Results {
    let context = RunContext {
        progress: &|_| (),
        interrupted: &|| false,
    };
    provider.collect(order, run, &context).unwrap()
}

fn an_order_is_found_once_it_is_handed_over(desk: &Desk, provider: &dyn Provider) {
    let order = desk.order();
    assert_eq!(provider.find(&order).unwrap(), None);
    let run = submit(provider, &order).unwrap();
    assert_eq!(provider.find(&order).unwrap(), Some(run));
}

fn results_are_what_they_say(desk: &Desk, provider: &dyn Provider) {
    let order = desk.order();
    let run = submit(provider, &order).unwrap();
    finish(provider, &order, &run);
    let results = collect(provider, &order, &run);
    assert!(results.complete);
    assert_eq!(results.run_id, desk.document.run_id);
    assert_eq!(results.job_sha256, desk.marker.job_sha256);
    assert_eq!(results.photos.len(), 4);
    for (asked, made) in desk.document.photos.iter().zip(&results.photos) {
        assert_eq!(asked.photo_id, made.photo_id);
        let attempt = &made.operations[0].attempts[0];
        assert_eq!(attempt.seed, asked.operations[0].attempts[0].seed);
        assert_eq!(attempt.state, AttemptState::Produced);
        let image = attempt.image.as_ref().unwrap();
        let bytes = fs_err::read(desk.outputs.join(&image.file)).unwrap();
        assert_eq!(sha256(&bytes), image.sha256);
        let header = probe(&bytes).unwrap();
        assert_eq!((header.width, header.height), (96, 64));
        assert_eq!((image.width, image.height), (96, 64));
    }
    // Asking again after a crash gives the same.
    finish(provider, &order, &run);
    assert_eq!(collect(provider, &order, &run), results);
}

fn an_interrupted_run_goes_on(desk: &Desk, provider: &dyn Provider) {
    let order = desk.order();
    let run = submit(provider, &order).unwrap();
    let fault = poll(provider, &order, &run, true).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Interrupted);
    finish(provider, &order, &run);
    assert_eq!(collect(provider, &order, &run).photos.len(), 4);
}

fn a_cancelled_run_is_forgotten(desk: &Desk, provider: &dyn Provider) {
    let order = desk.order();
    provider.cancel(&order, None).unwrap();
    let run = submit(provider, &order).unwrap();
    provider.cancel(&order, Some(&run)).unwrap();
    assert_eq!(provider.find(&order).unwrap(), None);
    let run = submit(provider, &order).unwrap();
    finish(provider, &order, &run);
}

/// Runs every rule on a fresh desk each.
macro_rules! provider_rules {
    ($module:ident, $make:ident) => {
        mod $module {
            provider_rules!(@rules $make;
                an_order_is_found_once_it_is_handed_over
                results_are_what_they_say
                an_interrupted_run_goes_on
                a_cancelled_run_is_forgotten
            );
        }
    };
    (@rules $make:ident; $($rule:ident)+) => {
        $(#[test]
        fn $rule() {
            let desk = super::Desk::new();
            super::$rule(&desk, &desk.$make());
        })+
    };
}

provider_rules!(local, local);
provider_rules!(fake, fake);
provider_rules!(colab, colab);

#[test]
fn the_embedded_engine_makes_only_what_is_missing_or_damaged() {
    let desk = Desk::new();
    let provider = desk.local();
    let order = desk.order();
    let run = submit(&provider, &order).unwrap();
    finish(&provider, &order, &run);
    let first = collect(&provider, &order, &run);
    let path = |photo: usize| {
        let image = first.photos[photo].operations[0].attempts[0]
            .image
            .as_ref()
            .unwrap();
        desk.outputs.join(&image.file)
    };
    let kept = fs_err::metadata(path(0)).unwrap().modified().unwrap();
    let whole = fs_err::read(path(1)).unwrap();
    fs_err::write(path(1), &whole[..whole.len() / 2]).unwrap();
    let told = AtomicUsize::new(0);
    let context = RunContext {
        progress: &|progress| {
            if matches!(progress, RunProgress::Operation { .. }) {
                told.fetch_add(1, Ordering::SeqCst);
            }
        },
        interrupted: &|| false,
    };
    provider.poll(&order, &run, &context).unwrap();
    assert_eq!(fs_err::read(path(1)).unwrap(), whole);
    assert_eq!(fs_err::metadata(path(0)).unwrap().modified().unwrap(), kept);
    assert_eq!(told.into_inner(), 4);
}

#[test]
fn a_script_says_what_is_wrong_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script.toml");
    fs_err::write(&path, "queued_pols = 3").unwrap();
    let text = FakeScript::read(&path).unwrap_err().to_string();
    assert!(
        text.contains("script.toml") && text.contains("queued_pols"),
        "{text}"
    );
    assert!(FakeScript::read(&folder.path().join("none.toml")).is_err());
}
