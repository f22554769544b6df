//! What counts as an altered picture, and how to say it: the one table from operations to the RESO
//! lookup `MediaAlteration`, the IPTC digital source type and the class of California AB 723
//! (Business and Professions Code section 10140.8). Everything that is delivered says what this table says.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::operation::OperationKind;

/// Prefix of every IPTC digital source type.
const SOURCE_TYPE_BASE: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/";

/// Values of the RESO Data Dictionary lookup `MediaAlteration` that remedia's operations can need.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum MediaAlteration {
    /// Nothing was altered.
    #[serde(rename = "None")]
    None,
    /// Furniture or decoration was put into the picture.
    #[serde(rename = "Virtual Staging - Item Addition")]
    VirtualStagingItemAddition,
    /// Another change, such as generated frames.
    #[serde(rename = "Other Media Modification")]
    OtherMediaModification,
}

impl MediaAlteration {
    /// The standard name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::VirtualStagingItemAddition => "Virtual Staging - Item Addition",
            Self::OtherMediaModification => "Other Media Modification",
        }
    }
}

impl fmt::Display for MediaAlteration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// IPTC digital source types (NewsCodes vocabulary of September 2024) of delivered pictures.
///
/// An enhanced single exposure is `algorithmicallyEnhanced`, which covers corrections by an
/// algorithm that leave the main content as it was and that a person starts but does not draw;
/// `humanEdits` is for corrections that a person makes by hand, which nobody does here.
/// `computationalCapture` covers several frames merged into one by signal processing, high dynamic
/// range included, and so describes a fused bracket better than any other value.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum DigitalSourceType {
    /// One exposure, as the camera took it.
    #[serde(rename = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture")]
    DigitalCapture,
    /// Several exposures of one view merged without generating anything.
    #[serde(rename = "http://cv.iptc.org/newscodes/digitalsourcetype/computationalCapture")]
    ComputationalCapture,
    /// One exposure, corrected by an algorithm.
    #[serde(rename = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced")]
    AlgorithmicallyEnhanced,
    /// A photo with parts that a trained model generated.
    #[serde(
        rename = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
    )]
    CompositeWithTrainedAlgorithmicMedia,
}

impl DigitalSourceType {
    /// The code, the last part of its address.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::DigitalCapture => "digitalCapture",
            Self::ComputationalCapture => "computationalCapture",
            Self::AlgorithmicallyEnhanced => "algorithmicallyEnhanced",
            Self::CompositeWithTrainedAlgorithmicMedia => "compositeWithTrainedAlgorithmicMedia",
        }
    }

    /// The full address, as it stands in the metadata.
    #[must_use]
    pub fn uri(self) -> String {
        format!("{SOURCE_TYPE_BASE}{}", self.code())
    }
}

/// How one operation is classed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlterationClass {
    /// RESO `MediaAlteration`.
    pub media_alteration: MediaAlteration,
    /// IPTC digital source type of what the operation makes out of one exposure.
    pub digital_source_type: DigitalSourceType,
    /// Whether the result is digitally altered in the sense of AB 723 section (b).
    pub altered: bool,
    /// Whether the delivered photo itself is changed; a video leaves the photos as they are.
    pub changes_photo: bool,
}

/// The table. Enhancement is lighting, sharpening, white balance, colour correction, angle,
/// straightening, cropping and exposure, which AB 723 lists as not altered; staging adds furniture,
/// which it lists as altered; of a video, frames may be generated between the photos, so it counts
/// as altered.
#[must_use]
pub const fn class_of(kind: OperationKind) -> AlterationClass {
    match kind {
        OperationKind::Enhance => AlterationClass {
            media_alteration: MediaAlteration::None,
            digital_source_type: DigitalSourceType::AlgorithmicallyEnhanced,
            altered: false,
            changes_photo: true,
        },
        OperationKind::Stage => AlterationClass {
            media_alteration: MediaAlteration::VirtualStagingItemAddition,
            digital_source_type: DigitalSourceType::CompositeWithTrainedAlgorithmicMedia,
            altered: true,
            changes_photo: true,
        },
        OperationKind::Video => AlterationClass {
            media_alteration: MediaAlteration::OtherMediaModification,
            digital_source_type: DigitalSourceType::CompositeWithTrainedAlgorithmicMedia,
            altered: true,
            changes_photo: false,
        },
    }
}

/// What has to be said of one delivered picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    /// Whether the picture is digitally altered in the sense of California AB 723.
    pub altered: bool,
    /// RESO `MediaAlteration`: `None` alone, or every alteration.
    pub media_alteration: Vec<MediaAlteration>,
    /// IPTC digital source type of the delivered picture.
    pub digital_source_type: DigitalSourceType,
    /// The same in plain words, fit to stand beside the picture.
    pub statement: String,
}

/// What the pixels of a delivered picture come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The original, only turned upright, converted to sRGB and encoded again.
    Original,
    /// One exposure, worked on.
    SingleExposure,
    /// Several exposures of one view, fused.
    FusedBracket,
}

