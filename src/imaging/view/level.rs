//! One size of a view: logarithmic light, and its detail.

/// Linear light between which a picture shows the scene and not its noise or its clipping.
const SHOWN: [f32; 2] = [0.004, 0.85];

/// Pixels to each side over which the local mean is taken.
const REACH: usize = 2;

/// Detail beyond this many EV counts no more: strong borders count, but not for everything.
const STRONGEST: f32 = 0.6;

/// One size.
#[derive(Debug)]
pub(super) struct Level {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Mean linear light; not a number where the picture is clipped.
    light: Vec<f32>,
    /// Its binary logarithm; not a number where the light is not shown.
    pub(super) logarithm: Vec<f32>,
    /// The logarithm less its mean round about; not a number where something near is not shown.
    pub(super) detail: Vec<f32>,
    /// The detail with zero where it is not a number, and 1 or 0 for whether it is one.
    pub(super) held: Vec<f32>,
    pub(super) mask: Vec<f32>,
}

impl Level {
    pub(super) fn new(width: usize, height: usize, light: Vec<f32>) -> Self {
        let [dark, bright] = SHOWN;
        let logarithm: Vec<f32> = light
            .iter()
            .map(|&light| {
                if (dark..=bright).contains(&light) {
                    light.log2()
                } else {
                    f32::NAN
                }
            })
            .collect();
        let detail = detail(&logarithm, width, height);
        let known = |value: &f32| value.is_finite();
        let held = detail
            .iter()
            .map(|value| if known(value) { *value } else { 0.0 });
        let mask = detail
            .iter()
            .map(|value| if known(value) { 1.0 } else { 0.0 });
        Self {
            width,
            height,
            held: held.collect(),
            mask: mask.collect(),
            light,
            logarithm,
            detail,
        }
    }

    /// The next smaller size.
    pub(super) fn half(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut light = Vec::with_capacity(width * height);
        for rows in self.light.chunks_exact(self.width * 2).take(height) {
            let (upper, lower) = rows.split_at(self.width);
            for (upper, lower) in upper.chunks_exact(2).zip(lower.chunks_exact(2)) {
                // One clipped part makes the whole clipped: what is not a number stays so.
                light.push(0.25 * (upper.iter().sum::<f32>() + lower.iter().sum::<f32>()));
            }
        }
        Self::new(width, height, light)
    }
}

/// Sums over the squares round each pixel by running sums along rows, then along columns.
fn detail(logarithm: &[f32], width: usize, height: usize) -> Vec<f32> {
    let mut output = vec![f32::NAN; logarithm.len()];
    let side = 2 * REACH + 1;
    if width < side || height < side {
        return output;
    }
    // Sums along rows; a place that is not shown makes all sums over it not a number.
    let mut sums = vec![f32::NAN; logarithm.len()];
    for (row, line) in logarithm
        .chunks_exact(width)
        .zip(sums.chunks_exact_mut(width))
    {
        for (window, sum) in row.windows(side).zip(line.iter_mut().skip(REACH)) {
            *sum = window.iter().sum();
        }
    }
    let area = (side * side) as f32;
    for y in REACH..height - REACH {
        for x in REACH..width - REACH {
            let mut sum = 0.0;
            for line in 0..side {
                sum += sums
                    .get((y + line - REACH) * width + x)
                    .copied()
                    .unwrap_or(f32::NAN);
            }
            let at = y * width + x;
            if let (Some(output), Some(value)) = (output.get_mut(at), logarithm.get(at)) {
                let detail = value - sum / area;
                // `clamp` keeps what is not a number.
                *output = detail.clamp(-STRONGEST, STRONGEST);
            }
        }
    }
    output
}
