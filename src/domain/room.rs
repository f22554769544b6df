//! Room types, with the names of the RESO Data Dictionary 2.0 lookup `ImageOf`, so that a manifest
//! needs no mapping before it goes to a listing service.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! rooms {
    ($($variant:ident => $name:literal, $kind:ident;)+) => {
        /// What a photo shows: a value of RESO `ImageOf`, written with its standard name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        pub enum Room {
            $(#[doc = concat!("RESO `", $name, "`.")] #[serde(rename = $name)] $variant,)+
        }

        impl Room {
            /// Every room type, in the order of the lookup.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The standard name, such as `Living Room`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Whether the photo is taken inside, outside, or is no photo of a place at all.
            #[must_use]
            pub const fn setting(self) -> Setting {
                match self { $(Self::$variant => Setting::$kind,)+ }
            }
        }
    };
}

/// Where a photo of a room type is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// Inside the building.
    Interior,
    /// Outside the building.
    Exterior,
    /// A drawing, a map or something that fits neither.
    Other,
}

rooms! {
    AerialView => "Aerial View", Exterior;
    Atrium => "Atrium", Interior;
    Attic => "Attic", Interior;
    BackOfStructure => "Back of Structure", Exterior;
    Balcony => "Balcony", Exterior;
    Bar => "Bar", Interior;
    Barn => "Barn", Exterior;
    Basement => "Basement", Interior;
    Bathroom => "Bathroom", Interior;
    Bedroom => "Bedroom", Interior;
    BonusRoom => "Bonus Room", Interior;
    BreakfastArea => "Breakfast Area", Interior;
    Closet => "Closet", Interior;
    Community => "Community", Exterior;
    Courtyard => "Courtyard", Exterior;
    Deck => "Deck", Exterior;
    Den => "Den", Interior;
    DiningArea => "Dining Area", Interior;
    DiningRoom => "Dining Room", Interior;
    Dock => "Dock", Exterior;
    Entry => "Entry", Interior;
    ExerciseRoom => "Exercise Room", Interior;
    FamilyRoom => "Family Room", Interior;
    Fence => "Fence", Exterior;
    Fireplace => "Fireplace", Interior;
    FloorPlan => "Floor Plan", Other;
    FrontOfStructure => "Front of Structure", Exterior;
    GameRoom => "Game Room", Interior;
    Garage => "Garage", Interior;
    Garden => "Garden", Exterior;
    GolfCourse => "Golf Course", Exterior;
    GreatRoom => "Great Room", Interior;
    GuestQuarters => "Guest Quarters", Interior;
    Gym => "Gym", Interior;
    HobbyRoom => "Hobby Room", Interior;
    Inlaw => "Inlaw", Interior;
    Kitchen => "Kitchen", Interior;
    Lake => "Lake", Exterior;
    Laundry => "Laundry", Interior;
    Library => "Library", Interior;
    LivingRoom => "Living Room", Interior;
    LoadingDock => "Loading Dock", Exterior;
    Lobby => "Lobby", Interior;
    Loft => "Loft", Interior;
    Lot => "Lot", Exterior;
    MasterBathroom => "Master Bathroom", Interior;
    MasterBedroom => "Master Bedroom", Interior;
    MediaRoom => "Media Room", Interior;
    MudRoom => "Mud Room", Interior;
    Nursery => "Nursery", Interior;
    Office => "Office", Interior;
    Other => "Other", Other;
    OutBuildings => "Out Buildings", Exterior;
    Pantry => "Pantry", Interior;
    Parking => "Parking", Exterior;
    Patio => "Patio", Exterior;
    Pier => "Pier", Exterior;
    PlatMap => "Plat Map", Other;
    Pond => "Pond", Exterior;
    Pool => "Pool", Exterior;
    Reception => "Reception", Interior;
    RecreationRoom => "Recreation Room", Interior;
    River => "River", Exterior;
    Sauna => "Sauna", Interior;
    Showroom => "Showroom", Interior;
    SideOfStructure => "Side of Structure", Exterior;
    SittingRoom => "Sitting Room", Interior;
    Spa => "Spa", Interior;
    Stable => "Stable", Exterior;
    Storage => "Storage", Interior;
    Studio => "Studio", Interior;
    Study => "Study", Interior;
    SunRoom => "Sun Room", Interior;
    View => "View", Exterior;
    Waterfront => "Waterfront", Exterior;
    WineCellar => "Wine Cellar", Interior;
    Workshop => "Workshop", Interior;
    Yard => "Yard", Exterior;
}

/// A text that names no room type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a room type; nearest is `{}`", nearest.name())]
pub struct UnknownRoom {
    /// What was asked for.
    pub text: String,
    /// The room type with the most similar name.
    pub nearest: Room,
}

/// Lower-case letters and digits only, so that `living-room`, `LivingRoom` and `Living Room` meet.
fn folded(text: &str) -> String {
    text.chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

impl FromStr for Room {
    type Err = UnknownRoom;

    /// Accepts the standard name in any case, with spaces, hyphens, underscores or nothing between
    /// its words.
    fn from_str(text: &str) -> Result<Self, UnknownRoom> {
        let wanted = folded(text);
        let mut nearest = (f64::MIN, Self::Other);
        for &room in Self::ALL {
            let name = folded(room.name());
            if name == wanted {
                return Ok(room);
            }
            let similarity = strsim::jaro_winkler(&name, &wanted);
            if similarity > nearest.0 {
                nearest = (similarity, room);
            }
        }
        Err(UnknownRoom {
            text: text.to_owned(),
            nearest: nearest.1,
        })
    }
}

impl fmt::Display for Room {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for &room in Room::ALL {
            assert_eq!(room.name().parse::<Room>().unwrap(), room);
            assert_eq!(
                room.name()
                    .replace(' ', "-")
                    .to_lowercase()
                    .parse::<Room>()
                    .unwrap(),
                room
            );
            let json = serde_json::to_string(&room).unwrap();
            assert_eq!(json, format!("\"{room}\""));
        }
    }

    #[test]
    fn a_misspelt_room_names_its_neighbour() {
        let error = "livingrom".parse::<Room>().unwrap_err();
        assert_eq!(error.nearest, Room::LivingRoom);
    }
}
