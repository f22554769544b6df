//! Which camera took a photo, and whether its flash fired: read to tell photos of one series from others, and never
//! stored. Tags after CIPA DC-008 (EXIF 2.32).

use exif::{Exif, In, Tag, Value};

use super::capture;
use super::guard::guarded;

/// What tells one camera's photos from another's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Camera {
    /// Maker, model and serial number, as far as they are recorded. It may name a person's camera, so it goes into
    /// no document.
    pub body: String,
    /// Whether the flash fired, where that is recorded.
    pub flash: Option<bool>,
}

/// The camera of a photo; nothing is known of it where there is no EXIF.
#[must_use]
pub fn camera(bytes: &[u8]) -> Camera {
    guarded(|| {
        let Some(exif) = capture::read(bytes) else {
            return Camera::default();
        };
        let body = [Tag::Make, Tag::Model, Tag::BodySerialNumber]
            .map(|tag| text(&exif, tag))
            .join("\n");
        let flash = exif
            .get_field(Tag::Flash, In::PRIMARY)
            .and_then(|field| field.value.get_uint(0))
            .map(|value| value & 1 == 1);
        Camera { body, flash }
    })
    .unwrap_or_default()
}

/// A text of at most 80 bytes, without the padding that cameras write.
fn text(exif: &Exif, tag: Tag) -> String {
    let Some(field) = exif.get_field(tag, In::PRIMARY) else {
        return String::new();
    };
    match &field.value {
        Value::Ascii(lines) => lines
            .first()
            .and_then(|line| line.get(..line.len().min(80)))
            .map(|line| {
                let line = String::from_utf8_lossy(line);
                line.trim_matches(['\0', ' ']).to_owned()
            })
            .unwrap_or_default(),
        _ => String::new(),
    }
}
