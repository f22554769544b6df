//! Deliveries: what they hold, what they say, and what becomes of them when they are cut short.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its preparation fails"
)]

use std::cell::Cell;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use remedia::deliver::manifest::{DeliveredAs, FileRole, Manifest, manifest_schema};
use remedia::deliver::{DeliverError, DeliveredOperation, OperationOutcome};
use remedia::domain::listing::LeftOutCode;
use remedia::domain::operation::OperationKind;
use remedia::domain::room::Room;
use remedia::domain::verdict::Verdict;
use remedia::engine::Ending;
use remedia::imaging::metadata::inspect;
use remedia::imaging::{self, DecodeLimits};
use serde_json::Value;

use crate::engine::House;
use crate::support::delivery::{Delivery, encoded, gradient};
use crate::support::fixture;

const ROOMS: [Option<Room>; 3] = [Some(Room::LivingRoom), None, Some(Room::Kitchen)];

fn manifest(delivery: &Delivery) -> Manifest {
    serde_json::from_slice(&delivery.read("manifest.json")).unwrap()
}

#[test]
fn a_listing_is_delivered_whole() {
    let delivery = Delivery::small(&ROOMS);
    let delivered = delivery.deliver().unwrap();
    assert_eq!((delivered.photos, delivered.originals), (3, 0));
    assert!(delivered.problems.is_empty());
    insta::assert_snapshot!(delivery.paths().join("\n"), @r"
    captions.csv
    disclosure.csv
    disclosure.txt
    final/001-living-room.jpg
    final/002-photo-2.jpg
    final/003-kitchen.jpg
    gallery.html
    manifest.json
    originals-web/001-living-room.jpg
    originals-web/002-photo-2.jpg
    originals-web/003-kitchen.jpg
    web/001-living-room.jpg
    web/002-photo-2.jpg
    web/003-kitchen.jpg
    ");
    let manifest = manifest(&delivery);
    for photo in &manifest.photos {
        let found = photo.files.iter().find(|file| file.role == FileRole::Final);
        let last = found.unwrap();
        assert_eq!((last.width, last.height), (96, 64), "native resolution");
        for file in &photo.files {
            let bytes = delivery.read(&file.path);
            assert_eq!(bytes.len() as u64, file.bytes);
            assert_eq!(blake3::hash(&bytes).to_hex().as_str(), file.blake3);
            let picture = imaging::decode(&bytes, &DecodeLimits::default()).unwrap();
            assert_eq!(
                (picture.width, picture.height),
                (file.width as usize, file.height as usize)
            );
            if file.role != FileRole::Final {
                assert_eq!(picture.width, 64, "web copies have the long side asked for");
                assert!(is_progressive(&bytes), "{}", file.path);
            }
        }
    }
    for document in &manifest.documents {
        let bytes = delivery.read(&document.path);
        assert_eq!(blake3::hash(&bytes).to_hex().as_str(), document.blake3);
    }
}

/// Whether a JPEG has a progressive frame (SOF2).
fn is_progressive(jpeg: &[u8]) -> bool {
    jpeg.windows(2).any(|marker| marker == [0xff, 0xc2])
}

#[test]
fn finals_are_the_masters_pixels_with_metadata_and_nothing_private() {
    let delivery = Delivery::small(&ROOMS);
    delivery.deliver().unwrap();
    for (index, path) in ["001-living-room", "002-photo-2", "003-kitchen"]
        .iter()
        .enumerate()
    {
        let master = fs_err::read(delivery.photos[index].master.as_ref().unwrap()).unwrap();
        let last = delivery.read(&format!("final/{path}.jpg"));
        let decode = |bytes: &[u8]| imaging::decode(bytes, &DecodeLimits::default()).unwrap();
        assert_eq!(decode(&last), decode(&master));
        // Everything behind the inserted segments is the master byte for byte.
        let scan = |bytes: &[u8]| {
            let start = bytes
                .windows(2)
                .position(|marker| marker == [0xff, 0xdb])
                .unwrap();
            bytes[start..].to_vec()
        };
        assert_eq!(scan(&last), scan(&master));
        for (folder, source) in [
            ("final", "algorithmicallyEnhanced"),
            ("web", "algorithmicallyEnhanced"),
            ("originals-web", "digitalCapture"),
        ] {
            let found = inspect(&delivery.read(&format!("{folder}/{path}.jpg"))).unwrap();
            assert!(found.private_parts().is_empty(), "{:?}", found.segments);
            assert!(found.icc.is_some());
            let xmp = found.xmp.unwrap();
            assert!(
                xmp.contains(&format!("digitalsourcetype/{source}<")),
                "{xmp}"
            );
            assert!(xmp.contains(concat!("remedia ", env!("CARGO_PKG_VERSION"))));
            assert!(found.iptc.unwrap().caption.unwrap().contains("Not altered"));
        }
    }
}

#[test]
fn nothing_of_the_camera_or_the_machine_goes_out() {
    let mut delivery = Delivery::maple_street();
    let place = delivery.source.display().to_string();
    delivery.leave_out(
        "broken.jpg",
        LeftOutCode::Damaged,
        &format!("failed to read `{place}/broken.jpg`: end of file"),
    );
    delivery.photos[2].master = None;
    delivery.deliver().unwrap();
    let original = fs_err::read(delivery.source.join("02-living-b.jpg")).unwrap();
    assert!(
        !inspect(&original).unwrap().private_parts().is_empty(),
        "the fixture has private parts to be lost"
    );
    for (path, _) in delivery.contents() {
        let bytes = delivery.read(&path);
        if path.ends_with(".jpg") {
            assert!(
                inspect(&bytes).unwrap().private_parts().is_empty(),
                "{path}"
            );
        } else {
            let text = String::from_utf8(bytes).unwrap();
            let home = std::env::temp_dir().display().to_string();
            for private in [place.as_str(), home.as_str()] {
                assert!(!text.contains(private), "{private} in {path}");
            }
        }
    }
    // The one that is stored turned is delivered upright, on both sides of the pair.
    let bathroom = &manifest(&delivery).photos[4];
    let sizes: Vec<_> = bathroom
        .files
        .iter()
        .map(|file| (file.width, file.height))
        .collect();
    assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
    // The reference exposure of the bracket is the paired original, and the class says what it is.
    let first = &manifest(&delivery).photos[0];
    assert_eq!(first.sources.len(), 3);
    assert_eq!(
        first.disclosure.digital_source_type.code(),
        "computationalCapture"
    );
}

#[test]
fn the_same_request_gives_the_same_bytes_and_rewrites_nothing() {
    let delivery = Delivery::small(&ROOMS);
    delivery.deliver().unwrap();
    let first = delivery.contents();
    let modified = |path: &str| {
        fs_err::metadata(delivery.destination.join(path))
            .unwrap()
            .modified()
            .unwrap()
    };
    let times: Vec<_> = first.iter().map(|(path, _)| modified(path)).collect();
    let again = delivery.deliver().unwrap();
    assert!(again.written.is_empty(), "{:?}", again.written);
    assert_eq!(again.unchanged, first.len());
    assert_eq!(delivery.contents(), first);
    let after: Vec<_> = first.iter().map(|(path, _)| modified(path)).collect();
    assert_eq!(after, times);

    // A fresh delivery elsewhere, one photo at a time and with no memory to spare, is the same too.
    let mut other = Delivery::small(&ROOMS);
    other.options.max_in_flight = 1;
    other.options.memory_budget_bytes = 1;
    other.deliver().unwrap();
    assert_eq!(other.contents(), first);
}

#[test]
fn only_what_changed_is_made_again() {
    let mut delivery = Delivery::small(&ROOMS);
    delivery.deliver().unwrap();
    let before = delivery.contents();
    let master = delivery.photos[1].master.clone().unwrap();
    fs_err::write(&master, encoded(&gradient(96, 64, 10))).unwrap();
    let delivered = delivery.deliver().unwrap();
    assert_eq!(
        delivered.written,
        [
            "final/002-photo-2.jpg",
            "gallery.html",
            "manifest.json",
            "web/002-photo-2.jpg"
        ]
    );
    // A file that somebody damaged is made again, as it was.
    fs_err::write(delivery.destination.join("web/001-living-room.jpg"), b"cut").unwrap();
    let delivered = delivery.deliver().unwrap();
    assert_eq!(delivered.written, ["web/001-living-room.jpg"]);
    // So is a document, and the others stay.
    for document in [
        "captions.csv",
        "disclosure.txt",
        "disclosure.csv",
        "gallery.html",
    ] {
        let whole = delivery.contents();
        fs_err::write(delivery.destination.join(document), b"\0cut").unwrap();
        let delivered = delivery.deliver().unwrap();
        assert_eq!(delivered.written, [document]);
        assert_eq!(delivery.contents(), whole, "{document}");
    }
    // Back to the first master: back to the first bytes.
    fs_err::write(&master, encoded(&gradient(96, 64, 110))).unwrap();
    delivery.deliver().unwrap();
    assert_eq!(delivery.contents(), before);
    // Without the originals everything that is there is kept; nothing needs them.
    fs_err::remove_dir_all(&delivery.source).unwrap();
    let delivered = delivery.deliver().unwrap();
    assert!(delivered.written.is_empty() && delivered.problems.is_empty());
    delivery.options.web_quality = 70;
    let away = delivery.deliver().unwrap_err();
    assert!(
        away.is_retryable() && away.to_string().contains("put the listing folder back"),
        "now the originals are missed: {away}"
    );
}

#[test]
fn files_that_no_longer_belong_go_and_others_stay() {
    let mut delivery = Delivery::small(&ROOMS);
    delivery.deliver().unwrap();
    let own = delivery.destination.join("final/notes.txt");
    fs_err::write(&own, b"mine").unwrap();
    delivery.plan.photos.remove(0);
    delivery.photos.remove(0);
    let delivered = delivery.deliver().unwrap();
    assert_eq!(delivered.photos, 2);
    assert_eq!(delivered.removed.len(), 9, "{:?}", delivered.removed);
    assert!(
        delivery
            .paths()
            .contains(&"final/001-photo-2.jpg".to_owned())
    );
    assert!(
        !delivery
            .paths()
            .contains(&"final/001-living-room.jpg".to_owned())
    );
    assert_eq!(fs_err::read(own).unwrap(), b"mine");
}

#[test]
fn an_interrupted_delivery_is_ended_by_the_next() {
    let whole = Delivery::small(&ROOMS);
    whole.deliver().unwrap();
    for cut_at in 0..5 {
        let mut delivery = Delivery::small(&ROOMS);
        delivery.options.max_in_flight = 1;
        let asked = Cell::new(0);
        let result = delivery.deliver_interrupted(&|| {
            asked.set(asked.get() + 1);
            asked.get() > cut_at
        });
        let error = result.unwrap_err();
        assert!(matches!(error, DeliverError::Interrupted) && error.is_retryable());
        assert!(!delivery.destination.join("manifest.json").exists());
        // What a killed one leaves beside it: a temporary file.
        for folder in ["", "final", "web", "originals-web"] {
            let left = delivery.destination.join(folder).join(".remedia-tmp-x1");
            fs_err::write(left, b"half").unwrap();
        }
        delivery.deliver().unwrap();
        assert_eq!(delivery.contents(), whole.contents());
    }
}

#[test]
fn a_killed_delivery_of_other_photos_leaves_nothing_behind() {
    let mut delivery = Delivery::small(&ROOMS);
    delivery.options.max_in_flight = 1;
    let asked = Cell::new(0);
    let cut = delivery.deliver_interrupted(&|| asked.replace(asked.get() + 1) == 2);
    assert!(cut.is_err());
    assert!(
        delivery
            .destination
            .join("final/001-living-room.jpg")
            .exists()
    );
    delivery.plan.photos.remove(0);
    delivery.photos.remove(0);
    delivery.deliver().unwrap();
    let expected = {
        let mut fresh = Delivery::small(&ROOMS);
        fresh.plan.photos.remove(0);
        fresh.photos.remove(0);
        fresh.deliver().unwrap();
        fresh.contents()
    };
    assert_eq!(delivery.contents(), expected);
}

/// Delivers for [`a_delivery_that_is_killed_at_any_moment_is_ended_by_the_next`], in a process of
/// its own that can be killed.
#[test]
fn deliver_in_a_process_of_its_own() {
    let Some(destination) = std::env::var_os("REMEDIA_TEST_DELIVER_TO") else {
        return;
    };
    let mut delivery = Delivery::small(&[Some(Room::Kitchen); 12]);
    delivery.destination = destination.into();
    delivery.deliver().unwrap();
}

#[test]
fn a_delivery_that_is_killed_at_any_moment_is_ended_by_the_next() {
    let whole = Delivery::small(&[Some(Room::Kitchen); 12]);
    let start = Instant::now();
    whole.deliver().unwrap();
    let took = start.elapsed();
    let mut cut_short = 0;
    for moment in 0..12_u32 {
        let mut delivery = Delivery::small(&[Some(Room::Kitchen); 12]);
        let folder = tempfile::tempdir().unwrap();
        delivery.destination = folder.path().join("maple-street");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "deliver::deliver_in_a_process_of_its_own"])
            .env("REMEDIA_TEST_DELIVER_TO", &delivery.destination)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while !delivery.destination.exists() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(took * moment / 10);
        let _ = child.kill();
        child.wait().unwrap();
        cut_short += u32::from(!delivery.destination.join("manifest.json").exists());
        delivery.deliver().unwrap();
        assert_eq!(delivery.contents(), whole.contents(), "killed at {moment}");
    }
    assert!(cut_short > 0, "no delivery was killed before its end");
}

