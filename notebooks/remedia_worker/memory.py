"""What is done when the GPU's memory does not suffice: step by step, and said each time."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any, TypeVar

import torch

from . import faults
from .errors import AttemptFailed, Code

Value = TypeVar("Value")

STEPS: tuple[tuple[bool, float], ...] = ((False, 1.0), (True, 1.0), (True, 0.75), (True, 0.5))
"""Whether to slice attention and tile the VAE, and the factor of the sides."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory was short; libraries below torch say it in words only."""
    text = str(error).lower()
    words = ("out of memory", "cudnn_status_alloc_failed", "cublas_status_alloc_failed")
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(one in text for one in words)
    )


class Steps:
    """Where on the stairs a process stands. It stays there: what was too much once is so for the next photo."""

    def __init__(self, said: Callable[..., None]) -> None:
        self.level = 0
        self._said = said

    def run(self, pipeline: Any, work: Callable[[float], Value]) -> tuple[Value, dict[str, Any]]:
        """Runs `work` with the factor of the sides; gives its value and what was adjusted.

        AttemptFailed (`out_of_memory`) where the last step is too much as well.
        """
        while True:
            sparing, factor = STEPS[self.level]
            if sparing:
                spare(pipeline)
            try:
                faults.out_of_memory()
                return work(factor), adjustments(sparing, factor)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) and not isinstance(error, MemoryError):
                    raise
                text = str(error).splitlines()[0][:200]
            # Outside of the handler, whose traceback holds the tensors.
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            if self.level + 1 == len(STEPS):
                raise AttemptFailed(Code.OUT_OF_MEMORY, f"the memory does not suffice even at half size: {text}")
            self.level += 1
            self._said("step_down", level=self.level, **adjustments(*STEPS[self.level]), text=text)


def adjustments(sparing: bool, factor: float) -> dict[str, Any]:
    """What stands in the results; empty where nothing was changed."""
    found: dict[str, Any] = {}
    if sparing:
        found.update(attention_slicing=True, vae_tiling=True)
    if factor != 1.0:
        found["size_factor"] = factor
    return found


def spare(pipeline: Any) -> None:
    """Trades time for memory."""
    if hasattr(pipeline, "enable_attention_slicing"):
        pipeline.enable_attention_slicing()
    vae = getattr(pipeline, "vae", None)
    for name in ("enable_tiling", "enable_slicing"):
        if hasattr(vae, name):
            try:
                getattr(vae, name)()
            except NotImplementedError:
                continue
