//! The gallery: what its text must hold, and what it does in a real browser where one is installed.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends where its preparation fails"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use remedia::deliver::{DeliveredAttempt, OperationOutcome};
use remedia::domain::judgement::Judgement;
use remedia::domain::listing::LeftOutCode;
use remedia::domain::results::WorkerDescription;
use remedia::domain::room::Room;
use remedia::domain::verdict::{Reason, ReasonCode, Verdict};
use remedia::imaging::{self, DecodeLimits, Samples};
use sha2::{Digest, Sha256};

use crate::deliver::staged;
use crate::support::delivery::Delivery;

/// Names that try to become markup.
const HOSTILE: &str = "<img src=x onerror=alert(1)> \"'&amp; </script><script>alert(2)</script>";

fn hostile() -> Delivery {
    let mut delivery = Delivery::small(&[Some(Room::LivingRoom), None]);
    delivery.listing.title = HOSTILE.to_owned();
    delivery.listing.address = Some(HOSTILE.to_owned());
    delivery.leave_out(HOSTILE, LeftOutCode::Damaged, HOSTILE);
    for photo in &mut delivery.photos {
        for operation in &mut photo.operations {
            if let Some(report) = &mut operation.report {
                report.steps[0].reason = Some(HOSTILE.to_owned());
                report.steps[0].name = "<b>step</b>".to_owned();
            }
        }
    }
    delivery
}

#[test]
fn the_page_asks_for_nothing_outside_itself() {
    let delivery = hostile();
    delivery.deliver().unwrap();
    let page = delivery.text("gallery.html");
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
    assert!(
        policy.starts_with("default-src 'none'; img-src data:;"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(
        page.find("Content-Security-Policy") < page.find("<style>"),
        "the policy must stand before what it governs"
    );
    for (tag, end) in [("<style>", "</style>"), ("<script>", "</script>")] {
        let text = between(&page, tag, end);
        assert!(
            policy.contains(&hash(text)),
            "{tag} is not what the policy lets in"
        );
    }
    for address in [
        "http:", "https:", "//", "url(", "@import", "srcset", "<link", "<iframe",
    ] {
        let text = page.replace(between(&page, "<script>", "</script>"), "");
        assert!(
            !text.split("data:image/jpeg;base64,").any(|part| {
                part.split_once('"')
                    .map_or(part, |(_, rest)| rest)
                    .contains(address)
            }),
            "`{address}` in the page"
        );
    }
}

#[test]
fn names_of_others_stay_text() {
    let delivery = hostile();
    delivery.deliver().unwrap();
    let page = delivery.text("gallery.html");
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"));
    assert!(!page.contains("<img src=x"));
    assert!(!page.contains("<b>step"));
    assert_eq!(page.matches("<script").count(), 1, "only our own script");
    for handler in [
        " onerror=\"",
        " onclick",
        " onload",
        " style=\"",
        "javascript:",
    ] {
        assert!(!page.contains(handler), "{handler}");
    }
}

#[test]
fn every_compared_photo_has_one_divider_and_both_pictures() {
    let mut delivery = Delivery::small(&[Some(Room::Kitchen), Some(Room::Bedroom), None]);
    delivery.photos[1].master = None;
    delivery.deliver().unwrap();
    let page = delivery.text("gallery.html");
    assert_eq!(page.matches("<article").count(), 3);
    assert_eq!(page.matches("type=\"range\"").count(), 2);
    assert_eq!(page.matches("data:image/jpeg;base64,").count(), 5);
    assert!(page.contains("Delivered as the original"));
    assert!(page.contains("Temperature</span> <b>3120\u{a0}K"));
    assert!(page.contains("The picture is level within 0.1°."));
    assert!(page.contains("Virtual staging skipped for every photo."));
    for path in delivery.paths() {
        if path.starts_with("final/") {
            assert!(
                page.contains(&path.replace('/', "&#x2f;")),
                "{path} is not in the page"
            );
        }
    }
}

#[test]
fn a_long_list_of_photos_does_not_stand_before_the_pictures() {
    let delivery = Delivery::small(&[Some(Room::Kitchen); 25]);
    delivery.deliver().unwrap();
    let page = delivery.text("gallery.html");
    assert!(page.contains("<details><summary>All 25 photos by name</summary>"));
    assert_eq!(
        page.matches("<details>").count(),
        page.matches("</details>").count()
    );
    assert!(page.contains("Kitchen, view 25 of 25"));
}

/// What the test copy of the page does to itself, and how it tells: as attributes of the root.
const SELF_TEST: &str = r#"
addEventListener("load", () => setTimeout(() => {
  const root = document.documentElement;
  const note = (name, value) => root.setAttribute("data-test-" + name, String(value));
  const compare = document.querySelector(".compare");
  const range = compare.querySelector("input");
  const press = (key, options) => (document.activeElement || document.body).dispatchEvent(
    new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...options }));
  let blocked = 0;
  addEventListener("securitypolicyviolation", () => { blocked += 1; note("blocked", blocked); });

  note("styled", getComputedStyle(compare).position);
  range.focus();
  note("start", range.value);
  press("ArrowRight");
  note("right", range.value);
  press("ArrowLeft", { shiftKey: true });
  note("left", range.value);
  press("End");
  note("end", range.value + " " + getComputedStyle(compare).getPropertyValue("--split"));
  press("Home");
  note("home", range.value + " " + getComputedStyle(compare).getPropertyValue("--split"));
  note("said", range.getAttribute("aria-valuetext"));
  const box = compare.getBoundingClientRect();
  compare.dispatchEvent(new MouseEvent("click", { bubbles: true, detail: 1, clientX: box.left + box.width / 4 }));
  note("click", Math.round(range.value));
  press("j");
  note("next", document.activeElement.closest("article").id);
  press("k");
  note("previous", document.activeElement.closest("article").id);
  document.querySelector(".theme").click();
  note("theme", root.dataset.theme);
  note("wide", document.documentElement.scrollWidth <= innerWidth);
  note("pictures", [...document.images].every((image) => image.complete && image.naturalWidth > 0));
  fetch("http://127.0.0.1:9/").then(() => note("fetched", "yes"), () => note("fetched", "no"));
  const image = new Image();
  image.onload = () => note("loaded", "yes");
  image.onerror = () => note("loaded", "no");
  image.src = "http://127.0.0.1:9/x.png";
}, 50));
"#;