#[test]
fn a_photo_without_a_result_is_delivered_as_the_original_and_says_so() {
    let mut delivery = Delivery::small(&ROOMS);
    delivery.photos[1].master = None;
    delivery.photos[1].operations[0].outcome = OperationOutcome::GaveUp {
        reasons: vec!["the result is too small".to_owned()],
    };
    delivery.photos.remove(2);
    let delivered = delivery.deliver().unwrap();
    assert_eq!((delivered.photos, delivered.originals), (3, 2));
    let manifest = manifest(&delivery);
    for photo in &manifest.photos[1..] {
        assert_eq!(photo.delivered, DeliveredAs::Original);
        assert_eq!(
            photo.disclosure.digital_source_type.code(),
            "digitalCapture"
        );
        assert_eq!(photo.files.len(), 3);
    }
    let text = delivery.text("disclosure.txt");
    assert!(
        text.contains("2 pictures were left as the original"),
        "{text}"
    );
    assert!(delivery.text("gallery.html").contains("too small"));
}

#[test]
fn a_lost_or_changed_original_stops_neither_the_others_nor_its_own_result() {
    let mut delivery = Delivery::small(&ROOMS);
    delivery.photos[2].master = None;
    fs_err::remove_file(delivery.source.join("photo-1.jpg")).unwrap();
    fs_err::write(delivery.source.join("photo-3.jpg"), b"edited").unwrap();
    let delivered = delivery.deliver().unwrap();
    assert_eq!(delivered.photos, 2);
    let reasons: Vec<_> = delivered
        .problems
        .iter()
        .map(|problem| format!("{}: {}", problem.file, problem.reason))
        .collect();
    insta::assert_snapshot!(reasons.join("\n"), @r"
    photo-1.jpg: the original cannot be read any more (entity not found); put it back, then deliver again
    photo-3.jpg: the original has changed since the listing was read; submit the listing again
    ");
    let manifest = manifest(&delivery);
    assert_eq!(manifest.problems.len(), 2);
    assert_eq!(manifest.photos[0].files.len(), 2);
    assert!(delivery.text("gallery.html").contains("No comparison."));
}

#[test]
fn an_altered_picture_goes_out_with_its_original_or_not_at_all() {
    let mut delivery = Delivery::small(&ROOMS);
    for photo in &mut delivery.photos[..2] {
        photo.operations[1] = DeliveredOperation {
            kind: OperationKind::Stage,
            outcome: OperationOutcome::Accepted,
            attempts: 2,
            seed: Some(5),
            report: None,
            made: Vec::new(),
            versions: Vec::new(),
        };
    }
    fs_err::remove_file(delivery.source.join("photo-2.jpg")).unwrap();
    let delivered = delivery.deliver().unwrap();
    assert_eq!(delivered.photos, 2);
    assert_eq!(delivered.problems.len(), 1);
    assert!(!delivery.paths().iter().any(|path| path.contains("002-")));
    let manifest = manifest(&delivery);
    assert!(manifest.altered && manifest.photos[0].disclosure.altered);
    let table = delivery.text("disclosure.csv");
    assert!(
        table.contains("yes,Virtual Staging - Item Addition,compositeWithTrained"),
        "{table}"
    );
    let text = delivery.text("disclosure.txt");
    assert!(
        text.contains("1 of the 2 pictures of this delivery is digitally altered"),
        "{text}"
    );
    assert!(delivery.text("gallery.html").contains("Digitally altered"));
}

#[test]
fn what_others_put_there_is_never_overwritten() {
    for (path, content) in [
        ("manifest.json", &b"{\"name\":\"an app\"}"[..]),
        ("manifest.json", b"not json"),
        ("gallery.html", b"my own gallery"),
        ("final/001-living-room.jpg", b"my own picture"),
    ] {
        let delivery = Delivery::small(&ROOMS);
        let path = delivery.destination.join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, content).unwrap();
        let error = delivery.deliver().unwrap_err();
        assert!(matches!(&error, DeliverError::Occupied { path: named, .. } if *named == path));
        assert!(!error.is_retryable());
        assert_eq!(fs_err::read(&path).unwrap(), content);
    }
    // Another listing's delivery.
    let mut delivery = Delivery::small(&ROOMS);
    delivery.deliver().unwrap();
    delivery.listing.slug = "oak-street".to_owned();
    assert!(matches!(
        delivery.deliver(),
        Err(DeliverError::Occupied { .. })
    ));
}

