//! The names of delivered files: a number that keeps the order, and what the picture shows.

use crate::domain::id::slug;
use crate::domain::plan::PlannedPhoto;

/// The file stem of the photo at `number` (from 1): `001-living-room`, or with the slug of its own
/// file name where the room is unknown. Unique because the number is.
pub(super) fn stem(number: u32, photo: &PlannedPhoto) -> String {
    let words = match photo.room {
        Some(room) => slug(room.name()),
        None => {
            let file = photo.file.rsplit('/').next().unwrap_or(&photo.file);
            let bare = file.rsplit_once('.').map_or(file, |(bare, _)| bare);
            if bare.chars().any(|letter| letter.is_ascii_alphanumeric()) {
                slug(bare)
            } else {
                "photo".to_owned()
            }
        }
    };
    format!("{number:03}-{words}")
}

/// Whether a path from an earlier manifest has the form of a file that this module names, so that
/// nothing else can be removed in its name.
pub(super) fn is_picture_path(path: &str) -> bool {
    let Some((folder, file)) = path.split_once('/') else {
        return false;
    };
    let Some(stem) = file.strip_suffix(".jpg") else {
        return false;
    };
    let Some((number, words)) = stem.split_once('-') else {
        return false;
    };
    matches!(folder, "final" | "web" | "originals-web")
        && number.len() >= 3
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && !words.is_empty()
        && words
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::PhotoId;
    use crate::domain::room::Room;

    fn photo(file: &str, room: Option<Room>) -> PlannedPhoto {
        PlannedPhoto {
            photo_id: PhotoId::from_digest(&blake3::hash(file.as_bytes())),
            file: file.to_owned(),
            sources: Vec::new(),
            width: 3,
            height: 2,
            room,
            group: None,
            mask: None,
            operations: Vec::new(),
        }
    }

    #[test]
    fn names_are_plain_and_their_own_form_is_known() {
        for (number, file, room, expected) in [
            (1, "x/DSC_1.jpg", Some(Room::LivingRoom), "001-living-room"),
            (12, "sub folder/Küche & Bad.JPG", None, "012-kuche-bad"),
            (1000, "🏠.jpg", None, "1000-photo"),
            (7, "..jpg", None, "007-photo"),
            (8, "no extension", None, "008-no-extension"),
        ] {
            let stem = stem(number, &photo(file, room));
            assert_eq!(stem, expected);
            assert!(is_picture_path(&format!("final/{stem}.jpg")), "{stem}");
        }
    }

    #[test]
    fn foreign_paths_are_not_taken_for_our_own() {
        for path in [
            "",
            "final",
            "final/",
            "final/holiday.jpg",
            "final/001-a.png",
            "final/001-.jpg",
            "final/../001-a.jpg",
            "final/001-a/../../b.jpg",
            "/final/001-a.jpg",
            "video/001-a.jpg",
            "final/1-a.jpg",
        ] {
            assert!(!is_picture_path(path), "{path}");
        }
    }
}
