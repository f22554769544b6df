"""Blender materials from finishes. Patterns lie in metres on the surface; nothing is loaded from files."""

from __future__ import annotations

from typing import Any

import bpy

from .colour import Colour
from .finishes import Finish

_MADE: dict[tuple[Any, ...], Any] = {}

BRICKS = {"planks": (1.4, 0.14, 0.002, 0.37), "tile": (0.4, 0.4, 0.004, 0.0), "brick": (0.22, 0.075, 0.01, 0.5)}
"""Length, height, joint (all in metres) and the rows' offset."""


def reset() -> None:
    """Forgets the materials of the last scene."""
    _MADE.clear()


class Nodes:
    """A material's or world's nodes, made and linked."""

    def __init__(self, tree: Any) -> None:
        self.tree = tree
        tree.nodes.clear()

    def add(self, kind: str, inputs: dict[Any, Any] | None = None, **settings: Any) -> Any:
        """A node; an input is a number, a colour, or another node's output."""
        node = self.tree.nodes.new(kind)
        for key, value in settings.items():
            setattr(node, key, value)
        for key, value in (inputs or {}).items():
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, node.inputs[key])
            else:
                node.inputs[key].default_value = (
                    (*value, 1.0) if isinstance(value, tuple) and node.inputs[key].type == "RGBA" else value
                )
        return node

    def mix(self, factor: Any, one: Any, two: Any) -> Any:
        """Between two colours."""
        return self.add("ShaderNodeMix", {0: factor, 6: one, 7: two}, data_type="RGBA").outputs[2]

    def math(self, operation: str, one: Any, two: Any = 0.0) -> Any:
        """A sum, product and so on of two numbers."""
        return self.add("ShaderNodeMath", {0: one, 1: two}, operation=operation).outputs[0]

    def place(self, plane: str, scale: tuple[float, float, float] = (1, 1, 1)) -> Any:
        """The point in metres on its object, the surface's plane (xy, xz or yz) turned to the first two axes."""
        point = self.add("ShaderNodeTexCoord").outputs["Object"]
        if plane != "xy":
            parts = self.add("ShaderNodeSeparateXYZ", {0: point}).outputs
            first, second, third = (parts[i] for i in ((0, 2, 1) if plane == "xz" else (1, 2, 0)))
            point = self.add("ShaderNodeCombineXYZ", {0: first, 1: second, 2: third}).outputs[0]
        return self.add("ShaderNodeMapping", {"Vector": point, "Scale": scale}).outputs[0]

    def noise(self, point: Any, scale: float, detail: float = 3.0) -> Any:
        """Noise of 0 to 1 with `scale` waves in a metre."""
        return self.add("ShaderNodeTexNoise", {"Vector": point, "Scale": scale, "Detail": detail}).outputs[0]


def material(finish: Finish, plane: str = "xy") -> Any:
    """The material of a finish on a surface that lies in `plane`."""
    key = (finish, plane)
    if key not in _MADE:
        _MADE[key] = _material(finish, plane)
    return _MADE[key]


