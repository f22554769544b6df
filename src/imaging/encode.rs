//! Pictures to JPEG: sRGB with its profile embedded, and nothing else beside the pixels.

use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, EncodingError, SamplingFactor};

use super::picture::{Picture, Samples};
use super::profile::srgb_profile;

/// How a JPEG is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JpegOptions {
    /// Quality on the scale of the Independent JPEG Group, 1 to 100.
    pub quality: u8,
    /// Progressive files appear coarse first and are a few percent smaller, but take half as long
    /// again to write.
    pub progressive: bool,
    /// Resolution of the colour channels.
    pub chroma_subsampling: ChromaSubsampling,
}

/// Resolution of the colour channels of a JPEG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChromaSubsampling {
    /// Full resolution (4:4:4).
    Full,
    /// Half in both directions (4:2:0), averaged.
    Half,
}

impl Default for JpegOptions {
    /// Quality 92, baseline, 4:2:0, which is what cameras write themselves.
    fn default() -> Self {
        Self {
            quality: 92,
            progressive: false,
            chroma_subsampling: ChromaSubsampling::Half,
        }
    }
}

/// Why a picture was not written as JPEG.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// A side is longer than JPEG can say.
    #[error("the picture has {width} x {height} pixels, a JPEG has at most 65535 on each side")]
    TooLarge {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },
    /// The encoder failed.
    #[error("failed to write JPEG data: {0}")]
    Encoder(#[from] EncodingError),
}

/// Encodes a picture; 16-bit samples are rounded to 8.
///
/// # Errors
/// [`EncodeError::TooLarge`] beyond 65535 pixels on a side; the others not in practice.
pub fn encode_jpeg(picture: &Picture, options: &JpegOptions) -> Result<Vec<u8>, EncodeError> {
    let too_large = |_| EncodeError::TooLarge {
        width: picture.width,
        height: picture.height,
    };
    let width = u16::try_from(picture.width).map_err(too_large)?;
    let height = u16::try_from(picture.height).map_err(too_large)?;
    let rounded;
    let samples = match &picture.samples {
        Samples::Eight(samples) => samples,
        Samples::Sixteen(samples) => {
            rounded = samples
                .iter()
                .map(|&sample| ((u32::from(sample) + 128) / 257) as u8)
                .collect::<Vec<u8>>();
            &rounded
        }
    };
    // A listing photo at quality 92 has about half a byte per pixel.
    let mut jpeg = Vec::with_capacity(picture.pixels() / 2 + 4096);
    let mut encoder = Encoder::new(&mut jpeg, options.quality.clamp(1, 100));
    encoder.set_sampling_factor(match options.chroma_subsampling {
        ChromaSubsampling::Full => SamplingFactor::F_1_1,
        ChromaSubsampling::Half => SamplingFactor::F_2_2,
    });
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    if options.progressive {
        // The coarse picture first, then the rest of each channel: more steps show little more and
        // cost 5 to 15 % of size. The standard tables do not fit scans of this kind.
        encoder.set_progressive_scans(2);
        encoder.set_optimized_huffman_tables(true);
    }
    encoder.add_icc_profile(srgb_profile())?;
    encoder.encode(samples, width, height, ColorType::Rgb)?;
    Ok(jpeg)
}
