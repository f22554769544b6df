//! The weights by which a picture's light is judged: a logistic regression of the kinds of light against ordinary
//! light, over the numbers of `features`, each as deviations from its mean, cut off far out.

use super::features::COUNT;

/// How many kinds of light are told apart beside the ordinary: in the order of `Mood::ALL`.
pub(super) const KINDS: usize = 4;

/// What one number says: where it usually lies, how far it varies, and what a deviation adds to each kind.
pub(super) struct Weight {
    pub(super) mean: f32,
    pub(super) deviation: f32,
    pub(super) kinds: [f32; KINDS],
}

/// The logarithm of the odds of each kind where every number is usual.
pub(super) const USUAL: [f32; KINDS] = [-9.222, -6.346, -6.295, -9.650];

/// Fitted to 2,327 pictures: houses and rooms rendered under all kinds of light, panoramas of high range as cameras
/// expose them, and photos. How strongly the fit is held back was chosen where whole houses, rooms, panoramas and
/// photos were left out in turn.
#[rustfmt::skip]
pub(super) const WEIGHTS: [Weight; COUNT] = [
    // The median level
    Weight { mean: -3.457, deviation: 1.340, kinds: [0.035, -1.215, -0.838, 1.202] },
    // Ev up to the 95th percentile
    Weight { mean: 1.896, deviation: 1.034, kinds: [-0.214, -0.885, -1.686, -0.504] },
    // Ev up to the 99.5th percentile
    Weight { mean: 2.628, deviation: 1.326, kinds: [2.294, 0.317, 1.825, 2.292] },
    // Ev down to the 5th percentile
    Weight { mean: 2.062, deviation: 1.085, kinds: [0.714, 1.223, 0.275, 0.708] },
    // Ev from the median to the top
    Weight { mean: 0.315, deviation: 0.836, kinds: [0.143, 0.569, 0.020, 0.382] },
    // Ev up to the brightest of what is not warm
    Weight { mean: 1.173, deviation: 2.239, kinds: [0.914, 1.476, 0.903, 0.394] },
    // Warmth of the top
    Weight { mean: 0.465, deviation: 1.531, kinds: [-1.804, 0.591, 1.106, -0.592] },
    // Detail of the top
    Weight { mean: 0.185, deviation: 0.245, kinds: [-0.796, -1.983, -1.561, -0.539] },
    // Warmth of the bottom
    Weight { mean: 0.925, deviation: 1.352, kinds: [0.890, -0.771, 1.030, 0.455] },
    // Warmth of the brightest
    Weight { mean: 0.502, deviation: 0.966, kinds: [2.136, 2.278, 1.565, -0.282] },
    // The same against the top
    Weight { mean: 0.037, deviation: 1.353, kinds: [2.865, 0.902, -0.395, -0.238] },
    // Saturation of the brightest
    Weight { mean: 0.353, deviation: 0.249, kinds: [-0.233, 0.905, 0.062, 1.122] },
    // How much warmer the sky is lower down
    Weight { mean: 0.549, deviation: 0.972, kinds: [0.903, 1.204, -0.297, -0.273] },
    // How far all is of one hue
    Weight { mean: 0.684, deviation: 0.317, kinds: [0.406, 0.870, 0.621, 1.135] },
    // Whether what is bright is warm
    Weight { mean: -0.152, deviation: 0.449, kinds: [-1.655, -0.610, 0.849, -0.655] },
    // Saturation of the top
    Weight { mean: 0.517, deviation: 0.254, kinds: [-2.170, -0.357, -0.172, 1.594] },
    // Span of the warmth
    Weight { mean: 1.771, deviation: 1.384, kinds: [-1.772, 0.619, -1.473, -1.350] },
    // Share of warm lights
    Weight { mean: 0.076, deviation: 0.114, kinds: [1.958, 1.653, 0.769, -0.061] },
    // Share of other lights
    Weight { mean: 0.109, deviation: 0.148, kinds: [-0.431, 0.044, -0.027, 1.166] },
    // Share of smooth blue above
    Weight { mean: 0.158, deviation: 0.236, kinds: [1.493, 1.480, 0.355, 0.476] },
    // Share of smooth glow
    Weight { mean: 0.134, deviation: 0.189, kinds: [0.344, -0.197, 0.277, 0.524] },
    // Share of purple
    Weight { mean: 0.025, deviation: 0.131, kinds: [2.919, 2.020, 1.931, 2.190] },
    // Share of cyan and blue below
    Weight { mean: 0.108, deviation: 0.194, kinds: [0.863, -1.216, 1.096, 0.405] },
    // Share of smooth green
    Weight { mean: 0.024, deviation: 0.101, kinds: [-1.007, -0.643, -1.489, 1.016] },
    // Share of smooth red
    Weight { mean: 0.070, deviation: 0.162, kinds: [-1.182, -0.764, -0.216, 0.567] },
    // Share of black
    Weight { mean: 0.109, deviation: 0.134, kinds: [0.289, -1.171, -0.828, 1.400] },
    // Mean saturation
    Weight { mean: 0.507, deviation: 0.212, kinds: [-1.778, -3.017, -0.746, 1.556] },
    // Ev from the lights down to what is round them
    Weight { mean: 3.060, deviation: 1.087, kinds: [-0.563, -0.421, -0.417, -1.095] },
    // Ev from there down to the median
    Weight { mean: 0.128, deviation: 0.622, kinds: [-0.346, 0.246, 0.847, 1.048] },
];
