//! Cells in which an exposure contradicts the reference, too few or too thin to be a region: a cable, a blade of a
//! fan, the rest of a thing at its border. The exposure does not count there. Where that is an error, the cell is
//! noisier than it could be, and nothing worse.

use rayon::prelude::*;

use super::Scene;

/// Contradictions (code values of 0 to 1) from which a cell is doubted, and from which an exposure is left out there.
const DOUBTED: [f32; 2] = [0.008, 0.024];
/// The same where the reference is clipped, which is what the cell becomes then.
const DOUBTED_CLIPPED: [f32; 2] = [0.03, 0.06];
/// Misalignment that is allowed for, in half cells.
const CLOSE: f32 = 0.5;

impl Scene {
    /// Leaves exposures out of cells, as far as no region has been decided there.
    pub(super) fn leave_doubted(&self, masks: &mut [Option<Vec<f32>>]) {
        let decided = masks.get(self.reference).cloned().flatten();
        for (exposure, mask) in masks.iter_mut().enumerate() {
            if exposure == self.reference {
                continue;
            }
            let mut doubts = self.doubts(exposure);
            if let Some(decided) = &decided {
                for (doubt, decided) in doubts.iter_mut().zip(decided) {
                    if *decided > 0.0 {
                        *doubt = 0.0;
                    }
                }
            }
            spread(&mut doubts, self.width());
            let mask = mask.get_or_insert_with(|| vec![0.0; doubts.len()]);
            for (value, doubt) in mask.iter_mut().zip(doubts) {
                if *value >= 0.0 {
                    *value = value.max(doubt);
                }
            }
        }
    }

    /// How much each cell of an exposure is doubted, 0 to 1.
    fn doubts(&self, exposure: usize) -> Vec<f32> {
        let Some((response, from, to)) = self.response(self.reference, exposure) else {
            return Vec::new();
        };
        // A small difference in a dark exposure is a great one in the picture.
        let darker = self.gains.get(exposure) < self.gains.get(self.reference);
        let back = darker
            .then(|| self.response(exposure, self.reference))
            .flatten();
        (0..from.len())
            .into_par_iter()
            .map(|index| {
                let mut gap = response.gap(from, to, index, CLOSE);
                if let Some((back, exposure, reference)) = &back {
                    gap = gap.max(back.gap(exposure, reference, index, CLOSE));
                }
                let clipped = from.clipped(index) > 0.0;
                let [none, full] = if clipped { DOUBTED_CLIPPED } else { DOUBTED };
                ((gap - none) / (full - none)).clamp(0.0, 1.0)
            })
            .collect()
    }
}

/// Spreads doubts to the cells next to them, which may hold a part of what is there.
fn spread(doubts: &mut Vec<f32>, width: usize) {
    let height = doubts.len() / width.max(1);
    let near = |index: usize| {
        let (x, y) = (index % width, index / width);
        let rows = y.saturating_sub(1)..=(y + 1).min(height - 1);
        rows.flat_map(move |row| {
            let columns = x.saturating_sub(1)..=(x + 1).min(width - 1);
            columns.map(move |column| row * width + column)
        })
    };
    let widened = (0..doubts.len())
        .map(|index| {
            let around = near(index).filter_map(|near| doubts.get(near).copied());
            around.fold(0.0, f32::max)
        })
        .collect();
    *doubts = widened;
}
