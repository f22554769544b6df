"""Faults on purpose, for tests: `REMEDIA_FAULT=oom:3,nan:1` makes the first three calls run out of memory and the first
picture lose its numbers; `slow:2` adds seconds to every photo, and `die:1` ends the process at its first photo.
"""

from __future__ import annotations

import os
import time

import torch

_left: dict[str, float] = {}


def read() -> None:
    """Reads the variable, once for each process."""
    _left.clear()
    for one in os.environ.get("REMEDIA_FAULT", "").split(","):
        kind, _, count = one.partition(":")
        if kind:
            _left[kind] = float(count or 1)


def _takes(kind: str) -> bool:
    if _left.get(kind, 0.0) < 1.0:
        return False
    _left[kind] -= 1.0
    return True


def out_of_memory() -> None:
    """Fails like a GPU whose memory is full."""
    if _takes("oom"):
        raise torch.OutOfMemoryError("CUDA out of memory (on purpose)")


def numbers(latents: torch.Tensor) -> torch.Tensor:
    """Latents, or none."""
    return latents * float("nan") if _takes("nan") else latents


def photo() -> None:
    """At the beginning of a photo."""
    time.sleep(_left.get("slow", 0.0))
    if _takes("die"):
        os._exit(41)
