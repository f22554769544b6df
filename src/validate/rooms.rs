//! Room types in plain words, and which room a photo shows by its likeness to them.
//!
//! Of the many values of RESO `ImageOf` only those are asked for that a picture can tell apart; some photos
//! show none of them, so a few other descriptions compete and a photo that is closest to one of those, or
//! not clearly closest to one room, stays unknown.

use crate::domain::room::{Room, Setting};
use crate::validate::calibration::Calibration;

/// Room types and other things that a listing's photo may show, each with a description. Several descriptions
/// of one room add up; [`Room::Other`] stands for what is no answer.
pub const ROOM_PROMPTS: &[(Room, &str)] = &[
    (Room::LivingRoom, "a photo of a living room"),
    (Room::Bedroom, "a photo of a bedroom"),
    (Room::Kitchen, "a photo of a kitchen"),
    (Room::DiningRoom, "a photo of a dining room"),
    (Room::Bathroom, "a photo of a bathroom"),
    (Room::Office, "a photo of a home office"),
    (Room::Nursery, "a photo of a nursery with a crib"),
    (Room::Entry, "a photo of an entrance hall"),
    (Room::Closet, "a photo of a walk-in closet"),
    (Room::Laundry, "a photo of a laundry room"),
    (Room::Pantry, "a photo of a pantry"),
    (Room::Gym, "a photo of a home gym"),
    (Room::MediaRoom, "a photo of a home theater"),
    (Room::GameRoom, "a photo of a game room with a pool table"),
    (Room::SunRoom, "a photo of a sunroom"),
    (Room::WineCellar, "a photo of a wine cellar"),
    (Room::Attic, "a photo of an attic"),
    (Room::Basement, "a photo of a basement"),
    (Room::Garage, "a photo of the inside of a garage"),
    (Room::Balcony, "a photo of a balcony"),
    (Room::Patio, "a photo of a patio"),
    (Room::Deck, "a photo of a wooden deck"),
    (Room::Pool, "a photo of a swimming pool"),
    (Room::Yard, "a photo of a back yard with a lawn"),
    (Room::FrontOfStructure, "a photo of the front of a house"),
    (
        Room::FrontOfStructure,
        "a photo of the facade of an apartment building",
    ),
    (Room::AerialView, "an aerial photo of a house"),
    (Room::FloorPlan, "a floor plan"),
    (Room::Other, "a photo of an empty room"),
    (Room::Other, "a photo of a staircase"),
    (Room::Other, "a close-up photo of a detail"),
    (Room::Other, "a photo of a person"),
    (Room::Other, "a document with text"),
];

/// The rooms that a staged room is told apart from.
const CONTRASTED_INSIDE: &[Room] = &[
    Room::LivingRoom,
    Room::Bedroom,
    Room::Kitchen,
    Room::DiningRoom,
    Room::Bathroom,
    Room::Office,
    Room::Nursery,
    Room::Entry,
];
const CONTRASTED_OUTSIDE: &[Room] = &[Room::Patio, Room::Balcony, Room::Pool, Room::Yard];

/// The room among [`ROOM_PROMPTS`] that a picture cannot be told apart from.
#[must_use]
pub const fn kin(room: Room) -> Room {
    match room {
        Room::MasterBedroom | Room::GuestQuarters => Room::Bedroom,
        Room::MasterBathroom | Room::Spa | Room::Sauna => Room::Bathroom,
        Room::FamilyRoom
        | Room::GreatRoom
        | Room::SittingRoom
        | Room::Den
        | Room::Loft
        | Room::BonusRoom
        | Room::Studio
        | Room::Inlaw
        | Room::Fireplace => Room::LivingRoom,
        Room::DiningArea | Room::BreakfastArea => Room::DiningRoom,
        Room::Study | Room::Library => Room::Office,
        Room::ExerciseRoom => Room::Gym,
        Room::RecreationRoom => Room::GameRoom,
        Room::MudRoom | Room::Lobby | Room::Reception => Room::Entry,
        Room::Garden | Room::Courtyard => Room::Yard,
        other => other,
    }
}

