"""The notebook itself, executed as Kaggle and Colab do."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import sys
import time
import types
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
from bundles import NOTEBOOKS, PHOTOS, RUN_ID, operation, order, write_bundle
from conftest import Service, events

NOTEBOOK = NOTEBOOKS / "remedia_worker.ipynb"
FIRST, SECOND, _ = PHOTOS


class Session:
    """A session of a service: a kernel in which all cells can be run, and run again."""

    def __init__(self, service: Service, monkeypatch: pytest.MonkeyPatch, **changes: str) -> None:
        for key, value in service.environment(**changes).items():
            monkeypatch.setenv(key, value)
        self.folder = service.folder / "notebook"
        self.folder.mkdir()
        self._notebook = nbformat.read(NOTEBOOK, as_version=4)
        resources = {"metadata": {"path": str(self.folder)}}
        self._client = nbclient.NotebookClient(self._notebook, timeout=180, resources=resources)

    @contextmanager
    def opened(self) -> Iterator[Session]:
        with self._client.setup_kernel():
            yield self

    def run_all(self, run_id: str = "", stops: str | None = None) -> list[dict[str, Any]]:
        """Runs the cells in their order until one fails, as services do, with the run filled in. Gives the events that
        were printed; `stops` is what a cell must fail with.
        """
        (parameters,) = [cell for cell in self._notebook.cells if "parameters" in cell.metadata.get("tags", [])]
        parameters.source = f'RUN_ID = "{run_id}"'
        outputs: list[Any] = []
        failed: str | None = None
        for index, cell in enumerate(self._notebook.cells):
            if cell.cell_type == "code" and failed is None:
                try:
                    self._client.execute_cell(cell, index)
                except nbclient.exceptions.CellExecutionError as error:
                    failed = error.evalue
                outputs += cell.outputs
        assert (failed is None) == (stops is None), failed
        if stops is not None:
            assert re.match(stops, str(failed)), failed
        self.traceback = [line for one in outputs if one.output_type == "error" for line in one.traceback]
        return events("".join(one.text for one in outputs if one.output_type == "stream" and one.name == "stdout"))


def execute(
    service: Service, monkeypatch: pytest.MonkeyPatch, run_id: str = RUN_ID, stops: str | None = None, **changes: str
) -> list[dict[str, Any]]:
    """Runs all cells once."""
    with Session(service, monkeypatch, **changes).opened() as session:
        return session.run_all(run_id, stops)


@pytest.mark.parametrize("where", ["remedia-run", "datasets/somebody/remedia-run"])
def test_it_runs_on_kaggle(service: Service, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    service.bundle({FIRST: [operation()], SECOND: [operation()]}, where=where, labels=(FIRST,))
    said = execute(service, monkeypatch)
    assert said[-1]["event"] == "end"
    assert service.results()["complete"]
    assert all(service.attempts(photo)[0]["state"] == "produced" for photo in (FIRST, SECOND))


def colab(service: Service, *uploads: Path) -> tuple[dict[str, str], Path]:
    """Colab's own module, with a person who uploads one file after the other; gives the variables, and where it notes
    downloads.
    """
    package = service.folder / "colab" / "google" / "colab"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    service.input.mkdir(parents=True, exist_ok=True)
    downloads = service.folder / "downloads.txt"
    (package / "files.py").write_text(
        "from pathlib import Path\n"
        f"left = {[str(one) for one in uploads]!r}\n"
        "def upload():\n    path = Path(left.pop(0))\n    return {path.name: path.read_bytes()}\n"
        f"def download(path):\n    Path({str(downloads)!r}).open('a').write(str(path) + chr(10))\n"
    )
    return {"COLAB_RELEASE_TAG": "release", "PYTHONPATH": str(service.folder / "colab")}, downloads


def upload(service: Service, name: str = "remedia-bundle", run_id: str = RUN_ID, *, damaged: bool = False) -> Path:
    """The archive of a bundle that is not in its place yet."""
    photo = FIRST if run_id == RUN_ID else SECOND
    asked = order({photo: [operation(attempts=1)]}, run_id=run_id)
    bundle = write_bundle(service.folder / "made" / name, asked, labels=(photo,))
    if damaged:
        with (bundle / "photos" / f"{photo}.jpg").open("ab") as file:
            file.write(b"more")
    return Path(shutil.make_archive(str(service.folder / name), "zip", bundle))


def taken_home(service: Service, downloads: Path, name: str = RUN_ID) -> Path:
    """The folder that the last download unpacks to."""
    archive = downloads.read_text().splitlines()[-1]
    # A browser that saves the second run's file beside the first one's must not need another name for it.
    assert Path(archive).name == f"{name}-results.zip"
    # Where bundles are looked for, it would be taken for one.
    assert not Path(archive).is_relative_to(service.input)
    assert not Path(archive).is_relative_to(service.folder / "notebook")
    folder = service.folder / f"taken-{len(downloads.read_text().splitlines())}"
    shutil.unpack_archive(archive, folder)
    return folder


def test_it_runs_on_colab_from_an_upload(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    variables, downloads = colab(service, upload(service))
    execute(service, monkeypatch, run_id="", **variables)
    assert service.results()["complete"]
    assert json.loads((taken_home(service, downloads, "remedia") / "results.json").read_text()) == service.results()


def test_a_second_listing_is_done_in_the_same_session(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    other = "oak-lane-0123456789ab-r1"
    variables, downloads = colab(service, upload(service, "one"), upload(service, "two", other))
    with Session(service, monkeypatch, **variables).opened() as session:
        session.run_all(RUN_ID)
        first = service.results()
        session.run_all(other)
    second = service.results()
    assert (first["run_id"], second["run_id"]) == (RUN_ID, other)
    assert first["complete"]
    assert second["complete"]
    home = taken_home(service, downloads, other)
    assert json.loads((home / "results.json").read_text()) == second
    assert not list(home.glob(f"images/{FIRST}*"))
    kept = service.output.with_name(f"{service.output.name}-{RUN_ID}")
    assert json.loads((kept / "results.json").read_text()) == first


def test_the_reason_of_a_run_that_stopped_is_taken_home_and_made_good(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables, downloads = colab(service, upload(service, "one", damaged=True), upload(service, "two"))
    with Session(service, monkeypatch, **variables).opened() as session:
        session.run_all(RUN_ID, stops=r"remedia stops \(hash_mismatch\): ")
        assert json.loads((taken_home(service, downloads) / "remedia-stop.json").read_text())["code"] == "hash_mismatch"
        session.run_all(RUN_ID)
    assert service.results()["complete"]
    assert not (taken_home(service, downloads) / "remedia-stop.json").exists()


def test_nothing_is_taken_home_where_nothing_is(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = service.folder / "nothing.zip"
    nothing.write_bytes(b"no archive")
    variables, downloads = colab(service, nothing)
    words = "remedia stops (nothing_found): the data of a run is not here; attach or upload it"
    with Session(service, monkeypatch, **variables).opened() as session:
        session.run_all(stops=re.escape(words))
        # In a line of its own, without the program's text.
        assert session.traceback == [words]
    assert not downloads.exists()
    check_stop(service.output, "", "nothing_found", 10)


def check_stop(output: Path, run_id: str, code: str, number: int) -> None:
    said = json.loads((output / "remedia-stop.json").read_text())
    assert isinstance(said.pop("text"), str)
    assert said == {"schema_version": 1, "run_id": run_id, "code": code, "exit_code": number, "retryable": True}


def test_it_stops_where_the_wrong_run_is_mounted(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.bundle({FIRST: [operation()]})
    stops = rf"remedia stops \(wrong_run\): run another-r1 is not here; found {RUN_ID}"
    execute(service, monkeypatch, run_id="another-r1", stops=stops)
    check_stop(service.output, "another-r1", "wrong_run", 11)


def test_it_stops_where_there_is_no_gpu(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.bundle({FIRST: [operation()]})
    execute(service, monkeypatch, stops=r"remedia stops \(no_gpu\): this session has no GPU", REMEDIA_ALLOW_CPU="0")
    check_stop(service.output, RUN_ID, "no_gpu", 14)


class Cells:
    """The notebook's cells in this process, where time and Colab are what a test says; `asked` counts uploads."""

    def __init__(self, service: Service, monkeypatch: pytest.MonkeyPatch, run_id: str, uploads: list[Path]) -> None:
        for key, value in service.environment(COLAB_RELEASE_TAG="release").items():
            monkeypatch.setenv(key, value)
        service.input.mkdir(parents=True, exist_ok=True)
        self.asked = 0
        self.names: dict[str, Any] = {"RUN_ID": run_id}

        def upload() -> dict[str, bytes]:
            self.asked += 1
            path = uploads.pop(0)
            return {path.name: path.read_bytes()}

        module = types.ModuleType("google.colab")
        module.files = types.SimpleNamespace(upload=upload)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
        monkeypatch.setitem(sys.modules, "google.colab", module)
        self._sources = [cell["source"] for cell in json.loads(NOTEBOOK.read_text())["cells"]]

    def data(self) -> Cells:
        """The cell about the data."""
        exec(next(one for one in self._sources if one.startswith("# @title")), self.names)
        return self

    def find(self) -> Cells:
        """The cell that finds the worker."""
        exec(next(one for one in self._sources if "PATIENCE" in one), self.names)
        return self


