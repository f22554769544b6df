"""How an attempt is made: by kind of operation, what it needs, the call of the model, and what is written of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from .diffusion import Draft, Outcome, Painter, Staging
from .documents import Attempt, Diffusion, Limits, Operation, Photo, Video
from .errors import AttemptFailed, Code
from .maps import DepthModel, Maps, SurfaceModel
from .mask import check_mask, make_mask
from .memory import Steps
from .pictures import Bytes, Writer, read_photo, read_plane, resized
from .scoring import Scorer
from .video import Filmer, encode_mp4

_STAGE_QUALITY = 95
"""Least JPEG quality of a picture that is put into the photo and encoded again."""


@dataclass
class InHand:
    """A photo in work. Its seconds are its own: of what is done for several, its share."""

    photo: Photo
    seconds: float = 0.0
    timings: dict[str, float] = field(default_factory=dict)
    picture: Image.Image | None = None
    maps: Maps | None = None

    @contextmanager
    def timed(self, stage: str | None = None) -> Iterator[None]:
        """Counts the seconds of a block, for a stage where it is one."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.count(stage, time.monotonic() - started)

    def count(self, stage: str | None, seconds: float) -> None:
        """Adds seconds."""
        self.seconds += seconds
        if stage is not None:
            self.timings[stage] = self.timings.get(stage, 0.0) + seconds