#[test]
fn the_page_works_in_a_browser() {
    let delivery = Delivery::maple_street();
    delivery.deliver().unwrap();
    let page = delivery.text("gallery.html");
    let Some(browser) = Browser::find() else {
        // Written past the test harness, which keeps what a passing test prints to itself.
        let _ = writeln!(
            std::io::stderr(),
            "NOT CHECKED in a browser: no chromium found (CHROMIUM, or chromium, chromium-browser, \
             google-chrome on the PATH); only the text of the gallery is checked by this run"
        );
        return;
    };
    let untouched = delivery.destination.join("gallery.html");
    assert!(
        browser
            .dom(&untouched)
            .contains("<html lang=\"en\" class=\"js\">"),
        "the policy must let the page's own script run"
    );

    let copy = delivery.destination.join("self-test.html");
    let policy_script = format!("script-src {} ", hash(SELF_TEST));
    let tested = page.replacen("script-src ", &policy_script, 1).replacen(
        "</body>",
        &format!("<script>{SELF_TEST}</script></body>"),
        1,
    );
    fs_err::write(&copy, tested).unwrap();
    let dom = browser.dom(&copy);
    let root = between(&dom, "<html", ">");
    for (name, expected) in [
        ("styled", "relative"),
        ("start", "50"),
        ("right", "52"),
        ("left", "42"),
        ("end", "100 100%"),
        ("home", "0 0%"),
        ("said", "0 % original, 100 % enhanced"),
        ("click", "25"),
        ("next", "002-living-room"),
        ("previous", "001-living-room"),
        ("theme", "dark"),
        ("wide", "true"),
        ("pictures", "true"),
        ("fetched", "no"),
        ("loaded", "no"),
        ("blocked", "2"),
    ] {
        assert!(
            root.contains(&format!("data-test-{name}=\"{expected}\"")),
            "{name} is not {expected}: {root}"
        );
    }

    // The divider shows the dark original on one side and the bright result on the other.
    let shot = browser.screenshot(&untouched, 1280, 800);
    let (left, right) = (brightness(&shot, 100..600), brightness(&shot, 680..1180));
    assert!(right > left + 15.0, "left {left}, right {right}");
    // On a phone the first photo is on the first screen and nothing is blank.
    let phone = browser.screenshot(&untouched, 390, 844);
    assert!(brightness(&phone, 0..390) > 20.0);
}

