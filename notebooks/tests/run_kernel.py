"""Plays Kaggle's machine: executes the pushed notebook on the mounted data, as the fake Kaggle asks it to. The first
session can have a fault, which REMEDIA_LOOP_FAULT names; the file that REMEDIA_LOOP_STATE names tells it from others.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbclient
import nbformat


def spoil(fault: str, mounted: Path, working: Path) -> None:
    """Makes the fault. Mounted files are links to what the service keeps, so they are replaced and never written to."""
    photos = sorted(mounted.rglob("photos/*.jpg"))
    if fault == "wrong_run":
        for path in mounted.rglob("remedia-run.json"):
            replace(path, json.dumps({**json.loads(path.read_text()), "run_id": "another-r1"}).encode())
    elif fault == "incomplete":
        for photo in photos[::2]:
            photo.unlink()
    elif fault == "hash_mismatch":
        replace(photos[0], photos[0].read_bytes()[:-100])
    elif fault == "step_down":
        os.environ["REMEDIA_FAULT"] = "oom:2"
    elif fault == "deadline":
        os.environ.update(REMEDIA_FAULT="late:1", REMEDIA_DEADLINE_SECONDS="60")
    elif fault == "killed":
        os.environ["REMEDIA_FAULT"] = "slow:4"
        threading.Thread(target=kill_after_one, args=(working / "results.json",), daemon=True).start()


def replace(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def kill_after_one(results: Path) -> None:
    """Ends this machine as soon as one photo has an answer."""
    while True:
        time.sleep(0.05)
        if results.is_file() and any(photo["operations"] for photo in json.loads(results.read_text())["photos"]):
            for process in descendants(os.getpid()):
                os.kill(process, signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)


def descendants(process: int) -> list[int]:
    """Processes that a process started, and those that these did."""
    found: list[int] = []
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def main() -> None:
    notebook = nbformat.read(os.environ["KAGGLE_NOTEBOOK"], as_version=4)
    mounted, working = Path(os.environ["KAGGLE_INPUT"]), Path(os.environ["KAGGLE_WORKING"])
    state = os.environ.get("REMEDIA_LOOP_STATE")
    if state and not Path(state).exists():
        Path(state).touch()
        spoil(os.environ["REMEDIA_LOOP_FAULT"], mounted, working)
    with tempfile.TemporaryDirectory() as work:
        os.environ["REMEDIA_INPUT"] = str(mounted)
        os.environ["REMEDIA_OUTPUT"] = str(working)
        os.environ["REMEDIA_WORK"] = str(Path(work) / "work")
        client = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": work}})
        try:
            client.execute()
        finally:
            for cell in notebook.cells:
                for output in cell.get("outputs", []):
                    sys.stdout.write(output.get("text", ""))


if __name__ == "__main__":
    main()
