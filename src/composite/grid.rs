//! Grids of values that lie over the photo, and how the samples of one size fall on those of another:
//! pixel centres are at half-integers, so that no size shifts the picture.

use rayon::prelude::*;

/// Rows that are summed up in one piece.
const BAND: usize = 128;

/// Values in rows from the top; the cell at `(x, y)` lies at `y * width + x`.
#[derive(Clone, Debug)]
pub(super) struct Grid<T> {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) cells: Vec<T>,
}

impl<T: Copy> Grid<T> {
    pub(super) fn filled(width: usize, height: usize, value: T) -> Self {
        Self {
            width,
            height,
            cells: vec![value; width * height],
        }
    }

    pub(super) fn row(&self, y: usize) -> &[T] {
        &self.cells[y * self.width..(y + 1) * self.width]
    }

    pub(super) fn at(&self, x: usize, y: usize) -> T {
        self.cells[y * self.width + x]
    }
}

/// Where the centre of a sample lies between two samples of another size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Between {
    pub(super) low: usize,
    pub(super) high: usize,
    /// Share of `high`, 0 to 1.
    pub(super) share: f32,
}

/// For each of `to` samples along an axis, its place among `from` samples.
pub(super) fn axis(from: usize, to: usize) -> Vec<Between> {
    let step = from as f64 / to as f64;
    let last = from.saturating_sub(1);
    (0..to)
        .map(|index| {
            let place = ((index as f64 + 0.5) * step - 0.5).clamp(0.0, last as f64);
            let low = (place as usize).min(last);
            Between {
                low,
                high: (low + 1).min(last),
                share: (place - low as f64) as f32,
            }
        })
        .collect()
}

/// For each of `to` samples, the range of `from` samples that it touches, in part included.
pub(super) fn touched(from: usize, to: usize) -> Vec<std::ops::Range<usize>> {
    (0..to)
        .map(|index| {
            let start = (index * from / to).min(from - 1);
            start..((index + 1) * from).div_ceil(to).clamp(start + 1, from)
        })
        .collect()
}

/// For each of `to` samples, its own part of `from` samples where there are more of these.
pub(super) fn parts(from: usize, to: usize) -> Vec<std::ops::Range<usize>> {
    (0..to)
        .map(|index| {
            let start = (index * from / to).min(from - 1);
            start..((index + 1) * from / to).clamp(start + 1, from)
        })
        .collect()
}

pub(super) fn mix(low: f32, high: f32, share: f32) -> f32 {
    low + (high - low) * share
}

/// Sums over `2 * radius + 1` by `2 * radius + 1` cells, what lies outside left out. They are kept up while
/// the window moves, so they are exact to some parts in a million.
pub(super) fn box_sums(grid: &Grid<f32>, radius: usize) -> Grid<f32> {
    let (width, height) = (grid.width, grid.height);
    let mut across = Grid::filled(width, height, 0.0);
    (across.cells.par_chunks_exact_mut(width))
        .zip(grid.cells.par_chunks_exact(width))
        .with_min_len(16)
        .for_each(|(target, source)| {
            let mut sum: f32 = source.iter().take(radius).sum();
            for (x, target) in target.iter_mut().enumerate() {
                if let Some(value) = source.get(x + radius) {
                    sum += value;
                }
                *target = sum;
                if x >= radius {
                    sum -= source[x - radius];
                }
            }
        });
    let mut result = Grid::filled(width, height, 0.0);
    // Each band begins with a window of its own, so that the sums do not depend on the threads.
    (result.cells.par_chunks_mut(width * BAND))
        .enumerate()
        .for_each(|(band, target)| {
            let first = band * BAND;
            // The window's rows, one more coming in and one going out as it moves down.
            let mut window = vec![0.0_f32; width];
            for row in first.saturating_sub(radius)..(first + radius).min(height) {
                add(&mut window, across.row(row), 1.0);
            }
            for (offset, target) in target.chunks_exact_mut(width).enumerate() {
                let y = first + offset;
                if y + radius < height {
                    add(&mut window, across.row(y + radius), 1.0);
                }
                target.copy_from_slice(&window);
                if y >= radius {
                    add(&mut window, across.row(y - radius), -1.0);
                }
            }
        });
    result
}

