"""A random room or house from a seed."""

from __future__ import annotations

import numpy as np

from .colour import hexadecimal, kelvin, scaled
from .finishes import Finish, Random, cloth, floors, frames, painted, pick, walls, wood
from .furniture import Triple
from .layout import ROOMS, furnish, lamps, windows
from .scenes import Camera, Lamp, Opening, Scene, Sky

LIGHTS = {
    "interior": ["day", "overcast", "mixed", "lamplight", "dusk"],
    "exterior": ["day", "overcast", "dusk", "night"],
}
SHARES = {"interior": [0.32, 0.22, 0.24, 0.14, 0.08], "exterior": [0.4, 0.25, 0.2, 0.15]}


def scene(seed: int) -> Scene:
    """The scene of a seed: the same on every machine."""
    rng = np.random.default_rng([seed, 20_260])
    kind = "interior" if rng.random() < 0.78 else "exterior"
    light = str(rng.choice(LIGHTS[kind], p=SHARES[kind]))
    return interior(rng, seed, light) if kind == "interior" else exterior(rng, seed, light)


def sky(rng: Random, light: str, azimuth: float) -> Sky:
    """The sky of a kind of light; the sun stands near `azimuth`, where it shines."""
    if light == "mixed":
        light = "day" if rng.random() < 0.4 else "overcast"
    if light == "day":
        high = float(rng.uniform(12, 52))
        blue, haze = float(rng.uniform(0.25, 0.5)), float(rng.uniform(0.6, 1.1))
        warmth = kelvin(3600 + 40 * high)
        sun = scaled(warmth, float(rng.uniform(0.6, 1.2)) * 24 * np.sin(np.radians(high)) ** 0.4)
        zenith = (blue * 0.24, blue * 0.6, blue * 1.3)
        return Sky(zenith, (haze * 0.78, haze * 0.99, haze * 1.18), float(rng.uniform(0, 0.7)), sun, azimuth, high)
    if light == "overcast":
        grey = scaled(kelvin(float(rng.uniform(6200, 8000))), float(rng.uniform(0.35, 1.4)))
        return Sky(grey, scaled(grey, float(rng.uniform(0.6, 0.9))), float(rng.uniform(0.2, 0.6)), None)
    if light == "dusk":
        level = float(rng.uniform(0.006, 0.03))
        glow = scaled(kelvin(float(rng.uniform(2600, 6500))), level * float(rng.uniform(1.2, 2.5)))
        return Sky((level * 0.4, level * 0.62, level * 1.5), glow, float(rng.uniform(0, 0.5)), None)
    level = float(rng.uniform(0.0002, 0.001))
    return Sky((level * 0.5, level * 0.7, level * 1.3), scaled((1.0, 0.85, 0.7), level * 2), 0.3, None)


def interior(rng: Random, seed: int, light: str) -> Scene:
    """A room with windows, lamps and furniture."""
    use = str(rng.choice(list(ROOMS), p=[0.3, 0.2, 0.14, 0.16, 0.08, 0.12]))
    small = use == "bathroom"
    size = (
        float(rng.uniform(2.8, 3.6) if small else rng.uniform(3.4, 6.8)),
        float(rng.uniform(2.8, 4) if small else rng.uniform(3.6, 7)),
        float(rng.uniform(2.35, 3.1)),
    )
    shape = "box" if small else str(rng.choice(["box", "L", "sloped", "beamed"], p=[0.58, 0.16, 0.13, 0.13]))
    wall_class, wall = walls(rng)
    floor_class, floor = floors(rng)
    near = str(rng.choice(["W", "E"]))
    far = "E" if near == "W" else "W"
    details = {
        "notch_wide": 0.0,
        "notch_deep": 0.0,
        "slope_low": 0.0,
        "slope_run": 0.0,
        "storey": float(rng.choice([0.3, 0.3, 3.2, 6.2, 9.5])),
    }
    details["far"] = 1.0 if far == "E" else 0.0
    if shape == "L":
        details |= {
            "notch_wide": float(rng.uniform(0.25, 0.45)) * size[0],
            "notch_deep": float(rng.uniform(0.25, 0.45)) * size[1],
        }
    if shape == "sloped":
        size = (size[0], size[1], float(rng.uniform(2.9, 3.6)))
        details |= {"slope_low": float(rng.uniform(1.1, 1.9)), "slope_run": float(rng.uniform(1.4, 0.55 * size[0]))}
    openings = tuple(windows(rng, size, details, far, use))
    main = openings[0].wall
    towards = {"N": 90.0, "E": 0.0, "W": 180.0, "S": 270.0}[main]
    finishes = {
        "wall": wall,
        "floor": floor,
        "ceiling": painted(pick(rng, ["f6f5f2", "f2f0ea", "ffffff"]), 0.8),
        "frame": frames(rng),
    }
    finishes |= {
        "trim": painted(pick(rng, ["f4f2ee", "efece6"]), 0.35),
        "curtain": cloth(rng),
        "beam": wood(rng),
        "accent": wall,
    }
    if wall_class in {"white", "cream"} and rng.random() < 0.25:
        finishes["accent"] = walls(rng)[1]
    camera = viewpoint(rng, size, near)
    pieces = tuple(furnish(rng, size, use, details, far, camera, openings))
    classes = {
        "kind": "interior",
        "light": light,
        "use": use,
        "shape": shape,
        "walls": wall_class,
        "floor": floor_class,
    }
    classes["tone"] = {
        "white": "white",
        "cream": "white",
        "tile": "white",
        "dark": "dark",
        "brick": "coloured",
        "wood": "coloured",
        "coloured": "coloured",
    }[wall_class]
    dark = light in {"lamplight", "dusk"}
    above = sky(rng, "night" if light == "lamplight" else light, towards + float(rng.uniform(-55, 55)))
    lit = dark or light == "mixed"
    return Scene(
        seed, classes, size, above, camera, finishes, details, openings, tuple(lamps(rng, size, details, lit)), pieces
    )


