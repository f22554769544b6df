//! HEIC: the photos of phones (ISO/IEC 23008-12), decoded by the crate `heifer`. Only the primary picture counts:
//! gain maps, depth pictures and thumbnails are left aside. Rotation and mirroring of the container are applied by
//! the decoder, so EXIF's orientation, which repeats them, is not. Without the feature `heic` nothing here reads.
//!
//! Colour is mostly stored at half the width and height. The decoder takes its samples to lie on the even rows and
//! columns and goes straight from one to the next, as it says that Apple's does, whose phones write these files. libheif
//! repeats each sample instead: the two agree on even rows and columns, and differ between them where colours meet.

use super::decode::{DecodeError, Stored};
use super::space::Space;

/// What the container says of the primary picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeicHeader {
    /// Width of the upright picture in pixels.
    pub(super) width: u32,
    /// Height of the upright picture in pixels.
    pub(super) height: u32,
    /// Bits per sample as coded, 8 to 16.
    pub(super) bits: u8,
}

#[cfg(not(feature = "heic"))]
mod without {
    use super::{DecodeError, HeicHeader, Space, Stored};

    fn refused() -> DecodeError {
        DecodeError::Unsupported {
            what: "an HEIC photo, in a build without the feature `heic`,".to_owned(),
            hint: "convert it to JPEG first".to_owned(),
        }
    }

    pub(in crate::imaging) fn header(_: &[u8]) -> Result<HeicHeader, DecodeError> {
        Err(refused())
    }

    pub(in crate::imaging) fn check_complete(_: &[u8]) -> Result<(), DecodeError> {
        Err(refused())
    }

    pub(in crate::imaging) fn exif_block(_: &[u8]) -> Option<Vec<u8>> {
        None
    }

    pub(in crate::imaging) fn decode(
        _: &[u8],
        _: (u32, u32),
    ) -> Result<(Stored, Space), DecodeError> {
        Err(refused())
    }
}
#[cfg(not(feature = "heic"))]
pub(super) use without::{check_complete, decode, exif_block, header};

#[cfg(feature = "heic")]
mod with {
    use heifer::heifer_isobmff::HeifFile;
    use heifer::heifer_isobmff::boxes::{ColorInfo, Property};
    use heifer::{Error, Options};
    use moxcms::ColorProfile;

    use super::super::opacity::{Opacity, on_white};
    use super::super::space::from_code_points;
    use super::{DecodeError, HeicHeader, Space, Stored};

    const FORMAT: &str = "HEIC";

    fn failed(error: &Error) -> DecodeError {
        let text = error.to_string();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match error {
            Error::Unsupported(what) => unsupported(&format!("this kind of HEIC ({what})")),
            _ => damaged(text),
        }
    }

    fn unsupported(what: &str) -> DecodeError {
        DecodeError::Unsupported {
            what: what.to_owned(),
            hint: "convert it to JPEG first".to_owned(),
        }
    }

    fn damaged(reason: String) -> DecodeError {
        DecodeError::Damaged {
            format: FORMAT,
            reason,
        }
    }

