"""What becomes of an attempt when something breaks, without any model; and what is done when memory is short."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from bundles import PHOTOS, operation, order
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0, SlicedAttnProcessor
from PIL import Image
from test_painting import painter

from remedia_worker import memory, work
from remedia_worker.diffusion import Draft
from remedia_worker.documents import Video, read_order
from remedia_worker.errors import DeviceLost
from remedia_worker.memory import Steps, is_device_lost, is_out_of_memory, spare
from remedia_worker.video import Filmer

FIRST, SECOND, THIRD = PHOTOS
SHORT = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
GONE = RuntimeError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be reported later")


class Broken:
    """In place of the models: raises an error at one place of one attempt."""

    device = torch.device("cpu")

    def __init__(self, place: str, error: Exception) -> None:
        self._place, self._error = place, error

    def _at(self, place: str) -> None:
        if place == self._place:
            self._place = ""
            raise self._error

    def prepare(self, hand: Any, operation: Any, attempt: Any) -> Draft | None:
        self._at("prepare")
        return None if operation.kind == "video" else Draft(Image.new("RGB", (8, 8)), attempt.parameters, attempt.seed)

    def paint(self, drafts: list[Draft]) -> list[Any]:
        self._at("paint")
        return [(np.zeros((8, 8, 3), dtype=np.uint8), {}) for _ in drafts]

    def finish(self, *_: Any) -> dict[str, Any]:
        self._at("finish")
        return {}

    def film(self, *_: Any) -> dict[str, Any]:
        self._at("film")
        return {}


def answered(
    folder: Path, monkeypatch: pytest.MonkeyPatch, place: str, error: Exception, kind: str = "stage", photos: int = 1
) -> list[tuple[int, str | None]]:
    """The numbers and reasons that two attempts for each photo gave."""
    (folder / "job.json").write_text(
        json.dumps(order({photo: [operation(kind, 2)] for photo in list(PHOTOS)[:photos]}))
    )
    asked = read_order(folder / "job.json", "0" * 64)
    monkeypatch.setattr(work, "Maker", lambda *_: Broken(place, error))
    made: list[dict[str, Any]] = []
    worker = work.Worker({"deadline": 4e9}, asked, lambda *_, **__: None)
    worker.batch(asked.photos, lambda _photo, _kind, record: made.append(record), lambda _: None)
    return [(one["number"], one.get("reason", {}).get("code")) for one in made]


@pytest.mark.parametrize(
    ("place", "kind"), [("prepare", "stage"), ("paint", "stage"), ("finish", "stage"), ("film", "video")]
)
def test_short_memory_is_called_so_and_freed_wherever_it_is_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, kind: str
) -> None:
    handled: list[BaseException | None] = []
    monkeypatch.setattr(work, "free", lambda: handled.append(sys.exc_info()[1]))
    assert answered(tmp_path, monkeypatch, place, SHORT, kind) == [(1, "out_of_memory"), (2, None)]
    assert handled == [None]
    assert answered(tmp_path, monkeypatch, place, ValueError("what is that"), kind) == [(1, "internal"), (2, None)]


@pytest.mark.parametrize("photos", [1, 3])
@pytest.mark.parametrize(
    ("place", "kind"), [("prepare", "stage"), ("paint", "stage"), ("finish", "stage"), ("film", "video")]
)
def test_a_lost_gpu_is_blamed_on_no_further_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, kind: str, photos: int
) -> None:
    with pytest.raises(DeviceLost, match=r"RuntimeError: CUDA error: an illegal memory access was encountered$"):
        answered(tmp_path, monkeypatch, place, GONE, kind, photos)


@pytest.mark.parametrize(
    ("error", "short", "lost"),
    [
        (SHORT, True, False),
        (RuntimeError("CUDA error: out of memory"), True, False),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True, False),
        (MemoryError(), True, False),
        (GONE, False, True),
        (RuntimeError("CUDA error: device-side assert triggered"), False, True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), False, True),
        (RuntimeError("CUDA driver error: unknown error"), False, True),
        (RuntimeError("mat1 and mat2 must have the same dtype"), False, False),
        (ValueError("the caption says CUDA error"), False, False),
    ],
)
def test_errors_are_told_apart(error: Exception, short: bool, lost: bool) -> None:
    assert is_out_of_memory(error) == short
    assert is_device_lost(error) == lost


@pytest.mark.skipif(not hasattr(torch, "AcceleratorError"), reason="torch has no class for such errors yet")
def test_the_class_alone_says_that_a_gpu_is_lost() -> None:
    assert is_device_lost(torch.AcceleratorError("unspecified launch failure"))


def test_attention_that_keeps_no_matrix_is_not_sliced(tiny: Path) -> None:
    model = painter(tiny, "tiny-sd15")
    pipeline = model._pipeline("StableDiffusionInpaintPipeline", "DDIMScheduler")
    assert spare(pipeline) == {"vae_tiling": True}
    assert pipeline.vae.use_tiling
    assert {type(one) for one in pipeline.unet.attn_processors.values()} == {AttnProcessor2_0}
    pipeline.unet.set_attn_processor(AttnProcessor())
    assert spare(pipeline) == {"vae_tiling": True, "attention_slicing": True}
    assert {type(one) for one in pipeline.unet.attn_processors.values()} == {SlicedAttnProcessor}
    # As it is, it was made so again.
    assert spare(pipeline) == {"vae_tiling": True, "attention_slicing": True}


def test_a_step_that_spares_nothing_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[dict[str, Any]] = []
    handled: list[BaseException | None] = []
    factors: list[float] = []
    monkeypatch.setattr(memory, "free", lambda: handled.append(sys.exc_info()[1]))

    def too_large(items: Any, factor: float) -> list[str]:
        factors.append(factor)
        if factor == 1.0:
            raise SHORT
        return ["made"] * len(items)

    steps = Steps(lambda event, **fields: said.append({"event": event, **fields}))
    assert steps.run(SimpleNamespace(components={}), ["a photo"], too_large) == [("made", {"size_factor": 0.75})]
    assert factors == [1.0, 0.75]
    assert [(one["level"], one["size_factor"]) for one in said] == [(2, 0.75)]
    # The handler's traceback would hold what is to be freed.
    assert handled == [None]


def test_a_clip_is_made_after_its_first_frame_was_too_much(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = json.loads((tiny / "model_sets.json").read_text())["families"]["video"]
    filmer = Filmer(tiny / "tiny--svd", torch.device("cpu"), torch.float16, settings, Steps(lambda *_, **__: None))
    pipeline = filmer._pipeline
    encode, kinds, freed = pipeline._encode_vae_image, [], []

    def short_once(*arguments: Any, **fields: Any) -> Any:
        kinds.append(pipeline.vae.dtype)
        if len(kinds) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        # Not the last call's end, which frees as well.
        freed.append(len(hooks))
        return encode(*arguments, **fields)

    hooks: list[int] = []
    monkeypatch.setattr(pipeline, "_encode_vae_image", short_once)
    monkeypatch.setattr(pipeline, "maybe_free_model_hooks", lambda: hooks.append(1))
    numbers = Video(num_frames=2, fps=7, motion_bucket_id=30, noise_aug_strength=0.02)
    frames, adjusted = filmer.film(Image.new("RGB", (128, 64), (90, 120, 70)), numbers, 1, 4e9)
    assert kinds == [torch.float32, torch.float32]
    assert freed == [1]
    assert len(frames) == 2
    assert adjusted == {"size_factor": 0.75}
    assert pipeline.vae.dtype == torch.float16
