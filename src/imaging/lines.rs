//! Straight edges of a picture with sub-pixel support points: a luminance proxy, its edge points,
//! chains of edge points, and the nearly straight pieces of these chains. A piece may be bent a
//! little, as a lens bends straight edges; [`straightness`] turns that bend into a distortion
//! coefficient.

mod chains;
mod edges;
mod proxy;
pub mod straightness;

pub use proxy::Proxy;

/// A nearly straight edge. Coordinates are pixels of the full picture, pixel centres at integers.
#[derive(Clone, Debug, PartialEq)]
pub struct LineSegment {
    /// Sub-pixel support points from one end to the other, at least [`MINIMUM_POINTS`].
    pub points: Vec<[f64; 2]>,
    /// Distance between the ends, pixels of the full picture.
    pub length: f64,
    /// Root mean square distance of the points from the fitted curve, pixels of the full picture.
    pub scatter: f64,
}

/// The fewest edge points that make a segment.
pub const MINIMUM_POINTS: usize = 14;

/// The straight edges of the picture behind `proxy`, in an order that depends on the pixels alone.
#[must_use]
pub fn detect(proxy: &Proxy) -> Vec<LineSegment> {
    let edges = edges::EdgeMap::new(proxy);
    let longest = proxy.width.max(proxy.height) as f64;
    let scale = proxy.step() as f64;
    let mut segments = Vec::new();
    for chain in chains::link(&edges) {
        chains::split(&chain, longest, &mut |piece, length, scatter| {
            segments.push(LineSegment {
                points: piece.iter().map(|&[x, y]| proxy.in_picture(x, y)).collect(),
                length: length * scale,
                scatter: scatter * scale,
            });
        });
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::Picture;

    /// A picture whose left part is dark and right part bright, the border at `x = edge(y)`.
    fn step_picture(width: usize, height: usize, edge: impl Fn(f64) -> f64) -> Picture {
        let mut samples = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let covered = (x as f64 + 0.5 - edge(y as f64)).clamp(0.0, 1.0);
                let value = (60.0 + 120.0 * covered) as u8;
                samples.extend([value; 3]);
            }
        }
        Picture::from_eight(width, height, samples).unwrap()
    }

    #[test]
    fn finds_a_slanted_edge_to_a_tenth_of_a_pixel() {
        let edge = |y: f64| 80.3 + 0.05 * y;
        let segments = detect(&Proxy::new(&step_picture(200, 160, edge)));
        assert_eq!(segments.len(), 1);
        assert!(segments[0].length > 145.0, "{}", segments[0].length);
        for [x, y] in &segments[0].points {
            assert!((x - edge(*y)).abs() < 0.1, "{x} {y}");
        }
    }

    #[test]
    fn a_flat_picture_and_pure_noise_have_no_segments() {
        let flat = Picture::from_eight(300, 200, vec![120; 300 * 200 * 3]).unwrap();
        assert!(detect(&Proxy::new(&flat)).is_empty());
        let mut state = 7_u32;
        let noise = (0..300 * 200 * 3)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                100 + (state >> 27) as u8
            })
            .collect();
        let noise = Picture::from_eight(300, 200, noise).unwrap();
        let found = detect(&Proxy::new(&noise));
        assert!(found.iter().all(|segment| segment.length < 30.0));
    }

    #[test]
    fn a_large_picture_is_searched_on_a_proxy_with_coordinates_of_the_picture() {
        let edge = |y: f64| 1703.4 - 0.08 * y;
        let segments = detect(&Proxy::new(&step_picture(3400, 300, edge)));
        assert_eq!(segments.len(), 1);
        for [x, y] in &segments[0].points {
            assert!((x - edge(*y)).abs() < 0.4, "{x} {y}");
        }
    }
}
