"""Models are fetched from a hub: the chosen files of the pinned commit, whole, or a reason why not."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bundles import NOTEBOOKS
from hub import Hub

PINNED, NEWER = "1" * 40, "2" * 40
WEIGHTS = "unet/diffusion_pytorch_model.fp16.safetensors"
INDEX = b'{"unet": ["diffusers", "UNet2DConditionModel"], "safety_checker": ["stable_diffusion", "Checker"]}'

# The client reads where its hub is when it is imported, so it is a process of its own.
PROGRAM = """
import json, sys
from pathlib import Path
from remedia_worker import environment, models
from remedia_worker.documents import Part
from remedia_worker.errors import WorkerStopped
try:
    found = models.locate(Part(*sys.argv[1:]), [], environment.is_online(), "fp16")
except WorkerStopped as stopped:
    print(json.dumps({"code": stopped.stop.code, "text": stopped.text, "retryable": stopped.retryable}))
else:
    files = [path for path in sorted(found.folder.rglob("*")) if path.is_file()]
    names = {path.relative_to(found.folder).as_posix(): str(path) for path in files}
    print(json.dumps({"revision": found.revision, "sha256": found.sha256, "files": names}))
"""


def noise(seed: int) -> bytes:
    return random.Random(seed).randbytes(300_000)


def files(seed: int) -> dict[str, bytes]:
    """A base model with more in it than is needed."""
    return {
        "model_index.json": INDEX,
        "README.md": b"# A model",
        "unet/config.json": b"{}",
        # More than the client holds in memory before it writes.
        WEIGHTS: noise(seed) * 80,
        "unet/diffusion_pytorch_model.safetensors": noise(seed + 1),
        "unet/diffusion_pytorch_model.bin": noise(seed + 2),
        "safety_checker/config.json": b"{}",
        "safety_checker/model.safetensors": noise(seed + 3),
        "whole.ckpt": noise(seed + 4),
    }


def small(seed: int) -> dict[str, bytes]:
    return {"config.json": b"{}", "model.safetensors": noise(seed), "model.fp16.safetensors": noise(seed + 1)}


@pytest.fixture
def hub() -> Hub:
    return Hub(
        {
            "owner/base": {PINNED: files(1), NEWER: files(10)},
            "owner/clip": {PINNED: small(20)},
            "owner/empty": {PINNED: {"config.json": b"{}", "flax_model.msgpack": b"no weights of ours"}},
        }
    )


def locate(hub: Hub, folder: Path, role: str, repository: str, revision: str = PINNED) -> dict[str, Any]:
    """What the worker finds in a session with internet."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING", "REMEDIA_"))}
    environment = {
        **kept,
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(folder / "hub"),
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": str(NOTEBOOKS),
    }
    command = [sys.executable, "-c", PROGRAM, role, repository, revision]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return document


def test_the_chosen_files_of_the_pinned_commit_are_fetched(tmp_path: Path, hub: Hub) -> None:
    hub.cuts.add(WEIGHTS)
    with hub.served():
        found = locate(hub, tmp_path, "base", "owner/base")
    pinned = hub.repositories["owner/base"][PINNED]
    assert found["revision"] == PINNED
    assert found["sha256"] == hashlib.sha256(pinned[WEIGHTS]).hexdigest()
    chosen = {"README.md", "model_index.json", "unet/config.json", WEIGHTS}
    assert {name: Path(path).read_bytes() for name, path in found["files"].items()} == {
        name: pinned[name] for name in chosen
    }
    # Nothing else travelled, and what had arrived before the connection was cut did so once.
    transfers = hub.transfers()
    assert {path for path, _ in transfers} == {f"/owner/base/resolve/{PINNED}/{name}" for name in chosen}
    ranges = [range_ for path, range_ in transfers if path.endswith(WEIGHTS)]
    assert len(ranges) == 2
    assert int(str(ranges[1]).removeprefix("bytes=").rstrip("-")) > len(pinned[WEIGHTS]) // 4
    assert not hub.cuts


def test_a_small_model_is_fetched_in_32_bits(tmp_path: Path, hub: Hub) -> None:
    with hub.served():
        found = locate(hub, tmp_path, "clip", "owner/clip")
    assert set(found["files"]) == {"config.json", "model.safetensors"}


@pytest.mark.parametrize(
    ("repository", "revision", "words"),
    [
        ("owner/base", "3" * 40, f"base (owner/base at {'3' * 40}) cannot be fetched"),
        ("owner/nothing", PINNED, f"base (owner/nothing at {PINNED}) cannot be fetched"),
        ("owner/empty", PINNED, f"clip (owner/empty at {PINNED}) has no weights"),
    ],
)
def test_what_the_hub_has_not_is_missing(tmp_path: Path, hub: Hub, repository: str, revision: str, words: str) -> None:
    with hub.served():
        stopped = locate(hub, tmp_path, words.partition(" ")[0], repository, revision)
    # No other session will find it either.
    assert (stopped["code"], stopped["retryable"]) == ("model_missing", False)
    assert stopped["text"].startswith(words)
    # A no is not asked for again.
    assert sum("/revision/" in path for _, path, _ in hub.asked) == 1
    assert (len(hub.transfers()) == 0) == (repository != "owner/empty")


def test_a_hub_that_is_away_may_be_back_for_the_next_session(tmp_path: Path, hub: Hub) -> None:
    # Nothing listens any more at its address.
    with hub.served():
        pass
    stopped = locate(hub, tmp_path, "base", "owner/base", PINNED)
    assert (stopped["code"], stopped["retryable"]) == ("model_missing", True)
