//! The fake Kaggle itself: that its state goes on as the real one's does, and that every fault that a plan
//! can ask for really happens.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::fake_kaggle::{
    AuthSource, ClockMode, CommandWorker, FakeKaggle, FakeOptions, FaultKind, FaultPlan, FaultRate,
    KernelSession, KernelWorker, MountConvention, Pace, Settings, WorkerEnd,
};

const TOKEN: &str = "Bearer KGAT_tester";
const DATASETS: &str = "datasets.DatasetApiService";
const KERNELS: &str = "kernels.KernelsApiService";
const NEVER: Pace = Pace {
    milliseconds: u64::MAX,
    questions: None,
};
/// `sub/text.txt` (deflated, 2501 bytes) and `stored.bin` (3 bytes).
const ZIP: &str = "UEsDBBQAAAAIAAAAIVyDmEX+NQEAAMUJAAAMAAAAc3ViL3RleHQudHh0jdU9bsMwDIbhPafQATpYpKif42RwkABGWzQaevyi8Of51f5BlPiQ9vH63NOWvh7pnub+O9N83mf62b/3+3yn13zvx+MjbbfjP5cpl89coZyduUE5V91KwXIGLSgYZ9DxxKqn4B3bGaz46H4GO3Zx6I7YbbEYls4XTMOkaJphUjgcFI7z+Ein8pniGQie5ePcTgE1XIcsoYz3NBEFVjcRDZxME1HhNRPRwM6bjArfU0aDq8sosJ8mo45BEVVkNxEZTryLqGN1F1Hg011EhgPiIur8LRRRRUy/PnLYJRdR5jMvIhxPv4w4KaOCnS8ycuxnkVHmM2XE/5Zri3A3iog6Nr6IqCF7EVHjM0XU+J59OTlWq8e2+qLIq10KW+18+CJmlNX5iFiduaircxxtdTeir+5bjNsfUEsDBBQAAAAAAAAAIVx/iVQIAwAAAAMAAAAKAAAAc3RvcmVkLmJpbgABAlBLAQIUAxQAAAAIAAAAIVyDmEX+NQEAAMUJAAAMAAAAAAAAAAAAAACAAQAAAABzdWIvdGV4dC50eHRQSwECFAMUAAAAAAAAACFcf4lUCAMAAAADAAAACgAAAAAAAAAAAAAAgAFfAQAAc3RvcmVkLmJpblBLBQYAAAAAAgACAHIAAACKAQAAAAA=";

/// What the service said.
#[derive(Debug)]
struct Said {
    status: u16,
    headers: ureq::http::HeaderMap,
    /// Nothing when the body broke off.
    body: Option<Vec<u8>>,
}

impl Said {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(self.body.as_deref().unwrap()).unwrap()
    }
}

/// A service with a client.
struct Service {
    fake: FakeKaggle,
    agent: ureq::Agent,
    _folder: tempfile::TempDir,
}