#[test]
fn a_manifest_that_names_other_files_removes_none_of_them() {
    let delivery = Delivery::small(&ROOMS);
    delivery.deliver().unwrap();
    let outside = delivery
        .destination
        .parent()
        .unwrap()
        .join("001-precious.jpg");
    fs_err::write(&outside, b"precious").unwrap();
    let inside = delivery.destination.join("notes.txt");
    fs_err::write(&inside, b"mine").unwrap();
    let mut forged: Value = serde_json::from_slice(&delivery.read("manifest.json")).unwrap();
    for (index, path) in [
        "../001-precious.jpg",
        "notes.txt",
        "final/../../001-precious.jpg",
    ]
    .iter()
    .enumerate()
    {
        forged["photos"][index]["files"][0]["path"] = Value::from(*path);
    }
    let bytes = serde_json::to_vec(&forged).unwrap();
    fs_err::write(delivery.destination.join("manifest.json"), bytes).unwrap();
    // The three finals are now named by nothing, so they are in the way.
    assert!(matches!(
        delivery.deliver(),
        Err(DeliverError::Occupied { .. })
    ));
    for path in [
        "final/001-living-room.jpg",
        "final/002-photo-2.jpg",
        "final/003-kitchen.jpg",
    ] {
        fs_err::remove_file(delivery.destination.join(path)).unwrap();
    }
    let delivered = delivery.deliver().unwrap();
    assert!(delivered.removed.is_empty());
    assert!(outside.exists() && inside.exists());
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_a_folder_is_refused() {
    let delivery = Delivery::small(&ROOMS);
    let elsewhere = delivery.source.join("elsewhere");
    fs_err::create_dir_all(&elsewhere).unwrap();
    fs_err::create_dir_all(&delivery.destination).unwrap();
    std::os::unix::fs::symlink(&elsewhere, delivery.destination.join("final")).unwrap();
    assert!(matches!(
        delivery.deliver(),
        Err(DeliverError::Occupied { .. })
    ));
    assert_eq!(fs_err::read_dir(&elsewhere).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn a_place_that_cannot_be_written_is_named() {
    let delivery = Delivery::small(&ROOMS);
    fs_err::create_dir_all(delivery.destination.parent().unwrap()).unwrap();
    fs_err::write(&delivery.destination, b"a file").unwrap();
    let error = delivery.deliver().unwrap_err();
    assert!(error.to_string().contains("maple-street"), "{error}");
}

#[test]
fn a_master_with_private_parts_is_refused() {
    let delivery = Delivery::small(&ROOMS);
    let camera = fs_err::read(fixture("listings/maple-street/02-living-b.jpg")).unwrap();
    fs_err::write(delivery.photos[0].master.as_ref().unwrap(), camera).unwrap();
    let error = delivery.deliver().unwrap_err();
    assert!(error.to_string().contains("EXIF"), "{error}");
}

#[test]
fn a_photo_that_the_plan_does_not_know_is_a_mistake() {
    let mut delivery = Delivery::small(&ROOMS);
    delivery.plan.photos.remove(0);
    assert!(matches!(delivery.deliver(), Err(DeliverError::Request(_))));
    let mut delivery = Delivery::small(&ROOMS);
    let twice = delivery.photos[0].clone();
    delivery.photos.push(twice);
    assert!(matches!(delivery.deliver(), Err(DeliverError::Request(_))));
}

#[test]
fn the_schema_is_the_committed_one_and_fits_the_manifest() {
    let mut generated = serde_json::to_string_pretty(&manifest_schema()).unwrap();
    generated.push('\n');
    let path = fixture("schemas/manifest.schema.json");
    if std::env::var_os("REMEDIA_UPDATE_FIXTURES").is_some() {
        fs_err::write(&path, &generated).unwrap();
    }
    assert_eq!(
        fs_err::read_to_string(&path).unwrap(),
        generated,
        "run this test with REMEDIA_UPDATE_FIXTURES=1 and commit the schema"
    );
    let schema: Value = serde_json::from_str(&generated).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut delivery = Delivery::small(&ROOMS);
    delivery.leave_out("x.heic", LeftOutCode::UnsupportedFormat, "no photo");
    delivery.photos[1].master = None;
    fs_err::remove_file(delivery.source.join("photo-3.jpg")).unwrap();
    delivery.deliver().unwrap();
    let mut document: Value = serde_json::from_slice(&delivery.read("manifest.json")).unwrap();
    let faults: Vec<_> = validator
        .iter_errors(&document)
        .map(|fault| fault.to_string())
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
    document["surprise"] = Value::from(1);
    assert!(!validator.is_valid(&document));
}

#[test]
fn the_kept_manifest_of_version_one_is_still_read() {
    let path = fixture("documents/manifest-v1.json");
    let text = fs_err::read_to_string(&path).unwrap();
    let manifest: Manifest = serde_json::from_str(&text).unwrap();
    assert_eq!(manifest.schema_version, 1);
    assert_eq!(manifest.photos.len(), 3);
    assert_eq!(manifest.photos[1].delivered, DeliveredAs::Original);
    assert_eq!(manifest.problems.len(), 1);
    let written = serde_json::to_value(&manifest).unwrap();
    assert_eq!(written, serde_json::from_str::<Value>(&text).unwrap());
}

/// Three rooms that the fake provider stages: the kitchen at once, the bedroom at the third attempt,
/// the living room never.
pub(crate) const STAGING: &str = r#"
[[photos]]
file = "bedroom"
attempt = 1
outcome = "shifted"
clip_score = 0.91
contrast = 0.71

[[photos]]
file = "bedroom"
attempt = 2
outcome = "painted_over"
clip_score = 0.88
contrast = 0.64

[[photos]]
file = "living"
outcome = "blurred"
clip_score = 0.83
contrast = 0.55

[[photos]]
outcome = "produced"
clip_score = 0.93
contrast = 0.82
"#;

/// The photos of [`STAGING`].
pub(crate) const STAGED_ROOMS: [&str; 3] = ["02-living-b.jpg", "03-bedroom.jpg", "04-kitchen.jpg"];

/// A delivered job of [`STAGING`], and its delivered folder.
pub(crate) fn staged() -> (House, PathBuf) {
    let house = House::furnished(&STAGED_ROOMS).with_script(STAGING);
    let submitted = house.submit("fake", "enhance,stage");
    let driven = house.drive(&submitted.job);
    assert_eq!(driven.ending, Ending::Delivered, "{driven:?}");
    let told = house.engine().show(&submitted.job).unwrap();
    assert_eq!(
        (driven.counts.accepted, driven.counts.gave_up),
        (5, 1),
        "{told:#?}"
    );
    (house, driven.destination)
}

#[test]
fn a_staged_photo_leaves_with_its_original_its_attempts_and_its_disclosure() {
    let (house, folder) = staged();
    let text = |path: &str| fs_err::read_to_string(folder.join(path)).unwrap();
    let written: Value = serde_json::from_str(&text("manifest.json")).unwrap();
    let manifest: Manifest = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(manifest.schema_version, 2);
    let schema = serde_json::to_value(manifest_schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults: Vec<_> = validator
        .iter_errors(&written)
        .map(|fault| fault.to_string())
        .collect();
    assert!(faults.is_empty(), "{faults:?}");

    let photo = |part: &str| {
        let mut photos = manifest.photos.iter();
        photos
            .find(|photo| photo.original_file.contains(part))
            .unwrap()
    };
    let stage = |part: &str| {
        let mut operations = photo(part).operations.iter();
        operations
            .find(|operation| operation.kind == OperationKind::Stage)
            .unwrap()
    };
    let numbers = |part: &str| -> Vec<(u32, bool)> {
        let made = stage(part).made.iter();
        made.map(|attempt| (attempt.number, attempt.delivered))
            .collect()
    };
    assert_eq!(numbers("kitchen"), [(1, true)]);
    assert_eq!(numbers("bedroom"), [(1, false), (2, false), (3, true)]);
    assert_eq!(numbers("living"), [(1, false), (2, false), (3, false)]);
    assert_eq!(stage("bedroom").versions.len(), 1);
    assert_eq!(stage("bedroom").versions[0].attempt, Some(3));
    let mut seeds: Vec<u64> = stage("bedroom").made.iter().map(|made| made.seed).collect();
    seeds.dedup();
    assert_eq!(seeds.len(), 3);
    for attempt in &stage("bedroom").made[..2] {
        let judged = attempt.judgement.as_ref().unwrap();
        assert!(judged.worker.is_some());
        assert!(!judged.structure[0].passed());
        assert!(
            matches!(&attempt.verdict, Some(Verdict::Rejected { reasons }) if !reasons.is_empty())
        );
    }
    // Enhancing comes to the same bytes whenever it is done; how long it took is not told.
    assert!(photo("bedroom").operations[0].made.is_empty());

    for (part, altered) in [("kitchen", true), ("bedroom", true), ("living", false)] {
        let photo = photo(part);
        assert_eq!(photo.disclosure.altered, altered, "{part}");
        assert_eq!(
            photo.caption.ends_with(", virtually staged"),
            altered,
            "{}",
            photo.caption
        );
        assert_eq!(photo.alt_text.ends_with(", virtually staged"), altered);
        let original =
            fs_err::read(folder.join(format!("originals-web/{}.jpg", photo.name))).unwrap();
        let source = |jpeg: &[u8]| inspect(jpeg).unwrap().xmp.unwrap();
        assert!(source(&original).contains("digitalsourcetype/digitalCapture<"));
        for place in ["final", "web"] {
            let jpeg = fs_err::read(folder.join(format!("{place}/{}.jpg", photo.name))).unwrap();
            let found = inspect(&jpeg).unwrap();
            assert!(found.private_parts().is_empty(), "{:?}", found.segments);
            let caption = found.iptc.unwrap().caption.unwrap();
            assert_eq!(
                caption.contains("virtually staged. Digitally altered"),
                altered,
                "{caption}"
            );
            let kind = if altered {
                "digitalsourcetype/compositeWithTrainedAlgorithmicMedia<"
            } else {
                "digitalsourcetype/algorithmicallyEnhanced<"
            };
            assert!(found.xmp.unwrap().contains(kind), "{place} {part}");
        }
        let table = text("disclosure.csv");
        let line = table
            .lines()
            .find(|line| line.contains(&photo.original_file))
            .unwrap();
        let class = "yes,Virtual Staging - Item Addition,compositeWithTrainedAlgorithmicMedia";
        assert_eq!(line.contains(class), altered, "{line}");
        assert!(
            line.contains(&format!("originals-web/{}.jpg", photo.name)),
            "{line}"
        );
    }
    let disclosure = text("disclosure.txt");
    assert!(disclosure.contains("2 of the 3 pictures of this delivery are digitally altered"));
    assert!(
        disclosure.contains("Bedroom, virtually staged"),
        "{disclosure}"
    );
    assert!(
        text("captions.csv").contains("Kitchen, virtually staged")
            || text("captions.csv").contains("\"Kitchen, virtually staged\"")
    );
    // Nothing of this machine goes out.
    let place = house.home().display().to_string();
    for document in [
        "manifest.json",
        "gallery.html",
        "disclosure.txt",
        "disclosure.csv",
    ] {
        assert!(!text(document).contains(&place), "{document}");
    }
}

#[test]
fn the_kept_manifest_of_version_two_is_still_read() {
    let path = fixture("documents/manifest-v2.json");
    if std::env::var_os("REMEDIA_UPDATE_FIXTURES").is_some() && !path.exists() {
        let (_house, folder) = staged();
        fs_err::copy(folder.join("manifest.json"), &path).unwrap();
    }
    let text = fs_err::read_to_string(&path).unwrap();
    let manifest: Manifest = serde_json::from_str(&text).unwrap();
    assert_eq!((manifest.schema_version, manifest.photos.len()), (2, 3));
    let made = manifest
        .photos
        .iter()
        .flat_map(|photo| &photo.operations)
        .map(|operation| operation.made.len());
    assert_eq!(made.sum::<usize>(), 7);
    let written = serde_json::to_value(&manifest).unwrap();
    assert_eq!(written, serde_json::from_str::<Value>(&text).unwrap());
}
