"""One run from beginning to end: find, check, prepare, work, answer. This is what the notebook calls."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from . import __version__, models
from .documents import Marker, Order, Photo, read_order
from .environment import Device, find_devices, install_missing, is_online, versions
from .errors import Code, Stop, WorkerStopped, as_stop
from .files import write_json
from .find import find_bundle, input_roots
from .models import Located
from .pool import Pool
from .progress import Heartbeat, Progress
from .results import Results, failed_attempt
from .verify import verify_bundle

Value = TypeVar("Value")

STOPPED_FILE = "remedia-stop.json"
_FIND_SECONDS = 60.0
_MARGIN = 0.05
_LARGEST_MARGIN = 180.0
_LONGEST_RUN = 14 * 24 * 3600.0


def output_folder() -> Path:
    """Where results go: what REMEDIA_OUTPUT says, else Kaggle's folder, else `remedia-results` here."""
    said = os.environ.get("REMEDIA_OUTPUT")
    if said:
        return Path(said)
    kaggle = Path("/kaggle/working")
    return kaggle if kaggle.is_dir() else Path.cwd() / "remedia-results"


def wished_seconds() -> float | None:
    """What REMEDIA_DEADLINE_SECONDS says; WorkerStopped (`bad_order`) where that is no time."""
    said = os.environ.get("REMEDIA_DEADLINE_SECONDS")
    if not said:
        return None
    try:
        seconds = float(said)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds < _LONGEST_RUN:
        raise WorkerStopped(Stop.BAD_ORDER, f"REMEDIA_DEADLINE_SECONDS is {said!r}, which is no time", retryable=False)
    return seconds


def run(run_id: str = "", progress: Progress | None = None) -> dict[str, Any]:
    """Does the run; gives its counts. WorkerStopped where it cannot be done, after saying so in the output folder."""
    progress = progress or Progress()
    output = output_folder()
    output.mkdir(parents=True, exist_ok=True)
    # What a run before this one said here does not hold for it.
    (output / STOPPED_FILE).unlink(missing_ok=True)
    try:
        return Run(run_id, output, progress).work()
    except Exception as error:
        stopped = as_stop(error)
        stop = {
            "code": stopped.stop.code,
            "exit_code": stopped.stop.value,
            "text": stopped.text,
            "retryable": stopped.retryable,
        }
        write_json(output / STOPPED_FILE, {"schema_version": 1, "run_id": run_id, **stop})
        progress.emit("stopped", **stop)
        raise


def run_all(run_ids: str = "", progress: Progress | None = None) -> dict[str, Any]:
    """Does one run, or several whose names are divided by commas, one after the other, each into a folder of its own
    below the output folder. What keeps one from being done keeps the others from nothing; raises the last of it where
    none was done.
    """
    names = [name for name in run_ids.split(",") if name]
    if len(names) < 2:
        return run(run_ids, progress)
    output = output_folder()
    summaries: dict[str, Any] = {}
    failure: Exception | None = None
    for name in names:
        os.environ["REMEDIA_OUTPUT"] = str(output / name)
        try:
            summaries[name] = run(name, progress)
        except Exception as error:
            failure = error
            print(f"run {name}: {error}", flush=True)
        finally:
            os.environ["REMEDIA_OUTPUT"] = str(output)
    if not summaries and failure is not None:
        raise failure
    return {"output": str(output), "runs": summaries}