def _colour(nodes: Nodes, finish: Finish, plane: str) -> tuple[Any, Any]:
    """The colour's output and one that is used as height, or None."""
    if finish.kind in {"paint", "metal"}:
        tint = nodes.noise(nodes.place(plane), 1.5)
        return nodes.mix(nodes.math("MULTIPLY", tint, 0.12), finish.colour, (0.0, 0.0, 0.0)), None
    if finish.kind in BRICKS:
        length, high, joint, offset = BRICKS[finish.kind]
        values = {
            "Vector": nodes.place(plane),
            "Color1": (0.0, 0.0, 0.0),
            "Color2": (1.0, 1.0, 1.0),
            "Mortar": (0.5, 0.5, 0.5),
        }
        values |= {"Scale": 1.0, "Mortar Size": joint, "Mortar Smooth": 0.1, "Brick Width": length, "Row Height": high}
        brick = nodes.add("ShaderNodeTexBrick", values, offset=offset)
        grain = nodes.noise(nodes.place(plane, (1.5, 22, 22) if finish.kind == "planks" else (6, 6, 6)), 2.2, 6)
        share = nodes.math("ADD", nodes.math("MULTIPLY", brick.outputs[0], 0.45), nodes.math("MULTIPLY", grain, 0.55))
        joints = tuple(0.25 * c for c in finish.colour) if finish.kind == "planks" else (0.45, 0.43, 0.4)
        body = nodes.mix(share, finish.colour, finish.second)
        return nodes.mix(brick.outputs[1], body, joints), nodes.math("MULTIPLY", brick.outputs[1], -1.0)
    scale = {
        "wood": (1.5, 18.0, 18.0),
        "art": (1.0, 1.0, 1.0),
        "concrete": (6.0, 6.0, 6.0),
        "grass": (0.5, 0.5, 0.5),
    }.get(finish.kind, (90.0, 90.0, 90.0))
    grain = nodes.noise(nodes.place(plane, scale), 2.0, 5)
    if finish.kind == "grass":
        grain = nodes.math(
            "ADD",
            nodes.math("MULTIPLY", grain, 0.5),
            nodes.math("MULTIPLY", nodes.noise(nodes.place(plane), 40.0, 2), 0.5),
        )
    share = nodes.add("ShaderNodeMapRange", {0: grain, 1: 0.35, 2: 0.65}).outputs[0]
    return nodes.mix(share, finish.colour, finish.second), grain if finish.kind == "fabric" else None


def _material(finish: Finish, plane: str) -> Any:
    made = bpy.data.materials.new(finish.kind)
    made.use_nodes = True
    nodes = Nodes(made.node_tree)
    colour, height = _colour(nodes, finish, plane)
    values: dict[Any, Any] = {
        "Base Color": colour,
        "Roughness": finish.rough,
        "Metallic": 1.0 if finish.kind == "metal" else 0.0,
    }
    if height is not None:
        values["Normal"] = nodes.add("ShaderNodeBump", {"Height": height, "Strength": 0.3, "Distance": 0.004}).outputs[
            0
        ]
    body = nodes.add("ShaderNodeBsdfPrincipled", values)
    nodes.add("ShaderNodeOutputMaterial", {0: body.outputs[0]})
    return made


def emission(colour: Colour, strength: float) -> Any:
    """A surface that shines, of a radiance."""
    made = bpy.data.materials.new("light")
    made.use_nodes = True
    nodes = Nodes(made.node_tree)
    nodes.add("ShaderNodeOutputMaterial", {0: nodes.add("ShaderNodeEmission", {0: colour, 1: strength}).outputs[0]})
    return made


def veil(colour: Colour, open_share: float) -> Any:
    """A curtain: light passes through it, and part of it passes straight."""
    made = bpy.data.materials.new("veil")
    made.use_nodes = True
    nodes = Nodes(made.node_tree)
    parts = [nodes.add(kind, {0: colour}).outputs[0] for kind in ("ShaderNodeBsdfDiffuse", "ShaderNodeBsdfTranslucent")]
    cloth = nodes.add("ShaderNodeMixShader", {0: 0.4, 1: parts[0], 2: parts[1]}).outputs[0]
    clear = nodes.add("ShaderNodeBsdfTransparent").outputs[0]
    nodes.add(
        "ShaderNodeOutputMaterial",
        {0: nodes.add("ShaderNodeMixShader", {0: open_share, 1: cloth, 2: clear}).outputs[0]},
    )
    return made


def pane() -> Any:
    """Window glass: clear straight on, a mirror at grazing angles."""
    made = bpy.data.materials.new("pane")
    made.use_nodes = True
    nodes = Nodes(made.node_tree)
    factor = nodes.add("ShaderNodeFresnel", {0: 1.45}).outputs[0]
    clear, mirror = (
        nodes.add("ShaderNodeBsdfTransparent").outputs[0],
        nodes.add("ShaderNodeBsdfGlossy", {"Roughness": 0.0}).outputs[0],
    )
    nodes.add(
        "ShaderNodeOutputMaterial", {0: nodes.add("ShaderNodeMixShader", {0: factor, 1: clear, 2: mirror}).outputs[0]}
    )
    return made
