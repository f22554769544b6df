"""The whole loop: remedia's own bundle over a Kaggle whose kernel really executes the notebook, and back to a delivered
listing. REMEDIA_BINARY and REMEDIA_FAKE_KAGGLE name the two programs; without them there is nothing to test here.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import HERE, NOTEBOOKS, Service
from PIL import Image

BINARY = os.environ.get("REMEDIA_BINARY", "")
FAKE = os.environ.get("REMEDIA_FAKE_KAGGLE", "")
LISTING = NOTEBOOKS.parent / "fixtures" / "listings" / "maple-street"

pytestmark = pytest.mark.skipif(not BINARY or not FAKE, reason="REMEDIA_BINARY and REMEDIA_FAKE_KAGGLE are not set")


@contextmanager
def kaggle(service: Service, **changes: str) -> Iterator[str]:
    """A fake Kaggle whose kernels execute notebooks; gives its address."""
    environment = {key: value for key, value in service.environment(**changes).items() if key != "REMEDIA_INPUT"}
    worker = f"exec {shlex.quote(sys.executable)} {shlex.quote(str(HERE / 'run_kernel.py'))}"
    state = service.folder / "kaggle"
    command = [FAKE, "--state-folder", str(state), "--token", "KGAT_tester", "--worker", worker]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
    finally:
        process.kill()
        process.wait()


def remedia(service: Service, address: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the binary in a home of its own."""
    environment = {
        "HOME": str(service.folder),
        "PATH": os.environ["PATH"],
        "REMEDIA_HOME": str(service.folder / "home"),
        "REMEDIA_KAGGLE_URL": f"{address}/api/v1",
        "KAGGLE_API_TOKEN": "KGAT_tester",
    }
    command = [BINARY, *arguments]
    return subprocess.run(
        command, check=False, env=environment, cwd=service.folder, capture_output=True, text=True, timeout=600
    )


PHOTOS = ("03-bedroom.jpg", "04-kitchen.jpg")


def deliver(service: Service, photos: tuple[str, ...] = PHOTOS, **changes: str) -> tuple[dict[str, Any], str]:
    """Sends photos the whole way; gives what `show` and `logs` say of the job.

    Models of random weights make no furniture, so the pictures are refused; all of the way must be gone.
    """
    listing = service.folder / "listing"
    listing.mkdir()
    for name in photos:
        with Image.open(LISTING / name) as photo:
            photo.thumbnail((384, 384))
            photo.save(listing / name, quality=92)
    wishes = ["--style", "modern", "--operations", "stage", "--provider", "kaggle", "--max-attempts", "1"]
    with kaggle(service, **changes) as address:
        done = remedia(service, address, "submit", "listing", *wishes, "--out", "out", "--json")
    result: dict[str, Any] = json.loads(done.stdout)
    assert result["state"] == "delivered", done.stdout + done.stderr
    assert done.returncode == 3, done.stdout + done.stderr
    assert (Path(result["destination"]) / "gallery.html").is_file()
    nowhere = "http://127.0.0.1:9"
    shown: dict[str, Any] = json.loads(remedia(service, nowhere, "show", result["job"], "--json").stdout)
    return shown, remedia(service, nowhere, "logs", result["job"]).stdout


def attempts_of(shown: dict[str, Any]) -> list[dict[str, Any]]:
    """Every attempt that was answered, which the gates must have looked at."""
    attempts = [
        attempt for photo in shown["photos"] for operation in photo["operations"] for attempt in operation["attempts"]
    ]
    answered = [attempt for attempt in attempts if "judgement" in attempt]
    for attempt in answered:
        judgement = attempt["judgement"]
        assert judgement["worker"]["engine"] == "remedia-worker", judgement["worker"]
        assert judgement["structure"], "the gates have looked at it"
    return answered


def test_a_listing_is_delivered(service: Service) -> None:
    shown, _ = deliver(service)
    assert len(attempts_of(shown)) == 2
    assert len(shown["orders"]) == 1


@pytest.mark.parametrize("fault", ["wrong_run", "incomplete", "hash_mismatch", "step_down"])
def test_a_session_whose_answer_is_wrong_is_told_and_made_good(service: Service, fault: str) -> None:
    state = service.folder / "first-session"
    shown, story = deliver(service, PHOTOS[:1], REMEDIA_LOOP_FAULT=fault, REMEDIA_LOOP_STATE=str(state))
    assert state.exists()
    answered = attempts_of(shown)
    orders = [order["photos"] for order in shown["orders"]]
    if fault == "step_down":
        # It is the worker's own affair.
        assert (len(answered), orders) == (1, [1]), story
    else:
        assert (len(answered), orders) == (1, [1, 1]), story
        assert fault in story, story


@pytest.mark.parametrize("fault", ["deadline", "killed"])
def test_a_session_that_ends_early_is_gone_on_with(service: Service, fault: str) -> None:
    state = service.folder / "first-session"
    shown, story = deliver(service, REMEDIA_LOOP_FAULT=fault, REMEDIA_LOOP_STATE=str(state))
    assert state.exists()
    answered = attempts_of(shown)
    orders = [order["photos"] for order in shown["orders"]]
    # What it had made is used and not made twice; the other photo has lost no attempt.
    assert (len(answered), orders) == (2, [2, 1]), story
    assert "came to 1 of 2" in story, story
