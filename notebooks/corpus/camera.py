"""A camera that makes mistakes: exposure, white balance, vignetting, noise, its maker's tone curve, JPEG.

Light is (h, w, 3), linear sRGB where 1 is white; files are sRGB bytes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from .colour import Array, Colour, encode, kelvin, luminance
from .finishes import Random
from .reference import KNEE, shoulder

PLAIN = (0.0, KNEE, 1.0, 0.0)
CURVES = {
    "hard": (0.25, 0.97, 1.05, 0.0),
    "film": (0.5, 0.45, 1.12, 0.0),
    "phone": (0.15, 0.5, 1.15, 0.35),
    "flat": (-0.25, 0.4, 0.9, 0.1),
    "portrait": (0.1, 0.55, 0.95, 0.0),
}
"""Makers' curves: contrast, the knee of highlights, saturation, how far shadows are lifted. Names of no maker."""
BODIES = [
    ("Camera One", "C1-24"),
    ("Camera Two", "C2-45"),
    ("Phonemaker", "P7"),
    ("Camera Three", "C3-Pro"),
    ("Camera Four", "C4-30"),
]


@dataclass(frozen=True)
class Shot:
    """How a photo is taken, by default without a fault. `cast`, and `second` towards a side, are factors of R, G, B.

    `turn` is in degrees, `shift` in pixels to the right and down, both of the camera's picture against the reference.
    """

    ev: float = 0.0
    cast: Colour = (1.0, 1.0, 1.0)
    second: Colour | None = None
    side: float = 0.0
    curve: tuple[float, float, float, float] = PLAIN
    maker: str = "plain"
    iso: int = 0
    vignetting: float = 0.0
    glare: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    turn: float = 0.0
    quality: int = 95

    def document(self) -> dict[str, Any]:
        """What is written about it."""
        return asdict(self)


def cast(rng: Random) -> Colour:
    """A wrong white balance: -70 to +110 mired from right, and a little green or magenta."""
    one, right = np.array(kelvin(1e6 / (154 + float(rng.uniform(-70, 110))))), np.array(kelvin(1e6 / 154))
    tinted = one / right * [1, float(np.exp(rng.normal(0, 0.035))), 1]
    tinted /= float(luminance(tinted.astype(np.float32)))
    return float(tinted[0]), float(tinted[1]), float(tinted[2])


def fault(rng: Random) -> Shot:
    """A faulty single photo: -2 to +1.5 EV, a cast of one light or two, a maker's curve, ISO 100 to 3200."""
    name = str(rng.choice(list(CURVES)))
    curve = CURVES[name]
    return Shot(
        ev=float(rng.uniform(-2, 1.5)),
        cast=cast(rng) if rng.random() < 0.8 else (1.0, 1.0, 1.0),
        second=cast(rng) if rng.random() < 0.25 else None,
        side=float(rng.uniform(0, 360)),
        curve=(curve[0] + float(rng.normal(0, 0.06)), curve[1], curve[2] * float(rng.uniform(0.95, 1.05)), curve[3]),
        maker=name,
        iso=int(rng.choice([100, 200, 400, 800, 1600, 3200])),
        vignetting=float(rng.uniform(0, 0.45)) if rng.random() < 0.7 else 0.0,
        glare=float(rng.uniform(0.0, 0.03)),
        quality=int(rng.integers(68, 98)),
    )