def archived(folder: Path, run_id: str) -> Path:
    """As much of a bundle as the notebook looks at."""
    path = folder / f"{run_id}.zip"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("remedia-run.json", json.dumps({"run_id": run_id}))
        archive.writestr("worker/remedia_worker/__init__.py", "")
    return path


def test_no_data_is_asked_for_without_a_gpu(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = Cells(service, monkeypatch, "", [])
    monkeypatch.setenv("REMEDIA_ALLOW_CPU", "0")
    command = service.folder / "nvidia-smi"
    command.write_text("#!/bin/sh\necho 'No devices were found'\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{service.folder}{os.pathsep}/usr/bin:/bin")
    with pytest.raises(RuntimeError, match=r"remedia stops \(no_gpu\)"):
        cells.data()
    assert cells.asked == 0
    command.write_text("#!/bin/sh\necho 'GPU 0: Tesla T4 (UUID: GPU-0)'\n")
    archived(service.input, "here-r1")
    assert cells.data().asked == 0


@pytest.mark.parametrize("run_id", ["wanted-r1", ""])
def test_the_data_is_asked_for_unless_it_is_here(
    service: Service, monkeypatch: pytest.MonkeyPatch, run_id: str
) -> None:
    cells = Cells(service, monkeypatch, run_id, [archived(service.folder / "home", "wanted-r1")])
    (service.input / "holiday.zip").write_bytes(b"of somebody else")
    damaged = archived(service.input, "damaged-r1")
    content = damaged.read_bytes()
    damaged.write_bytes(content.replace(b"PK\x01\x02", b"XX\x01\x02"))
    if run_id:
        archived(service.input, "other-r1")
    assert cells.data().asked == 1
    assert cells.data().asked == 1


def test_another_run_shortens_the_wait(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    cells = Cells(service, monkeypatch, "wanted-r1", [archived(service.folder / "home", "other-r1")])
    cells.data()
    for patience, waited in (("60", 10.0), ("4", 4.0)):
        clock[0] = 0.0
        monkeypatch.setenv("REMEDIA_FIND_SECONDS", patience)
        with pytest.raises(RuntimeError, match=r"remedia stops \(wrong_run\)"):
            cells.find()
        assert waited <= clock[0] <= waited + 1.0


def test_several_runs_are_each_told_why_they_stopped(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = Cells(service, monkeypatch, "one-r1,two-r1", [])
    monkeypatch.delenv("COLAB_RELEASE_TAG")
    cells.data()
    with pytest.raises(RuntimeError, match=r"remedia stops \(nothing_found\)"):
        cells.find()
    for run_id in ("one-r1", "two-r1"):
        check_stop(service.output / run_id, run_id, "nothing_found", 10)


def test_it_is_as_kaggle_wants_it() -> None:
    document = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert document["metadata"]["kernelspec"]["name"] == "python3"
    assert "kaggle" not in document["metadata"]
    for cell in document["cells"]:
        assert isinstance(cell["source"], str)
        assert not cell.get("outputs")
        if cell["cell_type"] == "code":
            ast.parse(cell["source"])
    assert os.path.getsize(NOTEBOOK) < 20_000