impl Service {
    fn with(change: impl FnOnce(&mut FakeOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = FakeOptions::new(folder.path());
        options.clock = ClockMode::Manual;
        change(&mut options);
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .build()
            .new_agent();
        Self {
            fake: FakeKaggle::start(options).unwrap(),
            agent,
            _folder: folder,
        }
    }

    fn new() -> Self {
        Self::with(|_| {})
    }

    fn change(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.fake.settings();
        change(&mut settings);
        self.fake.set_settings(settings);
    }

    fn said(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Option<Said> {
        let mut answer = answer.ok()?;
        Some(Said {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: answer
                .body_mut()
                .with_config()
                .limit(1 << 30)
                .read_to_vec()
                .ok(),
        })
    }

    /// A call with any authorization; nothing when there is no answer.
    fn call_as(&self, authorization: &str, method: &str, body: &Value) -> Option<Said> {
        let url = format!("{}/{method}", self.fake.url());
        let mut request = self.agent.post(url);
        if !authorization.is_empty() {
            request = request.header("Authorization", authorization);
        }
        Self::said(request.send(body.to_string()))
    }

    fn try_call(&self, method: &str, body: &Value) -> Option<Said> {
        self.call_as(TOKEN, method, body)
    }

    /// A call that succeeds.
    fn call(&self, method: &str, body: &Value) -> Value {
        let said = self.try_call(method, body).unwrap();
        assert_eq!(said.status, 200, "{method}: {said:?}");
        said.json()
    }

    /// The status of a call that fails.
    fn refused(&self, method: &str, body: &Value) -> u16 {
        self.try_call(method, body).unwrap().status
    }

    fn put(&self, url: &str, range: Option<&str>, body: &[u8]) -> Option<Said> {
        let mut request = self.agent.put(url);
        if let Some(range) = range {
            request = request.header("Content-Range", range);
        }
        Self::said(request.send(body))
    }

    fn get(&self, url: &str, headers: &[(&str, &str)]) -> Option<Said> {
        let mut request = self.agent.get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Self::said(request.call())
    }

    fn start_upload(&self, name: &str, length: usize) -> (String, String) {
        let started = self.call(
            "blobs.BlobApiService/StartBlobUpload",
            &json!({"type": "DATASET", "name": name, "contentLength": length}),
        );
        let field = |name: &str| started[name].as_str().unwrap().to_owned();
        (field("token"), field("createUrl"))
    }

    fn upload(&self, name: &str, content: &[u8]) -> String {
        let (token, url) = self.start_upload(name, content.len());
        assert_eq!(self.put(&url, None, content).unwrap().status, 200);
        token
    }

    fn tokens(&self, files: &[(&str, &[u8])]) -> Value {
        let files = files
            .iter()
            .map(|(name, content)| json!({"token": self.upload(name, content)}));
        Value::Array(files.collect())
    }

    fn create(&self, slug: &str, files: &[(&str, &[u8])]) -> Value {
        let body = json!({
            "ownerSlug": "tester", "slug": slug, "title": slug, "licenseName": "other",
            "isPrivate": true, "files": self.tokens(files),
        });
        self.call(&format!("{DATASETS}/CreateDataset"), &body)
    }

    fn dataset(&self, method: &str, slug: &str) -> Value {
        let body = json!({"ownerSlug": "tester", "datasetSlug": slug});
        self.call(&format!("{DATASETS}/{method}"), &body)
    }

    fn listed(&self, slug: &str) -> Vec<String> {
        let listing = self.dataset("ListDatasetFiles", slug);
        let files = listing["datasetFiles"].as_array().unwrap().iter();
        files
            .map(|file| file["name"].as_str().unwrap().to_owned())
            .collect()
    }

    fn push(&self, slug: &str, changes: &Value) -> Value {
        let notebook = json!({"cells": [], "metadata": {"kernelspec": {"name": "python3"}}});
        let mut body = json!({
            "slug": format!("tester/{slug}"), "newTitle": slug, "text": notebook.to_string(),
            "language": "python", "kernelType": "notebook", "isPrivate": true,
            "machineShape": "NvidiaTeslaT4", "datasetDataSources": [],
        });
        let body_fields = body.as_object_mut().unwrap();
        body_fields.extend(changes.as_object().unwrap().clone());
        self.call(&format!("{KERNELS}/SaveKernel"), &body)
    }

    fn kernel(&self, method: &str, slug: &str, label: &str) -> Value {
        let body = json!({"userName": "tester", "kernelSlug": slug, "versionLabel": label});
        self.call(&format!("{KERNELS}/{method}"), &body)
    }

    fn status(&self, slug: &str, label: &str) -> String {
        let answer = self.kernel("GetKernelSessionStatus", slug, label);
        answer["status"].as_str().unwrap_or("QUEUED").to_owned()
    }

    /// Waits in real time: the worker's thread needs some.
    fn wait(&self, slug: &str, label: &str, wanted: &str) {
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if self.status(slug, label) == wanted {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!(
            "{slug} {label} is {} and not {wanted}",
            self.status(slug, label)
        );
    }

    /// A data set and a kernel that copied it.
    fn finished(&self, files: &[(&str, &[u8])]) {
        self.create("bundle-one", files);
        self.push(
            "run-one",
            &json!({"datasetDataSources": ["tester/bundle-one"]}),
        );
        self.wait("run-one", "v1", "COMPLETE");
    }

    fn first_output(&self) -> String {
        let listing = self.kernel("ListKernelSessionOutput", "run-one", "v1");
        listing["files"][0]["url"].as_str().unwrap().to_owned()
    }
}

/// A worker that does what a function says.
#[derive(Debug)]
struct Worker(fn(&KernelSession) -> WorkerEnd);

impl KernelWorker for Worker {
    fn run(&self, session: &KernelSession) -> WorkerEnd {
        (self.0)(session)
    }
}

fn worker(run: fn(&KernelSession) -> WorkerEnd) -> Service {
    Service::with(|options| options.worker = Arc::new(Worker(run)))
}

#[test]
fn a_dataset_becomes_ready_and_its_listing_follows() {
    let service = Service::new();
    service.change(|settings| {
        settings.dataset_pace = Pace {
            milliseconds: u64::MAX,
            questions: Some(2),
        };
    });
    let probe = json!({"ownerSlug": "tester", "datasetSlug": "bundle-one"});
    assert_eq!(
        service.refused(&format!("{DATASETS}/GetDatasetStatus"), &probe),
        403
    );
    let created = service.create("bundle-one", &[("b.txt", b"bb"), ("a.txt", b"")]);
    assert_eq!(created["ref"], "/tester/bundle-one");
    assert_eq!(created["status"], "ok");
    // In the making: the first half is listed, and no second version is taken.
    assert_eq!(service.listed("bundle-one"), ["a.txt"]);
    let version = json!({
        "ownerSlug": "tester", "datasetSlug": "bundle-one",
        "body": {"versionNotes": "second", "files": service.tokens(&[("c.txt", b"c")])},
    });
    let method = format!("{DATASETS}/CreateDatasetVersion");
    assert_eq!(service.refused(&method, &version), 403);
    assert_eq!(service.dataset("GetDatasetStatus", "bundle-one"), json!({}));
    let second = service.dataset("GetDatasetStatus", "bundle-one");
    assert_eq!(second["status"], "BLOBS_DECOMPRESSED");
    let third = service.dataset("GetDatasetStatus", "bundle-one");
    assert_eq!(third["status"], "READY");
    assert_eq!(service.listed("bundle-one"), ["a.txt", "b.txt"]);

    service.call(&method, &version);
    assert_eq!(service.dataset("GetDatasetStatus", "bundle-one"), json!({}));
    assert_eq!(service.listed("bundle-one"), ["a.txt", "b.txt"]);
    let described = service.dataset("GetDataset", "bundle-one");
    assert_eq!(described["currentVersionNumber"], 1);
    assert_eq!(described["isPrivate"], true);
    service.change(|settings| settings.dataset_pace = Pace::default());
    assert_eq!(service.listed("bundle-one"), ["c.txt"]);
    let described = service.dataset("GetDataset", "bundle-one");
    assert_eq!(described["currentVersionNumber"], 2);
    assert_eq!(described["totalBytes"], 1);
    assert_eq!(service.fake.dataset_versions("bundle-one"), 2);

    let again = service.create("bundle-one", &[("a.txt", b"a")]);
    assert!(again["error"].as_str().unwrap().contains("already in use"));
    service.dataset("DeleteDataset", "bundle-one");
    assert_eq!(
        service.refused(&format!("{DATASETS}/GetDatasetStatus"), &probe),
        403
    );
    assert_eq!(service.fake.dataset_versions("bundle-one"), 2);
    assert!(service.fake.existing().is_empty());
}

#[test]
fn a_dataset_is_public_unless_told_otherwise() {
    let service = Service::new();
    service.create("bundle-one", &[("a.txt", b"a")]);
    assert!(service.fake.public_datasets().is_empty());
    let body = json!({
        "ownerSlug": "tester", "slug": "bundle-two", "title": "bundle-two",
        "files": service.tokens(&[("a.txt", b"a")]),
    });
    service.call(&format!("{DATASETS}/CreateDataset"), &body);
    assert_eq!(
        service.fake.public_datasets(),
        ["dataset/tester/bundle-two"]
    );
}

#[test]
fn folders_and_archives_keep_their_tree() {
    let service = Service::new();
    let zip = BASE64.decode(ZIP.as_bytes()).unwrap();
    let body = json!({
        "ownerSlug": "tester", "slug": "bundle-one", "title": "bundle-one", "isPrivate": true,
        "files": service.tokens(&[("photos.zip", &zip)]),
        "directories": [{"name": "masks", "files": service.tokens(&[("one.png", b"1")]),
            "directories": [{"name": "deep", "files": service.tokens(&[("two.png", b"22")])}]}],
    });
    service.call(&format!("{DATASETS}/CreateDataset"), &body);
    assert_eq!(
        service.listed("bundle-one"),
        [
            "masks/deep/two.png",
            "masks/one.png",
            "photos/stored.bin",
            "photos/sub/text.txt"
        ]
    );
    let files = service.fake.dataset_files("bundle-one");
    let text = fs_err::read_to_string(&files[3].path).unwrap();
    assert_eq!(files[3].size, 2501);
    assert!(
        text.ends_with("line 86 of a text that repeats itself, 59\n"),
        "{text}"
    );

    let mut damaged = zip.clone();
    damaged[60] ^= 1;
    service.create("bundle-two", &[("photos.zip", &damaged)]);
    assert_eq!(
        service.dataset("GetDatasetStatus", "bundle-two")["status"],
        "FAILED"
    );

    // Plain tar is taken, one with extended headers is not.
    let tar = |kind: u8| {
        let mut head = [0_u8; 512];
        head[..5].copy_from_slice(b"a.txt");
        head[124..135].copy_from_slice(b"00000000003");
        head[156] = kind;
        [&head[..], b"abc", &[0; 509], &[0; 1024]].concat()
    };
    service.create("bundle-three", &[("photos.tar", &tar(b'0'))]);
    assert_eq!(service.listed("bundle-three"), ["photos/a.txt"]);
    service.create("bundle-four", &[("photos.tar", &tar(b'x'))]);
    assert_eq!(
        service.dataset("GetDatasetStatus", "bundle-four")["status"],
        "FAILED"
    );
    service.change(|settings| settings.unpack_archives = false);
    service.create("bundle-five", &[("photos.zip", &zip)]);
    assert_eq!(service.listed("bundle-five"), ["photos.zip"]);
}

#[test]
fn listings_come_in_pages() {
    let service = Service::new();
    let names: Vec<String> = (0..45).map(|number| format!("{number:02}.txt")).collect();
    let files: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), &b"x"[..]))
        .collect();
    service.create("bundle-one", &files);
    let mut body = json!({"ownerSlug": "tester", "datasetSlug": "bundle-one"});
    let mut sizes = Vec::new();
    loop {
        let page = service.call(&format!("{DATASETS}/ListDatasetFiles"), &body);
        sizes.push(page["datasetFiles"].as_array().unwrap().len());
        if page["nextPageToken"] == "" {
            break;
        }
        body["pageToken"] = page["nextPageToken"].clone();
    }
    assert_eq!(sizes, [20, 20, 5]);
    body["pageSize"] = 1000.into();
    body["pageToken"] = "".into();
    let page = service.call(&format!("{DATASETS}/ListDatasetFiles"), &body);
    assert_eq!(page["datasetFiles"].as_array().unwrap().len(), 45);
}

