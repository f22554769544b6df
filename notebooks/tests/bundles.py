"""Makes bundles in the form that remedia makes them, from the test listing's photos at a small size."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE.parent
LISTING = NOTEBOOKS.parent / "fixtures" / "listings" / "maple-street"
RUN_ID = "maple-street-0123456789ab-r1"
PHOTOS = {"a" * 32: "01-living-a", "b" * 32: "03-bedroom", "c" * 32: "02-living-b"}
SIZE = (192, 128)

CONTRAST = [
    {"label": "modern living room", "prompt": "a photo of a modern living room"},
    {"label": "an empty room", "prompt": "an empty room"},
]


def diffusion(**changes: Any) -> dict[str, Any]:
    """The numbers of a stage, cheap ones."""
    nets = [
        {"kind": "depth", "conditioning_scale": 0.55, "control_guidance_start": 0.0, "control_guidance_end": 0.9},
        {
            "kind": "segmentation",
            "conditioning_scale": 0.45,
            "control_guidance_start": 0.0,
            "control_guidance_end": 0.8,
        },
    ]
    return {
        "work": "diffusion",
        "prompt": "modern living room, low sofa, clean lines",
        "negative_prompt": "new window, changed walls",
        "strength": 0.9,
        "guidance_scale": 5.0,
        "num_inference_steps": 3,
        "scheduler": "UniPCMultistepScheduler",
        "controlnets": nets,
        "mask_growth": 8.0,
        **changes,
    }


def operation(kind: str = "stage", attempts: int = 3, **changes: Any) -> dict[str, Any]:
    """One operation with its ladder."""
    numbers: dict[str, Any] = diffusion(**changes)
    if kind == "enhance":
        numbers = diffusion(**{"strength": 0.4, "controlnets": [], **changes})
    if kind == "video":
        numbers = {"work": "video", "num_frames": 3, "fps": 7, "motion_bucket_id": 30, "noise_aug_strength": 0.02}
    ladder = [
        {"number": number, "seed": 2**53 - number, "parameters": copy.deepcopy(numbers)}
        for number in range(1, attempts + 1)
    ]
    made: dict[str, Any] = {"kind": kind, "attempts": ladder}
    if kind != "video":
        made["clip"] = {"prompt": "a photo of a modern living room", "contrast": CONTRAST}
    return made


def order(operations: dict[str, list[dict[str, Any]]], version: int = 2, **changes: Any) -> dict[str, Any]:
    """`job.json` for the photos that are named."""
    return {
        "schema_version": version,
        "run_id": RUN_ID,
        "job_id": RUN_ID[: -len("-r1")],
        "created": "2026-05-04T10:00:00Z",
        "executor": "kaggle",
        "engine_version": "classic-1",
        "style": {"name": "modern", "digest": "0" * 64},
        "limits": {"max_attempts": 3, "jpeg_quality": 92, "max_masked_share": 0.75, **changes.pop("limits", {})},
        "photos": [
            {
                "photo_id": photo_id,
                "file": f"photos/{photo_id}.jpg",
                "sources": [{"photo_id": photo_id, "file": f"{PHOTOS[photo_id]}.jpg"}],
                "width": 2 * SIZE[0],
                "height": 2 * SIZE[1],
                "room": "Living Room",
                "operations": asked,
            }
            for photo_id, asked in operations.items()
        ],
        **changes,
    }


def write_bundle(
    folder: Path, job: dict[str, Any], *, labels: tuple[str, ...] = (), corrupt: tuple[str, ...] = ()
) -> Path:
    """Writes a bundle; `labels` names the photos whose label maps come along, `corrupt` those that are no pictures."""
    for name in ("photos", "maps", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for photo in job["photos"]:
        photo_id = photo["photo_id"]
        path = folder / "photos" / f"{photo_id}.jpg"
        if photo_id in corrupt:
            path.write_bytes(b"\xff\xd8\xff\xe0 half a picture")
        else:
            with Image.open(LISTING / f"{PHOTOS[photo_id]}.jpg") as picture:
                picture.convert("RGB").resize(SIZE, Image.Resampling.BOX).save(path, quality=95)
        if photo_id in labels:
            with Image.open(LISTING / "truth" / f"{PHOTOS[photo_id]}_labels.png") as plane:
                small = plane.resize(SIZE, Image.Resampling.NEAREST)
                Image.fromarray(np.asarray(small)).save(folder / "maps" / f"{photo_id}.labels.png")
    package = folder / "worker" / "remedia_worker"
    shutil.copytree(NOTEBOOKS / "remedia_worker", package, ignore=shutil.ignore_patterns("__pycache__"))
    text = json.dumps(job, indent=2).encode()
    (folder / "job.json").write_bytes(text)
    seal(folder)
    return folder


def seal(folder: Path) -> None:
    """Writes `SHA256SUMS` and the marker for what lies in the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = []
    for path in files:
        name = path.relative_to(folder).as_posix()
        if name not in ("SHA256SUMS", "remedia-run.json"):
            sums.append(f"{digest(path)}  {name}\n")
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    job = json.loads((folder / "job.json").read_bytes())
    marker = {
        "schema_version": job["schema_version"],
        "run_id": job["run_id"],
        "job_sha256": digest(folder / "job.json"),
    }
    (folder / "remedia-run.json").write_text(json.dumps(marker), encoding="utf-8")


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