def move(light: Array, shift: tuple[float, float], turn: float) -> Array:
    """The picture shifted and turned about its middle; edges are repeated."""
    if turn == 0 and shift == (0.0, 0.0):
        return light
    h, w = light.shape[:2]
    matrix = cv2.getRotationMatrix2D(((w - 1) / 2, (h - 1) / 2), turn, 1.0)
    matrix[:, 2] += shift
    moved: Any = cv2.warpAffine(light, matrix, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def _cast(shot: Shot, h: int, w: int) -> Array:
    """The cast of each pixel: one light, or two that meet across the picture."""
    one = np.array(shot.cast, np.float32)
    if shot.second is None:
        return one.reshape(1, 1, 3)
    y, x = np.mgrid[:h, :w].astype(np.float32)
    a = np.radians(shot.side)
    along = ((x / w - 0.5) * np.cos(a) + (y / h - 0.5) * np.sin(a))[..., None]
    share = 1 / (1 + np.exp(-7 * along))
    return np.asarray(one ** (1 - share) * np.array(shot.second, np.float32) ** share, np.float32)


def noise(light: Array, iso: int, rng: Random) -> Array:
    """Photon and read noise; a white pixel holds 40,000 electrons at ISO 100. Colour noise is smoothed."""
    full = 40_000 * 100 / iso
    sigma = np.sqrt(np.maximum(light, 0) / full + (4.0 / full + 2e-4) ** 2)
    grain = rng.normal(0, 1, light.shape).astype(np.float32)
    grey = grain.mean(-1, keepdims=True) * np.sqrt(3)
    colour: Any = cv2.GaussianBlur(grain - grey / np.sqrt(3), (0, 0), 0.9)
    return np.asarray(light + sigma * (0.8 * grey + 1.6 * colour), np.float32)


def tone(light: Array, curve: tuple[float, float, float, float]) -> Array:
    """A maker's rendering of light, as sRGB 0..1."""
    contrast, knee, saturation, lift = curve
    if lift:
        bright = luminance(np.maximum(light, 0))[..., None]
        light = light * (1 + lift / (1 + (bright / 0.08) ** 1.5))
    grey = luminance(light)[..., None]
    x = encode(shoulder(np.maximum(grey + saturation * (light - grey), 0), knee))
    return np.clip(x + 2 * contrast * x * (1 - x) * (x - 0.5), 0, 1).astype(np.float32)


def photograph(light: Array, shot: Shot, rng: Random) -> Array:
    """The photo of exposed and balanced light, sRGB 0..1, before it becomes a JPEG."""
    h, w = light.shape[:2]
    x = move(light, shot.shift, shot.turn)
    if shot.glare:
        spread: Any = cv2.GaussianBlur(np.minimum(x, 20), (0, 0), 0.05 * w)
        x = x * (1 - shot.glare) + shot.glare * spread
    if shot.vignetting:
        v, u = np.mgrid[:h, :w].astype(np.float32)
        radius = ((u - w / 2) ** 2 + (v - h / 2) ** 2) / ((w / 2) ** 2 + (h / 2) ** 2)
        x = x * (1 - shot.vignetting * radius)[..., None]
    x = x * _cast(shot, h, w) * np.float32(2**shot.ev)
    if shot.iso:
        x = noise(x, shot.iso, rng)
    return tone(x, shot.curve)


def exif(
    body: tuple[str, str], iso: int, seconds: float, aperture: float, minute: int, bias: float = 0.0
) -> Image.Exif:
    """What a camera writes: its name, the time of day, exposure time, ISO, aperture and bias."""
    found = Image.Exif()
    found[0x010F], found[0x0110], found[0x0132] = body[0], body[1], f"2026:05:04 10:{minute % 60:02d}:00"
    part = found.get_ifd(0x8769)
    part[0x829A] = IFDRational(Fraction(seconds).limit_denominator(8000))
    part[0x829D] = IFDRational(Fraction(aperture).limit_denominator(10))
    part[0x8827], part[0x9204], part[0x9003] = iso, IFDRational(Fraction(bias).limit_denominator(10)), found[0x0132]
    return found


def as_bytes(encoded: Array) -> Any:
    """SRGB 0..1 as bytes."""
    return np.clip(np.round(encoded * 255), 0, 255).astype(np.uint8)


def write(path: Path, encoded: Array, quality: int, tags: Image.Exif | None = None) -> None:
    """A JPEG."""
    extra: dict[str, Any] = {} if tags is None else {"exif": tags}
    Image.fromarray(as_bytes(encoded)).save(path, quality=quality, subsampling=0 if quality > 92 else 2, **extra)