#[test]
fn an_upload_that_broke_off_goes_on() {
    let service = Service::new();
    let content: Vec<u8> = (0..1_000_000_u32)
        .map(|number| (number % 251) as u8)
        .collect();
    let total = content.len();
    let (token, url) = service.start_upload("a.bin", total);
    let ask = |range: &str| service.put(&url, Some(range), b"").unwrap();
    let unknown = ask(&format!("bytes */{total}"));
    assert_eq!((unknown.status, unknown.header("Range")), (308, None));

    // The client dies after 700 000 bytes.
    let mut stream = TcpStream::connect(url.split('/').nth(2).unwrap()).unwrap();
    let head = format!("PUT {url} HTTP/1.1\r\nHost: x\r\nContent-Length: {total}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&content[..700_000]).unwrap();
    drop(stream);
    let until = Instant::now() + Duration::from_secs(10);
    let mut answer = ask(&format!("bytes */{total}"));
    while answer.header("Range").is_none() && Instant::now() < until {
        answer = ask(&format!("bytes */{total}"));
    }
    assert_eq!(
        (answer.status, answer.header("Range")),
        (308, Some("bytes=0-524287"))
    );

    // Neither a gap nor another length is taken.
    for wrong in [
        "bytes 600000-999999/1000000",
        "bytes 524288-999999/999999",
        "bytes 5",
    ] {
        assert_eq!(
            service
                .put(&url, Some(wrong), &content[600_000..])
                .unwrap()
                .status,
            400
        );
    }
    let rest = format!("bytes 524288-999999/{total}");
    assert_eq!(
        service
            .put(&url, Some(&rest), &content[524_288..])
            .unwrap()
            .status,
        200
    );
    assert_eq!(ask(&format!("bytes */{total}")).status, 200);
    let body = json!({
        "ownerSlug": "tester", "slug": "bundle-one", "title": "bundle-one", "isPrivate": true,
        "files": [{"token": token}],
    });
    service.call(&format!("{DATASETS}/CreateDataset"), &body);
    let stored = &service.fake.dataset_files("bundle-one")[0];
    assert_eq!(fs_err::read(&stored.path).unwrap(), content);
    assert_eq!(service.fake.bytes_up(), 700_000 + 475_712);

    // One that is not complete cannot be used, and one that is old is forgotten.
    let (token, url) = service.start_upload("b.bin", 10);
    let body = json!({
        "ownerSlug": "tester", "slug": "bundle-two", "title": "bundle-two", "isPrivate": true,
        "files": [{"token": token}],
    });
    let refused = service.call(&format!("{DATASETS}/CreateDataset"), &body);
    assert_eq!(refused["status"], "error");
    service.fake.advance(Duration::from_secs(8 * 86_400));
    assert_eq!(service.put(&url, None, b"0123456789").unwrap().status, 404);
}

#[test]
fn requests_in_absolute_form_and_in_chunks_are_understood() {
    let service = Service::new();
    let exchange = |request: String| {
        let mut stream = TcpStream::connect(service.fake.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = exchange(format!(
        "POST http://localhost/api/v1/{KERNELS}/GetAcceleratorQuotaStatistics HTTP/1.1\r\n\
         Host: localhost\r\nAuthorization: {TOKEN}\r\nTransfer-Encoding: chunked\r\n\
         Connection: close\r\n\r\n1\r\n{{\r\n1;x=y\r\n}}\r\n0\r\n\r\n"
    ));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains("\"totalTimeAllowed\":\"108000s\""),
        "{answer}"
    );
    let (_, url) = service.start_upload("empty.txt", 0);
    let answer = exchange(format!(
        "PUT {url} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n"
    ));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = exchange("GET /elsewhere HTTP/1.0\r\n\r\n".to_owned());
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}

#[test]
fn callers_are_known_by_token_key_or_oauth_and_leaks_are_seen() {
    let service = Service::new();
    let quota = format!("{KERNELS}/GetAcceleratorQuotaStatistics");
    let status = |authorization: &str| {
        let said = service.call_as(authorization, &quota, &json!({})).unwrap();
        (
            said.status,
            service.fake.transcript().last().unwrap().auth.clone(),
        )
    };
    let basic = |pair: String| format!("Basic {}", BASE64.encode(pair.as_bytes()));
    assert_eq!(status(""), (401, AuthSource::None));
    assert_eq!(status("Bearer KGAT_other"), (401, AuthSource::Refused));
    assert_eq!(status(TOKEN), (200, AuthSource::Token));
    let key = "0".repeat(32);
    assert_eq!(
        status(&basic(format!("tester:{key}"))),
        (200, AuthSource::Basic)
    );
    assert_eq!(
        status(&basic(format!("tester:1{key}"))),
        (401, AuthSource::Refused)
    );

    let generate = "users.AccountService/GenerateAccessToken";
    let body = json!({"refreshToken": "refresh_tester", "expirationDuration": "3600s"});
    let issued = service.call_as("", generate, &body).unwrap().json();
    let bearer = format!("Bearer {}", issued["token"].as_str().unwrap());
    assert_eq!(status(&bearer), (200, AuthSource::OAuth));
    service.fake.advance(Duration::from_secs(3600));
    assert_eq!(status(&bearer), (401, AuthSource::Refused));
    let bad = json!({"refreshToken": "other"});
    assert_eq!(service.call_as("", generate, &bad).unwrap().status, 401);
    let introspect = "security.OAuthService/IntrospectToken";
    let known = service.call(introspect, &json!({"token": "KGAT_tester"}));
    assert_eq!(
        (&known["active"], &known["username"]),
        (&json!(true), &json!("tester"))
    );
    let unknown = service.call(introspect, &json!({"token": "KGAT_other"}));
    assert_eq!(unknown["active"], false);

    assert!(service.fake.leaks().is_empty());
    let (_, url) = service.start_upload("a.bin", 1);
    let request = service.agent.put(&url).header("Authorization", TOKEN);
    assert_eq!(request.send(&b"x"[..]).unwrap().status(), 200);
    service.get(&format!("{url}?token=KGAT_tester"), &[]);
    service.create("bundle-one", &[("a.txt", b"a")]);
    service.push(
        "run-one",
        &json!({"text": "print('KGAT_tester')", "kernelType": "script"}),
    );
    let leaks: Vec<&str> = service.fake.leaks().iter().map(|leak| leak.what).collect();
    assert_eq!(
        leaks,
        [
            "Authorization at an upload or download",
            "a secret in the address",
            "a secret in the body"
        ]
    );
}

#[test]
fn a_kernel_goes_from_the_queue_to_its_end() {
    let service = Service::new();
    let pace = Pace {
        milliseconds: 60_000,
        questions: None,
    };
    service.change(|settings| {
        settings.queue_pace = pace;
        settings.run_pace = pace;
    });
    service.create("bundle-one", &[("a.txt", b"a"), ("b.txt", b"bb")]);
    let sources = json!({"datasetDataSources": ["tester/bundle-one", "tester/none", "datasets/x"]});
    let pushed = service.push("run-one", &sources);
    assert_eq!(pushed["ref"], "/code/tester/run-one");
    assert_eq!(pushed["versionNumber"], 1);
    assert_eq!(
        pushed["invalidDatasetSources"],
        json!(["tester/none", "datasets/x"])
    );
    assert_eq!(service.status("run-one", "v1"), "QUEUED");
    service.fake.advance(Duration::from_secs(60));
    assert_eq!(service.status("run-one", "v1"), "RUNNING");
    let listing = service.kernel("ListKernelSessionOutput", "run-one", "v1");
    assert_eq!(
        (&listing["files"], &listing["log"]),
        (&json!([]), &json!(""))
    );
    service.fake.advance(Duration::from_secs(60));
    service.wait("run-one", "v1", "COMPLETE");
    let files = service.kernel("ListKernelFiles", "run-one", "v1");
    let sizes: Vec<(&str, u64)> = files["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            (
                file["name"].as_str().unwrap(),
                file["size"].as_u64().unwrap(),
            )
        })
        .collect();
    let folder = "datasets/tester/bundle-one";
    assert_eq!(
        sizes,
        [
            (&*format!("{folder}/a.txt"), 1),
            (&*format!("{folder}/b.txt"), 2)
        ]
    );

    // Labels: only v<N>; without one the newest that is not waiting.
    service.push("run-one", &json!({}));
    assert_eq!(service.status("run-one", ""), "COMPLETE");
    assert_eq!(service.status("run-one", "v2"), "QUEUED");
    let method = format!("{KERNELS}/GetKernelSessionStatus");
    for (label, status) in [("2", 404), ("v3", 404), ("tester/2", 403)] {
        let body = json!({"userName": "tester", "kernelSlug": "run-one", "versionLabel": label});
        assert_eq!(service.refused(&method, &body), status, "{label}");
    }
    let kernel = service.kernel("GetKernel", "run-one", "");
    assert_eq!(kernel["metadata"]["currentVersionNumber"], 2);
    assert!(
        kernel["blob"]["source"]
            .as_str()
            .unwrap()
            .contains("kernelspec")
    );
    assert_eq!(service.fake.kernel_versions("run-one"), 2);
    let cancel = format!("{KERNELS}/CancelKernelSession");
    assert_eq!(
        service.refused(&cancel, &json!({"kernelSessionId": 1})),
        403
    );
    let body = json!({"userName": "tester", "kernelSlug": "run-one"});
    service.call(&format!("{KERNELS}/DeleteKernel"), &body);
    assert_eq!(service.refused(&method, &body), 403);
    assert_eq!(service.fake.existing(), ["dataset/tester/bundle-one"]);
}

