//! What lies beside photos is neither a photo nor a failure.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::path::Path;

use crate::support::Environment;
use crate::support::images::sized_jpeg;

/// A folder as a card or a network drive leaves it.
fn card(listing: &Path) {
    fs_err::create_dir_all(listing).unwrap();
    for index in 0..3 {
        let photo = sized_jpeg(index * 40, 96, 64);
        let put = |name: String, bytes: &[u8]| fs_err::write(listing.join(name), bytes).unwrap();
        put(format!("IMG_{index}.JPG"), &photo);
        put(
            format!("img_{index}.cr2"),
            b"II*\0\x10\0\0\0CR\x02\0 raw data",
        );
        put(format!("IMG_{index}.xmp"), b"<x/>");
        put(format!("IMG_{index}.THM"), &sized_jpeg(200, 48, 32));
    }
    for (name, bytes) in [
        ("Thumbs.db", b"\xd0\xcf\x11\xe0".as_slice()),
        (".DS_Store", b"\0\0\0\x01Bud1"),
        ("._IMG_0.JPG", b"\0\x05\x16\x07"),
        ("IMG_0.MOV", b"\0\0\0\x14ftypqt  "),
    ] {
        fs_err::write(listing.join(name), bytes).unwrap();
    }
    for folder in [
        "@eaDir",
        "$RECYCLE.BIN",
        "__MACOSX",
        "House Previews.lrdata",
        "CaptureOne/Cache",
    ] {
        let folder = listing.join(folder);
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::write(folder.join("preview.jpg"), sized_jpeg(90, 96, 64)).unwrap();
    }
}

#[test]
fn what_lies_beside_photos_is_one_line_and_no_failure() {
    let environment = Environment::new();
    card(&environment.work().join("oak"));
    let line = "3 raw twins, 6 sidecars and 1 live photo clip are not used";
    let planned = environment.run(["plan", "oak", "--recursive"]).with_code(0);
    assert!(planned.out.contains(line), "{}", planned.out);
    assert!(planned.out.contains("3 pictures"), "{}", planned.out);
    let document = environment
        .run(["plan", "oak", "--recursive", "--json"])
        .with_code(0)
        .json();
    assert_eq!(document["listing"]["left_out"].as_array().unwrap().len(), 0);
    assert_eq!(document["listing"]["beside"][0]["kind"], "raw_twin");
    let said = environment
        .run(["submit", "oak", "--recursive", "--brackets", "off"])
        .with_code(0);
    assert_eq!(said.error.matches(line).count(), 1, "{}", said.error);
    assert!(!said.error.contains("left out"), "{}", said.error);
}

#[test]
fn a_file_that_is_left_out_is_named_once() {
    let environment = Environment::new();
    let listing = environment.work().join("ash");
    card(&listing);
    fs_err::write(listing.join("alone.nef"), b"no raw photo at all").unwrap();
    let said = environment
        .run(["submit", "ash", "--brackets", "off"])
        .with_code(3);
    assert_eq!(said.error.matches("alone.nef").count(), 1, "{}", said.error);
}
