"""Clips by Stable Video Diffusion, written as MP4 (H.264, yuv420p), which every player plays."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import diffusers
import numpy as np
import torch
from PIL import Image

from .diffusion import generator, half_variant, to_bytes, watch
from .documents import Video
from .errors import AttemptFailed
from .memory import Steps
from .pictures import Bytes

_ROOMY = 20 * 1024**3
"""Bytes of a GPU that holds the models of pictures and of clips together."""


class Filmer:
    """Stable Video Diffusion on one device."""

    def __init__(
        self, folder: Path, device: torch.device, dtype: torch.dtype, settings: dict[str, Any], steps: Steps
    ) -> None:
        self._pipeline: Any = diffusers.StableVideoDiffusionPipeline.from_pretrained(
            folder, torch_dtype=dtype, variant=half_variant(folder)
        )
        if device.type == "cuda" and torch.cuda.get_device_properties(device).total_memory < _ROOMY:
            # Beside the models of a stage it does not fit: only the part at work is on the GPU.
            self._pipeline.enable_model_cpu_offload(device=device)
        else:
            self._pipeline.to(device)
        self._pipeline.set_progress_bar_config(disable=True)
        self._settings, self._steps, self._dtype = settings, steps, dtype

    def film(
        self, photo: Image.Image, numbers: Video, seed: int, deadline: float
    ) -> tuple[list[Bytes], dict[str, Any]]:
        """The frames, and what was adjusted for memory."""

        def work(_: Sequence[Image.Image], factor: float) -> list[list[Bytes]]:
            width, height = (64 * max(1, round(self._settings[side] * factor / 64)) for side in ("width", "height"))
            first = filled(photo, width, height)
            # An encoding that failed leaves the VAE in the 32 bits that diffusers gives it for as long as it encodes.
            self._pipeline.vae.to(dtype=self._dtype)
            with self._freed(), torch.inference_mode():
                output = self._pipeline(
                    image=first,
                    width=width,
                    height=height,
                    num_frames=numbers.num_frames,
                    num_inference_steps=int(self._settings["num_inference_steps"]),
                    fps=numbers.fps,
                    motion_bucket_id=numbers.motion_bucket_id,
                    noise_aug_strength=numbers.noise_aug_strength,
                    decode_chunk_size=max(1, int(self._settings["decode_chunk_size"] * factor)),
                    generator=generator(seed),
                    output_type="pt",
                    callback_on_step_end=watch(deadline),
                )
            return [[to_bytes(frame) for frame in output.frames[0]]]

        (made,) = self._steps.run(self._pipeline, [photo], work)
        if isinstance(made, AttemptFailed):
            raise made
        return made

    @contextmanager
    def _freed(self) -> Iterator[None]:
        """Takes all parts back off the GPU after a call that failed, as diffusers does after one that did not."""
        try:
            yield
        except BaseException:
            self._pipeline.maybe_free_model_hooks()
            raise


def filled(photo: Image.Image, width: int, height: int) -> Image.Image:
    """The middle of the photo in the proportions of the clip."""
    scale = max(width / photo.width, height / photo.height)
    size = (max(width, round(photo.width * scale)), max(height, round(photo.height * scale)))
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return photo.resize(size, Image.Resampling.LANCZOS).crop((left, top, left + width, top + height))


def encode_mp4(frames: list[Bytes], fps: int) -> bytes:
    """The bytes of an MP4; by ffmpeg, or by OpenCV where ffmpeg is not there."""
    height, width = frames[0].shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        try:
            import imageio_ffmpeg

            writer = imageio_ffmpeg.write_frames(
                str(path),
                (width, height),
                fps=fps,
                codec="libx264",
                pix_fmt_out="yuv420p",
                quality=8,
                macro_block_size=2,
            )
            writer.send(None)
            for frame in frames:
                writer.send(np.ascontiguousarray(frame))
            writer.close()
        except (ImportError, OSError, RuntimeError):
            fallback = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (width, height))
            for frame in frames:
                fallback.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
            fallback.release()
        return path.read_bytes()
