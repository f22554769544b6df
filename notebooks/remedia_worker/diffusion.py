"""Pictures by Stable Diffusion: staging by ControlNet inpainting and enhancement by img2img, of the SD 1.5 and the SDXL
family. Every number comes from the order; the noise comes from the CPU, so that a seed means the same everywhere.
"""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import diffusers
import numpy as np
import torch
from PIL import Image

from . import faults
from .documents import Diffusion
from .errors import AttemptFailed, Code
from .maps import Maps
from .memory import Steps
from .models import family_of
from .pictures import Bytes, Floats, put_detail_back, resized, working_size

SCHEDULERS: dict[str, dict[str, Any]] = {
    "DDIMScheduler": {},
    "DPMSolverMultistepScheduler": {"use_karras_sigmas": True},
    "EulerDiscreteScheduler": {},
    "UniPCMultistepScheduler": {},
}
"""The schedulers that an order may name, with what remedia means by each."""

UNION_MODES = {"depth": 1, "lines": 3, "segmentation": 5}
"""The numbers by which a ControlNet union knows the kinds."""


Outcome = tuple[Bytes, dict[str, Any]] | AttemptFailed
"""A picture and what was adjusted for it, or why there is none."""


@dataclass(frozen=True)
class Draft:
    """What one picture is made of."""

    photo: Image.Image
    numbers: Diffusion
    seed: int

    def free(self) -> Floats:
        """Where something may be drawn, 0 to 1, at the photo's size."""
        return np.zeros((self.photo.height, self.photo.width), dtype=np.float32)


@dataclass(frozen=True)
class Staging(Draft):
    """What one staged picture is made of; the mask is of the photo's size."""

    mask: Bytes
    maps: Maps

    def free(self) -> Floats:
        """Where something may be drawn, 0 to 1, at the photo's size."""
        return self.mask.astype(np.float32) / 255.0


def generator(seed: int) -> torch.Generator:
    """A generator on the CPU."""
    return torch.Generator("cpu").manual_seed(seed & (2**63 - 1))


def half_variant(folder: Path) -> str | None:
    """The variant that is in a model's folder."""
    return "fp16" if any(folder.rglob("*.fp16.*")) else None


