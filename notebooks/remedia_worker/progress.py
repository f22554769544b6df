"""What a run says while it works: one JSON line for each event, and a sign of life at least every 20 seconds."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, TextIO

HEARTBEAT_SECONDS = 15.0
"""Some services take a silence of 30 seconds for a dead session."""


class Progress:
    """Prints events as `{"remedia": {"event": …}}`, whole lines only, from any thread."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._started = time.monotonic()

    def emit(self, event: str, **fields: Any) -> None:
        """Prints one event; `at` is in seconds since the start."""
        seconds = round(time.monotonic() - self._started, 1)
        line = json.dumps({"remedia": {"event": event, "at": seconds, **fields}}, ensure_ascii=False)
        with self._lock:
            # Looked up each time: a notebook changes sys.stdout from cell to cell.
            print(line, file=self._stream or sys.stdout, flush=True)


class Heartbeat:
    """Emits `heartbeat` with whatever `state` says, from a thread, for as long as the block runs."""

    def __init__(self, progress: Progress, state: Callable[[], dict[str, Any]], seconds: float | None = None) -> None:
        self._progress = progress
        self._state = state
        self._seconds = HEARTBEAT_SECONDS if seconds is None else seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="remedia-heartbeat", daemon=True)

    def _beat(self) -> None:
        while not self._ended.wait(self._seconds):
            self._progress.emit("heartbeat", **self._state())

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(timeout=5.0)
