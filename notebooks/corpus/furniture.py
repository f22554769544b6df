"""Furniture as lists of boxes, rounded boxes and cylinders. Metres; a piece stands at the origin and faces -y."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .colour import Colour, hexadecimal
from .finishes import CLOTHS, WHITES, Finish, Random, cloth, painted, pick, wood

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Part:
    """One solid: `shape` is box, soft (a cushion), cylinder or blob; `centre` and `size` are in metres."""

    shape: str
    centre: Triple
    size: Triple
    finish: Finish


@dataclass(frozen=True)
class Piece:
    """A piece of furniture: where it stands, its turn in degrees, its footprint in metres, its parts."""

    kind: str
    at: Triple
    yaw: float
    footprint: tuple[float, float]
    parts: tuple[Part, ...]


METAL = Finish("metal", (0.55, 0.55, 0.56), (0.5, 0.5, 0.5), 0.3)
BLACK = painted((0.02, 0.02, 0.022), 0.4)


def legs(width: float, depth: float, height: float, finish: Finish, thick: float = 0.05) -> list[Part]:
    """Four legs below a rectangle."""
    x, y = width / 2 - thick, depth / 2 - thick
    size = (thick, thick, height)
    return [Part("box", (a * x, b * y, height / 2), size, finish) for a in (-1, 1) for b in (-1, 1)]


def sofa(rng: Random) -> tuple[tuple[float, float], list[Part]]:
    """A sofa or an armchair."""
    seats = int(rng.integers(1, 4))
    width, depth, body, pillow = 0.45 + 0.62 * seats, 0.9, cloth(rng), cloth(rng)
    parts = [
        Part("soft", (0, 0, 0.26), (width, depth, 0.26), body),
        Part("soft", (0, depth / 2 - 0.11, 0.52), (width - 0.03, 0.24, 0.68), body),
        *(Part("soft", (s * (width / 2 - 0.09), 0, 0.42), (0.2, depth + 0.03, 0.48), body) for s in (-1, 1)),
        *legs(width - 0.1, depth - 0.1, 0.14, wood(rng)),
    ]
    span = (width - 0.42) / seats
    for i in range(seats):
        x = -width / 2 + 0.21 + span * (i + 0.5)
        parts.append(Part("soft", (x, -0.08, 0.44), (span, depth - 0.28, 0.18), body))
        parts.append(Part("soft", (x, 0.2, 0.66), (span, 0.17, 0.42), body))
        if rng.random() < 0.6:
            parts.append(Part("soft", (x, 0.05, 0.66), (0.42, 0.15, 0.4), pillow))
    return (width, depth), parts


def bed(rng: Random) -> tuple[tuple[float, float], list[Part]]:
    """A double or single bed with its head at +y."""
    width, frame, cover = float(rng.choice([1.0, 1.5, 1.8])), wood(rng), cloth(rng)
    sheet = Finish("fabric", (0.72, 0.71, 0.69), (0.8, 0.8, 0.78), 0.95)
    head = cloth(rng) if rng.random() < 0.5 else frame
    parts = [
        Part("box", (0, 0, 0.18), (width, 2.05, 0.24), frame),
        Part("soft", (0, 0, 0.41), (width - 0.02, 2.0, 0.26), sheet),
        Part("soft", (0, -0.32, 0.5), (width + 0.06, 1.4, 0.16), cover),
        Part("soft", (0, 1.02, 0.62), (width + 0.1, 0.1, 1.05), head),
    ]
    places = (-0.25, 0.25) if width > 1.2 else (0.0,)
    parts += [Part("soft", (x * width, 0.72, 0.6), (0.6, 0.38, 0.17), sheet) for x in places]
    return (width + 0.1, 2.15), parts


def table(rng: Random) -> tuple[tuple[float, float], list[Part]]:
    """A dining table with chairs around it."""
    width, depth, top, seat = float(rng.uniform(1.3, 2.1)), 0.9, wood(rng), cloth(rng)
    frame = top if rng.random() < 0.5 else BLACK
    parts = [Part("box", (0, 0, 0.735), (width, depth, 0.04), top), *legs(width, depth, 0.72, frame, 0.06)]
    for i in range(int(width / 0.65)):
        x = -width / 2 + 0.4 + i * 0.65
        for side in (-1, 1):
            y = side * (depth / 2 + float(rng.uniform(0.05, 0.25)))
            parts.append(Part("soft", (x, y, 0.45), (0.44, 0.44, 0.07), seat))
            parts.append(Part("soft", (x, y + side * 0.2, 0.72), (0.42, 0.05, 0.36), seat))
            parts += [
                replace(p, centre=(p.centre[0] + x, p.centre[1] + y, p.centre[2]))
                for p in legs(0.42, 0.42, 0.43, frame, 0.035)
            ]
    if rng.random() < 0.5:
        parts.append(Part("cylinder", (0.1, 0, 0.85), (0.13, 0.13, 0.2), painted(pick(rng, CLOTHS), 0.25)))
    return (width, depth + 1.3), parts


def coffee_table(rng: Random) -> tuple[tuple[float, float], list[Part]]:
    """A low table with books."""
    width, depth, top = float(rng.uniform(0.8, 1.2)), 0.6, wood(rng)
    parts = [Part("box", (0, 0, 0.38), (width, depth, 0.04), top), *legs(width, depth, 0.36, BLACK, 0.04)]
    books = [painted(pick(rng, CLOTHS), 0.5) for _ in range(int(rng.integers(0, 4)))]
    parts += [Part("box", (-0.2, 0.05, 0.415 + 0.03 * i), (0.26, 0.19, 0.03), book) for i, book in enumerate(books)]
    return (width, depth), parts


def cabinet(rng: Random) -> tuple[tuple[float, float], list[Part]]:
    """A sideboard or wardrobe with doors and handles."""
    tall = rng.random() < 0.35
    width, depth, height = (
        float(rng.uniform(1.0, 2.0)),
        (0.58 if tall else 0.42),
        (2.05 if tall else float(rng.uniform(0.6, 0.95))),
    )
    body = wood(rng) if rng.random() < 0.5 else painted(pick(rng, WHITES + CLOTHS), 0.35)
    parts = [Part("box", (0, 0, height / 2 + 0.05), (width, depth, height - 0.1), body)]
    doors = max(2, int(width / 0.5))
    for i in range(doors):
        x = (i + 0.5) / doors * width - width / 2
        parts.append(
            Part("box", (x, -depth / 2 - 0.009, height / 2 + 0.05), (width / doors - 0.008, 0.018, height - 0.13), body)
        )
        parts.append(Part("box", (x + 0.1, -depth / 2 - 0.03, height * 0.6), (0.015, 0.02, 0.14), METAL))
    if not tall:
        parts.append(
            Part(
                "cylinder",
                (width * 0.3, 0, height + 0.12),
                (0.16, 0.16, 0.24),
                painted(pick(rng, CLOTHS + WHITES), 0.25),
            )
        )
        if rng.random() < 0.5:
            parts.append(
                Part(
                    "box", (-width * 0.1, 0.08, height + 0.36), (1.1, 0.05, 0.64), painted((0.008, 0.008, 0.009), 0.12)
                )
            )
    return (width, depth + 0.06), parts


def shelf(rng: Random) -> tuple[tuple[float, float], list[Part]]:
    """An open shelf with books."""
    width, depth, height, body = float(rng.uniform(0.7, 1.4)), 0.32, float(rng.uniform(1.3, 2.1)), wood(rng)
    if rng.random() < 0.4:
        body = painted(pick(rng, WHITES), 0.4)
    parts = [Part("box", (s * width / 2, 0, height / 2), (0.03, depth, height), body) for s in (-1, 1)]
    parts.append(Part("box", (0, depth / 2 - 0.012, height / 2), (width - 0.03, 0.01, height - 0.01), body))
    boards = int(height / 0.36)
    for i in range(boards + 1):
        z = 0.05 + i * (height - 0.1) / boards
        parts.append(Part("box", (0, 0, z), (width - 0.03, depth - 0.01, 0.025), body))
        x = -width / 2 + 0.06
        while i < boards and x < width / 2 - 0.08 and rng.random() < 0.88:
            wide, tall = float(rng.uniform(0.03, 0.1)), float(rng.uniform(0.17, 0.27))
            parts.append(
                Part(
                    "box",
                    (x + wide / 2, 0, z + 0.013 + tall / 2),
                    (wide - 0.004, 0.2, tall),
                    painted(pick(rng, CLOTHS + WHITES), 0.6),
                )
            )
            x += wide
    return (width + 0.05, depth), parts


def plant(rng: Random) -> tuple[tuple[float, float], list[Part]]:
    """A plant in a pot."""
    tall = float(rng.uniform(0.7, 1.6))
    parts = [Part("cylinder", (0, 0, 0.16), (0.3, 0.3, 0.32), painted(pick(rng, WHITES + CLOTHS), 0.4))]
    parts.append(
        Part(
            "cylinder",
            (0, 0, tall * 0.35),
            (0.03, 0.03, tall * 0.6),
            Finish("wood", (0.1, 0.06, 0.03), (0.15, 0.1, 0.05)),
        )
    )
    for _ in range(14):
        a, r = float(rng.uniform(0, 6.28)), float(rng.uniform(0.05, 0.26))
        centre = (r * np.cos(a), r * np.sin(a), float(rng.uniform(0.4, 1.0)) * tall)
        green = (float(rng.uniform(0.03, 0.09)), float(rng.uniform(0.09, 0.2)), float(rng.uniform(0.02, 0.05)))
        parts.append(
            Part(
                "blob",
                centre,
                (0.3, 0.3, 0.16),
                Finish("fabric", green, (green[0] * 1.6, green[1] * 1.6, green[2]), 0.6),
            )
        )
    return (0.5, 0.5), parts


def kitchen(rng: Random) -> tuple[tuple[float, float], list[Part]]:
    """A run of kitchen units with a worktop, a splashback, wall units and perhaps a refrigerator."""
    units, top = int(rng.integers(4, 7)), float(rng.choice([0.03, 0.2, 0.6]))
    width = 0.6 * units
    front = (
        wood(rng)
        if rng.random() < 0.3
        else painted(pick(rng, [*WHITES, *WHITES, "2f4a4d", "39456b", "8c8780", "26282b"]), 0.3)
    )
    slab = Finish("concrete", (top * 0.8, top * 0.8, top * 0.8), (top * 1.2, top * 1.15, top * 1.1), 0.2)
    parts = [
        Part("box", (0, 0, 0.9), (width, 0.64, 0.04), slab),
        Part("box", (0, 0.02, 0.45), (width, 0.56, 0.86), front),
    ]
    parts.append(
        Part("box", (0, 0.31, 1.2), (width, 0.012, 0.56), Finish("tile", (0.7, 0.7, 0.68), (0.62, 0.62, 0.6), 0.12))
    )
    hung = int(rng.integers(1, units))
    for i in range(units):
        x = (i + 0.5) * 0.6 - width / 2
        parts.append(Part("box", (x, -0.28, 0.49), (0.594, 0.02, 0.76), front))
        parts.append(Part("box", (x, -0.305, 0.83), (0.2, 0.02, 0.015), METAL))
        if i != hung:
            parts.append(Part("box", (x, 0.15, 1.83), (0.594, 0.34, 0.7), front))
    x = (hung + 0.5) * 0.6 - width / 2
    parts.append(Part("box", (x, -0.3, 0.45), (0.56, 0.02, 0.56), painted((0.01, 0.01, 0.011), 0.1)))
    parts.append(Part("box", (x, 0.1, 1.75), (0.6, 0.4, 0.1), METAL))
    return (width, 0.66), parts


def bath(rng: Random) -> tuple[tuple[float, float], list[Part]]:
    """A bath tub, a wash stand and a mirror."""
    white, unit = painted((0.82, 0.82, 0.81), 0.12), wood(rng)
    parts = [
        Part("soft", (-0.6, 0, 0.29), (1.65, 0.75, 0.58), white),
        Part("soft", (-0.6, 0, 0.575), (1.45, 0.56, 0.03), painted((0.6, 0.6, 0.6), 0.2)),
        Part("box", (0.85, 0.1, 0.5), (0.8, 0.48, 0.5), unit),
        Part("soft", (0.85, 0.1, 0.82), (0.84, 0.5, 0.16), white),
        Part("box", (0.85, 0.345, 1.5), (0.8, 0.02, 0.8), Finish("metal", (0.85, 0.86, 0.86), (0.8, 0.8, 0.8), 0.02)),
        Part("cylinder", (0.85, 0.28, 0.98), (0.03, 0.03, 0.18), METAL),
    ]
    return (2.6, 0.78), parts


def rug(rng: Random, width: float, depth: float) -> list[Part]:
    """A rug on the floor."""
    one: Colour = pick(rng, [*CLOTHS, "b9a98f", "9aa3a8"])
    return [
        Part(
            "box",
            (0, 0, 0.008),
            (width, depth, 0.016),
            Finish("fabric", one, (one[0] * 1.3, one[1] * 1.3, one[2] * 1.3), 0.98),
        )
    ]


def picture(rng: Random) -> list[Part]:
    """A framed picture that hangs at +y, its middle at the origin."""
    width, height = float(rng.uniform(0.4, 1.3)), float(rng.uniform(0.4, 0.9))
    frame = wood(rng) if rng.random() < 0.5 else BLACK
    art = Finish("art", pick(rng, CLOTHS), pick(rng, [*CLOTHS, "f4f2ee"]), 0.5)
    mount = painted(hexadecimal("f0eee8"), 0.6)
    sizes = [(width, 0.03, height), (width - 0.05, 0.034, height - 0.05), (width - 0.2, 0.038, height - 0.2)]
    return [Part("box", (0, -0.02, 0), size, finish) for size, finish in zip(sizes, (frame, mount, art), strict=True)]


MAKERS = {
    "sofa": sofa,
    "bed": bed,
    "table": table,
    "coffee_table": coffee_table,
    "cabinet": cabinet,
    "shelf": shelf,
    "plant": plant,
    "kitchen": kitchen,
    "bath": bath,
}
"""Each gives the footprint (width along x, depth along y) and the parts."""
