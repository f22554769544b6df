//! The few flat colours of which a graphic is made.

/// Flat colours that are looked for, and how far a smoothed pixel may lie from one.
const COLOURS: usize = 8;
const COLOUR_REACH: u8 = 5;

/// The bin of a colour: the upper five bits of each channel.
fn bin([red, green, blue]: [u8; 3]) -> usize {
    (usize::from(red >> 3) << 10) | (usize::from(green >> 3) << 5) | usize::from(blue >> 3)
}

/// How many of the pixels off the edges have one of the commonest colours.
pub(super) fn explained(smooth: &[[u8; 3]], near: &[u8]) -> f64 {
    let off_edges = || {
        let all = smooth.iter().zip(near);
        all.filter(|(_, near)| **near == 0).map(|(pixel, _)| *pixel)
    };
    // The pixels by their bins, so that only the bins about a colour are looked at.
    let mut counts = vec![0_usize; 1 << 15];
    for pixel in off_edges() {
        counts[bin(pixel)] += 1;
    }
    let mut next = 0;
    let starts: Vec<usize> = counts
        .iter()
        .map(|count| {
            next += count;
            next - count
        })
        .collect();
    let mut ordered = vec![[0_u8; 3]; next];
    let mut free = starts.clone();
    for pixel in off_edges() {
        let place = &mut free[bin(pixel)];
        ordered[*place] = pixel;
        *place += 1;
    }
    let mut explained = 0;
    for _ in 0..COLOURS {
        let most = counts.iter().copied().max().unwrap_or(0);
        let commonest = counts.iter().rposition(|&count| count == most);
        let Some(commonest) = commonest.filter(|_| most > 0) else {
            break;
        };
        let start = starts[commonest];
        let mut sum = [0_usize; 3];
        for pixel in &ordered[start..start + most] {
            for (sum, value) in sum.iter_mut().zip(pixel) {
                *sum += usize::from(*value);
            }
        }
        let mean = sum.map(|sum| ((sum + most / 2) / most) as u8);
        let same = |pixel: &[u8; 3]| {
            let mut channels = pixel.iter().zip(mean);
            channels.all(|(value, mean)| value.abs_diff(mean) <= COLOUR_REACH)
        };
        let bins = |mean: u8| {
            let from = mean.saturating_sub(COLOUR_REACH) >> 3;
            usize::from(from)..=usize::from(mean.saturating_add(COLOUR_REACH) >> 3)
        };
        for (red, green) in
            bins(mean[0]).flat_map(|red| bins(mean[1]).map(move |green| (red, green)))
        {
            for bin in bins(mean[2]).map(|blue| (red << 10) | (green << 5) | blue) {
                let pixels = &mut ordered[starts[bin]..starts[bin] + counts[bin]];
                let mut left = 0;
                for at in 0..pixels.len() {
                    if !same(&pixels[at]) {
                        pixels.swap(at, left);
                        left += 1;
                    }
                }
                explained += counts[bin] - left;
                counts[bin] = left;
            }
        }
    }
    explained as f64
}
