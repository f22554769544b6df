//! Makes a listing of many large photos, to measure speed and memory with:
//!
//! ```text
//! cargo run --release --example large_listing -- FOLDER [COUNT] [MEGAPIXELS]
//! /usr/bin/time -v target/release/remedia submit FOLDER --out OUT
//! ```
//!
//! The photos are the fixture listing's, enlarged, with grain of their own size laid over, so that they
//! compress and denoise like photos. Each file also carries its number in a comment segment, so that no two
//! are the same photo.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use image::imageops::FilterType;
use image::{RgbImage, codecs::jpeg::JpegEncoder};

/// Photos of the fixture listing that are enlarged.
const BASES: [&str; 4] = [
    "02-living-b.jpg",
    "03-bedroom.jpg",
    "04-kitchen.jpg",
    "06-exterior.jpg",
];

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = PathBuf::from(arguments.next().context("name a folder")?);
    let mut number = |fallback: u32| -> Result<u32> {
        match arguments.next() {
            Some(text) => Ok(text.to_string_lossy().parse()?),
            None => Ok(fallback),
        }
    };
    let (count, megapixels) = (number(400)?, number(12)?);
    ensure!((1..=100).contains(&megapixels), "1 to 100 megapixels");
    fs_err::create_dir_all(&folder)?;
    let bases: Vec<Vec<u8>> = BASES
        .iter()
        .map(|name| enlarged(name, megapixels))
        .collect::<Result<_>>()?;
    for index in 0..count {
        let base = &bases[index as usize % bases.len()];
        let room = ["living-room", "bedroom", "kitchen", "front"][index as usize % 4];
        let path = folder.join(format!("{:04}-{room}.jpg", index + 1));
        fs_err::write(path, numbered(base, index))?;
    }
    Ok(())
}

/// A photo of the fixture listing at 3:2 and `megapixels`, as JPEG.
fn enlarged(name: &str, megapixels: u32) -> Result<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/listings/maple-street")
        .join(name);
    let small = image::open(&path)?.into_rgb8();
    let height = (f64::from(megapixels) * 1e6 / 1.5).sqrt().round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most 8165 pixels high"
    )]
    let height = height as u32;
    let mut picture =
        image::imageops::resize(&small, height * 3 / 2, height, FilterType::CatmullRom);
    add_grain(&mut picture);
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 90).encode_image(&picture)?;
    Ok(bytes)
}

/// Adds grain of about two code values, the same for every run.
fn add_grain(picture: &mut RgbImage) {
    let mut state = 1_u32;
    for sample in picture.iter_mut() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let grain = i16::from((state >> 24) as u8 & 7) - 3;
        *sample = u8::try_from((i16::from(*sample) + grain).clamp(0, 255)).unwrap_or(*sample);
    }
}

/// The JPEG with a comment segment behind its first marker.
fn numbered(jpeg: &[u8], index: u32) -> Vec<u8> {
    let comment = format!("photo {index:08}");
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend([
        0xff,
        0xfe,
        0,
        u8::try_from(comment.len() + 2).unwrap_or(u8::MAX),
    ]);
    bytes.extend(comment.as_bytes());
    bytes.extend(&jpeg[2..]);
    bytes
}