def is_union(folder: Path) -> bool:
    """Whether a ControlNet is a union. The published ones call themselves plain ControlNets, which they would be loaded
    as without a word, so the number of their kinds counts, which no other has.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return config.get("_class_name") == "ControlNetUnionModel" or config.get("num_control_type") is not None


class Painter:
    """One base model with its ControlNets on one device."""

    def __init__(
        self,
        folder: Path,
        vae: Path | None,
        controlnets: dict[str, Path],
        device: torch.device,
        dtype: torch.dtype,
        families: dict[str, Any],
        steps: Steps,
    ) -> None:
        self.family = family_of(folder)
        self._device, self._dtype, self._steps = device, dtype, steps
        self._area = float(families[self.family]["area"])
        name = "StableDiffusionXLInpaintPipeline" if self.family == "sdxl" else "StableDiffusionInpaintPipeline"
        extra: dict[str, Any] = {"variant": half_variant(folder)}
        if self.family == "sd15":
            extra.update(safety_checker=None, feature_extractor=None, image_encoder=None)
        if vae is not None:
            extra["vae"] = diffusers.AutoencoderKL.from_pretrained(vae, torch_dtype=dtype, variant=half_variant(vae))
        pipeline = getattr(diffusers, name).from_pretrained(folder, torch_dtype=dtype, **extra)
        pipeline.to(device)
        # Pictures of a batch are decoded one after the other: the same pixels, and no more memory than for one.
        pipeline.vae.enable_slicing()
        self._components: dict[str, Any] = dict(pipeline.components)
        if device.type == "cuda":
            self._components["unet"].to(memory_format=torch.channels_last)
        self._scheduler = dict(self._components["scheduler"].config)
        self._nets: dict[str, Any] = {}
        loaded: dict[Path, Any] = {}
        for kind, path in controlnets.items():
            if path not in loaded:
                loaded[path] = self._controlnet(path)
            self._nets[kind] = loaded[path]

    def _controlnet(self, folder: Path) -> Any:
        kind = diffusers.ControlNetUnionModel if is_union(folder) else diffusers.ControlNetModel
        net = kind.from_pretrained(folder, torch_dtype=self._dtype, variant=half_variant(folder))
        return net.to(self._device).eval()

    def stage(self, drafts: Sequence[Staging], deadline: float) -> list[Outcome]:
        """Furniture into the masks, in one call for all drafts, which must agree in all numbers but words and seeds and
        in working size; gives for each the picture at its photo's size and what was adjusted, or why there is none.
        """
        numbers = drafts[0].numbers
        name, nets = self._staging(numbers)
        pipeline = self._pipeline(name, numbers.scheduler, **nets)

        def work(part: Sequence[Staging], factor: float) -> list[Bytes | AttemptFailed]:
            size = working_size(*part[0].photo.size, self._area, factor)
            extra: dict[str, Any] = {"mask_image": [allowed(draft.mask, size) for draft in part]}
            extra.update(self._control(part, size))
            return self._call(pipeline, part, size, deadline, extra)

        return self._at_size(drafts, self._steps.run(pipeline, drafts, work))

    def enhance(self, drafts: Sequence[Draft], deadline: float) -> list[Outcome]:
        """The whole pictures again at low strength, each at its photo's size; else as `stage`."""
        inpaints = self._components["unet"].config.in_channels != 4
        kind = "Inpaint" if inpaints else "Img2Img"
        pipeline = self._pipeline(f"StableDiffusion{self._xl}{kind}Pipeline", drafts[0].numbers.scheduler)

        def work(part: Sequence[Draft], factor: float) -> list[Bytes | AttemptFailed]:
            size = working_size(*part[0].photo.size, self._area, factor)
            extra = {"mask_image": [Image.new("L", size, 255)] * len(part)} if inpaints else {}
            return self._call(pipeline, part, size, deadline, extra)

        return self._at_size(drafts, self._steps.run(pipeline, drafts, work))

    @property
    def _xl(self) -> str:
        return "XL" if self.family == "sdxl" else ""

    def _staging(self, numbers: Diffusion) -> tuple[str, dict[str, Any]]:
        """Which pipeline, with which ControlNets."""
        missing = [one.kind for one in numbers.controlnets if one.kind not in self._nets]
        if missing:
            raise AttemptFailed(Code.MODEL_MISSING, f"there is no ControlNet for {', '.join(missing)}")
        nets = [self._nets[one.kind] for one in numbers.controlnets]
        if not nets:
            return f"StableDiffusion{self._xl}InpaintPipeline", {}
        if all(isinstance(net, diffusers.ControlNetUnionModel) for net in nets):
            return "StableDiffusionXLControlNetUnionInpaintPipeline", {"controlnet": nets[0]}
        return f"StableDiffusion{self._xl}ControlNetInpaintPipeline", {"controlnet": nets if len(nets) > 1 else nets[0]}

    def _control(self, drafts: Sequence[Staging], size: tuple[int, int]) -> dict[str, Any]:
        nets = drafts[0].numbers.controlnets
        if not nets:
            return {}
        # Several ControlNets take no list of pictures for each net ("a single batch of multiple conditionings"), but a
        # tensor (batch, 3, height, width) for each; so do one alone and a union, which want it in different wrappings.
        images = [torch.stack([_control_tensor(draft.maps, net.kind, size) for draft in drafts]) for net in nets]
        union = isinstance(self._nets[nets[0].kind], diffusers.ControlNetUnionModel)
        single = len(nets) == 1 and not union
        values: dict[str, list[Any]] = {
            "control_image": images,
            "controlnet_conditioning_scale": [one.conditioning_scale for one in nets],
            "control_guidance_start": [one.control_guidance_start for one in nets],
            "control_guidance_end": [one.control_guidance_end for one in nets],
        }
        if union:
            values["control_mode"] = [UNION_MODES[one.kind] for one in nets]
        return {key: value[0] for key, value in values.items()} if single else dict(values)

    def _pipeline(self, name: str, scheduler: str, **more: Any) -> Any:
        """A pipeline that shares this model's parts; making one costs nothing."""
        if scheduler not in SCHEDULERS:
            raise AttemptFailed(Code.BAD_INPUT, f"scheduler `{scheduler}` is not known")
        made = getattr(diffusers, scheduler).from_config(self._scheduler, **SCHEDULERS[scheduler])
        kind = getattr(diffusers, name)
        known = inspect.signature(kind.__init__).parameters
        parts = {key: value for key, value in self._components.items() if key in known}
        if "requires_safety_checker" in known:
            parts["requires_safety_checker"] = False
        pipeline = kind(**{**parts, "scheduler": made, **more})
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    @torch.inference_mode()
    def _call(
        self, pipeline: Any, drafts: Sequence[Draft], size: tuple[int, int], deadline: float, extra: dict[str, Any]
    ) -> list[Bytes | AttemptFailed]:
        numbers = drafts[0].numbers
        if int(numbers.num_inference_steps * numbers.strength) < 1:
            raise AttemptFailed(
                Code.BAD_INPUT, f"{numbers.num_inference_steps} steps at strength {numbers.strength} are none"
            )
        width, height = size
        known = inspect.signature(pipeline.__call__).parameters
        arguments: dict[str, Any] = {
            "prompt": [draft.numbers.prompt for draft in drafts],
            "negative_prompt": [draft.numbers.negative_prompt for draft in drafts],
            "image": [draft.photo.resize(size, Image.Resampling.LANCZOS) for draft in drafts],
            "width": width,
            "height": height,
            "strength": numbers.strength,
            "guidance_scale": numbers.guidance_scale,
            "num_inference_steps": numbers.num_inference_steps,
            # One for each, so that a photo's noise does not depend on its neighbours.
            "generator": [generator(draft.seed) for draft in drafts],
            "output_type": "pt",
            "callback_on_step_end": watch(deadline),
            **extra,
        }
        output = pipeline(**{key: value for key, value in arguments.items() if key in known})
        return [_judged(image) for image in output.images]

    def _at_size(
        self, drafts: Sequence[Draft], made: Sequence[tuple[Bytes, dict[str, Any]] | AttemptFailed]
    ) -> list[Outcome]:
        """Pictures at their photos' sizes; where the model's was smaller, with the photo's own detail off the mask."""
        outcomes: list[Outcome] = []
        for draft, one in zip(drafts, made, strict=True):
            if isinstance(one, AttemptFailed):
                outcomes.append(one)
                continue
            picture, adjusted = one
            height, width = picture.shape[:2]
            if (width, height) != draft.photo.size:
                large = resized(picture, *draft.photo.size)
                picture = put_detail_back(large, np.asarray(draft.photo), (width, height), draft.free())
            outcomes.append((picture, adjusted))
        return outcomes