class Run:
    """A run in work."""

    def __init__(self, run_id: str, output: Path, progress: Progress) -> None:
        self._run_id = run_id.strip()
        self._output = output
        self._progress = progress
        self._started = time.time()
        self._state: dict[str, Any] = {"stage": "find"}

    def work(self) -> dict[str, Any]:
        """Every step in order."""
        with Heartbeat(self._progress, lambda: dict(self._state)):
            devices = find_devices()
            names = [device.name for device in devices]
            self._progress.emit(
                "device", version=__version__, devices=names, memory_bytes=[one.memory_bytes for one in devices]
            )
            roots = input_roots()
            seconds = float(os.environ.get("REMEDIA_FIND_SECONDS", _FIND_SECONDS))
            bundle, marker = self._timed("find", lambda: find_bundle(self._run_id, roots, self._work_folder(), seconds))
            files = self._timed("verify", lambda: verify_bundle(bundle, marker, seconds))
            self._progress.emit("bundle", run_id=marker.run_id, files=files)
            results = Results(self._output, marker, " + ".join(names))
            gpus = [device.memory_bytes for device in devices if device.index is not None]
            if gpus:
                results.describe(memory_bytes=gpus)
            taken = results.take_up()
            if taken:
                self._progress.emit("taken_up", attempts=taken)
            results.write()
            try:
                return self._make(bundle, marker, devices, roots, results)
            except Exception as error:
                stopped = as_stop(error)
                results.stopped(stopped.stop.code, stopped.text, stopped.retryable)
                raise

    def _work_folder(self) -> Path:
        said = os.environ.get("REMEDIA_WORK")
        folder = Path(said) if said else Path(tempfile.gettempdir()) / "remedia-work"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _timed(self, stage: str, step: Callable[[], Value]) -> Value:
        self._state["stage"] = stage
        started = time.monotonic()
        value = step()
        self._progress.emit("stage", stage=stage, seconds=round(time.monotonic() - started, 2))
        return value

    def _make(
        self, bundle: Path, marker: Marker, devices: list[Device], roots: list[Path], results: Results
    ) -> dict[str, Any]:
        order = read_order(bundle / "job.json", marker.job_sha256)
        if order.run_id != marker.run_id:
            raise WorkerStopped(Stop.BAD_ORDER, f"job.json is of run {order.run_id}, its marker of {marker.run_id}")
        deadline = self._deadline(order)
        online = is_online()
        started = time.monotonic()
        # From the package, which may be imported out of an archive.
        requirements = resources.files(__package__).joinpath("requirements.txt").read_text(encoding="utf-8")
        installed = self._timed("install", lambda: install_missing(requirements, roots, online))
        results.timing("install", time.monotonic() - started)
        self._progress.emit("environment", online=online, installed=installed, versions=versions())
        started = time.monotonic()
        task = self._timed("models", lambda: self._prepare(order, bundle, devices, roots, online, results))
        results.timing("fetch", time.monotonic() - started)
        self._work_on_photos(order, devices, {**task, "deadline": deadline}, deadline, results)
        counts = results.counts()
        self._progress.emit("end", **counts, seconds=round(time.time() - self._started, 1))
        return {"run_id": order.run_id, "output": str(self._output), **counts}

    def _deadline(self, order: Order) -> float:
        """When work ends, in seconds since 1970: a little before the session would be ended by others."""
        given = [order.limits.deadline_seconds, wished_seconds()]
        allowed = min((one for one in given if one is not None), default=None)
        if allowed is None:
            return self._started + _LONGEST_RUN
        return self._started + allowed - min(_LARGEST_MARGIN, _MARGIN * allowed)

    def _prepare(
        self, order: Order, bundle: Path, devices: list[Device], roots: list[Path], online: bool, results: Results
    ) -> dict[str, Any]:
        catalogue = models.read_catalogue()
        memory = min(device.memory_bytes for device in devices)
        chosen = models.choose_set(order, memory, catalogue)
        precision = chosen.precision if devices[0].index is not None else "fp32"
        located: list[Located] = []
        for role in models.needed_roles(order, bundle, chosen):
            part = chosen.part(role)
            self._state["model"] = role
            if part is None and role != "video":
                text = f"model set {chosen.name} has no part for {role}"
                raise WorkerStopped(Stop.MODEL_MISSING, text, retryable=False)
            if part is None or not models.accepted(part, order):
                # Its attempts answer `model_missing`; everything else goes on.
                self._progress.emit("model_refused", role=role, text=part.notice if part else "the set has none")
                continue
            try:
                found = models.locate(part, roots, online, precision, chosen.parts)
            except WorkerStopped as stopped:
                if role not in ("clip", "video"):
                    raise
                self._progress.emit("model_refused", role=role, text=stopped.text)
                continue
            located.append(found)
            record = found.record()
            self._progress.emit("model", **record, notice=part.notice)
        self._state.pop("model", None)
        results.describe(models=[one.record() for one in located], libraries=versions(), model_set=chosen.name)
        return {
            "bundle": str(bundle),
            "output": str(self._output),
            "job_sha256": order.job_sha256,
            "precision": precision,
            "families": catalogue["families"],
            "models": [{**one.record(), "folder": str(one.folder)} for one in located],
        }

    def _work_on_photos(
        self, order: Order, devices: list[Device], task: dict[str, Any], deadline: float, results: Results
    ) -> None:
        photos = {photo.photo_id: photo for photo in order.photos}
        done = [photo_id for photo_id, photo in photos.items() if not any(results.still_open(photo).values())]
        self._state.update(stage="photos", done=len(done), photos=len(photos))
        loaded: list[float] = []

        def hear(worker: int, message: dict[str, Any]) -> None:
            kind = message.pop("message")
            if kind == "attempt":
                attempt = message["attempt"]
                results.add(message["photo_id"], message["kind"], attempt)
                self._progress.emit(
                    "attempt",
                    worker=worker,
                    photo_id=message["photo_id"],
                    kind=message["kind"],
                    **{key: attempt[key] for key in ("number", "state", "reason", "seconds", "clip") if key in attempt},
                )
            elif kind == "ready":
                loaded.append(message["load_seconds"])
                self._progress.emit("worker_ready", worker=worker, **message)
            elif kind == "photo_done":
                done.append(message["photo_id"])
                for stage, seconds in message.pop("timings", {}).items():
                    results.timing(stage, seconds)
                self._state["done"] = len(done)
                self._progress.emit("photo", worker=worker, done=len(done), photos=len(photos), **message)
            else:
                self._progress.emit(message.pop("event"), worker=worker, **message)

        def lost(photo_id: str, code: Code, why: str) -> None:
            self.answer_rest(photos[photo_id], code, why, results)
            done.append(photo_id)

        started = time.time()
        batches = self._plan(order, devices, task, results)
        pool = Pool(devices, task, hear, lost, lambda photo_id: results.still_open(photos[photo_id]))
        left = pool.run(batches, deadline)
        results.timing("load", max(loaded, default=0.0))
        results.timing("photos", time.time() - started)
        if left and time.time() < deadline:
            raise WorkerStopped(Stop.WORKERS_DIED, f"{len(left)} photos were not begun: {pool.last_words}")
        for photo_id in left:
            self.answer_rest(photos[photo_id], Code.DEADLINE, "the time of the run was over before it began", results)
        # A run that made everything is whole, however late its last picture came.
        if left or results.has_reason(Code.DEADLINE):
            results.stopped("deadline", f"the time of the run was over with {len(left)} photos not begun")
            self._progress.emit("deadline", left=len(left))
        results.finish(list(photos))

    def _plan(self, order: Order, devices: list[Device], task: dict[str, Any], results: Results) -> list[list[str]]:
        from .batches import plan

        unfinished = [photo.photo_id for photo in order.photos if any(results.still_open(photo).values())]
        for photo_id in unfinished:
            # What an earlier session left of it may be half: its second operation begins with the first one's picture.
            results.forget(photo_id)
        planned = plan(order, Path(task["bundle"]), task, min(device.memory_bytes for device in devices))
        # Who shares a batch does not depend on what is done already.
        batches = [[one for one in batch if one in unfinished] for batch in planned]
        batches = [batch for batch in batches if batch]
        self._progress.emit("batches", sizes=[len(batch) for batch in batches])
        return batches

    @staticmethod
    def answer_rest(photo: Photo, code: Code, text: str, results: Results) -> None:
        """Answers what is open on a photo, so that nothing that was asked stays without an answer."""
        left = results.still_open(photo)
        for operation in photo.operations:
            attempt = next((one for one in operation.attempts if one.number in left[operation.kind]), None)
            if attempt is not None:
                made = failed_attempt(attempt.number, attempt.seed, code.value, text)
                results.add(photo.photo_id, operation.kind, made)
