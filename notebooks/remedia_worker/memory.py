"""What is done when the GPU's memory does not suffice: step by step, and said each time."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch

from . import faults
from .errors import AttemptFailed, Code

Item = TypeVar("Item")
Value = TypeVar("Value")

STEPS: tuple[tuple[bool, float], ...] = ((False, 1.0), (True, 1.0), (True, 0.75), (True, 0.5))
"""Whether to slice attention and tile the VAE, and the factor of the sides. Before the second one is taken, batches are
halved until one picture is made at a time."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory was short; libraries below torch say it in words only."""
    text = str(error).lower()
    words = ("out of memory", "cudnn_status_alloc_failed", "cublas_status_alloc_failed")
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and any(one in text for one in words)
    )


class Steps:
    """Where on the stairs a process stands. It stays there: what was too much once is so for the next photo."""

    def __init__(self, said: Callable[..., None]) -> None:
        self.level = 0
        self.most: int | None = None
        self._said = said

    def run(
        self,
        pipeline: Any,
        items: Sequence[Item],
        work: Callable[[Sequence[Item], float], Sequence[Value | AttemptFailed]],
    ) -> list[tuple[Value, dict[str, Any]] | AttemptFailed]:
        """Runs `work` with all items, or with as many at once as memory allows, and with the factor of the sides.

        Gives for every item its value and what was adjusted, or why it has none; `out_of_memory` where the last step is
        too much as well. Where the factor is not 1, `work` gets one item at a time.
        """
        outcomes: list[tuple[Value, dict[str, Any]] | AttemptFailed] = []
        while len(outcomes) < len(items):
            part = items[len(outcomes) :][: self.most]
            sparing, factor = STEPS[self.level]
            if sparing:
                spare(pipeline)
            try:
                faults.out_of_memory()
                adjusted = adjustments(sparing, factor, len(part))
                made = work(part, factor)
                outcomes += [one if isinstance(one, AttemptFailed) else (one, adjusted) for one in made]
                continue
            except AttemptFailed as failed:
                outcomes += [failed] * len(part)
                continue
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                text = (str(error).splitlines() or [type(error).__name__])[0][:200]
            # Outside of the handler, whose traceback holds the tensors.
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            if not self._down(len(part), text):
                text = f"the memory does not suffice even at half size: {text}"
                outcomes += [AttemptFailed(Code.OUT_OF_MEMORY, text)] * len(part)
        return outcomes

    def _down(self, size: int, text: str) -> bool:
        """Takes the next step and says so; whether there was one."""
        if size > 1:
            self.most = (size + 1) // 2
        elif self.level + 1 < len(STEPS):
            self.level += 1
        else:
            return False
        # A batch that was halved to one picture is the step, so it is said here, where it is nothing in the results.
        halved = {"batch_size": self.most} if size > 1 else {}
        self._said("step_down", level=self.level, **adjustments(*STEPS[self.level], 1), **halved, text=text)
        return True


def adjustments(sparing: bool, factor: float, batch: int) -> dict[str, Any]:
    """How an attempt was made where it was not made as ordered, on its own: what stands in the results."""
    found: dict[str, Any] = {}
    if batch != 1:
        found["batch_size"] = batch
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
