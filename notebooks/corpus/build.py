"""Builds a scene in Blender: rooms, houses, what is outside, lights and the camera."""

from __future__ import annotations

import math
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

from . import materials, shapes
from .colour import Colour, hexadecimal, kelvin, scaled
from .finishes import Finish, painted
from .materials import material
from .scenes import Camera, Opening, Scene, Sky
from .shapes import Wall

BULB = 0.8
"""The power of a bulb of 800 lumens where an overcast sky's radiance is 1 (10,000 lux on the ground)."""


def build(scene: Scene) -> None:
    """Makes the scene the only one."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    materials.reset()
    world(scene.sky, scene.seed)
    if scene.classes["kind"] == "interior":
        room(scene)
        outside(scene)
    else:
        house(scene)
    for lamp in scene.lamps:
        _lamp(lamp.kind, lamp.at, scaled(kelvin(lamp.kelvin), lamp.power * BULB if lamp.on else 0.0), scene.size[2])
    camera(scene.camera)


def world(sky: Sky, seed: int) -> None:
    """The sky: a gradient with clouds; the sun is a lamp of its own, so that it lights without noise."""
    made = bpy.data.worlds.new("sky")
    bpy.context.scene.world = made
    made.use_nodes = True
    nodes = materials.Nodes(made.node_tree)
    direction = nodes.add("ShaderNodeTexCoord").outputs["Generated"]
    up = nodes.add("ShaderNodeSeparateXYZ", {0: direction}).outputs[2]
    rise = nodes.math("POWER", nodes.math("MAXIMUM", up, 0.0), 0.5)
    clear = nodes.mix(rise, sky.horizon, sky.zenith)
    flat = nodes.add(
        "ShaderNodeMapping", {"Vector": direction, "Scale": (1.0, 1.0, 3.0), "Location": (seed % 97, seed % 89, 0.0)}
    ).outputs[0]
    noise = nodes.noise(flat, 2.2, 8)
    share = nodes.add("ShaderNodeMapRange", {0: noise, 1: 0.5, 2: 0.68}).outputs[0]
    white = scaled((1.0, 1.0, 1.0), max(sky.horizon) * 1.05)
    clouded = nodes.mix(
        nodes.math("MULTIPLY", share, sky.clouds),
        clear,
        white if sky.sun or sky.horizon[1] < 0.1 else scaled(sky.horizon, 0.6),
    )
    ground = nodes.mix(nodes.math("GREATER_THAN", up, -0.02), scaled(sky.horizon, 0.25), clouded)
    back = nodes.add("ShaderNodeBackground", {0: ground, 1: 1.0}).outputs[0]
    nodes.add("ShaderNodeOutputWorld", {0: back})
    made.cycles.sampling_method = "MANUAL"
    made.cycles.sample_map_resolution = 256
    if sky.sun:
        light = _light("SUN", (0.0, 0.0, 0.0), sky.sun)
        light.data.angle = math.radians(0.6)
        e, a = math.radians(sky.sun_elevation), math.radians(sky.sun_azimuth)
        towards = Vector((-math.cos(e) * math.cos(a), -math.cos(e) * math.sin(a), -math.sin(e)))
        light.rotation_euler = towards.to_track_quat("-Z", "Y").to_euler()


def _light(kind: str, at: tuple[float, float, float], power: Colour) -> Any:
    """A light; the largest of `power` becomes its energy."""
    data = bpy.data.lights.new("light", kind)
    data.energy = max(power)
    data.color = scaled(power, 1 / max(*power, 1e-9))
    made = bpy.data.objects.new("light", data)
    made.location = at
    bpy.context.scene.collection.objects.link(made)
    return made


def _lamp(kind: str, at: tuple[float, float, float], power: Colour, height: float) -> None:
    """A lamp with a shade that is bright to the camera and lights nothing itself."""
    on = max(power) > 0
    glow = (
        materials.emission(scaled(power, 1 / max(*power, 1e-9)), 0.07 * max(power))
        if on
        else material(painted((0.75, 0.73, 0.7), 0.7))
    )
    x, y, z = at
    steel = material(painted((0.03, 0.03, 0.03), 0.4))
    if kind == "spot":
        shade = shapes.cylinder((x, y, z - 0.004), (0.1, 0.1, 0.008), glow, "lamp")
        light = _light("SPOT", (x, y, z - 0.03), scaled(power, 2.5))
        light.data.spot_size, light.data.spot_blend = math.radians(125), 0.8
    else:
        size = {
            "ceiling": (0.4, 0.4, 0.1),
            "pendant": (0.32, 0.32, 0.2),
            "floor": (0.32, 0.32, 0.24),
            "wall": (0.14, 0.14, 0.22),
        }[kind]
        form = shapes.ball if kind == "ceiling" else shapes.cylinder
        shade = form(at, size, glow, "lamp")
        light = _light("POINT", (x, y, z - (0.12 if kind == "ceiling" else 0)), power)
        if kind == "pendant":
            shapes.cylinder((x, y, (z + height) / 2), (0.012, 0.012, height - z), steel, "lamp")
        if kind == "floor":
            shapes.cylinder((x, y, z / 2), (0.025, 0.025, z), steel, "lamp")
            shapes.cylinder((x, y, 0.015), (0.28, 0.28, 0.03), steel, "lamp")
    light.data.shadow_soft_size = 0.09
    light.visible_camera = light.visible_glossy = False
    shade.visible_shadow = shade.visible_diffuse = False


def camera(of: Camera) -> None:
    """The camera of a scene."""
    data = bpy.data.cameras.new("camera")
    data.sensor_width, data.lens, data.clip_start, data.clip_end = 36.0, of.focal, 0.05, 2000.0
    made = bpy.data.objects.new("camera", data)
    turn = (
        Matrix.Rotation(math.radians(of.yaw - 90), 4, "Z")
        @ Matrix.Rotation(math.radians(90 + of.pitch), 4, "X")
        @ Matrix.Rotation(math.radians(of.roll), 4, "Z")
    )
    made.matrix_world = Matrix.Translation(of.at) @ turn
    bpy.context.scene.collection.objects.link(made)
    bpy.context.scene.camera = made


def room(scene: Scene) -> None:
    """Walls with windows, floor, ceiling and furniture."""
    (width, depth, height), made = scene.size, scene.finishes
    trim, frame, glass = material(made["trim"]), material(made["frame"]), materials.pane()
    shapes.box((-0.2, -0.2, -0.15), (width + 0.2, depth + 0.2, 0), material(made["floor"]), "floor")
    shapes.box((-0.2, -0.2, height), (width + 0.2, depth + 0.2, height + 0.2), material(made["ceiling"]), "ceiling")
    for name in "SNWE":
        wall = Wall(name, scene.size)
        own = [o for o in scene.openings if o.wall == name]
        main = scene.openings[0].wall if scene.openings else "N"
        wall.build(height, own, material(made["accent" if name == main else "wall"], wall.plane))
        doors = sorted((o.start, o.end) for o in own if o.low < 0.1)
        edge = 0.0
        for start, end in [*doors, (wall.length, wall.length)]:
            wall.box((edge, start), (0, 0.015), (0, 0.1), trim, "trim")
            edge = end
        for o in own:
            if o.kind == "door":
                wall.door(o, trim, trim)
                continue
            wall.window(o, frame, trim, glass)
            _portal(wall, o)
            _curtain(wall, o, made["curtain"], scene.seed)
    _forms(scene)
    for number, piece in enumerate(scene.pieces):
        shapes.put(piece, scene.seed + 100 * number)


def _portal(wall: Wall, o: Opening) -> None:
    """Tells Cycles where the sky's light comes in."""
    light = _light("AREA", wall.point((o.start + o.end) / 2, -0.19, (o.low + o.high) / 2), (1.0, 1.0, 1.0))
    light.data.shape = "RECTANGLE"
    light.data.size, light.data.size_y = o.end - o.start, o.high - o.low
    inward = Vector(wall.point(0, 1, 0)) - Vector(wall.point(0, 0, 0))
    light.rotation_euler = inward.to_track_quat("-Z", "Z").to_euler()
    light.data.cycles.is_portal = True