def allowed(mask: Bytes, size: tuple[int, int]) -> Image.Image:
    """A mask as the pipelines want it: at working size, black and white."""
    small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > 127
    return Image.fromarray(small.astype(np.uint8) * 255)


def _control_tensor(maps: Maps, kind: str, size: tuple[int, int]) -> torch.Tensor:
    picture = np.asarray(maps.control(kind, size), dtype=np.float32)
    return torch.from_numpy(picture / 255.0).permute(2, 0, 1)


def _judged(image: torch.Tensor) -> Bytes | AttemptFailed:
    try:
        return to_bytes(image)
    except AttemptFailed as failed:
        return failed


def watch(deadline: float) -> Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]:
    """What is looked at after every step: whether any picture still has numbers, and whether there is still time.

    A picture that lost its numbers among others is found when it is decoded: they pass through every step.
    """

    def step_ended(_pipeline: Any, _step: int, _timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
        latents = faults.numbers(values["latents"])
        if not bool(torch.isfinite(latents).flatten(1).all(dim=1).any()):
            raise AttemptFailed(Code.NAN_LATENTS, "the latents are no numbers any more")
        if time.time() > deadline:
            raise AttemptFailed(Code.DEADLINE, "the time of the run was over")
        return {**values, "latents": latents}

    return step_ended


def to_bytes(image: torch.Tensor) -> Bytes:
    """A picture of 0 to 1, channels first, as 8 bits, channels last."""
    if not bool(torch.isfinite(image).all()):
        raise AttemptFailed(Code.NAN_LATENTS, "the decoded picture has no numbers")
    values = image.float().clamp(0.0, 1.0).mul(255.0).round()
    return values.permute(1, 2, 0).to(torch.uint8).cpu().numpy()
