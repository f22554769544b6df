"""Pictures by Stable Diffusion: staging by ControlNet inpainting and enhancement by img2img, of the SD 1.5 and the SDXL
family. Every number comes from the order; the noise comes from the CPU, so that a seed means the same everywhere.
"""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Callable
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
from .pictures import Bytes, put_detail_back, resized, working_size

SCHEDULERS: dict[str, dict[str, Any]] = {
    "DDIMScheduler": {},
    "DPMSolverMultistepScheduler": {"use_karras_sigmas": True},
    "EulerDiscreteScheduler": {},
    "UniPCMultistepScheduler": {},
}
"""The schedulers that an order may name, with what remedia means by each."""

UNION_MODES = {"depth": 1, "lines": 3, "segmentation": 5}
"""The numbers by which a ControlNet union knows the kinds."""


def generator(seed: int) -> torch.Generator:
    """A generator on the CPU."""
    return torch.Generator("cpu").manual_seed(seed & (2**63 - 1))


def half_variant(folder: Path) -> str | None:
    """The variant that is in a model's folder."""
    return "fp16" if any(folder.rglob("*.fp16.*")) else None


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
        self.family = "sdxl" if (folder / "text_encoder_2").is_dir() else "sd15"
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
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        union = config.get("_class_name") == "ControlNetUnionModel"
        kind = diffusers.ControlNetUnionModel if union else diffusers.ControlNetModel
        net = kind.from_pretrained(folder, torch_dtype=self._dtype, variant=half_variant(folder))
        return net.to(self._device).eval()

    def stage(
        self, photo: Image.Image, mask: Bytes, maps: Maps, numbers: Diffusion, seed: int, deadline: float
    ) -> tuple[Bytes, dict[str, Any]]:
        """Furniture into the mask; gives the picture at the photo's size and what was adjusted for memory."""
        name, nets = self._staging(numbers)
        pipeline = self._pipeline(name, numbers.scheduler, **nets)
        free = mask.astype(np.float32) / 255.0

        def work(factor: float) -> Bytes:
            width, height = working_size(*photo.size, self._area, factor)
            allowed = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA) > 127
            extra: dict[str, Any] = {"mask_image": Image.fromarray(allowed.astype(np.uint8) * 255)}
            extra.update(self._control(numbers, maps, (width, height)))
            made = self._call(pipeline, photo, (width, height), numbers, seed, deadline, extra)
            return self._at_size(made, photo, (width, height), free)

        return self._steps.run(pipeline, work)

    def enhance(
        self, photo: Image.Image, numbers: Diffusion, seed: int, deadline: float
    ) -> tuple[Bytes, dict[str, Any]]:
        """The whole picture again at low strength; gives it at the photo's size."""
        inpaints = self._components["unet"].config.in_channels != 4
        kind = "Inpaint" if inpaints else "Img2Img"
        pipeline = self._pipeline(f"StableDiffusion{self._xl}{kind}Pipeline", numbers.scheduler)
        free = np.zeros((photo.height, photo.width), dtype=np.float32)

        def work(factor: float) -> Bytes:
            size = working_size(*photo.size, self._area, factor)
            extra = {"mask_image": Image.new("L", size, 255)} if inpaints else {}
            made = self._call(pipeline, photo, size, numbers, seed, deadline, extra)
            return self._at_size(made, photo, size, free)

        return self._steps.run(pipeline, work)

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

    def _control(self, numbers: Diffusion, maps: Maps, size: tuple[int, int]) -> dict[str, Any]:
        nets = numbers.controlnets
        if not nets:
            return {}
        images = [maps.control(one.kind).resize(size, Image.Resampling.BILINEAR) for one in nets]
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
        self,
        pipeline: Any,
        photo: Image.Image,
        size: tuple[int, int],
        numbers: Diffusion,
        seed: int,
        deadline: float,
        extra: dict[str, Any],
    ) -> Bytes:
        if int(numbers.num_inference_steps * numbers.strength) < 1:
            raise AttemptFailed(
                Code.BAD_INPUT, f"{numbers.num_inference_steps} steps at strength {numbers.strength} are none"
            )
        width, height = size
        known = inspect.signature(pipeline.__call__).parameters
        arguments: dict[str, Any] = {
            "prompt": numbers.prompt,
            "negative_prompt": numbers.negative_prompt,
            "image": photo.resize(size, Image.Resampling.LANCZOS),
            "width": width,
            "height": height,
            "strength": numbers.strength,
            "guidance_scale": numbers.guidance_scale,
            "num_inference_steps": numbers.num_inference_steps,
            "generator": generator(seed),
            "output_type": "pt",
            "callback_on_step_end": watch(deadline),
            **extra,
        }
        output = pipeline(**{key: value for key, value in arguments.items() if key in known})
        return to_bytes(output.images[0])

    @staticmethod
    def _at_size(made: Bytes, photo: Image.Image, size: tuple[int, int], free: np.ndarray) -> Bytes:
        if size == photo.size:
            return made
        return put_detail_back(resized(made, *photo.size), np.asarray(photo), size, free)


def watch(deadline: float) -> Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]:
    """What is looked at after every step: whether there are still numbers, and whether there is still time."""

    def step_ended(_pipeline: Any, _step: int, _timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
        latents = faults.numbers(values["latents"])
        if not bool(torch.isfinite(latents).all()):
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
