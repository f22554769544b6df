"""Where a room's windows, lamps and furniture are."""

from __future__ import annotations

from dataclasses import dataclass

from . import furniture
from .finishes import Random
from .furniture import Piece, Triple
from .scenes import Camera, Lamp, Opening

ROOMS = {
    "living": ["sofa", "coffee_table", "cabinet", "shelf", "sofa", "plant", "plant"],
    "bedroom": ["bed", "cabinet", "shelf", "plant", "sofa"],
    "dining": ["table", "cabinet", "plant", "shelf", "plant"],
    "kitchen": ["kitchen", "table", "plant"],
    "bathroom": ["bath", "plant"],
    "empty": [],
}


def windows(rng: Random, size: Triple, details: dict[str, float], far: str, use: str) -> list[Opening]:
    """Windows, the main one first, mostly where the camera looks; and a door."""
    width, depth, height = size
    near = "W" if far == "E" else "E"
    notch = (details["notch_wide"], details["notch_deep"])
    sloped = details["slope_low"] > 0
    free = {"N": (notch[0] if far == "W" else 0.0, width - (notch[0] if far == "E" else 0.0)), "S": (0.0, width)}
    free[near] = (0.0, depth)
    if not sloped:
        free[far] = (0.0, depth - notch[1])
    else:
        run = details["slope_run"]
        free["N"] = (run, width) if far == "W" else (0.0, width - run)
    seen = ["N", far] if far in free else ["N"]
    order = [str(rng.choice(seen)) if rng.random() < 0.9 else "S"]
    order += [str(w) for w in rng.permutation(list(free)) if w not in order][
        : int(rng.choice([0, 1, 2], p=[0.45, 0.4, 0.15]))
    ]
    high = min(height - 0.15, float(rng.uniform(2.0, 2.5)))
    low = (
        float(rng.choice([0.06, 0.5, 0.85, 1.0], p=[0.28, 0.15, 0.47, 0.1]))
        if use not in {"kitchen", "bathroom"}
        else 1.15
    )
    curtain = str(rng.choice(["none", "sides", "sheer", "blind"], p=[0.48, 0.34, 0.08, 0.1]))
    panes = (int(rng.integers(1, 4)), int(rng.choice([1, 2], p=[0.7, 0.3])))
    found = []
    for wall in order:
        a, b = free[wall][0] + 0.35, free[wall][1] - 0.35
        if b - a < 0.5:
            continue
        count = 1 if b - a < 2.6 or rng.random() < 0.55 else 2
        span = (b - a) / count
        wide = min(float(rng.uniform(0.9, 2.6)), span - 0.15)
        for i in range(count):
            middle = a + span * (i + 0.5) + (float(rng.uniform(-0.5, 0.5)) * (span - wide) if count == 1 else 0)
            found.append(Opening("window", wall, middle - wide / 2, middle + wide / 2, low, high, panes, curtain))
    other = [w for w in free if w not in order and w != "S" and free[w][1] - free[w][0] > 2]
    if other:
        start = float(rng.uniform(free[other[0]][0] + 0.5, free[other[0]][1] - 1.4))
        found.append(Opening("door", other[0], start, start + 0.86, 0.0, 2.04))
    return found


def lamps(rng: Random, size: Triple, details: dict[str, float], lit: bool) -> list[Lamp]:
    """Lamps on the ceiling, hanging, and standing; warm mostly, now and then not all of one colour."""
    width, depth, height = size
    warm = float(rng.choice([2400, 2700, 2700, 3000, 3000, 3500, 4000]))
    strength = float(rng.uniform(0.9, 2.2)) * width * depth / 16
    found = []
    kind = (
        str(rng.choice(["ceiling", "pendant", "spots"], p=[0.4, 0.3, 0.3])) if not details["slope_low"] else "pendant"
    )
    if kind == "spots":
        for x in (0.25, 0.75):
            found += [
                Lamp("spot", (x * width, y * depth, height - 0.01), warm, strength, lit) for y in (0.25, 0.55, 0.85)
            ]
    else:
        drop = 0.1 if kind == "ceiling" else float(rng.uniform(0.35, 0.6)) + (0.5 if details["slope_low"] else 0)
        found.append(Lamp(kind, (0.5 * width, 0.55 * depth, height - drop), warm, 4 * strength, lit))
    if rng.random() < 0.6:
        side = float(rng.choice([0.45, width - 0.45]))
        other = warm if rng.random() < 0.7 else float(rng.choice([2200, 5000]))
        found.append(
            Lamp("floor", (side, depth * float(rng.uniform(0.6, 0.9)), 1.5), other, 1.6, lit or rng.random() < 0.2)
        )
    block = details["notch_wide"], details["notch_deep"]
    inside = [lamp for lamp in found if not _in_notch(lamp.at, size, block, details["far"] > 0)]
    return inside or found[:1]


