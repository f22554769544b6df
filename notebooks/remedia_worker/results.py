"""The answer, `results.json`: written anew after every attempt, so that a run that dies leaves a valid file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import ENGINE, __version__
from .documents import Marker, Photo
from .errors import Code
from .files import write_json

SCHEMA_VERSION = 2
FILE = "results.json"


class Results:
    """Collects attempts and writes them. Only the parent process of a run has one."""

    def __init__(self, output: Path, marker: Marker, device: str) -> None:
        self._path = output / FILE
        self._worker: dict[str, Any] = {"engine": ENGINE, "version": __version__, "device": device, "models": []}
        self._document: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "run_id": marker.run_id,
            "job_sha256": marker.job_sha256,
            "complete": False,
            "worker": self._worker,
            "photos": [],
            "timings": {},
        }

    def describe(self, **fields: Any) -> None:
        """Adds to the description of the worker; models are recorded once each."""
        for model in fields.pop("models", []):
            if model not in self._worker["models"]:
                self._worker["models"].append(model)
        self._worker.update(fields)

    def timing(self, name: str, seconds: float) -> None:
        """Adds seconds to a stage."""
        timings = self._document["timings"]
        timings[name] = round(timings.get(name, 0.0) + seconds, 3)

    def add(self, photo_id: str, kind: str, attempt: dict[str, Any]) -> None:
        """Records an attempt and writes the file."""
        photos: list[dict[str, Any]] = self._document["photos"]
        photo = next((one for one in photos if one["photo_id"] == photo_id), None)
        if photo is None:
            photo = {"photo_id": photo_id, "operations": []}
            photos.append(photo)
        operation = next((one for one in photo["operations"] if one["kind"] == kind), None)
        if operation is None:
            operation = {"kind": kind, "attempts": []}
            photo["operations"].append(operation)
        operation["attempts"].append(attempt)
        self.write()

    def answered(self, photo_id: str, kind: str) -> list[dict[str, Any]]:
        """The attempts that are recorded."""
        return [
            attempt
            for photo in self._document["photos"]
            if photo["photo_id"] == photo_id
            for operation in photo["operations"]
            if operation["kind"] == kind
            for attempt in operation["attempts"]
        ]

    def still_open(self, photo: Photo) -> dict[str, list[int]]:
        """The numbers of the attempts that are still to be made, for each kind of operation."""
        left = {}
        for operation in photo.operations:
            known = self.answered(photo.photo_id, operation.kind)
            reason = known[-1].get("reason") if known else None
            over = bool(known) and (reason is None or not Code(reason["code"]).another_may_succeed)
            numbers = [one["number"] for one in known]
            left[operation.kind] = [one.number for one in operation.attempts if one.number not in numbers and not over]
        return left

    def has_reason(self, code: Code) -> bool:
        """Whether any attempt has this reason."""
        return any(attempt.get("reason", {}).get("code") == code.value for attempt in self._attempts())

    def _attempts(self) -> Iterator[dict[str, Any]]:
        for photo in self._document["photos"]:
            for operation in photo["operations"]:
                yield from operation["attempts"]

    def counts(self) -> dict[str, int]:
        """How many attempts gave a picture, and how many did not."""
        states = [attempt["state"] for attempt in self._attempts()]
        return {"produced": states.count("produced"), "failed": states.count("failed")}

    def stopped(self, code: str, text: str, retryable: bool = True) -> None:
        """Says why the run did not reach its end and whether another may do better, and writes the file."""
        self._document["stopped"] = {"code": code, "text": text, "retryable": retryable}
        self.write()

    def finish(self, order: list[str]) -> None:
        """Puts the photos into delivery order and writes `complete`, which is the last thing that a run does."""
        rank = {photo_id: index for index, photo_id in enumerate(order)}
        self._document["photos"].sort(key=lambda photo: rank.get(photo["photo_id"], len(rank)))
        self._document["complete"] = "stopped" not in self._document
        self.write()

    def write(self) -> None:
        """Writes the file as it stands."""
        write_json(self._path, self._document)


def failed_attempt(number: int, seed: int, code: str, text: str, seconds: float = 0.0) -> dict[str, Any]:
    """An attempt that gave nothing."""
    return {
        "number": number,
        "seed": seed,
        "state": "failed",
        "reason": {"code": code, "text": text},
        "seconds": round(seconds, 3),
    }
