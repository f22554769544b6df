"""Which photos share a call of the model. Decided before work starts, from the order and from the batch size alone,
never from what happens to be free: so the same bundle on the same kind of GPU gives the same pixels.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from .documents import Diffusion, Operation, Order, Photo
from .errors import Stop, WorkerStopped
from .models import family_of
from .pictures import photo_size, working_size

MOST = 4
"""No batch is larger, whatever fits: a process that dies costs all photos of its batch a second try."""

_FREE_SHARE = 0.9
_CONTEXT = 6e8
_OTHERS = 1e9
_VIDEO = 4.6e9
_ALLOWANCE = 1.5


@dataclass(frozen=True)
class Need:
    """Bytes of a family in 16 bits: of a base model with all its parts, of one ControlNet, and of each picture during a
    step, for every pixel of the size at which the model works.
    """

    base: float
    controlnet: float
    pixel: float


NEEDS = {
    "sd15": Need(base=2.14e9, controlnet=0.73e9, pixel=791),
    "sdxl": Need(base=6.94e9, controlnet=2.52e9, pixel=469),
}
"""An estimate until it is measured on a GPU: `measure.py` prints the bytes by pixel that belong here.

The weights are counted from the published architectures. `pixel` is the most memory that the tensors of one step hold
at once, with guidance and two kinds of control, counted on those architectures without computing anything; it grows
with the pixels and with the pictures, and attention is taken to be the kind that keeps no matrix. What cuDNN works in,
and what lies unused between tensors, is not in it: `_ALLOWANCE` stands for that. Decoding is not in it either: it takes
one picture at a time (about 1500 bytes for each pixel), when the memory of the steps is free again.
"""


def plan(order: Order, bundle: Path, task: dict[str, Any], memory_bytes: int) -> list[list[str]]:
    """The photos in batches, in the order in which they are handed out; `memory_bytes` is the smallest GPU's, or 0.

    REMEDIA_BATCH says the size for every GPU and CPU; else it is 1 on a CPU and follows from `NEEDS` on a GPU. Then
    photos that fit each other make an even number of batches as equal as can be, so that two GPUs have the same to do.
    """
    said = os.environ.get("REMEDIA_BATCH")
    if said and not said.isdecimal():
        raise WorkerStopped(Stop.BAD_ORDER, f"REMEDIA_BATCH is {said!r}, which is no number of photos", retryable=False)
    groups: dict[Any, list[str]] = {}
    for photo in order.photos:
        groups.setdefault(_key(photo, bundle, task), []).append(photo.photo_id)
    batches: list[list[str]] = []
    for key, photos in groups.items():
        if said:
            batches += divided(photos, max(1, int(said)), even=False)
        else:
            batches += divided(photos, capacity(_areas(key), task, memory_bytes), even=True)
    rank = {photo.photo_id: index for index, photo in enumerate(order.photos)}
    return sorted(batches, key=lambda batch: rank[batch[0]])


def divided(photos: Sequence[str], size: int, *, even: bool) -> list[list[str]]:
    """Photos in batches of at most `size`, in their order."""
    if not even:
        return [list(photos[start : start + size]) for start in range(0, len(photos), size)]
    count = -(-len(photos) // size)
    count = min(len(photos), count + count % 2)
    bounds = [len(photos) * index // count for index in range(count + 1)]
    return [list(photos[start:end]) for start, end in pairwise(bounds)]


def capacity(areas: Sequence[tuple[str, int]], task: dict[str, Any], memory_bytes: int) -> int:
    """How many pictures fit beside the models, for working sizes of so many pixels for each role of a base model."""
    if not memory_bytes or not areas:
        return 1
    folders = {one["role"]: one["folder"] for one in task["models"]}
    # Weights are loaded in 32 bits where the order asks for it.
    wide = 1.0 if task["precision"] == "fp16" else 2.0
    free = _FREE_SHARE * memory_bytes - _CONTEXT - _OTHERS - (_VIDEO * wide if "video" in folders else 0.0)
    for role in ("base", "img2img"):
        if role in folders:
            free -= NEEDS[family_of(Path(folders[role]))].base * wide
    if "base" in folders:
        nets = {folder for role, folder in folders.items() if role.startswith("controlnet:")}
        free -= NEEDS[family_of(Path(folders["base"]))].controlnet * len(nets) * wide
    each = max(NEEDS[family].pixel * area * _ALLOWANCE * wide for family, area in areas)
    return max(1, min(MOST, int(free / each)))


def _key(photo: Photo, bundle: Path, task: dict[str, Any]) -> Any:
    """What must be equal for photos to be made in one call, operation by operation; words and seeds may differ."""
    size = photo_size(bundle / photo.file)
    if size is None:
        return photo.photo_id
    return tuple(_operation_key(operation, size, task) for operation in photo.operations)


def _operation_key(operation: Operation, size: tuple[int, int], task: dict[str, Any]) -> Any:
    numbers = operation.attempts[0].parameters if operation.attempts else None
    family = _family(operation.kind, task)
    if not isinstance(numbers, Diffusion) or family is None:
        return (operation.kind,)
    return (
        operation.kind,
        family,
        working_size(*size, float(task["families"][family]["area"])),
        numbers.scheduler,
        numbers.num_inference_steps,
        numbers.strength,
        numbers.guidance_scale,
        numbers.controlnets,
    )


def _areas(key: Any) -> list[tuple[str, int]]:
    """Family and pixels of what a key's operations make."""
    if isinstance(key, str):
        return []
    return [(one[1], one[2][0] * one[2][1]) for one in key if len(one) > 1]


def _family(kind: str, task: dict[str, Any]) -> str | None:
    folders = {one["role"]: Path(one["folder"]) for one in task["models"]}
    folder = folders.get("base") if kind == "stage" else folders.get("img2img", folders.get("base"))
    return None if folder is None else family_of(folder)
