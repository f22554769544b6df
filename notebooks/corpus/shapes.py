"""Solids in Blender: boxes, cushions, cylinders, blobs, and walls with openings. Metres."""

from __future__ import annotations

import itertools
import math
from typing import Any

import bpy
import numpy as np

from . import materials
from .finishes import Finish
from .furniture import Piece, Triple
from .scenes import Opening

LABELS = {
    "sky": 0,
    "wall": 1,
    "floor": 2,
    "ceiling": 3,
    "frame": 4,
    "door": 5,
    "trim": 6,
    "furniture": 7,
    "lamp": 8,
    "view": 9,
    "pane": 10,
    "garden": 11,
    "roof": 12,
    "curtain": 13,
}
"""What a pixel shows, in the label map; a room's window view is sky, view and pane."""
_FACES = [(0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]


def mesh(points: Any, faces: Any, material: Any, label: str, smooth: bool = False) -> Any:
    """An object of points (n, 3) and faces."""
    data = bpy.data.meshes.new(label)
    data.from_pydata(np.asarray(points, float).tolist(), [], [list(f) for f in faces])
    data.materials.append(material)
    if smooth:
        data.polygons.foreach_set("use_smooth", [True] * len(data.polygons))
    made = bpy.data.objects.new(label, data)
    made.pass_index = LABELS[label]
    bpy.context.scene.collection.objects.link(made)
    return made


def box(low: Triple, high: Triple, material: Any, label: str) -> Any:
    """A box between two corners."""
    (a, b, c), (d, e, f) = low, high
    points = [(a, b, c), (d, b, c), (d, e, c), (a, e, c), (a, b, f), (d, b, f), (d, e, f), (a, e, f)]
    return mesh(points, _FACES, material, label)


def centred(centre: Triple, size: Triple, finish: Finish, label: str, plane: str = "xy") -> Any:
    """A box around a centre."""
    low, high = ([c + s * h / 2 for c, h in zip(centre, size, strict=True)] for s in (-1, 1))
    return box((low[0], low[1], low[2]), (high[0], high[1], high[2]), materials.material(finish, plane), label)


def ball(centre: Triple, size: Triple, material: Any, label: str) -> Any:
    """An ellipsoid."""
    rows, columns = 10, 16
    v, u = np.meshgrid(
        np.linspace(-np.pi / 2, np.pi / 2, rows), np.arange(columns) / columns * 2 * np.pi, indexing="ij"
    )
    unit = np.stack([np.cos(v) * np.cos(u), np.cos(v) * np.sin(u), np.sin(v)], -1)
    points = (unit * np.array(size) / 2 + np.array(centre)).reshape(-1, 3)
    faces = [
        (r * columns + c, r * columns + (c + 1) % columns, (r + 1) * columns + (c + 1) % columns, (r + 1) * columns + c)
        for r in range(rows - 1)
        for c in range(columns)
    ]
    return mesh(points, faces, material, label, smooth=True)


def leaves(centre: Triple, size: Triple, count: int, leaf: float, material: Any, label: str, seed: int) -> Any:
    """A cloud of `count` leaves (tilted triangles about `leaf` metres long) in an ellipsoid's outer part."""
    rng = np.random.default_rng(seed)
    way = rng.normal(0, 1, (count, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    middle = way * (rng.uniform(0.45, 1.0, (count, 1)) * np.array(size) / 2) + np.array(centre)
    corners = middle[:, None] + rng.normal(0, leaf * 0.55, (count, 3, 3))
    return mesh(corners.reshape(-1, 3), np.arange(3 * count).reshape(-1, 3).tolist(), material, label)


def cylinder(centre: Triple, size: Triple, material: Any, label: str) -> Any:
    """An upright cylinder."""
    a = np.arange(24) / 24 * 2 * np.pi
    ring = np.stack([np.cos(a) * size[0] / 2, np.sin(a) * size[1] / 2, 0 * a], -1) + np.array(centre)
    half = np.array([0, 0, size[2] / 2])
    low, high = ring - half, ring + half
    faces = [(i, (i + 1) % 24, 24 + (i + 1) % 24, 24 + i) for i in range(24)]
    return mesh(np.concatenate([low, high]), [*faces, tuple(range(24, 48)), tuple(range(23, -1, -1))], material, label)


def put(piece: Piece, seed: int) -> None:
    """Builds a piece of furniture at its place."""
    cos, sin = math.cos(math.radians(piece.yaw)), math.sin(math.radians(piece.yaw))
    for number, part in enumerate(piece.parts):
        made: Any
        if part.shape == "box":
            made = centred(
                part.centre,
                part.size,
                part.finish,
                "furniture",
                "xz" if part.finish.kind in {"tile", "art", "brick"} else "xy",
            )
            soften(made, 0.006)
        elif part.shape == "soft":
            made = centred(part.centre, part.size, part.finish, "furniture")
            soften(made, 0.28 * min(part.size), 4)
        elif part.shape == "cylinder":
            made = cylinder(part.centre, part.size, materials.material(part.finish), "furniture")
        else:
            made = leaves(part.centre, part.size, 70, 0.09, materials.material(part.finish), "furniture", seed + number)
        made.location = piece.at
        made.rotation_euler = (0.0, 0.0, math.atan2(sin, cos))


def soften(made: Any, radius: float, segments: int = 1) -> None:
    """Rounds an object's edges."""
    bevel = made.modifiers.new("bevel", "BEVEL")
    bevel.width, bevel.segments = radius, segments
    if segments > 1:
        made.data.polygons.foreach_set("use_smooth", [True] * len(made.data.polygons))


class Wall:
    """A wall's own axes: u along it, n from its inner face into the room (out of a house: outside), z up."""

    def __init__(self, name: str, size: Triple, outside: bool = False) -> None:
        self.name, self.outside = name, outside
        self.along_x = name in "SN"
        self.length = size[0] if self.along_x else size[1]
        self.place = {"S": 0.0, "N": size[1], "W": 0.0, "E": size[0]}[name]
        self.inward = (1.0 if name in "SW" else -1.0) * (-1 if outside else 1)

    @property
    def plane(self) -> str:
        """The plane in which it lies."""
        return "xz" if self.along_x else "yz"

    def point(self, u: float, n: float, z: float) -> Triple:
        """The point in the room's axes."""
        m = self.place + self.inward * n
        return (u, m, z) if self.along_x else (m, u, z)

    def box(
        self, u: tuple[float, float], n: tuple[float, float], z: tuple[float, float], material: Any, label: str
    ) -> Any:
        """A box in the wall's axes."""
        one, two = self.point(u[0], n[0], z[0]), self.point(u[1], n[1], z[1])
        low, high = np.minimum(one, two), np.maximum(one, two)
        return box((low[0], low[1], low[2]), (high[0], high[1], high[2]), material, label)

    def build(self, height: float, openings: list[Opening], material: Any, thick: float = 0.2) -> None:
        """The wall with holes in it: strips between all openings' sides, from one hole to the next."""
        first, last = (-thick, self.length + thick)
        if self.outside:
            first, last = (0.0, self.length) if self.along_x else (thick, self.length - thick)
        cuts = sorted({first, last, *(u for o in openings for u in (o.start, o.end))})
        for a, b in itertools.pairwise(cuts):
            bottom = 0.0
            for hole in sorted((o for o in openings if o.start < b - 1e-6 and o.end > a + 1e-6), key=lambda o: o.low):
                if hole.low > bottom:
                    self.box((a, b), (-thick, 0), (bottom, hole.low), material, "wall")
                bottom = hole.high
            self.box((a, b), (-thick, 0), (bottom, height), material, "wall")

    def window(self, o: Opening, frame: Any, trim: Any, glass: Any) -> None:
        """Frame, bars, sill, casing and pane."""
        w, (nu, nz) = 0.06, o.panes
        for u, z in (
            ((o.start, o.end), (o.low, o.low + w)),
            ((o.start, o.end), (o.high - w, o.high)),
            ((o.start, o.start + w), (o.low + w, o.high - w)),
            ((o.end - w, o.end), (o.low + w, o.high - w)),
        ):
            self.box(u, (-0.15, -0.08), z, frame, "frame")
        for i in range(1, nu):
            c = o.start + (o.end - o.start) * i / nu
            self.box((c - 0.035, c + 0.035), (-0.145, -0.085), (o.low, o.high), frame, "frame")
        for i in range(1, nz):
            c = o.low + (o.high - o.low) * i / nz
            self.box((o.start, o.end), (-0.14, -0.09), (c - 0.02, c + 0.02), frame, "frame")
        k = 0.07
        for u, z in (
            ((o.start - k, o.start), (o.low, o.high + k)),
            ((o.end, o.end + k), (o.low, o.high + k)),
            ((o.start, o.end), (o.high, o.high + k)),
        ):
            self.box(u, (0, 0.018), z, trim, "trim")
        if o.low > 0.2:
            self.box((o.start - 0.1, o.end + 0.1), (-0.1, 0.05), (o.low - 0.03, o.low + 0.004), trim, "trim")
        corners = [
            self.point(u, -0.11, z) for u, z in ((o.start, o.low), (o.end, o.low), (o.end, o.high), (o.start, o.high))
        ]
        made = mesh(corners, [(0, 1, 2, 3)], glass, "pane")
        made.visible_shadow = made.visible_diffuse = False

    def door(self, o: Opening, leaf: Any, trim: Any) -> None:
        """A panelled door with its casing and handle."""
        k = 0.08
        for u, z in (
            ((o.start - k, o.start + 0.02), (0, o.high + k)),
            ((o.end - 0.02, o.end + k), (0, o.high + k)),
            ((o.start + 0.02, o.end - 0.02), (o.high - 0.02, o.high + k)),
        ):
            self.box(u, (-0.06, 0.02), z, trim, "trim")
        self.box((o.start, o.end), (-0.09, -0.05), (0, o.high), leaf, "door")
        for low, high in ((0.15, 0.95), (1.1, o.high - 0.15)):
            soften(self.box((o.start + 0.14, o.end - 0.14), (-0.06, -0.038), (low, high), leaf, "door"), 0.012)
        steel = materials.material(Finish("metal", (0.6, 0.6, 0.6), (0.6, 0.6, 0.6), 0.3))
        self.box((o.end - 0.16, o.end - 0.05), (-0.03, 0.0), (1.0, 1.02), steel, "door")
