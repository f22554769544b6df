//! Storage that takes, gives and names things in ways that the fake service does not.

use fs_err as fs;
use remedia::kaggle::{KaggleError, OutputLimits, UploadPosition, Watch};

use super::raw::{Raw, answer, json, reference};

#[test]
fn storage_that_takes_a_part_is_given_the_rest() {
    let raw = Raw::start(|asked, before, base| {
        if asked.line.contains("StartBlobUpload") {
            return json(&format!(r#"{{"token":"t","createUrl":"{base}/up"}}"#));
        }
        let range =
            |range: &str| answer("308 Resume Incomplete", &format!("range: {range}\r\n"), "");
        match before {
            0 => range("bytes=0-299999"),
            1 => answer(
                "308 Permanent Redirect",
                "location: http://127.0.0.1:1/x\r\nrange: bytes=0-599999\r\n",
                "",
            ),
            // All of it is there, and not taken over yet.
            2 => range("bytes=0-699999"),
            3 => range("bytes=0-699999"),
            _ => answer("201 Created", "", ""),
        }
    });
    let kaggle = raw.kaggle();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bin");
    fs::write(&path, vec![7; 700_000]).unwrap();
    let session = kaggle.start_upload("a.bin", 700_000, None).unwrap();
    kaggle.upload(&path, &session, true, Watch::none()).unwrap();
    let ranges: Vec<(String, usize)> = raw
        .asked("PUT")
        .iter()
        .map(|asked| {
            let range = asked
                .head
                .lines()
                .find_map(|line| line.strip_prefix("content-range: "));
            (range.unwrap_or_default().to_owned(), asked.body.len())
        })
        .collect();
    assert_eq!(
        ranges,
        [
            (String::new(), 700_000),
            ("bytes 300000-699999/700000".to_owned(), 400_000),
            ("bytes 600000-699999/700000".to_owned(), 100_000),
            ("bytes */700000".to_owned(), 0),
            ("bytes */700000".to_owned(), 0),
        ]
    );
    assert_eq!(
        kaggle.upload_position(&session).unwrap(),
        UploadPosition::Complete
    );
}

#[test]
fn a_position_without_range_is_the_beginning_and_other_answers_end_an_upload() {
    for (status, ends) in [
        ("308 Resume", false),
        ("403 Forbidden", true),
        ("400 Bad", true),
    ] {
        let raw = Raw::start(move |asked, _, base| {
            if asked.line.contains("StartBlobUpload") {
                json(&format!(
                    r#"{{"token":"t","createUrl":"{base}/up?signature=s3cret"}}"#
                ))
            } else {
                answer(status, "content-type: text/plain\r\n", "signature=s3cret")
            }
        });
        let kaggle = raw.kaggle();
        let session = kaggle.start_upload("a.bin", 5, None).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        fs::write(&path, b"12345").unwrap();
        let error = kaggle
            .upload(&path, &session, true, Watch::none())
            .unwrap_err();
        let told = format!("{error} {error:?} {session:?}");
        assert!(!told.contains("s3cret"), "{told}");
        assert_eq!(raw.asked("PUT").len(), if ends { 1 } else { 8 }, "{status}");
        if !ends {
            assert_eq!(
                kaggle.upload_position(&session).unwrap(),
                UploadPosition::At(0)
            );
        }
    }
}

#[test]
fn files_are_not_sent_where_the_service_must_not_send_them() {
    let raw = Raw::start(|_, _, _| {
        json(r#"{"token":"t","createUrl":"https://elsewhere.example/up?s=1"}"#)
    });
    let error = raw.kaggle().start_upload("a", 1, None).unwrap_err();
    assert!(matches!(error, KaggleError::Answer { .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("elsewhere"));
}

#[test]
fn hostile_outputs_stay_out_of_the_way() {
    let raw = Raw::start(|asked, _, base| {
        if asked.line.contains("ListKernelSessionOutput") {
            let file =
                |name: &str| format!(r#"{{"fileName":"{name}","url":"{base}/f?sig=s3cret"}}"#);
            let names = [
                "../x",
                "/etc/passwd",
                "a\\u0000b",
                ".remedia-tmp-x",
                "Good.png",
                "good.PNG",
                "page.html",
            ];
            let files: Vec<String> = names.iter().map(|name| file(name)).collect();
            json(&format!(r#"{{"files":[{}],"log":"[]"}}"#, files.join(",")))
        } else if asked.line.contains("ListKernelFiles") {
            answer("500 Internal Server Error", "", "")
        } else {
            answer("200 OK", "etag: W/\"weak\"\r\n", "content")
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let limits = OutputLimits {
        file_bytes: 100,
        total_bytes: 100,
        files: 10,
    };
    let outputs = raw
        .kaggle()
        .download_outputs(
            &reference("run"),
            1,
            folder.path(),
            &|_| true,
            limits,
            Watch::none(),
        )
        .unwrap();
    let names: Vec<&str> = outputs
        .files
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    assert_eq!(names, ["Good.png", "page.html"]);
    assert_eq!(outputs.refused.len(), 5, "{:?}", outputs.refused);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    let get = raw.asked("GET").pop().unwrap();
    assert!(!get.head.contains("authorization"), "{}", get.head);
    assert!(
        get.head.contains("accept-encoding: identity"),
        "{}",
        get.head
    );
}

#[test]
fn a_file_that_changed_on_the_way_is_fetched_from_its_beginning() {
    let raw = Raw::start(|asked, before, base| {
        if asked.line.contains("ListKernelSessionOutput") {
            return json(&format!(
                r#"{{"files":[{{"fileName":"a.bin","url":"{base}/f"}}]}}"#
            ));
        }
        if asked.line.contains("ListKernelFiles") {
            return json("{}");
        }
        match before {
            0 => "HTTP/1.1 200 OK\r\netag: \"v1\"\r\ncontent-length: 10\r\nconnection: close\r\n\r\nold o".to_owned(),
            1 => answer("206 Partial Content", "etag: \"v1\"\r\ncontent-range: bytes 3-9/10\r\n", "wrong"),
            2 => "HTTP/1.1 200 OK\r\netag: \"v2\"\r\ncontent-length: 9\r\nconnection: close\r\n\r\nnew ".to_owned(),
            _ => answer("206 Partial Content", "etag: \"v2\"\r\ncontent-range: bytes 4-8/9\r\n", "whole"),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let limits = OutputLimits {
        file_bytes: 100,
        total_bytes: 100,
        files: 10,
    };
    let outputs = raw
        .kaggle()
        .download_outputs(
            &reference("run"),
            1,
            folder.path(),
            &|_| true,
            limits,
            Watch::none(),
        )
        .unwrap();
    assert_eq!(fs::read(&outputs.files[0].path).unwrap(), b"new whole");
    let ranges: Vec<String> = raw
        .asked("GET")
        .iter()
        .map(|asked| {
            let of = |name: &str| {
                let found = asked.head.lines().find_map(|line| line.strip_prefix(name));
                found.unwrap_or_default().to_owned()
            };
            format!("{} {}", of("range: "), of("if-range: "))
        })
        .collect();
    assert_eq!(ranges, [" ", "bytes=5- \"v1\"", " ", "bytes=4- \"v2\""]);
}
