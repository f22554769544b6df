"""Conditioning maps of a photo: depth, lines and surfaces. A map of the bundle wins over one that is made here."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from .errors import AttemptFailed, Code
from .pictures import Bytes, normalisation, read_plane
from .surfaces import coloured, lookup
from .weights import variant_of

_MEAN, _DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
_DEPTH_SIDE = 518
_LABEL_SIDE = 640
_STRIP = 16


class DepthModel:
    """Relative inverse depth by Depth Anything: near is bright."""

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        from transformers import AutoModelForDepthEstimation

        model: Any = AutoModelForDepthEstimation.from_pretrained(folder, dtype=dtype, variant=variant_of(folder))
        self._model = model.to(device).eval()
        self._pixels = _Pixels(folder, device, dtype)
        backbone = getattr(self._model.config, "backbone_config", None)
        self._patch = int(getattr(backbone, "patch_size", 14) or 14)

    @torch.inference_mode()
    def __call__(self, photo: Image.Image) -> Bytes:
        """The depth map at the photo's size, 0 to 255."""
        values = self._model(pixel_values=self._pixels(photo, _DEPTH_SIDE, self._patch)).predicted_depth
        depth = torch.nn.functional.interpolate(
            values[:, None].float(), size=(photo.height, photo.width), mode="bicubic", align_corners=False
        )[0, 0]
        if not torch.isfinite(depth).all():
            raise AttemptFailed(Code.NAN_LATENTS, "the depth model gave no numbers")
        low, high = depth.min(), depth.max()
        scaled = (depth - low) / torch.clamp(high - low, min=1e-6)
        return (scaled * 255.0).round().to(torch.uint8).cpu().numpy()


class SurfaceModel:
    """Surfaces by a model that was trained on ADE20K."""

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        from transformers import AutoModelForSemanticSegmentation

        model: Any = AutoModelForSemanticSegmentation.from_pretrained(folder, dtype=dtype, variant=variant_of(folder))
        self._model = model.to(device).eval()
        self._pixels = _Pixels(folder, device, dtype)
        names = {int(number): str(name) for number, name in self._model.config.id2label.items()}
        self._table = lookup(names)

    @torch.inference_mode()
    def __call__(self, photo: Image.Image) -> Bytes:
        """Surface numbers at the photo's size."""
        logits = self._model(pixel_values=self._pixels(photo, _LABEL_SIDE, 32)).logits
        return np.asarray(self._table[upsampled_argmax(logits[0], *photo.size).cpu().numpy()])


