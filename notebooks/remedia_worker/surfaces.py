"""What a pixel shows: remedia's closed list of surfaces, the names of the ADE20K data set that belong to each, and the
colours by which the segmentation ControlNets know them.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from .pictures import Bytes


class Surface(IntEnum):
    """The value of a pixel in a label map."""

    SKY = 0
    WALL = 1
    FLOOR = 2
    CEILING = 3
    WINDOW = 4
    DOOR = 5
    TRIM = 6
    CABINET = 7
    FIXED = 8
    FURNITURE = 9
    EXTERIOR = 10
    ELECTRICAL = 11
    LIGHT_FIXTURE = 12
    WINDOW_VIEW = 13
    LAWN = 14
    ROOF = 15
    VEGETATION = 16


PROTECTED = (
    Surface.SKY,
    Surface.CEILING,
    Surface.WINDOW,
    Surface.DOOR,
    Surface.CABINET,
    Surface.FIXED,
    Surface.ELECTRICAL,
    Surface.LIGHT_FIXTURE,
    Surface.WINDOW_VIEW,
    # Indoors these are seen through a window or an open door, too.
    Surface.EXTERIOR,
    Surface.LAWN,
    Surface.ROOF,
    Surface.VEGETATION,
)
"""What a stage must never change, as remedia has it."""

_NAMES = {
    Surface.SKY: "sky",
    Surface.WALL: "wall",
    Surface.FLOOR: "floor rug",
    Surface.CEILING: "ceiling",
    # A curtain hides a window: whatever is behind it must not be drawn anew.
    Surface.WINDOW: "windowpane curtain blind",
    Surface.DOOR: "door screen_door",
    Surface.CABINET: "cabinet counter countertop kitchen_island wardrobe",
    Surface.FIXED: (
        "column bathtub railing sink fireplace refrigerator stairs stairway step bannister toilet stove oven microwave"
        " dishwasher washer hood shower radiator mirror escalator glass base tank"
    ),
    Surface.EXTERIOR: "building house skyscraper tower hovel fence awning",
    Surface.LIGHT_FIXTURE: "light chandelier sconce fan",
    Surface.LAWN: "grass earth field road sidewalk path sand land dirt_track runway",
    Surface.VEGETATION: "tree palm mountain hill",
    # What is outdoors and neither house, ground nor plant; people and animals are nobody's furniture either.
    Surface.WINDOW_VIEW: (
        "person animal car bus truck van minibike bicycle airplane boat ship sea water river lake waterfall fountain"
        " swimming_pool rock bridge pier pole streetlight traffic_light grandstand canopy tent flag"
    ),
}
_BY_NAME = {name.replace("_", " "): surface for surface, names in _NAMES.items() for name in names.split()}

_COLOURS = {
    Surface.SKY: (6, 230, 230),
    Surface.WALL: (120, 120, 120),
    Surface.FLOOR: (80, 50, 50),
    Surface.CEILING: (120, 120, 80),
    Surface.WINDOW: (230, 230, 230),
    Surface.DOOR: (8, 255, 51),
    Surface.TRIM: (120, 120, 120),
    Surface.CABINET: (224, 5, 255),
    Surface.FIXED: (102, 8, 255),
    Surface.FURNITURE: (255, 6, 82),
    Surface.EXTERIOR: (180, 120, 120),
    Surface.ELECTRICAL: (120, 120, 120),
    Surface.LIGHT_FIXTURE: (255, 173, 0),
    Surface.WINDOW_VIEW: (230, 230, 230),
    Surface.LAWN: (4, 250, 7),
    Surface.ROOF: (180, 120, 120),
    Surface.VEGETATION: (4, 200, 3),
}


def surface_of(name: str) -> Surface:
    """The surface of an ADE20K class; whatever is neither part of the house nor outdoors is furniture."""
    for one in name.lower().replace("-", " ").split(","):
        surface = _BY_NAME.get(" ".join(one.replace(";", " ").split()))
        if surface is not None:
            return surface
    return Surface.FURNITURE


def lookup(names: dict[int, str]) -> Bytes:
    """A table from a model's class numbers to surfaces."""
    table = np.full(max(names) + 1, Surface.FURNITURE, dtype=np.uint8)
    for number, name in names.items():
        table[number] = surface_of(name)
    return table


def coloured(labels: Bytes) -> Bytes:
    """A label map as the segmentation ControlNets expect it: the colours of ADE20K."""
    table = np.zeros((256, 3), dtype=np.uint8)
    for surface, colour in _COLOURS.items():
        table[surface] = colour
    return table[labels]