/// Classes a picture by the operations that made it.
#[must_use]
pub fn classify(accepted: &[OperationKind], basis: Basis) -> Disclosure {
    let classes = accepted
        .iter()
        .map(|kind| class_of(*kind))
        .filter(|class| class.changes_photo);
    let mut altered = false;
    let mut media_alteration = Vec::new();
    let mut digital_source_type = match basis {
        Basis::Original => DigitalSourceType::DigitalCapture,
        Basis::SingleExposure => DigitalSourceType::AlgorithmicallyEnhanced,
        Basis::FusedBracket => DigitalSourceType::ComputationalCapture,
    };
    for class in classes.filter(|class| class.altered) {
        altered = true;
        digital_source_type = class.digital_source_type;
        if !media_alteration.contains(&class.media_alteration) {
            media_alteration.push(class.media_alteration);
        }
    }
    media_alteration.sort_unstable();
    let statement = if altered {
        let what: Vec<&str> = media_alteration
            .iter()
            .map(|alteration| match alteration {
                MediaAlteration::VirtualStagingItemAddition => {
                    "furniture and decoration were added digitally"
                }
                MediaAlteration::None | MediaAlteration::OtherMediaModification => {
                    "parts of the picture were changed digitally"
                }
            })
            .collect();
        format!(
            "Digitally altered: {}. The unaltered original is supplied with this picture.",
            what.join(" and ")
        )
    } else {
        media_alteration.push(MediaAlteration::None);
        match basis {
            Basis::Original => {
                "Not altered: the original photo, only turned upright and saved again."
            }
            Basis::SingleExposure => {
                "Not altered: only common photo adjustments; nothing was added, removed or moved."
            }
            Basis::FusedBracket => {
                "Not altered: exposures of the same view merged, with common photo adjustments; \
                 nothing was added, removed or moved."
            }
        }
        .to_owned()
    };
    Disclosure {
        altered,
        media_alteration,
        digital_source_type,
        statement,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_its_class() {
        for &kind in OperationKind::ALL {
            let class = class_of(kind);
            let expected = match kind {
                OperationKind::Enhance => ("None", "algorithmicallyEnhanced", false, true),
                OperationKind::Stage => (
                    "Virtual Staging - Item Addition",
                    "compositeWithTrainedAlgorithmicMedia",
                    true,
                    true,
                ),
                OperationKind::Video => (
                    "Other Media Modification",
                    "compositeWithTrainedAlgorithmicMedia",
                    true,
                    false,
                ),
            };
            assert_eq!(
                (
                    class.media_alteration.name(),
                    class.digital_source_type.code(),
                    class.altered,
                    class.changes_photo
                ),
                expected,
                "{kind}"
            );
            assert_eq!(
                class.altered,
                class.media_alteration != MediaAlteration::None,
                "{kind}"
            );
        }
    }

    #[test]
    fn an_altered_step_alters_the_picture_whatever_else_was_done() {
        let staged = classify(
            &[OperationKind::Enhance, OperationKind::Stage],
            Basis::FusedBracket,
        );
        assert!(staged.altered);
        assert_eq!(
            staged.media_alteration,
            [MediaAlteration::VirtualStagingItemAddition]
        );
        assert_eq!(
            staged.digital_source_type,
            DigitalSourceType::CompositeWithTrainedAlgorithmicMedia
        );
        assert!(staged.statement.starts_with("Digitally altered"));
    }

    #[test]
    fn enhancement_and_a_video_leave_the_photo_unaltered() {
        for (accepted, basis, code) in [
            (&[][..], Basis::Original, "digitalCapture"),
            (
                &[OperationKind::Enhance],
                Basis::SingleExposure,
                "algorithmicallyEnhanced",
            ),
            (
                &[OperationKind::Enhance, OperationKind::Video],
                Basis::FusedBracket,
                "computationalCapture",
            ),
        ] {
            let disclosure = classify(accepted, basis);
            assert!(!disclosure.altered);
            assert_eq!(disclosure.media_alteration, [MediaAlteration::None]);
            assert_eq!(disclosure.digital_source_type.code(), code);
            assert!(disclosure.statement.starts_with("Not altered"));
        }
    }

    #[test]
    fn documents_carry_the_standard_names() {
        let json = serde_json::to_string(&DigitalSourceType::ComputationalCapture).unwrap();
        assert_eq!(
            json,
            format!("\"{}\"", DigitalSourceType::ComputationalCapture.uri())
        );
        for source_type in [
            DigitalSourceType::DigitalCapture,
            DigitalSourceType::AlgorithmicallyEnhanced,
            DigitalSourceType::CompositeWithTrainedAlgorithmicMedia,
        ] {
            assert_eq!(
                serde_json::to_value(source_type).unwrap(),
                source_type.uri()
            );
        }
        for alteration in [
            MediaAlteration::None,
            MediaAlteration::VirtualStagingItemAddition,
            MediaAlteration::OtherMediaModification,
        ] {
            assert_eq!(serde_json::to_value(alteration).unwrap(), alteration.name());
        }
    }
}