def _in_notch(at: Triple, size: Triple, block: tuple[float, float], east: bool) -> bool:
    x = at[0] if east else size[0] - at[0]
    return x > size[0] - block[0] - 0.15 and at[1] > size[1] - block[1] - 0.15


@dataclass
class _Plan:
    """Rectangles that are taken: (x, y, half width, half depth)."""

    taken: list[tuple[float, float, float, float]]

    def put(self, x: float, y: float, a: float, b: float) -> bool:
        """Takes a rectangle if it is free."""
        if any(abs(x - p) < a + c - 0.02 and abs(y - q) < b + d - 0.02 for p, q, c, d in self.taken):
            return False
        self.taken.append((x, y, a, b))
        return True


def furnish(
    rng: Random,
    size: Triple,
    use: str,
    details: dict[str, float],
    far: str,
    camera: Camera,
    openings: tuple[Opening, ...],
) -> list[Piece]:
    """Furniture along the walls and in the middle, away from the camera and from doors."""
    width, depth, _ = size
    plan = _Plan([(camera.at[0], camera.at[1], 1.15, 1.15)])
    if details["notch_wide"]:
        a, b = details["notch_wide"] / 2, details["notch_deep"] / 2
        plan.put(width - a if far == "E" else a, depth - b, a, b)
    for opening in openings:
        if opening.kind == "door":
            middle = (opening.start + opening.end) / 2
            x, y = {"N": (middle, depth), "S": (middle, 0), "W": (0, middle), "E": (width, middle)}[opening.wall]
            plan.put(x, y, 0.7, 0.7)
    names = [n for n in ROOMS[use] if n in {"bed", "kitchen", "bath", "table"} or rng.random() < 0.75]
    placed: list[Piece] = []
    for name in names:
        footprint, parts = furniture.MAKERS[name](rng)
        spot = _spot(rng, plan, size, name, footprint, details, openings)
        if spot:
            placed.append(Piece(name, (spot[0], spot[1], 0.0), spot[2], footprint, tuple(parts)))
    if names and rng.random() < 0.6:
        parts = furniture.rug(rng, min(2.6, width * 0.5), min(1.9, depth * 0.4))
        placed.append(Piece("rug", (width / 2, depth * 0.58, 0.0), 0.0, (0, 0), tuple(parts)))
    placed += _pictures(rng, size, details, openings, use)
    return placed


def _spot(
    rng: Random,
    plan: _Plan,
    size: Triple,
    name: str,
    footprint: tuple[float, float],
    details: dict[str, float],
    openings: tuple[Opening, ...],
) -> Triple | None:
    """A free place and its turn: along a wall, or in the middle for tables."""
    width, depth, _ = size
    a, b = footprint[0] / 2, footprint[1] / 2
    low = ("W" if details["far"] == 0 else "E") if details["slope_low"] else ""
    blocked = {
        o.wall for o in openings if o.kind == "window" and (o.low < 0.7 or name in {"kitchen", "shelf", "bath"})
    } | {low}
    for _ in range(24):
        if name in {"table", "coffee_table"}:
            x, y = width * float(rng.uniform(0.3, 0.7)), depth * float(rng.uniform(0.45, 0.7))
            if plan.put(x, y, a, b):
                return x, y, 0.0
            continue
        wall = str(rng.choice(["N", "W", "E"] if name != "plant" else ["N", "N", "W", "E"]))
        if wall in blocked and name != "plant":
            continue
        long = depth if wall in "WE" else width
        if long < footprint[0] + 0.1:
            continue
        along = float(rng.uniform(a + 0.05, long - a - 0.05))
        x, y, yaw = {
            "N": (along, depth - b - 0.03, 0.0),
            "W": (b + 0.03, along, 90.0),
            "E": (width - b - 0.03, along, -90.0),
        }[wall]
        if plan.put(x, y, *((b, a) if wall in "WE" else (a, b))):
            return x, y, yaw
    return None


def _pictures(
    rng: Random, size: Triple, details: dict[str, float], openings: tuple[Opening, ...], use: str
) -> list[Piece]:
    """Pictures on walls that have no opening."""
    width, depth, _ = size
    found: list[Piece] = []
    if use in {"kitchen", "bathroom"}:
        return found
    for wall in "NWE":
        bare = not any(o.wall == wall for o in openings) and not details["slope_low"] and not details["notch_wide"]
        if bare and rng.random() < 0.6:
            along = float(rng.uniform(0.35, 0.65)) * (width if wall == "N" else depth)
            x, y, yaw = {"N": (along, depth, 0.0), "W": (0.0, along, 90.0), "E": (width, along, -90.0)}[wall]
            found.append(Piece("picture", (x, y, 1.55), yaw, (0, 0), tuple(furniture.picture(rng))))
    return found