/// What the test copy of a page with attempts does to itself.
const FINDINGS_SELF_TEST: &str = r#"
addEventListener("load", () => setTimeout(() => {
  const root = document.documentElement;
  const note = (name, value) => root.setAttribute("data-test-" + name, String(value));
  const shown = (article) => [...article.querySelectorAll("svg.findings")]
    .map((drawing) => getComputedStyle(drawing).display).join(" ");
  const buttons = [...document.querySelectorAll("button.marks")];
  const rejected = document.querySelector(".badge.refused").closest("article");
  note("buttons", buttons.every((button) => !button.hidden));
  note("before", shown(rejected).includes("block"));
  rejected.querySelector("button.marks").click();
  note("clicked", shown(rejected).includes("none"));
  note("pressed", rejected.querySelector("button.marks").getAttribute("aria-pressed"));
  const drawing = rejected.querySelector(".shot svg.findings");
  const image = drawing.parentElement.querySelector("img").getBoundingClientRect();
  const box = drawing.getBoundingClientRect();
  note("covers", Math.abs(box.width - image.width) < 1 && Math.abs(box.height - image.height) < 1);
  const size = drawing.querySelector("text").getBoundingClientRect().height;
  note("readable", size > 9 && size < 30);
  const press = (key) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  press("f");
  note("all", buttons.every((button) => button.getAttribute("aria-pressed") === "true"));
  press("F");
  note("none", buttons.every((button) => button.getAttribute("aria-pressed") === "false"));
  document.querySelectorAll("details").forEach((details) => { details.open = true; });
  note("wide", root.scrollWidth <= innerWidth);
  note("pictures", [...document.images].every((image) => image.complete && image.naturalWidth > 0));
}, 50));
"#;

#[test]
fn every_attempt_is_shown_with_its_numbers_and_where_the_gates_found_something() {
    let (_house, folder) = staged();
    let page = fs_err::read_to_string(folder.join("gallery.html")).unwrap();
    assert_eq!(page.matches("<li class=\"attempt\">").count(), 7);
    assert_eq!(
        page.matches("<figure class=\"shot").count(),
        7,
        "every attempt has its picture"
    );
    assert_eq!(page.matches(">Delivered</span>").count(), 2);
    assert_eq!(page.matches(">Rejected</span>").count(), 5);
    for text in [
        "Virtually staged</figcaption>",
        "on the scale of 2.5 × cosine",
        "reported by the worker, not checked",
        "at least 0.80",
        "of the diagonal",
        "Correlation of the worst tile",
        "class=\"mark worst failed\"",
        "class=\"mark worst\"",
        "Guidance scale",
        "The photo with the furniture put in",
    ] {
        assert!(page.contains(text), "`{text}` is not in the page");
    }
    assert!(!page.contains(" style=\""));
    for picture in page.split("class=\"shot").skip(1) {
        let data = between(picture, "data:image/jpeg;base64,", "\"");
        assert!(data.len() <= 30_000, "a thumbnail of {} bytes", data.len());
    }
    let Some(browser) = Browser::find() else {
        let _ = writeln!(
            std::io::stderr(),
            "NOT CHECKED in a browser: no chromium found; only the text of the attempts is checked"
        );
        return;
    };
    let copy = folder.join("self-test.html");
    let policy_script = format!("script-src {} ", hash(FINDINGS_SELF_TEST));
    let tested = page.replacen("script-src ", &policy_script, 1).replacen(
        "</body>",
        &format!("<script>{FINDINGS_SELF_TEST}</script></body>"),
        1,
    );
    fs_err::write(&copy, tested).unwrap();
    for width in [1280, 390] {
        let dom = browser.dom_at(&copy, width);
        let root = between(&dom, "<html", ">");
        for (name, expected) in [
            ("buttons", "true"),
            ("before", "false"),
            ("clicked", "false"),
            ("pressed", "true"),
            ("covers", "true"),
            ("readable", "true"),
            ("all", "true"),
            ("none", "true"),
            ("wide", "true"),
            ("pictures", "true"),
        ] {
            assert!(
                root.contains(&format!("data-test-{name}=\"{expected}\"")),
                "{name} is not {expected} at {width}: {root}"
            );
        }
    }
}

