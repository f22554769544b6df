"""Colour of light: sRGB, luminance, and a lamp's colour by its temperature. Arrays are (..., 3), linear unless said."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Colour = tuple[float, float, float]

WEIGHTS = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""The share of red, green and blue in luminance (Rec. 709)."""
_TO_RGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])


def encode(linear: Any) -> Array:
    """Linear light 0..1 as sRGB 0..1; what lies outside is clipped."""
    x = np.clip(np.asarray(linear, np.float32), 0, 1)
    low: Array = 12.92 * x
    return np.where(x <= 0.0031308, low, 1.055 * np.maximum(x, 1e-6) ** (1 / 2.4) - 0.055).astype(np.float32)


def decode(encoded: Any) -> Array:
    """SRGB 0..1 as linear light 0..1."""
    x = np.clip(np.asarray(encoded, np.float32), 0, 1)
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


def luminance(linear: Array) -> Array:
    """The luminance of linear pixels, (..., 3) to (...)."""
    return linear @ WEIGHTS


def kelvin(temperature: float) -> Colour:
    """The linear sRGB colour of a black body, 1700 to 20000 K, of luminance 1; 6500 K is near white."""
    t = 1000.0 / temperature
    if temperature < 4000:
        x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
    else:
        x = -3.0258469 * t**3 + 2.1070379 * t**2 + 0.2226347 * t + 0.240390
    if temperature < 2222:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif temperature < 4000:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    rgb = np.maximum(_TO_RGB @ np.array([x / y, 1.0, (1 - x - y) / y]), 0.005)
    rgb /= float(rgb @ WEIGHTS)
    return float(rgb[0]), float(rgb[1]), float(rgb[2])


def scaled(colour: Colour, factor: float) -> Colour:
    """A colour, brighter or darker."""
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


def hexadecimal(code: str) -> Colour:
    """The linear colour of an sRGB code such as `a07850`."""
    r, g, b = (float(decode(int(code[i : i + 2], 16) / 255)) for i in (0, 2, 4))
    return r, g, b
