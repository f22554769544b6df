//! A panorama that goes all the way round has no left and no right edge: every step sees beyond them what is
//! really there, so that the edges still meet.

use crate::imaging::{Picture, Samples};

/// Part of the width that is put on at each side. The widest neighbourhood of a step, that of the light's
/// colour, reaches less far.
const SHARE: usize = 8;

/// Columns that are put on at each side of a picture of this width.
pub(super) const fn margin(width: usize) -> usize {
    width / SHARE
}

/// The picture with `margin` columns of its other edge at each side.
pub(super) fn widened(picture: &Picture, margin: usize) -> Picture {
    fn rows<T: Copy>(samples: &[T], width: usize, margin: usize) -> Vec<T> {
        let row = width * 3;
        let edge = margin.min(width) * 3;
        let mut wide = Vec::with_capacity(samples.len() / width.max(1) * (width + 2 * margin));
        for row in samples.chunks_exact(row.max(1)) {
            wide.extend_from_slice(row.get(row.len() - edge..).unwrap_or_default());
            wide.extend_from_slice(row);
            wide.extend_from_slice(row.get(..edge).unwrap_or_default());
        }
        wide
    }
    let margin = margin.min(picture.width);
    Picture {
        width: picture.width + 2 * margin,
        height: picture.height,
        samples: match &picture.samples {
            Samples::Eight(samples) => Samples::Eight(rows(samples, picture.width, margin)),
            Samples::Sixteen(samples) => Samples::Sixteen(rows(samples, picture.width, margin)),
        },
    }
}

/// The picture without `margin` columns at each side.
pub(super) fn narrowed(picture: &Picture, margin: usize) -> Picture {
    fn rows<T: Copy>(samples: &[T], width: usize, margin: usize) -> Vec<T> {
        let (row, edge) = (width * 3, margin * 3);
        samples
            .chunks_exact(row.max(1))
            .flat_map(|row| row.get(edge..row.len() - edge).unwrap_or_default())
            .copied()
            .collect()
    }
    let margin = margin.min(picture.width.saturating_sub(1) / 2);
    Picture {
        width: picture.width - 2 * margin,
        height: picture.height,
        samples: match &picture.samples {
            Samples::Eight(samples) => Samples::Eight(rows(samples, picture.width, margin)),
            Samples::Sixteen(samples) => Samples::Sixteen(rows(samples, picture.width, margin)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_on_is_the_other_edge_and_comes_off_again() {
        let samples: Vec<u8> = (0..4 * 2 * 3).collect();
        let picture = Picture::from_eight(4, 2, samples).unwrap();
        let wide = widened(&picture, 1);
        assert_eq!((wide.width, wide.height), (6, 2));
        let Samples::Eight(samples) = &wide.samples else {
            panic!("the depth stays");
        };
        assert_eq!(samples[..6], [9, 10, 11, 0, 1, 2]);
        assert_eq!(samples[15..18], [0, 1, 2]);
        assert_eq!(narrowed(&wide, 1), picture);
        assert_eq!(widened(&picture, 0), picture);
    }
}
