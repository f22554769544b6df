"""Renders scenes with Blender's `bpy` into linear light, labels and a description.

    python -m corpus.render OUT [--seeds FILE] [--most N] [--samples 12] [--threads 2]

OUT/SEED.npz holds `light` (400, 600, 3, half floats, linear sRGB), `paint` (the surfaces' own colour, the same shape)
and `labels` (400, 600, bytes; `shapes.LABELS`); OUT/SEED.json is the scene. What is there is not made again.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import OpenEXR

from .build import build
from .rooms import scene as draw
from .seeds import SEEDS, read_seeds

WIDTH, HEIGHT = 600, 400


def settings(samples: int, threads: int) -> None:
    """How Cycles works: few samples, denoised, no caustics."""
    here = bpy.context.scene
    render, cycles = here.render, here.cycles
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y, render.resolution_percentage = WIDTH, HEIGHT, 100
    render.threads_mode, render.threads = "FIXED", threads
    cycles.device, cycles.samples, cycles.seed = "CPU", samples, 1
    cycles.use_adaptive_sampling, cycles.adaptive_threshold, cycles.adaptive_min_samples = True, 0.05, 6
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 5, 4, 2
    cycles.transmission_bounces, cycles.transparent_max_bounces = 2, 8
    cycles.sample_clamp_indirect, cycles.blur_glossy = 6.0, 1.0
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.denoising_input_passes, cycles.denoising_prefilter = "RGB_ALBEDO_NORMAL", "FAST"
    here.view_layers[0].use_pass_object_index = True
    here.view_layers[0].use_pass_diffuse_color = True
    output = render.image_settings
    if hasattr(output, "media_type"):
        output.media_type = "MULTI_LAYER_IMAGE"
    output.file_format, output.color_depth, output.exr_codec = "OPEN_EXR_MULTILAYER", "32", "ZIP"


def layers(path: str) -> dict[str, Any]:
    """The layers of a render: light (h, w, 3), paint (h, w, 3), labels (h, w)."""
    channels = {key: channel for part in OpenEXR.File(path).parts for key, channel in part.channels.items()}

    def find(*names: str) -> Any:
        return next(c.pixels for key, c in channels.items() if any(name in key for name in names))

    return {
        "light": np.clip(find("Combined")[..., :3], 0, 60_000).astype(np.float16),
        "paint": np.clip(find("Diffuse Color", "DiffCol")[..., :3], 0, 1).astype(np.float16),
        "labels": np.rint(find("Object Index", "IndexOB")).astype(np.uint8).reshape(HEIGHT, WIDTH),
    }


def render(seed: int, out: Path, samples: int, threads: int) -> None:
    """One scene."""
    scene = draw(seed)
    build(scene)
    settings(samples, threads)
    with tempfile.TemporaryDirectory() as folder:
        bpy.context.scene.render.filepath = str(Path(folder, "picture.exr"))
        bpy.ops.render.render(write_still=True)
        found = layers(str(next(Path(folder).glob("*.exr"))))
    (out / f"{seed}.json").write_text(json.dumps(scene.document(), indent=1))
    part = out / f"{seed}.part.npz"
    np.savez_compressed(part, **found)
    part.replace(out / f"{seed}.npz")


def main() -> None:
    """Renders what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=Path, default=SEEDS)
    parser.add_argument("--most", type=int, default=1_000_000)
    parser.add_argument("--samples", type=int, default=12)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for seed in read_seeds(given.seeds)[: given.most]:
        if not (given.out / f"{seed}.npz").is_file():
            start = time.monotonic()
            render(seed, given.out, given.samples, given.threads)
            print(f"corpus {seed}: {time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
