//! A listing as it was found: the photos of one property, what is known of each, and the files that
//! could not be used with the reason why.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::id::PhotoId;
use super::room::Room;

/// The version of [`Listing`] that this build writes.
pub const LISTING_SCHEMA_VERSION: u32 = 2;

/// Everything known of a listing folder at the moment it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// The version of this document's form.
    pub schema_version: u32,
    /// Short ASCII name used for folders and job ids (see [`super::id::slug`]).
    pub slug: String,
    /// Title for people.
    pub title: String,
    /// Postal address, where `listing.toml` gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Usable photos in delivery order.
    pub photos: Vec<Photo>,
    /// Exposure brackets: each is fused to one picture.
    #[serde(default)]
    pub brackets: Vec<Bracket>,
    /// Files that look like photos but cannot be used, each with its reason, and photos that
    /// `listing.toml` leaves out.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
    /// What a person should know of the folder although nothing is wrong with a photo, one sentence each
    /// without a full stop.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Files that lie beside photos and are neither photos nor failures, one entry for each kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<Beside>,
}

/// Files of one kind that lie beside photos and are not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Beside {
    /// What they are.
    pub kind: BesideKind,
    /// Paths relative to the listing folder; characters that cannot be printed are escaped.
    pub files: Vec<String>,
}

/// What a file is that lies beside photos.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum BesideKind {
    /// The raw photo of a photo that is used.
    RawTwin,
    /// What an editor or a camera notes beside a photo.
    Sidecar,
    /// The moving half of a live photo.
    LiveClip,
    /// Of a system, a network drive or a catalogue.
    System,
}

/// One usable photo. Sizes are those of the upright picture, after EXIF orientation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Photo {
    /// Identity from the file's content.
    pub id: PhotoId,
    /// Path relative to the listing folder, with forward slashes.
    pub file: String,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Format found in the content, whatever the file's extension says.
    pub format: PhotoFormat,
    /// Width of the upright picture in pixels.
    pub width: u32,
    /// Height of the upright picture in pixels.
    pub height: u32,
    /// EXIF orientation of the stored pixels, 1 to 8; 1 where none is recorded.
    pub orientation: u8,
    /// Bits per sample as stored: 8 or 16 (or 32 for floating point).
    pub bits_per_sample: u8,
    /// What the camera recorded about the exposure.
    #[serde(default)]
    pub capture: Capture,
    /// What kind of picture its pixels show it to be.
    #[serde(default, skip_serializing_if = "PictureKind::is_photo")]
    pub kind: PictureKind,
    /// What a person should know of the file although it is used, one sentence each without a full stop.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What the photo shows; `None` where nothing says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<Room>,
    /// What said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_origin: Option<RoomOrigin>,
    /// How sure the model was that named it, 0 to 1; absent where somebody else did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_confidence: Option<f64>,
    /// Photos of the same physical room share this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Where a person lets it be changed; `None` where that is found by looking at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<StatedMask>,
}

/// A picture that a person made of where a photo may be changed: white may be redrawn, black stays as it is,
/// and greys may darken or tint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatedMask {
    /// Its file, relative to the listing folder, with forward slashes.
    pub file: String,
    /// blake3 digest of the file, 64 lower-case hexadecimal digits.
    pub blake3: String,
}

/// Exposure facts from EXIF. No serial number, position, owner or thumbnail is ever kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Capture {
    /// Local time as the camera wrote it, `YYYY-MM-DDThh:mm:ss` with optional fraction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken: Option<String>,
    /// Exposure time in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposure_seconds: Option<f64>,
    /// Aperture as f-number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub f_number: Option<f64>,
    /// Sensitivity (ISO).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iso: Option<u32>,
    /// Exposure compensation in EV.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposure_compensation: Option<f64>,
    /// Focal length in millimetres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub focal_length_mm: Option<f64>,
    /// Focal length as 35 mm equivalent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub focal_length_35mm: Option<f64>,
    /// Which part of a panorama the photo shows, where its XMP says that it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub panorama: Option<Panorama>,
}

/// Where a panorama's pixels lie on the whole, as GPano has it: sizes and places in pixels of the photo
/// itself, angles in degrees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Panorama {
    /// How the directions are laid out.
    pub projection: Projection,
    /// Width of the whole, 360 degrees round.
    pub full_width: u32,
    /// Height of the whole.
    pub full_height: u32,
    /// First column of the photo in the whole.
    pub left: u32,
    /// First row of the photo in the whole.
    pub top: u32,
    /// Width of the photo.
    pub width: u32,
    /// Height of the photo.
    pub height: u32,
    /// Direction of the middle, clockwise from north, 0 to 360.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heading: Option<f64>,
    /// Pitch of the camera, -90 to 90.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pitch: Option<f64>,
    /// Roll of the camera, -180 to 180.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roll: Option<f64>,
    /// Direction that a viewer shows first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_heading: Option<f64>,
    /// Pitch that a viewer shows first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_pitch: Option<f64>,
    /// Roll that a viewer shows first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_roll: Option<f64>,
}

/// How a panorama lays out directions in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Projection {
    /// Columns are longitudes, rows latitudes.
    Equirectangular,
    /// Columns are longitudes, rows are heights on a cylinder.
    Cylindrical,
}

impl Projection {
    /// Its name in GPano.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equirectangular => "equirectangular",
            Self::Cylindrical => "cylindrical",
        }
    }
}