def _curtain(wall: Wall, o: Opening, finish: Finish, seed: int) -> None:
    """Curtains at the sides, a sheer one across, or a blind that is half down."""
    if o.curtain == "none":
        return
    cloth = materials.veil(
        (0.75, 0.74, 0.72) if o.curtain == "sheer" else finish.second, 0.35 if o.curtain == "sheer" else 0.0
    )
    top, bottom = o.high + 0.14, max(0.03, o.low - 0.2 if o.curtain == "sheer" else 0.03)
    if o.curtain == "blind":
        wall.box(
            (o.start - 0.04, o.end + 0.04),
            (0.03, 0.034),
            (o.low + (0.55 + 0.01 * (seed % 30)) * (o.high - o.low), top),
            cloth,
            "curtain",
        )
        return
    reach = 0.14 * (o.end - o.start)
    spans = (
        [(o.start - 0.1, o.end + 0.1)]
        if o.curtain == "sheer"
        else [(o.start - 0.22, o.start + reach), (o.end - reach, o.end + 0.22)]
    )
    for a, b in spans:
        u = np.linspace(a, b, int((b - a) / 0.02) + 2)
        n = 0.09 + 0.035 * np.sin(u * 48 + seed)
        points = [wall.point(float(p), float(q), z) for z in (bottom, top) for p, q in zip(u, n, strict=True)]
        count = len(u)
        shapes.mesh(
            points, [(i, i + 1, count + i + 1, count + i) for i in range(count - 1)], cloth, "curtain", smooth=True
        )
    rod = material(painted((0.05, 0.05, 0.05), 0.4))
    wall.box((o.start - 0.3, o.end + 0.3), (0.08, 0.1), (top, top + 0.02), rod, "trim")


