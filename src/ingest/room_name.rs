//! The room that a file name says. The longest name wins over the shorter ones inside it; two
//! different rooms in one name, or none, are no answer: a guess would be worse than asking.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use super::room_words::{STREETS, STREETS_BEFORE, STRONG, WEAK};
use crate::domain::id::slug;
use crate::domain::room::Room;

/// The most words of one room name.
const MAX_WORDS: usize = 5;

/// Abbreviations up to this length must stand as one word: `lr`, but not `l-r`.
const SHORT: usize = 4;

#[derive(Clone, Copy)]
struct Entry {
    room: Room,
    weak: bool,
}

/// Room names without spaces.
static NAMES: LazyLock<HashMap<String, Entry>> = LazyLock::new(|| {
    let mut names = HashMap::new();
    for (list, weak) in [(WEAK, true), (STRONG, false)] {
        for (words, room) in list {
            for name in words.split('|') {
                names.insert(name.replace(' ', ""), Entry { room: *room, weak });
            }
        }
    }
    // The standard names themselves, where no list says otherwise.
    for &room in Room::ALL {
        let name = room.name().to_lowercase().replace(' ', "");
        if room != Room::Other {
            names.entry(name).or_insert(Entry { room, weak: false });
        }
    }
    names
});

#[derive(Clone, Copy)]
struct Match {
    first: usize,
    /// Index behind the last word.
    end: usize,
    entry: Entry,
}

/// The room that a file name says: `IMG_0012 Wohnzimmer 2.jpg` is a living room. `None` where the
/// name says nothing or more than one room.
#[must_use]
pub fn room_from_name(file: &str) -> Option<Room> {
    find(&words(file)).map(|(room, _)| room)
}

/// The name of the physical room that a file name says: `bedroom-2` for `Schlafzimmer 2.jpg`. Only
/// bedrooms and bathrooms are counted this way; in `kitchen-3` the number counts photos.
#[must_use]
pub fn group_from_name(file: &str) -> Option<String> {
    let words = words(file);
    let (room, end) = find(&words)?;
    if !matches!(room, Room::Bedroom | Room::Bathroom) {
        return None;
    }
    let number: u32 = words
        .get(end)
        .filter(|word| word.len() <= 2)?
        .parse()
        .ok()?;
    (1..=20)
        .contains(&number)
        .then(|| format!("{}-{number}", slug(room.name())))
}

/// The room, and the index of the word behind its last mention.
fn find(words: &[String]) -> Option<(Room, usize)> {
    let mut matches = Vec::new();
    for first in 0..words.len() {
        let mut joined = String::new();
        for end in first + 1..=words.len().min(first + MAX_WORDS) {
            let word = words.get(end - 1)?;
            joined.push_str(word);
            let Some(&entry) = NAMES.get(joined.as_str()) else {
                continue;
            };
            let abbreviation = joined.len() <= SHORT && end - first > 1;
            let street_after = words
                .get(end)
                .is_some_and(|word| STREETS.contains(&word.as_str()));
            let street_before = words
                .get(..first)
                .unwrap_or_default()
                .iter()
                .rev()
                .take(3)
                .any(|word| STREETS_BEFORE.contains(&word.as_str()));
            if !abbreviation && !street_after && !street_before {
                matches.push(Match { first, end, entry });
            }
        }
    }
    let inside = |inner: &Match, outer: &Match| {
        outer.end - outer.first > inner.end - inner.first
            && outer.first <= inner.first
            && inner.end <= outer.end
    };
    let mut kept: Vec<Match> = matches
        .iter()
        .filter(|candidate| !matches.iter().any(|other| inside(candidate, other)))
        .copied()
        .collect();
    if kept.iter().any(|candidate| !candidate.entry.weak) {
        kept.retain(|candidate| !candidate.entry.weak);
    }
    let room = kept.first()?.entry.room;
    let end = kept.last()?.end;
    kept.iter()
        .all(|candidate| candidate.entry.room == room)
        .then_some((room, end))
}