    fn open(bytes: &[u8]) -> Result<HeifFile<'_>, DecodeError> {
        HeifFile::parse(bytes).map_err(|error| failed(&error.into()))
    }

    pub(in crate::imaging) fn header(bytes: &[u8]) -> Result<HeicHeader, DecodeError> {
        let file = open(bytes)?;
        let id = file.primary_id;
        let item = file.item(id).map_err(|error| failed(&error.into()))?;
        let stated = file.image_size(id).map_err(|error| failed(&error.into()))?;
        let (mut width, mut height) = match &item.item_type.0 {
            b"grid" => {
                let grid = file.grid(id).map_err(|error| failed(&error.into()))?;
                (grid.output_width, grid.output_height)
            }
            b"hvc1" | b"iovl" | b"iden" => {
                stated.ok_or_else(|| damaged("its width or height is missing".to_owned()))?
            }
            b"av01" => return Err(unsupported("an AVIF picture")),
            _ => return Err(unsupported("this kind of HEIC")),
        };
        let first = file.referenced_items(id, b"dimg").first().copied();
        let coded = file.hevc_config(id).ok().flatten().or_else(|| {
            let first = first?;
            file.hevc_config(first).ok().flatten()
        });
        for property in file
            .item_properties(id)
            .map_err(|error| failed(&error.into()))?
        {
            match property {
                Property::CleanAperture {
                    width: across,
                    height: down,
                    ..
                } => {
                    let side = |(above, below): (u32, u32), most: u32| {
                        let side = f64::from(above) / f64::from(below.max(1));
                        (side.round() as u32).min(most)
                    };
                    (width, height) = (side(*across, width), side(*down, height));
                }
                Property::Rotation(quarters) if quarters % 2 == 1 => {
                    (width, height) = (height, width);
                }
                _ => {}
            }
        }
        // What is coded for HDR displays is refused before anything is decoded.
        if let Some((_, transfer)) = code_points(&file, id)
            && matches!(transfer, 16 | 18)
            && icc(&file, id).is_none()
        {
            return Err(unsupported("an HEIC photo for HDR displays (PQ or HLG)"));
        }
        Ok(HeicHeader {
            width,
            height,
            bits: coded.map_or(8, |config| config.bit_depth_luma.clamp(8, 16)),
        })
    }

    /// Whether the data of the primary picture and of all its tiles are there.
    pub(in crate::imaging) fn check_complete(bytes: &[u8]) -> Result<(), DecodeError> {
        let file = open(bytes)?;
        let id = file.primary_id;
        let parts = file.referenced_items(id, b"dimg");
        for part in parts.iter().chain([&id]) {
            file.item_data(*part)
                .map_err(|_| damaged("it is cut short: picture data are missing".to_owned()))?;
        }
        Ok(())
    }

    pub(in crate::imaging) fn exif_block(bytes: &[u8]) -> Option<Vec<u8>> {
        let file = HeifFile::parse(bytes).ok()?;
        let block = file.exif(file.primary_id).ok()??;
        Some(match block.strip_prefix(b"Exif\0\0") {
            Some(rest) => rest.to_vec(),
            None => block,
        })
    }

    fn icc<'a>(file: &'a HeifFile<'_>, id: u32) -> Option<&'a [u8]> {
        let first = file.referenced_items(id, b"dimg").first().copied();
        [Some(id), first]
            .into_iter()
            .flatten()
            .find_map(|id| file.icc_profile(id).ok().flatten())
    }

    /// Primaries and transfer of the picture or of its first tile (ITU-T H.273).
    fn code_points(file: &HeifFile<'_>, id: u32) -> Option<(u16, u16)> {
        let first = file.referenced_items(id, b"dimg").first().copied();
        [Some(id), first].into_iter().flatten().find_map(|id| {
            file.item_properties(id)
                .ok()?
                .find_map(|property| match property {
                    Property::Color(ColorInfo::Nclx {
                        primaries,
                        transfer,
                        ..
                    }) => Some((*primaries, *transfer)),
                    _ => None,
                })
        })
    }

    pub(in crate::imaging) fn decode(
        bytes: &[u8],
        (width, height): (u32, u32),
    ) -> Result<(Stored, Space), DecodeError> {
        let options = Options {
            max_threads: 0,
            // Tiles may reach over the edge.
            max_pixels: (u64::from(width) * u64::from(height))
                .saturating_mul(2)
                .saturating_add(1 << 22),
        };
        let file = open(bytes)?;
        let id = file.primary_id;
        let profile = icc(&file, id).map(<[u8]>::to_vec);
        let points = code_points(&file, id);
        let space = match (profile, points) {
            (Some(profile), _) => Space::Icc(profile),
            (None, Some((primaries, transfer))) => space(primaries, transfer),
            (None, None) => Space::Srgb,
        };
        let deep = header(bytes)?.bits > 8;
        // Colours that only the coded stream tells are known to the decoder alone.
        let told = points.is_some() || matches!(space, Space::Icc(_));
        let sized = |found: (u32, u32)| {
            if found == (width, height) {
                Ok(())
            } else {
                Err(damaged("its size differs from its header".to_owned()))
            }
        };
        let stored = if deep {
            let image = if told {
                heifer::decode_with_options(bytes, &options)
            } else {
                heifer::decode_srgb_with_options(bytes, &options)
            }
            .map_err(|error| failed(&error))?;
            sized((image.width, image.height))?;
            let most = (1_u32 << image.bit_depth.clamp(1, 16)) - 1;
            let widened: Vec<u16> = image
                .data
                .iter()
                .map(|sample| ((u32::from(*sample) * 65_535 + most / 2) / most).min(65_535) as u16)
                .collect();
            Stored::Rgb16(on_white(&widened, 4, 3, opacity(image.has_alpha)))
        } else {
            let image = if told {
                heifer::decode_rgba8(bytes, &options)
            } else {
                heifer::decode_srgb_rgba8(bytes, &options)
            }
            .map_err(|error| failed(&error))?;
            sized((image.width, image.height))?;
            Stored::Rgb8(on_white(&image.data, 4, 3, opacity(image.has_alpha)))
        };
        Ok((stored, space))
    }

    const fn opacity(has_alpha: bool) -> Opacity {
        if has_alpha {
            Opacity::Separate
        } else {
            Opacity::Ignored
        }
    }

    fn space(primaries: u16, transfer: u16) -> Space {
        // Cameras and converters write the transfer of television for what is meant as sRGB.
        let transfer = if matches!(transfer, 1 | 2 | 6 | 14 | 15) {
            13
        } else {
            transfer
        };
        let known: Option<ColorProfile> = u8::try_from(primaries)
            .ok()
            .zip(u8::try_from(transfer).ok())
            .filter(|(primaries, _)| *primaries != 1 || transfer != 13)
            .and_then(|(primaries, transfer)| from_code_points(primaries, transfer));
        known.map_or(Space::Srgb, |profile| Space::Known(Box::new(profile)))
    }
}
#[cfg(feature = "heic")]
pub(super) use with::{check_complete, decode, exif_block, header};
