"""The process of one device: reads its task and batches of photos from standard input, answers on standard output, one
JSON line each. It ends when its parent does.
"""

from __future__ import annotations

import dataclasses
import json
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import Any

from .errors import DeviceLost


def main() -> None:
    """Works until it is told to end."""
    # Whatever libraries print goes to standard error; the line to the parent stays clean.
    line_out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lock = threading.Lock()
    orders: queue.Queue[dict[str, Any]] = queue.Queue()

    def tell(message: str, **fields: Any) -> None:
        with lock:
            line_out.write(json.dumps({"message": message, **fields}) + "\n")
            line_out.flush()

    def listen() -> None:
        for line in sys.stdin:
            orders.put(json.loads(line))
        # The parent is gone: nobody would write what is made here into the results.
        os._exit(3)

    threading.Thread(target=listen, daemon=True).start()
    task = orders.get()
    started = time.monotonic()
    worker = _load(task, tell)
    order = worker[1]
    photos = {photo.photo_id: photo for photo in order.photos}
    tell("ready", load_seconds=round(time.monotonic() - started, 2), device=task["device"])
    while True:
        message = orders.get()
        if message.get("end"):
            break
        batch = [_left_of(photos[photo_id], message.get("left", {})) for photo_id in message["photos"]]
        try:
            worker[0].batch(
                batch,
                lambda photo_id, kind, made: tell("attempt", photo_id=photo_id, kind=kind, attempt=made),
                lambda hand: tell(
                    "photo_done",
                    photo_id=hand.photo.photo_id,
                    seconds=round(hand.seconds, 2),
                    timings={stage: round(seconds, 3) for stage, seconds in hand.timings.items()},
                ),
            )
        except DeviceLost as lost:
            tell("event", event="device_lost", text=str(lost))
            print(lost, file=sys.stderr, flush=True)
            # At once: what is usually done at the end would ask the lost GPU and may never come back.
            os._exit(4)
        tell("batch_done")
    line_out.flush()
    os._exit(0)


def _left_of(photo: Any, left: dict[str, dict[str, list[int]]]) -> Any:
    """A photo with the attempts that are still open, where something of it is answered already."""
    if photo.photo_id not in left:
        return photo
    operations = []
    for operation in photo.operations:
        numbers = left[photo.photo_id].get(operation.kind, [])
        attempts = tuple(attempt for attempt in operation.attempts if attempt.number in numbers)
        if attempts:
            operations.append(dataclasses.replace(operation, attempts=attempts))
    return dataclasses.replace(photo, operations=tuple(operations))


def _load(task: dict[str, Any], tell: Any) -> tuple[Any, Any]:
    import torch

    from . import faults
    from .documents import read_order
    from .work import Worker

    faults.read()
    if task["device"] == "cpu":
        torch.set_num_threads(int(os.environ.get("REMEDIA_THREADS", "1")))
    else:
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        torch.use_deterministic_algorithms(True, warn_only=True)
        # Else every new tensor is filled with NaN first, which costs time and looks like a fault.
        deterministic: Any = torch.utils.deterministic
        deterministic.fill_uninitialized_memory = False
    order = read_order(Path(task["bundle"]) / "job.json", task["job_sha256"])

    def said(event: str, **fields: Any) -> None:
        tell("event", event=event, **fields)

    return Worker(task, order, said), order


if __name__ == "__main__":
    main()