def _forms(scene: Scene) -> None:
    """An L-shaped room's block, a sloped ceiling, beams."""
    (width, depth, height), made, d = scene.size, scene.finishes, scene.details
    east = d["far"] > 0
    if d["notch_wide"]:
        a, b = (width - d["notch_wide"], width) if east else (0.0, d["notch_wide"])
        front, edge = depth - d["notch_deep"], a if east else b - 0.05
        shapes.box((a, front, 0.0), (b, front + 0.05, height), material(made["wall"], "xz"), "wall")
        shapes.box((edge, front + 0.05, 0.0), (edge + 0.05, depth, height), material(made["wall"], "yz"), "wall")
    if d["slope_low"]:
        near, far = (width - d["slope_run"], width + 0.1) if east else (d["slope_run"], -0.1)
        points = [(near, y, height) for y in (-0.1, depth + 0.1)] + [
            (far, y, d["slope_low"]) for y in (depth + 0.1, -0.1)
        ]
        points += [(x, y, z + 0.1) for x, y, z in points]
        faces = [(0, 1, 2, 3), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]
        shapes.mesh(points, faces, material(made["ceiling"]), "ceiling")
    if scene.classes["shape"] == "beamed":
        count = int(depth / 0.9)
        for i in range(count):
            y = (i + 0.5) * depth / count
            shapes.box((0, y - 0.07, height - 0.18), (width, y + 0.07, height), material(made["beam"]), "ceiling")


def outside(scene: Scene) -> None:
    """What windows show: ground, hedges, trees and houses, some with lit windows after dark."""
    rng = np.random.default_rng([scene.seed, 7])
    width, depth, _ = scene.size
    z = -scene.details["storey"]
    ground = (
        Finish("grass", hexadecimal("3d5226"), hexadecimal("5f7a3a"))
        if rng.random() < 0.65
        else Finish("concrete", hexadecimal("77746f"), hexadecimal("9b9791"))
    )
    shapes.box((-900, -900, z - 0.2), (900, 900, z), material(ground), "view")
    dark = scene.classes["light"] in {"lamplight", "dusk"}
    for side, (x, y) in {"N": (0, 1), "S": (0, -1), "E": (1, 0), "W": (-1, 0)}.items():
        if not any(o.wall == side and o.kind == "window" for o in scene.openings):
            continue
        edge = {"N": depth, "S": 0.0, "E": width, "W": 0.0}[side]
        away, step = float(rng.uniform(8, 45)), -30.0
        while step < 40:
            wide, tall = float(rng.uniform(6, 14)), float(rng.uniform(4, 16 if away > 20 else 8))
            if rng.random() < 0.7:
                _neighbour(rng, (x, y), edge, (step, away), (wide, tall, z), dark)
            step += wide + float(rng.uniform(0.5, 9))
        count = int(rng.integers(3, 12))
        for i in range(count + 14):
            far, along, tall = float(rng.uniform(5, 28)), float(rng.uniform(-14, 18)), float(rng.uniform(1.5, 8))
            if i >= count:  # A row far away, so that nothing ends in a bare horizon.
                far, along, tall = (
                    float(rng.uniform(50, 75)),
                    -70 + 10.0 * (i - count) + float(rng.uniform(-4, 4)),
                    float(rng.uniform(6, 12)),
                )
            at = (along, edge + y * far) if y else (edge + x * far, along)
            tree(rng, (at[0], at[1], z), tall, "view")