#[test]
fn a_kernel_gets_its_name_from_the_title() {
    let service = Service::new();
    let pushed = service.push("wanted-name", &json!({"newTitle": "Another Name (2)"}));
    assert_eq!(pushed["ref"], "/code/tester/another-name-2");
    let method = format!("{KERNELS}/SaveKernel");
    let body = json!({
        "slug": "tester/wanted-name", "newTitle": "Another Name (2)", "kernelType": "notebook",
        "text": "{}", "isPrivate": true,
    });
    assert_eq!(service.refused(&method, &body), 409);
    let other = service.push("another-name-2", &json!({"kernelType": "script"}));
    assert_ne!(other["error"], "");
    let foreign = service.push("x", &json!({"slug": "somebody/run-one"}));
    assert_eq!(foreign["error"], "Notebook not found");
    let cells = json!({"cells": [{"source": ["a"]}]}).to_string();
    let body = json!({"slug": "tester/run-one", "newTitle": "run-one", "text": cells});
    assert_eq!(service.refused(&method, &body), 500);
    let misspelt = json!({"slug": "tester/run-one", "newTitel": "run-one"});
    assert_eq!(service.refused(&method, &misspelt), 400);
}

#[test]
fn sessions_and_the_weekly_quota_are_limited() {
    let service = Service::with(|options| options.settings.run_pace = NEVER);
    for version in 1..=2 {
        assert_eq!(
            service.push("run-one", &json!({}))["versionNumber"],
            version
        );
    }
    let limit = "Maximum batch GPU session count of 2 reached.";
    assert_eq!(service.push("run-one", &json!({}))["error"], limit);
    assert_eq!(
        service.push("run-cpu", &json!({"machineShape": ""}))["error"],
        ""
    );
    assert_eq!(service.fake.kernel_versions("run-one"), 2);
    service.fake.stop_sessions("run-one");
    assert_eq!(service.status("run-one", "v2"), "CANCEL_ACKNOWLEDGED");
    assert_eq!(service.push("run-one", &json!({}))["error"], "");

    let quota = || {
        service.call(
            &format!("{KERNELS}/GetAcceleratorQuotaStatistics"),
            &json!({}),
        )
    };
    assert_eq!(quota()["gpuQuota"]["timeUsed"], "0s");
    service.fake.use_gpu_quota(Duration::from_secs(29 * 3600));
    service.fake.advance(Duration::from_secs(1800));
    assert_eq!(quota()["gpuQuota"]["timeUsed"], "106200s");
    assert_eq!(service.status("run-one", "v3"), "RUNNING");
    service.fake.advance(Duration::from_secs(1800));
    assert_eq!(service.status("run-one", "v3"), "CANCEL_ACKNOWLEDGED");
    let exhausted = service.push("run-one", &json!({}));
    assert_eq!(
        exhausted["error"],
        "Maximum weekly GPU quota of 30.00 hours reached"
    );
    assert_eq!(service.fake.kernel_versions("run-one"), 3);
    service.fake.advance(Duration::from_secs(7 * 86_400));
    assert_eq!(quota()["gpuQuota"]["timeUsed"], "0s");
    assert_eq!(service.push("run-one", &json!({}))["versionNumber"], 4);
    // The session's own limit.
    service.push("run-two", &json!({"sessionTimeoutSeconds": 600}));
    service.wait("run-two", "v1", "RUNNING");
    service.fake.advance(Duration::from_secs(600));
    assert_eq!(service.status("run-two", "v1"), "CANCEL_ACKNOWLEDGED");
}

