"""The notebook itself, executed as Kaggle and Colab do."""

from __future__ import annotations

import ast
import json
import os
import shutil
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
from bundles import NOTEBOOKS, PHOTOS, RUN_ID, operation
from conftest import Service, events

NOTEBOOK = NOTEBOOKS / "remedia_worker.ipynb"
FIRST, SECOND, _ = PHOTOS


def execute(
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    run_id: str = RUN_ID,
    fails: int = 0,
    **changes: str,
) -> list[dict[str, Any]]:
    """Executes the notebook's own cells with the run filled in, those after one that fails too where some are to fail;
    gives the events that it printed.
    """
    for key, value in service.environment(**changes).items():
        monkeypatch.setenv(key, value)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (parameters,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    parameters.source = parameters.source.replace('RUN_ID = ""', f'RUN_ID = "{run_id}"')
    work = service.folder / "notebook"
    work.mkdir()
    resources = {"metadata": {"path": str(work)}}
    nbclient.NotebookClient(notebook, timeout=180, allow_errors=fails > 0, resources=resources).execute()
    failures = [
        output.evalue
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "error"
    ]
    assert len(failures) == fails, failures
    printed = "".join(
        output.text
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stdout"
    )
    return events(printed)


@pytest.mark.parametrize("where", ["remedia-run", "datasets/somebody/remedia-run"])
def test_it_runs_on_kaggle(service: Service, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    service.bundle({FIRST: [operation()], SECOND: [operation()]}, where=where, labels=(FIRST,))
    said = execute(service, monkeypatch)
    assert said[-1]["event"] == "end"
    assert service.results()["complete"]
    assert all(service.attempts(photo)[0]["state"] == "produced" for photo in (FIRST, SECOND))


def colab(service: Service, upload: str) -> tuple[dict[str, str], Path]:
    """Colab's own module, with a person who uploads a file; gives the variables, and where it notes a download."""
    package = service.folder / "colab" / "google" / "colab"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    downloads = service.folder / "downloads.txt"
    (package / "files.py").write_text(
        "from pathlib import Path\n"
        f"def upload():\n    return {{'remedia-bundle.zip': Path({upload!r}).read_bytes()}}\n"
        f"def download(path):\n    Path({str(downloads)!r}).write_text(str(path))\n"
    )
    return {"COLAB_RELEASE_TAG": "release", "PYTHONPATH": str(service.folder / "colab")}, downloads


def upload(service: Service) -> str:
    """The archive of a bundle that is not in its place yet."""
    bundle = service.bundle({FIRST: [operation()]}, where="bundle")
    archive = shutil.make_archive(str(service.folder / "remedia-bundle"), "zip", bundle)
    shutil.rmtree(service.input)
    service.input.mkdir()
    return archive


def test_it_runs_on_colab_from_an_upload(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    variables, downloads = colab(service, upload(service))
    execute(service, monkeypatch, run_id="", **variables)
    assert service.results()["complete"]
    shutil.unpack_archive(downloads.read_text(), service.folder / "taken")
    assert json.loads((service.folder / "taken" / "results.json").read_text()) == service.results()


def test_the_reason_of_a_run_that_stopped_can_be_taken_home(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    variables, downloads = colab(service, upload(service))
    execute(service, monkeypatch, run_id="", fails=1, REMEDIA_ALLOW_CPU="0", **variables)
    shutil.unpack_archive(downloads.read_text(), service.folder / "taken")
    assert json.loads((service.folder / "taken" / "remedia-stop.json").read_text())["code"] == "no_gpu"


def test_nothing_is_taken_home_where_nothing_is(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = service.folder / "nothing.zip"
    service.input.mkdir(parents=True)
    nothing.write_bytes(b"no archive")
    variables, downloads = colab(service, str(nothing))
    # The cell that finds no worker and the one that would start it; the last one does not.
    execute(service, monkeypatch, run_id="", fails=2, **variables)
    assert not downloads.exists()


def test_it_stops_where_the_wrong_run_is_mounted(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.bundle({FIRST: [operation()]})
    with pytest.raises(nbclient.exceptions.CellExecutionError, match=r"remedia stops \(wrong_run\): run another-r1 is"):
        execute(service, monkeypatch, run_id="another-r1")


def test_it_stops_where_there_is_no_gpu(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.bundle({FIRST: [operation()]})
    with pytest.raises(nbclient.exceptions.CellExecutionError, match=r"remedia stops \(no_gpu\)"):
        execute(service, monkeypatch, REMEDIA_ALLOW_CPU="0")
    assert json.loads((service.output / "remedia-stop.json").read_text())["exit_code"] == 14


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
