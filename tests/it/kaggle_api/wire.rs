//! What travels, byte by byte: questions, odd answers, and where the token goes.

use fs_err as fs;
use remedia::http::{ClientOptions, Proxies, Secret};
use remedia::kaggle::{
    FileTree, KaggleEnvironment, KaggleError, NewDataset, NewKernel, NewVersion, Watch,
};

use super::raw::{Raw, TOKEN, answer, json, reference};

#[test]
fn what_the_service_says_is_told_without_the_token() {
    let raw = Raw::start(|_, _, _| {
        let said = format!(r#"{{"code":401,"message":"bad {TOKEN}\u001b[2J"}}"#);
        answer(
            "401 Unauthorized",
            "content-type: application/json\r\n",
            &said,
        )
    });
    let error = raw.kaggle().quota().unwrap_err();
    assert!(
        matches!(error, KaggleError::Credentials { .. }),
        "{error:?}"
    );
    let told = format!("{error} {error:?}");
    assert!(
        told.contains("bad …") && told.contains("KAGGLE_API_TOKEN"),
        "{told}"
    );
    assert!(!told.contains(TOKEN) && !told.contains('\u{1b}'), "{told}");
}

#[test]
fn an_answer_that_is_too_long_is_not_read() {
    let raw = Raw::start(|_, _, _| {
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999999999\r\nconnection: close\r\n\r\n{"
            .to_owned()
    });
    let error = raw.kaggle().quota().unwrap_err();
    assert!(
        matches!(error, KaggleError::Answer { lasting: true, .. }),
        "{error:?}"
    );
    assert_eq!(raw.asked("Quota").len(), 1);
}

#[test]
fn a_listing_without_end_is_left() {
    let raw = Raw::start(|_, before, _| json(&format!(r#"{{"nextPageToken":"{before}"}}"#)));
    let error = raw.kaggle().my_datasets("").unwrap_err();
    assert!(
        matches!(error, KaggleError::Answer { lasting: true, .. }),
        "{error:?}"
    );
}

#[test]
fn names_and_numbers_come_in_every_form() {
    let raw = Raw::start(|asked, _, _| {
        json(if asked.line.contains("GetKernelSessionStatus") {
            r#"{"status":"KernelWorkerStatus.CANCEL_ACKNOWLEDGED","failureMessage":null,"more":[]}"#
        } else if asked.line.contains("GetDatasetStatus") {
            r#"{"status":"ready"}"#
        } else if asked.line.contains("ListDatasetFiles") {
            r#"{"datasetFiles":[{"name":"a","totalBytes":"12"}],"nextPageToken":null}"#
        } else {
            r#"{"ref":"x/other-name","currentVersionNumber":"3","versions":null,"isPrivate":"true"}"#
        })
    });
    let kaggle = raw.kaggle();
    let session = kaggle
        .kernel_session(&reference("run"), 3)
        .unwrap()
        .unwrap();
    assert_eq!(session.status.name(), "CANCEL_ACKNOWLEDGED");
    assert!(
        raw.asked("GetKernelSessionStatus")[0]
            .body
            .contains(r#""versionLabel":"v3""#)
    );
    let status = kaggle.dataset_status(&reference("set")).unwrap().unwrap();
    assert_eq!(status.name(), "READY");
    let files = kaggle
        .dataset_files(&reference("set"), None)
        .unwrap()
        .unwrap();
    assert_eq!(files[0].bytes, 12);
    let dataset = kaggle.dataset(&reference("set")).unwrap().unwrap();
    assert_eq!(
        (dataset.newest_version(), dataset.is_private),
        (Some(3), true)
    );
    assert_eq!(dataset.reference, reference("set"));
}

#[test]
fn what_is_made_is_always_private_on_the_wire() {
    let raw = Raw::start(|asked, before, base| {
        if asked.line.starts_with("PUT") {
            answer("200 OK", "", "")
        } else if asked.line.contains("StartBlobUpload") {
            json(&format!(
                r#"{{"token":"t{before}","createUrl":"{base}/up/{before}"}}"#
            ))
        } else if asked.line.contains("SaveKernel") {
            json(
                r#"{"ref":"","url":"https://www.kaggle.com/code/tester/made-from-title","versionNumber":7}"#,
            )
        } else {
            json(r#"{"status":"ok"}"#)
        }
    });
    let kaggle = raw.kaggle();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jpg");
    fs::write(&path, b"0123456789").unwrap();
    let session = kaggle
        .start_upload("a.jpg", 10, "1970-01-01T00:00:09Z".parse().ok())
        .unwrap();
    kaggle.upload(&path, &session, true, Watch::none()).unwrap();
    let mut files = FileTree::new();
    files.add("photos/a.jpg", session.token.clone()).unwrap();
    let new = NewDataset {
        reference: reference("remedia-one"),
        title: "remedia-one".to_owned(),
        description: String::new(),
        files: files.clone(),
    };
    kaggle.create_dataset(&new).unwrap();
    let version = NewVersion {
        reference: reference("remedia-one"),
        notes: "run".to_owned(),
        files,
    };
    kaggle.create_dataset_version(&version).unwrap();
    let kernel = NewKernel {
        reference: reference("remedia-run"),
        title: "remedia-run".to_owned(),
        notebook: "{}".to_owned(),
        datasets: vec![reference("remedia-one")],
        models: Vec::new(),
        machine_shape: None,
        internet: true,
        session_timeout_seconds: None,
        save_only: true,
    };
    let saved = kaggle.save_kernel(&kernel).unwrap();
    assert_eq!(
        saved.reference,
        reference("made-from-title"),
        "the answer alone counts"
    );
    assert_eq!(saved.version, 7);
    let body = |part: &str| raw.asked(part).pop().unwrap().body;
    assert_eq!(
        body("StartBlobUpload"),
        r#"{"type":"DATASET","name":"a.jpg","contentLength":10,"lastModifiedEpochSeconds":9}"#
    );
    assert_eq!(
        body("CreateDataset "),
        r#"{"ownerSlug":"tester","slug":"remedia-one","title":"remedia-one","licenseName":"other","isPrivate":true,"directories":[{"name":"photos","files":[{"token":"t0"}]}]}"#
    );
    assert_eq!(
        body("CreateDatasetVersion"),
        r#"{"ownerSlug":"tester","datasetSlug":"remedia-one","body":{"versionNotes":"run","directories":[{"name":"photos","files":[{"token":"t0"}]}]}}"#
    );
    assert_eq!(
        body("SaveKernel"),
        r#"{"slug":"tester/remedia-run","newTitle":"remedia-run","text":"{}","language":"python","kernelType":"notebook","datasetDataSources":["tester/remedia-one"],"isPrivate":true,"enableGpu":false,"enableTpu":false,"enableInternet":true,"dockerImagePinningType":"original","kernelExecutionType":"QUICK_SAVE"}"#
    );
    let put = raw.asked("PUT").pop().unwrap();
    assert!(put.head.contains("content-length: 10\r\n"), "{}", put.head);
    for wrong in [
        "transfer-encoding",
        "authorization",
        "content-type",
        "content-range",
    ] {
        assert!(!put.head.contains(wrong), "{}", put.head);
    }
}

#[test]
fn a_stream_of_single_lines_is_heard_once() {
    let raw = Raw::start(|asked, before, _| {
        assert!(
            asked
                .line
                .starts_with("GET /api/v1/kernels/logs/stream/tester/run?versionLabel=v2 ")
        );
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        match before {
            0 => format!(
                "{head}: hello\ndata: {{\"data\":\"a\"}}\ndata: {{\"data\":\"b\"}}\ndata: {{\"da"
            ),
            1 => format!(
                "{head}data: {{\"data\":\"a\"}}\n\ndata: {{\"data\":\"b\"}}\n\ndata: not json\n\n"
            ),
            2 => answer("503 Service Unavailable", "retry-after: 1\r\n", ""),
            _ => format!(
                "{head}data: {{\"data\":\"a\"}}\ndata: {{\"data\":\"b\"}}\ndata: not json\ndata: END_OF_LOG\n\n"
            ),
        }
    });
    let mut heard = Vec::new();
    let end = raw
        .kaggle()
        .follow_log(&reference("run"), 2, 0, &|| false, &mut |number, event| {
            heard.push((number, event.text));
        })
        .unwrap();
    let texts: Vec<&str> = heard.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["a", "b", "not json"]);
    assert_eq!(end.events, 3);
    let asked = raw.asked("GET").pop().unwrap();
    assert!(
        asked
            .head
            .contains(&format!("authorization: bearer {}", TOKEN.to_lowercase()))
    );
}

#[test]
fn a_redirect_does_not_take_the_token_along() {
    let raw =
        Raw::start(|_, _, _| answer("307 Temporary Redirect", "location: /elsewhere\r\n", ""));
    let error = raw.kaggle().quota().unwrap_err();
    assert!(
        matches!(error, KaggleError::Http { .. }) && !error.is_retryable(),
        "{error:?}"
    );
    assert!(raw.asked("elsewhere").is_empty());
}

#[test]
fn a_proxy_is_not_told_what_is_said_inside_this_machine() {
    let raw = Raw::start(|_, _, _| json("{}"));
    let proxies = Proxies {
        https: None,
        http: Some(Secret::new("http://127.0.0.1:9")),
        bypass: Vec::new(),
    };
    let options = ClientOptions {
        proxies,
        ..ClientOptions::default()
    };
    let environment = KaggleEnvironment {
        api_token: Some(Secret::new(TOKEN)),
        ..KaggleEnvironment::default()
    };
    assert_eq!(
        raw.connection(options).sign_in(&environment).unwrap().user,
        "tester"
    );
}