def _neighbour(
    rng: np.random.Generator,
    way: tuple[int, int],
    edge: float,
    at: tuple[float, float],
    size: tuple[float, float, float],
    dark: bool,
) -> None:
    """A house across the street, with windows on the side that is seen."""
    (x, y), (along, away), (wide, tall, z) = way, at, size
    front, back = edge + (x + y) * away, edge + (x + y) * (away + 8)
    low, high = sorted((front, back))
    codes = ["a5523a", "c9b99b", "d8d4cc", "8d8a86", "b0775a", "e3d3b5"]
    finish = painted(hexadecimal(codes[int(rng.integers(len(codes)))]), 0.8)
    roof = painted(hexadecimal("5a4038" if rng.random() < 0.5 else "4a4d52"), 0.8)
    for finish_, bottom, top, out in ((finish, z, z + tall, 0.0), (roof, z + tall, z + tall + 0.6, 0.4)):
        a, b = (along - out, low - out, bottom), (along + wide + out, high + out, top)
        if x:
            a, b = (a[1], a[0], a[2]), (b[1], b[0], b[2])
        shapes.box(a, b, material(finish_), "view")
    lit, unlit = materials.emission(kelvin(2700), 0.05), material(painted((0.03, 0.035, 0.04), 0.1))
    for row in range(int(tall / 2.8)):
        for column in range(int(wide / 2.2)):
            u, v, near = along + 0.7 + 2.2 * column, z + 1.0 + 2.8 * row, front - (x + y) * 0.05
            pane = lit if dark and rng.random() < 0.3 else unlit
            corners = [(u, near, v), (u + 1.1, near, v), (u + 1.1, near, v + 1.3), (u, near, v + 1.3)]
            shapes.mesh([(q, p, r) if x else (p, q, r) for p, q, r in corners], [(0, 1, 2, 3)], pane, "view")


def tree(rng: np.random.Generator, at: tuple[float, float, float], tall: float, label: str) -> None:
    """A tree, or a bush where it is low."""
    g = float(rng.uniform(0.6, 1.3))
    leaf = material(Finish("fabric", (0.035 * g, 0.075 * g, 0.018 * g), (0.08 * g, 0.15 * g, 0.03 * g), 0.8))
    shapes.cylinder(
        (at[0], at[1], at[2] + tall * 0.25),
        (tall * 0.05, tall * 0.05, tall * 0.5),
        material(painted((0.07, 0.05, 0.035))),
        label,
    )
    for _ in range(4):
        spread = rng.uniform(-0.2, 0.2, 2) * tall
        size = float(rng.uniform(0.35, 0.6)) * tall
        middle = (at[0] + spread[0], at[1] + spread[1], at[2] + float(rng.uniform(0.4, 0.8)) * tall)
        shapes.leaves(middle, (size, size, size * 0.8), 240, 0.1 + 0.04 * tall, leaf, label, int(rng.integers(1 << 30)))


