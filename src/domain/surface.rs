//! What a pixel of a photo belongs to, as a closed list: the values of a label map
//! (`maps/<photo id>.labels.png`), and the surfaces that a stage must never change.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a pixel shows. The number of each is its value in a label map.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Surface {
    /// The sky, seen from outdoors.
    Sky = 0,
    /// A wall.
    Wall = 1,
    /// A floor.
    Floor = 2,
    /// A ceiling.
    Ceiling = 3,
    /// Frame, sash or sill of a window.
    Window = 4,
    /// A door with its frame.
    Door = 5,
    /// Skirting boards, mouldings and other fixed woodwork.
    Trim = 6,
    /// Fixed cabinets and worktops.
    Cabinet = 7,
    /// Anything else that is built in: a bath, a fireplace, a radiator.
    Fixed = 8,
    /// Furniture and what lies on it.
    Furniture = 9,
    /// The building from outside.
    Exterior = 10,
    /// Sockets and switches.
    Electrical = 11,
    /// Lamps that are fixed to the building.
    LightFixture = 12,
    /// What is seen through a window pane.
    WindowView = 13,
    /// Grass and ground outdoors.
    Lawn = 14,
    /// A roof from outside.
    Roof = 15,
    /// Trees and plants outdoors.
    Vegetation = 16,
}

impl Surface {
    /// Every surface, in the order of their numbers.
    pub const ALL: &'static [Self] = &[
        Self::Sky,
        Self::Wall,
        Self::Floor,
        Self::Ceiling,
        Self::Window,
        Self::Door,
        Self::Trim,
        Self::Cabinet,
        Self::Fixed,
        Self::Furniture,
        Self::Exterior,
        Self::Electrical,
        Self::LightFixture,
        Self::WindowView,
        Self::Lawn,
        Self::Roof,
        Self::Vegetation,
    ];

    /// What a stage of furniture must never change, unless a job says otherwise: openings, what is
    /// seen through them, ceilings, whatever is fixed to the house and sold with it, and what is outdoors,
    /// which in a room is a view.
    pub const PROTECTED: &'static [Self] = &[
        Self::Sky,
        Self::Ceiling,
        Self::Window,
        Self::Door,
        Self::Cabinet,
        Self::Fixed,
        Self::Electrical,
        Self::LightFixture,
        Self::WindowView,
        Self::Exterior,
        Self::Lawn,
        Self::Roof,
        Self::Vegetation,
    ];

    /// The surface with this value in a label map; `None` for a value without a meaning.
    #[must_use]
    pub fn from_value(value: u8) -> Option<Self> {
        Self::ALL.get(usize::from(value)).copied()
    }

    /// Its value in a label map.
    #[must_use]
    pub const fn value(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lead_back_to_their_surfaces() {
        for surface in Surface::ALL {
            assert_eq!(Surface::from_value(surface.value()), Some(*surface));
        }
        assert_eq!(Surface::from_value(17), None);
    }
}
