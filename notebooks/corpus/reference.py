"""What a good photographer delivers of a render: exposure, white balance and window view by a stated rule.

Pictures are (h, w, 3) of linear sRGB unless said; labels and masks are (h, w).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .colour import Array, encode, luminance

Mask = NDArray[np.bool_]

SKY, LAMP, VIEW, PANE, CURTAIN = 0, 8, 9, 10, 13
"""Labels of `shapes.LABELS`."""
KNEE = 0.6
"""Linear light above which highlights are compressed."""
NEUTRAL = {"day": 1.0, "overcast": 1.0, "mixed": 1.0, "lamplight": 0.85, "dusk": 0.85, "night": 0.5}
"""The share of the dominant light's colour that is taken away; what is left is the warmth that lamplight keeps."""
LEVEL = {"day": 1.0, "overcast": 1.0, "mixed": 1.0, "lamplight": 0.78, "dusk": 0.75, "night": 0.3}
"""Brightness beside that of daylight: an evening stays an evening."""


@dataclass(frozen=True)
class Render:
    """A render: light, the surfaces' own colour, labels, and the scene's description."""

    light: Array
    paint: Array
    labels: NDArray[np.uint8]
    scene: dict[str, Any]

    @property
    def classes(self) -> dict[str, str]:
        """What tests are grouped by."""
        found: dict[str, str] = self.scene["classes"]
        return found

    @property
    def view(self) -> Mask:
        """What is seen through windows, nothing of a house from outside."""
        if self.classes["kind"] == "exterior":
            return np.zeros(self.labels.shape, bool)
        return np.isin(self.labels, (SKY, VIEW, PANE))

    @property
    def veiled(self) -> Mask:
        """Sheer curtains and blinds before windows, with the day behind them."""
        sheer = any(o["curtain"] in {"sheer", "blind"} for o in self.scene["openings"])
        return np.asarray((self.labels == CURTAIN) & sheer & (self.classes["kind"] == "interior"))

    @property
    def subject(self) -> Mask:
        """The pixels that are metered: neither view nor sky nor lamps nor curtains."""
        return ~self.view & ~np.isin(self.labels, (SKY, LAMP, CURTAIN))


@dataclass(frozen=True)
class Reference:
    """`scene` is exposed and balanced light with the view as bright as it is, `picture` with the view brought down.

    Both are linear, before the shoulder; `gains` (3) and `exposure` are the factors, `view_gain` that of the view.
    """

    scene: Array
    picture: Array
    gains: Array
    exposure: float
    view_gain: float

    def encoded(self) -> Array:
        """The clean reference, sRGB 0..1."""
        return encode(shoulder(self.picture))


def load(path: Path) -> Render:
    """A render by the path of its `.npz`."""
    with np.load(path) as stored:
        light, paint, labels = stored["light"].astype(np.float32), stored["paint"].astype(np.float32), stored["labels"]
    return Render(light, paint, labels, json.loads(path.with_suffix(".json").read_text()))


def shoulder(linear: Array, knee: float = KNEE) -> Array:
    """Compresses highlights smoothly below 1: the same up to the knee, its slope never falls to nothing."""
    over = np.maximum(linear - knee, 0) / (1 - knee)
    return np.where(linear < knee, linear, 1 - (1 - knee) * np.exp(-over)).astype(np.float32)


def dominant(render: Render) -> Array:
    """The colour (3, luminance 1) of the light on matte surfaces; brightness beyond the median counts no more."""
    matte = render.subject & (render.paint.min(-1) > 0.03)
    if matte.sum() < 500:
        return np.ones(3, np.float32)
    falling = render.light[matte] / render.paint[matte]
    bright = np.maximum(luminance(falling), 1e-9)
    weight = np.minimum(bright, np.median(bright)) / bright
    colour = (falling * weight[:, None]).mean(0)
    return np.asarray(colour / luminance(colour), np.float32)


def exposure(render: Render, balanced: Array) -> float:
    """The factor that exposes the metered pixels.

    Their mean brightness (geometric) becomes 0.34 where their surfaces reflect 40 % in the mean; a white room becomes
    brighter and a dark room stays darker, by the power 0.6 of what they reflect. At most 15 % of them may pass 0.85.
    """
    bright = np.maximum(luminance(balanced), 1e-7)[render.subject]
    own = luminance(render.paint)[render.subject]
    own = own[own > 0.01]
    reflects = float(np.exp(np.log(own).mean())) if own.size else 0.4
    outdoors = render.classes["kind"] == "exterior"
    aim = (0.25 * (reflects / 0.25) ** 0.5 if outdoors else 0.34 * (reflects / 0.4) ** 0.6) * LEVEL[
        render.classes["light"]
    ]
    factor = float(np.clip(aim, 0.03, 0.5) / np.exp(np.log(bright).mean()))
    sky = luminance(balanced)[render.labels == SKY]
    if outdoors and sky.size > 100:
        factor = min(factor, 1.1 / float(np.median(sky)))
    return min(factor, 0.85 / float(np.percentile(bright, 85)))


def develop(render: Render, above: float) -> Reference:
    """The reference of a render; the window view's median comes `above` EV over that of the room, at most to 0.7.

    Of sheer curtains and blinds, each EV over 0.4 becomes 0.1.
    """
    light = render.classes["light"]
    outdoors = render.classes["kind"] == "exterior"
    strength = NEUTRAL[light] * (0.4 if outdoors and light == "dusk" else 1.0)
    gains = dominant(render) ** -strength
    gains = (gains / luminance(gains)).astype(np.float32)
    balanced = render.light * gains
    factor = exposure(render, balanced)
    scene = (balanced * factor).astype(np.float32)
    bright = luminance(scene)
    view_level = min(float(np.median(bright[render.subject])) * 2**above, 0.7)
    view, gain = render.view, 1.0
    if view.sum() > 50:
        gain = min(1.0, view_level / max(float(np.median(bright[view])), 1e-6))
    veil = np.where(bright > 0.4, (0.4 + 0.1 * np.log2(np.maximum(bright, 0.4) / 0.4)) / np.maximum(bright, 0.4), 1)
    wide: Any = cv2.dilate(view.astype(np.uint8), np.ones((5, 5), np.uint8))
    rim = (wide > 0) & (gain < 1)
    mixed = np.minimum(1, view_level / np.maximum(bright, 1e-6))  # Pixels of a frame that the day behind shines into.
    factors = np.where(view, gain, np.where(render.veiled, veil, np.where(rim, mixed, 1))).astype(np.float32)
    soft: Any = cv2.GaussianBlur(factors, (0, 0), 0.7)
    return Reference(scene, np.asarray(scene * soft[..., None], np.float32), gains, factor, gain)