class Maker:
    """The models of one device, loaded once."""

    def __init__(self, task: dict[str, Any], limits: Limits, said: Callable[..., None]) -> None:
        self._bundle, self._limits = Path(task["bundle"]), limits
        self._deadline = float(task["deadline"])
        self._writer = Writer(Path(task["output"]))
        self.device = torch.device(task["device"])
        self._dtype = torch.float16 if task["precision"] == "fp16" and self.device.type == "cuda" else torch.float32
        self._load({one["role"]: one for one in task["models"]}, task["families"], said)

    def _load(self, models: dict[str, dict[str, Any]], families: dict[str, Any], said: Callable[..., None]) -> None:
        folders = {role: Path(one["folder"]) for role, one in models.items()}
        place = (self.device, self._dtype)
        nets = {role.partition(":")[2]: path for role, path in folders.items() if role.startswith("controlnet:")}
        vae = folders.get("vae")
        self._scorer: Scorer | None = None
        self._depth = DepthModel(folders["depth"], *place) if "depth" in folders else None
        self._surface = SurfaceModel(folders["segmentation"], *place) if "segmentation" in folders else None
        if "clip" in folders:
            self._scorer = Scorer(folders["clip"], models["clip"]["repository"], self.device)
        self._painter: Painter | None = None
        if "base" in folders:
            self._painter = Painter(folders["base"], vae, nets, *place, families, Steps(said))
        self._enhancer = self._painter
        if "img2img" in folders:
            self._enhancer = Painter(folders["img2img"], vae, {}, *place, families, Steps(said))
        self._filmer: Filmer | None = None
        if "video" in folders:
            self._filmer = Filmer(folders["video"], *place, families["video"], Steps(said))

    def prepare(self, hand: InHand, operation: Operation, attempt: Attempt) -> Draft | Staging | None:
        """What the model is given for a picture; None for a clip. AttemptFailed where it cannot be had."""
        if hand.picture is None or hand.maps is None:
            with hand.timed():
                hand.picture = read_photo(self._bundle / hand.photo.file)
            hand.maps = Maps(self._bundle, hand.photo.photo_id, hand.picture, self._depth, self._surface)
        numbers = attempt.parameters
        if operation.kind == "stage" and isinstance(numbers, Diffusion):
            if self._painter is None:
                raise AttemptFailed(Code.MODEL_MISSING, "there is no base model")
            with hand.timed("maps"):
                mask = self._mask(hand.photo, numbers, hand.picture, hand.maps)
                for net in numbers.controlnets:
                    hand.maps.control(net.kind)
            return Staging(hand.picture, numbers, attempt.seed, mask, hand.maps)
        if operation.kind == "enhance" and isinstance(numbers, Diffusion):
            if self._enhancer is None:
                raise AttemptFailed(Code.MODEL_MISSING, "there is no base model")
            return Draft(hand.picture, numbers, attempt.seed)
        if operation.kind == "video" and isinstance(numbers, Video):
            if self._filmer is None:
                raise AttemptFailed(Code.MODEL_MISSING, "there is no video model whose licence was accepted")
            return None
        raise AttemptFailed(Code.BAD_INPUT, f"a GPU worker cannot do `{operation.kind}` with these parameters")

    def paint(self, drafts: Sequence[Draft | Staging]) -> list[Outcome]:
        """Makes pictures in one call, which must be of one kind."""
        staged = [draft for draft in drafts if isinstance(draft, Staging)]
        if staged and self._painter is not None:
            return self._painter.stage(staged, self._deadline)
        if not staged and self._enhancer is not None:
            return self._enhancer.enhance(drafts, self._deadline)
        raise AttemptFailed(Code.MODEL_MISSING, "there is no base model")

    def finish(
        self, hand: InHand, operation: Operation, attempt: Attempt, draft: Draft | Staging, picture: Bytes
    ) -> dict[str, Any]:
        """Writes a picture and all that belongs to it, and scores it; gives the record for the results."""
        name = f"{hand.photo.photo_id}.{operation.kind}.{attempt.number}"
        with hand.timed():
            if isinstance(draft, Staging):
                quality = max(self._limits.jpeg_quality, _STAGE_QUALITY)
                record: dict[str, Any] = {"image": self._writer.jpeg(f"images/{name}.jpg", picture, quality)}
                record.update(self._planes(hand.photo.photo_id, name, draft))
            else:
                picture = resized(picture, hand.photo.width, hand.photo.height)
                record = {"image": self._writer.jpeg(f"images/{name}.jpg", picture, self._limits.jpeg_quality)}
        if self._scorer is not None and operation.clip is not None:
            with hand.timed("clip"):
                record.update(self._score(self._scorer, picture, operation))
        return record

    def film(self, hand: InHand, attempt: Attempt) -> dict[str, Any]:
        """Makes and writes a clip; gives the record for the results."""
        numbers = attempt.parameters
        if self._filmer is None or hand.picture is None or not isinstance(numbers, Video):
            raise AttemptFailed(Code.BAD_INPUT, "there is nothing to film")
        with hand.timed("video"):
            frames, adjusted = self._filmer.film(hand.picture, numbers, attempt.seed, self._deadline)
            content = encode_mp4(frames, numbers.fps)
        height, width = frames[0].shape[:2]
        name = f"images/{hand.photo.photo_id}.video.{attempt.number}.mp4"
        with hand.timed():
            return {"image": self._writer.bytes(name, content, width, height), **adjusted_record(adjusted)}

    def _mask(self, photo: Photo, numbers: Diffusion, picture: Image.Image, maps: Maps) -> Bytes:
        path = self._bundle / "masks" / f"{photo.photo_id}.png"
        if path.is_file():
            given = read_plane(path, "the mask")
            mask = np.asarray(given.resize(picture.size, Image.Resampling.NEAREST))
        else:
            mask = make_mask(maps.labels(), numbers.mask_growth)
        check_mask(mask, self._limits.max_masked_share)
        return mask

    def _planes(self, photo_id: str, name: str, draft: Staging) -> dict[str, Any]:
        record: dict[str, Any] = {"mask": self._writer.png(f"masks/{name}.png", draft.mask)}
        planes = draft.maps.made()
        if "labels" in planes:
            record["labels"] = self._writer.png(f"labels/{photo_id}.png", planes["labels"])
        others = {kind: plane for kind, plane in planes.items() if kind != "labels"}
        record["maps"] = {
            kind: self._writer.png(f"maps/{photo_id}.{kind}.png", plane) for kind, plane in others.items()
        }
        return record

    def _score(self, scorer: Scorer, picture: Bytes, operation: Operation) -> dict[str, Any]:
        """The scores, and the reason where they are too low."""
        prompts = operation.clip
        if prompts is None:
            return {}
        score = scorer.score(Image.fromarray(picture), prompts)
        record: dict[str, Any] = {"clip": score}
        threshold = self._limits.clip_score_threshold if prompts.threshold is None else prompts.threshold
        if threshold is not None and score["clip_score"] < threshold:
            text = f"the CLIP score is {score['clip_score']:.3f}, below {threshold:.3f}"
            record["reason"] = {"code": Code.PROMPT_SCORE.value, "text": text}
        return record


def adjusted_record(adjusted: dict[str, Any]) -> dict[str, Any]:
    """How adjustments stand in the results: not at all where there were none."""
    return {"adjustments": adjusted} if adjusted else {}
