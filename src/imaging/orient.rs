//! EXIF orientation (CIPA DC-008 4.6.5.1.7): turns stored pixels upright. Transposing works in
//! tiles, so that both the rows that are read and the rows that are written stay in the cache.

use super::picture::{Picture, Samples};

const TILE: usize = 32;

/// The picture as it is meant to be seen; `orientation` is the EXIF value, 1 to 8, and anything
/// else leaves it as it is.
pub(super) fn upright(picture: Picture, orientation: u8) -> Picture {
    if !(2..=8).contains(&orientation) {
        return picture;
    }
    let (width, height) = (picture.width, picture.height);
    let samples = match picture.samples {
        Samples::Eight(samples) => Samples::Eight(turn(samples, width, height, orientation)),
        Samples::Sixteen(samples) => Samples::Sixteen(turn(samples, width, height, orientation)),
    };
    let (width, height) = if swaps_axes(orientation) {
        (height, width)
    } else {
        (width, height)
    };
    Picture {
        width,
        height,
        samples,
    }
}

/// Whether the upright picture is as wide as the stored one is high.
pub(super) const fn swaps_axes(orientation: u8) -> bool {
    matches!(orientation, 5..=8)
}

fn turn<T: Copy + Default>(
    mut samples: Vec<T>,
    width: usize,
    height: usize,
    orientation: u8,
) -> Vec<T> {
    if swaps_axes(orientation) {
        samples = transposed(&samples, width, height);
    }
    let (width, height) = if swaps_axes(orientation) {
        (height, width)
    } else {
        (width, height)
    };
    // What is left after the transposition of 5 (main diagonal), 6 (90° clockwise), 7 (other
    // diagonal) and 8 (90° anticlockwise) is a mirror image or half a turn.
    if matches!(orientation, 2 | 3 | 6 | 7) {
        for row in samples.chunks_exact_mut(width * 3) {
            row.as_chunks_mut::<3>().0.reverse();
        }
    }
    if matches!(orientation, 3 | 4 | 7 | 8) {
        let stride = width * 3;
        let middle = height / 2 * stride;
        let (top, bottom) = samples.split_at_mut(middle);
        for (upper, lower) in top
            .chunks_exact_mut(stride)
            .zip(bottom.rchunks_exact_mut(stride))
        {
            upper.swap_with_slice(lower);
        }
    }
    samples
}

fn transposed<T: Copy + Default>(samples: &[T], width: usize, height: usize) -> Vec<T> {
    let mut target = vec![T::default(); samples.len()];
    let source = samples.as_chunks::<3>().0;
    let pixels = target.as_chunks_mut::<3>().0;
    for top in (0..height).step_by(TILE) {
        for left in (0..width).step_by(TILE) {
            for x in left..(left + TILE).min(width) {
                for y in top..(top + TILE).min(height) {
                    pixels[x * height + y] = source[y * width + x];
                }
            }
        }
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rows of three pixels, numbered as they are stored.
    fn stored() -> Picture {
        let samples = (0..6).flat_map(|number| [number, number, number]).collect();
        Picture::from_eight(3, 2, samples).unwrap()
    }

    fn numbers(picture: &Picture) -> Vec<u8> {
        let Samples::Eight(samples) = &picture.samples else {
            panic!("8 bits stay 8 bits");
        };
        samples.chunks(3).map(|pixel| pixel[0]).collect()
    }

    #[test]
    fn all_eight_orientations() {
        for (orientation, width, expected) in [
            (1, 3, [0, 1, 2, 3, 4, 5]),
            (2, 3, [2, 1, 0, 5, 4, 3]),
            (3, 3, [5, 4, 3, 2, 1, 0]),
            (4, 3, [3, 4, 5, 0, 1, 2]),
            (5, 2, [0, 3, 1, 4, 2, 5]),
            (6, 2, [3, 0, 4, 1, 5, 2]),
            (7, 2, [5, 2, 4, 1, 3, 0]),
            (8, 2, [2, 5, 1, 4, 0, 3]),
            (0, 3, [0, 1, 2, 3, 4, 5]),
            (9, 3, [0, 1, 2, 3, 4, 5]),
        ] {
            let picture = upright(stored(), orientation);
            assert_eq!(picture.width, width, "orientation {orientation}");
            assert_eq!(numbers(&picture), expected, "orientation {orientation}");
        }
    }

    #[test]
    fn odd_heights_keep_their_middle_row() {
        let samples: Vec<u8> = (0..9).flat_map(|number| [number; 3]).collect();
        let picture = upright(Picture::from_eight(3, 3, samples).unwrap(), 4);
        assert_eq!(numbers(&picture), [6, 7, 8, 3, 4, 5, 0, 1, 2]);
    }
}
