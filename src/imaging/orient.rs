//! EXIF orientation (CIPA DC-008 4.6.5.1.7): turns stored pixels upright. Transposing works in
//! tiles, so that both the rows that are read and the rows that are written stay in the cache.

use rayon::prelude::*;

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

fn turn<T: Copy + Default + Send + Sync>(
    mut samples: Vec<T>,
    width: usize,
    height: usize,
    orientation: u8,
) -> Vec<T> {
    let stride = width * 3;
    match orientation {
        // Mirror image, half a turn, upside-down mirror image: in place.
        2..=4 => {
            if orientation != 4 {
                samples
                    .par_chunks_exact_mut(stride)
                    .for_each(|row| row.as_chunks_mut::<3>().0.reverse());
            }
            if orientation != 2 {
                let (top, bottom) = samples.split_at_mut(height / 2 * stride);
                top.par_chunks_exact_mut(stride)
                    .zip(bottom.par_rchunks_exact_mut(stride))
                    .for_each(|(upper, lower)| upper.swap_with_slice(lower));
            }
            samples
        }
        // The main diagonal, 90° clockwise, the other diagonal, 90° anticlockwise.
        _ => transposed(
            &samples,
            width,
            height,
            matches!(orientation, 6 | 7),
            matches!(orientation, 7 | 8),
        ),
    }
}

/// Columns become rows; on request the source's rows are taken from the bottom (so that the target
/// is mirrored) and its columns from the right (so that the target stands on its head).
fn transposed<T: Copy + Default + Send + Sync>(
    samples: &[T],
    width: usize,
    height: usize,
    rows_from_bottom: bool,
    columns_from_right: bool,
) -> Vec<T> {
    let mut target = vec![T::default(); samples.len()];
    let source = samples.as_chunks::<3>().0;
    target
        .as_chunks_mut::<3>()
        .0
        .par_chunks_mut(height * TILE)
        .enumerate()
        .for_each(|(band, rows)| {
            for top in (0..height).step_by(TILE) {
                for (index, row) in rows.chunks_exact_mut(height).enumerate() {
                    let column = band * TILE + index;
                    let x = if columns_from_right {
                        width - 1 - column
                    } else {
                        column
                    };
                    let bottom = (top + TILE).min(height);
                    for (offset, pixel) in row[top..bottom].iter_mut().enumerate() {
                        let y = if rows_from_bottom {
                            height - 1 - (top + offset)
                        } else {
                            top + offset
                        };
                        *pixel = source[y * width + x];
                    }
                }
            }
        });
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