def viewpoint(rng: Random, size: Triple, near: str) -> Camera:
    """The camera in a southern corner, looking across the room, or before the south wall, looking straight on."""
    width, depth, _ = size
    focal, height = (
        float(rng.choice([24, 24, 26, 28, 31, 35]) * rng.uniform(0.97, 1.03)),
        float(rng.uniform(1.15, 1.55)),
    )
    pitch, roll = float(rng.uniform(-4, 1.5)), float(rng.normal(0, 0.4))
    if rng.random() < 0.28:
        return Camera(
            (float(rng.uniform(0.35, 0.65)) * width, 0.2, height),
            90 + float(rng.normal(0, 4)),
            pitch,
            roll,
            min(focal, 28),
        )
    x, y = float(rng.uniform(0.2, 0.6)), float(rng.uniform(0.2, 0.6))
    target = (float(rng.uniform(0.6, 0.95)) * width, float(rng.uniform(0.75, 1.0)) * depth)
    yaw = float(np.degrees(np.arctan2(target[1] - y, target[0] - x)))
    if near == "E":
        return Camera((width - x, y, height), 180 - yaw, pitch, roll, focal)
    return Camera((x, y, height), yaw, pitch, roll, focal)


def exterior(rng: Random, seed: int, light: str) -> Scene:
    """A house seen from its garden or street; `size` is the house, the camera stands south of it."""
    size = (float(rng.uniform(8, 15)), float(rng.uniform(6, 10)), float(rng.choice([2.9, 5.6, 5.8])))
    wall_class, wall = walls(rng)
    roof = painted(pick(rng, ["4a4d52", "6b3a2b", "3a3533", "7d7a74", "8a4b3a"]), 0.8)
    finishes = {
        "wall": wall,
        "frame": frames(rng),
        "roof": roof,
        "door": painted(pick(rng, ["2f4a4d", "7a3b2e", "1d1f21", "f4f2ee", "8f6a45"]), 0.35),
    }
    finishes["path"] = Finish("concrete", scaled(hexadecimal("8f8c88"), 0.8), hexadecimal("b0ada8"), 0.9)
    storeys = 2 if size[2] > 4 else 1
    openings = []
    count = int(size[0] / float(rng.uniform(2.3, 3.4)))
    door = int(rng.integers(count))
    wide, tall = float(rng.uniform(0.9, 1.6)), float(rng.uniform(1.1, 1.6))
    for storey in range(storeys):
        for i in range(count):
            middle = (i + 0.5) * size[0] / count
            if storey == 0 and i == door:
                openings.append(Opening("door", "S", middle - 0.5, middle + 0.5, 0.0, 2.1))
            else:
                lit = "lit" if light in {"dusk", "night"} and rng.random() < 0.7 else str(rng.choice(["none", "sides"]))
                openings.append(
                    Opening(
                        "window",
                        "S",
                        middle - wide / 2,
                        middle + wide / 2,
                        0.85 + 2.75 * storey,
                        0.85 + tall + 2.75 * storey,
                        (2, 1),
                        lit,
                    )
                )
    away, aside = float(rng.uniform(8, 15)) * (1.25 if storeys == 2 else 1), float(rng.uniform(-0.6, 1.6)) * size[0]
    target = (size[0] * float(rng.uniform(0.4, 0.6)), 0.0)
    yaw = float(np.degrees(np.arctan2(target[1] + away, target[0] - aside)))
    camera = Camera(
        (aside, -away, 1.6), yaw, float(rng.uniform(0.5, 3.5)), float(rng.normal(0, 0.4)), float(rng.uniform(24, 32))
    )
    details = {
        "roof": float(rng.choice([0, 1, 2], p=[0.2, 0.5, 0.3])),
        "pitch": float(rng.uniform(0.35, 0.9)),
        "garage": float(rng.random() < 0.4),
    }
    details |= {
        "trees": float(rng.integers(2, 9)),
        "hedge": float(rng.random() < 0.5),
        "path": float(rng.uniform(1.2, 3.5)),
    }
    above = sky(rng, light, 270 + float(rng.uniform(-130, 130)))
    lights = [
        Lamp("wall", (0.5 * (o.start + o.end) + 0.8, -0.25, 2.1), 2700.0, 1.5, light in {"dusk", "night"})
        for o in openings
        if o.kind == "door"
    ]
    classes = {
        "kind": "exterior",
        "light": light,
        "use": "house",
        "shape": ["flat", "gable", "hip"][int(details["roof"])],
        "walls": wall_class,
        "floor": "garden",
    }
    classes["tone"] = {"white": "white", "cream": "white", "tile": "white", "dark": "dark"}.get(wall_class, "coloured")
    return Scene(seed, classes, size, above, camera, finishes, details, tuple(openings), tuple(lights))
