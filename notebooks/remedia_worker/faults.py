"""Faults on purpose, for tests: `REMEDIA_FAULT=oom:3,nan:1` makes the first three calls run out of memory and the first
picture lose its numbers; `slow:2` adds seconds to every photo, `late:1` lets those after the first wait until the time
of the run is over, `batch:1` lets the first call for several pictures fail.
`poison-on=ID` lets the GPU fail in every call from the photo on whose name begins so, as after an illegal access.
The process is ended by `die:1` at its first photo, by `die-on=ID` at the photo whose name begins so, and by
`die-attempt:2` at a second attempt.
"""

from __future__ import annotations

import os
import time

import torch

_left: dict[str, float] = {}
_killers: list[str] = []
_poisoners: list[str] = []
_poisoned: list[str] = []


def read() -> None:
    """Reads the variable, once for each process."""
    said = os.environ.get("REMEDIA_FAULT", "").split(",")
    _left.clear()
    _poisoned.clear()
    for kind, names in (("die-on=", _killers), ("poison-on=", _poisoners)):
        names[:] = [one.removeprefix(kind) for one in said if one.startswith(kind)]
    for one in said:
        kind, _, count = one.partition(":")
        if kind and "=" not in kind:
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


def device() -> None:
    """Fails like a GPU whose context is spoilt, for as long as the process lives."""
    if _poisoned:
        raise RuntimeError("CUDA error: an illegal memory access was encountered (on purpose)\nand many more lines")


def numbers(latents: torch.Tensor) -> torch.Tensor:
    """Latents, of which the first picture's are none."""
    if not _takes("nan"):
        return latents
    spoilt = latents.clone()
    spoilt[0] = float("nan")
    return spoilt


def photo(photo_id: str, deadline: float) -> None:
    """At the beginning of a photo."""
    time.sleep(_left.get("slow", 0.0))
    if "late" in _left and not _takes("late"):
        time.sleep(max(0.0, deadline - time.time()) + 0.1)
    if photo_id.startswith(tuple(_poisoners)):
        _poisoned.append(photo_id)
    if _takes("die") or photo_id.startswith(tuple(_killers)):
        os._exit(41)


def attempt(number: int) -> None:
    """At the beginning of an attempt."""
    if number == _left.get("die-attempt"):
        os._exit(41)


def batch(size: int) -> None:
    """Before a call of a model for several pictures; fails in a way that nobody knows."""
    if size > 1 and _takes("batch"):
        raise ValueError("this batch fails (on purpose)")
