"""The parent's side of the processes, with processes that do nothing but what a test wants of them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from remedia_worker import pool
from remedia_worker.environment import Device
from remedia_worker.errors import Code
from remedia_worker.pool import MOST_DEATHS, Pool

CHILD = """
import json, os, sys, time

def tell(message, **fields):
    print(json.dumps({"message": message, **fields}), flush=True)

json.loads(sys.stdin.readline())
tell("ready")
for line in sys.stdin:
    order = json.loads(line)
    if order.get("end"):
        sys.exit(0)
    for photo in order["photos"]:
        if photo.startswith("die"):
            print(f"the last word of {photo}", file=sys.stderr)
            sys.exit(41)
        if photo.startswith("hang"):
            time.sleep(600)
        if photo.startswith("foreign"):
            # Latin-1, and then more than a pipe holds.
            for number in (1, 2):
                os.write(number, b"caf\\xe9\\n")
            os.write(2, b"x" * 79 + b"\\n")
            for _ in range(4000):
                os.write(2, b"y" * 79 + b"\\n")
        tell("photo_done", photo_id=photo)
    tell("batch_done")
"""


class Played:
    """What came of photos by the names of their fates, one to a batch."""

    def __init__(self, folder: Path, photos: list[str], seconds: float = 60.0, size: int = 1) -> None:
        package = folder / "worker" / "remedia_worker"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "child.py").write_text(CHILD)
        self.done: list[str] = []
        self.lost: dict[str, tuple[Code, str]] = {}
        device = Device("CPU", 0, None)
        played = Pool([device], {"bundle": str(folder)}, self.hear, self.give_up, lambda _: {})
        batches = [photos[start : start + size] for start in range(0, len(photos), size)]
        self.left = played.run(batches, time.time() + seconds)
        self.last_words = played.last_words

    def hear(self, _: int, message: dict[str, Any]) -> None:
        if message["message"] == "photo_done":
            self.done.append(message["photo_id"])

    def give_up(self, photo_id: str, code: Code, why: str) -> None:
        self.lost[photo_id] = (code, why)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # `python -m` would take the package of the folder in which it is called.
    monkeypatch.chdir(tmp_path)


def test_deaths_count_only_without_a_photo_done_in_between(tmp_path: Path) -> None:
    fates = ["die 1", "die 2", "one", "die 3", "die 4", "two"]
    played = Played(tmp_path, fates)
    assert played.left == []
    assert played.done == ["one", "two"]
    assert {code for code, _ in played.lost.values()} == {Code.INTERNAL}
    assert list(played.lost) == [f"die {number}" for number in range(1, 5)]


def test_a_device_that_only_kills_is_given_up(tmp_path: Path) -> None:
    fates = [f"die {number}" for number in range(1, MOST_DEATHS + 1)]
    played = Played(tmp_path, [*fates, "one", "two"])
    assert played.left == ["one", "two"]
    assert list(played.lost) == fates
    assert f"the last word of {fates[-1]}" in played.last_words


def test_a_death_that_divides_a_batch_is_none(tmp_path: Path) -> None:
    played = Played(tmp_path, ["die 1", "one", "die 2", "two"], size=2)
    assert played.left == []
    assert sorted(played.done) == ["one", "two"]
    assert sorted(played.lost) == ["die 1", "die 2"]


def test_what_hangs_beyond_the_end_has_run_out_of_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_GRACE_SECONDS", 0.5)
    played = Played(tmp_path, ["hang", "one"], seconds=2.0)
    assert played.left == ["one"]
    ((code, _),) = played.lost.values()
    assert code is Code.DEADLINE


def test_bytes_that_are_no_utf_8_stop_nobody(tmp_path: Path) -> None:
    played = Played(tmp_path, ["foreign", "one"], seconds=20.0)
    assert played.done == ["foreign", "one"]
