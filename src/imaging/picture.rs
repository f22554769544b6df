//! A decoded picture: upright, sRGB-encoded, three interleaved channels, 8 or 16 bits each.

/// A picture in memory. Rows run from the top; the sample at `(x, y, channel)` lies at
/// `(y * width + x) * 3 + channel`; channels are red, green, blue with the sRGB transfer curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Width in pixels, at least 1.
    pub width: usize,
    /// Height in pixels, at least 1.
    pub height: usize,
    /// `width * height * 3` samples.
    pub samples: Samples,
}

/// The samples of a [`Picture`].
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// 0 to 255.
    Eight(Vec<u8>),
    /// 0 to 65535.
    Sixteen(Vec<u16>),
}

impl Picture {
    /// A picture of 8-bit samples; `None` where their number does not fit the size.
    #[must_use]
    pub fn from_eight(width: usize, height: usize, samples: Vec<u8>) -> Option<Self> {
        let fits = width > 0
            && height > 0
            && samples.len() == width.checked_mul(height)?.checked_mul(3)?;
        fits.then_some(Self {
            width,
            height,
            samples: Samples::Eight(samples),
        })
    }

    /// A picture of 16-bit samples; `None` where their number does not fit the size.
    #[must_use]
    pub fn from_sixteen(width: usize, height: usize, samples: Vec<u16>) -> Option<Self> {
        let fits = width > 0
            && height > 0
            && samples.len() == width.checked_mul(height)?.checked_mul(3)?;
        fits.then_some(Self {
            width,
            height,
            samples: Samples::Sixteen(samples),
        })
    }

    /// Number of pixels.
    #[must_use]
    pub const fn pixels(&self) -> usize {
        self.width * self.height
    }

    /// The same picture with 8-bit samples, rounded.
    #[must_use]
    pub fn into_eight(self) -> Self {
        let samples = match self.samples {
            Samples::Eight(samples) => samples,
            Samples::Sixteen(samples) => samples
                .into_iter()
                .map(|sample| u8::try_from((u32::from(sample) + 128) / 257).unwrap_or(u8::MAX))
                .collect(),
        };
        Self {
            width: self.width,
            height: self.height,
            samples: Samples::Eight(samples),
        }
    }
}
