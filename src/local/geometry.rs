//! Which lens distortion, pitch and roll to take out of a photo, and whether to do so at all. The
//! straight edges of the house are the evidence; where they are few or disagree, the photo stays as
//! it was taken and the report says why.

use crate::domain::enhancement::{EnhancementSettings, StepReport, StepSetting};
use crate::imaging::Picture;
use crate::imaging::lines::straightness::{self, Distortion};
use crate::imaging::lines::{self, LineSegment, Proxy};
use crate::imaging::vanishing::{self, KnownDistortion, Tilt};
use crate::imaging::warp::{Lens, Warp};

/// What is to be done to a photo's geometry.
#[derive(Clone, Debug, PartialEq)]
pub struct GeometryDecision {
    /// The one resampling that does it all; `None` where the photo stays as it is.
    pub warp: Option<Warp>,
    /// `lens_distortion`, `vertical_correction` and `roll_correction`, in this order.
    pub reports: Vec<StepReport>,
}

const LENS_DISTORTION: &str = "lens_distortion";
const VERTICAL_CORRECTION: &str = "vertical_correction";
const ROLL_CORRECTION: &str = "roll_correction";

/// Greatest pitch that is taken out, degrees.
const GREATEST_PITCH: f64 = 15.0;

/// Greatest roll that is taken out, degrees.
const GREATEST_ROLL: f64 = 10.0;

/// Pitch below which a photo counts as upright, degrees.
const UPRIGHT_PITCH: f64 = 0.15;

/// Roll below which a photo counts as level, degrees.
const LEVEL_ROLL: f64 = 0.1;

/// The smallest share of the picture that must remain.
const SMALLEST_KEPT: f64 = 0.5;

/// Diagonal of the 35 mm format, millimetres.
const FULL_FRAME_DIAGONAL: f64 = 43.266_615;

/// The 35 mm equivalent that is taken where none is known: the middle of what interiors are shot with.
const USUAL_FOCAL_LENGTH: f64 = 22.0;

/// Relative standard deviation of a focal length that the camera wrote down (in whole millimetres), and of
/// the usual one.
const KNOWN_FOCAL_SPREAD: f64 = 0.04;
const USUAL_FOCAL_SPREAD: f64 = 0.3;

/// Decides on distortion, pitch and roll of a photo. `focal_length_35mm` is the 35 mm equivalent in
/// millimetres (by the diagonal), where the photo says it.
#[must_use]
pub fn estimate(
    picture: &Picture,
    focal_length_35mm: Option<f64>,
    settings: &EnhancementSettings,
) -> GeometryDecision {
    let (width, height) = (picture.width, picture.height);
    let known = focal_length_35mm.filter(|length| (8.0..=200.0).contains(length));
    let diagonal = (width as f64).hypot(height as f64);
    let focal = known.unwrap_or(USUAL_FOCAL_LENGTH) * diagonal / FULL_FRAME_DIAGONAL;
    let focal_spread = if known.is_some() { KNOWN_FOCAL_SPREAD } else { USUAL_FOCAL_SPREAD };
    let mut lens = Lens::centered(width, height, focal);

    let needed = [settings.lens_distortion, settings.vertical_correction, settings.roll_correction]
        .contains(&StepSetting::Auto);
    let segments = if needed { lines::detect(&Proxy::new(picture)) } else { Vec::new() };

    let (mut k1, mut lens_report, mut tilt) = (0.0, None, None);
    match settings.lens_distortion {
        StepSetting::Off => {
            lens_report = Some(StepReport::not_applied(LENS_DISTORTION, "switched off"));
        }
        StepSetting::Fixed(value) => {
            k1 = value.clamp(-0.2, 0.2);
            lens_report = Some(StepReport::applied(LENS_DISTORTION, [("k1", k1)]));
        }
        StepSetting::Auto => {}
    }
    let lens_report = match lens_report {
        Some(report) => report,
        None => {
            let judged = judge_distortion(&segments, &lens, focal_spread, width, height);
            k1 = judged.k1;
            tilt = judged.tilt;
            judged.report
        }
    };
    lens.k1 = k1;
    let tilt = tilt.or_else(|| {
        vanishing::tilt(&segments, &lens, KnownDistortion::Exactly, focal_spread, height)
    });
    if let Some(tilt) = tilt.filter(|tilt| why_weak(tilt).is_none()) {
        (lens.focal, lens.k1) = (tilt.focal, tilt.k1);
    }
    let mut vertical = decide_pitch(settings.vertical_correction, tilt.as_ref());
    let mut roll = decide_roll(settings.roll_correction, tilt.as_ref());
    leave_what_is_upright(&mut vertical, &mut roll);
    let roll_of_photo = roll.angle.or_else(|| tilt.map(|tilt| tilt.roll)).unwrap_or(0.0);

    let mut warp = build(width, height, lens, &vertical, &roll, roll_of_photo);
    if warp.as_ref().is_none_or(|warp| warp.kept() < SMALLEST_KEPT) && vertical.angle.is_some() {
        vertical.refuse("upright verticals would cut away more than half of the picture");
        warp = build(width, height, lens, &vertical, &roll, roll_of_photo);
    }
    let changes = k1 != 0.0 || vertical.angle.is_some() || roll.angle.is_some();
    let warp = warp.filter(|_| changes);
    let mut reports = vec![lens_report, vertical.report, roll.report];
    if let Some(warp) = &warp {
        for report in reports.iter_mut().filter(|report| report.applied) {
            report.parameters.insert("kept_share".to_owned(), rounded(warp.kept(), 4));
        }
    }
    GeometryDecision { warp, reports }
}

