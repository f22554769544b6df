//! Small photos made on the spot, and the fixtures.

use std::path::{Path, PathBuf};

/// A path inside the package's `fixtures` folder.
pub(crate) fn fixture(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(relative)
}

/// A small dim room with a bright window, a floor and some texture, as JPEG; `variant` changes the
/// content, so that every variant is another photo.
fn room_photo(width: u32, height: u32, variant: u32) -> Vec<u8> {
    let mut state = variant.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let picture = image::RgbImage::from_fn(width, height, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let grain = (state >> 29) as i32 - 4;
        let (wide, high) = (x * 100 / width, y * 100 / height);
        let base: [i32; 3] = match (wide, high) {
            (55..=80, 20..=55) => [250, 250, 252],
            (52..=83, 17..=58) => [120, 118, 112],
            (_, 70..) => [70 - (x % 16) as i32, 50, 34],
            (10..=12, 30..=65) => [40, 32, 24],
            _ => [96, 88, 74 + (variant % 7) as i32],
        };
        image::Rgb(base.map(|value| u8::try_from((value + grain).clamp(0, 255)).unwrap()))
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 92)
        .encode_image(&picture)
        .unwrap();
    bytes.into_inner()
}

/// Writes a listing of `count` small photos into `folder`.
pub(crate) fn small_listing(folder: &Path, count: u32) {
    fs_err::create_dir_all(folder).unwrap();
    for index in 0..count {
        let room = ["kitchen", "bedroom", "bathroom", "hallway"][index as usize % 4];
        let name = format!("{:02}-{room}.jpg", index + 1);
        fs_err::write(folder.join(name), room_photo(240, 160, index)).unwrap();
    }
}
