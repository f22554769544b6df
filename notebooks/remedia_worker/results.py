"""The answer, `results.json`: written anew after every attempt, so that a run that dies leaves a valid file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import ENGINE, __version__
from .documents import Marker, Photo
from .errors import Code
from .files import is_inside, sha256_of, write_json

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

    def take_up(self) -> int:
        """Takes over what an earlier session of the same run left here, and gives how many attempts that is: the photos
        of which all files are still what was written, less the attempts for which there was no time.
        """
        try:
            document = json.loads(self._path.read_bytes())
            same = all(document[key] == self._document[key] for key in ("schema_version", "run_id", "job_sha256"))
            photos = [photo for photo in document["photos"] if self._is_whole(photo)] if same else []
            for photo in photos:
                for operation in photo["operations"]:
                    attempts = operation["attempts"]
                    operation["attempts"] = [one for one in attempts if not _is_of_reason(one, Code.DEADLINE)]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return 0
        self._document["photos"] = photos
        return len(list(self._attempts()))

    def forget(self, photo_id: str) -> None:
        """Takes a photo out, which is then made anew."""
        self._document["photos"] = [one for one in self._document["photos"] if one["photo_id"] != photo_id]

    def _is_whole(self, record: Any) -> bool:
        """Whether every file that is named below a record is what was written."""
        if isinstance(record, list):
            return all(self._is_whole(one) for one in record)
        if not isinstance(record, dict):
            return True
        if "file" in record and "sha256" in record:
            path = self._path.parent / record["file"]
            return is_inside(record["file"]) and path.is_file() and sha256_of(path) == record["sha256"]
        return all(self._is_whole(one) for one in record.values())

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
        return any(_is_of_reason(attempt, code) for attempt in self._attempts())

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


def _is_of_reason(attempt: dict[str, Any], code: Code) -> bool:
    return bool((attempt.get("reason") or {}).get("code") == code.value)


def failed_attempt(number: int, seed: int, code: str, text: str, seconds: float = 0.0) -> dict[str, Any]:
    """An attempt that gave nothing."""
    return {
        "number": number,
        "seed": seed,
        "state": "failed",
        "reason": {"code": code, "text": text},
        "seconds": round(seconds, 3),
    }