/// The words and numbers of a file name: without folder and extension, small letters without marks,
/// divided where letters meet digits and where a capital follows a small letter.
fn words(file: &str) -> Vec<String> {
    let name = file.rsplit('/').next().unwrap_or(file);
    let stem = match name.rsplit_once('.') {
        Some((stem, extension))
            if !stem.is_empty()
                && (2..=5).contains(&extension.len())
                && extension.chars().all(char::is_alphanumeric) =>
        {
            stem
        }
        _ => name,
    };
    let mut words: Vec<String> = Vec::new();
    let mut previous = ' ';
    for character in stem.nfc() {
        let apart = !character.is_alphanumeric()
            || previous.is_ascii_digit() != character.is_ascii_digit()
            || (previous.is_lowercase() && character.is_uppercase());
        if apart || words.is_empty() {
            words.push(String::new());
        }
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            fold_into(word, character);
        }
        previous = character;
    }
    words.retain(|word| !word.is_empty());
    words
}

fn fold_into(word: &mut String, character: char) {
    for small in character.to_lowercase() {
        match small {
            'ß' => word.push_str("ss"),
            'ø' => word.push('o'),
            'æ' => word.push_str("ae"),
            'œ' => word.push_str("oe"),
            'ł' => word.push('l'),
            'ı' => word.push('i'),
            other => word.extend(
                std::iter::once(other)
                    .nfkd()
                    .filter(|letter| !matches!(letter, '\u{300}'..='\u{36f}')),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_agents_use() {
        for (name, expected) in [
            ("01-living-a.jpg", Some(Room::LivingRoom)),
            ("01-living-a_bracket+0.jpg", Some(Room::LivingRoom)),
            ("03-bedroom.jpg", Some(Room::Bedroom)),
            ("06-exterior.jpg", Some(Room::FrontOfStructure)),
            ("IMG_0012 Wohnzimmer 2.jpg", Some(Room::LivingRoom)),
            ("kitchen-3.JPG", Some(Room::Kitchen)),
            ("LivingRoom2.jpeg", Some(Room::LivingRoom)),
            ("MasterBedroom_01.jpg", Some(Room::MasterBedroom)),
            ("master bath.jpg", Some(Room::MasterBathroom)),
            ("br2.jpg", Some(Room::Bedroom)),
            ("BR 1.tif", Some(Room::Bedroom)),
            ("mbr.jpg", Some(Room::MasterBedroom)),
            ("lr.jpg", Some(Room::LivingRoom)),
            ("front elevation.jpg", Some(Room::FrontOfStructure)),
            ("Façade.jpg", Some(Room::FrontOfStructure)),
            ("garden view.jpg", Some(Room::Garden)),
            ("back-yard.jpg", Some(Room::Yard)),
            ("breakfast nook.jpg", Some(Room::BreakfastArea)),
            ("walk-in closet.jpg", Some(Room::Closet)),
            ("Swimming Pool (2).jpg", Some(Room::Pool)),
            ("floorplan.png", Some(Room::FloorPlan)),
            ("DJI_0042 drone.jpg", Some(Room::AerialView)),
            ("home-office.webp", Some(Room::Office)),
            ("Sun Room.jpg", Some(Room::SunRoom)),
            // German, composed, decomposed and spelt out.
            ("Küche.jpg", Some(Room::Kitchen)),
            ("Ku\u{308}che.jpg", Some(Room::Kitchen)),
            ("Kueche_1.jpg", Some(Room::Kitchen)),
            ("Gäste-WC.jpg", Some(Room::Bathroom)),
            ("Elternschlafzimmer.jpg", Some(Room::MasterBedroom)),
            ("Außenansicht.jpg", Some(Room::FrontOfStructure)),
            ("Waschküche.jpg", Some(Room::Laundry)),
            ("Dachterrasse.jpg", Some(Room::Patio)),
            // French.
            ("salle_de_bain.jpg", Some(Room::Bathroom)),
            ("salle à manger.jpg", Some(Room::DiningRoom)),
            ("Séjour-1.jpg", Some(Room::LivingRoom)),
            ("chambre 2.jpg", Some(Room::Bedroom)),
            ("salle d'eau.jpg", Some(Room::Bathroom)),
            // Spanish, Italian, Portuguese.
            ("Baño principal.jpg", Some(Room::MasterBathroom)),
            ("salon-comedor.jpg", Some(Room::LivingRoom)),
            ("cocina 1.jpg", Some(Room::Kitchen)),
            ("camera da letto.jpg", Some(Room::Bedroom)),
            ("sala da pranzo.jpg", Some(Room::DiningRoom)),
            ("sala de jantar.jpg", Some(Room::DiningRoom)),
            ("casa de banho.jpg", Some(Room::Bathroom)),
            ("Cozinha.jpg", Some(Room::Kitchen)),
            // Dutch, Polish, Nordic.
            ("slaapkamer1.jpg", Some(Room::Bedroom)),
            ("woonkamer.jpg", Some(Room::LivingRoom)),
            ("Łazienka.jpg", Some(Room::Bathroom)),
            ("sypialnia 2.jpg", Some(Room::Bedroom)),
            ("kök.jpg", Some(Room::Kitchen)),
            ("Kjøkken.jpg", Some(Room::Kitchen)),
            ("køkken.jpg", Some(Room::Kitchen)),
            ("soveværelse.jpg", Some(Room::Bedroom)),
            ("vardagsrum.jpg", Some(Room::LivingRoom)),
            ("makuuhuone.jpg", Some(Room::Bedroom)),
            // A weak word gives way.
            ("kitchen view.jpg", Some(Room::Kitchen)),
            ("view.jpg", Some(Room::View)),
            ("den.jpg", Some(Room::Den)),
            ("Blick in den Garten.jpg", Some(Room::Garden)),
            ("kitchen close-up.jpg", Some(Room::Kitchen)),
            ("roof terrace.jpg", Some(Room::Patio)),
            ("master 1.jpg", Some(Room::MasterBedroom)),
            ("kitchen_master.jpg", Some(Room::Kitchen)),
            // Two rooms, or none.
            ("lr dr.jpg", None),
            ("Camera Roll 12.jpg", None),
            ("living-dining.jpg", None),
            ("kitchen from dining room.jpg", None),
            ("bedroom with balcony.jpg", None),
            ("IMG_0012.jpg", None),
            ("DSC00123.ARW.jpg", None),
            ("photo (1).jpg", None),
            ("l-r.jpg", None),
            ("barcelona.jpg", None),
            ("", None),
            (".jpg", None),
            ("😀.jpg", None),
            // Addresses.
            ("12 Garden Street 004.jpg", None),
            ("12 Garden Street - Kitchen.jpg", Some(Room::Kitchen)),
            ("3 Lake Drive bedroom.jpg", Some(Room::Bedroom)),
            ("Rue du Jardin 4 - cuisine.jpg", Some(Room::Kitchen)),
            ("sub folder/kitchen/IMG_1.jpg", None),
        ] {
            assert_eq!(room_from_name(name), expected, "{name}");
        }
    }

    #[test]
    fn numbers_behind_bedrooms_and_bathrooms_name_the_room() {
        for (name, expected) in [
            ("bedroom 2.jpg", Some("bedroom-2")),
            ("br2_003.jpg", Some("bedroom-2")),
            ("03-bedroom.jpg", None),
            ("bedroom-0012.jpg", None),
            ("Badezimmer 1.jpg", Some("bathroom-1")),
            ("kitchen-3.jpg", None),
            ("slaapkamer1 b.jpg", Some("bedroom-1")),
            ("bedroom 99.jpg", None),
        ] {
            assert_eq!(group_from_name(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn every_listed_name_says_its_room() {
        for (words, room) in STRONG {
            for name in words.split('|') {
                let said = room_from_name(&format!("{name}.jpg"));
                assert_eq!(said, Some(*room), "`{name}` stands in two lists");
            }
        }
    }
}
