"""The work on one photo: its operations in order, each with its attempts until one gives what was asked for."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from . import faults
from .diffusion import Painter
from .documents import Attempt, Diffusion, Limits, Operation, Order, Photo, Video
from .errors import AttemptFailed, Code
from .maps import DepthModel, Maps, SurfaceModel
from .mask import check_mask, make_mask
from .memory import Steps
from .pictures import Bytes, Writer, read_photo, read_plane, resized
from .results import failed_attempt
from .scoring import Scorer
from .video import Filmer, encode_mp4

_STAGE_QUALITY = 95
"""Least JPEG quality of a picture that is put into the photo and encoded again."""


class Worker:
    """The models of one device, loaded once."""

    def __init__(self, task: dict[str, Any], order: Order, said: Callable[..., None]) -> None:
        self._bundle, self._limits = Path(task["bundle"]), order.limits
        self._deadline = float(task["deadline"])
        self._writer = Writer(Path(task["output"]))
        self._said = said
        self._device = torch.device(task["device"])
        self._dtype = torch.float16 if task["precision"] == "fp16" and self._device.type == "cuda" else torch.float32
        self._steps = Steps(said)
        self.timings: dict[str, float] = {}
        self._load({one["role"]: one for one in task["models"]}, task["families"])

    def _load(self, models: dict[str, dict[str, Any]], families: dict[str, Any]) -> None:
        folders = {role: Path(one["folder"]) for role, one in models.items()}
        place = (self._device, self._dtype)
        nets = {role.partition(":")[2]: path for role, path in folders.items() if role.startswith("controlnet:")}
        vae = folders.get("vae")
        self._scorer: Scorer | None = None
        self._depth = DepthModel(folders["depth"], *place) if "depth" in folders else None
        self._surface = SurfaceModel(folders["segmentation"], *place) if "segmentation" in folders else None
        if "clip" in folders:
            self._scorer = Scorer(folders["clip"], models["clip"]["repository"], self._device)
        self._painter: Painter | None = None
        if "base" in folders:
            self._painter = Painter(folders["base"], vae, nets, *place, families, self._steps)
        self._enhancer = self._painter
        if "img2img" in folders:
            self._enhancer = Painter(folders["img2img"], vae, {}, *place, families, self._steps)
        self._filmer: Filmer | None = None
        if "video" in folders:
            self._filmer = Filmer(folders["video"], *place, families["video"], self._steps)

    def photo(self, photo: Photo, report: Callable[[str, dict[str, Any]], None]) -> None:
        """Does every operation; reports each attempt with the kind of its operation."""
        self.timings = {}
        faults.photo()
        maps: Maps | None = None
        for operation in photo.operations:
            try:
                if maps is None:
                    picture = read_photo(self._bundle / photo.file)
                    maps = Maps(self._bundle, photo.photo_id, picture, self._depth, self._surface)
            except AttemptFailed as failed:
                first = operation.attempts[0]
                report(operation.kind, failed_attempt(first.number, first.seed, failed.code.value, failed.text))
                continue
            self._operation(photo, operation, picture, maps, lambda made, kind=operation.kind: report(kind, made))  # type: ignore[misc]

    def _operation(
        self,
        photo: Photo,
        operation: Operation,
        picture: Image.Image,
        maps: Maps,
        report: Callable[[dict[str, Any]], None],
    ) -> None:
        for attempt in operation.attempts:
            made = self._attempt(photo, operation, attempt, picture, maps)
            report(made)
            reason = made.get("reason")
            if reason is None or not Code(reason["code"]).another_may_succeed:
                return

    def _attempt(
        self, photo: Photo, operation: Operation, attempt: Attempt, picture: Image.Image, maps: Maps
    ) -> dict[str, Any]:
        started = time.monotonic()
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        made: dict[str, Any] = {"number": attempt.number, "seed": attempt.seed, "state": "produced"}
        try:
            if time.time() > self._deadline:
                raise AttemptFailed(Code.DEADLINE, "the time of the run was over")
            made.update(self._make(photo, operation, attempt, picture, maps))
        except AttemptFailed as failed:
            made = failed_attempt(attempt.number, attempt.seed, failed.code.value, failed.text)
        except Exception as error:  # One photo must not end the run.
            place = traceback.extract_tb(error.__traceback__)[-1]
            text = f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
            made = failed_attempt(attempt.number, attempt.seed, Code.INTERNAL.value, text[:400])
        made["seconds"] = round(time.monotonic() - started, 3)
        if self._device.type == "cuda":
            made["peak_memory_bytes"] = int(torch.cuda.max_memory_allocated())
        return made

    def _make(
        self, photo: Photo, operation: Operation, attempt: Attempt, picture: Image.Image, maps: Maps
    ) -> dict[str, Any]:
        numbers = attempt.parameters
        if operation.kind == "stage" and isinstance(numbers, Diffusion):
            return self._stage(photo, operation, attempt, numbers, picture, maps)
        if operation.kind == "enhance" and isinstance(numbers, Diffusion):
            return self._enhance(photo, operation, attempt, numbers, picture)
        if operation.kind == "video" and isinstance(numbers, Video):
            return self._film(photo, attempt, numbers, picture)
        raise AttemptFailed(Code.BAD_INPUT, f"a GPU worker cannot do `{operation.kind}` with these parameters")

    def _stage(
        self,
        photo: Photo,
        operation: Operation,
        attempt: Attempt,
        numbers: Diffusion,
        picture: Image.Image,
        maps: Maps,
    ) -> dict[str, Any]:
        if self._painter is None:
            raise AttemptFailed(Code.MODEL_MISSING, "there is no base model")
        started = time.monotonic()
        mask = self._mask(photo, numbers, picture, maps)
        for net in numbers.controlnets:
            maps.control(net.kind)
        self._time("maps", started)
        started = time.monotonic()
        made, adjusted = self._painter.stage(picture, mask, maps, numbers, attempt.seed, self._deadline)
        self._time("stage", started)
        quality = max(self._limits.jpeg_quality, _STAGE_QUALITY)
        name = f"{photo.photo_id}.stage.{attempt.number}"
        record: dict[str, Any] = {
            "image": self._writer.jpeg(f"images/{name}.jpg", made, quality),
            "mask": self._writer.png(f"masks/{name}.png", mask),
        }
        planes = maps.made()
        if "labels" in planes:
            record["labels"] = self._writer.png(f"labels/{photo.photo_id}.png", planes["labels"])
        others = {kind: plane for kind, plane in planes.items() if kind != "labels"}
        record["maps"] = {
            kind: self._writer.png(f"maps/{photo.photo_id}.{kind}.png", plane) for kind, plane in others.items()
        }
        return {**record, **_adjusted(adjusted), **self._score(made, operation)}

    def _mask(self, photo: Photo, numbers: Diffusion, picture: Image.Image, maps: Maps) -> Bytes:
        path = self._bundle / "masks" / f"{photo.photo_id}.png"
        if path.is_file():
            given = read_plane(path, "the mask")
            mask = np.asarray(given.resize(picture.size, Image.Resampling.NEAREST))
        else:
            mask = make_mask(maps.labels(), numbers.mask_growth)
        check_mask(mask, self._limits.max_masked_share)
        return mask

    def _enhance(
        self, photo: Photo, operation: Operation, attempt: Attempt, numbers: Diffusion, picture: Image.Image
    ) -> dict[str, Any]:
        if self._enhancer is None:
            raise AttemptFailed(Code.MODEL_MISSING, "there is no base model")
        started = time.monotonic()
        made, adjusted = self._enhancer.enhance(picture, numbers, attempt.seed, self._deadline)
        made = resized(made, photo.width, photo.height)
        self._time("enhance", started)
        name = f"images/{photo.photo_id}.enhance.{attempt.number}.jpg"
        record = {"image": self._writer.jpeg(name, made, self._limits.jpeg_quality)}
        return {**record, **_adjusted(adjusted), **self._score(made, operation)}

    def _film(self, photo: Photo, attempt: Attempt, numbers: Video, picture: Image.Image) -> dict[str, Any]:
        if self._filmer is None:
            raise AttemptFailed(Code.MODEL_MISSING, "there is no video model whose licence was accepted")
        started = time.monotonic()
        frames, adjusted = self._filmer.film(picture, numbers, attempt.seed, self._deadline)
        content = encode_mp4(frames, numbers.fps)
        self._time("video", started)
        height, width = frames[0].shape[:2]
        name = f"images/{photo.photo_id}.video.{attempt.number}.mp4"
        return {"image": self._writer.bytes(name, content, width, height), **_adjusted(adjusted)}

    def _score(self, made: Bytes, operation: Operation) -> dict[str, Any]:
        """The scores, and the reason where they are too low."""
        prompts = operation.clip
        if self._scorer is None or prompts is None:
            return {}
        started = time.monotonic()
        score = self._scorer.score(Image.fromarray(made), prompts)
        self._time("clip", started)
        record: dict[str, Any] = {"clip": score}
        threshold = _threshold(operation, self._limits)
        if threshold is not None and score["clip_score"] < threshold:
            text = f"the CLIP score is {score['clip_score']:.3f}, below {threshold:.3f}"
            record["reason"] = {"code": Code.PROMPT_SCORE.value, "text": text}
        return record

    def _time(self, stage: str, started: float) -> None:
        self.timings[stage] = self.timings.get(stage, 0.0) + time.monotonic() - started


def _adjusted(adjusted: dict[str, Any]) -> dict[str, Any]:
    return {"adjustments": adjusted} if adjusted else {}


def _threshold(operation: Operation, limits: Limits) -> float | None:
    if operation.clip is not None and operation.clip.threshold is not None:
        return operation.clip.threshold
    return limits.clip_score_threshold