#[test]
fn a_worker_that_fails_is_told_of() {
    let service = worker(|session| {
        session.log(&format!("{} is here", session.name()));
        match session.notebook_text() {
            "stop" => WorkerEnd::Stopped,
            "die" => panic!("on purpose"),
            _ => WorkerEnd::Error("out of memory".to_owned()),
        }
    });
    let script = |text: &str| json!({"text": text, "kernelType": "script"});
    service.push("run-one", &script("fail"));
    service.wait("run-one", "v1", "ERROR");
    let status = service.kernel("GetKernelSessionStatus", "run-one", "v1");
    assert_eq!(status["failureMessage"], "out of memory");
    let listing = service.kernel("ListKernelSessionOutput", "run-one", "v1");
    let log: Value = serde_json::from_str(listing["log"].as_str().unwrap()).unwrap();
    assert_eq!(
        log,
        json!([{"stream_name": "stdout", "time": 0.0, "data": "tester/run-one/1 is here\n"}])
    );
    service.push("run-one", &script("stop"));
    service.wait("run-one", "v2", "CANCEL_ACKNOWLEDGED");
    service.push("run-one", &script("die"));
    service.wait("run-one", "v3", "ERROR");
    service.push("run-two", &json!({"text": "{}"}));
    service.wait("run-two", "v1", "ERROR");
    let status = service.kernel("GetKernelSessionStatus", "run-two", "v1");
    assert!(
        status["failureMessage"]
            .as_str()
            .unwrap()
            .starts_with("No kernel name")
    );
}