#[test]
fn what_workers_say_of_attempts_stays_text_and_what_is_no_picture_is_not_shown() {
    let mut delivery = Delivery::small(&[Some(Room::LivingRoom)]);
    let bad = delivery.source.join("attempt.png");
    fs_err::write(&bad, "<html>no picture</html>").unwrap();
    let reason = || Reason::new(ReasonCode::Internal, HOSTILE);
    let attempt =
        |number: u32, failure: Option<Reason>, picture: Option<PathBuf>| DeliveredAttempt {
            number,
            seed: 5,
            delivered: false,
            verdict: failure.is_none().then(|| Verdict::Rejected {
                reasons: vec![reason()],
            }),
            failure,
            seconds: 1.0,
            at: "2026-11-23T08:00:00Z".parse().unwrap(),
            parameters: None,
            judgement: Some(Judgement {
                worker: Some(WorkerDescription {
                    engine: HOSTILE.to_owned(),
                    version: HOSTILE.to_owned(),
                    device: HOSTILE.to_owned(),
                    models: Vec::new(),
                }),
                ..Judgement::default()
            }),
            picture,
        };
    let staging = &mut delivery.photos[0].operations[1];
    staging.outcome = OperationOutcome::GaveUp {
        reasons: vec![HOSTILE.to_owned()],
    };
    staging.made = vec![
        attempt(1, Some(reason()), None),
        attempt(2, None, Some(bad)),
        attempt(3, None, Some(delivery.source.join("photo-1.jpg"))),
        attempt(4, None, Some(delivery.source.clone())),
    ];
    delivery.deliver().unwrap();
    let page = delivery.text("gallery.html");
    assert!(!page.contains("<img src=x"));
    assert_eq!(page.matches("<script").count(), 1, "only our own script");
    assert_eq!(page.matches("<figure class=\"shot").count(), 1);
    assert_eq!(page.matches("No picture</p>").count(), 3);
    assert!(page.contains(">No result</span>"));
    // Delivering again finds the page as it is.
    assert!(delivery.deliver().unwrap().written.is_empty());
}

/// Mean brightness, 0 to 255, of the lower third of a screenshot between two columns.
fn brightness(png: &[u8], columns: std::ops::Range<usize>) -> f64 {
    let picture = imaging::decode(png, &DecodeLimits::default())
        .unwrap()
        .into_eight();
    let Samples::Eight(samples) = &picture.samples else {
        unreachable!("the picture was made to have eight bits");
    };
    let (mut sum, mut count) = (0.0, 0.0);
    for y in picture.height * 2 / 3..picture.height * 9 / 10 {
        for x in columns.clone() {
            let at = (y * picture.width + x) * 3;
            sum += samples[at..at + 3]
                .iter()
                .map(|sample| f64::from(*sample))
                .sum::<f64>()
                / 3.0;
            count += 1.0;
        }
    }
    sum / count
}

/// A Chromium that draws without a screen.
struct Browser(PathBuf);

impl Browser {
    fn find() -> Option<Self> {
        if let Some(named) = std::env::var_os("CHROMIUM") {
            return Some(Self(named.into()));
        }
        let path = std::env::var_os("PATH")?;
        ["chromium", "chromium-browser", "google-chrome"]
            .iter()
            .flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)))
            .find(|candidate| candidate.is_file())
            .map(Self)
    }

    /// The page's DOM after its scripts ran.
    fn dom(&self, page: &Path) -> String {
        let output = self.run(page, &["--dump-dom", "--virtual-time-budget=4000"]);
        String::from_utf8(output).unwrap()
    }

    /// The page's elements in a window of this width.
    fn dom_at(&self, page: &Path, width: u32) -> String {
        let window = format!("--window-size={width},844");
        let output = self.run(page, &["--dump-dom", &window, "--virtual-time-budget=4000"]);
        String::from_utf8(output).unwrap()
    }

    /// A PNG of the page's first screen.
    fn screenshot(&self, page: &Path, width: u32, height: u32) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("shot.png");
        self.run(
            page,
            &[
                &format!("--screenshot={}", file.display()),
                &format!("--window-size={width},{height}"),
                "--hide-scrollbars",
                "--virtual-time-budget=4000",
            ],
        );
        fs_err::read(file).unwrap()
    }

    fn run(&self, page: &Path, flags: &[&str]) -> Vec<u8> {
        let profile = tempfile::tempdir().unwrap();
        let printed = profile.path().join("stdout");
        let mut child = Command::new(&self.0)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-dev-shm-usage",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(flags)
            .arg(format!("file://{}", page.display()))
            .stdout(fs_err::File::create(&printed).unwrap().into_parts().0)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let end = Instant::now() + Duration::from_secs(120);
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > end {
                child.kill().unwrap();
                panic!("the browser did not end within two minutes");
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        assert!(status.success(), "the browser ended with {status}");
        fs_err::read(printed).unwrap()
    }
}

fn hash(text: &str) -> String {
    format!("'sha256-{}'", BASE64.encode(&Sha256::digest(text)))
}

/// What stands between `start` and the next `end`.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap();
    rest.split_once(end).unwrap().0
}