/// What people call the room, lower case, without an article.
#[must_use]
pub fn plain_name(room: Room) -> String {
    match room {
        Room::Entry => "entrance hall".to_owned(),
        Room::Office => "home office".to_owned(),
        Room::Yard => "back yard".to_owned(),
        Room::Inlaw => "in-law suite".to_owned(),
        Room::SunRoom => "sunroom".to_owned(),
        other => other.name().to_lowercase(),
    }
}

/// Rooms that a picture of `room` must not be taken for.
pub(super) fn contrasted(room: Room) -> impl Iterator<Item = Room> {
    let rooms = match room.setting() {
        Setting::Exterior => CONTRASTED_OUTSIDE,
        Setting::Interior | Setting::Other => CONTRASTED_INSIDE,
    };
    rooms
        .iter()
        .copied()
        .filter(move |&other| other != kin(room) && other != room)
}

/// Which room a picture shows, and with what share of the whole, 0 to 1.
///
/// `similarities` are the cosines of the picture with the descriptions of [`ROOM_PROMPTS`], in their order or
/// in another, each with its room; `logit_scale` is the model's own factor. `None` below the calibration's
/// threshold, where the best is [`Room::Other`], and where a number is not finite.
#[must_use]
pub fn classify_room(
    similarities: &[(Room, f64)],
    logit_scale: f64,
    calibration: &Calibration,
) -> Option<(Room, f64)> {
    let cosines: Vec<f64> = similarities.iter().map(|&(_, cosine)| cosine).collect();
    let shares = super::score::softmax(&cosines, logit_scale)?;
    let mut rooms: Vec<(Room, f64)> = Vec::new();
    for (&(room, _), share) in similarities.iter().zip(shares) {
        match rooms.iter_mut().find(|(known, _)| *known == room) {
            Some((_, sum)) => *sum += share,
            None => rooms.push((room, share)),
        }
    }
    let (room, confidence) = rooms
        .into_iter()
        .max_by(|one, other| one.1.total_cmp(&other.1))?;
    (room != Room::Other && confidence >= calibration.room_confidence_threshold)
        .then_some((room, confidence.min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn similarities(high: Room, cosine: f64) -> Vec<(Room, f64)> {
        ROOM_PROMPTS
            .iter()
            .map(|&(room, _)| (room, if room == high { cosine } else { 0.20 }))
            .collect()
    }

    fn base() -> Calibration {
        Calibration::of("openai/clip-vit-base-patch32")
    }

    #[test]
    fn a_clear_lead_names_the_room() {
        let (room, confidence) =
            classify_room(&similarities(Room::Kitchen, 0.27), 100.0, &base()).unwrap();
        // e⁷ against 32 others: 1097 / 1129.
        assert_eq!(room, Room::Kitchen);
        assert!((confidence - 0.971_64).abs() < 1e-4, "{confidence}");
    }

    #[test]
    fn a_small_lead_or_another_thing_leaves_it_unknown() {
        assert_eq!(
            classify_room(&similarities(Room::Kitchen, 0.23), 100.0, &base()),
            None
        );
        assert_eq!(
            classify_room(&similarities(Room::Other, 0.30), 100.0, &base()),
            None
        );
        assert_eq!(
            classify_room(&similarities(Room::Kitchen, f64::NAN), 100.0, &base()),
            None
        );
        assert_eq!(classify_room(&[], 100.0, &base()), None);
    }

    #[test]
    fn descriptions_of_one_room_add_up() {
        let pair = [
            (Room::FrontOfStructure, 0.25),
            (Room::FrontOfStructure, 0.25),
            (Room::Kitchen, 0.25),
        ];
        let (room, confidence) = classify_room(&pair, 100.0, &base()).unwrap();
        assert_eq!(room, Room::FrontOfStructure);
        assert!((confidence - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_room_is_never_contrasted_with_its_kin() {
        for &room in Room::ALL {
            let others: Vec<Room> = contrasted(room).collect();
            assert!(others.len() >= 3, "{room}");
            assert!(!others.contains(&kin(room)) && !others.contains(&room));
            assert_eq!(kin(kin(room)), kin(room), "{room}");
        }
        assert!(contrasted(Room::MasterBedroom).all(|room| room != Room::Bedroom));
    }
}
