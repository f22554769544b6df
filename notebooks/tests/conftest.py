"""What the tests share: tiny models, made once, and a way to run the worker as a service would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE.parent
sys.path[:0] = [str(HERE), str(NOTEBOOKS)]

from bundles import order, write_bundle  # noqa: E402


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny models; REMEDIA_TINY_MODELS names one that is kept."""
    kept = os.environ.get("REMEDIA_TINY_MODELS")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("tiny")
    if not (folder / "model_sets.json").is_file():
        command = [sys.executable, str(NOTEBOOKS / "tiny_models.py"), str(folder)]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return folder


@dataclass
class Service:
    """A simulated service: an input root, an output folder and tiny models."""

    folder: Path
    models: Path

    @property
    def input(self) -> Path:
        return self.folder / "input"

    @property
    def output(self) -> Path:
        return self.folder / "output"

    def bundle(self, operations: dict[str, Any], where: str = "datasets/somebody/remedia-run", **changes: Any) -> Path:
        """Puts a bundle below the input root."""
        written = {key: changes.pop(key) for key in ("labels", "corrupt") if key in changes}
        return write_bundle(self.input / where, order(operations, **changes), **written)

    def environment(self, **changes: str) -> dict[str, str]:
        """The variables of a run."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("REMEDIA_", "COLAB_", "CUDA_"))}
        return {
            **kept,
            "REMEDIA_INPUT": str(self.input),
            "REMEDIA_OUTPUT": str(self.output),
            "REMEDIA_WORK": str(self.folder / "work"),
            "REMEDIA_MODELS": str(self.models),
            "REMEDIA_MODEL_SETS": str(self.models / "model_sets.json"),
            "REMEDIA_FIND_SECONDS": "0.2",
            "REMEDIA_ALLOW_CPU": "1",
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
            **changes,
        }

    def only(self, name: str) -> dict[str, str]:
        """The variable that leaves one model set to choose from."""
        document = json.loads((self.models / "model_sets.json").read_text())
        document["sets"] = [one for one in document["sets"] if one["name"] == name]
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "one-set.json"
        path.write_text(json.dumps(document))
        return {"REMEDIA_MODEL_SETS": str(path)}

    def start(self, run_id: str = "", again: bool = False, **changes: str) -> subprocess.Popen[str]:
        """Starts the worker of this checkout, in an output folder that is empty unless a run is begun `again`."""
        self.input.mkdir(parents=True, exist_ok=True)
        if not again:
            shutil.rmtree(self.output, ignore_errors=True)
        return subprocess.Popen(
            [sys.executable, "-m", "remedia_worker", run_id],
            env={**self.environment(**changes), "PYTHONPATH": str(NOTEBOOKS)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, run_id: str = "", code: int = 0, again: bool = False, **changes: str) -> list[dict[str, Any]]:
        """Runs the worker; gives its events."""
        process = self.start(run_id, again, **changes)
        out, err = process.communicate(timeout=120)
        assert process.returncode == code, out + err
        return events(out)

    def python(self, code: str) -> str:
        """What a piece of code prints that uses the package."""
        environment = {**self.environment(), "PYTHONPATH": str(NOTEBOOKS)}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    def results(self) -> dict[str, Any]:
        """`results.json` as it is."""
        document: dict[str, Any] = json.loads((self.output / "results.json").read_text())
        return document

    def attempts(self, photo_id: str, kind: str = "stage") -> list[dict[str, Any]]:
        """What was answered on one operation."""
        found: list[dict[str, Any]] = [
            attempt
            for photo in self.results()["photos"]
            if photo["photo_id"] == photo_id
            for operation in photo["operations"]
            if operation["kind"] == kind
            for attempt in operation["attempts"]
        ]
        return found


def events(text: str) -> list[dict[str, Any]]:
    """The events in what was printed."""
    lines = (line for line in text.splitlines() if line.startswith('{"remedia"'))
    return [json.loads(line)["remedia"] for line in lines]


@pytest.fixture
def service(tmp_path: Path, tiny: Path) -> Service:
    return Service(tmp_path, tiny)
