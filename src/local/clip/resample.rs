//! Bicubic resizing with the very numbers of Pillow: the kernel of Keys (1981) with a = -0.5, widened by
//! the factor of a reduction, weights of 22 binary digits, columns before rows, and 8 bits in between.
//! The models were trained on pictures made so, and other resizers differ by up to 8 steps of 255 where
//! edges overshoot. Only the wanted part of the result is computed.

use rayon::prelude::*;

use crate::imaging::vectorized;

/// Binary digits of a weight behind the point.
const DIGITS: u32 = 22;

/// The kernel's reach to both sides, in samples of the coarser grid.
const REACH: f64 = 2.0;

/// A square of the resized picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) side: usize,
}

/// The source samples that make one target sample.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

fn kernel(distance: f64) -> f64 {
    const A: f64 = -0.5;
    let x = distance.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < REACH {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// The taps of `count` target samples from `start`, where `from` samples become `to`.
fn taps(from: usize, to: usize, start: usize, count: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let widening = scale.max(1.0);
    let reach = REACH * widening;
    (start..start + count)
        .map(|target| {
            let center = (target as f64 + 0.5) * scale;
            // Both are rounded towards zero, which also keeps the first from falling below it.
            let first = (center - reach + 0.5) as usize;
            let end = ((center + reach + 0.5) as usize).clamp(first + 1, from.max(first + 1));
            let shares: Vec<f64> = (first..end)
                .map(|source| kernel((source as f64 - center + 0.5) / widening))
                .collect();
            let total: f64 = shares.iter().sum();
            let weights = shares
                .iter()
                .map(|share| (share / total * f64::from(1_u32 << DIGITS)).round() as i32)
                .collect();
            Taps { first, weights }
        })
        .collect()
}

#[inline(always)]
fn to_eight(sum: i32) -> u8 {
    // The value lies within 0 and 255 after the clamp.
    (sum >> DIGITS).clamp(0, 255) as u8
}

const HALF: i32 = 1 << (DIGITS - 1);

/// The square `part` of the picture `samples`, of `from` width and height, resized to `to` width and height:
/// `side · side · 3` samples. `None` where the numbers do not fit each other.
pub(super) fn bicubic(
    samples: &[u8],
    from: [usize; 2],
    to: [usize; 2],
    part: Part,
) -> Option<Vec<u8>> {
    let Part { left, top, side } = part;
    let [width, height] = from;
    let fits = samples.len() == width.checked_mul(height)?.checked_mul(3)?
        && !samples.is_empty()
        && side > 0
        && left.checked_add(side)? <= to[0]
        && top.checked_add(side)? <= to[1];
    if !fits {
        return None;
    }
    let columns = taps(width, to[0], left, side);
    let rows = taps(height, to[1], top, side);
    let first = rows.iter().map(|taps| taps.first).min()?;
    let end = rows
        .iter()
        .map(|taps| taps.first + taps.weights.len())
        .max()?;
    // Source rows, each with the wanted columns.
    let narrow: Vec<u8> = samples
        .par_chunks_exact(width * 3)
        .skip(first)
        .take(end - first)
        .map_init(
            || [vec![0; width], vec![0; width], vec![0; width]],
            |planes, row| {
                vectorized(
                    #[inline(always)]
                    || columns_of(row, planes, &columns),
                )
            },
        )
        .flatten_iter()
        .collect();
    let mut square = vec![0; side * side * 3];
    square
        .par_chunks_exact_mut(side * 3)
        .zip(&rows)
        .for_each_init(
            || vec![0; side * 3],
            |sums, (target, taps)| {
                let lines = narrow
                    .chunks_exact(side * 3)
                    .skip(taps.first - first)
                    .zip(&taps.weights);
                vectorized(
                    #[inline(always)]
                    || {
                        sums.fill(HALF);
                        for (line, &weight) in lines {
                            for (sum, &value) in sums.iter_mut().zip(line) {
                                *sum = sum.wrapping_add(i32::from(value).wrapping_mul(weight));
                            }
                        }
                        for (target, &sum) in target.iter_mut().zip(&*sums) {
                            *target = to_eight(sum);
                        }
                    },
                );
            },
        );
    Some(square)
}

/// The wanted columns of one row. Each channel is laid out on its own first, because sums over
/// neighbours compile to vector instructions.
#[inline(always)]
fn columns_of(row: &[u8], planes: &mut [Vec<i32>; 3], columns: &[Taps]) -> Vec<u8> {
    let [red, green, blue] = planes;
    let channels = red.iter_mut().zip(green.iter_mut()).zip(blue.iter_mut());
    for (pixel, ((red, green), blue)) in row.chunks_exact(3).zip(channels) {
        if let &[r, g, b] = pixel {
            (*red, *green, *blue) = (i32::from(r), i32::from(g), i32::from(b));
        }
    }
    let mut narrow = Vec::with_capacity(columns.len() * 3);
    for taps in columns {
        let end = taps.first + taps.weights.len();
        for plane in [&*red, &*green, &*blue] {
            let values = plane.get(taps.first..end).unwrap_or_default();
            let products = values.iter().zip(&taps.weights);
            let sum = products.fold(HALF, |sum, (&value, &weight)| {
                sum.wrapping_add(value.wrapping_mul(weight))
            });
            narrow.push(to_eight(sum));
        }
    }
    narrow
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_size_is_the_same_picture() {
        let samples: Vec<u8> = (0..30 * 20 * 3)
            .map(|index| (index * 7 % 251) as u8)
            .collect();
        let part = Part {
            left: 5,
            top: 0,
            side: 20,
        };
        let square = bicubic(&samples, [30, 20], [30, 20], part).unwrap();
        for (row, line) in square.chunks_exact(60).enumerate() {
            assert_eq!(line, &samples[(row * 30 + 5) * 3..][..60]);
        }
    }

    #[test]
    fn a_flat_picture_stays_flat_however_long_it_is() {
        for (width, height) in [(1, 1), (1, 4000), (70_000, 1), (333, 4000)] {
            let samples = vec![77; width * height * 3];
            let shorter = width.min(height);
            let to = [width * 32 / shorter, height * 32 / shorter];
            let part = Part {
                left: (to[0] - 32) / 2,
                top: (to[1] - 32) / 2,
                side: 32,
            };
            let square = bicubic(&samples, [width, height], to, part).unwrap();
            assert_eq!(square, vec![77; 32 * 32 * 3]);
        }
    }

    #[test]
    fn numbers_that_do_not_fit_give_nothing() {
        let part = |left, side| Part { left, top: 0, side };
        assert_eq!(bicubic(&[1; 12], [2, 2], [4, 4], part(1, 4)), None);
        assert_eq!(bicubic(&[1; 11], [2, 2], [4, 4], part(0, 4)), None);
        assert_eq!(bicubic(&[], [0, 0], [4, 4], part(0, 4)), None);
        assert_eq!(bicubic(&[1; 12], [2, 2], [4, 4], part(usize::MAX, 4)), None);
    }
}
