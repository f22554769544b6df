"""Reading orders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bundles import NOTEBOOKS, PHOTOS, operation, order

from remedia_worker.documents import Diffusion, read_order
from remedia_worker.errors import Stop, WorkerStopped

FIRST = next(iter(PHOTOS))
MODELS = {
    "name": "mine",
    "precision": "fp16",
    "parts": [{"role": "base", "repository": "a/b", "revision": "1" * 40, "licence": "MIT"}],
}


def read(tmp_path: Path, document: Any) -> Any:
    path = tmp_path / "job.json"
    path.write_text(json.dumps(document))
    return read_order(path, "0" * 64)


def test_both_versions_are_read(tmp_path: Path) -> None:
    second = read(tmp_path, order({FIRST: [operation()]}))
    assert second.models is None
    assert second.limits.deadline_seconds is None
    third = read(tmp_path, order({FIRST: [operation()]}, version=3, models=MODELS, limits={"deadline_seconds": 3600}))
    assert third.models.part("base").repository == "a/b"
    assert third.limits.deadline_seconds == 3600
    numbers = third.photos[0].operations[0].attempts[1].parameters
    assert isinstance(numbers, Diffusion)
    assert [net.kind for net in numbers.controlnets] == ["depth", "segmentation"]


def test_the_kept_sample_is_read(tmp_path: Path) -> None:
    sample = NOTEBOOKS.parent / "fixtures" / "documents" / "job-v2.json"
    if not sample.is_file():
        pytest.skip("the sample lies in the repository")
    photos = read(tmp_path, json.loads(sample.read_text())).photos
    assert [len(photo.operations[0].attempts) for photo in photos] == [3, 3]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"schema_version": 9}, "version 9"),
        ({"photos": [{"photo_id": "../x"}]}, "photo id"),
        ({"photos": 3}, "cannot be used"),
        ({"limits": {"jpeg_quality": "best"}}, "best"),
    ],
)
def test_what_is_no_order_is_refused(tmp_path: Path, changes: dict[str, Any], word: str) -> None:
    with pytest.raises(WorkerStopped) as refused:
        read(tmp_path, {**order({FIRST: [operation()]}), **changes})
    assert refused.value.stop is Stop.BAD_ORDER
    assert word in refused.value.text
