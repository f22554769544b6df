//! A listing, the binary, and a person with a browser who does what the steps say.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use remedia::imaging::{self, DecodeLimits, JpegOptions, encode_jpeg};
use zip::write::SimpleFileOptions;

use crate::support::{Environment, decorate, fixture};

/// Rooms of the fixture listing, 480 pixels wide, with texture enough for the gates.
pub(super) fn furnished_listing(folder: &Path, rooms: &[&str]) {
    fs_err::create_dir_all(folder).unwrap();
    for name in rooms {
        let bytes = fs_err::read(fixture(&format!("listings/maple-street/{name}"))).unwrap();
        let whole = imaging::decode(&bytes, &DecodeLimits::default()).unwrap();
        let small = imaging::fit(&whole.into_eight(), 480).unwrap();
        let jpeg = encode_jpeg(&small, &JpegOptions::default()).unwrap();
        fs_err::write(folder.join(name), jpeg).unwrap();
    }
}

/// A machine with a listing of these rooms in `oak`.
pub(super) fn machine(rooms: &[&str]) -> Environment {
    let environment = Environment::new();
    furnished_listing(&environment.work().join("oak"), rooms);
    environment
}

/// What lies in a folder that was exported, for the run of that number.
pub(super) fn exported(folder: &Path, run: u32) -> (PathBuf, PathBuf) {
    let find = |extension: &str| {
        fs_err::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| {
                let name = path.file_name().unwrap().to_str().unwrap();
                name.ends_with(&format!("-r{run}.{extension}"))
            })
            .unwrap()
    };
    (find("zip"), find("ipynb"))
}

/// Does what the steps say with the archive: gives the folder that holds the results.
pub(super) fn work(archive: &Path, place: &Path, dies_after: Option<usize>) -> PathBuf {
    let bundle = place.join("content");
    unpack(archive, &bundle);
    let results = place.join("remedia-results");
    fs_err::create_dir_all(&results).unwrap();
    decorate(&bundle, &results, dies_after, true, &|_| ());
    results
}

pub(super) fn unpack(archive: &Path, folder: &Path) {
    let file = fs_err::File::open(archive).unwrap();
    zip::ZipArchive::new(file).unwrap().extract(folder).unwrap();
}

/// Every file below `folder`, by its path in it.
pub(super) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    crate::engine::collect_files(folder, folder, &mut found);
    found
}

/// An archive of these files, as `shutil.make_archive` would write it.
pub(super) fn pack<'a>(
    target: &Path,
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> PathBuf {
    let mut archive = zip::ZipWriter::new(fs_err::File::create(target).unwrap());
    for (name, bytes) in files {
        archive
            .start_file(name, SimpleFileOptions::default())
            .unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap();
    target.to_owned()
}

pub(super) fn pack_folder(folder: &Path, target: &Path) -> PathBuf {
    let files = files(folder);
    pack(
        target,
        files
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice())),
    )
}

/// The text of one file in an archive.
pub(super) fn text_in(archive: &Path, name: &str) -> String {
    let mut archive = zip::ZipArchive::new(fs_err::File::open(archive).unwrap()).unwrap();
    let mut text = String::new();
    archive
        .by_name(name)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text
}

pub(super) fn copy_folder(from: &Path, to: &Path) {
    for (name, bytes) in files(from) {
        let path = to.join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
    }
}
