"""Pictures in memory: reading what a bundle holds, resizing, and writing results with their digests."""

from __future__ import annotations

import hashlib
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .errors import AttemptFailed, Code
from .files import write_atomic

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

MOST_PIXELS = 64_000_000
"""More than any photo at working size has."""

Image.MAX_IMAGE_PIXELS = MOST_PIXELS


def read_photo(path: Path) -> Image.Image:
    """Reads a photo of the bundle as RGB; AttemptFailed (`bad_input`) where it is none."""
    return _read(path, "RGB", "the photo")


def photo_size(path: Path) -> tuple[int, int] | None:
    """Width and height of a photo of the bundle, from its header; None where it is none."""
    try:
        with Image.open(path) as opened:
            return opened.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def read_plane(path: Path, what: str) -> Image.Image:
    """Reads a map or a mask of the bundle as grey values of 8 bits; those of 16 bits are brought to 8."""
    try:
        with Image.open(path) as opened:
            opened.load()
            if opened.mode.startswith("I"):
                wide = np.asarray(opened, dtype=np.uint32)
                return Image.fromarray((wide // 257).astype(np.uint8))
            # The value of a palette picture is its index, not its colour.
            return Image.fromarray(np.asarray(opened)) if opened.mode == "P" else opened.convert("L")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise AttemptFailed(Code.BAD_INPUT, f"{what} cannot be read: {error}") from error


def _read(path: Path, mode: str, what: str) -> Image.Image:
    try:
        with Image.open(path) as opened:
            return opened.convert(mode)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise AttemptFailed(Code.BAD_INPUT, f"{what} cannot be read: {error}") from error


def working_size(width: int, height: int, area: float, factor: float = 1.0) -> tuple[int, int]:
    """The size at which a model works: the picture's proportions, about `area` pixels, sides that 8 divides.

    A picture is never enlarged for a model. `factor` makes both sides smaller where memory is short.
    """
    scale = min(1.0, math.sqrt(area / (width * height))) * factor

    def side(length: int) -> int:
        return max(64, 8 * round(length * scale / 8))

    return side(width), side(height)


def put_detail_back(generated: Bytes, photo: Bytes, size: tuple[int, int], free: Floats) -> Bytes:
    """Gives an enlarged picture the fine detail of the photo that no model can make at a smaller size.

    What the photo loses when it is brought to `size` (width, height) and back is added, weighted by 1 - `free`: where
    something may be drawn (`free` 1) nothing is added. Coarse content stays the model's own, so that whoever compares
    the picture with the photo still sees every change that the model made.
    """
    height, width = photo.shape[:2]
    coarse = Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS)
    coarse = coarse.resize((width, height), Image.Resampling.LANCZOS)
    detail = photo.astype(np.float32) - np.asarray(coarse, dtype=np.float32)
    mixed = generated.astype(np.float32) + detail * (1.0 - free)[..., None]
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def resized(picture: Bytes, width: int, height: int) -> Bytes:
    """Lanczos."""
    if picture.shape[:2] == (height, width):
        return picture
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))


class Writer:
    """Writes result files below the output folder."""

    def __init__(self, output: Path) -> None:
        self._output = output

    def jpeg(self, name: str, picture: Bytes, quality: int) -> dict[str, Any]:
        """Writes a JPEG without chroma subsampling; gives its record for the results."""
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=quality, subsampling=0)
        return self.bytes(name, buffer.getvalue(), picture.shape[1], picture.shape[0])

    def png(self, name: str, plane: Bytes) -> dict[str, Any]:
        """Writes an 8-bit grey PNG; gives its record for the results."""
        buffer = io.BytesIO()
        Image.fromarray(plane).save(buffer, "PNG")
        return self.bytes(name, buffer.getvalue(), plane.shape[1], plane.shape[0])

    def bytes(self, name: str, content: bytes, width: int, height: int) -> dict[str, Any]:
        """Writes a file; gives its record for the results."""
        write_atomic(self._output / name, content)
        return {"file": name, "sha256": hashlib.sha256(content).hexdigest(), "width": width, "height": height}


def normalisation(folder: Path, mean: list[float], deviation: list[float]) -> tuple[list[float], list[float]]:
    """Mean and deviation of a model's pictures from its `preprocessor_config.json`, else the given ones."""
    try:
        document = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return mean, deviation
    return document.get("image_mean") or mean, document.get("image_std") or deviation
