"""What is done when the GPU's memory does not suffice: step by step, and said each time."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from diffusers.models.attention_processor import AttnProcessor, SlicedAttnProcessor

from . import faults
from .errors import AttemptFailed, Code

Item = TypeVar("Item")
Value = TypeVar("Value")

STEPS: tuple[tuple[bool, float], ...] = ((False, 1.0), (True, 1.0), (True, 0.75), (True, 0.5))
"""Whether memory is spared for time (`spare`), and the factor of the sides. Before the second one is taken, batches are
halved until one picture is made at a time."""

_WITH_MATRIX = (AttnProcessor, SlicedAttnProcessor)
_BROKEN = ("CUDA error", "CUDA driver error", "CUBLAS_STATUS", "CUDNN_STATUS")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory was short; libraries below torch say it in words only."""
    text = str(error).lower()
    words = ("out of memory", "cudnn_status_alloc_failed", "cublas_status_alloc_failed")
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and any(one in text for one in words)
    )


def is_device_lost(error: BaseException) -> bool:
    """Whether an error of CUDA's says that the process can use its GPU no more. Short memory passes; an illegal access,
    a failed assertion on the device or a GPU that is gone do not, and not all errors say which they are.
    """
    if is_out_of_memory(error) or not isinstance(error, RuntimeError):
        return False
    # torch has a class of its own for them since 2.8.
    kind = getattr(torch, "AcceleratorError", None)
    return (kind is not None and isinstance(error, kind)) or any(one in str(error) for one in _BROKEN)


def first_line(error: BaseException) -> str:
    """What an error says, without the advice that CUDA adds to it."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def free() -> None:
    """Gives back what nobody holds any more; outside of an error's handler, whose traceback holds tensors."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class Steps:
    """Where on the stairs a model stands. It stays there: what was too much once is so for the next photo. Every model
    has its own, because a clip that is too much says nothing of a picture.
    """

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
            spared = spare(pipeline) if sparing else {}
            try:
                faults.out_of_memory()
                faults.device()
                adjusted = adjustments(spared, factor, len(part))
                made = work(part, factor)
                outcomes += [one if isinstance(one, AttemptFailed) else (one, adjusted) for one in made]
                continue
            except AttemptFailed as failed:
                outcomes += [failed] * len(part)
                continue
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                text = first_line(error)
            free()
            if not self._down(pipeline, len(part), text):
                text = f"the memory does not suffice even at half size: {text}"
                outcomes += [AttemptFailed(Code.OUT_OF_MEMORY, text)] * len(part)
        return outcomes

    def _down(self, pipeline: Any, size: int, text: str) -> bool:
        """Takes the next step and says so; whether there was one."""
        if size > 1:
            self.most = (size + 1) // 2
        elif self.level + 1 < len(STEPS):
            self.level += 1
            if self.level == 1 and not spare(pipeline):
                # As with Stable Video Diffusion, whose VAE knows no tiles: the same call would only fail again.
                self.level += 1
        else:
            return False
        # A batch that was halved to one picture is the step, so it is said here, where it is nothing in the results.
        halved = {"batch_size": self.most} if size > 1 else {}
        sparing, factor = STEPS[self.level]
        found = adjustments(spare(pipeline) if sparing else {}, factor, 1)
        self._said("step_down", level=self.level, **found, **halved, text=text)
        return True


def adjustments(spared: dict[str, Any], factor: float, batch: int) -> dict[str, Any]:
    """How an attempt was made where it was not made as ordered, on its own: what stands in the results."""
    found: dict[str, Any] = {}
    if batch != 1:
        found["batch_size"] = batch
    found.update(spared)
    if factor != 1.0:
        found["size_factor"] = factor
    return found


def spare(pipeline: Any) -> dict[str, Any]:
    """Trades time for memory; gives what that was, nothing where a pipeline has nothing to trade.

    The VAE works in tiles. Attention is sliced only where its matrix of tokens by tokens is computed as a whole.
    PyTorch's `scaled_dot_product_attention`, which diffusers takes wherever it can, never has that matrix; a slicing
    processor in its place would compute it part by part, which takes more memory and more time.
    """
    found: dict[str, Any] = {}
    with contextlib.suppress(AttributeError, NotImplementedError):
        pipeline.vae.enable_tiling()
        found["vae_tiling"] = True
    for part in pipeline.components.values():
        processors = getattr(part, "attn_processors", {}).values()
        if hasattr(part, "set_attention_slice") and any(isinstance(one, _WITH_MATRIX) for one in processors):
            part.set_attention_slice("auto")
            found["attention_slicing"] = True
    return found
