"""Measures time and memory of the real worker on this machine's GPUs with full-size models of random weights.

    python measure.py FOLDER [--only sd15 sdxl svd14 svd25] [--photos 16] [--steps 20] [--batches 1 2 4 8] [--tiny]

No model is downloaded: architectures are those of the published configurations, weights are noise, which takes as long
and as much memory. They are kept in FOLDER/full and made once; what an interrupted call left half made is made anew.
`--tiny` takes the tests' tiny models instead, in FOLDER/tiny, to try the script itself. Prints a table in Markdown,
and for each family the bytes of each further picture in a batch, which belong into `remedia_worker/batches.py`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

import tiny_models

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "tests"))

PHOTO = "{:032x}"
AREAS = {"sd15": 768 * 512, "sdxl": 1256 * 840}
"""Pixels at which photos of 1536 x 1024 are made."""
_WIDE = {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "latent_channels": 4}
_TEXT = {"vocab_size": 514, "bos_token_id": 512, "eos_token_id": 513, "pad_token_id": 513}
_XL = {
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
    "use_linear_projection": True,
}


def vae() -> Any:
    """The VAE of both families."""
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    return diffusers.AutoencoderKL(**_WIDE, **blocks, sample_size=512)


def text(kind: Any, size: int, layers: int, heads: int, projection: int) -> Any:
    """A text tower; the vocabulary alone is small."""
    config = transformers.CLIPTextConfig(
        hidden_size=size,
        intermediate_size=4 * size,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        projection_dim=projection,
        **_TEXT,
    )
    return kind(config)


def save(model: Any, folder: Path) -> None:
    """Saves in 16 bits, with weights small enough that noise stays numbers."""
    parts = model.components.values() if hasattr(model, "components") else [model]
    with torch.no_grad():
        for part in parts:
            if isinstance(part, torch.nn.Module):
                for parameter in part.parameters():
                    if parameter.dim() > 1:
                        parameter.mul_(0.5)
                part.half()
    model.save_pretrained(folder)


def family_of(what: str) -> str:
    """Whose models are measured."""
    return "svd" if what.startswith("svd") else what


def models_folder(folder: Path, only: list[str], *, tiny: bool) -> Path:
    """The folder of the tiny models, or of full-size ones of all families that are asked for; makes what is missing."""
    models = folder / ("tiny" if tiny else "full")
    # Written last: without it the folder is half made.
    if not (models / "model_sets.json").is_file():
        tiny_models.make(models)
    for family in [] if tiny else sorted({family_of(what) for what in only}):
        mark = models / f"{family}-is-full-size"
        if not mark.exists():
            in_a_process(full_models, models, family)
            mark.touch()
    return models


def in_a_process(work: Callable[..., None], *arguments: Any) -> None:
    """Does work in a process of its own: what it takes of a GPU is free when it has ended."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    process.start()
    process.join()
    if process.exitcode != 0:
        raise SystemExit(f"{work.__name__} ended with {process.exitcode}")


def full_models(folder: Path, family: str) -> None:
    """Overwrites the big parts of a family's tiny models with full-size ones, in the same folders."""
    scheduler = diffusers.DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    tokenizer = tiny_models.tokenizer()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.device(device):
        if family == "sd15":
            base = diffusers.StableDiffusionInpaintPipeline(
                unet=diffusers.UNet2DConditionModel(in_channels=9, cross_attention_dim=768, sample_size=64),
                vae=vae(),
                text_encoder=text(transformers.CLIPTextModel, 768, 12, 12, 768),
                tokenizer=tokenizer,
                scheduler=scheduler,
                safety_checker=None,
                feature_extractor=None,
                requires_safety_checker=False,
            )
            save(base, folder / "tiny--sd15")
            for kind in ("depth", "lines", "segmentation"):
                save(diffusers.ControlNetModel(cross_attention_dim=768), folder / f"tiny--sd15-{kind}")
        if family == "sdxl":
            up_blocks = ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D")
            large = diffusers.StableDiffusionXLInpaintPipeline(
                unet=diffusers.UNet2DConditionModel(in_channels=4, sample_size=128, up_block_types=up_blocks, **_XL),
                vae=vae(),
                text_encoder=text(transformers.CLIPTextModel, 768, 12, 12, 768),
                text_encoder_2=text(transformers.CLIPTextModelWithProjection, 1280, 32, 20, 1280),
                tokenizer=tokenizer,
                tokenizer_2=tokenizer,
                scheduler=scheduler,
            )
            save(large, folder / "tiny--sdxl")
            save(diffusers.ControlNetUnionModel(num_control_type=8, **_XL), folder / "tiny--sdxl-union")
        if family == "svd":
            vision = transformers.CLIPVisionConfig(
                hidden_size=1280,
                intermediate_size=5120,
                num_hidden_layers=32,
                num_attention_heads=16,
                patch_size=14,
                projection_dim=1024,
            )
            save(
                diffusers.StableVideoDiffusionPipeline(
                    unet=diffusers.UNetSpatioTemporalConditionModel(),
                    vae=diffusers.AutoencoderKLTemporalDecoder(down_block_types=("DownEncoderBlock2D",) * 4, **_WIDE),
                    image_encoder=transformers.CLIPVisionModelWithProjection(vision),
                    scheduler=diffusers.EulerDiscreteScheduler.from_pretrained(
                        folder / "tiny--svd", subfolder="scheduler"
                    ),
                    feature_extractor=transformers.CLIPImageProcessor(),
                ),
                folder / "tiny--svd",
            )


