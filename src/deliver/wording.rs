//! Human words for steps, values, rooms and verdicts, the same in the gallery, the captions and the
//! disclosure.

use crate::domain::enhancement::{EnhancementReport, StepReport};
use crate::domain::operation::OperationKind;
use crate::domain::room::Room;

/// What a step is called, and what was done when it was applied.
struct StepWords {
    name: &'static str,
    label: &'static str,
    done: &'static str,
}

const STEPS: &[StepWords] = &[
    StepWords {
        name: "exposure_fusion",
        label: "Exposure fusion",
        done: "several exposures of the view merged",
    },
    StepWords {
        name: "noise_reduction",
        label: "Noise reduction",
        done: "noise reduced",
    },
    StepWords {
        name: "vignetting",
        label: "Vignetting",
        done: "dark corners evened",
    },
    StepWords {
        name: "lens_distortion",
        label: "Lens correction",
        done: "lens distortion corrected",
    },
    StepWords {
        name: "vertical_correction",
        label: "Verticals",
        done: "verticals straightened",
    },
    StepWords {
        name: "roll_correction",
        label: "Level",
        done: "picture levelled",
    },
    StepWords {
        name: "vignetting",
        label: "Vignetting",
        done: "corner shading evened",
    },
    StepWords {
        name: "white_balance",
        label: "White balance",
        done: "white balance corrected",
    },
    StepWords {
        name: "exposure",
        label: "Exposure",
        done: "exposure adjusted",
    },
    StepWords {
        name: "shadows",
        label: "Shadows",
        done: "shadows opened",
    },
    StepWords {
        name: "highlights",
        label: "Highlights",
        done: "bright areas recovered",
    },
    StepWords {
        name: "sharpening",
        label: "Sharpening",
        done: "sharpened",
    },
    StepWords {
        name: "look",
        label: "Finish",
        done: "colour and contrast finished",
    },
];

/// The label of a step; a step that is not known gets its name in plain letters.
pub(super) fn step_label(name: &str) -> String {
    STEPS
        .iter()
        .find(|step| step.name == name)
        .map_or_else(|| plain(name), |step| step.label.to_owned())
}

/// Everything that was applied, as a list in one sentence part: `noise reduced, sharpened`.
pub(super) fn steps_done(report: &EnhancementReport) -> Vec<String> {
    report
        .steps
        .iter()
        .filter(|step| step.applied)
        .map(|step| {
            STEPS
                .iter()
                .find(|words| words.name == step.name)
                .map_or_else(
                    || plain(&step.name).to_lowercase(),
                    |words| words.done.to_owned(),
                )
        })
        .collect()
}

/// The values of a step, each as name and value with its unit: `("gain", "+0.5 EV")`.
pub(super) fn step_values(step: &StepReport) -> Vec<(String, String)> {
    step.parameters
        .iter()
        .filter(|(key, _)| !EVIDENCE.contains(&key.as_str()))
        .map(|(key, value)| measured(key, *value))
        .collect()
}

/// Names of parameters that are not clear by themselves, without their unit.
const PARAMETERS: &[(&str, &str)] = &[
    ("blue_gain", "Blue"),
    ("chroma_sigma", "Colour noise"),
    ("corner_gain", "Corners"),
    ("ghost", "Moving parts"),
    ("greatest_shift", "Greatest shift"),
    ("green_gain", "Green"),
    ("k1", "Radial k1"),
    ("kept", "Frame kept"),
    ("luma_sigma", "Brightness noise"),
    ("mixed_light_strength", "Two lights"),
    ("pitch", "Camera pitch"),
    ("red_gain", "Red"),
    ("roll", "Camera roll"),
    ("scene_temperature", "Light"),
    ("window_pull", "Windows"),
];

/// What a step measured to decide, rather than what it did. It stands in the manifest; a person who
/// looks at pictures is spared it.
const EVIDENCE: &[&str] = &[
    "agreement",
    "bright_surface_luminance",
    "edge_slope",
    "fault_evidence",
    "geometric_mean_luminance",
    "k1_of_straight_edges",
    "lines",
    "mean_luminance",
    "measured_strength",
    "mixed_light_spread",
    "rival",
    "standard_error",
    "standard_error_degrees",
    "support_heights",
];

/// A unit that a parameter's name can end with.
struct Unit {
    suffix: &'static str,
    text: &'static str,
    decimals: usize,
    /// Whether a plus sign is written.
    signed: bool,
    /// Whether the suffix is said in the name too.
    said: bool,
}

