"""Checking that a bundle is whole and unchanged before the first second of GPU time is spent."""

from __future__ import annotations

import time
from pathlib import Path

from .documents import Marker
from .errors import Stop, WorkerStopped
from .files import is_inside, sha256_of

SUMS = "SHA256SUMS"


def verify_bundle(folder: Path, marker: Marker, seconds: float) -> int:
    """Checks `job.json` against the marker and every line of `SHA256SUMS`; gives the number of files.

    Files that are not there are waited for until `seconds` are over. Raises WorkerStopped: `incomplete` where files are
    missing, `hash_mismatch` where bytes differ.
    """
    end = time.monotonic() + seconds
    expected = {**_sums(folder, end), "job.json": marker.job_sha256}
    missing = sorted(name for name in expected if not (folder / name).is_file())
    while missing and time.monotonic() < end:
        time.sleep(min(2.0, max(0.05, seconds / 10)))
        missing = [name for name in missing if not (folder / name).is_file()]
    if missing:
        listed = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        raise WorkerStopped(
            Stop.INCOMPLETE, f"{len(missing)} of {len(expected)} files of run {marker.run_id} are missing: {listed}"
        )
    for name, digest in expected.items():
        if sha256_of(folder / name) != digest:
            raise WorkerStopped(Stop.HASH_MISMATCH, f"{name} is not what run {marker.run_id} was made with")
    return len(expected)


def _sums(folder: Path, end: float) -> dict[str, str]:
    path = folder / SUMS
    while not path.is_file():
        if time.monotonic() >= end:
            raise WorkerStopped(Stop.INCOMPLETE, f"{SUMS} is missing")
        time.sleep(0.2)
    sums = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        if not line.strip():
            continue
        if len(digest) != 64 or not is_inside(name):
            raise WorkerStopped(
                Stop.HASH_MISMATCH, f"{SUMS} has a line that names no file of the bundle: {line[:80]!r}"
            )
        sums[name] = digest.lower()
    return sums