#[test]
fn a_command_can_be_the_worker() {
    let service = Service::with(|options| {
        options.settings.mount = MountConvention::Slug;
        options.worker = Arc::new(CommandWorker::new(
            "cat $KAGGLE_INPUT/bundle-one/a.txt; cp $KAGGLE_NOTEBOOK copy.ipynb; echo bad >&2",
        ));
    });
    service.finished(&[("a.txt", b"hello")]);
    let listing = service.kernel("ListKernelSessionOutput", "run-one", "v1");
    assert_eq!(listing["files"][0]["fileName"], "copy.ipynb");
    let log = listing["log"].as_str().unwrap();
    assert!(
        log.contains(r#""data":"hello\n""#) && log.contains("stderr"),
        "{log}"
    );

    let service = Service::with(|options| {
        options.worker = Arc::new(CommandWorker::new("exec sleep 60"));
    });
    service.push("run-one", &json!({}));
    service.wait("run-one", "v1", "RUNNING");
    service.fake.stop_sessions("run-one");
    assert_eq!(service.status("run-one", "v1"), "CANCEL_ACKNOWLEDGED");
}

#[test]
fn outputs_are_fetched_in_parts_until_the_address_expires() {
    let service = Service::new();
    service.finished(&[("a.txt", b"0123456789")]);
    let url = service.first_output();
    let whole = service.get(&url, &[]).unwrap();
    assert_eq!(
        (whole.status, whole.body.as_deref()),
        (200, Some(&b"0123456789"[..]))
    );
    let tag = whole.header("ETag").unwrap();
    let part = |headers: &[(&str, &str)]| {
        let said = service.get(&url, headers).unwrap();
        (said.status, String::from_utf8(said.body.unwrap()).unwrap())
    };
    assert_eq!(part(&[("Range", "bytes=4-")]), (206, "456789".to_owned()));
    assert_eq!(
        part(&[("Range", "bytes=4-5"), ("If-Range", tag)]),
        (206, "45".to_owned())
    );
    assert_eq!(part(&[("Range", "bytes=-3")]), (206, "789".to_owned()));
    let changed = part(&[("Range", "bytes=4-"), ("If-Range", "\"other\"")]);
    assert_eq!(changed, (200, "0123456789".to_owned()));
    assert_eq!(part(&[("Range", "bytes=10-")]).0, 416);
    assert_eq!(service.fake.bytes_down(), 10 + 6 + 2 + 3 + 10);
    service.fake.advance(Duration::from_secs(600));
    assert_eq!(part(&[]).0, 403);
    assert_eq!(
        service.get(&service.first_output(), &[]).unwrap().status,
        200
    );
}

#[test]
fn the_log_is_streamed_while_a_session_runs() {
    let service = worker(|session| {
        for number in 0..3 {
            session.log(&format!("line {number}"));
        }
        while !session.is_stopped() && !session.working().join("go").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        session.log("last");
        WorkerEnd::Complete
    });
    service.push("run-one", &json!({}));
    let url = format!(
        "{}/kernels/logs/stream/tester/run-one?versionLabel=v1",
        service.fake.url()
    );
    let stream = |cut: bool| {
        let mut answer = service
            .agent
            .get(&url)
            .header("Authorization", TOKEN)
            .call()
            .unwrap();
        let kind = answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        if cut {
            service.fake.stop_sessions("run-one");
        }
        (kind, answer.body_mut().read_to_string().unwrap())
    };
    service
        .fake
        .set_faults(FaultPlan::once("LogStream", 1, FaultKind::CutBody));
    let (kind, broken) = stream(false);
    assert!(kind.starts_with("text/event-stream"));
    assert!(
        broken.starts_with("data: {\"stream_name\":\"stdout\"") && !broken.contains("END_OF_LOG")
    );
    let (_, whole) = stream(true);
    assert!(
        whole.contains("line 2") && whole.ends_with("data: END_OF_LOG\n\n"),
        "{whole}"
    );
    let (kind, text) = stream(false);
    assert_eq!(kind, "application/json");
    assert!(
        serde_json::from_str::<Value>(&text)
            .unwrap()
            .as_array()
            .unwrap()
            .len()
            >= 3
    );
    let anonymous = service.get(&url, &[]).unwrap();
    assert_eq!(anonymous.status, 401);
}

/// The kinds of fault that any call can have.
#[test]
fn faults_of_calls_happen() {
    let service = Service::new();
    let method = format!("{KERNELS}/SaveKernel");
    let body = json!({
        "slug": "tester/run-one", "newTitle": "run-one", "kernelType": "script", "text": "x",
        "isPrivate": true, "machineShape": "", "kernelExecutionType": "QUICK_SAVE",
    });
    let mut versions = 0;
    let mut push = |kind: FaultKind| {
        service
            .fake
            .set_faults(FaultPlan::once("SaveKernel", 1, kind));
        let said = service.try_call(&method, &body);
        let before = versions;
        versions = service.fake.kernel_versions("run-one");
        (said, versions - before)
    };
    let (said, done) = push(FaultKind::TooManyRequests {
        retry_after_seconds: Some(7),
    });
    let said = said.unwrap();
    assert_eq!(
        (said.status, said.header("Retry-After"), done),
        (429, Some("7"), 0)
    );
    let (said, _) = push(FaultKind::TooManyRequests {
        retry_after_seconds: None,
    });
    assert_eq!(said.unwrap().header("Retry-After"), None);
    let (said, done) = push(FaultKind::ServerErrorBefore { status: 500 });
    assert_eq!((said.unwrap().status, done), (500, 0));
    let (said, done) = push(FaultKind::ServerErrorAfter { status: 502 });
    assert_eq!((said.unwrap().status, done), (502, 1));
    let (said, done) = push(FaultKind::CutBefore);
    assert_eq!((said.is_none(), done), (true, 0));
    let (said, done) = push(FaultKind::LostAnswer);
    assert_eq!((said.is_none(), done), (true, 1));
    let (said, done) = push(FaultKind::CutBody);
    assert_eq!((said.unwrap().body, done), (None, 1));
    let (said, done) = push(FaultKind::WrongLength { short: false });
    assert_eq!((said.unwrap().body, done), (None, 1));
    let (said, done) = push(FaultKind::WrongLength { short: true });
    let bytes = said.unwrap().body.unwrap();
    assert_eq!(
        (serde_json::from_slice::<Value>(&bytes).is_err(), done),
        (true, 1)
    );
    let (said, done) = push(FaultKind::HtmlPage);
    let said = said.unwrap();
    assert!(
        said.status == 200
            && said
                .header("Content-Type")
                .unwrap()
                .starts_with("text/html")
    );
    assert_eq!(done, 0);
    let (said, done) = push(FaultKind::ErrorInside { code: 503 });
    let said = said.unwrap();
    assert_eq!(
        (said.status, &said.json()["code"], done),
        (200, &json!(503), 0)
    );
    let begin = Instant::now();
    let (said, done) = push(FaultKind::Trickle { total_ms: 200 });
    assert_eq!((&said.unwrap().json()["error"], done), (&json!(""), 1));
    assert!(begin.elapsed() >= Duration::from_millis(150));
    assert_eq!(service.fake.injected_faults().len(), 12);
    // It behaves again afterwards.
    assert_eq!(service.try_call(&method, &body).unwrap().status, 200);
}

#[test]
fn faults_of_datasets_and_kernels_happen() {
    let service = Service::with(|options| options.settings.dataset_pace = NEVER);
    let once = |on: &str, kind: FaultKind| service.fake.set_faults(FaultPlan::once(on, 1, kind));
    let names: Vec<String> = (0..30).map(|number| format!("{number:02}.txt")).collect();
    let files: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), &b"x"[..]))
        .collect();
    service.create("bundle-one", &files);
    once("GetDatasetStatus", FaultKind::StaleReady);
    assert_eq!(
        service.dataset("GetDatasetStatus", "bundle-one")["status"],
        "READY"
    );
    assert_eq!(service.dataset("GetDatasetStatus", "bundle-one"), json!({}));
    service.change(|settings| settings.always_ready = true);
    assert_eq!(
        service.dataset("GetDatasetStatus", "bundle-one")["status"],
        "READY"
    );
    assert_eq!(service.listed("bundle-one").len(), 15);
    service.change(|settings| {
        settings.always_ready = false;
        settings.dataset_pace = Pace::default();
    });
    once("GetDatasetStatus", FaultKind::NotVisibleYet);
    let body = json!({"ownerSlug": "tester", "datasetSlug": "bundle-one"});
    assert_eq!(
        service.refused(&format!("{DATASETS}/GetDatasetStatus"), &body),
        404
    );

    let method = format!("{DATASETS}/ListDatasetFiles");
    once("ListDatasetFiles", FaultKind::PartialListing);
    let page = service.call(&method, &body);
    assert_eq!(page["datasetFiles"].as_array().unwrap().len(), 15);
    assert_eq!(page["nextPageToken"], "");
    service.fake.set_faults(FaultPlan::once(
        "ListDatasetFiles",
        2,
        FaultKind::EchoedPageToken,
    ));
    let token = service.call(&method, &body)["nextPageToken"].clone();
    let body = json!({"ownerSlug": "tester", "datasetSlug": "bundle-one", "pageToken": token});
    assert_eq!(service.call(&method, &body)["nextPageToken"], token);
    assert_eq!(service.call(&method, &body)["nextPageToken"], "");

    once("CreateDataset", FaultKind::DatasetFails);
    service.create("bundle-two", &[("a.txt", b"a")]);
    assert_eq!(
        service.dataset("GetDatasetStatus", "bundle-two")["status"],
        "FAILED"
    );

    once("SaveKernel", FaultKind::EmptyMount);
    let sources = json!({"datasetDataSources": ["tester/bundle-one"]});
    service.push("run-one", &sources);
    service.wait("run-one", "v1", "COMPLETE");
    assert_eq!(
        service.kernel("ListKernelFiles", "run-one", "v1")["files"],
        json!([])
    );
    service.change(|settings| settings.run_pace = NEVER);
    service.push("run-one", &sources);
    once("GetKernelSessionStatus", FaultKind::StaleComplete);
    assert_eq!(service.status("run-one", "v2"), "COMPLETE");
    assert_eq!(service.status("run-one", "v2"), "RUNNING");
    service.change(|settings| settings.run_pace = Pace::default());
    service.wait("run-one", "v2", "COMPLETE");
    once("ListKernelSessionOutput", FaultKind::PartialListing);
    let listing = service.kernel("ListKernelSessionOutput", "run-one", "v2");
    assert_eq!(listing["files"].as_array().unwrap().len(), 15);
    // One that had no effect is not counted.
    once("GetDatasetStatus", FaultKind::StaleReady);
    let before = service.fake.injected_faults().len();
    service.dataset("GetDatasetStatus", "bundle-one");
    assert_eq!(service.fake.injected_faults().len(), before);
}