const UNITS: &[Unit] = &[
    Unit {
        suffix: "ev",
        text: "\u{a0}EV",
        decimals: 2,
        signed: true,
        said: false,
    },
    Unit {
        suffix: "degrees",
        text: "°",
        decimals: 2,
        signed: true,
        said: false,
    },
    Unit {
        suffix: "kelvin",
        text: "\u{a0}K",
        decimals: 0,
        signed: false,
        said: false,
    },
    Unit {
        suffix: "percent",
        text: "\u{a0}%",
        decimals: 1,
        signed: false,
        said: false,
    },
    Unit {
        suffix: "pixels",
        text: "\u{a0}px",
        decimals: 1,
        signed: false,
        said: false,
    },
    Unit {
        suffix: "radius",
        text: "\u{a0}px",
        decimals: 1,
        signed: false,
        said: true,
    },
    Unit {
        suffix: "mm",
        text: "\u{a0}mm",
        decimals: 1,
        signed: false,
        said: false,
    },
    Unit {
        suffix: "seconds",
        text: "\u{a0}s",
        decimals: 2,
        signed: false,
        said: false,
    },
];

/// Splits the unit off a parameter's name and writes the value in it.
fn measured(key: &str, value: f64) -> (String, String) {
    if let Some(name) = key.strip_suffix("_share") {
        return (
            parameter_name(name),
            with_unit(value * 100.0, 1, false, "\u{a0}%"),
        );
    }
    if let Some(name) = key.strip_suffix("_ratio") {
        let text = with_unit(value, 2, false, "");
        return (parameter_name(name), format!("×\u{a0}{text}"));
    }
    let unit = UNITS.iter().find_map(|unit| {
        let stem = key.strip_suffix(unit.suffix)?;
        let stem = if stem.is_empty() {
            key
        } else {
            stem.strip_suffix('_')?
        };
        Some((if unit.said { key } else { stem }, unit))
    });
    if let Some((name, unit)) = unit {
        return (
            parameter_name(name),
            with_unit(value, unit.decimals, unit.signed, unit.text),
        );
    }
    let decimals = if value.abs() < 0.1 { 4 } else { 2 };
    (parameter_name(key), with_unit(value, decimals, false, ""))
}

/// The name of a parameter for people.
fn parameter_name(name: &str) -> String {
    PARAMETERS
        .iter()
        .find(|(key, _)| *key == name)
        .map_or_else(|| plain(name), |(_, words)| (*words).to_owned())
}

/// A number with a real minus sign, no trailing zeros and no negative zero.
fn with_unit(value: f64, decimals: usize, signed: bool, unit: &str) -> String {
    if !value.is_finite() {
        return "unknown".to_owned();
    }
    let mut digits = format!("{:.decimals$}", value.abs());
    if digits.contains('.') {
        digits.truncate(digits.trim_end_matches('0').trim_end_matches('.').len());
    }
    let sign = if digits.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
        ""
    } else if value < 0.0 {
        "−"
    } else if signed {
        "+"
    } else {
        ""
    };
    format!("{sign}{digits}{unit}")
}

/// `some_name` as `Some name`.
fn plain(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

/// What is said of a picture that furniture was put into.
pub(super) const VIRTUALLY_STAGED: &str = "virtually staged";

/// What an operation is called.
pub(super) const fn operation_label(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Enhance => "Enhancement",
        OperationKind::Stage => "Virtual staging",
        OperationKind::Video => "Tour video",
    }
}

/// What an operation did, where it tells no steps.
pub(super) const fn operation_done(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Enhance => "light, colour and geometry corrected",
        OperationKind::Stage => "furniture and decoration added digitally",
        OperationKind::Video => "shown in the tour video",
    }
}

/// The room in the words of a caption; the standard names that read like a data field are said as
/// agents say them.
pub(super) fn room_words(room: Room) -> String {
    let words = match room {
        Room::FrontOfStructure => "Front exterior",
        Room::BackOfStructure => "Rear exterior",
        Room::SideOfStructure => "Side exterior",
        Room::MasterBathroom => "Primary bathroom",
        Room::MasterBedroom => "Primary bedroom",
        Room::Inlaw => "In-law suite",
        Room::OutBuildings => "Outbuildings",
        Room::SunRoom => "Sunroom",
        Room::MudRoom => "Mudroom",
        _ => {
            let mut words = room.name().to_lowercase();
            if let Some(first) = words.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            return words;
        }
    };
    words.to_owned()
}

