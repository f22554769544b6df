"""The order, `job.json`, versions 2 and 3, and its marker. What this worker does not know in them is ignored."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import Stop, WorkerStopped

VERSIONS = (2, 3)
KINDS = ("enhance", "stage", "video")
_PHOTO_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class ControlNet:
    """One conditioning network of an attempt; the names are those of diffusers."""

    kind: str
    conditioning_scale: float
    control_guidance_start: float
    control_guidance_end: float


@dataclass(frozen=True)
class Diffusion:
    """The numbers of a picture made by a diffusion model."""

    prompt: str
    negative_prompt: str
    strength: float
    guidance_scale: float
    num_inference_steps: int
    scheduler: str
    mask_growth: float
    controlnets: tuple[ControlNet, ...]


@dataclass(frozen=True)
class Video:
    """The numbers of a clip."""

    num_frames: int
    fps: int
    motion_bucket_id: int
    noise_aug_strength: float


@dataclass(frozen=True)
class Attempt:
    """One attempt; `parameters` is None for work that is not this worker's."""

    number: int
    seed: int
    parameters: Diffusion | Video | None


@dataclass(frozen=True)
class ClipPrompts:
    """The words by which a result is scored; the first of `contrast` is the right room in the right style."""

    prompt: str
    contrast: tuple[str, ...]
    threshold: float | None


@dataclass(frozen=True)
class Operation:
    """One operation on one photo with the attempts that are left."""

    kind: str
    attempts: tuple[Attempt, ...]
    clip: ClipPrompts | None


@dataclass(frozen=True)
class Photo:
    """One photo of the order; width and height are those of the upright original."""

    photo_id: str
    width: int
    height: int
    operations: tuple[Operation, ...]

    @property
    def file(self) -> str:
        """Where the photo at working size lies in the bundle."""
        return f"photos/{self.photo_id}.jpg"


@dataclass(frozen=True)
class Part:
    """One model of a set."""

    role: str
    repository: str
    revision: str
    licence: str = "unknown"
    notice: str | None = None


@dataclass(frozen=True)
class ModelSet:
    """The models of a run; `precision` is fp16 or fp32, and a CPU always works in fp32."""

    name: str
    precision: str
    parts: tuple[Part, ...]

    def part(self, role: str) -> Part | None:
        """The part with this role."""
        return next((part for part in self.parts if part.role == role), None)


@dataclass(frozen=True)
class Limits:
    """Bounds of an order."""

    jpeg_quality: int = 92
    clip_score_threshold: float | None = None
    max_masked_share: float | None = None
    deadline_seconds: float | None = None


@dataclass(frozen=True)
class Order:
    """What is asked."""

    run_id: str
    job_sha256: str
    limits: Limits
    models: ModelSet | None
    photos: tuple[Photo, ...] = field(default_factory=tuple)

    def operations(self, kind: str) -> list[tuple[Photo, Operation]]:
        """Every operation of one kind."""
        return [(photo, one) for photo in self.photos for one in photo.operations if one.kind == kind]


@dataclass(frozen=True)
class Marker:
    """`remedia-run.json`."""

    run_id: str
    job_sha256: str


def read_marker(content: bytes) -> Marker:
    """Reads a marker; ValueError where it is none."""
    document = json.loads(content)
    if not isinstance(document, dict):
        raise TypeError("the marker is no JSON object")
    return Marker(run_id=str(document["run_id"]), job_sha256=str(document["job_sha256"]))