/// How many cells each window of [`box_sums`] covers: those along the columns times those along the rows.
pub(super) fn box_counts(length: usize, radius: usize) -> Vec<f32> {
    (0..length)
        .map(|at| ((at + radius).min(length - 1) - at.saturating_sub(radius) + 1) as f32)
        .collect()
}

fn add(sums: &mut [f32], row: &[f32], sign: f32) {
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum += sign * value;
    }
}

/// The largest value of `2 * radius + 1` by `2 * radius + 1` cells.
pub(super) fn largest<T: Copy + PartialOrd + Send + Sync>(
    grid: &Grid<T>,
    radius: usize,
) -> Grid<T> {
    let (width, height) = (grid.width, grid.height);
    let keep = |target: &mut [T], source: &[T]| {
        for (target, &value) in target.iter_mut().zip(source) {
            *target = if value > *target { value } else { *target };
        }
    };
    let mut across = grid.clone();
    (across.cells.par_chunks_exact_mut(width))
        .zip(grid.cells.par_chunks_exact(width))
        .with_min_len(16)
        .for_each(|(target, source)| {
            for offset in 1..=radius.min(width.saturating_sub(1)) {
                keep(target, &source[offset..]);
                keep(&mut target[offset..], source);
            }
        });
    let mut result = across.clone();
    (result.cells.par_chunks_exact_mut(width))
        .enumerate()
        .with_min_len(16)
        .for_each(|(y, target)| {
            for other in y.saturating_sub(radius)..=(y + radius).min(height - 1) {
                if other != y {
                    keep(target, across.row(other));
                }
            }
        });
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centres_fall_on_centres() {
        let same = axis(3, 3);
        assert_eq!(same[1].low, 1);
        assert_eq!(same[1].share, 0.0);
        let doubled = axis(2, 4);
        assert_eq!(doubled[0].share, 0.0);
        assert_eq!((doubled[1].low, doubled[1].share), (0, 0.25));
        assert_eq!(axis(1, 5)[4].high, 0);
    }

    #[test]
    fn ranges_cover_everything() {
        for (from, to) in [(1, 7), (7, 1), (10, 3), (3, 10), (5, 5)] {
            let ranges = touched(from, to);
            assert_eq!(ranges[0].start, 0);
            assert_eq!(ranges[to - 1].end, from);
            assert!(ranges.windows(2).all(|pair| pair[1].start <= pair[0].end));
            assert!(parts(from, to).iter().all(|range| !range.is_empty()));
        }
        assert_eq!(touched(10, 3)[1], 3..7);
    }

    #[test]
    fn bands_go_on_where_the_one_before_ended() {
        let (width, height) = (3, 2 * BAND + 5);
        let grid = Grid {
            width,
            height,
            cells: (0..width * height)
                .map(|index| (index % 7) as f32)
                .collect(),
        };
        let (sums, most) = (box_sums(&grid, 4), largest(&grid, 4));
        for y in [0, 3, BAND - 1, BAND, BAND + 4, 2 * BAND, height - 1] {
            let rows = y.saturating_sub(4)..(y + 5).min(height);
            let window = &grid.cells[rows.start * width..rows.end * width];
            assert_eq!(sums.at(1, y), window.iter().sum::<f32>(), "row {y}");
            assert_eq!(most.at(1, y), 6.0, "row {y}");
        }
    }

    #[test]
    fn windows_are_cut_at_the_border() {
        let mut grid = Grid::filled(5, 4, 1.0_f32);
        grid.cells[7] = 3.0;
        let sums = box_sums(&grid, 1);
        assert_eq!(
            (sums.at(0, 0), sums.at(2, 1), sums.at(4, 3)),
            (4.0, 11.0, 4.0)
        );
        assert_eq!(box_counts(5, 1), [2.0, 3.0, 3.0, 3.0, 2.0]);
        assert_eq!(box_counts(2, 4), [2.0, 2.0]);
        let most = largest(&grid, 1);
        assert_eq!(
            (most.at(1, 0), most.at(0, 0), most.at(3, 2)),
            (3.0, 1.0, 3.0)
        );
    }
}