@dataclass(frozen=True)
class Measured:
    """A line of the table, and the most memory that a picture took, in bytes."""

    line: str
    batch: int
    peak: int


def measure(models: Path, what: str, batch: int, arguments: argparse.Namespace) -> Measured:
    """Runs the worker once with batches of one size."""
    import bundles

    video = family_of(what) == "svd"
    asked: dict[str, list[dict[str, Any]]] = {}
    for index in range(1 if video else arguments.photos):
        photo = PHOTO.format(index)
        bundles.PHOTOS[photo] = ("01-living-a", "03-bedroom", "02-living-b", "04-kitchen")[index % 4]
        asked[photo] = [bundles.operation("video" if video else "stage", 1, num_inference_steps=arguments.steps)]
    if video:
        (numbers,) = (one["parameters"] for one in asked[PHOTO.format(0)][0]["attempts"])
        numbers["num_frames"] = int(what[3:])
    # Photos at the size at which remedia sends them.
    bundles.SIZE = (192, 128) if arguments.tiny else (1536, 1024)
    run = arguments.folder / f"run-{what}-{batch}"
    # What an earlier measurement left there would be in this one's way.
    shutil.rmtree(run, ignore_errors=True)
    bundles.write_bundle(run / "input", bundles.order(asked), labels=tuple(asked))
    document = json.loads((models / "model_sets.json").read_text(encoding="utf-8"))
    if not arguments.tiny:
        catalogue = json.loads((HERE / "remedia_worker" / "model_sets.json").read_text(encoding="utf-8"))
        document["families"] = catalogue["families"]
    name = "tiny-sdxl-union" if what == "sdxl" else "tiny-sd15"
    document["sets"] = [{**one, "precision": "fp16"} for one in document["sets"] if one["name"] == name]
    (run / "model_sets.json").write_text(json.dumps(document), encoding="utf-8")
    environment = {
        **os.environ,
        "REMEDIA_INPUT": str(run / "input"),
        "REMEDIA_OUTPUT": str(run / "output"),
        "REMEDIA_MODELS": str(models),
        "REMEDIA_MODEL_SETS": str(run / "model_sets.json"),
        "REMEDIA_FIND_SECONDS": "1",
        "REMEDIA_BATCH": str(batch),
        "PYTHONPATH": str(HERE),
    }
    if arguments.tiny:
        environment["REMEDIA_ALLOW_CPU"] = "1"
    subprocess.run([sys.executable, "-m", "remedia_worker"], env=environment, check=True, stdout=sys.stderr)
    answer = json.loads((run / "output" / "results.json").read_text(encoding="utf-8"))
    made = [one for photo in answer["photos"] for operation in photo["operations"] for one in operation["attempts"]]
    failed = sorted({one["reason"]["code"] for one in made if one["state"] == "failed"})
    # Where memory was short, this was not measured but something else.
    failed += sorted({key for one in made for key in one.get("adjustments", {}) if key != "batch_size"})
    sizes = sorted({one.get("adjustments", {}).get("batch_size", 1) for one in made})
    # The first batch of each device warms up: the median does not see it.
    seconds = sorted(one["seconds"] for one in made)
    peak = max(one.get("peak_memory_bytes", 0) for one in made)
    timings = answer["timings"]
    cells = [
        what,
        answer["worker"]["device"],
        " and ".join(str(size) for size in sizes),
        str(len(made)),
        f"{seconds[len(seconds) // 2]:.2f}",
        f"{peak / 1024**3:.2f}",
        f"{timings.get('load', 0):.0f}",
        f"{timings.get('photos', 0):.0f}",
        ", ".join(failed) or "none",
    ]
    # A batch that had to be halved tells nothing about its own size.
    return Measured("| " + " | ".join(cells) + " |", batch if max(sizes) == batch else 0, peak)


def further(what: str, measured: list[Measured], area: float) -> str:
    """What each further picture of a batch takes. Decoding takes as much for one as for many and may hide the peak of
    small batches' steps, so the two largest that fitted are compared.
    """
    fitting = sorted((one for one in measured if one.batch and one.peak), key=lambda one: one.batch)
    if len(fitting) < 2:
        return f"{what}: nothing is known of a further picture, which takes a GPU and two sizes that fit it"
    small, large = fitting[-2:]
    each = (large.peak - small.peak) / (large.batch - small.batch)
    return f"{what}: {each / 1e6:.0f} MB for each further picture, {each / area:.0f} bytes a pixel"


def main() -> None:
    """Makes the models and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=["sd15", "sdxl", "svd14", "svd25"])
    parser.add_argument("--photos", type=int, default=16)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batches", nargs="*", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    models = models_folder(arguments.folder, arguments.only, tiny=arguments.tiny)
    lines, notes = [], []
    for what in arguments.only:
        batches = [1] if family_of(what) == "svd" else sorted(set(arguments.batches))
        measured = [measure(models, what, batch, arguments) for batch in batches]
        lines += [one.line for one in measured]
        if family_of(what) != "svd":
            notes.append(further(what, measured, AREAS[what]))
    print("| what | device | batch | pictures | median s each | peak GiB | load s | all s | failed or adjusted |")
    print("|---|---|---|---|---|---|---|---|---|")
    print("\n".join(lines))
    print("\n" + "\n".join(notes))


if __name__ == "__main__":
    main()