/// An angle to take out, and the report about it.
struct Angle {
    angle: Option<f64>,
    automatic: bool,
    report: StepReport,
}

impl Angle {
    fn refuse(&mut self, reason: impl Into<String>) {
        self.angle = None;
        self.report.applied = false;
        self.report.reason = Some(reason.into());
    }
}

fn build(
    width: usize,
    height: usize,
    lens: Lens,
    vertical: &Angle,
    roll: &Angle,
    roll_of_photo: f64,
) -> Option<Warp> {
    match (vertical.angle, roll.angle) {
        (Some(pitch), None) => Warp::pitch_alone(width, height, lens, pitch, roll_of_photo),
        (pitch, roll) => {
            Warp::upright(width, height, lens, pitch.unwrap_or(0.0), roll.unwrap_or(0.0))
        }
    }
}

/// The lens as the edges of the photo show it.
struct JudgedDistortion {
    k1: f64,
    report: StepReport,
    /// The tilt found along with k1, where k1 is used.
    tilt: Option<Tilt>,
}

/// Straight edges bend and verticals turn near the corners: both say what the lens did, and they must
/// not contradict each other.
fn judge_distortion(
    segments: &[LineSegment],
    lens: &Lens,
    focal_spread: f64,
    width: usize,
    height: usize,
) -> JudgedDistortion {
    let corner_radius = lens.corner_radius(width, height);
    let square = corner_radius * corner_radius;
    let straight = straightness::distortion(segments, lens);
    // Without straight edges: lenses seldom move a corner by more than a twentieth.
    let habit = KnownDistortion::About(0.0, 0.05 / square);
    let known = straight.map_or(habit, |found| {
        KnownDistortion::About(found.k1, found.standard_error.max(0.004 / square))
    });
    let tilt = vanishing::tilt(segments, lens, known, focal_spread, height)
        .filter(|tilt| why_weak(tilt).is_none());
    let found = match (&tilt, straight) {
        // In the units of the lens as given, like the straight edges' own.
        (Some(tilt), _) => Distortion {
            k1: tilt.k1 * (lens.focal / tilt.focal).powi(2),
            standard_error: tilt.k1_error * (lens.focal / tilt.focal).powi(2),
            lines: tilt.lines as f64 + straight.map_or(0.0, |straight| straight.lines),
        },
        (None, Some(straight)) => straight,
        (None, None) => {
            return JudgedDistortion {
                k1: 0.0,
                report: StepReport::not_applied(
                    LENS_DISTORTION,
                    "too few straight edges to judge the lens",
                ),
                tilt: None,
            };
        }
    };
    let contradicted = straight.is_some_and(|straight| {
        let spread = straight.standard_error.hypot(found.standard_error);
        (straight.k1 - found.k1).abs() > (3.0 * spread).max(0.01 / square)
    });
    let mut report = StepReport::applied(
        LENS_DISTORTION,
        [
            ("k1", rounded(found.k1, 5)),
            ("standard_error", rounded(found.standard_error, 5)),
            ("lines", found.lines.round()),
        ],
    );
    if let Some(straight) = straight {
        report.parameters.insert("k1_of_straight_edges".to_owned(), rounded(straight.k1, 5));
    }
    let reason = if contradicted {
        Some("bent edges and turned verticals contradict each other".to_owned())
    } else {
        why_not_undistort(&found, corner_radius)
    };
    if let Some(reason) = reason {
        report.applied = false;
        report.reason = Some(reason);
        return JudgedDistortion { k1: 0.0, report, tilt: None };
    }
    JudgedDistortion { k1: found.k1, report, tilt }
}