/// The caption and the alt text of a photo: the room, counted where several photos show the same
/// kind of room.
pub(super) fn caption(
    room: Option<Room>,
    view: usize,
    views: usize,
    number: u32,
    title: &str,
) -> (String, String) {
    let what = match room {
        Some(room) if views > 1 => format!("{}, view {view} of {views}", room_words(room)),
        Some(room) => room_words(room),
        None => format!("Photo {number}"),
    };
    let alt_text = if title.is_empty() {
        format!("Photograph: {what}")
    } else {
        format!("Photograph of {title}: {}", lower_first(&what))
    };
    (what, alt_text)
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().collect::<String>() + letters.as_str()
    })
}

/// Takes the folders out of a message that leaves this machine: of an absolute path, in backticks
/// or standing alone, only the file name stays.
pub(super) fn without_folders(message: &str) -> String {
    message
        .split('`')
        .enumerate()
        .map(|(index, part)| {
            // Every second part stands between two backticks.
            if index % 2 == 1 {
                file_name_of(part).to_owned()
            } else {
                part.split(' ')
                    .map(file_name_of)
                    .collect::<Vec<_>>()
                    .join(" ")
            }
        })
        .collect::<Vec<_>>()
        .join("`")
}

/// The last part of an absolute path; any other text as it is.
fn file_name_of(text: &str) -> &str {
    let bare = text.trim_start_matches(['"', '\'', '(']);
    let on_a_drive = bare
        .get(1..3)
        .is_some_and(|rest| rest == ":\\" || rest == ":/");
    let absolute = on_a_drive || bare.starts_with("\\\\") || bare.starts_with('/');
    if !absolute || bare.len() == 1 {
        return text;
    }
    bare.trim_end_matches(['/', '\\'])
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_people_write_them() {
        for (key, value, expected) in [
            ("gain_ev", 0.5, ("Gain", "+0.5\u{a0}EV")),
            ("gain_ev", -1.25, ("Gain", "−1.25\u{a0}EV")),
            ("pitch_degrees", -0.001, ("Camera pitch", "0°")),
            ("kept_share", 0.9612, ("Frame kept", "96.1\u{a0}%")),
            ("red_gain_ratio", 1.2, ("Red", "×\u{a0}1.2")),
            ("temperature_kelvin", 3210.4, ("Temperature", "3210\u{a0}K")),
            ("strength", 0.35, ("Strength", "0.35")),
            ("k1", -0.0221, ("Radial k1", "−0.0221")),
            ("crop_percent", 4.0, ("Crop", "4\u{a0}%")),
            ("exposure_count", 3.0, ("Exposure count", "3")),
            ("ev", 1.0, ("Ev", "+1\u{a0}EV")),
            ("radius", 1.5, ("Radius", "1.5\u{a0}px")),
            ("gain", f64::NAN, ("Gain", "unknown")),
        ] {
            let (name, text) = measured(key, value);
            assert_eq!((name.as_str(), text.as_str()), expected, "{key} {value}");
        }
    }

    #[test]
    fn messages_leave_without_the_folders_of_this_machine() {
        for (message, expected) in [
            (
                "failed to read `/home/a b/listing/x.jpg`: cut",
                "failed to read `x.jpg`: cut",
            ),
            (
                "no space for /tmp/job/1.jpg here",
                "no space for 1.jpg here",
            ),
            ("see C:\\Users\\me\\x.jpg", "see x.jpg"),
            (
                "1/3 of the attempts and/or `--force`",
                "1/3 of the attempts and/or `--force`",
            ),
            ("rooms/kitchen.jpg is cut", "rooms/kitchen.jpg is cut"),
            ("", ""),
            ("/", "/"),
        ] {
            assert_eq!(without_folders(message), expected);
        }
    }

    #[test]
    fn every_step_of_the_settings_has_words() {
        let settings =
            serde_json::to_value(crate::domain::enhancement::EnhancementSettings::default())
                .unwrap();
        for name in settings.as_object().unwrap().keys() {
            assert!(STEPS.iter().any(|step| step.name == name), "{name}");
        }
        assert_eq!(step_label("colour_of_money"), "Colour of money");
    }

    #[test]
    fn captions_count_the_views_of_a_room() {
        assert_eq!(
            caption(Some(Room::LivingRoom), 2, 3, 2, "Maple Street"),
            (
                "Living room, view 2 of 3".to_owned(),
                "Photograph of Maple Street: living room, view 2 of 3".to_owned()
            )
        );
        assert_eq!(
            caption(Some(Room::FrontOfStructure), 1, 1, 6, "").0,
            "Front exterior"
        );
        assert_eq!(caption(None, 1, 1, 4, "").0, "Photo 4");
    }
}
