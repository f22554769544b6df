"""One process for each GPU. The parent hands out batches of photos and hears of every attempt; it alone writes the
results. A process that dies, as CUDA lets it after some errors, is started again. The photos in its hands are then done
on their own, so that one of them that kills a process cannot take the others with it; one that was on its own is given
up. A device whose processes end again and again without a photo done in between gets no further one.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .environment import Device
from .errors import Code

MOST_DEATHS = 3
_GRACE_SECONDS = 60.0
_LAST_WORDS_SECONDS = 5.0


@dataclass
class _Child:
    index: int
    device: Device
    process: subprocess.Popen[str]
    photos: list[str] = field(default_factory=list)
    alone: bool = False
    errors: deque[str] = field(default_factory=lambda: deque(maxlen=20))
    drain: threading.Thread | None = None


class Pool:
    """Runs `remedia_worker.child` on every device until all photos are done or the time is over.

    `lost` is told of a photo that is given up, with the reason and its text; `left` says which attempts of a photo are
    still open.
    """

    def __init__(
        self,
        devices: list[Device],
        task: dict[str, Any],
        hear: Callable[[int, dict[str, Any]], None],
        lost: Callable[[str, Code, str], None],
        left: Callable[[str], dict[str, list[int]]],
    ) -> None:
        self._devices = devices
        self._task = task
        self._hear = hear
        self._lost, self._left = lost, left
        self._divided: set[str] = set()
        self._messages: queue.Queue[tuple[_Child, dict[str, Any] | None]] = queue.Queue()
        self._children: dict[int, _Child] = {}
        # Of processes, since a photo was done on the device.
        self._deaths = [0] * len(devices)
        self.last_words = "no process was started"

    def run(self, batches: list[list[str]], deadline: float) -> list[str]:
        """Works on the photos; gives those that nobody began, because the time was over or every process died."""
        waiting = deque(batches)
        for index in range(min(len(self._devices), max(1, len(batches)))):
            self._start(index)
        try:
            while self._children:
                patience = max(1.0, deadline + _GRACE_SECONDS - time.time())
                try:
                    child, message = self._messages.get(timeout=min(patience, 3600.0))
                except queue.Empty:
                    if time.time() > deadline + _GRACE_SECONDS:
                        self._give_up(Code.DEADLINE, "the time ran out and the process did not stop")
                        break
                    continue
                if message is None:
                    self._ended(child, waiting, deadline)
                    continue
                kind = message["message"]
                if kind == "photo_done":
                    child.photos.remove(message["photo_id"])
                    self._deaths[child.index] = 0
                if kind != "batch_done":
                    self._hear(child.index, message)
                if kind in ("ready", "batch_done"):
                    self._next(child, waiting, deadline)
        finally:
            self._give_up(Code.INTERNAL, "the run was stopped")
        return [photo_id for batch in waiting for photo_id in batch]

    def _start(self, index: int) -> None:
        device = self._devices[index]
        environment = {**os.environ, "PYTHONPATH": _python_path(Path(self._task["bundle"])), "PYTHONUNBUFFERED": "1"}
        environment["CUDA_VISIBLE_DEVICES"] = device.index if device.index is not None else ""
        environment.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
        environment.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        # The models lie on this machine already: nothing may be fetched behind the run's back.
        environment["HF_HUB_OFFLINE"] = "1"
        process = subprocess.Popen(
            [sys.executable, "-m", "remedia_worker.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Libraries write what they like: a byte that is no UTF-8 must not end those who read.
            encoding="utf-8",
            errors="replace",
            env=environment,
        )
        child = _Child(index, device, process)
        self._children[index] = child
        threading.Thread(target=self._read, args=(child,), daemon=True).start()
        child.drain = threading.Thread(target=_drain, args=(child,), daemon=True)
        child.drain.start()
        self._send(child, {**self._task, "device": "cpu" if device.index is None else "cuda"})

    def _read(self, child: _Child) -> None:
        for line in child.process.stdout or ():
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if isinstance(message, dict) and "message" in message:
                self._messages.put((child, message))
        self._messages.put((child, None))

    def _send(self, child: _Child, document: dict[str, Any]) -> None:
        # Where it died, the end of what it says is heard in its turn.
        with contextlib.suppress(OSError):
            if child.process.stdin is not None:
                child.process.stdin.write(json.dumps(document) + "\n")
                child.process.stdin.flush()

    def _next(self, child: _Child, waiting: deque[list[str]], deadline: float) -> None:
        if waiting and time.time() < deadline:
            child.photos = list(waiting.popleft())
            child.alone = len(child.photos) == 1
            left = {photo_id: self._left(photo_id) for photo_id in child.photos if photo_id in self._divided}
            self._send(child, {"photos": child.photos, "left": left})
        else:
            self._send(child, {"end": True})

    def _ended(self, child: _Child, waiting: deque[list[str]], deadline: float) -> None:
        code = child.process.wait()
        if child.drain is not None:
            child.drain.join(_LAST_WORDS_SECONDS)
        self._children.pop(child.index, None)
        if not child.photos and code == 0:
            return
        why = (
            f"the process on {child.device.name} ended with {code}: {' / '.join(list(child.errors)[-3:]) or 'no word'}"
        )
        again: list[str] = []
        if child.alone:
            for photo_id in child.photos:
                self._lost(photo_id, Code.INTERNAL, why)
        else:
            again = child.photos
            self._divided.update(again)
            waiting.extendleft([photo_id] for photo_id in reversed(again))
        self.last_words = why
        self._hear(child.index, {"message": "event", "event": "worker_died", "text": why, "again": again})
        # Photos are divided once only, so a death that divided them needs no bound of its own.
        if not again:
            self._deaths[child.index] += 1
        if waiting and self._deaths[child.index] < MOST_DEATHS and time.time() < deadline:
            self._start(child.index)

    def _give_up(self, code: Code, why: str) -> None:
        for child in self._children.values():
            child.process.kill()
            child.process.wait()
            for photo_id in child.photos:
                self._lost(photo_id, code, why)
        self._children.clear()


def _drain(child: _Child) -> None:
    for line in child.process.stderr or ():
        if line.strip():
            child.errors.append(line.strip()[:300])


def _python_path(bundle: Path) -> str:
    """Where a child finds this package: in the bundle, whose bytes were checked, else where it is."""
    checked = bundle / "worker"
    here = str(
        checked if (checked / "remedia_worker" / "child.py").is_file() else Path(__file__).resolve().parent.parent
    )
    before = os.environ.get("PYTHONPATH")
    return here if not before else os.pathsep.join([here, before])
