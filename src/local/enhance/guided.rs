//! The guided filter (He, Sun and Tang, "Guided Image Filtering", 2010) and its fast form (He and Sun
//! 2015): a field is described, in every neighbourhood, as a linear function of a guide, so that it
//! can be smoothed, or brought to full resolution, without crossing the guide's edges.

use rayon::prelude::*;

/// A plane of values, row by row.
#[derive(Clone, Debug)]
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<f32>,
}

/// `field ≈ slope * guide + offset`, smoothly varying.
#[derive(Clone, Debug)]
pub(super) struct LinearModel {
    pub(super) slope: Plane,
    pub(super) offset: Plane,
}

impl Plane {
    pub(super) fn new(width: usize, height: usize, values: Vec<f32>) -> Self {
        debug_assert_eq!(values.len(), width * height);
        Self {
            width,
            height,
            values,
        }
    }

    fn product(&self, other: &Self) -> Self {
        let values = self
            .values
            .iter()
            .zip(&other.values)
            .map(|(a, b)| a * b)
            .collect();
        Self::new(self.width, self.height, values)
    }

    /// The mean over the square of side `2 * radius + 1` round every pixel, the part inside the plane.
    pub(super) fn box_mean(&self, radius: usize) -> Self {
        self.mean_of_rows(radius)
            .transposed()
            .mean_of_rows(radius)
            .transposed()
    }

    /// The variance over such a square.
    pub(super) fn variance(&self, radius: usize) -> Self {
        let mean = self.box_mean(radius);
        let mut variance = self.product(self).box_mean(radius);
        for (square, mean) in variance.values.iter_mut().zip(&mean.values) {
            *square = (*square - mean * mean).max(0.0);
        }
        variance
    }

    fn mean_of_rows(&self, radius: usize) -> Self {
        let mut values = vec![0.0; self.values.len()];
        values
            .par_chunks_mut(self.width)
            .zip(self.values.par_chunks(self.width))
            .for_each(|(target, source)| running_mean(source, target, radius));
        Self::new(self.width, self.height, values)
    }

    fn transposed(&self) -> Self {
        let mut values = vec![0.0; self.values.len()];
        values
            .par_chunks_mut(self.height)
            .enumerate()
            .for_each(|(x, column)| {
                let source = self.values.iter().skip(x).step_by(self.width);
                for (target, value) in column.iter_mut().zip(source) {
                    *target = *value;
                }
            });
        Self::new(self.height, self.width, values)
    }
}

/// The mean of `source` over `2 * radius + 1` values round each, summed in double precision so that the
/// running sum does not drift.
fn running_mean(source: &[f32], target: &mut [f32], radius: usize) {
    let mut sum: f64 = source.iter().take(radius).copied().map(f64::from).sum();
    let mut count = radius.min(source.len());
    for (index, value) in target.iter_mut().enumerate() {
        if let Some(&entering) = source.get(index + radius) {
            sum += f64::from(entering);
            count += 1;
        }
        if let Some(&leaving) = index
            .checked_sub(radius + 1)
            .and_then(|gone| source.get(gone))
        {
            sum -= f64::from(leaving);
            count -= 1;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "a mean of single-precision values"
        )]
        {
            *value = (sum / count.max(1) as f64) as f32;
        }
    }
}

impl LinearModel {
    /// Fits the field to the guide in every square of side `2 * radius + 1`. Where the guide varies less
    /// than `epsilon` (a variance, in the guide's unit squared) the field is just averaged.
    pub(super) fn fit(guide: &Plane, field: &Plane, radius: usize, epsilon: f32) -> Self {
        let mean_guide = guide.box_mean(radius);
        let mean_field = field.box_mean(radius);
        let mean_square = guide.product(guide).box_mean(radius);
        let mean_product = guide.product(field).box_mean(radius);
        let slopes: Vec<f32> = mean_guide
            .values
            .iter()
            .zip(&mean_field.values)
            .zip(mean_square.values.iter().zip(&mean_product.values))
            .map(|((guide, field), (square, product))| {
                (product - guide * field) / ((square - guide * guide).max(0.0) + epsilon)
            })
            .collect();
        let offsets = mean_guide
            .values
            .iter()
            .zip(&mean_field.values)
            .zip(&slopes)
            .map(|((guide, field), slope)| field - slope * guide)
            .collect();
        Self {
            slope: Plane::new(guide.width, guide.height, slopes).box_mean(radius),
            offset: Plane::new(guide.width, guide.height, offsets).box_mean(radius),
        }
    }

    /// The field that the model describes at the guide's own resolution.
    pub(super) fn evaluate(&self, guide: &Plane) -> Plane {
        let values = guide
            .values
            .iter()
            .zip(self.slope.values.iter().zip(&self.offset.values))
            .map(|(guide, (slope, offset))| slope * guide + offset)
            .collect();
        Plane::new(guide.width, guide.height, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_over_a_box_counts_only_what_lies_inside() {
        let plane = Plane::new(3, 2, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(plane.box_mean(1).values, vec![3.0, 3.5, 4.0, 3.0, 3.5, 4.0]);
        assert_eq!(plane.box_mean(10).values, vec![3.5; 6]);
    }

    #[test]
    fn a_step_of_the_guide_stays_sharp_in_the_field() {
        let (width, height) = (40, 20);
        let step = |low: f32, high: f32| {
            Plane::new(
                width,
                height,
                (0..width * height)
                    .map(|index| if index % width < 20 { low } else { high })
                    .collect(),
            )
        };
        let guide = step(-6.0, -1.0);
        let field = LinearModel::fit(&guide, &step(1.5, 0.0), 4, 0.01).evaluate(&guide);
        for row in field.values.chunks(width) {
            assert!((row[19] - 1.5).abs() < 0.02, "{}", row[19]);
            assert!(row[20].abs() < 0.02, "{}", row[20]);
        }
    }
}