def house(scene: Scene) -> None:
    """A house, its garden, path, trees and perhaps a garage."""
    (width, depth, height), made, d = scene.size, scene.finishes, scene.details
    rng = np.random.default_rng([scene.seed, 8])
    shapes.box(
        (-900, -900, -0.3),
        (900, 900, 0),
        material(Finish("grass", hexadecimal("34491f"), hexadecimal("5d7a38"), 0.9)),
        "garden",
    )
    front = Wall("S", scene.size, outside=True)
    front.build(height, list(scene.openings), material(made["wall"], "xz"))
    for name in "NWE":
        side = Wall(name, scene.size, outside=True)
        side.build(height, [], material(made["wall"], side.plane))
    shapes.box((0.2, 0.9, 0), (width - 0.2, depth - 0.2, height), material(painted((0.35, 0.33, 0.3))), "wall")
    _facade(scene, front, rng)
    _roof(scene)
    if d["garage"]:
        shapes.box((width + 0.2, 0.5, 0), (width + 3.6, 6.5, 2.6), material(made["wall"], "xz"), "wall")
        shapes.box((width + 0.5, 0.46, 0), (width + 3.3, 0.5, 2.2), material(made["door"]), "door")
        shapes.box((width + 0.1, 0.3, 2.6), (width + 3.8, 6.6, 2.75), material(made["roof"]), "roof")
        shapes.box((width + 0.4, -40, 0), (width + 3.4, 0.4, 0.03), material(made["path"]), "garden")
    for _ in range(int(d["trees"])):
        x, y = float(rng.uniform(-18, width + 18)), float(rng.uniform(-5, 26))
        if x < -2 or x > width + 6 or y > depth + 2:
            tree(rng, (x, y, 0), float(rng.uniform(2.5, 9)), "garden")
    for i in range(34):
        a, r = math.radians(i * 6 - 15), float(rng.uniform(42, 75))
        tree(rng, (width / 2 + r * math.cos(a), depth + r * math.sin(a), 0), float(rng.uniform(5, 13)), "garden")
    for i in range(int(width / 1.1)):
        if d["hedge"] and not any(o.kind == "door" and o.start - 1 < i * 1.1 < o.end + 0.6 for o in scene.openings):
            tree(rng, (i * 1.1 + 0.4, -0.9, -0.35), float(rng.uniform(0.9, 1.3)), "garden")


def _facade(scene: Scene, front: Wall, rng: np.random.Generator) -> None:
    """The front's doors with the path that leads there, its windows and what is behind them."""
    made, d = scene.finishes, scene.details
    frame, glass, trim = material(made["frame"]), materials.pane(), material(made["frame"])
    for o in scene.openings:
        if o.kind == "door":
            front.door(o, material(made["door"]), trim)
            middle = (o.start + o.end) / 2
            shapes.box(
                (middle - d["path"] / 2, -40, 0), (middle + d["path"] / 2, -0.3, 0.02), material(made["path"]), "garden"
            )
            continue
        front.window(o, frame, trim, glass)
        if o.curtain == "lit":
            glow = materials.emission(kelvin(float(rng.uniform(2400, 3300))), float(rng.uniform(0.015, 0.05)))
            shapes.mesh(
                [
                    front.point(u, -0.6, z)
                    for u, z in (
                        (o.start - 0.4, o.low - 0.4),
                        (o.end + 0.4, o.low - 0.4),
                        (o.end + 0.4, o.high + 0.4),
                        (o.start - 0.4, o.high + 0.4),
                    )
                ],
                [(0, 1, 2, 3)],
                glow,
                "wall",
            )
        elif o.curtain == "sides":
            veil = materials.veil((0.7, 0.69, 0.66), 0.0)
            for a, b in ((o.start, o.start + 0.2), (o.end - 0.2, o.end)):
                front.box((a, b), (-0.22, -0.2), (o.low, o.high), veil, "curtain")


def _roof(scene: Scene) -> None:
    """A flat, gabled or hipped roof."""
    (width, depth, height), d = scene.size, scene.details
    roof, out = material(scene.finishes["roof"]), 0.45
    if d["roof"] == 0:
        shapes.box((-out, -out, height), (width + out, depth + out, height + 0.35), roof, "roof")
        return
    rise, inset = d["pitch"] * depth / 2, depth / 2 if d["roof"] == 2 else -out
    base = [(-out, -out), (width + out, -out), (width + out, depth + out), (-out, depth + out)]
    points = [(x, y, height) for x, y in base] + [
        (inset, depth / 2, height + rise),
        (width - inset, depth / 2, height + rise),
    ]
    shapes.mesh(points, [(0, 1, 5, 4), (2, 3, 4, 5), (0, 1, 2, 3)], roof, "roof")
    ends = roof if d["roof"] == 2 else material(scene.finishes["wall"], "yz")
    shapes.mesh(points, [(1, 2, 5), (3, 0, 4)], ends, "roof" if d["roof"] == 2 else "wall")
    shapes.box(
        (-out, -out, height - 0.18), (width + out, -out + 0.12, height), material(scene.finishes["frame"]), "trim"
    )
