"""Finding the bundle of a run. Services mount data sets at paths that change from year to year and sometimes late, so
that nothing but the marker `remedia-run.json` is relied on. An archive is unpacked here, and never beyond its folder.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .documents import Marker, read_marker
from .errors import Stop, WorkerStopped
from .files import is_inside

MARKER = "remedia-run.json"
MOST_ENTRIES = 20_000
MOST_BYTES = 8 * 1024**3
MOST_DEPTH = 8
_LARGEST_MARKER = 64 * 1024
_AFTER_ANOTHER = 10.0


@dataclass(frozen=True)
class Found:
    """A bundle: a folder, or an archive with the folder in it that holds the marker."""

    marker: Marker
    folder: Path | None = None
    archive: Path | None = None
    inner: str = ""


def input_roots() -> list[Path]:
    """Where a bundle may be: what REMEDIA_INPUT says, else the places of Kaggle, Colab and any other notebook."""
    said = os.environ.get("REMEDIA_INPUT")
    candidates = [said] if said else ["/kaggle/input", "/content", "."]
    return [Path(one) for one in candidates if Path(one).is_dir()]


def find_bundle(run_id: str, roots: list[Path], work: Path, seconds: float) -> tuple[Path, Marker]:
    """The folder of the bundle of `run_id`, or of the only one where `run_id` is empty, unpacked where it has to be.

    Looks again until `seconds` are over: a mount may appear late, but once another run's is there not by much. Raises
    WorkerStopped with `nothing_found` or `wrong_run`, which says what is there instead.
    """
    end = time.monotonic() + seconds
    while True:
        found = list(_candidates(roots))
        fitting = [one for one in found if not run_id or one.marker.run_id == run_id]
        names = sorted({one.marker.run_id for one in fitting})
        if len(names) == 1:
            chosen = next((one for one in fitting if one.folder is not None), fitting[0])
            folder = chosen.folder if chosen.folder is not None else unpack(chosen, work)
            return folder, chosen.marker
        if len(names) > 1:
            raise WorkerStopped(
                Stop.WRONG_RUN, f"several runs are here and none was asked for: {', '.join(names)}; set RUN_ID to one"
            )
        if time.monotonic() >= end:
            break
        if found:
            end = min(end, time.monotonic() + _AFTER_ANOTHER)
        time.sleep(min(2.0, max(0.05, seconds / 10)))
    places = ", ".join(str(root) for root in roots) or "no input folder"
    if found:
        others = ", ".join(sorted({one.marker.run_id for one in found}))
        raise WorkerStopped(Stop.WRONG_RUN, f"run {run_id} is not here; found in {places}: {others}")
    raise WorkerStopped(Stop.NOTHING_FOUND, f"no bundle ({MARKER}) below {places}; attach or upload the run's data")


def walk(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Folders below a root with the names of their files, in the same order everywhere, and not endlessly deep."""
    for folder, folders, files in os.walk(root, followlinks=True):
        here = Path(folder)
        if len(here.relative_to(root).parts) >= MOST_DEPTH:
            folders.clear()
        folders[:] = sorted(one for one in folders if not one.startswith(".") and one not in _LEFT_OUT)
        yield here, sorted(files)


_LEFT_OUT = {"node_modules", "site-packages", "sample_data", "__pycache__", "drive"}
"""Folders that may be very large, somebody's whole Google Drive among them, and never hold what is looked for."""


def _candidates(roots: list[Path]) -> Iterator[Found]:
    for root in roots:
        for here, files in walk(root):
            if MARKER in files:
                try:
                    yield Found(read_marker((here / MARKER).read_bytes()), folder=here)
                except (OSError, ValueError, KeyError, TypeError):
                    continue
            for name in files:
                if name.lower().endswith(".zip"):
                    yield from _in_archive(here / name)


def _in_archive(path: Path) -> Iterator[Found]:
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if PurePosixPath(entry.filename).name == MARKER and entry.file_size <= _LARGEST_MARKER:
                    inner = entry.filename[: -len(MARKER)]
                    yield Found(read_marker(archive.read(entry)), archive=path, inner=inner)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, RuntimeError):
        # Half an upload, an encrypted archive, or something else altogether.
        return


def unpack(found: Found, work: Path) -> Path:
    """Unpacks the bundle of an archive below `work` and gives its folder.

    Names that leave the folder, links and more bytes or files than a bundle can have are refused before anything is
    written, and the bytes are counted while they are unpacked, because a header may lie.
    """
    if found.archive is None:
        raise ValueError("there is no archive to unpack")
    try:
        return _unpacked(found.archive, found.inner, work / "bundle")
    except WorkerStopped:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        # Cut or changed on its way, or encrypted.
        raise WorkerStopped(Stop.HASH_MISMATCH, f"{found.archive.name} is damaged: {error}") from error


def _unpacked(source: Path, inner: str, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    with zipfile.ZipFile(source) as archive:
        entries = [one for one in archive.infolist() if one.filename.startswith(inner) and not one.is_dir()]
        _check(entries, source)
        left = MOST_BYTES
        for entry in entries:
            path = target / entry.filename[len(inner) :]
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as content, path.open("wb") as file:
                while chunk := content.read(1024 * 1024):
                    left -= len(chunk)
                    if left < 0:
                        raise WorkerStopped(Stop.UNSAFE_ARCHIVE, f"{source.name} unpacks to too many bytes")
                    file.write(chunk)
    return target


def _check(entries: list[zipfile.ZipInfo], archive: Path) -> None:
    if len(entries) > MOST_ENTRIES or sum(one.file_size for one in entries) > MOST_BYTES:
        raise WorkerStopped(Stop.UNSAFE_ARCHIVE, f"{archive.name} holds more than a bundle can have")
    for entry in entries:
        if not is_inside(entry.filename) or stat.S_ISLNK(entry.external_attr >> 16):
            raise WorkerStopped(
                Stop.UNSAFE_ARCHIVE, f"{archive.name} holds {entry.filename!r}, which leaves its folder"
            )