def read_order(path: Path, job_sha256: str) -> Order:
    """Reads `job.json`, whose digest was checked; WorkerStopped where it cannot be understood."""
    try:
        document = json.loads(path.read_bytes())
        version = int(document["schema_version"])
        if version not in VERSIONS:
            known = " and ".join(str(one) for one in VERSIONS)
            raise ValueError(f"it is of version {version}, and this worker reads {known}")
        return Order(
            run_id=str(document["run_id"]),
            job_sha256=job_sha256,
            limits=_limits(document.get("limits", {})),
            models=model_set(document["models"]) if document.get("models") else None,
            photos=tuple(_photo(one) for one in document["photos"]),
        )
    except KeyError as error:
        raise WorkerStopped(Stop.BAD_ORDER, f"job.json cannot be used: {error} is missing", retryable=False) from error
    except (TypeError, ValueError, AttributeError) as error:
        raise WorkerStopped(Stop.BAD_ORDER, f"job.json cannot be used: {error}", retryable=False) from error


def model_set(document: dict[str, Any]) -> ModelSet:
    """Reads a model set, of an order or of `model_sets.json`."""
    parts = tuple(
        Part(
            role=str(part["role"]),
            repository=str(part["repository"]),
            revision=str(part["revision"]),
            licence=str(part.get("licence") or "unknown"),
            notice=str(part["notice"]) if part.get("notice") else None,
        )
        for part in document["parts"]
    )
    return ModelSet(name=str(document["name"]), precision=str(document.get("precision") or "fp16"), parts=parts)


def _optional(value: object) -> float | None:
    return None if value is None else float(str(value))


def _limits(document: dict[str, Any]) -> Limits:
    return Limits(
        jpeg_quality=int(document.get("jpeg_quality", 92)),
        clip_score_threshold=_optional(document.get("clip_score_threshold")),
        max_masked_share=_optional(document.get("max_masked_share")),
        deadline_seconds=_optional(document.get("deadline_seconds")),
    )


def _photo(document: dict[str, Any]) -> Photo:
    photo_id = str(document["photo_id"])
    if not _PHOTO_ID.fullmatch(photo_id):
        raise ValueError(f"`{photo_id}` is not a photo id")
    return Photo(
        photo_id=photo_id,
        width=int(document["width"]),
        height=int(document["height"]),
        operations=tuple(_operation(one) for one in document["operations"]),
    )


def _operation(document: dict[str, Any]) -> Operation:
    kind = str(document["kind"])
    if kind not in KINDS:
        raise ValueError(f"operation `{kind}` is not known")
    clip = document.get("clip")
    return Operation(
        kind=kind,
        attempts=tuple(_attempt(one) for one in document["attempts"]),
        clip=None
        if clip is None
        else ClipPrompts(
            prompt=str(clip["prompt"]),
            contrast=tuple(str(one["prompt"]) for one in clip.get("contrast", [])),
            threshold=_optional(clip.get("clip_score_threshold")),
        ),
    )


def _attempt(document: dict[str, Any]) -> Attempt:
    numbers = document["parameters"]
    parameters: Diffusion | Video | None = None
    if numbers["work"] == "diffusion":
        parameters = Diffusion(
            prompt=str(numbers["prompt"]),
            negative_prompt=str(numbers.get("negative_prompt", "")),
            strength=float(numbers["strength"]),
            guidance_scale=float(numbers["guidance_scale"]),
            num_inference_steps=int(numbers["num_inference_steps"]),
            scheduler=str(numbers["scheduler"]),
            mask_growth=float(numbers.get("mask_growth", 0.0)),
            controlnets=tuple(
                ControlNet(
                    kind=str(one["kind"]),
                    conditioning_scale=float(one["conditioning_scale"]),
                    control_guidance_start=float(one["control_guidance_start"]),
                    control_guidance_end=float(one["control_guidance_end"]),
                )
                for one in numbers.get("controlnets", [])
            ),
        )
    elif numbers["work"] == "video":
        parameters = Video(
            num_frames=int(numbers["num_frames"]),
            fps=int(numbers["fps"]),
            motion_bucket_id=int(numbers["motion_bucket_id"]),
            noise_aug_strength=float(numbers["noise_aug_strength"]),
        )
    return Attempt(number=int(document["number"]), seed=int(document["seed"]), parameters=parameters)