#[test]
fn faults_of_uploads_and_downloads_happen() {
    let service = Service::new();
    let content = vec![7; 1_200_000];
    let upload = |kind: FaultKind| {
        let (_, url) = service.start_upload("a.bin", content.len());
        service.fake.set_faults(FaultPlan::once("Upload", 1, kind));
        let status = service.put(&url, None, &content).map(|said| said.status);
        let extent = service.put(&url, Some("bytes */1200000"), b"").unwrap();
        (
            status,
            extent.status,
            extent.header("Range").map(str::to_owned),
        )
    };
    let kept = Some("bytes=0-524287".to_owned());
    assert_eq!(
        upload(FaultKind::UploadUnavailable),
        (Some(503), 308, kept.clone())
    );
    assert_eq!(upload(FaultKind::UploadCut), (None, 308, kept));
    assert_eq!(upload(FaultKind::UploadExpired), (Some(404), 404, None));
    assert_eq!(upload(FaultKind::LostAnswer), (None, 200, None));
    assert_eq!(
        upload(FaultKind::ServerErrorAfter { status: 500 }),
        (Some(500), 200, None)
    );
    assert_eq!(
        upload(FaultKind::ServerErrorBefore { status: 500 }),
        (Some(500), 308, None)
    );

    service.finished(&[("a.txt", b"0123456789")]);
    let url = service.first_output();
    let download = |kind: FaultKind| {
        service
            .fake
            .set_faults(FaultPlan::once("Download", 1, kind));
        let said = service.get(&url, &[]);
        said.map(|said| (said.status, said.body))
    };
    assert_eq!(download(FaultKind::CutBody), Some((200, None)));
    assert_eq!(
        download(FaultKind::WrongLength { short: false }),
        Some((200, None))
    );
    let short = download(FaultKind::WrongLength { short: true });
    assert_eq!(short, Some((200, Some(b"01234".to_vec()))));
    assert_eq!(download(FaultKind::CutBefore), None);
    assert_eq!(download(FaultKind::AddressExpired).unwrap().0, 403);
    let page = download(FaultKind::HtmlPage).unwrap();
    assert!(page.0 == 200 && page.1.unwrap().starts_with(b"<!DOCTYPE html>"));
    assert_eq!(service.get(&url, &[]).unwrap().status, 200);
}

