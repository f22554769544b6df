//! Single-channel planes in code values of an 8-bit picture (0 to 255), and the pyramid built of
//! them: halving by the mean of four pixels, doubling by linear interpolation.

use rayon::prelude::*;

use super::shrink::{Expected, Guide, STEP, Scratch, band_stride, shrink_band};

/// Rows that one task works on; a multiple of the block step.
pub(super) const BAND_ROWS: usize = 64;

/// One channel, rows from the top.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<f32>,
}

/// Index `offset` mirrored into `0..length`, the edge sample repeated.
pub(super) fn mirrored(offset: isize, length: usize) -> usize {
    let period = 2 * length.cast_signed();
    let position = offset.rem_euclid(period);
    if position < length.cast_signed() {
        position.cast_unsigned()
    } else {
        (period - 1 - position).cast_unsigned()
    }
}

/// Copies a row between the borders of a band row and mirrors it into them.
pub(super) fn pad_row(row: &[f32], target: &mut [f32]) {
    target[STEP..STEP + row.len()].copy_from_slice(row);
    mirror_borders(row.len(), target);
}

/// Mirrors the `width` values behind the left border of a band row into both borders.
pub(super) fn mirror_borders(width: usize, target: &mut [f32]) {
    for border in 0..STEP {
        let source = mirrored(border.cast_signed() - STEP.cast_signed(), width);
        target[border] = target[STEP + source];
    }
    for border in STEP + width..target.len() {
        let source = mirrored(border.cast_signed() - STEP.cast_signed(), width);
        target[border] = target[STEP + source];
    }
}

impl Plane {
    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..(row + 1) * self.width]
    }

    /// The plane at half the size (rounded up): means of two by two pixels.
    pub(super) fn halved(&self) -> Self {
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let mut values = vec![0.0; width * height];
        values
            .par_chunks_mut(width)
            .enumerate()
            .with_min_len(16)
            .for_each(|(y, target)| {
                let top = self.row(2 * y);
                let bottom = self.row((2 * y + 1).min(self.height - 1));
                halve_rows(top, bottom, target);
            });
        Self {
            width,
            height,
            values,
        }
    }

    /// Adds `coarse`, which is [`Plane::halved`] in size, interpolated to this size.
    pub(super) fn add_doubled(&mut self, coarse: &Self) {
        let width = self.width;
        self.values
            .par_chunks_mut(width)
            .enumerate()
            .with_min_len(16)
            .for_each_init(
                || (vec![0.0; coarse.width], vec![0.0; width]),
                |(mixed, doubled), (y, row)| {
                    coarse.doubled_row(y, mixed, doubled);
                    for (value, change) in row.iter_mut().zip(doubled.iter()) {
                        *value += change;
                    }
                },
            );
    }

    /// Row `y` of this plane interpolated to twice the size. `mixed` holds one row of this plane;
    /// `target` one of the doubled plane, at most two values a pixel of this plane.
    #[inline(always)]
    pub(super) fn doubled_row(&self, y: usize, mixed: &mut [f32], target: &mut [f32]) {
        let near = (y / 2).min(self.height - 1);
        let far = if y.is_multiple_of(2) {
            near.saturating_sub(1)
        } else {
            (near + 1).min(self.height - 1)
        };
        for ((value, near), far) in mixed.iter_mut().zip(self.row(near)).zip(self.row(far)) {
            *value = 0.75 * near + 0.25 * far;
        }
        double_row(mixed, target);
    }

    /// The plane with its noise shrunk. `guide`, of the same size, says the brightness where the
    /// plane itself does not.
    pub(super) fn shrunk(&self, guide: Option<&Self>, expected: &Expected) -> Self {
        let stride = band_stride(self.width);
        let mut values = vec![0.0; self.width * self.height];
        values
            .par_chunks_mut(self.width * BAND_ROWS)
            .enumerate()
            .for_each_init(
                || (Scratch::default(), Vec::new(), Vec::new(), Vec::new()),
                |(scratch, input, guide_input, output), (band, target)| {
                    let rows = (target.len() / self.width).next_multiple_of(STEP);
                    self.load_band(band * BAND_ROWS, rows, stride, input);
                    let guide = guide.map_or(Guide::Own, |guide| {
                        guide.load_band(band * BAND_ROWS, rows, stride, guide_input);
                        Guide::Band(guide_input)
                    });
                    output.resize(rows * stride, 0.0);
                    shrink_band(input, guide, stride, expected, output, scratch);
                    for (target, row) in target
                        .chunks_exact_mut(self.width)
                        .zip(output.chunks_exact(stride))
                    {
                        target.copy_from_slice(&row[STEP..STEP + self.width]);
                    }
                },
            );
        Self {
            width: self.width,
            height: self.height,
            values,
        }
    }

    /// Rows `top - 4` to `top + rows + 4` with mirrored borders.
    fn load_band(&self, top: usize, rows: usize, stride: usize, band: &mut Vec<f32>) {
        band.resize((rows + 2 * STEP) * stride, 0.0);
        for (offset, target) in band.chunks_exact_mut(stride).enumerate() {
            let y = (top + offset).cast_signed() - STEP.cast_signed();
            pad_row(self.row(mirrored(y, self.height)), target);
        }
    }
}

