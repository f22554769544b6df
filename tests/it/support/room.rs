//! A small photo of a room, drawn: with enough in it to see whether another picture shows the same room.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use remedia::imaging::{JpegOptions, Picture, encode_jpeg};

/// A dim room with a window, a papered wall and a boarded floor: enough to see whether a picture of
/// it is still the same room.
pub(crate) fn room_photo(width: u32, height: u32, seed: u32) -> Vec<u8> {
    let mut noise = seed;
    // A paper of blots, the same wherever the same room is drawn.
    let blot = |x: u32, y: u32| {
        let cell = (x / 11).wrapping_mul(73_856_093) ^ (y / 9).wrapping_mul(19_349_663) ^ seed;
        cell.wrapping_mul(2_654_435_761) >> 27
    };
    let mut samples = Vec::new();
    for y in 0..height {
        for x in 0..width {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (across, down) = (x * 384 / width, y * 256 / height);
            let window = (150..230).contains(&across) && (40..130).contains(&down);
            let frame = (144..236).contains(&across) && (34..136).contains(&down);
            let base = if window {
                205 - (down / 4) as u8
            } else if frame {
                40
            } else if down > 190 {
                70 + if (x + y) % 24 < 2 { 0 } else { 25 }
            } else {
                60 + blot(x, y) as u8
            };
            let grain = (noise >> 30) as u8;
            samples.extend([
                base + grain,
                base + grain / 2,
                base.saturating_sub(8) + grain,
            ]);
        }
    }
    let picture = Picture::from_eight(width as usize, height as usize, samples).unwrap();
    encode_jpeg(&picture, &JpegOptions::default()).unwrap()
}