def upsampled_argmax(logits: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """The upsampled_argmax class of every pixel, of logits (classes, rows, columns) that are enlarged bilinearly.

    That is done in strips: 150 classes at a photo's size are a gigabyte.
    """
    rows = logits.shape[1]
    place = ((torch.arange(height, device=logits.device) + 0.5) * (rows / height) - 0.5).clamp(min=0.0)
    above = place.long().clamp(max=rows - 1)
    below = (above + 1).clamp(max=rows - 1)
    strips = []
    for start in range(0, height, _STRIP):
        strip = slice(start, start + _STRIP)
        first, last = int(above[start]), int(below[strip][-1])
        part = logits[None, :, first : last + 1].float()
        wide = torch.nn.functional.interpolate(part, size=(part.shape[2], width), mode="bilinear", align_corners=False)
        upper, lower = wide[0][:, above[strip] - first], wide[0][:, below[strip] - first]
        strips.append(torch.lerp(upper, lower, (place - above)[strip, None]).argmax(dim=0))
    return torch.cat(strips)


class _Pixels:
    """A photo as numbers for a model: sides that `multiple` divides, mean and deviation of its training."""

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        self._mean, self._deviation = normalisation(folder, _MEAN, _DEVIATION)
        self._device, self._dtype = device, dtype

    def __call__(self, photo: Image.Image, short_side: int, multiple: int) -> torch.Tensor:
        scale = min(1.0, short_side / min(photo.size))
        width, height = (max(multiple, multiple * round(side * scale / multiple)) for side in photo.size)
        small = np.asarray(photo.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32) / 255.0
        values = (small - np.array(self._mean, dtype=np.float32)) / np.array(self._deviation, dtype=np.float32)
        return torch.from_numpy(values).permute(2, 0, 1)[None].to(self._device, self._dtype)


def find_lines(photo: Image.Image) -> Bytes:
    """Edges by Canny, with thresholds from the photo's own median brightness; white on black."""
    grey = cv2.GaussianBlur(cv2.cvtColor(np.asarray(photo), cv2.COLOR_RGB2GRAY), (0, 0), 1.2)
    median = float(np.median(grey))
    return np.asarray(cv2.Canny(grey, max(10.0, 0.5 * median), max(30.0, 1.1 * median)), dtype=np.uint8)


def resized_lines(lines: Bytes, width: int, height: int) -> Bytes:
    """Lines at another size, white on black as before: where at least half of what a line of one pixel leaves there is
    found. Any filter would make them grey, and thin ones vanish.
    """
    if lines.shape == (height, width):
        return lines
    smaller = max(1.0, math.sqrt(lines.size / (width * height)))
    shares = cv2.resize(lines, (width, height), interpolation=cv2.INTER_AREA if smaller > 1.0 else cv2.INTER_NEAREST)
    return np.asarray(shares >= 0.5 * 255.0 / smaller).astype(np.uint8) * 255


def _filtered(filter_: Image.Resampling) -> Callable[[Bytes, int, int], Bytes]:
    def resize(plane: Bytes, width: int, height: int) -> Bytes:
        return np.asarray(Image.fromarray(plane).resize((width, height), filter_))

    return resize


_SIZED = {
    "depth": _filtered(Image.Resampling.BICUBIC),
    "lines": resized_lines,
    "labels": _filtered(Image.Resampling.NEAREST),
}
"""How the maps of a bundle are brought to the photo's size."""


class Maps:
    """The maps of one photo, each made once, at the photo's size."""

    def __init__(
        self, bundle: Path, photo_id: str, photo: Image.Image, depth: DepthModel | None, surface: SurfaceModel | None
    ) -> None:
        self._bundle, self._photo_id, self._photo = bundle, photo_id, photo
        self._depth_model, self._surface_model = depth, surface
        self._made: dict[str, Bytes] = {}

    def depth(self) -> Bytes:
        """Near is bright; a bundle's map of 16 bits is brought to 8."""
        return self._get("depth", self._depth_model)

    def lines(self) -> Bytes:
        """White on black."""
        return self._get("lines", find_lines)

    def labels(self) -> Bytes:
        """Surface numbers."""
        return self._get("labels", self._surface_model)

    def control(self, kind: str, size: tuple[int, int] | None = None) -> Image.Image:
        """The picture that a ControlNet of this kind is given, at the size at which it works or at the photo's.

        Colours stay those of surfaces, and lines stay lines: these are found anew at the size, unless the bundle has
        them.
        """
        width, height = size or self._photo.size
        if kind == "segmentation":
            return Image.fromarray(coloured(_SIZED["labels"](self.labels(), width, height)))
        if kind == "depth":
            plane = _filtered(Image.Resampling.BILINEAR)(self.depth(), width, height)
        elif (width, height) == self._photo.size or self._path("lines").is_file():
            plane = resized_lines(self.lines(), width, height)
        else:
            plane = find_lines(self._photo.resize((width, height), Image.Resampling.LANCZOS))
        return Image.fromarray(np.repeat(plane[..., None], 3, axis=2))

    def made(self) -> dict[str, Bytes]:
        """The maps that were used so far, at the photo's size."""
        return self._made

    def _path(self, name: str) -> Path:
        return self._bundle / "maps" / f"{self._photo_id}.{name}.png"

    def _get(self, name: str, model: Any) -> Bytes:
        if name not in self._made:
            if self._path(name).is_file():
                plane = read_plane(self._path(name), f"the {name} map")
                self._made[name] = _SIZED[name](np.asarray(plane), *self._photo.size)
            elif model is None:
                raise AttemptFailed(Code.MODEL_MISSING, f"no model makes the {name} map, and the bundle has none")
            else:
                self._made[name] = model(self._photo)
        return self._made[name]