#[test]
fn chance_is_seeded_and_ends() {
    let run = |seed: u64| {
        let service = Service::new();
        service.fake.set_faults(FaultPlan::chaos(seed, 0.5, 10));
        let method = format!("{KERNELS}/GetAcceleratorQuotaStatistics");
        let mut answered = 0;
        for _ in 0..120 {
            let said = service.try_call(&method, &json!({}));
            answered += usize::from(said.is_some_and(|said| said.status == 200));
        }
        let faults = service.fake.injected_faults();
        assert!(answered >= 110, "{answered}");
        let seen = faults
            .iter()
            .map(|fault| (fault.occurrence, format!("{:?}", fault.kind)));
        seen.collect::<Vec<_>>()
    };
    let first = run(1);
    assert_eq!(first.len(), 10);
    assert_eq!(first, run(1));
    assert_ne!(first, run(2));

    let service = Service::new();
    service.fake.set_faults(FaultPlan {
        rates: vec![FaultRate {
            on: "IntrospectToken".to_owned(),
            probability: 1.0,
            kind: FaultKind::CutBefore,
        }],
        limit: Some(2),
        ..FaultPlan::default()
    });
    let ask = || {
        service.try_call(
            "security.OAuthService/IntrospectToken",
            &json!({"token": "x"}),
        )
    };
    assert!(ask().is_none() && ask().is_none() && ask().is_some());
}

#[test]
fn another_process_can_steer_it() {
    let service = Service::new();
    let control = |verb: &str, body: &Value| {
        let url = format!("http://{}/control/{verb}", service.fake.address());
        Service::said(service.agent.post(url).send(body.to_string())).unwrap()
    };
    let before = control("advance", &json!({"milliseconds": 0})).json()["now_ms"].as_u64();
    let after = control("advance", &json!({"milliseconds": 1500})).json()["now_ms"].as_u64();
    assert_eq!(after.unwrap() - before.unwrap(), 1500);
    let settings = control("settings", &json!({"always_ready": true})).json();
    assert_eq!(
        (&settings["always_ready"], &settings["cpu_sessions"]),
        (&json!(true), &json!(5))
    );
    assert!(service.fake.settings().always_ready);
    let kind = json!({"server_error_before": {"status": 500}});
    assert_eq!(
        control("faults", &json!({"scripted": [{"on": "*", "kind": kind}]})).status,
        200
    );
    let quota = format!("{KERNELS}/GetAcceleratorQuotaStatistics");
    assert_eq!(service.refused(&quota, &json!({})), 500);
    let counters = control("counters", &json!({})).json();
    assert_eq!(counters["faults"][0]["on"], "GetAcceleratorQuotaStatistics");
    let transcript = control("transcript", &json!({})).json();
    assert_eq!(transcript.as_array().unwrap().len(), 1);
    assert_eq!(transcript[0]["status"], 500);
    assert_eq!(control("faults", &json!({"scripted": 1})).status, 400);
    assert_eq!(control("nothing", &json!({})).status, 404);
}

#[test]
fn it_ends_when_dropped() {
    let service = Service::new();
    let address = service.fake.address();
    let mut idle = TcpStream::connect(address).unwrap();
    service.call(
        &format!("{KERNELS}/GetAcceleratorQuotaStatistics"),
        &json!({}),
    );
    drop(service);
    idle.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert_eq!(idle.read(&mut [0; 8]).unwrap_or(0), 0);
}
