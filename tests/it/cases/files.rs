//! Files that remedia, a person or another program has put where photos, settings and results are.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::fake_kaggle::{FakeKaggle, FakeOptions};
use crate::support::{Environment, small_listing};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs_err::read_dir(folder) else {
        return found;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Photos that a plan of the folder has, and what is said beside it.
#[track_caller]
fn planned(environment: &Environment, folder: &str) -> (usize, String) {
    let said = environment
        .run(["plan", folder, "--recursive", "--json"])
        .with_code(0);
    let photos = said.json()["plan"]["photos"].as_array().unwrap().len();
    (photos, said.error)
}

/// The jobs of the home, and the photos of the first.
fn jobs(environment: &Environment) -> (usize, u64) {
    let listed = environment.run(["list", "--json"]).with_code(0).json();
    let jobs = listed["jobs"].as_array().unwrap().clone();
    (jobs.len(), jobs[0]["photos"].as_u64().unwrap())
}

#[test]
fn a_killed_delivery_is_gone_on_with() {
    let environment = Environment::new();
    let listing = environment.work().join("lst");
    small_listing(&listing, 5);
    let submit = || {
        let mut command = environment.command(["submit", ".", "--recursive"]);
        command.current_dir(&listing);
        command
    };
    // Killed as soon as so many files stand in the folder of deliveries, again and again.
    let out = listing.join("remedia-out");
    for least in [1, 2, 3, 5, 9, 14, 18] {
        let mut process = submit()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while files(&out).len() < least
            && process.try_wait().unwrap().is_none()
            && started.elapsed() < Duration::from_secs(60)
        {
            thread::sleep(Duration::from_millis(1));
        }
        let _ = process.kill();
        process.wait().unwrap();
    }
    let said = environment.said(submit().output().unwrap()).with_code(0);
    assert!(!said.error.contains("left out"), "{}", said.error);
    assert_eq!(jobs(&environment), (1, 5));
    // What is whole is not delivered twice, and the folder is named in one line.
    let said = environment.said(submit().output().unwrap()).with_code(0);
    let notes: Vec<&str> = said
        .error
        .lines()
        .filter(|line| line.starts_with("note: "))
        .collect();
    assert_eq!(
        notes,
        ["note: not read as photos: `remedia-out/lst/` (a delivery of remedia)"]
    );
    assert_eq!(jobs(&environment), (1, 5));
}

#[test]
fn what_remedia_made_is_never_read_as_photos() {
    let environment = Environment::new();
    let listing = environment.work().join("lst");
    small_listing(&listing, 2);
    let _ = environment
        .run(["submit", "lst", "--out", "lst/results"])
        .with_code(0);
    let delivered = listing.join("results/lst");
    let read = |what: &str| {
        let (photos, error) = planned(&environment, "lst");
        assert_eq!(photos, 2, "{what}: {error}");
        let lines = error.matches("not read as photos").count();
        assert_eq!(lines, 1, "{what}: {error}");
    };
    read("a delivery");
    // Under another name, elsewhere in the listing.
    fs_err::rename(listing.join("results"), listing.join("old results")).unwrap();
    read("a delivery under another name");
    fs_err::rename(listing.join("old results"), listing.join("results")).unwrap();
    // As it stands when it is cut before its manifest.
    let manifest = fs_err::read(delivered.join("manifest.json")).unwrap();
    fs_err::remove_file(delivered.join("manifest.json")).unwrap();
    read("a delivery without its manifest");
    fs_err::write(delivered.join(".remedia-delivery.json"), "{}").unwrap();
    fs_err::remove_dir_all(delivered.join("originals-web")).unwrap();
    read("a delivery that has begun");
    fs_err::remove_file(delivered.join(".remedia-delivery.json")).unwrap();
    read("a delivery without any mark, by its place");
    fs_err::write(delivered.join("manifest.json"), manifest).unwrap();
    fs_err::rename(&delivered, listing.join("moved")).unwrap();
    read("a delivery with its manifest, moved");
    fs_err::remove_dir_all(listing.join("moved")).unwrap();
    // Temporary files and orders for workers elsewhere.
    let photo = fs_err::read(listing.join("01-kitchen.jpg")).unwrap();
    fs_err::write(listing.join(".remedia-tmp-x.jpg"), &photo).unwrap();
    for (mark, content) in [
        ("remedia-run.json", "{}"),
        ("results.json", "{\"job_sha256\": \"\", \"photos\": []}"),
    ] {
        let order = listing.join("order");
        fs_err::create_dir_all(order.join("photos")).unwrap();
        fs_err::write(order.join(mark), content).unwrap();
        fs_err::write(order.join("photos/other.jpg"), [&photo[..], b" "].concat()).unwrap();
        read(mark);
        fs_err::remove_dir_all(&order).unwrap();
    }
    // A folder of photos with names like those of a delivery is one of photos.
    for folder in ["final", "web"] {
        fs_err::create_dir_all(listing.join("upstairs").join(folder)).unwrap();
    }
    small_listing(&listing.join("upstairs/final"), 3);
    let (photos, _) = planned(&environment, "lst");
    assert_eq!(photos, 3, "two of the three are copies of the others");
}

#[test]
fn a_home_in_the_listing_is_not_read_as_photos() {
    for home in ["lst/records", "lst"] {
        let environment = Environment::new();
        let listing = environment.work().join("lst");
        small_listing(&listing, 2);
        let run = |arguments: [&str; 3]| {
            let mut command = environment.command(arguments);
            command.env("REMEDIA_HOME", environment.work().join(home));
            environment.said(command.output().unwrap()).with_code(0)
        };
        let _ = run(["submit", "lst", "--recursive"]);
        assert!(environment.work().join(home).join("jobs").is_dir());
        // In use, and as somebody else's old home.
        let said = run(["submit", "lst", "--recursive"]);
        assert!(said.error.contains("is known: delivered"), "{}", said.error);
        assert!(said.error.contains("remedia's home"), "{}", said.error);
        let (photos, error) = planned(&environment, "lst");
        assert_eq!(photos, 2, "{home}: {error}");
    }
}

#[test]
fn a_delivery_that_is_given_as_a_listing_is_refused() {
    let environment = Environment::new();
    small_listing(&environment.work().join("ash"), 1);
    let _ = environment.run(["submit", "ash"]).with_code(0);
    for arguments in [
        ["submit", "remedia-out/ash", "--recursive"],
        ["submit", "remedia-out/ash", "--quiet"],
    ] {
        let said = environment.run(arguments).with_code(1);
        assert!(
            said.error.contains("it is a delivery of remedia"),
            "{}",
            said.error
        );
    }
}

#[test]
fn work_of_a_person_in_the_delivery_is_kept() {
    let environment = Environment::new();
    let work = environment.work();
    small_listing(&work.join("ash"), 2);
    let _ = environment.run(["submit", "ash"]).with_code(0);
    let delivered = work.join("remedia-out/ash");
    let before: Vec<_> = files(&delivered)
        .into_iter()
        .map(|path| (path.clone(), fs_err::read(path).unwrap()))
        .collect();
    let finals: Vec<PathBuf> = files(&delivered.join("final"));
    let retouched = fs_err::read(work.join("ash/01-kitchen.jpg")).unwrap();
    fs_err::write(&finals[0], &retouched).unwrap();
    // Half a picture is damage, and nobody's work.
    let half = fs_err::read(&finals[1]).unwrap();
    fs_err::write(&finals[1], &half[..half.len() / 2]).unwrap();
    fs_err::write(delivered.join("captions.csv"), "file,caption\r\nx,mine\r\n").unwrap();
    let said = environment.run(["submit", "ash"]).with_code(0);
    for (file, kept) in [
        ("final/001-kitchen.jpg", "ash/edited/final-001-kitchen.jpg"),
        ("captions.csv", "ash/edited/captions.csv"),
    ] {
        let line = format!(
            "`{file}` was changed after it was delivered; that version is kept as `{kept}`"
        );
        assert!(said.error.contains(&line), "{}", said.error);
    }
    for (path, content) in &before {
        assert!(
            fs_err::read(path).unwrap() == *content,
            "{}",
            path.display()
        );
    }
    let kept: Vec<PathBuf> = files(&delivered.join("edited"));
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert_eq!(fs_err::read(&kept[1]).unwrap(), retouched);
    // Again, in another style: both versions stay, the newer under a name of its own.
    fs_err::write(&finals[0], &retouched).unwrap();
    let said = environment
        .run(["submit", "ash", "--style", "coastal"])
        .with_code(0);
    assert!(
        said.error.contains("`ash/edited/final-001-kitchen-2.jpg`"),
        "{}",
        said.error
    );
    assert_eq!(files(&delivered.join("edited")).len(), 3);
}

#[test]
fn tables_open_in_a_spreadsheet() {
    let environment = Environment::new();
    let listing = environment.work().join("ash");
    small_listing(&listing, 2);
    fs_err::write(
        listing.join("listing.toml"),
        "title = \"=Straße 5 – \\\"Köln\\\", 中\"\n",
    )
    .unwrap();
    let _ = environment.run(["submit", "ash"]).with_code(0);
    let folders: Vec<_> = fs_err::read_dir(environment.work().join("remedia-out"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    for name in ["captions.csv", "disclosure.csv"] {
        let bytes = fs_err::read(folders[0].join(name)).unwrap();
        assert_eq!(bytes[..3], [0xef, 0xbb, 0xbf], "{name}");
        let text = std::str::from_utf8(&bytes[3..]).unwrap();
        assert!(!text.contains('\u{feff}'), "{name}");
        assert!(text.ends_with("\r\n"), "{name}");
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
        assert_eq!(text.lines().count(), 3, "{name}: {text}");
        assert!(text.starts_with("file,"), "{name}: {text}");
        for cell in text.split([',', '\n']) {
            assert!(!cell.starts_with('='), "{name}: {cell}");
        }
    }
    let captions = fs_err::read_to_string(folders[0].join("captions.csv")).unwrap();
    assert!(
        captions.contains("Straße 5 – \"\"Köln\"\", 中"),
        "{captions}"
    );
    let again = environment.run(["submit", "ash"]).with_code(0);
    assert!(again.error.contains("is known"), "{}", again.error);
}

fn utf16(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    [0xff, 0xfe].into_iter().chain(units).collect()
}

fn with_mark(text: &str) -> Vec<u8> {
    ["\u{feff}", text].concat().into_bytes()
}

#[test]
fn credentials_of_windows_tools_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let kaggle = FakeKaggle::start(FakeOptions::new(folder.path())).unwrap();
    let key = format!(
        "{{\"username\":\"tester\",\r\n\"key\":\"{}\"}}\r\n",
        "0".repeat(32)
    );
    for (name, text) in [
        ("kaggle.json", key.as_str()),
        ("access_token", "KGAT_tester \r\n"),
    ] {
        for written in [
            with_mark(text),
            utf16(text),
            [text.as_bytes(), b"\0"].concat(),
        ] {
            let environment = Environment::new();
            let own = environment.path().join("home/.kaggle");
            fs_err::create_dir_all(&own).unwrap();
            fs_err::write(own.join(name), &written).unwrap();
            let mut command = environment.command(["doctor"]);
            command.env("REMEDIA_KAGGLE_URL", kaggle.url());
            let said = environment.said(command.output().unwrap());
            assert!(
                said.out.contains("tester"),
                "{name} {written:?}: {}",
                said.out
            );
            assert!(!said.out.contains("not accepted"), "{}", said.out);
        }
    }
    // What cannot be read is told with its file and what to do.
    let environment = Environment::new();
    let own = environment.path().join("home/.kaggle");
    fs_err::create_dir_all(&own).unwrap();
    fs_err::write(own.join("kaggle.json"), b"{\"username\":\"m\xfcller\"}").unwrap();
    let mut command = environment.command(["doctor"]);
    command.env("REMEDIA_KAGGLE_URL", kaggle.url());
    let said = environment.said(command.output().unwrap());
    assert!(
        said.out.contains(".kaggle/kaggle.json") && said.out.contains("save it as UTF-8"),
        "{}",
        said.out
    );
}

#[test]
fn texts_of_windows_tools_are_read_everywhere() {
    let environment = Environment::new();
    let work = environment.work();
    small_listing(&work.join("ash"), 1);
    let modern = environment
        .run(["styles", "show", "modern"])
        .with_code(0)
        .out;
    let style: String = modern
        .lines()
        .filter(|line| !line.starts_with("aliases"))
        .map(|line| format!("{}\r\n", line.replace("\"modern\"", "\"mine\"")))
        .collect();
    let listing = "title = \"Straße\"\r\n";
    let settings = "styles = \"my styles\"\r\nstyle = \"mine\"\r\n";
    fs_err::create_dir(work.join("my styles")).unwrap();
    let user = environment.path().join("home/.config/remedia");
    fs_err::create_dir_all(&user).unwrap();
    for write in [with_mark, utf16] {
        fs_err::write(work.join("ash/listing.toml"), write(listing)).unwrap();
        fs_err::write(work.join("remedia.toml"), write(settings)).unwrap();
        fs_err::write(user.join("config.toml"), write("seed = 7\r\n")).unwrap();
        fs_err::write(work.join("my styles/mine.toml"), write(&style)).unwrap();
        let plan = environment
            .run(["plan", "ash", "--json"])
            .with_code(0)
            .json();
        assert_eq!(plan["listing"]["title"], "Straße");
        assert_eq!(plan["plan"]["style"]["name"], "mine");
    }
    for (file, name) in [
        (work.join("ash/listing.toml"), "listing.toml"),
        (work.join("remedia.toml"), "remedia.toml"),
        (work.join("my styles/mine.toml"), "mine.toml"),
    ] {
        let good = fs_err::read(&file).unwrap();
        fs_err::write(&file, b"# M\xfcller\n").unwrap();
        let said = environment.run(["plan", "ash"]);
        assert_ne!(said.code, 0);
        assert!(
            said.error.contains(name) && said.error.contains("save it as UTF-8"),
            "{}",
            said.error
        );
        fs_err::write(&file, good).unwrap();
    }
}

#[test]
fn files_that_miss_their_name_are_pointed_out() {
    let environment = Environment::new();
    let work = environment.work();
    small_listing(&work.join("set/ash"), 1);
    let ash = work.join("set/ash");
    let notes = |extra: &str| -> Vec<String> {
        let said = if extra.is_empty() {
            environment.run(["plan", "set/ash"])
        } else {
            environment.run(["plan", "set/ash", extra])
        };
        let said = said.with_code(0);
        let told = said
            .error
            .lines()
            .filter(|line| line.starts_with("note: ") || line.starts_with("warning: "));
        told.map(str::to_owned).collect()
    };
    assert_eq!(notes(""), Vec::<String>::new());
    for (name, expected) in [
        (
            "Listing.toml",
            "note: `Listing.toml` is not read; rename it to `listing.toml`",
        ),
        (
            "listing.toml.txt",
            "note: `listing.toml.txt` is not read; rename it to `listing.toml`",
        ),
        (
            "listing.tml",
            "note: `listing.tml` is not read; rename it to `listing.toml`",
        ),
        (
            "listing.yaml",
            "note: `listing.yaml` is not read; write what it says into `listing.toml`, in TOML",
        ),
        (
            "../listing.toml",
            "note: `../listing.toml` is not read; move it into the listing folder if it is meant for these photos",
        ),
        (
            "upstairs/listing.toml",
            "note: `upstairs/listing.toml` is not read; only the one in the listing folder itself is",
        ),
    ] {
        fs_err::create_dir_all(ash.join("upstairs")).unwrap();
        fs_err::write(ash.join(name), "title = \"x\"\n").unwrap();
        assert_eq!(notes(""), [expected], "{name}");
        fs_err::remove_file(ash.join(name)).unwrap();
    }
    // The exact name wins, and backups of an editor are nobody's slip.
    for name in [
        "listing.toml",
        "listing.toml.bak",
        "listing.toml~",
        "../listing.toml",
    ] {
        fs_err::write(ash.join(name), "title = \"x\"\n").unwrap();
    }
    assert_eq!(notes(""), Vec::<String>::new());
    fs_err::write(ash.join("LISTING.toml"), "title = \"y\"\n").unwrap();
    assert_eq!(
        notes(""),
        ["note: `LISTING.toml` is not read; `listing.toml` is"]
    );
    fs_err::remove_file(ash.join("LISTING.toml")).unwrap();
    small_listing(&ash.join("upstairs"), 2);
    fs_err::write(ash.join("upstairs/listing.toml"), "title = \"z\"\n").unwrap();
    assert_eq!(
        notes("--recursive"),
        ["note: `upstairs/listing.toml` is not read; only the one in the listing folder itself is"]
    );
    fs_err::remove_file(ash.join("upstairs/listing.toml")).unwrap();
    fs_err::write(work.join("remedia.toml.txt"), "seed = 1\n").unwrap();
    assert_eq!(
        notes("")
            .iter()
            .map(|line| line.replace(&environment.path().display().to_string(), "[ENV]"))
            .collect::<Vec<_>>(),
        ["warning: `[ENV]/work/remedia.toml.txt` is not read; rename it to `remedia.toml`"]
    );
}
