//! Why a picture was not put back into its photo.

/// Why there is no composite. Another try with the same files ends the same way.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CompositeError {
    /// The mask lets more of the frame change than the settings allow.
    #[error(
        "the mask covers {:.1} % of the frame, more than the {:.1} % that may change",
        share * 100.0,
        limit * 100.0
    )]
    MaskTooLarge {
        /// Share of the frame that would change, protected surfaces already taken out, 0 to 1.
        share: f64,
        /// Largest share that may, 0 to 1.
        limit: f64,
    },
    /// Nothing may change: the mask is empty, or all of it lies on protected surfaces.
    #[error("the mask is empty once protected surfaces are taken out")]
    MaskEmpty,
    /// One of the pictures shows another section than the photo does.
    #[error(
        "the {what} of {width} x {height} pixels has other proportions than the photo of {photo_width} x {photo_height}"
    )]
    Proportions {
        /// Which one: generated picture, mask or label map.
        what: &'static str,
        /// Its width in pixels.
        width: usize,
        /// Its height in pixels.
        height: usize,
        /// Width of the photo in pixels.
        photo_width: usize,
        /// Height of the photo in pixels.
        photo_height: usize,
    },
    /// A picture does not have as many samples as its size says.
    #[error("the {what} does not hold as many samples as its size says")]
    Incomplete {
        /// Which one: photo, generated picture, mask or label map.
        what: &'static str,
    },
    /// A picture was not brought to another size.
    #[error("the {what} was not resized: {reason}")]
    Resize {
        /// Which one.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

impl CompositeError {
    /// Whether the same input could be put together later: never, it is all arithmetic.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}
