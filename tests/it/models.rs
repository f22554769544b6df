//! Models: found in the cache that other tools share, fetched from a hub that misbehaves, checked to the
//! last byte. Every hub here is a server on this machine.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use remedia::clock::Clock;
use remedia::config::Environment as Variables;
use remedia::domain::retry::RetryPolicy;
use remedia::http::{HttpError, Timeouts};
use remedia::models::{
    Cache, FileState, Hub, Model, Outcome, PullError, PullEvent, PullSink, Puller, Registry,
};

use crate::support::Environment;
use crate::support::hub::{
    Answer, Body, REVISION, Seen, Server, list_of, model_folder, sha256, snapshot, weights,
};

const TOKEN: &str = "hf_TopSecret123";

/// A cache, a hub and what was told and waited for.
struct Place {
    folder: tempfile::TempDir,
    list: String,
    timeouts: Timeouts,
    offline: bool,
    waits: RefCell<Vec<Duration>>,
    stop_after: Option<usize>,
}

#[derive(Default)]
struct Told(Vec<PullEvent>);

impl PullSink for Told {
    fn event(&mut self, _: &Model, event: &PullEvent) {
        self.0.push(event.clone());
    }
}

impl Told {
    fn restarts(&self) -> Vec<&str> {
        self.0
            .iter()
            .filter_map(|event| match event {
                PullEvent::Restarted { reason, .. } => Some(reason.as_str()),
                _ => None,
            })
            .collect()
    }
}

impl Place {
    fn new(files: &[(&str, &[u8])]) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            list: list_of(files),
            timeouts: Timeouts::default(),
            offline: false,
            waits: RefCell::default(),
            stop_after: None,
        }
    }

    fn hub_folder(&self) -> PathBuf {
        self.folder.path().join("hf/hub")
    }

    fn cache(&self) -> Cache {
        Cache::new(
            self.hub_folder(),
            Registry::parse(&self.list, "of a test").unwrap(),
        )
    }

    fn pull(&self, endpoint: &str) -> (Result<Vec<Outcome>, PullError>, Told) {
        let cache = self.cache();
        let variables = Variables::new(
            self.folder.path(),
            [("HF_ENDPOINT", endpoint), ("HF_TOKEN", TOKEN)],
        );
        let hub = Hub::from_environment(&variables)
            .unwrap()
            .timeouts(self.timeouts)
            .offline(self.offline);
        let polls = RefCell::new(0);
        let wait = |duration: Duration| {
            if !duration.is_zero() {
                self.waits.borrow_mut().push(duration);
            }
            *polls.borrow_mut() += 1;
            self.stop_after.is_some_and(|most| *polls.borrow() > most)
        };
        let puller = Puller::new(&cache, &hub, Clock::system(), 7, &wait).retry(RetryPolicy {
            base: Duration::from_millis(2),
            longest: Duration::from_millis(8),
            max_faults: 4,
            max_outages: 4,
        });
        assert!(!format!("{puller:?}").contains(TOKEN));
        let mut told = Told::default();
        let pulled = puller.pull(&cache.registry().models()[0], &mut told);
        if let Err(error) = &pulled {
            assert!(!format!("{error:?} {error}").contains(TOKEN));
        }
        let outcomes = pulled.map(|files| files.iter().map(|file| file.outcome).collect());
        (outcomes, told)
    }

    #[track_caller]
    fn assert_whole(&self, content: &[u8]) {
        let name = snapshot(&self.hub_folder(), "model.safetensors");
        assert_eq!(fs_err::read(&name).unwrap(), content);
        let blobs = model_folder(&self.hub_folder()).join("blobs");
        assert_eq!(
            fs_err::read_link(&name).unwrap(),
            Path::new("../../blobs").join(sha256(content))
        );
        let left: Vec<_> = fs_err::read_dir(blobs)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(left, [sha256(content)], "nothing but the content is left");
        let local = self.cache().locate("tiny-clip").unwrap();
        assert_eq!(local.file("model.safetensors"), Some(name.as_path()));
        assert_eq!(local.digest(), Some(sha256(content).as_str()));
        assert_eq!(local.revision, REVISION);
    }

    #[track_caller]
    fn assert_nothing(&self) {
        assert!(self.cache().locate("tiny-clip").is_none());
        assert!(!snapshot(&self.hub_folder(), "model.safetensors").exists());
    }
}

