//! Opacity behind the colours, laid on white: a delivered photo has none.

/// What a channel behind the colours means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opacity {
    /// Nothing of the picture: a selection that an editor kept.
    Ignored,
    /// Opacity, and the colours are already multiplied by it.
    Associated,
    /// Opacity.
    Separate,
}

/// A whole number from black to white.
pub(super) trait Sample: Copy + Into<u64> {
    /// White.
    const WHITE: u64;
    /// From a number that is at most [`Self::WHITE`].
    fn from_wide(wide: u64) -> Self;
}

impl Sample for u8 {
    const WHITE: u64 = 255;
    fn from_wide(wide: u64) -> Self {
        wide.min(Self::WHITE) as Self
    }
}

impl Sample for u16 {
    const WHITE: u64 = 65_535;
    fn from_wide(wide: u64) -> Self {
        wide.min(Self::WHITE) as Self
    }
}

/// Lays interleaved pixels on white: the first `colours` of `channels` are kept, the next one is the opacity.
pub(super) fn on_white<T: Sample>(
    samples: &[T],
    channels: usize,
    colours: usize,
    opacity: Opacity,
) -> Vec<T> {
    let white = T::WHITE;
    let mut flat = Vec::with_capacity(samples.len() / channels.max(1) * colours);
    for pixel in samples.chunks_exact(channels.max(1)) {
        let alpha: u64 = pixel.get(colours).map_or(white, |&alpha| alpha.into());
        flat.extend(pixel.iter().take(colours).map(|&value| {
            let wide: u64 = value.into();
            T::from_wide(match opacity {
                Opacity::Ignored => wide,
                Opacity::Associated => wide + white - alpha,
                Opacity::Separate => (wide * alpha + white * (white - alpha) + white / 2) / white,
            })
        }));
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opacity_is_laid_on_white() {
        let pixels = [0_u8, 100, 200, 255, 0, 100, 200, 0, 40, 80, 0, 128];
        assert_eq!(
            on_white(&pixels, 4, 3, Opacity::Separate),
            [0, 100, 200, 255, 255, 255, 147, 167, 127]
        );
        assert_eq!(
            on_white(&pixels, 4, 3, Opacity::Associated),
            [0, 100, 200, 255, 255, 255, 167, 207, 127]
        );
        assert_eq!(
            on_white(&pixels, 4, 3, Opacity::Ignored),
            [0, 100, 200, 0, 100, 200, 40, 80, 0]
        );
        assert_eq!(
            on_white(&[1000_u16, 65535, 1000, 0], 2, 1, Opacity::Separate),
            [1000, 65535]
        );
    }
}