/// Means of two by two pixels of two rows.
pub(super) fn halve_rows(top: &[f32], bottom: &[f32], target: &mut [f32]) {
    for ((target, top), bottom) in target.iter_mut().zip(top.chunks(2)).zip(bottom.chunks(2)) {
        *target = match (top, bottom) {
            ([a, b], [c, d]) => (a + b + c + d) * 0.25,
            ([a], [c]) => (a + c) * 0.5,
            _ => 0.0,
        };
    }
}

/// A row interpolated to twice its length; `target` may be one shorter.
#[inline(always)]
fn double_row(row: &[f32], target: &mut [f32]) {
    let last = row.len() - 1;
    let edge = |target: &mut [f32], x: usize| {
        let (before, here, after) = (row[x.saturating_sub(1)], row[x], row[(x + 1).min(last)]);
        if let Some(value) = target.get_mut(2 * x) {
            *value = 0.75 * here + 0.25 * before;
        }
        if let Some(value) = target.get_mut(2 * x + 1) {
            *value = 0.75 * here + 0.25 * after;
        }
    };
    edge(target, 0);
    edge(target, last);
    if row.len() > 2 {
        for (pair, window) in target[2..].chunks_exact_mut(2).zip(row.windows(3)) {
            let centre = 0.75 * window[1];
            pair[0] = centre + 0.25 * window[0];
            pair[1] = centre + 0.25 * window[2];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(width: usize, height: usize, value: impl Fn(usize, usize) -> f32) -> Plane {
        let mut values = Vec::new();
        for y in 0..height {
            for x in 0..width {
                values.push(value(x, y));
            }
        }
        Plane {
            width,
            height,
            values,
        }
    }

    #[test]
    fn borders_are_mirrored_with_the_edge_repeated() {
        let found: Vec<usize> = (-4..8).map(|offset| mirrored(offset, 3)).collect();
        assert_eq!(found, [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1]);
        assert_eq!(mirrored(-4, 1), 0);
    }

    #[test]
    fn a_slope_survives_halving_and_doubling_inside() {
        for (width, height) in [(16, 12), (17, 13)] {
            let slope = plane(width, height, |x, y| 3.0 * x as f32 + 5.0 * y as f32);
            let mut zero = plane(width, height, |_, _| 0.0);
            zero.add_doubled(&slope.halved());
            for y in 2..height - 3 {
                for x in 2..width - 3 {
                    let (got, want) = (zero.row(y)[x], slope.row(y)[x]);
                    assert!((got - want).abs() < 1e-3, "{x},{y}: {got} {want}");
                }
            }
        }
    }

    #[test]
    fn a_plane_of_one_pixel_keeps_its_value() {
        let one = plane(1, 1, |_, _| 90.0);
        assert!((one.shrunk(None, &Expected::new([4.0; 256], 1.0)).values[0] - 90.0).abs() < 1e-2);
        let mut two = one.clone();
        two.add_doubled(&one.halved());
        assert!((two.values[0] - 180.0).abs() < 1e-3);
    }
}
