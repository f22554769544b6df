"""What surfaces are made of: a kind of material and its colours (linear sRGB reflectance), drawn at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .colour import Colour, hexadecimal, scaled

Random = np.random.Generator


@dataclass(frozen=True)
class Finish:
    """A surface: `kind` names the pattern, the two colours are its parts, `rough` is 0 (mirror) to 1 (matte)."""

    kind: str
    colour: Colour
    second: Colour
    rough: float = 0.6


WOODS = [("5a3a22", "8a5f3c"), ("8f6a45", "c79d6c"), ("b39470", "d8bd98"), ("3a2a20", "5b4534"), ("9b8d7c", "bdb09f")]
CLOTHS = ["8c8780", "4a4f57", "c9c0b0", "2f4a4d", "7a3b2e", "b98a3e", "39456b", "6b7a5a", "d8d4cc", "a5725a", "26282b"]
PASTELS = ["c9d6c2", "c3d3de", "e3c9b8", "d9cfe0", "e6dba9", "a9c0b4", "b7c4cf"]
STRONG = ["2f6f73", "a8452f", "c08a2b", "33557f", "5d7d45", "8a4a6b", "b5654a", "6f8f9f", "7a2f3a"]
DARKS = ["2b2e31", "3a3330", "28343d", "353b33", "1f2226", "47403c", "3d2b35"]
WHITES = ["f4f2ee", "efece6", "f7f7f5", "e9e8e4"]
CREAMS = ["e8dcc2", "e3d3b5", "efe3cc", "dccbb0"]


def pick(rng: Random, values: list[str]) -> Colour:
    """One of these colours, up to 12 % brighter or darker."""
    colour = scaled(hexadecimal(values[int(rng.integers(len(values)))]), float(rng.uniform(0.88, 1.1)))
    return min(colour[0], 0.88), min(colour[1], 0.88), min(colour[2], 0.88)


def wood(rng: Random, kind: str = "wood") -> Finish:
    """Wood, as furniture (`wood`) or boards (`planks`)."""
    dark, bright = WOODS[int(rng.integers(len(WOODS)))]
    factor = float(rng.uniform(0.8, 1.15))
    return Finish(
        kind, scaled(hexadecimal(dark), factor), scaled(hexadecimal(bright), factor), float(rng.uniform(0.25, 0.55))
    )


def painted(colour: Colour, rough: float = 0.6) -> Finish:
    """Paint of one colour."""
    return Finish("paint", colour, colour, rough)


def cloth(rng: Random) -> Finish:
    """Upholstery."""
    colour = pick(rng, CLOTHS)
    return Finish("fabric", scaled(colour, 0.8), scaled(colour, 1.15), 0.95)


def walls(rng: Random) -> tuple[str, Finish]:
    """The class of a room's walls (white, cream, coloured, dark, wood, brick, tile) and their finish."""
    names = ["white", "cream", "coloured", "dark", "wood", "brick", "tile"]
    name = str(rng.choice(names, p=[0.32, 0.16, 0.22, 0.1, 0.08, 0.07, 0.05]))
    if name == "wood":
        return name, wood(rng, "planks")
    if name == "brick":
        one = pick(rng, ["9a4f37", "a86a4a", "7d4434", "d9d3cb", "8c7466"])
        return name, Finish("brick", one, scaled(one, 0.65), 0.85)
    if name == "tile":
        one = pick(rng, [*WHITES, "cfd8d6", "b9c4c9", "d8cfc0"])
        return name, Finish("tile", one, scaled(one, 0.93), 0.15)
    colours = {"white": WHITES, "cream": CREAMS, "coloured": PASTELS + STRONG, "dark": DARKS}[name]
    return name, painted(pick(rng, colours), float(rng.uniform(0.45, 0.8)))


def floors(rng: Random) -> tuple[str, Finish]:
    """The class of a floor (wood, tile, carpet, concrete) and its finish."""
    name = str(rng.choice(["wood", "tile", "carpet", "concrete"], p=[0.52, 0.22, 0.17, 0.09]))
    if name == "wood":
        return name, wood(rng, "planks")
    if name == "tile":
        one = pick(rng, ["d9d4cb", "b5aea4", "8d8a86", "efeeea", "a37b5c", "3d4043"])
        return name, Finish("tile", one, scaled(one, 0.9), float(rng.uniform(0.1, 0.3)))
    if name == "carpet":
        one = pick(rng, ["b8ac9a", "8b8680", "cfc6b6", "5d636b", "7a6a58", "6c3f3a", "445a4a"])
        return name, Finish("fabric", scaled(one, 0.75), scaled(one, 1.12), 0.98)
    one = pick(rng, ["8f8c88", "a8a5a0", "6d6b69"])
    return name, Finish("concrete", scaled(one, 0.8), scaled(one, 1.15), 0.35)


def frames(rng: Random) -> Finish:
    """A window's frame: mostly white, some dark, some of wood."""
    kind = float(rng.random())
    if kind < 0.6:
        return painted(pick(rng, WHITES), 0.35)
    return painted(pick(rng, ["1d1f21", "3b3d3f"]), 0.35) if kind < 0.82 else wood(rng)