/// A place for one file of weights, a server for it, and what came of a pull.
fn one(
    size: usize,
    handler: impl Fn(&Seen, usize, &[u8]) -> Answer + Send + Sync + 'static,
) -> (Place, Server, Vec<u8>) {
    let content = weights(size);
    let place = Place::new(&[("model.safetensors", &content)]);
    let served = content.clone();
    let server = Server::start(move |seen, before| handler(seen, before, &served));
    (place, server, content)
}

#[test]
fn a_cut_transfer_goes_on_by_range_and_the_layout_is_the_shared_one() {
    let (place, server, content) = one(300_000, |seen, before, content| {
        let answer = Answer::honest(seen, content);
        if before == 0 {
            answer.sent(Body::CutAfter(123_456))
        } else {
            answer
        }
    });
    let (pulled, told) = place.pull(&server.url());
    assert_eq!(pulled.unwrap(), [Outcome::Downloaded]);
    place.assert_whole(&content);
    let seen = server.seen();
    assert_eq!(
        seen[0].path,
        format!("/tiny/clip/resolve/{REVISION}/model.safetensors")
    );
    assert_eq!(
        seen[0].header("authorization"),
        Some(format!("Bearer {TOKEN}").as_str())
    );
    assert_eq!((seen.len(), seen[0].from()), (2, None));
    assert_eq!(
        seen[1].from(),
        Some(123_456),
        "everything that arrived is kept"
    );
    assert_eq!(seen[1].header("if-range"), Some("\"v1\""));
    assert!(told.restarts().is_empty());
    assert_eq!(place.waits.borrow().len(), 1);
    assert_eq!(
        fs_err::read_to_string(model_folder(&place.hub_folder()).join("refs/main")).unwrap(),
        REVISION
    );
    // Asked again nothing is fetched.
    let (again, _) = place.pull(&server.url());
    assert_eq!(again.unwrap(), [Outcome::AlreadyThere]);
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn a_chunked_body_that_ends_too_early_goes_on_too() {
    let (place, server, content) = one(200_000, |seen, before, content| match before {
        0 => Answer::whole(content).sent(Body::ChunkedCutAfter(50_000)),
        _ => Answer::honest(seen, content),
    });
    assert!(place.pull(&server.url()).0.is_ok());
    place.assert_whole(&content);
    assert_eq!(server.seen()[1].from(), Some(50_000));
}

#[test]
fn a_token_never_follows_a_redirect_and_the_range_does() {
    let content = weights(100_000);
    let served = content.clone();
    let storage = Server::start(move |seen, before| {
        let answer = Answer::honest(seen, &served);
        if before == 0 {
            answer.sent(Body::CutAfter(40_000))
        } else {
            answer
        }
    });
    let (place, digest) = (
        Place::new(&[("model.safetensors", &content)]),
        sha256(&content),
    );
    let to = format!("{}/signed/file?Signature=abc", storage.url());
    let hub = Server::start(move |_, _| {
        Answer::status(302)
            .header("location", &to)
            .header("x-linked-etag", &format!("\"{digest}\""))
    });
    assert!(place.pull(&hub.url()).0.is_ok());
    place.assert_whole(&content);
    assert!(
        hub.seen()
            .iter()
            .all(|seen| seen.header("authorization").is_some())
    );
    let seen = storage.seen();
    assert_eq!(seen.len(), 2);
    for request in &seen {
        assert_eq!(request.header("authorization"), None);
        assert!(!format!("{request:?}").contains(TOKEN));
    }
    assert_eq!(seen[1].from(), Some(40_000));
}

#[test]
fn a_redirect_inside_the_hub_is_followed_without_a_token_and_a_circle_is_not() {
    let (place, server, content) = one(5_000, |seen, _, content| {
        if seen.path.contains("/resolve/") {
            Answer::status(307).header("location", "/cache/file")
        } else {
            Answer::honest(seen, content)
        }
    });
    assert!(place.pull(&server.url()).0.is_ok());
    place.assert_whole(&content);
    assert_eq!(server.seen()[1].header("authorization"), None);
    let (place, server, _) = one(5_000, |seen, _, _| {
        Answer::status(302).header("location", &seen.path)
    });
    let error = place.pull(&server.url()).0.unwrap_err();
    assert!(
        matches!(
            error,
            PullError::Http {
                source: HttpError::Redirect { .. },
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(server.seen().len(), 6);
    for location in [
        "ftp://x/y",
        "http://user:pass@127.0.0.1/x",
        "file:///etc/passwd",
    ] {
        let (place, server, _) = one(5_000, move |_, _, _| {
            Answer::status(302).header("location", location)
        });
        let error = place.pull(&server.url()).0.unwrap_err();
        assert!(
            !error.is_retryable() && !format!("{error:?}").contains("pass@"),
            "{error:?}"
        );
    }
}

#[test]
fn a_server_that_ignores_ranges_or_changed_its_file_begins_anew() {
    let (place, server, content) = one(90_000, |_, before, content| {
        let answer = Answer::whole(content);
        if before == 0 {
            answer.sent(Body::CutAfter(30_000))
        } else {
            answer
        }
    });
    let (pulled, told) = place.pull(&server.url());
    assert!(pulled.is_ok());
    place.assert_whole(&content);
    assert_eq!(server.seen()[1].from(), Some(30_000));
    assert_eq!(told.restarts(), ["the hub sends it from its first byte"]);
}

#[test]
fn another_range_than_the_one_asked_for_is_not_appended() {
    let (place, server, content) = one(90_000, |seen, before, content| match before {
        0 => Answer::whole(content).sent(Body::CutAfter(30_000)),
        1 => Answer {
            content: content[10..].to_vec(),
            ..Answer::status(206)
        }
        .header("content-range", "bytes 10-89999/90000"),
        _ => Answer::honest(seen, content),
    });
    assert!(place.pull(&server.url()).0.is_ok());
    place.assert_whole(&content);
    assert_eq!(server.seen()[2].from(), None, "then the whole is asked for");
}

#[test]
fn a_part_that_the_server_does_not_have_is_given_up() {
    let (place, server, content) = one(90_000, |seen, before, content| match before {
        0 => Answer::whole(content).sent(Body::CutAfter(30_000)),
        1 => Answer::status(416).header("content-range", "bytes */90000"),
        _ => Answer::honest(seen, content),
    });
    let (pulled, told) = place.pull(&server.url());
    assert!(pulled.is_ok());
    place.assert_whole(&content);
    assert_eq!(
        told.restarts(),
        ["the hub does not have the part that is missing"]
    );
    assert_eq!(server.seen()[2].from(), None);
}

#[test]
fn a_busy_hub_is_waited_for_as_long_as_it_asks() {
    let (place, server, content) = one(1_000, |seen, before, content| match before {
        0 => Answer::status(429).header("retry-after", "7"),
        1 => Answer::status(503),
        2 => Answer::status(429)
            .header("date", "Sun, 06 Nov 1994 08:49:00 GMT")
            .header("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
        _ => Answer::honest(seen, content),
    });
    assert!(place.pull(&server.url()).0.is_ok());
    place.assert_whole(&content);
    let waits = place.waits.borrow();
    assert_eq!(waits.len(), 3);
    assert_eq!(waits[0], Duration::from_secs(7));
    assert!(waits[1] <= Duration::from_millis(8), "{waits:?}");
    assert_eq!(waits[2], Duration::from_secs(37));
}

#[test]
fn faults_that_do_not_end_and_waits_that_are_too_long_end_the_pull() {
    let (place, server, _) = one(1_000, |_, _, _| Answer::status(502));
    let error = place.pull(&server.url()).0.unwrap_err();
    assert!(error.is_retryable());
    assert_eq!(
        error.to_string(),
        "cannot fetch `model.safetensors` of tiny-clip after 4 tries"
    );
    assert_eq!(server.seen().len(), 4);
    let (place, server, _) = one(1_000, |_, _, _| {
        Answer::status(429).header("retry-after", "86400")
    });
    assert!(place.pull(&server.url()).0.unwrap_err().is_retryable());
    assert_eq!((server.seen().len(), place.waits.borrow().len()), (1, 0));
    // Nobody listens there any more.
    let closed = server.url();
    drop(server);
    std::thread::sleep(Duration::from_millis(50));
    let error = place.pull(&closed).0.unwrap_err();
    assert!(
        matches!(
            &error,
            PullError::Http {
                source: HttpError::Unreachable { .. },
                ..
            }
        ),
        "{error:?}"
    );
    place.assert_nothing();
}

#[test]
fn wrong_bytes_are_fetched_again_once_and_never_named() {
    let damaged = |content: &[u8]| {
        let mut damaged = content.to_vec();
        damaged[4_321] ^= 1;
        damaged
    };
    let (place, server, content) = one(10_000, move |seen, before, content| match before {
        0 => Answer::whole(&damaged(content)),
        _ => Answer::honest(seen, content),
    });
    let (pulled, told) = place.pull(&server.url());
    assert!(pulled.is_ok());
    place.assert_whole(&content);
    assert_eq!(told.restarts(), ["it arrived damaged"]);
    let (place, server, content) = one(10_000, move |_, _, content| {
        Answer::whole(&damaged(content))
    });
    let error = place.pull(&server.url()).0.unwrap_err();
    assert!(
        matches!(&error, PullError::Corrupted { expected, .. } if *expected == sha256(&content)),
        "{error:?}"
    );
    assert_eq!(server.seen().len(), 2);
    place.assert_nothing();
}

#[test]
fn another_file_is_refused_before_it_is_fetched() {
    let html = || {
        Answer {
            content: b"<html>Please sign in</html>".to_vec(),
            ..Answer::status(200)
        }
        .header("content-type", "text/html; charset=utf-8")
    };
    let cases: Vec<(Answer, &str)> = vec![
        (html(), "sent a web page"),
        (html().sent(Body::Chunked), "sent a web page"),
        (Answer::whole(&weights(9_999)), "it has 9999 bytes"),
        (
            Answer::whole(&weights(20_000)).sent(Body::Chunked),
            "more than the 10000 bytes",
        ),
        (Answer::status(204), "the hub answered 204"),
        (
            Answer::whole(&weights(10_000)).header("x-linked-etag", &"0".repeat(64)),
            "the hub says that its SHA-256 is 0000",
        ),
    ];
    for (answer, said) in cases {
        let (place, server, _) = one(10_000, move |_, _, _| answer.clone());
        let error = place.pull(&server.url()).0.unwrap_err();
        assert!(matches!(error, PullError::Different { .. }), "{error:?}");
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(server.seen().len(), 1);
        place.assert_nothing();
    }
}

#[test]
fn odd_headers_of_a_hub_name_no_files() {
    let (place, server, content) = one(10_000, |seen, before, content| {
        let answer = Answer::honest(seen, content)
            .header("x-linked-etag", "\"../../../../evil\"")
            .header("content-disposition", "attachment; filename=\"../../evil\"")
            .header("etag", "\"../../../evil\"");
        if before == 0 {
            answer.sent(Body::CutAfter(5_000))
        } else {
            answer
        }
    });
    assert!(place.pull(&server.url()).0.is_ok());
    place.assert_whole(&content);
    fn names(folder: &Path, found: &mut Vec<String>) {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.to_string_lossy().into_owned());
            if path.is_dir() {
                names(&path, found);
            }
        }
    }
    let mut found = Vec::new();
    names(place.folder.path(), &mut found);
    assert!(found.iter().all(|name| !name.contains("evil")), "{found:?}");
}

#[test]
fn a_hub_that_falls_silent_is_left_after_the_time_limit() {
    let (mut place, server, content) = one(10_000, |seen, before, content| {
        let answer = Answer::honest(seen, content);
        if before == 0 {
            answer.sent(Body::StallAfter(2_500))
        } else {
            answer
        }
    });
    place.timeouts.pause = Duration::from_millis(150);
    let started = Instant::now();
    let (pulled, told) = place.pull(&server.url());
    assert!(pulled.is_ok());
    assert!(started.elapsed() < Duration::from_secs(20));
    place.assert_whole(&content);
    assert_eq!(server.seen()[1].from(), Some(2_500));
    let said = told.0.iter().find_map(|event| match event {
        PullEvent::Retrying { problem, .. } => Some(problem.clone()),
        _ => None,
    });
    assert!(said.unwrap().contains("did not answer in time"));
}

#[test]
fn an_interrupted_pull_keeps_what_arrived() {
    let (mut place, server, content) = one(400_000, |seen, before, content| {
        let answer = Answer::honest(seen, content);
        if before == 0 {
            answer.sent(Body::Slow(20_000, Duration::from_millis(2)))
        } else {
            answer
        }
    });
    place.stop_after = Some(8);
    let error = place.pull(&server.url()).0.unwrap_err();
    assert!(matches!(error, PullError::Interrupted), "{error:?}");
    place.assert_nothing();
    place.stop_after = None;
    assert!(place.pull(&server.url()).0.is_ok());
    place.assert_whole(&content);
    assert!(server.seen()[1].from().is_some_and(|from| from > 0));
}

#[test]
fn a_disk_without_room_is_said_before_anything_is_asked() {
    let (mut place, server, content) = one(1_000, |seen, _, content| Answer::honest(seen, content));
    place.list = place.list.replace(
        &format!("bytes = {}", content.len()),
        "bytes = 1000000000000000000",
    );
    let error = place.pull(&server.url()).0.unwrap_err();
    assert!(
        error.to_string().starts_with(
            "no room for `model.safetensors` of tiny-clip: 1000000000000000000 more bytes are needed in"
        ),
        "{error}"
    );
    assert!(server.seen().is_empty());
}

#[test]
fn offline_nothing_is_asked_and_what_is_here_is_used() {
    let (mut place, server, content) = one(1_000, |seen, _, content| Answer::honest(seen, content));
    place.offline = true;
    assert!(matches!(
        place.pull(&server.url()).0,
        Err(PullError::Offline { .. })
    ));
    assert!(server.seen().is_empty());
    place.offline = false;
    assert!(place.pull(&server.url()).0.is_ok());
    place.offline = true;
    assert_eq!(
        place.pull(&server.url()).0.unwrap(),
        [Outcome::AlreadyThere]
    );
    place.assert_whole(&content);
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn files_that_another_tool_fetched_are_used() {
    let (config, content) = (b"{\"model_type\": \"clip\"}".to_vec(), weights(50_000));
    let mut place = Place::new(&[("config.json", &config), ("model.safetensors", &content)]);
    place.offline = true;
    let model = model_folder(&place.hub_folder());
    // The weights under their SHA-256, the small file at another revision and under a git hash.
    let other = model.join("snapshots/ffffffffffffffffffffffffffffffffffffffff");
    fs_err::create_dir_all(model.join("blobs")).unwrap();
    fs_err::create_dir_all(&other).unwrap();
    let git = "aa".repeat(20);
    fs_err::write(model.join("blobs").join(&git), &config).unwrap();
    fs_err::write(model.join("blobs").join(sha256(&content)), &content).unwrap();
    for (name, blob) in [
        ("config.json", &git),
        ("model.safetensors", &sha256(&content)),
    ] {
        let target = Path::new("../../blobs").join(blob);
        fs_err::os::unix::fs::symlink(target, other.join(name)).unwrap();
    }
    let local = place.cache().locate("tiny-clip").unwrap();
    assert_eq!(
        fs_err::read(local.file("model.safetensors").unwrap()).unwrap(),
        content
    );
    assert_eq!(
        fs_err::read(local.file("config.json").unwrap()).unwrap(),
        config
    );
    // A pull gives them their names at the pinned revision, and fetches nothing.
    let (pulled, _) = place.pull("http://127.0.0.1:1");
    assert_eq!(pulled.unwrap(), [Outcome::Linked, Outcome::Linked]);
    let name = snapshot(&place.hub_folder(), "config.json");
    assert_eq!(
        fs_err::read_link(&name).unwrap(),
        Path::new("../../blobs").join(&git)
    );
    assert!(other.join("config.json").exists());
    // The same size with another content is not the same file.
    fs_err::remove_file(&name).unwrap();
    fs_err::write(
        model.join("blobs").join(&git),
        b"{\"model_type\": \"clap\"}",
    )
    .unwrap();
    assert!(place.cache().locate("tiny-clip").is_none());
}

#[test]
fn damage_on_this_machine_is_found_and_mended() {
    let (config, content) = (b"{}".to_vec(), weights(50_000));
    let files: [(&str, &[u8]); 2] = [("config.json", &config), ("model.safetensors", &content)];
    let place = Place::new(&files);
    let (served_config, served) = (config.clone(), content.clone());
    let server = Server::start(move |seen, _| {
        let weights = seen.path.ends_with(".safetensors");
        Answer::honest(seen, if weights { &served } else { &served_config })
    });
    let states = || -> Vec<FileState> {
        let cache = place.cache();
        let verified = cache.verify(&cache.registry().models()[0], &|| false);
        verified.unwrap().iter().map(|file| file.state).collect()
    };
    assert_eq!(states(), [FileState::Missing, FileState::Missing]);
    assert!(place.pull(&server.url()).0.is_ok());
    assert_eq!(states(), [FileState::Present, FileState::Present]);
    let blob = model_folder(&place.hub_folder())
        .join("blobs")
        .join(sha256(&content));
    let mut damaged = content.clone();
    damaged[7] ^= 0x80;
    fs_err::write(&blob, &damaged).unwrap();
    fs_err::write(snapshot(&place.hub_folder(), "config.json"), b"longer").unwrap();
    assert_eq!(states(), [FileState::Damaged, FileState::Damaged]);
    assert!(
        place
            .cache()
            .verify(&place.cache().registry().models()[0], &|| true)
            .is_none()
    );
    let (pulled, told) = place.pull(&server.url());
    assert_eq!(pulled.unwrap(), [Outcome::Downloaded, Outcome::Downloaded]);
    assert_eq!(told.restarts().len(), 2);
    assert_eq!(states(), [FileState::Present, FileState::Present]);
}

/// The program with a list of one tiny model and a hub on this machine.
struct Program {
    environment: Environment,
    server: Server,
    content: Vec<u8>,
}

impl Program {
    fn new(
        size: usize,
        handler: impl Fn(&Seen, usize, &[u8]) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let content = weights(size);
        let environment = Environment::new();
        fs_err::write(
            environment.path().join("models.toml"),
            list_of(&[("model.safetensors", &content)]),
        )
        .unwrap();
        let served = content.clone();
        let server = Server::start(move |seen, before| handler(seen, before, &served));
        Self {
            environment,
            server,
            content,
        }
    }

    fn command<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = self.environment.command(arguments);
        command
            .env(
                "REMEDIA_TEST_MODELS",
                self.environment.path().join("models.toml"),
            )
            .env("HF_ENDPOINT", self.server.url())
            .env("HF_TOKEN", TOKEN)
            .env("HF_HOME", self.environment.path().join("hf"))
            .stdin(Stdio::null());
        command
    }

    #[track_caller]
    fn run<const N: usize>(&self, arguments: [&str; N], code: i32) -> (String, String) {
        let said = self
            .environment
            .said(self.command(arguments).output().unwrap())
            .with_code(code);
        assert!(
            !said.out.contains(TOKEN) && !said.error.contains(TOKEN),
            "{said:?}"
        );
        (said.out, said.error.replace(&self.server.url(), "[HUB]"))
    }

    fn hub_folder(&self) -> PathBuf {
        self.environment.path().join("hf/hub")
    }

    fn start(&self) -> Child {
        self.command(["models", "pull", "tiny-clip", "--accept-licence"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Waits until part of the weights is on the disk.
    fn wait_for_a_part(&self) {
        let part = model_folder(&self.hub_folder())
            .join("blobs")
            .join(format!("{}.incomplete", sha256(&self.content)));
        let started = Instant::now();
        while !fs_err::metadata(&part).is_ok_and(|facts| facts.len() > 100_000) {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "nothing arrives"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[track_caller]
    fn assert_whole(&self) {
        let name = snapshot(&self.hub_folder(), "model.safetensors");
        assert_eq!(fs_err::read(name).unwrap(), self.content);
    }
}

#[test]
fn a_licence_is_shown_accepted_and_remembered() {
    let program = Program::new(4_000, |seen, _, content| Answer::honest(seen, content));
    let (_, error) = program.run(["models", "pull", "tiny-clip"], 6);
    insta::assert_snapshot!(error, @r"
    tiny-clip (Tiny CLIP), 3.91 KiB
      from [HUB]/tiny/clip
      licence: MIT, https://licence.example/MIT
      Not for cats.
    error: the licence of tiny-clip is not accepted: MIT, https://licence.example/MIT
    hint: read it, then `remedia models pull tiny-clip --accept-licence`
    ");
    assert!(program.server.seen().is_empty());
    let (out, error) = program.run(["models", "pull", "tiny-clip", "--accept-licence"], 0);
    insta::assert_snapshot!(out, @"tiny-clip: [ENV]/hf/hub/models--tiny--clip/snapshots/0123456789abcdef0123456789abcdef01234567");
    insta::assert_snapshot!(error, @r"
    tiny-clip (Tiny CLIP), 3.91 KiB
      from [HUB]/tiny/clip
      licence: MIT, https://licence.example/MIT
      Not for cats.
    2026-01-02T03:04:05Z tiny-clip model.safetensors: fetching 3.91 KiB
    2026-01-02T03:04:05Z tiny-clip model.safetensors: fetched, and sound
    ");
    program.assert_whole();
    fs_err::remove_dir_all(program.hub_folder()).unwrap();
    let (_, error) = program.run(["models", "pull", "tiny-clip", "--quiet"], 0);
    assert_eq!(error, "", "what was accepted once is not asked again");
}

#[test]
fn the_list_and_the_check_say_what_is_here_and_how_to_mend_it() {
    let program = Program::new(4_000, |seen, _, content| Answer::honest(seen, content));
    insta::assert_snapshot!(program.run(["models"], 0).0, @r"
    model            size  licence  on this machine
    tiny-clip    3.91 KiB  MIT      no
        Tiny CLIP: tests
        `remedia models pull tiny-clip`
    ");
    insta::assert_snapshot!(program.run(["models", "verify"], 0).0, @"no models on this machine; `remedia models list` says which there are");
    let (doctor, _) = program.run(["doctor"], 0);
    assert!(
        doctor.contains("hint: `remedia models pull tiny-clip` fetches one"),
        "{doctor}"
    );
    program.run(["models", "pull", "--all", "--accept-licence"], 0);
    insta::assert_snapshot!(program.run(["models", "list"], 0).0, @r"
    model            size  licence  on this machine
    tiny-clip    3.91 KiB  MIT      yes
        Tiny CLIP: tests
        in [ENV]/hf/hub/models--tiny--clip
    ");
    let (doctor, _) = program.run(["doctor"], 0);
    assert!(
        doctor.contains("models: tiny-clip in [ENV]/hf/hub"),
        "{doctor}"
    );
    let (listed, _) = program.run(["models", "list", "--json"], 0);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["schema_version"], 1);
    assert_eq!(listed["models"][0]["state"], "present");
    assert_eq!(
        listed["models"][0]["files"][0]["sha256"],
        sha256(&program.content).as_str()
    );
    insta::assert_snapshot!(program.run(["models", "verify"], 0).0, @r"
    tiny-clip: sound
      sound    model.safetensors
    ");
    let blob = model_folder(&program.hub_folder())
        .join("blobs")
        .join(sha256(&program.content));
    fs_err::write(&blob, vec![0; 4_000]).unwrap();
    let (out, _) = program.run(["models", "verify", "tiny-clip"], 1);
    assert!(
        out.contains("damaged  model.safetensors: its SHA-256 is"),
        "{out}"
    );
    assert!(
        out.contains("hint: `remedia models pull tiny-clip` mends it"),
        "{out}"
    );
    let (out, _) = program.run(["models", "verify", "--json"], 1);
    let out: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(out["models"][0]["files"][0]["state"], "damaged");
    program.run(["models", "pull", "tiny-clip"], 0);
    program.assert_whole();
}

#[test]
fn events_for_programs_are_json_lines_and_end_with_the_result() {
    let program = Program::new(4_000, |seen, _, content| Answer::honest(seen, content));
    let (out, error) = program.run(
        ["models", "pull", "tiny-clip", "--accept-licence", "--jsonl"],
        0,
    );
    assert_eq!(error, "");
    let lines: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let events: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["event"].as_str())
        .collect();
    assert_eq!(events, ["started", "progress", "finished"]);
    assert!(lines.iter().all(|line| line["schema_version"] == 1));
    assert_eq!(lines[0]["model"], "tiny-clip");
    assert_eq!(lines[3]["models"][0]["files"][0]["outcome"], "downloaded");
    assert_eq!(lines[3]["exit_code"], 0);
}

#[test]
fn failures_have_their_exit_codes_and_the_command_that_goes_on() {
    let pull = ["models", "pull", "tiny-clip", "--accept-licence", "--quiet"];
    let cases: Vec<(Answer, i32, &str)> = vec![
        (
            Answer {
                content: format!("{{\"error\": \"token {TOKEN} is not valid\"}}").into_bytes(),
                ..Answer::status(401)
            }
            .header("content-type", "application/json"),
            4,
            "answered 401: token … is not valid",
        ),
        (Answer::status(403), 4, "HF_TOKEN"),
        (Answer::status(404), 1, "HF_ENDPOINT"),
        (
            Answer::status(503).header("retry-after", "3600"),
            5,
            "hint: `remedia models pull tiny-clip` goes on",
        ),
        (Answer::whole(b"other"), 5, "is not the pinned file"),
    ];
    for (answer, code, said) in cases {
        let program = Program::new(4_000, move |_, _, _| answer.clone());
        let (_, error) = program.run(pull, code);
        assert!(error.contains(said), "{error}");
    }
    let program = Program::new(4_000, |seen, _, content| Answer::honest(seen, content));
    let (_, error) = program.run(["models", "pull", "tiny-clip", "--offline"], 5);
    assert!(error.contains("--offline"), "{error}");
    let (_, error) = program.run(["models", "pull", "tiny-clap"], 2);
    assert!(error.contains("did you mean `tiny-clip`?"), "{error}");
    program.run(["models", "pull"], 2);
    let list = program.environment.path().join("models.toml");
    let text = fs_err::read_to_string(&list).unwrap();
    fs_err::write(&list, text.replace("model.safetensors", "../x.safetensors")).unwrap();
    let (_, error) = program.run(["models", "list"], 1);
    assert!(error.contains("it goes up with `..`"), "{error}");
    assert!(program.server.seen().is_empty());
}

#[test]
fn a_killed_pull_goes_on_where_it_stopped() {
    let program = Program::new(1_000_000, |seen, before, content| {
        let answer = Answer::honest(seen, content);
        if before == 0 {
            answer.sent(Body::Slow(20_000, Duration::from_millis(20)))
        } else {
            answer
        }
    });
    let mut first = program.start();
    program.wait_for_a_part();
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(!snapshot(&program.hub_folder(), "model.safetensors").exists());
    program.run(["models", "pull", "tiny-clip"], 0);
    program.assert_whole();
    let seen = program.server.seen_for("model.safetensors");
    assert_eq!(seen.len(), 2);
    assert!(
        seen[1].from().is_some_and(|from| from > 100_000),
        "{seen:?}"
    );
}

#[test]
fn two_processes_fetch_a_file_once() {
    let program = Program::new(600_000, |seen, _, content| {
        Answer::honest(seen, content).sent(Body::Slow(20_000, Duration::from_millis(20)))
    });
    let mut first = program.start();
    program.wait_for_a_part();
    let (_, error) = program.run(["models", "pull", "tiny-clip"], 0);
    assert!(error.contains("another process fetches it"), "{error}");
    assert!(error.contains("already here"), "{error}");
    assert!(first.wait().unwrap().success());
    program.assert_whole();
    assert_eq!(program.server.seen().len(), 1);
}