impl Panorama {
    /// Whether the left edge and the right edge are neighbours.
    #[must_use]
    pub const fn goes_round(&self) -> bool {
        self.width >= self.full_width
    }

    /// The same panorama with another number of pixels: `width` by `height`, each at least 1.
    #[must_use]
    pub fn scaled_to(&self, width: u32, height: u32) -> Self {
        let scaled = |value: u32, to: u32, from: u32| {
            let (value, to, from) = (u64::from(value), u64::from(to), u64::from(from.max(1)));
            u32::try_from((value * to + from / 2) / from).unwrap_or(u32::MAX)
        };
        Self {
            full_width: scaled(self.full_width, width, self.width),
            full_height: scaled(self.full_height, height, self.height),
            left: scaled(self.left, width, self.width),
            top: scaled(self.top, height, self.height),
            width,
            height,
            ..self.clone()
        }
        .within_itself()
    }

    /// The same, with the photo inside the whole whatever was rounded.
    #[must_use]
    pub fn within_itself(mut self) -> Self {
        self.full_width = self.full_width.max(self.width);
        self.full_height = self.full_height.max(self.height);
        self.left = self.left.min(self.full_width - self.width);
        self.top = self.top.min(self.full_height - self.height);
        self
    }
}

/// What kind of picture a file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PictureKind {
    /// A photo, which may be enhanced and staged.
    #[default]
    Photo,
    /// A drawing, a document, a map, a logo or a screenshot: delivered as it is.
    Graphic,
    /// A panorama, such as a full sphere (360°) in equirectangular projection: its geometry is never changed.
    Panorama,
}

impl PictureKind {
    /// Whether it is an ordinary photo.
    #[must_use]
    pub const fn is_photo(&self) -> bool {
        matches!(self, Self::Photo)
    }
}

/// A file format by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PhotoFormat {
    /// JPEG, baseline or progressive.
    Jpeg,
    /// PNG.
    Png,
    /// WebP, lossy or lossless.
    Webp,
    /// TIFF.
    Tiff,
    /// BMP.
    Bmp,
    /// GIF, of which the first picture is used.
    Gif,
    /// HEIC, as phones write it.
    Heic,
    /// A raw photo, of which the camera's own JPEG inside is used.
    Raw,
}

/// What said which room a photo shows, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoomOrigin {
    /// The command line.
    Flag,
    /// `listing.toml`.
    ListingFile,
    /// Words in the file name.
    FileName,
    /// A CLIP model that looked at it.
    Model,
}

/// Exposures of one view, to be fused into one picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bracket {
    /// The exposure nearest to a normal one: the picture keeps its name, room and order.
    pub reference: PhotoId,
    /// All exposures, darkest first, the reference among them.
    pub exposures: Vec<BracketExposure>,
    /// What showed that they belong together.
    pub evidence: BracketEvidence,
    /// What their pixels say: one entry for each exposure that was laid over another one of the set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<BracketCheck>,
}

/// What comparing two exposures of a bracket found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BracketCheck {
    /// Which exposure.
    pub photo: PhotoId,
    /// The one that it was laid over.
    pub against: PhotoId,
    /// How much brighter it is than that one, EV, measured where both are well exposed.
    pub measured_ev: f64,
    /// How alike their detail is, -1 to 1; exposures of one view lie near 1, other views near 0.
    pub likeness: f64,
}

/// One exposure of a bracket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BracketExposure {
    /// Which photo.
    pub photo: PhotoId,
    /// Exposure relative to the reference in EV (positive is brighter), where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure_value: Option<f64>,
}

/// What showed that photos are one bracket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BracketEvidence {
    /// `listing.toml` or the command line groups them.
    Stated,
    /// EXIF: same camera settings but the exposure, taken within seconds.
    Exif,
    /// The file names carry an EV pattern.
    FileName,
    /// Nothing but the pictures: the same view at different exposures, one after the other in the folder.
    Pixels,
}

/// A file that is not used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// Path relative to the listing folder; characters that cannot be printed are escaped.
    pub file: String,
    /// Why, as a closed list.
    pub code: LeftOutCode,
    /// What is wrong and what to do next, for people.
    pub reason: String,
}

/// Why a file is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeftOutCode {
    /// `listing.toml` says `skip`.
    SkippedByListingFile,
    /// The content is no photo format that this build reads.
    UnsupportedFormat,
    /// The file is damaged or cut short.
    Damaged,
    /// More bytes, pixels or files than the limits allow, or too few pixels to be a photo.
    BeyondLimits,
    /// The file cannot be read.
    Unreadable,
    /// It changed while it was read.
    Changed,
    /// A link that leaves the folder, or no plain file.
    Refused,
    /// The same bytes as another photo of the listing.
    Duplicate,
}

impl Listing {
    /// The photo with this identity.
    #[must_use]
    pub fn photo(&self, id: &PhotoId) -> Option<&Photo> {
        self.photos.iter().find(|photo| &photo.id == id)
    }

    /// The bracket that this photo belongs to.
    #[must_use]
    pub fn bracket_of(&self, id: &PhotoId) -> Option<&Bracket> {
        self.brackets.iter().find(|bracket| {
            bracket
                .exposures
                .iter()
                .any(|exposure| &exposure.photo == id)
        })
    }
}