/// Why an estimate of the distortion is not used. Everything is judged by what it does to the corner.
fn why_not_undistort(found: &Distortion, corner_radius: f64) -> Option<String> {
    let corner = found.k1 * corner_radius * corner_radius;
    let uncertainty = found.standard_error * corner_radius * corner_radius;
    if found.lines < 5.0 {
        Some("too few straight edges to judge the lens".to_owned())
    } else if uncertainty > 0.012 {
        Some("the straight edges disagree about the lens".to_owned())
    } else if corner.abs() > 0.12 {
        Some("the distortion is stronger than a mild correction can take out".to_owned())
    } else if corner.abs() < 0.004 || corner.abs() < 2.5 * uncertainty {
        Some("no distortion that can be told from zero".to_owned())
    } else {
        None
    }
}

fn decide_pitch(setting: StepSetting, tilt: Option<&Tilt>) -> Angle {
    decide(VERTICAL_CORRECTION, "pitch_degrees", setting, GREATEST_PITCH, tilt, |tilt| {
        (tilt.pitch, tilt.pitch_error, 0.6)
    })
}

fn decide_roll(setting: StepSetting, tilt: Option<&Tilt>) -> Angle {
    decide(ROLL_CORRECTION, "roll_degrees", setting, GREATEST_ROLL, tilt, |tilt| {
        (tilt.roll, tilt.roll_error, 0.3)
    })
}

fn decide(
    name: &str,
    unit: &str,
    setting: StepSetting,
    greatest: f64,
    tilt: Option<&Tilt>,
    value: impl Fn(&Tilt) -> (f64, f64, f64),
) -> Angle {
    match setting {
        StepSetting::Off => Angle {
            angle: None,
            automatic: false,
            report: StepReport::not_applied(name, "switched off"),
        },
        StepSetting::Fixed(angle) => {
            let angle = angle.clamp(-greatest, greatest);
            Angle {
                angle: Some(angle),
                automatic: false,
                report: StepReport::applied(name, [(unit, angle)]),
            }
        }
        StepSetting::Auto => {
            let Some(tilt) = tilt else {
                return Angle {
                    angle: None,
                    automatic: true,
                    report: StepReport::not_applied(name, "no vertical edges found"),
                };
            };
            let (angle, error, greatest_error) = value(tilt);
            let mut decided = Angle {
                angle: Some(angle),
                automatic: true,
                report: StepReport::applied(
                    name,
                    [
                        (unit, rounded(angle, 3)),
                        ("standard_error_degrees", rounded(error, 3)),
                        ("lines", tilt.lines as f64),
                        ("support_heights", rounded(tilt.support, 2)),
                        ("agreement", rounded(tilt.agreement, 2)),
                        ("rival", rounded(tilt.rival, 2)),
                    ],
                ),
            };
            if let Some(reason) = why_weak(tilt) {
                decided.refuse(reason);
            } else if error > greatest_error {
                decided.refuse("the vertical edges do not fix the angle well enough");
            } else if angle.abs() > greatest {
                decided.refuse(format!(
                    "{:.1} degrees is more than the {greatest:.0} degrees that are corrected",
                    angle.abs()
                ));
            }
            decided
        }
    }
}

/// Why the vertical edges as a whole are not trusted.
fn why_weak(tilt: &Tilt) -> Option<String> {
    if tilt.lines < 4 || tilt.support < 0.6 {
        Some("too few vertical edges".to_owned())
    } else if tilt.agreement < 0.4 {
        Some("the near-vertical edges point in many directions".to_owned())
    } else if tilt.rival > 0.8 {
        Some("the vertical edges allow two different answers".to_owned())
    } else {
        None
    }
}

/// A photo that is upright and level within the accuracy of the estimate is not resampled.
fn leave_what_is_upright(vertical: &mut Angle, roll: &mut Angle) {
    let small = |angle: &Angle, limit: f64| {
        angle.angle.is_none_or(|value| angle.automatic && value.abs() < limit)
    };
    if small(vertical, UPRIGHT_PITCH) && small(roll, LEVEL_ROLL) {
        for angle in [vertical, roll] {
            if angle.angle.is_some() {
                angle.refuse("already upright");
            }
        }
    }
}

/// Reports carry as many places as mean something.
fn rounded(value: f64, places: i32) -> f64 {
    let scale = 10.0_f64.powi(places);
    (value * scale).round() / scale
}
