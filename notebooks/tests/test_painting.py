"""Several pictures in one call of a model are the pictures that each call alone gives."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import bundles
import diffusers
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from remedia_worker import diffusion, faults
from remedia_worker.diffusion import Draft, Painter, Staging
from remedia_worker.documents import ControlNet, Diffusion
from remedia_worker.errors import AttemptFailed, Code
from remedia_worker.maps import Maps
from remedia_worker.mask import make_mask
from remedia_worker.memory import Steps

ROOMS = ("01-living-a", "03-bedroom", "02-living-b")
WORDS = ("modern living room", "bedroom with a low bed", "reading corner, one lamp")


def painter(tiny: Path, models: str) -> Painter:
    document = json.loads((tiny / "model_sets.json").read_text())
    (one,) = (one for one in document["sets"] if one["name"] == models)
    folders = {part["role"]: tiny / part["repository"].replace("/", "--") for part in one["parts"]}
    nets = {role.partition(":")[2]: path for role, path in folders.items() if role.startswith("controlnet:")}
    families = {key: {**value, "area": 96 * 64} for key, value in document["families"].items()}
    cpu = (torch.device("cpu"), torch.float32)
    made = Painter(folders["base"], None, nets, *cpu, families, Steps(lambda *_, **__: None))
    # The tiny ControlNets whisper: without this, maps of another photo would give the same picture.
    for net in {id(net): net for net in made._nets.values()}.values():
        for name, parameter in net.named_parameters():
            if "controlnet" in name and parameter.dim() > 1:
                parameter.data.mul_(3.0)
    return made


def staging(folder: Path, kinds: tuple[str, ...], scheduler: str) -> list[Staging]:
    """Three photos whose pictures, masks, maps, words and seeds all differ."""
    (folder / "maps").mkdir()
    drafts = []
    for index, (room, words) in enumerate(zip(ROOMS, WORDS, strict=True)):
        with Image.open(bundles.LISTING / f"{room}.jpg") as picture:
            photo = picture.convert("RGB").resize(bundles.SIZE, Image.Resampling.BOX)
        with Image.open(bundles.LISTING / "truth" / f"{room}_labels.png") as plane:
            labels = np.asarray(plane.resize(bundles.SIZE, Image.Resampling.NEAREST))
        depth = np.random.default_rng(index).integers(0, 256, labels.shape, dtype=np.uint8)
        Image.fromarray(labels).save(folder / "maps" / f"{index}.labels.png")
        Image.fromarray(depth).save(folder / "maps" / f"{index}.depth.png")
        nets = tuple(ControlNet(kind, 0.8, 0.0, 0.9) for kind in kinds)
        numbers = Diffusion(words, "clutter" + "!" * index, 0.9, 5.0, 4, scheduler, 8.0, nets)
        maps = Maps(folder, str(index), photo, None, None)
        drafts.append(Staging(photo, numbers, 2**40 + index, make_mask(labels, 8.0), maps))
    return drafts


@pytest.mark.parametrize("name", ["ControlNetModel", "ControlNetUnionModel"])
def test_a_union_is_known_whatever_it_calls_itself(tmp_path: Path, tiny: Path, name: str) -> None:
    made = painter(tiny, "tiny-sdxl-union")
    folder = tmp_path / "union"
    shutil.copytree(tiny / "tiny--sdxl-union", folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "_class_name": name}))
    net = made._controlnet(folder)
    assert isinstance(net, diffusers.ControlNetUnionModel)
    assert all(torch.equal(value, net.state_dict()[key]) for key, value in weights(tiny / "tiny--sdxl-union").items())
    assert isinstance(made._controlnet(tiny / "tiny--sdxl-depth"), diffusers.ControlNetModel)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "diffusion_pytorch_model.safetensors")


Pictures = Callable[[Callable[[Any, float], list[Any]], list[Any]], list[torch.Tensor]]

CLOSE = 2e-5
"""Of the range from black to white; the most that was measured is 6e-6."""


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> Pictures:
    """Makes pictures; gives them as the model does, before they are rounded to 8 bits and enlarged."""
    seen: list[torch.Tensor] = []
    rounded = diffusion.to_bytes

    def watched(image: torch.Tensor) -> np.ndarray:
        made = rounded(image)
        seen.append(image.clone())
        return made

    def make(call: Callable[[Any, float], list[Any]], drafts: list[Any]) -> list[torch.Tensor]:
        seen.clear()
        outcomes = call(drafts, time.time() + 600)
        assert [one[1] for one in outcomes if not isinstance(one, AttemptFailed)] == [
            {"batch_size": len(drafts)} if len(drafts) > 1 else {}
        ] * len(seen)
        return list(seen)

    monkeypatch.setattr(diffusion, "to_bytes", watched)
    return make


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().max())


@pytest.mark.parametrize(
    ("models", "kinds", "scheduler", "size"),
    [
        ("tiny-sd15", ("depth", "segmentation"), "UniPCMultistepScheduler", 2),
        ("tiny-sd15", ("depth", "segmentation"), "UniPCMultistepScheduler", 3),
        ("tiny-sd15", ("lines",), "DDIMScheduler", 3),
        ("tiny-sd15", (), "EulerDiscreteScheduler", 3),
        ("tiny-sd15-inpaint", ("depth",), "DPMSolverMultistepScheduler", 3),
        ("tiny-sdxl-union", ("depth", "segmentation"), "UniPCMultistepScheduler", 2),
        ("tiny-sdxl-union", ("depth", "segmentation"), "UniPCMultistepScheduler", 3),
        ("tiny-sdxl-inpaint", ("depth",), "DDIMScheduler", 3),
    ],
)
def test_a_batch_gives_what_each_photo_gives_alone(
    tmp_path: Path, tiny: Path, pictures: Pictures, models: str, kinds: tuple[str, ...], scheduler: str, size: int
) -> None:
    model = painter(tiny, models)
    drafts = staging(tmp_path, kinds, scheduler)[:size]
    together = pictures(model.stage, drafts)
    alone = [picture for draft in drafts for picture in pictures(model.stage, [draft])]
    assert len(together) == len(alone) == size
    assert max(apart(one, other) for one, other in zip(together, alone, strict=True)) < CLOSE
    # What belongs to one photo must count, else nothing would have been compared.
    assert min(apart(one, other) for one, other in pairwise(together)) > 0.1
    if kinds:
        foreign = dataclasses.replace(drafts[0], maps=drafts[1].maps)
        first, second = pictures(model.stage, [foreign, drafts[1]])
        assert apart(first, together[0]) > 0.01
        assert apart(second, together[1]) < CLOSE


@pytest.mark.parametrize("models", ["tiny-sd15", "tiny-sd15-inpaint", "tiny-sdxl-union"])
def test_a_batch_of_enhancements_gives_what_each_photo_gives_alone(
    tmp_path: Path, tiny: Path, pictures: Pictures, models: str
) -> None:
    model = painter(tiny, models)
    drafts = [Draft(one.photo, one.numbers, one.seed) for one in staging(tmp_path, (), "DDIMScheduler")]
    together = pictures(model.enhance, drafts)
    alone = [picture for draft in drafts for picture in pictures(model.enhance, [draft])]
    assert max(apart(one, other) for one, other in zip(together, alone, strict=True)) < CLOSE


def test_a_picture_without_numbers_leaves_the_others_alone(
    tmp_path: Path, tiny: Path, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = painter(tiny, "tiny-sd15")
    drafts = staging(tmp_path, ("depth", "segmentation"), "UniPCMultistepScheduler")
    whole = pictures(model.stage, drafts)
    monkeypatch.setenv("REMEDIA_FAULT", "nan:2")
    faults.read()
    others = pictures(model.stage, drafts)
    assert [apart(one, other) for one, other in zip(others, whole[1:], strict=True)] == [0.0, 0.0]
    faults.read()
    spoilt, *_ = model.stage(drafts, time.time() + 600)
    assert isinstance(spoilt, AttemptFailed)
    assert spoilt.code is Code.NAN_LATENTS
    # Where none is left, the rest of the steps would be for nothing.
    calls = []
    monkeypatch.setattr(faults, "numbers", lambda latents: calls.append(1) or latents * float("nan"))
    assert all(isinstance(one, AttemptFailed) for one in model.stage(drafts, time.time() + 600))
    assert len(calls) == 1
