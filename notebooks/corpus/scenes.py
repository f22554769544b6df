"""What a scene is made of. Metres, degrees; light is in units of an overcast sky's radiance.

A room is the box (0, 0, 0) to `size`; walls are S (y = 0), N, W (x = 0) and E. The camera stands in the south.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from .colour import Colour
from .finishes import Finish
from .furniture import Piece, Triple


@dataclass(frozen=True)
class Opening:
    """A window or door in a wall: from `start` to `end` along it, from `low` to `high`."""

    kind: str
    wall: str
    start: float
    end: float
    low: float
    high: float
    panes: tuple[int, int] = (1, 1)
    curtain: str = "none"


@dataclass(frozen=True)
class Lamp:
    """A lamp: its kind, place, temperature in kelvin, and power in multiples of a bulb of 800 lumens."""

    kind: str
    at: Triple
    kelvin: float
    power: float
    on: bool


@dataclass(frozen=True)
class Sky:
    """The sky's radiance overhead and at the horizon, its clouds (0 to 1), and the sun, if it shines."""

    zenith: Colour
    horizon: Colour
    clouds: float
    sun: Colour | None
    sun_azimuth: float = 0.0
    sun_elevation: float = 0.0


@dataclass(frozen=True)
class Camera:
    """The camera: place, direction in degrees (0 looks along +x, 90 along +y), focal length for 36 mm of width."""

    at: Triple
    yaw: float
    pitch: float
    roll: float
    focal: float


@dataclass(frozen=True)
class Scene:
    """Everything about one picture. `classes` is what tests are grouped by."""

    seed: int
    classes: dict[str, str]
    size: Triple
    sky: Sky
    camera: Camera
    finishes: dict[str, Finish]
    details: dict[str, float] = field(default_factory=dict)
    openings: tuple[Opening, ...] = ()
    lamps: tuple[Lamp, ...] = ()
    pieces: tuple[Piece, ...] = ()

    def document(self) -> dict[str, Any]:
        """What is written beside the picture: all but the furniture's parts."""
        whole = asdict(self)
        whole["pieces"] = [{"kind": p.kind, "at": p.at, "yaw": p.yaw} for p in self.pieces]
        return whole
